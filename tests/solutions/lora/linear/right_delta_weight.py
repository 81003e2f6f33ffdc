"""The correction as a full matrix: scale B A is formed, and applied to the dropped x."""

import torch
from torch import Tensor, nn


class LoRALinear(nn.Module):
    def __init__(self, base: nn.Linear, r: int, alpha: float, dropout: float = 0.0) -> None:
        super().__init__()
        base.requires_grad_(False)
        self.base = base
        like = {"dtype": base.weight.dtype, "device": base.weight.device}
        self.lora_A = nn.Parameter(torch.nn.init.normal_(torch.empty((r, base.in_features), **like), std=1 / r))
        self.lora_B = nn.Parameter(torch.zeros((base.out_features, r), **like))
        self.scaling = alpha / r
        self.lora_dropout = nn.Dropout(p=dropout) if dropout > 0 else nn.Identity()

    def delta(self) -> Tensor:
        return self.scaling * (self.lora_B @ self.lora_A)

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + nn.functional.linear(self.lora_dropout(x), self.delta())
