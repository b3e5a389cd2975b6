"""Batch norm whose statistics stay as they were trained, for fine-tuning on small batches."""

from torch import Tensor, nn
from torch.nn import functional as F


class FrozenNorm(nn.BatchNorm2d):
    """Batch norm that always uses its running statistics, in training, too; its weight and bias still learn."""

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        return F.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
        )


def freeze(module: nn.Module) -> nn.Module:
    """Put a ``FrozenNorm`` in the place of every ``BatchNorm2d`` below ``module``, with what that has learnt."""
    for name, child in module.named_children():
        if type(child) is nn.BatchNorm2d:
            frozen = FrozenNorm(child.num_features, eps=child.eps)
            frozen.load_state_dict(child.state_dict())
            setattr(module, name, frozen)
        else:
            freeze(child)
    return module
