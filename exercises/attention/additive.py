"""# Additive attention

This is where attention began. In 2014 a translator read a sentence into one vector and wrote the translation from it, and
long sentences did not fit. Bahdanau, Cho and Bengio let the decoder look back instead: before each word it compares
what it wants with every word that was read, and takes the weighted average of them. The comparison was not a dot product,
which the transformer chose three years later because it is cheaper, but a small network with one hidden layer. It can compare
a query and a key of different widths, and it is still met in speech, in pooling and in pointer networks.

## The formula

    e_ij = v · tanh(q_i W_q + k_j W_k)         one number for each query i and key j
    A = softmax(e)                             over the keys: every row of A sums to one
    result = A V

A query and a key are brought to the same width d_a, *added*, squashed by tanh entry by entry, and the vector v makes one
number of the d_a entries. There is no 1/√d: tanh lies between -1 and 1, so no score is beyond the sum of |v|.

The tanh has to stand between the sum and v. Without it e_ij = v·(q_i W_q) + v·(k_j W_k): the first part is the same number for
every key, and softmax does not change when one number is added to a whole row. All queries would get the same weights, and what
is asked would have no say at all.

## What to write

    scores(Q, K, W_q, W_k, v)                         the table e
    additive(Q, K, V, W_q, W_k, v, mask=None)         (result, A), a tuple

| name | shape | dtype | meaning |
|---|---|---|---|
| `Q` | (..., n_q, d_q) | float32 or float64 | one query a row |
| `K` | (..., n_k, d_k) | as Q | one key a row; d_k and d_q may differ |
| `V` | (..., n_k, d_v) | as Q | one value a row (in the paper the keys themselves: V = K) |
| `W_q`, `W_k` | (d_q, d_a), (d_k, d_a) | as Q | multiplied from the **right**: `Q @ W_q`, no bias |
| `v` | (d_a,) | as Q | the same for all queries and keys |
| `mask` | any shape that broadcasts to (..., n_q, n_k) | bool, or None | **True = this query may look at this key** |
| `scores` gives | (..., n_q, n_k) | as Q | a row for each query |
| `additive` gives | (..., n_q, d_v) and (..., n_q, n_k) | as Q | the averages, and the weights they were made with |

- `...` is any number of leading axes, the same ones in Q, K and V: every index into them is an attention of its own. W_q, W_k
  and v have none. n_q, n_k, d_q, d_k, d_a and d_v may all differ.
- A hidden key has the weight 0, in the weights that are returned, too; the weights that are left sum to one.
- A query that may look at no key gets a row of zeros as its weights and as its result: no NaN, in the gradients neither.
- v may be large: scores of ±10⁴, different from row to row, give a finite and right result.
- Gradients reach Q, K, V, W_q, W_k and v, through both things returned. The arguments are not changed and need not be
  contiguous. n_q may be 0.

`torch.softmax` and `torch.tanh` are allowed.

## By hand

d_q = d_k = d_a = 1, one query and two keys. It helps that tanh(ln 2) = 3/5.

    Q = [[ln 2]]    K = [[0], [-ln 2]]    W_q = W_k = [[1]]    v = [5/3 · ln 3]    V = [[4, 0, 8],
                                                                                       [0, 4, 0]]
    q + k = ln 2 and 0        tanh: 3/5 and 0        e = [[ln 3, 0]]        A = [[3/4, 1/4]]        result = [[3, 1, 6]]

With `mask = [[True, False]]`, A = [[1, 0]] and the result is [[4, 0, 8]].

## Source

Bahdanau, Cho, Bengio, "Neural Machine Translation by Jointly Learning to Align and Translate" (2014), section 3.1 and
appendix A.1.2; arXiv:1409.0473. Compared with dot products: Luong, Pham, Manning, "Effective Approaches to Attention-based
Neural Machine Translation" (2015), section 3.1; arXiv:1508.04025.
"""

import torch
from torch import Tensor


def scores(Q: Tensor, K: Tensor, W_q: Tensor, W_k: Tensor, v: Tensor) -> Tensor:
    """Compare each query with each key: v · tanh(q W_q + k W_k)."""
    raise NotImplementedError("bring queries and keys to the width of v, add each to each, squash, weigh with v")


def additive(
    Q: Tensor, K: Tensor, V: Tensor, W_q: Tensor, W_k: Tensor, v: Tensor, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Average the rows of V with the weights softmax(scores), keeping the keys where `mask` is True; also the weights."""
    raise NotImplementedError("turn the scores into weights, average the values, return both")


if __name__ == "__main__":
    torch.set_printoptions(precision=3, sci_mode=False)
    torch.manual_seed(0)
    Q, K, V = torch.randn(3, 4), torch.randn(5, 6), torch.randn(5, 2)
    W_q, W_k, v = torch.randn(4, 7), torch.randn(6, 7), torch.randn(7)
    result, weights = additive(Q, K, V, W_q, W_k, v)
    print("result:\n", result, "\nweights:\n", weights)
    print("the last two keys are padding:\n", additive(Q, K, V, W_q, W_k, v, torch.arange(5) < 3)[1])
    # Where tanh is nearly a straight line the query hardly has a say: the rows become alike.
    print("with small W_q and W_k:\n", additive(Q, K, V, W_q / 100, W_k / 100, 100 * v)[1])
