"""# A tiny GPT, of your own parts

Here everything comes together. You train a language model on a story, character by character, watch its loss fall, and
let it write: noise before, and something very like English after, although nobody told it what a word is. Then you make
it small (int8) and teach it verse without touching its weights (LoRA). What the topics before taught is **your own
code** here, imported by name; the block, the optimiser and the loop are given. The whole run takes about half a minute.

## The model

    x = √d · table[ids] + PE                        ids (batch, n); x (batch, n, d)
    x = x + mix(attention(norm(x)))                 in each block: first the tokens talk to each other,
    x = x + down(gelu(up(norm(x))))                 then each one thinks for itself
    logits = head(norm(x))                          (batch, n, vocabulary): what comes next, at every place at once

## What to write

Each is a few lines around something that you have written already. The suite tests each on small tensors first, and
only when all of them are right does it run the whole.

| | what it does | on your own |
|---|---|---|
| `embed(table, ids)` | √d times the rows `ids` of `table` (V, d), plus the positions 0, 1, ... : (batch, n, d) | `pe` |
| `LayerNorm` | layer normalisation as a `torch.autograd.Function`: its forward and its backward | `ln_forward`, `ln_backward` |
| `attention(q, k, v, heads)` | causal attention in heads, (batch, n, d) three times to (batch, n, d) | `causal` |
| `CrossEntropy` | the mean loss of all places, and its gradient, as a `torch.autograd.Function` | `ce` |
| `batch(ids, size, context, generator)` | random windows of the text and what comes next: `(x, y)` | |
| `sample(model, ids, n, temperature, generator, context)` | writes on | |
| `nbytes(model)`, `quantise(model)` | counts the bytes; makes every `nn.Linear` an `Int8Linear` | `quantize_axis` |
| `add_lora(model, r, alpha)` | freezes the model, wraps every `nn.Linear` | `LoRALinear` |

**embed.** The scale √d is on the table only (it holds small numbers: d of them make a vector of length one). The
result has the dtype of `table` (float32 or float64), and gradients reach `table`.

**LayerNorm, CrossEntropy.** Yours are written in NumPy, which autograd cannot see into: an `autograd.Function` is the
bridge. `forward(ctx, ...)` gets tensors and returns one, and may leave things on `ctx`; `backward(ctx, d)` gets the
gradient of the loss for what forward returned, and returns **one value for every argument** of forward (None for what
has no gradient: `eps`, `y`). `tensor.detach().numpy()` and `torch.from_numpy(array)` go across. One Function is used at
many places of a model before any backward: what belongs to a call belongs on its `ctx`.

- `LayerNorm.apply(x, gamma, beta, eps)`: x (..., d), gamma and beta (d,); result like x, in float32 or float64.
- `CrossEntropy.apply(logits, y)`: logits (..., V) with any number of leading axes, y of the shape of those, int64. The
  result is a scalar tensor of shape (), in the dtype of logits: the mean over **all** places. `ce` takes (N, V) and
  (N,). Whoever calls backward may scale the loss: backward gets the gradient d for it, a scalar that need not be 1.

**attention.** Head i owns the columns i·d_head to (i+1)·d_head - 1 of q, k and v, with d_head = d / heads, and its
answer lands in the same columns, as in `attention/multi_head`. Place t sees the places 0 to t. There are no weights in
it.

**batch.** `ids` (L,) is the text, one int64 for a character. x and y are (size, context): each row of x is a window of
neighbours, ids[s : s + context], and y is the same window one further on, ids[s + 1 : s + context + 1]. The starts s
are drawn evenly, each row its own, with `generator` (a `torch.Generator`) only, from **all** starts for which y fits:
the last one is L - context - 1, and it has to come up too. L is at least context + 1.

**sample.** `ids` (1, t), t ≥ 1, is what is written already; the result is (1, t + n), with n more, int64. For each new
character: give the model (a module, called as `model(ids)`) the last `context` characters **at most**, take the logits
of the **last** place, divide by `temperature`, and draw from their softmax with `generator` only. A low temperature
makes it sure, a high one wild; **temperature 0** takes the largest logit and draws nothing. No gradients are kept;
`ids` is not changed; n may be 0.

**nbytes, quantise.** `nbytes(model)` is the bytes of all parameters and buffers (an int): float32 takes 4 a number,
int8 one. `quantise(model)` changes the model in place: every `nn.Linear` in it, wherever it is and with its bias if it
has one, becomes an `Int8Linear` with codes of 8 bits and **one scale for each output** (a row of `weight`); it returns
`(bytes before, bytes after)`.

**add_lora.** Changes the model in place: nothing it had is trained any more (tables and norms neither), every
`nn.Linear` becomes `LoRALinear(layer, r, alpha)`, whose two factors are the only thing that is; returns how many
numbers are trained, an int. At the start the outputs are the old ones.

`replace_linear(model, make)` is given: it puts `make(layer)` in the place of every `nn.Linear`. So are `Int8Linear`,
the model, `train`, `evaluate` and `run`, which the suite calls with a callback for the curve. You may change them, but
`run` has to return what it returns now, and that is graded, on text that the model has not seen: its loss is at least 0.2
below the **bigram's** (what one can know from the last character alone), no logit depends on what comes later, int8 moves
the loss by less than 0.05 and makes the model more than 3.2 times smaller; LoRA takes 0.3 or more off the loss on the
verse, and changes nothing but its factors. All that within 150 seconds, in one thread. As it stands it does.

## By hand

    embed([[1, 0], [0, 2]], [[1, 1]])     d = 2: √2 · [0, 2] twice, plus [sin 0, cos 0] and [sin 1, cos 1]
                                          = [[[0, 3.8284], [0.8415, 3.3687]]]
    batch([5, 6, 7, 8], size, context=3)  has only the start 0:  x rows [5, 6, 7], y rows [6, 7, 8]
    logits [0, ln 4] at the last place    temperature 1: [0.2, 0.8]; temperature 2: √4 = 2 times as likely, [1/3, 2/3]
    nn.Linear(6, 4) with a bias           4·6·4 + 4·4 = 112 bytes; in int8: 24 codes + 4 scales + 4 biases = 24 + 32 = 56
    the same with LoRA of r = 2           2 · (6 + 4) = 20 numbers trained

## Source

Radford et al., "Improving Language Understanding by Generative Pre-Training" (2018), section 3.1; the norms stand
before the layers as in Radford et al., "Language Models are Unsupervised Multitask Learners" (2019), section 2.3. √d:
Vaswani et al., "Attention Is All You Need" (2017), section 3.4; arXiv:1706.03762. The texts: see the topic's README.
"""

import copy
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np  # noqa: F401
import torch
import torch.nn.functional as F
from attention.causal import causal  # noqa: F401  (yours, and the next five)
from backprop.layernorm import ln_backward, ln_forward  # noqa: F401
from gradients.cross_entropy import ce  # noqa: F401
from lora.linear import LoRALinear  # noqa: F401
from positional_encoding.sinusoidal import pe  # noqa: F401
from quantization.granularity import quantize_axis  # noqa: F401
from torch import Tensor, nn

# To write: the parts ------------------------------------------------------------------------------------------------


def embed(table: Tensor, ids: Tensor) -> Tensor:
    """√d times the rows of `table` (V, d) that `ids` (batch, n) names, plus the encoding of their positions."""
    raise NotImplementedError("look the rows up, scale them, add your pe")


class LayerNorm(torch.autograd.Function):
    """Your layer normalisation, for autograd. Used as LayerNorm.apply(x, gamma, beta, eps)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, eps: float) -> Tensor:
        raise NotImplementedError("call your ln_forward, and keep its cache on ctx")

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        raise NotImplementedError("call your ln_backward with what is on ctx")


def attention(q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    """Causal attention in `heads` heads, each on its own columns of q, k and v (batch, n, d)."""
    raise NotImplementedError("split into heads, call your causal, put the heads side by side")


class CrossEntropy(torch.autograd.Function):
    """Your cross-entropy, for autograd. Used as CrossEntropy.apply(logits, y)."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, y: Tensor) -> Tensor:
        raise NotImplementedError("call your ce on (N, V) and (N,), keep its gradient on ctx, return the loss")

    @staticmethod
    def backward(ctx: Any, dloss: Tensor) -> tuple[Tensor, None]:
        raise NotImplementedError("the gradient that ce gave, times dloss")


def batch(ids: Tensor, size: int, context: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """`size` random windows of `ids`, and the same windows one further on, both (size, context)."""
    raise NotImplementedError("draw the starts, cut the windows")


def sample(
    model: nn.Module, ids: Tensor, n: int, temperature: float, generator: torch.Generator, context: int
) -> Tensor:
    """`ids` (1, t) with `n` more characters, each drawn from what the model says comes next."""
    raise NotImplementedError("n times: ask the model, look at the last place, draw, append")


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
    """The bytes that the parameters and buffers of `model` take."""
    raise NotImplementedError("add up the bytes of each tensor")


def quantise(model: nn.Module) -> tuple[int, int]:
    """Make every nn.Linear of `model` an Int8Linear, a scale for each output; the bytes before and after."""
    raise NotImplementedError("replace_linear, with your quantize_axis")


def add_lora(model: nn.Module, r: int, alpha: float) -> int:
    """Freeze `model`, wrap every nn.Linear in your LoRALinear; how many numbers are trained."""
    raise NotImplementedError("freeze first, then replace_linear, then count")


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


if __name__ == "__main__":
    torch.manual_seed(0)
    data = Path(__file__).parent / "data"
    story, verse = ((data / name).read_text() for name in ("alice.txt", "verse.txt"))
    run(story, verse, lambda name, step, loss: print(f"{name} {step:4d}  {loss:.3f}"))
