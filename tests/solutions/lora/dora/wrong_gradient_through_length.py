"""Wrong: the length of a row is not detached, so that gradients flow through it."""
# says: A gradient flows through your norm. In DoRA the length ‖V‖

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
        n = torch.linalg.vector_norm(V, dim=1)
        n = torch.where(n == 0, torch.ones_like(n), n)
        return (self.magnitude / n)[:, None] * V

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight(), self.base.bias)

    @torch.no_grad()
    def merged(self) -> Tensor:
        return self.weight()
