"""# Attention in blocks: the online softmax

Attention as you know it makes a table of n × n weights. At n = 100,000 that is ten thousand million numbers for every
head, and the time goes not into computing them but into writing them to memory and reading them back. FlashAttention
reads the keys and values **block by block**, keeps a few numbers for each query, and never has the table. The result
is exact: it is the same attention, in another order of sums. Every large model is trained with it.

What stands in the way is the softmax: it needs the largest score and the sum of a row before it can give out the
first weight. The way out is to begin with what is known, and to mend it when a larger score turns up.

## The formula

For one query with the scores s_j = q·k_j / √d_k, read in blocks B_1, B_2, ...; m is the largest score so far and l
the sum of the exponentials so far, all taken against that m:

    m_new = max(m, largest score of the block)
    l_new = exp(m - m_new) · l + Σ over the block of exp(s_j - m_new)          begin with m = -∞, l = 0

The first factor mends what was summed against the old maximum: exp(s - m) · exp(m - m_new) = exp(s - m_new). The
weighted sum of the values is carried along unnormalised, and **is mended in the same way**; one division comes at the
very end. Two things are returned:

    O = Σ_j exp(s_j) v_j / Σ_j exp(s_j)          attention, as always
    L = ln Σ_j exp(s_j) = m + ln l               the logsumexp of each row

L is one number for each query, and with it alone the weights can be had again, exp(s_j - L): that is what the
backward pass does, and how parts of a text that lie on several machines are put together.

## What to write

    flash_forward(Q, K, V, block, mask=None)          (O, L)

| argument | shape | dtype | meaning |
|---|---|---|---|
| `Q` | (..., n_q, d_k) | float32 or float64 | one query a row |
| `K` | (..., n_k, d_k) | as Q | one key a row |
| `V` | (..., n_k, d_v) | as Q | one value a row |
| `block` | | int ≥ 1 | how many keys are read at a time |
| `mask` | (n_q, n_k) | bool, or None | **True = may look**; the same for all leading axes |
| `O` | (..., n_q, d_v) | as Q | the averages |
| `L` | (..., n_q) | as Q | natural logarithm, of the scaled scores |

- `block` need not divide n_k (the last block is then shorter) and may be larger than it. It changes nothing but the
  rounding.
- **Memory.** Some tables of n_q × block are fine, tables of n_q × n_k are not: the suite runs 3,000 queries against
  16,384 keys in blocks of 3,072 in 288 MiB. A table of a block is 35 MiB there, a whole one 188, and scores and weights
  are two.
- Scores may be as large as ±10⁶, differently in each row; the largest of a row may be in any block. Each row has its
  own m.
- A hidden key has no part in O, L **or m**: a hidden score may be far above those that are seen.
- Whole blocks may be hidden from a query, the first ones, too; then m is still -∞, and -∞ - (-∞) is NaN. A query
  that sees no key at all (or n_k = 0) has O = 0 and L = -∞.
- `...` is any number of leading axes, alike in Q, K and V. n_q may be 0. The arguments are not changed and need not
  be contiguous. Gradients are not asked for: the next exercise writes them by hand.

`torch.nn.functional.scaled_dot_product_attention` is not allowed: it does this inside.

## By hand

d_k = 1, one query, three keys in blocks of two: Q = [[1]], K = [[0], [ln 2], [ln 5]], V = [[8], [0], [16]].

    block 1, scores 0 and ln 2:    m = ln 2    l = 1/2 + 1 = 3/2              sum of values = 1/2 · 8 + 1 · 0 = 4
    block 2, score ln 5:           m = ln 5    l = 2/5 · 3/2 + 1 = 8/5        sum of values = 2/5 · 4 + 1 · 16 = 88/5

    O = [[88/5 / (8/5)]] = [[11]]          L = [ln 5 + ln 8/5] = [ln 8]

At once: the exponentials are 1, 2 and 5, their sum is 8, and (1 · 8 + 2 · 0 + 5 · 16) / 8 = 11.

## Source

Dao, Fu, Ermon, Rudra, Ré, "FlashAttention: Fast and Memory-Efficient Exact Attention with IO-Awareness" (2022),
section 3.1; arXiv:2205.14135. The sum that is mended: Milakov, Gimelshein, "Online normalizer calculation for
softmax" (2018), section 3; arXiv:1805.02867.
"""

import torch
from torch import Tensor


def flash_forward(Q: Tensor, K: Tensor, V: Tensor, block: int, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Attention and the logsumexp of each row of scores, reading `block` keys at a time."""
    raise NotImplementedError("carry the maximum, the sum and the weighted values from block to block")


if __name__ == "__main__":
    torch.manual_seed(0)
    Q, K, V = torch.randn(2, 8), torch.randn(10, 8), torch.randn(10, 3)
    for block in (1, 4, 10):
        O, L = flash_forward(Q, K, V, block)
        print(f"blocks of {block}:\n{O}\n   L = {L}")
    print(
        "all at once:\n",
        torch.softmax(Q @ K.T / 8**0.5, dim=-1) @ V,
        "\n   L =",
        torch.logsumexp(Q @ K.T / 8**0.5, dim=-1),
    )
