"""The ledger on SQLite and on PostgreSQL: one verdict a key, one writer at a time, nothing lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from grader.errors import StoreError, UsageError
from grader.model import Check, Diagnosis, Verdict
from grader.store import sole
from grader.store.gradings import Task
from grader.store.ledger import Ledger, Work
from grader.store.ledger_opening import LEDGER, open_ledger
from grader.store.ledger_schema import HEAD
from tests.grader.batch.conftest import postgresql

__all__ = ["postgresql"]

Open = Callable[[], Ledger]
TASKS = [
    Task("k1", "numbers/clamp", "one\nöne", "suite"),
    Task("k2", "numbers/clamp", "two", "suite"),
    Task("k3", "numbers/slope", "three", "suite", {"numbers/clamp": "two"}, ("k2",), 1),
]
WORKS = [
    Work("ada", "numbers/clamp", "ada/clamp.py", 2.0, "k1"),
    Work("ada", "numbers/clamp", "ada/old/clamp.py", 1.0, "k2"),
    Work("ada", "numbers/slope", "ada/slope.py", 1.0, "k3"),
    Work("grace", "numbers/clamp", "grace/clamp.py", 3.0, "k2"),
    Work("grace", "", "grace/x.py", note="it is a link"),
]


def verdict(status: str = "passed", score: float = 1.0) -> Verdict:
    return Verdict("mini", "numbers/clamp", status, score, (Check("c", "A check", "passed"),))  # type: ignore[arg-type]


@pytest.fixture(params=["sqlite", "postgresql"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens a ledger that is empty at first, again and again."""
    if request.param == "sqlite":
        yield lambda: open_ledger(tmp_path / "ledger.db")
        return
    url = request.getfixturevalue("postgresql")
    engine = create_engine(url)
    with engine.begin() as connection:
        for table in ("work", "grading", "source", "ledger", "ledger_version"):
            connection.execute(text(f"DROP TABLE IF EXISTS {table}"))
    engine.dispose()
    yield lambda: open_ledger(url)


def test_what_waits_is_graded_once(opened: Open) -> None:
    with opened() as ledger:
        ledger.begin("mini", WORKS, TASKS)
        assert ledger.depth() == 1
        assert ledger.waiting(0) == ["k1", "k2"]
        assert ledger.waiting(1) == ["k3"]
        assert ledger.task("k3") == TASKS[2]
        assert ledger.task("k1").source == "one\nöne"
        assert ledger.record("k2", verdict("failed", 0.5), "here")
        assert not ledger.record("k2", verdict(), "there")
        assert ledger.statuses(["k2", "k3"]) == {"k2": ("numbers/clamp", "failed"), "k3": ("numbers/slope", None)}
    with opened() as ledger:
        ledger.begin("mini", WORKS, TASKS)
        assert ledger.waiting(0) == ["k1"]
        results = list(ledger.results())
    assert [r.work.place for r in results if r.work.student == "ada"] == [
        "ada/old/clamp.py",
        "ada/clamp.py",
        "ada/slope.py",
    ]
    shared = [r for r in results if r.work.key == "k2"]
    assert [r.verdict for r in shared] == [verdict("failed", 0.5)] * 2
    assert [r.work.note for r in results if r.work.key is None] == ["it is a link"]
    assert len(results) == len(WORKS)


def test_what_is_no_longer_there_is_kept_and_not_counted(opened: Open) -> None:
    with opened() as ledger:
        ledger.begin("mini", WORKS, TASKS)
        ledger.record("k1", verdict(), "here")
        ledger.begin("mini", WORKS[3:], [TASKS[1]])
        assert ledger.waiting(0) == ["k2"]
        assert [r.work.student for r in ledger.results()] == ["grace", "grace"]
        ledger.begin("mini", WORKS, TASKS)
        assert next(r for r in ledger.results() if r.work.key == "k1").verdict == verdict()
        assert len(list(ledger.results())) == len(WORKS)


def test_trouble_is_told_and_goes_on_waiting(opened: Open) -> None:
    with opened() as ledger:
        ledger.begin("mini", WORKS, TASKS)
        ledger.trouble("k1", "the worker died")
        assert "k1" in ledger.waiting(0)
        result = next(r for r in ledger.results() if r.work.key == "k1")
        assert (result.verdict, result.trouble) == (None, "the worker died")
        ledger.record("k1", verdict(), "here")
        assert next(r for r in ledger.results() if r.work.key == "k1").trouble == ""


def test_another_course_is_refused(opened: Open) -> None:
    with opened() as ledger:
        ledger.begin("mini", WORKS, TASKS)
        with pytest.raises(StoreError, match="belongs to the course mini, not to other"):
            ledger.begin("other", [], [])


def test_one_at_a_time(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sole, "LOCK_SECONDS", 0.2)
    with opened(), pytest.raises(UsageError, match="another gradlings is grading into this database"):
        opened()
    opened().close()


def test_a_password_is_not_shown() -> None:
    with pytest.raises(StoreError) as raised:
        open_ledger("postgresql+psycopg://ada:secret@127.0.0.1:1/none")
    assert "secret" not in raised.value.message


@pytest.mark.parametrize("url", ["nonsense", "nonsense://x", "sqlite://", "mysql+pymysql://h/d"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(UsageError):
        open_ledger(url)


def test_another_programs_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE work (x)"))
    engine.dispose()
    with pytest.raises(StoreError, match="not gradlings' own"):
        open_ledger(path)


def test_a_newer_ledger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    open_ledger(path).close()
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE ledger_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(StoreError, match="newer gradlings"):
        open_ledger(path)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_text("hello" * 1000)
    with pytest.raises(StoreError, match="cannot be used"):
        open_ledger(path)


def test_the_head_is_the_newest_migration() -> None:
    assert max(file.name[:4] for file in (LEDGER.folder / "versions").glob("[0-9]*.py")) == HEAD


def test_failures_that_share_their_failing_checks_can_be_compared(opened: Open) -> None:
    def failed(*failing: str, named: bool = False) -> Verdict:
        told = Diagnosis("m", "You ...") if named else None
        checks = tuple(Check(id, id, "failed", diagnosis=told) for id in failing)
        return Verdict("mini", "numbers/clamp", "failed", 0.0, checks)

    verdicts = [failed("a"), failed("a"), failed("b"), failed("a", "b"), failed("a", named=True), verdict()]
    tasks = [Task(f"k{n}", "numbers/clamp", f"{n}", "suite") for n in range(len(verdicts))]
    works = [Work(f"s{n}", "numbers/clamp", "x.py", 0.0, f"k{n}") for n in range(len(verdicts))]
    with opened() as ledger:
        ledger.begin("mini", works, tasks)
        for task, found in zip(tasks, verdicts, strict=True):
            ledger.record(task.key, found, "here")
        assert ledger.comparable() == ["k0", "k1"]
        ledger.compared("k0", "alike")
        assert ledger.comparable() == ["k1"]
        assert {r.work.key: r.answers for r in ledger.results() if r.answers} == {"k0": "alike"}
        ledger.begin("mini", works[1:], tasks[1:])
        assert ledger.comparable() == []
