"""What a suite can ask beyond a plain call, on a module in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from grader.testing import (
    Handle,
    LearnerError,
    Mismatch,
    assert_no_aliasing,
    assert_unchanged,
    fetch_list,
    keep,
    keep_item,
    library,
    load,
    observe,
    parameters,
    state,
    vjp,
)
from grader.testing.proxy import Channel
from grader.wire.values import encode

Behind = Callable[[str], Handle]

SOURCE = """
import torch
from torch import nn

def scale(x, by=2.0):
    return x * by

def same(x):
    return x

def spoil(x, items=None):
    x += 1
    if items is not None:
        items.append(0)
    return x * 1

def call(f, x):
    return f(x)

def cache():
    return {"k": torch.zeros(2), "n": 1}

def length(c):
    return len(c)

def pair(x):
    return x, x.sum()

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))
        self.frozen = nn.Parameter(torch.ones(1), requires_grad=False)
        self.register_buffer("count", torch.zeros(()))
    def forward(self, x):
        return x * self.weight
"""


@pytest.fixture
def solution(behind: Behind) -> Handle:
    return behind(SOURCE)


def test_unchanged_arguments_pass_and_the_value_comes_back(solution: Handle) -> None:
    x = np.arange(3.0)
    assert assert_unchanged(solution.scale, x).tolist() == [0.0, 2.0, 4.0]
    assert assert_unchanged(solution.scale, x, by=3.0).tolist() == [0.0, 3.0, 6.0]
    assert assert_unchanged(solution.call, lambda v: v + 1, 2) == 3


def test_a_changed_argument_is_named(solution: Handle) -> None:
    x = np.zeros(2)
    with pytest.raises(
        Mismatch, match=r"Argument 1 after the call \(it must not be changed in place\): expected 0, got 1"
    ):
        assert_unchanged(solution.spoil, x)
    assert x.tolist() == [0.0, 0.0]  # the suite's own array is out of reach
    with pytest.raises(Mismatch, match="`items` after the call"):
        assert_unchanged(solution.spoil, 1, items=[])


def test_aliasing_is_told_by_position(solution: Handle) -> None:
    x = torch.ones(2)
    assert assert_no_aliasing(solution.scale, x).tolist() == [2.0, 2.0]
    with pytest.raises(Mismatch, match="shares memory with argument 1"):
        assert_no_aliasing(solution.same, x)


def test_observe_tells_everything(solution: Handle) -> None:
    seen = observe(solution.spoil, torch.zeros(2), items=[5])
    assert seen.value.tolist() == [1.0, 1.0]
    assert seen.args[0].tolist() == [1.0, 1.0]
    assert seen.kwargs == {"items": [5, 0]}
    assert seen.shares == [False, False]


def test_kept_results_stay_on_their_side(solution: Handle) -> None:
    cache = keep(solution.cache)
    assert isinstance(cache, Handle)
    assert solution.length(cache) == 2
    assert isinstance(keep_item(cache, "k"), Handle)
    assert cache["n"] == 1


def test_vjp_by_position_and_by_name(solution: Handle) -> None:
    x = torch.tensor([1.0, 2.0])
    output, (grad,) = vjp(solution.scale, x, cotangent=torch.ones(2), by=3.0)
    assert output.tolist() == [3.0, 6.0]
    assert grad.tolist() == [3.0, 3.0]
    net = solution.Net()
    _, grads = vjp(net, x, cotangent=torch.ones(2), wrt=(0, "weight", "frozen"))
    assert [None if g is None else g.tolist() for g in grads] == [[1.0, 1.0], [1.0, 2.0], None]


def test_vjp_of_a_tuple(solution: Handle) -> None:
    output, (grad,) = vjp(solution.pair, torch.ones(2), cotangent=[torch.ones(2), torch.tensor(5.0)])
    assert isinstance(output, tuple)
    assert grad.tolist() == [6.0, 6.0]
    with pytest.raises(LearnerError, match="expected 1 output, got 2"):
        vjp(solution.pair, torch.ones(2), cotangent=torch.ones(2))


def test_parameters_state_and_load(solution: Handle) -> None:
    net = solution.Net()
    found = parameters(net)
    assert {name: value.requires_grad for name, value in found.items()} == {"weight": True, "frozen": False}
    assert set(state(net)) == {"weight", "frozen", "count"}
    load(net, weight=torch.tensor([5.0, 6.0]), count=torch.tensor(3.0))
    assert parameters(net)["weight"].tolist() == [5.0, 6.0]
    assert net(torch.ones(2)).tolist() == [5.0, 6.0]
    with pytest.raises(AttributeError, match="there are weight, frozen, count"):
        load(net, nothing=torch.ones(1))


def test_a_librarys_object_lives_on_the_learners_side(solution: Handle) -> None:
    linear = library(solution, "torch.nn.Linear")(2, 1)
    assert isinstance(linear, Handle)
    assert set(parameters(linear)) == {"weight", "bias"}
    with pytest.raises(LearnerError, match="no library os here"):
        library(solution, "os.system")


class Lies(Channel):
    def __init__(self, answer: Any) -> None:
        super().__init__("solution")
        self._value = answer

    def exchange(self, request: bytes) -> bytes:  # noqa: ARG002
        return encode(["a", self._value])


@pytest.mark.parametrize(
    "ask",
    [
        lambda h: observe(h, 1),
        lambda h: vjp(h, 1, cotangent=1),
        lambda h: parameters(h),
        lambda h: state(h),
        lambda h: fetch_list(h),
        lambda h: keep(h),
        lambda h: keep_item(h, 0),
    ],
)
@pytest.mark.parametrize("answer", [None, 5, {1: 2}, {"value": 1}, (1, 2), [1, [2, 3]]])
def test_an_answer_of_another_form_is_a_mismatch(ask: Callable[[Handle], object], answer: Any) -> None:
    handle = Lies(answer).root
    try:
        value = ask(handle)
    except Mismatch:
        return
    # The one form that fits: a list of items, or names, is what was asked for.
    assert value == answer
    assert isinstance(value, list) or all(isinstance(key, str) for key in value)


@pytest.mark.parametrize("shares", [["yes"], [1], [None]])
def test_only_true_is_true(shares: list[Any]) -> None:
    handle = Lies({"value": 1, "args": [1], "kwargs": {}, "shares": shares}).root
    assert observe(handle, 1).shares == [False]
