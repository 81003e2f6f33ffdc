"""Dropout works in place: the base has had its x by then, but the caller's x is changed."""
# says: In training mode, dropout does not touch the base's output

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

    def forward(self, x: Tensor) -> Tensor:
        h = self.base(x)
        dropped = F.dropout(x, self.p, self.training, inplace=True)
        return h + self.scaling * F.linear(F.linear(dropped, self.lora_A), self.lora_B)
