"""A learner's folder: copies of the stubs to edit, and beside them what gradlings needs to know.

    exercises/<topic>/<name>.py     the learner's files (and README.md, data/ of each topic)
    review/<topic>/<name>.py        copies of stubs to practise a passed exercise again on (and data/)
    progress.db                     the history; grader.store's
    .vscode/                        run, debug and grade buttons
    .gradlings/workspace.toml       which course, in which version
    .gradlings/stubs/...            what each file was copied from
    .gradlings/new/...              new stubs that `update` did not put over an edited file
    .gradlings/kept/...             files that were set aside because the history takes text only
    .gradlings/grader.lock          held by the program that watches

Never overwrites a file at `init`, never follows a link out of the folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from grader.course.fields import Table, load_toml
from grader.course.files import create_bytes, decode, inside, move, read_bytes, write_bytes
from grader.course.read import find_course, lasting_spec
from grader.course.scaffold import scaffold
from grader.errors import CourseError, UsageError
from grader.model import Course

OWN = ".gradlings"
EXERCISES, REVIEW = "exercises", "review"
FORMAT = 1
MAX_DATA = 2**26


@dataclass(frozen=True)
class Workspace:
    """An opened workspace.

    `spec` names its course ("" for the shipped one), `course_version` is the version its stubs are of, `folder` is
    where the files are that it reads and writes: the exercises', or for `review` that of the reviews.
    """

    root: Path
    course: Course
    spec: str
    course_version: str
    folder: str = EXERCISES

    @property
    def review(self) -> Workspace:
        """The same workspace, whose files are the copies in the review folder; those may be missing."""
        return replace(self, folder=REVIEW)

    @property
    def database(self) -> Path:
        """The progress database."""
        return self.root / "progress.db"

    @property
    def lock_file(self) -> Path:
        """The file for `grader.course.lock`."""
        return self.root / OWN / "grader.lock"

    def file(self, exercise: str) -> Path:
        """The learner's file of an exercise."""
        return self.root / self.folder / f"{exercise}.py"

    def base(self, name: str) -> Path:
        """What the file `name` (a path in the workspace, such as "exercises/a/b.py") was copied from."""
        return self.root / OWN / "stubs" / name.removeprefix("exercises/")

    def exercise_of(self, path: Path) -> str | None:
        """The exercise whose file `path` is; None where it is none's.

        `path` is absolute, or relative to the current folder. Only names count: the file need not exist.
        """
        path = path.absolute()
        for root, candidate in ((self.root, path), (_real(self.root), _real(path.parent) / path.name)):
            if candidate.is_relative_to(root):
                top, *parts = candidate.relative_to(root).parts or ("",)
                exercise = "/".join(parts).removesuffix(".py")
                if top == self.folder and candidate.suffix == ".py" and exercise in self.course.exercises:
                    return exercise
        return None

    def read(self, exercise: str) -> str:
        """The learner's file, line ends and byte order mark as they are. Raises UsageError or SourceError."""
        path = self.file(exercise)
        return decode(path, read_bytes(self.root, path))

    def write(self, exercise: str, text: str) -> None:
        """Replace the learner's file atomically. Raises UsageError."""
        write_bytes(self.root, self.file(exercise), text.encode())

    def untouched(self, exercise: str, text: str) -> bool:
        """Whether `text` is the stub as it was copied, so that there is nothing of the learner's in it."""
        if self.folder == REVIEW:
            # Copied from the course as it was then; a newer stub is told of as "not started" by the judge.
            return text.encode() == stub(self.course, exercise)
        path = self.base(f"exercises/{exercise}.py")
        return path.is_file() and read_bytes(self.root, path) == text.encode()


@dataclass(frozen=True)
class Initialised:
    """What `init` did: the workspace, the files it made and those of the course's that were there already."""

    workspace: Workspace
    created: tuple[Path, ...]
    kept: tuple[Path, ...]


def init(folder: Path, course: Course, spec: str | None = None) -> Initialised:
    """Make `folder` a workspace for `course`, or complete one. Overwrites nothing.

    `spec` is what the user named the course by (see `find_course`). Raises UsageError where the folder is in
    another workspace, belongs to the course itself or to a workspace of another course, or cannot be written.
    """
    folder = folder.absolute()
    _refuse(folder, course)
    workspace = Workspace(folder, course, lasting_spec(spec), course.version)
    is_new = find_workspace(folder) != folder
    if not is_new:
        marker = _read_marker(folder)
        _same_course(marker, course)
        workspace = replace(workspace, course_version=marker.version)
    created: list[Path] = []
    kept: list[Path] = []
    for name, data in managed(course):
        path = folder / name
        (created if create_bytes(folder, path, data) else kept).append(path)
        # Of a file that was there before gradlings, the stub is what it is compared with at the next update.
        create_bytes(folder, workspace.base(name), data)
    for name, data in scaffold(course).items():
        if create_bytes(folder, folder / name, data):
            created.append(folder / name)
    # Last: a folder is a workspace once all is there.
    if is_new:
        write_marker(workspace)
    return Initialised(workspace, tuple(created), tuple(kept))


def find_workspace(start: Path) -> Path | None:
    """The folder of the workspace `start` is in: itself or the nearest above; None where there is none."""
    start = start.absolute()
    return next((each for each in (start, *start.parents) if (each / OWN / "workspace.toml").is_file()), None)


def open_workspace(start: Path, course_spec: str | None = None) -> Workspace:
    """Open the workspace that `start` is in, with its own course or the one given.

    Raises UsageError where there is none (telling of `gradlings init`), where it is of another course, or if a
    newer gradlings made it; CourseError where the course cannot be read.
    """
    root = find_workspace(start)
    if root is None:
        raise UsageError(
            f"{start.absolute()} is not in a gradlings workspace.",
            "Make one with `gradlings init DIR`, or go to the folder where yours is.",
        )
    marker = _read_marker(root)
    if course_spec:
        course = find_course(course_spec)
        _same_course(marker, course)
        return Workspace(root, course, lasting_spec(course_spec), marker.version)
    try:
        return Workspace(root, find_course(marker.spec), marker.spec, marker.version)
    except CourseError as error:
        if not marker.spec:
            raise
        remedy = "If the course lies elsewhere now, `gradlings update --course DIR` tells the workspace."
        raise CourseError(
            error.where,
            f'{error.problem} (it is the course "{marker.name}" of the workspace {root})',
            f"{error.hint} {remedy}" if error.hint else remedy,
        ) from None


def write_marker(workspace: Workspace) -> None:
    """Write `workspace.toml`, which makes the folder a workspace. Raises UsageError."""
    import json  # only where a workspace is made

    # JSON's strings are TOML's, but for DEL, which TOML wants escaped, and for pairs of surrogates.
    spec, name, version = (
        json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
        for text in (workspace.spec, workspace.course.name, workspace.course_version)
    )
    text = (
        "# Written by gradlings. `spec` names the course: empty for the one gradlings brings, or a folder.\n"
        f"format = {FORMAT}\n\n[course]\nspec = {spec}\nname = {name}\nversion = {version}\n"
    )
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"The name of the folder {workspace.spec!r} is no text.", "Rename it, so that it can be written down."
        ) from None
    write_bytes(workspace.root, workspace.root / OWN / "workspace.toml", data)


def managed(course: Course) -> Iterator[tuple[str, bytes]]:
    """The files a workspace has of its course, by their path in it: each topic's README, data and stubs.

    Raises CourseError where one cannot be read.
    """
    for topic in course.topics:
        data = sorted({name for exercise in topic.exercises for name in exercise.data})
        names = ["README.md", *(f"data/{name}" for name in data)]
        names += [f"{exercise.name}.py" for exercise in topic.exercises]
        for name in names:
            path = course.root / "exercises" / topic.name / name
            try:
                yield f"exercises/{topic.name}/{name}", path.read_bytes()
            except OSError as error:
                raise CourseError(str(path), f"cannot be read: {error.strerror}", "Install the course again.") from None


def stub(course: Course, exercise: str) -> bytes:
    """The course's stub of an exercise. Raises CourseError where it cannot be read."""
    path = course.stub(exercise)
    try:
        return path.read_bytes()
    except OSError as error:
        raise CourseError(str(path), f"cannot be read: {error.strerror}", "Install the course again.") from None


def _refuse(folder: Path, course: Course) -> None:
    real, source = _real(folder), _real(course.root)
    if real == source or any(real.is_relative_to(source / part) for part in ("exercises", "reference", "tests")):
        raise UsageError(
            f"{folder} belongs to the course itself.", "Make the workspace elsewhere: `gradlings init DIR`."
        )
    above = find_workspace(folder.parent)
    if above is not None and find_workspace(folder) != folder:
        raise UsageError(f"{folder} lies in the workspace {above}.", "Use that one, or make this one outside of it.")


def set_aside(workspace: Workspace, path: Path) -> Path:
    """Move a file that is no text out of the way, whole, to where it is found again. Raises UsageError."""
    above = workspace.root if workspace.folder == REVIEW else workspace.root / EXERCISES
    kept = workspace.root / OWN / "kept" / path.relative_to(above)
    for number in count(1):
        target = kept.with_name(f"{kept.name}.{number}")
        if move(workspace.root, path, target):
            break
    return target


@dataclass(frozen=True)
class _Marker:
    root: Path
    spec: str
    name: str
    version: str


def _read_marker(root: Path) -> _Marker:
    path = inside(root, root / OWN / "workspace.toml")
    document = Table(path, "", load_toml(path))
    if document.number("format", 1, 1, 10**9) > FORMAT:
        raise UsageError(f"{root} was made by a newer gradlings.", "Upgrade: `pip install --upgrade gradlings`.")
    table = document.table("course")
    return _Marker(root, table.text("spec", default=""), table.text("name"), table.text("version"))


def _same_course(marker: _Marker, course: Course) -> None:
    if marker.name != course.name:
        raise UsageError(
            f'{marker.root} is a workspace of the course "{marker.name}", not of "{course.name}".',
            "Make another folder for that course: `gradlings init DIR --course ...`.",
        )


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
