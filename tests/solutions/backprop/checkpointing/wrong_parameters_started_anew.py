"""Wrong: the parameters' gradients are set and not added to what is there."""
# says: after two backward passes

import torch


class Again(torch.autograd.Function):
    @staticmethod
    def forward(ctx, fn, *xs):
        ctx.fn, ctx.state = fn, torch.get_rng_state()
        ctx.save_for_backward(*xs)
        return fn(*xs)

    @staticmethod
    def backward(ctx, dy):
        leaves = [x.detach().requires_grad_(x.requires_grad) for x in ctx.saved_tensors]
        if isinstance(ctx.fn, torch.nn.Module):
            ctx.fn.zero_grad()
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.set_rng_state(ctx.state)
            y = ctx.fn(*leaves)
        y.backward(dy)
        return None, *[x.grad for x in leaves]


def checkpoint(fn, *xs):
    return Again.apply(fn, *xs)
