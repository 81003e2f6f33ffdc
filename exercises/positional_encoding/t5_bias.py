"""# T5's relative position bias

T5 learns how much a distance matters: each head has one number for each **bucket** of distances, and adds it to the score. Near
distances have a bucket each, far ones share: whether a word stands 3 or 4 back matters, 103 or 104 hardly does. So
32 numbers a head cover any distance, and no position is ever too far. All layers of T5 share one such table.

## The formula

The relative position is **key minus query**, r = pos_k - pos_q: above 0, the key stands ahead. With nb buckets and a
largest distance D:

- **Both ways** (encoder): half of the buckets are for keys behind or at the query (r ≤ 0), the other half, s = nb/2 later,
  for keys ahead (r > 0). The distance is |r|, and s = nb/2 buckets are there for it.
- **One way** (decoder): all s = nb buckets are for keys behind. The distance is -r; keys ahead count as distance 0.

A distance n gets one of its s buckets. With m = s/2, rounded down:

    n < m:   n                                                       exact
    n ≥ m:   min( m + floor( (s - m) · ln(n/m) / ln(D/m) ), s - 1 )     logarithmic, and the last one takes the rest

    S = q kᵀ + bias

There is **no 1/√d**: T5 leaves it out, and lets its first weights be smaller instead.

## What to write

    bucket(rel, bidirectional=True, num_buckets=32, max_distance=128)
    bias(table, pos_q, pos_k, bidirectional=True, max_distance=128)
    scores(q, k, table, pos_q, pos_k, bidirectional=True, max_distance=128)

| argument | shape or type | meaning |
|---|---|---|
| `rel` | any shape, int64 | relative positions r |
| `num_buckets` | even int, 4 or more | nb; where there is a table, it has nb rows |
| `max_distance` | int, more than nb | D |
| result of `bucket` | as rel, int64 | from 0 to nb - 1 |
| `table` | (nb, h), float32 or float64 | what each head adds for each bucket |
| `pos_q`, `pos_k` | (n_q,), (n_k,), int64 | where queries and keys stand, in any order, with gaps |
| result of `bias` | (h, n_q, n_k), dtype of table | |
| `q`, `k` | (..., h, n_q, d), (..., h, n_k, d), dtype of table | queries and keys |
| result of `scores` | (..., h, n_q, n_k) | S, before the softmax |

- **Edges are exact.** Where the quotient of logarithms is a whole number, that number counts. In floating point ln 2 / ln 32 · 5
  may come out as 0.999..., and floor makes 0 of it: guard against that. (T5's own code leaves it to the last digit.)
- Nothing is masked here, not even in one-way mode: keys ahead get bucket 0, and a causal mask hides them later.
- Gradients reach table, q and k; a number of the table that is used for many places collects the gradient of all. Arguments
  are not changed. n_q, n_k and rel may be empty.

## By hand

    bucket([-9, -6, -5, -2, -1, 0, 1, 2, 5, 6, 9], num_buckets=8, max_distance=16)
         = [ 3,  3,  2,  2,  1, 0, 5, 6, 6, 7, 7]            s = 4, m = 2; the edge 2 · 8^(1/2) = 5.66 lies between 5 and 6

    bucket([2, 0, -1, -3, -4, -7, -8, -16, -31, -32, -500], bidirectional=False, num_buckets=8, max_distance=64)
         = [0, 0,  1,  3,  4,  4,  5,   6,   6,   7,    7]    s = 8, m = 4: edges at 4, 8, 16 and 32

## Source

Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer" (2019), section 2.1;
arXiv:1910.10683. The formula of the buckets stands in the code published with it.
"""

import torch
from torch import Tensor


def bucket(rel: Tensor, bidirectional: bool = True, num_buckets: int = 32, max_distance: int = 128) -> Tensor:
    """The bucket of each relative position (key minus query)."""
    raise NotImplementedError("near distances one by one, far ones by their logarithm, each side its own buckets")


def bias(table: Tensor, pos_q: Tensor, pos_k: Tensor, bidirectional: bool = True, max_distance: int = 128) -> Tensor:
    """What each head adds to the score of each query with each key."""
    raise NotImplementedError("look the buckets of all pairs up, and bring the heads to the front")


def scores(
    q: Tensor, k: Tensor, table: Tensor, pos_q: Tensor, pos_k: Tensor, bidirectional: bool = True, max_distance: int = 128
) -> Tensor:
    """T5's attention scores: dot products, not scaled, and the bias."""
    raise NotImplementedError("compare queries with keys, add the bias")


if __name__ == "__main__":
    rel = torch.tensor([-200, -128, -64, -32, -16, -8, -4, -2, -1, 0, 1, 2, 4, 8, 16, 32, 64, 128, 200])
    print("r:       ", rel.tolist())
    print("encoder: ", bucket(rel).tolist())
    print("decoder: ", bucket(rel, bidirectional=False).tolist())
