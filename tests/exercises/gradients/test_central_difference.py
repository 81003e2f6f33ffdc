"""The hidden suite of gradients/central_difference.

Where the formula itself is the expected value the step is large, so rounding (about 2e-16 |f| / h) is far
below the default tolerance of float64 (1e-9 relative). Where the true derivative is expected the tolerance
is the formula's own error bound with room for that rounding, stated beside it. The measured orders come out
within 0.02 of 1 and 2 for every x drawn here, and 0.1 is allowed; no check fails by chance. All call-backs
are pure: what they record is read after the call.
"""

import math

import numpy as np

from grader.testing import Mismatch, assert_close, assert_equal, observe

EXPECTED_ORDER = {"forward": 1, "central": 2}


def _wavy(x):
    return np.sin(1.3 * x) + 0.2 * x**3


def _formula(f, x, h, kind):
    if kind == "forward":
        return (f(x + h) - f(x)) / h
    return (f(x + h) - f(x - h)) / (2 * h)


def test_formulas(solution, rng):
    """Both kinds give their formula's value with a large step"""
    x = rng.uniform(-3.0, 3.0, size=(2, 3))
    x[0, 1] += math.copysign(2.0, x[0, 1])
    h = float(rng.uniform(0.3, 0.6))
    answers = {kind: solution.diff(_wavy, x.copy(), h, kind) for kind in EXPECTED_ORDER}
    for kind, answer in answers.items():
        assert_close(answer, _formula(_wavy, x, h, kind), what=f"the {kind} difference with h = {h:.3g}")


def test_worked_example(solution):
    """The example of the statement: x³ at 2 with a step of 0.5"""
    answers = [solution.diff(_cube, 2.0, 0.5, kind) for kind in EXPECTED_ORDER]
    assert_close(answers[0], 15.25, what="the forward difference")
    assert_close(answers[1], 12.25, what="the central difference")


def _cube(x):
    return x * x * x


def test_forward_order(solution, rng):
    """Halving h halves the error of the forward difference"""
    _measure_order(solution, rng, "forward")


def test_central_order(solution, rng):
    """Halving h divides the error of the central difference by four"""
    _measure_order(solution, rng, "central")


def _measure_order(solution, rng, kind):
    x = rng.uniform(-1.0, 1.0, size=4)
    steps = [2.0**-k for k in (4, 5, 6, 7)]
    answers = [solution.diff(np.exp, x.copy(), h, kind) for h in steps]
    errors = []
    for h, answer in zip(steps, answers, strict=True):
        # A quarter off would be no estimate at all: the forward difference is off by h/2, at the most 3 %.
        assert_close(answer, np.exp(x), rtol=0.25, atol=0.0, what=f"the {kind} difference of exp with h = {h:g}")
        errors.append(float(np.abs(answer - np.exp(x)).sum()))
    order = EXPECTED_ORDER[kind]
    for h, error, halved in zip(steps, errors, errors[1:], strict=False):
        if halved == 0:
            raise Mismatch(
                f"The {kind} difference of exp with h = {h / 2:g} has no error at all. With a step as large as that the "
                "formula has one, so this is another way to the derivative."
            )
        ratio = error / halved
        if not abs(math.log2(ratio) - order if ratio > 0 else math.inf) < 0.1:
            raise Mismatch(
                f"Halving the step from {h:g} divided the error of the {kind} difference of exp by {ratio:.3g}; "
                f"for a formula of order {order} that is about {2**order}."
            )


def test_error_term(solution, rng):
    """On x² the forward difference is h too high, on x³ the central one h²"""
    x = rng.uniform(-2.0, 2.0, size=5)
    h = float(rng.uniform(0.5, 0.9))
    forward = solution.diff(_square, x.copy(), h, "forward")
    central = solution.diff(_cube, x.copy(), h, "central")
    assert_close(
        forward,
        2 * x + h,
        what="the forward difference of x²",
        why="Taylor's remainder is h/2 · 2, no more and no less.",
    )
    assert_close(
        central,
        3 * x**2 + h**2,
        what="the central difference of x³",
        why="Taylor's remainder is h²/6 · 6, no more and no less.",
    )


def _square(x):
    return x * x


def test_exact_on_polynomials(solution, rng):
    """Forward is exact on straight lines, central on parabolas, with any step"""
    a, b, c = (float(value) for value in rng.uniform(0.5, 2.0, size=3))
    x = rng.uniform(-2.0, 2.0, size=(3, 2))

    def line(x):
        return c + b * x

    def parabola(x):
        return c + b * x + a * x * x

    for h in (0.125, 4.0):
        answers = solution.diff(line, x.copy(), h, "forward"), solution.diff(parabola, x.copy(), h, "central")
        assert_close(answers[0], np.full(x.shape, b), what=f"the forward difference of a straight line with h = {h:g}")
        assert_close(answers[1], b + 2 * a * x, what=f"the central difference of a parabola with h = {h:g}")


def test_small_steps(solution, rng):
    """A small step gives the derivative to many digits"""
    x = rng.uniform(0.5, 1.5, size=5)
    central = solution.diff(np.exp, x.copy(), 1e-5, "central")
    forward = solution.diff(np.exp, x.copy(), 1e-7, "forward")
    # Error of the formula and of rounding: 2e-11 + 3e-11 and 5e-8 + 5e-9, relative to exp.
    assert_close(central, np.exp(x), rtol=1e-9, what="the central difference of exp with h = 1e-5")
    assert_close(forward, np.exp(x), rtol=2e-7, what="the forward difference of exp with h = 1e-7")


def test_tiny_steps(solution, rng):
    """A step of 1e-12 or less is taken as it is, where f is wild enough to need it"""
    for scale in (1e-12, 1e-100):
        x, h = scale * rng.uniform(-1.0, 1.0, size=4), 0.5 * scale
        x[0] = 0.0

        def f(x, scale=scale):
            return _wavy(x / scale)

        answers = {kind: solution.diff(f, x.copy(), h, kind) for kind in EXPECTED_ORDER}
        for kind, answer in answers.items():
            assert_close(answer, _formula(f, x, h, kind), what=f"the {kind} difference with h = {h:g} near x = 0",
                         why="The step is used as it is given, however small.")  # fmt: skip


def test_tiny_results(solution, rng):
    """Results of 1e-8 and 1e-30 keep all their digits"""
    x, h = rng.uniform(-2.0, 2.0, size=4), 0.5
    for scale in (1e-8, 1e-30):

        def f(x, scale=scale):
            return scale * _wavy(x)

        answers = {kind: solution.diff(f, x.copy(), h, kind) for kind in EXPECTED_ORDER}
        for kind, answer in answers.items():
            # 1e-12 of the results' own size.
            assert_close(answer, _formula(f, x, h, kind), atol=1e-12 * scale, what=f"the {kind} difference of {scale:g} f",
                         why="Nothing is rounded or cut off.")  # fmt: skip


def test_rounded_points(solution):
    """Where x + h is rounded, the quotient is still divided by h"""
    # Floats near 1 are 2⁻⁵² apart above it and half as much below: x + h is off by 0.4 of that, x - h by 0.1.
    h = 1.4 * 2.0**-52
    answers = {kind: solution.diff(_itself, 1.0, h, kind) for kind in EXPECTED_ORDER}
    for kind, answer in answers.items():
        assert_close(
            answer,
            _formula(_itself, 1.0, h, kind),
            what=f"the {kind} difference of f(x) = x at 1 with h = {h:.3g}",
            why="x + h is rounded there; the formula divides by h, not by the distance of the rounded points.",
        )


def _itself(x):
    return x


def test_negative_step(solution, rng):
    """A negative step looks to the left"""
    x, h = float(rng.uniform(0.5, 1.5)), -0.5
    answers = [solution.diff(_exp, x, h, kind) for kind in EXPECTED_ORDER]
    for kind, answer in zip(EXPECTED_ORDER, answers, strict=True):
        assert_close(answer, _formula(_exp, x, h, kind), what=f"the {kind} difference with h = -0.5")


def _exp(x):
    return math.exp(x) if isinstance(x, float | int) else np.exp(x)


def test_two_calls(solution, rng):
    """f is called exactly twice, at the two points of the formula"""
    x = rng.uniform(-1.0, 1.0, size=(2, 3))
    h = 0.25
    asked = []

    def f(point):
        asked.append(point)
        return _wavy(point)

    for kind, left in (("forward", x), ("central", x - h)):
        asked.clear()
        answer = solution.diff(f, x.copy(), h, kind)
        if len(asked) < 2:
            times = "once" if asked else "not at all"
            raise Mismatch(
                f"For kind '{kind}' f was called {times}; the formula needs f at two points, one call for each."
            )
        if len(asked) > 2:
            raise Mismatch(
                f"For kind '{kind}' f was called {len(asked)} times; it may be costly, and two calls are enough."
            )
        points = sorted(asked, key=lambda point: float(np.sum(point)))
        assert_close(points[0], left, what=f"the left point at which f was asked, kind '{kind}'")
        assert_close(points[1], x + h, what=f"the right point at which f was asked, kind '{kind}'")
        assert_close(answer, _formula(_wavy, x, h, kind), what=f"the {kind} difference")


def test_hole_at_x(solution):
    """The central difference works where f is not defined at x itself"""

    def f(x):
        if getattr(x, "shape", ()) != ():
            raise Mismatch(f"f was given an array of shape {x.shape}, but x is a float.")
        return math.expm1(x) / x  # nothing at 0, and about 1 + x/2 near it

    answer = solution.diff(f, 0.0, 0.25, "central")
    assert_close(answer, _formula(f, 0.0, 0.25, "central"), what="the central difference of (exp(x) - 1) / x at 0")


def test_shapes(solution, rng):
    """A float, one element, no elements, any number of axes: the result has the shape of x"""
    h = 0.375
    for shape in ((), (0,), (1,), (1, 4, 1), (2, 0, 3), (2, 1, 3)):
        x = rng.uniform(-2.0, 2.0, size=shape)
        answers = {kind: solution.diff(_wavy, x.copy() if shape else float(x), h, kind) for kind in EXPECTED_ORDER}
        for kind, answer in answers.items():
            assert_close(answer, _formula(_wavy, x, h, kind), what=f"the {kind} difference for x of shape {shape}")


def test_x_is_only_read(solution, rng):
    """x holds the same numbers afterwards, whatever its strides"""
    x = rng.uniform(-2.0, 2.0, size=(4, 6))
    x[0, 0] = 1e-20  # there and back again by 0.5, in place, makes this 0
    for view in (x, x.T, x[::2, ::-1]):
        for kind in EXPECTED_ORDER:
            seen = observe(solution.diff, _wavy, view, 0.5, kind)
            assert_equal(
                seen.args[1],
                view,
                what="x after the call (it must not be changed in place)",
                why="Not even the last digit of a number may differ.",
            )
            assert_close(seen.value, _formula(_wavy, view, 0.5, kind), what=f"the {kind} difference")


def test_unknown_kind(solution):
    """Any other kind raises ValueError"""
    for kind in ("backward", "centre", "", "Forward", "CENTRAL", " central"):
        try:
            answer = solution.diff(_square, 1.0, 0.5, kind)
        except ValueError:
            continue
        raise Mismatch(f"diff(f, 1.0, 0.5, {kind!r}) returned {answer!r}; an unknown kind must raise ValueError.")
    # What raises always has not looked at the kind.
    assert_close(solution.diff(_square, 1.0, 0.5, "central"), 2.0, what="the central difference")


def test_steps_are_not_shared(solution, rng):
    """A second call knows nothing of the first"""
    x = rng.uniform(-2.0, 2.0, size=3)
    first = solution.diff(_wavy, x.copy(), 0.5, "central")
    second = solution.diff(_square, x.copy(), 0.25, "central")
    again = solution.diff(_wavy, x.copy(), 0.5, "central")
    assert_close(second, 2 * x, what="the central difference of x²")
    assert_equal(again, first, what="the same call again")
    assert_close(again, _formula(_wavy, x, 0.5, "central"), what="the central difference")
