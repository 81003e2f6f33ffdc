"""A Function that keeps the inputs and the generator's state, and runs fn on detached inputs in its backward pass."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class Again(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, fn: Callable[..., Tensor], *xs: Tensor) -> Tensor:
        ctx.fn = fn
        ctx.state = torch.get_rng_state()
        ctx.save_for_backward(*xs)
        with torch.no_grad():
            return fn(*xs)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        xs = [x.detach() for x in ctx.saved_tensors]
        for x, needed in zip(xs, ctx.needs_input_grad[1:]):
            x.requires_grad_(needed)
        later = torch.get_rng_state()
        torch.set_rng_state(ctx.state)
        with torch.enable_grad():
            y = ctx.fn(*xs)
        torch.set_rng_state(later)
        if y.requires_grad:
            torch.autograd.backward(y, dy)
        return None, *(x.grad for x in xs)


def checkpoint(fn: Callable[..., Tensor], *xs: Tensor) -> Tensor:
    return Again.apply(fn, *xs)
