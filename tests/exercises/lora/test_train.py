"""The loop and the measurements against a model and an AdamW written out here, in float64.

Models are made from the given TinyLM in float64, filled with values of ours; the model is computed here with plain
matrix products, its gradients by autograd in the judge, the steps of AdamW by its formula (Loshchilov and Hutter,
algorithm 2, as PyTorch has it: betas 0.9 and 0.999, eps 1e-8). Losses and factors are compared to 1e-7 relative and
1e-9 absolute (1e-6 and 1e-8 after eight steps): rounding is near 1e-14, but AdamW's first steps divide a gradient by
its own size. What is frozen is compared bit for bit.

Dropout plays a part in modes only, and the losses there are compared with each other: two equal losses of steps of
size 0 would need equal draws of over a hundred entries (below 1e-30). The last check trains, without dropout, from a
start that is drawn here: over 150 draws of it right code stayed six standard deviations or more inside each margin.
"""

from contextlib import suppress

import pytest
import torch

from grader.testing import (
    LearnerError,
    Mismatch,
    assert_close,
    assert_equal,
    assert_unchanged,
    keep,
    library,
    load,
    parameters,
)

VOCAB, D, HIDDEN = 7, 5, 6
UP, OUT = "layers.0", "layers.2"


def _values(r=3, sizes=(VOCAB, D, HIDDEN)):
    """Values for all parameters of a TinyLM."""
    vocab, d, hidden = sizes
    shapes = {
        "embed.weight": (vocab, d),
        f"{UP}.base.weight": (hidden, d),
        f"{UP}.base.bias": (hidden,),
        f"{UP}.lora_A": (r, d),
        f"{UP}.lora_B": (hidden, r),
        f"{OUT}.base.weight": (vocab, hidden),
        f"{OUT}.base.bias": (vocab,),
        f"{OUT}.lora_A": (r, hidden),
        f"{OUT}.lora_B": (vocab, r),
    }
    return {name: 0.7 * torch.randn(shape, dtype=torch.float64) for name, shape in shapes.items()}


def _model(solution, values, r=3, alpha=4.5, dropout=0.0, sizes=(VOCAB, D, HIDDEN)):
    model = solution.TinyLM(*sizes, r, alpha, *([dropout] if dropout else [])).double()
    load(model, **values)
    return model


def _batches(rng, shapes, share=0.5):
    batches = []
    for i, (b, n) in enumerate(shapes):
        ids = torch.from_numpy(rng.integers(0, VOCAB, (b, n)))
        targets = torch.from_numpy(rng.integers(0, VOCAB, (b, n)))
        counts = torch.from_numpy(rng.random((b, n)) < share)
        counts[0, : 1 + i % 2], counts[-1, -1] = True, False
        batches.append((ids, targets, counts))
    return batches


def _logits(p, ids, scaling=1.5, on=(True, True)):
    h = p["embed.weight"][ids]
    for layer, switched in zip((UP, OUT), on, strict=True):
        W = p[f"{layer}.base.weight"]
        if switched:
            W = W + scaling * p[f"{layer}.lora_B"] @ p[f"{layer}.lora_A"]
        h = h @ W.T + p[f"{layer}.base.bias"]
        h = torch.tanh(h) if layer == UP else h
    return h


def _losses(p, batch, mixed=False, **how):
    """The losses of the counted places, one by one; `mixed` is with a softmax over the places behind the model."""
    ids, targets, counts = batch
    logits = _logits(p, ids, **how)
    logits = logits.softmax(1) if mixed else logits
    each = torch.logsumexp(logits, -1) - torch.gather(logits, -1, targets[..., None])[..., 0]
    return each[counts]


def _mean(p, batches, **how):
    return float(torch.cat([_losses(p, batch, **how) for batch in batches]).mean())


def _trained(values, batches, lr, decay):
    """Losses and values after AdamW's steps, by its formula."""
    p = {name: value.clone() for name, value in values.items()}
    names = [name for name in p if "lora" in name]
    m, v = ({name: torch.zeros_like(p[name]) for name in names} for _ in range(2))
    losses = []
    for t, batch in enumerate(batches, 1):
        leaves = {name: p[name].detach().requires_grad_() for name in names}
        loss = _losses({**p, **leaves}, batch).mean()
        grads = torch.autograd.grad(loss, list(leaves.values()))
        losses.append(loss.item())
        for name, g in zip(names, grads, strict=True):
            m[name] = 0.9 * m[name] + 0.1 * g
            v[name] = 0.999 * v[name] + 0.001 * g * g
            step = (m[name] / (1 - 0.9**t)) / ((v[name] / (1 - 0.999**t)).sqrt() + 1e-8)
            p[name] = p[name] * (1 - lr * decay) - lr * step
    return losses, p


def _numbers(found, what):
    if not isinstance(found, list) or not all(isinstance(loss, float) for loss in found):
        kind = type(found).__name__
        raise Mismatch(f"{what} should be a list of float, one for each step; it is a {kind}: {str(found)[:60]}")
    return torch.tensor(found, dtype=torch.float64)


def _near(found, expected, what, why=""):
    if not isinstance(found, float):
        raise Mismatch(f"{what} should be a float; it is a {type(found).__name__}.")
    assert abs(found - expected) <= 1e-9 + 1e-7 * abs(expected), (
        f"{what}: expected {expected:.6g}, got {found:.6g}. {why}"
    )


def _pair(both):
    if not isinstance(both, (tuple, list)) or len(both) != 2:
        raise Mismatch(f"forgetting gives two losses, without and with the adapters; this is {str(both)[:60]}.")


def _trains(model, name):
    return keep(model.get_parameter, name).requires_grad


def _layer(solution, W, b=None):
    layer = library(solution, "torch.nn.Linear")(W.shape[1], W.shape[0], bias=b is not None, dtype=W.dtype)
    load(layer, weight=W) if b is None else load(layer, weight=W, bias=b)
    return layer


def _adapters(n_in, n_out, ranks, dtype=torch.float64):
    draw = [(torch.randn(r, n_in), torch.randn(n_out, r), 0.5 + i) for i, r in enumerate(ranks)]
    return [(A.to(dtype), B.to(dtype), s) for A, B, s in draw]


def _served(W, b, x, adapters, which):
    y = torch.zeros(*x.shape[:2], W.shape[0], dtype=torch.float64)
    for i, k in enumerate(which.tolist()):
        M = W.double() if k < 0 else W.double() + adapters[k][2] * adapters[k][1].double() @ adapters[k][0].double()
        y[i] = x[i].double() @ M.T + b.double()
    return y


def _told_apart(solution, values, batch):
    """Few calls, early, that mistakes answer differently; what is right in them is asked by the later checks."""
    ids, targets, counts = batch
    model = _model(solution, values, dropout=0.4)
    model.layers[0].train(False)
    model.layers[2].enabled = False
    solution.forgetting(model, [batch])
    with suppress(LearnerError):
        solution.evaluate(model, [batch, (ids, targets, counts & False)])
    seen = model.training, model.layers[0].drop.training, _trains(model, "embed.weight")
    with suppress(LearnerError):
        solution.forgetting(model, [(ids + VOCAB, targets, counts)])
    return seen, model.layers[0].enabled, model.layers[2].enabled


def test_all_four(solution, rng):
    """Serving, measuring, forgetting and three steps of training give the right numbers"""
    values, batches = _values(), _batches(rng, [(2, 5), (4, 3), (3, 6)])
    W, b, x = torch.randn(4, 3).double(), torch.randn(4).double() + 2, torch.randn(6, 2, 3).double()
    adapters, which = _adapters(3, 4, (2, 1, 3)), torch.tensor([2, 0, -1, 2, 1, 0])
    y = solution.serve(_layer(solution, W, b), x, adapters, which)
    model = _model(solution, values)
    loss, both = solution.evaluate(model, batches), solution.forgetting(model, batches)
    _told_apart(solution, values, batches[0])
    losses = solution.finetune(model, batches, 0.03, 0.4)
    found = parameters(model)
    _ = _trains(model, "embed.weight"), model.training
    assert_close(
        y,
        _served(W, b, x, adapters, which),
        what="the output of serve",
        why="Row i is layer(x[i]) + s · x[i] Aᵀ Bᵀ, or without the second part.",
    )
    why = "It is the sum of the losses of all counted places through their number."
    _near(loss, _mean(values, batches), "evaluate(model, batches)", why)
    _pair(both)
    why = "Only `enabled` is switched between the two; the factors and all else stay what they are."
    _near(both[0], _mean(values, batches, on=(False, False)), "forgetting: the loss without the adapters", why)
    _near(both[1], _mean(values, batches), "forgetting: the loss with the adapters", why)
    expected, after = _trained(values, batches, 0.03, 0.4)
    losses = _numbers(losses, "What finetune returns")
    assert_close(
        losses,
        torch.tensor(expected, dtype=torch.float64),
        rtol=1e-7,
        what="the losses of finetune",
        why="Each is the mean over a batch's counted places, before its step. The model reads all ids, the prompt too;"
        " the learning rate is the same in all steps.",
    )
    for name, value in after.items():
        if "lora" in name:
            assert not torch.equal(found[name].detach(), values[name]), (
                f"{name} has not moved in three steps. The model that is given is trained itself, and not a copy."
            )
        assert_close(found[name].detach(), value, rtol=1e-7, atol=1e-9, what=f"{name} after three steps")


def test_mean_of_all(solution, rng):
    """evaluate is the mean over all counted places, in batches of any size, some without any"""
    values = _values()
    model = _model(solution, values, dropout=0.6)
    some = _batches(rng, [(1, 2), (6, 7), (2, 3)], 0.8)
    ids, targets, counts = some[0]
    batches = [(ids, targets, torch.zeros_like(counts)), *some, (ids, targets, torch.zeros_like(counts))]
    first, again, one = (
        solution.evaluate(model, batches),
        solution.evaluate(model, batches),
        solution.evaluate(model, some[1:2]),
    )
    right = _mean(values, some)
    _near(first, right, "evaluate", "Batches weigh by how many places count in them; dropout is off.")
    _near(again, right, "evaluate, the second time")
    _near(one, _mean(values, some[1:2]), "evaluate of one batch")


def test_prompt_is_seen(solution, rng):
    """The model reads all of a text: places that do not count are only left out of the loss"""
    values, batches = _values(), _batches(rng, [(2, 5), (3, 4)])
    model = library(solution, "torch.nn.Sequential")(
        _model(solution, values), library(solution, "torch.nn.Softmax")(dim=1)
    )
    loss, losses = solution.evaluate(model, batches), solution.finetune(model, batches, 0.0, 0.0)
    why = "This model's logits depend on all places of a row: give it the whole ids, and pick what counts afterwards."
    _near(loss, _mean(values, batches, mixed=True), "evaluate", why)
    right = torch.stack([_losses(values, batch, mixed=True).mean() for batch in batches])
    losses = _numbers(losses, "What finetune returns")
    assert_close(losses, right, rtol=1e-7, what="the losses of finetune", why=why)


def test_modes_are_put_back(solution, rng):
    """After evaluate each module is in its own mode, and no parameter has changed"""
    values, batches = _values(), _batches(rng, [(2, 3)])
    found = []
    for outer, inner in ((True, False), (False, True), (True, True), (False, False)):
        model = _model(solution, values, dropout=0.5).train(outer)
        model.layers[0].train(inner)
        model.layers[2].base.requires_grad_(False)
        trained = [name for name in values if _trains(model, name)]
        solution.evaluate(model, batches)
        modes = [model.training, model.layers.training, model.layers[0].drop.training, model.layers[2].drop.training]
        changed = [name for name in values if _trains(model, name) != (name in trained)]
        found.append((outer, inner, modes, changed, parameters(model)))
    for outer, inner, modes, changed, now in found:
        where = f"for a model with training = {outer} and a layer in it with training = {inner}"
        text = f"the modes of model, layers, layers[0].drop, layers[2].drop after evaluate, {where}"
        assert_equal(modes, [outer, outer, inner, outer], what=text)
        assert not changed, f"evaluate has changed the requires_grad of {', '.join(changed)}: leave it alone."
        for name, value in values.items():
            assert_equal(now[name].detach(), value, what=f"{name} after evaluate")


def test_switches(solution, rng):
    """forgetting measures with all off and all on, and puts each switch back"""
    values, batches = _values(), _batches(rng, [(2, 5), (3, 4)])
    found = []
    for first, second in ((True, False), (False, True), (False, False), (True, True)):
        model = _model(solution, values, dropout=0.3)
        model.layers[0].enabled, model.layers[2].enabled = first, second
        both = solution.forgetting(model, batches)
        found.append(((first, second), both, (model.layers[0].enabled, model.layers[2].enabled)))
    off, on = _mean(values, batches, on=(False, False)), _mean(values, batches)
    for were, both, now in found:
        case = f"where the adapters' `enabled` were {were}"
        _pair(both)
        _near(both[0], off, f"the loss without adapters, {case}")
        _near(both[1], on, f"the loss with all adapters, {case}")
        assert now == were, f"After forgetting `enabled` are {now}, {case}: put each back."


def test_switches_after_an_error(solution, rng):
    """After an error in the measurement the switches are what they were"""
    model = _model(solution, _values())
    model.layers[2].enabled = False
    ids, targets, counts = _batches(rng, [(2, 3)])[0]
    with pytest.raises(IndexError):
        solution.forgetting(model, [(ids + VOCAB, targets, counts)])
    now = (model.layers[0].enabled, model.layers[2].enabled)
    assert now == (True, False), (
        f"An id was out of range; afterwards `enabled` are {now}, before they were (True, False)."
    )


def test_training_mode(solution, rng):
    """Fine-tuning goes on in training mode, dropout on, and leaves the model in it"""
    model = _model(solution, _values(), dropout=0.5).eval()
    batch = _batches(rng, [(3, 4)])[0]
    losses = solution.finetune(model, [batch] * 3, 0.0, 0.0)
    modes = [model.training, model.layers[0].drop.training]
    losses = _numbers(losses, "What finetune returns")
    assert len(losses) == 3, f"finetune gives {len(losses)} losses for three batches."
    assert len(set(losses.tolist())) == 3, "Steps of size 0 on the same batch give the same loss: the dropout is off."
    assert modes == [True, True], "After finetune the model is not in training mode."


def test_only_the_factors(solution, rng):
    """Fine-tuning moves the factors alone: the rest is frozen, and the same to the last bit"""
    values, batches = _values(), _batches(rng, [(3, 4), (2, 6)])
    model = _model(solution, values)
    losses = solution.finetune(model, batches, 0.1, 0.9)
    found = parameters(model)
    trained = {name: _trains(model, name) for name in values}
    _numbers(losses, "What finetune returns")
    for name, value in values.items():
        if "lora" in name:
            assert trained[name], f"{name} is frozen (requires_grad is False); it is to be trained."
            assert not torch.equal(found[name].detach(), value), f"{name} has not moved in two steps."
        else:
            assert not trained[name], (
                f"{name} is not frozen: its requires_grad is True. That is for lora_A and lora_B alone."
            )
            assert_equal(
                found[name].detach(), value, what=f"{name} after fine-tuning", why="It belongs to the frozen base."
            )


def test_places_that_count(solution, rng):
    """What is at the other places changes neither the loss nor the training"""
    values = _values()
    batches = _batches(rng, [(3, 5), (2, 4)])
    moved = [(ids, torch.where(counts, targets, (targets + 3) % VOCAB), counts) for ids, targets, counts in batches]
    models = [_model(solution, values) for _ in range(2)]
    losses = [solution.evaluate(model, part) for model, part in zip(models, (batches, moved), strict=True)]
    steps = [solution.finetune(model, part, 0.1, 0.1) for model, part in zip(models, (batches, moved), strict=True)]
    first, second = ({name: p.detach() for name, p in parameters(model).items()} for model in models)
    why = "The two differ only in targets that do not count."
    _near(losses[1], losses[0] if isinstance(losses[0], float) else 0.0, "evaluate", why)
    assert_equal(steps[1], steps[0], what="the losses of finetune", why=why)
    for name, value in first.items():
        assert_equal(second[name], value, what=f"{name} after finetune", why=why)


def test_factors_that_were_frozen(solution, rng):
    """Factors that somebody froze before are trained; layers are found however deep they lie"""
    values, batches = _values(), _batches(rng, [(3, 4), (2, 6)])
    inner = _model(solution, values)
    sequential = library(solution, "torch.nn.Sequential")
    model = sequential(sequential(inner.requires_grad_(False)))
    losses = solution.finetune(model, batches, 0.1, 0.0)
    found = parameters(inner)
    expected, after = _trained(values, batches, 0.1, 0.0)
    losses = _numbers(losses, "What finetune returns")
    assert_close(losses, torch.tensor(expected, dtype=torch.float64), rtol=1e-7, what="the losses of a nested model")
    for name, value in after.items():
        what = f"{name} of a model inside two others, all frozen before"
        assert_close(found[name].detach(), value, rtol=1e-7, atol=1e-9, what=what)


def test_many_steps(solution, rng):
    """Eight steps with and without weight decay follow AdamW"""
    for decay, lr in ((0.0, 0.02), (0.5, 0.05)):
        values, batches = _values(), _batches(rng, [(2 + i % 3, 3 + i % 4) for i in range(8)])
        model = _model(solution, values)
        losses = solution.finetune(model, batches, lr, decay)
        found = parameters(model)
        expected, after = _trained(values, batches, lr, decay)
        losses = _numbers(losses, "What finetune returns")
        why = f"Here lr = {lr} and weight_decay = {decay}: decay acts on the factors, apart from the gradient."
        right = torch.tensor(expected, dtype=torch.float64)
        assert_close(losses, right, rtol=1e-6, what="the losses of eight steps", why=why)
        for name, value in after.items():
            what = f"{name} after eight steps"
            assert_close(found[name].detach(), value, rtol=1e-6, atol=1e-8, what=what, why=why)


def test_serve(solution):
    """Each row has its own adapter, of any rank, or none"""
    cases = [
        ((5, 4, 3), 6, (1, 4), [1, 1, -1, 0, 1], torch.float64),
        ((4, 1, 5), 2, (2, 3, 1, 5), [3, -1, 0, 3], torch.float64),
        ((3, 2, 4), 5, (), [-1, -1, -1], torch.float64),
        ((1, 6, 2), 3, (2, 2), [1], torch.float64),
        ((4, 3, 6), 4, (3, 2), [-1, 0, 1, 0], torch.float32),
    ]
    found = []
    for (batch, n, n_in), n_out, ranks, which, dtype in cases:
        W, b = torch.randn(n_out, n_in).to(dtype), (torch.randn(n_out) + 1).to(dtype)
        x = torch.randn(n, batch, n_in).to(dtype).transpose(0, 1)
        adapters, which = _adapters(n_in, n_out, ranks, dtype), torch.tensor(which)
        y = solution.serve(_layer(solution, W, b), x, adapters, which)
        found.append((y, _served(W, b, x, adapters, which).to(dtype), which.tolist(), ranks))
    for y, right, which, ranks in found:
        why = f"Here which = {which}: places in `adapters`, used or not, and -1 is none; their ranks are {list(ranks)}."
        assert_close(y, right, rtol=1e-5 if right.dtype == torch.float32 else None, atol=1e-5, what="y", why=why)


def test_rows_do_not_leak(solution):
    """A batch gives what its rows give by themselves, and the arguments are not changed"""
    W, x = torch.randn(4, 3).double(), torch.randn(5, 2, 3).double()
    adapters, which = _adapters(3, 4, (2, 1, 3)), torch.tensor([1, -1, 0, 2, 1])
    layer = _layer(solution, W)
    together = assert_unchanged(solution.serve, layer, x, adapters, which)
    alone = [solution.serve(layer, x[i : i + 1], adapters, which[i : i + 1]) for i in range(5)]
    weight = layer.weight.detach()
    for i, row in enumerate(alone):
        why = "Each row is computed as if it were alone. Does another row's adapter reach it?"
        assert_close(together[i : i + 1], row, what=f"row {i} of a batch beside the same row by itself", why=why)
    assert_equal(weight, W, what="the weight of the shared layer", why="It serves other adapters after this.")


def test_example_of_the_statement(solution):
    """The example worked by hand comes out"""
    layer = _layer(solution, torch.ones(1, 2), torch.tensor([10.0]))
    x = torch.tensor([[[1.0, 2.0]]]).repeat(3, 1, 1)
    adapters = [(torch.tensor([[0.0, 1.0]]), torch.tensor([[3.0]]), 0.5)]
    y = solution.serve(layer, x, adapters, torch.tensor([0, -1, 0]))
    assert_close(y, torch.tensor([[[16.0]], [[13.0]], [[16.0]]]), what="y of the example")


@pytest.mark.last
def test_it_learns(solution, rng, curve):
    """It learns a new task, the more the higher the rank, forgets the old one, and can be switched off"""
    vocab, hidden = 12, 16
    eye = torch.eye(vocab, dtype=torch.float64)
    old, new = (torch.arange(vocab) + 1) % vocab, (5 * torch.arange(vocab) + 3) % vocab
    start = _values(1, (vocab, vocab, hidden))
    base = {name: 0.1 * value for name, value in start.items()}
    base["embed.weight"] = eye.clone()
    base[f"{UP}.base.weight"][:vocab] = eye
    base[f"{OUT}.base.weight"][:, :vocab] += 5 * eye[old].T

    def text(follows, b=8, n=8):
        ids = torch.from_numpy(rng.integers(0, vocab, (b, n)))
        return ids, follows[ids], torch.from_numpy(rng.random((b, n)) < 0.7)

    held, known = [text(new) for _ in range(3)], [text(old) for _ in range(3)]
    batches = [text(new) for _ in range(40)]
    reached = []
    for r in (1, 2, 4):
        values = dict(base)
        for layer, n_in, n_out in ((UP, vocab, hidden), (OUT, hidden, vocab)):
            values[f"{layer}.lora_A"] = torch.from_numpy(rng.normal(size=(r, n_in))) / n_in**0.5
            values[f"{layer}.lora_B"] = torch.zeros(n_out, r, dtype=torch.float64)
        model = _model(solution, values, r, 2.0 * r, sizes=(vocab, vocab, hidden))
        could = solution.evaluate(model, known)
        losses = solution.finetune(model, batches, 0.05, 0.01)
        for step in range(0, 40, 2):
            curve(f"rank {r}", step, losses[step])
        after, both = solution.evaluate(model, held), solution.forgetting(model, known)
        reached.append(after)
        assert both[0] == could, "With the adapters switched off the model is no longer what it was."
        assert both[1] > could + 0.5, (
            f"The old task had the loss {could:.2f}, and has {both[1]:.2f}: it should be forgotten."
        )
    assert reached[0] > reached[1] + 0.1, f"Losses at ranks 1 and 2: {reached[0]:.3f} and {reached[1]:.3f}."
    assert reached[1] > reached[2], f"Losses at ranks 2 and 4: {reached[1]:.3f} and {reached[2]:.3f}."
    assert reached[2] < 0.2, f"At rank 4 the loss on the new task is {reached[2]:.3f}, expected below 0.2."
