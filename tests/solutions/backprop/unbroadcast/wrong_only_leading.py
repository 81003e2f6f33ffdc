"""Wrong: sums in front until the number of axes is right, and thinks that is all."""
# says: Only the new axes in front are summed

import numpy as np


def unbroadcast(g, shape):
    np.broadcast_to(np.zeros(shape), g.shape)
    while len(g.shape) > len(shape):
        g = np.sum(g, axis=0)
    return g
