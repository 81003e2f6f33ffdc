"""Simpson's rule, and expectations by it.

Burden and Faires, Numerical Analysis, "Composite Numerical Integration".
"""

from collections.abc import Callable

import numpy as np

from grader.marks import alternative, mistake

Function = Callable[[np.ndarray], np.ndarray]


def simpson(f: Function, a: float, b: float, n: int) -> float:
    """h / 3 times the values with the weights 1, 4, 2, 4, ..., 2, 4, 1."""
    if n < 2 or n % 2 == 1:
        raise ValueError(f"n is {n}, and has to be even and at least 2")
    weights = np.ones(n + 1)
    weights[1:-1:2] = 4
    weights[2:-1:2] = 2
    h = (b - a) / n
    return float(h / 3 * np.sum(weights * f(np.linspace(a, b, n + 1))))


def expect(f: Function, pdf: Function, a: float = -10.0, b: float = 10.0, n: int = 2000) -> float:
    """∫ f p dx / ∫ p dx."""
    total = simpson(pdf, a, b, n)
    if not total > 0:
        raise ValueError(f"the density has the integral {total}")
    return simpson(lambda x: f(x) * pdf(x), a, b, n) / total


def _even(n):
    if n < 2 or n % 2:
        raise ValueError("n has to be even and at least 2")


@alternative("One parabola after the other, in a loop.", of="simpson")
def by_parabolas(f, a, b, n):
    _even(n)
    h = (b - a) / n
    y = f(np.array([a + k * h for k in range(n)] + [b], np.float64))
    total = 0.0
    for k in range(0, n, 2):
        total += h / 3 * (y[k] + 4 * y[k + 1] + y[k + 2])
    return float(total)


@alternative("Two trapezium sums, of steps h and 2 h, so that their errors cancel.", of="simpson")
def by_richardson(f, a, b, n):
    _even(n)
    y = f(np.linspace(a, b, n + 1))

    def trapezium(y):
        return (b - a) / (len(y) - 1) * (y.sum() - (y[0] + y[-1]) / 2)

    return float((4 * trapezium(y) - trapezium(y[::2])) / 3)


@alternative("The density's values normed to a sum of one first.", of="expect")
def by_weights(f, pdf, a=-10.0, b=10.0, n=2000):
    total = simpson(pdf, a, b, n)
    if np.isnan(total) or total <= 0:
        raise ValueError("no density")
    return simpson(lambda x: pdf(x) / total * f(x), a, b, n)


def _sum(f, a, b, n, weights=None, points=None, scale=1 / 3):
    """Simpson's sum, with the weights or the points exchanged."""
    _even(n)
    w = np.ones(n + 1)
    w[1:-1:2], w[2:-1:2] = 4, 2
    w = w if weights is None else weights(w)
    x = np.linspace(a, b, n + 1) if points is None else points
    return float((b - a) / n * scale * np.sum(w * f(x)))


@mistake(
    "You add up rectangles, with the value at the left of each part. The error of such a sum is of the order of h; "
    "Simpson's rule weighs the points 1, 4, 2, 4, ..., 1.",
    of="simpson",
    hint=1,
)
def left_rectangles(f, a, b, n):
    return _sum(f, a, b, n, lambda w: np.append(np.ones(len(w) - 1), 0.0), scale=1)


@mistake(
    "You add up rectangles, with the value at the right of each part. The error of such a sum is of the order of h; "
    "Simpson's rule weighs the points 1, 4, 2, 4, ..., 1.",
    of="simpson",
    hint=1,
)
def right_rectangles(f, a, b, n):
    return _sum(f, a, b, n, lambda w: np.append(0.0, np.ones(len(w) - 1)), scale=1)


@mistake(
    "You add up the values of all the points alike, the ends too. That is one rectangle too many, and no parabola.",
    of="simpson",
    hint=1,
)
def all_alike(f, a, b, n):
    return _sum(f, a, b, n, lambda w: np.ones(len(w)), scale=1)


@mistake(
    "You take the trapezium rule: straight lines from point to point. Its error is of the order of h²; Simpson's rule "
    "lays parabolas, and has h⁴.",
    of="simpson",
    hint=1,
)
def trapezium_rule(f, a, b, n):
    return _sum(f, a, b, n, lambda w: np.where(w == 1, 0.5, 1.0), scale=1)


@mistake(
    "You take the midpoint of each part. Simpson's rule takes the ends of the parts, weighted 1, 4, 2, 4, ..., 1.",
    of="simpson",
    hint=1,
)
def midpoint_rule(f, a, b, n):
    _even(n)
    h = (b - a) / n
    return float(h * np.sum(f(a + h * (np.arange(n) + 0.5))))


@mistake(
    "The weights 4 and 2 are exchanged. The middle of each parabola weighs 4; where two parabolas meet there is 1 + 1.",
    of="simpson",
    hint=3,
)
def four_and_two_exchanged(f, a, b, n):
    return _sum(f, a, b, n, lambda w: np.array([1.0, *np.where(w[1:-1] == 4, 2.0, 4.0), 1.0]))


@mistake(
    "The two ends have the wrong weight: 2, as the inner points have. Only one parabola ends there, so it is 1.",
    of="simpson",
    hint=3,
)
def ends_weigh_two(f, a, b, n):
    return _sum(f, a, b, n, lambda w: np.where(w == 1, 2.0, w))


@mistake("The two ends weigh 4 in your sum. Only one parabola ends there, so it is 1.", of="simpson", hint=3)
def ends_weigh_four(f, a, b, n):
    return _sum(f, a, b, n, lambda w: np.where(w == 1, 4.0, w))


@mistake("The two ends are left out. They weigh 1 each.", of="simpson", hint=3)
def no_ends(f, a, b, n):
    return _sum(f, a, b, n, lambda w: np.where(w == 1, 0.0, w))


@mistake(
    "The points where two parabolas meet weigh 1 in your sum. Both of them count there: 1 + 1.",
    of="simpson",
    hint=3,
)
def meeting_points_once(f, a, b, n):
    return _sum(f, a, b, n, lambda w: np.where(w == 2, 1.0, w))


@mistake("You do not divide by 3. The weights of one parabola add up to 6 for a width of 2 h.", of="simpson", hint=3)
def no_third(f, a, b, n):
    return _sum(f, a, b, n, scale=1)


@mistake(
    "You divide by 6. That is for a parabola of width h; here a pair of parts is 2 h wide: h / 3.", of="simpson", hint=3
)
def a_sixth(f, a, b, n):
    return _sum(f, a, b, n, scale=1 / 6)


@mistake("The width h is missing: you have added up values, and not areas.", of="simpson", hint=3)
def no_width(f, a, b, n):
    _even(n)
    return _sum(f, a, b, n, scale=n / (b - a) / 3) if b != a else 0.0


@mistake(
    "You lay out n points. n is the number of parts, and n parts have n + 1 ends.",
    of="simpson",
    hint=2,
)
def n_points(f, a, b, n):
    _even(n)
    w = np.ones(n)
    w[1:-1:2], w[2:-1:2] = 4, 2
    return float((b - a) / n / 3 * np.sum(w * f(np.linspace(a, b, n))))


@mistake(
    "Your points stop one short of b. n parts have n + 1 ends, and b is one of them.",
    of="simpson",
    hint=2,
)
def stops_short(f, a, b, n):
    _even(n)
    w = np.ones(n)
    w[1::2], w[2::2] = 4, 2
    h = (b - a) / n
    return float(h / 3 * np.sum(w * f(a + h * np.arange(n))))


@mistake(
    "Your width is (b - a) / (n + 1). There are n + 1 points, but n parts between them.",
    of="simpson",
    hint=2,
)
def width_by_points(f, a, b, n):
    return _sum(f, a, b, n) * n / (n + 1)


@mistake(
    "You take n pairs of parts, 2 n parts in all. n is the number of parts.",
    of="simpson",
    hint=2,
)
def n_pairs(f, a, b, n):
    _even(n)
    return _sum(f, a, b, 2 * n)


@mistake(
    "An odd n goes through, though one part is then without a partner. It has to raise ValueError.",
    of="simpson",
    hint=4,
)
def odd_n_accepted(f, a, b, n):
    if n < 2:
        raise ValueError("n is below 2")
    w = np.ones(n + 1)
    w[1:-1:2], w[2:-1:2] = 4, 2
    return float((b - a) / n / 3 * np.sum(w * f(np.linspace(a, b, n + 1))))


@mistake(
    "You make an odd n even by adding one. It has to raise ValueError: the caller asked for something else.",
    of="simpson",
    hint=4,
)
def odd_n_rounded(f, a, b, n):
    return _sum(f, a, b, n + n % 2)


@mistake(
    "With reversed bounds your integral keeps its sign. From b to a it is the opposite of that from a to b: h is "
    "negative.",
    of="simpson",
    hint=4,
)
def unsigned_width(f, a, b, n):
    return _sum(f, min(a, b), max(a, b), n)


@mistake(
    "You do not divide by ∫ p dx. The density is known up to a factor only, so that 7 p gives 7 times as much.",
    of="expect",
    hint=3,
)
def not_normed(f, pdf, a=-10.0, b=10.0, n=2000):
    if not simpson(pdf, a, b, n) > 0:
        raise ValueError("no density")
    return simpson(lambda x: f(x) * pdf(x), a, b, n)


@mistake(
    "You leave the density out: that is the mean of f over [a, b], as if all its points were equally likely.",
    of="expect",
    hint=1,
)
def no_density(f, pdf, a=-10.0, b=10.0, n=2000):
    if not simpson(pdf, a, b, n) > 0:
        raise ValueError("no density")
    return simpson(f, a, b, n) / (b - a)


@mistake(
    "You divide ∫ f dx by ∫ p dx. Each value of f is to be multiplied by the density at its point first.",
    of="expect",
    hint=1,
)
def not_weighted(f, pdf, a=-10.0, b=10.0, n=2000):
    total = simpson(pdf, a, b, n)
    if not total > 0:
        raise ValueError("no density")
    return simpson(f, a, b, n) / total


@mistake(
    "You return f of the mean, f(E[X]). The mean of f, E[f(X)], is another number: for f = x² they differ by the "
    "variance.",
    of="expect",
    hint=1,
)
def f_of_the_mean(f, pdf, a=-10.0, b=10.0, n=2000):
    total = simpson(pdf, a, b, n)
    if not total > 0:
        raise ValueError("no density")
    return float(f(np.array([simpson(lambda x: x * pdf(x), a, b, n) / total]))[0])


@mistake(
    "You divide by b - a. That is the length of the interval; the total to divide by is ∫ p dx.",
    of="expect",
    hint=3,
)
def by_the_length(f, pdf, a=-10.0, b=10.0, n=2000):
    if not simpson(pdf, a, b, n) > 0:
        raise ValueError("no density")
    return simpson(lambda x: f(x) * pdf(x), a, b, n) / (b - a)


@mistake(
    "Where ∫ p dx is not above 0 you return something. There is no such distribution: raise ValueError.",
    of="expect",
    hint=4,
)
def any_density(f, pdf, a=-10.0, b=10.0, n=2000):
    with np.errstate(all="ignore"):
        return float(np.float64(simpson(lambda x: f(x) * pdf(x), a, b, n)) / np.float64(simpson(pdf, a, b, n)))


@mistake(
    "You look at -10 to 10 whatever bounds are given.",
    of="expect",
    hint=2,
)
def own_bounds(f, pdf, a=-10.0, b=10.0, n=2000):
    total = simpson(pdf, -10.0, 10.0, n)
    if not total > 0:
        raise ValueError("no density")
    return simpson(lambda x: f(x) * pdf(x), -10.0, 10.0, n) / total
