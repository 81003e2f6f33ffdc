"""# Attention, backward

Attention is where the tokens of a language model read each other, and its backward pass is where most of the training
time of a long context goes. Fast kernels do not leave it to autograd. They keep no matrix of weights from the forward
pass: backward gets Q, K and V, works the weights out again, and applies four matrix products and one line for the
softmax. That is what you write here. The products are easy to get the wrong way round, and the line for the softmax is
easy to get almost right.

## Forward, as it was

    S = Q Kᵀ / √d_k             scores, a row for each query, a column for each key
    P = softmax(S)              over the keys; hidden keys get the weight 0
    O = P V

## Backward

For a loss L, dX stands for ∂L/∂X and has the shape of X. Given dO, you go back through the three lines in reverse
order. Two facts are all you need:

    C = A B                     dA = dC Bᵀ      and      dB = Aᵀ dC
    P = softmax(S), one row     ∂Pᵢⱼ/∂Sᵢₖ = Pᵢⱼ (δⱼₖ - Pᵢₖ)           with δⱼₖ = 1 if j = k, else 0

Every weight of a row depends on every score of that row, as the weights share their sum. Put the slopes into
dSᵢₖ = Σⱼ dPᵢⱼ · ∂Pᵢⱼ/∂Sᵢₖ, and one sum over the keys is left for each query.

## What to write

    sdpa_backward(dO, Q, K, V, mask=None) -> (dQ, dK, dV)

| argument | shape | dtype | meaning |
|---|---|---|---|
| `dO` | (..., n_q, d_v) | as Q | ∂L/∂O, the gradient of what attention returned |
| `Q` | (..., n_q, d_k) | float32 or float64 | one query a row |
| `K` | (..., n_k, d_k) | as Q | one key a row |
| `V` | (..., n_k, d_v) | as Q | one value a row |
| `mask` | any shape that broadcasts to (..., n_q, n_k) | bool, or None | **True = this query may look at this key** |
| `dQ`, `dK`, `dV` | as Q, K, V | as Q | the gradients, in this order |

NumPy only. The mask is not differentiated.

## Conventions and edge cases

- `...` stands for any number of leading axes (none, a batch, a batch and heads), the same ones in dO, Q, K and V.
  Every index into them is an attention of its own. Note that `.T` turns *all* axes of an array round.
- n_q and n_k may differ, and so may d_k and d_v.
- A hidden pair of query and key gets and hands on **exactly 0**. So a key hidden from every query has zeros in dK and
  dV.
- A query that may look at no key (a row of False, or n_k = 0) gave zeros in the forward pass, whatever its inputs: its
  dQ is zeros, it adds nothing to dK and dV, and there is no NaN anywhere.
- Scores may be as large as ±10⁶, differently in each row, and a hidden key may score far more than those that are
  kept.
- n_q may be 0: then dK and dV are zeros.
- Arguments are only read, and may have any strides. float32 in gives float32 out, float64 gives float64.

Three properties to check yours by: the rows of dK sum to 0 (adding one vector to all keys changes no weight); the sum
of Q ∘ dQ equals that of K ∘ dK (only products of the two count); and where every query sees some key, the rows of dV
sum to the sum of the rows of dO (the weights of a row sum to one).

## By hand

One query, two keys, d_k = 4 (so √d_k = 2), d_v = 3:

    Q = [[2 ln 3, 0, 0, 0]]     K = [[1, 0, 0, 0],     V = [[4, 0, 8],     dO = [[1, 0, 0]]
                                     [0, 1, 0, 0]]          [0, 4, 0]]

    S = [[ln 3, 0]]             P = [[3/4, 1/4]]       dP = [[4, 0]]       dS = [[3/4, -3/4]]

    dQ = [[3/8, -3/8, 0, 0]]    dK = [[ 3/4 ln 3, 0, 0, 0],                dV = [[3/4, 0, 0],
                                      [-3/4 ln 3, 0, 0, 0]]                      [1/4, 0, 0]]

## Source

Vaswani et al., "Attention Is All You Need" (2017, arXiv:1706.03762), section 3.2.1 for the forward pass. Dao, Fu,
Ermon, Rudra and Ré, "FlashAttention: Fast and Memory-Efficient Exact Attention with IO-Awareness" (2022,
arXiv:2205.14135), appendix B.2 for the backward pass.
"""

import numpy as np


def sdpa_backward(
    dO: np.ndarray, Q: np.ndarray, K: np.ndarray, V: np.ndarray, mask: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradients for Q, K and V, from the gradient `dO` for softmax(Q Kᵀ / √d_k) V."""
    raise NotImplementedError("work the weights out again, then go back through O = P V, the softmax and the scores")


if __name__ == "__main__":
    np.set_printoptions(precision=4, suppress=True)
    rng = np.random.default_rng(0)
    Q, K, V, dO = (rng.normal(size=shape) for shape in ((3, 4), (5, 4), (5, 2), (3, 2)))
    dQ, dK, dV = sdpa_backward(dO, Q, K, V)
    print("dQ:\n", dQ)
    print("the rows of dK sum to", dK.sum(0))
    print("the rows of dV sum to", dV.sum(0), "and those of dO to", dO.sum(0))
    hidden = np.array([True, True, False, True, True])
    print("dV with the third key hidden:\n", sdpa_backward(dO, Q, K, V, hidden)[2])
