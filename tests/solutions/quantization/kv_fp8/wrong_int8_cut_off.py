"""int8 codes are cut off by the conversion."""
# says: cut off towards zero

import math

import torch
from torch import Tensor


def e4m3_encode(x: Tensor) -> Tensor:
    size = x.abs().clamp(max=448)
    exponent = torch.floor(torch.log2(size.clamp(min=2**-6)))
    steps = torch.round(size / torch.exp2(exponent - 3))
    codes = (exponent + 6) * 8 + steps
    codes = codes + 128 * torch.signbit(x)
    codes = torch.where(torch.isnan(x), torch.full_like(codes, 127), codes)
    return codes.to(torch.uint8)


def e4m3_decode(codes: Tensor) -> Tensor:
    codes = codes.to(torch.int32)
    sign = torch.where(codes >= 128, -1.0, 1.0)
    exponent = (codes >> 3) & 15
    mantissa = (codes & 7) / 8
    normal = (1 + mantissa) * torch.exp2(exponent - 7.0)
    subnormal = mantissa * 2**-6
    x = sign * torch.where(exponent == 0, subnormal, normal)
    return torch.where((codes & 127) == 127, torch.full_like(x, torch.nan), x)


def quantize_kv(x: Tensor, kind: str) -> tuple[Tensor, Tensor]:
    largest = x.abs().amax(dim=-1, keepdim=True)
    top = 127 if kind == "int8" else 448
    scale = largest / top
    scale = torch.where(largest == 0, torch.ones_like(scale), scale)
    if kind == "int8":
        return (x / scale).to(torch.int8), scale
    return e4m3_encode(x / scale), scale


def dequantize_kv(codes: Tensor, scale: Tensor) -> Tensor:
    if codes.dtype == torch.uint8:
        return e4m3_decode(codes) * scale
    return codes * scale


class QuantKVCache:
    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.keys = []
        self.values = []

    def append(self, k: Tensor, v: Tensor) -> None:
        self.keys.append(quantize_kv(k, self.kind))
        self.values.append(quantize_kv(v, self.kind))

    def read(self) -> tuple[Tensor, Tensor]:
        K = torch.cat([dequantize_kv(codes, scale) for codes, scale in self.keys], dim=2)
        V = torch.cat([dequantize_kv(codes, scale) for codes, scale in self.values], dim=2)
        return K, V

    def attend(self, q: Tensor) -> Tensor:
        K, V = self.read()
        scores = q @ K.transpose(-1, -2) / math.sqrt(q.shape[-1])
        weights = torch.softmax(scores, dim=-1)
        return weights @ V

    def nbytes(self) -> int:
        total = 0
        for codes, scale in self.keys + self.values:
            total += codes.nbytes + scale.nbytes
        return total
