"""By log2, normal and subnormal apart; four tensors that grow."""

import torch
import torch.nn.functional as F
from torch import Tensor


def e4m3_encode(x: Tensor) -> Tensor:
    sign = torch.signbit(x).to(torch.int32)
    mag = torch.nan_to_num(x.abs(), nan=0.0, posinf=448.0).clamp(max=448.0)
    is_sub = mag < 2**-6
    sub = torch.round(mag * 512).to(torch.int32)

    safe = torch.where(is_sub, torch.ones_like(mag), mag)
    e = torch.floor(torch.log2(safe))
    e = torch.where(torch.exp2(e) > safe, e - 1, e)
    frac = safe / torch.exp2(e) - 1
    M = torch.round(frac * 8).to(torch.int32)
    E = e.to(torch.int32) + 7
    E = torch.where(M == 8, E + 1, E)
    M = torch.where(M == 8, torch.zeros_like(M), M)
    normal = (E << 3) | M

    code = (sign << 7) | torch.where(is_sub, sub, normal)
    code[torch.isnan(x)] = 0x7F
    return code.to(torch.uint8)


def e4m3_decode(codes: Tensor) -> Tensor:
    c = codes.to(torch.int64)
    sign = 1.0 - 2.0 * (c >> 7).float()
    E, M = (c >> 3) & 0xF, c & 0x7
    value = torch.where(E > 0, torch.ldexp(1 + M.float() / 8, E - 7), torch.ldexp(M.float() / 8, torch.tensor(-6)))
    value = sign * value
    value[(c & 0x7F) == 0x7F] = float("nan")
    return value


def quantize_kv(x: Tensor, kind: str) -> tuple[Tensor, Tensor]:
    top = {"int8": 127.0, "e4m3": 448.0}[kind]
    scale = x.abs().max(dim=-1, keepdim=True).values / top
    scale = scale.masked_fill(scale == 0, 1.0)
    if kind == "int8":
        return torch.clamp(torch.round(x / scale), -127, 127).to(torch.int8), scale
    return e4m3_encode(x / scale), scale


def dequantize_kv(codes: Tensor, scale: Tensor) -> Tensor:
    if codes.dtype == torch.int8:
        return codes.float() * scale
    return e4m3_decode(codes) * scale


class QuantKVCache:
    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.k_codes = self.k_scale = self.v_codes = self.v_scale = None

    def append(self, k: Tensor, v: Tensor) -> None:
        kc, ks = quantize_kv(k, self.kind)
        vc, vs = quantize_kv(v, self.kind)
        if self.k_codes is None:
            self.k_codes, self.k_scale, self.v_codes, self.v_scale = kc, ks, vc, vs
        else:
            self.k_codes = torch.cat([self.k_codes, kc], dim=-2)
            self.k_scale = torch.cat([self.k_scale, ks], dim=-2)
            self.v_codes = torch.cat([self.v_codes, vc], dim=-2)
            self.v_scale = torch.cat([self.v_scale, vs], dim=-2)

    def read(self) -> tuple[Tensor, Tensor]:
        return dequantize_kv(self.k_codes, self.k_scale), dequantize_kv(self.v_codes, self.v_scale)

    def attend(self, q: Tensor) -> Tensor:
        K, V = self.read()
        return F.scaled_dot_product_attention(q, K, V)

    def nbytes(self) -> int:
        if self.k_codes is None:
            return 0
        codes = self.k_codes.numel() + self.v_codes.numel()
        return codes + 4 * (self.k_scale.numel() + self.v_scale.numel())
