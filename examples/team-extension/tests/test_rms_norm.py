import pytest
import torch
from rmsnorm import RMSNorm, rms_norm
from torch import nn

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("shape", [(3, 8), (2, 5, 33), (0, 8)])
def test_it_is_pytorchs_own(device: str, shape: tuple[int, ...]) -> None:
    x, weight = torch.randn(shape, device=device), torch.rand(shape[-1], device=device)
    torch.testing.assert_close(rms_norm(x, weight), nn.functional.rms_norm(x, weight.shape, weight, 1e-6))


def test_the_module_has_a_weight() -> None:
    assert list(RMSNorm(4).state_dict()) == ["weight"]


@pytest.mark.parametrize("x", [torch.ones(2, 8, dtype=torch.float64), torch.ones(2, 7)])
def test_what_does_not_fit_is_refused(x: torch.Tensor) -> None:
    with pytest.raises(RuntimeError, match="rms_norm"):
        rms_norm(x, torch.ones(8))
