"""A program for the tests: forks a child for each command on standard input, so that starting one costs no import.

`write PATH NAME COUNT` records attempts and says each once it is recorded; `open PATH FOLDER HEAD` opens and migrates,
and `stay` does so and waits to be killed.
A child that fails says so. "ended" follows once a child is gone. Lines are shorter than a pipe's atomic write.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from pathlib import Path

from grader.errors import GradlingsError
from grader.model import Check, Verdict
from grader.store import migrate, open_store  # noqa: F401  (Alembic is loaded before the forks)


def say(*words: object) -> None:
    os.write(1, ("\t".join(map(str, words)) + "\n").encode())


def write(path: str, name: str, count: str) -> None:
    verdict = Verdict("mini", name, "failed", 0.5, (Check("c", "title", "failed", "x" * 300),), suite_sha256="s")
    with open_store(Path(path), busy_seconds=30) as store:
        say("ready", os.getpid())
        for number in range(int(count)):
            attempt = store.record(name, f"{name} {os.getpid()} {number}\n" + "text " * 200, verdict)
            say("recorded", attempt.sequence, attempt.source_sha256)


def open_(path: str, folder: str, head: str) -> None:
    with open_store(Path(path), busy_seconds=30, migrations=Path(folder), head=head):
        say("opened", os.getpid())


def stay(path: str, folder: str, head: str) -> None:
    open_(path, folder, head)
    signal.pause()


def child(command: list[str]) -> None:
    say("started", os.getpid())
    try:
        {"write": write, "open": open_, "stay": stay}[command[0]](*command[1:])
    except GradlingsError as error:
        say("failed", error.message)
    except BaseException as error:
        say("crashed", repr(error))
        os._exit(1)
    os._exit(0)


def reap() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        say("ended", pid, os.waitstatus_to_exitcode(status))


def main() -> None:
    """Serve until standard input closes."""
    pending = b""
    while True:
        if select.select([0], [], [], 0.002)[0]:
            data = os.read(0, 65536)
            if not data:
                return
            pending += data
        while b"\n" in pending:
            line, _, pending = pending.partition(b"\n")
            if os.fork() == 0:
                child(line.decode().split("\t"))
        reap()


if __name__ == "__main__":
    sys.exit(main())
