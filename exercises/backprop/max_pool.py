"""# Max pooling, forward and backward

Pooling makes an image smaller: of each window only the largest value is kept, in every channel by itself. There is
nothing to learn in it, and still it has a backward pass, the simplest one of a kind that language models have in other
places too (beam search, top-k gating of experts, the best of several pieces): a choice was made, and the gradient goes
to the one that was chosen, whole, and to nobody else.

For an image x, windows of k_h by k_w pixels and stride s, without padding:

    H_o = ⌊(H - k_h) / s⌋ + 1          and W_o alike with W and k_w
    y[n, c, a, b] = max over i < k_h, j < k_w of x[n, c, s a + i, s b + j]

Near a given x (no two values alike) the same pixel stays the largest, so y is that pixel and its slope is 1; all other
slopes are 0. Given dy = ∂L/∂y for a loss L, each place hands its dy to its winner:

    dx[n, c, s a + i*, s b + j*] += dy[n, c, a, b]          with (i*, j*) where the largest value was

Windows may overlap, and then one pixel may win several times.

## What to write

`max_pool_forward(x, kernel, stride)` returns `(y, cache)`, and `max_pool_backward(dy, cache)` returns `dx`. NumPy
only.

| name | shape | dtype | what it is |
|---|---|---|---|
| `x` | (N, C, H, W) | float32 or float64 | a batch of images |
| `kernel` | a tuple of two ints | | (k_h, k_w), the window |
| `stride` | int ≥ 1 | | s, the same in both directions |
| `y`, `dy` | (N, C, H_o, W_o) | like `x` | the result, and ∂L/∂y |
| `cache` | yours | yours | whatever your backward needs |
| `dx` | like `x` | like `x` | ∂L/∂x |

## Conventions and edge cases

- Channels are pooled by themselves; C stays.
- **Ties**: of several largest values in a window the *first* wins, row by row from the top, in each row from the left.
  It gets all of dy. Somebody has to: handing dy to each of them would double it, and flat areas are common (after a
  ReLU most of an image is 0). Libraries do the same.
- All values may be negative: nothing is padded, and no zero competes.
- With s smaller than the window, windows overlap, and what a pixel gets from several of them is added up. With s
  larger, pixels in between are skipped.
- Rows and columns that are left over at the bottom and at the right are in no window: their dx is exactly 0.
- The window always fits at least once: k_h ≤ H and k_w ≤ W.
- dx is exactly 0 at every pixel that won nowhere.
- Several forwards may come before the backwards, and a cache may be used more than once. Arguments are only read and
  may have any strides. float32 in gives float32 out.

A property to check yours by: the sum of dx is the sum of dy, for every image and channel.

## By hand

One image, one channel, kernel (2, 2), stride 1:

    x = [[1, 5, 2],         y = [[5, 5],        the 5 at the top wins twice, the -1 wins nowhere;
         [4, 3, 3],              [4, 3]]        the window at the lower right holds 3, 3, 3, 2: the first of the 3s wins
         [-1, 3, 2]]

    dy = [[1, 2],           dx = [[0, 3, 0],
          [3, 4]]                 [3, 4, 0],
                                  [0, 0, 0]]

## Source

Goodfellow, Bengio and Courville, "Deep Learning" (2016), section 9.3. Dumoulin and Visin, "A guide to convolution
arithmetic for deep learning" (2016, arXiv:1603.07285), chapter 3 for the sizes.
"""

from typing import Any

import numpy as np


def max_pool_forward(x: np.ndarray, kernel: tuple[int, int], stride: int) -> tuple[np.ndarray, Any]:
    """The largest value of each window, in every channel; and what backward needs."""
    raise NotImplementedError("return y, and in a cache of your own what max_pool_backward will need")


def max_pool_backward(dy: np.ndarray, cache: Any) -> np.ndarray:
    """The gradient for x: each number of `dy` goes to the pixel that won its window."""
    raise NotImplementedError("return dx")


if __name__ == "__main__":
    x = np.array([[[[1.0, 5.0, 2.0], [4.0, 3.0, 3.0], [-1.0, 3.0, 2.0]]]])
    y, cache = max_pool_forward(x, (2, 2), stride=1)
    print("y:\n", y[0, 0])
    dy = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    dx = max_pool_backward(dy, cache)
    print("dx:\n", dx[0, 0])
    print("the sum of dx:", dx.sum(), " and of dy:", dy.sum())
