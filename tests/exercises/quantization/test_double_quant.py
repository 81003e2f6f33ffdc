"""Double quantization against codes that were planted, and counts against plain integers.

The deviations are made of pairs, ± scale · (code + u) with |u| ≤ 0.4, so that their mean is 0 up to
rounding, and the largest of each outer block is ± 127 · scale. The mean, near 1, is rounded to 1e-7; a
deviation of 0.02 is therefore known to 1e-5 of itself, and a code to 1e-3 of a step. So the codes are
compared exactly, the scales to 1e-4 relative, the mean to the default tolerances (1e-5, float64 1e-9).
Restored absmax and weights are worked out by loops in float64, and compared to 1e-5 relative, in float64
to 1e-6, since the levels are float32. No check depends on chance.
"""

import numpy as np
import torch

from grader.testing import Mismatch, assert_close, assert_equal, assert_unchanged

LEVELS = torch.tensor([-1.0, -0.72, -0.51, -0.4, -0.29, -0.19, -0.1, 0.0, 0.08, 0.17, 0.26, 0.35, 0.45, 0.57, 0.74, 1.0])


def _planted(rng, m, outer, dtype=torch.float32):
    """m absmax, their codes, the scales and the mean."""
    mean = rng.uniform(0.9, 1.1)
    codes, deviations, scales = [], [], []
    for i, start in enumerate(range(0, m, outer)):
        size = min(outer, m - start)
        scale = rng.uniform(0.1, 0.2) * 2.0 ** ((3 * i) % 4 - 1) / 127
        half = rng.integers(-120, 121, size // 2).astype(np.int64)
        shift = rng.uniform(-0.4, 0.4, size // 2)
        if size > 1:
            half[0], shift[0] = 127, 0.0
        q = np.concatenate([half, -half, np.zeros(size % 2, np.int64)])
        d = np.concatenate([half + shift, -(half + shift), np.zeros(size % 2)])
        order = rng.permutation(size)
        codes.append(q[order])
        deviations.append(scale * d[order])
        scales.append(scale if size > 1 else 1.0)
    absmax = torch.from_numpy(mean + np.concatenate(deviations)).to(dtype)
    q = torch.from_numpy(np.concatenate(codes).astype(np.int8))
    return absmax, q, torch.tensor(scales, dtype=dtype), torch.tensor(mean, dtype=dtype)


def _off_centre(rng, m, outer, dtype=torch.float32):
    """Codes, scales and a mean such as `restore_absmax` may be given, some of them adding up to less than 0."""
    q = torch.from_numpy(rng.integers(-127, 128, m).astype(np.int8))
    q[0], q[-1] = -127, -125
    scale = torch.from_numpy(rng.uniform(0.004, 0.02, -(-m // outer))).to(dtype)
    return q, scale, torch.tensor(rng.uniform(0.3, 0.45), dtype=dtype)


def _restored(q, scale, mean, outer):
    return [max(float(mean) + float(scale[i // outer]) * int(c), 0.0) for i, c in enumerate(q)]


def _weights(codes, q, scale, mean, block, outer):
    absmax = _restored(q, scale, mean, outer)
    numbers = [float(LEVELS[int(c)]) * absmax[i // block] for i, c in enumerate(codes)]
    return torch.tensor(numbers, dtype=torch.float64).to(scale.dtype)


def _compress(solution, absmax, outer):
    found = solution.compress_absmax(absmax, outer)
    if not isinstance(found, tuple | list) or len(found) != 3:
        raise Mismatch("compress_absmax has to return three things: the codes, the scales and the mean.")
    return found


def _assert_parts(found, q, scale, mean, case):
    """The mean first, then the scales: where they are off, so are the codes."""
    assert_close(found[2], mean, what=f"the mean {case}")
    assert_close(found[1], scale, rtol=1e-4, what=f"the scales {case}")
    assert_equal(found[0], q, what=f"the codes {case}")


def test_compress(solution, rng):
    """The deviations from the mean are quantized to 8 bits, a scale for each outer block"""
    cases = [(12, 4), (30, 10), (24, 24), (512, 256)]
    made = [_planted(rng, m, outer) for m, outer in cases]
    found = [_compress(solution, case[0], outer) for (_, outer), case in zip(cases, made, strict=True)]
    for (m, outer), (_, *parts), answer in zip(cases, made, found, strict=True):
        _assert_parts(answer, *parts, f"of {m} absmax in outer blocks of {outer}")


def test_last_outer_block_is_shorter(solution, rng):
    """Where `outer` does not divide the number of absmax, the last outer block is shorter"""
    cases = [(14, 4), (21, 8), (6, 256), (17, 10)]
    made = [_planted(rng, m, outer) for m, outer in cases]
    found = [_compress(solution, case[0], outer) for (_, outer), case in zip(cases, made, strict=True)]
    back = [solution.restore_absmax(*case[1:], outer) for (_, outer), case in zip(cases, made, strict=True)]
    for (m, outer), (_, *parts), answer, values in zip(cases, made, found, back, strict=True):
        case = f"of {m} absmax in outer blocks of {outer}"
        _assert_parts(answer, *parts, case)
        assert_close(values, torch.tensor(_restored(*parts, outer)), what=f"ĉ {case}")


def test_restore(solution, rng):
    """restore_absmax adds the mean again, and gives nothing below 0"""
    cases = [(12, 4), (30, 10), (22, 7), (9, 9), (5, 1)]
    made = [_off_centre(rng, m, outer) for m, outer in cases]
    found = [solution.restore_absmax(*case, outer) for (_, outer), case in zip(cases, made, strict=True)]
    for (m, outer), case, values in zip(cases, made, found, strict=True):
        assert_close(values, torch.tensor(_restored(*case, outer)), what=f"ĉ of {m} codes in outer blocks of {outer}")


def test_weights(solution, rng):
    """dequant_double: the level of each code times the restored absmax of its block"""
    cases = [(48, 4, 3), (60, 6, 5), (50, 8, 3), (33, 2, 10), (21, 64, 4)]
    made = []
    for n, block, outer in cases:
        codes = torch.from_numpy(rng.integers(0, 16, n).astype(np.uint8))
        made.append((codes, *_off_centre(rng, -(-n // block), outer)))
    found = [solution.dequant_double(*case, LEVELS, block, outer)
             for (_, block, outer), case in zip(cases, made, strict=True)]  # fmt: skip
    for (n, block, outer), case, values in zip(cases, made, found, strict=True):
        what = f"x̂ of {n} codes in blocks of {block}, {outer} blocks to the outer one"
        assert_close(values, _weights(*case, block, outer), what=what)


def test_example_of_the_statement(solution):
    """The example worked by hand comes out, there and back"""
    absmax = torch.tensor([1.0, 3.0, 2.5, 1.5, 6.0, 4.0])
    q, scale = torch.tensor([-127, 0, -32, -95, 127, 42], dtype=torch.int8), torch.tensor([2 / 127, 3 / 127])
    parts = _compress(solution, absmax, 4)
    back = solution.restore_absmax(q, scale, torch.tensor(3.0), 4)
    counted = [solution.constant_bits(1000, 64, outer) for outer in (4, None)]
    _assert_parts(parts, q, scale, torch.tensor(3.0), "of the example")
    assert_close(back, torch.tensor([1.0, 3.0, 2.496063, 1.503937, 6.0, 3.992126]), what="ĉ of the example")
    assert_equal(counted, [288, 512], what="the bits of the example, for outer = 4 and None")


def test_constant_bits(solution, rng):
    """constant_bits counts every block, every outer block and the mean, exactly"""
    cases = [(1000, 64, 4), (4096, 64, 8), (4097, 64, 64), (63, 64, 256), (1, 1, 1), (10**9 + 7, 64, 256), (12345, 100, 7)]
    cases += [(int(rng.integers(500, 9000)), int(rng.integers(3, 90)), int(rng.integers(2, 30))) for _ in range(3)]
    found = [solution.constant_bits(*case) for case in cases]
    once = [solution.constant_bits(n, block, None) for n, block, _ in cases]
    for (n, block, outer), bits, single in zip(cases, found, once, strict=True):
        blocks = (n + block - 1) // block
        right = 8 * blocks + 32 * ((blocks + outer - 1) // outer) + 32
        assert_equal(bits, right, what=f"constant_bits({n}, {block}, {outer})")
        assert_equal(single, 32 * blocks, what=f"constant_bits({n}, {block}, None)")


def test_bits_for_each_weight(solution):
    """For a large model half a bit for each weight becomes 0.127"""
    n = 65 * 10**9
    single, double = solution.constant_bits(n, 64, None), solution.constant_bits(n, 64, 256)
    assert_close(single / n, 0.5, rtol=1e-6, what="the bits for each weight, quantized once")
    assert_close(double / n, 0.126953125, rtol=1e-6, what="the bits for each weight, quantized twice")


def test_error_is_at_most_half_a_step(solution, rng):
    """There and back, every absmax is off by half a step of its outer block at the most"""
    absmax = torch.from_numpy(rng.uniform(0.5, 3.0, 300)).float()
    absmax[130:170] = absmax[130:170] / 50 + 1.7
    absmax[40] = 0.0
    q, scale, mean = _compress(solution, absmax, 32)
    back = solution.restore_absmax(q, scale, mean, 32)
    deviation = absmax.double() - absmax.double().mean()
    step = torch.cat([part.abs().max().expand(len(part)) / 127 for part in deviation.split(32)])
    assert_equal(tuple(back.shape), (300,), what="the shape of ĉ")
    worst = ((back.double() - absmax).abs() / step).max()
    assert worst <= 0.5 + 1e-2, f"ĉ is off by {float(worst):.3g} steps of its outer block; half a step is allowed."


def test_half_way_cases(solution):
    """Half-way cases go to the even code"""
    deviation = torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 127.0, -127.0])
    q, scale, mean = _compress(solution, 200 + deviation, 8)
    codes = torch.tensor([0, 2, 2, 0, -2, -2, 127, -127], dtype=torch.int8)
    _assert_parts((q, scale, mean), codes, torch.ones(1), torch.tensor(200.0), "of deviations half-way between two codes")


def test_no_deviation(solution):
    """Without any deviation the scale is 1 and the codes 0"""
    one, zeros, part = torch.tensor([0.75]), torch.zeros(5), torch.tensor([2.0, 2.0, 1.0, 3.0, 2.0])
    found = [_compress(solution, absmax, 2) for absmax in (one, zeros, part)]
    codes = [[0], [0] * 5, [0, 0, -127, 127, 0]]
    scales = [[1.0], [1.0] * 3, [1.0, 1 / 127, 1.0]]
    for answer, q, scale, mean, case in zip(found, codes, scales, (0.75, 0.0, 2.0), (one, zeros, part), strict=True):
        right = torch.tensor(q, dtype=torch.int8), torch.tensor(scale), torch.tensor(mean)
        _assert_parts(answer, *right, f"of {case.tolist()} in outer blocks of 2")


def test_dtypes_and_layouts(solution, rng):
    """float64, strided arguments; nothing is changed in place"""
    for dtype, rtol in ((torch.float64, 1e-6), (torch.float32, 1e-5)):
        absmax, *parts = _planted(rng, 23, 8, dtype)
        apart = torch.stack([absmax, absmax], 1)[:, 0]
        found = assert_unchanged(solution.compress_absmax, apart, 8)
        assert_close(found[2], parts[2], what=f"the mean in {dtype}")
        assert_close(found[1], parts[1], rtol=1e-4, what=f"the scales in {dtype}")
        assert_equal(found[0], parts[0], what=f"the codes in {dtype}")
        q, scale, mean = _off_centre(rng, 23, 8, dtype)
        strided = torch.stack([q, q], 1)[:, 0], torch.stack([scale, scale], 1)[:, 0], mean
        back = assert_unchanged(solution.restore_absmax, *strided, 8)
        right = torch.tensor(_restored(q, scale, mean, 8), dtype=torch.float64).to(dtype)
        assert_close(back, right, rtol=rtol, what=f"ĉ in {dtype}")
        codes = torch.from_numpy(rng.integers(0, 16, 68).astype(np.uint8))
        wide = torch.stack([codes, codes], 1)[:, 0]
        values = assert_unchanged(solution.dequant_double, wide, *strided, LEVELS, 3, 8)
        assert_close(values, _weights(codes, q, scale, mean, 3, 8), rtol=rtol, what=f"x̂ in {dtype}")
