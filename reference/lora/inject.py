"""Putting LoRA into a model: the solution, known mistakes, other right solutions."""

import copy
import re

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grader.marks import alternative, mistake


class LoRALinear(nn.Module):
    """W₀ x + b + (α / r) · B A x with a frozen base; A random, B zero."""

    def __init__(self, base: nn.Linear, r: int, alpha: float) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        W0 = base.weight
        self.lora_A = nn.Parameter(W0.new_empty(r, base.in_features))
        self.lora_B = nn.Parameter(W0.new_zeros(base.out_features, r))
        nn.init.kaiming_normal_(self.lora_A)
        self.scaling = alpha / r

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + self.scaling * F.linear(F.linear(x, self.lora_A), self.lora_B)


def _matches(name: str, targets: str | list[str]) -> bool:
    if isinstance(targets, str):
        return re.fullmatch(targets, name) is not None
    return any(name == target or name.endswith("." + target) for target in targets)


def inject(model: nn.Module, targets: str | list[str], r: int, alpha: float) -> list[str]:
    """Hu et al. (2021), section 4.2: adapt the chosen weight matrices, freeze all the rest."""
    # One module may have several names: all of them are places. The list is made before anything is replaced.
    modules = list(model.named_modules(remove_duplicate=False))
    ours = {module.base for _, module in modules if isinstance(module, LoRALinear)}
    found = [(name, module) for name, module in modules if name and module not in ours and _matches(name, targets)]
    if not any(isinstance(module, nn.Linear | LoRALinear) for _, module in found):
        raise ValueError(f"no linear layer matches {targets!r}")
    places = [(name, module) for name, module in found if isinstance(module, nn.Linear)]
    wrapped: dict[nn.Module, LoRALinear] = {}
    for name, layer in places:
        if layer not in wrapped:
            wrapped[layer] = LoRALinear(layer, r, alpha)
        parent, _, attribute = name.rpartition(".")
        setattr(model.get_submodule(parent), attribute, wrapped[layer])
    model.requires_grad_(False)
    for factor in _factors(model).values():
        factor.requires_grad_(True)
    return [name for name, _ in places]


def _factors(model: nn.Module) -> dict[str, nn.Parameter]:
    """The adapters' parameters by their first names."""
    return {
        f"{name}.{which}".removeprefix("."): getattr(module, which)
        for name, module in model.named_modules()
        if isinstance(module, LoRALinear)
        for which in ("lora_A", "lora_B")
    }


def trainable_stats(model: nn.Module) -> tuple[int, int]:
    parameters = list(model.parameters())  # each once, however many modules use it
    return sum(p.numel() for p in parameters if p.requires_grad), sum(p.numel() for p in parameters)


def adapter_state(model: nn.Module) -> dict[str, Tensor]:
    return {name: factor.detach().clone() for name, factor in _factors(model).items()}


def load_adapter(model: nn.Module, state: dict[str, Tensor]) -> None:
    factors = _factors(model)
    if factors.keys() != state.keys():
        raise KeyError("not the keys of this model's adapters")
    with torch.no_grad():
        for name, factor in factors.items():
            factor.copy_(state[name])


# What the mistakes below share: the solution in parts that can be exchanged.


def _freeze_all_but_factors(model):
    model.requires_grad_(False)
    for factor in _factors(model).values():
        factor.requires_grad_(True)


def _inject(model, targets, r, alpha, *, matches=_matches, named=None, freeze=_freeze_all_but_factors,
            inner=False, check=True):  # fmt: skip
    modules = list(named(model) if named else model.named_modules(remove_duplicate=False))
    ours = set() if inner else {module.base for _, module in modules if isinstance(module, LoRALinear)}
    found = [(name, module) for name, module in modules if name and module not in ours and matches(name, targets)]
    if check and not any(isinstance(module, nn.Linear | LoRALinear) for _, module in found):
        raise ValueError("nothing matches")
    places = [(name, module) for name, module in found if isinstance(module, nn.Linear)]
    wrapped = {}
    for name, layer in places:
        if layer not in wrapped:
            wrapped[layer] = LoRALinear(layer, r, alpha)
        parent, _, attribute = name.rpartition(".")
        setattr(model.get_submodule(parent), attribute, wrapped[layer])
    freeze(model)
    return [name for name, _ in places]


# Mistakes: which layers.


@mistake(
    "You wrap every linear layer, whatever `targets` says: the output layer gets an adapter too. Only "
    "layers whose name matches are wrapped.",
    of="inject",
    hint=2,
)
def targets_ignored(model, targets, r, alpha):
    return _inject(model, targets, r, alpha, matches=lambda name, targets: True)


@mistake(
    "A suffix matches in the middle of a word for you: `proj` takes `q_proj` too. A name fits if it is the "
    "target, or ends in a dot and the target.",
    of="inject",
    hint=2,
)
def suffix_without_dot(model, targets, r, alpha):
    def ends(name, targets):
        return _matches(name, targets) if isinstance(targets, str) else name.endswith(tuple(targets))

    return _inject(model, targets, r, alpha, matches=ends)


@mistake(
    "You look for the target anywhere in the name. As a suffix it has to stand at the end, after a dot or "
    "at the very beginning.",
    of="inject",
    hint=2,
)
def substring(model, targets, r, alpha):
    def contains(name, targets):
        return _matches(name, targets) if isinstance(targets, str) else any(t in name for t in targets)

    return _inject(model, targets, r, alpha, matches=contains)


@mistake(
    "You compare the target with the last part of the name only. A suffix may have several parts: "
    "`attn.proj` fits `blocks.0.attn.proj`.",
    of="inject",
    hint=2,
)
def last_part_only(model, targets, r, alpha):
    def last(name, targets):
        return _matches(name, targets) if isinstance(targets, str) else name.rpartition(".")[2] in targets

    return _inject(model, targets, r, alpha, matches=last)


@mistake(
    "You look for the expression anywhere in the name (`re.search`). It has to match the whole name.",
    of="inject",
    hint=2,
)
def expression_anywhere(model, targets, r, alpha):
    def anywhere(name, targets):
        return re.search(targets, name) if isinstance(targets, str) else _matches(name, targets)

    return _inject(model, targets, r, alpha, matches=anywhere)


@mistake(
    "You look at the model's direct children only. Most layers are further down: walk over all modules, with "
    "their dotted names.",
    of="inject",
    hint=2,
)
def children_only(model, targets, r, alpha):
    return _inject(model, targets, r, alpha, named=lambda model: model.named_children())


# Mistakes: replacing.


@mistake(
    "You replace in a copy: the model that was given has no adapters afterwards. Change the model itself.",
    of="inject",
    hint=1,
)
def replaced_in_copy(model, targets, r, alpha):
    return _inject(copy.deepcopy(model), targets, r, alpha)


@mistake(
    "Called again, you wrap the base inside an adapter once more: an adapter in an adapter. A layer that has its "
    "adapter is finished, and so is the `base` in it.",
    of="inject",
    hint=1,
)
def nested(model, targets, r, alpha):
    return _inject(model, targets, r, alpha, inner=True)


@mistake(
    "A module that stands in two places is wrapped in one of them only: `named_modules()` names each module "
    "once. The other place still holds the bare layer and runs without an adapter.",
    of="inject",
    hint=4,
)
def one_place_of_two(model, targets, r, alpha):
    return _inject(model, targets, r, alpha, named=lambda model: model.named_modules())


# Mistakes: freezing.


@mistake(
    "You freeze only what you wrap: embeddings, norms and the other layers are still trained. Everything but the "
    "adapters is frozen.",
    of="inject",
    hint=3,
)
def rest_not_frozen(model, targets, r, alpha):
    return _inject(model, targets, r, alpha, freeze=lambda model: None)


@mistake(
    "Nothing is trained: you freeze the model after putting the adapters in, and them with it.",
    of="inject",
    hint=3,
)
def adapters_frozen(model, targets, r, alpha):
    return _inject(model, targets, r, alpha, freeze=lambda model: model.requires_grad_(False))


@mistake(
    "Called again, you freeze the adapters of the first call. All adapters stay trained, old and new.",
    of="inject",
    hint=3,
)
def earlier_frozen(model, targets, r, alpha):
    before = set(_factors(model).values())

    def freeze(model):
        _freeze_all_but_factors(model)
        for factor in before:
            factor.requires_grad_(False)

    return _inject(model, targets, r, alpha, freeze=freeze)


@mistake(
    "Nothing matched, and you said nothing. Raise ValueError: whoever misspelt a target would train a model "
    "without adapters.",
    of="inject",
    hint=2,
)
def no_match_in_silence(model, targets, r, alpha):
    return _inject(model, targets, r, alpha, check=False)


@mistake(
    "Nothing matched and you raise, but after you froze the model. Look first, change afterwards.",
    of="inject",
    hint=2,
)
def frozen_before_raising(model, targets, r, alpha):
    _freeze_all_but_factors(model)
    return _inject(model, targets, r, alpha)


# Mistakes: counting.


@mistake(
    "You count a shared parameter once for every place it is used in. It is one tensor: count it once.",
    of="trainable_stats",
    hint=3,
)
def shared_counted_twice(model):
    parameters = [p for _, p in model.named_parameters(remove_duplicate=False)]
    return sum(p.numel() for p in parameters if p.requires_grad), sum(p.numel() for p in parameters)


# Mistakes: saving and loading.


@mistake(
    "Your state holds the whole model. The point of an adapter's file is that the base is not in it: only lora_A and "
    "lora_B.",
    of="adapter_state",
    hint=1,
)
def base_saved(model):
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


@mistake(
    "Your state is no copy: the tensors share their memory with the parameters, and change when training goes on.",
    of="adapter_state",
    hint=4,
)
def state_is_a_view(model):
    return {name: factor.detach() for name, factor in _factors(model).items()}


@mistake(
    "You pick the state by `lora_` in the name, and a layer of the base that is called so goes with it. Go by the "
    "module the parameter is in.",
    of="adapter_state",
    hint=3,
)
def state_by_name(model):
    return {name: p.detach().clone() for name, p in model.named_parameters() if "lora_" in name}


@mistake(
    "Your `load_adapter` ignores keys that do not fit. With a misspelt or missing key the model would run with half an "
    "adapter: raise KeyError.",
    of="load_adapter",
    hint=4,
)
def loads_what_fits(model, state):
    with torch.no_grad():
        for name, factor in _factors(model).items():
            if name in state:
                factor.copy_(state[name])


@mistake(
    "Your `load_adapter` raises only after it has copied some of the tensors. Compare the keys first, then copy.",
    of="load_adapter",
    hint=4,
)
def loads_half(model, state):
    factors = _factors(model)
    with torch.no_grad():
        for name, factor in factors.items():
            if name in state:
                factor.copy_(state[name])
    if factors.keys() != state.keys():
        raise KeyError("keys")


@mistake(
    "Your `load_adapter` makes new parameters. The optimiser holds the old ones and would go on training those: copy "
    "into the parameters that are there.",
    of="load_adapter",
    hint=4,
)
def new_parameters(model, state):
    if _factors(model).keys() != state.keys():
        raise KeyError("keys")
    for name, value in state.items():
        module, _, which = name.rpartition(".")
        setattr(model.get_submodule(module), which, nn.Parameter(value.clone()))


@mistake(
    "Your state has what is trained just now. An adapter that was frozen, to be evaluated say, is an adapter still.",
    of="adapter_state",
    hint=3,
)
def state_of_trained(model):
    return {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}


@mistake(
    "Your `load_adapter` sees that a key is missing, but not that one is unknown. That is no adapter of this "
    "model: raise KeyError.",
    of="load_adapter",
    hint=4,
)
def unknown_keys_ignored(model, state):
    factors = _factors(model)
    missing = factors.keys() - state.keys()
    if missing:
        raise KeyError("keys")
    with torch.no_grad():
        for name, factor in factors.items():
            factor.copy_(state[name])


# Other right solutions.


@alternative("by recursion over the children, with a memory of what was wrapped", of="inject")
def by_recursion(model, targets, r, alpha):
    names, plan, old = [], [], 0

    def visit(parent, prefix):
        nonlocal old
        for attribute, child in parent._modules.items():
            name = f"{prefix}{attribute}"
            if isinstance(child, LoRALinear):
                old += _matches(name, targets)
            elif isinstance(child, nn.Linear):
                if _matches(name, targets):
                    plan.append((parent, attribute, child))
                    names.append(name)
            elif child is not None:
                visit(child, name + ".")

    visit(model, "")
    if not plan and not old:
        raise ValueError(targets)
    model.requires_grad_(False)
    done = {}
    for parent, attribute, child in plan:
        done.setdefault(id(child), None)
        if done[id(child)] is None:
            done[id(child)] = LoRALinear(child, r, alpha)
        parent._modules[attribute] = done[id(child)]
    for module in model.modules():
        if isinstance(module, LoRALinear):
            module.lora_A.requires_grad = module.lora_B.requires_grad = True
    return names


@alternative("one regular expression for both kinds of targets, set_submodule, freezing by identity", of="inject")
def by_expression(model, targets, r, alpha):
    if not isinstance(targets, str):
        targets = r"(?:.*\.)?(?:" + "|".join(map(re.escape, targets)) + ")"
    hits = [
        (name, module)
        for name, module in model.named_modules(remove_duplicate=False)
        if name and re.fullmatch(targets, name) and isinstance(module, nn.Linear | LoRALinear)
    ]
    inside = {id(m.base) for m in model.modules() if isinstance(m, LoRALinear)}
    hits = [(name, module) for name, module in hits if id(module) not in inside]
    if not hits:
        raise ValueError("no match")
    fresh = [(name, module) for name, module in hits if type(module) is not LoRALinear]
    adapters = {module: LoRALinear(module, r, alpha) for module in dict.fromkeys(m for _, m in fresh)}
    for name, module in fresh:
        model.set_submodule(name, adapters[module])
    mine = {id(p) for m in model.modules() if isinstance(m, LoRALinear) for p in (m.lora_A, m.lora_B)}
    for p in model.parameters():
        p.requires_grad = id(p) in mine
    return [name for name, _ in fresh]


@alternative("a set of parameters by identity", of="trainable_stats")
def stats_by_identity(model):
    seen, trained, total = set(), 0, 0
    for module in model.modules():
        for p in module.parameters(recurse=False):
            if id(p) in seen:
                continue
            seen.add(id(p))
            total += p.numel()
            trained += p.numel() if p.requires_grad else 0
    return trained, total


@alternative("out of the named parameters, by the module that owns them", of="adapter_state")
def state_by_owner(model):
    out = {}
    for name, parameter in model.named_parameters():
        owner, _, last = name.rpartition(".")
        if last in ("lora_A", "lora_B") and type(model.get_submodule(owner)) is LoRALinear:
            out[name] = parameter.data.clone()
    return out


@alternative("load_state_dict of the whole, not strict, after the keys were compared", of="load_adapter")
def by_state_dict(model, state):
    if set(adapter_state(model)) != set(state):
        raise KeyError("keys")
    model.load_state_dict(state, strict=False)
