"""Wrong: returns the value at the smallest change of all, far inside the rounding."""
# says: The limit of (1 - cos x) / x², times a number, at 0, side

import math


def one(f, a, sign, tol):
    values, small = [], 0
    for k in range(1, 41):
        x = a + sign * 0.3**k
        if x == a:
            break
        values.append(float(f(x)))
        if k > 1:
            small = small + 1 if abs(values[-1] - values[-2]) <= tol * max(1.0, abs(values[-1])) else 0
    changes = [abs(p - q) for p, q in zip(values, values[1:])]
    best = changes.index(min(changes))
    if changes[best] <= tol:
        return values[best]
    v = values[-1]
    if abs(v) > 1e6 and abs(v) > max(abs(values[-2]), abs(values[-3])):
        return math.copysign(math.inf, v)
    return math.nan


def limit(f, a, side, tol=1e-6):
    if side == "both":
        r, m = one(f, a, 1, tol), one(f, a, -1, tol)
        if r == m:
            return r
        return (r + m) / 2 if abs(r - m) <= 10 * tol * max(1.0, abs(r)) < math.inf else math.nan
    if side not in ("left", "right"):
        raise ValueError(side)
    return one(f, a, 1 if side == "right" else -1, tol)


def continuous(f, a, tol=1e-6):
    value = limit(f, a, "both", tol)
    return math.isfinite(value) and abs(float(f(a)) - value) <= 10 * tol * max(1.0, abs(value))
