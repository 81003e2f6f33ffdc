"""A tiny GPT.

The parts come first, each on small tensors: values against loops or torch's own functions in float64, gradients against
float64 autograd in the judge, properties where a right solution has a choice (how it draws its numbers). The last check
runs the whole, and trusts nothing that the run says: losses are worked out here, from logits asked of the models that came
back, on text that was never handed over.

Tolerances: float64 1e-9 and float32 1e-5 relative as everywhere; 1e-6 for `embed`, whose table of positions is float32.
Drawn text is compared with its probabilities at six standard deviations: a right solution fails less than one time in
10⁶. In `batch` a start out of three is missed by 300 rows with a chance below 10⁻⁵¹.

The bounds of the last check are wide: the held-out loss is about 1.8, where that of the bigrams is 2.3 and 2.1 is asked;
int8 moves it by about 0.001, and 0.05 is allowed; the loss on verse falls by 0.9, and 0.3 is asked.
"""

import math

import numpy as np
import pytest
import torch

from grader.testing import (
    assert_close,
    assert_equal,
    assert_gradients,
    assert_unchanged,
    library,
    load,
    observe,
    parameters,
    state,
    vjp,
)

F64, F32 = torch.float64, torch.float32


def randn(rng, *shape, dtype=F64):
    return torch.from_numpy(rng.standard_normal(shape)).to(dtype)


def generator(seed):
    return torch.Generator().manual_seed(seed)


# The parts --------------------------------------------------------------------------------------------------------------


def positions(n, d):
    """By the definition, number by number."""
    rows = [[(math.cos if i % 2 else math.sin)(p / 10000 ** ((i - i % 2) / d)) for i in range(d)] for p in range(n)]
    return torch.tensor(rows, dtype=F64)


def test_embed(solution, rng):
    """Characters become vectors: scaled rows of the table plus the positions"""
    table, ids = randn(rng, 9, 6), torch.from_numpy(rng.integers(0, 9, (2, 5)))
    ids[0, 3] = ids[0, 1]
    cotangent = randn(rng, 2, 5, 6)
    got, gradients = vjp(solution.embed, table, ids, cotangent=cotangent, wrt=[0])
    short = assert_unchanged(solution.embed, table[:, :4].float(), ids[:, :1])
    by_hand = solution.embed(torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([[1, 1]]))
    expected = math.sqrt(6) * table[ids] + positions(5, 6)
    assert_close(got, expected, what="the vectors", rtol=1e-6, atol=1e-6,
                 why="A row is √d · table[id], plus the encoding of its place in the text, not scaled.")  # fmt: skip
    assert_close(short, (2 * table[:, :4][ids[:, :1]] + positions(1, 4)).float(), what="the vectors of one place")
    assert_close(by_hand, torch.tensor([[[0.0, 3.82842712], [0.84147098, 3.36872943]]]), what="the example's vectors")
    wanted = torch.zeros(9, 6, dtype=F64).index_put((ids,), math.sqrt(6) * cotangent, accumulate=True)
    assert_gradients(gradients, [wanted], ["table"])


def layer_norm(x, gamma, beta, eps):
    return torch.nn.functional.layer_norm(x, x.shape[-1:], gamma, beta, eps)


@pytest.mark.parametrize("dtype", [F64, F32])
def test_layernorm(solution, rng, dtype):
    """LayerNorm computes your layer norm, and hands back all three gradients"""
    x, gamma, beta, dy = (randn(rng, *shape) for shape in [(2, 3, 5), (5,), (5,), (2, 3, 5)])
    given = [t.to(dtype) for t in (x, gamma, beta)]
    got, gradients = vjp(solution.LayerNorm.apply, *given, 0.3, cotangent=dy.to(dtype), wrt=[0, 1, 2])
    given = [t.to(dtype).to(F64).requires_grad_() for t in (x, gamma, beta)]
    expected = layer_norm(*given, 0.3)
    wanted = torch.autograd.grad(expected, given, dy.to(dtype).to(F64))
    assert_close(got, expected.detach().to(dtype), what="the normalised vectors",
                 why="forward(ctx, x, gamma, beta, eps) is ln_forward of the same four.")  # fmt: skip
    assert_gradients(gradients, [each.to(dtype) for each in wanted], ["x", "gamma", "beta"])


def test_layernorm_twice(solution, rng):
    """Two layer norms in a row keep apart what each backward needs"""
    x, dy = randn(rng, 4, 5), randn(rng, 4, 5)
    weights = [randn(rng, 5) for _ in range(4)]
    model = library(solution, "torch.nn.Sequential")(solution.Norm(5), solution.Norm(5)).double()
    load(model, **dict(zip(["0.gamma", "0.beta", "1.gamma", "1.beta"], weights, strict=True)))
    got, gradients = vjp(model, x, cotangent=dy, wrt=[0, "0.gamma", "0.beta", "1.gamma", "1.beta"])
    leaves = [t.clone().requires_grad_() for t in (x, *weights)]
    expected = layer_norm(layer_norm(*leaves[:3], 1e-5), *leaves[3:], 1e-5)
    wanted = torch.autograd.grad(expected, leaves, dy)
    assert_close(got, expected.detach(), what="the output of two norms")
    assert_gradients(gradients, list(wanted), ["x", "the first gamma", "the first beta", "the second gamma",
                                              "the second beta"])  # fmt: skip


def by_heads(q, k, v, heads):
    """Head by head and place by place."""
    d = q.shape[-1] // heads
    rows = []
    for t in range(q.shape[1]):
        cells = []
        for h in range(heads):
            at = slice(h * d, (h + 1) * d)
            scores = torch.einsum("bd,bjd->bj", q[:, t, at], k[:, : t + 1, at]) / math.sqrt(d)
            cells.append(torch.einsum("bj,bjd->bd", scores.softmax(-1), v[:, : t + 1, at]))
        rows.append(torch.cat(cells, -1))
    return torch.stack(rows, 1)


def test_attention(solution, rng):
    """Each head attends on its own columns, to the places up to its own"""
    q, k, v, d_result = (randn(rng, 2, 5, 12) for _ in range(4))
    got, gradients = vjp(solution.attention, q, k, v, 3, cotangent=d_result, wrt=[0, 1, 2])
    one = solution.attention(q[:1, :4].float(), k[:1, :4].float(), v[:1, :4].float(), 1)
    first = solution.attention(q[:, :1], k[:, :1], v[:, :1], 4)
    leaves = [t.clone().requires_grad_() for t in (q, k, v)]
    expected = by_heads(*leaves, 3)
    wanted = torch.autograd.grad(expected, leaves, d_result)
    assert_close(got, expected.detach(), what="the result of three heads",
                 why="Head i owns the neighbouring columns from i·d_head on, in q, k, v and in the result.")  # fmt: skip
    assert_close(one, by_heads(q[:1, :4], k[:1, :4], v[:1, :4], 1).float(), what="the result of one head")
    assert_close(first, v[:, :1], what="a text of one place", why="It sees itself only.")
    assert_gradients(gradients, list(wanted), ["q", "k", "v"])


def test_attention_is_causal(solution, rng):
    """What comes later changes nothing that came before"""
    q, k, v = (randn(rng, 3, 6, 8) for _ in range(3))
    whole = solution.attention(q, k, v, 2)
    for t in (q, k, v):
        t[:, 4:] += randn(rng, 3, 2, 8)
    changed = solution.attention(q, k, v, 2)
    assert_close(changed[:, :4], whole[:, :4], what="the first four places after the last two were changed",
                 why="A place that sees later ones learns to copy, not to predict.")  # fmt: skip
    assert (changed[:, 4:] - whole[:, 4:]).abs().max() > 1e-3, "The last places do not depend on their own columns."


def cross_entropy(logits, y):
    return torch.nn.functional.cross_entropy(logits.flatten(0, -2), y.flatten())


def test_cross_entropy(solution, rng):
    """CrossEntropy is the mean over all places, and backward hands on its gradient, scaled as asked"""
    logits, y = 3 * randn(rng, 2, 3, 7), torch.from_numpy(rng.integers(0, 7, (2, 3)))
    made = [(dtype, d, vjp(solution.CrossEntropy.apply, logits.to(dtype), y, cotangent=torch.tensor(d, dtype=dtype),
                           wrt=[0])) for dtype, d in [(F64, 1.0), (F64, -2.5), (F32, 0.5)]]  # fmt: skip
    flat = vjp(solution.CrossEntropy.apply, logits[0], y[0], cotangent=torch.tensor(1.0, dtype=F64), wrt=[0])
    made.append((F64, 1.0, flat))
    for dtype, d, (got, gradients) in made:
        at = slice(0, 1) if got is flat[0] else slice(None)
        leaf = logits[at].to(dtype).to(F64).requires_grad_()
        expected = cross_entropy(leaf, y[at])
        (wanted,) = torch.autograd.grad(expected, [leaf], torch.tensor(d, dtype=F64))
        wanted = wanted[0] if at.stop else wanted
        assert_close(got, expected.detach().to(dtype), what=f"the loss in {dtype}",
                     why="It is one number, the mean over all places of all rows.")  # fmt: skip
        assert_gradients(gradients, [wanted.to(dtype)], [f"logits (the loss was multiplied by {d:g})"])


def test_batch_windows(solution, rng):
    """A batch is windows of the text, and the same windows one character on"""
    ids = torch.from_numpy(rng.permutation(500))
    place = torch.empty(500, dtype=torch.int64)
    place[ids] = torch.arange(500)
    x, y = solution.batch(ids, 6, 9, generator(3))
    only = solution.batch(ids[:10], 4, 9, generator(4))
    for name, each in (("x", x), ("y", y)):
        assert tuple(each.shape) == (6, 9), f"{name} has the shape {tuple(each.shape)}, not (size, context) = (6, 9)."
        assert each.dtype == torch.int64, f"{name} is {each.dtype}, not int64."
        assert ((each >= 0) & (each < 500)).all(), f"{name} holds numbers that are not in the text."
    at = place[x]
    assert (at[:, 1:] - at[:, :-1] == 1).all(), "A row of x is not a window of neighbours in the text, in their order."
    steps = place[y] - at
    assert (steps == 1).all(), (
        f"y has to be what stands 1 further on than x; it is {sorted(set(steps.flatten().tolist()))} further on."
    )
    assert len(set(at[:, 0].tolist())) > 1, "All rows begin at the same place: each row draws its own start."
    assert_equal(only, (ids[:9].expand(4, 9).contiguous(), ids[1:10].expand(4, 9).contiguous()),
                 what="a batch of a text in which one window fits")  # fmt: skip


def test_batch_starts(solution):
    """Every start comes up, the first and the last one too, and equally often"""
    ids = torch.arange(50, 63)
    x, _ = solution.batch(ids, 300, 10, generator(1))
    many, _ = solution.batch(torch.arange(40), 3000, 5, generator(2))
    found = set(x[:, 0].tolist())
    assert found == {50, 51, 52}, (
        f"In a text of 13 characters with windows of 10 there are the starts 0, 1, 2; yours were {sorted(i - 50 for i in found)}."
    )
    counts = torch.bincount(many[:, 0], minlength=35)[:35].double()
    assert (counts - 3000 / 35).abs().max() < 6 * math.sqrt(3000 / 35), "Some starts come up more often than others."


def test_batch_generator(solution):
    """The batch depends on the generator that is given, and on no other"""
    ids = torch.arange(1000)
    x, _ = solution.batch(ids, 8, 5, generator(11))
    again, _ = solution.batch(ids, 8, 5, generator(11))
    other, _ = solution.batch(ids, 8, 5, generator(12))
    assert torch.equal(x, again), "The same generator gave other windows: you draw from a generator that was not given."
    assert not torch.equal(x, other), "Another generator gave the same windows: they are not drawn from it."


def bigram(solution, logits):
    """A model whose logits depend on the last character only; it lives in the cell."""
    model = library(solution, "torch.nn.Embedding")(*logits.shape)
    load(model, weight=logits)
    return model


def test_sample_most_likely(solution, rng):
    """At temperature 0 the most likely character is taken, and read back"""
    following = torch.tensor([3, 0, 4, 2, 1])
    logits = torch.nn.functional.one_hot(following, 5).float() - 0.5 + 0.1 * randn(rng, 5, 5, dtype=F32)
    model = bigram(solution, logits)
    start = torch.tensor([[1, 2]])
    seen = observe(solution.sample, model, start, 7, 0.0, generator(0), 4)
    nothing = solution.sample(model, start, 0, 0.0, generator(0), 4)
    zero = solution.sample(model, start, 3, 0, generator(0), 1)
    assert_equal(nothing, start, what="the text when nothing is to be written (n = 0)")
    assert_equal(seen.value, torch.tensor([[1, 2, 4, 1, 0, 3, 2, 4, 1]]), what="the text written at temperature 0")
    assert_equal(seen.args[1], start, what="`ids` after the call (it must not be changed in place)")
    assert_equal(zero, torch.tensor([[1, 2, 4, 1, 0]]), what="the text written with a context of 1")


def test_sample_context(solution):
    """The model is shown the last characters, `context` at most, and its last place is used"""
    seen = []

    def model(ids):
        seen.append(ids.clone())
        logits = torch.full((1, ids.shape[1], 10), -30.0)
        logits[0, torch.arange(ids.shape[1]), (3 * ids[0] + torch.arange(ids.shape[1])) % 10] = 30.0
        return logits

    got = solution.sample(model, torch.tensor([[7, 1]]), 6, 1.0, generator(5), 4)
    text = [7, 1]
    shown = []
    for _ in range(6):
        shown.append(text[-4:])
        text.append((3 * text[-1] + len(shown[-1]) - 1) % 10)
    asked = [each[0].tolist() for each in seen]
    assert asked[:1] == shown[:1], f"The text so far was [7, 1], and the model was shown {asked[:1]}."
    assert all(len(each) <= 4 for each in asked), (
        f"The model was shown {max(map(len, asked))} characters: it has learnt with 4 (context) and is to see 4 at most."
    )
    assert asked == shown, f"With a context of 4 the model is to be shown {shown}; it was shown {asked}."
    assert_equal(got, torch.tensor([text]), what="the text written")


@pytest.mark.parametrize("temperature", [1.0, 0.5, 3.0])
def test_sample_temperature(solution, temperature):
    """Characters are drawn with the probabilities softmax(logits / temperature)"""
    logits = torch.tensor([-1.0, 0.5, 1.5, 0.0])
    model = bigram(solution, logits.expand(4, 4))
    text = solution.sample(model, torch.tensor([[2]]), 300, temperature, generator(21), 8)
    assert tuple(text.shape) == (1, 301), f"The text has the shape {tuple(text.shape)}, expected (1, 1 + 300)."
    assert ((text >= 0) & (text < 4)).all(), "The text holds characters that the model does not know."
    share = torch.bincount(text[0, 1:], minlength=4).double() / 300
    p = torch.softmax(logits.double() / temperature, -1)
    allowed = 6 * (p * (1 - p) / 300).sqrt() + 5 / 300  # the 5 for the rarest, whose count is no normal number
    assert ((share - p).abs() < allowed).all(), (
        f"At temperature {temperature:g} the probabilities are {[round(each, 3) for each in p.tolist()]}; "
        f"of 300 characters your shares are {[round(each, 3) for each in share.tolist()]}."
    )


def test_sample_generator(solution):
    """The same generator writes the same text"""
    model = bigram(solution, torch.zeros(6, 6))
    texts = [solution.sample(model, torch.tensor([[0]]), 40, 1.0, generator(s), 8) for s in (1, 1, 2)]
    assert torch.equal(texts[0], texts[1]), "The same generator wrote another text: draw from the one that is given."
    assert not torch.equal(texts[0], texts[2]), "Another generator wrote the same text: nothing is drawn from it."


class Plan:
    """A model of nested linear layers and other things, made in the cell, and its weights."""

    def __init__(self, solution, rng):
        nn = {name: library(solution, f"torch.nn.{name}") for name in
              ("Sequential", "Linear", "LayerNorm", "BatchNorm1d", "Tanh")}  # fmt: skip
        inner = nn["Sequential"](nn["Linear"](5, 7, bias=False), nn["Tanh"](), nn["Linear"](7, 3))
        self.model = nn["Sequential"](nn["Linear"](6, 5), nn["BatchNorm1d"](5), inner, nn["LayerNorm"](3))
        self.model.eval()
        sizes = {name: value.shape for name, value in parameters(self.model).items()}
        self.weights = {name: randn(rng, *shape, dtype=F32) for name, shape in sizes.items()}
        for name in ("0.weight", "2.0.weight", "2.2.weight"):
            rows = len(self.weights[name])
            self.weights[name] *= torch.logspace(-2, 1, rows)[:, None]
        load(self.model, **self.weights)
        self.numbers = sum(value.numel() for value in self.weights.values())
        # BatchNorm's running mean and variance in float32, and its counter in int64
        self.bytes = 4 * self.numbers + 4 * (5 + 5) + 8

    def expected(self, x, weights):
        """The model's output in float64."""
        w = {name: value.double() for name, value in weights.items()}
        x = x.double() @ w["0.weight"].T + w["0.bias"]
        x = x / math.sqrt(1 + 1e-5) * w["1.weight"] + w["1.bias"]
        x = torch.tanh(x @ w["2.0.weight"].T) @ w["2.2.weight"].T + w["2.2.bias"]
        return layer_norm(x, w["3.weight"], w["3.bias"], 1e-5)


def test_nbytes(solution, rng):
    """The bytes of parameters and buffers are counted by their dtypes"""
    plan = Plan(solution, rng)
    layer = library(solution, "torch.nn.Linear")(4, 3)
    codes = solution.Int8Linear(torch.ones(3, 4, dtype=torch.int8), torch.ones(3, 1), None)
    got = [solution.nbytes(each) for each in (layer, codes, plan.model)]
    got.append(solution.nbytes(layer.double()))
    got.append(solution.nbytes(layer.requires_grad_(False)))
    assert all(type(each) is int for each in got), "nbytes returns an int."
    assert_equal(got[0], 60, what="the bytes of a linear layer from 4 to 3 with a bias, in float32")
    assert_equal(got[1], 12 + 12, what="the bytes of 12 int8 codes and 3 float32 scales (they are buffers)")
    assert_equal(got[2], plan.bytes, what="the bytes of a model with parameters and buffers")
    assert_equal(got[3], 120, what="the bytes of a linear layer from 4 to 3 with a bias, in float64")
    assert_equal(got[4], 120, what="the bytes of the same layer when it is frozen")


def test_quantise(solution, rng):
    """Every linear layer is kept in int8 with a scale for each output, and the bytes are told"""
    plan = Plan(solution, rng)
    x = randn(rng, 4, 6, dtype=F32)
    told = solution.quantise(plan.model)
    after = state(plan.model)
    out = plan.model(x).detach()
    weights = dict(plan.weights)
    small = plan.bytes
    layers = ("0", "2.0", "2.2")
    missing = [f"{name}.codes" for name in layers if f"{name}.codes" not in after]
    assert not missing, (
        f"After quantise the model has no {missing[0]}: every nn.Linear in it, however deep, becomes an Int8Linear."
    )
    for name in layers:
        W = plan.weights[f"{name}.weight"]
        scale = W.abs().amax(1, keepdim=True) / 127
        codes, got = torch.round(W / scale), after[f"{name}.scale"]
        assert got.numel() == len(W), (
            f"Layer {name} has {len(W)} outputs and {got.numel()} scales: one for each row of its weight is asked."
        )
        assert_close(got, scale, what=f"the scales of layer {name}", why="8 bits: the largest of a row gets 127.")
        assert_equal(after[f"{name}.codes"], codes.to(torch.int8), what=f"the codes of layer {name}")
        weights[f"{name}.weight"] = scale * codes
        small -= 3 * W.numel() - 4 * len(W)
    assert_close(out, plan.expected(x, weights).float(), rtol=2e-4, atol=2e-4, what="the output of the model in int8",
                 why="Biases and norms stay as they were.")  # fmt: skip
    assert_equal(tuple(told), (plan.bytes, small), what="(bytes before, bytes after)")


def test_lora(solution, rng):
    """With LoRA the model starts where it was, and only the factors are trained"""
    plan = Plan(solution, rng)
    x = randn(rng, 4, 6, dtype=F32)
    library(solution, "torch.manual_seed")(5)
    count = solution.add_lora(plan.model, 2, 6.0)
    after = parameters(plan.model)
    start = plan.model(x).detach()
    sizes = {"0": (5, 6), "2.0": (7, 5), "2.2": (3, 7)}
    wanted = {f"{name}.lora_{which}" for name in sizes for which in "AB"}
    missing = sorted(wanted - after.keys())
    assert not missing, f"After add_lora the model has no {missing[0]}: every nn.Linear in it becomes a LoRALinear."
    shapes = {name: [tuple(after[f"{name}.lora_{which}"].shape) for which in "AB"] for name in sizes}
    if all(shapes[name] == [(2, inside), (out, 2)] for name, (out, inside) in sizes.items()):
        factors = {name: randn(rng, *after[name].shape, dtype=F32) for name in sorted(wanted)}
        load(plan.model, **factors)
        adapted = plan.model(x).detach()
    assert shapes == {name: [(2, inside), (out, 2)] for name, (out, inside) in sizes.items()}, (
        f"The factors have the shapes {shapes}: with r = 2 they are (2, in) and (out, 2)."
    )
    trained = {name for name, value in after.items() if value.requires_grad}
    assert wanted <= trained, f"{min(wanted - trained)} is not trained: the factors have to learn."
    assert trained == wanted, f"{min(trained - wanted)} is trained: nothing but lora_A and lora_B is."
    assert_close(start, plan.expected(x, plan.weights).float(), rtol=1e-4, atol=1e-4, what="the output at the start",
                 why="The correction is zero at the start: the model has to say what it said before.")  # fmt: skip
    for name, value in plan.weights.items():
        own = name.rpartition(".")
        kept = after[f"{own[0]}.base.{own[2]}" if own[0] in sizes else name]
        assert_equal(kept.detach(), value, what=f"{name} after add_lora")
    weights = dict(plan.weights)
    for name in sizes:
        weights[f"{name}.weight"] = (
            weights[f"{name}.weight"].double() + 6 / 2 * factors[f"{name}.lora_B"].double() @ factors[f"{name}.lora_A"].double()
        )
    assert_close(adapted, plan.expected(x, weights).float(), rtol=2e-4, atol=2e-4, what="the output with other factors",
                 why="The correction is (alpha / r) · B A, here with r = 2 and alpha = 6.")  # fmt: skip
    assert_equal(count, sum(2 * (a + b) for a, b in sizes.values()), what="how many numbers are trained")


def test_model_is_causal(solution, rng):
    """In the whole model no logit depends on what comes later"""
    model = solution.GPT(11, d=12, heads=3, blocks=2, context=7)
    assert_causal(model, torch.from_numpy(rng.integers(0, 10, (3, 7))), 11)


def assert_causal(model, ids, vocabulary):
    """Changing a character changes logits there and after it, and none before."""
    whole = model(ids).detach()
    assert tuple(whole.shape) == (*ids.shape, vocabulary), (
        f"The logits have the shape {tuple(whole.shape)}, expected (batch, n, vocabulary) = {(*ids.shape, vocabulary)}."
    )
    cut = ids.shape[1] // 2
    changed = ids.clone()
    changed[:, cut] = (ids[:, cut] + 1) % vocabulary
    other = model(changed).detach()
    assert_close(other[:, :cut], whole[:, :cut], rtol=1e-4, atol=1e-4,
                 what=f"the logits of the places before {cut} after the character at {cut} was changed")  # fmt: skip
    assert (other[:, -1] - whole[:, -1]).abs().max() > 1e-6, "The last logits do not depend on a character before."


# The whole ----------------------------------------------------------------------------------------------------------------


def loss_of(model, ids, context=64):
    """The mean loss over the windows of `ids`, in float64, from the logits that the model gives."""
    n = (len(ids) - 1) // context
    x, y = ids[: n * context].view(n, context), ids[1 : n * context + 1].view(n, context)
    logits = model(x).detach()
    assert tuple(logits.shape[:2]) == (n, context), f"The logits have the shape {tuple(logits.shape)}."
    assert torch.isfinite(logits).all(), "There are logits that are no numbers (NaN or infinite)."
    return cross_entropy(logits.double(), y).item()


def ngram_losses(seen, unseen, vocabulary):
    """The loss on `unseen` of one who counts characters in `seen`, and of one who counts pairs of them."""
    single = torch.bincount(seen, minlength=vocabulary).double() + 0.1
    pairs = torch.full((vocabulary, vocabulary), 0.05, dtype=F64)
    pairs.index_put_((seen[:-1], seen[1:]), torch.ones(len(seen) - 1, dtype=F64), accumulate=True)
    one, two = (each / each.sum(-1, keepdim=True) for each in (single, pairs))
    return -one[unseen[1:]].log().mean().item(), -two[unseen[:-1], unseen[1:]].log().mean().item()


@pytest.mark.last
def test_run(solution, data, curve):
    """The whole: a model that beats the bigrams on text it has not seen, small in int8, taught verse by LoRA"""
    story, verse = (data[name].decode() for name in ("alice.txt", "verse.txt"))
    cut = len(story) * 9 // 10
    characters = sorted(set(story[:cut] + verse))
    number = {c: i for i, c in enumerate(characters)}
    seen, unseen, lines = (torch.tensor([number[c] for c in each]) for each in (story[:cut], story[cut:], verse))
    single, pairs = ngram_losses(seen, unseen, len(characters))

    def report(name, step, loss):
        assert np.isfinite(loss), f"The loss of step {step} is {loss}: training has left the numbers."
        curve(str(name)[:40], float(step), float(loss))

    torch.set_num_threads(1)  # where all is one process, as in the cell: the tensors are too small for more
    made = solution.run(story[:cut], verse, report)
    model, small, tuned = (made[name] for name in ("model", "int8", "tuned"))

    reached = loss_of(model, unseen)
    assert reached < pairs - 0.2, (
        f"On text that it has not seen the model has a loss of {reached:.3f}. Who counts characters has {single:.3f}, "
        f"who counts pairs of them {pairs:.3f}; {pairs - 0.2:.3f} is asked."
    )
    assert reached > 0.8, f"A loss of {reached:.3f} on unseen text is too good to be true: does the model look ahead?"
    assert_causal(model, unseen[:192].view(3, 64), len(characters))

    in_int8 = loss_of(small, unseen)
    assert abs(in_int8 - reached) < 0.05, f"In int8 the loss is {in_int8:.3f}, and it was {reached:.3f}."
    before, after = (sum(t.numel() * t.element_size() for t in state(each).values()) for each in (model, small))
    assert_equal(tuple(made["bytes"]), (before, after), what='(bytes before, bytes after), under "bytes"')
    assert before > 3.2 * after, f"In int8 the model takes {after} bytes, and {before} before: 3.2 times fewer are asked."

    verse_before, verse_after = loss_of(model, lines), loss_of(tuned, lines)
    assert verse_after < verse_before - 0.3, (
        f"Fine-tuning moved the loss on verse from {verse_before:.3f} to {verse_after:.3f} only; 0.3 less is asked."
    )
    kept, now = state(model), parameters(tuned)
    trained = {name: value for name, value in now.items() if value.requires_grad}
    assert trained, "Nothing is trained in the fine-tuned model."
    assert all(name.endswith((".lora_A", ".lora_B")) for name in trained), "More than the factors is trained."
    for name, value in now.items():
        if name not in trained:
            assert_equal(value.detach(), kept[name.replace(".base.", ".")], what=f"{name} after fine-tuning")
    count = sum(value.numel() for value in trained.values())
    assert_equal(made["trained"], count, what='the numbers trained, under "trained"')
