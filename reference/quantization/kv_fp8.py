"""A key-value cache in int8 and FP8: the solution, known mistakes, other right solutions."""

import itertools
import math

import torch
from torch import Tensor

from grader.marks import alternative, mistake


def e4m3_encode(x: Tensor) -> Tensor:
    """Micikevicius et al. (2022), table 1, rounded half to even, saturating."""
    a = x.abs().clamp(max=448.0)
    e = torch.frexp(a.clamp(min=2.0**-6)).exponent - 1  # 2ᵉ ≤ a < 2ᵉ⁺¹; subnormal numbers share the smallest
    m = torch.round(a * 2.0 ** (3 - e))  # in steps of 2ᵉ⁻³: 8 … 16, below 2⁻⁶ fewer; 16 carries into E
    code = 8 * (e + 6) + m + 128 * x.signbit()
    return torch.where(x.isnan(), 127, code).to(torch.uint8)


def e4m3_decode(codes: Tensor) -> Tensor:
    """Micikevicius et al. (2022), table 1."""
    c = codes.to(torch.int32)
    S, E, M = c // 128, c // 8 % 16, c % 8
    x = torch.where(E == 0, M / 8 * 2.0**-6, (1 + M / 8) * 2.0 ** (E - 7))
    x = torch.where((E == 15) & (M == 7), torch.nan, x)
    return torch.where(S == 1, -x, x)


def quantize_kv(x: Tensor, kind: str) -> tuple[Tensor, Tensor]:
    """The largest magnitude of each vector gets the largest code."""
    largest = x.abs().amax(dim=-1, keepdim=True)
    scale = torch.where(largest > 0, largest / (127 if kind == "int8" else 448), 1.0)
    y = x / scale
    return torch.round(y).to(torch.int8) if kind == "int8" else e4m3_encode(y), scale


def dequantize_kv(codes: Tensor, scale: Tensor) -> Tensor:
    """x̂ = scale · code."""
    return scale * (e4m3_decode(codes) if codes.dtype == torch.uint8 else codes)


class QuantKVCache:
    """Holds the codes and scales of the keys, then those of the values."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.held: list[Tensor] = []

    def append(self, k: Tensor, v: Tensor) -> None:
        new = [*quantize_kv(k, self.kind), *quantize_kv(v, self.kind)]
        # The tokens are axis 2 of codes and scales alike.
        self.held = [torch.cat(pair, dim=2) for pair in zip(self.held, new, strict=True)] if self.held else new

    def read(self) -> tuple[Tensor, Tensor]:
        k_codes, k_scale, v_codes, v_scale = self.held
        return dequantize_kv(k_codes, k_scale), dequantize_kv(v_codes, v_scale)

    def attend(self, q: Tensor) -> Tensor:
        K, V = self.read()
        S = q @ K.mT / math.sqrt(q.shape[-1])
        return torch.softmax(S, dim=-1) @ V

    def nbytes(self) -> int:
        return sum(t.nbytes for t in self.held)


# For the mistakes.


def _encode(x, round_=torch.round, carry=True, negative=torch.signbit):
    """The codes, with one of its parts exchanged."""
    a = x.abs().clamp(max=448.0)
    e = torch.frexp(a.clamp(min=2.0**-6)).exponent - 1
    m = round_(a * 2.0 ** (3 - e))
    if carry:
        code = 8 * (e + 6) + m
    else:
        code = 8 * torch.where(a < 2.0**-6, 0, e + 7) + m % 8
    code = code + 128 * negative(x)
    return torch.where(x.isnan(), 127, code).to(torch.uint8)


def _decode(codes, bias=7):
    c = codes.to(torch.int32)
    E, M = c // 8 % 16, c % 8
    x = torch.where(E == 0, M / 8 * 2.0 ** (1 - bias), (1 + M / 8) * 2.0 ** (E - bias))
    x = torch.where(c % 128 == 127, torch.nan, x)
    return torch.where(c < 128, x, -x)


def _quantize(x, kind, largest, top=None, lowest=-127):
    """Codes for scales from `largest`, of any shape that goes with x."""
    scale = torch.where(largest > 0, largest / (top or (127 if kind == "int8" else 448)), 1.0)
    y = x / scale
    return torch.round(y).clamp(lowest, 127).to(torch.int8) if kind == "int8" else e4m3_encode(y), scale


# Mistakes: to E4M3.


@mistake(
    "Numbers below 2⁻⁶ become 0: you have no subnormal numbers. With E = 0 there are seven more steps of 1/512 each.",
    of="e4m3_encode",
    hint=2,
)
def no_subnormals(x):
    return _encode(torch.where(x.abs() < 2.0**-6, 0.0 * x, x))


@mistake(
    "Half-way between two numbers you go away from zero. It is the one with the even M: 17 becomes 16, 19 becomes 20.",
    of="e4m3_encode",
    hint=3,
)
def half_away_from_zero(x):
    return _encode(x, round_=lambda m: torch.floor(m + 0.5))


@mistake(
    "What is beyond 448 becomes NaN, or infinity. Here it saturates: ±448, so that one large number does not spoil all.",
    of="e4m3_encode",
    hint=2,
)
def nan_beyond_448(x):
    return torch.where(x.abs() > 448, 127, _encode(x))


@mistake(
    "The sign of -0.0 is lost: it becomes code 0. `x < 0` is false for it; its sign bit is set all the same (code 128).",
    of="e4m3_encode",
    hint=4,
)
def sign_of_zero_lost(x):
    return _encode(x, negative=lambda x: x < 0)


@mistake(
    "Your exponents are one too large: you encode with a bias of 8. It is 7, so that 1.0 has E = 7, code 56.",
    of="e4m3_encode",
    hint=3,
)
def bias_of_8(x):
    return _encode(2 * x)


@mistake(
    "The carry is lost: where the mantissa is rounded up to the next power of two, M becomes 0 and E has to grow by one"
    " (15.9 becomes 16, not 8).",
    of="e4m3_encode",
    hint=3,
)
def carry_lost(x):
    return _encode(x, carry=False)


# Mistakes: from E4M3.


@mistake("You decode with a bias of 8: all numbers are half as large. It is 7.", of="e4m3_decode", hint=3)
def decoded_with_bias_8(codes):
    return _decode(codes, bias=8)


@mistake(
    "You read E = 15 as in the larger floats, as infinity or NaN. E4M3 has no infinity: E = 15 gives the numbers 256 … "
    "448, and only M = 7 is NaN.",
    of="e4m3_decode",
    hint=2,
)
def infinity_at_the_top(codes):
    x = _decode(codes)
    x = torch.where(codes % 128 > 120, torch.nan, x)
    return torch.where(codes % 128 == 120, torch.copysign(torch.full_like(x, torch.inf), x), x)


# Mistakes: scales.


@mistake(
    "One scale for all of x: the largest number of any token and head takes the digits from all the others. Each vector "
    "has its own.",
    of="quantize_kv",
    hint=1,
)
def one_scale(x, kind):
    return _quantize(x, kind, x.abs().max())


@mistake(
    "Your maximum runs over the tokens, so that each column has a scale. It runs over the d numbers of a vector: each "
    "token has its own.",
    of="quantize_kv",
    hint=2,
)
def scale_over_tokens(x, kind):
    return _quantize(x, kind, x.abs().amax(dim=-2, keepdim=True))


@mistake(
    "Your int8 codes go to -128: the scale is max|x| / 128. It is / 127, the same on both sides of zero.",
    of="quantize_kv",
    hint=3,
)
def down_to_minus_128(x, kind):
    largest = x.abs().amax(dim=-1, keepdim=True)
    return _quantize(x, kind, largest, 128 if kind == "int8" else None, -128)


# Mistakes: the cache.


@mistake(
    "Your cache scales old tokens again: all tokens of a head share a scale, so that a large new one rounds the old ones "
    "a second time, more coarsely. Each keeps its codes and its scale.",
    of="QuantKVCache.append",
    hint=1,
)
def scaled_again(self, k, v):
    if self.held:
        k, v = (torch.cat(pair, dim=2) for pair in zip(self.read(), (k, v), strict=True))
    shared = [_quantize(x, self.kind, x.abs().amax(dim=(-2, -1), keepdim=True)) for x in (k, v)]
    self.held = [*shared[0], *shared[1]]


@mistake("Keys and values are exchanged in your cache.", of="QuantKVCache.append", hint=4)
def exchanged(self, k, v):
    new = [*quantize_kv(v, self.kind), *quantize_kv(k, self.kind)]
    self.held = [torch.cat(pair, dim=2) for pair in zip(self.held, new, strict=True)] if self.held else new


@mistake("You turn the values back with the scales of the keys. Each has its own.", of="QuantKVCache.read", hint=4)
def scales_of_the_keys(self):
    k_codes, k_scale, v_codes, _ = self.held
    return dequantize_kv(k_codes, k_scale), dequantize_kv(v_codes, k_scale)


@mistake("Your nbytes leaves out the scales: 4 bytes for each vector of keys and of values.", of="QuantKVCache.nbytes",
         hint=2)  # fmt: skip
def scales_not_counted(self):
    return sum(t.nbytes for t in self.held[::2])


# Other right solutions.


@alternative("the nearest number of a table", of="e4m3_encode")
def nearest_in_the_table(x):
    sizes = [M / 512 if E == 0 else (8 + M) * 2.0 ** (E - 10) for E in range(16) for M in range(8)]
    table = torch.tensor(sizes[:127], dtype=torch.float64)
    halves = (table[1:] + table[:-1]) / 2
    a = x.abs().double().contiguous()
    low, high = torch.searchsorted(halves, a), torch.searchsorted(halves, a, right=True)
    code = torch.where(low % 2 == 0, low, high)  # they differ half-way only
    return torch.where(x.isnan(), 127, code + 128 * x.signbit()).to(torch.uint8)


@alternative("from the bits of the float32", of="e4m3_encode")
def from_the_bits(x):
    bits = x.contiguous().view(torch.int32).to(torch.int64)
    size = bits & 0x7FFFFFFF
    normal = ((size + 0x7FFFF + (size >> 20 & 1)) >> 20) - 8 * (127 - 7)
    small = ((x.abs() + 2.0**14 - 2.0**14) * 512).nan_to_num().clamp(max=8).to(torch.int64)  # 2¹⁴ has steps of 1/512
    code = torch.where(x.abs() < 2.0**-6, small, normal.clamp(max=126))
    return torch.where(x.isnan(), 127, code | (bits >> 24 & 128)).to(torch.uint8)


@alternative("a table of all numbers", of="e4m3_decode")
def looked_up(codes):
    sizes = [M / 512 if E == 0 else (8 + M) * 2.0 ** (E - 10) for E in range(16) for M in range(8)]
    sizes[127] = math.nan
    return torch.tensor(sizes + [-size for size in sizes], dtype=torch.float32)[codes.long()]


@alternative("vector by vector", of="quantize_kv")
def vector_by_vector(x, kind):
    codes = torch.zeros(x.shape, dtype=torch.int8 if kind == "int8" else torch.uint8)
    scale = torch.ones(*x.shape[:-1], 1)
    for i in itertools.product(*map(range, x.shape[:-1])):
        largest = max(abs(number) for number in x[i].tolist())
        if largest:
            scale[i] = largest / {"int8": 127, "e4m3": 448}[kind]
        y = x[i] / scale[i]
        codes[i] = y.round().to(torch.int8) if kind == "int8" else e4m3_encode(y)
    return codes, scale


@alternative("a list of parts; the scales go to scores and weights", of="QuantKVCache")
class scales_last:
    def __init__(self, kind):
        self.kind, self.keys, self.values = kind, [], []

    def append(self, k, v):
        self.keys.append(quantize_kv(k, self.kind))
        self.values.append(quantize_kv(v, self.kind))

    def joined(self, parts):
        return [torch.cat(tensors, dim=2) for tensors in zip(*parts, strict=True)]

    def read(self):
        return tuple(dequantize_kv(*self.joined(parts)) for parts in (self.keys, self.values))

    def attend(self, q):
        (k_codes, k_scale), (v_codes, v_scale) = self.joined(self.keys), self.joined(self.values)
        one = torch.ones(1)
        S = torch.einsum("bhnd,bhtd->bhnt", q, dequantize_kv(k_codes, one)) * k_scale.mT / q.shape[-1] ** 0.5
        return (S.softmax(-1) * v_scale.mT) @ dequantize_kv(v_codes, one)

    def nbytes(self):
        return sum(t.numel() * t.element_size() for part in self.keys + self.values for t in part)
