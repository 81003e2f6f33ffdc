"""Old databases become new ones whole or not at all; newer ones are shown and never written.

`first_revision.db` was made by the first revision of the schema, by `make_first_revision` below, and is never made again.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from grader.errors import StoreError
from grader.model import Check, Progress, Verdict
from grader.store import examine, open_store
from grader.store.opening import MIGRATIONS
from grader.store.schema import HEAD, metadata

HERE = Path(__file__).parent
OPEN = """
import sys
from pathlib import Path
from grader.store import open_store
open_store(Path(sys.argv[1]), migrations=Path(sys.argv[2]), head="0003").close()
print("migrated")
"""


def make_first_revision(path: Path) -> None:
    """What is in the fixture: a failed attempt, a kept copy, an assisted pass, two hints, a setting."""
    with open_store(path, clock=lambda: datetime(2026, 1, 31, 12, 0, tzinfo=UTC)) as store:
        failed = Verdict(
            "mini", "plain/add", "failed", 0.5, (Check("adds", "it adds", "failed", "1 + 1"),), suite_sha256="s"
        )
        passed = Verdict("mini", "plain/add", "passed", 1.0, (Check("adds", "it adds", "passed"),), suite_sha256="s")
        store.record("plain/add", "def add(a, b):\n    return a\n", failed)
        store.keep("plain/add", "# a draft: é\n", "reset")
        store.take_hint("plain/add", 1)
        store.take_hint("plain/add", 2)
        store.open_solution("plain/add")
        store.record("plain/add", "def add(a, b):\n    return a + b\n", passed)
        store.set_setting("current", "plain/next")


def check_first_revision(path: Path, **how: object) -> None:
    """Everything that `make_first_revision` recorded is there."""
    with open_store(path, **how) as store:  # type: ignore[arg-type]
        assert [(a.sequence, a.status, a.kind, a.score) for a in store.attempts()] == [
            (1, "failed", "save", 0.5),
            (2, "ungraded", "reset", 0.0),
            (3, "passed", "save", 1.0),
        ]
        assert store.source(store.attempt(2).source_sha256) == "# a draft: é\n"
        assert store.verdict(1).checks == (Check("adds", "it adds", "failed", "1 + 1"),)
        assert store.progress() == {
            "plain/add": Progress("plain/add", 2, 1, "2026-01-31T12:00:00.000+00:00", True, 2, 1.0, "passed")
        }
        assert store.setting("current") == "plain/next"


@pytest.fixture
def old(database: Path) -> Path:
    shutil.copy(HERE / "first_revision.db", database)
    return database


@pytest.fixture
def grown(tmp_path: Path) -> Path:
    """Our migrations and one more."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HERE / "0003_owner.py", folder / "versions")
    return folder


def revision_and_columns(path: Path) -> tuple[str, set[str]]:
    with closing(sqlite3.connect(path)) as raw:
        columns = {row[1] for table in ("attempt", "hint") for row in raw.execute(f"PRAGMA table_info({table})")}
        return raw.execute("SELECT version_num FROM alembic_version").fetchone()[0], columns


def test_the_head_is_the_newest_migration() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == HEAD


def test_the_migrations_make_the_tables_that_the_queries_read(database: Path) -> None:
    open_store(database).close()
    engine = create_engine(f"sqlite:///{database}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_a_database_of_the_first_revision_opens(old: Path) -> None:
    check_first_revision(old)
    assert examine(old) == ()
    assert revision_and_columns(old)[0] == HEAD


def test_it_is_migrated_with_everything_in_it(old: Path, grown: Path) -> None:
    check_first_revision(old, migrations=grown, head="0003")
    assert revision_and_columns(old)[0] == "0003"
    assert "owner" in revision_and_columns(old)[1]
    with closing(sqlite3.connect(old)) as raw:
        assert raw.execute("SELECT exercise, number, owner FROM hint").fetchall() == [
            ("plain/add", 1, ""),
            ("plain/add", 2, ""),
        ]
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            raw.execute("DELETE FROM attempt")
    with open_store(old, migrations=grown, head="0003") as store:
        store.keep("plain/add", "after the migration")
        assert store._raw.execute("PRAGMA foreign_keys").fetchone() == (1,)


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
@pytest.mark.parametrize("step", ["added", "indexed", "rebuilt"])
def test_a_migration_killed_in_the_middle_has_not_happened(old: Path, grown: Path, step: str) -> None:
    before = revision_and_columns(old)
    command = [sys.executable, "-c", OPEN, str(old), str(grown)]
    killed = subprocess.run(command, env={**os.environ, "GRADLINGS_TEST_DIE_AT": step}, capture_output=True, timeout=60)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert revision_and_columns(old) == before
    assert examine(old) == ()
    check_first_revision(old)
    check_first_revision(old, migrations=grown, head="0003")


def test_two_programs_that_migrate_at_once(old: Path, grown: Path) -> None:
    command = [sys.executable, "-c", OPEN, str(old), str(grown)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [program.communicate(timeout=60)[0] for program in both] == ["migrated\n"] * 2
    check_first_revision(old, migrations=grown, head="0003")


def test_a_failing_migration_leaves_the_old_database(old: Path, grown: Path) -> None:
    with (grown / "versions" / "0003_owner.py").open("a") as file:
        file.write("\n\ndef _may_die(step):\n    op.execute('SELECT no_such_function()')\n")
    before = revision_and_columns(old)
    with pytest.raises(StoreError, match="no_such_function") as caught:
        open_store(old, migrations=grown, head="0003")
    assert caught.value.hint
    assert revision_and_columns(old) == before
    check_first_revision(old)


@pytest.mark.parametrize("shared", [False, True])
def test_a_newer_database_is_shown_and_not_written(
    old: Path, grown: Path, verdict: Callable[..., Verdict], monkeypatch: pytest.MonkeyPatch, shared: bool
) -> None:
    open_store(old, migrations=grown, head="0003").close()
    content = old.read_bytes()
    if shared:
        monkeypatch.setattr("grader.store.opening.shared_kind", lambda _path: "NFS")
    check_first_revision(old)
    with open_store(old) as store:
        assert store.read_only
        assert [("newer" in notice, "pip install --upgrade" in notice) for notice in store.notices] == [(True, True)]
        for write in (
            lambda: store.record("plain/add", "y", verdict()),
            lambda: store.keep("plain/add", "z"),
            lambda: store.take_hint("plain/add", 3),
            lambda: store.open_solution("plain/other"),
            lambda: store.set_setting("current", "other"),
        ):
            with pytest.raises(StoreError, match="nothing can be recorded") as caught:
                write()
            assert "pip install --upgrade" in (caught.value.hint or "")
    assert old.read_bytes() == content


def test_a_newer_database_whose_tables_changed_says_to_upgrade(old: Path) -> None:
    with closing(sqlite3.connect(old)) as raw:
        raw.execute("ALTER TABLE attempt RENAME COLUMN score TO points")
        raw.execute("UPDATE alembic_version SET version_num = '0099'")
        raw.commit()
    with open_store(old) as store, pytest.raises(StoreError) as caught:
        store.attempts()
    assert "pip install --upgrade" in (caught.value.hint or "")
