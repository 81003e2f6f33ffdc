"""File events -> exercise ids, on a real file system, by events and by polling."""

from __future__ import annotations

import errno
import os
import queue
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grader import watch
from grader.watch import Save, Watcher

PATIENCE = 10.0
QUIET = 0.4  # longer than a polling interval


class Seen:
    """What a running watcher reports."""

    def __init__(self, watcher: Watcher, folder: Path) -> None:
        self.watcher = watcher
        self.folder = folder
        self.moves: list[str] = []
        self.saves: queue.Queue[Save] = queue.Queue()

    def next(self) -> tuple[str, str]:
        """The next report: exercise and state."""
        save = self.saves.get(timeout=PATIENCE)
        return save.exercise, save.state

    def nothing(self) -> bool:
        """Whether nothing comes for a while."""
        try:
            save = self.saves.get(timeout=QUIET)
        except queue.Empty:
            return True
        raise AssertionError(f"unexpected: {save}")

    def until(self, exercise: str, state: str) -> None:
        """Take reports until this one; a burst may be told in more than one step."""
        end = time.monotonic() + PATIENCE
        while self.next() != (exercise, state):
            assert time.monotonic() < end


@pytest.fixture
def exercises(tmp_path: Path) -> Path:
    folder = tmp_path / "exercises"
    for name in ("a/one", "a/two", "b/three"):
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("raise NotImplementedError\n")
    return folder


Start = Callable[..., Seen]


@pytest.fixture
def start(exercises: Path) -> Iterator[Start]:
    running: list[tuple[threading.Event, threading.Thread]] = []

    def begin(*, poll: bool) -> Seen:
        files = {exercises / f"{id}.py": id for id in ("a/one", "a/two", "b/three")}
        seen = Seen(Watcher(exercises, files, poll=poll), exercises)
        stop = threading.Event()
        thread = threading.Thread(target=seen.watcher.run, args=(seen.saves.put, stop, seen.moves.append))
        thread.start()
        running.append((stop, thread))
        return seen

    yield begin
    for stop, thread in running:
        stop.set()
        thread.join(timeout=PATIENCE)
        assert not thread.is_alive()


@pytest.fixture(params=[False, True], ids=["events", "polling"])
def seen(request: pytest.FixtureRequest, start: Start) -> Seen:
    return start(poll=request.param)


def test_a_save_is_seen_once(seen: Seen) -> None:
    (seen.folder / "a/one.py").write_text("x = 1\n")
    seen.until("a/one", "saved")
    assert seen.nothing()


def test_the_same_content_is_skipped(seen: Seen) -> None:
    path = seen.folder / "a/one.py"
    path.write_text("x = 1\n")
    seen.until("a/one", "saved")
    path.write_text("x = 1\n")
    os.utime(path)
    assert seen.nothing()
    path.write_text("x = 2\n")
    seen.until("a/one", "saved")


def test_a_forgotten_save_is_seen_again(seen: Seen) -> None:
    path = seen.folder / "a/one.py"
    path.write_text("x = 1\n")
    seen.until("a/one", "saved")
    seen.watcher.forget("a/one")
    path.write_text("x = 1\n")
    seen.until("a/one", "saved")


def test_the_first_save_counts_though_it_changes_nothing(seen: Seen) -> None:
    path = seen.folder / "a/one.py"
    path.write_text(path.read_text())
    seen.until("a/one", "saved")


def test_an_editor_that_replaces_the_file(seen: Seen) -> None:
    for number in range(3):
        new = seen.folder / "a" / ".one.py.tmp"
        new.write_text(f"x = {number}\n")
        new.replace(seen.folder / "a/one.py")
        seen.until("a/one", "saved")
    assert seen.nothing()


def test_an_editor_that_moves_the_old_file_away_first(seen: Seen) -> None:
    path = seen.folder / "a/one.py"
    path.rename(seen.folder / "a/one.py~")
    path.write_text("x = 1\n")
    seen.until("a/one", "saved")


@pytest.mark.parametrize(
    "name", [".one.py.swp", "one.py~", "#one.py#", "4913", "one.py.bak", ".goutputstream-X", "one.pyc"]
)
def test_files_beside_it_do_not_count(seen: Seen, name: str) -> None:
    (seen.folder / "a" / name).write_text("x = 1\n")
    (seen.folder / "a/two.py").write_text("x = 1\n")
    assert seen.next() == ("a/two", "saved")


def test_empty_gone_and_back(seen: Seen) -> None:
    path = seen.folder / "a/one.py"
    path.write_text(" \n\t\n")
    seen.until("a/one", "empty")
    path.unlink()
    seen.until("a/one", "gone")
    path.write_text("raise NotImplementedError\n")
    seen.until("a/one", "saved")


def test_a_file_moved_to_another_name_and_back(seen: Seen) -> None:
    path, aside = seen.folder / "a/one.py", seen.folder / "a/aside.py"
    path.rename(aside)
    seen.until("a/one", "gone")
    aside.rename(path)
    seen.until("a/one", "saved")


def test_a_folder_moved_away_and_back(seen: Seen) -> None:
    (seen.folder / "a").rename(seen.folder.parent / "elsewhere")
    assert {seen.next(), seen.next()} == {("a/one", "gone"), ("a/two", "gone")}
    (seen.folder.parent / "elsewhere").rename(seen.folder / "a")
    assert {seen.next(), seen.next()} == {("a/one", "saved"), ("a/two", "saved")}
    (seen.folder / "a/one.py").write_text("x = 1\n")
    seen.until("a/one", "saved")


def test_the_whole_folder_removed_and_made_again(seen: Seen) -> None:
    copy = seen.folder.parent / "copy"
    shutil.copytree(seen.folder, copy)
    shutil.rmtree(seen.folder)
    assert {seen.next() for _ in range(3)} == {("a/one", "gone"), ("a/two", "gone"), ("b/three", "gone")}
    shutil.copytree(copy, seen.folder)
    assert {seen.next() for _ in range(3)} == {("a/one", "saved"), ("a/two", "saved"), ("b/three", "saved")}
    # Whatever it listens to by now must be the folder that is there now.
    time.sleep(0)
    (seen.folder / "b/three.py").write_text("x = 1\n")
    seen.until("b/three", "saved")


def test_the_folder_replaced_by_another(seen: Seen) -> None:
    other = seen.folder.parent / "other"
    shutil.copytree(seen.folder, other)
    (other / "a/two.py").write_text("x = 2\n")
    seen.folder.rename(seen.folder.parent / "old")
    other.rename(seen.folder)
    seen.until("a/two", "saved")
    (seen.folder / "a/one.py").write_text("x = 1\n")
    seen.until("a/one", "saved")


def test_what_cannot_be_read_is_reported_for_the_grader_to_complain(seen: Seen) -> None:
    path = seen.folder / "a/one.py"
    path.unlink()
    seen.until("a/one", "gone")
    path.mkdir()
    seen.until("a/one", "saved")


def test_two_saves_within_one_tick_of_a_coarse_clock(start: Start) -> None:
    """Same size, same inode, same time: only the content tells (FAT's clock steps by two seconds)."""
    seen = start(poll=True)
    path = seen.folder / "a/one.py"
    now = time.time_ns()
    path.write_text("x = 1\n")
    os.utime(path, ns=(now, now))
    seen.until("a/one", "saved")
    path.write_text("x = 2\n")
    os.utime(path, ns=(now, now))
    seen.until("a/one", "saved")


def test_it_says_how(exercises: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watcher = Watcher(exercises, {})
    assert (watcher.polling, watcher.how) == (False, "file events")
    watcher.close()
    assert Watcher(exercises, {}, poll=True).how == "polling every 0.2 s (asked for)"
    monkeypatch.setattr(watch, "shared_kind", lambda _: "NFS")
    shared = Watcher(exercises, {})
    assert shared.polling
    assert shared.how == "polling every 0.2 s (the folder is on NFS)"


def test_exhausted_watches_fall_back_to_polling(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(_folder: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(watch, "_events", none_left)
    seen = start(poll=False)
    assert seen.watcher.polling
    assert "No space left on device" in seen.watcher.how
    (seen.folder / "a/one.py").write_text("x = 1\n")
    seen.until("a/one", "saved")


def test_events_that_end_are_replaced_by_polling(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    real = watch._events
    broken = threading.Event()

    class Breaking:
        def __init__(self, folder: Path) -> None:
            self._real = real(folder)

        def watch(self, *_: object) -> set[tuple[int, str]]:
            broken.wait(PATIENCE)
            raise RuntimeError("the kernel has had enough")

        def close(self) -> None:
            self._real.close()

    monkeypatch.setattr(watch, "_events", Breaking)
    seen = start(poll=False)
    (seen.folder / "a/one.py").write_text("x = 1\n")  # no event of this ever comes
    broken.set()
    seen.until("a/one", "saved")
    (seen.folder / "a/two.py").write_text("x = 1\n")
    seen.until("a/two", "saved")
    assert seen.moves == ["polling every 0.2 s (file events ended: the kernel has had enough)"]


def test_it_is_quick(start: Start) -> None:
    """Well under watchfiles' own debounce; the benchmark measures how much."""
    seen = start(poll=False)
    times = []
    for number in range(9):
        begun = time.perf_counter()
        (seen.folder / "a/one.py").write_text(f"x = {number}\n")
        seen.until("a/one", "saved")
        times.append(time.perf_counter() - begun)
    assert sorted(times)[4] < 0.05


def test_early_saves_are_those_after_a_time_and_reported_once(tmp_path: Path) -> None:
    old, new, empty, stub = (tmp_path / f"{name}.py" for name in ("old", "new", "empty", "stub"))
    for path in (old, new, stub):
        path.write_text("x = 1\n")
    empty.write_text("")
    since = time.time() - 60
    os.utime(old, (since - 1, since - 1))
    watcher = Watcher(tmp_path, {path: f"a/{path.stem}" for path in (old, new, empty, stub)})
    try:
        assert [save.exercise for save in watcher.early(since, lambda id: id != "a/stub")] == ["a/new"]
        assert watcher.early(since, lambda id: id != "a/stub") == []
    finally:
        watcher.close()
