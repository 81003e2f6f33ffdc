"""# Relative positions as vectors, and the shift that makes them cheap

Before RoPE, the relation of two places was itself a vector: a_r for "r places further on". Shaw and others add it to the key,
so that a query compares itself with the token *and* with where it stands. Transformer-XL does the same for texts longer than
one window: it keeps the keys of the window before as a **memory**, and asks each query about every distance at once. That
gives a matrix with a column for each distance, in which row i must be moved to the left until its columns are keys. This
move, the relative shift, needs no loop and no gather; XLNet took it over. It is easily wrong by one.

## The formulas

**Shaw.** `table` has 2c + 1 rows, one for each distance from -c to c, the farther ones are clipped to these:

    S[i, j] = q_i · (k_j + table[c + clip(pos_k[j] - pos_q[i], -c, c)]) / √d

**Relative shift.** n queries are the last n of L tokens, so there is a memory of m = L - n before them, and query i is
token m + i. Row c of R belongs to the distance L - 1 - c: the **farthest first**. Then x = q Rᵀ has at [i, c] what query i
says about this distance, and the answer for key j, which stands m + i - j back, is to be moved to column j:

    rel_shift(x)[i, j] = x[i, n - 1 - i + j]     where j ≤ m + i
                       = 0                       where j > m + i: these keys stand ahead

**Transformer-XL.** Two learnt vectors stand for what every query asks: u of the tokens, v of the distances.

    S[i, j] = ( (q_i + u) · k_j + (q_i + v) · R[of distance m + i - j] ) / √d     where j ≤ m + i
            = -∞                                                                  where j > m + i

## What to write

    shaw_scores(q, k, table, pos_q, pos_k)
    rel_shift(x)
    xl_scores(q, k, R, u, v)

| argument | shape | meaning |
|---|---|---|
| `q` | (..., n, d) | queries, in any of the two |
| `k` | (..., L, d) | keys |
| `table` | (2c + 1, d), c ≥ 1 | vectors of the distances -c, ..., c (key minus query) |
| `pos_q`, `pos_k` | (n,), (L,), int64 | where they stand, in any order, with gaps (Shaw only) |
| `x` | (..., n, L), n ≤ L | rows of queries, columns of distances L - 1, ..., 0 |
| `R` | (L, d) | vectors of the distances L - 1, ..., 0 |
| `u`, `v` | (d,) | added to the queries |
| results of both scores | (..., n, L) | before the softmax |
| result of `rel_shift` | (..., n, L) | as x |

- All floats are of one dtype, float32 or float64, and so are the results.
- In `shaw_scores` nothing is hidden, and a key may stand ahead: the sign of the distance matters.
- In the other two nothing may look ahead of its own token: 0 in `rel_shift` (exactly), -∞ in `xl_scores`.
- m may be 0 (n = L), and n may be 1 (one token written after a memory of L - 1). For `shaw_scores`, n may be more than L.
- Leading axes are any number, also none. Gradients reach every float argument. Arguments are not changed.

## By hand

    rel_shift([[1, 2, 3],                 rel_shift([[1, 2, 3],          a memory of one token
               [4, 5, 6],                            [4, 5, 6]])
               [7, 8, 9]])
      = [[3, 0, 0],                         = [[2, 3, 0],
         [5, 6, 0],                            [4, 5, 6]]
         [7, 8, 9]]

With d = 4 and all numbers but the first of each vector zero (only the first is written):

    shaw_scores(q=[2], k=[3, 3, 3], table=[1, 0, 5], pos_q=[4], pos_k=[1, 4, 9]) = [(6 + 2)/2, (6 + 0)/2, (6 + 10)/2] = [4, 3, 8]
    xl_scores(q=[2], k=[1, 3], R=[5, 7], u=1, v=-1)                              = [(3 + 5)/2, (9 + 7)/2]             = [4, 8]

## Source

Shaw, Uszkoreit and Vaswani, "Self-Attention with Relative Position Representations" (2018), section 3; arXiv:1803.02155.
Dai et al., "Transformer-XL: Attentive Language Models beyond a Fixed-Length Context" (2019), section 3.3 and appendix B;
arXiv:1901.02860.
"""

import torch
from torch import Tensor


def shaw_scores(q: Tensor, k: Tensor, table: Tensor, pos_q: Tensor, pos_k: Tensor) -> Tensor:
    """Scores with a vector for each clipped distance added to the keys."""
    raise NotImplementedError("compare queries with keys, and with the vectors of the distances")


def rel_shift(x: Tensor) -> Tensor:
    """Columns of distances become columns of keys: row i moves n - 1 - i places to the left."""
    raise NotImplementedError("move each row by its own number of places, zeros from the right")


def xl_scores(q: Tensor, k: Tensor, R: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Transformer-XL's scores of the last n of L tokens."""
    raise NotImplementedError("one part about tokens, one about distances; only the second is shifted")


if __name__ == "__main__":
    torch.manual_seed(0)
    distances = torch.arange(5, -1, -1.0).expand(4, 6)
    print("columns are distances:\n", distances)
    print("columns are keys:\n", rel_shift(distances))
    q, k, R, u, v = torch.randn(4, 8), torch.randn(6, 8), torch.randn(6, 8), torch.randn(8), torch.randn(8)
    print("weights:\n", torch.softmax(xl_scores(q, k, R, u, v), dim=-1))
