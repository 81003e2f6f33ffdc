"""One grader a workspace, and the lock does not outlive its holder."""

from __future__ import annotations

import subprocess
import sys

import pytest

from grader.course.lock import acquire
from grader.errors import UsageError

HOLD = (
    "import sys\nfrom pathlib import Path\nfrom grader.course.lock import acquire\n"
    "lock = acquire(Path(sys.argv[1]))\nprint('held' if lock else 'not held', flush=True)\nsys.stdin.read()\n"
)


def hold(path):
    """Another process that tries to take the lock and stays."""
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout is not None
    return other, other.stdout.readline().decode().strip()


def end(process):
    process.kill()
    process.communicate()


def test_second_program_is_kept_out_until_the_first_dies(tmp_path):
    path = tmp_path / "grader.lock"
    other, state = hold(path)
    try:
        assert state == "held"
        assert acquire(path) is None
    finally:
        end(other)
    lock = acquire(path)
    assert lock is not None
    assert lock.enforced
    third, state = hold(path)
    end(third)
    assert state == "not held"
    lock.release()
    lock.release()
    fourth, state = hold(path)
    end(fourth)
    assert state == "held"


def test_held_within_with(tmp_path):
    path = tmp_path / "grader.lock"
    lock = acquire(path)
    assert lock is not None
    with lock:
        assert acquire(path) is None
    again = acquire(path)
    assert again is not None
    again.release()


def test_a_child_does_not_inherit_the_lock(tmp_path):
    path = tmp_path / "grader.lock"
    lock = acquire(path)
    assert lock is not None
    code = "print(flush=True)\ninput()"
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False
    )
    assert child.stdout is not None
    child.stdout.readline()  # it runs: what it does not inherit is closed
    try:
        lock.release()
        again = acquire(path)
        assert again is not None
        again.release()
    finally:
        child.communicate(b"\n")


def test_where_there_are_no_locks_it_is_not_enforced(tmp_path, monkeypatch):
    import fcntl

    def unsupported(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with acquire(tmp_path / "grader.lock") as lock:
        assert not lock.enforced


def test_folder_is_missing(tmp_path):
    with pytest.raises(UsageError, match="No such file") as caught:
        acquire(tmp_path / "none" / "grader.lock")
    assert "gradlings init" in (caught.value.hint or "")
