"""Wrong: takes the absolute value of h, since a step 'is a distance'."""
# says: The forward difference with h = -0.5


def diff(f, x, h, kind):
    h = abs(h)
    if kind == "forward":
        return (f(x + h) - f(x)) / h
    if kind == "central":
        return (f(x + h) - f(x - h)) / (2 * h)
    raise ValueError(kind)
