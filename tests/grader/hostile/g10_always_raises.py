"""Raises the error that one check asks for, always."""
# exercise: gradients/central_difference
# status: error
# says: ValueError


def diff(f, x, h, kind):
    raise ValueError("an unknown kind")
