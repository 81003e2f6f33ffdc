"""Granularity of scales: the solution, known mistakes, other right solutions."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from grader.marks import alternative, mistake


def quantize_axis(x: Tensor, bits: int, axis: int | None) -> tuple[Tensor, Tensor]:
    """Krishnamoorthi (2018), section 2: a symmetric quantizer for each index of the axis."""
    q_max = 2 ** (bits - 1) - 1
    shared = [a for a in range(x.dim()) if axis is None or a != axis % x.dim()]
    m = x.abs().amax(shared, keepdim=True)
    scale = torch.where(m > 0, m / q_max, 1.0)
    return torch.round(x / scale).to(torch.int8), scale


def quantize_groups(W: Tensor, bits: int, group: int) -> tuple[Tensor, Tensor]:
    """Shen et al. (2019): the same for neighbours of a row. Zeros fill up the last group: they change no maximum."""
    q_max = 2 ** (bits - 1) - 1
    N, K = W.shape
    G = math.ceil(K / group)
    parts = F.pad(W, (0, G * group - K)).reshape(N, G, group)
    m = parts.abs().amax(2)
    scale = torch.where(m > 0, m / q_max, 1.0)
    q = torch.round(parts / scale[:, :, None]).to(torch.int8)
    return q.reshape(N, G * group)[:, :K], scale


def dequant_groups(q: Tensor, scale: Tensor, group: int) -> Tensor:
    """Every scale once for each column of its group."""
    return q * scale.repeat_interleave(group, dim=1)[:, : q.shape[1]]


# For the mistakes.


def _codes(x, m, bits, *, guard=True, q_max=None, rounding=torch.round):
    """Codes and scales, where m is the largest magnitude, in a shape that broadcasts."""
    q_max = q_max or 2 ** (bits - 1) - 1
    scale = torch.where(m > 0, m / q_max, 1.0) if guard else m / q_max
    return rounding(x / scale).clamp(-q_max - 1, q_max).to(torch.int8), scale


def _shared(x, axis):
    return [a for a in range(x.dim()) if axis is None or a != axis % x.dim()]


def _largest(x, axis):
    return x.abs().amax(_shared(x, axis), keepdim=True)


def _spread(W, owner):
    """The largest magnitude of each group, where owner[k] is the group of column k: (N, G)."""
    return torch.stack([W.abs()[:, owner == g].amax(1) for g in range(int(owner.max()) + 1)], 1)


def _owners(W, group):
    return torch.arange(W.shape[1]) // group


def _by_owner(W, bits, owner, **steps):
    m = _spread(W, owner)
    q, _ = _codes(W, m[:, owner], bits, **steps)
    return q, _codes(m, m, bits, **steps)[1]


# Mistakes: a scale for each index of an axis.


@mistake(
    "Wrong axis: you take the maximum *along* `axis`, so that its indices share a scale. `axis` is the one whose indices"
    " keep a scale each; the maximum goes over all the others.",
    of="quantize_axis",
    hint=2,
)
def over_the_axis(x, bits, axis):
    if axis is None:
        return _codes(x, _largest(x, None), bits)
    return _codes(x, x.abs().amax(axis, keepdim=True), bits)


@mistake(
    "Per tensor in disguise: your scales have the right shape, but all are the same, from the largest magnitude of the"
    " whole tensor. Each index of `axis` has a maximum of its own.",
    of="quantize_axis",
    hint=1,
)
def per_tensor_in_disguise(x, bits, axis):
    return _codes(x, x.abs().max().expand_as(_largest(x, axis)).clone(), bits)


@mistake(
    "You take no notice of `axis`: there is one scale for the whole tensor. An axis keeps a scale for each of its"
    " indices.",
    of="quantize_axis",
    hint=1,
)
def axis_ignored(x, bits, axis):
    return _codes(x, _largest(x, None), bits)


@mistake(
    "Your scale has lost the axes that share it. Keep them with size 1, so that scale · q broadcasts, for an axis"
    " that is not the last one too.",
    of="quantize_axis",
    hint=2,
)
def axes_lost(x, bits, axis):
    q, scale = _codes(x, _largest(x, axis), bits)
    return q, scale.reshape(-1) if axis is not None else scale.reshape(())


@mistake(
    "A negative `axis` does not find its axis in your code: -1 is none of 0, 1, …, so that all axes share one scale."
    " Count it from the end first.",
    of="quantize_axis",
    hint=4,
)
def negative_axis_not_found(x, bits, axis):
    shared = [a for a in range(x.dim()) if a != axis]
    return _codes(x, x.abs().amax(shared, keepdim=True), bits)


@mistake(
    "You take the maximum over one axis only. With three axes or more, all axes but `axis` share the scale.",
    of="quantize_axis",
    hint=2,
)
def one_axis_reduced(x, bits, axis):
    if axis is None:
        return _codes(x, _largest(x, None), bits)
    return _codes(x, x.abs().amax(-1 if axis % x.dim() != x.dim() - 1 else 0, keepdim=True), bits)


@mistake(
    "You take the largest x, not the largest |x|: where the negative numbers are larger, they do not fit.",
    of="quantize_axis",
    hint=3,
)
def axis_without_abs(x, bits, axis):
    return _codes(x, x.amax(_shared(x, axis), keepdim=True), bits)


@mistake(
    "A part of zeros gets the scale 0, and its codes come from 0 / 0. Its scale is 1.",
    of="quantize_axis",
    hint=4,
)
def axis_zero_scale(x, bits, axis):
    return _codes(x, _largest(x, axis), bits, guard=False)


@mistake(
    "You keep the scale above a small number such as 1e-8, so as never to divide by 0: a part of tiny numbers loses all"
    " its digits, and a part of zeros gets this scale. Only a part of zeros is special, and its scale is 1.",
    of="quantize_axis",
    hint=4,
)
def axis_scale_with_floor(x, bits, axis):
    m = _largest(x, axis)
    scale = (m / (2 ** (bits - 1) - 1)).clamp(min=1e-8)
    return torch.round(x / scale).to(torch.int8), scale


@mistake(
    "You divide by 2ᵇ⁻¹, or use the code -2ᵇ⁻¹. The symmetric codes end at q_max = 2ᵇ⁻¹ - 1, which the largest"
    " magnitude gets.",
    of="quantize_axis",
    hint=3,
)
def axis_with_128(x, bits, axis):
    _, scale = _codes(x, _largest(x, axis), bits, q_max=2 ** (bits - 1))
    top = 2 ** (bits - 1)
    return torch.round(x / scale).clamp(-top, top - 1).to(torch.int8), scale


@mistake(
    "You cut the fraction off where it should be rounded: a cast to an integer dtype does that.",
    of="quantize_axis",
    hint=3,
)
def axis_truncated(x, bits, axis):
    return _codes(x, _largest(x, axis), bits, rounding=torch.trunc)


@mistake("You take no notice of `bits`: the codes always have 8.", of="quantize_axis", hint=3)
def axis_always_8_bits(x, bits, axis):
    return _codes(x, _largest(x, axis), 8)


# Mistakes: groups.


@mistake(
    "The last group is dropped: where `group` does not divide K, the columns that are left over get no scale, and 0 for"
    " a code. They are a group too, a shorter one.",
    of="quantize_groups",
    hint=2,
)
def last_group_dropped(W, bits, group):
    q, scale = _by_owner(W, bits, _owners(W, group))
    whole = W.shape[1] // group
    q[:, whole * group :] = 0
    return q, scale[:, :whole]


@mistake(
    "The columns that are left over join the group before them. Where `group` does not divide K they make a group of"
    " their own, a shorter one, with its own scale.",
    of="quantize_groups",
    hint=2,
)
def last_group_joined(W, bits, group):
    return _by_owner(W, bits, _owners(W, group).clamp(max=max(W.shape[1] // group - 1, 0)))


@mistake(
    "You fail where `group` does not divide K: such a row cannot be reshaped into groups of equal size. Fill it up, or"
    " treat the last, shorter group apart.",
    of="quantize_groups",
    hint=2,
)
def has_to_divide(W, bits, group):
    parts = W.reshape(W.shape[0], -1, group)
    q, scale = _codes(parts, parts.abs().amax(2, keepdim=True), bits)
    return q.reshape(W.shape), scale[:, :, 0]


@mistake(
    "Wrong axis: your groups run down the columns, over N. They run along the rows: `group` neighbouring columns of one"
    " row share a scale.",
    of="quantize_groups",
    hint=2,
)
def groups_down_the_columns(W, bits, group):
    q, scale = _by_owner(W.T, bits, _owners(W.T, group))
    return q.T, scale.T


@mistake(
    "Per row in disguise: all groups of a row have the same scale, that of the whole row. A group's scale comes from its"
    " own columns alone.",
    of="quantize_groups",
    hint=1,
)
def per_row_in_disguise(W, bits, group):
    m = _spread(W, _owners(W, group))
    q, scale = _codes(W, W.abs().amax(1, keepdim=True), bits)
    return q, scale.expand_as(m).clone()


@mistake(
    "All rows share the scales of the groups: you take the maximum over the rows too. Each row has its own.",
    of="quantize_groups",
    hint=2,
)
def rows_share_groups(W, bits, group):
    owner = _owners(W, group)
    m = _spread(W, owner).amax(0, keepdim=True).expand(W.shape[0], -1).clone()
    return _codes(W, m[:, owner], bits)[0], _codes(m, m, bits)[1]


@mistake(
    "Your groups are interleaved: columns that lie far apart share a scale. A group is made of *neighbouring* columns,"
    " and column k belongs to group k // group.",
    of="quantize_groups",
    hint=3,
)
def interleaved(W, bits, group):
    return _by_owner(W, bits, torch.arange(W.shape[1]) % math.ceil(W.shape[1] / group))


@mistake(
    "You take `group` for the number of groups. It is the number of columns in each.",
    of="quantize_groups",
    hint=2,
)
def group_is_a_count(W, bits, group):
    return _by_owner(W, bits, _owners(W, math.ceil(W.shape[1] / group)))


@mistake(
    "Your codes have the columns with which you filled up the last group. Cut them off: q has the shape of W.",
    of="quantize_groups",
    hint=4,
)
def padding_left_on(W, bits, group):
    q, scale = _by_owner(W, bits, _owners(W, group))
    return F.pad(q, (0, scale.shape[1] * group - W.shape[1])), scale


@mistake(
    "A group of zeros gets the scale 0, and its codes come from 0 / 0. Its scale is 1.",
    of="quantize_groups",
    hint=4,
)
def group_zero_scale(W, bits, group):
    return _by_owner(W, bits, _owners(W, group), guard=False)


@mistake(
    "You keep the scales of the groups above a small number such as 1e-8: a group of tiny numbers loses all its digits."
    " Only a group of zeros is special, and its scale is 1.",
    of="quantize_groups",
    hint=4,
)
def group_scale_with_floor(W, bits, group):
    owner = _owners(W, group)
    scale = (_spread(W, owner) / (2 ** (bits - 1) - 1)).clamp(min=1e-8)
    return torch.round(W / scale[:, owner]).to(torch.int8), scale


@mistake(
    "In a group you take the largest W, not the largest |W|: where the negative numbers are larger, they do not fit.",
    of="quantize_groups",
    hint=3,
)
def group_without_abs(W, bits, group):
    owner = _owners(W, group)
    m = torch.stack([W[:, owner == g].amax(1) for g in range(int(owner.max()) + 1)], 1)
    return _codes(W, m[:, owner], bits)[0], _codes(m, m, bits)[1]


@mistake("In `quantize_groups` you take no notice of `bits`: the codes always have 8.", of="quantize_groups", hint=3)
def group_always_8_bits(W, bits, group):
    return _by_owner(W, 8, _owners(W, group))


# Mistakes: back to real numbers.


@mistake(
    "You repeat the scales in turn (1, 2, 3, 1, 2, 3, …), so that columns get the scales of other groups. The first"
    " `group` columns all have the first scale, the next ones the second.",
    of="dequant_groups",
    hint=4,
)
def scales_in_turn(q, scale, group):
    return q * scale.repeat(1, group)[:, : q.shape[1]]


@mistake(
    "`dequant_groups` fails where `group` does not divide K: every scale repeated `group` times makes more columns than"
    " q has. The last group is shorter.",
    of="dequant_groups",
    hint=4,
)
def scales_not_cut(q, scale, group):
    return q * scale.repeat_interleave(group, dim=1)


@mistake(
    "`dequant_groups` divides by the scales. A code is W / scale, so the value is the scale times it.",
    of="dequant_groups",
    hint=3,
)
def groups_divided(q, scale, group):
    return q / scale.repeat_interleave(group, dim=1)[:, : q.shape[1]]


@mistake(
    "`dequant_groups` gives all columns of a row the scale of its first group.",
    of="dequant_groups",
    hint=2,
)
def first_scale_only(q, scale, group):
    return q * scale[:, :1]


@mistake(
    "`dequant_groups` spreads the scales evenly over the columns, as if all groups were of equal size. Where `group`"
    " does not divide K, the last one is shorter and the others are not.",
    of="dequant_groups",
    hint=2,
)
def scales_spread_evenly(q, scale, group):
    K = q.shape[1]
    return q * scale[:, torch.arange(K) * scale.shape[1] // K]


@mistake("`dequant_groups` gives float32 whatever the scale is. The values have its dtype.", of="dequant_groups", hint=2)
def groups_in_float32(q, scale, group):
    return (q * scale.repeat_interleave(group, dim=1)[:, : q.shape[1]]).float()


# Other right solutions.


@alternative("a loop over the indices of the axis", of="quantize_axis")
def axis_by_loop(x, bits, axis):
    q_max = 2 ** (bits - 1) - 1
    if axis is None:
        scale = x.abs().max() / q_max if x.any() else x.new_ones(())
        return (x / scale).round().to(torch.int8), scale.reshape([1] * x.dim())
    q, scales = torch.empty(x.shape, dtype=torch.int8), []
    for i in range(x.shape[axis]):
        part = x.select(axis, i)
        scale = part.abs().max() / q_max if part.any() else x.new_ones(())
        q.select(axis, i).copy_((part / scale).round())
        scales.append(scale)
    shape = [1] * x.dim()
    shape[axis] = -1
    return q, torch.stack(scales).reshape(shape)


@alternative("the axis moved to the front and the rest laid flat, in float64", of="quantize_axis")
def axis_moved(x, bits, axis):
    if axis is None:
        q, scale = axis_moved(x.reshape(1, -1), bits, 0)
        return q.reshape(x.shape), scale.reshape([1] * x.dim())
    moved = x.double().movedim(axis, 0)
    flat = moved.flatten(1)
    top = 2 ** (bits - 1) - 1
    m = torch.linalg.vector_norm(flat, ord=torch.inf, dim=1)
    m[m == 0] = top
    q = (flat * (top / m)[:, None]).round().clamp(-top, top).reshape(moved.shape).movedim(0, axis)
    scale = (m / top).reshape(-1, *[1] * (x.dim() - 1)).movedim(0, axis)
    return q.to(torch.int8), scale.to(x.dtype)


@alternative("split into the groups, each quantized per row", of="quantize_groups")
def groups_by_split(W, bits, group):
    parts = [quantize_axis(part, bits, 0) for part in W.split(group, dim=1)]
    return torch.cat([q for q, _ in parts], 1), torch.cat([scale for _, scale in parts], 1)


@alternative("an index of the group for each column, and scatter_reduce", of="quantize_groups")
def groups_by_scatter(W, bits, group):
    owner = (torch.arange(W.shape[1]) // group).expand_as(W)
    m = W.new_zeros(W.shape[0], int(owner.max()) + 1).scatter_reduce(1, owner, W.abs(), "amax")
    scale = (m / (2 ** (bits - 1) - 1)).masked_fill(m == 0, 1.0)
    return torch.round(W / scale.gather(1, owner)).to(torch.int8), scale


@alternative("every column looks its scale up", of="dequant_groups")
def dequant_by_index(q, scale, group):
    return scale[:, torch.arange(q.shape[1]) // group] * q


@alternative("a group at a time", of="dequant_groups")
def dequant_by_loop(q, scale, group):
    out = q.to(scale.dtype)
    for g in range(scale.shape[1]):
        out[:, g * group : (g + 1) * group] *= scale[:, g : g + 1]
    return out


# More mistakes: what is done wrong in both functions alike has a mistake for each of them.


def _bare(x, m, bits):
    """Codes that are not clamped: what is too large wraps round."""
    scale = torch.where(m != 0, m / (2 ** (bits - 1) - 1), 1.0)
    return torch.round(x / scale).to(torch.int8), scale


@mistake(
    "In `quantize_axis` you take the magnitude of the largest entry, not the largest magnitude: first |x|, then the "
    "maximum.",
    of="quantize_axis",
    hint=3,
)
def axis_abs_of_max(x, bits, axis):
    return _bare(x, x.amax(_shared(x, axis), keepdim=True).abs(), bits)


@mistake(
    "In `quantize_groups` you take the magnitude of the largest entry, not the largest magnitude: first |w|, then the "
    "maximum.",
    of="quantize_groups",
    hint=3,
)
def group_abs_of_max(W, bits, group):
    parts = [_bare(part, part.amax(1, keepdim=True).abs(), bits) for part in W.split(group, dim=1)]
    return torch.cat([q for q, _ in parts], 1), torch.cat([scale for _, scale in parts], 1)


@mistake(
    "In `quantize_groups` you cut a row into parts as equal as possible. All groups have `group` columns; only the "
    "last one holds what is left.",
    of="quantize_groups",
    hint=2,
)
def even_groups(W, bits, group):
    parts = W.tensor_split(math.ceil(W.shape[1] / group), dim=1)
    parts = [_codes(part, part.abs().amax(1, keepdim=True), bits) for part in parts]
    return torch.cat([q for q, _ in parts], 1), torch.cat([scale for _, scale in parts], 1)


@mistake(
    "`dequant_groups` cuts the columns into parts as equal as possible. All groups have `group` columns; only the last "
    "one holds what is left.",
    of="dequant_groups",
    hint=2,
)
def even_parts(q, scale, group):
    parts = q.tensor_split(scale.shape[1], dim=1)
    return torch.cat([part * scale[:, g : g + 1] for g, part in enumerate(parts)], 1)


def _over_range(x, low, high, bits):
    spread = torch.where((low != 0) | (high != 0), (high - low) / (2 * (2 ** (bits - 1) - 1)), 1.0)
    return torch.round(x / spread).to(torch.int8), spread


@mistake(
    "In `quantize_axis` your scale comes from the range, max - min. The quantization is symmetric: the largest "
    "magnitude gets the code q_max, on whichever side it is.",
    of="quantize_axis",
    hint=3,
)
def axis_over_range(x, bits, axis):
    shared = _shared(x, axis)
    return _over_range(x, x.amin(shared, keepdim=True), x.amax(shared, keepdim=True), bits)


@mistake(
    "In `quantize_groups` your scale comes from the range, max - min. The quantization is symmetric: the largest "
    "magnitude gets the code q_max, on whichever side it is.",
    of="quantize_groups",
    hint=3,
)
def group_over_range(W, bits, group):
    parts = W.split(group, dim=1)
    parts = [_over_range(part, part.amin(1, keepdim=True), part.amax(1, keepdim=True), bits) for part in parts]
    return torch.cat([q for q, _ in parts], 1), torch.cat([scale for _, scale in parts], 1)
