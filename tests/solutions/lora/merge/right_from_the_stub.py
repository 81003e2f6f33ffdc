"""B A by one product of flattened factors, turned where the weight stores inputs first; unmerging copies the kept weight back."""

import torch
import torch.nn.functional as F
from torch import nn


class Conv1D(nn.Module):
    """Given: GPT-2's linear layer, which stores its weight as (in, out) and computes x W + b."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) * 0.02)
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x):
        return x @ self.weight + self.bias


def side_path(layer, x, A, B):
    """Given: B A x for the kind of `layer`, unscaled, shaped like layer(x)."""
    if isinstance(layer, nn.Embedding):
        return F.embedding(x, A.T) @ B.T
    if isinstance(layer, nn.Conv2d):
        inner = F.conv2d(x, A, stride=layer.stride, padding=layer.padding, dilation=layer.dilation)
        return F.conv2d(inner, B)
    return F.linear(F.linear(x, A), B)


class MergeableLoRA(nn.Module):
    def __init__(self, layer, adapters, fan_in_fan_out=False):
        super().__init__()
        self.layer = layer
        self.adapters = adapters
        self.fan_in_fan_out = fan_in_fan_out
        self.active = None
        self.merged = False
        self._kept = None

    @torch.no_grad()
    def delta(self, name):
        A, B, alpha = self.adapters[name]
        weight = self.layer.weight
        product = B.double().flatten(1) @ A.double().flatten(1) * (alpha / A.shape[0])
        if self.fan_in_fan_out or isinstance(self.layer, nn.Embedding):
            product = product.T
        return product.reshape(weight.shape).to(weight.dtype)

    def forward(self, x):
        out = self.layer(x)
        if self.active is None or self.merged:
            return out
        A, B, alpha = self.adapters[self.active]
        return out + (alpha / A.shape[0]) * side_path(self.layer, x, A, B)

    @torch.no_grad()
    def merge(self):
        if self.merged:
            raise RuntimeError("an adapter is merged already")
        if self.active is None:
            raise RuntimeError("no adapter is active")
        change = self.delta(self.active)
        self._kept = self.layer.weight.detach().clone()
        self.layer.weight.add_(change)
        self.merged = True

    @torch.no_grad()
    def unmerge(self):
        if not self.merged:
            raise RuntimeError("no adapter is merged")
        self.layer.weight.copy_(self._kept)
        self._kept = None
        self.merged = False

    def switch(self, name):
        if name is not None and name not in self.adapters:
            raise KeyError(name)
        was_merged = self.merged
        if was_merged:
            self.unmerge()
        self.active = name
        if was_merged and name is not None:
            self.merge()
