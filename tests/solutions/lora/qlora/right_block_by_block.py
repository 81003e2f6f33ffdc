"""The constants are restored by themselves, and the numbers put together block by block, in tables of rows."""

import torch
import torch.nn.functional as F
from quantization.double_quant import compress_absmax, restore_absmax
from quantization.nf4 import nf4_levels, pack, quantize_blocks, unpack
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
        self.out, self.inp = linear.weight.shape
        self.block, self.outer, self.s, self.dtype = block, outer, alpha / r, compute_dtype
        codes, absmax = quantize_blocks(linear.weight.detach().to(torch.float32), nf4_levels(), block)
        q, scale, mean = compress_absmax(absmax, outer)
        self.register_buffer("packed", pack(codes))
        self.register_buffer("absmax_q", q)
        self.register_buffer("absmax_scale", scale)
        self.register_buffer("absmax_mean", mean)
        bias = linear.bias
        self.register_buffer("bias", None if bias is None else bias.detach().clone().float())
        self.lora_A = nn.Parameter(torch.randn(r, self.inp) * 0.02)
        self.lora_B = nn.Parameter(torch.zeros(self.out, r))

    def full(self) -> Tensor:
        codes = unpack(self.packed, self.out * self.inp)
        absmax = restore_absmax(self.absmax_q, self.absmax_scale, self.absmax_mean, self.outer)
        flat = codes.new_empty(codes.shape, dtype=torch.float32)
        levels = nf4_levels().tolist()
        for i, code in enumerate(codes.tolist()):
            flat[i] = levels[code] * absmax[i // self.block]
        return flat.reshape(self.out, self.inp)

    def dequantized(self) -> Tensor:
        return self.full().to(self.dtype)

    def forward(self, x: Tensor) -> Tensor:
        h = x.to(self.dtype)
        y = F.linear(h, self.dequantized(), None if self.bias is None else self.bias.to(self.dtype))
        y = y + self.s * (h @ self.lora_A.to(self.dtype).T @ self.lora_B.to(self.dtype).T)
        return y.to(x.dtype)

    def merged(self) -> Tensor:
        return (self.full() + self.s * self.lora_B @ self.lora_A).detach()
