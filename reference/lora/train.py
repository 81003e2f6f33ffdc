"""Fine-tuning with LoRA: the solution, known mistakes, other right solutions."""

import math
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grader.marks import alternative, mistake

Batch = tuple[Tensor, Tensor, Tensor]
Adapter = tuple[Tensor, Tensor, float]


class LoRALinear(nn.Module):
    """Given: W₀ x + b + (α / r) · B A dropout(x), the second part only while `enabled`."""

    def __init__(self, base: nn.Linear, r: int, alpha: float, dropout: float) -> None:
        super().__init__()
        self.base = base
        self.lora_A = nn.Parameter(torch.randn(r, base.in_features) / math.sqrt(base.in_features))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r))
        self.scaling = alpha / r
        self.drop = nn.Dropout(dropout)
        self.enabled = True

    def forward(self, x: Tensor) -> Tensor:
        h = self.base(x)
        if not self.enabled:
            return h
        return h + self.scaling * F.linear(F.linear(self.drop(x), self.lora_A), self.lora_B)


class TinyLM(nn.Module):
    """Given: a model that predicts each token from the one before it, (b, n) to (b, n, vocab)."""

    def __init__(self, vocab: int, d: int, hidden: int, r: int, alpha: float, dropout: float = 0.0) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab, d)
        bases = nn.Linear(d, hidden), nn.Linear(hidden, vocab)
        up, out = (LoRALinear(base, r, alpha, dropout) for base in bases)
        self.layers = nn.Sequential(up, nn.Tanh(), out)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)
        return self.layers(x)


def finetune(model: nn.Module, batches: list[Batch], lr: float, weight_decay: float) -> list[float]:
    """Hu et al. (2021), section 4.1: Φ₀ is frozen, only ΔΦ is trained."""
    model.requires_grad_(False)
    factors = []
    for module in model.modules():
        if isinstance(module, LoRALinear):
            factors += [module.lora_A.requires_grad_(), module.lora_B.requires_grad_()]
    optimizer = torch.optim.AdamW(factors, lr=lr, weight_decay=weight_decay)
    model.train()
    losses = []
    for ids, targets, counts in batches:
        loss = F.cross_entropy(model(ids)[counts], targets[counts])
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


@torch.no_grad()
def evaluate(model: nn.Module, batches: list[Batch]) -> float:
    """Sum of the losses through their number; modes as they were."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    total, number = 0.0, 0
    try:
        for ids, targets, counts in batches:
            total += F.cross_entropy(model(ids)[counts], targets[counts], reduction="sum").item()
            number += int(counts.sum())
    finally:
        for module, mode in modes:
            module.training = mode
    return total / number


def forgetting(model: nn.Module, batches: list[Batch]) -> tuple[float, float]:
    """The base alone is ΔΦ = 0."""
    switches = [(module, module.enabled) for module in model.modules() if isinstance(module, LoRALinear)]
    losses = []
    try:
        for enabled in (False, True):
            for layer, _ in switches:
                layer.enabled = enabled
            losses.append(evaluate(model, batches))
    finally:
        for layer, enabled in switches:
            layer.enabled = enabled
    return losses[0], losses[1]


def serve(layer: nn.Linear, x: Tensor, adapters: list[Adapter], which: Tensor) -> Tensor:
    """h = W₀ x + s · B A x, with another pair for each row."""
    shared = layer(x)
    rows = []
    for i, k in enumerate(which.tolist()):
        h = shared[i]
        if k >= 0:
            A, B, s = adapters[k]
            h = h + s * (x[i] @ A.T @ B.T)
        rows.append(h)
    return torch.stack(rows)


# For the mistakes.


def _layers(model):
    return [module for module in model.modules() if isinstance(module, LoRALinear)]


def _factors(model):
    model.requires_grad_(False)
    factors = [p for layer in _layers(model) for p in (layer.lora_A, layer.lora_B)]
    for p in factors:
        p.requires_grad_()
    return factors


def _mean(logits, targets, counts):
    return F.cross_entropy(logits[counts], targets[counts])


def _train(model, batches, optimizer, *, loss=_mean, zero=True, mode=True, clip=None):
    model.train(mode)
    losses = []
    for ids, targets, counts in batches:
        value = loss(model(ids), targets, counts)
        losses.append(value.item())
        if zero:
            optimizer.zero_grad()
        value.backward()
        if clip is not None:
            nn.utils.clip_grad_norm_([p for g in optimizer.param_groups for p in g["params"]], clip)
        optimizer.step()
    return losses


def _measure(model, batches, *, everything=False):
    total, number = 0.0, 0
    with torch.no_grad():
        for ids, targets, counts in batches:
            counts = torch.ones_like(counts) if everything else counts
            total += F.cross_entropy(model(ids)[counts], targets[counts], reduction="sum").item()
            number += int(counts.sum())
    return total / number


def _restored(model, measure):
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        return measure()
    finally:
        for module, mode in modes:
            module.training = mode


def _switch(model, enabled):
    for layer in _layers(model):
        layer.enabled = enabled


# Mistakes: the loop.


@mistake(
    "You train every parameter of the model: base and embedding move as well. Only lora_A and lora_B are trained.",
    of="finetune",
    hint=1,
)
def everything_trained(model, batches, lr, weight_decay):
    return _train(model, batches, torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay))


@mistake(
    "The layers' base is frozen, but the embedding is still trained: freeze the whole model first, then"
    " release the factors.",
    of="finetune",
    hint=1,
)
def embedding_trained(model, batches, lr, weight_decay):
    for layer in _layers(model):
        layer.base.requires_grad_(False)
    trained = [p for p in model.parameters() if p.requires_grad]
    return _train(model, batches, torch.optim.AdamW(trained, lr=lr, weight_decay=weight_decay))


@mistake(
    "Only the factors are stepped, but the base is not frozen: its requires_grad is still True, and the gradients"
    " that LoRA was to save are all computed.",
    of="finetune",
    hint=2,
)
def nothing_frozen(model, batches, lr, weight_decay):
    factors = [p for layer in _layers(model) for p in (layer.lora_A, layer.lora_B)]
    for p in factors:
        p.requires_grad_()
    return _train(model, batches, torch.optim.AdamW(factors, lr=lr, weight_decay=weight_decay))


@mistake("You train lora_B alone. lora_A is trained too.", of="finetune", hint=1)
def only_b(model, batches, lr, weight_decay):
    _factors(model)
    for layer in _layers(model):
        layer.lora_A.requires_grad_(False)
    trained = [layer.lora_B for layer in _layers(model)]
    return _train(model, batches, torch.optim.AdamW(trained, lr=lr, weight_decay=weight_decay))


@mistake(
    "Gradients add up from batch to batch: zero_grad is missing, and each step sees the earlier batches again.",
    of="finetune",
    hint=3,
)
def gradients_add_up(model, batches, lr, weight_decay):
    return _train(model, batches, torch.optim.AdamW(_factors(model), lr=lr, weight_decay=weight_decay), zero=False)


@mistake(
    "Every place counts in your training loss, the prompt and the padding too. Only where `counts` is True a"
    " prediction is to be learnt.",
    of="finetune",
    hint=2,
)
def loss_of_every_place(model, batches, lr, weight_decay):
    def loss(logits, targets, counts):
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())

    return _train(model, batches, torch.optim.AdamW(_factors(model), lr=lr, weight_decay=weight_decay), loss=loss)


@mistake(
    "The losses of the hidden places are zero, but you divide by all places: the mean is over those that count.",
    of="finetune",
    hint=3,
)
def divided_by_every_place(model, batches, lr, weight_decay):
    def loss(logits, targets, counts):
        return F.cross_entropy(logits[counts], targets[counts], reduction="sum") / counts.numel()

    return _train(model, batches, torch.optim.AdamW(_factors(model), lr=lr, weight_decay=weight_decay), loss=loss)


@mistake(
    "You blank out the ids that do not count. The model reads the prompt: it is only not graded on it.",
    of="finetune",
    hint=2,
)
def prompt_blanked(model, batches, lr, weight_decay):
    optimizer = torch.optim.AdamW(_factors(model), lr=lr, weight_decay=weight_decay)
    return _train(model, [(ids * counts, targets, counts) for ids, targets, counts in batches], optimizer)


@mistake("Your training loss is the sum over the counted places. It is their mean.", of="finetune", hint=3)
def summed_loss(model, batches, lr, weight_decay):
    def loss(logits, targets, counts):
        return F.cross_entropy(logits[counts], targets[counts], reduction="sum")

    return _train(model, batches, torch.optim.AdamW(_factors(model), lr=lr, weight_decay=weight_decay), loss=loss)


@mistake(
    "You shift the targets once more: they already are the tokens that come next.",
    of="finetune",
    hint=2,
)
def shifted_twice(model, batches, lr, weight_decay):
    def loss(logits, targets, counts):
        return F.cross_entropy(logits[:, :-1][counts[:, 1:]], targets[:, 1:][counts[:, 1:]])

    return _train(model, batches, torch.optim.AdamW(_factors(model), lr=lr, weight_decay=weight_decay), loss=loss)


@mistake(
    "The given weight decay is not used (AdamW's own 0.01 is in its place).",
    of="finetune",
    hint=3,
)
def weight_decay_ignored(model, batches, lr, weight_decay):
    return _train(model, batches, torch.optim.AdamW(_factors(model), lr=lr))


@mistake(
    "Your weight decay goes into the gradient, as it does in Adam or as a term of the loss. AdamW shrinks the weights"
    " by themselves, apart from the moments.",
    of="finetune",
    hint=3,
)
def adam_for_adamw(model, batches, lr, weight_decay):
    return _train(model, batches, torch.optim.Adam(_factors(model), lr=lr, weight_decay=weight_decay))


@mistake("You step with plain SGD. AdamW is asked for.", of="finetune", hint=3)
def sgd_for_adamw(model, batches, lr, weight_decay):
    return _train(model, batches, torch.optim.SGD(_factors(model), lr=lr, weight_decay=weight_decay))


@mistake(
    "You make a new optimiser for each batch: its moments are lost, and every step is a first one.",
    of="finetune",
    hint=3,
)
def optimizer_anew(model, batches, lr, weight_decay):
    losses = []
    for batch in batches:
        optimizer = torch.optim.AdamW(_factors(model), lr=lr, weight_decay=weight_decay)
        losses += _train(model, [batch], optimizer)
    return losses


@mistake(
    "The model is not put into training mode: its dropout may be off while it is trained.",
    of="finetune",
    hint=2,
)
def mode_left(model, batches, lr, weight_decay):
    optimizer = torch.optim.AdamW(_factors(model), lr=lr, weight_decay=weight_decay)
    return _train(model, batches, optimizer, mode=model.training)


@mistake(
    "You leave the model in evaluation mode. It stays in training mode after `finetune`.",
    of="finetune",
    hint=2,
)
def left_in_evaluation(model, batches, lr, weight_decay):
    losses = _train(model, batches, torch.optim.AdamW(_factors(model), lr=lr, weight_decay=weight_decay))
    model.eval()
    return losses


@mistake("You clip the gradients. Nobody asked for that: the steps are AdamW's alone.", of="finetune", hint=3)
def clipped(model, batches, lr, weight_decay):
    return _train(model, batches, torch.optim.AdamW(_factors(model), lr=lr, weight_decay=weight_decay), clip=0.1)


@mistake("Your losses are measured after each step. They are those before it.", of="finetune", hint=3)
def losses_after(model, batches, lr, weight_decay):
    optimizer = torch.optim.AdamW(_factors(model), lr=lr, weight_decay=weight_decay)
    losses = []
    for batch in batches:
        _train(model, [batch], optimizer)
        with torch.no_grad():
            losses.append(_mean(model(batch[0]), *batch[1:]).item())
    return losses


@mistake("You return the last loss. A list with the loss of each step is asked for.", of="finetune", hint=3)
def last_loss(model, batches, lr, weight_decay):
    return _train(model, batches, torch.optim.AdamW(_factors(model), lr=lr, weight_decay=weight_decay))[-1]


# Mistakes: measuring.


@mistake(
    "You take the mean of the batches' means: a place in a batch with few of them then counts for more. Divide the"
    " sum of all losses by their number.",
    of="evaluate",
    hint=3,
)
def mean_of_means(model, batches):
    def measure():
        with torch.no_grad():
            return sum(_mean(model(batch[0]), *batch[1:]).item() for batch in batches) / len(batches)

    return _restored(model, measure)


@mistake(
    "`evaluate` fails, or gives NaN, where a batch has no counted place: its mean is 0 / 0. Add up sums, divide once.",
    of="evaluate",
    hint=3,
)
def nan_of_empty_batch(model, batches):
    def measure():
        with torch.no_grad():
            number = sum(int(counts.sum()) for *_, counts in batches)
            return sum(_mean(model(b[0]), *b[1:]).item() * int(b[2].sum()) for b in batches) / number

    return _restored(model, measure)


@mistake("Every place counts in your `evaluate`, the prompt and the padding too.", of="evaluate", hint=2)
def every_place_measured(model, batches):
    return _restored(model, lambda: _measure(model, batches, everything=True))


@mistake(
    "You blank out the ids that do not count where you measure. The model reads the prompt: it is only not graded"
    " on it.",
    of="evaluate",
    hint=2,
)
def prompt_blanked_in_measuring(model, batches):
    blanked = [(ids * counts, targets, counts) for ids, targets, counts in batches]
    return _restored(model, lambda: _measure(model, blanked))


@mistake(
    "You measure with dropout on: the loss is another one each time, and too large. Evaluation mode is for that.",
    of="evaluate",
    hint=2,
)
def dropout_on(model, batches):
    return _measure(model, batches)


@mistake(
    "`evaluate` leaves the model in evaluation mode: from then on it is trained without dropout.",
    of="evaluate",
    hint=4,
)
def evaluation_mode_left(model, batches):
    model.eval()
    return _measure(model, batches)


@mistake(
    "After `evaluate` all of the model is in training mode, whatever it was in. Put each module back into its own.",
    of="evaluate",
    hint=4,
)
def always_training_afterwards(model, batches):
    model.eval()
    loss = _measure(model, batches)
    model.train()
    return loss


@mistake(
    "You put the whole model back into the mode of its outermost module. A part may be in another: each has its own.",
    of="evaluate",
    hint=4,
)
def mode_of_the_outermost(model, batches):
    mode = model.training
    model.eval()
    loss = _measure(model, batches)
    model.train(mode)
    return loss


@mistake(
    "`evaluate` freezes the parameters and leaves them so: from then on nothing is trained. Measure under no_grad.",
    of="evaluate",
    hint=4,
)
def frozen_by_measuring(model, batches):
    model.requires_grad_(False)
    return _restored(model, lambda: _measure(model, batches))


@mistake("You give the perplexity, the exponential of the loss.", of="evaluate", hint=3)
def perplexity(model, batches):
    return math.exp(_restored(model, lambda: _measure(model, batches)))


@mistake("You give the sum of the losses. Divide by the number of counted places.", of="evaluate", hint=3)
def sum_measured(model, batches):
    number = sum(int(counts.sum()) for *_, counts in batches)
    return number * _restored(model, lambda: _measure(model, batches))


@mistake("You measure the last batch alone: the sums start anew with each.", of="evaluate", hint=3)
def last_batch(model, batches):
    return _restored(model, lambda: _measure(model, [batch for batch in batches if batch[2].any()][-1:]))


# Mistakes: forgetting.


@mistake("Your two losses are exchanged: first without the adapters, then with them.", of="forgetting", hint=1)
def exchanged(model, batches):
    switches = [(layer, layer.enabled) for layer in _layers(model)]
    try:
        _switch(model, True)
        after = evaluate(model, batches)
        _switch(model, False)
        return after, evaluate(model, batches)
    finally:
        for layer, enabled in switches:
            layer.enabled = enabled


@mistake(
    "The adapters are on in both measurements: nothing seems forgotten. Switch them off for the first.",
    of="forgetting",
    hint=4,
)
def never_off(model, batches):
    switches = [(layer, layer.enabled) for layer in _layers(model)]
    _switch(model, True)
    try:
        loss = evaluate(model, batches)
    finally:
        for layer, enabled in switches:
            layer.enabled = enabled
    return loss, loss


@mistake(
    "You switch the adapters only among the model's direct parts. They lie deeper: look through all modules.",
    of="forgetting",
    hint=2,
)
def direct_parts_only(model, batches):
    loss = evaluate(model, batches)
    return loss, loss


@mistake(
    "Your second loss is with the adapters as they were, some of them off. It is with all of them on.",
    of="forgetting",
    hint=4,
)
def second_as_it_was(model, batches):
    switches = [(layer, layer.enabled) for layer in _layers(model)]
    _switch(model, False)
    try:
        before = evaluate(model, batches)
    finally:
        for layer, enabled in switches:
            layer.enabled = enabled
    return before, evaluate(model, batches)


@mistake(
    "All adapters are on after `forgetting`, also those that were off. Each goes back to what it was.",
    of="forgetting",
    hint=4,
)
def all_on_afterwards(model, batches):
    try:
        _switch(model, False)
        before = evaluate(model, batches)
    finally:
        _switch(model, True)
    return before, evaluate(model, batches)


@mistake(
    "After an error in `evaluate` the adapters stay off. Put the switches back in any case.",
    of="forgetting",
    hint=4,
)
def off_after_an_error(model, batches):
    switches = [(layer, layer.enabled) for layer in _layers(model)]
    _switch(model, False)
    before = evaluate(model, batches)
    _switch(model, True)
    after = evaluate(model, batches)
    for layer, enabled in switches:
        layer.enabled = enabled
    return before, after


@mistake(
    "You give the difference, or one number. Asked for are both losses, without and with the adapters.",
    of="forgetting",
    hint=1,
)
def difference(model, batches):
    switches = [(layer, layer.enabled) for layer in _layers(model)]
    losses = []
    try:
        for enabled in (False, True):
            _switch(model, enabled)
            losses.append(evaluate(model, batches))
    finally:
        for layer, enabled in switches:
            layer.enabled = enabled
    return losses[1] - losses[0]


# Mistakes: serving.


@mistake(
    "Adapters leak across rows: every row gets the corrections of all adapters that the batch uses. Row i sees its"
    " own alone.",
    of="serve",
    hint=1,
)
def leak(layer, x, adapters, which):
    y = layer(x)
    for k in which.unique().tolist():
        if k >= 0:
            A, B, s = adapters[k]
            y = y + s * (x @ A.T @ B.T)
    return y


@mistake(
    "-1 is an index in Python: rows without an adapter get the last one. They get none.",
    of="serve",
    hint=2,
)
def minus_one_is_the_last(layer, x, adapters, which):
    rows = []
    for x_i, k in zip(x, which.tolist(), strict=True):
        A, B, s = adapters[k]
        rows.append(layer(x_i) + s * (x_i @ A.T @ B.T))
    return torch.stack(rows)


@mistake("Row i gets the adapter i, whatever `which` says.", of="serve", hint=2)
def by_row_number(layer, x, adapters, which):
    rows = [layer(x_i) for x_i in x]
    for i, (A, B, s) in enumerate(adapters[: len(rows)]):
        rows[i] = rows[i] + s * (x[i] @ A.T @ B.T)
    return torch.stack(rows)


@mistake("All rows get the adapter of the first. Each has its own.", of="serve", hint=2)
def first_for_all(layer, x, adapters, which):
    y, k = layer(x), int(which[0])
    return y if k < 0 else y + adapters[k][2] * (x @ adapters[k][0].T @ adapters[k][1].T)


@mistake("The corrections are not multiplied by their scale s.", of="serve", hint=3)
def unscaled(layer, x, adapters, which):
    return serve_by_adapter(layer, x, [(A, B, 1.0) for A, B, _ in adapters], which)


@mistake(
    "You divide s by the rank. It is the whole scale, α / r, already.",
    of="serve",
    hint=3,
)
def scale_over_rank(layer, x, adapters, which):
    return serve_by_adapter(layer, x, [(A, B, s / len(A)) for A, B, s in adapters], which)


@mistake(
    "You add each row's correction to the shared layer's own weight and leave it there: the rows after it see it too."
    " The base stays as it is.",
    of="serve",
    hint=1,
)
def added_to_the_weight(layer, x, adapters, which):
    rows = []
    for x_i, k in zip(x, which.tolist(), strict=True):
        if k >= 0:
            A, B, s = adapters[k]
            layer.weight.data += s * B @ A
        rows.append(layer(x_i))
    return torch.stack(rows)


@mistake("You give the corrections alone. The shared layer's output is part of y.", of="serve", hint=3)
def layer_left_out(layer, x, adapters, which):
    return serve_by_adapter(layer, x, adapters, which) - layer(x)


@mistake("You scale the shared layer's output too. s belongs to the correction alone.", of="serve", hint=3)
def layer_scaled(layer, x, adapters, which):
    scales = torch.tensor([adapters[k][2] if k >= 0 else 1.0 for k in which.tolist()], dtype=x.dtype)
    return serve_by_adapter(layer, x, adapters, which) + (scales - 1)[:, None, None] * layer(x)


@mistake("A row with which = -1 is zeros in your result. It is the shared layer's output.", of="serve", hint=2)
def none_is_zero(layer, x, adapters, which):
    return serve_by_adapter(layer, x, adapters, which) * (which >= 0)[:, None, None]


@mistake("The shared layer's bias is lost.", of="serve", hint=3)
def bias_lost(layer, x, adapters, which):
    return serve_by_adapter(layer, x, adapters, which) - layer.bias


@mistake("You return the rows in the order of the adapters. Put each back into its place.", of="serve", hint=2)
def rows_in_order_of_adapters(layer, x, adapters, which):
    return serve_by_adapter(layer, x, adapters, which)[which.argsort(stable=True)]


# Other right solutions.


@alternative("by names, with the mean taken by a mask and the logarithm written out", of="finetune")
def finetune_by_names(model, batches, lr, weight_decay):
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.endswith(("lora_A", "lora_B"))
    optimizer = torch.optim.AdamW(
        filter(lambda p: p.requires_grad, model.parameters()), lr=lr, weight_decay=weight_decay
    )
    losses = []
    for ids, targets, counts in batches:
        model.train()
        logits = model(ids)
        each = torch.logsumexp(logits, -1) - logits.gather(-1, targets[..., None])[..., 0]
        loss = (each * counts).sum() / counts.sum()
        loss.backward()
        optimizer.step()
        model.zero_grad()
        losses.append(float(loss))
    return losses


@alternative("all losses in one list", of="evaluate")
def evaluate_by_list(model, batches):
    modes = {name: module.training for name, module in model.named_modules()}
    losses = []
    try:
        with torch.inference_mode():
            for ids, targets, counts in batches:
                logits = model.eval()(ids).log_softmax(-1)
                losses.append(-logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1)[counts])
    finally:
        for name, module in model.named_modules():
            module.train(modes[name])
        for name, module in model.named_modules():
            module.training = modes[name]
    return float(torch.cat(losses).mean())


@contextmanager
def _switched(model, enabled):
    were = {layer: layer.enabled for layer in _layers(model)}
    _switch(model, enabled)
    try:
        yield
    finally:
        for layer, value in were.items():
            layer.enabled = value


@alternative("with a context manager", of="forgetting")
def forgetting_in_context(model, batches):
    with _switched(model, False):
        before = evaluate(model, batches)
    with _switched(model, True):
        return before, evaluate(model, batches)


@alternative("adapter by adapter, on the rows that have it", of="serve")
def serve_by_adapter(layer, x, adapters, which):
    y = layer(x).clone()
    for k, (A, B, s) in enumerate(adapters):
        mine = which == k
        y[mine] = y[mine] + s * F.linear(F.linear(x[mine], A), B)
    return y


@alternative("one batched product, the ranks filled up with zeros", of="serve")
def serve_by_bmm(layer, x, adapters, which):
    r = max((len(A) for A, _, _ in adapters), default=1)
    n_in, n_out = layer.in_features, layer.out_features
    A_all, B_all = x.new_zeros(len(adapters) + 1, r, n_in), x.new_zeros(len(adapters) + 1, n_out, r)
    for k, (A, B, s) in enumerate(adapters):
        A_all[k, : len(A)], B_all[k, :, : len(A)] = A, s * B
    return layer(x) + torch.einsum("bni,bri,bor->bno", x, A_all[which], B_all[which])
