"""Style: the left value first, and the central quotient as half of rise over step."""


def quotient(lower, upper, h):
    return (upper - lower) / h


def diff(f, x, h, kind):
    if kind == "central":
        lower = f(x - h)
        return 0.5 * quotient(lower, f(x + h), h)
    if kind == "forward":
        lower = f(x)
        return quotient(lower, f(x + h), h)
    raise ValueError(kind)
