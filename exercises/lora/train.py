"""# Fine-tuning with LoRA

The layers are there; now a small language model learns something new. Four things go quietly wrong in such
runs, and none of them raises an error: weights move that were meant to be frozen, the prompt counts in the
loss as if it were to be learnt, the dropout is still on when the loss is measured, and nobody looks at what
the model could do *before* and can do no longer. You write the loop, the measuring, and the other half of the
bargain: since the base never changes, one copy of it serves many adapters at once, each row its own.

## What to write

`LoRALinear` (with a switch `enabled`) and `TinyLM` are given; leave them as they are. A batch is a tuple
`(ids, targets, counts)`, where `targets[i, j]` is the token that comes after `ids[i, j]`: they are shifted
already. `counts` is True where the prediction counts: at the answer, not at the prompt or the padding.

    finetune(model, batches, lr, weight_decay)  -> losses, a list of float
    evaluate(model, batches)                    -> float
    forgetting(model, batches)                  -> (before, after), two float
    serve(layer, x, adapters, which)            -> y

| name | shape | dtype or type | meaning |
|---|---|---|---|
| `model` | | `TinyLM`, or another module with `LoRALinear` somewhere inside | ids (b, n) to logits (b, n, vocab) |
| `batches` | | list of tuples | sizes may differ from batch to batch |
| `ids`, `targets` | (b, n) | int64 | |
| `counts` | (b, n) | bool | which losses count (the model reads all ids); in `finetune` at least one in each batch |
| `layer` | in → out | `torch.nn.Linear` | the frozen layer that is shared |
| `x`, `y` | (b, n, in), (b, n, out) | float32 or float64 | |
| `adapters` | | list of `(A, B, s)` | (r, in), (out, r), float; r may differ from adapter to adapter |
| `which` | (b,) | int64 | the number of each row's adapter; -1 is none |

**finetune.** First everything is frozen (`requires_grad` False) but the `lora_A` and `lora_B` of every
`LoRALinear`, however deep it lies, and the model is put into training mode, in which it stays. Then one step
for each batch, in order:

    loss = mean over the places with counts of  -log softmax(logits)[target]

and a step of `torch.optim.AdamW` with the given learning rate and weight decay, and its defaults for the rest.
One optimiser lives through all the steps; each step sees the gradient of its own batch alone. The losses are
those *before* each step. What is frozen does not change by one bit, weight decay or not.

**evaluate.** The same loss, over all the counted places of **all** batches together: their sum through their
number, not a mean of means. A batch may have no counted place, not all may. It is measured in evaluation mode,
without gradients; afterwards **each module** is in the mode in which it was, the ones frozen in evaluation mode
inside a training model included. No parameter, and no `requires_grad`, is changed.

**forgetting.** `evaluate` on the batches of an old task, twice: with all adapters switched off (the base as it
was), then with all of them on. Afterwards every `enabled` is what it was, even if `evaluate` raises an error.

**serve.** y[i] = layer(x[i]) + s_k · x[i] Aₖᵀ Bₖᵀ with k = which[i], for each row i of the batch; without the
second term where which[i] = -1. The rows do not see each other's adapters. `adapters` may be empty, some may not
be used. The arguments are not changed.

## By hand

Two batches with 1 and 3 counted places, losses [4.0] and [1.0, 1.0, 2.0]: evaluate gives 8 / 4 = 2.0 (the mean
of the means would be 2.667).

`layer` with W = [[1, 1]], b = [10], x = [[[1, 2]], [[1, 2]], [[1, 2]]], one adapter A = [[0, 1]], B = [[3]],
s = 0.5, which = [0, -1, 0]: y = [[[16]], [[13]], [[16]]], as 1 + 2 + 10 = 13 and 0.5 · 3 · 2 = 3.

## Source

Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models" (2021), sections 4.1 and 4.2; arXiv:2106.09685.
AdamW: Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2017), arXiv:1711.05101, algorithm 2.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Batch = tuple[Tensor, Tensor, Tensor]
Adapter = tuple[Tensor, Tensor, float]


class LoRALinear(nn.Module):
    """Given: W₀ x + b + (α / r) · B A dropout(x), the second part only while `enabled`."""

    def __init__(self, base: nn.Linear, r: int, alpha: float, dropout: float) -> None:
        super().__init__()
        self.base = base
        self.lora_A = nn.Parameter(torch.randn(r, base.in_features) / base.in_features**0.5)
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r))
        self.scaling = alpha / r
        self.drop = nn.Dropout(dropout)
        self.enabled = True

    def forward(self, x: Tensor) -> Tensor:
        h = self.base(x)
        return h + self.scaling * F.linear(F.linear(self.drop(x), self.lora_A), self.lora_B) if self.enabled else h


class TinyLM(nn.Module):
    """Given: a model that predicts each token from the one before it, (b, n) to (b, n, vocab)."""

    def __init__(self, vocab: int, d: int, hidden: int, r: int, alpha: float, dropout: float = 0.0) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab, d)
        up, out = nn.Linear(d, hidden), nn.Linear(hidden, vocab)
        self.layers = nn.Sequential(LoRALinear(up, r, alpha, dropout), nn.Tanh(), LoRALinear(out, r, alpha, dropout))

    def forward(self, ids: Tensor) -> Tensor:
        return self.layers(self.embed(ids))


def finetune(model: nn.Module, batches: list[Batch], lr: float, weight_decay: float) -> list[float]:
    """Train the factors, and nothing else, by one step for each batch; the losses before the steps."""
    raise NotImplementedError("freeze, collect the factors, then the loop")


def evaluate(model: nn.Module, batches: list[Batch]) -> float:
    """The mean loss of all counted places, measured without dropout."""
    raise NotImplementedError("remember the modes, measure, put them back")


def forgetting(model: nn.Module, batches: list[Batch]) -> tuple[float, float]:
    """The loss without and with the adapters."""
    raise NotImplementedError("switch off, measure, switch on, measure, put back")


def serve(layer: nn.Linear, x: Tensor, adapters: list[Adapter], which: Tensor) -> Tensor:
    """A batch in which each row has its own adapter."""
    raise NotImplementedError("the shared layer once, then each row's own correction")


if __name__ == "__main__":
    torch.manual_seed(0)

    def text(step: int) -> Batch:
        ids = torch.randint(16, (8, 12))
        return ids, (step * ids + 1) % 16, torch.rand(8, 12) < 0.7

    model = TinyLM(16, 16, 32, r=4, alpha=8)
    base = [parameter for name, parameter in model.named_parameters() if "lora" not in name]
    pretraining = torch.optim.Adam(base, lr=0.01)
    for _ in range(300):
        ids, targets, _ = text(1)
        model.zero_grad()
        F.cross_entropy(model(ids).flatten(0, 1), targets.flatten()).backward()
        pretraining.step()
    old, new = [text(1) for _ in range(4)], [text(5) for _ in range(4)]
    print(f"old task {evaluate(model, old):.3f}, new task {evaluate(model, new):.3f}")
    losses = finetune(model, [text(5) for _ in range(200)], lr=0.02, weight_decay=0.01)
    print(f"fine-tuned: loss {losses[0]:.3f} to {losses[-1]:.3f}; new task {evaluate(model, new):.3f}")
    print("old task without the adapters and with them:", forgetting(model, old))
