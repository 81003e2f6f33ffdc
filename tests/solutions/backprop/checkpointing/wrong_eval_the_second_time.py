"""Wrong: dropout is switched off for the second run, so that it needs no random numbers."""
# says: It has to draw the same dropout mask

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
        mode = ctx.fn.training if isinstance(ctx.fn, torch.nn.Module) else None
        if mode is not None:
            ctx.fn.eval()
        with torch.enable_grad():
            y = ctx.fn(*leaves)
        if mode is not None:
            ctx.fn.train(mode)
        y.backward(dy)
        return None, *[x.grad for x in leaves]


def checkpoint(fn, *xs):
    return Again.apply(fn, *xs)
