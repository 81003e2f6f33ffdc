"""Style: index arithmetic; banded folds the tokens into blocks of the window's length and attends in all of them at once."""

import torch
from torch.nn import functional as F


def sliding(n_q, n_k, window, dilation=1, causal=True):
    distance = torch.arange(n_k - n_q, n_k)[:, None] - torch.arange(n_k)[None, :]
    mask = (distance % dilation == 0) & (distance.abs() <= (window - 1) * dilation)
    return mask & (distance >= 0) if causal else mask


def block_sparse(layout, block, n_q, n_k):
    return layout.repeat_interleave(block, 0).repeat_interleave(block, 1)[:n_q, :n_k].clone()


def banded(Q, K, V, window):
    n, size = Q.shape[-2], int(min(window, Q.shape[-2]))
    count = -(-n // size)
    rest = count * size - n
    q = F.pad(Q, (0, 0, 0, rest)).unflatten(-2, (count, size))

    def own_and_previous(x):
        x = F.pad(x, (0, 0, size, rest)).unflatten(-2, (count + 1, size))
        return torch.cat([x[..., :-1, :, :], x[..., 1:, :, :]], dim=-2)

    k, v = own_and_previous(K), own_and_previous(V)
    row, column = torch.arange(size)[:, None] + size, torch.arange(2 * size)[None, :]
    near = (column <= row) & (row - column < size)
    exists = torch.arange(count)[:, None, None] * size + column >= size
    scores = q @ k.transpose(-2, -1) * Q.shape[-1] ** -0.5
    weights = torch.softmax(scores.masked_fill(~(near & exists), -torch.inf), dim=-1)
    return (weights @ v).flatten(-3, -2)[..., :n, :]
