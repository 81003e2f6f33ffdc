"""# Why positions: attention does not see the order

"The dog bit the man." "The man bit the dog." The same words, and another story. Attention without positions cannot tell
them apart: each query compares itself with all keys and averages their values, and in an average it does not matter
what came first. Shuffle the words, and you get the same outputs, shuffled. This exercise makes that a measurement
that works for any layer, builds two texts that such a layer cannot tell apart, and then repairs it.

## Blind to order

Let f take the tokens of a text, one a row, and give one row for each. For a permutation π, x[π] has as its row i
the row π[i] of x. f is **blind to order** (equivariant under permutation) if for every x and every π

    f(x[π]) = f(x)[π]

This does not say that the output stays the same: it is shuffled as the input was. Attention without positions is blind,
and so is a layer that treats each token on its own, and hence every stack of both. How far f is from it, at x and π:

    E(f, x, π) = max | f(x[π]) - f(x)[π] |          over all numbers

**Which swaps are noticed?** Let π exchange the tokens i and j only. If E is more than a tolerance, f has noticed. All pairs
together make a map, and each noticed pair is a proof that f is *not* blind. (That none is noticed at one x proves
nothing for others.)

**Two texts for one.** A language model predicts the next word from the output of the last token, f(x)[-1]. You are to
build y from the same rows in another order, y ≠ x, such that *every* blind f gives f(y)[-1] = f(x)[-1]. You do not
know f, so think about what has to hold.

**The repair.** A vector that belongs to the position is added to each token, before f: row t of x gets row t of a table P.

## What to write

    order_error(f, x, perm)
    noticed(f, x, tol)
    another_order(x)
    with_positions(f, x, P)

| name | type | meaning |
|---|---|---|
| `f` | function | takes floats (..., n, d), gives floats (..., n, e), axes in front unchanged; e may differ from d |
| `x` | (..., n, d), float32 or float64 | tokens are axis **-2**; axes before it are texts beside one another |
| `perm` | (n,), int64 | π, a permutation of 0, ..., n - 1; the same one for all texts |
| `tol` | float | noticed is what is **more** than this |
| `P` | (m, d), m ≥ n, dtype of x | one row a position, from position 0 on; it may have more rows than needed |
| result of `order_error` | Python float | E; the maximum is over all texts, tokens and columns |
| result of `noticed` | (n, n), bool | True at [i, j] and [j, i] if exchanging the tokens i and j is noticed |
| result of `another_order` | (n, d), dtype of x, or None | y |
| result of `with_positions` | what f gives | f of the tokens with their positions |

- In `noticed` and `another_order` x is one text, (n, d). A token exchanged with itself is not noticed: the diagonal is
  False, for every f.
- In `another_order` words may repeat: rows that are equal number for number. Exchanging two of these gives x
  itself, which is no other order. If there is no y as demanded, return **None**. Often there are several: return the one that
  exchanges just two rows i < j of x, with i as small as possible, and then j.
- n is at least 1. f gives the same for the same, and may be called as often as you like. Arguments are not changed.

## By hand

For f(x)[t] = the mean of all rows, plus row t (blind), and g(x)[t] = the sum of rows 0 ... t (a running sum, not blind), with
d = 1, x = [1, 2, 6] and π = [1, 2, 0]:

    x[π] = [2, 6, 1]
    f(x[π]) = [5, 9, 4]      f(x) = [4, 5, 9]      f(x)[π] = [5, 9, 4]      E = 0
    g(x[π]) = [2, 8, 9]      g(x) = [1, 3, 9]      g(x)[π] = [3, 9, 1]      E = 8

    with_positions(f, x, P = [0, 10, 20, 30]) = f([1, 12, 26]) = 13 + [1, 12, 26] = [14, 25, 39]

## Source

Ashish Vaswani et al., "Attention Is All You Need" (2017), section 3.5: without positions there is "no recurrence and no
convolution" to make use of the order; arXiv:1706.03762. Juho Lee et al., "Set Transformer" (2019), sections 2 and 3, where
being blind is a wish, since the input is a set; arXiv:1810.00825. A causal mask tells something too, since token t sees t
others: Adi Haviv et al., "Transformer Language Models without Positional Encodings Still Learn Positional
Information" (2022); arXiv:2203.16634.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def order_error(f: Callable[[Tensor], Tensor], x: Tensor, perm: Tensor) -> float:
    """How far f is from giving shuffled outputs for shuffled tokens: the largest absolute difference."""
    raise NotImplementedError("shuffle before f, shuffle after f, and compare")


def noticed(f: Callable[[Tensor], Tensor], x: Tensor, tol: float) -> Tensor:
    """The (n, n) map of the pairs of tokens whose exchange f notices."""
    raise NotImplementedError("try every pair; the result is symmetric, with False on its diagonal")


def another_order(x: Tensor) -> Tensor | None:
    """The same tokens in another order that no blind f can tell from x by the last token's output."""
    raise NotImplementedError("which tokens may change places? and what if the two are the same word?")


def with_positions(f: Callable[[Tensor], Tensor], x: Tensor, P: Tensor) -> Tensor:
    """f of the tokens, each with the vector of its position added."""
    raise NotImplementedError("give each token its position before f sees it")


if __name__ == "__main__":
    torch.manual_seed(0)
    x, P = torch.randn(6, 8), torch.randn(6, 8)

    def attention(x: Tensor, mask: Tensor | None = None) -> Tensor:
        scores = x @ x.mT / x.shape[-1] ** 0.5
        return (scores if mask is None else scores.masked_fill(~mask, -torch.inf)).softmax(-1) @ x

    period_two = P[:2].repeat(3, 1)
    causal = torch.ones(6, 6, dtype=torch.bool).tril()
    for name, f in (
        ("attention", attention),
        ("with positions", lambda x: with_positions(attention, x, P)),
        ("with two positions by turns", lambda x: with_positions(attention, x, period_two)),
        ("with a causal mask, no positions", lambda x: attention(x, causal)),
    ):
        print(f"{name}: swaps that are noticed\n{noticed(f, x, 1e-5).int()}")
    y = another_order(x)
    if y is not None:
        print("last outputs of two orders differ by", (attention(x)[-1] - attention(y)[-1]).abs().max().item())
