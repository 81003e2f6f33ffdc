"""# QLoRA: adapters on a base of four bits

LoRA spares you the gradients and the optimiser's moments of the frozen weights, but not the weights: 65
billion of them in 16 bits are 130 GB. QLoRA stores the frozen weights in NF4, with their scales quantized a
second time, a little over half a byte for each, and turns them into real numbers only for the moment in
which a layer is computed. What is trained are the factors of LoRA, in full precision: they also learn to
make up for some of what the four bits have lost. So a 65B model can be fine-tuned on one card of 48 GB.

You have all the parts: `quantization/nf4`, `quantization/double_quant` and the idea of `lora/linear`. Here
they become one layer. The stub imports your own earlier functions.

## The formula

    y = x Ŵᵀ + b + (α / r) · x Aᵀ Bᵀ          Ŵ: the numbers that the stored codes stand for

    packed  →  codes → levels ┐
                              ×  → Ŵ (out, in), in float32, then rounded once to `compute_dtype`
    q, scale, mean  →  absmax ┘

## What to write

    class QLoRALinear(torch.nn.Module):
        QLoRALinear(linear, r, alpha, block=64, outer=256, compute_dtype=torch.float32)
        dequantized()      -> Ŵ (out, in), in compute_dtype
        forward(x)         -> y, in the dtype of x
        merged()           -> Ŵ + (α / r) · B A (out, in), in float32, without gradient

| argument | type or shape | meaning |
|---|---|---|
| `linear` | `torch.nn.Linear`, with or without a bias | the pre-trained layer, float32 or bfloat16; not changed |
| `r`, `alpha` | int, int or float | rank and α |
| `block`, `outer` | int, int | weights that share an absmax; absmax that share a scale |
| `compute_dtype` | `torch.float32` or `torch.bfloat16` | in which the products are computed |
| `x` | (..., in), float32 or bfloat16 | any leading axes |

The state (`state_dict`) has these tensors and no other, for a layer of n = out · in weights, m = ⌈n / block⌉:

| name | shape | dtype | |
|---|---|---|---|
| `packed` | (⌈n / 2⌉,) | `torch.uint8` | buffer: codes of W laid flat row after row, two to the byte |
| `absmax_q` | (m,) | `torch.int8` | buffer: 8-bit codes of the absmax |
| `absmax_scale` | (⌈m / outer⌉,) | float32 | buffer |
| `absmax_mean` | () | float32 | buffer |
| `bias` | (out,) | float32 | buffer, only where `linear` has a bias |
| `lora_A` | (r, in) | float32 | `nn.Parameter`, random at the start, no two rows equal |
| `lora_B` | (out, r) | float32 | `nn.Parameter`, zeros at the start |

- The weight itself is **not kept**, in no form but the codes: that is what is saved. Do not keep `linear`
  either. (Numbers such as r, and what can be made again, such as the sixteen levels, are not in the state.)
- Quantization goes on in float32: a bfloat16 weight is converted first. `dequantized` is worked out in
  float32 too, and **rounded to `compute_dtype` at the very end**, once.
- In `forward`, x, Ŵ, b, A and B are all taken in `compute_dtype`, and y is converted to the dtype of x at the
  end. The parameters themselves stay float32.
- Only `lora_A` and `lora_B` are trained. Codes are integers and have no gradient, nor have the constants; but
  gradients reach **x** through both paths, or the layers below would learn from a part of the truth.
- What is loaded into the buffers or factors counts at the next call: compute Ŵ in each forward, keep no copy.
- `merged` is for serving: ΔW cannot be added to 4-bit codes, so the sum is a float32 matrix. It takes Ŵ in
  float32, whatever `compute_dtype` is.

## By hand

`linear` of 3 inputs and 2 outputs, W = [[0.5, -2.0, 0.1], [0.0, 3.0, 1.0]], block = 4, outer = 2, no bias:

    codes    [10, 0, 8, 7, 15, 11]          packed   [160, 135, 251]          (as in quantization/nf4)
    absmax   [2, 3]      mean 2.5      scale 0.5 / 127      q = [-127, 127]
    Ŵ        [[0.4922, -2, 0.1592], [0, 3, 1.0137]]

With r = 1, α = 3, A = [[1, 0, 2]], B = [[1], [-1]] and x = [1, 1, 1]: x Ŵᵀ = [-1.3486, 4.0137], A x = 3, and
y = [-1.3486, 4.0137] + 3 · [3, -3] = [7.6514, -4.9863].

## Source

Dettmers, Pagnoni, Holtzman, Zettlemoyer, "QLoRA: Efficient Finetuning of Quantized LLMs" (2023), section 3, equations
5 and 6; arXiv:2305.14314.
"""

import torch
from quantization.double_quant import compress_absmax, dequant_double, restore_absmax  # noqa: F401
from quantization.nf4 import dequant_blocks, nf4_levels, pack, quantize_blocks, unpack  # noqa: F401
from torch import Tensor, nn


class QLoRALinear(nn.Module):
    """A linear layer whose frozen weight is kept in NF4, with trained factors of rank r beside it."""

    def __init__(
        self,
        linear: nn.Linear,
        r: int,
        alpha: float,
        block: int = 64,
        outer: int = 256,
        compute_dtype: torch.dtype = torch.float32,
    ) -> None:
        """Quantize the weight into buffers, and make `lora_A` and `lora_B`."""
        super().__init__()
        raise NotImplementedError("codes and constants into buffers, then the two factors")

    def dequantized(self) -> Tensor:
        """The weight that the codes stand for, (out, in) in the compute dtype."""
        raise NotImplementedError("unpack, restore, multiply, and bring it into shape")

    def forward(self, x: Tensor) -> Tensor:
        """The frozen path plus the scaled low-rank path."""
        raise NotImplementedError("both paths in the compute dtype, the result in the dtype of x")

    def merged(self) -> Tensor:
        """One float32 matrix that does what the layer does, but for the bias."""
        raise NotImplementedError("the base's weight and the correction, added")


if __name__ == "__main__":
    torch.manual_seed(0)
    linear = nn.Linear(256, 192)
    layer = QLoRALinear(linear, r=8, alpha=16)
    x = torch.randn(64, 256)
    target = linear(x).detach()
    size = sum(b.numel() * b.element_size() for name, b in layer.named_buffers() if name != "bias")
    print(f"bits for each frozen weight: {8 * size / linear.weight.numel():.3f}")
    print(f"error at the start: {((layer(x) - target).square().mean() / target.square().mean()).sqrt():.4f}")
    optimizer = torch.optim.Adam([p for p in layer.parameters() if p.requires_grad], lr=0.01)
    for _ in range(100):
        loss = (layer(x) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    error = ((layer(x) - target).square().mean() / target.square().mean()).sqrt()
    print(f"after the factors have learnt to make up for the four bits, on these x: {error:.4f}")
