"""Wrong: the absmax are restored once when the layer is made, and what is loaded later does not count."""
# says: You restore the absmax once, when the layer is made, and keep

import torch
from quantization.double_quant import compress_absmax, restore_absmax
from quantization.nf4 import dequant_blocks, nf4_levels, pack, quantize_blocks, unpack
from torch import Tensor, nn


class QLoRALinear(nn.Module):
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
        self.shape = tuple(linear.weight.shape)
        self.block, self.outer = block, outer
        self.compute_dtype = compute_dtype
        self.scaling = alpha / r

        weight = linear.weight.detach().float()
        codes, absmax = quantize_blocks(weight, nf4_levels().to(weight.device), block)
        q, scale, mean = compress_absmax(absmax, outer)
        self.absmax = restore_absmax(q, scale, mean, outer)
        self.register_buffer("packed", pack(codes))
        self.register_buffer("absmax_q", q)
        self.register_buffer("absmax_scale", scale)
        self.register_buffer("absmax_mean", mean)
        if linear.bias is None:
            self.bias = None
        else:
            self.register_buffer("bias", linear.bias.detach().to(torch.float32, copy=True))

        out, width = self.shape
        self.lora_A = nn.Parameter(torch.randn(r, width) / width**0.5)
        self.lora_B = nn.Parameter(torch.zeros(out, r))

    def base(self) -> Tensor:
        out, width = self.shape
        codes = unpack(self.packed, out * width)
        flat = dequant_blocks(codes, self.absmax, nf4_levels(), self.block)
        return flat.reshape(out, width)

    def dequantized(self) -> Tensor:
        return self.base().to(self.compute_dtype)

    def forward(self, x: Tensor) -> Tensor:
        c = self.compute_dtype
        z = x.to(c)
        y = z @ self.dequantized().T
        if self.bias is not None:
            y = y + self.bias.to(c)
        y = y + self.scaling * (z @ self.lora_A.to(c).T @ self.lora_B.to(c).T)
        return y.to(x.dtype)

    def merged(self) -> Tensor:
        with torch.no_grad():
            return self.base() + self.scaling * (self.lora_B @ self.lora_A)
