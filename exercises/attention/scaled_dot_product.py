"""# Scaled dot-product attention

Attention is how a token of a language model reads the other tokens. Each token asks a question (its *query*), each
token offers a label (its *key*) and something to hand over (its *value*). A query is compared with every key, the
comparisons become weights that sum to one, and the answer is the weighted average of the values. Everything else in
a transformer block works on one token at a time: this is the only place where information moves between positions.

## The formula

    S = Q Kᵀ / √d_k             how well each query matches each key
    A = softmax(S)              over the keys: every row of A sums to one
    result = A V                row i is the average of the rows of V, weighted by row i of A

Why √d_k: a dot product of two random vectors with d_k independent entries of variance one has the variance d_k. Left
alone, the scores of a wide model would be so far apart that softmax picks one key and its gradient vanishes.

## What to write

    sdpa(Q, K, V, mask=None)

| argument | shape | dtype | meaning |
|---|---|---|---|
| `Q` | (..., n_q, d_k) | float32 or float64 | one query a row |
| `K` | (..., n_k, d_k) | as Q | one key a row |
| `V` | (..., n_k, d_v) | as Q | one value a row |
| `mask` | any shape that broadcasts to (..., n_q, n_k) | bool, or None | **True = this query may look at this key** |
| result | (..., n_q, d_v) | as Q | |

- `...` stands for any number of leading axes (none, a batch, a batch and heads), the same ones in Q, K and V. Every
  index into them is an attention of its own.
- n_q and n_k may differ, and so may d_k and d_v.
- The mask says True for *keep*, False for *hide*. (Some libraries mean the opposite: read their documentation first.)
- A hidden key has the weight 0, and the weights of the keys that are left sum to one. This holds whatever the scores
  are, even where the keys that are left score -10⁶ and the hidden one 10⁶.
- A query that may look at no key at all (a row of False, or n_k = 0) gets a row of **zeros**: no NaN in the result, and
  none in the gradients.
- Scores may be as large as ±10⁶, differently in each row: the result stays finite and right.
- Gradients reach Q, K and V. The arguments are not changed, need not be contiguous in memory, and n_q may be 0.

`torch.softmax` is allowed. `torch.nn.functional.scaled_dot_product_attention` is not, since it is what you are writing.

## By hand

One query, two keys, d_k = 4 (so √d_k = 2), d_v = 3:

    Q = [[2 ln 3, 0, 0, 0]]
    K = [[1, 0, 0, 0],          V = [[4, 0, 8],
         [0, 1, 0, 0]]               [0, 4, 0]]

    S = [[ln 3, 0]]             A = [[3/4, 1/4]]             result = [[3, 1, 6]]

With `mask = [[True, False]]` the second key is hidden, A = [[1, 0]], and the result is [[4, 0, 8]].

## Source

Vaswani et al., "Attention Is All You Need" (2017), section 3.2.1 and its footnote 4; arXiv:1706.03762.
"""

import torch
from torch import Tensor


def sdpa(Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
    """Average the rows of V with the weights softmax(Q Kᵀ / √d_k), keeping the keys where `mask` is True."""
    raise NotImplementedError("compare every query with every key, turn the scores into weights, average the values")


if __name__ == "__main__":
    torch.set_printoptions(precision=3, sci_mode=False)
    torch.manual_seed(0)
    Q, K, V = torch.randn(3, 4), torch.randn(5, 4), torch.randn(5, 2)
    print("every key:\n", sdpa(Q, K, V))
    print("the first two keys only:\n", sdpa(Q, K, V, torch.tensor([True, True, False, False, False])))
    # With the identity as values the result is the weights themselves.
    print("the weights:\n", sdpa(Q, K, torch.eye(5)))
