"""Affine quantization against codes that were planted.

Codes and zero points are compared exactly. So that this is fair to every right way of computing them
(dividing by the scale, multiplying by its reciprocal, in float32 or float64), random inputs are made from
codes, x = scale · (code + u) with |u| ≤ 0.45, and so is -lo / scale: no rounding error of 1e-7 turns one
code into its neighbour. Half-way cases are made of powers of two, which divide exactly. Scales and values
have the default tolerances (float32 1e-5 relative, float64 1e-9); the bound |x - x̂| ≤ scale / 2 is
widened by 1e-4 of a step for the rounding of x itself. No check depends on chance.
"""

import torch

from grader.testing import Mismatch, assert_close, assert_equal, assert_unchanged

MARGIN = 0.45


def _uniform(rng, low, high, shape=()):
    return torch.from_numpy(rng.uniform(low, high, shape))


def _asymmetric(rng, shape, bits, zero_point, dtype=torch.float32):
    """Random x, the codes it must get, and its scale. -lo / scale is no integer."""
    top = 2**bits - 1
    scale, off = _uniform(rng, 0.01, 0.1), _uniform(rng, 0.1, 0.4)
    codes = torch.from_numpy(rng.integers(1, top, shape))
    x = codes - zero_point + _uniform(rng, -MARGIN, MARGIN, shape)
    flat, planted = x.reshape(-1), codes.reshape(-1)
    flat[0], planted[0] = -(zero_point + off), 0
    flat[-1], planted[-1] = top - zero_point - off, top
    return (scale * x).to(dtype), codes.to(torch.uint8), scale.to(dtype)


def _symmetric(rng, shape, bits, dtype=torch.float32):
    """The same for the symmetric map; the largest magnitude is negative."""
    top = 2 ** (bits - 1) - 1
    scale = _uniform(rng, 0.01, 0.1)
    codes = torch.from_numpy(rng.integers(-top + 1, top, shape))
    x = codes + _uniform(rng, -MARGIN, MARGIN, shape)
    flat, planted = x.reshape(-1), codes.reshape(-1)
    flat[0], planted[0] = -top, -top
    flat[1], planted[1] = top - 1, top - 1
    return (scale * x).to(dtype), codes.to(torch.int8), scale.to(dtype)


def _int32(number):
    return torch.tensor(number, dtype=torch.int32)


def _quantize(solution, x, bits, sym):
    """What quantize returned, once it is three things."""
    found = solution.quantize(x, bits, sym)
    if not isinstance(found, tuple | list) or len(found) != 3:
        raise Mismatch("quantize has to return three things: the codes, the scale and the zero point.")
    return found


def _assert_parts(found, q, scale, zero_point, case):
    """Compare (q, scale, zero_point), the grid first: where it is off, so are all codes."""
    assert_close(found[1], scale, what=f"the scale of {case}")
    assert_equal(found[2], _int32(zero_point), what=f"the zero point of {case}")
    assert_equal(found[0], q, what=f"the codes of {case}")


def test_asymmetric_codes(solution, rng):
    """Asymmetric: codes 0 to 2ᵇ - 1 in uint8, scale and zero point as in the statement"""
    cases = [(8, 100, (6, 9)), (4, 5, (4, 7)), (3, 6, (11,))]
    made = [(bits, zero, *_asymmetric(rng, shape, bits, zero)) for bits, zero, shape in cases]
    found = [_quantize(solution, x, bits, False) for bits, _, x, _, _ in made]
    for (bits, zero, _, q, scale), parts in zip(made, found, strict=True):
        _assert_parts(parts, q, scale, zero, f"a tensor quantized to {bits} bits, asymmetric")


def test_symmetric_codes(solution, rng):
    """Symmetric: codes from -(2ᵇ⁻¹ - 1) to 2ᵇ⁻¹ - 1 in int8, zero point 0"""
    made = [(bits, *_symmetric(rng, shape, bits)) for bits, shape in ((8, (6, 9)), (5, (4, 7)), (3, (11,)))]
    found = [_quantize(solution, x, bits, True) for bits, x, _, _ in made]
    for (bits, _, q, scale), parts in zip(made, found, strict=True):
        _assert_parts(parts, q, scale, 0, f"a tensor quantized to {bits} bits, symmetric")


def test_dequant_of_every_code(solution):
    """Every code gives scale · (code - zero point), codes below the zero point too"""
    scale = torch.tensor(0.375)
    for dtype, first, last, zero in ((torch.uint8, 0, 255, 77), (torch.int8, -127, 127, 0)):
        codes = torch.arange(first, last + 1)
        found = solution.dequant(codes.to(dtype), scale, _int32(zero))
        what = f"x̂ of the {dtype} codes {first} to {last}, scale 0.375, zero point {zero}"
        assert_close(found, 0.375 * (codes - zero).to(torch.float32), what=what)


def test_example_of_the_statement(solution):
    """The example worked by hand comes out, there and back"""
    x = torch.tensor([-0.25, 0.0, 0.375, 3.5])
    worked = (
        (False, torch.uint8, [0, 1, 3, 15], 0.25, 1, [-0.25, 0.0, 0.5, 3.5]),
        (True, torch.int8, [0, 0, 1, 7], 0.5, 0, [0.0, 0.0, 0.5, 3.5]),
    )
    for sym, dtype, codes, scale, zero, values in worked:
        q, step, zero_point = _quantize(solution, x, 4, sym)
        back = solution.dequant(torch.tensor(codes, dtype=dtype), torch.tensor(scale), _int32(zero))
        case = f"the example, sym={sym}"
        right = torch.tensor(codes, dtype=dtype)
        _assert_parts((q, step, zero_point), right, torch.tensor(scale), zero, case)
        assert_close(back, torch.tensor(values), what=f"x̂ of {case}")


def test_half_way_cases_go_to_the_even_code(solution):
    """x / scale half-way between two integers goes to the even one, before the zero point is added"""
    steps = torch.tensor([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5])
    even = torch.tensor([-2, -2, 0, 0, 2, 2, 4])
    # The ends make the scale exactly 1/4. The zero point is odd, so that rounding after adding it differs.
    for sym, ends, zero, dtype in ((False, (-7, 248), 7, torch.uint8), (True, (-127, 127), 0, torch.int8)):
        x = 0.25 * torch.cat([steps, torch.tensor(ends, dtype=torch.float32)])
        q = torch.cat([even, torch.tensor(ends)]).add(zero).to(dtype)
        found = _quantize(solution, x, 8, sym)
        _assert_parts(found, q, torch.tensor(0.25), zero, f"half-way cases, sym={sym}")


def test_sum_of_roundings_is_clamped(solution):
    """Where x / scale and the zero point are both rounded up, the code is clamped and does not wrap"""
    for bits, low, high, scale, zero in ((8, -153.5, 101.5, 1.0, 154), (4, -3.75, 3.75, 0.5, 8)):
        found = _quantize(solution, torch.tensor([low, 0.0, high]), bits, False)
        q = torch.tensor([0, zero, 2**bits - 1], dtype=torch.uint8)
        _assert_parts(found, q, torch.tensor(scale), zero, f"[{low}, 0, {high}] to {bits} bits, asymmetric")


def _positive(rng):
    """An all-positive x to 8 bits asymmetric, its codes and its scale; the zero point is 0."""
    scale = _uniform(rng, 0.01, 0.1)
    codes = torch.from_numpy(rng.integers(90, 255, (5, 3)))
    x = codes + _uniform(rng, -MARGIN, MARGIN, (5, 3))
    codes[0, 0] = x[0, 0] = 255
    return (scale * x).to(torch.float32), codes.to(torch.uint8), scale.to(torch.float32)


def test_ranges_on_one_side_of_zero(solution, rng):
    """All-positive and all-negative tensors: the range still contains 0"""
    x, codes, scale = _positive(rng)
    above, below = _quantize(solution, x, 8, False), _quantize(solution, -x, 8, False)
    symmetric = _quantize(solution, -x, 8, True)
    _assert_parts(above, codes, scale, 0, "an all-positive tensor")
    _assert_parts(below, 255 - codes, scale, 255, "an all-negative tensor")
    assert_close(symmetric[1], x.max() / 127, what="the symmetric scale of an all-negative tensor")


def test_constant_tensors(solution, rng):
    """A tensor of one value keeps that value"""
    # An all-positive one that is not constant first: two things wrong are told one by one.
    x, codes, scale = _positive(rng)
    _assert_parts(_quantize(solution, x, 8, False), codes, scale, 0, "an all-positive tensor, not constant")
    for value, shape in ((0.3, (2, 3)), (-4.5, (7,)), (70.0, ())):
        x = torch.full(shape, value)
        for sym in (False, True):
            q, scale, zero = _quantize(solution, x, 8, sym)
            top = 127 if sym else 255
            code = (-127 if value < 0 else 127) if sym else (0 if value < 0 else 255)
            expected = torch.full(shape, code, dtype=torch.int8 if sym else torch.uint8)
            right = 255 if value < 0 and not sym else 0
            case = f"a tensor of nothing but {value}, sym={sym}"
            _assert_parts((q, scale, zero), expected, torch.tensor(abs(value) / top), right, case)
            back = solution.dequant(expected, scale, _int32(right))
            assert_close(back, x, what=f"x̂ of {case}")


def test_all_zero_and_empty(solution, rng):
    """Where all of x is 0, or x is empty, the scale is 1 and the zero point 0"""
    # The plain case first: two things wrong are told one by one.
    x, codes, scale = _asymmetric(rng, (20,), 8, 99)
    _assert_parts(_quantize(solution, x, 8, False), codes, scale, 99, "a tensor that is neither zero nor empty")
    x, codes, scale = _symmetric(rng, (20,), 8)
    _assert_parts(_quantize(solution, x, 8, True), codes, scale, 0, "a tensor that is neither zero nor empty, sym=True")
    for sym, dtype in ((False, torch.uint8), (True, torch.int8)):
        for shape in ((3, 2), (), (0,), (2, 0, 3)):
            found = _quantize(solution, torch.zeros(shape), 8, sym)
            case = f"zeros of shape {shape}, sym={sym}"
            _assert_parts(found, torch.zeros(shape, dtype=dtype), torch.tensor(1.0), 0, case)
            back = solution.dequant(torch.zeros(shape, dtype=dtype), torch.tensor(1.0), _int32(0))
            assert_equal(back, torch.zeros(shape), what=f"x̂ of {case}")


def test_tiny_values(solution, rng):
    """Values of 10⁻¹² have a grid like all others"""
    for sym in (False, True):
        x, codes, scale = _symmetric(rng, (20,), 8) if sym else _asymmetric(rng, (20,), 8, 99)
        parts = _quantize(solution, 2.0**-40 * x, 8, sym)
        zero, case = 0 if sym else 99, f"a tensor of tiny values, sym={sym}"
        back = solution.dequant(codes, 2.0**-40 * scale, _int32(zero))
        why = f"The largest magnitude is {float(x.abs().max()) * 2.0**-40:.2g}: small, but not 0."
        assert_close(parts[1], 2.0**-40 * scale, atol=0.0, what=f"the scale of {case}", why=why)
        assert_equal(parts[2], _int32(zero), what=f"the zero point of {case}", why=why)
        assert_equal(parts[0], codes, what=f"the codes of {case}", why=why)
        expected = 2.0**-40 * scale * (codes.to(torch.int32) - zero)
        assert_close(back, expected, atol=0.0, what=f"x̂ of {case}", why=why)


def test_error_is_at_most_half_a_step(solution, rng):
    """There and back, every value is off by half a step at the most, and 0 not at all"""
    for bits in range(2, 9):
        for sym in (False, True):
            top = 2 ** (bits - 1) - 1 if sym else 2**bits - 1
            zero = 0 if sym else top // 3 + 1
            x = _symmetric(rng, (40,), bits)[0] if sym else _asymmetric(rng, (40,), bits, zero)[0]
            x[7] = 0.0
            q, scale, zero_point = _quantize(solution, x, bits, sym)
            back = solution.dequant(q, scale, zero_point)
            case = f"({bits} bits, sym={sym})"
            step = float(x.abs().max() if sym else x.max() - x.min()) / top
            assert_close(scale, torch.tensor(step), what=f"the scale {case}")
            assert_equal(back[7], torch.tensor(0.0), what=f"x̂ of x = 0 {case}", why="0 has a code of its own.")
            why = f"Allowed is half a step, {step / 2:.4g}."
            assert_close(back, x, rtol=0.0, atol=step * (0.5 + 1e-4), what=f"x̂ {case}", why=why)


def test_quantizing_again_changes_nothing(solution, rng):
    """Quantizing x̂ gives the same codes and x̂ again"""
    for sym in (False, True):
        x, codes, _ = _symmetric(rng, (30,), 8) if sym else _asymmetric(rng, (30,), 8, 61)
        q, scale, zero = _quantize(solution, x, 8, sym)
        back = solution.dequant(q, scale, zero)
        again = _quantize(solution, back, 8, sym)
        assert_equal(q, codes, what=f"the codes of x, sym={sym}")
        assert_equal(again[0], codes, what=f"the codes of x̂, sym={sym}")
        assert_close(solution.dequant(*again), back, what=f"x̂ of x̂, sym={sym}")


def test_dtypes_shapes_and_layouts(solution, rng):
    """float64 stays float64; any shape and memory layout; nothing is changed in place"""
    x, q, scale = _asymmetric(rng, (3, 1, 8), 8, 30, torch.float64)
    _quantize(solution, x, 8, False)
    found = assert_unchanged(solution.quantize, x, 8, False)
    back = assert_unchanged(solution.dequant, q, scale, _int32(30))
    _assert_parts(found, q, scale, 30, "a float64 tensor")
    assert_close(back, scale * (q.to(torch.int64) - 30), what="x̂ of codes with a float64 scale")

    x, q, scale = _symmetric(rng, (7, 5), 6)
    found = assert_unchanged(solution.quantize, x.T, 6, True)
    values = assert_unchanged(solution.dequant, q.T, scale, _int32(0))
    _assert_parts(found, q.T, scale, 0, "a transposed tensor")
    assert_close(values, scale * q.T, what="x̂ of transposed codes")
