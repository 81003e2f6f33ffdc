"""Wrong: The codes are detached, so that s sees them and not the division."""
# says: round(x / s) alone

import torch
import torch.nn.functional as F
from torch import nn


def fake_quantize(x, clip, bits):
    if clip == 0:
        return torch.zeros_like(x)
    s = clip / (2 ** (bits - 1) - 1)
    c = x.clamp(-clip, clip)
    return c + (s * torch.round(c / s) - c).detach()


def lsq(x, s, bits):
    top = 2 ** (bits - 1) - 1
    g = (x.numel() * top) ** -0.5
    s_ = g * s + (s - g * s).detach()
    q = (x / s).round().clamp(-top, top).detach()
    inside = (x.detach().abs() <= s.detach() * top).to(x.dtype)
    return q * s_ + inside * (x - x.detach())


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
