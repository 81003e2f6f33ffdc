"""Several programs at once, and programs killed at any instant: what was acknowledged is there, once, and whole."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from grader.errors import StoreError
from grader.store import examine, open_store
from grader.store.opening import MIGRATIONS
from grader.store.schema import HEAD

if TYPE_CHECKING:
    from collections.abc import Callable

    from grader.model import Verdict
    from tests.grader.store.conftest import Writers

KILLS = 40


def test_two_programs_write_at_once_and_nothing_is_lost(database: Path, writers: Writers) -> None:
    open_store(database).close()
    for name in ("two/one", "two/other"):
        writers.start("write", database, name, 60)
    said = writers.until_ended(2)
    acknowledged = {int(words[1]): words[2] for words in said if words[0] == "recorded"}
    assert [words for words in said if words[0] == "ended" and words[2] != "0"] == []
    with open_store(database) as store:
        assert {attempt.sequence: attempt.source_sha256 for attempt in store.attempts()} == acknowledged
        assert {name: known.attempts for name, known in store.progress().items()} == {"two/one": 60, "two/other": 60}


def test_programs_that_make_the_same_database_at_once_make_one(database: Path, writers: Writers) -> None:
    for _ in range(4):
        writers.start("open", database, MIGRATIONS, HEAD)
    said = writers.until_ended(4)
    assert sorted(words[0] for words in said) == ["ended"] * 4 + ["opened"] * 4
    with closing(sqlite3.connect(database)) as raw:
        assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
    assert examine(database) == ()


def test_another_program_that_does_not_let_go_is_named(database: Path, verdict: Callable[..., Verdict]) -> None:
    with (
        open_store(database, busy_seconds=0.05) as store,
        closing(sqlite3.connect(database, isolation_level=None)) as raw,
    ):
        raw.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"another program.*0\.05 s") as caught:
            store.record("plain/add", "x", verdict())
        assert caught.value.hint
        assert store.attempts() == []  # reading goes on meanwhile
        raw.execute("ROLLBACK")
        assert store.record("plain/add", "x", verdict()) is not None


@pytest.mark.parametrize("wal", [True, False])
def test_a_slow_writer_is_waited_for(database: Path, writers: Writers, wal: bool) -> None:
    open_store(database, wal=wal).close()
    with closing(sqlite3.connect(database, isolation_level=None)) as raw:
        raw.execute("BEGIN IMMEDIATE")
        writers.start("write", database, "slow/one", 3)
        writers.wait_for("ready") if wal else time.sleep(0.2)
        raw.execute("ROLLBACK")
    assert sum(words[0] == "recorded" for words in writers.until_ended()) == 3


def test_killed_writers_lose_nothing_they_acknowledged(database: Path, writers: Writers) -> None:
    instants = random.Random(20260131)
    acknowledged: dict[int, str] = {}
    for number in range(KILLS):
        pid = writers.start("write", database, "kill/one", 1_000_000)
        # Every other one is killed in its first transaction or before, the rest at full speed.
        said = [writers.wait_for("ready" if number % 2 else "recorded")]
        time.sleep(instants.uniform(0.0, 0.03))
        os.kill(pid, signal.SIGKILL)
        said += writers.until_ended()
        assert said[-1] == ["ended", str(pid), str(-signal.SIGKILL)]
        acknowledged |= {int(words[1]): words[2] for words in said if words[0] == "recorded"}
        with open_store(database) as store:
            kept = {attempt.sequence: attempt.source_sha256 for attempt in store.attempts()}
            assert acknowledged.items() <= kept.items()
    # At most one attempt a kill was committed and not yet acknowledged, and none is half there.
    assert len(kept) - len(acknowledged) <= KILLS
    assert len(acknowledged) >= KILLS // 2
    assert examine(database) == ()


def test_killed_while_making_the_database_it_is_made_next_time(tmp_path: Path, writers: Writers) -> None:
    instants = random.Random(7)
    finished = 0
    for number in range(KILLS // 2):
        database = tmp_path / f"{number}.db"
        pid = writers.start("stay", database, MIGRATIONS, HEAD)
        time.sleep(instants.uniform(0.0, 0.06))
        os.kill(pid, signal.SIGKILL)
        finished += any(words[0] == "opened" for words in writers.until_ended())
        with open_store(database) as store:
            store.set_setting("current", "plain/add")
        assert examine(database) == ()
    assert finished < KILLS // 2
