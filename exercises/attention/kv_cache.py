"""# The key-value cache

A language model writes one token at a time, and each new token looks at all before it. To compute everything again
for each token would cost n² steps where n do: in causal attention the keys and values of old tokens never change. So
they are kept. The first call reads the whole prompt and fills the cache; every later one brings a token or a few,
adds their keys and values, and attends with the few new queries to all the keys.

## The formula

For new tokens x that follow n_past cached ones:

    Q = R(x W_q)      K = [K_past | R(x W_k)]      V = [V_past | x W_v]          along the axis of the tokens
    result_i = softmax over j ≤ n_past + i of (Q_i K_jᵀ / √d_head), times V      in each head
    heads side by side, times W_o

R turns each row by its **position in the whole text**: new token i stands at n_past + i. It is `rope` of
`positional_encoding/rope` (neighbouring columns form a pair, theta = 10000), on each head's d_head columns; values
are not turned.

## What to write

    decode(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None)      (result, new cache)
    select(cache, index)                                         the cache of other beams

| argument | shape | dtype | meaning |
|---|---|---|---|
| `x` | (batch, n, d_model) | float32 or float64 | the new tokens: a prompt, a part of one, or a single token |
| `cache` | None, or (K, V), each (batch, n_heads, n_past, d_head) | as x | None: nothing came before |
| `W_q`, `W_k`, `W_v`, `W_o` | (d_model, d_model) | as x | from the right; head i owns the i-th d_head columns |
| `n_heads` | | int | d_head = d_model / n_heads is even |
| `pad` | (batch,) | int64, or None | the first pad[b] tokens of sequence b are padding |
| result | (batch, n, d_model) | as x | of the new tokens |
| new cache | (K, V), each (batch, n_heads, n_past + n, d_head) | as x | a tuple; **K is kept turned** |
| `index` | (m,) | int64 | beams to go on with: row i of the new cache is row index[i] |

- Any division of a text into calls gives the same results as one call for all of it.
- Within a call, too, no token sees a later one: a prompt read in parts of three is masked in each part.
- Texts of a batch differ in length; shorter ones are padded at their **beginning**, so that all end together. No
  token sees padding. Padding counts for the positions: only differences of positions matter, so nothing is to be
  shifted. Rows of padding give zeros.
- pad counts from the start of the text, not of the call; it is passed with every call. The keys and values of padding
  are kept like all others.
- The cache that is passed in stays as it is, so that two continuations can begin from it; `select` hands out memory
  of its own, and may name a beam twice, or not at all.
- n and n_past may be 0. Scores may be as large as ±10⁶. The arguments need not be contiguous.

Two of your own solutions are at hand: `rope` turns, and `attend` of `attention/masking` takes the scaled scores, the
values and a mask (True = may look), and gives zeros for a row that sees nothing.
`torch.nn.functional.scaled_dot_product_attention` may be called, too. A cache is for writing, not for training:
gradients are not asked for.

## By hand

d_model = 2, one head, all weights the identity; R turns position p by p radians. The tokens [1, 0] and [0, 0]:

    decode([[1, 0]], None)  ->  result [[1, 0]]        K = [[1, 0]]              V = [[1, 0]]
    decode([[0, 0]], cache) ->  result [[0.5, 0]]      K = [[1, 0], [0, 0]]      V = [[1, 0], [0, 0]]

The second token's query is zero, so it averages both values. Were it [1, 0], too, its key would be [cos 1, sin 1] =
[0.540, 0.841].

## Source

Shazeer, "Fast Transformer Decoding: One Write-Head is All You Need" (2019), section 2.4 on incremental multi-head
attention; arXiv:1911.02150. Positions: Su et al., "RoFormer" (2021), section 3.2.2; arXiv:2104.09864.
"""

import torch
from attention.masking import attend  # noqa: F401  (yours)
from positional_encoding.rope import rope  # noqa: F401  (yours)
from torch import Tensor

Cache = tuple[Tensor, Tensor]


def decode(
    x: Tensor,
    cache: Cache | None,
    W_q: Tensor,
    W_k: Tensor,
    W_v: Tensor,
    W_o: Tensor,
    n_heads: int,
    pad: Tensor | None = None,
) -> tuple[Tensor, Cache]:
    """Attention of the new tokens `x` to themselves and what is cached; also the cache with their keys and values."""
    raise NotImplementedError("project, turn, put behind what is cached, attend without looking ahead, mix")


def select(cache: Cache, index: Tensor) -> Cache:
    """The cache of the beams `index`."""
    raise NotImplementedError("choose rows of the batch")


if __name__ == "__main__":
    torch.set_printoptions(precision=3, sci_mode=False)
    torch.manual_seed(0)
    weights = [torch.randn(4, 4) for _ in range(4)]
    text = torch.randn(1, 5, 4)
    print("all at once:\n", decode(text, None, *weights, n_heads=2)[0])
    cache = None
    for i in range(5):
        y, cache = decode(text[:, i : i + 1], cache, *weights, n_heads=2)
        print(f"token {i}:", y.squeeze(), "keys kept:", cache[0].shape[2])
