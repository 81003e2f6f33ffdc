"""# Convolution, forward and backward

A convolution slides one small kernel over an image and takes a dot product at each place. The same few weights are
used everywhere, so a pattern that was learnt in one corner is found in all others. Image encoders of models that see
begin with one (the patches of a vision transformer are a convolution whose stride is its kernel), and speech encoders
with two. Its backward pass has one idea: a weight that was used at many places collects from all of them, and a pixel
that was under many places of the kernel does, too.

For an image x with C channels, and F kernels w with as many channels each, stride s and padding p:

    x̃  = x with p rows and columns of zeros added on all four sides
    H_o = ⌊(H + 2p - k_h) / s⌋ + 1          and W_o alike with W and k_w
    y[n, f, a, b] = bias[f] + Σ_c Σ_i Σ_j w[f, c, i, j] · x̃[n, c, s a + i, s b + j]

with i = 0 ... k_h - 1 and j = 0 ... k_w - 1. Strictly this is a cross-correlation: the kernel is **not** turned round,
as in all deep learning libraries. Each term is a product of one weight and one pixel. Given dy = ∂L/∂y for a loss L,
every such term hands dy · pixel to its weight and dy · weight to its pixel, and what arrives is added up.

## What to write

`conv2d_forward(x, w, bias, stride, pad)` returns `(y, cache)`, and `conv2d_backward(dy, cache)` returns `(dx, dw,
dbias)`. NumPy only.

| name | shape | dtype | what it is |
|---|---|---|---|
| `x` | (N, C, H, W) | float32 or float64 | a batch of images |
| `w` | (F, C, k_h, k_w) | like `x` | the kernels; k_h and k_w may differ, and may be even |
| `bias` | (F,) | like `x` | one for each kernel |
| `stride` | int ≥ 1 | | s, the same in both directions |
| `pad` | int ≥ 0 | | p, the same on all four sides |
| `y`, `dy` | (N, F, H_o, W_o) | like `x` | the result, and ∂L/∂y |
| `cache` | yours | yours | whatever your backward needs |
| `dx`, `dw`, `dbias` | as x, w, bias | like `x` | the gradients |

## Conventions and edge cases

- The kernel always fits into the padded image at least once: k_h ≤ H + 2p and k_w ≤ W + 2p.
- With s > 1 rows and columns may be left over at the bottom and at the right. No kernel touches them, and they
  get exactly 0 in dx.
- The padding belongs to nobody: dx has the shape of x, without it. A pixel's row in x̃ is its row in x plus p.
- The stride may be larger than the kernel: then pixels in between are skipped and get 0.
- dw and dbias are **sums** over all images and all places, no means.
- The loops over places and kernel entries may be Python loops; a loop over every single number of a batch is slow, but
  the images here are small.
- Several forwards may come before the backwards, and a cache may be used more than once. Arguments are only read, and
  may have any strides. float32 in gives float32 out.

A property to check yours by: with bias 0, y is linear in x and in w, so Σ y ∘ dy = Σ x ∘ dx = Σ w ∘ dw for any dy.

## By hand

One image, one channel, one kernel, s = 1, p = 0, bias = 0.5:

    x = [[1, 2, 0],      w = [[1,  0],      y = [[-1.5,  7.5],      y[0, 0] = 0.5 + 1·1 + 0·2 + 2·0 - 1·3
         [0, 3, 1],           [2, -1]]           [ 4.5, -0.5]]
         [2, 0, 4]]

    dy = [[1,  0],       dx = [[1,  0, 0],      dw = [[-2,  4],     dbias = 1
          [1, -1]]             [3, -2, 0],            [ 2, -1]]
                               [2, -3, 1]]

The 3 in dx is 2 from the place above (a = 0) and 1 from the place below (a = 1); the 4 in dw is 2·1 + 3·1 - 1·1.

## Source

Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016, arXiv:1603.07285), chapter 2 for the
sizes and chapter 4 for the transposed convolution, which is what makes dx.
"""

from typing import Any

import numpy as np


def conv2d_forward(x: np.ndarray, w: np.ndarray, bias: np.ndarray, stride: int, pad: int) -> tuple[np.ndarray, Any]:
    """Slide each kernel of `w` over the padded images and add its bias; and what backward needs."""
    raise NotImplementedError("return y, and in a cache of your own what conv2d_backward will need")


def conv2d_backward(dy: np.ndarray, cache: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradients for x, w and bias, from the gradient `dy` for y and the cache of the forward call."""
    raise NotImplementedError("return dx, dw and dbias")


if __name__ == "__main__":
    x = np.array([[[[1.0, 2.0, 0.0], [0.0, 3.0, 1.0], [2.0, 0.0, 4.0]]]])
    w, bias = np.array([[[[1.0, 0.0], [2.0, -1.0]]]]), np.array([0.5])
    y, cache = conv2d_forward(x, w, bias, stride=1, pad=0)
    print("y:\n", y[0, 0])
    dx, dw, dbias = conv2d_backward(np.array([[[[1.0, 0.0], [1.0, -1.0]]]]), cache)
    print("dx:\n", dx[0, 0])
    print("dw:\n", dw[0, 0], "  dbias:", dbias)

    # An edge detector: it answers where the picture turns from dark to bright.
    picture = np.zeros((1, 1, 5, 6))
    picture[..., 3:] = 1.0
    edges = conv2d_forward(picture, np.array([[[[-1.0, 1.0]]]]), np.zeros(1), stride=1, pad=0)[0]
    print("edges:\n", edges[0, 0])
