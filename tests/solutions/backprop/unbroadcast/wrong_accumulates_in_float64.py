"""Wrong: an accumulator of zeros without a dtype, which is float64."""
# says: A float32 gradient stays float32

import numpy as np


def unbroadcast(g, shape):
    np.broadcast_to(np.zeros(shape), g.shape)
    out = np.zeros(shape)
    source = np.broadcast_to(np.arange(out.size).reshape(shape), g.shape)
    flat = out.reshape(-1)
    np.add.at(flat, source, g)
    return flat.reshape(shape)
