"""The base is copied, so that the layer that was given is another one."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Adapter(nn.Module):
    def __init__(self, d_model: int, d_bottleneck: int) -> None:
        super().__init__()
        bound = d_model**-0.5
        self.W_down = nn.Parameter(torch.empty(d_bottleneck, d_model).uniform_(-bound, bound))
        self.b_down = nn.Parameter(torch.empty(d_bottleneck).uniform_(-bound, bound))
        self.W_up = nn.Parameter(torch.zeros(d_model, d_bottleneck))
        self.b_up = nn.Parameter(torch.zeros(d_model))
        self.act = nn.GELU()

    def forward(self, h: Tensor) -> Tensor:
        z = h @ self.W_down.t() + self.b_down
        return self.act(z) @ self.W_up.t() + self.b_up + h


class IA3Linear(nn.Module):
    def __init__(self, base: nn.Linear, on_input: bool = False) -> None:
        super().__init__()
        import copy

        self.base = copy.deepcopy(base)
        for p in self.base.parameters():
            p.requires_grad_(False)
        self.on_input = on_input
        n = base.weight.size(1 if on_input else 0)
        self.scale = nn.Parameter(torch.ones(n, dtype=base.weight.dtype))

    def forward(self, x: Tensor) -> Tensor:
        before = self.scale if self.on_input else 1
        after = 1 if self.on_input else self.scale
        return F.linear(x * before, self.base.weight, self.base.bias) * after

    @torch.no_grad()
    def merged(self) -> tuple[Tensor, Tensor | None]:
        weight, bias = self.base.weight.clone(), None
        if self.base.bias is not None:
            bias = self.base.bias.clone()
        if self.on_input:
            weight = weight * self.scale.unsqueeze(0)
        else:
            weight = weight * self.scale.unsqueeze(1)
            if bias is not None:
                bias = bias * self.scale
        return weight.detach(), bias


def mixed_tasks(y: Tensor, L: Tensor, task: Tensor) -> Tensor:
    return torch.stack([rows * L[t] for rows, t in zip(y, task, strict=True)])
