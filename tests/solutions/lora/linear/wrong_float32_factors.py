"""The factors are float32 whatever the base is; x is cast for them, and the result cast back."""
# says: Your factors are float32 whatever the base is

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LoRALinear(nn.Module):
    def __init__(self, base: nn.Linear, r: int, alpha: float, dropout: float = 0.0) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.lora_A = nn.Parameter(torch.empty(r, base.in_features, dtype=torch.float32))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r, dtype=torch.float32))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))
        self.scaling = alpha / r
        self.p = dropout

    def forward(self, x: Tensor) -> Tensor:
        dropped = F.dropout(x, self.p, self.training)
        return self.base(x) + self.scaling * F.linear(F.linear(dropped.float(), self.lora_A), self.lora_B).to(x.dtype)
