"""NF4, blocks and packing: the solution, known mistakes, other right solutions."""

import math
from statistics import NormalDist

import torch
from torch import Tensor
from torch.nn import functional as F

from grader.marks import alternative, mistake


def nf4_levels() -> Tensor:
    """Dettmers et al. (2023), section 3: quantiles of N(0, 1), 8 above 0 and 7 below, scaled to [-1, 1]."""
    delta = 1 - (1 / 30 + 1 / 32) / 2
    above = torch.special.ndtri(torch.linspace(delta, 0.5, 9, dtype=torch.float64))[:-1]
    below = -torch.special.ndtri(torch.linspace(delta, 0.5, 8, dtype=torch.float64))[:-1]
    levels = torch.cat([below, above.new_zeros(1), above.flip(0)])
    return (levels / levels.max()).to(torch.float32)


def quantize_blocks(x: Tensor, levels: Tensor, block: int) -> tuple[Tensor, Tensor]:
    """Dettmers et al. (2023), section 2: blockwise, each block divided by its absolute maximum."""
    n = x.numel()
    count = math.ceil(n / block)
    blocks = F.pad(x.reshape(-1), (0, count * block - n)).reshape(count, block)
    absmax = blocks.abs().amax(1)
    unit = blocks / torch.where(absmax > 0, absmax, 1.0)[:, None]
    codes = (unit[:, :, None] - levels).abs().argmin(2)
    return codes.reshape(-1)[:n].to(torch.uint8), absmax


def dequant_blocks(codes: Tensor, absmax: Tensor, levels: Tensor, block: int) -> Tensor:
    """Every level times the absmax of its block."""
    scale = absmax.repeat_interleave(block)[: codes.numel()]
    return (levels[codes.long()] * scale).to(absmax.dtype)


def pack(codes: Tensor) -> Tensor:
    """The even places into the high halves, the odd ones into the low halves."""
    even = F.pad(codes, (0, codes.numel() % 2))
    return even[0::2] * 16 + even[1::2]


def unpack(packed: Tensor, n: int) -> Tensor:
    """High half, low half, high half, low half, …"""
    return torch.stack([packed // 16, packed % 16], 1).reshape(-1)[:n]


# For the mistakes.

DELTA = 1 - (1 / 30 + 1 / 32) / 2


def _side(count, delta=DELTA):
    """Quantiles above 0, the largest first."""
    return torch.special.ndtri(torch.linspace(delta, 0.5, count + 1, dtype=torch.float64))[:-1]


def _made(*parts, scaled=True):
    levels = torch.cat(parts).sort().values
    return (levels / levels.abs().max() if scaled else levels).to(torch.float32)


def _nearest(unit, levels):
    return (unit[..., None] - levels).abs().argmin(-1)


def _blocks(x, block):
    flat = x.reshape(-1)
    return F.pad(flat, (0, -flat.numel() % block)).reshape(-1, block)


def _steps(x, levels, block, *, absmax=lambda blocks: blocks.abs().amax(1), codes=_nearest, guard=True):
    blocks = _blocks(x, block)
    m = absmax(blocks)
    unit = blocks / (torch.where(m != 0, m, 1.0) if guard else m)[:, None]
    return codes(unit, levels).reshape(-1)[: x.numel()].to(torch.uint8), m


ZERO = torch.zeros(1, dtype=torch.float64)


# Mistakes: the levels.


@mistake(
    "Your levels are evenly spaced. NF4's are quantiles of the normal distribution: close together about 0, far apart"
    " at the ends.",
    of="nf4_levels",
    hint=1,
)
def uniform_levels():
    return torch.linspace(-1, 1, 16)


@mistake(
    "There is no 0 among your levels: both sides have eight. A weight of 0 (padding, pruning) has to stay 0, so the"
    " side below has only seven.",
    of="nf4_levels",
    hint=2,
)
def no_zero():
    return _made(_side(8), -_side(8))


@mistake(
    "The sides are exchanged: you have eight levels below 0 and seven above. It is the other way round.",
    of="nf4_levels",
    hint=2,
)
def sides_exchanged():
    return _made(_side(7), -_side(8), ZERO)


@mistake(
    "Your levels have 0 twice, or lose one: p = 1/2 gives Φ⁻¹ = 0 on either side. Leave it out on both, with 9 and 8"
    " values of p, and put 0 in once.",
    of="nf4_levels",
    hint=3,
)
def zero_twice():
    return _made(_side(7), -_side(7), ZERO, ZERO)


@mistake(
    "You do not divide by the largest level: yours reach to Φ⁻¹(δ) ≈ 1.85, not to 1, and the scale of a block is its"
    " absmax.",
    of="nf4_levels",
    hint=3,
)
def not_divided():
    return _made(_side(8), -_side(7), ZERO, scaled=False)


@mistake("Your δ is 1 - 1/30: it is the mean of 1 - 1/30 and 1 - 1/32.", of="nf4_levels", hint=3)
def delta_of_30():
    return _made(_side(8, 1 - 1 / 30), -_side(7, 1 - 1 / 30), ZERO)


@mistake("Your δ is 1 - 1/32: it is the mean of 1 - 1/30 and 1 - 1/32.", of="nf4_levels", hint=3)
def delta_of_32():
    return _made(_side(8, 1 - 1 / 32), -_side(7, 1 - 1 / 32), ZERO)


@mistake(
    "You take the quantiles as they stand: Φ⁻¹ of p evenly spaced over the whole line, one side the mirror of the other"
    " and nothing at 0. Here the two sides are made apart, with 8 and 7 levels, and 0 between them.",
    of="nf4_levels",
    hint=1,
)
def one_sweep():
    return _made(torch.special.ndtri(torch.linspace(1 - DELTA, DELTA, 16, dtype=torch.float64)))


@mistake(
    "Your levels are not sorted: the code of a level is its place from the smallest, -1, to the largest, 1.",
    of="nf4_levels",
    hint=2,
)
def not_sorted():
    levels = torch.cat([-_side(7), ZERO, _side(8)])
    return (levels / levels.max()).to(torch.float32)


@mistake("Your levels are float64. They are stored and used as float32.", of="nf4_levels", hint=2)
def levels_in_float64():
    levels = torch.cat([_side(8), -_side(7), ZERO]).sort().values
    return levels / levels.max()


# Mistakes: blocks and codes.


@mistake(
    "You take the next level at or above x / absmax (as `searchsorted` and `bucketize` do), not the nearest: all is"
    " rounded up. Compare with the middles between the levels, or with the distances.",
    of="quantize_blocks",
    hint=3,
)
def next_above(x, levels, block):
    return _steps(x, levels, block, codes=lambda unit, levels: torch.searchsorted(levels.to(unit.dtype), unit))


@mistake(
    "You take the next level below x / absmax, not the nearest: all is rounded down.",
    of="quantize_blocks",
    hint=3,
)
def next_below(x, levels, block):
    def codes(unit, levels):
        return (torch.searchsorted(levels.to(unit.dtype), unit, right=True) - 1).clamp(min=0)

    return _steps(x, levels, block, codes=codes)


@mistake(
    "You round x / absmax to an even grid and take no notice of where the levels lie. The code is the index of the"
    " nearest level.",
    of="quantize_blocks",
    hint=3,
)
def even_grid(x, levels, block):
    return _steps(x, levels, block, codes=lambda unit, levels: ((unit + 1) * 7.5).round())


@mistake(
    "Blocks over the wrong axis: you lay x flat column after column. The blocks are cut from x row after row.",
    of="quantize_blocks",
    hint=2,
)
def columns_first(x, levels, block):
    codes, absmax = _steps(x.permute(*reversed(range(x.dim()))), levels, block)
    turned = codes.reshape(tuple(reversed(x.shape)))
    return turned.permute(*reversed(range(x.dim()))).reshape(-1), absmax


@mistake(
    "Your blocks begin anew in each row. They are cut from x laid flat, and may reach from one row into the next.",
    of="quantize_blocks",
    hint=2,
)
def blocks_within_rows(x, levels, block):
    rows = x.reshape(-1, x.shape[-1]) if x.dim() else x.reshape(1, 1)
    done = [_steps(row, levels, block) for row in rows]
    return torch.cat([codes for codes, _ in done]), torch.cat([m for _, m in done])


@mistake(
    "All your blocks have the same absmax, that of the whole tensor. Each has its own: that is what blocks are for.",
    of="quantize_blocks",
    hint=1,
)
def one_absmax(x, levels, block):
    return _steps(x, levels, block, absmax=lambda blocks: blocks.abs().amax().expand(blocks.shape[0]).clone())


@mistake(
    "You take the largest x of a block, not the largest |x|: where the negative numbers are larger, they fall below -1.",
    of="quantize_blocks",
    hint=3,
)
def block_without_abs(x, levels, block):
    return _steps(x, levels, block, absmax=lambda blocks: blocks.amax(1))


@mistake(
    "A block of zeros gets 0 / 0, and from it the code of some other level. Its codes are those of the level 0.",
    of="quantize_blocks",
    hint=4,
)
def zero_block(x, levels, block):
    return _steps(x, levels, block, guard=False)


@mistake(
    "A block of zeros gets an absmax that is not 0. Divide by something else there, but what you return is its largest"
    " magnitude, 0.",
    of="quantize_blocks",
    hint=4,
)
def zero_block_absmax(x, levels, block):
    return _steps(x, levels, block, absmax=lambda b: torch.where(b.any(1), b.abs().amax(1), 1.0))


@mistake(
    "You fail where `block` does not divide the number of values: the last block is then shorter.",
    of="quantize_blocks",
    hint=2,
)
def block_has_to_divide(x, levels, block):
    return _steps(x.reshape(-1, block), levels, block)


@mistake(
    "You keep the codes of the zeros with which you filled up the last block. There are as many codes as numbers in x.",
    of="quantize_blocks",
    hint=4,
)
def filling_kept(x, levels, block):
    return _steps(F.pad(x.reshape(-1), (0, -x.numel() % block)), levels, block)


@mistake(
    "Your codes have the dtype int64, as argmin and searchsorted give them: eight bytes for four bits. They are uint8.",
    of="quantize_blocks",
    hint=2,
)
def codes_in_int64(x, levels, block):
    codes, absmax = _steps(x, levels, block)
    return codes.long(), absmax


@mistake("Your codes have the shape of x. They are flat, (n,), ready to be packed.", of="quantize_blocks", hint=2)
def codes_shaped(x, levels, block):
    codes, absmax = _steps(x, levels, block)
    return codes.reshape(x.shape), absmax


# Mistakes: back to numbers.


@mistake(
    "You index with uint8: torch takes it for a mask of True and False. Convert the codes to int64 to look them up.",
    of="dequant_blocks",
    hint=4,
)
def codes_as_mask(codes, absmax, levels, block):
    return levels[codes.bool()] * absmax.repeat_interleave(block)[: codes.numel()]


@mistake(
    "You repeat the absmax of the blocks in turn. The first `block` numbers all have the first one.",
    of="dequant_blocks",
    hint=4,
)
def absmax_in_turn(codes, absmax, levels, block):
    return (levels[codes.long()] * absmax.repeat(block)[: codes.numel()]).to(absmax.dtype)


@mistake(
    "`dequant_blocks` fails where `block` does not divide n: the last block is shorter.",
    of="dequant_blocks",
    hint=4,
)
def absmax_not_cut(codes, absmax, levels, block):
    return (levels[codes.long()] * absmax.repeat_interleave(block)).to(absmax.dtype)


@mistake("`dequant_blocks` divides by absmax; it multiplies.", of="dequant_blocks", hint=3)
def divided_by_absmax(codes, absmax, levels, block):
    return (levels[codes.long()] / absmax.repeat_interleave(block)[: codes.numel()]).to(absmax.dtype)


@mistake(
    "`dequant_blocks` reads the codes as an even grid, and takes no notice of the levels.",
    of="dequant_blocks",
    hint=3,
)
def even_values(codes, absmax, levels, block):
    unit = codes.to(absmax.dtype) / 7.5 - 1
    return unit * absmax.repeat_interleave(block)[: codes.numel()]


@mistake("`dequant_blocks` leaves absmax out: it gives the levels alone.", of="dequant_blocks", hint=3)
def absmax_left_out(codes, absmax, levels, block):
    return levels[codes.long()].to(absmax.dtype)


@mistake("`dequant_blocks` gives float32 for an absmax in float64. The values have its dtype.", of="dequant_blocks", hint=2)
def values_in_float32(codes, absmax, levels, block):
    return (levels[codes.long()] * absmax.repeat_interleave(block)[: codes.numel()]).float()


# Mistakes: packing.


@mistake(
    "The nibble order is turned round in `pack`: the first of two codes goes into the high four bits, [1, 2] becomes"
    " 0x12.",
    of="pack",
    hint=4,
)
def low_half_first(codes):
    even = F.pad(codes, (0, codes.numel() % 2))
    return even[1::2] * 16 + even[0::2]


@mistake(
    "`pack` pairs the first half of the codes with the second half. It pairs neighbours: 0 with 1, 2 with 3.",
    of="pack",
    hint=4,
)
def halves_paired(codes):
    even = F.pad(codes, (0, codes.numel() % 2))
    half = even.numel() // 2
    return even[:half] * 16 + even[half:]


@mistake("`pack` loses the last code where their number is odd.", of="pack", hint=4)
def odd_code_lost(codes):
    whole = codes[: codes.numel() // 2 * 2]
    return whole[0::2] * 16 + whole[1::2]


@mistake("`pack` fails where the number of codes is odd: the last one is then alone in its byte.", of="pack", hint=4)
def odd_raises(codes):
    return codes[0::2] * 16 + codes[1::2]


@mistake(
    "Where the number of codes is odd, `pack` puts the last one into the low half of its byte. It is the first of its"
    " pair, so it goes into the high half.",
    of="pack",
    hint=4,
)
def odd_code_low(codes):
    if codes.numel() % 2 == 0:
        return codes[0::2] * 16 + codes[1::2]
    return torch.cat([codes[0:-1:2] * 16 + codes[1::2], codes[-1:]])


@mistake("`pack` does not pack: it keeps one code for each byte.", of="pack", hint=1)
def not_packed(codes):
    return codes.clone()


@mistake("`pack` gives a wider dtype than uint8: the bytes saved are lost again.", of="pack", hint=2)
def packed_wide(codes):
    even = F.pad(codes, (0, codes.numel() % 2)).to(torch.int32)
    return even[0::2] * 16 + even[1::2]


@mistake(
    "The nibble order is turned round in `unpack`: the high four bits hold the first code of the two.",
    of="unpack",
    hint=4,
)
def low_half_read_first(packed, n):
    return torch.stack([packed % 16, packed // 16], 1).reshape(-1)[:n]


@mistake(
    "`unpack` gives all high halves and then all low ones. The two codes of a byte are neighbours.",
    of="unpack",
    hint=4,
)
def halves_appended(packed, n):
    return torch.cat([packed // 16, packed % 16])[:n]


@mistake("`unpack` takes no notice of n: an odd number of codes gets one too many.", of="unpack", hint=4)
def n_ignored(packed, n):
    return torch.stack([packed // 16, packed % 16], 1).reshape(-1)


@mistake("`unpack` does not clear the high half before it reads the low one.", of="unpack", hint=4)
def low_half_not_masked(packed, n):
    return torch.stack([packed // 16, packed], 1).reshape(-1)[:n]


# Other right solutions.


@alternative("quantiles from the standard library, one by one", of="nf4_levels")
def levels_by_loop():
    quantile = NormalDist().inv_cdf
    top = quantile(DELTA)
    above = [quantile(DELTA + (0.5 - DELTA) * i / 8) / top for i in range(8)]
    below = [-quantile(DELTA + (0.5 - DELTA) * i / 7) / top for i in range(7)]
    return torch.tensor(sorted([*above, 0.0, *below]))


@alternative("the inverse of the error function, in float32", of="nf4_levels")
def levels_by_erfinv():
    above = torch.erfinv(2 * torch.linspace(0.5, DELTA, 9) - 1)
    below = torch.erfinv(2 * torch.linspace(0.5, DELTA, 8) - 1)
    return torch.cat([-below.flip(0) / below[-1], above[1:] / above[-1]])


@alternative("counting the middles between levels that lie below", of="quantize_blocks")
def quantize_by_middles(x, levels, block):
    middles = (levels[1:] + levels[:-1]).to(x.dtype) / 2
    codes, absmax = [], []
    for part in x.reshape(-1).split(block):
        m = part.abs().max()
        codes.append(torch.bucketize(part / m if m > 0 else part, middles).to(torch.uint8))
        absmax.append(m)
    return torch.cat(codes), torch.stack(absmax)


@alternative("plain Python, a number at a time", of="quantize_blocks")
def quantize_by_loop(x, levels, block):
    values, grid = x.reshape(-1).tolist(), levels.tolist()
    codes, absmax = [], []
    for start in range(0, len(values), block):
        part = values[start : start + block]
        m = max(abs(v) for v in part)
        absmax.append(m)
        codes += [min(range(16), key=lambda i, v=v: abs(v / (m or 1.0) - grid[i])) for v in part]
    return torch.tensor(codes, dtype=torch.uint8), torch.tensor(absmax, dtype=x.dtype)


@alternative("every number finds its block by its place", of="dequant_blocks")
def dequant_by_index(codes, absmax, levels, block):
    return absmax[torch.arange(codes.numel()) // block] * levels.to(absmax.dtype).index_select(0, codes.int())


@alternative("shifts and a bitwise or", of="pack")
def pack_by_shifts(codes):
    out = torch.zeros((codes.numel() + 1) // 2, dtype=torch.uint8)
    out |= codes[0::2] << 4
    out[: codes.numel() // 2] |= codes[1::2]
    return out


@alternative("shifts and a mask, written into their places", of="unpack")
def unpack_by_shifts(packed, n):
    out = torch.empty(2 * packed.numel(), dtype=torch.uint8)
    out[0::2] = packed >> 4
    out[1::2] = packed & 0x0F
    return out[:n]


# More mistakes: the levels.


@mistake(
    "Your levels are the means of neighbouring ones of 17 quantiles, as the paper's equation has it: 0 is none of "
    "them. NF4 takes the two sides apart, 7 levels below 0 and 8 above, so that 0 is exact.",
    of="nf4_levels",
    hint=2,
)
def means_of_17_quantiles():
    quantiles = torch.special.ndtri(torch.linspace(1 - DELTA, DELTA, 17, dtype=torch.float64))
    levels = (quantiles[1:] + quantiles[:-1]) / 2
    return (levels / levels[-1]).to(torch.float32)
