"""Style: a generator of the points, a counter, and min and max for the tolerances."""

import math


def points(a, direction):
    for k in range(1, 41):
        point = a + direction * 0.3**k
        if point == a:
            return
        yield point


def one_sided(f, a, direction, tol):
    seen = []
    calm = 0
    for point in points(a, direction):
        seen.append(f(point))
        if len(seen) == 1:
            continue
        size = max(1.0, abs(seen[-1]))
        if abs(seen[-1] - seen[-2]) <= tol * size:
            calm += 1
            if calm == 3:
                return float(seen[-1])
        else:
            calm = 0
    end = seen[-1]
    if abs(end) > 1e6 and abs(end) > abs(seen[-2]) and abs(end) > abs(seen[-3]):
        return math.inf if end > 0 else -math.inf
    return float("nan")


def limit(f, a, side, tol=1e-6):
    match side:
        case "right":
            return one_sided(f, a, +1, tol)
        case "left":
            return one_sided(f, a, -1, tol)
        case "both":
            r, l = one_sided(f, a, +1, tol), one_sided(f, a, -1, tol)  # noqa: E741
            if math.isinf(r) or math.isinf(l):
                return r if r == l else math.nan
            if abs(r - l) <= 10 * tol * max(1.0, abs(r)):
                return 0.5 * (r + l)
            return math.nan
        case other:
            raise ValueError(f"side: {other}")


def continuous(f, a, tol=1e-6):
    both = limit(f, a, "both", tol)
    if math.isnan(both) or math.isinf(both):
        return False
    return abs(f(a) - both) <= 10 * tol * max(1.0, abs(both))
