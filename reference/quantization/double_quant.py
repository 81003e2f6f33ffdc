"""Double quantization: the solution, known mistakes, other right solutions."""

import math
from fractions import Fraction

import torch
from torch import Tensor
from torch.nn import functional as F

from grader.marks import alternative, mistake


def compress_absmax(absmax: Tensor, outer: int) -> tuple[Tensor, Tensor, Tensor]:
    """Dettmers et al. (2023), section 3: the mean is subtracted, and symmetric quantization used."""
    m = absmax.numel()
    count = math.ceil(m / outer)
    mean = absmax.mean()
    deviations = F.pad(absmax - mean, (0, count * outer - m)).reshape(count, outer)
    largest = deviations.abs().amax(1)
    scale = torch.where(largest > 0, largest / 127, 1.0)
    q = torch.round(deviations / scale[:, None]).to(torch.int8)
    return q.reshape(-1)[:m], scale, mean


def restore_absmax(q: Tensor, scale: Tensor, mean: Tensor, outer: int) -> Tensor:
    """The mean added again, and what rounding left below 0 cut off."""
    return (mean + q * scale.repeat_interleave(outer)[: q.numel()]).clamp(min=0)


def dequant_double(
    codes: Tensor, q: Tensor, scale: Tensor, mean: Tensor, levels: Tensor, block: int, outer: int
) -> Tensor:
    """Dettmers et al. (2023), equation 6: first the constants, then the weights."""
    absmax = restore_absmax(q, scale, mean, outer).repeat_interleave(block)[: codes.numel()]
    return (levels[codes.long()] * absmax).to(scale.dtype)


def constant_bits(n: int, block: int, outer: int | None) -> int:
    """Dettmers et al. (2023), section 3: 32/64 = 0.5 bits become 8/64 + 32/(64 · 256) = 0.127."""
    blocks = math.ceil(n / block)
    if outer is None:
        return 32 * blocks
    return 8 * blocks + 32 * math.ceil(blocks / outer) + 32


# For the mistakes.


def _cut(values, outer):
    return F.pad(values, (0, -values.numel() % outer)).reshape(-1, outer)


def _finish(deviations, m, *, largest=None, top=127, guard=True, rounding=torch.round):
    """Codes and scales of deviations that are cut into outer blocks."""
    largest = deviations.abs().amax(1) if largest is None else largest
    scale = torch.where(largest > 0, largest / top, 1.0) if guard else largest / top
    q = rounding(deviations / scale[:, None]).clamp(-128, 127).to(torch.int8)
    return q.reshape(-1)[:m], scale


def _spread(scale, outer, m):
    return scale.repeat_interleave(outer)[:m]


# Mistakes: compressing.


@mistake(
    "The mean is not subtracted: all your codes are positive, and half of them lie idle. Quantize the deviations from"
    " the mean.",
    of="compress_absmax",
    hint=1,
)
def mean_not_subtracted(absmax, outer):
    return *_finish(_cut(absmax, outer), absmax.numel()), absmax.mean()


@mistake(
    "You subtract the smallest absmax, not the mean: no deviation is then negative, and half of the codes lie idle.",
    of="compress_absmax",
    hint=1,
)
def smallest_subtracted(absmax, outer):
    return *_finish(_cut(absmax - absmax.min(), outer), absmax.numel()), absmax.min()


@mistake(
    "You subtract from each outer block its own mean. There is one mean, over all absmax: a scale for each outer block,"
    " but nothing else, is stored for it.",
    of="compress_absmax",
    hint=2,
)
def mean_of_each_block(absmax, outer):
    parts = absmax.split(outer)
    centred = torch.cat([part - part.mean() for part in parts])
    return *_finish(_cut(centred, outer), absmax.numel()), torch.stack([part.mean() for part in parts])


@mistake(
    "The zeros with which you fill up the last block count in your mean. It is the mean of the absmax alone.",
    of="compress_absmax",
    hint=2,
)
def zeros_in_the_mean(absmax, outer):
    blocks = _cut(absmax, outer)
    mean = blocks.mean()
    return *_finish(_cut(absmax - mean, outer), absmax.numel()), mean


@mistake(
    "You fill up the last block before you subtract the mean: the zeros become large deviations, -c̄, and widen the last"
    " block's scale. Subtract first.",
    of="compress_absmax",
    hint=2,
)
def filled_before_the_mean(absmax, outer):
    mean = absmax.mean()
    return *_finish(_cut(absmax, outer) - mean, absmax.numel()), mean


@mistake(
    "All outer blocks have the same scale. Each has its own, from its own largest deviation.",
    of="compress_absmax",
    hint=2,
)
def one_scale(absmax, outer):
    mean = absmax.mean()
    blocks = _cut(absmax - mean, outer)
    return *_finish(blocks, absmax.numel(), largest=blocks.abs().amax().expand(blocks.shape[0]).clone()), mean


@mistake(
    "You take the largest deviation above the mean, not the largest magnitude: those below may be larger.",
    of="compress_absmax",
    hint=3,
)
def deviation_without_abs(absmax, outer):
    mean = absmax.mean()
    blocks = _cut(absmax - mean, outer)
    return *_finish(blocks, absmax.numel(), largest=blocks.amax(1)), mean


@mistake(
    "You fail where `outer` does not divide the number of absmax: the last outer block is shorter.",
    of="compress_absmax",
    hint=2,
)
def outer_has_to_divide(absmax, outer):
    mean = absmax.mean()
    return *_finish((absmax - mean).reshape(-1, outer), absmax.numel()), mean


@mistake(
    "Without any deviation the scale becomes 0, and the codes 0 / 0. There the scale is 1.",
    of="compress_absmax",
    hint=4,
)
def no_deviation(absmax, outer):
    mean = absmax.mean()
    return *_finish(_cut(absmax - mean, outer), absmax.numel(), guard=False), mean


@mistake("You divide by 128: the codes are -127 … 127, and the largest deviation gets ±127.", of="compress_absmax", hint=3)
def over_128(absmax, outer):
    mean = absmax.mean()
    return *_finish(_cut(absmax - mean, outer), absmax.numel(), top=128), mean


@mistake(
    "You quantize to 4 bits. The weights have 4; their scales have 8, the codes -127 … 127.",
    of="compress_absmax",
    hint=3,
)
def constants_in_4_bits(absmax, outer):
    mean = absmax.mean()
    return *_finish(_cut(absmax - mean, outer), absmax.numel(), top=7), mean


@mistake("You cut the fraction off where it should be rounded.", of="compress_absmax", hint=3)
def constants_truncated(absmax, outer):
    mean = absmax.mean()
    return *_finish(_cut(absmax - mean, outer), absmax.numel(), rounding=torch.trunc), mean


@mistake(
    "Your codes are unsigned, 128 too large. The deviations are quantized symmetrically: int8, and 0 is the mean.",
    of="compress_absmax",
    hint=2,
)
def unsigned_codes(absmax, outer):
    mean = absmax.mean()
    q, scale = _finish(_cut(absmax - mean, outer), absmax.numel())
    return (q.to(torch.int32) + 128).to(torch.uint8), scale, mean


# Mistakes: restoring.


@mistake("The mean is not restored: you give the deviations from it.", of="restore_absmax", hint=3)
def mean_not_restored(q, scale, mean, outer):
    return (q * _spread(scale, outer, q.numel())).clamp(min=0)


@mistake(
    "The mean is not restored, and nothing cut off: you give the deviations from the mean, half of them negative.",
    of="restore_absmax",
    hint=3,
)
def deviations_only(q, scale, mean, outer):
    return q * _spread(scale, outer, q.numel())


@mistake("The mean is multiplied by the scale too. Multiply the codes first, then add the mean.", of="restore_absmax", hint=3)
def mean_scaled(q, scale, mean, outer):
    return ((q + mean) * _spread(scale, outer, q.numel())).clamp(min=0)


@mistake(
    "An absmax comes out below 0, where rounding went beyond it: all weights of the block change their signs. Cut off"
    " at 0.",
    of="restore_absmax",
    hint=3,
)
def not_cut_off(q, scale, mean, outer):
    return mean + q * _spread(scale, outer, q.numel())


@mistake(
    "You take the magnitude where an absmax comes out below 0. It was next to 0, so cut it off there.",
    of="restore_absmax",
    hint=3,
)
def magnitude_for_cut(q, scale, mean, outer):
    return (mean + q * _spread(scale, outer, q.numel())).abs()


@mistake(
    "You cut the deviations off at 0, not their sum with the mean: whatever lay below the mean is lost.",
    of="restore_absmax",
    hint=3,
)
def deviations_cut_off(q, scale, mean, outer):
    return mean + (q * _spread(scale, outer, q.numel())).clamp(min=0)


@mistake(
    "You repeat the scales in turn. The first `outer` codes all have the first scale.",
    of="restore_absmax",
    hint=4,
)
def outer_in_turn(q, scale, mean, outer):
    return (mean + q * scale.repeat(outer)[: q.numel()]).clamp(min=0)


@mistake(
    "`restore_absmax` fails where `outer` does not divide the number of codes: the last outer block is shorter.",
    of="restore_absmax",
    hint=4,
)
def outer_not_cut(q, scale, mean, outer):
    return (mean + q * scale.repeat_interleave(outer)).clamp(min=0)


# Mistakes: the weights.


@mistake(
    "`block` and `outer` are exchanged: `outer` absmax share a scale, `block` weights share an absmax.",
    of="dequant_double",
    hint=2,
)
def blocks_exchanged(codes, q, scale, mean, levels, block, outer):
    absmax = mean + q * scale[(torch.arange(q.numel()) // block).clamp(max=scale.numel() - 1)]
    places = (torch.arange(codes.numel()) // outer).clamp(max=q.numel() - 1)
    return (levels[codes.long()] * absmax.clamp(min=0)[places]).to(scale.dtype)


@mistake(
    "You multiply the levels by the 8-bit codes of the constants as they are. Restore the absmax first: scale and mean"
    " belong to it.",
    of="dequant_double",
    hint=1,
)
def codes_as_constants(codes, q, scale, mean, levels, block, outer):
    return (levels[codes.long()] * q.repeat_interleave(block)[: codes.numel()]).to(scale.dtype)


@mistake(
    "You repeat the absmax in turn. The first `block` weights all have the first one.",
    of="dequant_double",
    hint=4,
)
def absmax_in_turn(codes, q, scale, mean, levels, block, outer):
    absmax = restore_absmax(q, scale, mean, outer).repeat(block)[: codes.numel()]
    return (levels[codes.long()] * absmax).to(scale.dtype)


@mistake(
    "`dequant_double` fails where `block` does not divide n: the last block is shorter.",
    of="dequant_double",
    hint=4,
)
def absmax_not_cut(codes, q, scale, mean, levels, block, outer):
    absmax = restore_absmax(q, scale, mean, outer).repeat_interleave(block)
    return (levels[codes.long()] * absmax).to(scale.dtype)


@mistake(
    "You index with uint8: torch takes it for a mask of True and False. Convert the codes to int64 to look them up.",
    of="dequant_double",
    hint=4,
)
def codes_as_mask(codes, q, scale, mean, levels, block, outer):
    return levels[codes.bool()] * restore_absmax(q, scale, mean, outer).repeat_interleave(block)[: codes.numel()]


@mistake(
    "You add the mean to the weights instead of to the absmax. It is what the absmax were centred by: x̂ = (c̄ + scale ·"
    " q) · level.",
    of="dequant_double",
    hint=3,
)
def mean_added_to_weights(codes, q, scale, mean, levels, block, outer):
    deviation = (q * _spread(scale, outer, q.numel())).repeat_interleave(block)[: codes.numel()]
    return (levels[codes.long()] * deviation + mean).to(scale.dtype)


# Mistakes: counting.


@mistake("You count the bits wrong: the 32 bits of the mean are forgotten.", of="constant_bits", hint=3)
def mean_forgotten(n, block, outer):
    blocks = math.ceil(n / block)
    return 32 * blocks if outer is None else 8 * blocks + 32 * math.ceil(blocks / outer)


@mistake("You count the bits wrong: the scales of the outer blocks are forgotten.", of="constant_bits", hint=3)
def outer_forgotten(n, block, outer):
    blocks = math.ceil(n / block)
    return 32 * blocks if outer is None else 8 * blocks + 32


@mistake(
    "You count the bits wrong: only the constants of the second quantization, and not the 8 bits for each block.",
    of="constant_bits",
    hint=3,
)
def codes_forgotten(n, block, outer):
    blocks = math.ceil(n / block)
    return 32 * blocks if outer is None else 32 * math.ceil(blocks / outer) + 32


@mistake(
    "You count the bits wrong: the 32 bits of each absmax are still in. The 8-bit codes take their place.",
    of="constant_bits",
    hint=3,
)
def absmax_counted_too(n, block, outer):
    blocks = math.ceil(n / block)
    return 32 * blocks if outer is None else 40 * blocks + 32 * math.ceil(blocks / outer) + 32


@mistake(
    "You count the bits wrong: an outer block is made of `outer` blocks, not of `outer` weights.",
    of="constant_bits",
    hint=2,
)
def outer_of_weights(n, block, outer):
    blocks = math.ceil(n / block)
    return 32 * blocks if outer is None else 8 * blocks + 32 * math.ceil(n / outer) + 32


@mistake("You count whole blocks only: the last one, if shorter, has its constants as well.", of="constant_bits", hint=2)
def whole_blocks(n, block, outer):
    blocks = n // block
    return 32 * blocks if outer is None else 8 * blocks + 32 * (blocks // outer) + 32


@mistake("You count bytes; bits are asked for.", of="constant_bits", hint=3)
def in_bytes(n, block, outer):
    return constant_bits_by_lists(n, block, outer) // 8


@mistake("You give the bits for each weight. Asked for is the exact number for all n, an int.", of="constant_bits", hint=3)
def for_each_weight(n, block, outer):
    return constant_bits_by_lists(n, block, outer) / n


@mistake("You count the codes of the weights as well: 4 bits for each. Asked for are the constants alone.",
         of="constant_bits", hint=3)  # fmt: skip
def weights_counted(n, block, outer):
    return 4 * n + constant_bits_by_lists(n, block, outer)


# Other right solutions.


@alternative("an outer block at a time", of="compress_absmax")
def compress_by_loop(absmax, outer):
    mean = absmax.sum() / absmax.numel()
    q, scales = [], []
    for part in absmax.split(outer):
        deviation = part - mean
        scale = deviation.abs().max() / 127
        if scale == 0:
            scale = torch.ones_like(scale)
        q.append((deviation / scale).round().to(torch.int8))
        scales.append(scale)
    return torch.cat(q), torch.stack(scales), mean


@alternative("in float64, with an index of the outer block for each code", of="compress_absmax")
def compress_by_scatter(absmax, outer):
    wide = absmax.double()
    deviation = wide - wide.mean()
    owner = torch.arange(absmax.numel()) // outer
    largest = torch.zeros(int(owner[-1]) + 1, dtype=torch.float64).scatter_reduce(0, owner, deviation.abs(), "amax")
    scale = (largest / 127).masked_fill(largest == 0, 1.0)
    q = torch.round(deviation / scale[owner]).to(torch.int8)
    return q, scale.to(absmax.dtype), wide.mean().to(absmax.dtype)


@alternative("every code looks its scale up", of="restore_absmax")
def restore_by_index(q, scale, mean, outer):
    owner = torch.arange(q.numel()) // outer
    return torch.relu(torch.addcmul(mean.expand(q.numel()), q.to(scale.dtype), scale[owner]))


@alternative("a block of weights at a time", of="dequant_double")
def dequant_by_loop(codes, q, scale, mean, levels, block, outer):
    out = levels.to(scale.dtype)[codes.int()]
    for i, part in enumerate(out.split(block)):
        part *= (mean + scale[i // outer] * q[i]).clamp(min=0)
    return out


@alternative("the lengths of lists of all constants", of="constant_bits")
def constant_bits_by_lists(n, block, outer):
    blocks = len(range(0, n, block))
    if outer is None:
        return blocks * 32
    return blocks * 8 + len(range(0, blocks, outer)) * 32 + 32


@alternative("exact fractions, rounded up", of="constant_bits")
def constant_bits_by_fractions(n, block, outer):
    blocks = math.ceil(Fraction(n, block))
    return 32 * blocks if outer is None else 8 * (blocks + 4 * math.ceil(Fraction(blocks, outer)) + 4)


# More mistakes.


@mistake(
    "Your scales are made from the range of the deviations, largest minus smallest. The quantization is symmetric: the "
    "largest magnitude of the block gets the code 127, on whichever side it is.",
    of="compress_absmax",
    hint=3,
)
def scale_of_the_range(absmax, outer):
    deviations = absmax - absmax.mean()
    spans = torch.stack([part.max() - part.min() for part in deviations.split(outer)])
    scale = torch.where(spans > 0, spans / 2 / 127, 1.0)
    return torch.round(deviations / _spread(scale, outer, len(absmax))).to(torch.int8), scale, absmax.mean()


@mistake(
    "In `constant_bits` an outer scale counts 16 bits. It is a float32, of 32 bits.",
    of="constant_bits",
    hint=3,
)
def scales_of_16_bits(n, block, outer):
    blocks = math.ceil(n / block)
    return 32 * blocks if outer is None else 8 * blocks + 16 * math.ceil(blocks / outer) + 32
