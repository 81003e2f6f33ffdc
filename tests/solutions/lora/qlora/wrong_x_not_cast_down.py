"""x stays in its own dtype, and the weight is cast to it: compute_dtype is used for the weight alone."""

import torch
from quantization.double_quant import compress_absmax, dequant_double
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
        flat = dequant_double(
            codes, self.absmax_q, self.absmax_scale, self.absmax_mean, nf4_levels(), self.block, self.outer
        )
        return flat.reshape(self.out, self.inp)

    def dequantized(self) -> Tensor:
        return self.full().to(self.dtype)

    def forward(self, x: Tensor) -> Tensor:
        h = x
        y = h @ self.dequantized().to(h.dtype).T
        if self.bias is not None:
            y = y + self.bias.to(h.dtype)
        y = y + self.s * (h @ self.lora_A.to(h.dtype).T @ self.lora_B.to(h.dtype).T)
        return y.to(x.dtype)

    def merged(self) -> Tensor:
        return (self.full() + self.s * self.lora_B @ self.lora_A).detach()
