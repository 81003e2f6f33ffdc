"""A suite's checks are all accounted for, whatever a suite or the code under it does."""

from __future__ import annotations

import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

from grader.judge import suite as module
from grader.judge.cells import CellGone, Interrupted
from grader.judge.curves import Curves
from grader.judge.suite import Outcome, Planned, Stage, Suite
from grader.model import Point
from grader.testing.local import LocalChannel, module_from_source
from grader.testing.proxy import Handle


class Here(Stage):
    """A stage in this process."""

    def __init__(self, source: str = "def f(x):\n    return x\n") -> None:
        self._channel: Any = LocalChannel(module_from_source(source, "<solution>/a.py", "suite_solution"), "solution")
        self.reference: Handle = self._channel.root
        self.data = {"poem.txt": b"sea"}
        self.points: list[Point] = []
        self.curves = Curves(self.points.append)
        self.begun: list[str] = []
        self.refused: set[str] = set()
        self.dead: set[str] = set()

    def channel(self) -> Any:
        return self._channel

    def begin(self, check: str) -> bool:
        self.begun.append(check)
        if check in self.dead:
            raise CellGone("died", "Crashed.", [])
        return check not in self.refused

    def end(self, outcome: Outcome) -> Outcome:
        return outcome

    def seed(self, check: str) -> int:
        return zlib.crc32(check.encode())


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write(text: str) -> Path:
        path = tmp_path / "test_suite.py"
        path.write_text(text)
        return path

    return write


def ran(path: Path, stage: Here | None = None) -> dict[str, str]:
    """What every check came to: "passed", "not run" or the name of what ended it."""
    outcomes, errors = Suite(path).run(stage or Here())
    assert errors == []
    return {
        one.check.id: "not run" if not one.ran else "passed" if one.error is None else type(one.error).__name__
        for one in outcomes
    }


def faults(path: Path) -> str:
    _, errors = Suite(path).run(Here())
    assert errors
    return errors[0]


def test_fixtures_ids_and_titles(write: Any) -> None:
    path = write('''
import pytest
from grader.testing import assert_equal

def test_rows(solution, reference, data, seed, rng):
    """Each row sums to one.

    More is told to authors.
    """
    assert_equal(solution.f(seed), seed)
    assert reference.f(1) == 1 and data == {"poem.txt": b"sea"} and 0 <= rng.random() < 1

@pytest.mark.parametrize("n", [1, 2])
def test_sizes(solution, n):
    """Any size"""
    assert solution.f(n) == n

@pytest.mark.parametrize("n", [3])
def test_no_title(n):
    pass

class TestInside:
    def test_method(self, solution):
        assert solution.f(0) == 0
''')
    outcomes, errors = Suite(path).run(Here())
    assert errors == []
    assert [(one.check.id, one.check.title) for one in outcomes] == [
        ("rows", "Each row sums to one"),
        ("sizes[1]", "Any size [1]"),
        ("sizes[2]", "Any size [2]"),
        ("no_title[3]", "no title [3]"),
        ("method", "method"),
    ]
    assert all(one.ran and one.error is None for one in outcomes)
    assert all(one.duration_s >= 0 for one in outcomes)


def test_what_a_check_does_is_told_apart(write: Any) -> None:
    path = write("""
import sys, pytest
def test_passes(): pass
def test_fails(): assert False
def test_raises(): 1 / 0
def test_skips(): pytest.skip("no")
def test_xfails(): pytest.xfail("no")
def test_fails_by_pytest(): pytest.fail("no")
def test_exits(): pytest.exit("no")
def test_no_fixture(nothing): pass
@pytest.mark.skip
def test_marked_skip(): assert False
@pytest.mark.xfail
def test_marked_xfail(): assert False
@pytest.fixture
def broken(): raise KeyError("k")
def test_broken_fixture(broken): pass
@pytest.fixture
def ends_badly():
    yield 1
    raise KeyError("k")
def test_teardown(ends_badly): pass
def test_after(solution): assert solution.f(1) == 1
""")
    assert ran(path) == {
        "passes": "passed",
        "fails": "AssertionError",
        "raises": "ZeroDivisionError",
        "skips": "Skipped",
        "xfails": "XFailed",
        "fails_by_pytest": "Failed",
        "exits": "Exit",
        "no_fixture": "FixtureLookupError",
        "marked_skip": "AssertionError",
        "marked_xfail": "AssertionError",
        "broken_fixture": "KeyError",
        "teardown": "passed",
        "after": "passed",
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import nothing_of_that_name\n", "nothing_of_that_name"),
        ("def test_a(:\n", "SyntaxError"),
        ("x = 1\n", "holds no checks"),
        ("raise SystemExit(0)\ndef test_a(): pass\n", "holds no checks"),
        ("", "holds no checks"),
        ("import pytest\npytest.skip('no', allow_module_level=True)\ndef test_a(): pass\n", "holds no checks"),
        ("import pytest\npytest.exit('no')\ndef test_a(): pass\n", "Exit: no"),
        ("raise AssertionError('at import')\n", "at import"),
        (
            "class TestA:\n    def test_x(self): pass\nclass TestB:\n    def test_x(self): pass\n",
            "two checks are called x",
        ),
        ("import pytest\n@pytest.mark.nothing_of_that_name\ndef test_a(): pass\n", "nothing_of_that_name"),
    ],
)
def test_a_broken_suite_is_the_graders_fault(write: Any, text: str, says: str) -> None:
    assert says in faults(write(text))


def test_a_suite_that_leaves_gives_no_verdict(write: Any) -> None:
    path = write("def test_a(): raise SystemExit(0)\ndef test_b(): pass\n")
    with pytest.raises(SystemExit):
        Suite(path).run(Here())


def test_a_check_that_must_not_run_is_not_run(write: Any) -> None:
    stage = Here()
    stage.refused = {"b"}
    stage.dead = {"c"}
    path = write("def test_a(): pass\ndef test_b(): pass\ndef test_c(): pass\ndef test_d(): pass\n")
    assert ran(path, stage) == {"a": "passed", "b": "not run", "c": "CellGone", "d": "passed"}
    assert stage.begun == ["a", "b", "c", "d"]


def test_an_interruption_ends_the_suite_and_no_suite_can_catch_it(write: Any) -> None:
    class Stop(Here):
        def begin(self, check: str) -> bool:
            if check == "b":
                raise Interrupted
            return super().begin(check)

    stage = Stop()
    with pytest.raises(Interrupted):
        Suite(write("def test_a(): pass\ndef test_b(): pass\ndef test_c(): pass\n")).run(stage)
    assert stage.begun == ["a"]


def test_a_suite_is_imported_afresh_and_leaves_nothing_printed(write: Any, capfd: pytest.CaptureFixture[str]) -> None:
    assert ran(write("print('one')\ndef test_one(): print('two')\n")) == {"one": "passed"}
    before = set(sys.modules)
    assert ran(write("import sys\nprint('x', file=sys.stderr)\ndef test_two(): pass\n")) == {"two": "passed"}
    assert not {name for name in set(sys.modules) - before if "test_suite" in name}
    assert capfd.readouterr() == ("", "")


def test_warnings_are_no_failures(write: Any) -> None:
    path = write("import warnings\ndef test_a():\n    warnings.warn('old', DeprecationWarning)\n")
    assert ran(path) == {"a": "passed"}


def test_what_a_learner_raises_is_an_error_of_the_check(write: Any) -> None:
    source = "def f(x):\n    raise SystemExit(0)\n"
    assert ran(write("def test_a(solution): solution.f(1)\n"), Here(source)) == {"a": "LearnerError"}


def test_titles_of_items_without_functions() -> None:
    class Item:
        name = "test_some_thing"

        @staticmethod
        def get_closest_marker(_name: str) -> None:
            return None

    assert module.planned(Item()) == Planned("some_thing", "some thing")  # type: ignore[arg-type]


def test_two_suites_collected_at_a_time_do_not_meet(write: Any, tmp_path: Path) -> None:
    """The judge has one ahead, and is asked for another."""
    first = Suite(write("SEEN = []\ndef test_a(solution):\n    SEEN.append(1)\n    assert len(SEEN) == 1\n"))
    other = tmp_path / "other" / "test_suite.py"
    other.parent.mkdir()
    other.write_text("def test_b(solution):\n    assert solution.f(1) == 2\n")
    outcomes, errors = Suite(other).run(Here())
    assert (errors, [type(one.error).__name__ for one in outcomes]) == ([], ["AssertionError"])
    outcomes, errors = first.run(Here())
    assert (errors, [one.error for one in outcomes]) == ([], [None])


DRAWS = """
import pytest

@pytest.mark.last
def test_long(solution, curve):
    for step in range(3):
        curve("loss", step, 1.0 / (step + 1))
    assert solution.f(2) == {long}

def test_first(solution):
    assert solution.f(1) == {first}
"""


def drawing(first: int, long: int) -> str:
    return DRAWS.replace("{first}", str(first)).replace("{long}", str(long))


def test_what_is_marked_last_runs_at_the_end_where_all_else_passed(write: Any) -> None:
    stage = Here()
    outcomes, errors = Suite(write(drawing(first=1, long=2))).run(stage)
    assert errors == []
    assert [(each.check.id, each.ran, each.error) for each in outcomes] == [("first", True, None), ("long", True, None)]
    (curve,) = outcomes[1].curves
    assert (curve.name, curve.x, curve.y) == ("loss", (0.0, 1.0, 2.0), (1.0, 0.5, 1 / 3))
    assert (stage.points[0].check, stage.points[0].title, stage.points[0].y) == ("long", "long", 1.0)
    assert ran(write(drawing(first=1, long=9))) == {"first": "passed", "long": "AssertionError"}


def test_what_is_marked_last_is_left_out_else(write: Any) -> None:
    outcomes, _ = Suite(write(drawing(first=7, long=2))).run(Here())
    assert [each.ran for each in outcomes] == [True, False]
    assert outcomes[1].why == "It runs once every other check passes."
    stage = Here()
    stage.last = False
    assert ran(write(drawing(first=1, long=2)), stage) == {"first": "passed", "long": "not run"}
