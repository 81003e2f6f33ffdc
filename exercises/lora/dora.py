'''# DoRA: direction and magnitude apart

Full fine-tuning changes a weight in two ways: its rows turn, and they grow or shrink. LoRA has one product B A for
both, and what it learns couples the two: where it turns a row much, it also makes it longer. DoRA (weight-*decomposed*
low-rank adaptation) takes them apart. The low-rank correction only turns the rows; how long each of them is, is one
trained number per output. It costs out_features numbers more than LoRA, gets nearer to full fine-tuning at the
same rank, and like LoRA it can be merged, so that it costs nothing in use.

## The formula

    V = W₀ + s · B A,    s = α / r                the direction, not yet of length one
    n_i = ‖V_i‖ = √(V_i1² + ... + V_ik²)           the length of row i of V
    W'_i = m_i · V_i / n_i                         row i of the weight that is used
    h = W' x + b

    A   (r, in_features)    random at the start        m   (out_features,)    at the start m_i = ‖row i of W₀‖
    B   (out_features, r)   zero at the start

At the start B A = 0, so V = W₀, n = m, and W' = W₀: the layer computes what `base` computes.

**The length is a constant for the gradient** (section 4.3 of the paper): n follows V at every call, but no gradient
flows through it, which saves memory and loses next to nothing. With G the gradient by W' (what reaches it from the
loss), the gradients are

    by V_i: (m_i / n_i) · G_i      and from there by A and B as in LoRA: s · Bᵀ (·) and s · (·) Aᵀ
    by m_i: G_i · V_i / n_i

## What to write

    class DoRALinear(torch.nn.Module):
        DoRALinear(base, r, alpha)
        forward(x)
        merged()

| argument or result | type or shape | meaning |
|---|---|---|
| `base` | `torch.nn.Linear`, with or without a bias | the pre-trained layer, W₀ (out_features, in_features) and b |
| `r`, `alpha` | int, at least 1; int or float | rank and α; s = α / r |
| `x` | (..., in_features), any leading axes, also none | the dtype of `base.weight` |
| `forward(x)` | (..., out_features) | h, in that dtype |
| `merged()` | (out_features, in_features) | W', in that dtype, requires no gradient; nothing is changed by the call |

| attribute | shape | trained? | at the start |
|---|---|---|---|
| `base` | the very layer that was given | no, neither weight nor bias | as given |
| `lora_A` | (r, in_features), a `torch.nn.Parameter` | yes | random, no two rows equal |
| `lora_B` | (out_features, r), a `torch.nn.Parameter` | yes | zeros |
| `magnitude` | (out_features,), a `torch.nn.Parameter` | yes | the lengths of the rows of W₀ |

- **Which axis.** There is one length per *output*: per row of a weight stored as PyTorch stores it. The paper writes
  "column-wise norm", ‖·‖_c, for weights that are written with a column per output; it is the same number. Some code
  keeps m as (out_features, 1); here it has one axis.
- All three have the dtype of `base.weight` (float32, float64, bfloat16). m is trained like any number: it may
  become negative, and is used as it is.
- The bias is added as it is: neither m nor n touches it.
- Row i of V may be all zeros (a pruned output): that row of W' is zeros then, h_i is b_i, and no NaN arises, in
  gradients neither. No ε is added to n elsewhere.
- There is no dropout. Values that are loaded into the parameters count at the next call: keep nothing that depends
  on them. x is not changed, and need not be contiguous.
- Gradients reach `lora_A`, `lora_B`, `magnitude` and x.

## By hand

    W₀ = [[3, 4],    b = [1, 1]     r = 1, α = 2, so s = 2     A = [[1, 0]]     B = [[1],     x = [1, 2]
          [0, 2]]                                                                    [0]]
    start: m = [5, 2]

    V = [[5, 4], [0, 2]]      n = [√41, 2] = [6.403, 2]      V x = [13, 4]
    h = [5 · 13 / 6.403, 2 · 4 / 2] + b = [10.151, 4] + [1, 1] = [11.151, 5]

LoRA would give [14, 5]: there the first row became longer too.

## Source

Shih-Yang Liu et al., "DoRA: Weight-Decomposed Low-Rank Adaptation" (2024), sections 4.1 to 4.3; arXiv:2402.09353.
'''

import torch
from torch import Tensor, nn


class DoRALinear(nn.Module):
    """A frozen linear layer whose rows are turned by B A and have trained lengths."""

    def __init__(self, base: nn.Linear, r: int, alpha: float) -> None:
        """Freeze `base`; make `lora_A` (r, in_features), `lora_B` (out_features, r) and `magnitude` (out_features,)."""
        super().__init__()
        raise NotImplementedError("keep the frozen base; make lora_A, lora_B and the magnitude")

    def forward(self, x: Tensor) -> Tensor:
        """W' x + b for x (..., in_features), with W' = m · V / ‖V‖ row by row."""
        raise NotImplementedError("turn the rows by the correction, give them their lengths, add the bias")

    def merged(self) -> Tensor:
        """W' (out_features, in_features), the weight that a plain linear layer would need; no gradient."""
        raise NotImplementedError("the weight that forward uses")


if __name__ == "__main__":
    torch.manual_seed(0)
    base = nn.Linear(64, 48)
    layer = DoRALinear(base, r=4, alpha=8)
    x = torch.randn(10, 64)
    print("furthest from the base at the start:", (layer(x) - base(x)).abs().max().item())

    # A task in which every row keeps its direction and only its length changes: B A has little to do.
    lengths = 0.5 + torch.rand(48)
    target = (x @ base.weight.T * lengths + base.bias).detach()
    optimizer = torch.optim.Adam([p for p in layer.parameters() if p.requires_grad], lr=0.02)
    for step in range(101):
        loss = (layer(x) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 25 == 0:
            print(f"step {step:3d}  loss {loss.item():.6f}")
    learnt = layer.magnitude.detach() / base.weight.norm(dim=1)
    print("lengths wanted:", lengths[:4].tolist(), "\nlengths learnt:", learnt[:4].tolist())
