"""# The slope of a function

A gradient worked out on paper is checked by measuring it. Take the function a step to the right and a step to the left:

    slope(f, x, h) = (f(x + h) - f(x - h)) / (2 h)

| name | type |
|---|---|
| `f` | a function from float to float |
| `x` | float, where to measure |
| `h` | float above 0, the step |
| returns | float |

`f` may be slow, so it is called exactly twice. For a parabola the result is exact whatever the step.

Example: for `f(t) = t * t` at `x = 3.0` with `h = 0.5`: (12.25 - 6.25) / 1.0 = `6.0`.

Source: Burden and Faires, *Numerical Analysis*, section 4.1.
"""

from collections.abc import Callable


def slope(f: Callable[[float], float], x: float, h: float) -> float:
    """Return the slope of `f` at `x`, measured over a step of `h` to either side."""
    raise NotImplementedError("return the central difference")


if __name__ == "__main__":
    print("the slope of t * t at 3:", slope(lambda t: t * t, 3.0, 0.5))
