"""Wrong: 'improves' on h by dividing by the step that was really taken, (x + h) - (x - h), rounding and all."""
# says: You divide by the distance of the two points after rounding


def diff(f, x, h, kind):
    if kind == "forward":
        return (f(x + h) - f(x)) / ((x + h) - x)
    if kind == "central":
        return (f(x + h) - f(x - h)) / ((x + h) - (x - h))
    raise ValueError(kind)
