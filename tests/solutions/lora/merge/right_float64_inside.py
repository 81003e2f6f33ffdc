"""Products in float64, rounded once to the dtype of the layer; the copy lives in a buffer; strategies in a helper function."""

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


def weight_change(layer: nn.Module, adapter: Adapter, transposed: bool) -> Tensor:
    A, B, alpha = adapter
    A, B = A.detach().double(), B.detach().double()
    product = torch.tensordot(B.reshape(B.shape[0], -1), A, dims=1) * alpha / A.shape[0]
    if transposed:
        product = product.transpose(0, 1)
    return product.to(layer.weight.dtype).contiguous()


class MergeableLoRA(nn.Module):
    def __init__(self, layer: nn.Module, adapters: dict[str, Adapter], fan_in_fan_out: bool = False) -> None:
        super().__init__()
        self.layer = layer
        self.adapters = adapters
        self.transposed = fan_in_fan_out or isinstance(layer, nn.Embedding)
        self.active = None
        self.merged = False
        self.register_buffer("clean", None, persistent=False)

    def delta(self, name: str) -> Tensor:
        return weight_change(self.layer, self.adapters[name], self.transposed)

    def forward(self, x: Tensor) -> Tensor:
        if self.merged or self.active is None:
            return self.layer(x)
        A, B, alpha = self.adapters[self.active]
        return self.layer(x) + (alpha / A.shape[0]) * side_path(self.layer, x, A, B)

    def merge(self) -> None:
        if self.merged:
            raise RuntimeError(f"{self.active} is merged already")
        if self.active is None:
            raise RuntimeError("no active adapter")
        with torch.no_grad():
            self.clean = self.layer.weight.detach().clone()
            self.layer.weight.add_(self.delta(self.active))
        self.merged = True

    def unmerge(self) -> None:
        if not self.merged:
            raise RuntimeError("not merged")
        with torch.no_grad():
            self.layer.weight.copy_(self.clean)
        self.clean, self.merged = None, False

    def switch(self, name: str | None) -> None:
        if name is not None and name not in self.adapters:
            raise KeyError(f"no adapter {name!r}")
        if self.merged:
            self.unmerge()
            self.active = name
            if name is not None:
                self.merge()
        else:
            self.active = name
