"""Style: 1 / Σ exp(xⱼ - xᵢ), every score compared with every other one."""

import numpy as np


def softmax(x, axis=-1):
    lines = np.moveaxis(x, axis, -1)
    with np.errstate(all="ignore"):
        apart = lines[..., None, :] - lines[..., :, None]
        sums = np.exp(apart).sum(-1)
        p = np.where(np.isneginf(lines), 0, 1 / sums).astype(sums.dtype)
    return np.moveaxis(p, -1, axis)
