"""Wrong: anything that begins with c is central, anything else is forward."""
# says: an unknown kind must raise ValueError


def diff(f, x, h, kind):
    if kind.startswith("c"):
        return (f(x + h) - f(x - h)) / (2 * h)
    return (f(x + h) - f(x)) / h
