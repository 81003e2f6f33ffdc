"""Wrong: only the inputs get gradients, the parameters of fn get none."""
# says: The parameters of fn get no gradient: you ask for those of

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
        wanted = [x for x in xs if x.requires_grad]
        found = iter(torch.autograd.grad(y, wanted, dy, allow_unused=True))
        return None, *(next(found) if x.requires_grad else None for x in xs)


def checkpoint(fn: Callable[..., Tensor], *xs: Tensor) -> Tensor:
    return Again.apply(fn, *xs)
