"""Which mistake is named, in which checks, and when none is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from grader.judge.diagnosis import diagnose
from grader.judge.verdict import with_help
from grader.model import Check

Gather = Callable[..., Any]

REFERENCE = """
from grader.marks import alternative, mistake
import numpy as np

def area(r):
    return 3.0 * r * r

def edge(r):
    return 6.0 * r

def ratio(r):
    return area(r) / edge(r)

def both(f, x):
    return f(x) - f(-x)

def spread(x):
    return x.astype(np.float32) / 3

@mistake("The radius is not squared.", of="area", hint=2)
def not_squared(r):
    return 3.0 * r

@mistake("The area is halved.", of="area", hint=3)
def halved(r):
    return 1.5 * r * r

@mistake("The edge is doubled.", of="edge", hint=1)
def doubled(r):
    return 12.0 * r

@mistake("Edges of zero raise.", of="edge")
def raises(r):
    if r == 0:
        raise ValueError("zero")
    return 6.0 * r

@mistake("One point only.", of="both")
def one_point(f, x):
    return 2 * f(x)

@mistake("The other point only.", of="both")
def other_point(f, x):
    return -2 * f(-x)

@mistake("Divided by four.", of="spread")
def by_four(x):
    return x.astype(np.float32) / 4

@alternative("by parts", of="area")
def by_parts(r):
    return r * r + 2.0 * r * r
"""
RIGHT = REFERENCE.partition("@mistake")[0]
SUITE = {
    "area": lambda s: [s.area(r) for r in (1.0, 2.0)],
    "edge": lambda s: [s.edge(r) for r in (0.0, 2.0)],
    "ratio": lambda s: s.ratio(2.0),
    "both": lambda s: s.both(lambda x: x**3, 2.0),
    "even": lambda s: s.both(lambda x: x**2, 2.0),
    "spread": lambda s: s.spread(np.arange(4.0)),
}


def named(
    gathered: Gather, source: str, suite: dict[str, Callable[..., Any]] = SUITE, budget: float = 5.0
) -> dict[str, str]:
    reference, evidence = gathered(REFERENCE, source, suite)
    return {check: found.mistake for check, found in diagnose(reference, evidence, budget).items()}


def instead(**functions: str) -> str:
    """The right source with functions replaced."""
    return RIGHT + "".join(
        f"\ndef {name}({body.replace(': ', '):' + chr(10) + '    return ', 1)}\n" for name, body in functions.items()
    )


def test_the_right_source_has_no_mistake(gathered: Gather) -> None:
    assert named(gathered, RIGHT) == {}
    assert named(gathered, instead(area="r: r * r * 3.0")) == {}


def test_one_mistake_is_named_in_the_checks_it_shows_in(gathered: Gather) -> None:
    assert named(gathered, instead(area="r: r * 3.0")) == {"area": "not_squared", "ratio": "not_squared"}


def test_message_and_hint_come_along(gathered: Gather) -> None:
    reference, evidence = gathered(REFERENCE, instead(area="r: r + 2 * r"), SUITE)
    found = diagnose(reference, evidence, 5.0)["area"]
    assert (found.message, found.hint) == ("The radius is not squared.", 2)


def test_another_wrong_answer_is_not_named(gathered: Gather) -> None:
    assert named(gathered, instead(area="r: 3.0 * r ** 3")) == {}


def test_a_passing_check_contradicts(gathered: Gather) -> None:
    # The failing check alone would say `not_squared`.
    source = RIGHT + "\ndef area(r):\n    return 3.0 * r if r == 4.0 else 3.0 * r * r\n"
    only = {"four": lambda s: s.area(4.0)}
    assert named(gathered, source, only) == {"four": "not_squared"}
    assert named(gathered, source, {**only, "two": lambda s: s.area(2.0)}) == {}


def test_two_mistakes_that_cannot_be_told_apart_name_none(gathered: Gather) -> None:
    # At a radius of 2, half the area is what comes out without squaring too.
    source = instead(area="r: 3.0 * r")
    only = {"two": lambda s: s.area(2.0)}
    assert named(gathered, source, only) == {}
    assert named(gathered, source, {**only, "four": lambda s: s.area(4.0)}) == {
        "two": "not_squared",
        "four": "not_squared",
    }


def test_an_exception_is_an_answer(gathered: Gather) -> None:
    source = RIGHT + "\ndef edge(r):\n    if r == 0:\n        raise ValueError('my own words')\n    return 6.0 * r\n"
    assert named(gathered, source) == {"edge": "raises"}
    assert named(gathered, source.replace("ValueError", "KeyError")) == {}


def test_what_is_asked_of_call_backs_tells_where_no_answer_does(gathered: Gather) -> None:
    # A constant function: every answer is right, only the points differ.
    suite = {"constant": lambda s: s.both(lambda _: 0.0, 2.0)}
    assert named(gathered, instead(both="f, x: 2 * f(x)"), suite) == {"constant": "one_point"}
    assert named(gathered, instead(both="f, x: -2 * f(-x)"), suite) == {"constant": "other_point"}


def test_another_order_of_call_backs_does_not_hide_a_mistake(gathered: Gather) -> None:
    source = RIGHT + "\ndef both(f, x):\n    f(-x)\n    return 2 * f(x)\n"
    assert named(gathered, source) == {"both": "one_point", "even": "one_point"}


def test_float_noise_is_no_difference(gathered: Gather) -> None:
    source = RIGHT + "\ndef spread(x):\n    return (x / 4.0 * (1 + 1e-5)).astype(np.float32)\n"
    assert named(gathered, source) == {"spread": "by_four"}
    assert named(gathered, source.replace("1e-5", "1e-2")) == {}
    assert named(gathered, instead(area="r: (r + r + r) * (1 + 1e-12)"))["area"] == "not_squared"


PAIR = instead(area="r: 3.0 * r", edge="r: 12.0 * r")


def test_of_a_pair_each_check_gets_what_shows_in_it(gathered: Gather) -> None:
    reference, evidence = gathered(REFERENCE, PAIR, SUITE)
    found = diagnose(reference, evidence, 5.0)
    assert {check: one.mistake for check, one in found.items()} == {
        "area": "not_squared",
        "edge": "doubled",
        "ratio": "not_squared+doubled",
    }
    assert found["edge"].message == "The edge is doubled."
    assert found["edge"].hint == 1
    assert found["ratio"].message == "The radius is not squared. And: The edge is doubled."
    assert found["ratio"].hint == 2


def test_a_pair_that_shows_only_together_is_told_whole(gathered: Gather) -> None:
    reference = """
from grader.marks import mistake
state = {"a": False, "b": False}
def a(): state["a"] = False
def b(): state["b"] = False
def answer(): return state["a"] and state["b"]
@mistake("A.", of="a")
def wrong_a(): state["a"] = True
@mistake("B.", of="b")
def wrong_b(): state["b"] = True
"""
    compiled, evidence = gathered(
        reference,
        reference.partition("@mistake")[0].replace("= False\n", "= True\n"),
        {"together": lambda s: (s.a(), s.b(), s.answer())},
    )
    assert {k: v.mistake for k, v in diagnose(compiled, evidence, 5.0).items()} == {"together": "wrong_a+wrong_b"}


def test_a_pair_replaces_two_functions(gathered: Gather) -> None:
    # Each call is one of two mistakes of the same function: no program the reference knows does both.
    source = instead(area="r: 3.0 * r if r == 4.0 else 1.5 * r * r")
    assert named(gathered, source, {"a": lambda s: s.area(4.0), "b": lambda s: s.area(3.0)}) == {}


def test_a_check_in_which_nothing_parts_gets_nothing(gathered: Gather) -> None:
    reference, evidence = gathered(REFERENCE, PAIR, SUITE)
    found = diagnose(reference, evidence, 5.0)
    checks = [Check(name, name, "failed") for name in SUITE] + [Check("own", "own", "passed")]
    told = {check.id: check.diagnosis for check in with_help(checks, evidence.parted, found, None)}
    assert {name for name, one in told.items() if one} == {"area", "edge", "ratio"}
    passed = [Check(name, name, "passed") for name in SUITE]
    assert with_help(passed, evidence.parted, found, "a relation") == passed


def test_a_call_that_was_never_answered_names_nothing(gathered: Gather) -> None:
    reference, evidence = gathered(REFERENCE, instead(area="r: r * 3.0"), SUITE)
    silent = replace(evidence, learner=[(None, []), *evidence.learner[1:]])
    assert diagnose(reference, evidence, 5.0)
    assert diagnose(reference, silent, 5.0) == {}


@pytest.mark.parametrize("source", [instead(area="r: r * 3.0"), PAIR])
def test_without_time_nothing_is_named(gathered: Gather, source: str) -> None:
    assert named(gathered, source, budget=-1.0) == {}


def test_time_that_ends_among_the_candidates_names_nothing(gathered: Gather, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not tried might fit as well: the verdict must not depend on the clock."""
    from grader.judge import diagnosis

    clock = iter([0.0, 1.0, 2.0, 3.0] + [9.0] * 100)
    monkeypatch.setattr(diagnosis.time, "process_time", lambda: next(clock))
    assert named(gathered, instead(area="r: r * 3.0"), budget=5.0) == {}


def test_objects_and_state_are_replayed_in_order(gathered: Gather) -> None:
    reference = """
from grader.marks import mistake
class Tally:
    def __init__(self): self.total = 0
    def add(self, n): self.total += n; return self.total
@mistake("It forgets.", of="Tally")
class Forgets(Tally):
    def add(self, n): return n
@mistake("It counts calls.", of="Tally.add")
def calls(self, n): self.total += 1; return self.total
"""
    source = reference.partition("@mistake")[0]

    def check(s: Any) -> None:
        tally = s.Tally()
        for n in (2, 3):
            tally.add(n)

    for body, expected in (
        ("return n", "Forgets"),
        ("self.total += 1; return self.total", "calls"),
        ("return 0", None),
    ):
        compiled, evidence = gathered(
            reference, source.replace("self.total += n; return self.total", body), {"c": check}
        )
        found = diagnose(compiled, evidence, 5.0)
        assert (found["c"].mistake if found else None) == expected
