"""Wrong: a leaf made of the result, with a hook that runs fn again; nothing reaches what lies before x."""
# says: None after the backward pass

import torch


def checkpoint(fn, *xs):
    state = torch.get_rng_state()
    with torch.no_grad():
        y = fn(*xs)
    y = y.detach().requires_grad_()

    def again(dy):
        leaves = [x.detach().requires_grad_(x.requires_grad) for x in xs]
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.set_rng_state(state)
            torch.autograd.backward(fn(*leaves), dy)

    y.register_hook(again)
    return y
