"""# ALiBi: attention with linear biases

The plainest way to tell attention where things stand: leave queries and keys alone, and take something off each score
for every token that lies between the two. A head with a large slope sees little beyond its neighbours, a head with a small
one sees far; the slopes are fixed, nothing is learnt. No table ends and no angle is ever new, so a model trained on
short texts still works on texts longer than any that it was trained on. BLOOM and MPT do it this way.

## The formula

Head number a = 1, 2, ..., h has a slope m_a > 0. For a query at position i and a key at position j:

    B[a, i, j] = -m_a · (i - j)     where j ≤ i
    B[a, i, j] = -∞                 where j > i: a language model may not look ahead
    S = q kᵀ / √d + B

The **slopes** are a geometric sequence that ends at 2⁻⁸. If h is a power of two:

    m_a = 2^(-8a/h),  a = 1, ..., h

If it is not, do as the authors' own code does. Let p be the largest power of two below h. The first p slopes are those of
p heads; the other h - p are the slopes of 2p heads, **every second one, beginning with the first** (a = 1, 3, 5, ...). They fall
between the first ones, and stand **behind** them: the list is not sorted.

## What to write

    slopes(h)
    alibi(h, pos_q, pos_k)
    scores(q, k, pos_q, pos_k)

| argument | shape | dtype | meaning |
|---|---|---|---|
| `h` | | int, 1 or more | the number of heads, any number |
| result of `slopes` | (h,) | float64 | m_1, ..., m_h |
| `pos_q` | (n_q,) | int64 | where the queries stand |
| `pos_k` | (n_k,) | int64 | where the keys stand |
| result of `alibi` | (h, n_q, n_k) | float64 | B |
| `q` | (..., h, n_q, d) | float32 or float64 | queries |
| `k` | (..., h, n_k, d) | as q | keys |
| result of `scores` | (..., h, n_q, n_k) | as q | S, before the softmax |

- Positions are what `pos_q` and `pos_k` say: in any order, with gaps, n_q ≠ n_k. While a model writes, one query at a far
  position meets all the keys before it. Only differences count: shift both by the same number and nothing changes.
- A key at the query's own position is visible, with bias 0. "Ahead" is told by position, not by index. A query may
  see no key at all; its row is then -∞ throughout.
- Hidden is **minus infinity**, not a large negative number.
- The bias is added **after** the division by √d; it is not divided.
- Gradients reach q and k. No argument is changed. n_q or n_k may be 0.

## By hand

    slopes(4) = [1/4, 1/16, 1/64, 1/256]
    slopes(3) = [1/16, 1/256, 1/4]           two heads: 1/16, 1/256; then the first of four heads

    alibi(2, pos_q=[5, 3], pos_k=[3, 4, 5])[0] = [[-2/16, -1/16,  0],
                                                  [ 0,     -∞,   -∞]]

    scores([[[6, 0, 0, 0]]], [[[1, 0, 0, 0]]], pos_q=[256], pos_k=[0]) = [[[6/2 - 256/256]]] = [[[2]]]      h = 1, d = 4

## Source

Press, Smith and Lewis, "Train Short, Test Long: Attention with Linear Biases Enables Input Length Extrapolation" (2021),
section 3; arXiv:2108.12409. The rule for other numbers of heads stands in the code published with it.
"""

import torch
from torch import Tensor


def slopes(h: int) -> Tensor:
    """The slope of each of `h` heads."""
    raise NotImplementedError("a geometric sequence; two of them where h is no power of two")


def alibi(h: int, pos_q: Tensor, pos_k: Tensor) -> Tensor:
    """What is added to each score: less the further back the key stands, minus infinity where it stands ahead."""
    raise NotImplementedError("find every distance, give each head its slope, hide what is ahead")


def scores(q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor) -> Tensor:
    """Scaled dot products with the bias of ALiBi."""
    raise NotImplementedError("scale the dot products, then add the bias")


if __name__ == "__main__":
    torch.set_printoptions(precision=3, sci_mode=False)
    print("12 heads:", slopes(12))
    weights = torch.softmax(scores(torch.zeros(8, 1, 4), torch.zeros(8, 10, 4), torch.tensor([9]), torch.arange(10)), dim=-1)
    print("What the first and the last head make of ten keys that are all alike:")
    print(weights[[0, -1], 0])
