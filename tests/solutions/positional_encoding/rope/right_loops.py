"""Plain loops over the rows and pairs of a flattened x; math module for the angles."""

import math

import torch
from torch import Tensor


def rope(x: Tensor, pos: Tensor, theta: float = 10000.0) -> Tensor:
    d = x.shape[-1]
    positions = pos.expand(x.shape[:-1]).reshape(-1).tolist()
    rows = x.reshape(-1, d)
    out = []
    for row, p in zip(rows, positions, strict=False):
        for i in range(d // 2):
            phi = p * theta ** (-2 * i / d)
            c, s = math.cos(phi), math.sin(phi)
            out.append(row[2 * i] * c - row[2 * i + 1] * s)
            out.append(row[2 * i] * s + row[2 * i + 1] * c)
    if not out:
        return x.clone()
    return torch.stack(out).reshape(x.shape)


def scores(q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor, theta: float = 10000.0) -> Tensor:
    return rope(q, pos_q, theta) @ rope(k, pos_k, theta).transpose(-1, -2)
