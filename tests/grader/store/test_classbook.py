"""A class in SQLite and in PostgreSQL: accepted once, graded once, counted once; standings that follow from it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from grader.errors import UsageError
from grader.model import Check, Diagnosis, Verdict
from grader.store import sole
from grader.store.classbook import Classbook, book, open_classbook
from grader.store.classbook.opening import CLASS
from grader.store.classbook.values import Total
from grader.store.gradings import Task
from tests.grader.batch.conftest import postgresql

__all__ = ["postgresql"]

Open = Callable[[], Classbook]
CLAMP, SLOPE = "numbers/clamp", "numbers/slope"
POINTS = {CLAMP: 10, SLOPE: 5}


def verdict(passed: bool = True, score: float | None = None, mistake: str = "") -> Verdict:
    told = Diagnosis("m", mistake) if mistake else None
    check = Check("c", "A check", "passed" if passed else "failed", diagnosis=told)
    return Verdict("mini", CLAMP, "passed" if passed else "failed", float(passed) if score is None else score, (check,))


def task(key: str, exercise: str = CLAMP) -> Task:
    return Task(key, exercise, f"source of {key}", "suite")


@pytest.fixture(params=["sqlite", "postgresql"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens a class that is empty at first, again and again."""
    if request.param == "sqlite":
        yield lambda: open_classbook(tmp_path / "class.db")
        return
    url = request.getfixturevalue("postgresql")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    yield lambda: open_classbook(url)


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The instants at which things are accepted, one after the other; the last one stays."""
    times = ["2026-03-01T10:00:00.000+00:00"]
    monkeypatch.setattr(book, "now", lambda: times.pop(0) if len(times) > 1 else times[0])
    return times


def test_what_was_accepted_is_counted_once(opened: Open) -> None:
    with opened() as klass:
        ada = klass.join("Ada Lovelace", "ada", listed=True).id
        first, new = klass.accept(ada, task("k1"))
        again, anew = klass.accept(ada, task("k1"))
        assert (new, anew, again) == (True, False, first)
        assert (first.status, klass.waiting(), klass.task("k1")) == ("waiting", ["k1"], task("k1"))
    with opened() as klass:  # stopped before it was graded
        assert klass.waiting() == ["k1"]
        assert klass.record("k1", verdict(), "here", POINTS) == [ada]
        assert klass.record("k1", verdict(passed=False), "there", POINTS) == []
        assert klass.waiting() == []
        done = klass.submitted(first.id)
        assert done is not None
        assert (done.status, done.verdict) == ("passed", verdict())
        assert klass.source(first.id) == "source of k1"
        [line] = klass.leaderboard()
        assert (line.place, line.points, line.passed, line.firsts, line.streak) == (1, 10, 1, 1, 1)
        [mine] = klass.standing(ada)
        assert (mine.attempts, mine.best, mine.first) == (1, 1.0, True)


def test_the_same_source_from_another_is_graded_once_and_counted_for_both(opened: Open) -> None:
    with opened() as klass:
        ada, grace = klass.join("Ada", "ada").id, klass.join("Grace", "grace").id
        klass.accept(ada, task("k1"))
        klass.record("k1", verdict(), "here", POINTS)
        later, new = klass.accept(grace, task("k1"))
        assert (new, later.status, klass.waiting()) == (True, "passed", ["k1"])
        assert klass.settle("k1", POINTS) == [grace]
        assert klass.waiting() == []
        assert [s.first for s in klass.standing(grace)] == [False]
        assert [s.points for s in klass.standing(grace)] == [10]


def test_settling_without_a_verdict_says_so(opened: Open) -> None:
    with opened() as klass:
        klass.accept(klass.join("Ada", "ada").id, task("k1"))
        assert klass.settle("k1", POINTS) is None
        klass.trouble("k1", "the engine died")
        assert klass.waiting() == ["k1"]
        [one] = klass.submissions(1)
        assert (one.status, one.trouble) == ("waiting", "the engine died")


def test_first_is_who_was_accepted_first_whenever_it_was_graded(opened: Open, days: list[str]) -> None:
    with opened() as klass:
        ada = klass.join("Ada", "ada", listed=True).id
        grace = klass.join("Grace", "grace", listed=True).id
        days[:] = ["2026-03-01T10:00:00.000+00:00", "2026-03-01T11:00:00.000+00:00"]
        klass.accept(ada, task("k1"))
        klass.accept(grace, task("k2"))
        klass.record("k2", verdict(), "here", POINTS)
        assert [(r.nickname, r.firsts) for r in klass.leaderboard()] == [("grace", 1), ("ada", 0)]
        klass.record("k1", verdict(), "here", POINTS)
        assert [(r.nickname, r.firsts, r.place) for r in klass.leaderboard()] == [("ada", 1, 1), ("grace", 0, 2)]
        assert [klass.place(id).place for id in (ada, grace)] == [1, 2]  # type: ignore[union-attr]
        assert [r.place for r in klass.leaderboard(limit=1, after=1)] == [2]


def test_an_earlier_pass_and_the_best_score_stay(opened: Open, days: list[str]) -> None:
    with opened() as klass:
        ada = klass.join("Ada", "ada").id
        days[:] = [f"2026-03-0{day}T10:00:00.000+00:00" for day in (1, 2, 3)]
        for key in ("k1", "k2", "k3"):
            klass.accept(ada, task(key))
        klass.record("k3", verdict(passed=False, score=0.5), "here", POINTS)
        assert [(s.best, s.passed_at, s.points) for s in klass.standing(ada)] == [(0.5, None, 0)]
        klass.record("k2", verdict(), "here", POINTS)
        klass.record("k1", verdict(passed=False, score=0.25), "here", POINTS)
        [mine] = klass.standing(ada)
        assert (mine.attempts, mine.best, mine.passed_at) == (3, 1.0, "2026-03-02T10:00:00.000+00:00")


@pytest.mark.parametrize(("of", "streak"), [((1, 2, 3), 3), ((1, 3, 4), 2), ((1, 2, 4), 1)])
def test_a_streak_is_days_in_a_row(opened: Open, days: list[str], of: tuple[int, ...], streak: int) -> None:
    with opened() as klass:
        ada = klass.join("Ada", "ada", listed=True).id
        days[:] = [f"2026-03-0{day}T10:00:00.000+00:00" for day in of]
        for key in of:
            klass.accept(ada, task(f"k{key}", f"numbers/n{key}"))
        for key in of:
            klass.record(f"k{key}", verdict(), "here", {})
        [line] = klass.leaderboard()
        assert (line.streak, line.last_day) == (streak, f"2026-03-0{of[-1]}")


def test_only_students_who_want_to_be_seen_are_listed(opened: Open) -> None:
    with opened() as klass:
        ada = klass.join("Ada", "ada").id
        klass.join("Mrs T", "t", role="teacher", listed=True)
        assert klass.leaderboard() == []
        assert klass.place(ada) is None
        assert klass.rename(ada, listed=True).listed  # type: ignore[union-attr]
        assert [r.nickname for r in klass.leaderboard()] == ["ada"]


def test_nobody_passes_for_another(opened: Open) -> None:
    with opened() as klass:
        assert [klass.join("x", name).nickname for name in ("Ada", "ada", "ａｄａ", "A da")] == [
            "Ada", "ada2", "ａｄａ2"[:3] + "3", "A da4",
        ]  # fmt: skip
        with pytest.raises(ValueError, match="ADA"):
            klass.rename(2, nickname="ADA")
        assert klass.rename(1, nickname="ADA").nickname == "ADA"  # type: ignore[union-attr]
        assert klass.rename(99) is None


def test_tokens_end_and_are_revoked(opened: Open) -> None:
    with opened() as klass:
        ada = klass.join("Ada", "ada")
        klass.give_token(ada.id, "device", "a" * 64, "2999-01-01T00:00:00.000+00:00")
        klass.give_token(ada.id, "browser", "b" * 64, "2001-01-01T00:00:00.000+00:00")
        assert klass.holder("a" * 64) == ada
        assert klass.holder("b" * 64) is None
        klass.revoke("a" * 64)
        assert klass.holder("a" * 64) is None
        klass.give_token(ada.id, "device", "c" * 64, "2999-01-01T00:00:00.000+00:00")
        klass.revoke_all(ada.id, by=None)
        assert klass.holder("c" * 64) is None
        assert [(act.what, act.person) for act in klass.acts()] == [("revoked all tokens", None), ("joined", ada.id)]


def test_mistakes_are_counted_by_student(opened: Open) -> None:
    with opened() as klass:
        ada, grace = klass.join("Ada", "ada").id, klass.join("Grace", "grace").id
        for person, key, mistake in (
            (ada, "k1", "One."),
            (ada, "k2", "One."),
            (grace, "k3", "Two."),
            (grace, "k1", ""),
        ):
            klass.accept(person, task(key))
            klass.record(key, verdict(False, mistake=mistake), "here", POINTS)
        assert klass.mistakes(CLAMP) == [("One.", 2), ("Two.", 1)]
        assert klass.mistakes(SLOPE) == []
        assert klass.totals() == {CLAMP: Total(CLAMP, 2, 0, 4)}
        assert {(c.person, c.attempts, c.passed) for c in klass.cells([ada, grace])} == {
            (ada, 2, False),
            (grace, 2, False),
        }


def test_many_at_once_lose_nothing(opened: Open) -> None:
    with opened() as klass:
        people = [klass.join("x", f"n{number}", listed=True).id for number in range(6)]

        def work(person: int) -> None:
            for number in range(8):
                exercise = f"numbers/n{number}"
                klass.accept(person, task(f"{person}-{number}", exercise))
                klass.record(f"{person}-{number}", verdict(), "here", {exercise: 10})

        threads = [threading.Thread(target=work, args=(person,)) for person in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        board = klass.leaderboard()
        assert [(line.points, line.passed) for line in board] == [(80, 8)] * 6
        assert sum(line.firsts for line in board) == 8
        assert klass.waiting() == []


def test_one_server_at_a_time(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sole, "LOCK_SECONDS", 0.2)
    with opened(), pytest.raises(UsageError, match="another gradlings"):
        opened()
    opened().close()


def test_settings_are_made_once(opened: Open) -> None:
    with opened() as klass:
        assert klass.setting("code", lambda: "one") == "one"
        assert klass.setting("code", lambda: "two") == "one"
        with pytest.raises(KeyError):
            klass.setting("none")


@pytest.mark.parametrize("number", [0, -1, 1 << 70])
def test_numbers_that_nobody_has(opened: Open, number: int) -> None:
    with opened() as klass:
        assert (klass.person(number), klass.submitted(number), klass.source(number)) == (None, None, None)


def test_the_head_is_the_newest_migration() -> None:
    assert max(file.name[:4] for file in (CLASS.folder / "versions").glob("[0-9]*.py")) == CLASS.head
