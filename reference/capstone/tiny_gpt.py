"""A tiny GPT: the solution, what the stub gives, known mistakes, other right solutions."""

import copy
import math

import numpy as np
import torch
import torch.nn.functional as F
from attention.causal import causal
from backprop.layernorm import ln_backward, ln_forward
from gradients.cross_entropy import ce
from lora.linear import LoRALinear
from positional_encoding.sinusoidal import pe
from quantization.granularity import quantize_axis
from torch import Tensor, nn

from grader.marks import alternative, mistake


def embed(table: Tensor, ids: Tensor) -> Tensor:
    """Vaswani et al. (2017), sections 3.4 and 3.5."""
    d = table.shape[1]
    return math.sqrt(d) * table[ids] + pe(ids.shape[1], d).to(table.dtype)


class LayerNorm(torch.autograd.Function):
    """The learner's ln_forward and ln_backward, as one operation of autograd."""

    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        y, ctx.cache = ln_forward(x.numpy(), gamma.numpy(), beta.numpy(), eps)  # in here autograd does not record
        return torch.from_numpy(y)

    @staticmethod
    def backward(ctx, dy):
        dx, dgamma, dbeta = ln_backward(dy.numpy(), ctx.cache)
        return torch.from_numpy(dx), torch.from_numpy(dgamma), torch.from_numpy(dbeta), None


def attention(q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    """(batch, n, d) to (batch, heads, n, d / heads) and back: the heads are one more axis of independent attentions."""
    q, k, v = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in (q, k, v))
    return causal(q, k, v).transpose(1, 2).flatten(2)


class CrossEntropy(torch.autograd.Function):
    """The learner's ce, which returns the loss and its gradient at once."""

    @staticmethod
    def forward(ctx, logits, y):
        loss, dlogits = ce(logits.reshape(-1, logits.shape[-1]).numpy(), y.reshape(-1).numpy())
        ctx.save_for_backward(torch.from_numpy(dlogits).reshape(logits.shape))
        return torch.tensor(loss, dtype=logits.dtype)

    @staticmethod
    def backward(ctx, dloss):
        (dlogits,) = ctx.saved_tensors
        return dloss * dlogits, None


def batch(ids: Tensor, size: int, context: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Windows of context + 1 neighbours: all but the last are read, all but the first are to be said."""
    starts = torch.randint(len(ids) - context, (size,), generator=generator)
    windows = ids[starts[:, None] + torch.arange(context + 1)]
    return windows[:, :-1], windows[:, 1:]


@torch.no_grad()
def sample(
    model: nn.Module, ids: Tensor, n: int, temperature: float, generator: torch.Generator, context: int
) -> Tensor:
    """One character after the other; each is read back with those before it."""
    for _ in range(n):
        logits = model(ids[:, -context:])[:, -1]
        if temperature == 0:
            drawn = logits.argmax(dim=-1, keepdim=True)
        else:
            drawn = torch.multinomial(torch.softmax(logits / temperature, dim=-1), 1, generator=generator)
        ids = torch.cat((ids, drawn), dim=1)
    return ids


def nbytes(model: nn.Module) -> int:
    return sum(t.numel() * t.element_size() for t in [*model.parameters(), *model.buffers()])


def quantise(model: nn.Module) -> tuple[int, int]:
    """Axis 0 of a weight (out, in) is the outputs: that is the axis that keeps its scales."""
    before = nbytes(model)
    replace_linear(model, lambda layer: Int8Linear(*quantize_axis(layer.weight.data, 8, 0), layer.bias))
    return before, nbytes(model)


def add_lora(model: nn.Module, r: int, alpha: float) -> int:
    model.requires_grad_(False)
    replace_linear(model, lambda layer: LoRALinear(layer, r, alpha))
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


# What the stub gives. Its names are private here, and public below: it is not for the learner to write.


def _replace_linear(model, make):
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Linear):
                setattr(parent, name, make(child))


class _Int8Linear(nn.Module):
    def __init__(self, codes, scale, bias):
        super().__init__()
        self.register_buffer("codes", codes)
        self.register_buffer("scale", scale)
        self.register_buffer("bias", None if bias is None else bias.detach())

    def forward(self, x):
        return F.linear(x, self.codes.to(x.dtype) * self.scale, self.bias)


class _Norm(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.ones(d)), nn.Parameter(torch.zeros(d))

    def forward(self, x):
        return LayerNorm.apply(x, self.gamma, self.beta, 1e-5)


class _Block(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = _Norm(d), _Norm(d)
        self.qkv, self.mix = nn.Linear(d, 3 * d, bias=False), nn.Linear(d, d, bias=False)
        self.up, self.down = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x):
        q, k, v = self.qkv(self.norm1(x)).chunk(3, dim=-1)
        x = x + self.mix(attention(q, k, v, self.heads))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class _GPT(nn.Module):
    def __init__(self, vocabulary, d=64, heads=4, blocks=2, context=64):
        super().__init__()
        self.context = context
        self.table = nn.Parameter(torch.randn(vocabulary, d) / math.sqrt(d))
        self.blocks = nn.Sequential(*(_Block(d, heads) for _ in range(blocks)))
        self.norm, self.head = _Norm(d), nn.Linear(d, vocabulary, bias=False)

    def forward(self, ids):
        x = embed(self.table, ids)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def _train(model, ids, steps, rate, generator, report, name):
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=rate, weight_decay=0.01)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / (0.1 * steps), (steps - step) / (0.5 * steps))
        x, y = batch(ids, 16, model.context, generator)
        loss = CrossEntropy.apply(model(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 10 == 0 or step == steps - 1:
            report(name, step, loss.item())


def _evaluate(model, ids, context):
    windows = (len(ids) - 1) // context
    x = ids[: windows * context].view(windows, context)
    y = ids[1 : windows * context + 1].view(windows, context)
    with torch.no_grad():
        return CrossEntropy.apply(model(x), y).item()


def _run(text, verse, report):
    characters = sorted(set(text + verse))
    number = {c: i for i, c in enumerate(characters)}
    ids, lines = (torch.tensor([number[c] for c in each]) for each in (text, verse))
    cut = len(ids) * 19 // 20
    seen, unseen = ids[:cut], ids[cut:]
    generator = torch.Generator().manual_seed(0)

    def _write(what, model, start):
        given = torch.tensor([[number[c] for c in start]])
        written = sample(model, given, 160, 0.7, torch.Generator().manual_seed(1), model.context)
        print(f"--- {what}\n{''.join(characters[i] for i in written[0].tolist())}\n")

    def _tell(what, model):
        losses = [_evaluate(model, each, context) for each in (unseen, lines)]
        print(f"{what:24s} loss on the story {losses[0]:.3f}   on verse {losses[1]:.3f}   {nbytes(model):9,d} bytes")

    model = _GPT(len(characters))
    context = model.context
    _write("before training", model, "Alice ")
    _tell("before training", model)
    _train(model, seen, 500, 3e-3, generator, report, "loss")
    _tell("trained", model)
    _write("trained", model, "Alice ")

    small = copy.deepcopy(model)
    before, after = quantise(small)
    _tell(f"int8, {before / after:.2f} times smaller", small)
    _write("in int8", small, "Alice ")

    tuned = copy.deepcopy(model)
    trained = add_lora(tuned, 8, 16)
    _train(tuned, lines, 150, 3e-3, generator, report, "fine-tuning")
    _tell(f"LoRA, {trained:,} trained", tuned)
    _write("after fine-tuning on verse", tuned, "The ")
    return {"model": model, "int8": small, "tuned": tuned, "bytes": (before, after), "trained": trained}


replace_linear, Int8Linear = _replace_linear, _Int8Linear
Norm, Block, GPT, train, evaluate, run = _Norm, _Block, _GPT, _train, _evaluate, _run


# Other right solutions ------------------------------------------------------------------------------------------------


@alternative("A loop over the heads.", of="attention")
def head_by_head(q, k, v, heads):
    parts = zip(*(t.chunk(heads, dim=-1) for t in (q, k, v)), strict=True)
    return torch.cat([causal(*part) for part in parts], dim=-1)


@alternative("Draws by the inverse of the distribution function, from one uniform number.", of="sample")
def by_inversion(model, ids, n, temperature, generator, context):
    text = ids.clone()
    with torch.no_grad():
        for _ in range(n):
            scores = model(text[:, max(0, text.shape[1] - context) :])[0, -1].double()
            if temperature == 0:
                new = int(scores.argmax())
            else:
                p = torch.exp((scores - scores.max()) / temperature)
                u = torch.rand((), generator=generator, dtype=torch.float64) * p.sum()
                new = min(int((p.cumsum(0) <= u).sum()), len(p) - 1)
            text = torch.cat((text, torch.tensor([[new]])), dim=1)
    return text


# Known mistakes -------------------------------------------------------------------------------------------------------


@mistake("The rows of the table are not scaled: they have to be √d times as large before the positions are added.",
         of="embed", hint=1)  # fmt: skip
def unscaled(table, ids):
    return table[ids] + pe(ids.shape[1], table.shape[1]).to(table.dtype)


@mistake("You scale the positions as well as the table: √d is on the rows of the table only, and the positions are "
         "added as they are.", of="embed", hint=1)  # fmt: skip
def positions_scaled(table, ids):
    return math.sqrt(table.shape[1]) * (table[ids] + pe(ids.shape[1], table.shape[1]).to(table.dtype))


@mistake("Your backward hands on dx only. gamma and beta are arguments of forward too, and are never trained without "
         "their gradients.", of="LayerNorm.backward", hint=3)  # fmt: skip
def dx_only(ctx, dy):
    return torch.from_numpy(ln_backward(dy.detach().numpy(), ctx.cache)[0]), None, None, None


class _Shared(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        y, _Shared.cache = ln_forward(x.detach().numpy(), gamma.detach().numpy(), beta.detach().numpy(), eps)
        return torch.from_numpy(np.asarray(y))

    @staticmethod
    def backward(ctx, dy):
        dx, dgamma, dbeta = ln_backward(dy.detach().numpy(), _Shared.cache)
        return torch.from_numpy(dx), torch.from_numpy(dgamma), torch.from_numpy(dbeta), None


@mistake("You keep the cache in one place for all calls, so that a second forward overwrites what the backward of the "
         "first one needs. What belongs to a call belongs on its ctx.", of="LayerNorm", hint=4)  # fmt: skip
class CacheOfTheClass(_Shared):
    pass


def _split(q, k, v, heads):
    return (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in (q, k, v))


@mistake("You cut (batch, n, d) into (batch, heads, n, d_head) by reshaping alone, which mixes places and columns: "
         "divide the last axis first, then move the heads in front of the places.", of="attention", hint=2)  # fmt: skip
def reshaped_only(q, k, v, heads):
    b, n, d = q.shape
    q, k, v = (t.reshape(b, heads, n, d // heads) for t in (q, k, v))
    return causal(q, k, v).reshape(b, n, d)


@mistake("In your attention the heads of one place attend to one another, and the places never meet: causal wants the "
         "places on the axis before the last.", of="attention", hint=2)  # fmt: skip
def across_the_heads(q, k, v, heads):
    q, k, v = (t.unflatten(-1, (heads, -1)) for t in (q, k, v))
    return causal(q, k, v).flatten(2)


@mistake("Your attention is not causal: a place sees what comes after it, and learns to copy it.",
         of="attention", hint=1)  # fmt: skip
def sees_everything(q, k, v, heads):
    q, k, v = _split(q, k, v, heads)
    A = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), dim=-1)
    return (A @ v).transpose(1, 2).flatten(2)


@mistake("Your backward forgets dloss: whoever scales the loss scales its gradient.",
         of="CrossEntropy.backward", hint=3)  # fmt: skip
def dloss_forgotten(ctx, dloss):
    (dlogits,) = ctx.saved_tensors
    return dlogits, None


def _cut(ids, starts, context, further=1):
    at = starts[:, None] + torch.arange(context)
    return ids[at], ids[at + further]


@mistake("The last start never comes up. torch.randint(high, ...) leaves high itself out already.", of="batch", hint=4)
def last_start_missing(ids, size, context, generator):
    highest = max(1, len(ids) - context - 1)
    return _cut(ids, torch.randint(highest, (size,), generator=generator), context)


@mistake("y is x: the model would learn to say the character that it has just been shown. It is the same window, one "
         "further on.", of="batch", hint=2)  # fmt: skip
def nothing_to_predict(ids, size, context, generator):
    return _cut(ids, torch.randint(len(ids) - context, (size,), generator=generator), context, 0)


def _drawn(logits, generator):
    return torch.multinomial(torch.softmax(logits, dim=-1), 1, generator=generator)


def _written(model, ids, n, temperature, generator, show, place=-1, scale=None):
    for _ in range(n):
        logits = model(show(ids)).detach()[:, place]
        if temperature == 0:
            new = logits.argmax(dim=-1, keepdim=True)
        else:
            new = _drawn(logits / temperature if scale is None else scale(logits), generator)
        ids = torch.cat((ids, new), dim=1)
    return ids


@mistake("You show the model the whole text. It has learnt with `context` places, and is to see the last `context` "
         "characters at most.", of="sample", hint=3)  # fmt: skip
def shown_everything(model, ids, n, temperature, generator, context):
    return _written(model, ids, n, temperature, generator, lambda text: text)


@mistake("You use the logits of the first place. What comes next is said at the last one.", of="sample", hint=3)
def first_place(model, ids, n, temperature, generator, context):
    return _written(model, ids, n, temperature, generator, lambda text: text[:, -context:], place=0)


@mistake("You multiply the logits by the temperature: a high one then makes the model sure. Divide.",
         of="sample", hint=3)  # fmt: skip
def multiplied(model, ids, n, temperature, generator, context):
    return _written(model, ids, n, temperature, generator, lambda text: text[:, -context:],
                    scale=lambda logits: logits * temperature)  # fmt: skip


@mistake("You count the parameters and forget the buffers: codes and scales of an Int8Linear are buffers.", of="nbytes",
         hint=4)  # fmt: skip
def buffers_forgotten(model):
    return sum(t.numel() * t.element_size() for t in model.parameters())


def _quantised(model, axis, bits=8, keep_bias=True):
    before = nbytes(model)
    replace_linear(model, lambda layer: Int8Linear(*quantize_axis(layer.weight.detach(), bits, axis),
                                                   layer.bias if keep_bias else None))  # fmt: skip
    return before, nbytes(model)


@mistake("You give a scale to every input. A weight is (out, in): the axis that keeps its scales is the outputs'.",
         of="quantise", hint=4)  # fmt: skip
def scale_for_each_input(model):
    return _quantised(model, 1)


def _count(model):
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


@mistake("Only the linear layers are frozen: tables, norms and whatever else the model has are trained still.",
         of="add_lora", hint=4)  # fmt: skip
def rest_not_frozen(model, r, alpha):
    replace_linear(model, lambda layer: LoRALinear(layer, r, alpha))
    return _count(model)


@mistake("You freeze the model after wrapping its layers, so the new factors are frozen too, and nothing learns.",
         of="add_lora", hint=4)  # fmt: skip
def frozen_afterwards(model, r, alpha):
    replace_linear(model, lambda layer: LoRALinear(layer, r, alpha))
    model.requires_grad_(False)
    return _count(model)
