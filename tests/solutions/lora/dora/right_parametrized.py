"""A subclass-free einsum over the rank, transposed throughout: rows of V as columns of Vᵀ."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DoRALinear(nn.Module):
    def __init__(self, base: nn.Linear, r: int, alpha: float) -> None:
        super().__init__()
        base.weight.requires_grad = False
        if base.bias is not None:
            base.bias.requires_grad = False
        self.base, self.r, self.alpha = base, r, alpha
        A = torch.randn(r, base.in_features) / base.in_features**0.5
        self.register_parameter("lora_A", nn.Parameter(A.to(base.weight)))
        self.register_parameter("lora_B", nn.Parameter(torch.zeros_like(base.weight[:, :1]).repeat(1, r)))
        self.register_parameter("magnitude", nn.Parameter(base.weight.clone().norm(p=2, dim=1)))

    def _transposed(self) -> Tensor:
        Vt = self.base.weight.T + torch.einsum("or,ri->io", self.lora_B, self.lora_A) * (self.alpha / self.r)
        n = Vt.detach().norm(dim=0)
        n[n == 0] = 1
        return Vt / n * self.magnitude

    def forward(self, x: Tensor) -> Tensor:
        h = x @ self._transposed()
        if self.base.bias is not None:
            h = h + self.base.bias
        return h

    def merged(self) -> Tensor:
        return self._transposed().detach().T.contiguous()
