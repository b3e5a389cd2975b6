from . import module
from .module import Module


class Linear(Module):
    def __init__(self, size):
        super().__init__()
        self.to(size)  #: calls py:torch.nn.module.Module.to exact
        self.extra()  #: calls py:torch.nn.linear.Linear.extra exact
        super().extra_repr()  #: calls py:torch.nn.module.Module.extra_repr exact
        size.unknown()

    def extra(self):
        return module.Module.extra_repr(self)  #: calls py:torch.nn.module.Module.extra_repr exact
