"""E4M3 worked out from its definition in Python's fractions; scales, codes and attention by NumPy in float64.

Codes are compared exactly. Vectors are drawn again where a number lies within a thousandth of half-way between two codes
after its division by the scale, so that x / scale and x · (1 / scale) give the same codes. Scales and what is turned back:
the default, 1e-5 relative. Attention in float32 sums ten terms, and the exponential of scores up to 20 makes 1e-5 of their
rounding: 1e-4 relative and 1e-5 absolute, for values around 1. Where scores are huge, the best one leads by 100. Nothing
fails by chance.
"""

import math
from fractions import Fraction

import numpy as np
import torch

from grader.testing import assert_close, assert_equal, assert_unchanged

TOP = {"int8": 127, "e4m3": 448}
BATCH, HEADS, N, D_V, D_K = 2, 3, 4, 5, 6
PARTS = (7, 1, 2)  # tokens of three appends


def _number(code):
    """What a code of E4M3 stands for."""
    minus, E, M = code >= 128, code // 8 % 16, code % 8
    if (E, M) == (15, 7):
        return math.nan
    size = float(Fraction(M, 512) if E == 0 else (1 + Fraction(M, 8)) * Fraction(2) ** (E - 7))
    return -size if minus else size


TABLE = np.array([_number(code) for code in range(256)])
SIZES = TABLE[:127]  # 0 … 448
HALVES = (SIZES[1:] + SIZES[:-1]) / 2  # number i is half-way between code i and code i + 1


def _codes(y):
    """The nearest codes of float64 numbers."""
    size = np.abs(y)
    low = np.searchsorted(HALVES, size)
    half_way = (low < 126) & (HALVES[np.minimum(low, 125)] == size)
    code = low + (half_way & (low % 2 == 1)) + 128 * np.signbit(y)
    return np.where(np.isnan(y), 127, code).astype(np.uint8)


def _quantized(x, kind):
    """Codes, and scales in float64."""
    largest = np.abs(x).max(-1, keepdims=True)
    scale = np.where(largest > 0, largest / TOP[kind], 1.0)
    return np.rint(x / scale).astype(np.int8) if kind == "int8" else _codes(x / scale), scale


def _real(codes, scale):
    return scale * (codes if codes.dtype == np.int8 else TABLE[codes])


def _draw(rng, shape, kind, sizes=4.0, wide=None):
    """float32 vectors with largest magnitudes from e^-sizes to e^sizes, and no number near half-way."""
    d, wide = shape[-1], {"int8": 3.0, "e4m3": 14.0}[kind] if wide is None else wide
    x = np.zeros((math.prod(shape[:-1]), d), np.float32)
    again = np.arange(len(x))
    while len(again):
        drawn = rng.normal(size=(len(again), d)) * np.exp(-rng.uniform(0, wide, (len(again), d)))
        largest = np.exp(rng.uniform(-sizes, sizes, (len(again), 1)))
        x[again] = drawn / np.abs(drawn).max(-1, keepdims=True) * largest
        y = np.abs(x[again].astype(np.float64))
        y *= TOP[kind] / y.max(-1, keepdims=True)
        nearest = HALVES[np.clip(np.searchsorted(HALVES, y)[..., None] - [0, 1], 0, 125)]
        gap = np.abs(y % 1 - 0.5) if kind == "int8" else np.abs(y[..., None] / nearest - 1).min(-1)
        again = again[gap.min(-1) < 1e-3]
    return torch.from_numpy(x.reshape(shape))


def _float32(a):
    return torch.from_numpy(np.asarray(a, dtype=np.float32))


def _fits(found, right):
    return isinstance(found, torch.Tensor) and found.shape == right.shape and found.dtype == right.dtype


def _near(found, right, rtol=1e-5, atol=0.0):
    """Whether a tensor of the learner's and an array of ours are the same numbers."""
    if not isinstance(found, torch.Tensor) or tuple(found.shape) != right.shape:
        return False
    return np.allclose(found.double().numpy(), right, rtol, atol)


def _words(found, others, rtol=1e-5, atol=0.0):
    """What is known of a wrong result: the sentence beside the array that it equals."""
    return next((sentence for sentence, other in others.items() if _near(found, other, rtol, atol)), "")


def _assert_codes(found, x, what, why=""):
    """The codes of E4M3 of x; the first wrong one is told with the numbers."""
    a = x.double().numpy()
    right = torch.from_numpy(_codes(a))
    if _fits(found, right) and not torch.equal(found, right):
        i = tuple((found != right).nonzero()[0].tolist())
        mine, asked = int(found[i]), int(right[i])
        why = (
            f"x = {float(x[i]):.9g} has code {asked}, which is {TABLE[asked]:g}; you give {mine}, which is "
            f"{TABLE[mine]:g}. {why}"
        )
        below = np.searchsorted(SIZES, np.minimum(np.abs(a), 448), side="right") - 1
        if (found.numpy() % 128 == below).all() and not np.isin(np.abs(a), HALVES).all():
            why += " Yours is always the neighbour nearer to zero: you cut off instead of rounding."
    assert_equal(found, right, what=what, why=why)


def _assert_pair(found, call):
    good = isinstance(found, tuple | list) and len(found) == 2
    names = "(K̂, V̂)" if call == "read()" else "(codes, scale)"
    assert good, f"{call} has to return a tuple of two: {names}."


def test_decode(solution):
    """e4m3_decode: the numbers of all 256 codes"""
    found = solution.e4m3_decode(torch.arange(256).to(torch.uint8))
    right = _float32(TABLE)
    if _fits(found, right):
        parts = {
            "codes 8 to 119, E = 1 … 14": (slice(8, 120), "They are (1 + M / 8) · 2^(E - 7)."),
            "codes 0 to 7, E = 0": (slice(0, 8), "They are M / 8 · 2⁻⁶: no 1 in front, and the power of E = 1."),
            "codes 120 to 126, E = 15": (slice(120, 127), "They are numbers like the others: there is no infinity."),
            "code 127, E = 15 and M = 7": (slice(127, 128), "It is NaN."),
            "codes 128 to 255, with the sign": (slice(128, 256), "They are those of 0 to 127 with a minus."),
        }
        for name, (part, why) in parts.items():
            assert_equal(found[part], right[part], what=f"the numbers of {name}", why=why)
        assert bool(found[128].signbit()), "Code 128 is -0.0: its sign bit is set. Yours is +0.0."
        assert not bool(found[0].signbit()), "Code 0 is +0.0. Yours is -0.0."
    assert_equal(found, right, what="the numbers of all 256 codes")


def _assert_own_numbers(found, x):
    """`x` without the two NaN, in the order of the codes."""
    if _fits(found, x.to(torch.uint8)):
        zero = "-0.0 and 0.0 are told apart by the sign bit, not by x < 0."
        _assert_codes(found[8:120], x[8:120], "the codes of the numbers with E = 1 … 14")
        _assert_codes(found[1:8], x[1:8], "the codes of 1/512 … 7/512", "They have E = 0, and M counts 1/512.")
        _assert_codes(found[120:127], x[120:127], "the codes of 256 … 448", "They are numbers as others, with E = 15.")
        _assert_codes(found[128:], x[128:], "the codes of negative numbers", "The sign is the highest bit, worth 128.")
        _assert_codes(found[[0, 127]], x[[0, 127]], "the codes of 0.0 and -0.0", zero)
    _assert_codes(found, x, "the codes of the numbers of E4M3")


def test_encode_nearest(solution, rng):
    """e4m3_encode: a number of E4M3 gets its own code, any other that of the nearest"""
    own = _float32(np.delete(TABLE, [127, 255]))
    halves = HALVES.astype(np.float32)
    size = np.stack([
        np.nextafter(halves, np.float32(0)),
        np.nextafter(halves, np.float32(np.inf)),
        (SIZES[:-1] + np.diff(SIZES) * rng.uniform(0.02, 0.45, 126)).astype(np.float32),
        (SIZES[:-1] + np.diff(SIZES) * rng.uniform(0.55, 0.98, 126)).astype(np.float32),
    ])  # fmt: skip
    tiny = torch.tensor([1e-45, 1e-38, 1e-12, 1e-4, 9.7e-4])
    x, small = torch.from_numpy(np.stack([size, -size])), torch.stack([tiny, -tiny])
    of_own, found, of_small = (solution.e4m3_encode(given) for given in (own, x, small))
    _assert_own_numbers(of_own, own)
    if _fits(found, x.to(torch.uint8)):
        i = np.arange(126)
        carry = i % 8 == 7
        groups = {
            "numbers above 2⁻⁶, none next to a power of two": ((i >= 8) & ~carry, ""),
            "numbers just below a power of two": (carry, "Where M is rounded up to 8, E grows by one and M is 0."),
            "numbers below 2⁻⁶": (i < 8, "The steps there are 1/512, down to 0."),
        }
        for name, (chosen, why) in groups.items():
            chosen = torch.from_numpy(chosen)
            _assert_codes(found[..., chosen], x[..., chosen], f"the codes of {name}", why)
    _assert_codes(found, x, "the codes")
    why = "The nearest number is 0, and the sign stays: code 0 or 128."
    _assert_codes(of_small, small, "the codes of numbers below 1/1024", why)


def test_encode_half_way(solution):
    """Half-way between two neighbours it is the one with the even M"""
    x = torch.stack([_float32(HALVES), -_float32(HALVES)])
    found = solution.e4m3_encode(x)
    if _fits(found, x.to(torch.uint8)):
        why = "Both neighbours are as near; the even M is asked for, not the larger and not always the smaller."
        _assert_codes(found[:, 8:], x[:, 8:], "the codes of numbers half-way", why)
        _assert_codes(found[:, :8], x[:, :8], "the codes of numbers half-way, below 2⁻⁶", why)
    _assert_codes(found, x, "the codes of numbers half-way")


def test_encode_beyond(solution):
    """Beyond 448 the codes saturate, for infinity too; NaN stays NaN"""
    finite = torch.tensor([448.0, 448.1, 463.9, 464.0, 464.1, 480.0, 500.0, 1000.0, 65504.0, 3e38])
    nan = torch.tensor([math.nan, 1.0])
    finite, infinite = torch.stack([finite, -finite]), torch.tensor([math.inf, -math.inf])
    nan = torch.stack([nan, torch.copysign(nan, torch.tensor(-1.0))])
    found = [solution.e4m3_encode(x) for x in (finite, infinite, nan)]
    why = "It saturates: 448 is code 126, and -448 is 254."
    _assert_codes(found[0], finite, "the codes of numbers from 448 on", why)
    _assert_codes(found[1], infinite, "the codes of infinities", why)
    _assert_codes(found[2], nan, "the codes of NaN, and of 1.0 beside it", "NaN is code 127, whatever its sign.")


def _scale_words(scale, a, right, kind):
    top, largest = TOP[kind], np.abs(a).max(-1, keepdims=True)
    others = {
        "This is 1 / scale.": 1 / right,
        "These are the largest magnitudes, not divided by anything.": largest,
        "Each is rounded up to a power of two; it is the quotient as it is.": 2 ** np.ceil(np.log2(right)),
        "They are divided by 255, as if there were no sign.": largest / 255,
        "They are those of int8 for both kinds: for E4M3 it is / 448.": largest / 127,
        "They are those of E4M3 for both kinds: for int8 it is / 127.": largest / 448,
        "They stop at 240, but E4M3 goes to 448.": largest / 240,
        "All of x shares a scale: each vector has its own.": np.full_like(right, largest.max() / top),
    }
    if a.ndim == 4:
        others["The heads of a token share a scale: each has its own."] = np.repeat(
            largest.max(1, keepdims=True) / top, HEADS, 1
        )
        others["The tokens of a head share a scale: each has its own."] = np.repeat(
            largest.max(2, keepdims=True) / top, a.shape[2], 2
        )
    if _fits(scale, _float32(right)):
        added = (scale.double().numpy() - right).flat[right.argmin()]
        if added > 0 and (added > 1e-5 * right).sum() > 2 and _near(scale, right + added, 1e-6):
            return f"About {added:.2g} is added to each: the scale is the quotient as it is."
        signed = a.max(-1, keepdims=True) / top
        if _near(scale[torch.from_numpy(signed > 0)], signed[signed > 0]) and (signed != right)[signed > 0].any():
            return "They come from the largest number: it is the largest magnitude, |x|."
    return _words(scale, others) or f"It is max|x| / {top} over the {a.shape[-1]} numbers of each vector."


def _code_words(codes, a, scale):
    y = a / scale
    if codes.dtype == torch.int8 and tuple(codes.shape) == a.shape:
        inside = np.abs(y) < 126.5
        mine, y = codes.numpy()[inside], y[inside]
        if (mine == np.copysign(np.floor(np.abs(y) + 0.5), y)).all() or (mine == np.floor(y + 0.5)).all():
            return "Numbers half-way between two codes go to the even one, as `torch.round` has it."
        if (mine == np.trunc(y)).all():
            return "They are cut off towards zero: it is the nearest whole number."
        return "They are rounded down: it is the nearest whole number." if (mine == np.floor(y)).all() else ""
    others = {
        "They are those of x itself: it is divided by its scale first.": _codes(a),
        "They are those of x times its scale: it is divided.": _codes(a * scale),
        "x / scale is rounded to a whole number before it is encoded: E4M3 has its own steps.": _codes(np.rint(y)),
    }
    return _words(codes, others)


def test_quantize(solution, rng):
    """quantize_kv: each token of each head has its own scale, and codes by it"""
    cases = [(kind, _draw(rng, shape, kind)) for kind in TOP for shape in ((BATCH, HEADS, 7, D_V), (4, 9))]
    # The scales are 1, 1/4 and 4, so that nothing is rounded before the codes are.
    half_way = torch.tensor([[-127, 0.5, 1.5, 2.5, -0.5], [31.75, 0.125, -0.375, 0.875, -0.625], [508, 2, -6, 10, -2]])
    cases.append(("int8", half_way))
    found = [solution.quantize_kv(x, kind) for kind, x in cases]
    for (kind, x), pair in zip(cases, found, strict=True):
        case = f'for x of shape {tuple(x.shape)}, kind "{kind}"'
        _assert_pair(pair, "quantize_kv")
        (codes, scale), a = pair, x.double().numpy()
        right, right_scale = _quantized(a, kind)
        why = "" if _near(scale, right_scale) else _scale_words(scale, a, right_scale, kind)
        assert_close(scale, _float32(right_scale), atol=0.0, what=f"the scales {case}", why=why)
        why = "" if _near(codes, right) else _code_words(codes, a, right_scale)
        assert_equal(codes, torch.from_numpy(right), what=f"the codes {case}", why=why)


def test_zeros_and_sizes(solution, rng):
    """Vectors of zeros have the scale 1; tiny and huge ones lose nothing"""
    cases = {}
    for kind in TOP:
        x = _draw(rng, (5, 1, 4, D_K), kind, wide=3.0)
        x[1, 0, 2], x[4] = 0.0, 0.0
        x[2] *= 1e-25
        x[3] *= 1e25
        cases[kind] = x, solution.quantize_kv(x, kind)
    for kind, (x, pair) in cases.items():
        _assert_pair(pair, "quantize_kv")
        (codes, scale), a = pair, x.double().numpy()
        right, right_scale = _quantized(a, kind)
        if _fits(scale, _float32(right_scale)):
            why = "All numbers of these vectors are 0: no other scale, and no NaN."
            zero = torch.from_numpy((a == 0).all(-1))
            assert_equal(scale[zero], torch.ones(5, 1), what=f'the scales of vectors of zeros, kind "{kind}"', why=why)
            ratio = scale / _float32(right_scale)
            why = "The magnitudes go from 10⁻²⁷ to 10²⁷. Only zeros are special: nothing is added, nothing cut off."
            assert_close(ratio, torch.ones_like(ratio), what=f'the scales / the right ones, kind "{kind}"', why=why)
        assert_close(scale, _float32(right_scale), what=f'the scales, kind "{kind}"')
        why = "There are vectors of zeros, tiny ones and huge ones."
        assert_equal(codes, torch.from_numpy(right), what=f'the codes, kind "{kind}"', why=why)


def test_dequantize(solution, rng):
    """dequantize_kv: scale times code; what quantize_kv made comes back within half a step"""
    shape = (BATCH, HEADS, 7, D_K)
    of_kind = {
        "int8": rng.integers(-127, 128, shape).astype(np.int8),
        "e4m3": rng.choice(np.delete(np.arange(256), [127, 255]), shape).astype(np.uint8),
    }
    scale = np.exp(rng.uniform(-3, 3, (*shape[:-1], 1))).astype(np.float32)
    x = torch.from_numpy((rng.normal(size=shape) * np.exp(rng.uniform(-9, 0, shape))).astype(np.float32))
    found = {kind: solution.dequantize_kv(torch.from_numpy(c), torch.from_numpy(scale)) for kind, c in of_kind.items()}
    pairs = {kind: solution.quantize_kv(x, kind) for kind in TOP}
    for kind in TOP:
        _assert_pair(pairs[kind], "quantize_kv")
    back = {kind: solution.dequantize_kv(*pair) for kind, pair in pairs.items()}
    for kind, codes in of_kind.items():
        wide, right = scale.astype(np.float64), _real(codes, scale.astype(np.float64))
        others = {
            "The scale is missing.": _real(codes, 1.0),
            "The codes are divided by the scale: it is times.": _real(codes, 1 / wide),
            "The codes of E4M3 are taken as numbers from 0 to 255: they have to be decoded.": wide * codes,
            "The codes of int8 are decoded as if they were E4M3.": wide * TABLE[codes.astype(np.uint8)],
        }
        why = "" if _near(found[kind], right) else _words(found[kind], others)
        assert_close(found[kind], _float32(right), what=f'what codes of kind "{kind}" stand for', why=why)
    for kind, values in back.items():
        step = x.abs().amax(-1, keepdim=True) / TOP[kind]
        bound = step / 2 if kind == "int8" else torch.maximum(x.abs() / 16, step / 1024)
        assert_equal(tuple(values.shape), shape, what="the shape of x̂")
        far = ((values - x).abs() / bound).max()
        half = "scale / 2" if kind == "int8" else "a sixteenth of its own size (or scale / 1024)"
        assert far <= 1.0001, (
            f'Quantized and turned back, kind "{kind}", a number is off by {float(far):.3g} times half a step: rounding '
            f"to the nearest moves each number by {half} at the most."
        )


def _tokens(rng, kind, parts=PARTS, wide=2.0):
    """Keys and values for each append, d_k and d_v numbers wide."""
    return [[_draw(rng, (BATCH, HEADS, t, d), kind, 1.0, wide) for d in (D_K, D_V)] for t in parts]


def _joined(parts, which, count=None):
    return np.concatenate([part[which].double().numpy() for part in parts[:count]], axis=2)


def _after(x, kind):
    """x, quantized and turned back, in float64."""
    return _real(*_quantized(x, kind))


def _shared(x, kind, axes):
    """As `_quantized`, with a scale for all numbers along the axes."""
    scale = np.abs(x).max(axes, keepdims=True) / TOP[kind]
    return np.rint(x / scale).astype(np.int8) if kind == "int8" else _codes(x / scale), scale


def _read_words(found, kind, parts, elsewhere):
    """Of the keys or values that were read, after `parts` were added, and as many tokens as `elsewhere` to another cache."""
    x, turned = (np.concatenate(order, axis=2) for order in (parts, parts[::-1]))
    right = _after(x, kind)
    shape, tokens = tuple(getattr(found, "shape", ())), x.shape[2]
    if shape != right.shape:
        shared = elsewhere and len(shape) == 4 and shape[2] == tokens + elsewhere
        why = " Those of another cache, filled in turn, are in it too: caches share nothing." if shared else ""
        return f"This cache was given {tokens} tokens in all.{why}"
    others = {
        "New tokens come behind the old ones, not before them.": _after(turned, kind),
        "They are not quantized: what was added came back as it was.": x,
        "All of them share a scale: each token of each head has its own.": _real(*_shared(x, kind, None)),
        "The tokens of a head share a scale: each token has its own.": _real(*_shared(x, kind, (2, 3))),
        "The heads of a token share a scale: each head has its own.": _real(*_shared(x, kind, (1, 3))),
    }
    known = _words(found, others, 1e-5, 1e-7)
    first = parts[0].shape[2]
    if not known and len(parts) > 1 and _near(found[:, :, :first], right[:, :, :first], 1e-5, 1e-6):
        return "The tokens of the first append are right, later ones are not: they have scales and codes of their own."
    return known


def test_read(solution, rng):
    """The cache: all that was added, in its order, keys and values each by their own scales"""
    given = {kind: _tokens(rng, kind) for kind in TOP}
    caches = {kind: solution.QuantKVCache(kind) for kind in TOP}
    found = []
    for i in range(len(PARTS)):
        for kind, cache in caches.items():  # in turn: they share nothing
            cache.append(*given[kind][i])
            found.append((kind, i + 1, sum(PARTS[: i + (kind == "e4m3")]), cache.read()))
    for kind, count, elsewhere, pair in found:
        _assert_pair(pair, "read()")
        case = f'after appends of {", ".join(map(str, PARTS[:count]))} tokens, kind "{kind}"'
        for which, name in enumerate(("keys", "values")):
            parts = [part[which].double().numpy() for part in given[kind][:count]]
            right = _after(np.concatenate(parts, axis=2), kind)
            why = "" if _near(pair[which], right, 1e-5, 1e-6) else _read_words(pair[which], kind, parts, elsewhere)
            assert_close(pair[which], _float32(right), what=f"the {name} {case}", why=why)


def test_old_tokens(solution, rng):
    """What is in the cache stays as it is when larger or smaller tokens come"""
    found = []
    for kind in TOP:
        parts = _tokens(rng, kind, (3, 2, 4))
        for part, size in zip(parts, (1.0, 2.0**12, 2.0**-12), strict=True):
            part[:] = [t * size for t in part]
        cache, seen = solution.QuantKVCache(kind), []
        for k, v in parts:
            cache.append(k, v)
            seen.append(cache.read())
        found.append((kind, parts, seen, cache.read()))
    for kind, parts, seen, again in found:
        for pair in (*seen, again):
            _assert_pair(pair, "read()")
        for which, name in enumerate(("keys", "values")):
            first, second, third = (pair[which] for pair in seen)
            shapes = [tuple(t.shape[:3]) for t in (first, second, third)]
            assert_equal(shapes, [(BATCH, HEADS, t) for t in (3, 5, 9)], what=f"the shapes of the {name}")
            why = "Tokens 4096 times as large were added: the old ones keep their codes and their scales."
            assert_close(second[:, :, :3], first, what=f'the {name} of the first 3 tokens, kind "{kind}"', why=why)
            why = "They are 4096 times as large as those before: they have scales of their own, and are not cut off."
            x = parts[1][which].double().numpy()
            assert_close(second[:, :, 3:], _float32(_after(x, kind)), what=f"the {name} of the new tokens", why=why)
            why = "Much smaller tokens were added: the old ones keep their codes and their scales."
            assert_close(third[:, :, :5], second, what=f'the {name} of the first 5 tokens, kind "{kind}"', why=why)
            why = "They are tiny beside those before: they have scales of their own."
            x = parts[2][which].double().numpy() * 2.0**12
            found_tiny = third[:, :, 5:] * 2.0**12
            assert_close(found_tiny, _float32(_after(x, kind)), what=f"2¹² · the {name} of the new tokens", why=why)
            assert_equal(again[which], third, what=f"the {name} when they are read once more")


def _attended(q, K, V, root=None, keep=None, axis=-1):
    S = q @ K.swapaxes(-1, -2) / (math.sqrt(q.shape[-1]) if root is None else root)
    S = S if keep is None else np.where(keep, S, -np.inf)
    weights = np.exp(S - S.max(axis, keepdims=True))
    return weights / weights.sum(axis, keepdims=True) @ V


def _attend_words(y, q, k, v, kind, new):
    """Of a wrong result, where the last `new` tokens were added last."""
    (k_codes, k_scale), (v_codes, v_scale) = _quantized(k, kind), _quantized(v, kind)
    K, V = _real(k_codes, k_scale), _real(v_codes, v_scale)
    n, total = q.shape[2], K.shape[2]
    rows, columns = np.arange(n)[:, None], np.arange(total)
    others = {
        "The scores are not divided by √d_k.": _attended(q, K, V, 1.0),
        "The scores are divided by √d_v: it is √d_k, the width of q.": _attended(q, K, V, math.sqrt(D_V)),
        "The scores are divided by d_k: it is √d_k.": _attended(q, K, V, D_K),
        "The softmax runs over the queries: it runs over the tokens.": _attended(q, K, V, axis=-2),
        "Only the tokens of the last append are seen.": _attended(q, K[:, :, -new:], V[:, :, -new:]),
        "Keys and values are those that were added, not quantized.": _attended(q, k, v),
        "The values are not quantized.": _attended(q, K, v),
        "The keys are not quantized.": _attended(q, k, V),
        "The keys' scales are missing in the scores.": _attended(q, _real(k_codes, 1.0), V),
        "The values' scales are missing.": _attended(q, K, _real(v_codes, 1.0)),
    }
    for last in (total - n, 0):
        sentence = "Query i sees only the tokens up to its own place, {} + i (a causal mask): each sees all."
        others[sentence.format(last)] = _attended(q, K, V, keep=columns <= rows + last)
    return _words(y, others, 1e-4, 1e-5)


def test_attend(solution, rng):
    """attend: a softmax over all tokens of the cache, for each query by itself"""
    found = []
    for kind in TOP:
        parts = _tokens(rng, kind)
        cache = solution.QuantKVCache(kind)
        for count, (k, v) in enumerate(parts, start=1):
            cache.append(k, v)
            q = torch.from_numpy(rng.normal(size=(BATCH, HEADS, (N, 1, 8)[count - 1], D_K)).astype(np.float32))
            found.append((kind, count, parts, q, cache.attend(q)))
    for kind, count, parts, q, y in found:
        k, v, a = _joined(parts, 0, count), _joined(parts, 1, count), q.double().numpy()
        right = _attended(a, _after(k, kind), _after(v, kind))
        why = "" if _near(y, right, 1e-4, 1e-5) else _attend_words(y, a, k, v, kind, PARTS[count - 1])
        what = f'the result of {a.shape[2]} queries over {k.shape[2]} tokens, kind "{kind}"'
        assert_close(y, _float32(right), rtol=1e-4, atol=1e-5, what=what, why=why)


def test_attend_large_scores(solution, rng):
    """Huge scores in some rows overflow nowhere, and the cache stays as it was"""
    found = []
    for kind in TOP:
        parts = _tokens(rng, kind)
        K, V = (_after(_joined(parts, which), kind) for which in (0, 1))
        size = np.array([1.0, 3e4, 1.0, 1e5])[:, None]
        gap = 0.0
        while gap < 100:
            q = (rng.normal(size=(BATCH, HEADS, N, D_K)) * size).astype(np.float32)
            scores = np.sort(q.astype(np.float64) @ K.swapaxes(-1, -2) / math.sqrt(D_K))[:, :, [1, 3]]
            gap = (scores[..., -1] - scores[..., -2]).min()
        cache = solution.QuantKVCache(kind)
        for part in parts:
            cache.append(*part)
        before = cache.read()
        y = cache.attend(torch.from_numpy(q))
        found.append((kind, _float32(_attended(q.astype(np.float64), K, V)), y, before, cache.read()))
    for kind, right, y, before, after in found:
        why = "The scores of queries 1 and 3 are beyond ±10⁴: exp alone overflows."
        assert_close(y, right, rtol=1e-4, atol=1e-5, what=f'the result, kind "{kind}"', why=why)
        assert_equal(after, before, what="what read() gives after attend()", why="To attend adds and changes nothing.")


def test_nbytes(solution, rng):
    """nbytes: one byte for each code, four for each scale"""
    found = []
    for kind in TOP:
        cache = solution.QuantKVCache(kind)
        counts = [cache.nbytes()]
        for part in _tokens(rng, kind):
            cache.append(*part)
            counts.append(cache.nbytes())
        found.append((kind, counts))
    for kind, counts in found:
        for count, size in enumerate(counts):
            vectors = BATCH * HEADS * sum(PARTS[:count])
            right = vectors * (D_K + D_V + 8)
            assert isinstance(size, int), f"nbytes() gives {type(size).__name__}; an int is asked for."
            words = {
                vectors * (D_K + D_V): "The scales are left out.",
                8 * right: "These are bits; it is bytes.",
                4 * vectors * (D_K + D_V): "These are the bytes in float32: a code takes one.",
                4 * vectors * (D_K + D_V + 2): "Each code is counted with 4 bytes: it takes one.",
                vectors * (D_K + D_V + 4): "A scale of two bytes, or one for key and value together: it is 4 for each.",
                vectors * (D_K + D_V + 2): "These are the numbers of codes and scales: a scale takes 4 bytes.",
                vectors * (D_K + 4): "The values are left out.",
                vectors * (D_V + 4): "The keys are left out.",
                PARTS[count - 1] * BATCH * HEADS * (D_K + D_V + 8): "Only the tokens of the last append are counted.",
                vectors // (BATCH * HEADS) * (D_K + D_V + 8): "One text and head is counted: there are b · h.",
            }
            why = words.get(size, "") if size != right else ""
            tokens = sum(PARTS[:count])
            what = f"the bytes of {tokens} tokens, kind {kind}, b = {BATCH}, h = {HEADS}, d_k = {D_K}, d_v = {D_V}"
            assert_equal(size, right, what=what, why=why)


def test_example_of_the_statement(solution):
    """The example worked by hand comes out, step by step"""
    x = torch.tensor([0.3, 17.0, 19.0, 15.9, 0.005, 500.0, -0.0])
    codes = solution.e4m3_encode(x)
    back = solution.e4m3_decode(torch.tensor([42, 88, 90, 88, 3, 126, 229], dtype=torch.uint8))
    vectors = {"int8": torch.tensor([2.54, -1.013, 0.3]), "e4m3": torch.tensor([8.96, -1.02, 0.3])}
    pairs = {kind: solution.quantize_kv(vector, kind) for kind, vector in vectors.items()}
    cache = solution.QuantKVCache("int8")
    cache.append(vectors["int8"].reshape(1, 1, 1, 3), torch.tensor([0.5, -1.27]).reshape(1, 1, 1, 2))
    size, (keys, values), y = cache.nbytes(), cache.read(), cache.attend(torch.ones(1, 1, 1, 3))
    _assert_codes(codes, x, "the codes of the example")
    right = torch.tensor([0.3125, 16.0, 20.0, 16.0, 3 / 512, 448.0, -52.0])
    assert_equal(back, right, what="the numbers of the example")
    rights = {"int8": torch.tensor([127, -51, 15], dtype=torch.int8), "e4m3": torch.tensor([126, 229, 87]).byte()}
    for kind, pair in pairs.items():
        _assert_pair(pair, "quantize_kv")
        assert_equal(pair[0], rights[kind], what=f'the codes of the example, kind "{kind}"')
        assert_close(pair[1], torch.tensor([0.02]), what=f'the scale of the example, kind "{kind}"')
    assert_equal(size, 13, what="the bytes of the example")
    assert_close(keys, torch.tensor([[[[2.54, -1.02, 0.3]]]]), what="K̂ of the example")
    assert_close(values, torch.tensor([[[[0.5, -1.27]]]]), what="V̂ of one token")
    assert_close(y, torch.tensor([[[[0.5, -1.27]]]]), what="the result of one token: its value")


def test_shapes_and_layouts(solution, rng):
    """No new tokens, sizes of one, strided arguments; nothing is changed in place"""
    for shape in ((), (0, 3), (1, 1), (3, 1, 2)):
        x = torch.from_numpy(np.asarray(rng.uniform(-500, 500, shape), dtype=np.float32))
        codes = assert_unchanged(solution.e4m3_encode, x)
        _assert_codes(codes, x, f"the codes of x of shape {shape}")
        values = assert_unchanged(solution.e4m3_decode, codes)
        assert_equal(values, _float32(TABLE[codes.numpy()]), what=f"the numbers of codes of shape {shape}")
    for kind in TOP:
        for shape in ((D_K,), (1, 1, 1, 1), (2, 3, 0, 4), (5, 3)):
            x = _draw(rng, shape, kind).mT.contiguous().mT if len(shape) > 1 else _draw(rng, shape, kind)
            pair = assert_unchanged(solution.quantize_kv, x, kind)
            _assert_pair(pair, "quantize_kv")
            right, scale = _quantized(x.double().numpy(), kind)
            case = f'for x of shape {shape}, kind "{kind}"'
            assert_close(pair[1], _float32(scale), what=f"the scales {case}")
            assert_equal(pair[0], torch.from_numpy(right), what=f"the codes {case}")
            values = assert_unchanged(solution.dequantize_kv, torch.from_numpy(right), _float32(scale))
            assert_close(values, _float32(_real(right, scale)), what=f"x̂ {case}")
        parts = _tokens(rng, kind, (0, 2, 0, 5))
        cache = solution.QuantKVCache(kind)
        for part in parts:
            assert_unchanged(cache.append, *(t.mT.contiguous().mT for t in part))
        q = torch.from_numpy(rng.normal(size=(BATCH, HEADS, D_K, N)).astype(np.float32)).mT
        pair, y = cache.read(), assert_unchanged(cache.attend, q)
        _assert_pair(pair, "read()")
        K, V = (_after(_joined(parts, which), kind) for which in (0, 1))
        why = "Appends of 0, 2, 0 and 5 tokens."
        assert_close(pair[0], _float32(K), what=f'the keys, kind "{kind}"', why=why)
        assert_close(pair[1], _float32(V), what=f'the values, kind "{kind}"', why=why)
        right = _float32(_attended(q.double().numpy(), K, V))
        assert_close(y, right, rtol=1e-4, atol=1e-5, what=f'the result, kind "{kind}"', why=why)
        assert_equal(cache.nbytes(), BATCH * HEADS * 7 * (D_K + D_V + 8), what="nbytes()", why=why)
