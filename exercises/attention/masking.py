"""# Masking

Not every token may look at every other. Texts of a batch are filled up with padding that says nothing, and a model
that writes must not see what comes next. A *mask* says which pairs count. It acts on the scores, before the softmax: a
hidden key must be gone before the weights are made to sum to one. It looks like one line, and it is where most silent
bugs of attention live: a model with a leaking mask trains very well, and is worth nothing when it is used.

Masks come in two kinds, and both are in use. A *boolean* mask says which keys may be seen. An *additive* mask is a
table of numbers that are added to the scores: minus infinity hides a key, 0 leaves it as it is, and any other number
makes it count more or less, as position biases do.

## The formula

For one query with the scores s_1 ... s_n, and the set J of the keys that it may look at:

    boolean:    A_j = exp(s_j) / Σ_{i in J} exp(s_i)                 for j in J;  A_j = 0 for all others
    additive:   A_j = exp(s_j + b_j) / Σ_{i in J} exp(s_i + b_i)     for j in J = {j: b_j ≠ -∞};  A_j = 0 for all others
    J empty:    A = 0, all of it

    attend:     result = A V

## What to write

    masked_softmax(S, mask=None)      the weights A
    attend(S, V, mask=None)           the averages A V

| argument | shape | dtype | meaning |
|---|---|---|---|
| `S` | (..., n_q, n_k) | float64, float32, bfloat16 or float16 | the scores, scaled already |
| `V` | (..., n_k, d_v), the same leading axes | as S | one value a row |
| `mask` | any shape that broadcasts to that of S | bool | **True = this query may look at this key** |
| | | as S | **added to the scores**; -∞ = hidden |
| | None | | every key may be seen |
| weights | as S | as S | |
| averages | (..., n_q, d_v) | as S | |

- A hidden key has the weight 0 exactly, whatever the other scores are: also where those that are left score -10⁶.
- Only -∞ hides. A finite entry of an additive mask is added, even where it is -10⁹.
- A query without any key (J empty) has weights of **zero**, no NaN and no even average; the gradients have no NaN
  either.
- A **hidden score may hold anything**: NaN and ±∞ included. It leaves no trace in weights or gradients.
- So may the **value of a key that no query of its table may see** (padding, say: a column of the mask that hides for
  all n_q queries). Mind that 0 · NaN is NaN: a weight of 0 does not keep such a value out of `A V`.
- What may be seen comes through as it is: an infinite value that every query sees makes results infinite. Clean up what
  is hidden, and nothing else.
- Gradients reach S, V and, where it has numbers, the mask. The arguments are not changed, need not be contiguous, and
  n_q or n_k may be 0.

`torch.softmax` is allowed; `torch.nn.functional.scaled_dot_product_attention` is not.

## By hand

One query, three keys, S = [[ln 3, 0, 5]] and V = [[4, 0], [0, 4], [NaN, NaN]].

    mask = [[True, True, False]]     exp: 3, 1, hidden      A = [[3/4, 1/4, 0]]       result = [[3, 1]]
    mask = [[ln 2, 0, -∞]]           exp: 6, 1, hidden      A = [[6/7, 1/7, 0]]       result = [[24/7, 4/7]]
    mask = [[False, False, False]]                          A = [[0, 0, 0]]           result = [[0, 0]]

## Source

Vaswani et al., "Attention Is All You Need" (2017), section 3.2.3 ("masking out (setting to -∞) all values in the input
of the softmax"); arXiv:1706.03762. Additive masks with finite numbers: Raffel et al., "Exploring the Limits of
Transfer Learning with a Unified Text-to-Text Transformer" (2019), section 2.1 on position biases; arXiv:1910.10683.
"""

import torch
from torch import Tensor


def masked_softmax(S: Tensor, mask: Tensor | None = None) -> Tensor:
    """Softmax of each row of `S` over the keys that `mask` leaves, zeros for all others."""
    raise NotImplementedError("hide the scores, softmax over the keys, and care for rows that have no key")


def attend(S: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
    """Average the rows of `V` with the weights of `masked_softmax`; what nobody may see leaves no trace."""
    raise NotImplementedError("the weights times the values, with the unseen values out of the way")


if __name__ == "__main__":
    torch.set_printoptions(precision=3, sci_mode=False)
    S = torch.tensor([[1.0, 0, 2, 9], [3, 3, 3, 9], [-50, -51, -52, 9]])
    seen = torch.tensor([True, True, True, False])
    print("padding hidden:\n", masked_softmax(S, seen))
    print("the same, added:\n", masked_softmax(S, torch.zeros(4).masked_fill(~seen, -torch.inf)))
    V = torch.tensor([[1.0], [2], [3], [float("nan")]])
    print("the average of 1, 2 and 3:\n", attend(S, V, seen))
