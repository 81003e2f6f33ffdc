"""As libraries do it: the base's own output, plus (m / n - 1) times W₀ x, plus (m / n) times the LoRA path."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DoRALinear(nn.Module):
    def __init__(self, base: nn.Linear, r: int, alpha: float) -> None:
        super().__init__()
        self.base, self.scaling = base.requires_grad_(False), alpha / r
        W = base.weight
        self.lora_A = nn.Parameter(nn.init.kaiming_uniform_(W.new_empty(r, W.size(1)), a=5**0.5))
        self.lora_B = nn.Parameter(W.new_zeros(W.size(0), r))
        self.magnitude = nn.Parameter(W.pow(2).sum(dim=1).sqrt())

    def ratio(self) -> Tensor:
        V = (self.base.weight + self.scaling * (self.lora_B @ self.lora_A)).detach()
        n = V.pow(2).sum(dim=1).sqrt()
        return torch.where(n > 0, self.magnitude / torch.where(n > 0, n, torch.ones_like(n)), torch.zeros_like(n))

    def forward(self, x: Tensor) -> Tensor:
        ratio = self.ratio()
        path = F.linear(F.linear(x, self.lora_A), self.lora_B) * self.scaling
        return self.base(x) + (ratio - 1) * F.linear(x, self.base.weight) + ratio * path

    def merged(self) -> Tensor:
        with torch.no_grad():
            return torch.einsum("o,oi->oi", self.ratio(), self.base.weight + self.scaling * self.lora_B @ self.lora_A)
