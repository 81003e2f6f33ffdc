"""# A whole model in int8

A layer in int8 is a few lines. A *model* in int8 is one that somebody can download, load and run: its layers are
exchanged, what must stay in floats stays, what is shared stays shared, the scales are in the file, and two
numbers stand beside it: how many bytes it takes, and how much worse it predicts. Libraries do this in one call,
and what goes wrong in it goes wrong in silence: a scale that is not saved, a layer that still computes with its
old weights, an embedding that is there twice.

## What to write

    Int8Linear(codes, scale, bias)                            a layer that holds codes
    quantize_linear(layer)                    -> Int8Linear   from an nn.Linear
    quantize_model(model, skip=("lm_head",))  -> nn.Module    a copy with its linear layers in int8
    load_quantized(model, state)              -> nn.Module    such a copy again, from what was saved
    size_bytes(model)                         -> int
    perplexity(model, tokens)                 -> float

| name | shape | dtype | meaning |
|---|---|---|---|
| `codes` | (out, in) | `torch.int8` | a row for each output, -127 … 127 |
| `scale` | (out, 1) | float32 or float64, as the layer's weight | one for each output: weight ≈ scale · codes |
| `bias` | (out,), or None | as scale | as it was in the layer, **not** quantized |
| `x` | (…, in), one axis or more | as scale | input of an Int8Linear; its output is (…, out) |
| `skip` | tuple of str | | dotted names of modules that stay as they are |
| `state` | dict of str to Tensor | | what `state_dict()` of a quantized model gave |
| `tokens` | (batch, n), n ≥ 2 | int64 | `model(tokens)` gives logits (batch, n, vocabulary) of what comes next |

**Int8Linear.** y = x (scale · codes)ᵀ + bias. All three tensors are **buffers**, by the names in the table (bias
may be None): so they are saved, and nothing of them is trained. They are all that it holds, and every forward
computes from what they hold *now*; no weight in floats is kept beside them. Gradients pass through to x:
adapters on top need them.

**quantize_linear.** For each row of the weight, scale = max |row| / 127 and codes = round(row / scale), half-way cases
to the even integer; a row of zeros has the scale 1. This is `quantize_axis(weight, 8, 0)` of
`quantization/granularity`. The layer that was given is not changed.

**quantize_model.** In the result every `nn.Linear`, however deep in the model, is an Int8Linear, except those

- whose whole dotted name is in `skip`, or that lie within a module whose name is: `blocks.1` spares `blocks.1`
  and `blocks.1.up`, but not `blocks.10`, nor `more.blocks.1`. Names that fit nothing do no harm. (The output
  layer is spared because the logits come straight out of it.)
- whose weight is **tied**: the same `nn.Parameter` belongs to another module too, as an output layer's to the
  embedding. Codes would come on top of the floats there, since the other module still needs those. What was
  tied is tied in the result.

Embeddings, norms and whatever else is no linear layer stay as they are. One *layer* that stands in several places
is not tied: it becomes one Int8Linear, the same in all its places. The model that was given is not changed, and
the result shares no tensor with it. `model` is a module with layers in it, never itself an `nn.Linear`.

**load_quantized.** `model` is a model in floats of the same build, with any values; it is not changed. The layers
for which `state` has codes become Int8Linear, whatever `skip` was then, and all values are those of `state`, bit
by bit. Where a key is missing or unknown it raises RuntimeError, as `load_state_dict` does.

**size_bytes.** The bytes of all parameters and all buffers, also of buffers that are not saved
(`persistent=False`). Each counts once, wherever it is used. A number takes 1 byte in int8 or bool, 4 in float32, 8 in
float64 and int64.

**perplexity.** exp of the mean of -ln p(token | those before it), over all tokens but the first of each row (of
those nothing was predicted). It is measured without dropout (`eval()`), and afterwards the model is in the mode it
was in before. The models here look only backwards, so it makes no difference whether the last token goes in.

## By hand

    weight [[127/64, -1/2, 1/4], [0, 0, 0]]   codes [[127, -32, 16], [0, 0, 0]], scale [[1/64], [1]]
    bias [0.5, -1], x = [1, 2, 4]             y = [(127 - 64 + 64) / 64 + 0.5, 0 - 1] = [2.484375, -1]
    its size in float32                       6 · 4 + 2 · 4 = 32 bytes before, 6 + 2 · 4 + 2 · 4 = 22 after
    tokens [[0, 1, 0]], with p(1 | 0) = 1/2 and p(0 | 1) = 1/8
                                              perplexity exp((ln 2 + ln 8) / 2) = 4: as if one of 4 were drawn

## Source

Wu, Judd, Zhang, Isaev, Micikevicius, "Integer Quantization for Deep Learning Inference: Principles and Empirical
Evaluation" (2020), the sections on weights with a scale for each output and on partial quantization (layers that
are spared); arXiv:2004.09602. Press and Wolf, "Using the Output Embedding to Improve Language Models" (2016), on
tied weights; arXiv:1608.05859.
"""

import torch
from torch import Tensor, nn


class Int8Linear(nn.Module):
    """A linear layer that holds int8 codes, a scale for each output, and perhaps a bias."""

    def __init__(self, codes: Tensor, scale: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        raise NotImplementedError("keep all three where state_dict finds them and no optimiser does")

    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError("multiply by the codes, scale each output, add the bias if there is one")


def quantize_linear(layer: nn.Linear) -> Int8Linear:
    """The Int8Linear that stands for `layer`."""
    raise NotImplementedError("codes and scales row by row, the bias as it is")


def quantize_model(model: nn.Module, skip: tuple[str, ...] = ("lm_head",)) -> nn.Module:
    """A copy of `model` with its linear layers in int8, but for those in `skip` and those whose weight is tied."""
    raise NotImplementedError("copy the model, find the places, then put an Int8Linear in each")


def load_quantized(model: nn.Module, state: dict[str, Tensor]) -> nn.Module:
    """A copy of the float `model` turned into the quantized one that `state` was taken from."""
    raise NotImplementedError("the keys tell which layers have codes; then load the values")


def size_bytes(model: nn.Module) -> int:
    """How many bytes the parameters and buffers of `model` take, each counted once."""
    raise NotImplementedError("add up numbers times bytes for each number")


def perplexity(model: nn.Module, tokens: Tensor) -> float:
    """exp of the mean of -ln p of every token that was predicted."""
    raise NotImplementedError("logits at each place, the token after it, the mean, exp")


class TinyLM(nn.Module):
    """Given, to play with: guesses the next letter from the last two. Output layer and embedding are tied."""

    def __init__(self, vocabulary: int, d: int = 48) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, d)
        nn.init.normal_(self.embed.weight, std=0.2)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(d), nn.Linear(d, 3 * d), nn.GELU(), nn.Linear(3 * d, d)) for _ in range(2)
        )
        self.norm = nn.LayerNorm(d)
        self.lm_head = nn.Linear(d, vocabulary, bias=False)
        self.lm_head.weight = self.embed.weight

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)
        x = x + 0.5 * nn.functional.pad(x, (0, 0, 1, 0))[:, :-1]  # the letter before
        for block in self.blocks:
            x = x + block(x)
        return self.lm_head(self.norm(x))


if __name__ == "__main__":
    torch.manual_seed(0)
    letters = sorted(set(__doc__))
    ids = torch.tensor([letters.index(letter) for letter in __doc__])
    tokens = ids[: len(ids) // 64 * 64].reshape(-1, 64)
    model = TinyLM(len(letters))
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(120):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten()).backward()
        optimiser.step()
    small = quantize_model(model)
    again = load_quantized(TinyLM(len(letters)), small.state_dict())
    print("bit by bit the same after loading:", torch.equal(again(tokens), small(tokens)))
    for name, m in (("float32", model), ("int8", small)):
        print(f"{name:8} {size_bytes(m):8,} bytes, perplexity on this very text {perplexity(m, tokens):.4f}")
