"""Wrong: the quotient of logarithms is floored as it comes, so that an exact edge may fall into the bucket before."""

import math

import torch
from torch import Tensor


def bucket(rel: Tensor, bidirectional: bool = True, num_buckets: int = 32, max_distance: int = 128) -> Tensor:
    if bidirectional:
        s = num_buckets // 2
        distance = rel.abs()
        offset = (rel > 0) * s
    else:
        s = num_buckets
        distance = (-rel).clamp(min=0)
        offset = torch.zeros_like(rel)
    m = s // 2
    quotient = torch.log(distance.clamp(min=m) / m) / math.log(max_distance / m)
    far = (m + (quotient * (s - m)).floor().long()).clamp(max=s - 1)
    return offset + torch.where(distance < m, distance, far)


def bias(table: Tensor, pos_q: Tensor, pos_k: Tensor, bidirectional: bool = True, max_distance: int = 128) -> Tensor:
    rel = pos_k - pos_q[:, None]
    which = bucket(rel, bidirectional, num_buckets=table.shape[0], max_distance=max_distance)
    return table[which].permute(2, 0, 1)


def scores(
    q: Tensor, k: Tensor, table: Tensor, pos_q: Tensor, pos_k: Tensor, bidirectional: bool = True, max_distance: int = 128
) -> Tensor:
    return q @ k.mT + bias(table, pos_q, pos_k, bidirectional, max_distance)
