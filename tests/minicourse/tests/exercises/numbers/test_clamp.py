"""Bounds are returned as they are given, so everything is compared exactly."""

import random

from grader.testing import assert_equal


def test_inside_and_outside(solution):
    """Numbers inside stay, numbers outside become the bound"""
    given = [(5.0, -1.0, 2.0), (-5.0, -1.0, 2.0), (0.5, -1.0, 2.0), (-1.5, -1.0, 2.0)]
    got = [solution.clamp(*one) for one in given]
    assert_equal(got, [2.0, -1.0, 0.5, -1.0], what="clamp of 5, -5, 0.5 and -1.5 to the interval from -1 to 2")


def test_bounds_themselves(solution):
    """The bounds belong to the interval"""
    assert_equal(solution.clamp(-3.0, -3.0, -1.0), -3.0)
    assert_equal(solution.clamp(-1.0, -3.0, -1.0), -1.0)
    assert_equal(solution.clamp(7.0, 4.0, 4.0), 4.0, why="Here both bounds are 4.")


def test_random_intervals(solution, reference, seed):
    """Any interval, any number"""
    random.seed(seed)
    for _ in range(20):
        low, high = sorted(random.uniform(-10, 10) for _ in range(2))
        x = random.uniform(-15, 15)
        assert_equal(solution.clamp(x, low, high), reference.clamp(x, low, high), what=f"clamp({x}, {low}, {high})")
