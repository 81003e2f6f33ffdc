"""Wrong: walks along x in place; afterwards x is back, but only up to rounding."""
# says: You walk along the caller's own x in place


def diff(f, x, h, kind):
    if kind not in ("forward", "central"):
        raise ValueError(kind)
    x += h
    upper = f(x)
    x -= h if kind == "forward" else 2 * h
    lower = f(x)
    if kind == "central":
        x += h
    return (upper - lower) / (h if kind == "forward" else 2 * h)
