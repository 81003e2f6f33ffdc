"""NF4 against the published values, blocks against codes that were planted, packing against plain integers.

The levels are compared with the sixteen values of QLoRA's appendix E, to 2e-6: the quantile function in
float32 is good to 1e-7 or so, and its argument is rounded too. Codes are compared exactly. So that this is
fair, numbers are made from levels, moved by at most 0.9 of the way to the middle between neighbours, and
the largest of each block is an exact multiple of a level of magnitude 1: no rounding error turns one code
into its neighbour. absmax has the default tolerances (float32 1e-5 relative, float64 1e-9), values 1e-5 or
1e-6 relative: the levels are float32, and so may be what they are multiplied in. The error of
NF4 on normal numbers is a mean over 32,768 of them, with a margin of more than ten standard errors; no
other check depends on chance.
"""

import numpy as np
import torch

from grader.testing import Mismatch, assert_close, assert_equal, assert_unchanged

NF4 = torch.tensor([
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
])  # fmt: skip


def _levels(rng):
    """Another codebook: ascending, uneven, from -1 to 1, the level nearest to 0 in place 4."""
    steps = np.concatenate([rng.uniform(0.15, 0.35, 4), rng.uniform(0.05, 0.2, 11)])
    steps = np.cumsum(np.concatenate([[0.0], steps]))
    low = steps[4]
    levels = np.where(np.arange(16) <= 4, (steps - low) / low, (steps - low) / (steps[15] - low))
    return torch.from_numpy(levels.astype(np.float32))


def _planted(rng, n, levels, block, dtype=torch.float32):
    """n numbers, their codes, and the absmax of each block. Neighbouring blocks differ by a factor."""
    grid = levels.double()
    codes = torch.from_numpy(rng.integers(0, 16, n))
    x, absmax = torch.empty(n, dtype=torch.float64), []
    gaps = torch.cat([torch.tensor([0.0]), grid.diff() / 2, torch.tensor([0.0])])
    shift = torch.from_numpy(rng.uniform(-0.9, 0.9, n))
    unit = grid[codes] + torch.where(shift < 0, gaps[codes], gaps[codes + 1]) * shift
    for i, start in enumerate(range(0, n, block)):
        size = min(block, n - start)
        m = torch.tensor(rng.uniform(0.5, 1.5) * 3.0 ** ((5 * i) % 7 - 3)).to(dtype).double()
        where = start + int(rng.integers(size))
        codes[where] = 15 if i % 3 == 1 else 0  # in most blocks the largest magnitude is negative
        unit[where] = grid[codes[where]]
        x[start : start + size] = m * unit[start : start + size]
        absmax.append(m)
    return x.to(dtype), codes.to(torch.uint8), torch.stack(absmax).to(dtype)


def _values(codes, absmax, levels, block):
    """x̂ by a loop in float64."""
    numbers = [float(levels[int(c)]) * float(absmax[i // block]) for i, c in enumerate(codes)]
    return torch.tensor(numbers, dtype=torch.float64).to(absmax.dtype)


def _bytes(codes):
    """Two codes to the byte, by way of hexadecimal text."""
    text = "".join(f"{int(c):x}" for c in codes)
    return torch.tensor(list(bytes.fromhex(text + "0" * (len(text) % 2))), dtype=torch.uint8)


def _quantize(solution, *arguments):
    found = solution.quantize_blocks(*arguments)
    if not isinstance(found, tuple | list) or len(found) != 2:
        raise Mismatch("quantize_blocks has to return two things: the codes and the absmax of each block.")
    return found


def _assert_parts(found, codes, absmax, case):
    """The absmax first: where it is off, so are the codes."""
    assert_close(found[1], absmax, what=f"absmax {case}")
    assert_equal(found[0], codes, what=f"the codes {case}")


def test_levels(solution):
    """The sixteen levels are those of NF4: quantiles of the normal distribution, from -1 over an exact 0 to 1"""
    levels = solution.nf4_levels()
    assert_close(levels, NF4, rtol=0.0, atol=2e-6, what="the levels")
    assert_equal(levels[[0, 7, 15]], torch.tensor([-1.0, 0.0, 1.0]), what="the levels 0, 7 and 15",
                 why="The ends and 0 are exact.")  # fmt: skip


def test_codes_and_absmax(solution, rng):
    """Each block is scaled by its largest magnitude, each number gets the nearest level"""
    other = _levels(rng)
    cases = [((6, 8), 8, NF4), ((7, 12), 6, other), ((3, 5, 4), 10, NF4), ((60,), 1, other)]
    made = []
    for shape, block, levels in cases:
        x, codes, absmax = _planted(rng, int(np.prod(shape)), levels, block)
        made.append((x.reshape(shape), codes, absmax))
    found = [_quantize(solution, x, levels, block) for (_, block, levels), (x, _, _) in zip(cases, made, strict=True)]
    for (shape, block, _), (_, codes, absmax), parts in zip(cases, made, found, strict=True):
        _assert_parts(parts, codes, absmax, f"for the shape {shape} in blocks of {block}")


def test_blocks_run_on_over_rows(solution, rng):
    """Blocks are cut from x laid flat, and may begin in one row and end in the next"""
    cases = [((5, 6), 10), ((4, 9), 6), ((2, 3, 5), 15)]
    made = []
    for shape, block in cases:
        x, codes, absmax = _planted(rng, int(np.prod(shape)), NF4, block)
        made.append((x.reshape(shape), codes, absmax))
    found = [_quantize(solution, x, NF4, block) for (_, block), (x, _, _) in zip(cases, made, strict=True)]
    for (shape, block), (_, codes, absmax), parts in zip(cases, made, found, strict=True):
        _assert_parts(parts, codes, absmax, f"for the shape {shape} in blocks of {block}")


def test_last_block_is_shorter(solution, rng):
    """Where the block does not divide n, the last block is shorter"""
    cases = [((3, 7), 8), ((45,), 16), ((5,), 64), ((5, 9), 4)]
    made = []
    for shape, block in cases:
        x, codes, absmax = _planted(rng, int(np.prod(shape)), NF4, block)
        made.append((x.reshape(shape), codes, absmax))
    found = [_quantize(solution, x, NF4, block) for (_, block), (x, _, _) in zip(cases, made, strict=True)]
    back = [solution.dequant_blocks(codes, absmax, NF4, block)
            for (_, block), (_, codes, absmax) in zip(cases, made, strict=True)]  # fmt: skip
    for (shape, block), (_, codes, absmax), parts, values in zip(cases, made, found, back, strict=True):
        _assert_parts(parts, codes, absmax, f"for the shape {shape} in blocks of {block}")
        assert_close(values, _values(codes, absmax, NF4, block), what=f"x̂ for the shape {shape} in blocks of {block}")


def test_values(solution, rng):
    """dequant_blocks gives the level of each code times the absmax of its block"""
    other = _levels(rng)
    cases = [(32, 8, NF4), (48, 12, other), (30, 5, other)]
    made = [_planted(rng, n, levels, block)[1:] for n, block, levels in cases]
    found = [solution.dequant_blocks(codes, absmax, levels, block)
             for (_, block, levels), (codes, absmax) in zip(cases, made, strict=True)]  # fmt: skip
    for (n, block, levels), (codes, absmax), values in zip(cases, made, found, strict=True):
        assert_close(values, _values(codes, absmax, levels, block), what=f"x̂ of {n} codes in blocks of {block}")


def test_example_of_the_statement(solution):
    """The example worked by hand comes out, there and back"""
    x = torch.tensor([[0.5, -2.0, 0.1], [0.0, 3.0, 1.0]])
    codes = torch.tensor([10, 0, 8, 7, 15, 11], dtype=torch.uint8)
    absmax, packed = torch.tensor([2.0, 3.0]), torch.tensor([160, 135, 251], dtype=torch.uint8)
    parts = _quantize(solution, x, NF4, 4)
    back, found = solution.dequant_blocks(codes, absmax, NF4, 4), solution.pack(codes)
    again = solution.unpack(packed, 6)
    _assert_parts(parts, codes, absmax, "of the example")
    assert_close(back, torch.tensor([0.4922246, -2.0, 0.1591606, 0.0, 3.0, 1.0137457]), what="x̂ of the example")
    assert_equal(found, packed, what="the packed codes of the example")
    assert_equal(again, codes, what="the unpacked codes of the example")


def test_zeros(solution, rng):
    """A block of zeros has absmax 0 and the codes of the level nearest to 0; 0 stays 0"""
    other = _levels(rng)
    for levels, zero in ((NF4, 7), (other, 4)):
        x, codes, absmax = _planted(rng, 26, levels, 6)
        for first, last in ((6, 12), (24, 26)):
            x[first:last], codes[first:last], absmax[first // 6] = 0.0, zero, 0.0
        x[3], codes[3] = 0.0, zero
        x[4], codes[4] = float(absmax[0]), 15  # in case the largest was in place 3
        parts = _quantize(solution, x, levels, 6)
        back = solution.dequant_blocks(codes, absmax, levels, 6)
        _assert_parts(parts, codes, absmax, "where the blocks 1 and 4 are zeros")
        assert_equal(back[x == 0], torch.zeros(int((x == 0).sum())), what="x̂ where x is 0")
    parts = _quantize(solution, torch.zeros(3, 3), NF4, 4)
    _assert_parts(parts, torch.full((9,), 7, dtype=torch.uint8), torch.zeros(3), "of a tensor of zeros")


def test_scale_of_a_block(solution, rng):
    """A block 10⁹ times as large or as small keeps its codes, and leaves the others theirs"""
    for dtype in (torch.float32, torch.float64):
        x, codes, absmax = _planted(rng, 40, NF4, 8, dtype)
        for i, factor in ((1, 2.0**30), (3, 2.0**-30)):
            x[8 * i : 8 * i + 8] *= factor
            absmax[i] *= factor
        parts = _quantize(solution, x, NF4, 8)
        back = solution.dequant_blocks(codes, absmax, NF4, 8)
        assert_close(parts[1], absmax, atol=0.0, what=f"absmax in {dtype}")
        assert_equal(parts[0], codes, what=f"the codes in {dtype}")
        assert_close(back, _values(codes, absmax, NF4, 8), rtol=1e-6, atol=0.0, what=f"x̂ in {dtype}")


def test_pack(solution, rng):
    """Two codes to the byte, the first in the high half; an odd one is alone in the last byte"""
    cases = [torch.from_numpy(rng.integers(0, 16, n).astype(np.uint8)) for n in (10, 64, 13, 1, 2, 7)]
    for codes in cases:  # no pair of equals, no 0: every order gives other bytes
        codes[0::2].clamp_(1, 7)
        codes[1::2].clamp_(8, 14)
    cases += [torch.arange(16, dtype=torch.uint8), torch.tensor([15, 15, 15], dtype=torch.uint8)]
    found = [solution.pack(codes) for codes in cases]
    for codes, packed in zip(cases, found, strict=True):
        assert_equal(packed, _bytes(codes), what=f"the packed {codes.tolist()}")


def test_unpack(solution, rng):
    """unpack gives the first n codes again"""
    cases = [torch.from_numpy(rng.integers(0, 16, n).astype(np.uint8)) for n in (10, 64, 13, 1, 2, 7)]
    for codes in cases:
        codes[0::2].clamp_(1, 7)
        codes[1::2].clamp_(8, 14)
    cases += [torch.arange(16, dtype=torch.uint8), torch.tensor([15, 15, 15], dtype=torch.uint8)]
    found = [solution.unpack(_bytes(codes), codes.numel()) for codes in cases]
    for codes, unpacked in zip(cases, found, strict=True):
        assert_equal(unpacked, codes, what=f"the {codes.numel()} codes of {_bytes(codes).tolist()}")


def test_better_than_an_even_grid(solution, rng):
    """On normally distributed numbers NF4 errs less than an even grid of four bits, by a fifth and more"""
    x = torch.from_numpy(rng.normal(0.0, 0.02, (256, 128))).float()
    levels, errors = solution.nf4_levels(), []
    assert_close(levels, NF4, rtol=0.0, atol=2e-6, what="the levels")
    for grid in (levels, torch.arange(-8, 8) / 7):
        codes, absmax = _quantize(solution, x, grid, 64)
        back = solution.dequant_blocks(codes, absmax, grid, 64)
        errors.append(float(((back.reshape(x.shape) - x) ** 2).mean()))
    assert 0 < errors[0] < 0.8 * errors[1], f"Mean square error: {errors[0]:.3g} with NF4, {errors[1]:.3g} on an even grid."


def test_dtypes_and_layouts(solution, rng):
    """float64, one number, transposed and strided arguments; nothing is changed in place"""
    x, codes, absmax = _planted(rng, 21, NF4, 8, torch.float64)
    _assert_parts(assert_unchanged(solution.quantize_blocks, x, NF4, 8), codes, absmax, "in float64")
    back = assert_unchanged(solution.dequant_blocks, codes, absmax, NF4, 8)
    assert_close(back, _values(codes, absmax, NF4, 8), rtol=1e-6, atol=0.0, what="x̂ in float64")

    one = _quantize(solution, torch.tensor([-0.3]), NF4, 64)
    _assert_parts(one, torch.tensor([0], dtype=torch.uint8), torch.tensor([0.3]), "of one number")

    x, codes, absmax = _planted(rng, 35, NF4, 10)
    turned = x.reshape(5, 7).T.contiguous().T
    _assert_parts(assert_unchanged(solution.quantize_blocks, turned, NF4, 10), codes, absmax, "of a transposed x")
    apart = torch.stack([codes, codes], 1)[:, 0]
    back = assert_unchanged(solution.dequant_blocks, apart, absmax, NF4, 10)
    packed = assert_unchanged(solution.pack, apart)
    unpacked = assert_unchanged(solution.unpack, torch.stack([_bytes(codes)] * 2, 1)[:, 0], 35)
    assert_close(back, _values(codes, absmax, NF4, 10), what="x̂ of strided codes")
    assert_equal(packed, _bytes(codes), what="the packed strided codes")
    assert_equal(unpacked, codes, what="the codes of strided bytes")
