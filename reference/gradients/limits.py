"""One-sided limits, limits and continuity, as far as a computer can tell.

A limit is what f(x) comes close to near a (Spivak, Calculus, chapter 5). Followed by numbers it is settled when the
values stop changing; followed too far, cancellation takes over (Higham, Accuracy and Stability of Numerical Algorithms,
section 1.7).
"""

import math
from collections.abc import Callable

import numpy as np

from grader.marks import alternative, mistake


def limit(f: Callable[[float], float], a: float, side: str, tol: float = 1e-6) -> float:
    """The limit of `f` at `a` from one side or both."""
    if side == "both":
        right, left = limit(f, a, "right", tol), limit(f, a, "left", tol)
        if right == left:
            return right
        return (right + left) / 2 if abs(right - left) <= 10 * tol * max(1.0, abs(right)) < math.inf else math.nan
    if side not in ("left", "right"):
        raise ValueError(f"side must be 'left', 'right' or 'both', not {side!r}")
    sign = 1 if side == "right" else -1
    values, small = [], 0
    for k in range(1, 41):
        x = a + sign * 0.3**k
        if x == a:
            break
        values.append(f(x))
        if k > 1:
            small = small + 1 if abs(values[-1] - values[-2]) <= tol * max(1.0, abs(values[-1])) else 0
        if small == 3:
            return values[-1]
    *_, before, last, v = values
    if abs(v) > 1e6 and abs(v) > max(abs(before), abs(last)):
        return math.copysign(math.inf, v)
    return math.nan


def continuous(f: Callable[[float], float], a: float, tol: float = 1e-6) -> bool:
    """Whether the limit at `a` is finite and is f(a)."""
    value = limit(f, a, "both", tol)
    return math.isfinite(value) and abs(f(a) - value) <= 10 * tol * max(1.0, abs(value))


def _follow(f, a, sign, tol, base=0.3, in_a_row=3, relative=True, floor=True, most=40, touch=False, unbounded="signed"):
    """The values from one side, and what the rules make of them."""
    values, small = [], 0
    for k in range(1, most + 1):
        x = a + sign * base**k
        if x == a and not touch:
            break
        values.append(float(f(x)))
        v = values[-1]
        if len(values) > 1:
            size = max(1.0 if floor else 0.0, abs(v) if relative else 1.0)
            small = small + 1 if abs(v - values[-2]) <= tol * size else 0
        if small == in_a_row:
            return v
    if abs(v) > 1e6 and abs(v) > max(abs(values[-2]), abs(values[-3])):
        return {"signed": math.copysign(math.inf, v), "inf": math.inf, "nan": math.nan, "value": v}[unbounded]
    return math.nan


def _limit(f, a, side, tol, **ways):
    if side == "both":
        right, left = _follow(f, a, 1, tol, **ways), _follow(f, a, -1, tol, **ways)
        return _agreed(right, left, tol)
    if side not in ("left", "right"):
        raise ValueError(side)
    return _follow(f, a, 1 if side == "right" else -1, tol, **ways)


def _agreed(right, left, tol):
    if right == left:
        return right
    if not (math.isfinite(right) and math.isfinite(left)):
        return math.nan
    return (right + left) / 2 if abs(right - left) <= 10 * tol * max(1.0, abs(right)) else math.nan


@alternative("A function of its own for one side, which the others call.", of="limit")
def by_one_side(f, a, side, tol=1e-6):
    return _limit(f, a, side, tol)


@alternative("A window over the last four values, as NumPy arrays.", of="limit")
def by_window(f, a, side, tol=1e-6):
    def one(direction):
        window = np.array([])
        for h in direction * 0.3 ** np.arange(1.0, 41.0):
            if a + h == a:
                break
            window = np.append(window, f(float(a + h)))[-4:]
            scale = np.maximum(1.0, np.abs(window[1:]))
            if len(window) == 4 and np.all(np.abs(np.diff(window)) <= tol * scale):
                return float(window[-1])
        sizes = np.abs(window[-3:])
        grows = sizes[2] > 1e6 and sizes[2] > sizes[:2].max()
        return float(np.sign(window[-1]) * np.inf) if grows else float("nan")

    match side:
        case "left":
            return one(-1.0)
        case "right":
            return one(1.0)
        case "both":
            return _agreed(one(1.0), one(-1.0), tol)
    raise ValueError("no such side")


@alternative("With np.isclose for the comparison.", of="continuous")
def by_isclose(f, a, tol=1e-6):
    value = limit(f, a, "both", tol)
    if math.isnan(value) or math.isinf(value):
        return False
    return bool(np.isclose(f(a), value, rtol=0.0, atol=10 * tol * max(1.0, abs(value))))


@mistake(
    "You give f(a) itself. A limit is what the values near a come close to; at a itself f may be anything, or nothing.",
    of="limit",
    hint=1,
)
def plugs_in(f, a, side, tol=1e-6):
    _limit(f, a, side, tol)
    return float(f(a))


@mistake(
    "You take the value nearest to a. So near, most digits may have cancelled: (1 - cos x) / x² becomes 0 there. Stop "
    "where the values settle first.",
    of="limit",
    hint=3,
)
def nearest_value(f, a, side, tol=1e-6):
    def last(sign):
        points = [a + sign * 0.3**k for k in range(1, 41)]
        return float(f([x for x in points if x != a][-1]))

    if side == "both":
        return _agreed(last(1), last(-1), tol)
    if side not in ("left", "right"):
        raise ValueError(side)
    return last(1 if side == "right" else -1)


@mistake(
    "You look from the right whatever `side` says. The left limit asks f at a - h.",
    of="limit",
    hint=2,
)
def always_from_the_right(f, a, side, tol=1e-6):
    if side not in ("left", "right", "both"):
        raise ValueError(side)
    return _follow(f, a, 1, tol)


@mistake("The sides are exchanged: from the right means from above a, at a + h.", of="limit", hint=2)
def sides_exchanged(f, a, side, tol=1e-6):
    return _limit(f, a, {"left": "right", "right": "left"}.get(side, side), tol)


@mistake(
    "Your distances are powers of 0.1. sin(π / x) is 0 at every one of them and seems to have the limit 0. The "
    "rules take powers of 0.3.",
    of="limit",
    hint=2,
)
def powers_of_a_tenth(f, a, side, tol=1e-6):
    return _limit(f, a, side, tol, base=0.1)


@mistake(
    "Your distances are powers of one half. sin(π / x) is 0 at every one of them and seems to have the limit 0. The "
    "rules take powers of 0.3.",
    of="limit",
    hint=2,
)
def powers_of_a_half(f, a, side, tol=1e-6):
    return _limit(f, a, side, tol, base=0.5)


@mistake(
    "You stop at the first small change. Two values may agree by chance; three small changes in a row are asked for.",
    of="limit",
    hint=3,
)
def one_small_change(f, a, side, tol=1e-6):
    return _limit(f, a, side, tol, in_a_row=1)


@mistake(
    "You stop after two small changes in a row (three values). Three changes, so four values, are asked for.",
    of="limit",
    hint=3,
)
def two_small_changes(f, a, side, tol=1e-6):
    return _limit(f, a, side, tol, in_a_row=2)


@mistake(
    "You count small changes wherever they come. They have to come in a row: a larger change begins the count anew.",
    of="limit",
    hint=3,
)
def not_in_a_row(f, a, side, tol=1e-6):
    def one(sign):
        values, small = [], 0
        for k in range(1, 41):
            x = a + sign * 0.3**k
            if x == a:
                break
            values.append(float(f(x)))
            if k > 1:
                small += abs(values[-1] - values[-2]) <= tol * max(1.0, abs(values[-1]))
            if small == 3:
                return values[-1]
        return _follow(f, a, sign, tol)

    if side == "both":
        return _agreed(one(1), one(-1), tol)
    if side not in ("left", "right"):
        raise ValueError(side)
    return one(1 if side == "right" else -1)


@mistake(
    "You compare the changes with tol alone. Values of 1e12 never settle to 1e-6: tol is relative to the size of the "
    "value, tol · max(1, |v|).",
    of="limit",
    hint=3,
)
def absolute_tolerance(f, a, side, tol=1e-6):
    return _limit(f, a, side, tol, relative=False)


@mistake("You do not use the `tol` that is given, but 1e-6 always.", of="limit", hint=3)
def own_tolerance(f, a, side, tol=1e-6):
    if side != "both":
        return _limit(f, a, side, 1e-6)
    return _agreed(_follow(f, a, 1, 1e-6), _follow(f, a, -1, 1e-6), tol)


@mistake(
    "You go on when h is so small that a + h is a, rounded, and so ask f at a itself. Stop before: f(a) has no say.",
    of="limit",
    hint=2,
)
def asks_at_a(f, a, side, tol=1e-6):
    return _limit(f, a, side, tol, touch=True)


@mistake(
    "For 'both' you do not compare the two sides. Where they differ there is no limit: NaN, also if their mean is a "
    "number.",
    of="limit",
    hint=4,
)
def sides_not_compared(f, a, side, tol=1e-6):
    if side == "both":
        right, left = _follow(f, a, 1, tol), _follow(f, a, -1, tol)
        return right if right == left else (right + left) / 2
    return _limit(f, a, side, tol)


@mistake(
    "For 'both' you ask that the two sides are exactly equal. They are found to about tol only, so they may differ by "
    "10 · tol · max(1, |right limit|).",
    of="limit",
    hint=4,
)
def sides_exactly_equal(f, a, side, tol=1e-6):
    if side == "both":
        right, left = _follow(f, a, 1, tol), _follow(f, a, -1, tol)
        return right if right == left else math.nan
    return _limit(f, a, side, tol)


@mistake(
    "Where f grows without bound you give NaN. The values do go somewhere, to inf or -inf, and that is asked for.",
    of="limit",
    hint=3,
)
def unbounded_is_nan(f, a, side, tol=1e-6):
    return _limit(f, a, side, tol, unbounded="nan")


@mistake(
    "Where f grows without bound you give the last value. It only says how near to a you went; the limit is inf or "
    "-inf.",
    of="limit",
    hint=3,
)
def unbounded_is_the_last_value(f, a, side, tol=1e-6):
    return _limit(f, a, side, tol, unbounded="value")


@mistake("Where f falls without bound you give inf; it is -inf, with the sign of the values.", of="limit", hint=3)
def sign_of_infinity(f, a, side, tol=1e-6):
    return _limit(f, a, side, tol, unbounded="inf")


@mistake(
    "You take every last value beyond 1e6 for infinite, also where the values swing. It must be larger than the two "
    "before it.",
    of="limit",
    hint=3,
)
def large_is_infinite(f, a, side, tol=1e-6):
    def one(sign):
        found = _follow(f, a, sign, tol)
        if math.isnan(found):
            last = float(f([x for x in (a + sign * 0.3**k for k in range(1, 41)) if x != a][-1]))
            return math.copysign(math.inf, last) if abs(last) > 1e6 else found
        return found

    if side == "both":
        return _agreed(one(1), one(-1), tol)
    if side not in ("left", "right"):
        raise ValueError(side)
    return one(1 if side == "right" else -1)


@mistake(
    "A side that is not 'left', 'right' or 'both' is taken for one of them in silence; it has to raise ValueError.",
    of="limit",
    hint=2,
)
def any_side_accepted(f, a, side, tol=1e-6):
    return _limit(f, a, side if side in ("right", "both") else "left", tol)


@mistake(
    "You call f continuous wherever the limit is a number. f(a) has to be that number too: think of a single point "
    "moved away.",
    of="continuous",
    hint=4,
)
def value_not_compared(f, a, tol=1e-6):
    return math.isfinite(limit(f, a, "both", tol))


@mistake(
    "You compare f(a) with the right limit only. A function that jumps at a, and has its right limit there, is not "
    "continuous.",
    of="continuous",
    hint=4,
)
def right_side_only(f, a, tol=1e-6):
    value = limit(f, a, "right", tol)
    return math.isfinite(value) and abs(float(f(a)) - value) <= 10 * tol * max(1.0, abs(value))


@mistake(
    "You compare f(a) with the left limit only. A function that jumps at a, and has its left limit there, is not "
    "continuous.",
    of="continuous",
    hint=4,
)
def left_side_only(f, a, tol=1e-6):
    value = limit(f, a, "left", tol)
    return math.isfinite(value) and abs(float(f(a)) - value) <= 10 * tol * max(1.0, abs(value))


@mistake(
    "You ask that f(a) is exactly the limit. The limit is found to about tol only; 10 · tol · max(1, |limit|) is "
    "allowed.",
    of="continuous",
    hint=4,
)
def exactly_equal(f, a, tol=1e-6):
    return float(f(a)) == limit(f, a, "both", tol)


@mistake(
    "You call f continuous where f(a) and the limit are both infinite. The limit has to be a finite number.",
    of="continuous",
    hint=4,
)
def infinite_is_equal(f, a, tol=1e-6):
    value, here = limit(f, a, "both", tol), float(f(a))
    return here == value or abs(here - value) <= 10 * tol * max(1.0, abs(value)) < math.inf


@mistake(
    "You compare the changes with tol · |v|, which is next to nothing where v is near 0: a limit of 0 never "
    "settles. Allowed is tol · max(1, |v|).",
    of="limit",
    hint=3,
)
def relative_tolerance_only(f, a, side, tol=1e-6):
    return _limit(f, a, side, tol, floor=False)
