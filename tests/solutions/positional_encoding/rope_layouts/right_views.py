"""As Hugging Face's script does it: view, transpose, reshape; rotate_half for the rotation."""

import torch


def rotate_half(x):
    x1, x2 = x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]
    return torch.cat((-x2, x1), dim=-1)


def rope_half(x, pos, theta=10000.0):
    d = x.shape[-1]
    inv_freq = 1.0 / (theta ** (torch.arange(0, d, 2, dtype=torch.float64) / d))
    freqs = pos.double()[..., None] * inv_freq
    emb = torch.cat((freqs, freqs), dim=-1)
    return x * emb.cos().to(x.dtype) + rotate_half(x) * emb.sin().to(x.dtype)


def width(W, n_heads):
    if W.shape[0] % n_heads or (W.shape[0] // n_heads) % 2:
        raise ValueError(f"{W.shape[0]} rows, {n_heads} heads")
    return W.shape[0] // n_heads


def to_half(W, n_heads):
    d = width(W, n_heads)
    return W.reshape(n_heads, d // 2, 2, *W.shape[1:]).transpose(1, 2).reshape(W.shape)


def to_interleaved(W, n_heads):
    d = width(W, n_heads)
    return W.reshape(n_heads, 2, d // 2, *W.shape[1:]).transpose(1, 2).reshape(W.shape)


def convert(weights, n_heads, n_kv_heads):
    new = {}
    for name, W in weights.items():
        if name in ("wq", "bq"):
            W = to_half(W, n_heads)
        elif name in ("wk", "bk"):
            W = to_half(W, n_kv_heads)
        new[name] = W
    return new
