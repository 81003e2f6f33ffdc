"""rsLoRA's scaling and LoRA+'s learning rates: the solution, known mistakes, other right solutions."""

import math

import torch
from torch import Tensor, nn

from grader.marks import alternative, mistake


def rank_scaling(alpha: float, r: int, stabilized: bool = True) -> float:
    """Kalajdzievski (2023), section 3: α / √r."""
    return alpha / math.sqrt(r) if stabilized else alpha / r


def stabilized_alpha(alpha: float, r: int) -> float:
    return alpha / math.sqrt(r)  # α' / √r = α / r


def plus_step(
    A: Tensor, B: Tensor, X: Tensor, G: Tensor, scaling: float, lr: float, ratio: float
) -> tuple[Tensor, Tensor]:
    """Hayou et al. (2024): η_B = λ η_A."""
    A, B, X, G = (t.detach() for t in (A, B, X, G))
    grad_A = scaling * B.T @ G.T @ X
    grad_B = scaling * G.T @ (X @ A.T)
    return A - lr * grad_A, B - ratio * lr * grad_B


def param_groups(model: nn.Module, lr: float, ratio: float = 16.0, weight_decay: float = 0.0) -> list[dict]:
    matrices, Bs, vectors = [], [], []
    for name, p in model.named_parameters():  # each parameter once
        if not p.requires_grad:
            continue
        if name.split(".")[-1] == "lora_B":
            Bs.append(p)
        else:
            (matrices if p.ndim >= 2 else vectors).append(p)
    groups = [
        {"params": matrices, "lr": lr, "weight_decay": weight_decay},
        {"params": Bs, "lr": lr * ratio, "weight_decay": weight_decay},
        {"params": vectors, "lr": lr, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


# Mistakes: the scaling.


@mistake("You scale by α / r in both cases. rsLoRA divides by the root of the rank.", of="rank_scaling", hint=1)
def scaling_of_lora(alpha, r, stabilized=True):
    return alpha / r


@mistake("You scale by α / √r in both cases. Plain LoRA divides by r itself.", of="rank_scaling", hint=1)
def scaling_always_stabilized(alpha, r, stabilized=True):
    return alpha / math.sqrt(r)


@mistake(
    "Your two cases are exchanged: `stabilized=True` is rsLoRA and divides by √r; False is LoRA and divides by r.",
    of="rank_scaling",
    hint=1,
)
def scaling_exchanged(alpha, r, stabilized=True):
    return alpha / r if stabilized else alpha / math.sqrt(r)


@mistake(
    "By default you give LoRA's scaling. `stabilized` is True unless the caller says otherwise.",
    of="rank_scaling",
    hint=1,
)
def default_not_stabilized(alpha, r, stabilized=False):
    return alpha / math.sqrt(r) if stabilized else alpha / r


@mistake("You take the root of α as well. Only the rank is under the root: α / √r.", of="rank_scaling", hint=3)
def root_of_all(alpha, r, stabilized=True):
    return math.sqrt(alpha / r) if stabilized else alpha / r


@mistake("Your scaling is upside down: √r / α and r / α. It is α that is divided.", of="rank_scaling", hint=3)
def scaling_inverted(alpha, r, stabilized=True):
    return math.sqrt(r) / alpha if stabilized else r / alpha


@mistake(
    "You multiply α by √r. With α' in rsLoRA the scaling is α' / √r, and it has to be α / r: α' is smaller than α.",
    of="stabilized_alpha",
    hint=3,
)
def alpha_multiplied(alpha, r):
    return alpha * math.sqrt(r)


@mistake("You return the scaling α / r, not the α' that leads to it: rsLoRA will divide it by √r again.",
         of="stabilized_alpha", hint=3)  # fmt: skip
def alpha_is_the_scaling(alpha, r):
    return alpha / r


@mistake(
    "You return α as it is. rsLoRA with the same α has a scaling √r times as large.", of="stabilized_alpha", hint=3
)
def alpha_unchanged(alpha, r):
    return float(alpha)


# Mistakes: the step.


def _grads(A, B, X, G, scaling):
    A, B, X, G = (t.detach() for t in (A, B, X, G))
    return A, B, scaling * B.T @ G.T @ X, scaling * G.T @ (X @ A.T)


@mistake(
    "The ratio is the wrong way round: you give A the larger learning rate. LoRA+ multiplies B's by λ.",
    of="plus_step",
    hint=1,
)
def ratio_on_a(A, B, X, G, scaling, lr, ratio):
    A, B, grad_A, grad_B = _grads(A, B, X, G, scaling)
    return A - ratio * lr * grad_A, B - lr * grad_B


@mistake("You divide B's learning rate by λ. It is λ times as large as A's.", of="plus_step", hint=1)
def ratio_divides(A, B, X, G, scaling, lr, ratio):
    A, B, grad_A, grad_B = _grads(A, B, X, G, scaling)
    return A - lr * grad_A, B - lr / ratio * grad_B


@mistake("You multiply both learning rates by λ. Only B's is larger.", of="plus_step", hint=1)
def ratio_on_both(A, B, X, G, scaling, lr, ratio):
    A, B, grad_A, grad_B = _grads(A, B, X, G, scaling)
    return A - ratio * lr * grad_A, B - ratio * lr * grad_B


@mistake("You take no notice of `ratio`: A and B get the same learning rate, as in plain LoRA.", of="plus_step", hint=1)
def ratio_ignored(A, B, X, G, scaling, lr, ratio):
    A, B, grad_A, grad_B = _grads(A, B, X, G, scaling)
    return A - lr * grad_A, B - lr * grad_B


@mistake(
    "You change A first and take B's gradient with the new A. Both gradients are taken at the old factors.",
    of="plus_step",
    hint=3,
)
def b_after_a(A, B, X, G, scaling, lr, ratio):
    A, B, grad_A, _ = _grads(A, B, X, G, scaling)
    new = A - lr * grad_A
    return new, B - ratio * lr * _grads(new, B, X, G, scaling)[3]


@mistake(
    "You change B first and take A's gradient with the new B. Both gradients are taken at the old factors.",
    of="plus_step",
    hint=3,
)
def a_after_b(A, B, X, G, scaling, lr, ratio):
    A, B, _, grad_B = _grads(A, B, X, G, scaling)
    new = B - ratio * lr * grad_B
    return A - lr * _grads(A, new, X, G, scaling)[2], new


@mistake("You add the gradients. Descent goes against them: A - η · ∇A.", of="plus_step", hint=3)
def ascent(A, B, X, G, scaling, lr, ratio):
    A, B, grad_A, grad_B = _grads(A, B, X, G, scaling)
    return A + lr * grad_A, B + ratio * lr * grad_B


@mistake("The scaling is missing in your gradients: h has s · B A x, so that both have the factor s.", of="plus_step",
         hint=3)  # fmt: skip
def step_unscaled(A, B, X, G, scaling, lr, ratio):
    A, B, grad_A, grad_B = _grads(A, B, X, G, 1.0)
    return A - lr * grad_A, B - ratio * lr * grad_B


@mistake(
    "The scaling stands twice in your gradients. Only the movement of the output has s²: one s from the gradient, one "
    "from the layer.",
    of="plus_step",
    hint=3,
)
def step_scaled_twice(A, B, X, G, scaling, lr, ratio):
    A, B, grad_A, grad_B = _grads(A, B, X, G, scaling**2)
    return A - lr * grad_A, B - ratio * lr * grad_B


@mistake("You take the mean over the rows. The gradients are sums: G has the mean of the loss in it already.",
         of="plus_step", hint=3)  # fmt: skip
def mean_over_rows(A, B, X, G, scaling, lr, ratio):
    A, B, grad_A, grad_B = _grads(A, B, X, G, scaling)
    n = max(len(X), 1)
    return A - lr * grad_A / n, B - ratio * lr * grad_B / n


@mistake("You change A and B in place. The caller's factors have to stay as they are.", of="plus_step", hint=4)
def step_in_place(A, B, X, G, scaling, lr, ratio):
    A, B, grad_A, grad_B = _grads(A, B, X, G, scaling)
    A -= lr * grad_A
    B -= ratio * lr * grad_B
    return A.clone(), B.clone()


@mistake("You return the gradients. The factors after the step are asked for.", of="plus_step", hint=3)
def gradients_returned(A, B, X, G, scaling, lr, ratio):
    return _grads(A, B, X, G, scaling)[2:]


# Mistakes: the groups.


def _sorted(model, is_b, is_matrix=lambda p: p.ndim >= 2, trained=lambda p: p.requires_grad, **named):
    matrices, Bs, vectors = [], [], []
    for name, p in model.named_parameters(**named):
        if trained(p):
            (Bs if is_b(name) else matrices if is_matrix(p) else vectors).append(p)
    return matrices, Bs, vectors


def _by_name(name):
    return name.split(".")[-1] == "lora_B"


def _packed(lists, lrs, decays, keep_empty=False):
    groups = [{"params": p, "lr": lr, "weight_decay": decay} for p, lr, decay in zip(lists, lrs, decays, strict=True)]
    return [group for group in groups if group["params"] or keep_empty]


@mistake("The ratio is the wrong way round: lora_B learns more slowly than the rest. Its learning rate is lr · ratio.",
         of="param_groups", hint=1)  # fmt: skip
def group_ratio_divides(model, lr, ratio=16.0, weight_decay=0.0):
    return _packed(_sorted(model, _by_name), (lr, lr / ratio, lr), (weight_decay, weight_decay, 0.0))


@mistake("You give lora_A the larger learning rate. It is lora_B that gets lr · ratio.", of="param_groups", hint=1)
def group_ratio_on_a(model, lr, ratio=16.0, weight_decay=0.0):
    lists = _sorted(model, _by_name)
    return _packed(lists, (lr * ratio, lr, lr), (weight_decay, weight_decay, 0.0))


@mistake("All your groups have the same learning rate: lora_B's is lr · ratio.", of="param_groups", hint=1)
def group_ratio_ignored(model, lr, ratio=16.0, weight_decay=0.0):
    return _packed(_sorted(model, _by_name), (lr, lr, lr), (weight_decay, weight_decay, 0.0))


@mistake(
    "Biases and gains get the larger learning rate as well. `ratio` is for lora_B alone.", of="param_groups", hint=1
)
def group_ratio_on_vectors(model, lr, ratio=16.0, weight_decay=0.0):
    return _packed(_sorted(model, _by_name), (lr, lr * ratio, lr * ratio), (weight_decay, weight_decay, 0.0))


@mistake("Frozen parameters are in your groups. Only what has `requires_grad` is handed to the optimiser.",
         of="param_groups", hint=2)  # fmt: skip
def groups_with_frozen(model, lr, ratio=16.0, weight_decay=0.0):
    lists = _sorted(model, _by_name, trained=lambda p: True)
    return _packed(lists, (lr, lr * ratio, lr), (weight_decay, weight_decay, 0.0))


@mistake("Your groups decay vectors too. Biases, gains and magnitudes get weight_decay 0.", of="param_groups", hint=2)
def vectors_decayed(model, lr, ratio=16.0, weight_decay=0.0):
    return _packed(_sorted(model, _by_name), (lr, lr * ratio, lr), (weight_decay,) * 3)


@mistake("lora_B has no weight decay in your groups. It is a matrix like the others.", of="param_groups", hint=2)
def b_not_decayed(model, lr, ratio=16.0, weight_decay=0.0):
    return _packed(_sorted(model, _by_name), (lr, lr * ratio, lr), (weight_decay, 0.0, 0.0))


@mistake("You find lora_B by letters anywhere in a name. Other parameters have them too: compare the last part of the "
         "dotted name.", of="param_groups", hint=4)  # fmt: skip
def b_by_letters(model, lr, ratio=16.0, weight_decay=0.0):
    lists = _sorted(model, lambda name: "lora_B" in name)
    return _packed(lists, (lr, lr * ratio, lr), (weight_decay, weight_decay, 0.0))


@mistake("You find lora_B by how a name ends. A name such as `my_lora_B` ends so too: compare the whole last part.",
         of="param_groups", hint=4)  # fmt: skip
def b_by_ending(model, lr, ratio=16.0, weight_decay=0.0):
    lists = _sorted(model, lambda name: name.endswith("lora_B"))
    return _packed(lists, (lr, lr * ratio, lr), (weight_decay, weight_decay, 0.0))


@mistake("A parameter that stands under two names is in your groups twice, and the optimiser would refuse it.",
         of="param_groups", hint=4)  # fmt: skip
def shared_twice(model, lr, ratio=16.0, weight_decay=0.0):
    lists = _sorted(model, _by_name, remove_duplicate=False)
    return _packed(lists, (lr, lr * ratio, lr), (weight_decay, weight_decay, 0.0))


@mistake("Only lora_A and lora_B are in your groups. Whatever else is trained (a bias, a norm, the output layer) has "
         "to be there too, or it never learns.", of="param_groups", hint=2)  # fmt: skip
def only_the_factors(model, lr, ratio=16.0, weight_decay=0.0):
    named = [(name.split(".")[-1], p) for name, p in model.named_parameters() if p.requires_grad]
    lists = [p for name, p in named if name == "lora_A"], [p for name, p in named if name == "lora_B"]
    return _packed(lists, (lr, lr * ratio), (weight_decay, weight_decay))


@mistake("Groups without parameters are in your list. They are to be left out.", of="param_groups", hint=4)
def empty_groups(model, lr, ratio=16.0, weight_decay=0.0):
    return _packed(_sorted(model, _by_name), (lr, lr * ratio, lr), (weight_decay, weight_decay, 0.0), keep_empty=True)


@mistake("Your groups hold copies of the parameters. The optimiser would train the copies, and the model would never "
         "change.", of="param_groups", hint=2)  # fmt: skip
def parameters_copied(model, lr, ratio=16.0, weight_decay=0.0):
    lists = [[nn.Parameter(p.detach().clone()) for p in ps] for ps in _sorted(model, _by_name)]
    return _packed(lists, (lr, lr * ratio, lr), (weight_decay, weight_decay, 0.0))


# Other right solutions.


@alternative("with autograd, and an optimiser", of="plus_step")
def step_by_autograd(A, B, X, G, scaling, lr, ratio):
    a, b = (nn.Parameter(t.detach().clone()) for t in (A, B))
    with torch.enable_grad():
        (scaling * X.detach() @ a.T @ b.T).backward(G.detach())
    torch.optim.SGD([{"params": [a], "lr": lr}, {"params": [b], "lr": lr * ratio}], lr=lr).step()
    return a.detach(), b.detach()


@alternative("row by row: a sum of outer products", of="plus_step")
def step_by_rows(A, B, X, G, scaling, lr, ratio):
    with torch.no_grad():
        new_A, new_B = A.clone(), B.clone()
        for x, g in zip(X, G, strict=True):
            new_A -= lr * scaling * torch.outer(g @ B, x)
            new_B -= lr * ratio * scaling * torch.outer(g, A @ x)
        return new_A.detach(), new_B.detach()


@alternative("a power of the rank", of="rank_scaling")
def scaling_by_power(alpha, r, stabilized=True):
    return float(alpha * r ** (-0.5 if stabilized else -1))


@alternative("from the scaling that is wanted", of="stabilized_alpha")
def alpha_from_scaling(alpha, r):
    return alpha / r * r**0.5


@alternative("module by module, with a set of what was seen", of="param_groups")
def groups_by_module(model, lr, ratio=16.0, weight_decay=0.0):
    seen, found = set(), {}
    for module in model.modules():
        for name, p in module.named_parameters(recurse=False):
            if p.requires_grad and id(p) not in seen:
                seen.add(id(p))
                kind = 1 if name == "lora_B" else 0 if p.dim() > 1 else 2
                found.setdefault(kind, []).append(p)
    rates, decays = [lr, ratio * lr, lr], [weight_decay, weight_decay, 0.0]
    return [dict(params=found[k], lr=rates[k], weight_decay=decays[k]) for k in sorted(found)]
