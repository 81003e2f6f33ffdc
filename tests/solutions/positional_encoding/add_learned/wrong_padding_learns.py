"""Wrong: the padding row is zeros at the start only; gradients reach it like any other row."""
# says: The padding row gets a gradient, so it does not stay zeros

import math

import torch
import torch.nn.functional as F
from torch import Tensor


class Embed(torch.nn.Module):
    def __init__(self, vocab: int, max_len: int, d: int, pad_id: int, p_drop: float = 0.1) -> None:
        super().__init__()
        tokens = torch.randn(vocab, d) / math.sqrt(d)
        tokens[pad_id] = 0
        self.tokens = torch.nn.Parameter(tokens)
        self.positions = torch.nn.Parameter(0.02 * torch.randn(max_len, d))
        self.pad_id = pad_id
        self.p_drop = p_drop

    def forward(self, ids: Tensor, pos: Tensor | None = None) -> Tensor:
        max_len, d = self.positions.shape
        if pos is None:
            pos = torch.arange(ids.shape[1], device=ids.device)
        if ((pos < 0) | (pos >= max_len)).any():
            raise ValueError(f"positions must be from 0 to {max_len - 1}")
        what = self.tokens[ids]
        where = self.positions[pos]
        return F.dropout(math.sqrt(d) * what + where, self.p_drop, self.training)


def real_positions(ids: Tensor, pad_id: int) -> Tensor:
    real = ids != pad_id
    return (real.cumsum(1) - 1) * real
