"""`gradlings debug`: which check is replayed, from which calls, and pdb in a real terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from grader.debugging import choose, recorded_until
from grader.errors import EngineError, UsageError
from grader.model import Check, CheckStatus, Verdict, VerdictStatus
from grader.testing.replay import Recorded, describe, describe_request
from grader.wire.interpreter import Interpreter

MINI = Path(__file__).parents[1] / "minicourse"
WRONG = """
from collections.abc import Callable


def slope(f: Callable[[float], float], x: float, h: float) -> float:
    left = f(x - h)
    right = f(x + h)
    print("between the two")
    return helper(left, right) / h


def helper(left, right):
    return right - left
"""


def verdict(status: VerdictStatus, *statuses: CheckStatus) -> Verdict:
    checks = tuple(Check(f"c{i}", f"Check {i}", one, f"message {i}") for i, one in enumerate(statuses))
    return Verdict("mini", "numbers/slope", status, 0.0, checks, message="why")


def test_the_first_check_not_passed_is_chosen() -> None:
    assert choose(verdict("failed", "passed", "not_run", "failed", "error"), None).id == "c2"
    assert choose(verdict("error", "timeout"), None).id == "c0"
    assert choose(verdict("failed", "passed", "failed"), "c0").id == "c0"


@pytest.mark.parametrize(
    ("given", "check", "says", "hint"),
    [
        (verdict("passed", "passed"), None, "nothing to debug in numbers/slope: every check passes", "Name a CHECK"),
        (verdict("not_started", "not_run"), None, "it is still the stub", "Name a CHECK"),
        (verdict("failed", "failed", "passed"), "other", "numbers/slope has no check other", "Its checks: c0, c1."),
    ],
)
def test_nothing_to_replay_is_told(given: Verdict, check: str | None, says: str, hint: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        choose(given, check)
    assert caught.value.hint is not None
    assert hint in caught.value.hint


def test_an_ungraded_file_is_the_graders_fault() -> None:
    with pytest.raises(EngineError, match="why"):
        choose(verdict("ungraded"), None)


def test_calls_of_earlier_checks_in_the_same_cell_come_along() -> None:
    # segment, check, request, answer, call-backs
    calls: list[list[Any]] = [
        [0, "a", b"1", b"", []],
        [1, "b", b"2", b"", []],
        [1, "c", b"3", None, [[b"x", b"y"]]],
        [1, "c", b"4", b"", []],
        [1, "d", b"5", b"", []],
    ]
    assert recorded_until(calls, "c") == [["b", b"2", []], ["c", b"3", [[b"x", b"y"]]], ["c", b"4", []]]
    assert recorded_until(calls, "a") == [["a", b"1", []]]
    assert recorded_until(calls, "none") == []


def test_call_backs_are_answered_in_their_order_and_no_more() -> None:
    recorded = Recorded()
    recorded.load([[b"asked", b"one"], [b"asked", b"two"]])
    assert [recorded.answer(b""), recorded.answer(b"")] == [b"one", b"two"]
    with pytest.raises(RuntimeError, match="more often than when this was recorded"):
        recorded.answer(b"")
    assert Interpreter.__doc__  # what asks for them


def test_requests_and_values_are_told_in_a_line() -> None:
    import numpy as np
    import torch

    names = {"<handle 3>": "sdpa"}
    given = [torch.zeros(2, 5, 4), np.arange(3), 1.5, "x" * 200, [1] * 20]
    line = describe_request("call", ["<handle 3>", given, {"mask": None}], names)
    assert line.startswith("sdpa(float32 (2, 5, 4), int64 (3,) [0, 1, 2], 1.5, 'xxx")
    assert line.endswith("(1, 1, 1, 1, 1, 1, 1, 1, ...), mask=None)")
    assert len(line) < 250
    assert describe("\x1b[2J") == r"'\x1b[2J'"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("debug") / "ws"
    _, status = pexpect.run(f"{sys.executable} -m grader.cli init {folder} --course {MINI}", withexitstatus=True)
    assert status == 0
    (folder / "exercises/numbers/slope.py").write_text(WRONG)
    (folder / "exercises/words/vocabulary.py").write_text(
        (MINI / "reference/words/vocabulary.py").read_text().partition("@alternative")[0].replace("start=1", "start=2")
    )
    return folder


class Terminal:
    """`gradlings debug ...` in a terminal of its own."""

    def __init__(self, folder: Path, *args: str) -> None:
        env = {**os.environ, "COLUMNS": "200", "TERM": "dumb", "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
        arguments = ["-m", "grader.cli", "debug", *args]
        self._child = pexpect.spawn(
            sys.executable, arguments, cwd=str(folder), env=env, encoding="utf-8", timeout=60, dimensions=(40, 200)
        )
        self._child.delaybeforesend = None

    def until_prompt(self) -> str:
        self._child.expect_exact("(Pdb) ")
        return str(self._child.before).replace("\r\n", "\n")

    def __call__(self, command: str) -> str:
        self._child.sendline(command)
        return self.until_prompt().partition("\n")[2].strip()

    def end(self, command: str | None = None) -> tuple[str, int | None]:
        if command is not None:
            self._child.sendline(command)
        self._child.expect(pexpect.EOF)
        self._child.close()
        return str(self._child.before), self._child.exitstatus

    def stop(self) -> None:
        self._child.close(force=True)


@pytest.fixture
def debug(workspace: Path) -> Iterator[Any]:
    opened: list[Terminal] = []

    def start(*args: str) -> Terminal:
        opened.append(Terminal(workspace, *args))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.stop()


def test_pdb_stops_in_the_learners_file_at_the_call(debug: Any) -> None:
    terminal = debug("numbers/slope")
    shown = terminal.until_prompt()
    assert "The example of the statement, and a cubic (worked_example)" in shown
    assert "The slope of t**3 at 2 with h = 0.5: expected 12.25, got 24.5" in shown
    assert "-> slope(<callback 0>, 2.0, 0.5)" in shown
    assert "exercises/numbers/slope.py(5)slope()" in shown
    assert terminal("p x, h") == "(2.0, 0.5)"
    terminal("n")
    terminal("n")
    assert terminal("p left") == "3.375"  # answered as the suite's own function answered
    assert "between the two" in terminal("n") + terminal("n")
    assert "helper(left, right)" in terminal("s")
    assert terminal("p right - left") == "12.25"
    after = terminal("c")
    assert "<- 24.5" in after
    assert "-> slope(<callback 1>, 3.0, 0.5)" in after
    text, status = terminal.end("q")
    assert "Traceback" not in text
    assert status == 0


def test_stepping_does_not_leave_the_learners_file(debug: Any) -> None:
    terminal = debug("numbers/slope")
    terminal.until_prompt()
    for _ in range(3):
        assert "exercises/numbers/slope.py" in terminal("s")


def test_running_to_the_end(debug: Any) -> None:
    terminal = debug("numbers/slope", "worked_example")
    terminal.until_prompt()
    terminal("c")
    text, status = terminal.end("c")
    assert "<- 12.0" in text
    assert status == 0


def test_a_method_of_an_object_made_by_the_check(debug: Any) -> None:
    terminal = debug("words/vocabulary")
    shown = terminal.until_prompt()
    assert "Vocabulary({'sail': 2" in shown
    assert "exercises/words/vocabulary.py" in shown
    shown = terminal("c")
    assert "encode(('the', 'sea'" in shown
    assert terminal("p words[0]") == "'the'"
    assert terminal.end("q")[1] == 0


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("numbers/clamp",), "it is still the stub"),
        (("numbers/slope", "nothing"), "numbers/slope has no check nothing"),
        (("numbers/nothing",), "nothing"),
    ],
)
def test_wrong_usage(debug: Any, args: tuple[str, ...], says: str) -> None:
    text, status = debug(*args).end()
    assert says in text
    assert status == 2
