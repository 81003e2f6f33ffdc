"""A walk down the tree; the tensors of a loaded layer come out of the state at once; NLL summed row by row."""

import copy
from math import exp

import torch
from torch import Tensor, nn


class Int8Linear(nn.Module):
    def __init__(self, codes: Tensor, scale: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.register_buffer("codes", codes.clone())
        self.register_buffer("scale", scale.clone())
        self.register_buffer("bias", bias if bias is None else bias.clone())

    def forward(self, x: Tensor) -> Tensor:
        out = torch.matmul(x, self.codes.T.to(dtype=x.dtype)).mul(self.scale.T.squeeze(0))
        if self.bias is not None:
            out = out.add(self.bias)
        return out


def quantize_linear(layer: nn.Linear) -> Int8Linear:
    weight = layer.weight.detach()
    s = torch.stack([row.norm(float("inf")) for row in weight]).div(127).unsqueeze(1)
    s = s.masked_fill(s == 0, 1)
    q = weight.div(s).round().char()
    return Int8Linear(q, s, getattr(layer.bias, "data", None))


def walk(parent: nn.Module, change, prefix=""):
    """Replace every child for which change(name, child) gives something, below too."""
    for key in list(parent._modules):
        child = parent._modules[key]
        if child is None:
            continue
        new = change(prefix + key, child)
        if new is not None:
            parent._modules[key] = new
        else:
            walk(child, change, prefix + key + ".")


def quantize_model(model: nn.Module, skip: tuple[str, ...] = ("lm_head",)) -> nn.Module:
    model = copy.deepcopy(model)
    uses: dict[int, int] = {}
    for module in model.modules():
        for p in module._parameters.values():
            uses[id(p)] = uses.get(id(p), 0) + 1
    cache: dict[nn.Module, Int8Linear] = {}

    def change(name, child):
        parts = name.split(".")
        inside = {".".join(parts[: i + 1]) for i in range(len(parts))}
        if not isinstance(child, nn.Linear) or inside & set(skip) or uses[id(child.weight)] > 1:
            return None
        return cache.setdefault(child, quantize_linear(child))

    walk(model, change)
    return model


def load_quantized(model: nn.Module, state: dict[str, Tensor]) -> nn.Module:
    model = copy.deepcopy(model)

    def change(name, child):
        if name + ".codes" in state and name + ".scale" in state:
            bias = None if child.bias is None else state.get(name + ".bias")
            return Int8Linear(state[name + ".codes"], state[name + ".scale"], bias)
        return None

    before = set(model.state_dict())
    walk(model, change)
    wanted = {key for key in before if key.removesuffix(".weight") + ".codes" not in state}
    if set(state) - set(model.state_dict()) or wanted - set(state):
        raise RuntimeError("the keys do not fit")
    model.load_state_dict(state)
    return model


def size_bytes(model: nn.Module) -> int:
    seen: list[Tensor] = []
    for module in model.modules():
        for tensor in [*module.parameters(recurse=False), *module.buffers(recurse=False)]:
            if not any(tensor is other for other in seen):
                seen.append(tensor)
    return sum(t.numel() * t.itemsize for t in seen)


def perplexity(model: nn.Module, tokens: Tensor) -> float:
    mode = model.training
    try:
        model.eval()
        nll = 0.0
        for row in tokens.split(1):
            logits = model(row)[0, :-1].detach()
            nll += float((logits.logsumexp(-1) - logits[torch.arange(len(logits)), row[0, 1:]]).sum())
    finally:
        model.train(mode)
    return exp(nll / tokens[:, 1:].numel())
