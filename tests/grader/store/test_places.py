"""Places where a database cannot live well: full disks, read-only folders, shared file systems, other programs' files."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

import grader.store.opening as opening
from grader.errors import StoreError
from grader.model import Verdict
from grader.store import Store, examine, open_store

MakeVerdict = Callable[..., Verdict]
Run = Callable[..., "subprocess.CompletedProcess[str]"]

TRY_TO_WRITE = """
import sys
from pathlib import Path
from grader.errors import StoreError
from grader.store import open_store
try:
    with open_store(Path(sys.argv[1])) as store:
        print(store.read_only, len(store.attempts()), len(store.notices), store.setting("current"))
        store.set_setting("current", "new")
        print("written")
except StoreError as error:
    print("refused:", error.message, "|", error.hint)
"""

TURN_READ_ONLY = """
import sys
from pathlib import Path
from grader.errors import StoreError
from grader.store import open_store
path = Path(sys.argv[1])
with open_store(path, wal=False) as store:
    store.keep("plain/add", "first", "before")
    path.parent.chmod(0o555)
    try:
        store.keep("plain/add", "second", "while")
    except StoreError as error:
        print("refused:", error.message, "|", error.hint)
    path.parent.chmod(0o755)
    store.keep("plain/add", "third", "again")
"""

FILL = """
import resource, sys
from pathlib import Path
from grader.errors import StoreError
from grader.store import open_store
with open_store(Path(sys.argv[1])) as store:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
    for number in range(10_000):
        try:
            store.keep("plain/add", f"{number} " * 2000)
        except StoreError as error:
            print(number, error.message, "|", error.hint)
            break
    print(len(store.attempts()))
"""


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mounted = sys.platform == "linux" and os.geteuid() == 0
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if not mounted or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("may not mount a file system; the limited file size covers the same errors")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def _fill(store: Store, verdict: MakeVerdict) -> tuple[int, StoreError]:
    recorded = 0
    while recorded < 10_000:
        try:
            store.record("plain/add", f"{recorded} {os.urandom(2000).hex()}", verdict())
        except StoreError as error:
            return recorded, error
        recorded += 1
    raise AssertionError("the disk never filled up")


@pytest.mark.parametrize("wal", [True, False])
def test_a_full_disk_keeps_what_was_recorded(tiny_disk: Path, verdict: MakeVerdict, wal: bool) -> None:
    database = tiny_disk / "progress.db"
    ballast = tiny_disk / "ballast"
    ballast.write_bytes(bytes(200_000))
    with open_store(database, wal=wal) as store:
        recorded, error = _fill(store, verdict)
        assert "full" in error.message
        assert error.hint
        assert recorded > 10
        assert len(store.attempts()) == recorded
        ballast.unlink()
        assert store.record("plain/add", "after there was room again", verdict()) is not None
    with open_store(database, wal=wal) as store:
        assert len(store.attempts()) == recorded + 1
    assert examine(database) == ()


def test_a_disk_full_before_the_database_is_made(tiny_disk: Path) -> None:
    ballast = tiny_disk / "ballast"
    with pytest.raises(OSError, match="No space"):
        ballast.write_bytes(bytes(2 << 20))
    with pytest.raises(StoreError, match="full"):
        open_store(tiny_disk / "progress.db")
    ballast.unlink()
    with open_store(tiny_disk / "progress.db") as store:
        assert store.attempts() == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits")
def test_a_file_that_may_not_grow_keeps_what_was_recorded(database: Path) -> None:
    command = [sys.executable, "-c", FILL, str(database), "300000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    first, _, count = done.stdout.strip().rpartition("\n")
    number, _, message = first.partition(" ")
    assert int(number) == int(count) > 0, done.stderr
    assert str(database) in message
    assert "kept" in message or "safe" in message
    assert "quota" in message
    with open_store(database) as store:
        assert len(store.attempts()) == int(count)
    assert examine(database) == ()


@pytest.mark.skipif(os.name != "posix", reason="needs file modes")
@pytest.mark.parametrize("what", ["folder", "file", "both"])
@pytest.mark.parametrize("wal", [True, False])
def test_read_only_shows_but_does_not_record(
    database: Path, verdict: MakeVerdict, powerless: Run, what: str, wal: bool
) -> None:
    with open_store(database, wal=wal) as store:
        store.record("plain/add", "x", verdict())
        store.set_setting("current", "old")
    modes = {database: 0o444 if what != "folder" else 0o644, database.parent: 0o555 if what != "file" else 0o755}
    for path, mode in modes.items():
        path.chmod(mode)
    try:
        done = powerless(TRY_TO_WRITE, database)
    finally:
        database.parent.chmod(0o755)
    lines = done.stdout.splitlines()
    assert lines[0] == "True 1 1 old", done.stderr
    assert lines[1].startswith("refused:")
    assert "cannot be written to" in lines[1]
    database.chmod(0o644)
    with open_store(database) as store:
        assert len(store.attempts()) == 1


@pytest.mark.skipif(os.name != "posix", reason="needs file modes")
def test_read_only_with_a_log_left_behind_shows_all_of_it(
    database: Path, verdict: MakeVerdict, powerless: Run, tmp_path: Path
) -> None:
    there = tmp_path / "copied"
    there.mkdir()
    with open_store(database) as store:
        store.record("plain/add", "x", verdict())
        store.set_setting("current", "in the log")
        # As a crash leaves it: the database with its log, copied while the store is open.
        for suffix in ("", "-wal"):
            (there / f"progress.db{suffix}").write_bytes(database.with_name(database.name + suffix).read_bytes())
    there.chmod(0o555)
    try:
        done = powerless(TRY_TO_WRITE, there / "progress.db")
    finally:
        there.chmod(0o755)
    assert done.stdout.splitlines()[0] == "True 1 1 in the log", done.stderr


@pytest.mark.skipif(os.name != "posix", reason="needs file modes")
def test_a_read_only_folder_without_a_database_says_so(tmp_path: Path, powerless: Run) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o555)
    done = powerless(TRY_TO_WRITE, folder / "progress.db")
    assert done.stdout.startswith(f"refused: {folder / 'progress.db'}: this file or its folder cannot be written to")
    folder.chmod(0o000)
    done = powerless(TRY_TO_WRITE, folder / "progress.db")
    folder.chmod(0o755)
    assert done.stdout.startswith(f"refused: {folder / 'progress.db'}: "), done.stderr


def test_a_read_only_mount_shows_but_does_not_record(tiny_disk: Path, verdict: MakeVerdict) -> None:
    with open_store(tiny_disk / "progress.db") as store:
        store.record("plain/add", "x", verdict())
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    with open_store(tiny_disk / "progress.db") as store:
        assert store.read_only
        assert "cannot be written to" in store.notices[0]
        assert store.source(store.attempt(1).source_sha256) == "x"
        with pytest.raises(StoreError, match="nothing can be recorded"):
            store.record("plain/add", "y", verdict())


@pytest.mark.skipif(os.name != "posix", reason="needs file modes")
def test_a_folder_that_turns_read_only_under_us(database: Path, powerless: Run) -> None:
    try:
        done = powerless(TURN_READ_ONLY, database)
    finally:
        database.parent.chmod(0o755)
    assert done.stdout.startswith(f"refused: {database}: "), done.stderr
    assert str(database.parent) in done.stdout.partition("|")[2]
    with open_store(database) as store:
        assert [attempt.kind for attempt in store.attempts()] == ["before", "again"]


def test_a_folder_or_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a folder"):
        open_store(tmp_path)
    with pytest.raises(StoreError, match="no such folder"):
        open_store(tmp_path / "missing" / "progress.db")


@pytest.mark.parametrize("name", ["with space", "per%20cent?mode=ro#x", "naïve", "new\nline", "file:x"])
def test_any_folder_name_will_do(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    with open_store(folder / "progress.db") as store:
        store.set_setting("current", "plain/add")
    assert [path.name for path in folder.iterdir()] == ["progress.db"]


def test_another_programs_database_is_left_alone(database: Path) -> None:
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("CREATE TABLE alembic_version (version_num)")
        raw.execute("CREATE TABLE theirs (x)")
        raw.commit()
    before = database.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        open_store(database)
    assert database.read_bytes() == before


def test_a_shared_file_system_gets_a_rollback_journal(
    database: Path, verdict: MakeVerdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store(database) as store:
        store.record("plain/add", "x", verdict())
    monkeypatch.setattr(opening, "shared_kind", lambda _path: "NFS")
    with open_store(database) as store, open_store(database) as second:
        assert "NFS" in store.notices[0]
        assert "rollback journal" in store.notices[0]
        assert not store.read_only
        assert store.record("plain/add", "y", verdict()) is not None
        assert len(second.attempts()) == 2
        assert second.record("plain/add", "z", verdict()) is not None
    with closing(sqlite3.connect(database)) as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    monkeypatch.undo()
    with open_store(database) as store, closing(sqlite3.connect(database)) as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert not store.notices


def test_a_refused_log_is_said_and_a_rollback_journal_does(
    database: Path, verdict: MakeVerdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = opening.sqlite.connect

    def without_shared_memory(path: Path, busy_seconds: float, mode: str = "rwc") -> sqlite3.Connection:
        # SQLite's own driver for places without locks, which for the same reason has no shared memory.
        return plain(f"{path.absolute().as_uri()}?mode={mode}&vfs=unix-none", busy_seconds)

    monkeypatch.setattr(opening.sqlite, "connect", without_shared_memory)
    with open_store(database) as store:
        assert "refused" in store.notices[0]
        assert store.record("plain/add", "x", verdict()) is not None
    assert examine(database) == ()


@pytest.mark.parametrize(("wal", "journal", "synchronous"), [(True, "wal", 2), (False, "delete", 3)])
def test_every_commit_is_synced(database: Path, wal: bool, journal: str, synchronous: int) -> None:
    with open_store(database, wal=wal) as store:
        assert store._raw.execute("PRAGMA journal_mode").fetchone() == (journal,)
        assert store._raw.execute("PRAGMA synchronous").fetchone() == (synchronous,)
        assert store._raw.execute("PRAGMA foreign_keys").fetchone() == (1,)
