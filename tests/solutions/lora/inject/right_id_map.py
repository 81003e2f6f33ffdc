"""All places of every layer are gathered by identity first; parameters are taken from the owners."""

import math
import re

import torch
from torch import Tensor, nn


class LoRALinear(nn.Module):
    def __init__(self, base: nn.Linear, r: int, alpha: float) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.lora_A = nn.Parameter(torch.empty(r, base.in_features, dtype=base.weight.dtype))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r, dtype=base.weight.dtype))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))
        self.scaling = alpha / r

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + self.scaling * (x @ self.lora_A.T @ self.lora_B.T)


def fits(name: str, targets: str | list[str]) -> bool:
    if isinstance(targets, str):
        return bool(re.fullmatch(targets, name))
    return any(f".{name}".endswith(f".{target}") for target in targets)


def inject(model: nn.Module, targets: str | list[str], r: int, alpha: float) -> list[str]:
    wrapped = [name for name, m in model.named_modules(remove_duplicate=False) if isinstance(m, LoRALinear)]
    places: dict[nn.Linear, list[str]] = {}
    order = []
    for name, module in model.named_modules(remove_duplicate=False):
        if isinstance(module, nn.Linear) and name and name.removesuffix(".base") not in wrapped and fits(name, targets):
            places.setdefault(module, []).append(name)
            order.append(name)
    if not places and not any(fits(name, targets) for name in wrapped):
        raise ValueError(targets)
    for layer, names in places.items():
        adapter = LoRALinear(layer, r, alpha)
        for name in names:
            parent, _, last = name.rpartition(".")
            model.get_submodule(parent)._modules[last] = adapter
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            parameter.requires_grad_(isinstance(module, LoRALinear) and name.startswith("lora_"))
    return order


def trainable_stats(model: nn.Module) -> tuple[int, int]:
    trained = total = 0
    for parameter in set(model.parameters()):
        total += parameter.numel()
        if parameter.requires_grad:
            trained += parameter.numel()
    return trained, total


def adapter_state(model: nn.Module) -> dict[str, Tensor]:
    out = {}
    for name, module in model.named_modules():
        if isinstance(module, LoRALinear):
            prefix = name + "." if name else ""
            out[prefix + "lora_A"] = module.lora_A.detach().clone()
            out[prefix + "lora_B"] = module.lora_B.detach().clone()
    return out


def load_adapter(model: nn.Module, state: dict[str, Tensor]) -> None:
    mine = set(adapter_state(model))
    if mine != set(state):
        raise KeyError(", ".join(mine ^ set(state)))
    for name, value in state.items():
        model.get_parameter(name).data.copy_(value)
