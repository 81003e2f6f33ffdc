"""Everything that makes queries or keys by its name is moved, scales too."""
# says: What a layer holds besides goes along

import torch


def permutation(rows, n_heads):
    if rows % (2 * n_heads) != 0:
        raise ValueError
    order = torch.arange(rows).view(n_heads, -1)
    return torch.cat((order[:, ::2], order[:, 1::2]), dim=1).flatten()


def to_half(W, n_heads):
    return W.index_select(0, permutation(W.size(0), n_heads))


def to_interleaved(W, n_heads):
    return W.index_select(0, permutation(W.size(0), n_heads).argsort())


def convert(weights, n_heads, n_kv_heads):
    new = weights.copy()
    for name in [n for n in new if n.startswith(("wq", "wk", "bq", "bk"))]:
        new[name] = to_half(new[name], n_heads if name[1] == "q" else n_kv_heads)
    return new


def rope_half(x, pos, theta=10000.0):
    half = x.size(-1) // 2
    angle = pos[..., None].double() * theta ** (-torch.arange(half).double() / half)
    z = torch.complex(x[..., :half].double(), x[..., half:].double()) * torch.exp(1j * angle)
    return torch.cat((z.real, z.imag), dim=-1).to(x.dtype)
