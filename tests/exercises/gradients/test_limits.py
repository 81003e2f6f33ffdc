"""The hidden suite of gradients/limits.

The expected limits are known from calculus, never from a computation. A value that has settled by the rules of the
statement (three changes of at most 1e-6, with distances that shrink to 0.3) is off by less than 1e-6 for a smooth f
and by less than 3e-6 for a root: 1e-5 is allowed, relative to max(1, |limit|). The functions are drawn with random
heights and slopes well away from the rules' own bounds; no check fails by chance. All call-backs are pure.
"""

import math

import numpy as np

from grader.testing import Mismatch, assert_close


def _near(answer, expected, what, why=""):
    if not isinstance(answer, float) or isinstance(answer, np.ndarray):
        raise Mismatch(f"{what[0].upper()}{what[1:]} is {answer!r}, which is no float.")
    if math.isinf(expected) and answer != expected:
        raise Mismatch(f"{what[0].upper()}{what[1:]} is {answer!r}, expected {expected!r}. {why}".rstrip())
    assert_close(float(answer), float(expected), rtol=1e-5, atol=1e-5, what=what.rstrip(","), why=why)


def _none(answer, what, why):
    if not (isinstance(answer, float) and math.isnan(answer)):
        raise Mismatch(f"{what[0].upper()}{what[1:]} is {answer!r}, expected NaN. {why}")


def _jump(low, high, here, a=0.0, slope=0.25):
    """`low` on the left of a, `high` on the right, each with a slope, and `here` at a itself."""

    def f(x):
        return here if x == a else (high if x > a else low) + slope * (x - a)

    return f


def _number(rng, low, high):
    return float(rng.uniform(low, high))


def test_two_sides(solution, rng):
    """A jump has a limit from each side, and none from both"""
    a, low, high = _number(rng, 0.5, 1.5), _number(rng, -3, -2), _number(rng, 4, 5)
    f = _jump(low, high, 9.0, a)
    answers = {side: solution.limit(f, a, side) for side in ("right", "left", "both")}
    _near(answers["right"], high, "the right limit of a jump")
    _near(answers["left"], low, "the left limit of a jump")
    _none(answers["both"], "the limit of a jump from both sides", "Its two sides differ.")


def test_worked_examples(solution):
    """The examples of the statement"""
    cases = [
        (lambda x: abs(x) / x, "right", 1.0, "|x| / x"),
        (lambda x: abs(x) / x, "left", -1.0, "|x| / x"),
        (lambda x: abs(x) / x, "both", math.nan, "|x| / x"),
        (lambda x: math.sin(x) / x, "both", 1.0, "sin(x) / x"),
        (lambda x: 1 / x, "right", math.inf, "1 / x"),
        (lambda x: 1 / x, "left", -math.inf, "1 / x"),
        (lambda x: 1 / x, "both", math.nan, "1 / x"),
        (lambda x: 1 / x**2, "both", math.inf, "1 / x²"),
        (lambda x: math.log(abs(x)), "right", math.nan, "log |x|, by the rules,"),
    ]
    answers = [solution.limit(f, 0.0, side) for f, side, _, _ in cases]
    for answer, (_, side, expected, name) in zip(answers, cases, strict=True):
        _near(answer, expected, f"the limit of {name} at 0, side '{side}',")


def test_value_at_a(solution, rng):
    """What f is at a itself has no say in the limit"""
    a, height = _number(rng, 2, 3), _number(rng, -2, 2)
    f = _jump(height, height, height + 7.0, a)
    asked = []

    def swinging(x):
        asked.append(x)
        return height + 4 if x == a else math.sin(1 / (x - a))

    answers = {side: solution.limit(f, a, side) for side in ("both", "left", "right")}
    none = solution.limit(swinging, a, "right"), solution.limit(swinging, a, "left")
    for side, answer in answers.items():
        _near(answer, height, f"the limit of a line with one point moved away, side '{side}',")
    _none(none[0], f"the right limit of sin(1 / (x - a)) at a = {a:.3g}", "It swings all the way to a.")
    _none(none[1], f"the left limit of sin(1 / (x - a)) at a = {a:.3g}", "It swings all the way to a.")
    assert a not in asked, "You ask f at a itself. When a + h is a, rounded, there are no more points to try."


def test_too_close(solution, rng):
    """Cancellation near a does not mislead: (1 - cos x) / x² has the limit 1/2"""
    height = _number(rng, 1, 3)
    cases = [
        (lambda x: height * (1 - math.cos(x)) / x**2, height / 2, "(1 - cos x) / x², times a number,"),
        (lambda x: height * (math.tan(x) - math.sin(x)) / x**3, height / 2, "(tan x - sin x) / x³, times a number,"),
        (lambda x: (math.sqrt(height + x) - math.sqrt(height)) / x, 0.5 / math.sqrt(height), "(√(c + x) - √c) / x"),
    ]
    answers = [[solution.limit(f, 0.0, side) for side in ("right", "left")] for f, _, _ in cases]
    for pair, (_, expected, name) in zip(answers, cases, strict=True):
        for side, answer in zip(("right", "left"), pair, strict=True):
            # The third loses 1e-16 / x by rounding, the first two 2e-16 / x²: at the x where they settle, 1e-3, 1e-9.
            _near(answer, expected, f"the limit of {name} at 0, side '{side}',", "Stop where the values settle first.")


def test_in_step(solution, rng):
    """A function that swings for ever has no limit, and none is found by chance"""
    size = _number(rng, 2, 5)
    cases = [
        (lambda x: size * math.sin(math.pi / x), "sin(π / x)"),
        (lambda x: size * math.sin(1 / x), "sin(1 / x)"),
        (lambda x: size * math.cos(2 * math.pi / x), "cos(2π / x)"),
        (lambda x: 1e8 * size * (1 + round(math.log(abs(x)) / math.log(0.3)) % 2), "a swing between 1e8 and 2e8"),
    ]
    answers = [[solution.limit(f, 0.0, side) for side in ("right", "left", "both")] for f, _ in cases]
    for three, (_, name) in zip(answers, cases, strict=True):
        for side, answer in zip(("right", "left", "both"), three, strict=True):
            _none(answer, f"the limit of {name} at 0, side '{side}',", "It swings all the way to 0.")


def _listed(values, rest, asked, a=0.0, sign=1):
    """A function that has `values` at the first points of the rules on one side of a, and `rest` in turn after them."""

    def f(x):
        if x == a:
            asked.append(0)
            return 7.0
        k = round(math.log(abs(x - a)) / math.log(0.3))
        if not math.isclose(x, a + sign * 0.3**k, rel_tol=1e-9) or not 1 <= k <= 40:
            h = sign * (x - a)
            raise AssertionError(f"f was asked at a distance of {h:.6g}; the distances are 0.3¹, 0.3², ..., 0.3⁴⁰.")
        asked.append(k)
        return values[k - 1] if k <= len(values) else rest[(k - len(values)) % len(rest)]

    return f


def test_settling(solution, rng):
    """When the values have settled, to the letter of the rules"""
    v, t = _number(rng, 0.2, 0.4), 2.0**-10
    swing = (v, v + 0.5)
    cases = [
        ((v, v, v, v), swing, 1e-6, v, 4, "four equal values at once"),
        ((9.0, v, v, v, v), swing, 1e-6, v, 5, "one other value, then four equal ones"),
        ((v, v, v, 9.0, v, v, v, v), swing, 1e-6, v, 8, "three equal values, a jump, then four equal ones"),
        ((0.0, t, 2 * t, 3 * t), swing, t, 3 * t, 4, "three changes of exactly tol"),
        ((0.0, -1.5e-6, -3e-6, -4.5e-6, -6e-6), swing, 1e-6, math.nan, 40, "changes of 1.5 tol, then a swing"),
        ((-900.0, -900.0005, -900.001, -900.0015), swing, 1e-6, -900.0015, 4, "three changes of 5e-4 at -900"),
        ((-900.0, 900.0, v, v + 1e-4, v + 2e-4, v + 3e-4), swing, 1e-6, math.nan, 40, "-900, 900, changes of 1e-4"),
        (tuple(256 * 0.766**k for k in range(8)), swing, 0.25, math.nan, 40, "a fall by 0.23 each time with tol=0.25"),
        ((v, -v) * 18 + (v, v, v, v), swing, 1e-6, v, 40, "a swing, and equal values at the last four points"),
        ((v, -v) * 18 + (-v, v, v, v), swing, 1e-6, math.nan, 40, "a swing, and equal values at the last three points"),
    ]
    found = []
    for values, rest, tol, *_ in cases:
        asked = []
        found.append((solution.limit(_listed(values, rest, asked), 0.0, "right", tol), len(asked)))
    asked = []
    default = solution.limit(_listed((0.0, -1.5e-6, -3e-6, -4.5e-6, -6e-6), swing, asked), 0.0, "right")
    for (answer, count), (_, _, _, expected, most, name) in zip(found, cases, strict=True):
        why = f"The rules take {most} values to find it; you took {count}."
        _near(answer, expected, f"the right limit of {name},", why)
        assert count == most, f"For {name} you asked f {count} times, the rules ask {most} times."
    _none(default, "the right limit of changes of 1.5e-6, then a swing,", "Where no tol is given it is 1e-6.")


def test_not_settled(solution):
    """What never settles is infinite only if the last value is beyond 1e6 and beyond the two before it"""
    swing = (1.0, -2.0) * 18 + (1.0,)
    cases = [
        ((1.0, 1.2e6, 1.5e6), math.inf, "..., 1, 1.2e6, 1.5e6"),
        ((1.0, -1.2e6, -1.5e6), -math.inf, "..., 1, -1.2e6, -1.5e6"),
        ((-1.0, 7e5, 1e6), math.nan, "..., -1, 7e5, 1e6"),
        ((3e6, 1.2e6, 2e6), math.nan, "..., 3e6, 1.2e6, 2e6"),
        ((1.2e6, 3e6, 2e6), math.nan, "..., 1.2e6, 3e6, 2e6"),
        ((-3e6, 1.2e6, 2e6), math.nan, "..., -3e6, 1.2e6, 2e6"),
        ((1.2e6, -3e6, 2e6), math.nan, "..., 1.2e6, -3e6, 2e6"),
        ((2e6, 1.2e6, 2e6), math.nan, "..., 2e6, 1.2e6, 2e6"),
    ]
    answers = [solution.limit(_listed(swing + last, (0.0,), [], sign=-1), 0.0, "left") for last, _, _ in cases]
    for answer, (_, expected, name) in zip(answers, cases, strict=True):
        why = "The rules ask for more than 1e6 in size, and more in size than each of the two values before it."
        if math.isnan(expected):
            _none(answer, f"the left limit of the 40 values {name}", why)
        else:
            _near(answer, expected, f"the left limit of the 40 values {name}", why)


def test_points(solution, rng):
    """f is asked at the points of the rules, in their order, and never at a"""
    for a, side in ((0.0, "right"), (1.0 + _number(rng, 0, 1), "left"), (-300.0 - _number(rng, 0, 9), "right")):
        asked, sign = [], 1 if side == "right" else -1

        def swinging(x, a=a, asked=asked):
            asked.append(x)
            return 0.0 if x == a else math.sin(1 / (x - a))

        answer = solution.limit(swinging, a, side)
        points = [x for x in (a + sign * 0.3**k for k in range(1, 41)) if x != a]
        _none(answer, f"the {side} limit of sin(1 / (x - a)) at {a:.4g}", "It swings all the way to a.")
        assert a not in asked, f"f was asked at a = {a:.6g} itself. Stop before a + h, rounded, is a."
        counts = f"asked {len(asked)} times, the rules ask {len(points)} times"
        assert len(asked) == len(points), f"At a = {a:.4g} f was {counts}."
        same = np.allclose(np.subtract(asked, a), np.subtract(points, a), rtol=1e-9, atol=1e-13 * abs(a))
        assert same, f"From a = {a:.4g} you did not try the distances 0.3¹, 0.3², 0.3³, ... on the {side}, in order."


def test_by_chance(solution, rng):
    """Two or three equal values are no limit yet"""
    size = _number(rng, 1, 2)
    cases = [
        (lambda x: size * (x - 0.3) * (x - 0.09) + x * x * (x - 0.3) * (x - 0.09), size * 0.027, "two points"),
        (lambda x: 100 * size * (x - 0.3) * (x - 0.09) * (x - 0.027), -100 * size * 0.000729, "three points"),
        # Two equal values, a large change, two equal values, and so on.
        (lambda x: size * (x - 0.3) * (x - 0.09) * (x - 0.0081) * (x - 0.00243) * 1e4, 1e4 * size * 0.027 * 0.000019683,
         "two pairs of points"),
    ]  # fmt: skip
    stairs = solution.limit(lambda x: float(-round(math.log(abs(x)) / math.log(0.3)) // 2), 0.0, "right")
    answers = [solution.limit(f, 0.0, "right") for f, _, _ in cases]
    for answer, (_, expected, name) in zip(answers, cases, strict=True):
        _near(answer, expected, f"the right limit of a polynomial that has equal values at {name}")
    why = "Three small changes in a row are asked for."
    _none(stairs, "the right limit of endless stairs, every second change being 0,", why)


def test_squeezed(solution, rng):
    """Swings that die away have a limit, and so has a root"""
    height = _number(rng, -2, 2)
    cases = [
        (lambda x: height + x * math.sin(1 / x), "both", "c + x sin(1 / x)"),
        (lambda x: height + math.sqrt(x), "right", "c + √x"),
        (lambda x: height + math.sqrt(-x), "left", "c + √(-x)"),
    ]
    answers = [solution.limit(f, 0.0, side) for f, side, _ in cases]
    for answer, (_, side, name) in zip(answers, cases, strict=True):
        _near(answer, height, f"the limit of {name} at 0, side '{side}',")


def test_large_values(solution, rng):
    """Large limits are limits: the tolerance goes with the size of the value"""
    slope = _number(rng, 1, 3)
    line = [solution.limit(lambda x: 1e12 * slope * x, 1.0, side) for side in ("right", "left", "both")]
    flat = solution.limit(lambda x: -3e7 + slope * x, 0.0, "both")
    apart = solution.limit(_jump(-1e9, -1e9 + 50, 0.0), 0.0, "both")
    below = solution.limit(_jump(-1e9, -1e9 - 9e4, 0.0), 0.0, "both")
    far = solution.limit(_jump(-1e9, -1e9 + 9e4, 0.0), 0.0, "both")
    for side, answer in zip(("right", "left", "both"), line, strict=True):
        _near(answer, 1e12 * slope, f"the limit of a line at a height of {1e12 * slope:.3g}, side '{side}',")
    _near(flat, -3e7, "the limit of a line at a height of -3e7")
    _near(apart, -1e9, "the limit where the sides are at -1e9 and -1e9 + 50")
    _none(below, "the limit where the sides are at -1e9 and -1e9 - 9e4", "That is more than 10 · tol · |right limit|.")
    _none(far, "the limit where the sides are at -1e9 and -1e9 + 9e4", "That is more than 10 · tol · |right limit|.")


def test_without_bound(solution, rng):
    """Growing without bound is inf or -inf, each side by itself"""
    a, c = _number(rng, 0.5, 1.5), _number(rng, 1, 2)
    cases = [
        (lambda x: c / (x - a), (math.inf, -math.inf, math.nan), "c / (x - a)"),
        (lambda x: -c / (x - a) ** 2, (-math.inf, -math.inf, -math.inf), "-c / (x - a)²"),
        (lambda x: c / abs(x - a), (math.inf, math.inf, math.inf), "c / |x - a|"),
        (lambda x: c if x < a else c / (x - a), (math.inf, c, math.nan), "c on the left, c / (x - a) on the right,"),
        (lambda x: c if x > a else math.sin(1 / (x - a)), (c, math.nan, math.nan), "a swing, then c,"),
        (lambda x: c if x < a else math.sin(1 / (x - a)), (math.nan, c, math.nan), "c, then a swing,"),
    ]
    answers = [[solution.limit(f, a, side) for side in ("right", "left", "both")] for f, _, _ in cases]
    for three, (_, expected, name) in zip(answers, cases, strict=True):
        for side, answer, value in zip(("right", "left", "both"), three, expected, strict=True):
            _near(answer, value, f"the limit of {name} at a, side '{side}',")


def test_agreement(solution, rng):
    """Sides that agree to the tolerance give their mean, and no more than that is allowed"""
    height = _number(rng, -0.5, 0.5)
    close = solution.limit(_jump(height, height + 6e-6, 0.0, slope=0.0), 0.0, "both")
    apart = solution.limit(_jump(height, height + 3e-5, 0.0, slope=0.0), 0.0, "both")
    loose = solution.limit(_jump(height, height + 3e-5, 0.0, slope=0.0), 0.0, "both", 1e-5)
    gaps = (9.5, -9.5, 10.5, -10.5)
    signed = [solution.limit(_jump(height + gap * 1e-6, height, 0.0, slope=0.0), 0.0, "both") for gap in gaps]
    _near(close, height + 3e-6, "the limit where the sides are 6e-6 apart")
    off = abs(close - height - 3e-6)
    assert off < 1e-9, f"The limit where the sides are 6e-6 apart is {close!r}, expected their mean {height + 3e-6!r}."
    for answer, gap in zip(signed[:2], (9.5, -9.5), strict=True):
        _near(answer, height + gap * 5e-7, f"the limit where the left side is {gap}e-6 above the right one")
    for answer, gap in zip(signed[2:], (10.5, -10.5), strict=True):
        _none(answer, f"the limit where the left side is {gap}e-6 above the right one", "That is more than 10 · tol.")
    _none(apart, "the limit where the sides are 3e-5 apart", "That is more than 10 · tol.")
    _near(loose, height + 1.5e-5, "the same with tol=1e-5")


def test_tolerance(solution, rng):
    """`tol` says how little the values may still change"""
    slope, height = _number(rng, 1, 2), _number(rng, 1, 2)
    asked = []

    def f(x):
        asked.append(x)
        return height + slope * x

    counts, answers = [], []
    for tol in (1e-2, 1e-6, 1e-10):
        asked.clear()
        answers.append(solution.limit(f, 0.0, "right", tol))
        counts.append(len(asked))
    for tol, answer in zip((1e-2, 1e-6, 1e-10), answers, strict=True):
        off = abs(answer - height) if isinstance(answer, float) else math.inf
        assert off <= 2 * tol, f"With tol={tol:g} the limit of a line is off by {off:.2g}."
    assert counts[0] < counts[1] < counts[2], (
        f"With tol = 1e-2, 1e-6, 1e-10 you asked f {counts[0]}, {counts[1]}, {counts[2]} times: a smaller tol needs "
        "more points."
    )
    assert counts[2] < 30, f"You asked f {counts[2]} times for a straight line; where the values have settled, stop."


def test_continuous(solution, rng):
    """Continuous means: a finite limit from both sides, and f has that value"""
    a, height = _number(rng, -1, 1), _number(rng, 2, 3)
    cases = [
        (_jump(height, height, height, a), True, "a line"),
        (lambda x: abs(x - a) - height, True, "|x - a|, which has a corner,"),
        (_jump(height, height, height + 0.5, a), False, "a line with one point moved away"),
        (_jump(height, height, math.nan, a), False, "a line with a hole"),
        (_jump(height, height + 1, height + 1, a), False, "a jump with the right limit at a"),
        (_jump(height, height + 1, height, a), False, "a jump with the left limit at a"),
        (_jump(height, height + 1, height + 0.5, a), False, "a jump with the mean at a"),
        (lambda x: math.inf if x == a else 1 / (x - a) ** 2, False, "1 / (x - a)², with inf at a,"),
        (lambda x: 0.0 if x == a else 1 / (x - a) ** 2, False, "1 / (x - a)², with 0 at a,"),
        (lambda x: 0.0 if x == a else math.sin(1 / (x - a)), False, "sin(1 / (x - a)), with 0 at a,"),
        (lambda x: 0.0 if x == a else (x - a) * math.sin(1 / (x - a)), True, "(x - a) sin(1 / (x - a)), with 0 at a,"),
        (lambda x: 1e9 * height * (x - a + 1), True, "a steep and high line"),
    ]
    answers = [solution.continuous(f, a) for f, _, _ in cases]
    off = [
        (0.0, 2.0**-10 * 10, 2.0**-10, True, "10 · tol"),
        (0.25, 9.5e-6, 1e-6, True, "9.5 · tol"),
        (0.25, 10.5e-6, 1e-6, False, "10.5 · tol"),
        (0.25, -10.5e-6, 1e-6, False, "-10.5 · tol"),
        (-500.0, 4e-3, 1e-6, True, "8 · tol · |limit|"),
        (500.0, -6e-3, 1e-6, False, "-12 · tol · |limit|"),
        (0.25, -9.5e-6, None, True, "-9.5e-6, without tol"),
        (0.25, 15e-6, None, False, "1.5e-5, without tol"),
    ]
    near = []
    for level, by, tol, _, _ in off:
        f = _jump(level, level, level + by, a, slope=0.0)
        near.append(solution.continuous(f, a) if tol is None else solution.continuous(f, a, tol))
    moved = _jump(height, height, height * (1 + 1e-3), a)
    loose, strict = solution.continuous(moved, a, 1e-3), solution.continuous(moved, a, 1e-6)
    for answer, (_, expected, name) in zip(answers, cases, strict=True):
        if not isinstance(answer, bool | np.bool_) or bool(answer) != expected:
            raise Mismatch(f"continuous of {name} gave {answer!r}, expected {expected}.")
    for answer, (level, _, _, expected, name) in zip(near, off, strict=True):
        if not isinstance(answer, bool | np.bool_) or bool(answer) != expected:
            raise Mismatch(f"continuous of {level:g} with f(a) off by {name} gave {answer!r}, expected {expected}.")
    assert (loose, strict) == (True, False), (
        f"A point off by a thousandth: {loose!r} with tol=1e-3 and {strict!r} with tol=1e-6, expected True and False."
    )


def test_unknown_side(solution):
    """Any other side raises ValueError"""
    for side in ("above", "", "Left", "r"):
        try:
            answer = solution.limit(abs, 1.0, side)
        except ValueError:
            continue
        raise Mismatch(f"limit(f, 1.0, {side!r}) returned {answer!r}; an unknown side must raise ValueError.")
    _near(solution.limit(abs, 1.0, "left"), 1.0, "the left limit of |x| at 1")
