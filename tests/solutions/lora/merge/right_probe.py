"""delta() probes the given side path with unit inputs, and so needs no layout by layer but where the weight puts outputs."""

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
        self.layer, self.adapters, self.fan_in_fan_out = layer, adapters, fan_in_fan_out
        self.active: str | None = None
        self.backup: Tensor | None = None

    @property
    def merged(self) -> bool:
        return self.backup is not None

    def delta(self, name: str) -> Tensor:
        A, B, alpha = self.adapters[name]
        with torch.no_grad():
            if isinstance(self.layer, nn.Embedding):
                change = side_path(self.layer, torch.arange(self.layer.num_embeddings), A, B)
            elif isinstance(self.layer, nn.Conv2d):
                _r, i, h, w = A.shape
                change = (B.flatten(1) @ A.flatten(1)).reshape(B.shape[0], i, h, w)
            else:
                rows = side_path(self.layer, torch.eye(A.shape[1], dtype=A.dtype), A, B)
                change = rows if self.fan_in_fan_out else rows.T
            return change * (alpha / A.shape[0])

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        if self.active is not None and not self.merged:
            A, B, alpha = self.adapters[self.active]
            y = y + side_path(self.layer, x, A, B) * (alpha / len(A))
        return y

    def merge(self) -> None:
        if self.merged or self.active is None:
            raise RuntimeError("merge() needs an active adapter that is not merged")
        self.backup = self.layer.weight.detach().clone()
        self.layer.weight.data.add_(self.delta(self.active))

    def unmerge(self) -> None:
        if self.backup is None:
            raise RuntimeError("unmerge() without merge()")
        self.layer.weight.data.copy_(self.backup)
        self.backup = None

    def switch(self, name: str | None) -> None:
        if name is not None:
            self.adapters[name]
        again = self.merged
        if again:
            self.unmerge()
        self.active = name
        if again and name is not None:
            self.merge()
