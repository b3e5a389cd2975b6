import torch.nn.functional as F  #: imports py:torch.nn exact
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.nn.module import Module  # never runs
from .nn import Linear as Layer  #: imports py:torch.nn.linear.Linear exact


def einsum(equation):
    """A function that a star import brings to `torch`."""

    def inner():
        return F.linear(equation)  #: calls py:torch.nn.functional.linear exact

    Module()  #: calls py:torch.nn.module.Module exact
    Layer(1)  #: calls py:torch.nn.linear.Linear exact
    return inner()  #: calls py:torch.functional.einsum.inner exact
