"""The hidden suite of backprop/max_pool.

Expected values are looked up here window by window, in loops. Nothing is rounded in forward; in backward a few numbers
are added, and default tolerances are ample (float64 1e-9, float32 1e-5 relative). No check fails by chance. The cache
stays on the learner's side.
"""

import numpy as np

from grader.testing import Mismatch, assert_close, assert_equal, keep, keep_item, library


def _expected(x, kernel, stride, dy):
    """y and dx, window by window: the first of the largest values wins."""
    n, c, height, width = x.shape
    y, dx = (
        np.empty((n, c, (height - kernel[0]) // stride + 1, (width - kernel[1]) // stride + 1), x.dtype),
        np.zeros(x.shape),
    )
    for at in np.ndindex(y.shape):
        places = [
            (at[0], at[1], stride * at[2] + i, stride * at[3] + j) for i in range(kernel[0]) for j in range(kernel[1])
        ]
        winner = max(places, key=lambda place: x[place])  # max keeps the first of equals
        y[at] = x[winner]
        dx[winner] += dy[at]
    return y, dx.astype(x.dtype)


def _forward(solution, x, kernel, stride):
    """y by value, and the cache as a handle."""
    pair = keep(solution.max_pool_forward, x, kernel, stride)
    kind = repr(pair).split()[0].removeprefix("<")
    try:
        size = 0 if kind in ("ndarray", "dict") else len(pair)
    except TypeError:
        size = 0
    if size != 2:
        hint = " Is a return missing?" if kind == "NoneType" else ""
        raise Mismatch(f"max_pool_forward has to return the pair (y, cache); what came is of type {kind}.{hint}")
    return pair[0], keep_item(pair, 1)


def _draw(rng, shape, kernel, stride, dtype=np.float64):
    """x without ties, of both signs, and dy without a zero."""
    out = (shape[2] - kernel[0]) // stride + 1, (shape[3] - kernel[1]) // stride + 1
    x = rng.normal(size=shape)
    dy = rng.uniform(0.5, 2.0, size=(*shape[:2], *out)) * rng.choice([-1.0, 1.0], size=(*shape[:2], *out))
    return x.astype(dtype), dy.astype(dtype)


def _case(solution, x, kernel, stride, dy):
    """What came and what is expected: all calls are made before anything is compared."""
    y, cache = _forward(solution, x, kernel, stride)
    found = y, solution.max_pool_backward(dy, cache)
    return f" for x of shape {x.shape}, kernel {kernel}, stride {stride}", found, _expected(x, kernel, stride, dy)


def _compare(cases, why=""):
    for where, found, expected in cases:
        for name, mine, theirs in zip(("the output y", "the gradient dx"), found, expected, strict=True):
            assert_close(mine, theirs, what=name + where, why=why)


def test_values(solution, rng):
    """Forward and backward are right for windows that overlap"""
    x, dy = _draw(rng, (2, 3, 7, 8), (3, 2), 2)
    flat = rng.integers(-2, 2, size=(2, 2, 6, 7)).astype(float)
    _compare(
        [_case(solution, x, (3, 2), 2, dy), _case(solution, flat, (2, 3), 1, _draw(rng, flat.shape, (2, 3), 1)[1])]
    )


def test_worked_example(solution):
    """The example of the statement, and the same with other gradients"""
    x = np.array([[1.0, 5, 2], [4, 3, 3], [-1, 3, 2]])[None, None]
    y, cache = _forward(solution, x, (2, 2), 1)
    dx = solution.max_pool_backward(np.array([[[[1.0, 2], [3, 4]]]]), cache)
    other = solution.max_pool_backward(np.array([[[[-7.0, 0], [0, 11]]]]), cache)
    assert_close(y, np.array([[[[5.0, 5], [4, 3]]]]), what="the output y")
    assert_close(dx, np.array([[[[0.0, 3, 0], [3, 4, 0], [0, 0, 0]]]]), what="the gradient dx")
    assert_close(other, np.array([[[[0.0, -7, 0], [0, 11, 0], [0, 0, 0]]]]), what="dx for dy = [[-7, 0], [0, 11]]")


def test_side_by_side(solution, rng):
    """Windows side by side, where the stride is the window"""
    cases = []
    for shape, kernel, stride in (((2, 2, 4, 6), (2, 2), 2), ((1, 3, 6, 9), (3, 3), 3)):
        x, dy = _draw(rng, shape, kernel, stride)
        cases.append(_case(solution, x, kernel, stride, dy))
    _compare(cases)


def test_overlap(solution, rng):
    """A pixel that wins in several windows gets the sum"""
    x, dy = _draw(rng, (2, 2, 6, 5), (3, 2), 1)
    x[0, 0, 2, 2] = x[1, 1, 3, 1] = 9.0
    _compare([_case(solution, x, (3, 2), 1, dy)], why="The 9s win in every window that they are in.")


def test_stride_and_leftover(solution, rng):
    """Pixels that are skipped or left over get exactly 0"""
    x, dy = _draw(rng, (2, 2, 9, 8), (2, 3), 4)
    x[:, :, 6:] += 100.0  # rows 6 to 8 would win, were they looked at
    case = _case(solution, x, (2, 3), 4, dy)
    _compare([case], why="Rows 2, 3, 6, 7 and 8 and columns 3 and 7 are in no window.")
    assert not case[1][1][:, :, 6:].any(), "Rows that are in no window have a dx that is not exactly 0."
    more = []
    for shape, kernel, stride in (((1, 2, 7, 6), (2, 2), 2), ((2, 1, 5, 8), (3, 2), 3), ((1, 2, 8, 7), (1, 2), 3)):
        x, dy = _draw(rng, shape, kernel, stride)
        more.append(_case(solution, x, kernel, stride, dy))
    _compare(more)


def test_ties(solution, rng):
    """Of equal values the first wins, row by row, and gets all of dy"""
    cases = []
    for levels, kernel, stride in ((2, (2, 3), 1), (1, (3, 2), 2), (3, (3, 3), 3)):
        x = rng.integers(0, levels, size=(2, 2, 6, 7)).astype(float)
        dy = _draw(rng, x.shape, kernel, stride)[1]
        cases.append(_case(solution, x, kernel, stride, dy))
    # Equal values at the upper right and at the lower left of one window: the row decides.
    x = np.array([[0.0, 8.0, 1.0], [8.0, 2.0, 3.0]])[None, None]
    cases.append(_case(solution, x, (2, 3), 1, np.array([[[[5.0]]]])))
    _compare(cases, why="Of several largest values the first wins, from the top and then from the left.")


def test_negative(solution, rng):
    """Where all values are negative the largest is negative, too"""
    x, dy = _draw(rng, (2, 2, 5, 6), (2, 3), 2)
    cases = [_case(solution, x - offset, (2, 3), 2, dy) for offset in (20.0, 1e6)]
    _compare(cases, why="No zero competes.")


def test_one_infinity(solution, rng):
    """-∞ loses against every number, and ∞ wins"""
    x, dy = _draw(rng, (1, 2, 4, 5), (2, 2), 2)
    x[0, 0, 0, 0], x[0, 0, 1, 2], x[0, 1, 3, 3] = -np.inf, np.inf, -np.inf
    _compare([_case(solution, x, (2, 2), 2, dy)])


def test_sums(solution, rng):
    """The sum of dx is the sum of dy, for every image and channel, and y holds pixels of x only"""
    x, dy = _draw(rng, (2, 3, 6, 7), (3, 2), 2)
    x = np.round(x)  # with ties
    y, cache = _forward(solution, x, (3, 2), 2)
    dx = solution.max_pool_backward(dy, cache)
    expected = _expected(x, (3, 2), 2, dy)
    if getattr(dx, "shape", None) != x.shape:
        assert_close(dx, expected[1], what="the gradient dx")
    assert_close(
        dx.sum((2, 3)), dy.sum((2, 3)), what="the sum of dx for each image and channel", why="It is that of dy."
    )
    assert_equal(y, expected[0], what="the output y", why="It is made of pixels of x, without any rounding.")


def test_channels_on_their_own(solution, rng):
    """Changing one channel of one image changes nothing for the others"""
    x, dy = _draw(rng, (2, 3, 5, 4), (2, 2), 1)
    changed = x.copy()
    changed[1, 2] = 50.0 - 3.0 * x[1, 2]
    _compare([_case(solution, given, (2, 2), 1, dy) for given in (x, changed)])


def test_small_sizes(solution, rng):
    """Windows of one pixel, of one row, of the whole image"""
    cases = []
    settings = (
        ((2, 2, 3, 4), (1, 1), 1),
        ((1, 2, 3, 4), (1, 1), 2),
        ((2, 1, 4, 5), (4, 5), 1),
        ((1, 1, 1, 1), (1, 1), 3),
    )
    for shape, kernel, stride in (*settings, ((2, 3, 1, 6), (1, 3), 1), ((3, 1, 5, 1), (2, 1), 2)):
        x, dy = _draw(rng, shape, kernel, stride)
        cases.append(_case(solution, x, kernel, stride, dy))
    _compare(cases)


def test_float32(solution, rng):
    """float32 in, float32 out"""
    x, dy = _draw(rng, (2, 2, 5, 6), (3, 2), 1, np.float32)
    _compare([_case(solution, x, (3, 2), 1, dy)])


def test_arguments_are_only_read(solution, rng):
    """x and dy hold the same numbers afterwards, whatever their strides"""
    x, dy = _draw(rng, (2, 2, 6, 5), (2, 2), 1)
    plain = {"x": x.swapaxes(2, 3), "dy": dy.swapaxes(2, 3)}
    there = library(solution, "numpy.asarray")
    given = {name: keep(there, value) for name, value in plain.items()}
    y, cache = _forward(solution, given["x"], (2, 2), 1)
    dx = solution.max_pool_backward(given["dy"], cache)
    after = {name: value[...] for name, value in given.items()}
    for name, before in plain.items():
        assert_equal(after[name], before, what=f"{name} afterwards (it must not be changed in place)")
    _compare([("", (y, dx), _expected(plain["x"], (2, 2), 1, plain["dy"]))])


def test_caches(solution, rng):
    """Each cache belongs to its own call, and serves more than one backward"""
    settings = [((2, 2), 1), ((3, 2), 1), ((2, 2), 2)]
    calls = [_draw(rng, (2, 2, 5, 6), *setting) for setting in settings]
    caches = [_forward(solution, x, *setting)[1] for (x, _), setting in zip(calls, settings, strict=True)]
    order = (0, 1, 0, 2)
    answers = [solution.max_pool_backward((1.0 + k) * calls[i][1], caches[i]) for k, i in enumerate(order)]
    for k, (i, dx) in enumerate(zip(order, answers, strict=True)):
        x, dy = calls[i]
        what = f"the gradient dx of backward number {k + 1}, with the cache of forward number {i + 1}"
        assert_close(dx, _expected(x, *settings[i], (1.0 + k) * dy)[1], what=what)
