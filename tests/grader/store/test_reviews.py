"""The log of reviews: made beside what an older database holds, append-only, saved from a damaged one."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from grader.model import Verdict
from grader.store import examine, open_store, salvage
from grader.store.reviews import FirstPass, OpenReview, Reviewed

HERE = Path(__file__).parent
CARD = '{"due": "2026-02-03T00:00:00+00:00", "stability": 2.5}'
MakeVerdict = Callable[..., Verdict]


def spoil(path: Path, sql: str) -> None:
    """Change what the triggers forbid to change."""
    with closing(sqlite3.connect(path)) as raw:
        for (trigger,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            raw.execute(f"DROP TRIGGER {trigger}")
        raw.execute(sql)
        raw.commit()


def _steps(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as raw:
        return [what for (what,) in raw.execute("SELECT what FROM review ORDER BY sequence")]


@pytest.fixture
def filled(database: Path, clock: Callable[[], object], verdict: MakeVerdict) -> Path:
    """A pass, a review that was wrong and then right, and one under way in which a hint was taken."""
    with open_store(database, clock=clock) as store:  # type: ignore[arg-type]
        store.record("a/b", "x", verdict("passed"))
        store.begin_review("a/b")
        store.record_review("a/b", "wrong", verdict("failed"))
        store.record_review("a/b", "right", verdict("passed"), (2, CARD))
        store.begin_review("a/b")
        store.help_review("a/b", "hint")
    return database


def test_a_database_from_before_reviews_has_its_passes_to_review(database: Path) -> None:
    shutil.copy(HERE / "first_revision.db", database)
    with open_store(database) as store:
        # The pass came after the solution was opened, in the first revision's fixture.
        expected = FirstPass("2026-01-31T12:00:00.000+00:00", True, 2)
        assert store.reviewed() == {"plain/add": Reviewed(expected, None, 0, False)}
        store.begin_review("plain/add")
        assert store.end_review("plain/add", 1, CARD)
        assert len(store.attempts()) == 3
    with open_store(database) as store:
        assert store.reviewed() == {"plain/add": Reviewed(expected, CARD, 1, False)}


def test_a_review_under_way(filled: Path, verdict: MakeVerdict) -> None:
    with open_store(filled) as store:
        going = store.open_review("a/b")
        assert going == OpenReview("2026-01-31T23:59:05.000+00:00", after=3, wrong=0, helped=True)
        store.begin_review("a/b")
        store.help_review("a/b", "hint")
        assert store.open_review("a/b") == going
        assert _steps(filled) == ["begun", "rated", "begun", "hint"]
        store.record_review("a/b", "wrong", verdict("error"))
        store.record_review("a/b", "stub and a space", verdict("not_started"))
        store.record("a/b", "the exercise itself", verdict("failed"))
        now = store.open_review("a/b")
        assert now is not None
        assert now.wrong == 1
        assert store.open_review("a/c") is None


def test_a_text_that_failed_and_then_passes_ends_the_review(filled: Path, verdict: MakeVerdict) -> None:
    with open_store(filled) as store:
        assert store.record_review("a/b", "same", verdict("failed")) is not None
        assert store.record_review("a/b", "same", verdict("passed")) is None
        attempt = store.record_review("a/b", "same", verdict("passed"), (2, CARD))
        assert attempt is not None
        assert attempt.status == "passed"
        assert store.open_review("a/b") is None


def test_help_and_endings_without_a_review_are_nothing(filled: Path) -> None:
    with open_store(filled) as store:
        store.help_review("a/c", "hint")
        assert not store.end_review("a/c", 1, CARD)
    with closing(sqlite3.connect(filled)) as raw:
        assert raw.execute("SELECT what, attempt, rating FROM review").fetchall() == [
            ("begun", 1, None), ("rated", 3, 2), ("begun", 3, None), ("hint", 3, None),
        ]  # fmt: skip


@pytest.mark.parametrize("change", ["UPDATE review SET at = ''", "DELETE FROM review"])
def test_the_log_is_append_only(filled: Path, change: str) -> None:
    with closing(sqlite3.connect(filled)) as raw, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute(change)


def test_an_attempt_and_its_rating_are_one_transaction(
    filled: Path, verdict: MakeVerdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise KeyboardInterrupt

    with open_store(filled) as store:
        before = store.attempts()
        monkeypatch.setattr("grader.store.reviews.add_rating", fails)
        with pytest.raises(KeyboardInterrupt):
            store.record_review("a/b", "right", verdict("passed"), (3, CARD))
        assert store.attempts() == before
        assert store.open_review("a/b") is not None


def test_reviews_under_an_old_id_are_found(filled: Path) -> None:
    with open_store(filled, aliases={"a/b": "a/new"}) as store:
        assert list(store.reviewed()) == ["a/new"]
        assert store.reviewed()["a/new"].begun
        assert store.open_review("a/new") is not None
        assert store.end_review("a/new", 1, CARD)
        assert store.open_review("a/new") is None


def test_salvage_saves_reviews(filled: Path) -> None:
    with open_store(filled) as store:
        store.end_review("a/b", 1, CARD)  # without an attempt
        before = store.reviewed()
    assert examine(filled) == ()
    salvage(filled)
    with open_store(filled) as store:
        assert store.reviewed() == before
        assert before["a/b"].ratings == 2
    with closing(sqlite3.connect(filled)) as raw, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute("DELETE FROM review")


@pytest.mark.parametrize("what", ["card = 'no card'", "card = '{}'", "rating = 9"])
def test_salvage_leaves_out_what_is_no_rating(filled: Path, what: str) -> None:
    spoil(filled, f"UPDATE review SET {what} WHERE what = 'rated'")
    assert examine(filled) == ("1 of 4 rows of the table review cannot be read.",)
    salvage(filled)
    with open_store(filled) as store:
        assert store.reviewed()["a/b"].ratings == 0
        assert len(store.attempts()) == 3


def test_salvage_of_a_database_from_before_reviews(database: Path) -> None:
    shutil.copy(HERE / "first_revision.db", database)
    assert examine(database) == ()
    assert salvage(database).attempts == 3
    with open_store(database) as store:
        assert list(store.reviewed()) == ["plain/add"]
