"""Gradient checkpointing.

Chen, Xu, Zhang and Guestrin, "Training deep nets with sublinear memory cost" (2016), section 4: drop a block's
intermediate results in the forward pass, and recompute them when the backward pass reaches the block.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grader.marks import alternative, mistake


def checkpoint(fn: Callable[..., Tensor], *xs: Tensor) -> Tensor:
    """fn(*xs), without a record of what happens inside; the backward pass runs fn again."""
    return Recomputed.apply(fn, *xs)


class Recomputed(torch.autograd.Function):
    """fn as one operation of the record, whose backward pass runs fn a second time."""

    @staticmethod
    def forward(ctx: Any, fn: Callable[..., Tensor], *xs: Tensor) -> Tensor:
        ctx.fn, ctx.random = fn, torch.get_rng_state()
        ctx.save_for_backward(*xs)
        with torch.no_grad():
            return fn(*xs)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        # Detached, so that the second record ends at the inputs: what lies before them is the outer record's business.
        xs = [x.detach().requires_grad_(x.requires_grad) for x in ctx.saved_tensors]
        now = torch.get_rng_state()
        torch.set_rng_state(ctx.random)
        with torch.enable_grad():
            y = ctx.fn(*xs)
        torch.set_rng_state(now)
        torch.autograd.backward(y, dy)
        return None, *(x.grad for x in xs)


# Alternatives -------------------------------------------------------------------------------------------------------


@alternative("fork_rng for the random numbers, vector-Jacobian product as a sum.", of="checkpoint")
def forked(fn, *xs):
    state = torch.random.get_rng_state()

    class Again(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *inputs):
            ctx.kept = [x.detach() for x in inputs]
            return fn(*inputs)

        @staticmethod
        def backward(ctx, dy):
            inputs = [
                x.clone().requires_grad_(needed) for x, needed in zip(ctx.kept, ctx.needs_input_grad, strict=True)
            ]
            with torch.random.fork_rng(devices=[]), torch.enable_grad():
                torch.random.set_rng_state(state)
                (fn(*inputs) * dy).sum().backward()
            return tuple(x.grad for x in inputs)

    return Again.apply(*xs)


@alternative(
    "The first run outside; the Function only ties its result to the inputs that need a gradient.", of="checkpoint"
)
def tied_afterwards(fn, *xs):
    state = torch.get_rng_state()
    with torch.no_grad():
        y = fn(*xs)
    kept = [x.detach() for x in xs]
    watched = [x for x in xs if x.requires_grad]

    class Tie(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *inputs):
            return y

        @staticmethod
        def backward(ctx, dy):
            again = [k.requires_grad_(x.requires_grad) for k, x in zip((k.detach() for k in kept), xs, strict=True)]
            now = torch.get_rng_state()
            torch.set_rng_state(state)
            with torch.enable_grad():
                torch.autograd.backward([fn(*again)], [dy])
            torch.set_rng_state(now)
            return tuple(k.grad for k in again if k.requires_grad)

    return Tie.apply(*watched)


# Mistakes -----------------------------------------------------------------------------------------------------------


@mistake(
    "You run fn as usual: everything inside it is recorded and kept, so the gradients are right but no memory is "
    "saved. The first run must not be recorded.",
    of="checkpoint",
    hint=1,
)
def plain(fn, *xs):
    return fn(*xs)


@mistake(
    "Your result is detached: fn ran without a record, and nothing ties y to the inputs. The backward pass has to be "
    "told what to do, by a torch.autograd.Function.",
    of="checkpoint",
    hint=2,
)
def detached(fn, *xs):
    with torch.no_grad():
        return fn(*xs)


@mistake(
    "Your backward runs fn without a record: inside a Function's backward nothing is recorded unless you ask for it. "
    "There is nothing to pull dy back through.",
    of="checkpoint",
    hint=3,
)
def second_run_unrecorded(fn, *xs):
    return _apply(fn, xs, record=False)


@mistake(
    "Your second run draws other random numbers than the first: with dropout the gradients belong to another mask. "
    "Put the generator back to where it was before the first run.",
    of="checkpoint",
    hint=3,
)
def other_mask(fn, *xs):
    return _apply(fn, xs, restore=False)


@mistake(
    "You leave the random generator as it is: the second run draws another dropout mask than the first, and moves the "
    "generator on besides. Put it back to where it was before the first run, and afterwards to where it had got to.",
    of="checkpoint",
    hint=3,
)
def generator_ignored(fn, *xs):
    return _apply(fn, xs, restore=False, put_back=False)


@mistake(
    "You put the generator back to where it was after the first run. The second run has to begin where the first "
    "began, "
    "or it draws another dropout mask.",
    of="checkpoint",
    hint=3,
)
def state_taken_too_late(fn, *xs):
    return _apply(fn, xs, late=True)


@mistake(
    "Your second run has the random numbers of the first, but the generator is left there: what is drawn afterwards is "
    "drawn a second time. Put it back to where it was when the backward pass began.",
    of="checkpoint",
    hint=3,
)
def generator_left_behind(fn, *xs):
    return _apply(fn, xs, put_back=False)


@mistake(
    "You give both runs a seed of your own. They agree, but the dropout mask is the same in every step of the "
    "training. "
    "The first run has to go on with the generator as it is.",
    of="checkpoint",
    hint=3,
)
def seed_of_its_own(fn, *xs):
    torch.manual_seed(0)
    return _apply(fn, xs)


@mistake(
    "dy is not used: you pull ones back through the second run. What comes from the later layers is dy.",
    of="checkpoint",
    hint=4,
)
def ones_for_dy(fn, *xs):
    return _apply(fn, xs, ones=True)


@mistake(
    "The parameters of fn get no gradient: you ask for those of the inputs alone. The weights inside fn are to be "
    "trained as well.",
    of="checkpoint",
    hint=4,
)
def parameters_left_out(fn, *xs):
    return _apply(fn, xs, inputs_only=True)


@mistake(
    "The inputs are not detached for your second run, so they get their gradient twice: once from within your "
    "backward, "
    "and once from what it returns.",
    of="checkpoint",
    hint=3,
)
def counted_twice(fn, *xs):
    return _apply(fn, xs, detach=False)


@mistake(
    "Only the first input gets a gradient from you. backward returns one entry for each argument of forward.",
    of="checkpoint",
    hint=2,
)
def first_input_only(fn, *xs):
    return _apply(fn, xs, first_only=True)


@mistake(
    "You set requires_grad on every input of the second run. Token ids are whole numbers and cannot have it: give each "
    "input of the second run the requires_grad that the original has.",
    of="checkpoint",
    hint=3,
)
def all_require_grad(fn, *xs):
    return _apply(fn, xs, everything=True)


@mistake(
    "You run fn a second time for each of the inputs. One recorded run serves all of them.",
    of="checkpoint",
    hint=3,
)
def once_for_each_input(fn, *xs):
    return _apply(fn, xs, runs=len(xs))


@mistake(
    "You run fn twice in the forward pass already. The second run belongs into the backward pass, where its record is "
    "used up at once.",
    of="checkpoint",
    hint=1,
)
def twice_at_once(fn, *xs):
    state = torch.get_rng_state()
    with torch.no_grad():
        fn(*xs)
    torch.set_rng_state(state)
    return fn(*xs)


@mistake(
    "You run fn again in one backward pass only and keep that record. Another backward pass through the same y runs fn "
    "once more: keeping the record is what checkpointing is to avoid.",
    of="checkpoint",
    hint=1,
)
def record_kept(fn, *xs):
    return _apply(fn, xs, keep=True)


def _apply(
    fn,
    xs,
    restore=True,
    late=False,
    put_back=True,
    record=True,
    ones=False,
    inputs_only=False,
    detach=True,
    first_only=False,
    everything=False,
    runs=1,
    keep=False,
):
    kept = []

    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *xs):
            ctx.random, ctx.xs = torch.get_rng_state(), xs
            y = fn(*xs)
            if late:
                ctx.random = torch.get_rng_state()
            return y

        @staticmethod
        def backward(ctx, dy):
            xs = [x.detach().requires_grad_(everything or x.requires_grad) if detach else x for x in ctx.xs]
            now = torch.get_rng_state()
            for _ in range(0 if kept else runs):
                if restore:
                    torch.set_rng_state(ctx.random)
                with torch.set_grad_enabled(record):
                    y = fn(*xs)
                if keep:
                    kept.extend((xs, y))
            if put_back:
                torch.set_rng_state(now)
            if keep:
                xs, y = kept
                for x in xs:
                    x.grad = None
            dy = torch.ones_like(dy) if ones else dy
            if inputs_only or not detach:
                wanted = [x for x in xs if x.requires_grad]
                grads = iter(torch.autograd.grad(y, wanted, dy, retain_graph=not detach, allow_unused=True))
                grads = [next(grads) if x.requires_grad else None for x in xs]
                if not detach:
                    torch.autograd.backward(y, dy)
                return tuple(grads)
            torch.autograd.backward(y, dy, retain_graph=keep)
            return tuple(x.grad if k == 0 or not first_only else None for k, x in enumerate(xs))

    return Wrong.apply(*xs)
