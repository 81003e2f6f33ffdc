"""Damaged databases: told in words, never made worse, and what can be read of them is saved."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from grader.errors import StoreError
from grader.model import Attempt, Verdict
from grader.store import Store, examine, open_store, salvage
from grader.store.schema import HEAD

MakeVerdict = Callable[..., Verdict]
PAGE = 4096
ATTEMPTS = 120


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, verdict: MakeVerdict) -> tuple[bytes, list[Attempt]]:
    """The bytes of a sound database and what is in it."""
    path = tmp_path_factory.mktemp("whole") / "progress.db"
    noise = random.Random(1)
    with open_store(path) as store:
        for number in range(ATTEMPTS):
            text = f"attempt {number}: {noise.randbytes(600).hex()}"
            store.record(f"plain/e{number % 7}", text, verdict("passed" if number % 10 == 9 else "failed"))
        store.take_hint("plain/e1", 1)
        store.set_setting("current", "plain/e1")
        attempts = store.attempts()
    return path.read_bytes(), attempts


def use(path: Path, verdict: MakeVerdict) -> list[Attempt]:
    """Read all that there is and write a little."""
    with open_store(path) as store:
        attempts = store.attempts()
        store.progress()
        for attempt in attempts:
            store.source(attempt.source_sha256)
            store.verdict(attempt.sequence)
        store.record("plain/e1", "new", verdict())
        return attempts


def error_of(path: Path, verdict: MakeVerdict) -> StoreError | None:
    """The error that using the database ends in, if any."""
    try:
        use(path, verdict)
    except StoreError as error:
        return error
    return None


def pages_of(path: Path, name: str) -> list[int]:
    """The numbers, from 1, of the pages of a table or index, the root first."""
    with closing(sqlite3.connect(path)) as raw:
        try:
            return [row[0] for row in raw.execute("SELECT pageno FROM dbstat WHERE name = ?", (name,))]
        except sqlite3.OperationalError:
            pytest.skip("this SQLite was built without dbstat")


def overwrite(path: Path, page: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(data)


@pytest.mark.parametrize("garbage", [b"hello, this is no database\n" * 500, b"\x00" * 8192, bytes(range(256)) * 64])
def test_garbage_is_refused_and_left_alone(database: Path, garbage: bytes) -> None:
    database.write_bytes(garbage)
    for _ in range(2):
        with pytest.raises(StoreError) as caught:
            open_store(database)
        assert str(database) in caught.value.message
        assert "doctor --repair" in (caught.value.hint or "")
    assert examine(database)
    with pytest.raises(StoreError, match="nothing can be read"):
        salvage(database)
    assert database.read_bytes() == garbage
    assert [path.name for path in database.parent.iterdir()] == ["progress.db"]


@pytest.mark.parametrize("part", [0.02, 0.4, 0.9])
def test_a_truncated_database_is_refused_and_what_is_left_is_saved(
    database: Path, whole: tuple[bytes, list[Attempt]], verdict: MakeVerdict, part: float
) -> None:
    content, attempts = whole
    database.write_bytes(content[: int(len(content) * part)])
    left = database.read_bytes()
    with pytest.raises(StoreError, match="damaged"):
        use(database, verdict)
    assert examine(database)
    if part < 0.1:
        return
    saved = salvage(database)
    assert saved.kept.read_bytes() == left
    assert saved.attempts + saved.sources > 0
    assert saved.attempts > ATTEMPTS // 2 or part < 0.5
    assert examine(database) == ()
    with open_store(database) as store:
        assert {attempt.sequence for attempt in store.attempts()} <= {attempt.sequence for attempt in attempts}
        assert store.record("plain/e1", "life goes on", verdict()) is not None


def test_an_emptied_database_with_its_log_beside_it_is_not_taken_for_a_new_one(database: Path, tmp_path: Path) -> None:
    with open_store(database) as store:
        store.set_setting("current", "plain/add")
        log = database.with_name("progress.db-wal").read_bytes()
    other = tmp_path / "other"
    other.mkdir()
    (other / "progress.db").touch()
    (other / "progress.db-wal").write_bytes(log)
    with pytest.raises(StoreError, match="damaged"):
        open_store(other / "progress.db")
    assert examine(other / "progress.db") == ("the file is empty, but its journal is not",)
    with pytest.raises(StoreError, match="nothing can be read"):
        salvage(other / "progress.db")
    assert (other / "progress.db-wal").read_bytes() == log


def test_flipped_bytes_give_the_truth_or_a_clear_error(
    tmp_path: Path, whole: tuple[bytes, list[Attempt]], verdict: MakeVerdict
) -> None:
    content, _ = whole
    noise = random.Random(2)
    told = 0
    for number in range(60):
        path = tmp_path / f"{number}.db"
        spoilt = bytearray(content)
        for _ in range(20):
            spoilt[noise.randrange(len(spoilt))] ^= 1 << noise.randrange(8)
        path.write_bytes(spoilt)
        error = error_of(path, verdict)
        # A flipped bit in an attempt's own hash makes its text one that was lost.
        assert error is None or (str(path) in error.message and error.hint)
        told += error is not None
    assert told > 30


def test_flipped_bytes_of_the_schema_give_a_clear_error(
    tmp_path: Path, whole: tuple[bytes, list[Attempt]], verdict: MakeVerdict
) -> None:
    content, _ = whole
    noise = random.Random(3)
    start = content.find(b"CREATE TABLE")
    for number in range(150):
        path = tmp_path / f"{number}.db"
        spoilt = bytearray(content)
        spoilt[noise.randrange(start - 200, PAGE)] ^= 0x80  # no ASCII any more: names that cannot be decoded
        path.write_bytes(spoilt)
        error = error_of(path, verdict)
        assert error is None or (str(path) in error.message and error.hint)
        with contextlib.suppress(StoreError):
            examine(path)
            salvage(path)


@pytest.mark.parametrize("table", ["attempt", "verdict", "source", "attempt_by_exercise", "sqlite_autoindex_source_1"])
def test_a_broken_page_costs_only_what_was_on_it(
    database: Path, whole: tuple[bytes, list[Attempt]], verdict: MakeVerdict, table: str
) -> None:
    content, attempts = whole
    database.write_bytes(content)
    pages = pages_of(database, table)
    overwrite(database, pages[-1] if len(pages) > 1 else pages[0], b"\xff" * PAGE)
    damaged = database.read_bytes()
    assert examine(database)
    saved = salvage(database, clock=lambda: datetime(2026, 1, 31, 12, 0, tzinfo=UTC))
    assert saved.kept == database.with_name("progress.db.damaged-20260131-120000")
    assert saved.kept.read_bytes() == damaged
    lost = {
        "attempt": ATTEMPTS - saved.attempts,
        "verdict": saved.without_verdict,
        "source": saved.without_source,
    }
    assert [name for name, count in lost.items() if count] == ([table] if table in lost else [])
    assert all(count < ATTEMPTS // 2 for count in lost.values())
    with open_store(database) as store:
        assert not store.read_only
        kept = store.attempts()
        assert set(kept) <= set(attempts)
        assert len(kept) == saved.attempts
        readable = sum(_readable(store, attempt) for attempt in kept)
        assert readable == saved.attempts - saved.without_source
        assert store.setting("current") == "plain/e1"
        assert store.hints_taken("plain/e1") == 1
        assert store.record("plain/e1", "life goes on", verdict()) is not None
    assert examine(database) == ()


def _readable(store: Store, attempt: Attempt) -> bool:
    try:
        return store.source(attempt.source_sha256).startswith(f"attempt {attempt.sequence - 1}:")
    except StoreError:
        return False


def test_a_text_that_is_not_what_was_written_is_never_handed_out(database: Path, verdict: MakeVerdict) -> None:
    with open_store(database) as store:
        attempt = store.record("plain/add", "x = 1", verdict())
        other = store.record("plain/add", "x = 2", verdict())
    assert attempt is not None
    assert other is not None
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("DROP TRIGGER source_no_update")
        body = raw.execute("SELECT body FROM source WHERE sha256 = ?", (other.source_sha256,)).fetchone()[0]
        raw.execute("UPDATE source SET body = ? WHERE sha256 = ?", (body, attempt.source_sha256))
        raw.execute("DROP TRIGGER verdict_no_update")
        raw.execute("UPDATE verdict SET body = 'nonsense' WHERE sequence = 2")
        raw.commit()
    with open_store(database) as store:
        with pytest.raises(StoreError, match="hash"):
            store.source(attempt.source_sha256)
        with pytest.raises(StoreError, match="attempt 2"):
            store.verdict(2)
    assert len(examine(database)) == 2


def test_salvage_reads_the_log_of_a_crash_too(tmp_path: Path, verdict: MakeVerdict) -> None:
    live, crashed = tmp_path / "live", tmp_path / "crashed"
    live.mkdir()
    crashed.mkdir()
    with open_store(live / "progress.db") as store:
        for number in range(5):
            store.record("plain/add", f"{number}", verdict())
        for name in ("progress.db", "progress.db-wal"):
            (crashed / name).write_bytes((live / name).read_bytes())
    saved = salvage(crashed / "progress.db")
    assert (saved.attempts, saved.sources, saved.verdicts) == (5, 5, 5)
    with open_store(crashed / "progress.db") as store:
        assert [attempt.sequence for attempt in store.attempts()] == [1, 2, 3, 4, 5]
    names = {path.name for path in crashed.iterdir()}
    assert names == {"progress.db", saved.kept.name, f"{saved.kept.name}-wal"}


def test_salvage_of_a_sound_database_loses_nothing(database: Path, whole: tuple[bytes, list[Attempt]]) -> None:
    content, attempts = whole
    database.write_bytes(content)
    saved = salvage(database)
    assert (saved.attempts, saved.without_source, saved.without_verdict) == (ATTEMPTS, 0, 0)
    with open_store(database) as store:
        assert store.attempts() == attempts
    with closing(sqlite3.connect(database)) as raw:
        assert raw.execute("SELECT version_num FROM alembic_version").fetchone() == (HEAD,)


def test_salvage_refuses_while_a_store_is_open_elsewhere(database: Path, writers: object) -> None:
    open_store(database).close()
    pid = writers.start("write", database, "busy/one", 1_000_000)  # type: ignore[attr-defined]
    writers.wait_for("recorded")  # type: ignore[attr-defined]
    try:
        with pytest.raises(StoreError, match="another program"):
            salvage(database)
    finally:
        os.kill(pid, signal.SIGKILL)
        writers.until_ended()  # type: ignore[attr-defined]
    assert [path.name for path in database.parent.iterdir() if "damaged" in path.name] == []
    assert examine(database) == ()


@pytest.mark.parametrize("do", [salvage, examine])
def test_nothing_to_repair_is_said(database: Path, do: Callable[[Path], object]) -> None:
    with pytest.raises(StoreError, match="no progress database"):
        do(database)
    assert not database.exists()
