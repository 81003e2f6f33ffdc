"""Slices joined one after the other, starts from uniform numbers, text written into a tensor of its full length."""

import copy
import math
from collections.abc import Callable
from typing import Any

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

# To write: the parts ------------------------------------------------------------------------------------------------


def embed(table, ids):
    rows = table[ids.reshape(-1)].reshape(*ids.shape, -1)
    return rows.mul(math.sqrt(rows.shape[-1])).add(pe(ids.shape[-1], rows.shape[-1]).to(rows.dtype))


class LayerNorm(torch.autograd.Function):
    """The learner's ln_forward and ln_backward, as one operation of autograd."""

    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        y, ctx.cache = ln_forward(x.detach().numpy(), gamma.detach().numpy(), beta.detach().numpy(), eps)
        return torch.from_numpy(np.asarray(y))

    @staticmethod
    def backward(ctx, dy):
        dx, dgamma, dbeta = ln_backward(dy.detach().numpy(), ctx.cache)
        return torch.from_numpy(dx), torch.from_numpy(dgamma), torch.from_numpy(dbeta), None


def attention(q, k, v, heads):
    width = q.shape[2] // heads
    out = torch.zeros_like(q)
    for i in range(heads):
        own = slice(i * width, i * width + width)
        out = torch.cat((out[..., : i * width], causal(q[..., own], k[..., own], v[..., own])), dim=-1)
    return out


class CrossEntropy(torch.autograd.Function):
    """The learner's ce, which returns the loss and its gradient at once."""

    @staticmethod
    def forward(ctx, logits, y):
        rows = logits.detach().reshape(-1, logits.shape[-1])
        loss, dlogits = ce(rows.numpy(), y.reshape(-1).numpy())
        ctx.save_for_backward(torch.from_numpy(dlogits).reshape(logits.shape))
        return torch.tensor(float(loss), dtype=logits.dtype)

    @staticmethod
    def backward(ctx, dloss):
        (dlogits,) = ctx.saved_tensors
        return dloss * dlogits, None


def batch(ids, size, context, generator):
    starts = torch.rand(size, generator=generator, dtype=torch.float64).mul(len(ids) - context).long().tolist()
    cut = torch.stack([ids[s : s + context + 1] for s in starts])
    return cut[:, :-1], cut[:, 1:]


@torch.no_grad()
def sample(model, ids, n, temperature, generator, context):
    text = torch.cat((ids, ids.new_zeros(1, n)), dim=1)
    for at in range(ids.shape[1], text.shape[1]):
        scores = model(text[:, max(at - context, 0) : at])[:, -1, :]
        if temperature > 0:
            p = F.softmax(scores / temperature, dim=-1)
            text[:, at] = torch.multinomial(p, 1, generator=generator)[:, 0]
        else:
            text[:, at] = scores.max(dim=-1).indices
    return text


# Given ----------------------------------------------------------------------------------------------------------------


def replace_linear(model: nn.Module, make: Callable[[nn.Linear], nn.Module]) -> None:
    """Put `make(layer)` in the place of every nn.Linear inside `model`. What it makes is not looked into."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Linear):
                setattr(parent, name, make(child))


class Int8Linear(nn.Module):
    """A linear layer that keeps its weight as int8 codes (out, in) and a scale (out, 1) for each row."""

    def __init__(self, codes: Tensor, scale: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.register_buffer("codes", codes)
        self.register_buffer("scale", scale)
        self.register_buffer("bias", None if bias is None else bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.codes.to(x.dtype) * self.scale, self.bias)


# To write: smaller, and taught something new -------------------------------------------------------------------------


def nbytes(model: nn.Module) -> int:
    return sum(t.numel() * t.element_size() for t in [*model.parameters(), *model.buffers()])


def quantise(model):
    before = nbytes(model)

    def make(layer):
        codes, scale = quantize_axis(layer.weight.data, bits=8, axis=-2)
        return Int8Linear(codes, scale, layer.bias)

    replace_linear(model, make)
    return before, nbytes(model)


def add_lora(model, r, alpha):
    for tensor in model.parameters():
        tensor.requires_grad_(False)
    replace_linear(model, lambda layer: LoRALinear(layer, r, alpha))
    return sum(t.numel() for name, t in model.named_parameters() if name.split(".")[-1] in ("lora_A", "lora_B"))


# Given: the model, the loop and the whole run ------------------------------------------------------------------------


class Norm(nn.Module):
    """LayerNorm with its scale and shift."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.ones(d)), nn.Parameter(torch.zeros(d))

    def forward(self, x: Tensor) -> Tensor:
        return LayerNorm.apply(x, self.gamma, self.beta, 1e-5)


class Block(nn.Module):
    """Attention, then two layers on each token; both are added to what comes in."""

    def __init__(self, d: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = Norm(d), Norm(d)
        self.qkv, self.mix = nn.Linear(d, 3 * d, bias=False), nn.Linear(d, d, bias=False)
        self.up, self.down = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm1(x)).chunk(3, dim=-1)
        x = x + self.mix(attention(q, k, v, self.heads))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class GPT(nn.Module):
    """Characters (batch, n) to logits (batch, n, vocabulary)."""

    def __init__(self, vocabulary: int, d: int = 64, heads: int = 4, blocks: int = 2, context: int = 64) -> None:
        super().__init__()
        self.context = context
        self.table = nn.Parameter(torch.randn(vocabulary, d) / math.sqrt(d))
        self.blocks = nn.Sequential(*(Block(d, heads) for _ in range(blocks)))
        self.norm, self.head = Norm(d), nn.Linear(d, vocabulary, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.norm(self.blocks(embed(self.table, ids))))


Report = Callable[[str, int, float], Any]


def train(
    model: GPT, ids: Tensor, steps: int, rate: float, generator: torch.Generator, report: Report, name: str
) -> None:
    """`steps` steps of AdamW on random batches; the learning rate rises for a tenth of them and then falls to zero."""
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


def evaluate(model: nn.Module, ids: Tensor, context: int) -> float:
    """The mean loss over the windows of `ids`, one after another; what does not fill a window is left out."""
    windows = (len(ids) - 1) // context
    x = ids[: windows * context].view(windows, context)
    y = ids[1 : windows * context + 1].view(windows, context)
    with torch.no_grad():
        return CrossEntropy.apply(model(x), y).item()


def run(text: str, verse: str, report: Report) -> dict[str, Any]:
    """Train on `text`, let it write, quantise a copy, fine-tune another copy on `verse`; say what each step did."""
    characters = sorted(set(text + verse))
    number = {c: i for i, c in enumerate(characters)}
    ids, lines = (torch.tensor([number[c] for c in each]) for each in (text, verse))
    cut = len(ids) * 19 // 20  # the end is for looking, not for learning
    seen, unseen = ids[:cut], ids[cut:]
    generator = torch.Generator().manual_seed(0)

    def write(what: str, model: GPT, start: str) -> None:
        given = torch.tensor([[number[c] for c in start]])
        written = sample(model, given, 160, 0.7, torch.Generator().manual_seed(1), model.context)
        print(f"--- {what}\n{''.join(characters[i] for i in written[0].tolist())}\n")

    def tell(what: str, model: nn.Module) -> None:
        losses = [evaluate(model, each, context) for each in (unseen, lines)]
        print(f"{what:24s} loss on the story {losses[0]:.3f}   on verse {losses[1]:.3f}   {nbytes(model):9,d} bytes")

    model = GPT(len(characters))
    context = model.context
    write("before training", model, "Alice ")
    tell("before training", model)
    train(model, seen, 500, 3e-3, generator, report, "loss")
    tell("trained", model)
    write("trained", model, "Alice ")

    small = copy.deepcopy(model)
    before, after = quantise(small)
    tell(f"int8, {before / after:.2f} times smaller", small)
    write("in int8", small, "Alice ")

    tuned = copy.deepcopy(model)
    trained = add_lora(tuned, 8, 16)
    train(tuned, lines, 150, 3e-3, generator, report, "fine-tuning")
    tell(f"LoRA, {trained:,} trained", tuned)
    write("after fine-tuning on verse", tuned, "The ")
    return {"model": model, "int8": small, "tuned": tuned, "bytes": (before, after), "trained": trained}
