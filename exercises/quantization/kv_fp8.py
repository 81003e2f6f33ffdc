"""# A cache in 8 bits: int8 and FP8 for keys and values

While a language model writes, the keys and values of all earlier tokens lie in memory, and every new token reads all of
them. With long texts and many users this cache outgrows the weights. In 8 bits instead of 16 it is half as large and
is read in half the time. Two codes are common: **int8**, whose steps are all alike, and **FP8**, a float of 8 bits,
whose steps grow with the number, so that small numbers beside large ones keep their digits.

Each vector, that is each token in each head, gets a scale of its own. New tokens bring their own scales along, so
what is in the cache already never has to be scaled or rounded again.

## E4M3

The bits of a code are S EEEE MMM: a sign, four bits of exponent, three of mantissa; as a number from 0 to 255 it is
128 S + 8 E + M. Beside S (minus where S = 1) it stands for

    E = 0             M / 8 · 2⁻⁶                  the subnormal numbers 0, 1/512, 2/512, … 7/512
    E = 1 … 15        (1 + M / 8) · 2^(E - 7)      but for the next line
    E = 15, M = 7     NaN

There is **no infinity**: E = 15 is used for numbers like the others, and the largest is 1.75 · 2⁸ = 448 (code 126).

To encode x is to find the nearest of these numbers; half-way between two, it is the one with the even M. Beyond 448 x
**saturates**: it becomes 448 or -448, however large it is, and infinity does so too. NaN becomes code 127, whatever its
sign. The sign of zero is kept: -0.0, and what is rounded to it, becomes code 128.

## What to write

    e4m3_encode(x)   -> codes                 e4m3_decode(codes)          -> x̂
    quantize_kv(x, kind) -> (codes, scale)    dequantize_kv(codes, scale) -> x̂

    QuantKVCache(kind)      an empty cache
      .append(k, v)         adds the keys and values of t new tokens behind those it has
      .read()               -> (K̂, V̂), all that was added, turned back into real numbers
      .attend(q)            -> y = softmax(q K̂ᵀ / √d_k) V̂, in each head; each query sees all that is in the cache
      .nbytes()             -> the bytes of all its codes and scales together, an int; 0 while it is empty

| name | shape | dtype | meaning |
|---|---|---|---|
| `kind` | | str | `"int8"` or `"e4m3"` |
| `x`, `x̂` | any; for `quantize_kv` and `dequantize_kv` (…, d) | float32 | each row of d is a vector |
| `codes` | that of x | `torch.int8`, or `torch.uint8` for E4M3 | the dtype tells `dequantize_kv` the kind |
| `scale` | (…, 1): one for each vector | float32 | its largest magnitude, divided by 127 (int8) or 448 (E4M3) |
| `k`, `v` | (b, h, t, d_k), (b, h, t, d_v) | float32 | b texts, h heads, t tokens |
| `q`, `y` | (b, h, n, d_k), (b, h, n, d_v) | float32 | n queries |
| `K̂`, `V̂` | (b, h, T, d_k), (b, h, T, d_v) | float32 | T tokens so far |

- x̂ = scale · code, where the code of E4M3 counts as the number that it stands for.
- int8: code = round(x / scale), half-way cases to even, so from -127 to 127. E4M3: `e4m3_encode(x / scale)`.
- The scale of a vector of zeros is 1. Other vectors have a largest magnitude from 10⁻³⁰ to 10³⁰, and no rule of
  their own; they are finite. Only `e4m3_encode` is given infinities and NaN.
- Keys and values have scales of their own, and d_k and d_v may differ. A scale takes 4 bytes, a code one.
- The largest scores may be ±10⁴ and more: `torch.softmax` is right with them.
- t may be 0: then nothing is added. `read` and `attend` are called when something was added before. All other axes
  have size 1 or more, but `e4m3_encode` and `e4m3_decode` take any shape, () and empty ones too.
- Several caches do not know of one another.
- The arguments are not changed, and need not be contiguous in memory.
- `torch.float8_e4m3fn` is this code, and may not be used. (Elsewhere a cast to E4M3 may not saturate: what rounds to
  more than 448 becomes NaN.)

## By hand

    x           0.3               17               19               15.9          0.005           500    -0.0
    between     0.281, 0.3125     16 and 18        18 and 20        15 and 16     2/512, 3/512
    nearest     1.25 · 2⁻²        1.0 · 2⁴         1.25 · 2⁴        1.0 · 2⁴      3/512           448    -0.0
    code        8·5 + 2 = 42      8·11 + 0 = 88    8·11 + 2 = 90    88            3               126    128

17 and 19 lie half-way, and go to the even M. 15.9 is 1.9875 · 2³: rounded up to 2 · 2³, it is 1 · 2⁴, with E one larger.

    quantize_kv([2.54, -1.013, 0.3], "int8")     scale 2.54 / 127 = 0.02, x / scale = [127, -50.65, 15]
                                                 codes [127, -51, 15], x̂ = [2.54, -1.02, 0.3]
    quantize_kv([8.96, -1.02, 0.3], "e4m3")      scale 8.96 / 448 = 0.02, x / scale = [448, -51, 15]
                                                 numbers [448, -52, 15], codes [126, 229, 87], x̂ = [8.96, -1.04, 0.3]

One token with d_k = 3 and d_v = 2, in one head, takes 3 + 2 bytes of codes and 2 · 4 of scales: 13. With 128 each it
is 264, and in 16 bits it would be 512.

## Source

Micikevicius et al., "FP8 Formats for Deep Learning" (2022), section 3 and table 1 (E4M3); arXiv:2209.05433.
"""

import torch
from torch import Tensor


def e4m3_encode(x: Tensor) -> Tensor:
    """The codes of the nearest numbers of E4M3, in uint8."""
    raise NotImplementedError("which power of two, how many eighths of it, and the edges")


def e4m3_decode(codes: Tensor) -> Tensor:
    """The numbers that the codes stand for, in float32."""
    raise NotImplementedError("take the bits apart")


def quantize_kv(x: Tensor, kind: str) -> tuple[Tensor, Tensor]:
    """Codes of x, and a scale for each vector."""
    raise NotImplementedError("a scale from the largest magnitude, then the nearest codes")


def dequantize_kv(codes: Tensor, scale: Tensor) -> Tensor:
    """The real numbers that codes and scales stand for."""
    raise NotImplementedError("scale times code, whichever kind it is")


class QuantKVCache:
    """Keys and values in 8 bits, `kind` "int8" or "e4m3"."""

    def __init__(self, kind: str) -> None:
        raise NotImplementedError("nothing is held yet")

    def append(self, k: Tensor, v: Tensor) -> None:
        """Add the keys and values of new tokens."""
        raise NotImplementedError("quantize what is new, leave what is old")

    def read(self) -> tuple[Tensor, Tensor]:
        """All keys and all values, turned back into real numbers."""
        raise NotImplementedError("from codes and scales")

    def attend(self, q: Tensor) -> Tensor:
        """What each query reads from the cache."""
        raise NotImplementedError("scores, weights, an average of the values")

    def nbytes(self) -> int:
        """The bytes of codes and scales."""
        raise NotImplementedError("count both")


if __name__ == "__main__":
    torch.set_printoptions(precision=4, sci_mode=False)
    torch.manual_seed(0)
    print("all numbers from 0 on:\n", e4m3_decode(torch.arange(127).to(torch.uint8)))

    k, v, q = torch.randn(1, 2, 100, 64), torch.randn(1, 2, 100, 64), torch.randn(1, 2, 1, 64)
    k[..., 5] *= 30  # a few columns of keys are often much larger than the rest
    y = torch.softmax(q @ k.mT / 8, dim=-1) @ v
    for kind in ("int8", "e4m3"):
        cache = QuantKVCache(kind)
        cache.append(k, v)
        off = (cache.attend(q) - y).abs().max()
        print(f"{kind}: {cache.nbytes()} bytes for {4 * (k.numel() + v.numel())} in float32, off by {off:.4f} at most")
