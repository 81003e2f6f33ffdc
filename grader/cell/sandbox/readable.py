"""Which files a cell may read: the standard library, the installed packages and the system's shared libraries, entry by
entry, without whatever belongs to this project or to a course. No system call but listing folders.

Landlock only allows, never denies, and allows a folder with everything beneath it; so a folder that holds something
hidden is taken apart. In an installed wheel the references lie in site-packages, and site-packages often lies in the
standard library's folder.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

PACKAGE_FOLDERS = ("site-packages", "dist-packages")
OURS = ("grader", "grader.*", "gradlings*", "__editable__*", "_editable_impl_*", "*.pth", "*.egg-link")
FILES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/etc/ld.so.cache", "/etc/localtime")
FOLDERS = ("/usr/share/zoneinfo",)
_LIBRARY = re.compile(r"\.so(\.|$)|-linux-gnu")
LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")


@dataclass(frozen=True)
class Readable:
    """`paths` may be read with all beneath them; `roots` are the folders that were taken apart to find them."""

    paths: tuple[Path, ...]
    roots: tuple[Path, ...]


def find(hidden: Iterable[Path], search_path: Sequence[str]) -> Readable:
    """What to allow, given the roots of courses and the import path. Paths of a clone on it are never allowed."""
    secret = _with_ours(hidden)
    roots = tuple(dict.fromkeys([*_standard_library(search_path), *_package_folders(search_path)]))
    paths = [path for root in roots for path in _beneath(root, root, secret)]
    for found in (*map(Path, FILES), *map(Path, FOLDERS), *_shared_libraries()):
        paths += _granted(found, found.parent, secret)
    return Readable(tuple(dict.fromkeys(paths)), roots)


def _with_ours(hidden: Iterable[Path]) -> tuple[Path, ...]:
    """The courses' roots and folders, and this package wherever it lies, resolved."""
    package = Path(__file__).resolve().parents[2]
    courses = [Path(root).resolve() for root in hidden]
    parts = [root / part for root in (*courses, package.parent) for part in ("exercises", "reference", "tests")]
    return tuple(dict.fromkeys([package, *courses, *parts]))


def _standard_library(search_path: Iterable[str]) -> Iterator[Path]:
    """Its folder, and on some systems a second one for what is compiled."""
    yield Path(os.__file__).resolve().parent
    for entry in search_path:
        if Path(entry).name == "lib-dynload":
            yield Path(entry).resolve().parent


def _package_folders(search_path: Iterable[str]) -> Iterator[Path]:
    for entry in search_path:
        folder = Path(entry)
        if folder.name in PACKAGE_FOLDERS and os.path.isdir(folder):
            yield folder.resolve()


def _beneath(folder: Path, root: Path, secret: tuple[Path, ...]) -> Iterator[Path]:
    """The entries of a folder that may be read."""
    for path in _listed(folder):
        if folder != root or not _is_left_out(path):
            yield from _granted(path, root, secret)


def _granted(path: Path, root: Path, secret: tuple[Path, ...]) -> Iterator[Path]:
    """The path itself; nothing where it is secret; its parts where it holds a secret."""
    target = path.resolve()
    # A root may lie within a course (a clone with its environment inside); what its links lead to outside may not.
    if any(_within(target, s) for s in secret if not (_within(root, s) and _within(target, root))):
        return
    if any(_within(s, target) for s in secret):
        yield from _beneath(path, root, secret)
    else:
        yield path


def _is_left_out(path: Path) -> bool:
    if path.name in PACKAGE_FOLDERS or any(fnmatchcase(path.name.lower(), pattern) for pattern in OURS):
        return True
    # Other people's courses, installed as packages.
    return os.path.exists(path / "exercises" / "course.toml")


def _listed(folder: Path) -> list[Path]:
    """A folder's entries; none where it is missing, or not ours to list (the cell could not read it either)."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _within(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents


def _shared_libraries() -> Iterator[Path]:
    """Shared libraries alone: these folders also hold other Pythons, with packages of their own."""
    prefixes = {sys.base_prefix, sys.base_exec_prefix}
    for folder in (*LIBRARIES, *(f"{prefix}/lib" for prefix in sorted(prefixes))):
        yield from (path for path in _listed(Path(folder)) if _LIBRARY.search(path.name))
