"""Style: the two formulas as they stand in the statement, in an if and an elif."""


def diff(f, x, h, kind):
    if kind == "forward":
        return (f(x + h) - f(x)) / h
    if kind == "central":
        return (f(x + h) - f(x - h)) / (2 * h)
    raise ValueError(f"kind must be 'forward' or 'central', not {kind!r}")
