"""A whole model in int8: the solution, known mistakes, other right solutions."""

import copy
import math
from collections import Counter

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from grader.marks import alternative, mistake


class Int8Linear(nn.Module):
    """Wu et al. (2020): int8 weights with a scale for each output. The products are scaled, not the weights."""

    def __init__(self, codes: Tensor, scale: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.register_buffer("codes", codes)
        self.register_buffer("scale", scale)
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        y = x @ self.codes.to(x.dtype).T * self.scale[:, 0]
        return y if self.bias is None else y + self.bias


def quantize_linear(layer: nn.Linear) -> Int8Linear:
    W = layer.weight.detach()
    m = W.abs().amax(1, keepdim=True)
    scale = torch.where(m > 0, m / 127, 1.0)
    codes = torch.round(W / scale).to(torch.int8)
    return Int8Linear(codes, scale, None if layer.bias is None else layer.bias.detach())


def _linear_layers(model: nn.Module) -> list[tuple[str, nn.Linear]]:
    """All places of all linear layers. A layer in two places is there twice."""
    modules = model.named_modules(remove_duplicate=False)
    return [(name, module) for name, module in modules if isinstance(module, nn.Linear)]


def _exchange(model: nn.Module, places: list[tuple[str, nn.Linear]]) -> None:
    """Put one Int8Linear for each of these layers into all of its places."""
    made = {layer: quantize_linear(layer) for _, layer in places}
    for name, layer in places:
        model.set_submodule(name, made[layer])


def quantize_model(model: nn.Module, skip: tuple[str, ...] = ("lm_head",)) -> nn.Module:
    model = copy.deepcopy(model)  # as a whole: what is shared in it stays shared
    owners = Counter(p for module in model.modules() for p in module.parameters(recurse=False))
    spared = tuple(f"{name}." for name in skip)
    places = [
        (name, layer)
        for name, layer in _linear_layers(model)
        if owners[layer.weight] == 1 and not f"{name}.".startswith(spared)
    ]
    _exchange(model, places)
    return model


def load_quantized(model: nn.Module, state: dict[str, Tensor]) -> nn.Module:
    model = copy.deepcopy(model)
    _exchange(model, [(name, layer) for name, layer in _linear_layers(model) if f"{name}.codes" in state])
    model.load_state_dict(state)
    return model


def size_bytes(model: nn.Module) -> int:
    # Both iterators give each tensor once, however many modules hold it.
    return sum(t.numel() * t.element_size() for t in [*model.parameters(), *model.buffers()])


@torch.no_grad()
def perplexity(model: nn.Module, tokens: Tensor) -> float:
    training = model.training
    model.eval()
    logits = model(tokens[:, :-1])
    model.train(training)
    return math.exp(F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten()))


# What the mistakes below share: the solution in parts that can be exchanged.


def _codes(x, axes=1, top=127, rounding=torch.round, guard=True):
    """Codes and scales, where numbers along `axes` share a scale."""
    m = x.abs().amax(axes, keepdim=True)
    scale = torch.where(m > 0, m / top, 1.0) if guard else m / top
    return rounding(x / scale).clamp(-128, 127).to(torch.int8), scale


def _bias(layer):
    return None if layer.bias is None else layer.bias.detach()


def _spared(name, skip):
    return any(f"{name}.".startswith(f"{s}.") for s in skip)


def _tied(model):
    """The parameters that belong to several modules."""
    owners = Counter(p for module in model.modules() for p in module.parameters(recurse=False))
    return {p for p, count in owners.items() if count > 1}


def _quantize(model, skip, *, spared=_spared, named=None, tied=_tied, once=True, copied=True):
    model = copy.deepcopy(model) if copied else model
    kept = tied(model)
    modules = list(named(model) if named else model.named_modules(remove_duplicate=False))
    made = {}
    for name, layer in modules:
        if isinstance(layer, nn.Linear) and layer.weight not in kept and not spared(name, skip):
            if layer not in made or not once:
                made[layer] = quantize_linear(layer)
            model.set_submodule(name, made[layer])
    return model


def _losses(model, tokens, predicted=None, evaluated=True, put_back=True):
    """-ln p of every token that is predicted."""
    training = model.training
    if evaluated:
        model.eval()
    with torch.no_grad():
        logits = model(tokens[:, :-1])
    if put_back:
        model.train(training)
    return F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:] if predicted is None else predicted, reduction="none")


# Mistakes: the layer.


@mistake(
    "The scales are not saved: you keep them as a plain attribute, which `state_dict()` does not see. What is loaded "
    "again has codes and no idea how large they are. Register them as a buffer.",
    of="Int8Linear",
    hint=1,
)
class ScaleNotSaved(nn.Module):
    def __init__(self, codes, scale, bias):
        super().__init__()
        self.register_buffer("codes", codes)
        self.scale = scale
        self.register_buffer("bias", bias)

    def forward(self, x):
        y = x @ self.codes.to(x.dtype).T * self.scale[:, 0]
        return y if self.bias is None else y + self.bias


@mistake(
    "Nothing of your layer is saved: codes, scale and bias are plain attributes, which `state_dict()` does not see. "
    "Register them as buffers.",
    of="Int8Linear",
    hint=1,
)
class NothingSaved(nn.Module):
    def __init__(self, codes, scale, bias):
        super().__init__()
        self.codes, self.scale, self.bias = codes, scale, bias

    def forward(self, x):
        y = x @ self.codes.to(x.dtype).T * self.scale[:, 0]
        return y if self.bias is None else y + self.bias


@mistake(
    "The scale and the bias of your Int8Linear are parameters, so an optimiser would train them. They are buffers, as "
    "the codes are.",
    of="Int8Linear",
    hint=1,
)
class TrainedScale(nn.Module):
    def __init__(self, codes, scale, bias):
        super().__init__()
        self.register_buffer("codes", codes)
        self.scale = nn.Parameter(scale)
        self.bias = None if bias is None else nn.Parameter(bias)

    def forward(self, x):
        y = x @ self.codes.to(x.dtype).T * self.scale[:, 0]
        return y if self.bias is None else y + self.bias


@mistake(
    "The bias of your Int8Linear is a parameter, so an optimiser would train it. It is a buffer, as codes and scale are.",
    of="Int8Linear",
    hint=1,
)
class TrainedBias(nn.Module):
    def __init__(self, codes, scale, bias):
        super().__init__()
        self.register_buffer("codes", codes)
        self.register_buffer("scale", scale)
        self.bias = None if bias is None else nn.Parameter(bias)

    def forward(self, x):
        y = x @ self.codes.to(x.dtype).T * self.scale[:, 0]
        return y if self.bias is None else y + self.bias


@mistake(
    "Your codes are rounded, but kept as floats: the layer takes as many bytes as before. Keep them in int8, and convert "
    "them only for the product in forward.",
    of="Int8Linear",
    hint=1,
)
class CodesAsFloats(nn.Module):
    def __init__(self, codes, scale, bias):
        super().__init__()
        self.register_buffer("codes", codes.to(scale.dtype))
        self.register_buffer("scale", scale)
        self.register_buffer("bias", bias)

    def forward(self, x):
        y = x @ self.codes.T * self.scale[:, 0]
        return y if self.bias is None else y + self.bias


@mistake(
    "You make the weight in floats once, when the layer is built, and compute with that: it takes four times the bytes of "
    "the codes, and when other codes are loaded the layer goes on with the old ones. Compute from the buffers in forward.",
    of="Int8Linear",
    hint=1,
)
class WeightMadeOnce(nn.Module):
    def __init__(self, codes, scale, bias):
        super().__init__()
        self.register_buffer("codes", codes)
        self.register_buffer("scale", scale)
        self.register_buffer("bias", bias)
        self.weight = codes * scale

    def forward(self, x):
        return F.linear(x, self.weight, self.bias)


@mistake(
    "You keep the weight in floats as a buffer beside the codes: the layer and its file have become larger, not "
    "smaller. Codes, scale and bias are all that it holds.",
    of="Int8Linear",
    hint=1,
)
class WeightKept(nn.Module):
    def __init__(self, codes, scale, bias):
        super().__init__()
        self.register_buffer("codes", codes)
        self.register_buffer("scale", scale)
        self.register_buffer("bias", bias)
        self.register_buffer("weight", codes * scale)

    def forward(self, x):
        return F.linear(x, self.codes * self.scale, self.bias)


@mistake("Your forward drops the bias.", of="Int8Linear.forward", hint=3)
def bias_dropped(self, x):
    return x @ self.codes.to(x.dtype).T * self.scale[:, 0]


@mistake(
    "Your forward multiplies the bias by the scale too. It is not quantized: it is added after the products were scaled.",
    of="Int8Linear.forward",
    hint=3,
)
def bias_scaled(self, x):
    y = x @ self.codes.to(x.dtype).T
    return (y if self.bias is None else y + self.bias) * self.scale[:, 0]


@mistake(
    "Your forward computes with the codes and leaves out the scale: a weight is scale · code.",
    of="Int8Linear.forward",
    hint=3,
)
def scale_left_out(self, x):
    return F.linear(x, self.codes.to(x.dtype), self.bias)


@mistake(
    "You convert x to int8 in order to multiply it by the codes: that cuts off all its fractions. Convert the codes to "
    "the dtype of x.",
    of="Int8Linear.forward",
    hint=3,
)
def input_cut_off(self, x):
    y = x.to(torch.int8).to(x.dtype) @ self.codes.to(x.dtype).T * self.scale[:, 0]
    return y if self.bias is None else y + self.bias


@mistake(
    "No gradient passes through your layer: forward runs under no_grad, or detaches x. The codes need none, but what "
    "lies before the layer (an adapter, say) does.",
    of="Int8Linear.forward",
    hint=3,
)
def no_gradient(self, x):
    with torch.no_grad():
        return F.linear(x, self.codes * self.scale, self.bias)


@mistake(
    "You round x to int8 as well. Here only the weights have codes; x is multiplied as it is.",
    of="Int8Linear.forward",
    hint=3,
)
def input_rounded(self, x):
    q, scale = _codes(x.detach().reshape(-1, x.shape[-1]))
    x = x + ((q * scale).reshape(x.shape) - x).detach()
    return F.linear(x, self.codes * self.scale, self.bias)


# Mistakes: from a linear layer.


class _WithItsLayer(Int8Linear):
    def forward(self, x):
        return self.layer[0](x)


@mistake(
    "Your layer has codes, but computes with the weight in floats that it was made from: nothing is saved, and what is "
    "measured is the old model. Forward has nothing but codes, scale and bias.",
    of="quantize_linear",
    hint=1,
)
def float_fallback(layer):
    codes, scale = _codes(layer.weight.detach())
    made = _WithItsLayer(codes, scale, _bias(layer))
    made.layer = [layer]
    return made


@mistake(
    "One scale for the whole weight: the layer has one for each output, that is for each row of the weight.",
    of="quantize_linear",
    hint=2,
)
def per_tensor(layer):
    codes, scale = _codes(layer.weight.detach(), (0, 1))
    scale = scale.expand(layer.out_features, 1).clone()
    return Int8Linear(codes, scale, _bias(layer))


@mistake(
    "One scale for the whole weight, of shape (1, 1): the layer has one for each output, that is for each row of the weight.",
    of="quantize_linear",
    hint=2,
)
def one_scale(layer):
    codes, scale = _codes(layer.weight.detach(), (0, 1))
    return Int8Linear(codes, scale, _bias(layer))


@mistake(
    "Wrong axis: you have a scale for each input. A row of the weight is an output, and each row has its scale.",
    of="quantize_linear",
    hint=2,
)
def scale_for_each_input(layer):
    codes, scale = _codes(layer.weight.detach(), 0)
    return Int8Linear(codes, scale, _bias(layer))


@mistake(
    "You cut the fraction off where it should be rounded: a cast to an integer dtype does that.",
    of="quantize_linear",
    hint=2,
)
def truncated(layer):
    codes, scale = _codes(layer.weight.detach(), rounding=torch.trunc)
    return Int8Linear(codes, scale, _bias(layer))


@mistake(
    "You divide by 128. The codes end at 127, so that as many lie below 0 as above, and the largest magnitude gets 127.",
    of="quantize_linear",
    hint=2,
)
def top_128(layer):
    codes, scale = _codes(layer.weight.detach(), top=128)
    return Int8Linear(codes, scale, _bias(layer))


@mistake(
    "A row of zeros gets the scale 0, and its codes come from 0 / 0. Its scale is 1.",
    of="quantize_linear",
    hint=2,
)
def zero_scale(layer):
    codes, scale = _codes(layer.weight.detach(), guard=False)
    return Int8Linear(codes, scale, _bias(layer))


@mistake(
    "You keep the scales above a small number, so as never to divide by 0: a row of zeros gets this scale. Its scale is 1.",
    of="quantize_linear",
    hint=2,
)
def scale_with_floor(layer):
    W = layer.weight.detach()
    scale = (W.abs().amax(1, keepdim=True) / 127).clamp(min=1e-8)
    return Int8Linear(torch.round(W / scale).to(torch.int8), scale, _bias(layer))


@mistake("A layer without a bias fails: its bias is None, and stays None.", of="quantize_linear", hint=2)
def bias_needed(layer):
    codes, scale = _codes(layer.weight.detach())
    return Int8Linear(codes, scale, layer.bias.detach())


@mistake("`quantize_linear` loses the bias of the layer.", of="quantize_linear", hint=2)
def bias_lost(layer):
    codes, scale = _codes(layer.weight.detach())
    return Int8Linear(codes, scale, None)


@mistake(
    "You round the bias to int8, too. It is a handful of numbers, added last: it stays as it was.",
    of="quantize_linear",
    hint=2,
)
def bias_rounded(layer):
    codes, scale = _codes(layer.weight.detach())
    if layer.bias is None:
        return Int8Linear(codes, scale, None)
    q, s = _codes(layer.bias.detach()[None])
    return Int8Linear(codes, scale, (q * s)[0])


@mistake(
    "Your scales are float32, or your layer is, whatever the weight's dtype. They have that of the weight.",
    of="quantize_linear",
    hint=2,
)
def always_float32(layer):
    codes, scale = _codes(layer.weight.detach())
    return Int8Linear(codes, scale.float(), None if layer.bias is None else layer.bias.detach().float())


# Mistakes: the model.


@mistake(
    "`skip` is not heeded: the output layer is in int8 as well. What `skip` names stays as it is.",
    of="quantize_model",
    hint=3,
)
def skip_ignored(model, skip=("lm_head",)):
    return _quantize(model, skip, spared=lambda name, skip: False)


@mistake(
    "You compare `skip` with the last part of a layer's name. It is the whole dotted name that counts: `lm_head` is not "
    "`blocks.second.lm_head`.",
    of="quantize_model",
    hint=3,
)
def last_part_only(model, skip=("lm_head",)):
    return _quantize(model, skip, spared=lambda name, skip: name.rpartition(".")[2] in skip)


@mistake(
    "You spare a layer if any *part* of its name is in `skip`. They are whole dotted names, counted from the model: `lm_head` "
    "is not `blocks.second.lm_head`.",
    of="quantize_model",
    hint=3,
)
def any_part(model, skip=("lm_head",)):
    return _quantize(model, skip, spared=lambda name, skip: not {*skip}.isdisjoint(name.split(".")))


@mistake(
    "You look for the names of `skip` anywhere in a layer's name. They are whole dotted names: the layer's own, or "
    "of a module that it lies in.",
    of="quantize_model",
    hint=3,
)
def substring(model, skip=("lm_head",)):
    return _quantize(model, skip, spared=lambda name, skip: any(s in name for s in skip))


@mistake(
    "You spare whatever *ends* like a name of `skip`. They are whole dotted names, counted from the model: `lm_head` is "
    "not `blocks.second.lm_head`.",
    of="quantize_model",
    hint=3,
)
def suffix(model, skip=("lm_head",)):
    return _quantize(model, skip, spared=lambda name, skip: any(f".{name}".endswith(f".{s}") for s in skip))


@mistake(
    "You spare whatever *begins* like a name of `skip`: `up` spares `up_too`. A name that goes on after it has to go on "
    "with a dot.",
    of="quantize_model",
    hint=3,
)
def prefix_without_dot(model, skip=("lm_head",)):
    return _quantize(model, skip, spared=lambda name, skip: name.startswith(tuple(skip)))


@mistake(
    "You spare only layers that `skip` names themselves. It may name a module higher up, such as a block: then all "
    "layers in it are spared.",
    of="quantize_model",
    hint=3,
)
def named_layers_only(model, skip=("lm_head",)):
    return _quantize(model, skip, spared=lambda name, skip: name in skip)


@mistake(
    "You look at the model's direct children only. Most layers lie further down: walk over all modules, with their "
    "dotted names.",
    of="quantize_model",
    hint=3,
)
def children_only(model, skip=("lm_head",)):
    return _quantize(model, skip, named=lambda model: model.named_children())


@mistake(
    "You exchange the layers of the model that was given. It is needed in floats still, to compare with: work on a copy.",
    of="quantize_model",
    hint=3,
)
def in_place(model, skip=("lm_head",)):
    return _quantize(model, skip, copied=False)


@mistake(
    "You quantize a layer whose weight is tied. The embedding still needs the floats, so the codes come on top, and the "
    "two are no longer one: a tied layer is left as it is.",
    of="quantize_model",
    hint=4,
)
def tied_quantized(model, skip=("lm_head",)):
    return _quantize(model, skip, tied=lambda model: set())


@mistake(
    "You look for tied weights among the embeddings only. A weight may be shared with any other module: count how many "
    "modules own it.",
    of="quantize_model",
    hint=4,
)
def tied_to_embeddings_only(model, skip=("lm_head",)):
    return _quantize(model, skip, tied=lambda model: {m.weight for m in model.modules() if isinstance(m, nn.Embedding)})


@mistake(
    "What was tied comes apart: embedding and output layer have a weight of their own each in your copy. Copy the model as "
    "a whole, then exchange layers in the copy.",
    of="quantize_model",
    hint=4,
)
def tie_torn(model, skip=("lm_head",)):
    model = _quantize(model, skip)
    for tied in _tied(model):
        for module in model.modules():
            for name, parameter in list(module.named_parameters(recurse=False)):
                if parameter is tied:
                    setattr(module, name, nn.Parameter(parameter.detach().clone()))
    return model


@mistake(
    "A layer that stands in several places is exchanged in one of them only: `named_modules()` names each module once. "
    "The other places still hold the layer in floats.",
    of="quantize_model",
    hint=4,
)
def one_place_of_several(model, skip=("lm_head",)):
    return _quantize(model, skip, named=lambda model: model.named_modules())


@mistake(
    "A layer that stands in several places becomes several Int8Linear: its codes are held more than once. Make one, and "
    "put it in all the places.",
    of="quantize_model",
    hint=4,
)
def several_of_one(model, skip=("lm_head",)):
    return _quantize(model, skip, once=False)


@mistake(
    "You round the embedding as well. It is no linear layer and stays as it is.",
    of="quantize_model",
    hint=3,
)
def embedding_rounded(model, skip=("lm_head",)):
    model = _quantize(model, skip)
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            codes, scale = _codes(module.weight.detach())
            module.weight.data.copy_(codes * scale)
    return model


# Mistakes: loading.


@mistake(
    "You load with `strict=False`: a key that is missing or unknown passes in silence, and the layer keeps the values of "
    "the model that was given. It has to raise RuntimeError.",
    of="load_quantized",
    hint=4,
)
def not_strict(model, state):
    model = copy.deepcopy(model)
    _exchange(model, [(name, layer) for name, layer in _linear_layers(model) if f"{name}.codes" in state])
    model.load_state_dict(state, strict=False)
    return model


@mistake(
    "You make the model int8, but load nothing into it: it has the codes of the model that was given, not those of "
    "`state`.",
    of="load_quantized",
    hint=4,
)
def state_not_loaded(model, state):
    model = copy.deepcopy(model)
    _exchange(model, [(name, layer) for name, layer in _linear_layers(model) if f"{name}.codes" in state])
    return model


@mistake(
    "You turn the codes back into floats and load those: the model is as large as before. The layers for which `state` has "
    "codes are Int8Linear.",
    of="load_quantized",
    hint=4,
)
def back_to_floats(model, state):
    model = copy.deepcopy(model)
    floats = {name: value for name, value in state.items() if not name.endswith((".codes", ".scale"))}
    for name, codes in state.items():
        if name.endswith(".codes"):
            floats[name.removesuffix("codes") + "weight"] = codes * state[name.removesuffix("codes") + "scale"]
    model.load_state_dict(floats)
    return model


@mistake(
    "You quantize with the default `skip` before you load. The state may have been made with another one: its keys tell "
    "which layers have codes.",
    of="load_quantized",
    hint=4,
)
def default_skip(model, state):
    model = _quantize(model, ("lm_head",))
    model.load_state_dict(state)
    return model


@mistake(
    "You quantize every linear layer before you load. Some were spared, or tied: the keys of `state` tell which layers "
    "have codes.",
    of="load_quantized",
    hint=4,
)
def nothing_spared(model, state):
    model = _quantize(model, (), tied=lambda model: set())
    model.load_state_dict(state)
    return model


@mistake(
    "You load before the layers are exchanged: the model in floats has no place for codes and scales. Exchange first, then "
    "load.",
    of="load_quantized",
    hint=4,
)
def loaded_first(model, state):
    model = copy.deepcopy(model)
    model.load_state_dict(state)
    _exchange(model, [(name, layer) for name, layer in _linear_layers(model) if f"{name}.codes" in state])
    return model


@mistake(
    "You load into the model that was given. It is to stay as it is: work on a copy.",
    of="load_quantized",
    hint=4,
)
def loaded_in_place(model, state):
    _exchange(model, [(name, layer) for name, layer in _linear_layers(model) if f"{name}.codes" in state])
    model.load_state_dict(state)
    return model


# Mistakes: the size.


@mistake(
    "You count how many numbers there are, not their bytes: a float32 takes four.",
    of="size_bytes",
    hint=3,
)
def numbers_counted(model):
    return sum(t.numel() for t in [*model.parameters(), *model.buffers()])


@mistake(
    "You count four bytes for every number. A code takes one, a float64 eight: ask each tensor.",
    of="size_bytes",
    hint=3,
)
def four_bytes_each(model):
    return 4 * sum(t.numel() for t in [*model.parameters(), *model.buffers()])


@mistake(
    "You count parameters only. Codes and scales are buffers, and the running means of a norm are, too.",
    of="size_bytes",
    hint=3,
)
def parameters_only(model):
    return sum(t.numel() * t.element_size() for t in model.parameters())


@mistake(
    "You leave out the scales. They are in memory and in the file like everything else.",
    of="size_bytes",
    hint=3,
)
def scales_left_out(model):
    buffers = [t for name, t in model.named_buffers() if not name.endswith("scale")]
    return sum(t.numel() * t.element_size() for t in [*model.parameters(), *buffers])


@mistake(
    "You add up the tensors of `state_dict()`: it names a tied weight twice, and leaves out buffers that are not saved. Each "
    "tensor counts once.",
    of="size_bytes",
    hint=3,
)
def size_of_state(model):
    return sum(t.numel() * t.element_size() for t in model.state_dict().values())


@mistake(
    "Your size leaves out buffers that are not saved (`persistent=False`). They are not in the file, but take memory all "
    "the same.",
    of="size_bytes",
    hint=3,
)
def only_what_is_saved(model):
    tensors = {t.data_ptr(): t for t in model.state_dict().values()}
    return sum(t.numel() * t.element_size() for t in tensors.values())


@mistake(
    "What is used in two places counts twice for you. A tied weight is one tensor, and counts once.",
    of="size_bytes",
    hint=3,
)
def counted_at_each_place(model):
    places = [*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)]
    return sum(t.numel() * t.element_size() for _, t in places)


# Mistakes: perplexity.


@mistake(
    "You compare the logits of a place with the token *at* this place, which the model has seen. They are about the token "
    "after it.",
    of="perplexity",
    hint=3,
)
def not_shifted(model, tokens):
    return math.exp(_losses(model, tokens, tokens[:, :-1]).mean())


@mistake("That is the mean loss. Perplexity is exp of it.", of="perplexity", hint=3)
def without_exp(model, tokens):
    return float(_losses(model, tokens).mean())


@mistake(
    "You take 2 to the power of a loss that is in natural logarithms: it has to be exp.",
    of="perplexity",
    hint=3,
)
def two_to_the_loss(model, tokens):
    return float(2 ** _losses(model, tokens).mean())


@mistake(
    "You turn the loss into bits and then take exp. Natural logarithms and exp belong together, bits and powers of 2.",
    of="perplexity",
    hint=3,
)
def exp_of_bits(model, tokens):
    return math.exp(_losses(model, tokens).mean() / math.log(2))


@mistake(
    "You take exp of the *sum* of the losses: a longer text gets a larger perplexity. It is their mean over all tokens.",
    of="perplexity",
    hint=3,
)
def exp_of_sum(model, tokens):
    return float(_losses(model, tokens).sum().exp())


@mistake(
    "You take exp of every token's loss and average that. The mean comes first, then exp: it is a geometric mean.",
    of="perplexity",
    hint=3,
)
def mean_of_exps(model, tokens):
    return float(_losses(model, tokens).exp().mean())


@mistake(
    "You work out a perplexity for each row and average those. The mean of the losses runs over all tokens of all rows, then "
    "comes exp.",
    of="perplexity",
    hint=3,
)
def mean_over_rows(model, tokens):
    return float(_losses(model, tokens).mean(1).exp().mean())


@mistake(
    "You average the probabilities and take one over that. It is their logarithms that are averaged.",
    of="perplexity",
    hint=3,
)
def mean_probability(model, tokens):
    return float(1 / (-_losses(model, tokens)).exp().mean())


@mistake(
    "You measure at the last place of each row only. Every place predicts the token after it, and all of them count.",
    of="perplexity",
    hint=3,
)
def last_place_only(model, tokens):
    return math.exp(_losses(model, tokens)[:, -1].mean())


@mistake(
    "You give probabilities to `cross_entropy`. It takes logits and does the softmax itself: yours is done twice.",
    of="perplexity",
    hint=3,
)
def softmax_twice(model, tokens):
    training = model.training
    model.eval()
    with torch.no_grad():
        p = model(tokens[:, :-1]).softmax(-1)
    model.train(training)
    return math.exp(F.cross_entropy(p.flatten(0, 1), tokens[:, 1:].flatten()))


@mistake(
    "You divide the sum of the losses by all tokens. The first of each row was not predicted: it is not counted.",
    of="perplexity",
    hint=3,
)
def first_tokens_counted(model, tokens):
    return math.exp(_losses(model, tokens).sum() / tokens.numel())


@mistake(
    "Dropout is at work while you measure. Put the model into evaluation first.",
    of="perplexity",
    hint=3,
)
def dropout_at_work(model, tokens):
    return math.exp(_losses(model, tokens, evaluated=False, put_back=False).mean())


@mistake(
    "You leave the model in evaluation: who goes on training it does so without dropout. Put it back into the mode that "
    "it was in.",
    of="perplexity",
    hint=3,
)
def left_in_evaluation(model, tokens):
    return math.exp(_losses(model, tokens, put_back=False).mean())


@mistake(
    "Afterwards you always put the model into training. If it was in evaluation before, it stays there.",
    of="perplexity",
    hint=3,
)
def left_in_training(model, tokens):
    found = math.exp(_losses(model, tokens).mean())
    model.train()
    return found


# Other right solutions.


@alternative("the weight in floats for the time of a forward", of="Int8Linear")
class WeightInForward(nn.Module):
    codes: Tensor
    scale: Tensor

    def __init__(self, codes, scale, bias):
        super().__init__()
        for name, tensor in (("codes", codes), ("scale", scale), ("bias", bias)):
            self.register_buffer(name, tensor)

    def forward(self, x):
        return F.linear(x, self.scale * self.codes, self.bias)


@alternative("output by output, in a loop", of="Int8Linear.forward")
def by_loop(self, x):
    outputs = []
    for i, row in enumerate(self.codes):
        y = (x * (row * self.scale[i])).sum(-1)
        outputs.append(y if self.bias is None else y + self.bias[i])
    return torch.stack(outputs, -1)


@alternative("by recursion over the children, with a memory of what was made", of="quantize_model")
def by_recursion(model, skip=("lm_head",)):
    model = copy.deepcopy(model)
    owners = {}
    for module in model.modules():
        for p in module._parameters.values():
            if p is not None:
                owners.setdefault(id(p), set()).add(id(module))
    made = {}

    def visit(parent, path):
        for attribute, child in parent._modules.items():
            here = f"{path}{attribute}"
            if child is None or here in skip:
                continue
            if isinstance(child, nn.Linear) and child not in made and len(owners[id(child.weight)]) == 1:
                made[child] = quantize_linear(child)
            if child in made:
                setattr(parent, attribute, made[child])
            else:
                visit(child, here + ".")

    visit(model, "")
    return model


@alternative("key by key into parameters and buffers, after the keys were compared", of="load_quantized")
def by_assignment(model, state):
    out = copy.deepcopy(model)
    for name, module in list(out.named_modules(remove_duplicate=False)):
        if name + ".codes" in state and isinstance(module, nn.Linear):
            parent, _, last = name.rpartition(".")
            setattr(out.get_submodule(parent), last, quantize_linear(module))
    own = out.state_dict()
    if own.keys() != state.keys():
        raise RuntimeError(f"keys that do not fit: {sorted(own.keys() ^ state.keys())}")
    for name, tensor in own.items():
        tensor.copy_(state[name])
    return out


@alternative("a dict by identity", of="size_bytes")
def size_by_identity(model):
    seen = {}
    for module in model.modules():
        for tensor in [*module._parameters.values(), *module._buffers.values()]:
            if tensor is not None:
                seen[id(tensor)] = tensor.nbytes
    return sum(seen.values())


@alternative("log-probabilities gathered, all tokens in", of="perplexity")
def gathered(model, tokens):
    mode, _ = model.training, model.eval()
    with torch.inference_mode():
        logp = model(tokens)[:, :-1].log_softmax(-1)
        chosen = logp.gather(2, tokens[:, 1:, None])
    model.train(mode)
    return chosen.mean().neg().exp().item()


@alternative("token by token, in plain Python", of="perplexity")
def token_by_token(model, tokens):
    mode = model.training
    model.train(False)
    total, count = 0.0, 0
    for row in tokens:
        logits = model(row[None]).detach()[0].double()
        for t in range(len(row) - 1):
            total += float(torch.logsumexp(logits[t], 0) - logits[t, row[t + 1]])
            count += 1
    model.train(mode)
    return math.e ** (total / count)
