"""RMS norm: each row divided by the root of its mean square, times a weight."""

import torch
from torch import nn

from rmsnorm import _C  # noqa: F401 - loading it registers the operator


def rms_norm(input: torch.Tensor, weight: torch.Tensor, eps: float = 1e-6) -> torch.Tensor:
    """Normalise the last dimension of ``input``; float32, on the CPU or on a GPU."""
    return torch.ops.rmsnorm.rms_norm(input, weight, eps)


class RMSNorm(nn.Module):
    """The same with a weight that is learned."""

    def __init__(self, size: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return rms_norm(input, self.weight, self.eps)
