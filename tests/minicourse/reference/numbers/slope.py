"""The slope of a function: the worked solution (Burden and Faires, section 4.1, the three-point midpoint formula)."""

from collections.abc import Callable

from grader.marks import alternative, mistake

F = Callable[[float], float]


def slope(f: F, x: float, h: float) -> float:
    """Return the slope of `f` at `x`, measured over a step of `h` to either side."""
    return (f(x + h) - f(x - h)) / (2 * h)


@alternative("the two values first, the left one before the right one", of="slope")
def left_first(f: F, x: float, h: float) -> float:
    left = f(x - h)
    right = f(x + h)
    return (right - left) / (h + h)


@alternative("the points in a loop, each with its weight", of="slope")
def weighted(f: F, x: float, h: float) -> float:
    total = 0.0
    for sign in (1, -1):
        total += sign * f(x + sign * h)
    return total / (2 * h)


@mistake("The two points lie 2 h apart, and the difference is divided by h only: twice the slope.", of="slope", hint=4)
def missing_two(f: F, x: float, h: float) -> float:
    return (f(x + h) - f(x - h)) / h


@mistake("This is the forward difference: one of the two points is x itself, not x - h.", of="slope", hint=3)
def forward(f: F, x: float, h: float) -> float:
    return (f(x + h) - f(x)) / h


@mistake("This is the backward difference: one of the two points is x itself, not x + h.", of="slope", hint=3)
def backward(f: F, x: float, h: float) -> float:
    return (f(x) - f(x - h)) / h


@mistake("Left minus right: the slope has the wrong sign.", of="slope", hint=3)
def wrong_sign(f: F, x: float, h: float) -> float:
    return (f(x - h) - f(x + h)) / (2 * h)


@mistake("The step given is not used: a fixed small one is, and the rounding error grows.", of="slope", hint=2)
def own_step(f: F, x: float, h: float) -> float:
    return (f(x + 1e-6) - f(x - 1e-6)) / 2e-6
