"""Rows picked out one at a time, by what each of them is."""

import torch


def to_half(W, n_heads):
    d, rest = divmod(len(W), n_heads)
    if rest != 0 or d % 2 != 0:
        raise ValueError("no even heads")
    rows = []
    for r in range(len(W)):
        head, place = divmod(r, d)
        member, pair = divmod(place, d // 2)
        rows.append(W[head * d + 2 * pair + member])
    return torch.stack(rows)


def to_interleaved(W, n_heads):
    d, rest = divmod(len(W), n_heads)
    if rest != 0 or d % 2 != 0:
        raise ValueError("no even heads")
    rows = []
    for r in range(len(W)):
        head, place = divmod(r, d)
        pair, member = divmod(place, 2)
        rows.append(W[head * d + member * (d // 2) + pair])
    return torch.stack(rows)


def convert(weights, n_heads, n_kv_heads):
    heads = {"wq": n_heads, "wk": n_kv_heads, "bq": n_heads, "bk": n_kv_heads}
    out = {}
    for name in weights:
        out[name] = to_half(weights[name], heads[name]) if name in heads else weights[name].clone()
    return out


def rope_half(x, pos, theta=10000.0):
    first, second = x.chunk(2, dim=-1)
    i = torch.arange(first.shape[-1], dtype=torch.float64)
    phi = torch.einsum("...,i->...i", pos.double(), torch.pow(torch.tensor(theta).double(), -2 * i / x.shape[-1]))
    c, s = torch.cos(phi).type(x.dtype), torch.sin(phi).type(x.dtype)
    return torch.cat([first * c - second * s, second * c + first * s], -1)
