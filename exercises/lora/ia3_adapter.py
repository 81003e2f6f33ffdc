"""# Adapters and (IA)³

LoRA is one way of teaching a frozen model with few numbers. Two others are simpler to state. A **bottleneck adapter**
is a tiny network of its own, put into the stream behind a sublayer: down to a few numbers, a nonlinearity, up again,
and added to what came in. **(IA)³** multiplies: one trained number for each key, value and hidden unit makes it louder
or quieter. That is a hundred times less than LoRA trains, and it merges into the weights, which the adapter with its
nonlinearity cannot.

Both begin as the model they are put into: the adapter adds nothing at the start, and every number of (IA)³ is 1.

## The formulas

    adapter       a(h) = h + W_up GELU(W_down h + b_down) + b_up          GELU(z) = z · Φ(z)

    (IA)³         y = l ⊙ (W x + b)         on the output: of the layers that make keys and values
                  y = W (l ⊙ x) + b         on the input: of the second layer of the feed-forward network

⊙ multiplies number by number, Φ is the normal distribution's cumulative function (exact, not the formula with tanh).

## What to write

`Adapter(d_model, d_bottleneck)`, a `torch.nn.Module` with the method `forward(h)` and these parameters, and no others:

| parameter | shape | at the start |
|---|---|---|
| `W_down` | (d_bottleneck, d_model) | random, no two rows equal |
| `b_down` | (d_bottleneck,) | yours |
| `W_up` | (d_model, d_bottleneck) | zeros |
| `b_up` | (d_model,) | zeros |

They are float32 when made; `module.double()` must work. h and the result are (..., d_model), in the parameters' dtype.

`IA3Linear(base, on_input=False)`, a `torch.nn.Module`:

| attribute or method | type and shape | meaning |
|---|---|---|
| `base` | `torch.nn.Linear`, with or without a bias | the very layer that was given, frozen, bias and all |
| `scale` | parameter (out_features,), or `on_input`: (in_features,) | l; ones at the start; dtype of `base.weight` |
| `forward(x)` | (..., in_features) to (..., out_features) | y as above |
| `merged()` | (weight, bias), shaped as the base's; bias may be None | what a plain layer needs for the same |

- On the output the bias is scaled too; on the input it is not. l may be any numbers, 0 and negative ones too.
- What `merged()` returns has the base's dtype, requires no gradient and shares no memory with the base or `scale`. The
  call changes nothing.
- Values loaded into base or parameters count at the next call. x and h may have any leading axes, also none, and
  need not be contiguous; they are not changed. float32, float64 and, for `IA3Linear`, bfloat16.

`mixed_tasks(y, L, task)` returns the output for a batch whose sequences belong to different tasks: with (IA)³ one
frozen model serves them all in one call.

| argument | shape | dtype | meaning |
|---|---|---|---|
| `y` | (batch, n, d) | float32 or float64 | W x + b of the frozen layer, bias included |
| `L` | (n_tasks, d) | as y | row t is the l of task t |
| `task` | (batch,) | int64 | the task of each sequence; any order, some may be missing |
| result | (batch, n, d) | as y | every token of sequence i multiplied by the l of its task; y is not changed |

Gradients reach h, x, y, L and all parameters but those of the base.

## By hand

    W_down = [[1, 1]]   b_down = [-1]   W_up = [[2],   b_up = [0, 1]   h = [1, 1]
                                                [0]]
    z = 1 + 1 - 1 = 1     GELU(1) = 0.841     a(h) = [1, 1] + [1.683, 0] + [0, 1] = [2.683, 2]

    W = [[1, 2],   b = [1, 1, 1]   x = [1, 1]      W x + b = [4, 8, 12]
         [3, 4],
         [5, 6]]
    on the output, l = [2, 0, 1]:  y = [8, 0, 12]      merged: [[2, 4], [0, 0], [5, 6]] and [2, 0, 1]
    on the input,  l = [2, 0]:     y = [3, 7, 11]      merged: [[2, 0], [6, 0], [10, 0]] and [1, 1, 1]

## Source

Neil Houlsby et al., "Parameter-Efficient Transfer Learning for NLP" (2019), section 2; arXiv:1902.00751. Haokun Liu et
al., "Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than In-Context Learning" (2022), section 3.3;
arXiv:2205.05638.
"""

import torch
from torch import Tensor, nn


class Adapter(nn.Module):
    """h + W_up GELU(W_down h + b_down) + b_up, which is h at the start."""

    def __init__(self, d_model: int, d_bottleneck: int) -> None:
        """Make W_down, b_down, W_up and b_up."""
        super().__init__()
        raise NotImplementedError("four parameters, so that nothing is added at the start and something can be learnt")

    def forward(self, h: Tensor) -> Tensor:
        """The adapted h (..., d_model)."""
        raise NotImplementedError("down, nonlinearity, up, and the way around")


class IA3Linear(nn.Module):
    """A frozen linear layer whose outputs, or inputs, are multiplied by trained numbers."""

    def __init__(self, base: nn.Linear, on_input: bool = False) -> None:
        """Freeze `base` and make `scale`."""
        super().__init__()
        raise NotImplementedError("keep the frozen base; make the scale, as long as what it multiplies")

    def forward(self, x: Tensor) -> Tensor:
        """y (..., out_features) for x (..., in_features)."""
        raise NotImplementedError("multiply in the right place")

    def merged(self) -> tuple[Tensor, Tensor | None]:
        """Weight and bias of a plain layer that computes the same."""
        raise NotImplementedError("which rows or columns does the scale multiply, and does it meet the bias?")


def mixed_tasks(y: Tensor, L: Tensor, task: Tensor) -> Tensor:
    """y (batch, n, d) with every sequence scaled by its own task's row of L (n_tasks, d)."""
    raise NotImplementedError("choose a row of L for each sequence")


if __name__ == "__main__":
    torch.manual_seed(0)
    base, x = nn.Linear(64, 64), torch.randn(200, 64)
    louder = 0.5 + torch.rand(64)  # the new task: the same layer, with every output louder or quieter
    target = (louder * base(x)).detach()
    for name, make in (("(IA)³", lambda: IA3Linear(base)), ("adapter", lambda: nn.Sequential(base, Adapter(64, 2)))):
        model = make()
        trained = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.Adam(trained, lr=0.02)
        losses = []
        for _ in range(200):
            loss = (model(x) - target).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(
            f"{name:8s} trains {sum(p.numel() for p in trained):4d} numbers: loss {losses[0]:.4f} to {losses[-1]:.4f}"
        )
