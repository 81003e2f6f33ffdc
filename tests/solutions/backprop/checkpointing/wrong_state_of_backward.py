"""Wrong: the generator's state is read when the backward pass begins."""
# says: Your second run draws other random numbers than the first

import torch


class Again(torch.autograd.Function):
    @staticmethod
    def forward(ctx, fn, *xs):
        ctx.fn = fn
        ctx.save_for_backward(*xs)
        return fn(*xs)

    @staticmethod
    def backward(ctx, dy):
        leaves = [x.detach().requires_grad_(x.requires_grad) for x in ctx.saved_tensors]
        state = torch.get_rng_state()
        with torch.enable_grad():
            y = ctx.fn(*leaves)
        torch.set_rng_state(state)
        y.backward(dy)
        return None, *[x.grad for x in leaves]


def checkpoint(fn, *xs):
    return Again.apply(fn, *xs)
