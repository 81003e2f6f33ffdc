"""A table of all distances up to the largest, filled in whole numbers, then looked up; one-hot for the table."""

import torch


def bucket(rel, bidirectional=True, num_buckets=32, max_distance=128):
    s = num_buckets // 2 if bidirectional else num_buckets
    m = s // 2
    k = s - m
    rows, e = [], 0
    for n in range(max_distance + 1):
        while e < k - 1 and n**k >= max_distance ** (e + 1) * m ** (k - e - 1):
            e += 1
        rows.append(n if n < m else m + e)
    n = rel.abs() if bidirectional else torch.relu(-rel)
    out = torch.tensor(rows)[n.clamp(max=max_distance)]
    if bidirectional:
        out = torch.where(rel > 0, out + s, out)
    return out


def bias(table, pos_q, pos_k, bidirectional=True, max_distance=128):
    nb = len(table)
    rows = bucket(pos_k.view(1, -1) - pos_q.view(-1, 1), bidirectional, nb, max_distance)
    return torch.einsum("qkb,bh->hqk", torch.nn.functional.one_hot(rows, nb).to(table.dtype), table)


def scores(q, k, table, pos_q, pos_k, bidirectional=True, max_distance=128):
    dots = (q[..., :, None, :] * k[..., None, :, :]).sum(dim=-1)
    return dots + bias(table, pos_q, pos_k, bidirectional, max_distance)
