"""Wrong: gives head i the columns i, i + n_heads, ... instead of a block of neighbouring columns."""
# says: The columns are dealt out to the heads like cards: head i

import math

import torch
from torch import Tensor, nn


def _attend(Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None) -> Tensor:
    S = Q @ K.mT / math.sqrt(Q.shape[-1])
    if mask is not None:
        S = S.masked_fill(~mask, -math.inf).masked_fill(~mask.any(-1, keepdim=True), 0.0)
    A = torch.softmax(S, dim=-1)
    if mask is not None:
        A = A.masked_fill(~mask, 0.0)
    return A @ V


class MHA(nn.Module):
    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        if d_model % n_heads != 0:
            raise ValueError(f"{n_heads} heads do not divide the width {d_model}")
        self.n_heads = n_heads
        self.d_head = d_model // n_heads
        for name in ("W_q", "W_k", "W_v", "W_o"):
            setattr(self, name, nn.Parameter(torch.randn(d_model, d_model) / math.sqrt(d_model)))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.d_head, self.n_heads)).permute(0, 3, 1, 2)

    def forward(self, x_q: Tensor, x_kv: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        if x_kv is None:
            x_kv = x_q
        Q = self._split(x_q @ self.W_q)
        K = self._split(x_kv @ self.W_k)
        V = self._split(x_kv @ self.W_v)
        heads = _attend(Q, K, V, mask)
        return heads.permute(0, 2, 3, 1).flatten(-2) @ self.W_o
