import torch


def grad(x):
    return x


if not torch._C._autograd_init():  #: calls py:torch._C._autograd_init exact
    raise RuntimeError("autograd initialization failed")
