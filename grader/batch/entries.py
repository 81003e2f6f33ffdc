"""Files of a folder or of a zip, alike: found without following anything out of it, read within bounds, never unpacked to disk.

Everything in them was named and written by students. What is refused is refused alone, with the reason; the rest is read.
"""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import IO

MAX_FILE = 1 << 20
MAX_NOTEBOOK = 16 << 20  # outputs, pictures among them, are stored in it
MAX_ARCHIVE = 64 << 20
MAX_FILES = 10_000
MAX_DEPTH = 12
MAX_PATH = 400
# All that is read of one archive, decompressed.
MAX_TOTAL = 128 << 20
# The table of contents of 10,000 files with long names; more than that is refused before it is read.
MAX_CONTENTS = 4 << 20
_END, _END64 = b"PK\5\6", b"PK\6\7"
_END_SIZE, _END64_SIZE = 22, 20


class Refusal(Exception):
    """This file, or this archive, is not read; the text says why."""


@dataclass(frozen=True)
class Entry:
    """A file: the parts of its path below the folder or archive, when it was written (Unix time), and how to read it.

    `read(limit)` raises Refusal where it is larger than `limit` bytes or cannot be read.
    """

    parts: tuple[str, ...]
    at: float
    read: Callable[[int], bytes]


@dataclass(frozen=True)
class Refused:
    """Something that is not read, and why."""

    parts: tuple[str, ...]
    reason: str


def wanted(name: str) -> bool:
    """Whether a file of this name can hold a submission, or tells about them."""
    return name.lower().endswith((".py", ".ipynb", ".zip")) or name == "submission_metadata.yml"


def skipped(name: str) -> bool:
    """Whether a folder or file of this name is no student's work: hidden, a cache, what macOS adds to archives."""
    return name.startswith(".") or name in ("__pycache__", "__MACOSX", "node_modules", "venv", "site-packages")


# -- folders ---------------------------------------------------------------------------------------------------------


def of_folder(root: Path) -> Iterator[Entry | Refused]:
    """The files below `root` that are `wanted`, in the order of their names. Follows no link."""
    count = 0
    todo: list[tuple[Path, tuple[str, ...]]] = [(root, ())]
    while todo:
        folder, parts = todo.pop()
        try:
            with os.scandir(folder) as scan:
                found = []
                for item in scan:
                    count += 1
                    if count > MAX_FILES:
                        yield Refused(parts, f"more than {MAX_FILES:,} files; the rest of them is not looked at")
                        return
                    found.append(item)
        except OSError as error:
            yield Refused(parts, f"cannot be opened: {error.strerror or error}")
            continue
        below = []
        for item in sorted(found, key=lambda item: item.name):
            place = (*parts, item.name)
            if skipped(item.name):
                continue
            if item.is_symlink():
                if wanted(item.name) or item.is_dir():
                    yield Refused(place, "it is a link; only files are read")
            elif item.is_dir(follow_symlinks=False):
                if len(place) > MAX_DEPTH:
                    yield Refused(place, "the folders are nested too deeply")
                else:
                    below.append((Path(item.path), place))
            elif wanted(item.name):
                yield _file_entry(Path(item.path), place)
        todo += reversed(below)


def at_top(path: Path) -> Entry | Refused | None:
    """The file `path`, called by its name alone; None where it is not `wanted`."""
    if not wanted(path.name):
        return None
    return (
        Refused((path.name,), "it is a link; only files are read")
        if path.is_symlink()
        else _file_entry(path, (path.name,))
    )


def _file_entry(path: Path, parts: tuple[str, ...]) -> Entry | Refused:
    try:
        status = path.lstat()
    except OSError as error:
        return Refused(parts, f"cannot be read: {error.strerror or error}")
    if not stat.S_ISREG(status.st_mode):
        return Refused(parts, "it is no regular file")
    return Entry(parts, status.st_mtime, lambda limit: read_file(path, limit))


def read_file(path: Path, limit: int) -> bytes:
    """The content of a regular file, which may be none any more since it was found. Raises Refusal."""
    try:
        # Not through a link, and not to wait where somebody left a named pipe.
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Refusal("it is no regular file")
            return _bounded(file, limit)
    except OSError as error:
        raise Refusal(f"cannot be read: {error.strerror or error}") from None


def _bounded(file: IO[bytes], limit: int) -> bytes:
    data = file.read(limit + 1)
    if len(data) > limit:
        raise Refusal(f"it is larger than {_size(limit)}")
    return data


# -- archives --------------------------------------------------------------------------------------------------------


@contextmanager
def of_zip(data: bytes | Path) -> Iterator[list[Entry | Refused]]:
    """The files in a zip that are `wanted`, to be read within the `with`.

    A path is taken where the archive may be of any size: the teacher's own. Raises Refusal where it is none that can be read.
    """
    limited = isinstance(data, bytes)
    with BytesIO(data) if isinstance(data, bytes) else data.open("rb") as file:
        if isinstance(data, bytes):
            _check_contents(data)
        try:
            archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, struct.error) as error:
            raise Refusal(f"it is no zip that can be read: {error}") from None
        with archive:
            members = archive.infolist()
            if limited and len(members) > MAX_FILES:
                raise Refusal(f"it holds {len(members):,} files; at most {MAX_FILES:,} are looked at")
            budget = _Budget(MAX_TOTAL if limited else 1 << 40)
            yield [found for member in members for found in _member(archive, member, budget)]


@dataclass
class _Budget:
    left: int


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, budget: _Budget) -> Iterator[Entry | Refused]:
    # The name as it was written: zipfile turns backslashes into slashes on Windows only, and cuts it at a NUL.
    name = member.orig_filename.replace("\\", "/")
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if member.is_dir() or not parts or any(skipped(part) and part != ".." for part in parts) or not wanted(parts[-1]):
        return
    if ".." in parts or name.startswith("/") or "\0" in name or (len(parts[0]) == 2 and parts[0][1] == ":"):
        yield Refused(parts, "its name leads out of the archive")
    elif len(name) > MAX_PATH or len(parts) > MAX_DEPTH:
        yield Refused(parts, "its name is too long, or its folders are nested too deeply")
    elif stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
        yield Refused(parts, "it is a link, or no regular file; only files are read")
    elif member.flag_bits & 1:
        yield Refused(parts, "it is encrypted")
    else:
        yield Entry(parts, _written(member), lambda limit: _read_member(archive, member, limit, budget))


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int, budget: _Budget) -> bytes:
    if member.file_size > limit:  # what it says of itself; it is read within the limit all the same
        raise Refusal(f"it is larger than {_size(limit)}")
    try:
        with archive.open(member) as file:
            data = _bounded(file, min(limit, max(budget.left, 0)))
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError, OSError) as error:
        raise Refusal(f"it cannot be decompressed: {error}") from None
    budget.left -= len(data)
    return data


def _check_contents(data: bytes) -> None:
    """Refuse a table of contents that would take long to read, before `zipfile` reads it."""
    end = len(data) - _END_SIZE
    # As zipfile looks for it: at the very end, else the last one within the longest comment.
    if data[max(end, 0) :][:4] != _END or data[-2:] != b"\0\0":
        end = data.rfind(_END, max(len(data) - _END_SIZE - 0xFFFF, 0))
    if end < 0 or len(data) - end < _END_SIZE:
        raise Refusal("it is no zip that can be read: its table of contents is missing")
    if data[max(end - _END64_SIZE, 0) : end][:4] == _END64:
        raise Refusal("it is a zip for more than 4 GiB (zip64); pack it again without")
    size = int.from_bytes(data[end + 12 : end + 16], "little")
    if size > MAX_CONTENTS:
        raise Refusal(f"it holds too many files; at most {MAX_FILES:,} are looked at")


def _written(member: zipfile.ZipInfo) -> float:
    try:
        return datetime(*member.date_time).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0


def _size(limit: int) -> str:
    return f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit} bytes"
