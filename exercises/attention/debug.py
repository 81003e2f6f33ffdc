"""# Find the bug: five properties of attention

Attention that is wrong in one line trains, and its loss falls. It does worse than it should, and nobody knows why. No
test of the kind "the result is 0.7311" finds such a bug in a model whose right answers nobody has. What finds it is a
**property**: a change of the input that must not change the result, whatever the numbers are. You write five of them,
and they are handed attention that is right and attention that is broken.

## What to write

Five functions. Each is given a function `attention`, calls it as often as it likes with tensors of its own choice, and
returns `True` where the property holds and `False` where it is broken.

- `weights_sum_to_one`: where all rows of V are one and the same, every row of the result is that row; without a mask,
  **and** with one.
- `hidden_keys_do_not_matter`: changing the row of K **and** the row of V of a key leaves the results of those queries
  as they are from which the key is hidden.
- `order_of_keys_does_not_matter`: keys in another order, with their values and their columns of the mask, change
  nothing; without a mask, **and** with one.
- `scores_are_scaled`: columns of zeros beside Q and K, so that they have 4 d_k columns, and Q doubled, change nothing,
  as √(4 d_k) is 2 √d_k. No mask is needed.
- `large_scores_are_safe`: adding one vector c to all keys changes nothing. It adds q_i·c / √d_k to all scores of query
  i, to those of each query another number, and softmax does not notice: not even at ±10,000. No mask is needed.

What they are given is called as `attention(Q, K, V, mask=None)` and is to be softmax(Q Kᵀ / √d_k) V:

| argument | shape | dtype |
|---|---|---|
| `Q`, `K`, `V` | (..., n_q, d_k), (..., n_k, d_k), (..., n_k, d_v) | float64 (or float32), all alike |
| `mask` | broadcasts to (..., n_q, n_k) | bool, **True = may look**, or None |
| result | (..., n_q, d_v) | as Q |

## Conventions

- **Right attention passes.** It is written in several ways (at once, in blocks, key by key), which differ in the last
  digits: compare with a tolerance. In float64 they agree to about 1e-10 here, and broken ones are off by more than 1e-3
  on random input of size 1.
- **A property says what it says, and no more.** An attention may be broken and still have the property: answer `True`
  there. Comparing with an attention of your own would answer `False` to everything that is wrong, and so would not tell
  what is.
- **No vacuous tests.** For every property there is attention that breaks it, in several ways: with a mask only, in K
  only, in V only, at large scores only, with NaN for an answer. Comparisons with NaN are false, `nan < 1` and `nan > 1`
  alike.
- A bug shows on random input. It may not on zeros, on one query alone, where n_q = n_k and d_k = d_v, or where keys are
  only rotated.
- Leave every query some key to look at: where there is none, right attention gives zeros or NaN, as its author liked.
- Finite numbers only, in hidden keys and values, too: 0 · NaN is NaN, in right attention as well.
- Return a Python `bool`. Do not raise: neither for broken attention nor for right.

## By hand

What is wrong with this one, and which property tells?

    softmax(S) of all keys, then zeros where the mask is False, then times V

Take scores of 0, two keys, V = [[1], [1]], the second key hidden. The weights are [1/2, 1/2], then [1/2, 0]; the result
is 1/2 and not 1: `weights_sum_to_one` is False, but only with a mask. Next change the hidden key, so that its score is
ln 3: the weights are [1/4, 0], the result is 1/4. `hidden_keys_do_not_matter` is False as well, but only if K was
changed; changing the hidden value changes nothing. The other three are True.

## Source

Claessen, Hughes, "QuickCheck: A Lightweight Tool for Random Testing of Haskell Programs" (2000), on properties in place
of expected values. Chen, Cheung, Yiu, "Metamorphic Testing: A New Approach for Generating Next Test Cases" (1998), on
changes of the input that leave the result. The attention: Vaswani et al., "Attention Is All You Need" (2017), section
3.2.1; arXiv:1706.03762.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Attention = Callable[..., Tensor]


def weights_sum_to_one(attention: Attention) -> bool:
    """Whether equal values come out as they are, with a mask and without."""
    raise NotImplementedError("choose V so that the result is known, and compare")


def hidden_keys_do_not_matter(attention: Attention) -> bool:
    """Whether a query's result stays where key and value that are hidden from it change."""
    raise NotImplementedError("change a hidden key and its value, and compare the rows that must not see them")


def order_of_keys_does_not_matter(attention: Attention) -> bool:
    """Whether the result stays where keys, values and columns of the mask are put in another order."""
    raise NotImplementedError("shuffle the keys, and all that belongs to them")


def scores_are_scaled(attention: Attention) -> bool:
    """Whether the result stays where Q and K are four times as wide, with zeros, and Q is doubled."""
    raise NotImplementedError("widen Q and K, double Q, and compare")


def large_scores_are_safe(attention: Attention) -> bool:
    """Whether the result stays where all keys are moved by one large vector."""
    raise NotImplementedError("move all keys by a vector of some thousands, and compare")


if __name__ == "__main__":

    def averaging(Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
        """No attention at all: every key that may be seen has the same weight."""
        seen = torch.ones(Q.shape[-2], K.shape[-2], dtype=torch.bool) if mask is None else mask
        return seen.to(V.dtype) / seen.sum(-1, keepdim=True) @ V

    # It does not even look at Q and K. What will the five say?
    for check in (
        weights_sum_to_one,
        hidden_keys_do_not_matter,
        order_of_keys_does_not_matter,
        scores_are_scaled,
        large_scores_are_safe,
    ):
        print(f"{check.__name__}: {check(averaging)}")
