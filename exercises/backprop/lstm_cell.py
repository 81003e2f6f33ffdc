"""# The LSTM cell, forward and backward

In a plain recurrent network the gradient is multiplied by the same matrix at every step, so it vanishes or explodes. The
LSTM (long short-term memory) gives the network a second state, the cell c, that is not multiplied by a matrix but
**added to**: a step forgets part of it, and adds something new. How much is forgotten, added and shown is decided by
gates, numbers between 0 and 1 that are worked out anew for each token. On its way back through c the gradient meets
the forget gate and nothing else. For years this was how language models remembered; and the idea of a main road
that layers only add to is the residual stream of every transformer.

## Forward

One step takes x, and the states h and c that the step before left, and gives the next ones, h⁺ and c⁺. All four gates
come out of one product:

    a = x W_x + h W_h + b              (N, 4H), in blocks of H columns: a_i, a_f, a_g, a_o

    i = σ(a_i)     input gate          how much of what is new is written
    f = σ(a_f)     forget gate         how much of the old cell is kept
    g = tanh(a_g)  candidate           what is new
    o = σ(a_o)     output gate         how much of the cell is shown

    c⁺ = f ∘ c + i ∘ g
    h⁺ = o ∘ tanh(c⁺)

## Backward

Two gradients reach a step: `dh` reaches h⁺, `dc` reaches c⁺ from the step after. That is not yet all that reaches
c⁺, for c⁺ goes two ways: into the next step, and through the last line into h⁺. Add up both before you go on to the
gates, to the old cell, and through the product to x, h, W_x, W_h and b. The slopes, by what the functions gave:

    σ' = σ (1 - σ)          tanh' = 1 - tanh²

## What to write

`lstm_step(x, h, c, Wx, Wh, b)` returns `(h_next, c_next, cache)`, and `lstm_step_backward(dh, dc, cache)` returns
`(dx, dh_prev, dc_prev, dWx, dWh, db)`. NumPy only. This is one step; the loop over the steps is the one of
`backprop/rnn_bptt`, and the suite runs it for you.

| name | shape | dtype | what it is |
|---|---|---|---|
| `x` | (N, D) | float32 or float64 | one token of each of N sequences |
| `h`, `c` | (N, H) | like `x` | hidden state and cell before the step |
| `Wx` | (D, 4H) | like `x` | weights of the input |
| `Wh` | (H, 4H) | like `x` | weights of the state |
| `b` | (4H,) | like `x` | bias |
| `h_next`, `c_next` | (N, H) | like `x` | h⁺ and c⁺ |
| `cache` | yours | yours | whatever your backward needs |
| `dh`, `dc` | (N, H) | like `x` | what reaches h⁺; what reaches c⁺ from the step after |
| `dx`, `dh_prev`, `dc_prev`, `dWx`, `dWh`, `db` | of `x`, `h`, `c`, `Wx`, `Wh`, `b` | like `x` | the gradients, in this order |

## Conventions and edge cases

- The blocks of columns stand in the order **i, f, g, o**, as in PyTorch and cuDNN. Other programs have i, f, o, g, or
  i, g, f, o: with their weights the same code runs, and talks nonsense.
- There is one bias (PyTorch has two, which are added). Nothing is added to the forget gate's part of it: who wants the
  gate open at the start puts a 1 into b.
- x and h have one **row** for each sequence, and weights stand on the right.
- Gradients of weights and bias are sums over the N sequences, no means; what a loss over many steps adds up over the
  steps is the caller's business.
- Sums of 10,000 and more may occur in a, of either sign: then gates are 0 or 1, and nothing overflows to NaN.
- N, D and H are at least 1. Several steps may come before the backwards, and a cache may be used more than once.
- Arguments are only read, dh and dc too, and may have any strides. float32 in gives float32 out.

## By hand

One sequence, one feature, one unit. x = h = c = 1, W_x = [ln 3, 0, ½ ln 3, 0], W_h = [0, -ln 3, 0, 0], b = 0; dh = 1,
dc = ½. (σ(ln 3) = ¾, σ(-ln 3) = ¼, tanh(½ ln 3) = ½.)

    i = 0.75   f = 0.25   g = 0.5   o = 0.5        c⁺ = 0.25 + 0.375 = 0.625   h⁺ = 0.5 · tanh(0.625) = 0.2773

    all that reaches c⁺:  0.5 + 0.5 · (1 - 0.5546²) = 0.8462

    da = [0.0793, 0.1587, 0.4760, 0.1387]          dWx = dWh = db = da, since x = h = 1
    dx = 0.3486     dh_prev = -0.1743     dc_prev = 0.25 · 0.8462 = 0.2116

## Source

Sepp Hochreiter and Jürgen Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997; Felix Gers, Jürgen
Schmidhuber and Fred Cummins, "Learning to forget: continual prediction with LSTM", Neural Computation 12(10), 2000, for
the forget gate; Klaus Greff et al., "LSTM: a search space odyssey" (2015, arXiv:1503.04069), section II, which has
the formulas of both passes (for a variant with peepholes); Goodfellow, Bengio and Courville, "Deep Learning" (2016),
section 10.10.1.
"""

from typing import Any

import numpy as np


def lstm_step(
    x: np.ndarray, h: np.ndarray, c: np.ndarray, Wx: np.ndarray, Wh: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray, Any]:
    """The next hidden state, the next cell, and what backward needs."""
    raise NotImplementedError("the four gates, then the new cell, then what is shown of it; return h, c and your cache")


def lstm_step_backward(
    dh: np.ndarray, dc: np.ndarray, cache: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The gradients of x, h, c, Wx, Wh and b."""
    raise NotImplementedError(
        "all that reaches the new cell, then the gates; return dx, dh_prev, dc_prev, dWx, dWh, db"
    )


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    T, D, H = 60, 3, 16
    for forget in (-2.0, 0.0, 2.0, 5.0):
        Wx, Wh, b = 0.3 * rng.normal(size=(D, 4 * H)), 0.1 * rng.normal(size=(H, 4 * H)), np.zeros(4 * H)
        b[H : 2 * H] = forget
        h = c = np.zeros((1, H))
        caches = []
        for x in rng.normal(size=(T, 1, D)):
            h, c, cache = lstm_step(x, h, c, Wx, Wh, b)
            caches.append(cache)
        dh, dc, sizes = np.zeros((1, H)), np.ones((1, H)), []
        for cache in reversed(caches):
            _, dh, dc, *_ = lstm_step_backward(dh, dc, cache)
            sizes.append(float(np.linalg.norm(dc)))
        print(
            f"bias of the forget gate {forget:4}: |dc| after 1, 20, 60 steps back:",
            *(f"{sizes[k]:.1e}" for k in (0, 19, 59)),
        )
