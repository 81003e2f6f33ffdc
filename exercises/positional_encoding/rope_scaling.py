"""# Longer texts for a RoPE model: linear, NTK, YaRN

A model trained on texts of 4,000 tokens has never seen its slow pairs turn further than 4,000 tokens turn them. At
token 10,000 they stand at angles that are new to it, and it fails at once. The cure costs no new weights: change
the **frequencies**, so that a text `factor` times as long stays within known angles. Slow pairs must be slowed down; fast
ones have gone round many times, know every angle, and tell neighbours apart, so they had better be left alone. Three rules,
each the answer to the one before; many models with long contexts rest on one of them.

## The formulas

d is the width of a head, i = 0, ..., d/2 - 1 counts its pairs, and f_i = theta^(-2i/d) are RoPE's own frequencies. s is the
factor.

**Linear** (position interpolation): all pairs are slowed down alike.

    f'_i = f_i / s

**NTK-aware**: the base is raised, so much that the first pair stays as it is and the last becomes s times slower.

    f'_i = theta'^(-2i/d),    theta' = theta · s^(d/(d - 2))

**YaRN**: each pair by itself. r_i counts how often it went round in the L tokens of training. Above `fast` rounds it is left
alone, below `slow` rounds it is slowed down as in linear, and between them a ramp leads from one to the other.

    r_i = L · f_i / (2π)
    γ_i = (r_i - slow) / (fast - slow),   not below 0 and not above 1
    f'_i = γ_i · f_i + (1 - γ_i) · f_i / s

In longer texts there are more keys, and softmax spreads out. YaRN makes it sharper again: queries **and** keys are made longer by

    m = 0.1 · ln(s) + 1         so that scores grow by m²

## What to write

    linear(d, factor, theta=10000.0)
    ntk(d, factor, theta=10000.0)
    yarn(d, factor, length, theta=10000.0, fast=32.0, slow=1.0)
    sharpness(factor)
    rotate(x, pos, frequencies, m=1.0)

| argument | shape or type | meaning |
|---|---|---|
| `d` | int, even, 4 or more | width of a head |
| `factor` | float, 1 or more | s, how many times longer texts are to be |
| `length` | int | L, tokens of a text in training |
| `theta` | float, more than 1 | RoPE's base in training |
| `fast`, `slow` | float, fast > slow | rounds from which a pair is left alone, and up to which it is slowed down wholly |
| results of `linear`, `ntk`, `yarn` | (d/2,), float64 | frequencies f'_0, f'_1, ... |
| result of `sharpness` | float | m |
| `x` | (..., n, d), float32 or float64 | queries or keys, a vector a row |
| `pos` | (n,), int64 | where each row stands |
| `frequencies` | (d/2,), float64 | one for each pair |
| `m` | float | how much longer all vectors become |
| result of `rotate` | (..., n, d), dtype of x | |

- A factor of 1 changes nothing: all three rules give f_i, and m is 1.
- `rotate` pairs neighbours (interleaved), as `rope` did: pair i = (x[2i], x[2i + 1]) turns counter-clockwise by
  pos · frequencies[i], and both its numbers are multiplied by m. Angles are float64; only cosines and sines take the dtype of x.
- Rounds, not wavelengths, are what YaRN's ramp is linear in. (That is the paper; some code lets it be linear in i.)
- Gradients reach x. Arguments are not changed. n may be 0.

## By hand

With d = 4 and theta = 100, f = [1, 1/10].

    linear(4, 4.0, theta=100.0)  = [1/4, 1/40]
    ntk(4, 4.0, theta=100.0)     = [1, 1/40]                 theta' = 100 · 4² = 1600
    yarn(4, 4.0, length=126, theta=100.0, fast=11.0, slow=1.0)
        r = [20.05, 2.005], γ = [1, 0.1005]                  f'_1 = 0.1005/10 + 0.8995/40
                                 = [1, 0.03254]
    sharpness(4.0)               = 0.1 · 1.3863 + 1          = 1.1386

    rotate([[1, 0, 0, 1]], pos=[2], frequencies=[1, 1/40], m=3.0) = [[3 cos 2, 3 sin 2, -3 sin 0.05, 3 cos 0.05]]

## Source

Chen et al., "Extending Context Window of Large Language Models via Positional Interpolation" (2023), section 2.3;
arXiv:2306.15595. Peng et al., "YaRN: Efficient Context Window Extension of Large Language Models" (2023), section 3,
which also tells of the NTK-aware rule; arXiv:2309.00071.
"""

import torch
from torch import Tensor


def linear(d: int, factor: float, theta: float = 10000.0) -> Tensor:
    """The frequencies of position interpolation."""
    raise NotImplementedError("every pair slower by the factor")


def ntk(d: int, factor: float, theta: float = 10000.0) -> Tensor:
    """The frequencies of the NTK-aware rule."""
    raise NotImplementedError("RoPE's frequencies with a larger base")


def yarn(d: int, factor: float, length: int, theta: float = 10000.0, fast: float = 32.0, slow: float = 1.0) -> Tensor:
    """The frequencies of YaRN."""
    raise NotImplementedError("count each pair's rounds; mix its own frequency with the slowed one")


def sharpness(factor: float) -> float:
    """How much longer YaRN makes queries and keys."""
    raise NotImplementedError("one line")


def rotate(x: Tensor, pos: Tensor, frequencies: Tensor, m: float = 1.0) -> Tensor:
    """RoPE with frequencies that are given, and all vectors m times as long."""
    raise NotImplementedError("turn neighbouring columns, then make them longer")


if __name__ == "__main__":
    torch.set_printoptions(precision=5, sci_mode=False)
    plain = linear(16, 1.0)
    print("rounds in 4096 tokens:", plain * 4096 / 6.2832)
    for name, slowed in (("linear", linear(16, 8.0)), ("ntk", ntk(16, 8.0)), ("yarn", yarn(16, 8.0, 4096))):
        print(f"{name:>7}, how many times slower:", plain / slowed)
