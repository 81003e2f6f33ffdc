"""Wrong: the prefix is put through W_k like the tokens, though it holds keys already."""
# says: You multiply P_k by W_k, as if its rows were tokens. They are

import torch
from attention.masking import attend, masked_softmax
from torch import Tensor


def heads_of(rows: Tensor, n_heads: int) -> Tensor:
    return rows.unflatten(-1, (n_heads, rows.shape[-1] // n_heads)).transpose(-3, -2)


def scores_of(x: Tensor, W_q: Tensor, W_k: Tensor, n_heads: int, P_k: Tensor) -> Tensor:
    q = heads_of(x @ W_q, n_heads)
    k = heads_of(torch.cat([P_k.expand(x.shape[0], -1, -1), x], dim=1) @ W_k, n_heads)
    return q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5


def widened(mask: Tensor | None, shape: tuple[int, int, int, int], n_prefix: int) -> Tensor | None:
    if mask is None:
        return None
    tokens = mask.expand(shape)
    return torch.cat([tokens.new_ones(*shape[:3], n_prefix), tokens], dim=-1)


def prefix_attention(
    x: Tensor,
    W_q: Tensor,
    W_k: Tensor,
    W_v: Tensor,
    W_o: Tensor,
    n_heads: int,
    P_k: Tensor,
    P_v: Tensor,
    mask: Tensor | None = None,
) -> Tensor:
    batch, n, _ = x.shape
    S = scores_of(x, W_q, W_k, n_heads, P_k)
    v = heads_of(torch.cat([P_v.expand(batch, -1, -1), x @ W_v], dim=1), n_heads)
    out = attend(S, v, widened(mask, (batch, n_heads, n, n), P_k.shape[0]))
    return out.transpose(1, 2).flatten(2) @ W_o


def prefix_share(x: Tensor, W_q: Tensor, W_k: Tensor, n_heads: int, P_k: Tensor, mask: Tensor | None = None) -> Tensor:
    batch, n, _ = x.shape
    n_prefix = P_k.shape[0]
    S = scores_of(x, W_q, W_k, n_heads, P_k)
    weights = masked_softmax(S, widened(mask, (batch, n_heads, n, n), n_prefix))
    return weights[..., :n_prefix].sum(-1)


def expand(P: Tensor, W_1: Tensor, b_1: Tensor, W_2: Tensor, b_2: Tensor, n_layers: int) -> Tensor:
    Z = torch.tanh(P @ W_1 + b_1) @ W_2 + b_2
    return Z.reshape(P.shape[0], n_layers, 2, -1).permute(1, 2, 0, 3)
