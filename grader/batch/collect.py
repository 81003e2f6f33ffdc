"""What was handed in: a folder or a zip of submissions as works, and as the things to grade for them. Grades nothing.

DIR/<student>/...            a folder per student, of any depth: a workspace, a download from Moodle
DIR/<student>.zip            a zip per student
DIR/<student>_softmax.py     single files named after students, as Canvas downloads them too
DIR/submission_metadata.yml  Gradescope's export, with the folders it tells about
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from grader.batch import entries, gradescope, layout
from grader.batch.entries import Entry, Refusal, Refused
from grader.batch.keys import Keys
from grader.batch.notebooks import tagged
from grader.course.files import SourceError, decode
from grader.course.uses import closure, gather
from grader.errors import UsageError
from grader.model import Course
from grader.store.gradings import Task
from grader.store.ledger import Work

Found = Iterable[Entry | Refused]


@dataclass
class Collected:
    """What there is to grade, and whose it is. `students` are all whose folder or file was found, even if nothing in it was."""

    works: list[Work] = field(default_factory=list)
    tasks: dict[str, Task] = field(default_factory=dict)
    students: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Source:
    exercise: str
    place: str
    at: float
    text: str


class _Missing(Exception):
    """An earlier solution that is not there; the text is its id."""


def collect(root: Path, course: Course, only: Iterable[str] = (), keys: Keys | None = None) -> Collected:
    """Read what is in `root`: solutions of the exercises `only` (default: all), and of those that they build on.

    Raises UsageError where `root` is neither a folder nor a zip, CourseError where the course is broken.
    """
    chosen = tuple(only) or tuple(course.exercises)
    collector = _Collector(course, frozenset(chosen) | {e for id in chosen for e in closure(course, id)}, keys)
    collector.single = chosen[0] if len(chosen) == 1 else None
    with ExitStack() as stack:
        for student, found in _students(root, collector, stack):
            collector.add(student, found)
    return collector.collected


class _Collector:
    def __init__(self, course: Course, ids: frozenset[str], keys: Keys | None) -> None:
        self.course = course
        self.ids = ids
        self.single: str | None = None
        self.collected = Collected()
        self._keys = keys or Keys(course)

    def add(self, students: tuple[str, ...], found: Found) -> None:
        """Take in what one student, or a group, handed in."""
        names = [_storable(student) for student in students]
        self.collected.students += [name for name in names if name not in self.collected.students]
        sources: list[_Source] = []
        lonely: list[_Source] = []
        for item in self._opened(found, 0):
            if isinstance(item, Refused):
                self._refuse(names, "", _shown(item.parts), item.reason)
                continue
            try:
                sources += self._sources(item, lonely)
            except (Refusal, SourceError) as error:
                known = layout.exercise_of(self.course, item.parts)
                self._refuse(names, known if known in self.ids else None, _shown(item.parts), str(error))
        if len(lonely) == 1 and lonely[0].exercise and all(source.exercise != self.single for source in sources):
            # A single file, whatever its name, is for the one exercise that was asked for.
            sources += lonely
        else:
            for source in lonely:
                self._refuse(names, None, source.place, "it is called after no exercise")
        self._add_sources(names, sources)

    def _opened(self, found: Found, depth: int) -> Iterator[Entry | Refused]:
        """The files themselves; those in zips within, too."""
        for item in found:
            if isinstance(item, Refused) or not item.parts[-1].lower().endswith(".zip"):
                yield item
                continue
            if depth:
                yield Refused(item.parts, "it is a zip within a zip within a submission")
                continue
            try:
                with entries.of_zip(item.read(entries.MAX_ARCHIVE)) as inner:
                    for within in self._opened(inner, depth + 1):
                        parts = (*item.parts, *within.parts)
                        if isinstance(within, Refused):
                            yield Refused(parts, within.reason)
                        else:
                            yield Entry(parts, within.at, within.read)
            except Refusal as error:
                yield Refused(item.parts, str(error))

    def _sources(self, entry: Entry, lonely: list[_Source]) -> Iterator[_Source]:
        name = entry.parts[-1].lower()
        if name.endswith(".ipynb"):
            found = tagged(entry.read(entries.MAX_NOTEBOOK), self.ids)
            if not found:
                raise Refusal("no cell of it is tagged with the id of an exercise, such as " + min(self.ids))
            for id, text in found.items():
                yield _Source(id, _shown(entry.parts), entry.at, text)
        elif name.endswith(".py") and "review" not in entry.parts[:-1]:
            known = layout.exercise_of(self.course, entry.parts)
            if known is None:
                # Read at once where it may be wanted: a zip is closed later.
                nameless = _Source("", _shown(entry.parts), 0, "")
                lonely.append(self._source(self.single, entry) if self.single else nameless)
            elif known in self.ids:
                yield self._source(known, entry)

    def _source(self, id: str, entry: Entry) -> _Source:
        text = decode(Path(entry.parts[-1]), entry.read(entries.MAX_FILE))
        return _Source(id, _shown(entry.parts), entry.at, text.removeprefix("\ufeff"))

    def _add_sources(self, names: list[str], sources: list[_Source]) -> None:
        newest = {source.exercise: source.text for source in sorted(sources, key=lambda source: source.at)}
        for source in sources:
            try:
                task = self._task(source.exercise, source.text, newest)
            except _Missing as error:
                why = f"it builds on {error}, of which nothing was handed in"
                self._refuse(names, source.exercise, source.place, why)
                continue
            for name in names:
                self.collected.works.append(Work(name, source.exercise, source.place, source.at, task.key))

    def _task(self, id: str, text: str, newest: Mapping[str, str]) -> Task:
        """The task of grading `text`, known or new, and those of what it imports."""

        def find(earlier: str) -> str:
            if earlier not in newest:
                raise _Missing(earlier)
            return newest[earlier]

        uses = gather(self.course, id, text, find)
        key = self._keys.key(id, text, uses)
        known = self.collected.tasks.get(key)
        if known is None:
            needs = [self._task(earlier, other, newest) for earlier, other in uses.items()]
            depth = 1 + max((task.depth for task in needs), default=-1)
            known = Task(key, id, text, self._keys.suite(id), uses, tuple(task.key for task in needs), depth)
            self.collected.tasks[key] = known
        return known

    def _refuse(self, names: list[str], exercise: str | None, place: str, reason: str) -> None:
        for name in names:
            self.collected.works.append(Work(name, exercise or "", place, note=reason))


def _students(root: Path, collector: _Collector, stack: ExitStack) -> Iterator[tuple[tuple[str, ...], Found]]:
    """Each student, or group, with the files that are theirs."""
    if root.is_dir():
        folders, singles = _top_of_folder(root)
    elif root.is_file() and root.suffix.lower() == ".zip":
        try:
            folders, singles = _grouped(stack.enter_context(entries.of_zip(root)))
        except Refusal as error:
            raise UsageError(f"{root}: {error}.", "Name a folder of submissions, or a zip of one.") from None
    else:
        raise UsageError(
            f"{root} is neither a folder of submissions nor a zip of one.", "Name the folder that students' work is in."
        )
    if layout.is_workspace(folders, collector.course) and not singles:
        yield (root.stem,), [item for found in folders.values() for item in found]
        return
    yield from _of_top(folders, singles, collector)


def _of_top(
    folders: Mapping[str, Found], singles: list[Entry | Refused], collector: _Collector
) -> Iterator[tuple[tuple[str, ...], Found]]:
    metadata = next((i for i in singles if isinstance(i, Entry) and i.parts == (gradescope.METADATA,)), None)
    known: dict[str, tuple[str, ...]] = {}
    if metadata is not None:
        try:
            known = gradescope.students(metadata.read(gradescope.MAX_METADATA))
        except Refusal as error:
            raise UsageError(
                f"{error}.", "Download the export again, or remove the file: folders then are students."
            ) from None
    for name, found in folders.items():
        yield known.get(name, (layout.of_folder_name(name),)), found
    together: dict[str, list[Entry | Refused]] = {}
    for item in singles:
        if item is metadata:
            continue
        stem, _, ending = item.parts[-1].rpartition(".")
        student, rest = layout.of_file_name(stem, collector.course)
        if ending.lower() == "zip":
            student = student if rest else layout.of_folder_name(stem)
        elif rest and isinstance(item, Entry):
            item = Entry((f"{rest}.{ending}",), item.at, item.read)
        together.setdefault(student, []).append(item)
    for student, mine in together.items():
        yield (student,), mine


def _top_of_folder(root: Path) -> tuple[dict[str, Found], list[Entry | Refused]]:
    try:
        names = sorted(root.iterdir())
    except OSError as error:
        raise UsageError(f"{root}: {error.strerror or error}.", "Name a folder that can be read.") from None
    folders: dict[str, Found] = {}
    singles: list[Entry | Refused] = []
    for path in names:
        if entries.skipped(path.name):
            continue
        if path.is_dir() and not path.is_symlink():
            folders[path.name] = _below(path)
        else:
            found = entries.at_top(path)
            singles += [found] if found else []
    return folders, singles


def _below(folder: Path) -> Iterator[Entry | Refused]:
    """As `of_folder`, with the folder's own name before each path."""
    for item in entries.of_folder(folder):
        parts = (folder.name, *item.parts)
        yield Refused(parts, item.reason) if isinstance(item, Refused) else Entry(parts, item.at, item.read)


def _grouped(found: list[Entry | Refused]) -> tuple[dict[str, Found], list[Entry | Refused]]:
    """The files of a zip as folders and single files; one folder around everything is none."""
    while found and all(len(item.parts) > 1 and item.parts[0] == found[0].parts[0] for item in found):
        if len({item.parts[1] for item in found if len(item.parts) > 2}) < 1:
            break
        found = [
            Refused(i.parts[1:], i.reason) if isinstance(i, Refused) else Entry(i.parts[1:], i.at, i.read)
            for i in found
        ]
    folders: dict[str, list[Entry | Refused]] = {}
    singles: list[Entry | Refused] = []
    for item in found:
        if len(item.parts) > 1:
            folders.setdefault(item.parts[0], []).append(item)
        else:
            singles.append(item)
    return dict(folders), singles


def _shown(parts: tuple[str, ...]) -> str:
    return _storable("/".join(parts))


def _storable(text: str) -> str:
    """A name that was not valid UTF-8, or holds a NUL, as one that a database takes."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").replace("\0", "\\x00")
