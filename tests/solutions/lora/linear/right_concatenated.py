"""Base and A as one matrix where nothing is dropped, B applied to the last r outputs; the base's own numbers by F.linear."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LoRALinear(nn.Module):
    def __init__(self, base: nn.Linear, r: int, alpha: float, dropout: float = 0.0) -> None:
        super().__init__()
        self.base = base
        for p in base.parameters():
            p.requires_grad_(False)
        std = base.in_features**-0.5
        self.lora_A = nn.Parameter(torch.empty_like(base.weight[:1].expand(r, -1).clone()).normal_(std=std))
        self.lora_B = nn.Parameter(torch.zeros_like(base.weight[:, :1]).repeat(1, r))
        self.r, self.scaling, self.p = r, alpha / r, dropout

    def forward(self, x: Tensor) -> Tensor:
        if self.training and self.p > 0:
            h, low = F.linear(x, self.base.weight), F.linear(F.dropout(x, self.p), self.lora_A)
        else:
            both = F.linear(x, torch.cat((self.base.weight, self.lora_A)))
            h, low = both[..., : -self.r], both[..., -self.r :]
        if self.base.bias is not None:
            h = h + self.base.bias
        return h + F.linear(low, self.scaling * self.lora_B)
