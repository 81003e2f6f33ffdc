"""The logarithmic part is rounded up."""
# says: The examples worked out by hand

import math

import torch


def bucket(rel, bidirectional=True, num_buckets=32, max_distance=128):
    ret = torch.zeros_like(rel)
    if bidirectional:
        num_buckets //= 2
        ret = ret + (rel > 0).long() * num_buckets
        n = torch.abs(rel)
    else:
        n = -torch.min(rel, torch.zeros_like(rel))
    max_exact = num_buckets // 2
    is_small = n < max_exact
    ratio = torch.log(n.double().clamp(min=1) / max_exact) / math.log(max_distance / max_exact)
    large = max_exact + (ratio * (num_buckets - max_exact) - 1e-8).ceil().long()
    large = torch.min(large, torch.full_like(large, num_buckets - 1))
    return ret + torch.where(is_small, n, large)


def bias(table, pos_q, pos_k, bidirectional=True, max_distance=128):
    rel = pos_k[None, :] - pos_q[:, None]
    rows = bucket(rel, bidirectional, table.shape[0], max_distance)
    return torch.nn.functional.embedding(rows, table).permute(2, 0, 1)


def scores(q, k, table, pos_q, pos_k, bidirectional=True, max_distance=128):
    return torch.matmul(q, k.transpose(-1, -2)) + bias(table, pos_q, pos_k, bidirectional, max_distance)
