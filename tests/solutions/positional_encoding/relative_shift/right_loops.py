"""Loops over queries, and over keys where that is simple."""

import math

import torch


def shaw_scores(q, k, table, pos_q, pos_k):
    c = len(table) // 2
    rows = []
    for i in range(q.shape[-2]):
        r = [min(max(int(p - pos_q[i]), -c), c) + c for p in pos_k]
        rows.append(torch.einsum("...d,...ld->...l", q[..., i, :], k + table[r]))
    return torch.stack(rows, dim=-2) / math.sqrt(q.shape[-1])


def rel_shift(x):
    n, L = x.shape[-2:]
    rows = []
    for i in range(n):
        left = n - 1 - i
        row = x[..., i, left:]
        rows.append(torch.cat((row, row.new_zeros(*row.shape[:-1], left)), dim=-1))
    return torch.stack(rows, dim=-2)


def xl_scores(q, k, R, u, v):
    n, L = q.shape[-2], k.shape[-2]
    rows = []
    for i in range(n):
        seen = L - n + i + 1
        row = torch.einsum("...d,...ld->...l", q[..., i, :] + u, k[..., :seen, :])
        row = row + (q[..., i, :] + v) @ R[L - seen :].T
        rows.append(torch.cat((row / math.sqrt(q.shape[-1]), row.new_full((*row.shape[:-1], L - seen), -math.inf)), dim=-1))
    return torch.stack(rows, dim=-2)
