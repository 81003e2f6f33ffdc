"""Style: a function inside a function, the inputs divided by s as a served model would."""

import torch

from quantization.granularity import dequant_groups, quantize_groups


def importance(X):
    tokens = X.flatten(end_dim=-2)
    return torch.linalg.vector_norm(tokens, 1, dim=0) / tokens.shape[0]


def awq_scales(a, alpha):
    s = torch.ones_like(a)
    live = a.nonzero().flatten()
    if live.numel() == 0:
        return s
    a = a[live]
    centre = a.max().sqrt() * a.min().sqrt()
    return s.index_copy(0, live, (a / centre) ** alpha)


def on_grid(W, bits, group):
    return dequant_groups(*quantize_groups(W, bits, group), group)


def quantized_weight(W, s, bits, group):
    return on_grid(W * s[None], bits, group).div(s[None])


def search(W, X, bits, group, steps=20):
    a, y = importance(X), torch.einsum("...k,nk->...n", X, W)

    def error(alpha):
        s = awq_scales(a, alpha)
        return float(((X / s) @ on_grid(W * s, bits, group).T - y).pow(2).sum())

    alpha = min((i / steps for i in range(steps + 1)), key=error)
    return alpha, awq_scales(a, alpha)
