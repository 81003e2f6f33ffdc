"""Wrong: forward multiplies the outputs by m / n after the bias has been added, so that the bias is stretched too."""
# says: The bias gets the factor m / ‖V‖ too. Only W x is given its

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

    def direction(self) -> tuple[Tensor, Tensor]:
        V = self.base.weight + self.s * (self.lora_B @ self.lora_A)
        n = V.detach().norm(dim=1)
        n = torch.where(n == 0, torch.ones_like(n), n)
        return V, self.magnitude / n

    def forward(self, x: Tensor) -> Tensor:
        V, stretch = self.direction()
        return F.linear(x, V, self.base.bias) * stretch

    @torch.no_grad()
    def merged(self) -> Tensor:
        V, stretch = self.direction()
        return stretch[:, None] * V
