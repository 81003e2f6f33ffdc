"""Style: a number at a time, with values as constants and gradients carried by differences of 0."""

import torch
from torch import nn


def pieces(x, s, q_max):
    values, inside, slopes = [], [], []
    for number in x.detach().reshape(-1).tolist():
        v = number / s
        code = min(max(round(v), -q_max), q_max)
        values.append(code * s)
        inside.append(1.0 if abs(number) <= s * q_max else 0.0)
        slopes.append(code - v if abs(v) < q_max else code)
    return [torch.tensor(part, dtype=x.dtype).reshape(x.shape) for part in (values, inside, slopes)]


def fake_quantize(x, clip, bits):
    if clip == 0:
        return torch.zeros_like(x)
    q_max = 2 ** (bits - 1) - 1
    values, inside, _ = pieces(x, clip.item() / q_max, q_max)
    return values + inside * (x - x.detach())


def lsq(x, s, bits):
    q_max = 2 ** (bits - 1) - 1
    values, inside, slopes = pieces(x, s.item(), q_max)
    factor = 1.0 / (x.nelement() * q_max) ** 0.5
    return values + inside * (x - x.detach()) + slopes * factor * (s - s.detach())


class QATLinear(nn.Module):
    def __init__(self, linear, bits, momentum):
        super().__init__()
        self.linear = linear
        self.settings = bits, momentum
        self.register_buffer("clip", torch.zeros_like(linear.weight[0, 0]).detach())

    def forward(self, x):
        bits, keep = self.settings
        if self.training:
            m = x.detach().abs().max()
            old = self.clip.clone()
            self.clip.copy_(keep * old + (1 - keep) * m if old > 0 else m)
        W = self.linear.weight
        y = torch.matmul(fake_quantize(x, self.clip, bits), fake_quantize(W, W.abs().max().detach(), bits).transpose(0, 1))
        if self.linear.bias is not None:
            y = y + self.linear.bias
        return y
