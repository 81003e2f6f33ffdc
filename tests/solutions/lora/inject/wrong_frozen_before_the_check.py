"""Wrong: the model is frozen before it is known whether anything matches."""
# says: Nothing matched and you raise, but after you froze the model

import math
import re
from collections.abc import Iterator

import torch
from torch import Tensor, nn


class LoRALinear(nn.Module):
    """Given: W₀ x + b + (α / r) · B A x with a frozen base; A random, B zero."""

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
        return re.fullmatch(targets, name) is not None
    return any(name == t or name.endswith("." + t) for t in targets)


def places(module: nn.Module, prefix: str = "") -> Iterator[tuple[nn.Module, str, str, nn.Module]]:
    """Holder, attribute, dotted name and module of every place, without looking into adapters."""
    if isinstance(module, LoRALinear):
        return
    for attribute, child in module._modules.items():
        if child is not None:
            name = prefix + attribute
            yield module, attribute, name, child
            yield from places(child, name + ".")


def inject(model: nn.Module, targets: str | list[str], r: int, alpha: float) -> list[str]:
    fitting = [place for place in places(model) if fits(place[2], targets)]
    to_wrap = [place for place in fitting if isinstance(place[3], nn.Linear)]
    model.requires_grad_(False)
    if not to_wrap and not any(isinstance(place[3], LoRALinear) for place in fitting):
        raise ValueError(f"no linear layer matches {targets!r}")

    adapter_of = {m.base: m for m in model.modules() if isinstance(m, LoRALinear)}
    for holder, attribute, _, linear in to_wrap:
        if linear not in adapter_of:
            adapter_of[linear] = LoRALinear(linear, r, alpha)
        setattr(holder, attribute, adapter_of[linear])

    for adapter in [m for m in model.modules() if isinstance(m, LoRALinear)]:
        adapter.lora_A.requires_grad_(True)
        adapter.lora_B.requires_grad_(True)
    return [name for _, _, name, _ in to_wrap]


def trainable_stats(model: nn.Module) -> tuple[int, int]:
    parameters = list(model.parameters())
    return sum(p.numel() for p in parameters if p.requires_grad), sum(p.numel() for p in parameters)


def factors(model: nn.Module) -> dict[str, nn.Parameter]:
    found: dict[str, nn.Parameter] = {}
    seen = set()
    for name, module in model.named_modules():
        if isinstance(module, LoRALinear):
            for factor in ("lora_A", "lora_B"):
                parameter = getattr(module, factor)
                if parameter not in seen:
                    seen.add(parameter)
                    found[f"{name}.{factor}" if name else factor] = parameter
    return found


def adapter_state(model: nn.Module) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in factors(model).items()}


def load_adapter(model: nn.Module, state: dict[str, Tensor]) -> None:
    mine = factors(model)
    if mine.keys() != state.keys():
        raise KeyError(f"missing or unknown: {sorted(mine.keys() ^ state.keys())}")
    with torch.no_grad():
        for name, parameter in mine.items():
            parameter.copy_(state[name])
