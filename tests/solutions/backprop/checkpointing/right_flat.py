"""Style: closures in place of ctx; the product with dy is summed; the state goes back in a finally."""

import torch


def checkpoint(fn, *xs):
    before = torch.get_rng_state()
    needs = [x.requires_grad for x in xs]

    def again(dy):
        later = torch.get_rng_state()
        try:
            torch.set_rng_state(before)
            with torch.enable_grad():
                fresh = [x.data.requires_grad_() if need else x.data for x, need in zip(xs, needs, strict=True)]
                out = fn(*fresh)
                torch.sum(out * dy).backward()
        finally:
            torch.set_rng_state(later)
        return [x.grad for x in fresh]

    class Node(torch.autograd.Function):
        @staticmethod
        def forward(_ctx, *_inputs):
            return fn(*xs)

        @staticmethod
        def backward(_ctx, dy):
            return tuple(again(dy))

    return Node.apply(*xs)
