"""Affine quantization: the solution, known mistakes, other right solutions."""

import torch
from torch import Tensor

from grader.marks import alternative, mistake


def quantize(x: Tensor, bits: int, sym: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Jacob et al. (2017), section 2.1 and 3: real = S (q - Z), with a range that contains 0."""
    if sym:
        q_max = 2 ** (bits - 1) - 1
        q_min, dtype = -q_max, torch.int8
    else:
        q_min, q_max, dtype = 0, 2**bits - 1, torch.uint8
    if not (x != 0).any():  # all zero, or empty
        return torch.zeros_like(x, dtype=dtype), x.new_ones(()), torch.zeros((), dtype=torch.int32)
    if sym:
        S, Z = x.abs().max() / q_max, x.new_zeros(())
    else:
        lo, hi = x.min().clamp(max=0), x.max().clamp(min=0)
        S = (hi - lo) / q_max
        Z = torch.round(-lo / S)
    q = torch.clamp(torch.round(x / S) + Z, q_min, q_max)
    return q.to(dtype), S, Z.to(torch.int32)


def dequant(q: Tensor, scale: Tensor, zero_point: Tensor) -> Tensor:
    """Jacob et al. (2017), equation 1: real = S (q - Z). In int32, since uint8 wraps below 0."""
    return scale * (q.to(torch.int32) - zero_point)


_right = quantize  # for the mistakes that are right in part: one of them may stand in the place of `quantize`


# A quantizer whose steps can be changed one by one, for the mistakes.


def _range(x, sym):
    if sym:
        m = x.abs().max()
        return -m, m
    return x.min().clamp(max=0), x.max().clamp(min=0)


def _limits(bits, sym):
    return (-(2 ** (bits - 1) - 1), 2 ** (bits - 1) - 1) if sym else (0, 2**bits - 1)


def _codes(x, S, Z, q_min, q_max):
    return torch.clamp(torch.round(x / S) + Z, q_min, q_max)


def _steps(x, bits, sym, *, range_=_range, zero=torch.round, codes=_codes, guarded=True, z_dtype=torch.int32):
    q_min, q_max = _limits(bits, sym)
    dtype = torch.int8 if sym else torch.uint8
    if x.numel() == 0 or (guarded and not (x != 0).any()):
        return torch.zeros_like(x, dtype=dtype), x.new_ones(()), torch.zeros((), dtype=z_dtype)
    lo, hi = range_(x, sym)
    S = (hi - lo) / (q_max - q_min)
    Z = x.new_zeros(()) if sym else zero(-lo / S)
    return codes(x, S, Z, q_min, q_max).to(torch.int64).to(dtype), S, Z.to(z_dtype)


def _plain_range(x, bits, zero):
    """From min to max; a range of length 0, so any constant, gets the scale 1."""
    if x.numel() == 0:
        return _right(x, bits, False)
    lo, hi = x.min(), x.max()
    S = (hi - lo) / (2**bits - 1) if hi > lo else torch.ones_like(hi)
    Z = zero(-lo / S)
    return _codes(x, S, Z, 0, 2**bits - 1).to(torch.uint8), S, Z.to(torch.int32)


def _symmetric(x, S, q_min, q_max):
    return torch.clamp(torch.round(x / S), q_min, q_max).to(torch.int8), S, torch.zeros((), dtype=torch.int32)


# Mistakes: rounding.


@mistake(
    "You cut the fraction off instead of rounding (a cast to an integer dtype does that): the error is "
    "up to a whole step, where rounding leaves half a step.",
    of="quantize",
    hint=3,
)
def truncates(x, bits, sym):
    return _steps(x, bits, sym, codes=lambda x, S, Z, lo, hi: torch.clamp(torch.trunc(x / S) + Z, lo, hi))


@mistake(
    "You round down (floor) instead of to the nearest integer: the error is up to a whole step, and "
    "always to the same side.",
    of="quantize",
    hint=3,
)
def floors(x, bits, sym):
    return _steps(x, bits, sym, codes=lambda x, S, Z, lo, hi: torch.clamp(torch.floor(x / S) + Z, lo, hi))


@mistake(
    "You round half-way cases up (floor(x + 0.5)). Here they go to the even integer, as `torch.round` "
    "does it: 0.5 → 0, 2.5 → 2.",
    of="quantize",
    hint=3,
)
def rounds_half_up(x, bits, sym):
    def codes(x, S, Z, lo, hi):
        return torch.clamp(torch.floor(x / S + 0.5) + Z, lo, hi)

    return _steps(x, bits, sym, codes=codes, zero=lambda z: torch.floor(z + 0.5))


@mistake(
    "You round after adding the zero point. With an odd zero point half-way cases then go to the other "
    "neighbour; here x / scale is rounded first and the zero point added to the integer.",
    of="quantize",
    hint=3,
)
def rounds_the_sum(x, bits, sym):
    return _steps(x, bits, sym, codes=lambda x, S, Z, lo, hi: torch.clamp(torch.round(x / S + Z), lo, hi))


@mistake(
    "Your zero point is not rounded to an integer. The codes are then rounded with it, so that no code "
    "stands for 0 exactly; it has to be an integer, in int32.",
    of="quantize",
    hint=3,
)
def zero_point_not_rounded(x, bits, sym):
    def codes(x, S, Z, lo, hi):
        return torch.clamp(torch.round(x / S + Z), lo, hi)

    return _steps(x, bits, sym, zero=lambda z: z, codes=codes, z_dtype=x.dtype)


@mistake(
    "Your zero point is cut off to an integer, not rounded: a cast to int32 drops the fraction. Round "
    "-lo / scale first.",
    of="quantize",
    hint=3,
)
def zero_point_truncated(x, bits, sym):
    return _steps(x, bits, sym, zero=torch.trunc)


# Mistakes: the range and the scale.


@mistake(
    "Your zero point is not clamped, because your range does not contain 0: for an all-positive or "
    "all-negative tensor it lies outside the codes, and 0 has no code of its own. Take lo = min(x, 0) "
    "and hi = max(x, 0).",
    of="quantize",
    hint=1,
)
def zero_point_not_clamped(x, bits, sym):
    return _right(x, bits, sym) if sym else _plain_range(x, bits, torch.round)


@mistake(
    "Your range does not contain 0, and your zero point is clamped to the codes afterwards: for an "
    "all-positive or all-negative tensor most values then fall outside the grid. Take lo = min(x, 0) and"
    " hi = max(x, 0) before the scale.",
    of="quantize",
    hint=1,
)
def range_without_zero(x, bits, sym):
    return _right(x, bits, sym) if sym else _plain_range(x, bits, lambda z: torch.round(z).clamp(0, 2**bits - 1))


@mistake(
    "You divide the range by 2ᵇ. There are 2ᵇ codes but only 2ᵇ - 1 steps between the first and the "
    "last, and the scale is the length of a step.",
    of="quantize",
    hint=3,
)
def one_step_too_many(x, bits, sym):
    if sym:
        return _right(x, bits, sym)

    def range_(x, sym):
        lo, hi = _range(x, sym)
        share = (2**bits - 1) / 2**bits
        return lo * share, hi * share

    return _steps(x, bits, sym, range_=range_)


@mistake(
    "-128 in symmetric mode (or -2ᵇ⁻¹ for b bits): you use the whole range of the integers. The "
    "symmetric codes are -(2ᵇ⁻¹ - 1) … 2ᵇ⁻¹ - 1, as many below 0 as above, and the scale is m / (2ᵇ⁻¹ - "
    "1).",
    of="quantize",
    hint=2,
)
def symmetric_with_128(x, bits, sym):
    if not sym or not (x != 0).any():
        return _right(x, bits, sym)
    half = 2 ** (bits - 1)
    return _symmetric(x, x.abs().max() / half, -half, half - 1)


@mistake(
    "Your symmetric scale is the whole range 2 m or max - min over 2ᵇ - 1 steps. That belongs to the "
    "asymmetric map; here m / (2ᵇ⁻¹ - 1), so that m itself gets the last code.",
    of="quantize",
    hint=3,
)
def symmetric_over_all_steps(x, bits, sym):
    if not sym or not (x != 0).any():
        return _right(x, bits, sym)
    q_max = 2 ** (bits - 1) - 1
    return _symmetric(x, 2 * x.abs().max() / (2**bits - 1), -q_max, q_max)


@mistake(
    "In symmetric mode you take the largest x, not the largest |x|: where the negative numbers are "
    "larger they are clamped, and an all-negative tensor gets a negative scale.",
    of="quantize",
    hint=2,
)
def symmetric_without_abs(x, bits, sym):
    if not sym or not (x != 0).any():
        return _right(x, bits, sym)
    q_max = 2 ** (bits - 1) - 1
    return _symmetric(x, x.max() / q_max, -q_max, q_max)


@mistake(
    "The scale becomes 0 for a tensor of zeros, and x / scale NaN. There the scale is 1.",
    of="quantize",
    hint=4,
)
def scale_zero(x, bits, sym):
    return _steps(x, bits, sym, guarded=False)


@mistake(
    "The scale becomes 0 for a tensor of zeros, and the zero point 0 / 0, which is no number. There the "
    "scale is 1, and the zero point 0.",
    of="quantize",
    hint=4,
)
def scale_zero_raises(x, bits, sym):
    if x.numel() and not x.any() and not sym:
        int(x.new_tensor(torch.nan))  # what turning the zero point into an int does
    return scale_zero(x, bits, sym)


@mistake(
    "You give every constant tensor the scale 1, so that 0.3 becomes 0. Only where all of x is 0 is the "
    "scale 1: the range contains 0, so that a constant c ≠ 0 has the range from 0 to c.",
    of="quantize",
    hint=1,
)
def constant_gets_scale_one(x, bits, sym):
    if not x.numel() or x.min() != x.max():
        return _right(x, bits, sym)
    return _constant(x, bits, sym, x.new_ones(()))


def _constant(x, bits, sym, S):
    q_min, q_max = _limits(bits, sym)
    Z = x.new_zeros(()) if sym else torch.round(-x.min().clamp(max=0) / S).clamp(q_min, q_max)
    return _codes(x, S, Z, q_min, q_max).to(torch.int8 if sym else torch.uint8), S, Z.to(torch.int32)


@mistake(
    "You fail on an empty tensor: it has no smallest or largest entry, and `min()` raises. An empty x "
    "gives empty codes, scale 1 and zero point 0.",
    of="quantize",
    hint=4,
)
def empty_raises(x, bits, sym):
    x.max()
    return _right(x, bits, sym)


# Mistakes: the codes.


@mistake(
    "Your codes are not clamped before they become uint8: where x / scale and the zero point are both rounded up their sum is 2ᵇ,"
    " which wraps round to 0 in uint8, so that the largest number becomes the smallest.",
    of="quantize",
    hint=4,
)
def not_clamped(x, bits, sym):
    return _steps(x, bits, sym, codes=lambda x, S, Z, lo, hi: torch.round(x / S) + Z)


@mistake(
    "Your asymmetric codes are signed (-2ᵇ⁻¹ … 2ᵇ⁻¹ - 1, int8). Some libraries do so; here they are 0 … "
    "2ᵇ - 1 in uint8.",
    of="quantize",
    hint=2,
)
def asymmetric_signed(x, bits, sym):
    q, S, Z = _right(x, bits, sym)
    half = 2 ** (bits - 1)
    if sym or not (x != 0).any():
        return q, S, Z
    return (q.to(torch.int32) - half).to(torch.int8), S, Z - half


@mistake(
    "You take no notice of `bits`: the codes always have 8.",
    of="quantize",
    hint=2,
)
def always_8_bits(x, bits, sym):
    return _right(x, 8, sym)


@mistake(
    "`sym` is taken the wrong way round: sym=True is the symmetric map with int8 codes and zero point 0.",
    of="quantize",
    hint=2,
)
def sym_inverted(x, bits, sym):
    return _right(x, bits, not sym)


@mistake(
    "You have the sign of the zero point turned round in `quantize`: it is round(-lo / scale), the code "
    "of 0, and it is added.",
    of="quantize",
    hint=3,
)
def zero_point_negative(x, bits, sym):
    q, S, Z = _right(x, bits, sym)
    return q, S, -Z


@mistake(
    "Your scale is one over the scale: you multiply x by it. The scale is the length of a step in x: x /"
    " scale is rounded, and dequant multiplies by it.",
    of="quantize",
    hint=3,
)
def scale_inverted(x, bits, sym):
    q, S, Z = _right(x, bits, sym)
    return q, 1 / S, Z


@mistake(
    "Your zero point is int64 (so are `torch.tensor(3)` and `.long()`). The number is right; the "
    "statement asks for int32, the dtype of the sums it is used in.",
    of="quantize",
    hint=2,
)
def zero_point_in_int64(x, bits, sym):
    q, S, Z = _right(x, bits, sym)
    return q, S, Z.to(torch.int64)


@mistake(
    "Your zero point has the dtype of x. It is a code, a whole number: int32.",
    of="quantize",
    hint=2,
)
def zero_point_as_float(x, bits, sym):
    q, S, Z = _right(x, bits, sym)
    return q, S, Z.to(x.dtype)


# Mistakes: dequant.


@mistake(
    "Unsigned wrap: you subtract the zero point in uint8, where 3 - 5 is 254. A zero-dimensional int32 "
    "does not widen the codes; convert them to int32 or to float first.",
    of="dequant",
    hint=4,
)
def unsigned_wrap(q, scale, zero_point):
    return scale * (q - zero_point)


@mistake(
    "`dequant` adds the zero point. It was added in `quantize`, so here it is subtracted.",
    of="dequant",
    hint=3,
)
def adds_zero_point(q, scale, zero_point):
    return scale * (q.to(torch.int32) + zero_point)


@mistake(
    "`dequant` multiplies the code by the scale before it subtracts the zero point. The zero point is a "
    "code: first q - zero_point, then times scale.",
    of="dequant",
    hint=3,
)
def scales_first(q, scale, zero_point):
    return scale * q - zero_point


@mistake(
    "`dequant` leaves the zero point out: x̂ = scale · (q - zero_point).",
    of="dequant",
    hint=3,
)
def zero_point_left_out(q, scale, zero_point):
    return scale * q


@mistake(
    "`dequant` divides by the scale. The code was x / scale, so the value is the scale times it.",
    of="dequant",
    hint=3,
)
def divides(q, scale, zero_point):
    return (q.to(torch.int32) - zero_point) / scale


@mistake(
    "`dequant` gives float32 whatever the scale is. The values have the dtype of the scale.",
    of="dequant",
    hint=2,
)
def values_in_float32(q, scale, zero_point):
    return (scale * (q.to(torch.int32) - zero_point)).float()


# Other right solutions.


@alternative("a loop over plain Python numbers", of="quantize")
def quantize_by_loop(x, bits, sym):
    q_max = 2 ** (bits - 1) - 1 if sym else 2**bits - 1
    q_min = -q_max if sym else 0
    values = x.reshape(-1).tolist()
    hi = max((abs(v) if sym else v for v in values), default=0.0)
    lo = 0.0 if sym else min([*values, 0.0])
    hi = max(hi, 0.0)
    scale = (hi - lo) / q_max or 1.0
    zero = round(-lo / scale)
    codes = [min(max(round(v / scale) + zero, q_min), q_max) for v in values]
    q = torch.tensor(codes, dtype=torch.int8 if sym else torch.uint8).reshape(x.shape)
    return q, torch.tensor(scale, dtype=x.dtype), torch.tensor(zero, dtype=torch.int32)


@alternative("in float64, with the reciprocal of the scale", of="quantize")
def quantize_by_reciprocal(x, bits, sym):
    wide = torch.cat([x.double().reshape(-1), torch.zeros(1, dtype=torch.float64)])
    lo, hi = wide.aminmax()
    top = 2 ** (bits - 1) - 1 if sym else 2**bits - 1
    span = torch.maximum(hi, -lo) if sym else hi - lo
    inverse = top / span if span > 0 else span.new_ones(())
    Z = torch.round(-lo * inverse) * (not sym)
    q = ((x * inverse).round() + Z).clamp(-top if sym else 0, top)
    return q.to(torch.int8 if sym else torch.uint8), (1 / inverse).to(x.dtype), Z.to(torch.int32)


@alternative("codes as floats of the scale's dtype", of="dequant")
def dequant_in_float(q, scale, zero_point):
    return (q.to(scale.dtype) - zero_point) * scale


@alternative("a table of all values, indexed by the code", of="dequant")
def dequant_by_table(q, scale, zero_point):
    table = torch.arange(-128, 256).to(scale.dtype).sub(zero_point).mul(scale)
    return table[q.long() + 128]


# More mistakes.


@mistake(
    "An entry of 0 gets the code 0, because you add the zero point only where x is not 0. The code that stands for 0 "
    "is the zero point itself: it is added to every entry.",
    of="quantize",
    hint=3,
)
def zeros_not_shifted(x, bits, sym):
    return _steps(x, bits, sym, codes=lambda x, S, Z, lo, hi: torch.clamp(torch.round(x / S) + Z * (x != 0), lo, hi))


@mistake(
    "You add a small number to the scale, against dividing by zero. The scale is exactly the range over the number of "
    "steps; only a tensor of zeros needs care, by itself.",
    of="quantize",
    hint=4,
)
def epsilon_in_scale(x, bits, sym):
    if not (x != 0).any():
        return _right(x, bits, sym)
    (lo, hi), (q_min, q_max) = _range(x, sym), _limits(bits, sym)
    S = (hi - lo) / (q_max - q_min) + 1e-6
    Z = x.new_zeros(()) if sym else torch.round(-lo / S)
    return _codes(x, S, Z, q_min, q_max).to(torch.int8 if sym else torch.uint8), S, Z.to(torch.int32)


@mistake(
    "For an all-positive tensor your range reaches as far below 0 as its smallest entry lies above. It only has to "
    "contain 0, so there it begins with 0.",
    of="quantize",
    hint=1,
)
def low_end_mirrored(x, bits, sym):
    def range_(x, sym):
        return _range(x, sym) if sym else (-x.min().abs(), x.max().clamp(min=0))

    return _steps(x, bits, sym, range_=range_)


@mistake(
    "You take lo off x and round then, so your zero point has no part in the codes, and 0 falls between two of them. "
    "Round x / scale, and add the zero point to the integer.",
    of="quantize",
    hint=3,
)
def shifted_before_scaling(x, bits, sym):
    def codes(x, S, Z, lo, hi):
        return _codes(x, S, Z, lo, hi) if sym else torch.clamp(torch.round((x - x.min().clamp(max=0)) / S), lo, hi)

    return _steps(x, bits, sym, codes=codes)


@mistake(
    "In symmetric mode you take the magnitude of the largest x, not the largest magnitude: where the negative numbers "
    "are larger they are clamped. First |x|, then the maximum.",
    of="quantize",
    hint=2,
)
def symmetric_abs_of_max(x, bits, sym):
    if not sym or not (x != 0).any():
        return _right(x, bits, sym)
    q_max = 2 ** (bits - 1) - 1
    return _symmetric(x, x.max().abs() / q_max, -q_max, q_max)


@mistake(
    "`dequant` reads the codes as int8. The asymmetric ones are uint8: those from 128 on become negative. Go to int32 "
    "at once.",
    of="dequant",
    hint=4,
)
def codes_read_as_int8(q, scale, zero_point):
    return scale * (q.to(torch.int8).to(torch.int32) - zero_point)
