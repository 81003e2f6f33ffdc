"""eval() adds the correction to the base's weight, train() subtracts it again."""
# says: In evaluation mode gradients are right too, the base stays

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LoRALinear(nn.Module):
    def __init__(self, base: nn.Linear, r: int, alpha: float, dropout: float = 0.0) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.lora_A = nn.Parameter(torch.empty(r, base.in_features, dtype=base.weight.dtype))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r, dtype=base.weight.dtype))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))
        self.scaling = alpha / r
        self.p = dropout

    def train(self, mode: bool = True) -> nn.Module:
        if mode != self.training:
            with torch.no_grad():
                self.base.weight += (-1 if mode else 1) * self.scaling * (self.lora_B @ self.lora_A)
        return super().train(mode)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return self.base(x)
        dropped = F.dropout(x, self.p, self.training)
        return self.base(x) + self.scaling * F.linear(F.linear(dropped, self.lora_A), self.lora_B)
