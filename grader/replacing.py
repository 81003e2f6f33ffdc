"""Puts a stub or an earlier attempt in place of a learner's file, once that is safe in the history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grader.course.files import SourceError, write_bytes
from grader.course.workspace import Workspace, set_aside
from grader.errors import CourseError
from grader.results import Replaced

if TYPE_CHECKING:
    from grader.store import Store


def put_stub(workspace: Workspace, store: Store, exercise: str) -> Replaced:
    """Put the course's stub back. Raises CourseError, UsageError, StoreError; nothing is replaced then."""
    stub = workspace.course.stub(exercise)
    try:
        data = stub.read_bytes()
    except OSError as error:
        raise CourseError(str(stub), f"cannot be read: {error.strerror}", "Install the course again.") from None
    replaced = put(workspace, store, exercise, data, "reset")
    write_bytes(workspace.root, workspace.base(f"exercises/{exercise}.py"), data)
    return replaced


def put(workspace: Workspace, store: Store, exercise: str, data: bytes, kind: str) -> Replaced:
    """Put `data` in place of the learner's file, whose copy in the history is of that `kind`."""
    replaced = _keep(workspace, store, exercise, data, kind)
    write_bytes(workspace.root, replaced.path, data)
    return replaced


def _keep(workspace: Workspace, store: Store, exercise: str, instead: bytes, kind: str) -> Replaced:
    """Keep what the learner has, unless it is the stub or what is to take its place."""
    path = workspace.file(exercise)
    if not path.exists():
        return Replaced(exercise, path, None)
    try:
        text = workspace.read(exercise)
    except SourceError:
        return Replaced(exercise, path, None, set_aside(workspace, path))
    if text.encode() == instead or workspace.untouched(exercise, text):
        return Replaced(exercise, path, None)
    return Replaced(exercise, path, store.keep(exercise, text, kind))
