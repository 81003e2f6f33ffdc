"""What is kept by dropout is not divided by 1 - p."""
# says: Your dropout leaves the kept entries as they are

import torch
from torch import Tensor, nn


class LoRALinear(nn.Module):
    def __init__(self, base: nn.Linear, r: int, alpha: float, dropout: float = 0.0) -> None:
        super().__init__()
        self.base = base
        self.base.weight.requires_grad_(False)
        if self.base.bias is not None:
            self.base.bias.requires_grad_(False)
        out_features, in_features = base.weight.shape
        self.lora_A = nn.Parameter(torch.randn(r, in_features, dtype=base.weight.dtype) * 0.02)
        self.lora_B = nn.Parameter(torch.zeros(out_features, r, dtype=base.weight.dtype))
        self.scale = alpha / r
        self.keep = 1.0 - dropout

    def forward(self, x: Tensor) -> Tensor:
        z = x
        if self.training and self.keep < 1.0:
            mask = torch.bernoulli(torch.full(x.shape, self.keep, dtype=x.dtype, device=x.device))
            z = x * mask
        correction = torch.einsum("or,ri,...i->...o", self.lora_B, self.lora_A, z)
        return self.base(x) + self.scale * correction
