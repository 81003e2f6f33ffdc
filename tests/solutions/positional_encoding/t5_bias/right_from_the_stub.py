"""The first distance of every bucket is found with whole numbers, and distances are sorted in between these edges."""

import torch
from torch import Tensor


def edges(s: int, max_distance: int) -> list[int]:
    m = s // 2
    k = s - m
    first = list(range(1, m + 1))
    for step in range(1, k):
        # k ln(n/m) >= step ln(D/m), without logarithms
        low, high = m, max_distance
        while low < high:
            n = (low + high) // 2
            if n**k * m**step >= max_distance**step * m**k:
                high = n
            else:
                low = n + 1
        first.append(low)
    return first


def bucket(rel: Tensor, bidirectional: bool = True, num_buckets: int = 32, max_distance: int = 128) -> Tensor:
    if bidirectional:
        s = num_buckets // 2
        distance = rel.abs()
        offset = (rel > 0) * s
    else:
        s = num_buckets
        distance = (-rel).clamp(min=0)
        offset = torch.zeros_like(rel)
    borders = torch.tensor(edges(s, max_distance))
    return offset + torch.bucketize(distance.contiguous(), borders, right=True)


def bias(table: Tensor, pos_q: Tensor, pos_k: Tensor, bidirectional: bool = True, max_distance: int = 128) -> Tensor:
    rel = pos_k - pos_q[:, None]
    which = bucket(rel, bidirectional, num_buckets=table.shape[0], max_distance=max_distance)
    return table[which].permute(2, 0, 1)


def scores(
    q: Tensor, k: Tensor, table: Tensor, pos_q: Tensor, pos_k: Tensor, bidirectional: bool = True, max_distance: int = 128
) -> Tensor:
    return q @ k.mT + bias(table, pos_q, pos_k, bidirectional, max_distance)
