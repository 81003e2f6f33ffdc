"""Wrong: only the first input is handed on."""
# says: TypeError

import torch


class Again(torch.autograd.Function):
    @staticmethod
    def forward(ctx, fn, x):
        ctx.fn, ctx.state = fn, torch.get_rng_state()
        ctx.save_for_backward(x)
        return fn(x)

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        x = x.detach().requires_grad_()
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.set_rng_state(ctx.state)
            y = ctx.fn(x)
        y.backward(dy)
        return None, x.grad


def checkpoint(fn, *xs):
    return Again.apply(fn, xs[0])
