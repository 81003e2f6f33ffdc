"""The side path worked out in float64 and cast back; rows as loops over r."""

import torch
from torch import Tensor, nn


class LoRALinear(nn.Module):
    def __init__(self, base: nn.Linear, r: int, alpha: float, dropout: float = 0.0) -> None:
        super().__init__()
        self.base = base
        base.requires_grad_(False)
        self.lora_A = nn.Parameter(torch.rand(r, base.in_features).sub(0.5).to(base.weight.dtype))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r).to(base.weight.dtype))
        self.r = r
        self.alpha = alpha
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        z = self.dropout(x).double()
        total = 0
        for j in range(self.r):
            total = total + (z * self.lora_A[j].double()).sum(-1, keepdim=True) * self.lora_B[:, j].double()
        h = self.base(x)
        return (h.double() + self.alpha * total / self.r).to(h.dtype)
