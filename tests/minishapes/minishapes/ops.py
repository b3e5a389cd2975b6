import torch
import torch.functional as F
from torch.autograd.function import Function
from torch.nn.module import Module

from minishapes import _C  #: imports py:minishapes._C exact


class _Paint(Function):  #: inherits py:torch.autograd.function.Function exact
    @staticmethod
    def forward(ctx, x):
        return _C.paint(x)  #: calls py:minishapes._C.paint exact

    @staticmethod
    def backward(ctx, g):  #: differentiates py:minishapes.ops._Paint.forward -> py:minishapes.ops._Paint.backward exact
        return _C.paint_backward(g)  #: calls py:minishapes._C.paint_backward exact


def paint(x):
    return _Paint.apply(x)  #: calls py:minishapes.ops._Paint.forward exact


class Painter(Module):  #: inherits py:torch.nn.module.Module exact
    def forward(self, x):
        self.to("cuda")  #: calls py:torch.nn.module.Module.to exact
        return paint(x)  #: calls py:minishapes.ops.paint exact


def stroke(x):
    return torch.ops.minishapes.stroke(x)  #: calls op:minishapes::stroke exact


def plain(x):
    return F.einsum(x)  #: calls py:torch.functional.einsum exact
