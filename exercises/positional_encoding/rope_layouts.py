"""# The two layouts of RoPE, and weights that move from one to the other

RoPE turns pairs of numbers, and there are two habits of saying which numbers make a pair. The paper and Llama's original
code pair neighbours (**interleaved**); GPT-NeoX and the Llama of Hugging Face's `transformers` pair column i with column
i + d/2 (**halves**). A model works only in the layout it was trained in. Load its weights into code of the other and nothing
fails: shapes fit, no error, and the model talks nonsense. The cure is not to change the code but to put the rows of
W_q and W_k in another order, once, when the weights are loaded.

## The formula

d is the width of one head, i = 0, ..., d/2 - 1 counts its pairs, and φ_i = pos · theta^(-2i/d) in either layout.

    interleaved:  y[2i]      = x[2i] cos φ_i - x[2i + 1] sin φ_i
                  y[2i + 1]  = x[2i] sin φ_i + x[2i + 1] cos φ_i

    halves:       y[i]       = x[i] cos φ_i - x[i + d/2] sin φ_i
                  y[i + d/2] = x[i] sin φ_i + x[i + d/2] cos φ_i

Rows are moved **within each head**: what was member 2i of the head becomes member i, what was 2i + 1 becomes i + d/2.
A score is a sum over the pairs, and a sum does not mind the order: so the scores are the same afterwards.

## What to write

    rope_half(x, pos, theta=10000.0)
    to_half(W, n_heads)
    to_interleaved(W, n_heads)
    convert(weights, n_heads, n_kv_heads)

| argument | shape or type | meaning |
|---|---|---|
| `x` | (..., n, d), d even, float32 or float64 | one vector a row, of one head |
| `pos` | int64, broadcasts to (..., n) | the position of each vector |
| result of `rope_half` | as x, and its dtype | x turned, in the layout of halves |
| `W` | (n_heads · d, ...), any float dtype | weight or bias of a `torch.nn.Linear`, y = x Wᵀ + b: one row an output |
| `n_heads` | int | how many heads the rows of W belong to; head a has rows a·d, ..., a·d + d - 1 |
| result of `to_half` | as W, and its dtype | rows for halves, of a W whose rows are interleaved |
| result of `to_interleaved` | as W, and its dtype | the way back |
| `weights` | dict of str to tensors | an attention layer, interleaved: "wq", "wk", "wv", "wo", and sometimes "bq", "bk", "bv" |
| `n_heads`, `n_kv_heads` | int | heads of the queries; heads of keys and values, often fewer |
| result of `convert` | dict, the same keys | the same layer for code with halves |

- Rows only. The columns of W meet the layer's input, which has no pairs.
- `convert` changes what a rotated vector comes from: wq and wk, and their biases bq and bk where there are any. Values are not
  rotated: everything else stays as it is, under any name.
- W with rows that are not n_heads times an even number: `to_half` and `to_interleaved` raise `ValueError`.
- Values are moved, not computed with: results are exact, in any dtype.
- `rope_half` works its angles out in float64 (only cosines and sines take the dtype of x). A float32 x gives results
  right to 10⁻⁵ times the size of x up to position 100,000, a float64 x to 10⁻⁸ times.
- Arguments, the dict included, are not changed and need not be contiguous. Gradients reach x and W. n may be 0.

## By hand

    rope_half([[1, 1, 0, 0]], pos=[1], theta=100.0) = [[cos 1, cos 0.1, sin 1, sin 0.1]]

Two heads with d = 4, a bias whose numbers name head and member:

    to_half([10, 11, 12, 13, 20, 21, 22, 23], n_heads=2)        = [10, 12, 11, 13, 20, 22, 21, 23]

and one head with d = 6, where the two directions differ:

    to_half([0, 1, 2, 3, 4, 5], n_heads=1)        = [0, 2, 4, 1, 3, 5]
    to_interleaved([0, 1, 2, 3, 4, 5], n_heads=1) = [0, 3, 1, 4, 2, 5]

## Source

Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding" (2021), section 3.4 (interleaved); arXiv:2104.09864.
Biderman et al., "Rotary Embeddings: A Relative Revolution", EleutherAI blog (2021), shows both layouts.
"""

import torch
from torch import Tensor


def rope_half(x: Tensor, pos: Tensor, theta: float = 10000.0) -> Tensor:
    """RoPE with column i and column i + d/2 as a pair."""
    raise NotImplementedError("as RoPE before, but the first members fill the first half")


def to_half(W: Tensor, n_heads: int) -> Tensor:
    """The rows of each head, put in the order that the layout of halves wants."""
    raise NotImplementedError("within each head: first members first, then second members")


def to_interleaved(W: Tensor, n_heads: int) -> Tensor:
    """The way back: undo `to_half`."""
    raise NotImplementedError("within each head: put the two members of each pair side by side again")


def convert(weights: dict[str, Tensor], n_heads: int, n_kv_heads: int) -> dict[str, Tensor]:
    """An attention layer with interleaved pairs, ready for code that pairs halves."""
    raise NotImplementedError("which of these make vectors that are rotated, and how many heads has each?")


if __name__ == "__main__":
    torch.manual_seed(0)
    x, W_q, W_k = torch.randn(5, 16), torch.randn(8, 16), torch.randn(8, 16)
    pos = torch.tensor([3, 7, 8, 20, 21])
    for name, move in (("as they are", lambda W: W), ("converted", lambda W: to_half(W, 1))):
        q, k = (rope_half(x @ move(W).T, pos) for W in (W_q, W_k))
        print(f"first scores, halves with weights {name}:", (q @ k.T)[0])
    # Now turn x @ W_q.T and x @ W_k.T with your interleaved RoPE: which of the two lines comes out?
