"""# Sinusoidal positional encoding

Attention averages, and an average does not know what came first. The first transformer therefore added to each token's
vector another vector that depends on its position only. Its columns are the hands of many clocks: the first pair of columns
turns once in about six positions, the last one hardly moves in thousands, and each pair holds the sine and the cosine of its
hand's angle. No two positions look alike, nothing is learnt, and a step of k positions is the same rotation wherever it
starts, so that a model can learn to look "three tokens back".

## The formula

For position p = 0, 1, ..., n - 1 and pair i = 0, 1, 2, ...:

    angle(p, i) = p / base^(2i/d)
    PE[p, 2i]     = sin(angle(p, i))
    PE[p, 2i + 1] = cos(angle(p, i))

## What to write

    pe(n, d, base=10000.0)

| argument | type | meaning |
|---|---|---|
| `n` | int, 0 or more | the number of positions; the first one is 0 |
| `d` | int, 1 or more | the number of columns, **even or odd** |
| `base` | float, more than 1 | how much slower the last pairs are than the first |
| result | float32 tensor of shape (n, d) | one position a row |

- **Interleaved**: sine and cosine of a pair are neighbours, columns 2i and 2i + 1. (Some code puts all sines first and all
  cosines after them: another layout, not this one.)
- An odd d ends in a sine: the last pair has no cosine. The formula is used with the d that was given.
- **Far positions count**: n = 100,000 is asked for, and every entry must be right to within 10⁻⁶. A float32 has 24 binary
  digits, so an angle near 100,000 rounded to float32 is off by up to 0.004; a float64 has 53. Only the finished table is
  float32.
- n = 0 gives a table of shape (0, d).
- Each call makes a table of its own: its caller may change it in place.

## By hand

    pe(2, 4)           = [[0,      1,      0,      1      ],
                          [sin 1,  cos 1,  sin 1/100,  cos 1/100]]       10000^(2/4) = 100
                       = [[0,      1,      0,      1      ],
                          [0.8415, 0.5403, 0.0100, 1.0000]]              rounded here to four places

    pe(2, 3, base=8.0) = [[0,      1,      0      ],
                          [0.8415, 0.5403, 0.2474]]                      8^(2/3) = 4, and sin 1/4 = 0.2474

## Source

Vaswani et al., "Attention Is All You Need" (2017), section 3.5; arXiv:1706.03762.
"""

import torch
from torch import Tensor


def pe(n: int, d: int, base: float = 10000.0) -> Tensor:
    """The table of the first `n` positions in `d` columns, sines and cosines interleaved."""
    raise NotImplementedError("work out one angle for each position and pair, and put their sines and cosines side by side")


if __name__ == "__main__":
    torch.set_printoptions(precision=4, sci_mode=False)
    table = pe(6, 8)
    print(table)
    # The dot product of two positions depends on their distance only: every diagonal holds one number.
    print(table @ table.T)
