"""# Rotary position embedding (RoPE)

What a model mostly needs to know of positions is how far apart two tokens are. RoPE builds just that into attention.
Instead of adding something to the tokens, it rotates each query and each key by angles that grow with its own position;
the dot product of two rotated vectors then depends on the *difference* of their positions only. Shift a whole
text by a thousand tokens, and every score stays what it was. Llama, PaLM, Qwen and most models of their time do it this way.

## The formula

The d numbers of a vector are d/2 points in the plane: pair i = 0, 1, ..., d/2 - 1 is (x[2i], x[2i + 1]), two **neighbours**.
A vector at position pos has its pair i turned, counter-clockwise, by

    φ_i = pos · theta^(-2i/d)

    y[2i]     = x[2i] cos φ_i - x[2i + 1] sin φ_i
    y[2i + 1] = x[2i] sin φ_i + x[2i + 1] cos φ_i

The values are not rotated, and a score is the dot product of a rotated query with a rotated key.

## What to write

    rope(x, pos, theta=10000.0)
    scores(q, k, pos_q, pos_k, theta=10000.0)

| argument | shape | dtype | meaning |
|---|---|---|---|
| `x` | (..., n, d), d even | float32 or float64 | one vector a row |
| `pos` | (n,), or any shape that broadcasts to (..., n) | int64 | the position of each vector |
| `theta` | | float, more than 1 | how much slower the last pairs turn than the first |
| result of `rope` | (..., n, d) | as x | |
| `q`, `pos_q` | (..., n_q, d), and as above | as above | queries and their positions |
| `k`, `pos_k` | (..., n_k, d), and as above | as above | keys and their positions |
| result of `scores` | (..., n_q, n_k) | as q | plain dot products of rotated q and rotated k: no √d, no softmax |

- **Layout: interleaved.** Pair i is columns 2i and 2i + 1, in the input and in the output. (Many programs pair column i
  with column i + d/2 instead. Both are right in a model that was trained with them; a mixture is not. Here it is neighbours.)
- Positions are what `pos` says: not necessarily 0, 1, 2, ..., in any order, repeated, negative, or different from one
  sequence of a batch to another: for x of shape (batch, heads, n, d), `pos` may have the shape (batch, 1, n),
  or (heads, n) where each head has its own. Nothing but PyTorch's broadcasting decides which axis is which.
- Position 0 turns nothing.
- **Far positions count.** Angles are worked out in float64 even where x is float32 (near 100,000, an angle rounded to
  float32 is off by up to 0.004); only their cosines and sines take the dtype of x. A float64 x gives results right to
  10⁻⁸ times the size of x at position 100,000 and to 10⁻¹⁰ times up to position 20, a float32 x to 10⁻⁵ times.
- Gradients reach x, q and k. The arguments are not changed and need not be contiguous in memory. n may be 0, d may be 2.

## By hand

d = 4 and theta = 100, so that the second pair turns by 100^(-2/4) = 1/10 of the first:

    rope([[1, 0, 1, 0]], pos=[1], theta=100.0)  = [[cos 1, sin 1, cos 0.1, sin 0.1]]   = [[0.5403, 0.8415, 0.9950, 0.0998]]
    rope([[0, 1, 0, 2]], pos=[-1], theta=100.0) = [[sin 1, cos 1, 2 sin 0.1, 2 cos 0.1]] = [[0.8415, 0.5403, 0.1997, 1.9900]]

    scores([[1, 0, 1, 0]], [[1, 0, 1, 0]], pos_q=[7], pos_k=[5], theta=100.0) = [[cos 2 + cos 0.2]] = [[0.5639]]

## Source

Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding" (2021), sections 3.2 and 3.4 (equation 34);
arXiv:2104.09864.
"""

import torch
from torch import Tensor


def rope(x: Tensor, pos: Tensor, theta: float = 10000.0) -> Tensor:
    """Turn each pair of neighbouring columns of `x` by its position times the pair's own frequency."""
    raise NotImplementedError("find one angle for each position and pair, and turn the pairs by them")


def scores(q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor, theta: float = 10000.0) -> Tensor:
    """The dot products of rotated queries with rotated keys."""
    raise NotImplementedError("compare queries with keys, each turned by its own position")


if __name__ == "__main__":
    torch.set_printoptions(precision=4, sci_mode=False)
    torch.manual_seed(0)
    x = torch.randn(1, 8)
    for p in (0, 1, 2, 1000):
        print(f"at position {p}:", rope(x, torch.tensor([p])))
    q, k = torch.randn(1, 8), torch.randn(1, 8)
    for shift in (0, 10, 1000):
        print("three tokens apart:", scores(q, k, torch.tensor([3 + shift]), torch.tensor([shift])))
