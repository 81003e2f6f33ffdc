"""Finds a course by name and reads it: the shipped one, a folder, or one that another package brings."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

import grader
from grader.course.fields import nearest
from grader.course.order import course_order
from grader.course.parse import read_course
from grader.errors import CourseError
from grader.model import Course

__all__ = ["course_order", "find_course", "lasting_spec", "read_course", "shipped_root"]

GROUP = "gradlings.courses"


def find_course(spec: str | None = None) -> Course:
    """The course named by `spec`. Raises CourseError.

    None or "" is the shipped one; else a folder, or a name of the entry-point group `gradlings.courses`: its
    object is a Path, a str or a package.
    """
    if not spec:
        return read_course(shipped_root())
    if names_folder(spec):
        return read_course(_folder(Path(spec).expanduser().absolute()))
    return read_course(_from_entry_point(spec))


def shipped_root() -> Path:
    """Where the course of gradlings itself lies: in the package when installed, beside it in a clone."""
    package = Path(grader.__file__).parent
    return package if (package / "exercises" / "course.toml").is_file() else package.parent


def lasting_spec(spec: str | None) -> str:
    """`spec` as it can be written down and used from another folder."""
    if not spec:
        return ""
    return str(Path(spec).expanduser().absolute()) if names_folder(spec) else spec


def names_folder(spec: str) -> bool:
    """Whether `spec` is meant as a folder: it looks like one, or there is one of that name."""
    return os.sep in spec or "/" in spec or spec.startswith((".", "~")) or Path(spec).is_dir()


def _folder(path: Path) -> Path:
    if not (path / "exercises" / "course.toml").exists():
        inside = path.parent if (path / "course.toml").is_file() else None
        remedy = f"Name the folder above: {inside}" if inside else "Name a folder that holds exercises/course.toml."
        raise CourseError(str(path), "is not the folder of a course", remedy)
    return path


def _from_entry_point(name: str) -> Path:
    from importlib.metadata import entry_points  # 20 ms, and only third-party courses need it

    found = {point.name: point for point in entry_points(group=GROUP)}
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise CourseError(
            f"course {name!r}",
            "there is no folder and no installed course of that name",
            f"{nearest(name, found)}Installed are: {known}. A folder is named by its path, such as ./{name}.",
        )
    try:
        value = found[name].load()
    except Exception as error:  # whatever the import of somebody else's package raises
        raise CourseError(
            f"course {name!r}",
            f"its package does not load ({type(error).__name__}: {error})",
            f"Install it again, or tell its author; the entry point is {found[name].value}.",
        ) from error
    if isinstance(value, ModuleType):
        folders = list(getattr(value, "__path__", []))
        value = folders[0] if folders else Path(value.__file__ or "").parent
    if not isinstance(value, str | Path):
        raise CourseError(
            f"course {name!r}",
            f"its entry point {found[name].value} is a {type(value).__name__}",
            "It has to be a Path, a str or a package: the folder of the course.",
        )
    return _folder(Path(value))
