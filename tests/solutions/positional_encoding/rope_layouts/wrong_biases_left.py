"""Wrong: convert moves the rows of wq and wk and leaves their biases as they are."""
# says: `convert` leaves the biases bq and bk as they were. They are

import torch
from torch import Tensor


def rope_half(x: Tensor, pos: Tensor, theta: float = 10000.0) -> Tensor:
    d = x.shape[-1]
    rate = float(theta) ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
    phi = pos.double()[..., None] * rate
    c, s = phi.cos().to(x.dtype), phi.sin().to(x.dtype)
    a, b = x[..., : d // 2], x[..., d // 2 :]
    return torch.cat((a * c - b * s, a * s + b * c), dim=-1)


def pairs_in_head(W: Tensor, n_heads: int) -> int:
    if W.shape[0] % (2 * n_heads) != 0:
        raise ValueError(f"{W.shape[0]} rows are not {n_heads} times an even number")
    return W.shape[0] // (2 * n_heads)


def to_half(W: Tensor, n_heads: int) -> Tensor:
    pairs = pairs_in_head(W, n_heads)
    order = torch.arange(W.shape[0]).reshape(n_heads, pairs, 2).transpose(1, 2).flatten()
    return W[order]


def to_interleaved(W: Tensor, n_heads: int) -> Tensor:
    pairs = pairs_in_head(W, n_heads)
    order = torch.arange(W.shape[0]).reshape(n_heads, 2, pairs).transpose(1, 2).flatten()
    return W[order]


def convert(weights: dict[str, Tensor], n_heads: int, n_kv_heads: int) -> dict[str, Tensor]:
    moved = dict(weights)
    for name, heads in (("wq", n_heads), ("wk", n_kv_heads)):
        if name in weights:
            moved[name] = to_half(weights[name], heads)
    return moved
