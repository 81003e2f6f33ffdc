"""Wrong: clips the gradient between the layers, against exploding."""
# says: You clip the gradient between the layers. That may help a

import numpy as np


def vjp_chain(layers, x, dy):
    inputs = []
    for f, _ in layers:
        inputs.append(x)
        x = f(x)
    for (_, vjp), x_i in zip(reversed(layers), reversed(inputs), strict=True):
        dy = np.clip(vjp(x_i, dy), -1.0, 1.0)
    return x, dy
