"""The hidden suite of backprop/checkpointing.

fn is a module of PyTorch's own, made on the learner's side, with a forward hook that calls back: how often it ran, what
it gave, and whether the run was recorded (its result has requires_grad) is counted here.
Expected results and gradients come from the same module, with the same weights, run here under plain autograd.
Tolerances are the defaults for float64 (1e-9 relative, 1e-12 absolute). Dropout masks are read off the first run. No
check fails by chance: of 60 numbers, all kept or all dropped twice alike has the chance 2⁻⁶⁰.
"""

import torch

from grader.testing import Mismatch, assert_close, assert_equal, keep, library, load

F64 = torch.float64
ADDED = "Each backward pass adds to the gradients that are there."


def _tensor(rng, *shape):
    return torch.from_numpy(rng.normal(size=shape))


class Block:
    """A module on the learner's side and its twin here; `runs` lists what each run gave and whether it was recorded."""

    def __init__(self, solution, rng, *layers):
        self.here = torch.nn.Sequential(*(_make(name, sizes) for name, *sizes in layers))
        made = [
            keep(library(solution, f"torch.nn.{name}"), *sizes, **({"dtype": F64} if name in TYPED else {}))
            for name, *sizes in layers
        ]
        self.there = keep(library(solution, "torch.nn.Sequential"), *made)
        values = {name: _tensor(rng, *p.shape) for name, p in self.here.named_parameters()}
        if values:
            load(self.there, **values)
        for name, p in self.here.named_parameters():
            p.data = values[name].clone()
        self.names = list(values)
        self.runs = []
        self.there.register_forward_hook(self._ran)

    def _ran(self, _module, _inputs, output):
        self.runs.append((output.detach().clone(), bool(output.requires_grad)))

    def grads(self):
        """The gradients of the parameters on the learner's side."""
        return [keep(self.there.get_parameter, name).grad for name in self.names]

    def judge_runs(self, when, recorded):
        """How often it ran up to now, and which runs were recorded."""
        if len(self.runs) != len(recorded):
            raise Mismatch(f"fn ran {len(self.runs)} times {when}; it has to be {len(recorded)}.")
        for number, ((_, mine), theirs) in enumerate(zip(self.runs, recorded, strict=True), start=1):
            if mine and not theirs:
                raise Mismatch(
                    f"Run number {number} of fn was recorded by autograd, so all its intermediate results are "
                    f"kept. The "
                    "run of the forward pass has to be under no_grad."
                )


TYPED = ("Linear", "Bilinear", "Embedding", "LayerNorm")


def _make(name, sizes):
    return getattr(torch.nn, name)(*sizes, **({"dtype": F64} if name in TYPED else {}))


def _leaf(solution, value):
    """A leaf with requires_grad on the learner's side."""
    there = keep(library(solution, "torch.clone"), value)
    there.requires_grad_()
    return there


def _plain(block, x, dy):
    """y, dx and the parameters' gradients of plain autograd."""
    x = x.clone().requires_grad_()
    y = block.here(x)
    wanted = [x, *block.here.parameters()]
    return y.detach(), list(torch.autograd.grad(y, wanted, dy))


def test_gradients(solution, rng):
    """Output and gradients are those of fn itself, for the input and for fn's parameters"""
    block = Block(solution, rng, ("Linear", 4, 6), ("Tanh",), ("Linear", 6, 3))
    x, dy = _tensor(rng, 5, 4), _tensor(rng, 5, 3)
    leaf = _leaf(solution, x)
    y = keep(solution.checkpoint, block.there, leaf)
    value = y.detach()
    y.backward(dy)
    dx, grads = leaf.grad, block.grads()
    out, expected = _plain(block, x, dy)
    assert_close(value, out, what="the result of checkpoint(fn, x)")
    _compare(dx, expected[0], "the gradient of x")
    for name, mine, theirs in zip(block.names, grads, expected[1:], strict=True):
        _compare(mine, theirs, f"the gradient of fn's parameter {name}")


def _compare(mine, theirs, what, why=""):
    if mine is None:
        raise Mismatch(f"{what[:1].upper()}{what[1:]} is missing: it is None after the backward pass.")
    assert_close(mine, theirs, what=what, why=why)


def test_runs_twice(solution, rng):
    """fn runs once in the forward pass, unrecorded, and once more in the backward pass"""
    block = Block(solution, rng, ("Linear", 3, 4), ("Tanh",))
    x, dy = _tensor(rng, 2, 3), _tensor(rng, 2, 4)
    leaf = _leaf(solution, x)
    y = keep(solution.checkpoint, block.there, leaf)
    before = len(block.runs)
    if before != 1:
        raise Mismatch(f"fn ran {before} times in the forward pass; it has to be 1.")
    block.judge_runs("in the forward pass", [False])
    y.backward(dy)
    block.judge_runs("in forward and backward pass together", [False, True])
    assert_close(block.runs[1][0], block.runs[0][0], what="what the second run of fn gave")
    _compare(leaf.grad, _plain(block, x, dy)[1][0], "the gradient of x")


def test_no_backward(solution, rng):
    """Without a backward pass there is no second run"""
    block = Block(solution, rng, ("Linear", 3, 2))
    for _ in range(2):
        keep(solution.checkpoint, block.there, _leaf(solution, _tensor(rng, 4, 3)))
    block.judge_runs("in two forward passes", [False, False])


def test_dropout(solution, rng):
    """With dropout the second run has the mask of the first"""
    block = Block(solution, rng, ("Dropout", 0.5), ("Softplus",))
    x, dy = _tensor(rng, 10, 6) + 4.0, _tensor(rng, 10, 6)
    leaf = _leaf(solution, x)
    y = keep(solution.checkpoint, block.there, leaf)
    value = y.detach()
    library(solution, "torch.rand")(7)  # other layers draw numbers in between
    y.backward(dy)
    dx = leaf.grad
    # softplus(0) = log 2 where dropped; x is above 0 nearly everywhere, and 2 x where it was kept.
    kept = (value - torch.log(torch.tensor(2.0, dtype=F64))).abs() > 1e-9
    expected = torch.where(kept, 2 * dy * torch.sigmoid(2 * x), torch.zeros_like(x))
    block.judge_runs("in forward and backward pass together", [False, True])
    assert_close(
        block.runs[1][0], block.runs[0][0], what="what the second run gave", why="It has to draw the same dropout mask."
    )
    _compare(dx, expected, "the gradient of x through dropout")


def test_generator(solution, rng):
    """Random numbers: forward draws what fn would, and backward leaves the generator where it was"""
    block = Block(solution, rng, ("Dropout", 0.3))
    state = library(solution, "torch.get_rng_state")
    leaf = _leaf(solution, _tensor(rng, 3, 5))
    start = state()
    y = keep(solution.checkpoint, block.there, leaf)
    forward = state()
    library(solution, "torch.rand")(11)
    before = state()
    y.backward(_tensor(rng, 3, 5))
    after = state()
    library(solution, "torch.set_rng_state")(start)
    usual = keep(block.there, leaf).detach()
    assert_equal(y.detach(), usual, what="the result of checkpoint(fn, x) with dropout, drawn from the same state")
    assert torch.equal(forward, state()), (
        "The forward pass leaves PyTorch's generator in another place than fn(x) does: no other seed, and "
        "nothing drawn "
        "but what fn draws."
    )
    assert torch.equal(before, after), (
        "The backward pass has moved PyTorch's generator: what is drawn next is not what it would be without "
        "checkpointing."
    )


def test_several_inputs(solution, rng):
    """Several inputs: each that has requires_grad gets its gradient, the others none"""
    bilinear = library(solution, "torch.nn.Bilinear")
    there, here = keep(bilinear, 3, 2, 4, dtype=F64), torch.nn.Bilinear(3, 2, 4, dtype=F64)
    values = {"weight": _tensor(rng, 4, 3, 2), "bias": _tensor(rng, 4)}
    load(there, **values)
    for name, p in here.named_parameters():
        p.data = values[name].clone()
    runs = []
    there.register_forward_hook(lambda _module, _inputs, output: runs.append(bool(output.requires_grad)))
    a, b, dy = _tensor(rng, 5, 3), _tensor(rng, 5, 2), _tensor(rng, 5, 4)
    found = []
    for which in ((True, True), (False, True), (True, False)):
        leaves = [
            _leaf(solution, value) if grad else keep(library(solution, "torch.clone"), value)
            for value, grad in zip((a, b), which, strict=True)
        ]
        y = keep(solution.checkpoint, there, *leaves)
        y.backward(dy)
        found.append((which, [leaf.grad for leaf in leaves]))
    for which, grads in found:
        inputs = [value.clone().requires_grad_(grad) for value, grad in zip((a, b), which, strict=True)]
        here(*inputs).backward(dy)
        for name, mine, theirs in zip("ab", grads, (x.grad for x in inputs), strict=True):
            words = (
                f"the gradient of {name} in checkpoint(fn, a, b), with requires_grad {which[0]} for a, {which[1]} for b"
            )
            if theirs is None:
                assert mine is None, f"{words} is there, but it has no requires_grad."
            else:
                _compare(mine, theirs, words)
    assert runs == [False, True] * 3, f"fn with two inputs ran {len(runs)} times in three passes; it has to be 6."


def test_token_ids(solution, rng):
    """An input of whole numbers is handed on and gets no gradient"""
    embedding = library(solution, "torch.nn.functional.embedding")
    ids, table, dy = torch.tensor([[4, 0], [4, 2], [1, 4]]), _tensor(rng, 5, 3), _tensor(rng, 3, 2, 3)
    leaf = _leaf(solution, table)
    y = keep(solution.checkpoint, embedding, ids, leaf)
    value = y.detach()
    y.backward(dy)
    dtable = leaf.grad
    assert_equal(value, table[ids], what="the result of checkpoint(embedding, ids, table)")
    expected = torch.zeros_like(table)
    for token, row in zip(ids.flatten(), dy.flatten(0, 1), strict=True):
        expected[token] += row
    _compare(dtable, expected, "the gradient of the table in checkpoint(embedding, ids, table)")


def test_backward_again(solution, rng):
    """A second backward pass through the same result runs fn anew and adds the same again"""
    block = Block(solution, rng, ("Linear", 3, 4), ("Tanh",))
    x, dys = _tensor(rng, 2, 3), [_tensor(rng, 2, 4) for _ in range(2)]
    leaf = _leaf(solution, x)
    y = keep(solution.checkpoint, block.there, leaf)
    y.backward(dys[0], retain_graph=True)
    y.backward(dys[1])
    dx, grads = leaf.grad, block.grads()
    expected = [a + b for a, b in zip(*(_plain(block, x, dy)[1] for dy in dys), strict=True)]
    block.judge_runs("in a forward pass and two backward passes", [False, True, True])
    for name, mine, theirs in zip(("x", *block.names), (dx, *grads), expected, strict=True):
        _compare(mine, theirs, f"the gradient of {name} after two backward passes through one result", ADDED)


def test_between_layers(solution, rng):
    """The input is the result of an earlier layer, and the output goes into a later one"""
    block = Block(solution, rng, ("Linear", 3, 4), ("Tanh",))
    x, dy = _tensor(rng, 2, 3), _tensor(rng, 2, 4)
    leaf = _leaf(solution, x)
    earlier = keep(library(solution, "torch.sin"), leaf)
    y = keep(solution.checkpoint, block.there, earlier)
    later = keep(library(solution, "torch.exp"), y)
    later.backward(dy)
    dx, grads = leaf.grad, block.grads()
    here = x.clone().requires_grad_()
    block.here(here.sin()).exp().backward(dy)
    _compare(dx, here.grad, "the gradient of x in exp(checkpoint(fn, sin(x)))")
    for name, mine, theirs in zip(block.names, grads, block.here.parameters(), strict=True):
        _compare(mine, theirs.grad, f"the gradient of fn's parameter {name} in exp(checkpoint(fn, sin(x)))")


def test_chain(solution, rng):
    """One checkpoint after another, with the same fn"""
    block = Block(solution, rng, ("Linear", 3, 3), ("Dropout", 0.4), ("Tanh",))
    block.there.eval()
    block.here.eval()
    x, dy = _tensor(rng, 4, 3), _tensor(rng, 4, 3)
    leaf = _leaf(solution, x)
    h = leaf
    for _ in range(3):
        h = keep(solution.checkpoint, block.there, h)
    h.backward(dy)
    dx, grads = leaf.grad, block.grads()
    here = x.clone().requires_grad_()
    block.here(block.here(block.here(here))).backward(dy)
    block.judge_runs("in three checkpoints", [False] * 3 + [True] * 3)
    _compare(dx, here.grad, "the gradient of x through three checkpoints")
    for name, mine, theirs in zip(block.names, grads, block.here.parameters(), strict=True):
        _compare(mine, theirs.grad, f"the gradient of fn's parameter {name}, used in three checkpoints", ADDED)


def test_adds_up(solution, rng):
    """Gradients of parameters are added to what is there"""
    block = Block(solution, rng, ("Linear", 3, 2))
    xs, dys = [_tensor(rng, 4, 3) for _ in range(2)], [_tensor(rng, 4, 2) for _ in range(2)]
    for x, dy in zip(xs, dys, strict=True):
        keep(solution.checkpoint, block.there, _leaf(solution, x)).backward(dy)
    grads = block.grads()
    for name, mine, *parts in zip(
        block.names, grads, *(_plain(block, x, dy)[1][1:] for x, dy in zip(xs, dys, strict=True)), strict=True
    ):
        _compare(mine, parts[0] + parts[1], f"the gradient of fn's parameter {name} after two backward passes", ADDED)


def test_inputs_are_only_read(solution, rng):
    """The inputs hold the same numbers afterwards, float32 stays float32"""
    square = keep(library(solution, "torch.nn.Softsign"))
    x = torch.from_numpy(rng.normal(size=(3, 4))).float()
    leaf = _leaf(solution, x)
    y = keep(solution.checkpoint, square, leaf)
    y.backward(torch.ones(3, 4) * 2)
    value, after, dx = y.detach(), leaf.detach(), leaf.grad
    assert_equal(after, x, what="the input afterwards (it must not be changed in place)")
    assert_close(value, x / (1 + x.abs()), what="the result for a float32 input")
    _compare(dx, 2 / (1 + x.abs()) ** 2, "the gradient of a float32 input")
