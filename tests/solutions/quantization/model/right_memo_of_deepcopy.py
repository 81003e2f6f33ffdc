"""deepcopy is told beforehand what each layer becomes: its memo maps the old layers to the new ones."""

import copy
from itertools import chain

import torch
from torch import Tensor, nn


class Int8Linear(nn.Module):
    def __init__(self, codes: Tensor, scale: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        for name in ("codes", "scale", "bias"):
            self.register_buffer(name, locals()[name])

    def forward(self, x: Tensor) -> Tensor:
        y = torch.einsum("...i,oi->...o", x, self.codes.to(x)) * self.scale.squeeze(1)
        return y + self.bias if self.bias is not None else y


def quantize_linear(layer: nn.Linear) -> Int8Linear:
    with torch.no_grad():
        bias = None if layer.bias is None else layer.bias.clone().detach()
        rows = layer.weight.abs().max(dim=1, keepdim=True).values
        rows[rows == 0] = 127
        return Int8Linear((layer.weight * 127 / rows).round().to(torch.int8), rows / 127, bias)


def copy_with(model, chosen):
    return copy.deepcopy(model, {id(layer): quantize_linear(layer) for layer in chosen})


def quantize_model(model: nn.Module, skip: tuple[str, ...] = ("lm_head",)) -> nn.Module:
    everything = list(model.modules())
    spared = {m for name in skip if name in dict(model.named_modules(remove_duplicate=False))
              for m in model.get_submodule(name).modules()}

    def tied(layer):
        return any(layer.weight is p for m in everything if m is not layer for p in m._parameters.values())

    return copy_with(
        model, [m for m in everything if isinstance(m, nn.Linear) and m not in spared and not tied(m)]
    )


def load_quantized(model: nn.Module, state: dict[str, Tensor]) -> nn.Module:
    names = {key.removesuffix(".codes") for key in state if key.endswith(".codes")}
    out = copy_with(model, [m for n, m in model.named_modules() if n in names and type(m) is nn.Linear])
    out.load_state_dict(state, strict=True)
    return out


def size_bytes(model: nn.Module) -> int:
    return sum(t.nbytes for t in {id(t): t for t in chain(model.parameters(), model.buffers())}.values())


@torch.inference_mode()
def perplexity(model: nn.Module, tokens: Tensor) -> float:
    modes = {m: m.training for m in model.modules()}
    model.eval()
    logp = torch.log_softmax(model(tokens[:, :-1]).double(), -1)
    for m, mode in modes.items():
        m.training = mode
    return torch.exp(-logp.gather(-1, tokens[:, 1:].unsqueeze(-1)).mean()).item()
