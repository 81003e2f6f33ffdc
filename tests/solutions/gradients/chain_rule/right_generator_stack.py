"""Style: a stack of partial applications, popped in the backward pass."""

from functools import partial


def vjp_chain(layers, x, dy):
    stack = []
    for f, vjp in layers:
        stack.append(partial(vjp, x))
        x = f(x)
    for back in stack[::-1]:
        dy = back(dy)
    return x, dy
