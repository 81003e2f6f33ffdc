"""Style: an array made once the outputs' shape is known, with the axes of x flat until the end."""

import itertools

import numpy as np


def jac(f, x, h=1e-5):
    base = np.array(x, dtype="float64", copy=True)
    table = None
    for number, place in enumerate(itertools.product(*map(range, base.shape))):
        ends = {}
        for sign in (-1.0, 1.0):
            point = base.copy()
            point[place] = base[place] + sign * h
            ends[sign] = np.array(f(point), dtype=np.float64)
        if table is None:
            table = np.full((*ends[1.0].shape, base.size), np.nan)
        table[..., number] = 0.5 * (ends[1.0] - ends[-1.0]) / h
    return table.reshape(table.shape[:-1] + base.shape)
