"""What a store remembers: attempts, sources, verdicts, hints, settings; append-only, in order, never twice."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.errors import StoreError, UsageError
from grader.model import Verdict
from grader.store import Store, examine, open_store

MakeVerdict = Callable[..., Verdict]


def test_records_an_attempt_with_its_source_and_verdict(store: Store, verdict: MakeVerdict) -> None:
    attempt = store.record("plain/add", "x = 1\n", verdict("failed", 0.5, version=3))
    assert attempt is not None
    assert (attempt.sequence, attempt.exercise, attempt.status, attempt.score) == (1, "plain/add", "failed", 0.5)
    assert (attempt.suite_version, attempt.duration_s, attempt.kind) == (3, 0.25, "save")
    assert attempt.at == "2026-01-31T23:59:01.000+00:00"
    assert store.attempt(1) == attempt
    assert store.source(attempt.source_sha256) == "x = 1\n"
    assert store.verdict(1) == verdict("failed", 0.5, version=3)
    assert store.last_verdict("plain/add") == verdict("failed", 0.5, version=3)


def test_everything_is_there_after_it_was_closed(database: Path, verdict: MakeVerdict) -> None:
    with open_store(database) as store:
        recorded = store.record("plain/add", "x", verdict())
        store.take_hint("plain/add", 1)
        store.set_setting("current", "plain/add")
    with open_store(database) as store:
        assert store.attempts() == [recorded]
        assert store.hints_taken("plain/add") == 1
        assert store.setting("current") == "plain/add"
        assert not store.notices
        assert not store.read_only
    assert [file.name for file in database.parent.iterdir()] == ["progress.db"]
    assert examine(database) == ()


def test_ungraded_is_no_attempt(store: Store, verdict: MakeVerdict) -> None:
    assert store.record("plain/add", "x", verdict("ungraded")) is None
    assert store.attempts() == []


def test_the_last_source_again_is_no_attempt_but_under_a_new_suite_it_is(store: Store, verdict: MakeVerdict) -> None:
    first = store.record("plain/add", "x", verdict())
    assert store.record("plain/add", "x", verdict()) is None
    assert store.record("plain/add", "y", verdict()) is not None
    assert store.record("plain/add", "x", verdict()) is not None
    assert store.record("plain/add", "x", verdict(suite="suite-2")) is not None
    assert store.record("plain/other", "x", verdict()) is not None
    assert [attempt.sequence for attempt in store.attempts()] == [1, 2, 3, 4, 5]
    assert {a.source_sha256 for a in store.attempts()} >= {first.source_sha256 if first else ""}


def test_one_text_is_stored_once(store: Store, verdict: MakeVerdict, database: Path) -> None:
    for name in ("a/a", "a/b", "a/c"):
        store.record(name, "the same text", verdict())
    with closing(sqlite3.connect(database)) as raw:
        assert raw.execute("SELECT count(*) FROM source").fetchone() == (1,)


@given(text=st.text(st.characters(), max_size=200) | st.sampled_from(["", "\x00", "\ud800", "é" * 5000, "\r\n\t"]))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_comes_back_byte_for_byte(store: Store, text: str) -> None:
    assert store.source(store.keep("plain/add", text).source_sha256) == text


def test_attempts_can_be_asked_by_exercise_newest_and_after(store: Store, verdict: MakeVerdict) -> None:
    for number in range(6):
        store.record("a/even" if number % 2 == 0 else "a/odd", f"{number}", verdict())
    numbers = [attempt.sequence for attempt in store.attempts("a/even")]
    assert numbers == [1, 3, 5]
    assert [attempt.sequence for attempt in store.attempts("a/even", limit=2)] == [3, 5]
    assert [attempt.sequence for attempt in store.attempts(after=4)] == [5, 6]
    assert [attempt.sequence for attempt in store.attempts(limit=1, after=2)] == [6]
    assert store.attempts(limit=0) == []
    assert store.attempts("no/such") == []
    assert store.last_verdict("no/such") is None


def test_kept_copies_are_in_the_history_but_are_not_graded(store: Store, verdict: MakeVerdict) -> None:
    store.record("plain/add", "graded", verdict())
    kept = store.keep("plain/add", "not saved yet", "reset")
    assert (kept.sequence, kept.status, kept.kind, kept.score) == (2, "ungraded", "reset", 0.0)
    assert store.source(kept.source_sha256) == "not saved yet"
    assert store.last_verdict("plain/add") == verdict()
    assert store.keep("plain/add", "not saved yet") == kept
    # A kept text was never graded, so its first grading is an attempt; what was graded last still is none.
    assert store.record("plain/add", "graded", verdict()) is None
    assert store.record("plain/add", "not saved yet", verdict()) is not None
    assert store.progress()["plain/add"].attempts == 2
    with pytest.raises(UsageError, match="kept"):
        store.verdict(2)


@pytest.mark.parametrize("number", [0, -1, 7, 2**63, 10**30])
def test_unknown_numbers_and_hashes_are_the_users_error(store: Store, number: int) -> None:
    for look in (store.attempt, store.verdict):
        with pytest.raises(UsageError, match=str(number)):
            look(number)
    with pytest.raises(UsageError, match="hash"):
        store.source("0" * 64)


@pytest.mark.parametrize("table", ["attempt", "source", "verdict"])
def test_the_history_can_be_neither_changed_nor_deleted(
    store: Store, verdict: MakeVerdict, database: Path, table: str
) -> None:
    store.record("plain/add", "x", verdict())
    column = {"attempt": "exercise", "source": "body", "verdict": "body"}[table]
    with closing(sqlite3.connect(database)) as raw:
        for change in (f"UPDATE {table} SET {column} = 'other'", f"DELETE FROM {table}"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                raw.execute(change)


def test_time_is_utc_whatever_the_clock_says(database: Path, verdict: MakeVerdict) -> None:
    east = datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    with open_store(database, clock=lambda: east) as store:
        attempt = store.record("plain/add", "x", verdict())
    assert attempt is not None
    assert attempt.at == "2026-02-28T20:00:00.000+00:00"
    assert datetime.fromisoformat(attempt.at) == east.astimezone(UTC)


def test_order_is_by_sequence_when_the_clock_goes_back(store: Store, clock: object, verdict: MakeVerdict) -> None:
    store.record("plain/add", "first", verdict())
    clock.now -= timedelta(days=1)  # type: ignore[attr-defined]
    store.record("plain/add", "second", verdict("passed"))
    assert store.last_verdict("plain/add") == verdict("passed")


def test_hints_count_once_each(store: Store) -> None:
    for number in (1, 2, 2, 1):
        store.take_hint("plain/add", number)
    assert store.hints_taken("plain/add") == 2
    assert store.hints_taken("plain/other") == 0


def test_settings_keep_the_last_value(store: Store) -> None:
    assert store.setting("current") is None
    store.set_setting("current", "a/b")
    store.set_setting("current", "a/c")
    assert store.setting("current") == "a/c"


def test_changes_tells_of_others_but_not_of_oneself(store: Store, database: Path, verdict: MakeVerdict) -> None:
    before = store.changes()
    store.record("plain/add", "x", verdict())
    assert store.changes() == before
    with open_store(database) as other:
        other.record("plain/add", "y", verdict())
        assert store.changes() != before
        after = store.changes()
        assert store.changes() == after
    assert [attempt.sequence for attempt in store.attempts(after=1)] == [2]


def test_threads_may_share_a_store(store: Store, verdict: MakeVerdict) -> None:
    failed: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for number in range(20):
                store.record(name, f"{name} {number}", verdict())
                store.attempts(name)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(f"thread/t{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert {name: known.attempts for name, known in store.progress().items()} == {f"thread/t{n}": 20 for n in range(4)}


def test_a_database_that_was_taken_away_is_not_written_into_the_void(
    store: Store, database: Path, verdict: MakeVerdict
) -> None:
    store.record("plain/add", "x", verdict())
    database.rename(database.with_name("elsewhere.db"))
    with pytest.raises(StoreError, match="moved"):
        store.record("plain/add", "y", verdict())
    with open_store(database, wal=False), pytest.raises(StoreError, match="replaced"):
        store.set_setting("current", "plain/add")


def test_a_verdict_that_is_no_json_leaves_no_half_attempt(store: Store, verdict: MakeVerdict) -> None:
    with pytest.raises(Exception, match="NaN"):
        store.record("plain/add", "x", verdict("failed", float("nan")))
    assert store.attempts() == []
    assert store.record("plain/add", "x", verdict()) is not None


def test_learner_text_is_data(store: Store, verdict: MakeVerdict) -> None:
    hostile = "'; DROP TABLE attempt; --"
    store.record(hostile, hostile, verdict(suite=hostile), kind=hostile)
    store.set_setting(hostile, hostile)
    store.take_hint(hostile, 1)
    assert store.setting(hostile) == hostile
    assert [attempt.kind for attempt in store.attempts(hostile)] == [hostile]
    assert store.progress({hostile: "a/b"})["a/b"].attempts == 1


def test_close_may_be_called_twice(store: Store) -> None:
    store.close()
    store.close()


def test_import_and_opening_load_neither_the_orm_nor_alembic(database: Path) -> None:
    open_store(database).close()
    code = (
        "import sys; from pathlib import Path; from grader.store import open_store\n"
        "with open_store(Path(sys.argv[1])) as store: store.progress()\n"
        "print([m for m in ('sqlalchemy.orm', 'alembic', 'torch', 'numpy', 'pytest', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(database)], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
