"""What a suite can ask beyond a plain call: gradients, input changes, aliasing, a module's parameters.

All take a handle (`solution.f`, `reference.f`, a module made by either) and work alike on both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from grader.testing.compare import Mismatch, assert_equal
from grader.testing.proxy import Handle


@dataclass(frozen=True)
class Observation:
    """A call seen from outside: its value, its arguments as they were afterwards, and which of them it shares memory with."""

    value: Any
    args: list[Any]
    kwargs: dict[str, Any]
    shares: list[bool]


def _ask(fn: Handle, op: str, *fields: Any) -> Any:
    return fn._channel.request(f"{fn._label}(...)", op, fn, *fields)


def observe(fn: Handle, *args: Any, **kwargs: Any) -> Observation:
    """Call `fn` and look at what it did to its arguments."""
    match _ask(fn, "observe", list(args), kwargs):
        case {"value": value, "args": list() as after, "kwargs": dict() as named, "shares": list() as shares}:
            return Observation(value, after, named, [share is True for share in shares])
    raise Mismatch("the call could not be observed")


def keep(fn: Handle, *args: Any, **kwargs: Any) -> Handle:
    """Call `fn` and leave the result on its side, as a handle, even where it is a value.

    For what is the learner's own business, such as a cache: a value that crosses is an answer, and answers are compared when
    a mistake is looked for.
    """
    return _kept(fn, "call", fn, list(args), kwargs)


def keep_item(items: Handle, key: Any) -> Handle:
    """`items[key]`, left on its side as a handle."""
    return _kept(items, "item", items, key)


def _kept(target: Handle, op: str, *fields: Any) -> Handle:
    result = target._channel.request(target._label, "keep", op, *fields)
    if not isinstance(result, Handle):
        raise Mismatch("the result did not stay where it was to be kept")
    return result


def assert_unchanged(fn: Handle, *args: Any, **kwargs: Any) -> Any:
    """Call `fn`; fail where it changed one of its arguments in place. Returns the call's value."""
    seen = observe(fn, *args, **kwargs)
    for position, (before, after) in enumerate(zip(args, seen.args, strict=True), start=1):
        if not isinstance(before, Handle) and not callable(before):
            assert_equal(after, before, what=f"argument {position} after the call (it must not be changed in place)")
    for name, before in kwargs.items():
        if not isinstance(before, Handle) and not callable(before):
            assert_equal(
                seen.kwargs.get(name), before, what=f"`{name}` after the call (it must not be changed in place)"
            )
    return seen.value


def assert_no_aliasing(fn: Handle, *args: Any, **kwargs: Any) -> Any:
    """Call `fn`; fail where the result shares memory with an argument. Returns the call's value."""
    seen = observe(fn, *args, **kwargs)
    if any(seen.shares):
        position = seen.shares.index(True) + 1
        raise Mismatch(f"The result shares memory with argument {position}: changing one would change the other.")
    return seen.value


def vjp(
    fn: Handle, *args: Any, cotangent: Any, wrt: tuple[int | str, ...] | None = None, **kwargs: Any
) -> tuple[Any, list[Any]]:
    """Call `fn` under torch's autograd and pull `cotangent` back.

    Args:
        cotangent: a tensor shaped like the output (a list of them for a tuple).
        wrt: which inputs to differentiate by: positions of `args`, or names of `fn`'s own parameters. Default: all of `args`.

    Returns:
        The output and one gradient per entry of `wrt`; None where the output does not depend on it through autograd.
    """
    chosen = list(range(len(args)) if wrt is None else wrt)
    answer = _ask(fn, "vjp", list(args), kwargs, cotangent, chosen)
    match answer:
        case [output, list() as grads] if len(grads) == len(chosen):
            return output, grads
    raise Mismatch("no gradients came back")


def parameters(module: Handle) -> dict[str, Any]:
    """A module's named parameters by value; `requires_grad` tells which are trained."""
    return _mapping(_ask(module, "parameters"))


def state(module: Handle) -> dict[str, Any]:
    """A module's parameters and persistent buffers by value."""
    return _mapping(_ask(module, "state"))


def load(module: Handle, **values: Any) -> None:
    """Copy tensors into the module's parameters and buffers of those names (`load(m, **{"base.weight": w})`), in place."""
    _ask(module, "load", values)


def library(side: Handle, dotted: str) -> Any:
    """A library's own object on that side, such as `library(solution, "torch.nn.Linear")(4, 3)`."""
    return side._channel.request(dotted, "library", dotted)


def fetch_list(items: Handle, limit: int = 1000) -> list[Any]:
    """At most `limit` items of something iterable on the other side."""
    answer = items._channel.request(items._label, "list", items, limit)
    if not isinstance(answer, list):
        raise Mismatch("the items did not come back as a list")
    return answer


def _mapping(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict) or not all(isinstance(key, str) for key in answer):
        raise Mismatch("the parameters did not come back by name")
    return answer
