"""Brings a workspace to a newer course: a three-way comparison of old stub, new stub and the learner's file.

What the learner has not touched is replaced; what they edited is kept, and the new stub laid out of the way,
under `.gradlings/new`. Nothing a learner wrote is changed or removed, and an update cut off anywhere can be
repeated: a file is written before what tells of it.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from grader.course.files import SourceError, create_bytes, move, read_bytes, write_bytes
from grader.course.workspace import MAX_DATA, OWN, REVIEW, Workspace, managed, write_marker
from grader.model import Exercise

What = Literal["created", "replaced", "kept", "moved", "retired"]


@dataclass(frozen=True)
class Change:
    """What `update` did with one file; files that stay as they are have none.

    created: was missing. replaced: untouched, now the new one. kept: edited, and the new one differs; it lies
    at `other`. moved: renamed in the course; it was at `other`. retired: no longer in the course; left in place.
    """

    what: What
    path: Path
    exercise: str | None = None
    other: Path | None = None


def update(workspace: Workspace) -> list[Change]:
    """Bring `workspace` to its course as it is now, in the order of the course.

    Raises UsageError where a file cannot be read or written; what was done before that stays done.
    """
    exercises = workspace.course.exercises
    changes = [
        change
        for exercise in exercises.values()
        for alias in exercise.aliases
        for change in _rename(workspace, exercise, alias)
    ]
    current = set()
    for name, data in managed(workspace.course):
        current.add(name)
        changes += _bring(workspace, name, data)
    changes += _retired(workspace, current)
    write_marker(replace(workspace, course_version=workspace.course.version))
    return changes


def _bring(workspace: Workspace, name: str, new: bytes) -> list[Change]:
    root, path, base = workspace.root, workspace.root / name, workspace.base(name)
    exercise = _exercise(workspace, name)
    if create_bytes(root, path, new):
        write_bytes(root, base, new)
        return [Change("created", path, exercise)]
    mine, old = _content(root, path), _content(root, base) if base.is_file() else None
    if mine == new or old == new:
        if old != new:
            write_bytes(root, base, new)
        return []
    if mine is not None and mine == old:
        write_bytes(root, path, new)
        write_bytes(root, base, new)
        return [Change("replaced", path, exercise)]
    other = root / OWN / "new" / name.removeprefix("exercises/")
    write_bytes(root, other, new)
    write_bytes(root, base, new)
    return [Change("kept", path, exercise, other)]


def _rename(workspace: Workspace, exercise: Exercise, alias: str) -> list[Change]:
    """Move the file of an old id to the new one, unless the learner has begun that one too."""
    root = workspace.root
    name, old_name = f"exercises/{exercise.id}.py", f"exercises/{alias}.py"
    path, old, base = root / name, root / old_name, workspace.base(old_name)
    if not old.is_file():
        return []
    if os.path.lexists(path):
        if _untouched(workspace, old_name) or not _untouched(workspace, name):
            return []
        path.unlink()  # the stub makes room for the learner's work
    # The stub goes ahead of the file: cut off between the two, the next update finds the file where it was.
    if base.is_file():
        write_bytes(root, workspace.base(name), read_bytes(root, base, MAX_DATA))
    review = root / REVIEW / f"{alias}.py"
    if review.is_file():
        move(root, review, root / REVIEW / f"{exercise.id}.py")
    move(root, old, path)
    base.unlink(missing_ok=True)
    for folder in (old.parent, base.parent, review.parent):
        with contextlib.suppress(OSError):
            folder.rmdir()  # only where it is empty now
    return [Change("moved", path, exercise.id, old)]


def _retired(workspace: Workspace, current: set[str]) -> list[Change]:
    """The files that the course no longer has. Told once: what they were copied from goes then."""
    stubs = workspace.root / OWN / "stubs"
    changes = []
    for base in sorted(stubs.rglob("*")):
        name = f"exercises/{base.relative_to(stubs).as_posix()}"
        if name in current or not base.is_file():
            continue
        if (workspace.root / name).is_file():
            changes.append(Change("retired", workspace.root / name))
        base.unlink(missing_ok=True)
    return changes


def _exercise(workspace: Workspace, name: str) -> str | None:
    id_ = name.removeprefix("exercises/").removesuffix(".py")
    return id_ if id_ in workspace.course.exercises and name.endswith(".py") else None


def _untouched(workspace: Workspace, name: str) -> bool:
    path, base = workspace.root / name, workspace.base(name)
    mine = _content(workspace.root, path)
    return mine is not None and base.is_file() and mine == _content(workspace.root, base)


def _content(root: Path, path: Path) -> bytes | None:
    """What is at `path`; None where it is larger than any file of a course, and so surely edited."""
    try:
        return read_bytes(root, path, MAX_DATA)
    except SourceError:
        return None
