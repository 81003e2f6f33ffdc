"""Style: a dictionary of signs, recursion over k with the last three values."""

from math import copysign, inf, isfinite, nan

SIGN = {"left": -1.0, "right": 1.0}


def walk(f, a, sign, tol, k=1, last=(), calm=0):
    x = a + sign * 0.3**k
    if k == 41 or x == a:
        *_, u, w, v = last
        return copysign(inf, v) if abs(v) > 1e6 and abs(v) > abs(u) and abs(v) > abs(w) else nan
    v = float(f(x))
    if last and abs(v - last[-1]) <= tol * max(1.0, abs(v)):
        calm += 1
    else:
        calm = 0
    return v if calm == 3 else walk(f, a, sign, tol, k + 1, (*last, v)[-3:], calm)


def limit(f, a, side, tol=1e-6):
    if side in SIGN:
        return walk(f, a, SIGN[side], tol)
    if side != "both":
        raise ValueError(side)
    above, below = (walk(f, a, sign, tol) for sign in (1.0, -1.0))
    if above == below:
        return above
    if isfinite(above) and isfinite(below) and abs(above - below) <= 10 * tol * max(1.0, abs(above)):
        return (above + below) / 2
    return nan


def continuous(f, a, tol=1e-6):
    c = limit(f, a, "both", tol)
    return isfinite(c) and bool(abs(f(a) - c) <= 10 * tol * max(1.0, abs(c)))
