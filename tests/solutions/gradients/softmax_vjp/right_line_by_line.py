"""Style: plain Python loops over lines and entries."""

import numpy as np


def softmax_vjp(s, dy, axis):
    dx = np.empty_like(s)
    lines_s, lines_dy, lines_dx = (np.moveaxis(array, axis, -1) for array in (s, dy, dx))
    for index in np.ndindex(lines_s.shape[:-1]):
        line_s, line_dy = lines_s[index], lines_dy[index]
        total = 0.0
        for probability, slope in zip(line_s.tolist(), line_dy.tolist(), strict=True):
            total += probability * slope
        for j in range(len(line_s)):
            lines_dx[(*index, j)] = float(line_s[j]) * (float(line_dy[j]) - total)
    return dx
