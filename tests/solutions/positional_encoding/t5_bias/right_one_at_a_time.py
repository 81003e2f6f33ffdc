"""Python's math for each pair, with the logarithms rounded to twelve places before the floor."""

import math

import torch


def one(r, bidirectional, nb, D):
    offset = 0
    if bidirectional:
        nb = nb // 2
        if r > 0:
            offset = nb
        r = -abs(r)
    n = 0 if r > 0 else -r
    m = nb // 2
    if n < m:
        return offset + n
    steps = round((nb - m) * math.log2(n / m) / math.log2(D / m), 12)
    return offset + min(m + math.floor(steps), nb - 1)


def bucket(rel, bidirectional=True, num_buckets=32, max_distance=128):
    out = torch.empty(rel.shape, dtype=torch.int64)
    flat, given = out.view(-1), rel.reshape(-1)
    for i in range(given.numel()):
        flat[i] = one(given[i].item(), bidirectional, num_buckets, max_distance)
    return out


def bias(table, pos_q, pos_k, bidirectional=True, max_distance=128):
    out = []
    for i in pos_q:
        rows = bucket(pos_k - i, bidirectional, table.size(0), max_distance)
        out.append(table[rows].T)
    if not out:
        return table.new_zeros(table.size(1), 0, len(pos_k))
    return torch.stack(out, dim=1)


def scores(q, k, table, pos_q, pos_k, bidirectional=True, max_distance=128):
    return bias(table, pos_q, pos_k, bidirectional, max_distance) + q @ k.mT
