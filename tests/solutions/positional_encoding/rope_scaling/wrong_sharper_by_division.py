"""Vectors become shorter by m."""
# says: The examples worked out by hand

import math

import torch


def inv_freq(d, theta):
    return 1.0 / theta ** (torch.arange(0, d, 2).double() / d)


def linear(d, factor, theta=10000.0):
    return inv_freq(d, theta) / factor


def ntk(d, factor, theta=10000.0):
    return inv_freq(d, theta * factor ** (d / (d - 2)))


def yarn(d, factor, length, theta=10000.0, fast=32.0, slow=1.0):
    extrapolated, interpolated = inv_freq(d, theta), inv_freq(d, theta) / factor
    rounds = length / (2 * math.pi / extrapolated)
    ramp = torch.clamp((rounds - slow) / (fast - slow), 0, 1)
    return interpolated * (1 - ramp) + extrapolated * ramp


def sharpness(factor):
    return 1 + math.log(factor) / 10


def rotate(x, pos, frequencies, m=1.0):
    angle = pos.unsqueeze(-1).double() * frequencies.double()
    cos, sin = angle.cos().repeat_interleave(2, -1) / m, angle.sin().repeat_interleave(2, -1) / m
    across = torch.stack((-x[..., 1::2], x[..., 0::2]), dim=-1).reshape(x.shape)
    return x * cos.to(x.dtype) + across * sin.to(x.dtype)
