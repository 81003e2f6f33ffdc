"""Wrong: The whole quantizer, clamp and all, is left out of backward."""
# says: 1 everywhere

import torch
import torch.nn.functional as F
from torch import nn


def fake_quantize(x, clip, bits):
    if clip == 0:
        return torch.zeros_like(x)
    top = 2 ** (bits - 1) - 1
    s = clip / top
    return x + (s * torch.clamp(torch.round(x / s), -top, top) - x).detach()


def lsq(x, s, bits):
    top = 2 ** (bits - 1) - 1
    g = (x.numel() * top) ** -0.5
    s = g * s + (s - g * s).detach()
    v = (x / s).clamp(-top, top)
    return (v + (v.round() - v).detach()) * s


class QATLinear(nn.Module):
    def __init__(self, linear, bits, momentum):
        super().__init__()
        self.linear, self.bits, self.momentum = linear, bits, momentum
        self.register_buffer("clip", torch.zeros((), dtype=linear.weight.dtype))

    def forward(self, x):
        W = self.linear.weight
        if self.training:
            m = x.detach().abs().max()
            self.clip = m if self.clip == 0 else self.momentum * self.clip + (1 - self.momentum) * m
        return F.linear(fake_quantize(x, self.clip, self.bits), fake_quantize(W, W.detach().abs().max(), self.bits), self.linear.bias)
