"""# Causal attention

A language model learns to say the next token, at every place of a text at once. That is only a test if no place can
see what comes after it: a model that can look ahead copies the answer, its loss falls to nothing, and it cannot write
a word. Causal attention lets each token see itself and what came before. It has a second gift: since no token's result
depends on later ones, results and keys of old tokens stay valid as the text grows, and generation needs only the new
ones.

## The formula

Keys stand at the positions 0, 1, ... n_k - 1. Query i stands at position **offset + i** and sees the keys up to its own
position, itself included:

    S = Q Kᵀ / √d_k
    A_ij = exp(S_ij) / Σ_{l ≤ offset + i} exp(S_il)      for j ≤ offset + i,  0 for all later j
    result = A V

## What to write

    causal(Q, K, V, offset=None)

| argument | shape | dtype | meaning |
|---|---|---|---|
| `Q` | (..., n_q, d_k) | float32 or float64 | one query a row |
| `K` | (..., n_k, d_k) | as Q | one key a row |
| `V` | (..., n_k, d_v) | as Q | one value a row |
| `offset` | | int, or None | position of the first query among the keys; None: **n_k - n_q** |
| result | (..., n_q, d_v) | as Q | |

- With `offset=None` the last query stands at the last key, whatever the sizes are: in the table of scores the visible
  part ends at the corner **bottom right**. A model that has cached 100 tokens and gets 3 new ones has n_q = 3 and n_k
  = 103, and the new ones are the last three. (`is_causal=True` of torch's `scaled_dot_product_attention` aligns top
  left, so that the first of the three sees one key; FlashAttention did so before version 2.1, and aligns bottom right
  since. For n_q = n_k all agree.)
- An explicit offset may be any int from -n_q upwards. In a cache of fixed size the keys after the last query are not
  yet written: offset + n_q < n_k, and nobody sees them (they hold any finite numbers).
  Where offset + i ≥ n_k the query sees all keys.
- A query at a negative position (n_q > n_k with None, or a negative offset) sees no key: its row is **zeros**, with no
  NaN in the result or the gradients.
- `...` stands for any number of leading axes (none, a batch, a batch and heads), the same in Q, K and V. d_k and d_v
  may differ.
- Scores may be as large as ±10⁶, the hidden ones as well as the others; the result stays right.
- Gradients reach Q, K and V. The arguments are not changed, need not be contiguous, and n_q may be 0.

`torch.nn.functional.scaled_dot_product_attention` is not allowed; it would do the exercise, apart from the corner.

## By hand

d_k = 4 (so √d_k = 2), three tokens:

    Q = [[7, 8, 9, 0],          K = [[1, 0, 0, 0],      V = [[4, 0],       S = [[3.5, 4,    4.5],
         [2 ln 3, 0, 4, 0],          [0, 1, 0, 0],           [0, 4],            [ln 3, 0,    2],
         [0, 2 ln 2, 0, 0]]          [0, 0, 1, 0]]           [8, 8]]            [0,    ln 2, 0]]

    A = [[1,   0,   0],         result = [[4, 0],       token 0 sees itself alone
         [3/4, 1/4, 0],                   [3, 1],
         [1/4, 1/2, 1/4]]                 [3, 4]]

The last two queries alone, with all three keys, give the last two rows. `causal(Q[1:2], K, V, offset=1)` gives [[3,
1]].

## Source

Vaswani et al., "Attention Is All You Need" (2017), section 3.2.3, third point; arXiv:1706.03762. Radford et al.,
"Improving Language Understanding by Generative Pre-Training" (2018): a language model of nothing but such layers.
"""

import torch
from torch import Tensor


def causal(Q: Tensor, K: Tensor, V: Tensor, offset: int | None = None) -> Tensor:
    """Attention in which the query at position `offset` + i sees the keys 0 to `offset` + i."""
    raise NotImplementedError("find out which keys each query may see, and attend to those")


if __name__ == "__main__":
    torch.set_printoptions(precision=3, sci_mode=False)
    torch.manual_seed(0)
    Q, K = torch.randn(4, 8), torch.randn(4, 8)
    print("the weights of four tokens:\n", causal(Q, K, torch.eye(4)))
    print("the last two tokens alone:\n", causal(Q[2:], K, torch.eye(4)))
    print("in a cache that is half full:\n", causal(Q[:2], K, torch.eye(4), offset=0))
