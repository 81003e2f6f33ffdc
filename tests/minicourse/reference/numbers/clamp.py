"""Keep a number between two bounds: the worked solution (Pascanu, Mikolov and Bengio 2013, section 3.2)."""

from grader.marks import alternative, mistake


def clamp(x: float, low: float, high: float) -> float:
    """Return `x`, or the bound it lies beyond."""
    return max(low, min(x, high))


@alternative("two comparisons in place of min and max", of="clamp")
def by_comparison(x: float, low: float, high: float) -> float:
    if x < low:
        return low
    return high if x > high else x


@alternative("the middle one of the three", of="clamp")
def by_sorting(x: float, low: float, high: float) -> float:
    return sorted((low, x, high))[1]


@mistake("Numbers below `low` come back as they are: only the upper bound is applied.", of="clamp", hint=1)
def upper_only(x: float, low: float, high: float) -> float:
    return min(x, high)


@mistake("Numbers above `high` come back as they are: only the lower bound is applied.", of="clamp", hint=1)
def lower_only(x: float, low: float, high: float) -> float:
    return max(low, x)


@mistake("min and max are exchanged, so that every number comes back as one of the bounds.", of="clamp", hint=3)
def exchanged(x: float, low: float, high: float) -> float:
    return min(low, max(x, high))


@mistake("The bounds are taken as -high and high; `low` is not looked at.", of="clamp", hint=2)
def symmetric(x: float, low: float, high: float) -> float:
    return max(-high, min(x, high))
