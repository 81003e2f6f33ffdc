"""# Attention in blocks, backward

FlashAttention never has the table of weights, in the forward pass. The backward pass seems to need it: every line of
`backprop/attention` begins with P. It was not kept, since keeping it was what had to be avoided. So the backward pass
makes the weights **again**, block by block, out of Q, K and one number for each query that the forward pass left
behind: L, the logsumexp of its scores. It does more arithmetic than a backward pass that kept the table, and is faster
still, because it moves less memory. Every large model is trained by this loop.

## The formula

With s_ij = q_i·k_j / √d_k the weight of a pair needs nothing but its own score and L:

    P_ij = exp(s_ij - L_i)

No maximum, no sum, no mending: what took the forward pass all blocks is already in L. The rest is what you know:

    dV_j  = Σ_i P_ij dO_i                                 P = softmax(S), O = P V
    dP_ij = dO_i · v_j
    dS_ij = P_ij (dP_ij - D_i)          with  D_i = Σ_j P_ij dP_ij
    dQ_i  = Σ_j dS_ij k_j / √d_k          dK_j = Σ_i dS_ij q_i / √d_k

One thing is in the way: D_i is a sum over **all** keys, and a block has but its own. Going through all of them first,
only for D, would double the work. Put dP_ij = dO_i · v_j into the sum, take dO_i out of it, and look at what is left
of it: you are given that.

## What to write

    flash_backward(dO, Q, K, V, O, L, block, mask=None)          (dQ, dK, dV)

| argument | shape | dtype | meaning |
|---|---|---|---|
| `dO` | (..., n_q, d_v) | as Q | ∂loss/∂O, the gradient of what attention returned |
| `Q` | (..., n_q, d_k) | float32 or float64 | one query a row |
| `K` | (..., n_k, d_k) | as Q | one key a row |
| `V` | (..., n_k, d_v) | as Q | one value a row |
| `O`, `L` | (..., n_q, d_v), (..., n_q) | as Q | what `flash_forward` of `online_softmax` returned |
| `block` | | int ≥ 1 | how many keys are read at a time |
| `mask` | (n_q, n_k) | bool, or None | **True = may look**; the same for all leading axes |
| `dQ`, `dK`, `dV` | as Q, K, V | as Q | the gradients, in this order |

- **By hand**, without autograd, and O and L are not made again: they are given.
- **O and L may belong to a longer text.** Where a text lies on several machines, each is called with its own K and V,
  but with the O and L of all keys. It then returns the whole dK and dV of its keys, and its share of dQ; the shares of
  all machines add up to dQ. This asks for nothing new of one who uses L for the weights and O for D.
- **Memory.** Some tables of n_q × block are fine, tables of n_q × n_k are not: the suite runs 3,000 queries against
  16,384 keys in blocks of 3,072 in 320 MiB. A table of a block is 35 MiB there, a whole one 188, and P and dP are two.
- `block` need not divide n_k and may be larger. It changes nothing but the rounding.
- A hidden pair gets and hands on **exactly 0**. Its score may be far above L, so that exp(s - L) overflows: and 0 · ∞
  is NaN.
- A query that sees no key has O = 0 and L = -∞, and -∞ - (-∞) is NaN. Its dQ is zeros; it adds nothing to dK and
  dV.
- Scores may be as large as ±10⁶, differently in each row.
- `...` is any number of leading axes, alike in all tensors. n_q and n_k may be 0. The arguments are not changed and
  need not be contiguous.

## By hand

The example of `online_softmax`, with dO = [[2]]: d_k = 1, Q = [[1]], K = [[0], [ln 2], [ln 5]], V = [[8], [0], [16]].
The forward pass gave O = [[11]] and L = [ln 8]. In blocks of two:

    D = 22
    block 1    P = [1/8, 2/8]    dP = [16, 0]    dS = [-6/8, -44/8]    dQ = -11/2 ln 2                 dV = [1/4, 1/2]
    block 2    P = [5/8]         dP = [32]       dS = [50/8]           dQ = -11/2 ln 2 + 25/4 ln 5     dV = [5/4]

    dQ = [[-11/2 ln 2 + 25/4 ln 5]]      dK = [[-3/4], [-11/2], [25/4]]      dV = [[1/4], [1/2], [5/4]]

The three dS sum to 0, though neither block's do: adding the same to all scores of a query changes no weight.

## Source

Dao, Fu, Ermon, Rudra, Ré, "FlashAttention: Fast and Memory-Efficient Exact Attention with IO-Awareness" (2022),
section 3.1 and appendix B.2; arXiv:2205.14135. L in place of maximum and sum: Dao, "FlashAttention-2: Faster Attention
with Better Parallelism and Work Partitioning" (2023), section 3.1; arXiv:2307.08691. Several machines: Liu, Zaharia,
Abbeel, "Ring Attention with Blockwise Transformers for Near-Infinite Context" (2023), section 3; arXiv:2310.01889.
"""

import torch
from torch import Tensor


def flash_backward(
    dO: Tensor, Q: Tensor, K: Tensor, V: Tensor, O: Tensor, L: Tensor, block: int, mask: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of attention by Q, K and V, reading `block` keys at a time."""
    raise NotImplementedError("block by block: the weights from L, then the gradients of the block's keys and values")


if __name__ == "__main__":
    torch.set_printoptions(precision=4, sci_mode=False)
    torch.manual_seed(0)
    Q, K, V, dO = torch.randn(2, 8), torch.randn(10, 8), torch.randn(10, 3), torch.randn(2, 3)
    leaves = [t.clone().requires_grad_() for t in (Q, K, V)]
    S = leaves[0] @ leaves[1].T / 8**0.5
    O, L = torch.softmax(S, dim=-1) @ leaves[2], torch.logsumexp(S, dim=-1)
    print("dQ by autograd:\n", torch.autograd.grad((O * dO).sum(), leaves)[0])
    for block in (1, 4, 10):
        dQ, dK, dV = flash_backward(dO, Q, K, V, O.detach(), L.detach(), block)
        print(f"dQ in blocks of {block}:\n", dQ)
