"""Turns `course.toml` and every `topic.toml` into a Course, and sees that the files they name are there.

Stubs, references and suites are not opened: that they are sound is for `gradlings course check` to prove.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, cast

from grader.course.fields import ID, NAME, Table, load_toml, nearest
from grader.course.order import find_cycle, out_of_order, topological
from grader.errors import CourseError
from grader.model import Course, Exercise, Forbidden, Level, Limits, Topic, Warm

LEVELS = ("draft", "class", "published")


def read_course(root: Path) -> Course:
    """The course in the folder `root`. Raises CourseError naming file, key and remedy, and nothing else."""
    path = root / "exercises" / "course.toml"
    document = Table(path, "", load_toml(path))
    name = document.text("name")
    if not NAME.fullmatch(name.replace("-", "_")):
        document.fail("name", f'is "{name}"', "Use small letters, digits, _ and - only.")
    title, version, sealed = document.text("title"), document.text("version"), document.flag("sealed")
    names = document.texts("topics", required=True)
    paths = document.lists("paths")
    roadmap = document.mapping("roadmap")
    warm = document.table("warm")
    imports, code = warm.texts("imports"), warm.text("code", default="")
    warm.done()
    document.done()
    _check_topics(document, root, names)
    topics = tuple(_read_topic(root, topic, sealed) for topic in names)
    exercises = {exercise.id: exercise for topic in topics for exercise in topic.exercises}
    _check_names(root, exercises)
    _check_requires(root, exercises)
    _check_uses(root, exercises)
    _check_roadmap(root, roadmap, exercises)
    _check_paths(document, paths, exercises)
    if not paths:
        paths = {"everything": tuple(topological({id_: e.requires for id_, e in exercises.items()}))}
    return Course(name, title, version, root, topics, paths, Warm(imports, code), roadmap)


def _check_topics(document: Table, root: Path, names: tuple[str, ...]) -> None:
    for i, name in enumerate(names):
        if not NAME.fullmatch(name):
            document.fail("topics", f'"{name}" cannot be a topic', "Use small letters, digits and _ only.")
        if name in names[:i]:
            document.fail("topics", f'"{name}" is named twice', "Name each topic once.")
    for entry in _entries(root / "exercises"):
        if entry.name not in names and entry.is_dir() and _is_file(Path(entry.path) / "topic.toml"):
            document.fail(
                "topics",
                f'the folder "{entry.name}" has a topic.toml but is not named',
                f'Add "{entry.name}" to `topics`, or remove its topic.toml.',
            )


def _read_topic(root: Path, name: str, sealed: bool) -> Topic:
    folder = root / "exercises" / name
    path = folder / "topic.toml"
    document = Table(path, "", load_toml(path))
    title = document.text("title")
    tables = document.tables("exercise")
    document.done()
    stubs = _files(folder)
    if "README.md" not in stubs:
        remedy = "Write a page on what the topic is about, with its sources."
        raise CourseError(str(folder / "README.md"), "there is no such file", remedy)
    data = folder / "data"
    there = {"stub": (folder, stubs)}
    if not sealed:
        for what, place in (
            ("reference", root / "reference" / name),
            ("suite", root / "tests" / "exercises" / name),
        ):
            there[what] = (place, _files(place))
    exercises: dict[str, Exercise] = {}
    for table in tables:
        exercise = _read_exercise(table, name, data)
        if exercise.id in exercises:
            table.fail("name", f'there are two exercises "{exercise.name}"', "Give one of them another name.")
        exercises[exercise.id] = exercise
        for what, (place, files) in there.items():
            file = f"test_{exercise.name}.py" if what == "suite" else f"{exercise.name}.py"
            if file not in files:
                remedy = f"Write it at {place / file}, or remove the exercise."
                table.fail("name", f"its {what} is missing", remedy)
    return Topic(name, title, tuple(exercises.values()))


def _files(folder: Path) -> set[str]:
    # One listing a folder in place of three stat calls an exercise.
    return {entry.name for entry in _entries(folder) if entry.is_file()}


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:  # what cannot be listed is missing, and told of as that
        return []


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # raised at a name that is too long, or in a folder that is closed to us
        return False


def _read_exercise(table: Table, topic: str, data_folder: Path) -> Exercise:
    name = table.text("name")
    if not NAME.fullmatch(name):
        table.fail("name", f'is "{name}"', "Use small letters, digits and _ only.")
    exercise = Exercise(
        id=f"{topic}/{name}",
        title=table.text("title"),
        requires=_ids(table, "requires"),
        uses=_ids(table, "uses"),
        hints=table.texts("hints"),
        points=table.number("points", 10, 0, 10_000),
        minutes=table.number("minutes", 30, 1, 1_000),
        limits=_limits(table.table("limits")),
        forbid=tuple(_forbidden(each) for each in table.tables("forbid")),
        roadmap=table.texts("roadmap"),
        data=_data(table, data_folder),
        aliases=_ids(table, "aliases"),
        learnt=table.text("learnt", default=""),
        suite_version=table.number("suite_version", 1, 1, 1_000_000),
        level=cast(Level, table.choice("level", "published", LEVELS)),
        equivalent_mutants=table.mapping("equivalent_mutants"),
    )
    table.done()
    return exercise


def _ids(table: Table, key: Literal["requires", "uses", "aliases"]) -> tuple[str, ...]:
    ids = table.texts(key)
    for i, id_ in enumerate(ids):
        if not ID.fullmatch(id_):
            table.fail(key, f'"{id_}" is no id', 'Write topic/name, such as "attention/softmax".')
        if id_ in ids[:i]:
            table.fail(key, f'"{id_}" is named twice', "Name it once.")
    return ids


def _limits(table: Table) -> Limits:
    usual = Limits()
    limits = Limits(
        table.seconds("seconds", usual.seconds, 3_600.0),
        table.number("memory_mib", usual.memory_mib, 1, 1_048_576),
        table.number("output_mib", usual.output_mib, 1, 1_024),
    )
    table.done()
    return limits


def _forbidden(table: Table) -> Forbidden:
    forbidden = Forbidden(table.text("name"), table.text("why"))
    table.done()
    return forbidden


def _data(table: Table, folder: Path) -> tuple[str, ...]:
    names = table.texts("data")
    for name in names:
        plain = "/" not in name and "\\" not in name and "\0" not in name and not name.startswith(".")
        if not plain:
            table.fail(
                "data",
                f'"{name}" is no plain file name',
                f"Put the file in {folder} and write its name only.",
            )
        path = folder / name
        if not _is_file(path):
            table.fail("data", f'"{name}" is missing', f"Put the file at {path}, or take it off the list.")
        if not path.resolve().is_relative_to(folder.resolve()):
            table.fail("data", f'"{name}" is a link out of the data folder', f"Put the file itself at {path}.")
    return names


def _check_names(root: Path, exercises: dict[str, Exercise]) -> None:
    """An id is never reused: no alias is an id, and no two exercises have had the same one."""
    owners: dict[str, str] = {}
    for exercise in exercises.values():
        for alias in exercise.aliases:
            if alias in exercises:
                _fail(
                    root,
                    exercise,
                    "aliases",
                    f'"{alias}" is an exercise of its own',
                    "An id is never used again.",
                )
            if alias in owners:
                _fail(
                    root,
                    exercise,
                    "aliases",
                    f'"{alias}" is an alias of {owners[alias]} too',
                    "Keep it with one.",
                )
            owners[alias] = exercise.id


def _check_requires(root: Path, exercises: dict[str, Exercise]) -> None:
    renamed = {alias: exercise.id for exercise in exercises.values() for alias in exercise.aliases}
    for exercise in exercises.values():
        for other in exercise.requires:
            if other not in exercises:
                remedy = (
                    f'It is called "{renamed[other]}" now.'
                    if other in renamed
                    else (f"{nearest(other, exercises)}Name exercises of this course.")
                )
                _fail(root, exercise, "requires", f'there is no exercise "{other}"', remedy)
    cycle = find_cycle({id_: exercise.requires for id_, exercise in exercises.items()})
    if cycle:
        chain = " requires ".join([*cycle, cycle[0]])
        _fail(root, exercises[cycle[0]], "requires", f"goes in a circle: {chain}", "Remove one of these.")


def _check_uses(root: Path, exercises: dict[str, Exercise]) -> None:
    """What is imported has been passed: it is required, directly or by what is required."""
    for exercise in exercises.values():
        before: set[str] = set()
        todo = list(exercise.requires)
        while todo:
            id_ = todo.pop()
            if id_ not in before:
                before.add(id_)
                todo += exercises[id_].requires
        for other in exercise.uses:
            if other not in before:
                _fail(root, exercise, "uses", f'"{other}" is not required', f'Add "{other}" to `requires`.')


def _check_roadmap(root: Path, roadmap: dict[str, str], exercises: dict[str, Exercise]) -> None:
    """A course that names its tags names all of them."""
    for exercise in exercises.values():
        for tag in exercise.roadmap:
            if roadmap and tag not in roadmap:
                remedy = f"{nearest(tag, roadmap)}Name one of [roadmap] in course.toml, or add it there."
                _fail(root, exercise, "roadmap", f'there is no "{tag}"', remedy)


def _check_paths(document: Table, paths: dict[str, tuple[str, ...]], exercises: dict[str, Exercise]) -> None:
    requires = {id_: exercise.requires for id_, exercise in exercises.items()}
    for name, ids in paths.items():
        key = f"paths.{name}"
        if not ids:
            document.fail(key, "is empty", "Name at least one exercise, or remove the path.")
        for i, id_ in enumerate(ids):
            if id_ not in exercises:
                document.fail(
                    key,
                    f'there is no exercise "{id_}"',
                    f"{nearest(id_, exercises)}Name exercises of this course.",
                )
            if id_ in ids[:i]:
                document.fail(key, f'"{id_}" is named twice', "Name each exercise once.")
        wrong = out_of_order(ids, requires)
        if wrong:
            document.fail(key, f"{wrong[0]} comes before {wrong[1]}, which it requires", "Exchange the two.")


def _fail(root: Path, exercise: Exercise, key: str, problem: str, remedy: str) -> None:
    path = root / "exercises" / exercise.topic / "topic.toml"
    raise CourseError(f"{path}: exercise ({exercise.name}): {key}", problem, remedy)
