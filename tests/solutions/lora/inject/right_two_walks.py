"""First a plan of parents and attributes, then the replacing; the state by way of state_dict."""

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


def inject(model: nn.Module, targets: str | list[str], r: int, alpha: float) -> list[str]:
    pattern = targets if isinstance(targets, str) else "|".join(rf"(.*\.)?{re.escape(t)}" for t in targets)
    plan, matched = [], False

    def look(parent: nn.Module, prefix: str) -> None:
        nonlocal matched
        for attribute, child in parent._modules.items():
            name = prefix + attribute
            hit = re.fullmatch(pattern, name) is not None
            if isinstance(child, nn.Linear) and hit:
                plan.append((parent, attribute, child, name))
            matched = matched or (hit and isinstance(child, nn.Linear | LoRALinear))
            if not isinstance(child, nn.Linear | LoRALinear):
                look(child, name + ".")

    look(model, "")
    if not matched:
        raise ValueError(pattern)
    model.requires_grad_(False)
    adapters = {child: LoRALinear(child, r, alpha) for child in {item[2]: 0 for item in plan}}
    for parent, attribute, child, _ in plan:
        parent.add_module(attribute, adapters[child])
    for module in model.modules():
        if isinstance(module, LoRALinear):
            for parameter in module.parameters(recurse=False):
                parameter.requires_grad_()
    return [item[3] for item in plan]


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
    if adapter_state(model).keys() ^ state.keys():
        raise KeyError("the keys do not fit")
    unexpected = model.load_state_dict(state, strict=False).unexpected_keys
    assert not unexpected
