"""forward() always adds the change of the weight by functional calls; switch() swaps weights without unmerge() and merge()."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Adapter = tuple[Tensor, Tensor, float]


class Conv1D(nn.Module):
    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) * 0.02)
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight + self.bias


def side_path(layer: nn.Module, x: Tensor, A: Tensor, B: Tensor) -> Tensor:
    if isinstance(layer, nn.Embedding):
        return F.embedding(x, A.T) @ B.T
    if isinstance(layer, nn.Conv2d):
        inner = F.conv2d(x, A, stride=layer.stride, padding=layer.padding, dilation=layer.dilation)
        return F.conv2d(inner, B)
    return F.linear(F.linear(x, A), B)


class MergeableLoRA(nn.Module):
    def __init__(self, layer: nn.Module, adapters: dict[str, Adapter], fan_in_fan_out: bool = False) -> None:
        super().__init__()
        self.layer = layer
        self.adapters = adapters
        self.fan_in_fan_out = fan_in_fan_out
        self.active = None
        self.merged = False
        self._original = None

    def delta(self, name: str) -> Tensor:
        with torch.no_grad():
            A, B, alpha = self.adapters[name]
            if A.dim() == 4:
                product = sum(B[:, j, 0, 0].view(-1, 1, 1, 1) * A[j] for j in range(A.shape[0]))
            else:
                product = sum(torch.outer(B[:, j], A[j]) for j in range(A.shape[0]))
                if self.fan_in_fan_out or isinstance(self.layer, nn.Embedding):
                    product = product.t()
            return (alpha / A.shape[0]) * product

    def forward(self, x: Tensor) -> Tensor:
        if self.active is None or self.merged:
            return self.layer(x)
        with torch.no_grad():
            weight = self.layer.weight + self.delta(self.active)
        return torch.func.functional_call(self.layer, {"weight": weight}, (x,))

    def _set(self, weight: Tensor) -> None:
        with torch.no_grad():
            self.layer.weight.copy_(weight)

    def merge(self) -> None:
        if self.merged:
            raise RuntimeError("already merged")
        if self.active is None:
            raise RuntimeError("no adapter is active")
        self._original = self.layer.weight.detach().clone()
        self._set(self._original + self.delta(self.active))
        self.merged = True

    def unmerge(self) -> None:
        if not self.merged:
            raise RuntimeError("not merged")
        self._set(self._original)
        self._original = None
        self.merged = False

    def switch(self, name: str | None) -> None:
        if not (name is None or name in self.adapters):
            raise KeyError(name)
        if self.merged:
            if name is None:
                self.unmerge()
            else:
                self._set(self._original + self.delta(name))
        self.active = name
