"""The copies lie in a dictionary of the class, by adapter name: two layers overwrite one another's."""
# says: Two layers with adapters of the same names are merged and

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
    copies: dict = {}

    def __init__(self, layer: nn.Module, adapters: dict[str, Adapter], fan_in_fan_out: bool = False) -> None:
        super().__init__()
        self.layer = layer
        self.adapters = adapters
        self.fan_in_fan_out = fan_in_fan_out
        self.active = None
        self.merged = False
        self.saved = None

    @torch.no_grad()
    def delta(self, name: str) -> Tensor:
        A, B, alpha = self.adapters[name]
        scale = alpha / A.shape[0]
        if isinstance(self.layer, nn.Conv2d):
            return scale * torch.einsum("or,rihw->oihw", B[:, :, 0, 0], A)
        if isinstance(self.layer, nn.Embedding) or self.fan_in_fan_out:
            return scale * (B @ A).T
        return scale * (B @ A)

    def forward(self, x: Tensor) -> Tensor:
        out = self.layer(x)
        if self.active is None or self.merged:
            return out
        A, B, alpha = self.adapters[self.active]
        return out + alpha / A.shape[0] * side_path(self.layer, x, A, B)

    @torch.no_grad()
    def merge(self) -> None:
        if self.merged:
            raise RuntimeError("an adapter is merged already")
        if self.active is None:
            raise RuntimeError("no adapter is active")
        delta = self.delta(self.active)
        self.copies[self.active] = self.layer.weight.clone()
        self.layer.weight += delta
        self.merged = True

    @torch.no_grad()
    def unmerge(self) -> None:
        if not self.merged:
            raise RuntimeError("nothing is merged")
        self.layer.weight.copy_(self.copies[self.active])
        self.saved = None
        self.merged = False

    def switch(self, name: str | None) -> None:
        if name is not None and name not in self.adapters:
            raise KeyError(name)
        was_merged = self.merged
        if was_merged:
            self.unmerge()
        self.active = name
        if was_merged and name is not None:
            self.merge()
