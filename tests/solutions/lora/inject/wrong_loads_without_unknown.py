"""A missing key raises of itself, an unknown one is not noticed."""
# says: sees that a key is missing, but not that one is unknown

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
    names, hits, done = [], 0, {}
    inside = [m.base for m in model.modules() if isinstance(m, LoRALinear)]
    for name, module in list(model.named_modules(remove_duplicate=False)):
        if not name or not fits(name, targets) or any(module is base for base in inside):
            continue
        hits += isinstance(module, (nn.Linear, LoRALinear))
        if isinstance(module, nn.Linear):
            if id(module) not in done:
                done[id(module)] = LoRALinear(module, r, alpha)
            path = name.split(".")
            setattr(model.get_submodule(".".join(path[:-1])), path[-1], done[id(module)])
            names.append(name)
    if hits == 0:
        raise ValueError("no layer fits " + repr(targets))
    for parameter in model.parameters():
        parameter.requires_grad = False
    for module in model.modules():
        if isinstance(module, LoRALinear):
            module.lora_A.requires_grad = True
            module.lora_B.requires_grad = True
    return names


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
    values = {name: state[name] for name in adapter_state(model)}
    for name, value in values.items():
        model.get_parameter(name).data.copy_(value)
