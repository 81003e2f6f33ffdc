"""# Local and sparse attention

Full attention compares every token with every other: n tokens cost n² scores. At n = 100,000 that is ten thousand
million for each head of each layer. But most of what a token needs is near it. If each token reads only its last w
neighbours, the cost falls to n·w, and little is lost: the next layer reads neighbours that have read *their*
neighbours, so after L layers a token still hears from L(w - 1) places back. Mistral 7B reads 4,096 places so;
Longformer and the Sparse Transformer spread the same few looks in other patterns. You write three patterns as masks,
and then the first of them as it is really run: without ever making the n × n table.

## What to write

    sliding(n_q, n_k, window, dilation=1, causal=True)     the mask of a sliding window
    block_sparse(layout, block, n_q, n_k)                  a mask made of whole blocks
    banded(Q, K, V, window)                                causal sliding-window attention at the cost of n · window

| name | shape or type | meaning |
|---|---|---|
| `n_q`, `n_k` | int, 1 ≤ n_q ≤ n_k in `sliding` | queries (rows of the mask) and keys (columns) |
| `window` | int ≥ 1, or `math.inf` | how many keys a query sees on one side, **its own place counted** |
| `dilation` | int ≥ 1 | the step from one visible key to the next |
| `causal` | bool | True: keys at or before the query only; False: the same on both sides |
| `layout` | (rows, columns), bool | `layout[r, c]`: the queries of block r may look at the keys of block c |
| `block` | int ≥ 1 | tokens in a block |
| result of the two masks | (n_q, n_k), bool | **True = this query may look at this key** |
| `Q`, `K` | (..., n, d_k), float32 or float64 | queries and keys: here there are as many of one as of the other |
| `V` | (..., n, d_v), dtype of Q | values |
| result of `banded` | (..., n, d_v), dtype of Q | |

**`sliding`.** The queries are the *last* n_q of the n_k places (the keys before them come from a cache): query i
stands at the place p = i + n_k - n_q. It sees the keys at the distances 0, dilation, 2·dilation, ..., (window -
1)·dilation before p, as far as they exist; with `causal=False` also those at the same distances after p, which makes
2·window - 1 in all. (Longformer counts both sides together in its w; here `window` is one side.) `window=math.inf`
sees every place that the dilation and `causal` leave.

**`block_sparse`.** Query i is in block i // block, key j in block j // block, both counted from 0. `layout` has as
many rows and columns as the last query and key need, or more; the last block may be cut short. A row of False stays a
row of False.

**`banded`.** What softmax(Q Kᵀ / √d_k + mask) V gives with the mask `sliding(n, n, window)`: the same values, the same
gradients of Q, K and V. But time and memory must grow like n · window, not like n²: the suite runs it with 16,384
tokens in 256 MiB, where a single n × n table does not fit, not even one of bools. The first queries have fewer than
`window` keys before them; their weights, too, sum to one. `window` may be larger than n. `...` is any number of leading
axes, the same in Q, K and V. The arguments are not changed and need not be contiguous.

`torch.softmax`, and `torch.nn.functional.scaled_dot_product_attention` on small pieces, are allowed.

## By hand

    sliding(4, 4, 2)      sliding(2, 5, 2)      sliding(5, 5, 2, dilation=2)[4]      sliding(1, 5, 2, causal=False)
     1 . . .                                                                         n_q = 1: the place is 4,
     1 1 . .              . . 1 1 .              . . 1 . 1                           nothing comes after it
     . 1 1 .              . . . 1 1             distances 0 and 2                     . . . 1 1
     . . 1 1

With layout = [[True, False, True], [False, True, False]], a bool tensor, `block_sparse(layout, 2, 3, 5)` has the rows
`1 1 . . 1`, `1 1 . . 1` and `. . 1 1 .`: the last block of queries holds one query, the last block of keys one key.

`banded` with Q = K = 0 weighs evenly what it sees: V = [[2], [4], [8]] and window = 2 give [[2], [3], [6]].

## Source

Beltagy, Peters, Cohan, "Longformer: The Long-Document Transformer" (2020), section 3.1; arXiv:2004.05150. Jiang et
al., "Mistral 7B" (2023), section 2; arXiv:2310.06825. Blocks: Child, Gray, Radford, Sutskever, "Generating Long
Sequences with Sparse Transformers" (2019); arXiv:1904.10509.
"""

import math

import torch
from torch import Tensor


def sliding(n_q: int, n_k: int, window: float, dilation: int = 1, causal: bool = True) -> Tensor:
    """The mask of a window of `window` keys, `dilation` apart, the last of them the query's own place."""
    raise NotImplementedError("compare the places of queries and keys: which distances are visible?")


def block_sparse(layout: Tensor, block: int, n_q: int, n_k: int) -> Tensor:
    """The mask in which each entry of `layout` stands for block × block tokens, cut to (n_q, n_k)."""
    raise NotImplementedError("look every token's block up in the layout")


def banded(Q: Tensor, K: Tensor, V: Tensor, window: float) -> Tensor:
    """Causal attention to the last `window` keys, in time and memory proportional to n · window."""
    raise NotImplementedError("give each query (or each group of neighbours) its own few keys, and attend to those")


if __name__ == "__main__":

    def show(title: str, mask: Tensor) -> None:
        """Print a mask as rows of # and dots."""
        print(title, *("".join("#" if seen else "." for seen in row) for row in mask.tolist()), sep="\n  ")

    show("sliding(8, 8, 3)", sliding(8, 8, 3))
    show("sliding(8, 8, 3, dilation=2)", sliding(8, 8, 3, dilation=2))
    show("sliding(8, 8, 2, causal=False)", sliding(8, 8, 2, causal=False))
    show("block_sparse", block_sparse(torch.tensor([[1, 0, 0], [1, 1, 0], [1, 0, 1]]).bool(), 3, 8, 8))
    weights, still = torch.eye(8), torch.zeros(8, 1)
    for layer in (1, 2, 3):
        weights = banded(still, still, weights, 3)
        show(f"what each token has heard from after {layer} layers of window 3", weights > 0)
    print("scores for 16,384 tokens: all", 16384**2, "window 512:", 16384 * 512)
    print("a window without end sees", int(sliding(8, 8, math.inf).sum()), "of 64")
