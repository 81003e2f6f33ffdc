"""Tolerance: values near 1 are divided by steps of 0.1 and more, so a relative 1e-9 is far above their rounding."""

import math
import random

import pytest

from grader.testing import assert_close


def test_worked_example(solution):
    """The example of the statement, and a cubic"""
    cubic = solution.slope(lambda t: t**3, 2.0, 0.5)
    square = solution.slope(lambda t: t * t, 3.0, 0.5)
    assert_close(cubic, 12.25, what="the slope of t**3 at 2 with h = 0.5", why="Exactly, it is 3 * 2**2 + 0.5**2.")
    assert_close(square, 6.0, what="the slope of t * t at 3 with h = 0.5")


def test_called_twice(solution):
    """f is called exactly twice, a step to either side"""
    points = []

    def f(t):
        points.append(t)
        return math.exp(t)

    solution.slope(f, 1.0, 0.25)
    assert len(points) == 2, f"f was called {len(points)} times; it may be slow, and two calls are enough."
    assert_close(sorted(points), [0.75, 1.25], what="the points at which f was called")


def test_against_the_formula(solution, reference, seed, curve):
    """Random cubics at random points"""
    random.seed(seed)
    for number in range(10):
        a, b, x = (random.uniform(0.5, 2.0) for _ in range(3))
        h = random.choice([0.1, 0.3, 0.7])

        def f(t, a=a, b=b):
            return a * t**3 + b * t

        slope = solution.slope(f, x, h)
        curve("slope", number, slope)
        assert_close(slope, reference.slope(f, x, h), what=f"the slope at {x:.3f} with h = {h}")


def test_errors_of_f_are_not_hidden(solution):
    """What f raises is passed on"""

    def f(t):
        raise ValueError("outside")

    with pytest.raises(ValueError):
        solution.slope(f, 1.0, 0.5)
