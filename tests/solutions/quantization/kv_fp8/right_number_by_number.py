"""Number by number with math.frexp; buffers that double; attention as an online softmax over the tokens."""

import math

import torch


def code_of(x):
    if math.isnan(x):
        return 127
    sign = 128 if math.copysign(1.0, x) < 0 else 0
    x = min(abs(x), 448.0)
    if x < 2.0**-6:
        return sign + round(x * 512)
    mantissa, exponent = math.frexp(x)
    m = round(mantissa * 16)
    if m == 16:
        m, exponent = 8, exponent + 1
    return sign + 8 * (exponent - 1 + 7) + m - 8


def number_of(code):
    sign, code = (-1.0, code - 128) if code > 127 else (1.0, code)
    E, M = divmod(code, 8)
    if code == 127:
        return math.nan
    return sign * (M / 512 if E == 0 else math.ldexp(8 + M, E - 10))


def e4m3_encode(x):
    flat = [code_of(number) for number in x.flatten().tolist()]
    return torch.tensor(flat, dtype=torch.uint8).reshape(x.shape)


def e4m3_decode(codes):
    flat = [number_of(code) for code in codes.flatten().tolist()]
    return torch.tensor(flat, dtype=torch.float32).reshape(codes.shape)


def quantize_kv(x, kind):
    if kind == "int8":
        top, encode = 127, lambda y: y.round().to(torch.int8)
    else:
        top, encode = 448, e4m3_encode
    scale = x.abs().amax(-1, keepdim=True) / top
    scale[scale == 0] = 1
    return encode(x / scale), scale


def dequantize_kv(codes, scale):
    return (e4m3_decode(codes) if codes.dtype == torch.uint8 else codes.float()) * scale


class Buffer:
    """Room for twice as many tokens whenever it is full."""

    def __init__(self):
        self.data, self.used = None, 0

    def add(self, new):
        if self.data is None:
            self.data = torch.zeros(*new.shape[:2], 4, new.shape[3], dtype=new.dtype)
        while self.used + new.shape[2] > self.data.shape[2]:
            self.data = torch.cat((self.data, torch.zeros_like(self.data)), dim=2)
        self.data[:, :, self.used : self.used + new.shape[2]] = new
        self.used += new.shape[2]

    @property
    def filled(self):
        return self.data[:, :, : self.used]


class QuantKVCache:
    def __init__(self, kind):
        self.kind = kind
        self.k, self.v = (Buffer(), Buffer()), (Buffer(), Buffer())

    def append(self, k, v):
        for buffers, x in ((self.k, k), (self.v, v)):
            for buffer, new in zip(buffers, quantize_kv(x, self.kind)):
                buffer.add(new)

    def read(self):
        return tuple(dequantize_kv(codes.filled, scale.filled) for codes, scale in (self.k, self.v))

    def attend(self, q):
        K, V = self.read()
        best = torch.full((*q.shape[:-1], 1), -math.inf)
        total = torch.zeros_like(best)
        y = torch.zeros(*q.shape[:-1], V.shape[-1])
        for t in range(K.shape[2]):
            score = (q * K[:, :, t : t + 1]).sum(-1, keepdim=True) / math.sqrt(q.shape[-1])
            larger = torch.maximum(best, score)
            shrink, weight = torch.exp(best - larger), torch.exp(score - larger)
            total = total * shrink + weight
            y = y * shrink + weight * V[:, :, t : t + 1]
            best = larger
        return y / total

    def nbytes(self):
        return sum(b.filled.nbytes for pair in (self.k, self.v) for b in pair if b.data is not None)
