from typing import overload


class Module:  #: defines py:torch.nn.module.Module
    @overload
    def to(self, device): ...

    @overload
    def to(self, dtype): ...

    def to(self, *args):  #: defines py:torch.nn.module.Module.to
        return self._apply(args)  #: calls py:torch.nn.module.Module._apply exact

    def _apply(self, fn):
        return fn(self)

    def extra(self):
        return ""
