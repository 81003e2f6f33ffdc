"""A is one random row, repeated."""
# says: lora_A does not start random: two of its rows are the same

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LoRALinear(nn.Module):
    def __init__(self, base: nn.Linear, r: int, alpha: float, dropout: float = 0.0) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.lora_A = nn.Parameter(torch.empty(r, base.in_features, dtype=base.weight.dtype))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r, dtype=base.weight.dtype))
        with torch.no_grad():
            self.lora_A.copy_(torch.randn(base.in_features).expand(r, -1))
        self.scaling = alpha / r
        self.p = dropout

    def forward(self, x: Tensor) -> Tensor:
        dropped = F.dropout(x, self.p, self.training)
        return self.base(x) + self.scaling * F.linear(F.linear(dropped, self.lora_A), self.lora_B)
