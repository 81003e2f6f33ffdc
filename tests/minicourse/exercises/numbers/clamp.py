"""# Keep a number between two bounds

Gradients that are too large are cut off before an optimiser uses them. Cutting one number off is the smallest piece of it:

    clamp(x, low, high) = low   where x < low
                          high  where x > high
                          x     otherwise

| name | type |
|---|---|
| `x`, `low`, `high` | float, `low <= high` |
| returns | float |

Example: `clamp(5.0, -1.0, 1.0)` is `1.0`, `clamp(-5.0, -1.0, 1.0)` is `-1.0`, `clamp(0.5, -1.0, 1.0)` is `0.5`.

The function below is right above and wrong below. Change its one line.

Source: Pascanu, Mikolov and Bengio, *On the difficulty of training recurrent neural networks* (2013), section 3.2.
"""


def clamp(x: float, low: float, high: float) -> float:
    """Return `x`, or the bound it lies beyond."""
    return min(x, high)


if __name__ == "__main__":
    for number in (-5.0, 0.5, 5.0):
        print(number, "->", clamp(number, -1.0, 1.0))
