"""The hidden suite of gradients/gradcheck.

The functions are parabolas, so their gradients are known from calculus, and a central difference is exact on them but
for rounding of about 1e-16 |f| / h, which is 1e-11 |f|. In an error that is relative to M / 1000 this is 1e-8, |f|
being of the size of M here; errors are compared to 1e-6, and right gradients pass by a factor of 100 and more. The
expected errors are worked out here, in a loop. No check fails by chance. All call-backs are pure.
"""

import math

import numpy as np

from grader.testing import Mismatch, assert_close, observe


def _pair(c, b, change=None, scale=1.0):
    """f = scale Σ (c x² + b x), with its gradient as a formula, `change` being what is wrong with it."""

    def f(x):
        return float(scale * np.sum(c * x * x + b * x))

    def df(x):
        if getattr(x, "dtype", None) != np.float64 or x.shape != np.shape(c):
            raise AssertionError(f"df was given {getattr(x, 'dtype', type(x).__name__)} of shape {np.shape(x)}; "
                                 f"expected is float64 of shape {np.shape(c)}.")  # fmt: skip
        gradient = np.array(scale * (2 * c * x + b))
        return gradient if change is None else change(gradient)

    return f, df


def _entry(place, factor=1.0, plus=0.0):
    def change(gradient):
        gradient[place] = factor * gradient[place] + plus
        return gradient

    return change


def _expected(a, n):
    """The largest error and its place, in a loop; a and n are the two gradients."""
    finite = [abs(v) for v in (*a.flat, *n.flat) if math.isfinite(v)]
    M, worst, error = max(finite, default=0.0), (0,) * a.ndim, 0.0
    for i in np.ndindex(a.shape):
        known = math.isfinite(a[i]) and math.isfinite(n[i])
        e = math.inf if not known else 0.0 if a[i] == n[i] else abs(a[i] - n[i]) / max(abs(a[i]), abs(n[i]), M / 1000)
        if e > error:
            worst, error = i, e
    return worst, error


def _parts(answer, what):
    if not isinstance(answer, tuple | list) or len(answer) != 3:
        raise Mismatch(f"For {what} you returned {answer!r}, expected (ok, worst, error).")
    ok, worst, error = answer
    if not isinstance(ok, bool | np.bool_):
        raise Mismatch(f"For {what} `ok` is {ok!r}, expected True or False.")
    if not isinstance(worst, tuple) or not all(isinstance(i, int | np.integer) for i in worst):
        raise Mismatch(f"For {what} `worst` is {worst!r}, expected a tuple of ints.")
    if not isinstance(error, float | np.floating):
        raise Mismatch(f"For {what} `error` is {error!r}, expected a float.")
    return bool(ok), tuple(int(i) for i in worst), float(error)


def _same(answer, ok, worst, error, what, why=""):
    found = _parts(answer, what)
    if found[1] != worst:
        raise Mismatch(f"For {what} `worst` is {found[1]}, expected {worst}. {why}".rstrip())
    assert_close(found[2], error, rtol=1e-5, atol=1e-6, what=f"`error` for {what}", why=why)
    if found[0] is not ok:
        raise Mismatch(f"For {what} `ok` is {found[0]}, expected {ok}: the error is {found[2]:.3g}. {why}".rstrip())


def _accepted(answer, what, why=""):
    ok, _, error = _parts(answer, what)
    if not ok or not error <= 1e-6:
        raise Mismatch(f"For {what}, which is right, ok is {ok} and error {error:.3g}. {why}".rstrip())


def _rejected(answer, what, why=""):
    ok, _, error = _parts(answer, what)
    if ok or not error > 1e-5:
        raise Mismatch(f"For {what}, which is wrong, ok is {ok} and error {error:.3g}. {why}".rstrip())


# The gradient of Σ (c x² + b x) at X is [[400, 3, 0.06], [0, -2, 5]]: M is 400, M / 1000 is 0.4.
C = np.array([[100.0, 1.0, 0.01], [0.5, -1.0, 2.0]])
X = np.array([[1.5, 1.0, 2.0], [-1.0, 0.5, 1.0]])
B = np.array([[100.0, 1.0, 0.02], [1.0, -1.0, 1.0]])
G = np.array([[400.0, 3.0, 0.06], [0.0, -2.0, 5.0]])


def test_report(solution, rng):
    """The worst entry, its error, and whether it passes, for eight gradients"""
    u = float(rng.uniform(0.9, 1.1))
    changes = {
        "a gradient of which one middling entry is a fifth too large and the largest one 1 % off": lambda g: (
            g * np.array([[1.01, 1.0, 1.0], [1.0, 1.2 * u, 1.0]])
        ),
        "a gradient of which one entry has the wrong sign": _entry((1, 2), -1.0),
        "a gradient of which one entry is too small": _entry((0, 1), 0.5 * u),
        "a gradient of which one entry is 1000 times too large": _entry((1, 2), 1000.0 * u),
        "a gradient of which an entry far below M / 1000 is wrong": _entry((0, 2), 2.0 * u),
        "a gradient of which the entry that is 0 came out as 1e-9": _entry((1, 0), 1.0, 1e-9),
        "a gradient of which two entries are off by as much, up and down": lambda g: (
            g + u * np.array([[0.0, -1.0, 0.0], [0.0, 0.0, 1.0]])
        ),
        "a gradient of nothing but zeros": lambda g: 0 * g,
    }
    answers = {name: solution.check(*_pair(C, B, change), X.copy()) for name, change in changes.items()}
    for name, answer in answers.items():
        worst, error = _expected(changes[name](G.copy()), G)
        if error < 1e-6:
            _accepted(answer, name)
        else:
            _same(answer, False, worst, error, name)


def test_worked_example(solution):
    """The example of the statement"""
    b, a = np.array([3.0, 0.4, 0.001]), np.array([3.0, 0.5, -0.001])
    answer = solution.check(lambda x: float(b @ x), lambda _: a, np.array([0.1, 0.2, -0.3]))
    _same(answer, False, (2,), 2 / 3, "the example")


def test_right_ones_pass(solution, rng):
    """Twenty right gradients pass, with sizes from 1e-6 to 1e6"""
    answers = []
    for number in range(20):
        shape = [(5,), (2, 3), (3, 1, 2)][number % 3]
        c, b, x = rng.uniform(0.5, 2.0, size=shape), rng.normal(size=shape), rng.uniform(-1.0, 1.0, size=shape)
        scale = 10.0 ** (-6 + 12 * number / 19)
        answers.append((scale, solution.check(*_pair(c, b, scale=scale), x)))
    for scale, answer in answers:
        _accepted(answer, f"a gradient of the size {scale:.1g}", "Errors are relative to the gradient's size.")


def test_wrong_ones_fail(solution, rng):
    """Twenty wrong gradients fail, with sizes from 1e-6 to 1e6, and the wrong entry is named"""
    answers = []
    for number in range(20):
        shape = [(5,), (2, 3), (3, 1, 2)][number % 3]
        c, b, x = rng.uniform(0.5, 2.0, size=shape), rng.uniform(5.0, 9.0, size=shape), rng.uniform(-1, 1, size=shape)
        scale = 10.0 ** (-6 + 12 * number / 19)
        place = tuple(int(rng.integers(n)) for n in shape)
        f, df = _pair(c, b, _entry(place, float(rng.choice([1.001, 0.999, 0.5, -1.0, 0.0]))), scale)
        answers.append((scale, solution.check(f, df, x), place, *_expected(df(x), _pair(c, b, scale=scale)[1](x))))
    for scale, answer, place, worst, error in answers:
        assert worst == place
        what = f"a gradient of the size {scale:.1g} that is wrong at {place}"
        _same(answer, False, worst, error, what, "Errors are relative to the gradient's size.")


def test_one_among_many(solution, rng):
    """One wrong entry among a hundred is enough, wherever it stands"""
    x = rng.uniform(-1.0, 1.0, size=(9, 12))
    c, b = np.full((9, 12), 0.01), rng.uniform(1.0, 2.0, size=(9, 12))
    place = (int(rng.integers(4, 8)), int(rng.integers(1, 11)))
    answer = solution.check(*_pair(c, b, _entry(place, 1.0005)), x)
    wrong = _pair(c, b, _entry(place, 1.0005))[1](x)
    _same(answer, False, *_expected(wrong, _pair(c, b)[1](x)), f"108 entries of which {place} is off by 1/2000")


def test_small_beside_large(solution, rng):
    """A small entry is measured by its own size, and a tiny one by M / 1000"""
    x, c = rng.uniform(-0.1, 0.1, size=3), np.zeros(3)
    u = float(rng.uniform(1.0, 1.5))
    b = np.array([-800.0, 4.0 * u, 0.05])
    answers = [solution.check(*_pair(c, b, _entry(place, factor)), x) for place, factor in (((1,), 1.001), ((2,), 3.0))]
    b = np.array([8.0, 0.05, 0.5])
    inflated = solution.check(*_pair(c, b, lambda g: g * np.array([1000.0 * u, -1.0, 1.0])), x)
    why = "It is no excuse that another entry is large."
    _same(answers[0], False, (1,), 0.001 / 1.001, "an entry of M / 200 that is off by 1/1000", why)
    what = "an entry 1000 times too large, and the sign of a tiny one wrong"
    _same(inflated, False, (0,), 1 - 0.001 / u, what, "M is the largest size in both gradients.")
    _same(answers[1], False, (2,), 0.1 / 0.8, "an entry below M / 1000 that is three times too large")


def test_floor_of_both(solution):
    """M is the largest entry of both gradients, of the formula's and of the measured one"""
    # The measured gradient is (1e-5, 3) and (0.01, 3); the formula is far too small, then far too large.
    x, cases = np.array([1.0, 2.0]), (((1e-5, 3.0), (0.0, 0.0)), ((1e-5, 3.0), (0.0, 3e-3)), ((0.01, 3.0), (-0.01, 3e3)))
    answers = [solution.check(lambda v, n=n: float(np.dot(n, v)), lambda _, a=a: np.array(a), x.copy()) for n, a in cases]
    for (n, a), answer in zip(cases, answers, strict=True):
        worst, error = _expected(np.array(a), np.array(n))
        what = f"a formula that gives {list(a)} where {list(n)} is measured"
        _same(answer, False, worst, error, what, "M is the largest size in both.")


def test_zeros(solution, rng):
    """Where the slope is 0, rounding is no error; a gradient of zeros may be right, or wrong"""
    x, c = rng.uniform(0.5, 1.0, size=4), np.array([1.0, 2.0, 0.0, 3.0])
    noise = solution.check(*_pair(c, 0 * c, _entry((2,), 1.0, 3e-10)), x)
    constant = solution.check(lambda _: 2.5, lambda _: np.zeros(4), x)
    exact = solution.check(lambda _: 2.5, lambda _: np.zeros(4), x, 0.0)
    not_constant = solution.check(lambda _: 2.5, lambda _: np.array([0.0, 0.0, 1e-9, 0.0]), x)
    lost = solution.check(*_pair(c, 0 * c, lambda g: 0 * g), x)
    _accepted(noise, "a gradient that is 3e-10 where the slope is 0", "Such an entry is measured by M / 1000.")
    for answer, rtol in ((constant, ""), (exact, " and rtol=0.0")):
        _same(answer, True, (0,), 0.0, f"the zero gradient of a constant{rtol}", "0 and 0 are equal: the error is 0.")
    _same(not_constant, False, (2,), 1.0, "a gradient of 1e-9 for a constant", "M is 1e-9 there.")
    _same(lost, False, (0,), 1.0, "zeros in place of a gradient")


def test_not_finite(solution, rng):
    """NaN and infinity are never right: their error is infinite"""
    x, c, b = rng.uniform(-1.0, 1.0, size=(2, 2)), np.ones((2, 2)), np.full((2, 2), 5.0)
    answers = {}
    for value in (math.nan, math.inf, -math.inf):
        answers[f"a gradient with {value} in it"] = solution.check(*_pair(c, b, _entry((1, 0), 0.0, value)), x)

    def both(g):
        return g * np.array([[1.0, 1.5], [1.0, math.nan]])

    answers_two = solution.check(*_pair(c, b, both), x)
    f, df = _pair(c, b)
    of_f = solution.check(lambda x: f(x) if x[1, 1] <= 2 else math.inf, df, np.array([[0.5, 1.0], [-1.0, 2.0]]))
    lax = solution.check(*_pair(c, b, _entry((1, 0), 0.0, math.nan)), x, 1e9)
    for name, answer in answers.items():
        _same(answer, False, (1, 0), math.inf, name)
    _same(answers_two, False, (1, 1), math.inf, "a gradient with a NaN beside an entry that is 50 % off")
    _same(of_f, False, (1, 1), math.inf, "a function that is infinite right behind x")
    _same(lax, False, (1, 0), math.inf, "a gradient with NaN in it, and rtol=1e9")


def test_wrong_shape(solution, rng):
    """A gradient of another shape raises ValueError, also where it could be broadcast"""
    x = rng.uniform(-1.0, 1.0, size=(3, 2))
    f = _pair(np.ones((3, 2)), np.ones((3, 2)))[0]
    changes = {
        "(2, 3)": lambda x: (2 * x + 1).T,
        "(6,)": lambda x: (2 * x + 1).reshape(-1),
        "()": lambda _: np.array(1.5),
        "(1, 3, 2)": lambda x: (2 * x + 1)[None],
        "(3, 1)": lambda x: (2 * x + 1)[:, :1],
        "(0, 2)": lambda _: np.zeros((0, 2)),
    }
    for shape, df in changes.items():
        try:
            answer = solution.check(f, df, x.copy())
        except ValueError:
            continue
        raise Mismatch(f"A gradient of shape {shape} for x of shape (3, 2) gave {answer!r}, expected a ValueError.")
    _accepted(solution.check(*_pair(np.ones((3, 2)), np.ones((3, 2))), x.copy()), "a gradient of the shape of x")


def test_shapes(solution, rng):
    """x of any shape, float32 too: `worst` has an int for each axis"""
    answers = []
    for shape, dtype in (((7,), "f4"), ((1, 1), "f8"), ((2, 1, 3), "f4"), ((3, 2), "f8"), ((), "f8")):
        x = np.array(rng.uniform(0.5, 1.0, size=shape), dtype)
        c, b = np.array(rng.uniform(1.0, 2.0, size=shape)), np.array(rng.uniform(1.0, 2.0, size=shape))
        place = tuple(n - 1 for n in shape)
        pairs = _pair(c, b), _pair(c, b, _entry(place, 0.75))
        answers.append((shape, dtype, *(solution.check(f, df, x) for f, df in pairs)))
    for shape, dtype, right, wrong in answers:
        what = f"x of shape {shape} and dtype {np.dtype(dtype)}"
        _accepted(right, f"the gradient for {what}", "All is measured in float64.")
        _same(wrong, False, tuple(n - 1 for n in shape), 0.25, f"a gradient whose last entry is wrong, for {what}")


def test_no_entries(solution):
    """Without entries there is nothing wrong"""
    for shape in ((0,), (2, 0)):
        answer = solution.check(lambda _: 1.0, lambda _, shape=shape: np.zeros(shape), np.zeros(shape))
        _same(answer, True, (), 0.0, f"x of shape {shape}")


def test_first_of_equals(solution, rng):
    """Of equal errors the first one, row by row, is named"""
    x, shape = rng.uniform(-1.0, 1.0, size=(2, 3)), (2, 3)

    def change(gradient):
        gradient[0, 1] = gradient[1, 0] = gradient[0, 2] = np.nan
        return gradient

    answer = solution.check(*_pair(np.ones(shape), np.full(shape, 4.0), change), x)
    _same(answer, False, (0, 1), math.inf, "a gradient with NaN at (0, 1), (0, 2) and (1, 0)")


def test_tolerance(solution, rng):
    """`rtol` is what the error is compared with; without it 1e-5"""
    x, c, b = rng.uniform(-1.0, 1.0, size=3), np.ones(3), np.full(3, 6.0)
    rows = [(1.04, 0.05, True), (1.06, 0.05, False), (1 - 8e-4, 1e-3, True), (1 - 12e-4, 1e-3, False)]
    rows += [(1 + 7e-6, None, True), (1 + 14e-6, None, False), (1 + 14e-6, 1e-4, True), (1 + 7e-6, 1e-6, False)]
    answers = []
    for factor, rtol, _ in rows:
        f, df = _pair(c, b, _entry((1,), factor))
        answers.append(solution.check(f, df, x) if rtol is None else solution.check(f, df, x, rtol))
    for answer, (factor, rtol, ok) in zip(answers, rows, strict=True):
        what = f"an entry off by {abs(factor - 1):.2g} with {'no rtol' if rtol is None else f'rtol={rtol:g}'}"
        _same(answer, ok, (1,), abs(factor - 1) / max(factor, 1.0), what)


def test_x_is_only_read(solution, rng):
    """x holds the same numbers afterwards"""
    x = rng.uniform(-2.0, 2.0, size=(3, 2))
    c, b = np.ones((2, 3)), np.full((2, 3), 7.0)
    seen = observe(solution.check, *_pair(c, b, _entry((1, 2), 2.0)), x.T)
    if not np.array_equal(seen.args[2], x.T):
        raise Mismatch("x was changed in place; it may only be read.")
    _same(seen.value, False, (1, 2), 0.5, "x with strides of its own")
