"""# Merging adapters, and switching between them

While it is trained, a LoRA adapter is a second path beside the layer: h = W₀ x + b + (α / r) · B A x. For
serving that is two small multiplications too many for every layer and token. But a matrix times x plus
another matrix times x is one matrix times x, so the correction can be added to the weight once:
*merging*. The model then has its old shape and speed. And one base model can serve many tasks:
*switching* takes one adapter out of the weights and puts another in.

Two things go wrong in practice. Layers store their weights in different layouts, and ΔW has to be written
in the one at hand. And floating-point addition cannot be undone: (W + ΔW) - ΔW is not W, least of all in
bfloat16, so that a model that switches by subtracting drifts away from its pre-trained weights. Here
unmerging gives back every bit, from a copy kept while merged.

## What an adapter adds

An adapter is a triple (A, B, α); its rank r is `A.shape[0]`. For each kind of layer, `side_path` below
(given, finished) computes B A x from it. Your ΔW is the change of `layer.weight` that does the same as
adding (α / r) times the side path:

| layer | `layer.weight` | A | B | `fan_in_fan_out` |
|---|---|---|---|---|
| `nn.Linear` | (out, in) | (r, in) | (out, r) | False |
| `Conv1D` below, as in GPT-2 | **(in, out)** | (r, in) | (out, r) | **True** |
| `nn.Conv2d`, one group | (out, in, kh, kw) | (r, in, kh, kw) | (out, r, 1, 1) | False |
| `nn.Embedding` | (num, dim) | (r, num) | (dim, r) | False |

For `nn.Linear`, ΔW = (α / r) · B A. For the others think about which axis of the weight belongs to the
outputs. A convolution with the kernels A (r channels out) followed by a 1 by 1 convolution with B is
linear in its input: every output channel mixes the r kernels of A with its own r numbers of B, and that
mixture is a kernel.

## What to write

    class MergeableLoRA(torch.nn.Module):
        MergeableLoRA(layer, adapters, fan_in_fan_out=False)

| argument or attribute | type | meaning |
|---|---|---|
| `layer` | one of the four modules above; float32, float64 or bfloat16 | an attribute too: the very layer given |
| `adapters` | dict of name (str) to (A, B, α), of the layer's dtype | an attribute too; not changed |
| `fan_in_fan_out` | bool | whether `layer.weight` is stored (in, out) |
| `active` | attribute: str or None | name of the adapter in use; None at the start |
| `merged` | attribute: bool | whether that adapter is in `layer.weight`; False at the start |

| method | what it does |
|---|---|
| `delta(name)` | returns ΔW of that adapter, with the shape and dtype of `layer.weight`; changes nothing |
| `forward(x)` | the output with the active adapter, merged or not; with none, the layer's own |
| `merge()` | adds ΔW of the active adapter to `layer.weight`, in place |
| `unmerge()` | puts `layer.weight` back as it was before merging, bit for bit; the adapter stays active |
| `switch(name)` | makes that adapter the active one, or none for None |

- `merge()` raises RuntimeError if an adapter is merged already, and if none is active. `unmerge()` raises
  RuntimeError if none is merged. `switch(name)` raises KeyError if there is no such adapter.
- `switch` keeps the state of being merged: if an adapter was merged, it is unmerged and the new one is
  merged; if none was merged, the new one is not either.
- A call that raises changes nothing: not the weight, not `active`, not `merged`.
- The copy to unmerge from is taken when merging: the weight may have been loaded or trained since the
  module was made.
- After any number of switches, unmerging gives the weight from before the first merge. `switch(None)` on
  a merged module leaves it unmerged.
- Merged and unmerged outputs agree to rounding. The bias is never touched, and neither are A and B.
- Nothing here is trained: no gradients are needed, but `layer.weight` is an `nn.Parameter`, and PyTorch
  forbids to change one in place while it records for autograd. When your method returns, PyTorch records as
  it did before, and `layer.weight` is the same Parameter: tied layers and optimisers hold it too.

## By hand

A Linear with `weight` [[1, 0], [0, 1]], no bias, and the adapter A = [[1, 2]], B = [[3], [-1]], α = 2, so
r = 1 and α / r = 2:

    ΔW = 2 · [[3], [-1]] [[1, 2]] = [[6, 12], [-2, -4]]          merged weight: [[7, 12], [-2, -3]]
    x = [1, 1]:  before merging [1, 1] + 2 · [9, -3] = [19, -5]   after merging [7 + 12, -2 - 3] = [19, -5]

For a Conv1D with the same numbers, ΔW is [[6, -2], [12, -4]].

## Source

Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models" (2021), section 4.1 ("No Additional
Inference Latency"); arXiv:2106.09685. Conv1D with its (in, out) weight is the layer of GPT-2: Radford et
al. (2019) and the code published with it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Adapter = tuple[Tensor, Tensor, float]  # A, B and α; see the table above for the shapes


class Conv1D(nn.Module):
    """Given: GPT-2's linear layer, which stores its weight as (in, out) and computes x W + b."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) * 0.02)
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight + self.bias


def side_path(layer: nn.Module, x: Tensor, A: Tensor, B: Tensor) -> Tensor:
    """Given: B A x for the kind of `layer`, unscaled, shaped like layer(x)."""
    if isinstance(layer, nn.Embedding):
        return F.embedding(x, A.T) @ B.T
    if isinstance(layer, nn.Conv2d):
        inner = F.conv2d(x, A, stride=layer.stride, padding=layer.padding, dilation=layer.dilation)
        return F.conv2d(inner, B)
    return F.linear(F.linear(x, A), B)


class MergeableLoRA(nn.Module):
    """A layer with named LoRA adapters; at most one is active, beside the layer or merged into its weight."""

    def __init__(self, layer: nn.Module, adapters: dict[str, Adapter], fan_in_fan_out: bool = False) -> None:
        """Keep the layer and its adapters; none is active and none merged."""
        super().__init__()
        raise NotImplementedError("keep what is given, and start with no adapter active")

    def delta(self, name: str) -> Tensor:
        """ΔW of the adapter `name`, in the shape, layout and dtype of `layer.weight`."""
        raise NotImplementedError("(α / r) · B A, written in the layout of the layer's weight")

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output for x with the active adapter, whether it is merged or not."""
        raise NotImplementedError("the layer's output, and the scaled side path where it is still needed")

    def merge(self) -> None:
        """Add ΔW of the active adapter to the weight. RuntimeError if merged already or if none is active."""
        raise NotImplementedError("guard, keep a copy, add")

    def unmerge(self) -> None:
        """Put the weight back, bit for bit. RuntimeError if nothing is merged."""
        raise NotImplementedError("guard, put the copy back")

    def switch(self, name: str | None) -> None:
        """Make `name` the active adapter (None: none), merged if one was merged. KeyError if it is unknown."""
        raise NotImplementedError("check the name, take the old adapter out, put the new one in")


if __name__ == "__main__":
    torch.manual_seed(0)
    layer = nn.Linear(6, 4).to(torch.bfloat16)
    before = layer.weight.detach().clone()
    adapters = {
        task: (torch.randn(2, 6).bfloat16(), torch.randn(4, 2).bfloat16(), 16.0) for task in ("poems", "code")
    }
    model = MergeableLoRA(layer, adapters)
    x = torch.randn(3, 6).bfloat16()
    model.switch("poems")
    beside = model(x)
    model.merge()
    print("largest change of the output by merging:", (model(x) - beside).abs().max().item(), "(rounding)")
    for _ in range(100):
        model.switch("code")
        model.switch("poems")
    model.unmerge()
    print("the weight after 200 switches is the old one, bit for bit:", torch.equal(layer.weight, before))

    drifting = before.clone()
    for _ in range(100):
        for name in adapters:
            drifting += model.delta(name)
            drifting -= model.delta(name)
    print("largest drift where adapters are subtracted instead:", (drifting - before).abs().max().item())
