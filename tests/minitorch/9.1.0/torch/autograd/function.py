import torch


class Function(with_metaclass(Meta, torch._C._FunctionBase, Context)):
    @staticmethod
    def forward(ctx, x):
        raise NotImplementedError

    @staticmethod
    def backward(ctx, g):
        raise NotImplementedError


class Cube(Function):  #: inherits py:torch.autograd.function.Function exact
    @staticmethod
    def forward(ctx, x):
        return x**3

    @staticmethod
    def backward(ctx, g):  #: differentiates py:torch.autograd.function.Cube.forward -> py:torch.autograd.function.Cube.backward exact
        return Cube.apply(g)  #: calls py:torch.autograd.function.Cube.forward exact


class NoFunction:
    def forward(self, x):
        return x

    def apply(self, x):
        return x


def cube(x):
    apply = Cube.apply
    NoFunction().apply(x)  #: calls py:torch.autograd.function.NoFunction.apply exact
    NoFunction().apply(x)  #: not calls py:torch.autograd.function.NoFunction.forward
    Cube.apply(x)  #: calls py:torch._C._FunctionBase.apply exact
    return apply(x)  #: calls py:torch.autograd.function.Cube.forward exact
