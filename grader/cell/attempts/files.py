"""Reading what is not its own, and writing anything at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from grader.cell.attempts.scene import Attempt, Scene


def reading() -> Iterator[Attempt]:
    """Reading files and folders, its own and others'."""

    def first_byte(path: str | Path) -> str:
        with Path(path).open("rb") as file:
            return f"read {len(file.read(1))} byte of {path}"

    def listing(path: str | Path) -> str:
        return f"saw {len(list(Path(path).iterdir()))} names in {path}"

    def courses(scene: Scene) -> str:
        for root in (*scene.courses, here.parents[2], here.parents[3]):  # and the one in a wheel or a clone
            for part in ("reference", "tests", "exercises", "."):
                if (root / part).is_dir():
                    return listing(root / part)
        raise PermissionError("no course's folder can be seen")

    here = Path(__file__).resolve()
    yield Attempt("read the password file", "landlock", lambda _: first_byte("/etc/passwd"))
    yield Attempt("read the grader's source", "landlock", lambda _: first_byte(here))
    yield Attempt("list the grader's folder", "landlock", lambda _: listing(here.parents[2]))
    yield Attempt("list the courses' folders", "landlock", courses)
    yield Attempt("read a file in the temporary folder", "landlock", lambda s: first_byte(s.folder / "victim"))
    yield Attempt("list the root folder", "landlock", lambda _: listing("/"))
    yield Attempt("list the home folder", "landlock", lambda _: listing(Path.home()))
    yield Attempt("list shared memory", "landlock", lambda _: listing("/dev/shm"))
    yield Attempt("read its environment in /proc", "landlock", lambda _: first_byte("/proc/self/environ"))
    yield Attempt("read its memory map in /proc", "landlock", lambda _: first_byte("/proc/self/maps"))
    yield Attempt("read its parent in /proc", "landlock", lambda _: first_byte(f"/proc/{os.getppid()}/environ"))
    yield Attempt("list the processes in /proc", "landlock", lambda _: listing("/proc"))


def writing() -> Iterator[Attempt]:
    """Changing the file system in every way there is."""

    def opened(path: Path, flags: int) -> str:
        os.close(os.open(path, flags, 0o600))
        return f"opened {path}"

    def done(deed: Callable[[Path], object]) -> Callable[[Scene], str]:
        return lambda scene: f"done to {scene.folder}: {deed(scene.folder)}"

    new = os.O_WRONLY | os.O_CREAT
    yield Attempt("create a file", "landlock", lambda s: opened(s.folder / "new", new))
    yield Attempt("create a file in shared memory", "landlock", _shared_file)
    yield Attempt("create a file without a name", "seccomp", lambda s: opened(s.folder, os.O_TMPFILE | os.O_RDWR))
    yield Attempt("open a file for writing", "landlock", lambda s: opened(s.folder / "victim", os.O_WRONLY))
    yield Attempt("empty a file by opening it", "seccomp", lambda s: opened(s.folder / "victim", os.O_TRUNC))
    yield Attempt("truncate a file", "seccomp", done(lambda f: os.truncate(f / "victim", 0)))
    yield Attempt("change a file's mode", "seccomp", done(lambda f: (f / "victim").chmod(0o600)))
    yield Attempt("change a file's owner", "seccomp", done(lambda f: os.chown(f / "victim", -1, -1)))
    yield Attempt("change a file's times", "seccomp", done(lambda f: os.utime(f / "victim")))
    yield Attempt("set an attribute", "seccomp", done(lambda f: os.setxattr(f / "victim", "user.x", b"1")))
    yield Attempt("link a file", "seccomp", done(lambda f: os.link(f / "victim", f / "hard")))
    yield Attempt("make a symbolic link", "seccomp", done(lambda f: (f / "soft").symlink_to("victim")))
    yield Attempt("make a folder", "seccomp", done(lambda f: (f / "made").mkdir()))
    yield Attempt("make a named pipe", "seccomp", done(lambda f: os.mkfifo(f / "fifo")))
    yield Attempt("rename a file", "seccomp", done(lambda f: (f / "victim").rename(f / "moved")))
    yield Attempt("delete a file", "seccomp", done(lambda f: (f / "doomed").unlink()))


def _shared_file(_: Scene) -> str:
    path = Path(f"/dev/shm/gradlings-{os.getpid()}")
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    path.unlink()
    return f"created {path}"
