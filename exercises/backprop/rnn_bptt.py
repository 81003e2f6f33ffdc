"""# A recurrent network, and backpropagation through time

Before the transformer, language models were recurrent: one small network reads a token, mixes it with its memory of all
tokens before, and hands the new memory on to the next step. The same weights work at every step. Backpropagation
through time is ordinary backpropagation through that long chain, and it shows two things that still shape models
today: a weight used T times gets a **sum** of T gradients, and what comes back from a late loss to an early token is
multiplied by the same matrix at every step. A product of that kind shrinks or grows exponentially, which is why long
memories were so hard to train, and why LSTM and then attention were invented.

## Forward

One step for each t = 1 ... T, beginning with the state h₀ that is given:

    aₜ = xₜ W_x + hₜ₋₁ W_h + b
    hₜ = tanh(aₜ)

## Backward

For a loss L, `dh[t]` is what reaches hₜ **directly**, from the output of step t (a prediction of the next word, say).
hₜ also goes into the next step, and that way comes back as well. With δₜ all of what reaches hₜ:

    δₜ  = dhₜ + daₜ₊₁ W_hᵀ              at the last step there is no second term
    daₜ = δₜ ∘ tanh'(aₜ)                tanh'(a) = 1 - tanh²(a)

and from daₜ, as in any linear layer, come dxₜ, what goes on to hₜ₋₁, and step t's share of dW_x, dW_h and db.

**Truncation.** A book has a million steps, and nobody goes back through all of them. In truncated backpropagation with
a window of k steps the sequence is cut into blocks: steps 1 ... k, k+1 ... 2k, and so on; the last may be shorter.
The forward pass is as before and the state goes from block to block, but **no gradient crosses a cut**: for backward,
the state that a block begins with is a constant. The first block's is h₀, which is an argument and does get its
gradient.

## What to write

`rnn_forward(x, h0, Wx, Wh, b)` returns `(h, cache)`, and `rnn_backward(dh, cache, window=None)` returns
`(dx, dh0, dWx, dWh, db)`. NumPy only. A loop over the steps is right: they wait for one another.

| name | shape | dtype | what it is |
|---|---|---|---|
| `x` | (T, N, D) | float32 or float64 | inputs: T steps, N sequences beside one another. **Time comes first** |
| `h0` | (N, H) | like `x` | the state before the first step |
| `Wx` | (D, H) | like `x` | weights of the input |
| `Wh` | (H, H) | like `x` | weights of the state |
| `b` | (H,) | like `x` | bias |
| `h` | (T, N, H) | like `x` | the states h₁ ... h_T; h₀ is not among them |
| `cache` | yours | yours | whatever your backward needs |
| `dh` | (T, N, H) | like `x` | what reaches each state directly |
| `window` | int from 1, or None | | k, the steps in a block; None: one block of all T |
| `dx`, `dh0`, `dWx`, `dWh`, `db` | of `x`, `h0`, `Wx`, `Wh`, `b` | like `x` | the gradients, in this order |

## Conventions and edge cases

- x and h have one **row** for each sequence, so weights stand on the right: x W_x, with W_x of shape (D, H).
- Gradients of shared weights are sums over all steps and all sequences, no means: a loss that is a mean has its 1/N in
  dh.
- T ≥ 1 and N ≥ 1. A window of T or more is as good as None; with k = 1 every step stands alone.
- The state before the first step need not be zero.
- Several forwards may come before the backwards; a cache may be used more than once, with different windows.
- Arguments are only read, and may have any strides. float32 in gives float32 out.

## By hand

One sequence, one feature, two steps: W_x = W_h = ln 3, b = 0, h₀ = 0, x = [½, ½], dh = [0, 1]. (tanh(½ ln 3) = ½ and
tanh(ln 3) = ⅘.)

    a = [½ ln 3, ½ ln 3 + ½ ln 3]          h = [0.5, 0.8]

    da₂ = 1 · (1 - 0.64) = 0.36            δ₁ = 0 + 0.36 ln 3 = 0.3955        da₁ = 0.3955 · (1 - 0.25) = 0.2966

    dx = [0.3259, 0.3955]    dh0 = 0.3259    dWx = 0.3283    dWh = 0.18    db = 0.6566

    with window = 1, da₁ = 0:
    dx = [0, 0.3955]         dh0 = 0         dWx = 0.18      dWh = 0.18    db = 0.36

## Source

Paul Werbos, "Backpropagation through time: what it does and how to do it", Proceedings of the IEEE 78(10), 1990;
Goodfellow, Bengio and Courville, "Deep Learning" (2016), sections 10.2.2 and 10.7; Pascanu, Mikolov and Bengio, "On
the difficulty of training recurrent neural networks" (2013, arXiv:1211.5063), section 2, for vanishing and exploding
gradients.
"""

from typing import Any

import numpy as np


def rnn_forward(x: np.ndarray, h0: np.ndarray, Wx: np.ndarray, Wh: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, Any]:
    """The states h₁ ... h_T, and what backward needs."""
    raise NotImplementedError("return h, and in a cache of your own what rnn_backward will need")


def rnn_backward(
    dh: np.ndarray, cache: Any, window: int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The gradients of x, h0, Wx, Wh and b; none crosses from one block of `window` steps to the one before."""
    raise NotImplementedError("go through the steps from the last to the first; return dx, dh0, dWx, dWh, db")


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    T, H = 40, 16
    turn, _ = np.linalg.qr(rng.normal(size=(H, H)))
    last = np.zeros((T, 1, H))
    last[-1] = 1.0  # a loss at the last step only
    for factor in (0.7, 1.0, 1.3):
        x, h0 = 0.01 * rng.normal(size=(T, 1, H)), np.zeros((1, H))
        _, cache = rnn_forward(x, h0, np.eye(H), factor * turn, np.zeros(H))
        dx = rnn_backward(last, cache)[0]
        sizes = [float(np.linalg.norm(dx[-1 - back])) for back in (0, 10, 20, 39)]
        print(f"W_h stretches by {factor}: |dx| now and 10, 20, 39 steps back:", *(f"{size:.1e}" for size in sizes))
