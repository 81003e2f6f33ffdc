"""Wrong: zero rows are guarded against by an epsilon that is added to every length."""
# says: You add a small number to every length, against division by

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DoRALinear(nn.Module):
    def __init__(self, base: nn.Linear, r: int, alpha: float) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.s = alpha / r
        W = base.weight
        self.lora_A = nn.Parameter(torch.randn(r, W.shape[1], dtype=W.dtype) / W.shape[1] ** 0.5)
        self.lora_B = nn.Parameter(torch.zeros(W.shape[0], r, dtype=W.dtype))
        self.magnitude = nn.Parameter(W.detach().norm(dim=1))

    def weight(self) -> Tensor:
        V = self.base.weight + self.s * (self.lora_B @ self.lora_A)
        n = V.detach().norm(dim=1)
        n = n + 1e-6
        return (self.magnitude / n)[:, None] * V

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight(), self.base.bias)

    @torch.no_grad()
    def merged(self) -> Tensor:
        return self.weight()
