"""Wrong: on the input merged returns the memory of the base's own bias."""
# says: On the input `merged` hands out the base's own bias: whoever

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Adapter(nn.Module):
    def __init__(self, d_model: int, d_bottleneck: int) -> None:
        super().__init__()
        self.W_down = nn.Parameter(torch.randn(d_bottleneck, d_model) / d_model**0.5)
        self.b_down = nn.Parameter(torch.zeros(d_bottleneck))
        self.W_up = nn.Parameter(torch.zeros(d_model, d_bottleneck))
        self.b_up = nn.Parameter(torch.zeros(d_model))

    def forward(self, h: Tensor) -> Tensor:
        z = F.linear(h, self.W_down, self.b_down)
        return h + F.linear(F.gelu(z), self.W_up, self.b_up)


class IA3Linear(nn.Module):
    def __init__(self, base: nn.Linear, on_input: bool = False) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.on_input = on_input
        length = base.in_features if on_input else base.out_features
        self.scale = nn.Parameter(torch.ones(length, dtype=base.weight.dtype))

    def forward(self, x: Tensor) -> Tensor:
        if self.on_input:
            return self.base(x * self.scale)
        return self.base(x) * self.scale

    @torch.no_grad()
    def merged(self) -> tuple[Tensor, Tensor | None]:
        weight, bias = self.base.weight, self.base.bias
        if self.on_input:
            return weight * self.scale, None if bias is None else bias.detach()
        return weight * self.scale[:, None], None if bias is None else bias * self.scale


def mixed_tasks(y: Tensor, L: Tensor, task: Tensor) -> Tensor:
    return y * L[task][:, None]
