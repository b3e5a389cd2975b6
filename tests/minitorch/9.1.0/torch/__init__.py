import os
from . import _early  #: imports py:torch._early exact


def _load_deps():  #: defines py:torch._load_deps
    return os.environ


if os.environ.get("HARD"):
    from torch._C import *  # the hard way

else:
    _load_deps()  #: calls py:torch._load_deps exact
    from torch._C import *  #: imports py:torch._C exact

from torch import _C as _C  #: imports py:torch._C exact


def _manager():
    return b""


_C._initExtension(_manager())  #: calls py:torch._C._initExtension exact

for __name in dir(_C._VariableFunctions):
    globals()[__name] = getattr(_C._VariableFunctions, __name)

from torch import functional as functional  #: imports py:torch.functional exact
from torch.functional import *  #: imports py:torch.functional exact

einsum("a")  #: calls py:torch.functional.einsum exact
