"""Wrong: it goes on where a + h is a, rounded, and so asks for f(a) itself."""
# says: You go on when h is so small that a + h is a, rounded, and so

import math


def one_sided(f, a, sign, tol):
    values = []
    for k in range(1, 41):
        x = a + sign * 0.3**k
        v = float(f(x))
        values.append(v)
        if len(values) >= 4:
            allowed = tol * max(1.0, abs(v))
            if all(abs(values[-i] - values[-i - 1]) <= allowed for i in (1, 2, 3)):
                return v
    if len(values) >= 3:
        v = values[-1]
        if abs(v) > 1e6 and abs(v) > abs(values[-2]) and abs(v) > abs(values[-3]):
            return math.copysign(math.inf, v)
    return math.nan


def limit(f, a, side, tol=1e-6):
    if side == "right":
        return one_sided(f, a, 1, tol)
    if side == "left":
        return one_sided(f, a, -1, tol)
    if side != "both":
        raise ValueError(f"no such side: {side!r}")
    left, right = one_sided(f, a, -1, tol), one_sided(f, a, 1, tol)
    if math.isfinite(left) and math.isfinite(right):
        if abs(left - right) <= 10 * tol * max(1.0, abs(right)):
            return (left + right) / 2
        return math.nan
    return left if left == right else math.nan


def continuous(f, a, tol=1e-6):
    there = limit(f, a, "both", tol)
    if not math.isfinite(there):
        return False
    return bool(abs(f(a) - there) <= 10 * tol * max(1.0, abs(there)))
