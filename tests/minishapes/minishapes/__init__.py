from .ops import Painter, paint  #: imports py:minishapes.ops.paint exact
