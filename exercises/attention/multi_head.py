"""# Multi-head attention

One attention gives each token one weighted average of the others: one question, one answer. A language model wants
several at once: which word does this verb belong to, what was the last name mentioned, is a bracket still open? Multi-head
attention cuts the width of the model into h slices, the *heads*, lets each slice attend by itself, lays the answers side
by side and mixes them with one more matrix. It costs about as much as a single attention of the full width.

## The formula

    Q = x_q W_q        K = x_kv W_k        V = x_kv W_v            each (batch, n, d_model)

    head_i = softmax(Q_i K_iᵀ / √d_head) V_i                       d_head = d_model / n_heads
    result = [head_0 | head_1 | ... ] W_o                          heads side by side along the last axis

where Q_i, K_i, V_i are the i-th block of d_head neighbouring columns: head i owns the columns i·d_head to
(i+1)·d_head - 1, the same ones in Q, K and V, and its answer lands in the same columns before W_o.

## What to write

    class MHA(torch.nn.Module)
        MHA(d_model, n_heads)
        forward(x_q, x_kv=None, mask=None)

| name | shape | dtype | meaning |
|---|---|---|---|
| `W_q`, `W_k`, `W_v`, `W_o` | (d_model, d_model) each | float32 when made | `torch.nn.Parameter`s of these names, and no others |
| `x_q` | (batch, n_q, d_model) | as the parameters | the tokens that ask |
| `x_kv` | (batch, n_k, d_model), or None | as the parameters | the tokens that are asked; None: those of x_q (self-attention) |
| `mask` | any shape that broadcasts to (batch, n_heads, n_q, n_k) | bool, or None | **True = this query may look at this key** |
| result | (batch, n_q, d_model) | as the parameters | |

- A weight multiplies from the **right**: `x @ W`, as in the formula, with no bias. (`torch.nn.Linear` keeps its weight the
  other way round, `x @ weight.T`; it is not used here.)
- What the parameters hold at first is yours (random numbers of size 1/√d_model do well); the suite puts in its own.
  `module.double()` must work: the suite computes in float64, too.
- A hidden key has the weight 0, and the weights that are left sum to one. A query that may look at no key in a head
  gets zeros from that head, and no NaN arises, in the result or the gradients.
- n_q and n_k may differ. batch and n_q may be 1, and n_q may be 0.
- Where n_heads does not divide d_model, the constructor raises `ValueError`.
- Gradients reach all four weights, x_q and x_kv. The arguments are not changed and need not be contiguous in memory.

You may call `torch.nn.functional.scaled_dot_product_attention` (you have written it in `attention/scaled_dot_product`),
or write its lines again. `torch.nn.MultiheadAttention` and its functional form are not allowed.

## By hand

d_model = 4, n_heads = 2 (so d_head = 2), one sequence of two tokens. W_v and W_o are the identity. W_q and W_k are zero but
for W_q[0, 0] = √2 ln 3 and W_k[0, 0] = 1, so the second head sees scores of 0 and averages evenly.

    x_q = [[1, 2, 3, 4],           scores of head 0 = [[ln 3, 0],        its weights = [[3/4, 1/4],
           [0, 6, 7, 8]]                               [0,    0]]                       [1/2, 1/2]]

    head 0 = [[3/4, 3],            head 1 = [[5, 6],                     result = [[0.75, 3, 5, 6],
              [1/2, 4]]                      [5, 6]]                               [0.5,  4, 5, 6]]

## Source

Vaswani et al., "Attention Is All You Need" (2017), section 3.2.2; arXiv:1706.03762.
"""

import torch
from torch import Tensor


class MHA(torch.nn.Module):
    """Attention in `n_heads` heads, each on its own slice of `d_model / n_heads` columns."""

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        raise NotImplementedError("check the sizes, keep what forward needs, make W_q, W_k, W_v and W_o")

    def forward(self, x_q: Tensor, x_kv: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Let each token of `x_q` read the tokens of `x_kv`, where `mask` is True."""
        raise NotImplementedError("project, split into heads, attend, put the heads side by side, mix")


if __name__ == "__main__":
    torch.set_printoptions(precision=3, sci_mode=False)
    torch.manual_seed(0)
    mha = MHA(d_model=8, n_heads=2)
    print("parameters:", {name: tuple(p.shape) for name, p in mha.named_parameters()})
    x, memory = torch.randn(1, 3, 8), torch.randn(1, 5, 8)
    print("self-attention:\n", mha(x))
    print("cross-attention:\n", mha(x, memory))
    print("no looking ahead:\n", mha(x, mask=torch.ones(3, 3, dtype=torch.bool).tril()))
