"""The hidden suite of gradients/integral.

Expected values come from antiderivatives and from known moments, and for the rule itself from a loop over the
parabolas, written out here. Rounding is about 1e-15 of the largest value times b - a, the default tolerance of float64
1e-9 relative; 1e-10 stands beside it where terms cancel. Bell curves are cut off at ten σ and more, where 1e-22 of them
is left, and the rule's own error for them is below 1e-12 with the n that is given. No check fails by chance. All
call-backs are pure.
"""

import math

import numpy as np

from grader.testing import Mismatch, assert_close


def _parabolas(f, a, b, n):
    """Simpson's rule as a loop over the pairs of parts."""
    h, total = (b - a) / n, 0.0
    for k in range(0, n, 2):
        x = np.array([a + k * h, a + (k + 1) * h, a + (k + 2) * h])
        left, middle, right = (float(v) for v in f(x))
        total += (left + 4 * middle + right) * h / 3
    return total


def _wave(rng):
    """A function with nothing even or odd about it."""
    p, q, r = rng.uniform(0.5, 1.5, size=3)

    def f(x):
        return np.exp(p * x / 2) + q * np.sin(3 * x + r) + x * x

    return f


def _normal(mean, sigma, factor=1.0):
    return lambda x: factor * np.exp(-((x - mean) ** 2) / (2 * sigma**2))


def _same(answer, expected, what, why="", rtol=1e-9, atol=1e-10):
    if isinstance(answer, bool) or not isinstance(answer, float | np.floating):
        raise Mismatch(f"{what} is {answer!r}; expected is a float.")
    assert_close(float(answer), float(expected), rtol=rtol, atol=atol, what=what, why=why)


def _refused(call, what):
    try:
        answer = call()
    except ValueError:
        return
    raise Mismatch(f"{what} gave {answer!r}; expected is a ValueError.")


def test_rule(solution, rng):
    """`simpson`: the sum of the areas below the parabolas, with few points"""
    cases = []
    for n in (6, 4, 10):
        f, a = _wave(rng), float(rng.uniform(-1.0, 0.5))
        b = a + float(rng.uniform(1.0, 2.5))
        cases.append((f"the integral with n = {n}", solution.simpson(f, a, b, n), _parabolas(f, a, b, n)))
    for what, answer, expected in cases:
        _same(answer, expected, what)


def test_points(solution, rng):
    """f is asked once, for n + 1 points from a to b, both ends among them"""
    f, a, b, asked = _wave(rng), float(rng.uniform(-2.0, -1.0)), float(rng.uniform(1.0, 2.0)), []

    def watched(x):
        asked.append(np.array(x))
        return f(x)

    answer = solution.simpson(watched, a, b, 6)
    if len(asked) != 1:
        raise Mismatch(f"f was called {len(asked)} times; all points are to be given to it at once.")
    if asked[0].shape != (7,) or asked[0].dtype != np.float64:
        raise Mismatch(f"f was given {asked[0].dtype} of shape {asked[0].shape} for n = 6; "
                       "six parts have seven ends: expected is float64 of shape (7,).")  # fmt: skip
    assert_close(asked[0], a + (b - a) / 6 * np.arange(7), atol=1e-12, what="the points that f was given")
    _same(answer, _parabolas(f, a, b, 6), "the integral")


def test_expectation(solution, rng):
    """`expect`: the mean of f(X), the density being known up to a factor"""
    mean, sigma, factor = rng.uniform(0.5, 1.5), rng.uniform(0.6, 0.9), rng.uniform(2.0, 5.0)
    pdf = _normal(mean, sigma, factor)
    answers = [solution.expect(f, pdf, -8.0, 11.0, 400) for f in (lambda x: x, lambda x: x * x, lambda x: np.cos(x))]
    expected = [mean, mean**2 + sigma**2, math.cos(mean) * math.exp(-(sigma**2) / 2)]
    for name, answer, value in zip(("X", "X²", "cos X"), answers, expected, strict=True):
        _same(answer, value, f"the expectation of {name}", f"X is normal with mean {mean:.3f} and σ = {sigma:.3f}.")


def test_worked_example(solution):
    """The examples of the statement"""
    fourth = solution.simpson(lambda x: x**4, 0.0, 4.0, 4)
    second = solution.expect(lambda x: x**2, lambda x: 1.0 * x, 0.0, 2.0, 2)
    _same(fourth, 616 / 3, "the integral of x⁴ from 0 to 4 with n = 4")
    _same(second, 2.0, "the expectation of X² for p(x) = x on [0, 2]")


def test_cubics(solution, rng):
    """Exact on cubics, with two parts as with twelve"""
    c = rng.uniform(0.5, 2.0, size=4) * rng.choice([-1, 1], size=4)
    a, b = float(rng.uniform(-2.0, -1.0)), float(rng.uniform(1.5, 3.0))
    answers = {n: solution.simpson(lambda x: c[0] + c[1] * x + c[2] * x**2 + c[3] * x**3, a, b, n) for n in (2, 12)}
    exact = sum(c[k] * (b ** (k + 1) - a ** (k + 1)) / (k + 1) for k in range(4))
    for n, answer in answers.items():
        _same(answer, exact, f"the integral of a cubic with n = {n}", "A parabola's errors cancel on a cubic.")


def test_order_four(solution, rng):
    """Twice as many parts, a sixteenth of the error"""
    a, b, ns = 0.0, float(rng.uniform(1.0, 1.5)), (8, 16, 32, 64)
    answers = [solution.simpson(lambda x: 1 / (1 + x), a, b, n) for n in ns]
    errors = [abs(float(answer) - math.log1p(b)) for answer in answers]
    for n, error, finer in zip(ns, errors, errors[1:], strict=False):
        if not finer > 0 or not 14 < error / finer < 17:
            ratio = error / finer if finer else math.inf
            raise Mismatch(
                f"The error with n = {n} is {error:.3g}, with n = {2 * n} {finer:.3g}: it falls by a factor of {ratio:.3g}. "
                "With Simpson's rule it is 16, with trapezia 4, with rectangles 2."
            )


def test_bounds(solution, rng):
    """Reversed bounds change the sign, equal ones give 0, and neighbouring intervals add up"""
    f, a, b, c = _wave(rng), -0.75, 0.5, 1.5
    forth, back, none = solution.simpson(f, a, b, 10), solution.simpson(f, b, a, 10), solution.simpson(f, b, b, 10)
    beyond, whole = solution.simpson(f, b, c, 8), solution.simpson(f, a, c, 18)
    _same(back, -_parabolas(f, a, b, 10), "the integral from 0.5 to -0.75", "h is negative there.")
    _same(none, 0.0, "the integral from 0.5 to 0.5")
    _same(float(forth) + float(beyond), whole, "the sum of two neighbouring integrals with the same h")
    _same(whole, _parabolas(f, a, c, 18), "the integral from -0.75 to 1.5")


def test_parts_make_pairs(solution):
    """An odd number of parts, or none, raises ValueError"""
    for n in (1, 3, 7, 0, -2):
        _refused(lambda n=n: solution.simpson(lambda x: x + 1.0, 0.0, 1.0, n), f"n = {n}")
    _same(solution.simpson(lambda x: x + 1.0, 0.0, 1.0, 2), 1.5, "the integral of x + 1 from 0 to 1 with n = 2")


def test_linear(solution, rng):
    """The integral of a sum is the sum of the integrals, and constants come out"""
    f, g, a, b = _wave(rng), _wave(rng), -1.0, 1.25
    parts = [solution.simpson(h, a, b, 8) for h in (f, g)]
    whole = solution.simpson(lambda x: 3 * f(x) - 2 * g(x), a, b, 8)
    _same(whole, 3 * float(parts[0]) - 2 * float(parts[1]), "the integral of 3 f - 2 g")
    _same(whole, 3 * _parabolas(f, a, b, 8) - 2 * _parabolas(g, a, b, 8), "the integral of 3 f - 2 g")


def test_moments(solution):
    """The moments of the standard normal distribution, with the default bounds and n"""
    pdf = _normal(0.0, 1.0)
    answers = [solution.expect(lambda x, k=k: x**k, pdf) for k in range(1, 7)]
    for k, answer, expected in zip(range(1, 7), answers, (0.0, 1.0, 0.0, 3.0, 0.0, 15.0), strict=True):
        _same(answer, expected, f"the expectation of X to the power of {k}", "X is standard normal.")


def test_factor(solution, rng):
    """A factor before the density changes nothing, and the expectation of a constant is the constant"""
    mean, f = float(rng.uniform(-1.0, 1.0)), _wave(rng)
    answers = {factor: solution.expect(f, _normal(mean, 0.5, factor), -6.0, 6.0, 300) for factor in (1.0, 7.0, 1e-9)}
    constant = solution.expect(lambda x: 0 * x + 2.5, _normal(mean, 0.5, 0.3), -6.0, 6.0, 300)
    pdf = _normal(mean, 0.5)
    expected = _parabolas(lambda x: f(x) * pdf(x), -6.0, 6.0, 300) / _parabolas(pdf, -6.0, 6.0, 300)
    for factor, answer in answers.items():
        _same(answer, expected, f"the expectation with {factor:g} times the density", "Only the shape of p counts.")
    _same(constant, 2.5, "the expectation of 2.5")


def test_entropy(solution, rng):
    """The entropy of a normal distribution, and the mean of a uniform one between its bounds"""
    sigma = float(rng.uniform(0.5, 1.5))

    def surprise(x):
        return x * x / (2 * sigma**2) + math.log(sigma * math.sqrt(2 * math.pi))

    entropy = solution.expect(surprise, _normal(0.0, sigma), -20.0, 20.0, 800)
    uniform = [solution.expect(f, lambda x: 0 * x + 0.2, 2.0, 5.0, 6) for f in (lambda x: x, lambda x: (x - 3.5) ** 2)]
    expected = math.log(sigma * math.sqrt(2 * math.pi * math.e))
    _same(entropy, expected, f"the entropy of the normal distribution with σ = {sigma:.3f}")
    _same(uniform[0], 3.5, "the mean of the uniform distribution on [2, 5]")
    _same(uniform[1], 0.75, "the variance of the uniform distribution on [2, 5]")


def test_few_parts(solution, rng):
    """`expect` uses the n and the bounds that it is given, and -10, 10 and 2000 without"""
    mean, f = float(rng.uniform(-0.5, 0.5)), _wave(rng)
    pdf, sizes = _normal(mean, 1.5), []

    def watched(x):
        sizes.append((np.size(x), float(np.min(x)), float(np.max(x))))
        return pdf(x)

    answers = {n: solution.expect(f, pdf, -3.0, 2.0, n) for n in (4, 10)}
    default = solution.expect(lambda x: x, watched)
    for n, answer in answers.items():
        expected = _parabolas(lambda x: f(x) * pdf(x), -3.0, 2.0, n) / _parabolas(pdf, -3.0, 2.0, n)
        _same(answer, expected, f"the expectation on [-3, 2] with n = {n}")
    _same(default, mean, "the mean with the default bounds", rtol=1e-7)
    for size in sizes:
        if size != (2001, -10.0, 10.0):
            raise Mismatch(f"Without bounds and n, pdf was asked at {size[0]} points from {size[1]:g} to {size[2]:g}; "
                           "expected are 2001 from -10 to 10.")  # fmt: skip


def test_no_distribution(solution):
    """A density without a positive integral raises ValueError"""
    densities = {"0": lambda x: 0 * x, "negative": lambda x: -np.exp(-x * x), "NaN": lambda x: x * math.nan}
    for name, pdf in densities.items():
        _refused(lambda pdf=pdf: solution.expect(lambda x: x + 1.0, pdf, -2.0, 3.0, 4), f"A density that is {name}")
    _same(solution.expect(lambda x: x + 1.0, lambda x: 0 * x + 2.0, -2.0, 3.0, 4), 1.5, "the expectation of X + 1")
