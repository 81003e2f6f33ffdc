"""From outcomes to checks, and from checks to a verdict."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from grader.judge.cells import CellGone
from grader.judge.suite import Outcome, Planned
from grader.judge.verdict import MAX_MESSAGE, NO_SHORTCUTS, Source, score, to_check, verdict_status, with_help
from grader.model import Check, CheckStatus, Diagnosis, Frame
from grader.testing import LearnerError, Mismatch
from grader.testing.proxy import learner_error

TEXT = "def f(x):\n    return x.nothing  \n\ndef g():\n    while True: pass\n"
SOURCE = Source("a/b.py", TEXT)


def raised(kind: str, text: str = "", base: str | None = None, frames: Any = ()) -> LearnerError:
    return learner_error(kind, base or kind, text, list(frames))


def check_of(error: BaseException | None) -> Check:
    return to_check(Outcome(Planned("rows", "Rows sum to one"), True, error, 0.5, "printed"), SOURCE)


def not_raised() -> BaseException:
    with pytest.raises(pytest.fail.Exception) as caught, pytest.raises((ValueError, KeyError)):
        pass
    return caught.value


def wrong() -> Mismatch:
    return Mismatch("Wrong.", np.ones(1), np.zeros(1), (0.0, 0.0), (0,))


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (None, "passed", ""),
        (wrong(), "failed", "Wrong."),
        (AssertionError("f was called 3 times"), "failed", "f was called 3 times"),
        (AssertionError(), "failed", "The property does not hold."),
        (raised("AttributeError", "no attribute"), "error", "Your code raised AttributeError: no attribute"),
        (raised("KeyError", "'k'"), "error", "Your code raised KeyError: 'k'"),
        (raised("AssertionError", "mine"), "error", "Your code raised AssertionError: mine"),
        (raised("ValueError"), "error", "Your code raised ValueError"),
        (raised("NotImplementedError", "write f"), "error", "Not written yet: write f"),
        (raised("NotImplementedError"), "error", "Not written yet."),
        (raised("ForbiddenCall", "a.b is not allowed here: c", "Exception"), "error", "a.b is not allowed here: c"),
        (raised("SystemExit", "0"), "error", "Your code asked Python to exit (SystemExit) instead of returning an answer."),
        (raised("MemoryError"), "error", "Your code ran out of memory."),
        (raised("RuntimeError", "[enforce] DefaultCPUAllocator: can't allocate memory: you"), "error", "Your code ran out of memory."),  # noqa: E501
        (raised("AttributeError", "module 'solution' has no attribute 'softmax'"), "error", "There is no `softmax` in your file (was it renamed or deleted?)."),  # noqa: E501
        (CellGone("late", "No answer within 5 s.", []), "timeout", "No answer within 5 s."),
        (CellGone("died", "Crashed.", []), "error", "Crashed."),
        (CellGone("memory", "Too much.", []), "error", "Too much."),
        (TypeError("'NoneType' object"), "failed", "The check could not use what your code returned (TypeError: 'NoneType' object)."),  # noqa: E501
        (not_raised(), "failed", "Your code should have raised ValueError or KeyError here, and did not."),
    ],
)  # fmt: skip
def test_what_ended_a_check_is_told(error: BaseException | None, status: CheckStatus, message: str) -> None:
    check = check_of(error)
    assert (check.id, check.title, check.output, check.duration_s) == ("rows", "Rows sum to one", "printed", 0.5)
    assert (check.status, check.message) == (status, message)


def test_what_did_not_run_is_not_run_whatever_else_is_said() -> None:
    check = to_check(Outcome(Planned("a", "A")), SOURCE)
    assert (check.status, check.message, check.traceback) == ("not_run", "", ())


@pytest.mark.parametrize(
    "outcome", [pytest.skip.Exception("skipped"), pytest.xfail.Exception("expected"), pytest.exit.Exception("left")]
)
def test_pytests_own_outcomes_are_no_passes(outcome: BaseException) -> None:
    assert check_of(outcome).status == "failed"


def test_frames_are_the_learners_own_lines() -> None:
    frames = [(2, "f"), (99, "f"), (0, "f"), (5, "g"), (-1, "g")]
    error = raised("AttributeError", frames=frames)
    expected = (Frame("a/b.py", 2, "return x.nothing"), Frame("a/b.py", 5, "while True: pass"))
    assert check_of(error).traceback == expected
    assert check_of(CellGone("late", "late", frames)).traceback == expected
    assert check_of(wrong()).traceback == ()


def test_what_learners_wrote_is_cleaned_and_bounded() -> None:
    assert check_of(raised("ValueError", "\x1b[2J\u202e")).message == "Your code raised ValueError: ␛[2J<U+202E>"
    long = check_of(raised("ValueError", "x" * 10_000)).message
    assert len(long) == MAX_MESSAGE + len(" [cut]")
    assert check_of(AssertionError("\x1b[2J")).message == "␛[2J"
    source = Source("a/b.py", "x = '\x1b[2J'" + "y" * 1000)
    (frame,) = source.frames([(1, "f")])
    assert frame.code.startswith("x = '␛[2J'y")
    assert len(frame.code) <= 210


def test_only_a_comparison_of_ours_carries_data() -> None:
    data = check_of(wrong()).comparison
    assert data is not None
    assert data["worst"] == [0]
    assert check_of(AssertionError("x")).comparison is None


def some(*statuses: CheckStatus) -> list[Check]:
    return [Check(f"c{i}", "C", status) for i, status in enumerate(statuses)]


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["passed", "passed"], "passed"),
        (["failed", "error"], "failed"),
        (["passed", "error", "failed"], "error"),
        (["timeout", "not_run"], "error"),
        (["passed", "not_run"], "failed"),
        (["not_run"], "failed"),
        ([], "failed"),
    ],
)
def test_the_first_check_not_passed_decides(statuses: list[CheckStatus], expected: str) -> None:
    outcomes = [Outcome(Planned("c", "C"), True, AssertionError()) for _ in statuses]
    assert verdict_status(some(*statuses), outcomes) == expected


def test_not_started_is_every_check_at_a_stub() -> None:
    stub = Outcome(Planned("c", "C"), True, raised("NotImplementedError"))
    other = Outcome(Planned("d", "D"), True, raised("ValueError"))
    late = Outcome(Planned("e", "E"))
    assert verdict_status(some("error", "error"), [stub, stub]) == "not_started"
    assert verdict_status(some("error", "not_run"), [stub, late]) == "not_started"
    assert verdict_status(some("error", "error"), [stub, other]) == "error"
    assert verdict_status(some("error", "passed"), [stub, Outcome(Planned("p", "P"), True)]) == "error"
    by_hand = Check(NO_SHORTCUTS.id, NO_SHORTCUTS.title, "passed")
    assert verdict_status([*some("error"), by_hand], [stub]) == "not_started"


def test_the_score_is_the_share_of_the_suites_own_checks() -> None:
    good, bad, unrun = (Check(NO_SHORTCUTS.id, "", status) for status in ("passed", "failed", "not_run"))
    checks = some("passed", "passed", "failed", "timeout")
    assert score(checks) == 0.5
    assert score([*checks, good]) == 0.5
    assert score([*checks, unrun]) == 0.5
    assert score([*some("passed"), bad]) == 0.0
    assert score([]) == 0.0
    assert score([good]) == 0.0


def test_help_stands_beside_what_parts_and_is_not_passed() -> None:
    checks = some("failed", "failed", "passed", "not_run", "error")
    one = Diagnosis("m", "M.")
    helped = with_help(checks, {"c0", "c2", "c3", "c4"}, {"c0": one}, "Twice.")
    assert [check.diagnosis for check in helped] == [one, None, None, None, None]
    assert [check.relation for check in helped] == ["Twice.", None, None, None, "Twice."]
