"""Convolution with its backward pass.

Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016), chapters 2 and 4. One kernel entry
(i, j) meets the pixels x̃[..., s a + i, s b + j], a grid of the padded image. For each entry, with that grid:

    forward     y   += w[:, :, i, j] on the grid
    backward    dx̃ at the grid += w[:, :, i, j]ᵀ on dy,      dw[:, :, i, j] = Σ dy · grid
"""

from collections.abc import Iterator

import numpy as np

from grader.marks import alternative, mistake


def grids(kernel: tuple[int, int], out: tuple[int, int], stride: int) -> Iterator[tuple[int, int, tuple]]:
    """For each kernel entry (i, j) the index of the pixels of a padded image that it meets."""
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            rows, columns = slice(i, i + stride * out[0], stride), slice(j, j + stride * out[1], stride)
            yield i, j, (slice(None), slice(None), rows, columns)


def conv2d_forward(x: np.ndarray, w: np.ndarray, bias: np.ndarray, stride: int, pad: int) -> tuple[np.ndarray, tuple]:
    """y, and (x, w, stride, pad) for the backward pass."""
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    kernel = k_h, k_w = w.shape[2:]
    out = (padded.shape[2] - k_h) // stride + 1, (padded.shape[3] - k_w) // stride + 1
    y = np.zeros((x.shape[0], w.shape[0], *out), x.dtype) + bias[:, None, None]
    for i, j, grid in grids(kernel, out, stride):
        y += np.einsum("ncab,fc->nfab", padded[grid], w[:, :, i, j])
    return y, (x, w, stride, pad)


def conv2d_backward(dy: np.ndarray, cache: tuple) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each entry of the kernel collects from all places, each pixel from all entries that met it."""
    x, w, stride, pad = cache
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    dpadded, dw = np.zeros_like(padded), np.empty_like(w)
    for i, j, grid in grids(w.shape[2:], dy.shape[2:], stride):
        dpadded[grid] += np.einsum("nfab,fc->ncab", dy, w[:, :, i, j])
        dw[:, :, i, j] = np.einsum("nfab,ncab->fc", dy, padded[grid])
    height, width = x.shape[2:]
    return dpadded[:, :, pad : pad + height, pad : pad + width], dw, dy.sum((0, 2, 3))


# Alternatives ---------------------------------------------------------------------------------------------------------


@alternative("All windows at once, and one einsum over them.", of="conv2d_forward")
def all_windows(x, w, bias, stride, pad):
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    y = np.einsum("ncabij,fcij->nfab", windows, w) + bias.reshape(1, -1, 1, 1)
    return y, (x, w, stride, pad)


@alternative("Place by place, a dot product at each.", of="conv2d_forward")
def place_by_place(x, w, bias, stride, pad):
    n, c, height, width = x.shape
    f, _, k_h, k_w = w.shape
    padded = np.zeros((n, c, height + 2 * pad, width + 2 * pad), x.dtype)
    padded[:, :, pad : pad + height, pad : pad + width] = x
    rows, columns = 1 + (height + 2 * pad - k_h) // stride, 1 + (width + 2 * pad - k_w) // stride
    y = np.empty((n, f, rows, columns), x.dtype)
    for a in range(rows):
        for b in range(columns):
            patch = padded[:, :, a * stride : a * stride + k_h, b * stride : b * stride + k_w]
            y[:, :, a, b] = patch.reshape(n, -1) @ w.reshape(f, -1).T + bias
    return y, (x, w, stride, pad)


@alternative("Place by place: each hands its dy to the kernel and to the patch beneath.", of="conv2d_backward")
def handed_out(dy, cache):
    x, w, stride, pad = cache
    k_h, k_w = w.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    dpadded, dw, dbias = np.zeros_like(padded), np.zeros_like(w), np.zeros(len(w), w.dtype)
    for n, f, a, b in np.ndindex(dy.shape):
        patch = n, slice(None), slice(a * stride, a * stride + k_h), slice(b * stride, b * stride + k_w)
        dpadded[patch] += dy[n, f, a, b] * w[f]
        dw[f] += dy[n, f, a, b] * padded[patch]
        dbias[f] += dy[n, f, a, b]
    return dpadded[:, :, pad : pad + x.shape[2], pad : pad + x.shape[3]], dw, dbias


@alternative("dx as a convolution of the stretched dy with the kernel turned round.", of="conv2d_backward")
def transposed(dy, cache):
    x, w, stride, pad = cache
    n, _, height, width = x.shape
    f, _, k_h, k_w = w.shape
    wide = np.zeros((n, f, height + 2 * pad + k_h - 1, width + 2 * pad + k_w - 1), x.dtype)
    for a in range(dy.shape[2]):
        for b in range(dy.shape[3]):
            wide[:, :, k_h - 1 + a * stride, k_w - 1 + b * stride] = dy[:, :, a, b]
    windows = np.lib.stride_tricks.sliding_window_view(wide, (k_h, k_w), axis=(2, 3))
    dpadded = np.einsum("nfabij,fcij->ncab", windows, w[:, :, ::-1, ::-1])
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    patches = np.lib.stride_tricks.sliding_window_view(padded, (k_h, k_w), axis=(2, 3))[:, :, ::stride, ::stride]
    dw = np.einsum("nfab,ncabij->fcij", dy, patches)
    return dpadded[:, :, pad : pad + height, pad : pad + width], dw, np.einsum("nfab->f", dy)


# Mistakes in forward --------------------------------------------------------------------------------------------------


@mistake(
    "Your kernel is turned round: w[i, j] meets the pixel i rows up and j columns left. In deep learning it is not "
    "flipped: w[i, j] meets the pixel i rows down and j columns to the right.",
    of="conv2d_forward",
    hint=2,
)
def kernel_flipped(x, w, bias, stride, pad):
    return _conv(x, w[:, :, ::-1, ::-1], bias, stride, pad), (x, w, stride, pad)


@mistake("The padding is not used: y is smaller than it has to be.", of="conv2d_forward", hint=2)
def pad_ignored(x, w, bias, stride, pad):
    fits = w.shape[2] <= x.shape[2] and w.shape[3] <= x.shape[3]
    return _conv(x, w, bias, stride, 0 if fits else pad), (x, w, stride, pad)


@mistake("The stride is not used: your kernel stops at every pixel.", of="conv2d_forward", hint=2)
def stride_ignored(x, w, bias, stride, pad):
    return _conv(x, w, bias, 1, pad), (x, w, stride, pad)


@mistake("The bias is missing in y.", of="conv2d_forward", hint=3)
def bias_missing(x, w, bias, stride, pad):
    return _conv(x, w, np.zeros_like(bias), stride, pad), (x, w, stride, pad)


@mistake(
    "The bias is added once for each channel of x. It is added once for each output.",
    of="conv2d_forward",
    hint=3,
)
def bias_for_each_channel(x, w, bias, stride, pad):
    return _conv(x, w, bias * x.shape[1], stride, pad), (x, w, stride, pad)


@mistake(
    "All zeros are added at the bottom and at the right. The padding goes on all four sides, p on each.",
    of="conv2d_forward",
    hint=2,
)
def padded_at_the_end(x, w, bias, stride, pad):
    padded = np.pad(x, ((0, 0), (0, 0), (0, 2 * pad), (0, 2 * pad)))
    return _conv(padded, w, bias, stride, 0), (x, w, stride, pad)


@mistake("You pad with copies of the edge. The padding is zeros.", of="conv2d_forward", hint=2)
def padded_with_edges(x, w, bias, stride, pad):
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)), mode="edge")
    return _conv(padded, w, bias, stride, 0), (x, w, stride, pad)


@mistake(
    "Your kernel lies on its side: rows and columns are swapped.",
    of="conv2d_forward",
    hint=2,
)
def kernel_on_its_side(x, w, bias, stride, pad):
    if w.shape[2] > x.shape[3] + 2 * pad or w.shape[3] > x.shape[2] + 2 * pad:
        return _conv(x, w, bias, stride, pad), (x, w, stride, pad)
    return _conv(x, w.swapaxes(2, 3), bias, stride, pad), (x, w, stride, pad)


@mistake(
    "Each output is the mean of the products, where their sum is asked for.",
    of="conv2d_forward",
    hint=3,
)
def averaged(x, w, bias, stride, pad):
    return _conv(x, w / w[0].size, bias, stride, pad), (x, w, stride, pad)


# Mistakes in backward -------------------------------------------------------------------------------------------------


@mistake(
    "dx still has the padding around it. The padding is no part of x: cut p rows and columns off each side.",
    of="conv2d_backward",
    hint=2,
)
def padding_kept(dy, cache):
    return _dpadded(dy, cache), _dw(dy, cache), dy.sum((0, 2, 3))


@mistake(
    "You cut the padding off dx at the bottom and at the right only. A pixel's row in the padded image is its row in"
    " x plus p.",
    of="conv2d_backward",
    hint=2,
)
def cut_at_the_end(dy, cache):
    height, width = cache[0].shape[2:]
    return _dpadded(dy, cache)[:, :, :height, :width], _dw(dy, cache), dy.sum((0, 2, 3))


@mistake(
    "In dx a pixel keeps what the last place handed it. It was under several places of the kernel: what they hand "
    "over is added up, += and not =.",
    of="conv2d_backward",
    hint=1,
)
def overlaps_overwritten(dy, cache):
    x, w, stride, pad = cache
    k_h, k_w = w.shape[2:]
    dpadded = np.zeros((*x.shape[:2], x.shape[2] + 2 * pad, x.shape[3] + 2 * pad), x.dtype)
    for a in range(dy.shape[2]):
        for b in range(dy.shape[3]):
            patch = np.einsum("nf,fcij->ncij", dy[:, :, a, b], w)
            dpadded[:, :, a * stride : a * stride + k_h, b * stride : b * stride + k_w] = patch
    return _cut(dpadded, cache), _dw(dy, cache), dy.sum((0, 2, 3))


@mistake(
    "In dx a pixel keeps what the last kernel entry handed it. Every entry that met it hands something over, and "
    "that is added up, += and not =.",
    of="conv2d_backward",
    hint=1,
)
def entries_overwritten(dy, cache):
    x, w, stride, pad = cache
    dpadded = np.zeros((*x.shape[:2], x.shape[2] + 2 * pad, x.shape[3] + 2 * pad), x.dtype)
    for i, j, grid in grids(w.shape[2:], dy.shape[2:], stride):
        dpadded[grid] = np.einsum("nfab,fc->ncab", dy, w[:, :, i, j])
    return _cut(dpadded, cache), _dw(dy, cache), dy.sum((0, 2, 3))


@mistake(
    "The kernel is the wrong way round in dx. Turned round it is right only if you write dx as a convolution over "
    "dy; where each place hands out to the pixels beneath, w stays as it is.",
    of="conv2d_backward",
    hint=3,
)
def kernel_flipped_in_dx(dy, cache):
    x, w, stride, pad = cache
    dx = _cut(_dpadded(dy, (x, w[:, :, ::-1, ::-1], stride, pad)), cache)
    return dx, _dw(dy, cache), dy.sum((0, 2, 3))


@mistake("dw comes out turned round: its rows and its columns are in reverse order.", of="conv2d_backward", hint=3)
def dw_flipped(dy, cache):
    return _dx(dy, cache), _dw(dy, cache)[:, :, ::-1, ::-1], dy.sum((0, 2, 3))


@mistake(
    "The stride is not used in dw. The entry (i, j) met the pixels s a + i, s b + j, not a + i, b + j.",
    of="conv2d_backward",
    hint=3,
)
def stride_ignored_in_dw(dy, cache):
    x, w, _, pad = cache
    return _dx(dy, cache), _dw(dy, (x, w, 1, pad)), dy.sum((0, 2, 3))


@mistake(
    "The stride is not used in dx. The place (a, b) lay over the pixels from s a, s b on, not from a, b on.",
    of="conv2d_backward",
    hint=3,
)
def stride_ignored_in_dx(dy, cache):
    x, w, _, pad = cache
    return _dx(dy, (x, w, 1, pad)), _dw(dy, cache), dy.sum((0, 2, 3))


@mistake(
    "dw is made with x as it came. The kernel met the padded image, so the pixels are those of the padded one.",
    of="conv2d_backward",
    hint=2,
)
def dw_without_padding(dy, cache):
    x, w, stride, pad = cache
    padded = np.pad(x, ((0, 0), (0, 0), (0, 2 * pad), (0, 2 * pad)))
    return _dx(dy, cache), _dw(dy, (padded, w, stride, 0)), dy.sum((0, 2, 3))


@mistake(
    "dw and dbias are divided by the number of images. They are sums over the batch; dividing is the loss's business.",
    of="conv2d_backward",
    hint=1,
)
def averaged_over_images(dy, cache):
    n = dy.shape[0]
    return _dx(dy, cache), _dw(dy, cache) / n, dy.sum((0, 2, 3)) / n


@mistake(
    "dw is divided by the number of images. It is a sum over the batch; dividing is the loss's business.",
    of="conv2d_backward",
    hint=1,
)
def dw_averaged_over_images(dy, cache):
    return _dx(dy, cache), _dw(dy, cache) / dy.shape[0], dy.sum((0, 2, 3))


@mistake(
    "You cut the padding off with [p:-p]. Where p is 0 that is [0:0], and nothing is left: count from the front, p "
    "to p + H.",
    of="conv2d_backward",
    hint=2,
)
def cut_with_minus_pad(dy, cache):
    pad = cache[3]
    return _dpadded(dy, cache)[:, :, pad:-pad, pad:-pad], _dw(dy, cache), dy.sum((0, 2, 3))


@mistake(
    "dbias is a mean. The bias was added at every place of every image, so its gradient is the sum of dy over all of"
    " them.",
    of="conv2d_backward",
    hint=3,
)
def bias_averaged(dy, cache):
    return _dx(dy, cache), _dw(dy, cache), dy.mean((0, 2, 3))


@mistake(
    "dbias is summed over the images only and keeps the places. One bias is shared by all places: its gradient has "
    "the shape (F,).",
    of="conv2d_backward",
    hint=2,
)
def bias_for_each_place(dy, cache):
    return _dx(dy, cache), _dw(dy, cache), dy.sum(0)


@mistake("You return dw, dbias, dx. It has to be dx, dw, dbias.", of="conv2d_backward", hint=2)
def dx_last(dy, cache):
    return _dw(dy, cache), dy.sum((0, 2, 3)), _dx(dy, cache)


@mistake(
    "float32 went in and float64 came out: np.zeros makes float64 unless it is told otherwise.",
    of="conv2d_backward",
    hint=4,
)
def widened(dy, cache):
    return _dx(dy, cache).astype(np.float64), _dw(dy, cache).astype(np.float64), dy.sum((0, 2, 3))


def _conv(x, w, bias, stride, pad):
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    return np.einsum("ncabij,fcij->nfab", windows, w) + bias[:, None, None]


def _dpadded(dy, cache):
    x, w, stride, pad = cache
    dpadded = np.zeros((*x.shape[:2], x.shape[2] + 2 * pad, x.shape[3] + 2 * pad), x.dtype)
    for i, j, grid in grids(w.shape[2:], dy.shape[2:], stride):
        dpadded[grid] += np.einsum("nfab,fc->ncab", dy, w[:, :, i, j])
    return dpadded


def _cut(dpadded, cache):
    x, pad = cache[0], cache[3]
    return dpadded[:, :, pad : pad + x.shape[2], pad : pad + x.shape[3]]


def _dx(dy, cache):
    return _cut(_dpadded(dy, cache), cache)


def _dw(dy, cache):
    x, w, stride, pad = cache
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    dw = np.zeros_like(w)
    for i, j, grid in grids(w.shape[2:], dy.shape[2:], stride):
        dw[:, :, i, j] = np.einsum("nfab,ncab->fc", dy, padded[grid])
    return dw
