"""Max pooling with its backward pass.

Goodfellow, Bengio and Courville, "Deep Learning" (2016), section 9.3. Forward marks in each window the one pixel that
won, the first of the largest, row by row; backward hands dy out by these marks and adds up where windows overlap.
"""

import numpy as np

from grader.marks import alternative, mistake


def max_pool_forward(x: np.ndarray, kernel: tuple[int, int], stride: int) -> tuple[np.ndarray, tuple]:
    """y, and (the winners' marks, stride, the shape of x) for the backward pass."""
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel, axis=(2, 3))[:, :, ::stride, ::stride]
    flat = windows.reshape(*windows.shape[:4], kernel[0] * kernel[1])
    won = np.arange(flat.shape[-1]) == flat.argmax(-1)[..., None]
    return flat.max(-1), (won.reshape(windows.shape), stride, x.shape)


def max_pool_backward(dy: np.ndarray, cache: tuple) -> np.ndarray:
    """dy, added up where the winners were: one entry of the window after the other, for all windows at once."""
    won, stride, shape = cache
    dx = np.zeros(shape, dy.dtype)
    rows, columns = dy.shape[2:]
    for i, j in np.ndindex(won.shape[4:]):
        dx[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride] += dy * won[..., i, j]
    return dx


# Alternatives ---------------------------------------------------------------------------------------------------------


@alternative("Window by window in loops.", of="max_pool_forward")
def window_by_window(x, kernel, stride):
    n, c, height, width = x.shape
    out = (height - kernel[0]) // stride + 1, (width - kernel[1]) // stride + 1
    y, won = np.empty((n, c, *out), x.dtype), np.zeros((n, c, *out, *kernel), bool)
    for at in np.ndindex(n, c, *out):
        top, left = at[2] * stride, at[3] * stride
        best, where = -np.inf, None
        for i in range(kernel[0]):
            for j in range(kernel[1]):
                if x[at[0], at[1], top + i, left + j] > best:
                    best, where = x[at[0], at[1], top + i, left + j], (i, j)
        y[at], won[at][where] = best, True
    return y, (won, stride, x.shape)


@alternative("One entry of the window after the other, for all windows at once.", of="max_pool_forward")
def entry_by_entry(x, kernel, stride):
    rows, columns = (x.shape[2] - kernel[0]) // stride + 1, (x.shape[3] - kernel[1]) // stride + 1
    y = np.full((*x.shape[:2], rows, columns), -np.inf, x.dtype)
    won = np.zeros((*y.shape, *kernel), bool)
    for i, j in np.ndindex(*kernel):
        grid = x[:, :, i : i + stride * rows : stride, j : j + stride * columns : stride]
        better = grid > y
        won[better] = False
        won[..., i, j] = better
        y = np.where(better, grid, y)
    return y, (won, stride, x.shape)


@alternative("Place by place in loops.", of="max_pool_backward")
def place_by_place(dy, cache):
    won, stride, shape = cache
    dx = np.zeros(shape, dy.dtype)
    for at in np.ndindex(dy.shape):
        i, j = np.argwhere(won[at])[0]
        dx[at[0], at[1], stride * at[2] + i, stride * at[3] + j] += dy[at]
    return dx


@alternative("The winners' places as index arrays, and np.add.at.", of="max_pool_backward")
def added_at(dy, cache):
    won, stride, shape = cache
    n, c, a, b, i, j = np.nonzero(won)
    dx = np.zeros(shape, dy.dtype)
    np.add.at(dx, (n, c, stride * a + i, stride * b + j), dy[n, c, a, b])
    return dx


# Mistakes in forward --------------------------------------------------------------------------------------------------


@mistake("You take the mean of each window. That is average pooling.", of="max_pool_forward", hint=1)
def average(x, kernel, stride):
    return _windows(x, kernel, stride).mean((-1, -2)).astype(x.dtype), _pool(x, kernel, stride)[1]


@mistake("You take the smallest value of each window, where the largest is asked for.", of="max_pool_forward", hint=1)
def smallest(x, kernel, stride):
    y, cache = _pool(-x, kernel, stride)
    return -y, cache


@mistake(
    "You take the value that is largest in size, whatever its sign. -5 is less than 1.",
    of="max_pool_forward",
    hint=1,
)
def largest_in_size(x, kernel, stride):
    flat = _flat(x, kernel, stride)
    number = np.abs(flat).argmax(-1)[..., None]
    return np.take_along_axis(flat, number, -1)[..., 0], _marked(number, x, kernel, stride)


@mistake(
    "A zero competes in each of your windows: where all values are negative, y is 0. Start from -∞, or from the "
    "first value.",
    of="max_pool_forward",
    hint=4,
)
def zero_competes(x, kernel, stride):
    y, cache = _pool(x, kernel, stride)
    return np.maximum(y, 0), cache


@mistake("The stride is not used: your windows begin at every pixel.", of="max_pool_forward", hint=2)
def stride_ignored(x, kernel, stride):
    return _pool(x, kernel, 1)


@mistake(
    "Your windows move on by their own size, and the stride is not used. Windows may overlap, or leave gaps.",
    of="max_pool_forward",
    hint=2,
)
def stride_of_the_kernel(x, kernel, stride):
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel, axis=(2, 3))[:, :, :: kernel[0], :: kernel[1]]
    _, (won, _, shape) = _pool(x, kernel, 1)
    return windows.max((-1, -2)), (won[:, :, :: kernel[0], :: kernel[1]], kernel[0], shape)


@mistake("Your window lies on its side: kernel is (rows, columns).", of="max_pool_forward", hint=2)
def kernel_on_its_side(x, kernel, stride):
    fits = kernel[1] <= x.shape[2] and kernel[0] <= x.shape[3]
    return _pool(x, kernel[::-1] if fits else kernel, stride)


@mistake(
    "You keep the last window, too, which hangs over the edge. Only windows that lie whole inside the image count: "
    "round down.",
    of="max_pool_forward",
    hint=2,
)
def rounded_up(x, kernel, stride):
    more = [-(size - k) % stride for size, k in zip(x.shape[2:], kernel, strict=True)]
    padded = np.pad(x, ((0, 0), (0, 0), (0, more[0]), (0, more[1])), constant_values=-np.inf)
    return _pool(padded, kernel, stride)


@mistake(
    "Of several largest values the last one gets the gradient. The first wins: an equal value does not replace it (>"
    " and not ≥).",
    of="max_pool_forward",
    hint=4,
)
def last_wins(x, kernel, stride):
    flat = _flat(x, kernel, stride)
    number = flat.shape[-1] - 1 - flat[..., ::-1].argmax(-1)
    return flat.max(-1), _marked(number[..., None], x, kernel, stride)


@mistake(
    "Ties are broken column by column. The first is meant row by row: the top row first, in it from the left.",
    of="max_pool_forward",
    hint=4,
)
def ties_by_column(x, kernel, stride):
    windows = _windows(x, kernel, stride)
    flat = windows.swapaxes(-1, -2).reshape(*windows.shape[:4], -1)
    j, i = np.divmod(flat.argmax(-1), kernel[0])
    return flat.max(-1), _marked((i * kernel[1] + j)[..., None], x, kernel, stride)


@mistake(
    "The maximum goes over the channels as well. Each channel is pooled by itself.",
    of="max_pool_forward",
    hint=2,
)
def channels_compete(x, kernel, stride):
    y, cache = _pool(x, kernel, stride)
    return np.broadcast_to(y.max(1, keepdims=True), y.shape).copy(), cache


# Mistakes in backward -------------------------------------------------------------------------------------------------


@mistake(
    "All that were largest in a window get the whole of dy, so ties double it. One of them wins, the first, and the "
    "others get 0.",
    of="max_pool_forward",
    hint=4,
)
def ties_doubled(x, kernel, stride):
    windows = _windows(x, kernel, stride)
    y = windows.max((-1, -2))
    return y, (windows == y[..., None, None], stride, x.shape)


@mistake(
    "Those that were largest in a window share dy equally. That would be a possible convention, but it is not the "
    "one here: the first wins and gets it all.",
    of="max_pool_forward",
    hint=4,
)
def ties_shared(x, kernel, stride):
    windows = _windows(x, kernel, stride)
    y = windows.max((-1, -2))
    shares = (windows == y[..., None, None]).astype(x.dtype)
    return y, (shares / shares.sum((-1, -2), keepdims=True), stride, x.shape)


@mistake(
    "All pixels of a window get dy. Only the winner acted on y; the slopes of the others are 0.",
    of="max_pool_forward",
    hint=1,
)
def everybody_wins(x, kernel, stride):
    windows = _windows(x, kernel, stride)
    return windows.max((-1, -2)), (np.ones(windows.shape, bool), stride, x.shape)


@mistake(
    "All pixels of a window get an equal share of dy. That is the backward pass of average pooling; here the winner "
    "gets it all.",
    of="max_pool_forward",
    hint=1,
)
def spread_like_a_mean(x, kernel, stride):
    windows = _windows(x, kernel, stride)
    return windows.max((-1, -2)), (np.ones_like(windows) / x.dtype.type(kernel[0] * kernel[1]), stride, x.shape)


@mistake(
    "A pixel that wins in several windows keeps only what one of them handed it. It has to be added up. (With index "
    "arrays even `+=` adds only once where an index comes twice.)",
    of="max_pool_backward",
    hint=4,
)
def overlaps_overwritten(dy, cache):
    won, stride, shape = cache
    n, c, a, b, i, j = np.nonzero(won)
    dx = np.zeros(shape, dy.dtype)
    dx[n, c, stride * a + i, stride * b + j] = dy[n, c, a, b]
    return dx


@mistake(
    "The winner's number is split into row and column with the height of the window, and may point beyond the "
    "image. Counted row by row, a row has as many pixels as the window is wide.",
    of="max_pool_backward",
    hint=2,
)
def split_by_height(dy, cache):
    won, stride, shape = cache
    number = won.reshape(*dy.shape, -1).argmax(-1)
    i, j = np.divmod(number, won.shape[4])
    n, c, a, b = np.indices(dy.shape)
    dx = np.zeros(shape, dy.dtype)
    np.add.at(dx, (n, c, stride * a + i, stride * b + j), dy)  # beyond the edge that is an IndexError
    return dx


@mistake(
    "The stride is not used on the way back: the window of place (a, b) begins at the pixel s a, s b.",
    of="max_pool_backward",
    hint=3,
)
def stride_ignored_in_backward(dy, cache):
    return _back(dy, (cache[0], 1, cache[2]))


@mistake(
    "Each dy goes to the first pixel of its window, not to the winner.",
    of="max_pool_backward",
    hint=3,
)
def corner_wins(dy, cache):
    return _scatter(dy, 0, 0, *cache[1:])


@mistake(
    "float32 went in and float64 came out: np.zeros makes float64 unless it is told otherwise.",
    of="max_pool_backward",
    hint=4,
)
def widened(dy, cache):
    return _back(dy, cache).astype(np.float64)


@mistake(
    "The numbers are right, but you worked in the caller's own dy: `*=` changes an array in place.",
    of="max_pool_backward",
    hint=4,
)
def overwrites_dy(dy, cache):
    dx = _back(dy, cache)
    dy *= 0
    return dx


def _windows(x, kernel, stride):
    return np.lib.stride_tricks.sliding_window_view(x, kernel, axis=(2, 3))[:, :, ::stride, ::stride]


def _flat(x, kernel, stride):
    windows = _windows(x, kernel, stride)
    return windows.reshape(*windows.shape[:4], -1)


def _marked(number, x, kernel, stride):
    won = np.arange(kernel[0] * kernel[1]) == number
    return won.reshape(*won.shape[:-1], *kernel), stride, x.shape


def _pool(x, kernel, stride):
    flat = _flat(x, kernel, stride)
    return flat.max(-1), _marked(flat.argmax(-1)[..., None], x, kernel, stride)


def _back(dy, cache):
    won, stride, shape = cache
    n, c, a, b, i, j = np.nonzero(won)
    dx = np.zeros(shape, dy.dtype)
    np.add.at(dx, (n, c, stride * a + i, stride * b + j), dy[n, c, a, b])
    return dx


def _scatter(dy, i, j, stride, shape):
    n, c, a, b = np.indices(dy.shape)
    dx = np.zeros(shape, dy.dtype)
    np.add.at(dx, (n, c, np.minimum(stride * a + i, shape[2] - 1), np.minimum(stride * b + j, shape[3] - 1)), dy)
    return dx
