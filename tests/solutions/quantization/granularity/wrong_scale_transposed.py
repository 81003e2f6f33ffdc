"""The scales always stand in the first axis."""
# says: quantize_axis: each index of the axis keeps a scale, all

import torch
from torch import Tensor


def one_part(part: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    top = 2 ** (bits - 1) - 1
    biggest = max(part.max(), -part.min())
    scale = biggest / top if biggest != 0 else torch.ones_like(biggest)
    return torch.round(part / scale).to(torch.int8), scale


def quantize_axis(x: Tensor, bits: int, axis: int | None) -> tuple[Tensor, Tensor]:
    if axis is None:
        q, scale = one_part(x, bits)
        return q, scale.view(*(1 for _ in x.shape))
    done = [one_part(part, bits) for part in x.unbind(axis)]
    scales = torch.stack([scale for _, scale in done])
    shape = [n if a == axis % x.ndim else 1 for a, n in enumerate(x.shape)]
    return torch.stack([q for q, _ in done], dim=axis), scales.view(-1, *(1 for _ in x.shape[1:]))


def quantize_groups(W: Tensor, bits: int, group: int) -> tuple[Tensor, Tensor]:
    all_q, all_scales = [], []
    for row in W:
        done = [one_part(row[i : i + group], bits) for i in range(0, len(row), group)]
        all_q.append(torch.cat([q for q, _ in done]))
        all_scales.append(torch.stack([scale for _, scale in done]))
    return torch.stack(all_q), torch.stack(all_scales)


def dequant_groups(q: Tensor, scale: Tensor, group: int) -> Tensor:
    rows = []
    for codes, scales in zip(q, scale):
        rows.append(torch.cat([part.to(scale.dtype) * s for part, s in zip(codes.split(group), scales)]))
    return torch.stack(rows)
