"""Wrong: the causal mask is made from the place within the call, as if nothing had come before."""
# says: The mask is aligned top left: new token i sees the keys 0

import torch
from attention.masking import attend
from positional_encoding.rope import rope
from torch import Tensor

Cache = tuple[Tensor, Tensor]


def decode(
    x: Tensor,
    cache: Cache | None,
    W_q: Tensor,
    W_k: Tensor,
    W_v: Tensor,
    W_o: Tensor,
    n_heads: int,
    pad: Tensor | None = None,
) -> tuple[Tensor, Cache]:
    batch, n, d_model = x.shape
    n_past = 0 if cache is None else cache[0].shape[2]
    d_head = d_model // n_heads

    def heads(rows: Tensor) -> Tensor:
        return rows.reshape(batch, n, n_heads, d_head).transpose(1, 2)

    here = torch.arange(n_past, n_past + n, device=x.device)
    q = rope(heads(x @ W_q), here)
    k = rope(heads(x @ W_k), here)
    v = heads(x @ W_v)
    if cache is not None:
        k = torch.cat([cache[0], k], dim=2)
        v = torch.cat([cache[1], v], dim=2)

    there = torch.arange(n_past + n, device=x.device)
    seen = (there <= here[:, None] - n_past)[None, None]
    if pad is not None:
        seen = seen & (there >= pad[:, None])[:, None, None, :]
    S = q @ k.transpose(-1, -2) / d_head**0.5
    out = attend(S, v, seen)
    return out.transpose(1, 2).reshape(batch, n, d_model) @ W_o, (k, v)


def select(cache: Cache, index: Tensor) -> Cache:
    return cache[0].index_select(0, index), cache[1].index_select(0, index)
