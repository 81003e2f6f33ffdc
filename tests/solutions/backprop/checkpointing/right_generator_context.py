"""Style: a context manager for the generator, an object that holds the block."""

from contextlib import contextmanager

import torch


@contextmanager
def drawing_from(state):
    here = torch.get_rng_state()
    torch.set_rng_state(state.clone())
    yield
    torch.set_rng_state(here)


class Held:
    def __init__(self, fn):
        self.fn, self.state = fn, torch.get_rng_state()

    def pull(self, xs, dy):
        leaves = tuple(torch.empty_like(x).copy_(x).requires_grad_(x.requires_grad) for x in xs)
        with drawing_from(self.state), torch.enable_grad():
            y = self.fn(*leaves)
        y.backward(gradient=dy)
        return [None if leaf.grad is None else leaf.grad.clone() for leaf in leaves]


class Checkpoint(torch.autograd.Function):
    @staticmethod
    def forward(ctx, held, *xs):
        ctx.held = held
        ctx.save_for_backward(*xs)
        with torch.no_grad():
            return held.fn(*xs)

    @staticmethod
    def backward(ctx, dy):
        return (None, *ctx.held.pull(ctx.saved_tensors, dy))


def checkpoint(fn, *xs):
    return Checkpoint.apply(Held(fn), *xs)
