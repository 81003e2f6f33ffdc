"""# Linear attention

Softmax attention keeps every key and value it has read, and a new token compares itself with all of them: token 100,000
costs a hundred thousand times as much as the first. Linear attention replaces exp(q·k) by a product φ(q)·φ(k), and then
the sums can be made in another order: first over all keys, once, into a small table; then each query reads the table.
Text of any length costs n times the same, and generating needs a state of fixed size, like a recurrent network. The
transformer *is* then a recurrent network. (Its descendants, such as RetNet, GLA and Mamba-2, add a way to forget.)

## The formula

    φ(x) = x + 1  where x > 0,  exp(x) elsewhere          entry by entry: elu(x) + 1, positive everywhere

    result_i = Σ_j (φ(q_i)·φ(k_j)) v_j  /  Σ_j (φ(q_i)·φ(k_j))         over all j, or over j ≤ i where causal
             = φ(q_i) S / (φ(q_i)·z)         with S = Σ_j φ(k_j)ᵀ v_j  (d_k × d_v)  and  z = Σ_j φ(k_j)  (d_k)

The second line is the first with the brackets moved. The weights are positive, as φ is, and the division makes them sum
to one. There is no softmax, no 1/√d_k, and **no epsilon** in the division.

Read as a recurrence, for one token after another: S_i = S_{i-1} + φ(k_i)ᵀ v_i, z_i = z_{i-1} + φ(k_i), and then
result_i = φ(q_i) S_i / (φ(q_i)·z_i): a token reads itself, too.

## What to write

    phi(x)                                  the feature map, any shape
    parallel(Q, K, V, causal=False)         all tokens at once, as in training
    step(state, q, k, v)                    one token, as in generation: (result, new state)

| name | shape | dtype | meaning |
|---|---|---|---|
| `Q` | (..., n_q, d_k) | float32 or float64 | queries; where causal, n_q = n_k |
| `K`, `V` | (..., n_k, d_k), (..., n_k, d_v) | as Q | keys and values, n_k ≥ 1 |
| `parallel` gives | (..., n_q, d_v) | as Q | |
| `q`, `k`, `v` | (..., d_k), (..., d_k), (..., d_v) | as Q | query, key and value of the next token |
| `state` | (S, z) of shapes (..., d_k, d_v) and (..., d_k), or None | as Q | a tuple; None: nothing was read yet |
| `step` gives | ((..., d_v), (S, z)) | as q | the token's result, and the state after it |

- `phi` is applied to queries and keys, never to values, inside `parallel` and `step`.
- φ(x) stays positive as long as exp(x) does, and accurate: in float32, φ(-30) is 9.4e-14. Computed as elu(x) + 1 it would
  be rounded to 0 there, and a row of such numbers would be divided 0 by 0. φ has a derivative everywhere: 1 for x ≥ 0 (at
  0, too), exp(x) below; it is right for x = ±1000, too, where exp(1000) must not leave a NaN in the gradient.
- Time and memory of `parallel` grow like n, causal or not: the suite runs it with 8,192 tokens in 160 MiB, where no n ×
  n table fits. A table of d_k × d_v for each token is allowed.
- `step` does not change the state that it was given: several continuations may start from the same one.
- `...` is any number of leading axes, alike everywhere. Gradients reach Q, K and V. The arguments are not changed and
  need not be contiguous.

## By hand

    Q = [[0, 1], [-ln 2, -ln 2]]        φ(Q) = [[1, 2], [1/2, 1/2]]
    K = [[0, 0], [4, 0]]                φ(K) = [[1, 1], [5, 1]]             V = [[10, 0], [0, 20]]

    φ(Q) φ(K)ᵀ = [[3, 7], [1, 3]]       result = [[0.3·10, 0.7·20], [0.25·10, 0.75·20]] = [[3, 14], [2.5, 15]]
    S = [[10, 100], [10, 20]]           z = [6, 2]          φ(q_1) S / (φ(q_1)·z) = [10, 60] / 4 = [2.5, 15]

Causal, the first row is [10, 0] and the second the same as before. The two steps end in this state.

## Source

Katharopoulos, Vyas, Pappas, Fleuret, "Transformers are RNNs: Fast Autoregressive Transformers with Linear Attention"
(2020), sections 3.2 to 3.4; arXiv:2006.16236.
"""

import torch
from torch import Tensor


def phi(x: Tensor) -> Tensor:
    """x + 1 where x is positive, exp(x) elsewhere."""
    raise NotImplementedError("write the feature map, so that it neither vanishes nor overflows")


def parallel(Q: Tensor, K: Tensor, V: Tensor, causal: bool = False) -> Tensor:
    """Linear attention of all queries at once, to all keys or (causal) to those up to the query."""
    raise NotImplementedError("sum over the keys first, then let each query read the sums")


def step(state: tuple[Tensor, Tensor] | None, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Read one more token: its result, and the state (S, z) after it."""
    raise NotImplementedError("add the token to S and z, then read them with its query")


if __name__ == "__main__":
    torch.set_printoptions(precision=3, sci_mode=False)
    torch.manual_seed(0)
    Q, K, V = torch.randn(4, 3), torch.randn(4, 3), torch.randn(4, 2)
    print("all at once:\n", parallel(Q, K, V, causal=True))
    state = None
    for q, k, v in zip(Q, K, V, strict=True):
        result, state = step(state, q, k, v)
        print("token by token:", result, "  the state holds", sum(part.numel() for part in state), "numbers")
    # With the identity as values the result is the weights themselves.
    print("the weights:\n", parallel(Q, K, torch.eye(4), causal=True))
