"""Wrong: sums the axes whose size the operand does not have, wherever they are."""
# says: The gradient for an operand of shape


import numpy as np


def unbroadcast(g, shape):
    np.broadcast_to(np.zeros(shape), g.shape)
    sizes = list(shape)
    axes = []
    for axis, size in enumerate(g.shape):
        if size in sizes:
            sizes.remove(size)
        else:
            axes.append(axis)
    return g.sum(axis=tuple(axes)).reshape(shape)
