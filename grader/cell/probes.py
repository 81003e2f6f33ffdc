"""Proves the protections of a sandbox by trying to break each, in a child that is sandboxed like a cell.

`protected=False` makes the same attempts without it, to show that they would succeed. It proves what holds on
this machine now; it does not decide whether that is enough.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import shutil
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from grader.cell.attempts import Attempt, Scene, attempts
from grader.cell.sandbox import Sandbox

SECONDS = 1.0  # of CPU for each attempt; one of them uses it up
MEMORY_MIB = 256
PATIENCE = 20.0  # seconds of wall clock for an attempt, then it is ended from here
REFUSALS = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EMFILE, errno.ENOMEM)


@dataclass(frozen=True)
class Probe:
    """One attempt: what it is, which protection must refuse it, whether it did, and what happened in words."""

    name: str
    protection: str
    held: bool
    detail: str


def run_probes(sandbox: Sandbox, *, protected: bool = True) -> list[Probe]:
    """Make every attempt, each in its own forked child. Linux, in the process that prepared the sandbox.

    Takes about a second, one attempt using up its CPU time. Leaves no file and no process.
    """
    with _scene(sandbox.hidden) as scene:
        return [_probe(attempt, scene, sandbox if protected else None) for attempt in attempts()]


@contextlib.contextmanager
def _scene(courses: tuple[Path, ...]) -> Iterator[Scene]:
    folder = Path(tempfile.mkdtemp(prefix="gradlings-probes-"))
    reading, writing = os.pipe()
    bystander = os.fork()
    if bystander == 0:
        with contextlib.suppress(BaseException):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.close(writing)
            os.read(reading, 1)  # until our parent closes the pipe, or dies
        os._exit(0)
    os.close(reading)
    try:
        for name in ("victim", "doomed"):
            (folder / name).write_bytes(b"secret")
        yield Scene(folder, bystander, courses, MEMORY_MIB, pipe=-1)
    finally:
        os.close(writing)
        os.kill(bystander, signal.SIGKILL)
        os.waitpid(bystander, 0)
        shutil.rmtree(folder, ignore_errors=True)


def _probe(attempt: Attempt, scene: Scene, sandbox: Sandbox | None) -> Probe:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            if sandbox is not None:
                sandbox.apply(keep_fds=(writing,), seconds=SECONDS, memory_mib=scene.memory_mib)
            held, detail = _outcome(attempt, replace(scene, pipe=writing))
            os.write(writing, f"{'+' if held else '-'}{detail}"[:2000].encode())
        os._exit(0)
    os.close(writing)
    ended, told = _report(reading)
    os.close(reading)
    if not ended:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if told:
        return Probe(attempt.name, attempt.protection, told[0] == "+", told[1:])
    code = os.waitstatus_to_exitcode(status)
    held = ended and -code in (signal.SIGKILL, signal.SIGSYS, signal.SIGXCPU)
    end = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}, saying nothing"
    return Probe(attempt.name, attempt.protection, held, end if ended else f"did not end in {PATIENCE:.0f} s")


def _outcome(attempt: Attempt, scene: Scene) -> tuple[bool, str]:
    try:
        return False, attempt.run(scene)
    except MemoryError:
        return True, "MemoryError"
    except (OSError, RuntimeError, NotImplementedError) as error:
        # A thread that cannot be started is a RuntimeError without an errno.
        refused = not isinstance(error, OSError) or error.errno in (None, *REFUSALS)
        return refused, f"{type(error).__name__}: {error}"


def _report(reading: int) -> tuple[bool, str]:
    """Whether the child ended (or will at once: its end of the pipe is closed), and what it wrote."""
    told = b""
    while select.select([reading], [], [], PATIENCE)[0]:
        part = os.read(reading, 4096)
        if not part:
            return True, told.decode()
        told += part
    return False, told.decode()
