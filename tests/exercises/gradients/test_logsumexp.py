"""The hidden suite of gradients/logsumexp.

The expected values are added up line by line in Python floats with math.fsum; the expected gradients come from another
form, 1 / Σⱼ exp(xⱼ - xᵢ), and in one check from the complex step (Squire and Trapp 1998). Default tolerances: float64
1e-9 relative and 1e-12 absolute, float32 1e-5 and 1e-6; float32 lines are at most 20 wide, and exp of a difference d is
off by |d| 2⁻²⁴. Gradients of lines near 1e6 lose 1e6 2⁻⁵³ = 1e-10 where they go through lse: 1e-8 is allowed there. No
check fails by chance.
"""

import math

import numpy as np

from grader.testing import Mismatch, assert_close, assert_equal, observe


def _exp(value):
    return math.inf if value > 709 else math.exp(value)


def _lines(x, axis):
    wide = np.moveaxis(x.astype(np.float64), axis, -1)
    return {place: wide[place].tolist() for place in np.ndindex(wide.shape[:-1])}, wide.shape


def _lse(x, axis):
    lines, shape = _lines(x, axis)
    out = np.full(shape[:-1], -np.inf)
    for place, line in lines.items():
        if max(line) > -math.inf:
            out[place] = max(line) + math.log(math.fsum(math.exp(entry - max(line)) for entry in line))
    return out.astype(x.dtype)


def _dlse(x, axis):
    lines, shape = _lines(x, axis)
    out = np.zeros(shape)
    for place, line in lines.items():
        out[place] = [0.0 if a == -math.inf else 1 / math.fsum(_exp(b - a) for b in line) for a in line]
    return np.moveaxis(out, -1, axis).astype(x.dtype)


def _close(answer, expected, what, why="", **tolerance):
    """For one-dimensional x the result may be a NumPy scalar or an array without axes."""
    if expected.ndim == 0:
        if np.shape(answer) != () or not isinstance(answer, float | np.floating | np.ndarray):
            raise Mismatch(f"{what[0].upper()}{what[1:]} is {answer!r}, expected one number.")
        answer, expected = float(answer), float(expected)
    assert_close(answer, expected, what=what, why=why, **tolerance)


def _both(solution, x, axis):
    return solution.lse(x.copy(), axis), solution.dlse(x.copy(), axis)


def _compare(answers, x, axis, where, why="", **tolerance):
    _close(answers[0], _lse(x, axis), f"lse {where}", why)
    _close(answers[1], _dlse(x, axis), f"dlse {where}", why, **tolerance)


def test_values(solution, rng):
    """The logarithm of the sum of the exponentials, and its gradient"""
    x = 2 * rng.normal(size=(3, 4, 2))
    answers = {axis: _both(solution, x, axis) for axis in (1, 0, -1)}
    for axis, pair in answers.items():
        _compare(pair, x, axis, f"with axis={axis}")


def test_worked_examples(solution):
    """The examples of the statement"""
    given = [np.log([1.0, 2.0, 5.0]), np.array([1000.0, 1000.0]), np.array([-np.inf, 3.0]), np.full(2, -np.inf)]
    expected = [math.log(8), 1000 + math.log(2), 3.0, -math.inf]
    answers = [solution.lse(x.copy(), 0) for x in given]
    shares = solution.dlse(given[0].copy(), 0)
    for x, answer, value in zip(given, answers, expected, strict=True):
        _close(answer, np.array(value), f"lse of {x.round(4).tolist()}")
    assert_close(shares, np.array([0.125, 0.25, 0.625]), what="dlse of [ln 1, ln 2, ln 5]")


def test_default_axis(solution, rng):
    """Without an axis it is the last one"""
    for shape in ((4, 4), (2, 3, 3)):
        x = rng.normal(size=shape)
        answers = solution.lse(x.copy()), solution.dlse(x.copy())
        _compare(answers, x, -1, f"of the shape {shape}, no axis given,")


def test_every_axis(solution, rng):
    """Every axis of a four-dimensional array, counted from either end"""
    x = rng.normal(size=(2, 3, 4, 2))
    for axis in range(4):
        pairs = [_both(solution, x, number) for number in (axis, axis - 4)]
        _compare(pairs[0], x, axis, f"with axis={axis} for the shape (2, 3, 4, 2)")
        for name, first, second in zip(("lse", "dlse"), *pairs, strict=True):
            assert_equal(second, first, what=f"{name} with axis={axis - 4}, which is axis {axis}")


def test_large_entries(solution, rng):
    """Entries of 1e4 do not overflow, and those of -1e4 do not vanish"""
    for dtype, level in ((np.float64, 1e4), (np.float32, 300.0)):
        x = rng.normal(size=(3, 5))
        given = [(x + level).astype(dtype), (x - level).astype(dtype)]
        pairs = [_both(solution, array, 1) for array in given]
        for pair, array, sign in zip(pairs, given, ("", "-"), strict=True):
            # In float32 x - lse(x) is off by 300 · 2⁻²³ = 4e-5.
            loose = {"rtol": 2e-4} if dtype == np.float32 else {}
            _compare(pair, array, 1, f"of entries near {sign}{level:g}", "lse(x + c) = c + lse(x).", **loose)


def test_scale_of_each_line(solution, rng):
    """Lines that are far apart come out right in the same array"""
    x = rng.normal(size=(5, 4)) + np.array([[-1e6], [-1e3], [0.0], [1e3], [1e6]])
    why = "Each line needs a shift of its own."
    answers = _both(solution, x, 1), _both(solution, np.ascontiguousarray(x.T), 0)
    _compare(answers[0], x, 1, "of lines near -1e6, -1e3, 0, 1e3 and 1e6", why, rtol=1e-8)
    _compare(answers[1], x.T, 0, "of the same lines as columns, with axis=0,", why, rtol=1e-8)


def test_wide_lines(solution, rng):
    """Entries far apart within one line: small shares keep their digits"""
    x = rng.normal(size=(5, 5))
    x[4, 1] += 800.0  # too much for a shift by the smallest, not for one by the mean
    x[0, 2] += 400.0
    x[1, 0] -= 600.0
    x[2, 3] += 1e5
    x[3, 1], x[3, 4] = x[3, 1] - 1e5, x[3, 4] - 350.0
    pair = _both(solution, x, 1)
    _compare(pair, x, 1, "where the entries of a line are far apart", "1e-170 is small, but not 0.", rtol=1e-9, atol=0.0)


def test_entries_of_minus_infinity(solution, rng):
    """An entry of -inf adds nothing, and its gradient is exactly 0"""
    for dtype in (np.float64, np.float32):
        x = (rng.normal(size=(3, 6)) + np.array([[0.0], [90.0], [-90.0]])).astype(dtype)
        hidden = np.zeros((3, 6), bool)
        hidden[0, 0] = hidden[0, 4] = hidden[1, 5] = hidden[2, [0, 1, 2, 4, 5]] = True
        x[hidden] = -np.inf
        pair = _both(solution, x, 1)
        _compare(pair, x, 1, "with entries of -inf", **({"rtol": 1e-4} if dtype == np.float32 else {}))
        assert_equal(pair[1][hidden], np.zeros(8, dtype), what="dlse at the entries of -inf")


def test_line_of_minus_infinity(solution, rng):
    """A line that is -inf throughout gives -inf and zeros, its neighbours their own"""
    x = rng.normal(size=(4, 3))
    x[1] = x[3] = -np.inf
    nothing = np.full((2, 3), -np.inf, np.float32)
    answers = [_both(solution, array, axis) for array, axis in ((x, 1), (np.ascontiguousarray(x.T), 0), (nothing, 1))]
    why = "A sum of zeros has the logarithm -inf, and no entry a share in it."
    _compare(answers[0], x, 1, "of an array with two lines of -inf", why)
    _compare(answers[1], x.T, 0, "of an array with two columns of -inf, with axis=0,", why)
    _compare(answers[2], nothing, 1, "of an array of -inf", why)


def test_gradient(solution, rng):
    """The gradient is the derivative of lse, and adds up to 1"""
    x = 3 * rng.normal(size=(3, 5))
    gradient = solution.dlse(x.copy(), 1)
    expected = np.zeros(x.shape)
    for i, j in np.ndindex(x.shape):
        moved = x[i].astype(complex)
        moved[j] += 1e-30j
        expected[i, j] = np.log(np.sum(np.exp(moved))).imag / 1e-30
    assert_close(gradient, expected, what="dlse")
    total = gradient.sum(1)
    assert_close(total, np.ones(3), what="the sum of each line of dlse", why="lse(x + c) = c + lse(x).")


def test_between_the_bounds(solution, rng):
    """Between the largest entry and log n above it, and log n above where all are equal"""
    x, equal = 4 * rng.normal(size=(6, 7)), np.full((2, 7), -3.5)
    answers = solution.lse(x.copy(), 1), solution.lse(equal.copy(), 1), solution.lse(x + 2.5, 1)
    if getattr(answers[0], "shape", None) != (6,):
        assert_close(answers[0], _lse(x, 1), what="lse")
    over = answers[0] - x.max(1)
    assert np.all((over > 0) & (over < math.log(7))), (
        f"lse is {over.min():.3g} to {over.max():.3g} above the largest entry; it must lie between that and log 7 above."
    )
    assert_close(answers[1], np.full(2, math.log(7) - 3.5), what="lse of seven equal entries")
    assert_close(answers[2], _lse(x, 1) + 2.5, what="lse(x + 2.5)")


def test_float32(solution, rng):
    """float32 stays float32"""
    x = (3 * rng.normal(size=(3, 7))).astype(np.float32)
    _compare(_both(solution, x, 1), x, 1, "of float32 entries")


def test_sizes_one_and_zero(solution, rng):
    """An axis of size one gives the entries themselves, an array without lines an empty one"""
    x = 1000 * rng.normal(size=(4, 1))
    pairs = _both(solution, x, 1), _both(solution, x, 0), _both(solution, np.ones((0, 5)), 1)
    _compare(pairs[0], x, 1, "of the shape (4, 1) with axis=1")
    _compare(pairs[1], x, 0, "of the shape (4, 1) with axis=0")
    _compare(pairs[2], np.ones((0, 5)), 1, "of the shape (0, 5) with axis=1")


def test_x_is_only_read(solution, rng):
    """x holds the same numbers afterwards, whatever its strides"""
    x = 3 * rng.normal(size=(4, 6))
    for view in (x, x.T, x[::2, ::-1]):
        seen = [observe(function, view, 0) for function in (solution.lse, solution.dlse)]
        for one in seen:
            assert_equal(one.args[0], view, what="x after the call (it must not be changed in place)")
        _compare([one.value for one in seen], view, 0, "with axis=0")
