"""Wrong: one number for dy, its sum, is pulled back through the sum of y."""
# says: gradient

import torch


def checkpoint(fn, *xs):
    state = torch.get_rng_state()

    class Node(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *inputs):
            ctx.save_for_backward(*inputs)
            return fn(*inputs)

        @staticmethod
        def backward(ctx, dy):
            leaves = [x.detach().requires_grad_(x.requires_grad) for x in ctx.saved_tensors]
            with torch.random.fork_rng(devices=[]), torch.enable_grad():
                torch.set_rng_state(state)
                y = fn(*leaves)
                (y.sum() * dy.sum()).backward()
            return tuple(x.grad for x in leaves)

    return Node.apply(*xs)
