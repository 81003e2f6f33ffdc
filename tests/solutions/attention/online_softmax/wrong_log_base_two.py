"""Wrong: L is taken with the logarithm of base two."""
# says: logarithm of base 2

import math

import torch


def flash_forward(Q, K, V, block, mask=None):
    n_k, d_k = K.shape[-2:]
    biggest = torch.full((*Q.shape[:-1], 1), -math.inf, dtype=Q.dtype)
    total = torch.zeros_like(biggest)
    summed = torch.zeros((*Q.shape[:-1], V.shape[-1]), dtype=Q.dtype)
    start = 0
    while start < n_k:
        stop = min(start + block, n_k)
        scores = Q @ K[..., start:stop, :].transpose(-1, -2) / math.sqrt(d_k)
        if mask is not None:
            scores = torch.where(mask[:, start:stop], scores, -math.inf)
        larger = torch.maximum(biggest, scores.max(dim=-1, keepdim=True).values)
        empty = torch.isinf(larger)
        weights = torch.where(empty, 0.0, torch.exp(scores - larger))
        mend = torch.where(empty, 0.0, torch.exp(biggest - larger))
        total = total * mend + weights.sum(dim=-1, keepdim=True)
        summed = summed * mend + weights @ V[..., start:stop, :]
        biggest = larger
        start = stop
    O = torch.where(total > 0, summed / total, 0.0)
    return O, (biggest + total.log2()).squeeze(-1)
