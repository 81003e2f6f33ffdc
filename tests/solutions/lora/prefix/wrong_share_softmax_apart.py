"""λ from the raw scores: exponentials of the prefix over those of the tokens."""
# says: not between 0 and 1

import torch
import torch.nn.functional as F
from torch import Tensor


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
    b, n, d = x.shape
    p = P_k.shape[0]
    q = (x @ W_q).reshape(b, n, n_heads, d // n_heads).permute(0, 2, 1, 3)
    k = torch.cat((P_k[None].repeat(b, 1, 1), x @ W_k), dim=1)
    v = torch.cat((P_v[None].repeat(b, 1, 1), x @ W_v), dim=1)
    k = k.reshape(b, p + n, n_heads, d // n_heads).permute(0, 2, 1, 3)
    v = v.reshape(b, p + n, n_heads, d // n_heads).permute(0, 2, 1, 3)
    if mask is not None:
        mask = mask.broadcast_to(b, n_heads, n, n)
        mask = torch.cat((torch.ones(b, n_heads, n, p, dtype=torch.bool), mask), dim=-1)
    heads = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return heads.permute(0, 2, 1, 3).reshape(b, n, d) @ W_o


def prefix_share(x: Tensor, W_q: Tensor, W_k: Tensor, n_heads: int, P_k: Tensor, mask: Tensor | None = None) -> Tensor:
    b, n, d = x.shape
    w = d // n_heads
    shares = []
    for h in range(n_heads):
        own = slice(h * w, (h + 1) * w)
        q = x @ W_q[:, own]
        tokens = q @ (x @ W_k[:, own]).mT / w**0.5
        prefix = q @ P_k[:, own].T / w**0.5
        if mask is not None:
            tokens = tokens.masked_fill(~mask.broadcast_to(b, n_heads, n, n)[:, h], float("-inf"))
        shares.append(prefix.exp().sum(-1) / tokens.exp().sum(-1))
    return torch.stack(shares, dim=1)


def expand(P: Tensor, W_1: Tensor, b_1: Tensor, W_2: Tensor, b_2: Tensor, n_layers: int) -> Tensor:
    Z = torch.tanh(P @ W_1 + b_1) @ W_2 + b_2
    d = Z.shape[1] // (2 * n_layers)
    layers = []
    for i in range(n_layers):
        key = Z[:, 2 * i * d : (2 * i + 1) * d]
        value = Z[:, (2 * i + 1) * d : (2 * i + 2) * d]
        layers.append(torch.stack((key, value)))
    return torch.stack(layers)
