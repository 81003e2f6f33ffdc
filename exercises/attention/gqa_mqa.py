"""# Grouped-query and multi-query attention

A model that writes keeps the keys and values of all it has read, in every layer and head. Reading them back from
memory, for each new token, is what takes the time. So later models save keys and values, not queries: several query
heads share one *key-value head*. All of them share one in **multi-query** attention (MQA, in PaLM); in
**grouped-query** attention (GQA, in the larger Llama models) they share in groups. With a head of its own for each
query head it is the multi-head attention you know.

A trained multi-head model can be made a grouped one: the keys' and values' weights of each group are **averaged**, and
training goes on for a little while.

## The formula

There are h query heads and g key-value heads, and g divides h. Then r = h / g neighbouring query heads form a group:

    c(i) = ⌊i / r⌋                                             the key-value head of query head i
    head_i = softmax(Q_i K_c(i)ᵀ / √d_k) V_c(i)

With h = 6 and g = 2 the query heads 0, 1, 2 use the key-value head 0, and 3, 4, 5 use 1. (Not 0, 1, 0, 1, 0, 1.)

## What to write

    gqa(Q, K, V, mask=None)             the heads' answers
    pool(W, n_heads, n_kv)              weights of grouped keys (or values) from those of multi-head attention

| argument | shape | dtype | meaning |
|---|---|---|---|
| `Q` | (batch, h, n_q, d_k) | float32 or float64 | the queries of each head |
| `K` | (batch, g, n_k, d_k) | as Q | the keys of each key-value head; g is read from here |
| `V` | (batch, g, n_k, d_v) | as Q | the values |
| `mask` | broadcasts to (batch, h, n_q, n_k) | bool, or None | **True = may look**; each query head may have its own |
| result of `gqa` | (batch, h, n_q, d_v) | as Q | in the order of the query heads |
| `W` | (d_model, n_heads · d_head) | float32 or float64 | head i owns the i-th block of d_head columns |
| `n_heads`, `n_kv` | | int | h and g |
| result of `pool` | (d_model, n_kv · d_head) | as W | block c is the mean of the blocks of group c |

- n_q and n_k may differ, and so may d_k and d_v. g = h is multi-head attention, g = 1 is multi-query.
- A hidden key has the weight 0, and a query that may look at no key gets zeros, without NaN in the result or the
  gradients.
- Scores may be as large as ±10⁶.
- Where g does not divide h, both functions raise `ValueError`.
- Gradients reach Q, K and V; those of a shared head add up. The arguments are not changed and need not be contiguous;
  n_q may be 0.

`torch.nn.functional.scaled_dot_product_attention` is not allowed: it has a switch for this.

## By hand

h = 4, g = 2, one query and two keys in each head, d_k = 1, d_v = 1, so scores are q · k:

    Q_0 ... Q_3 = [ln 3], [0], [ln 3], [0]      K_0 = [[1], [0]]      K_1 = [[0], [1]]
                                                V_0 = [[4], [8]]      V_1 = [[0], [20]]

    head 0: 3/4 · 4 + 1/4 · 8 = 5     head 1: (4 + 8)/2 = 6     head 2: 1/4 · 0 + 3/4 · 20 = 15     head 3: 20/2 = 10

    pool([[1, 2, 3, 4, 5, 6, 9, 8]], n_heads=4, n_kv=2) = [[2, 3, 7, 7]]
    the means of the blocks [1 2] and [3 4], and of [5 6] and [9 8]

## Source

Ainslie et al., "GQA: Training Generalized Multi-Query Transformer Models from Multi-Head Checkpoints" (2023), section
2; arXiv:2305.13245. Shazeer, "Fast Transformer Decoding: One Write-Head is All You Need" (2019), section 3;
arXiv:1911.02150.
"""

import torch
from torch import Tensor


def gqa(Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
    """Attention in which neighbouring query heads share the key-value heads of `K` and `V`."""
    raise NotImplementedError("bring every query head together with the keys and values of its group, and attend")


def pool(W: Tensor, n_heads: int, n_kv: int) -> Tensor:
    """The mean of the blocks of columns of each group of heads."""
    raise NotImplementedError("cut the columns into heads and these into groups, and average")


if __name__ == "__main__":
    torch.set_printoptions(precision=3, sci_mode=False)
    torch.manual_seed(0)
    Q = torch.randn(1, 4, 2, 8)
    for g in (4, 2, 1):
        K, V = torch.randn(1, g, 5, 8), torch.randn(1, g, 5, 1)
        print(f"{g} key-value heads, {K.numel() + V.numel()} numbers to keep:\n", gqa(Q, K, V).squeeze())
    print("pooled:", pool(torch.tensor([[1.0, 2, 3, 4, 5, 6, 9, 8]]), 4, 2))
