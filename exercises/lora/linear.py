"""# A linear layer with LoRA

Fine-tuning a language model the plain way changes every weight: a 7-billion-parameter model needs its
gradients and Adam's two moments for all of them, and every task leaves you with another full copy.
Low-rank adaptation (LoRA) freezes the pre-trained matrix W₀ and learns only a *correction* to it, written
as a product of two thin matrices. For a 4096 by 4096 matrix and rank 8 that is 65 thousand numbers to
train and to store, where the matrix has 16.8 million.

## The formula

    h = W₀ x + b + (α / r) · B A x

    A   (r, in_features)      takes x down to r numbers      random at the start
    B   (out_features, r)     takes them up again            zero at the start

W₀ and b belong to the layer that is adapted, `base`; they are frozen. Because B starts at zero, the
product B A is zero and the adapted layer computes just what `base` computes: training starts from the
pre-trained model. Because A does not start at zero, B has a gradient from the first step on. α / r keeps
the size of the correction about the same when r is changed.

## What to write

    class LoRALinear(torch.nn.Module):
        LoRALinear(base, r, alpha, dropout=0.0)
        forward(x)

| argument | type or shape | meaning |
|---|---|---|
| `base` | `torch.nn.Linear`, with or without a bias | the pre-trained layer |
| `r` | int, at least 1 | the rank |
| `alpha` | int or float | α; not r in general |
| `dropout` | float in [0, 1) | probability of dropping an entry of x on its way to A |
| `x` | (..., in_features), any number of leading axes, also none | the dtype of `base.weight` |
| result | (..., out_features) | as x |

| attribute | shape | trained? | at the start |
|---|---|---|---|
| `base` | the very layer that was given, not a copy | no: `requires_grad` is False in it | as given |
| `lora_A` | (r, in_features), a `torch.nn.Parameter` | yes | random |
| `lora_B` | (out_features, r), a `torch.nn.Parameter` | yes | zeros |

- The shapes are those of the paper, and of `weight` in `torch.nn.Linear`: rows are outputs. (Other code
  stores one or both factors transposed, or keeps them in `nn.Linear` modules. Here they are two
  parameters, as in the table.)
- How A is drawn is up to you: the paper takes a Gaussian, its code `torch.nn.init.kaiming_uniform_` with
  `a=√5`. No two rows of A are equal, and it comes from PyTorch's own generator: after
  `torch.manual_seed`, which is the caller's to call, the same seed gives the same A and another seed
  another one.
- `lora_A` and `lora_B` have the dtype of `base.weight`: float32, float64 or bfloat16. Nothing but these
  two is trained.
- Dropout acts on the LoRA path only, and there on its input: A sees dropout(x), `base` sees x. As in
  `torch.nn.Dropout`, every entry of x is dropped by itself, the ones that are kept are divided by (1 -
  dropout), and nothing is dropped in evaluation mode (`module.eval()`). That is all that the mode changes:
  gradients flow in both, the base stays as it is, and factors that are loaded count at the next call.
- Gradients reach `lora_A`, `lora_B` and x: through the LoRA path and, for x, through the frozen `base`
  too, since there are layers below that want theirs. `base` has no gradient of its own and keeps every
  bit of its weights.
- x is not changed, need not be contiguous in memory, and a leading axis may be 0.

## By hand

in_features = out_features = 2, r = 1, α = 2 (so α / r = 2):

    W₀ = [[1, 0],    b = [0.5, -0.5]     A = [[1, -1]]     B = [[2],     x = [3, 1]
          [0, 1]]                                               [1]]

    W₀ x + b = [3.5, 0.5]      A x = [2]      B A x = [4, 2]      h = [3.5, 0.5] + 2 · [4, 2] = [11.5, 4.5]

## Source

Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models" (2021), section 4.1; arXiv:2106.09685.
"""

import torch
from torch import Tensor, nn


class LoRALinear(nn.Module):
    """A frozen linear layer plus a trained low-rank correction: h = W₀ x + b + (α / r) · B A x."""

    def __init__(self, base: nn.Linear, r: int, alpha: float, dropout: float = 0.0) -> None:
        """Freeze `base` and make `lora_A` (r, in_features) and `lora_B` (out_features, r) beside it."""
        super().__init__()
        raise NotImplementedError("keep the frozen base; make lora_A and lora_B, the scaling and the dropout")

    def forward(self, x: Tensor) -> Tensor:
        """The base's output for x (..., in_features) plus the scaled low-rank correction."""
        raise NotImplementedError("add the LoRA path to what the base computes")


if __name__ == "__main__":
    torch.manual_seed(0)
    base = nn.Linear(64, 48)
    layer = LoRALinear(base, r=4, alpha=8)
    x = torch.randn(10, 64)
    print("at the start it is the base:", torch.equal(layer(x), base(x)))
    trained = sum(p.numel() for p in layer.parameters() if p.requires_grad)
    print(f"{trained} of {sum(p.numel() for p in layer.parameters())} parameters are trained")

    # A task that a correction of rank 2 can learn: the loss goes towards 0 although the base never moves.
    target = base(x).detach() + x @ torch.randn(64, 2) @ torch.randn(2, 48) / 8
    optimizer = torch.optim.Adam([p for p in layer.parameters() if p.requires_grad], lr=0.05)
    for step in range(201):
        loss = (layer(x) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            print(f"step {step:3d}  loss {loss.item():.5f}")
