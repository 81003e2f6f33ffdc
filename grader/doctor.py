"""What `gradlings doctor` finds out: versions, terminal, course, workspace, database, and the protections, each proved.

The protections are not asserted but attacked: a cell parent is started as the engine starts it, and a cell under it tries to
break each of them. Prints nothing and repairs nothing.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from grader import __version__
from grader.errors import GradlingsError

if TYPE_CHECKING:
    from grader.course.workspace import Workspace
    from grader.model import Course

State = Literal["ok", "warning", "problem"]
PACKAGES = ("torch", "numpy", "pytest", "msgspec", "sqlalchemy", "alembic", "click", "rich", "watchfiles")
PROBE_SECONDS = 120.0
# Without these a verdict is for practice only.
NEEDED = {"landlock": "Landlock", "seccomp": "seccomp", "rlimits": "resource limits"}


@dataclass(frozen=True)
class Finding:
    """One line of the report: `section`, what was looked at, how it is, and in words."""

    section: str
    name: str
    state: State
    text: str
    hint: str | None = None


def report(start: Path, course_spec: str | None = None, *, probes: bool = True) -> Iterator[Finding]:
    """Everything there is to find out, as it is found; the slow part, the protections, comes last."""
    yield from _versions()
    yield from _terminal()
    workspace = None
    course = None
    try:
        workspace = _workspace(start, course_spec)
        course = workspace.course if workspace else _course(course_spec)
    except GradlingsError as error:
        yield Finding("course", "course", "problem", error.message, error.hint)
    if course is not None:
        yield Finding("course", "course", "ok", f"{course.title} {course.version}, {len(course.exercises)} exercises")
    if workspace is not None:
        yield from _workspace_findings(workspace)
        yield from _store(workspace.database)
    elif course is not None:
        yield Finding("workspace", "workspace", "warning", "none here", "`gradlings init` makes one.")
    if probes:
        yield from _protections(course)


def _versions() -> Iterator[Finding]:
    yield Finding("versions", "gradlings", "ok", f"{__version__} in {Path(__file__).parent}")
    old = sys.version_info < (3, 11)
    python = f"{platform.python_implementation()} {platform.python_version()} in {sys.prefix}"
    yield Finding("versions", "Python", "problem" if old else "ok", python)
    yield Finding("versions", "system", "ok", f"{platform.platform()}, {os.cpu_count()} cores")
    for package in PACKAGES:
        try:
            yield Finding("versions", package, "ok", importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            hint = "Install gradlings again: `pip install --force-reinstall gradlings`."
            yield Finding("versions", package, "problem", "not installed", hint)


def _terminal() -> Iterator[Finding]:
    encoding = getattr(sys.stdout, "encoding", None) or "unknown"
    plain = "utf" not in encoding.lower()
    hint = "Marks are shown as plain characters. A UTF-8 locale shows them as they are meant." if plain else None
    yield Finding("terminal", "encoding", "warning" if plain else "ok", encoding, hint)
    where = "a terminal" if sys.stdout.isatty() else "no terminal"
    colour = "off (NO_COLOR)" if os.environ.get("NO_COLOR") else "on" if sys.stdout.isatty() else "off"
    yield Finding("terminal", "output", "ok", f"{where}, TERM={os.environ.get('TERM', '')}, colours {colour}")


def _workspace(start: Path, spec: str | None) -> Workspace | None:
    from grader.course.workspace import find_workspace, open_workspace

    return open_workspace(start, spec) if find_workspace(start) is not None else None


def _course(spec: str | None) -> Course:
    from grader.course.read import find_course

    return find_course(spec)


def _workspace_findings(workspace: Workspace) -> Iterator[Finding]:
    from grader.watch import why_poll

    yield Finding("workspace", "workspace", "ok", str(workspace.root))
    newer = workspace.course_version != workspace.course.version
    text = f"stubs of version {workspace.course_version}, course of version {workspace.course.version}"
    hint = "`gradlings update` brings them up; nothing you wrote is lost." if newer else None
    yield Finding("workspace", "stubs", "warning" if newer else "ok", text, hint)
    why = why_poll(workspace.root)
    yield Finding(
        "workspace", "saves", "warning" if why else "ok", f"noticed by polling: {why}" if why else "file events"
    )


def _store(path: Path) -> Iterator[Finding]:
    from grader.store import examine, open_store

    if not path.exists():
        yield Finding("progress", "database", "ok", "none yet; the first verdict makes it")
        return
    try:
        damage = examine(path)
        for problem in damage:
            hint = "`gradlings doctor --repair` saves what can be read into a new one and keeps the damaged file."
            yield Finding("progress", "database", "problem", problem, hint)
        if damage:
            return
        with open_store(path) as store:
            attempts = store.attempts(limit=1)
            yield Finding("progress", "database", "ok", f"sound, {attempts[-1].sequence if attempts else 0} attempts")
            for notice in store.notices:
                yield Finding("progress", "database", "warning", notice)
    except GradlingsError as error:
        yield Finding("progress", "database", "problem", error.message, error.hint)


def _protections(course: Course | None) -> Iterator[Finding]:
    try:
        protections, probes = probe(course)
    except (OSError, ValueError, KeyError) as error:
        yield Finding("protections", "cell", "problem", f"the process for learner code does not start: {error}")
        return
    held_back = ", ".join(protections)
    missing = [NEEDED[name] for name in lacking(protections)]
    if missing:
        hint = "Verdicts are for practice only: code that wants to do harm is not stopped. Linux 5.13 or newer has them all."
        yield Finding("protections", "in force", "warning", f"{held_back}; missing: {', '.join(missing)}", hint)
    else:
        yield Finding("protections", "in force", "ok", held_back)
    held: dict[str, list[str]] = {}
    for name, protection, stopped, detail in probes:
        if stopped:
            held.setdefault(protection, []).append(name)
        else:
            yield Finding("protections", name, "problem", f"not stopped by {protection}: {detail}")
    for protection, names in held.items():
        yield Finding("protections", protection, "ok", f"stopped {len(names)}: {', '.join(names)}")


def lacking(protections: Iterable[str]) -> list[str]:
    """Those of NEEDED that are not among the protections in force."""
    held = list(protections)
    return [name for name in NEEDED if not any(protection.startswith(name) for protection in held)]


def probe(course: Course | None, seconds: float = PROBE_SECONDS) -> tuple[list[str], list[Any]]:
    """Start a cell parent, let a cell try to break each protection; the protections and the probes' results.

    Raises OSError or ValueError where the process does not start or does not answer.
    """
    ours, theirs = socket.socketpair()
    warm = course.warm if course is not None else None
    hidden = [str(course.root / name) for name in ("exercises", "reference", "tests")] if course is not None else []
    with ours:
        with theirs:
            child = subprocess.Popen(
                [sys.executable, "-P", "-B", "-m", "grader.cell", str(theirs.fileno())],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                pass_fds=[theirs.fileno()], cwd="/", start_new_session=True,
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
            )  # fmt: skip
        try:
            ours.settimeout(seconds)
            lines = ours.makefile("rb")
            order = {"do": "warm", "imports": list(warm.imports) if warm else [], "code": warm.code if warm else ""}
            ready = _ask(ours, lines, {**order, "hidden": hidden})
            answer = _ask(ours, lines, {"do": "probe"}) if ready["protections"] != ["practice"] else {"probes": []}
            return ready["protections"], answer["probes"]
        except (OSError, ValueError) as error:
            child.kill()
            said = (child.stderr.read() if child.stderr else b"").decode("utf-8", "replace").strip().splitlines()
            raise OSError(said[-1] if said else str(error) or type(error).__name__) from error
        finally:
            child.kill()
            child.wait()
            if child.stderr:
                child.stderr.close()


def _ask(end: socket.socket, lines: Any, order: dict[str, Any]) -> Any:
    end.sendall(json.dumps(order).encode() + b"\n")
    answer = lines.readline()
    if not answer:
        raise ValueError("it ended without an answer")
    return json.loads(answer)
