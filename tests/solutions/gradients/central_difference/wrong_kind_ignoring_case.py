"""Wrong: accepts Forward and CENTRAL as well, to be kind."""
# says: You take a kind in capitals


def diff(f, x, h, kind):
    kind = kind.strip().lower()
    if kind == "forward":
        return (f(x + h) - f(x)) / h
    if kind == "central":
        return (f(x + h) - f(x - h)) / (2 * h)
    raise ValueError(kind)
