"""Wrong: a pixel that wins several windows keeps only what the last one gave."""
# says: A pixel that wins in several windows keeps only what one of

from typing import Any

import numpy as np


def max_pool_forward(x: np.ndarray, kernel: tuple[int, int], stride: int) -> tuple[np.ndarray, Any]:
    N, C, H, W = x.shape
    k_h, k_w = kernel
    H_o, W_o = (H - k_h) // stride + 1, (W - k_w) // stride + 1
    y = np.zeros((N, C, H_o, W_o), dtype=x.dtype)
    winner = np.zeros((N, C, H_o, W_o), dtype=np.int64)
    for a in range(H_o):
        for b in range(W_o):
            top, left = stride * a, stride * b
            window = x[:, :, top : top + k_h, left : left + k_w].reshape(N, C, k_h * k_w)
            winner[:, :, a, b] = window.argmax(axis=-1)
            y[:, :, a, b] = window.max(axis=-1)
    return y, (x.shape, kernel, stride, winner)


def max_pool_backward(dy: np.ndarray, cache: Any) -> np.ndarray:
    shape, (k_h, k_w), stride, winner = cache
    N, C, H_o, W_o = dy.shape
    dx = np.zeros(shape, dtype=dy.dtype)
    n, c = np.arange(N)[:, None], np.arange(C)[None, :]
    for a in range(H_o):
        for b in range(W_o):
            i, j = np.divmod(winner[:, :, a, b], k_w)
            dx[n, c, stride * a + i, stride * b + j] = dy[:, :, a, b]
    return dx
