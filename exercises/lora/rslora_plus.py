"""# The right size of a step: rsLoRA and LoRA+

The layer of LoRA is simple; what is easily got wrong is how large its steps are. Two papers found that the original
choices are off, and both repairs are a line of code.

**rsLoRA** (rank-stabilised). LoRA multiplies B A by α / r. The more rows A has, the more there is to add up, but the
sum grows like the root of the factor that α / r takes away: with large ranks the correction learns ever more slowly, so
that a rank of 256 seems no better than one of 8. With α / √r the first steps move the output equally far at every rank.

**LoRA+**. A and B do not need the same learning rate. A meets the wide input and B starts at zero; in wide models
learning is best when B's learning rate is much larger than A's, by a fixed ratio λ (about 16). Nothing else changes.

## The formulas

    h = W₀ x + s · B A x          s = α / r  (LoRA)          s = α / √r  (rsLoRA)

One step of gradient descent, for inputs X with a row per token (n, in), and G (n, out), the gradient of the loss by h:

    ∇A = s · Bᵀ Gᵀ X         A ← A - η · ∇A               both gradients are taken at the old A and B,
    ∇B = s · Gᵀ X Aᵀ         B ← B - λ η · ∇B             before either is changed

With B = 0 the step moves the output by s · B A x = -λ η s² · Gᵀ X Aᵀ A x. Aᵀ A is a sum of r terms, so the movement
is about s² r: α² / r in LoRA, which fades, and α² in rsLoRA, whatever r is.

## What to write

`rank_scaling(alpha, r, stabilized=True)` returns the float s: α / √r, or α / r if `stabilized` is False.

`stabilized_alpha(alpha, r)` returns the float α' for which rsLoRA with α' has the very scaling that LoRA has with α.
With it an adapter that was trained in the old way can be used in code that divides by √r.

`plus_step(A, B, X, G, scaling, lr, ratio)` returns (A_new, B_new), the factors after one step as above:

| argument | shape | meaning |
|---|---|---|
| `A`, `B` | (r, in), (out, r) | the factors; tensors in float32 or float64 |
| `X`, `G` | (n, in), (n, out) | inputs, and the gradient of the loss by h; n may be 0 or 1 |
| `scaling`, `lr`, `ratio` | floats | s, η (A's learning rate) and λ |

- The gradients are **sums** over the n rows (G holds whatever mean the loss takes). Nothing is changed in place,
  and the results require no gradient. Autograd is not needed.

`param_groups(model, lr, ratio=16.0, weight_decay=0.0)` returns what an optimiser of PyTorch takes for its parameters: a
list of dicts with the keys `"params"` (a list of the model's own parameters, not copies), `"lr"` and `"weight_decay"`:

| group, in this order | its parameters | `"lr"` | `"weight_decay"` |
|---|---|---|---|
| 1 | lora_A, and every other trained parameter with two axes or more | lr | weight_decay |
| 2 | lora_B | lr · ratio | weight_decay |
| 3 | trained parameters with one axis or none (biases, gains of norms, magnitudes) | lr | 0.0 |

- Only parameters with `requires_grad` are in it. A parameter that stands under several names is in it once; within a
  group they keep the order of `model.named_parameters()`. A group without parameters is left out.
- A lora_B is a parameter whose own name, the last part of its dotted name, is exactly `lora_B`: not `lora_B_scale`, and
  not one inside a module called `lora_B`. `ratio` multiplies nothing but the learning rate of these, and a lora_B with
  one axis is still a lora_B.
- Some libraries put all but A and B into groups of their own, or decay biases too: here it is as in the table.

## By hand

    α = 8, r = 4:  LoRA s = 2, rsLoRA s = 4;  stabilized_alpha(8, 4) = 4, since 4 / √4 = 2

    A = [[1, 2]]    B = [[0],    X = [[1, 1]]    G = [[1, -1]]    s = 2, η = 0.1, λ = 10
                         [1]]
    ∇A = 2 · (-1) · [1, 1] = [[-2, -2]]          A_new = [[1.2, 2.2]]
    ∇B = 2 · [1, -1]ᵀ · 3 = [[6], [-6]]          B_new = [[-6], [7]]

## Source

Damjan Kalajdzievski, "A Rank Stabilization Scaling Factor for Fine-Tuning with LoRA" (2023), section 3;
arXiv:2312.03732. Soufiane Hayou, Nikhil Ghosh, Bin Yu, "LoRA+: Efficient Low Rank Adaptation of Large Models" (2024);
arXiv:2402.12354.
"""

import torch
from torch import Tensor, nn


def rank_scaling(alpha: float, r: int, stabilized: bool = True) -> float:
    """The factor s of B A: α / √r for rsLoRA, α / r for LoRA."""
    raise NotImplementedError("divide α by the right power of the rank")


def stabilized_alpha(alpha: float, r: int) -> float:
    """The α' with which rsLoRA has the scaling that LoRA has with α."""
    raise NotImplementedError("which α' makes the two scalings equal?")


def plus_step(
    A: Tensor, B: Tensor, X: Tensor, G: Tensor, scaling: float, lr: float, ratio: float
) -> tuple[Tensor, Tensor]:
    """A (r, in) and B (out, r) after one step of LoRA+, given X (n, in) and the gradient G (n, out) by the output."""
    raise NotImplementedError("both gradients first, then both steps, B's with its own learning rate")


def param_groups(model: nn.Module, lr: float, ratio: float = 16.0, weight_decay: float = 0.0) -> list[dict]:
    """The trained parameters in up to three groups for an optimiser: A and matrices, B, vectors."""
    raise NotImplementedError("sort the trained parameters by name and by number of axes")


if __name__ == "__main__":
    torch.manual_seed(0)
    x, g = torch.randn(1, 512) / 512**0.5, torch.randn(1, 16)
    print("how far the first step moves the output, by rank:")
    for r in (1, 4, 16, 64, 256):
        A, B, moved = torch.randn(r, 512), torch.zeros(16, r), []
        for stabilized in (False, True):
            s = rank_scaling(16.0, r, stabilized)
            A1, B1 = plus_step(A, B, x, g, s, lr=0.001, ratio=16.0)
            moved.append((s * x @ A1.T @ B1.T).norm().item())
        print(f"r = {r:3d}   LoRA {moved[0]:8.3f}   rsLoRA {moved[1]:8.3f}")
