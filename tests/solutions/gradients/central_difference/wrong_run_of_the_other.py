"""Wrong: forward looks 2h ahead and divides by 2h, 'to be as wide as the central one'."""
# says: The forward difference with h =


def diff(f, x, h, kind):
    if kind == "forward":
        return (f(x + 2 * h) - f(x)) / (2 * h)
    if kind == "central":
        return (f(x + h) - f(x - h)) / (2 * h)
    raise ValueError(kind)
