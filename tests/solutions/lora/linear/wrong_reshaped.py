"""x A is written with a reshape where a transpose is meant."""
# says: The output is W₀ x + b + (α / r) · B A x

import torch
from torch import Tensor, nn


class LoRALinear(nn.Module):
    def __init__(self, base: nn.Linear, r: int, alpha: float, dropout: float = 0.0) -> None:
        super().__init__()
        self.base = base
        for parameter in self.base.parameters():
            parameter.requires_grad = False
        weight = base.weight
        self.lora_A = nn.Parameter(torch.randn(r, base.in_features).to(weight) / r)
        self.lora_B = nn.Parameter(weight.new_zeros(base.out_features, r))
        self.dropout = nn.Dropout(dropout)
        self.alpha, self.r = alpha, r

    def forward(self, x: Tensor) -> Tensor:
        low = self.dropout(x) @ self.lora_A.reshape(-1, self.r)
        return self.base(x) + (low @ self.lora_B.T) * (self.alpha / self.r)
