import torch.autograd


def linear(x):
    return torch.autograd.grad(x)  #: calls py:torch.autograd.grad exact
