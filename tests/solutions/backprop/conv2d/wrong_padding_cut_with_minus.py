"""Wrong: the padding is cut off with [pad:-pad], which leaves nothing where pad is 0."""
# says: You cut the padding off with [p:-p]. Where p is 0 that is

from collections.abc import Iterator
from typing import Any

import numpy as np


def entries(kernel: tuple[int, int], places: tuple[int, int], stride: int) -> Iterator[tuple[int, int, tuple]]:
    """Each kernel entry (i, j), with the pixels of the padded image that it meets."""
    (k_h, k_w), (H_o, W_o) = kernel, places
    for i in range(k_h):
        for j in range(k_w):
            down = slice(i, i + stride * (H_o - 1) + 1, stride)
            right = slice(j, j + stride * (W_o - 1) + 1, stride)
            yield i, j, (slice(None), slice(None), down, right)


def conv2d_forward(x: np.ndarray, w: np.ndarray, bias: np.ndarray, stride: int, pad: int) -> tuple[np.ndarray, Any]:
    N, _, H, W = x.shape
    F, _, k_h, k_w = w.shape
    H_o = (H + 2 * pad - k_h) // stride + 1
    W_o = (W + 2 * pad - k_w) // stride + 1
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    y = np.zeros((N, F, H_o, W_o), dtype=x.dtype)
    for i, j, met in entries((k_h, k_w), (H_o, W_o), stride):
        y += np.einsum("fc,ncab->nfab", w[:, :, i, j], padded[met])
    y += bias[:, None, None]
    return y, (padded, w.copy(), stride, pad, (H, W))


def conv2d_backward(dy: np.ndarray, cache: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    padded, w, stride, pad, (H, W) = cache
    dpadded = np.zeros_like(padded)
    dw = np.zeros_like(w)
    for i, j, met in entries(w.shape[2:], dy.shape[2:], stride):
        dw[:, :, i, j] = np.einsum("nfab,ncab->fc", dy, padded[met])
        dpadded[met] += np.einsum("fc,nfab->ncab", w[:, :, i, j], dy)
    dx = dpadded[:, :, pad:-pad, pad:-pad]
    return dx, dw, dy.sum(axis=(0, 2, 3))
