"""# Gradient checkpointing

To train a model one needs more memory for the **activations** than for the weights: autograd keeps nearly every
intermediate result of the forward pass until the backward pass has used it, in each of the layers, for every
token of the batch. Checkpointing keeps only the inputs of a block. When the backward pass reaches the block, its
forward pass is run a **second time**, now recorded, and the gradients are taken from that. Memory for n layers
goes from n blocks' worth down to n inputs and one block's worth; the price is one more forward pass, about a third
more time. Large models are trained in this way as a matter of course.

    forward pass:     y = fn(x₁, x₂, ...)        nothing recorded; keep x₁, x₂, ... and the random generator's state
    backward pass:    y = fn(x₁, x₂, ...)        once more, recorded, with the same random numbers
                      dx₁, dx₂, ... = pull dy back through that record

For the rest of the network nothing has changed: y is the same and so are all gradients. Two things go wrong easily.
If fn holds **dropout**, the second run draws another mask, and the gradients belong to a network that never was; so
the generator has to be put back to where it was at the start of the first run, and afterwards to where it had got to.
And fn has **parameters** of its own, which are not among its inputs, but need their gradients as well.

## Signature

`checkpoint(fn, *xs)` returns the tensor fn(*xs), tied to xs so that a backward pass goes through. PyTorch.

| name | shape | dtype | what it is |
|---|---|---|---|
| `fn` | | | a module or function; takes the tensors xs and returns one tensor |
| `xs` | any | float32, float64 or int64 | one input or more; at least one has requires_grad |
| result | that of fn(*xs) | like fn(*xs) | the same numbers as fn(*xs) |

## The tool

A subclass of `torch.autograd.Function` is one operation of autograd's record, with a backward pass of your own:

- `forward(ctx, a, b, ...)` and `backward(ctx, dy)` are static methods; `YourClass.apply(a, b, ...)` calls forward and
  ties its result to those of a, b, ... that are tensors and have requires_grad.
- What forward computes is **not recorded**, nor is what backward computes, unless `torch.enable_grad()` says so.
- `ctx` carries what backward needs: `ctx.save_for_backward(tensors...)`, later `ctx.saved_tensors`; other objects as
  attributes of any name.
- backward returns as many entries as forward got arguments after ctx: the gradient, or None where there is none.

## Conventions and edge cases

- **The first run records nothing**: it happens under `torch.no_grad()`. The second, in the backward pass, is recorded.
- fn runs once in the forward pass and once in each backward pass through it, never more often. Without a backward
  pass there is no second run; after `y.backward(dy, retain_graph=True)` there may be another backward pass.
- Inputs that have requires_grad get exactly the gradient that they would get from fn(*xs) itself. The others, such as
  token ids or a mask, get none.
- Parameters of fn get their gradients in `.grad` as always: added to what is there.
- A backward pass gives any dy, not only ones.
- The inputs may be results of earlier layers, and y goes on into later ones. Several checkpoints may follow one
  another, one's y being the next one's x, and the same fn may be used for more than one.
- **Random numbers**: the first run draws what fn(*xs) would draw, and the second run sees the same. PyTorch's generator
  (on the CPU; `torch.get_rng_state()`, `torch.set_rng_state(state)`) is after the forward pass where fn(*xs) would have
  left it, and after the backward pass where it was before that pass: what is drawn next is what would have been
  drawn without checkpointing. Others may draw between the two passes.
- The inputs are only read; their values are the same in the second run.

## Example

    fn(x) = x³, x = 2, dy = 5

    plain:          forward keeps x²                y = 8      dx = 5 · 3x² = 60
    checkpointed:   forward keeps x only            y = 8
                    backward runs x³ again,         dx = 60
                    recorded, then pulls 5 back

## Source

Chen, Xu, Zhang and Guestrin, "Training deep nets with sublinear memory cost" (2016, arXiv:1604.06174), section 4;
PyTorch's manual, `torch.utils.checkpoint`.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def checkpoint(fn: Callable[..., Tensor], *xs: Tensor) -> Tensor:
    """fn(*xs), without a record of what happens inside; the backward pass runs fn again."""
    raise NotImplementedError("a torch.autograd.Function whose backward runs fn a second time")


if __name__ == "__main__":

    def cube(x: Tensor) -> Tensor:
        print("   cube runs", "and is recorded" if torch.is_grad_enabled() else "without a record")
        return x**3

    x = torch.tensor(2.0, requires_grad=True)
    print("forward")
    y = checkpoint(cube, x)
    print("backward")
    y.backward(torch.tensor(5.0))
    print("y =", y.item(), "  dx =", x.grad)
