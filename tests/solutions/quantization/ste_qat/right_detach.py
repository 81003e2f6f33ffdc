"""Style: a rounding that is straight-through, and everything else left to autograd."""

import torch
from torch import nn


def ste_round(v):
    return v + (torch.round(v) - v).detach()


def scale_gradient(t, g):
    return (t - g * t).detach() + g * t


def fake_quantize(x, clip, bits):
    if float(clip) == 0.0:
        return x * 0
    step = clip.detach() / (2 ** (bits - 1) - 1)
    return ste_round(torch.minimum(torch.maximum(x.detach(), -clip), clip) / step).detach() * step + torch.where(
        x.abs() <= clip, x - x.detach(), torch.zeros_like(x)
    )


def lsq(x, s, bits):
    q = 2 ** (bits - 1) - 1
    s = scale_gradient(s, 1 / (x.numel() * q) ** 0.5)
    return ste_round((x / s).clamp(min=-q, max=q)) * s


class QATLinear(nn.Module):
    def __init__(self, linear, bits, momentum):
        super().__init__()
        self.register_buffer("clip", torch.tensor(0.0, dtype=linear.weight.dtype))
        self.linear, self.bits, self.momentum = linear, bits, momentum

    @torch.no_grad()
    def observe(self, x):
        new = x.abs().max()
        self.clip = new if self.clip == 0 else self.momentum * self.clip + (1 - self.momentum) * new

    def forward(self, x):
        if self.training:
            self.observe(x)
        weight = fake_quantize(self.linear.weight, self.linear.weight.data.abs().max(), self.bits)
        y = fake_quantize(x, self.clip, self.bits) @ weight.T
        return y + self.linear.bias if self.linear.bias is not None else y
