"""QLoRA: the solution, known mistakes, other right solutions."""

import math

import torch
import torch.nn.functional as F
from quantization.double_quant import compress_absmax, dequant_double, restore_absmax
from quantization.nf4 import dequant_blocks, nf4_levels, pack, quantize_blocks, unpack
from torch import Tensor, nn

from grader.marks import alternative, mistake


class QLoRALinear(nn.Module):
    """Dettmers et al. (2023), equations 5 and 6: Y = X doubleDequant(c₁, c₂, W) + X L₁ L₂."""

    def __init__(
        self,
        linear: nn.Linear,
        r: int,
        alpha: float,
        block: int = 64,
        outer: int = 256,
        compute_dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        W = linear.weight.detach().float()
        self.shape, self.block, self.outer = W.shape, block, outer
        self.scaling, self.compute_dtype = alpha / r, compute_dtype
        codes, absmax = quantize_blocks(W, nf4_levels(), block)
        q, scale, mean = compress_absmax(absmax, outer)
        self.register_buffer("packed", pack(codes))
        self.register_buffer("absmax_q", q)
        self.register_buffer("absmax_scale", scale)
        self.register_buffer("absmax_mean", mean)
        self.register_buffer("bias", None if linear.bias is None else linear.bias.detach().float().clone())
        self.lora_A = nn.Parameter(torch.randn(r, linear.in_features) / math.sqrt(linear.in_features))
        self.lora_B = nn.Parameter(torch.zeros(linear.out_features, r))

    def _weight(self) -> Tensor:
        """Ŵ in float32: first the constants, then the weights."""
        codes = unpack(self.packed, self.shape.numel())
        constants = self.absmax_q, self.absmax_scale, self.absmax_mean
        return dequant_double(codes, *constants, nf4_levels(), self.block, self.outer).reshape(self.shape)

    def dequantized(self) -> Tensor:
        return self._weight().to(self.compute_dtype)

    def forward(self, x: Tensor) -> Tensor:
        dtype = self.compute_dtype
        h = x.to(dtype)
        bias = None if self.bias is None else self.bias.to(dtype)
        y = F.linear(h, self.dequantized(), bias)
        y = y + self.scaling * F.linear(F.linear(h, self.lora_A.to(dtype)), self.lora_B.to(dtype))
        return y.to(x.dtype)

    def merged(self) -> Tensor:
        return self._weight() + self.scaling * (self.lora_B @ self.lora_A).detach()


# For the mistakes.


def _base(self, x):
    dtype = self.compute_dtype
    bias = None if self.bias is None else self.bias.to(dtype)
    return F.linear(x.to(dtype), self.dequantized(), bias)


def _path(self, x):
    dtype = self.compute_dtype
    return F.linear(F.linear(x.to(dtype), self.lora_A.to(dtype)), self.lora_B.to(dtype))


def _flat(self, levels=None):
    codes = unpack(self.packed, self.shape.numel())
    constants = self.absmax_q, self.absmax_scale, self.absmax_mean
    return dequant_double(codes, *constants, nf4_levels() if levels is None else levels, self.block, self.outer)


def _product(self):
    return (self.lora_B @ self.lora_A).detach()


# Mistakes: what is stored.


class _Changed(QLoRALinear):
    """A layer that stores something else; `change` has the last word."""

    def __init__(self, linear, r, alpha, block=64, outer=256, compute_dtype=torch.float32):
        super().__init__(linear, r, alpha, block, outer, compute_dtype)
        self.change(linear)


@mistake(
    "You keep the layer that was given as well: its full weight is in the state, and nothing is saved. Keep the"
    " codes alone.",
    of="QLoRALinear",
    hint=1,
)
class layer_kept(_Changed):
    def change(self, linear):
        self.linear = linear.requires_grad_(False)


@mistake(
    "The codes are not packed: each takes a byte of its own, 8 bits for 4. Two share a byte.",
    of="QLoRALinear",
    hint=2,
)
class not_packed(_Changed):
    def change(self, linear):
        self.packed = unpack(self.packed, self.shape.numel())

    def _weight(self):
        constants = self.absmax_q, self.absmax_scale, self.absmax_mean
        return dequant_double(self.packed, *constants, nf4_levels(), self.block, self.outer).reshape(self.shape)


@mistake(
    "You quantize the transposed weight: the codes are laid flat column after column, and the blocks are other"
    " ones. Lay W flat row after row, as it is.",
    of="QLoRALinear",
    hint=2,
)
class transposed_codes(_Changed):
    def change(self, linear):
        codes, absmax = quantize_blocks(linear.weight.detach().float().T, nf4_levels(), self.block)
        self.packed = pack(codes)
        self.absmax_q, self.absmax_scale, self.absmax_mean = compress_absmax(absmax, self.outer)

    def _weight(self):
        return _flat(self).reshape(self.shape[1], self.shape[0]).T


@mistake(
    "`block` and `outer` are exchanged: `block` weights share an absmax, `outer` absmax share a scale.",
    of="QLoRALinear",
    hint=2,
)
class sizes_exchanged(QLoRALinear):
    def __init__(self, linear, r, alpha, block=64, outer=256, compute_dtype=torch.float32):
        super().__init__(linear, r, alpha, outer, block, compute_dtype)


@mistake(
    "`block` and `outer` are not used: you quantize with 64 and 256 whatever they are.",
    of="QLoRALinear",
    hint=2,
)
class sizes_ignored(QLoRALinear):
    def __init__(self, linear, r, alpha, block=64, outer=256, compute_dtype=torch.float32):
        super().__init__(linear, r, alpha, 64, 256, compute_dtype)


@mistake(
    "A bfloat16 weight is quantized in bfloat16: its absmax and constants are rounded, and come out in the wrong dtype."
    " Convert it to float32 first.",
    of="QLoRALinear",
    hint=4,
)
class quantized_in_bfloat16(_Changed):
    def change(self, linear):
        codes, absmax = quantize_blocks(linear.weight.detach(), nf4_levels().to(linear.weight.dtype), self.block)
        q, scale, mean = compress_absmax(absmax, self.outer)
        self.packed, self.absmax_q, self.absmax_scale, self.absmax_mean = pack(codes), q, scale, mean


@mistake(
    "Your bias is a parameter and would be trained. It belongs to the frozen base: a buffer.",
    of="QLoRALinear",
    hint=2,
)
class bias_trained(_Changed):
    def change(self, linear):
        if self.bias is not None:
            bias = self.bias
            del self.bias
            self.bias = nn.Parameter(bias)


@mistake(
    "The factors have the dtype of the given layer or of the computation. They are what is trained: keep them in"
    " float32, and convert them in forward only.",
    of="QLoRALinear",
    hint=2,
)
class factors_in_compute_dtype(_Changed):
    def change(self, linear):
        dtype = torch.bfloat16 if torch.bfloat16 in (self.compute_dtype, linear.weight.dtype) else torch.float32
        self.lora_A, self.lora_B = nn.Parameter(self.lora_A.to(dtype)), nn.Parameter(self.lora_B.to(dtype))

    def merged(self):
        return self._weight() + self.scaling * (self.lora_B.float() @ self.lora_A.float()).detach()


@mistake(
    "lora_B does not start at zero: the layer is not its base at the start. Only A is random.",
    of="QLoRALinear",
    hint=2,
)
class both_random(_Changed):
    def change(self, linear):
        nn.init.constant_(self.lora_B, 0.125)


@mistake(
    "lora_A starts at zero like lora_B: then neither has a gradient, and nothing is ever learnt. A is random.",
    of="QLoRALinear",
    hint=2,
)
class both_zero(_Changed):
    def change(self, linear):
        nn.init.zeros_(self.lora_A)


@mistake(
    "Ŵ is worked out once and kept: as a float matrix, for which the four bits were to be saved, and deaf to codes that"
    " are loaded later. Work it out at each call.",
    of="QLoRALinear",
    hint=1,
)
class weight_remembered(_Changed):
    def change(self, linear):
        self.remembered = _flat(self).reshape(self.shape)

    def _weight(self):
        return self.remembered


# Mistakes: the way back.


@mistake(
    "The weight stays flat. Bring it into the shape (out, in).",
    of="QLoRALinear.dequantized",
    hint=3,
)
def left_flat(self):
    return _flat(self).to(self.compute_dtype)


@mistake(
    "You read the flat weight as (in, out) and turn it round: the numbers then stand in other places. It was"
    " laid flat row after row, (out, in).",
    of="QLoRALinear.dequantized",
    hint=3,
)
def shape_turned(self):
    return _flat(self).reshape(self.shape[1], self.shape[0]).T.to(self.compute_dtype)


@mistake(
    "Ŵ stays in float32. It is given, and multiplied, in `compute_dtype`.",
    of="QLoRALinear.dequantized",
    hint=3,
)
def always_float32(self):
    return _flat(self).reshape(self.shape)


@mistake(
    "You go to `compute_dtype` too early: the constants or levels are rounded first, and their product once"
    " more. Work in float32, and round the finished Ŵ once.",
    of="QLoRALinear.dequantized",
    hint=3,
)
def rounded_too_early(self):
    codes = unpack(self.packed, self.shape.numel())
    absmax = restore_absmax(self.absmax_q, self.absmax_scale, self.absmax_mean, self.outer).to(self.compute_dtype)
    levels = nf4_levels().to(self.compute_dtype)
    return (levels[codes.long()] * absmax.repeat_interleave(self.block)[: codes.numel()]).reshape(self.shape)


@mistake(
    "The constants are not restored: you multiply the levels by the 8-bit codes of the absmax.",
    of="QLoRALinear.dequantized",
    hint=3,
)
def constants_left_as_codes(self):
    codes = unpack(self.packed, self.shape.numel())
    return (
        dequant_blocks(codes, self.absmax_q.float(), nf4_levels(), self.block)
        .reshape(self.shape)
        .to(self.compute_dtype)
    )


@mistake(
    "You give the levels and do not multiply them by the absmax of their blocks.",
    of="QLoRALinear.dequantized",
    hint=3,
)
def levels_alone(self):
    return nf4_levels()[unpack(self.packed, self.shape.numel()).long()].reshape(self.shape).to(self.compute_dtype)


# Mistakes: forward.


@mistake("The low-rank path is not scaled by α / r.", of="QLoRALinear.forward", hint=3)
def unscaled(self, x):
    return (_base(self, x) + _path(self, x)).to(x.dtype)


@mistake("You scale by r / α, the fraction upside down.", of="QLoRALinear.forward", hint=3)
def scale_inverted(self, x):
    return (_base(self, x) + _path(self, x) / self.scaling).to(x.dtype)


@mistake("You scale by α alone. It is α / r.", of="QLoRALinear.forward", hint=3)
def scale_without_rank(self, x):
    return (_base(self, x) + self.scaling * len(self.lora_A) * _path(self, x)).to(x.dtype)


@mistake(
    "You scale the base's output too. Only the low-rank path is multiplied by α / r.", of="QLoRALinear.forward", hint=3
)
def all_scaled(self, x):
    return (self.scaling * (_base(self, x) + _path(self, x))).to(x.dtype)


@mistake(
    "You give the low-rank path alone: the quantized base is left out.",
    of="QLoRALinear.forward",
    hint=3,
)
def base_left_out(self, x):
    return (self.scaling * _path(self, x)).to(x.dtype)


@mistake("The low-rank path is left out: you give the quantized base alone.", of="QLoRALinear.forward", hint=3)
def path_left_out(self, x):
    return _base(self, x).to(x.dtype)


@mistake("The bias is lost.", of="QLoRALinear.forward", hint=3)
def bias_lost(self, x):
    return (F.linear(x.to(self.compute_dtype), self.dequantized()) + self.scaling * _path(self, x)).to(x.dtype)


@mistake(
    "You cut the gradient through the base (`no_grad` or `detach` on its output). The codes need none, but x"
    " does: Ŵᵀ times that of the output, or the layers below learn from a part of the truth.",
    of="QLoRALinear.forward",
    hint=4,
)
def base_without_gradient(self, x):
    return (_base(self, x).detach() + self.scaling * _path(self, x)).to(x.dtype)


@mistake(
    "You cut x off from autograd in the low-rank path: the layers below then do not learn from it.",
    of="QLoRALinear.forward",
    hint=4,
)
def path_without_gradient_of_x(self, x):
    return (_base(self, x) + self.scaling * _path(self, x.detach())).to(x.dtype)


@mistake(
    "The factors are cut off from autograd: they are what is to be trained.",
    of="QLoRALinear.forward",
    hint=4,
)
def factors_detached(self, x):
    return (
        _base(self, x) + self.scaling * F.linear(x.to(self.compute_dtype), _product(self).to(self.compute_dtype))
    ).to(x.dtype)


@mistake(
    "The result stays in `compute_dtype`. It is converted to the dtype of x, which the next layer expects.",
    of="QLoRALinear.forward",
    hint=3,
)
def result_in_compute_dtype(self, x):
    return _base(self, x) + self.scaling * _path(self, x)


@mistake(
    "You compute in the dtype of x and not in `compute_dtype`.",
    of="QLoRALinear.forward",
    hint=3,
)
def computed_in_dtype_of_x(self, x):
    y = F.linear(x, self._weight().to(x.dtype), None if self.bias is None else self.bias.to(x.dtype))
    return y + self.scaling * F.linear(F.linear(x, self.lora_A.to(x.dtype)), self.lora_B.to(x.dtype))


# Mistakes: merging.


@mistake("You merge B A without α / r.", of="QLoRALinear.merged", hint=3)
def merged_unscaled(self):
    return self._weight() + _product(self)


@mistake("`merged` gives the correction alone, without Ŵ.", of="QLoRALinear.merged", hint=3)
def merged_without_base(self):
    return self.scaling * _product(self)


@mistake("`merged` gives Ŵ alone: the trained correction is lost.", of="QLoRALinear.merged", hint=3)
def merged_without_correction(self):
    return self._weight()


@mistake(
    "You quantize the merged weight anew: the trained correction is smaller than a step of four bits and is"
    " mostly rounded away. `merged` gives the sum in float32.",
    of="QLoRALinear.merged",
    hint=1,
)
def merged_and_quantized(self):
    W = self._weight() + self.scaling * _product(self)
    codes, absmax = quantize_blocks(W, nf4_levels(), self.block)
    q, scale, mean = compress_absmax(absmax, self.outer)
    return dequant_double(codes, q, scale, mean, nf4_levels(), self.block, self.outer).reshape(self.shape)


@mistake(
    "You merge in `compute_dtype`: in bfloat16 small corrections vanish beside the weights. `merged` is float32"
    " throughout.",
    of="QLoRALinear.merged",
    hint=3,
)
def merged_in_compute_dtype(self):
    return self.dequantized().float() + self.scaling * _product(self)


@mistake(
    "`merged` gives the right numbers, but they still hang on autograd. It is for serving: detach it.",
    of="QLoRALinear.merged",
    hint=4,
)
def merged_with_gradient(self):
    return self._weight() + self.scaling * (self.lora_B @ self.lora_A)


# Other right solutions.


@alternative("block by block, in a loop, with the levels in a buffer that is not saved", of="QLoRALinear")
class by_blocks(nn.Module):
    def __init__(self, linear, r, alpha, block=64, outer=256, compute_dtype=torch.float32):
        super().__init__()
        self.n_out, self.n_in = linear.out_features, linear.in_features
        self.block, self.outer, self.alpha, self.r, self.dtype = block, outer, alpha, r, compute_dtype
        self.register_buffer("levels", nf4_levels(), persistent=False)
        with torch.no_grad():
            codes, absmax = quantize_blocks(linear.weight.float().reshape(-1), self.levels, block)
            parts = (pack(codes), *compress_absmax(absmax, outer))
        for name, part in zip(("packed", "absmax_q", "absmax_scale", "absmax_mean"), parts, strict=True):
            self.register_buffer(name, part)
        if linear.bias is not None:
            self.register_buffer("bias", linear.bias.detach().to(torch.float32, copy=True))
        self.lora_A = nn.Parameter(torch.randn(r, self.n_in) / math.sqrt(self.n_in))
        self.lora_B = nn.Parameter(torch.zeros(self.n_out, r))

    def full(self):
        codes = unpack(self.packed, self.n_out * self.n_in)
        absmax = restore_absmax(self.absmax_q, self.absmax_scale, self.absmax_mean, self.outer)
        parts = [self.levels[part.long()] * a for part, a in zip(codes.split(self.block), absmax, strict=True)]
        return torch.cat(parts).view(self.n_out, self.n_in)

    def dequantized(self):
        return self.full().to(self.dtype)

    def forward(self, x):
        A, B, h = self.lora_A.to(self.dtype), self.lora_B.to(self.dtype), x.to(self.dtype)
        y = h @ self.dequantized().T + torch.einsum("...i,ri,or->...o", h, A, B) * (self.alpha / self.r)
        if hasattr(self, "bias"):
            y = y + self.bias.to(self.dtype)
        return y.to(x.dtype)

    @torch.no_grad()
    def merged(self):
        return torch.addmm(self.full(), self.lora_B, self.lora_A, alpha=self.alpha / self.r)


@alternative("one weight for both paths", of="QLoRALinear.forward")
def one_weight(self, x):
    dtype = self.compute_dtype
    W = self.dequantized() + self.scaling * (self.lora_B.to(dtype) @ self.lora_A.to(dtype))
    if dtype is torch.bfloat16:  # the sum would be rounded
        W = None
        h = x.to(dtype)
        y = h @ self.dequantized().T + self.scaling * (h @ self.lora_A.to(dtype).T @ self.lora_B.to(dtype).T)
    else:
        y = x.to(dtype) @ W.T
    return (y if self.bias is None else y + self.bias.to(dtype)).to(x.dtype)


@alternative("dequant_blocks of the restored absmax", of="QLoRALinear.dequantized")
def in_two_steps(self):
    absmax = restore_absmax(self.absmax_q, self.absmax_scale, self.absmax_mean, self.outer)
    n_out, n_in = self.shape
    flat = dequant_blocks(unpack(self.packed, n_out * n_in), absmax, nf4_levels(), self.block)
    return flat.unflatten(0, (n_out, n_in)).to(self.compute_dtype)


@mistake(
    "You restore the absmax once, when the layer is made, and keep them in float32: they take four times their "
    "room, and constants that are loaded later do not count. Restore them at each call.",
    of="QLoRALinear",
    hint=3,
)
class constants_restored_once(_Changed):
    def change(self, linear):
        self.absmax = restore_absmax(self.absmax_q, self.absmax_scale, self.absmax_mean, self.outer)

    def _weight(self):
        codes = unpack(self.packed, self.shape.numel())
        return dequant_blocks(codes, self.absmax, nf4_levels(), self.block).reshape(self.shape)
