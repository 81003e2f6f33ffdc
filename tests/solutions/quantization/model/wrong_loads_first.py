"""The state is loaded before the layers are exchanged."""
# says: You load before the layers are exchanged

import copy
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Int8Linear(nn.Module):
    def __init__(self, codes: Tensor, scale: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.register_buffer("codes", codes)
        self.register_buffer("scale", scale)
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.codes.to(self.scale.dtype) * self.scale
        return F.linear(x, weight, self.bias)


def quantize_linear(layer: nn.Linear) -> Int8Linear:
    weight = layer.weight.data
    scale = weight.abs().amax(dim=1, keepdim=True) / 127
    scale[scale == 0] = 1.0
    codes = torch.round(weight / scale).to(torch.int8)
    bias = None
    if layer.bias is not None:
        bias = layer.bias.data.clone()
    return Int8Linear(codes, scale, bias)


def replace(model: nn.Module, name: str, new: nn.Module) -> None:
    *parents, last = name.split(".")
    for parent in parents:
        model = getattr(model, parent)
    setattr(model, last, new)


def quantize_model(model: nn.Module, skip: tuple[str, ...] = ("lm_head",)) -> nn.Module:
    model = copy.deepcopy(model)
    owners = {}
    for module in model.modules():
        for parameter in module.parameters(recurse=False):
            owners[parameter] = owners.get(parameter, 0) + 1
    todo = []
    for name, module in model.named_modules(remove_duplicate=False):
        if not isinstance(module, nn.Linear):
            continue
        spared = False
        for s in skip:
            if name == s or name.startswith(s + "."):
                spared = True
        if not spared and owners[module.weight] == 1:
            todo.append((name, module))
    new = {}
    for name, module in todo:
        if module not in new:
            new[module] = quantize_linear(module)
        replace(model, name, new[module])
    return model


def load_quantized(model: nn.Module, state: dict[str, Tensor]) -> nn.Module:
    model = copy.deepcopy(model)
    model.load_state_dict(state)
    for name, module in list(model.named_modules(remove_duplicate=False)):
        if isinstance(module, nn.Linear) and name + ".codes" in state:
            replace(model, name, quantize_linear(module))
    model.load_state_dict(state)
    return model


def size_bytes(model: nn.Module) -> int:
    total = 0
    for tensor in list(model.parameters()) + list(model.buffers()):
        total += tensor.numel() * tensor.element_size()
    return total


def perplexity(model: nn.Module, tokens: Tensor) -> float:
    was_training = model.training
    model.eval()
    with torch.no_grad():
        logits = model(tokens)[:, :-1]
        loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), tokens[:, 1:].reshape(-1))
    model.train(was_training)
    return math.exp(loss.item())
