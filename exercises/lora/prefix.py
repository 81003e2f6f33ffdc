"""# Prefix tuning: extra keys and values

LoRA changes weights. Prefix tuning changes nothing in the model: it gives every attention layer a few more things to
look at. Before the keys and values that the layer works out from its tokens stand some that no token produced: trained
numbers. Tokens that attend to them are steered by them, so that one frozen model serves many tasks, and what differs
from task to task is a handful of rows.

## The formula

    K = [P_k | x W_k]        V = [P_v | x W_v]        along the axis of the tokens, the prefix first
    Q =  x W_q                                        the prefix asks nothing: there are no more rows than tokens

    head = softmax(Q Kᵀ / √d_head) V                  one softmax over prefix and tokens together
    result = [head_0 | head_1 | ...] W_o

P_k and P_v are keys and values **themselves**: no W_k, W_v or W_q is applied to them. (What learns vectors in the place
of tokens, which then pass through W_k and W_v, is called prompt tuning.)

Let λ be the part of a token's attention that falls on the prefix, the sum of its weights there. With "of the prefix"
for attention to P_k, P_v alone and "of the tokens" for what the layer did without a prefix,

    head = (1 - λ) · head of the tokens + λ · head of the prefix

So a prefix cannot add anything without taking from the rest, and each token decides by its query how much.

Trained directly, prefixes are unstable. So they are trained **reparametrised**: a small matrix P' goes through two
layers that give the rows for all layers of the model at once. After training, only what comes out is kept.

    Z = tanh(P' W_1 + b_1) W_2 + b_2         (n_prefix, n_layers · 2 · d_model)

## What to write

`prefix_attention(x, W_q, W_k, W_v, W_o, n_heads, P_k, P_v, mask=None)` returns the result, (batch, n, d_model).

`prefix_share(x, W_q, W_k, n_heads, P_k, mask=None)` returns λ, (batch, n_heads, n).

`expand(P, W_1, b_1, W_2, b_2, n_layers)` returns the prefixes, (n_layers, 2, n_prefix, d_model).

| argument | shape | dtype | meaning |
|---|---|---|---|
| `x` | (batch, n, d_model) | float32 or float64 | the tokens |
| `W_q`, `W_k`, `W_v`, `W_o` | (d_model, d_model) | as x | from the right; head i owns the i-th d_head columns |
| `P_k`, `P_v` | (n_prefix, d_model) | as x | the same for all sequences; divided among the heads like x W_k |
| `n_heads` | | int | d_head = d_model / n_heads |
| `mask` | any that broadcasts to (batch, n_heads, n, n) | bool, or None | **True = this query may look at this token** |
| `P` | (n_prefix, d_in) | float32 or float64 | P' |
| `W_1`, `b_1` | (d_in, d_hidden), (d_hidden,) | as P | |
| `W_2`, `b_2` | (d_hidden, n_layers · 2 · d_model), (n_layers · 2 · d_model,) | as P | |

- The mask speaks of tokens only. **The prefix is seen by every query**, whatever the mask hides. A query that may
  look at no token has λ = 1 and the prefix alone. The last axis of the mask may be 1 as any other.
- A row of Z holds first all of layer 0, then layer 1 and so on; of each layer first the key, then the value, d_model
  numbers each. `expand(...)[l, 0]` is P_k of layer l, `expand(...)[l, 1]` its P_v.
- The prefix has no positions: nothing is turned or added.
- n_prefix may be 0 (plain attention, λ = 0); n and batch may be 1. Scores may be as large as ±10⁴.
- Gradients reach x and the prefix, and P, W_1, b_1, W_2, b_2. Arguments are not changed and need not be contiguous.

Your own `attend` and `masked_softmax` of `attention/masking` are at hand. They take scaled scores and a mask (True =
may look). `torch.nn.functional.scaled_dot_product_attention` may be called too.

## By hand

d_model = 1, one head, W_q = W_v = W_o = [[1]], W_k = [[0]], so every token has the score 0. No token sees a later one.

    x = [1, 3]      P_k = [ln 2]      P_v = [6]

    token 0:  scores [ln 2 | 0]       weights [2/3 | 1/3]            λ = 2/3      result 2/3 · 6 + 1/3 · 1 = 13/3
    token 1:  scores [ln 8 | 0, 0]    weights [0.8 | 0.1, 0.1]       λ = 0.8      result 0.8 · 6 + 0.1 · (1 + 3) = 5.2

    expand([[5]], [[0]], [0], [[1, 1, 1, 1]], [1, 2, 3, 4], n_layers=2)
        Z = [[1, 2, 3, 4]]      layer 0: P_k = [1], P_v = [2]      layer 1: P_k = [3], P_v = [4]

## Source

Xiang Lisa Li, Percy Liang, "Prefix-Tuning: Optimizing Continuous Prompts for Generation" (2021), section 4;
arXiv:2101.00190. The formula with λ: Junxian He et al., "Towards a Unified View of Parameter-Efficient Transfer
Learning" (2021), section 3.1; arXiv:2110.04366.
"""

import torch
from attention.masking import attend, masked_softmax  # noqa: F401  (your own)
from torch import Tensor


def prefix_attention(
    x: Tensor,
    W_q: Tensor,
    W_k: Tensor,
    W_v: Tensor,
    W_o: Tensor,
    n_heads: int,
    P_k: Tensor,
    P_v: Tensor,
    mask: Tensor | None = None,
) -> Tensor:
    """Multi-head attention of x (batch, n, d_model) with the rows of P_k and P_v as further keys and values."""
    raise NotImplementedError("put the prefix before keys and values, let every query see it, attend")


def prefix_share(x: Tensor, W_q: Tensor, W_k: Tensor, n_heads: int, P_k: Tensor, mask: Tensor | None = None) -> Tensor:
    """λ (batch, n_heads, n): how much of each query's attention falls on the prefix."""
    raise NotImplementedError("the weights of the prefix, summed")


def expand(P: Tensor, W_1: Tensor, b_1: Tensor, W_2: Tensor, b_2: Tensor, n_layers: int) -> Tensor:
    """The prefixes (n_layers, 2, n_prefix, d_model) of all layers, keys first, from P (n_prefix, d_in)."""
    raise NotImplementedError("two layers with tanh between, then sort the columns by layer and by key or value")


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_printoptions(precision=3, sci_mode=False)
    W_q, W_k, W_v, W_o = (torch.randn(8, 8) / 8**0.5 for _ in range(4))
    x, causal = torch.randn(1, 6, 8), torch.ones(6, 6, dtype=torch.bool).tril()
    for n_prefix in (0, 1, 4, 16):
        P_k, P_v = torch.randn(2, n_prefix, 8)
        out = prefix_attention(x, W_q, W_k, W_v, W_o, 2, P_k, P_v, causal)
        print(f"prefix of {n_prefix:2d}:  result", tuple(out.shape), " λ of head 0, token by token:",
              prefix_share(x, W_q, W_k, 2, P_k, causal)[0, 0])  # fmt: skip
