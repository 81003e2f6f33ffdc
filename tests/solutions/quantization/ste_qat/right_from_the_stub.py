"""Two autograd functions that say forward and backward outright, and a layer that uses the first twice."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Straight(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, clip, q_max):
        s = clip / q_max
        ctx.save_for_backward(x.abs() <= clip)
        if s == 0:
            return torch.zeros_like(x)
        return s * (x / s).round().clamp(-q_max, q_max)

    @staticmethod
    def backward(ctx, grad):
        (inside,) = ctx.saved_tensors
        return grad * inside, None, None


class LearnedStep(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, s, q_max):
        ratio = x / s
        code = ratio.round().clamp(-q_max, q_max)
        inside = ratio.abs() <= q_max
        n = x.numel()
        ctx.save_for_backward(inside, torch.where(inside, code - ratio, code))
        ctx.factor = 1 / math.sqrt(n * q_max)
        return s * code

    @staticmethod
    def backward(ctx, grad):
        inside, by_s = ctx.saved_tensors
        return grad * inside, ctx.factor * (grad * by_s).sum(), None


def fake_quantize(x: Tensor, clip: Tensor, bits: int) -> Tensor:
    return Straight.apply(x, clip.detach(), 2 ** (bits - 1) - 1)


def lsq(x: Tensor, s: Tensor, bits: int) -> Tensor:
    return LearnedStep.apply(x, s, 2 ** (bits - 1) - 1)


class QATLinear(nn.Module):
    def __init__(self, linear: nn.Linear, bits: int, momentum: float) -> None:
        super().__init__()
        self.linear = linear
        self.bits = bits
        self.momentum = momentum
        self.register_buffer("clip", torch.zeros((), dtype=linear.weight.dtype))

    @torch.no_grad()
    def observe(self, x: Tensor) -> None:
        largest = x.abs().max()
        if self.clip == 0:
            self.clip = largest
        else:
            self.clip = self.momentum * self.clip + (1 - self.momentum) * largest

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.observe(x)
        x_hat = fake_quantize(x, self.clip, self.bits)
        weight = self.linear.weight
        w_hat = fake_quantize(weight, weight.abs().max(), self.bits)
        return F.linear(x_hat, w_hat, self.linear.bias)
