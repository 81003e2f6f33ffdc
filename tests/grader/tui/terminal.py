"""What a test of the app in a real terminal needs: a tmux of its own, the keys and the screen, and who is still running."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from grader.course.read import find_course
from grader.course.workspace import init

MINICOURSE = Path(__file__).parents[2] / "minicourse"
CLAMP = "exercises/numbers/clamp.py"
SLOPE = "exercises/numbers/slope.py"
RIGHT = "def clamp(x, low, high):\n    return max(low, min(x, high))\n"
WRONG = "def clamp(x, low, high):\n    return min(low, max(x, high))\n"
ENDLESS = "def clamp(x, low, high):\n    while True:\n        pass\n"
GRADLINGS = shlex.join([sys.executable, "-m", "grader.cli"])
PROMPT = "ready>"
PATIENCE = 40.0

T = TypeVar("T")

needs_tmux = [
    pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc"),
]


def until(condition: Callable[[], T], otherwise: Callable[[], str] = str, within: float = PATIENCE) -> T:
    """The first true thing that `condition` returns; fails with what `otherwise` says where none comes `within` seconds."""
    deadline = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.01)
    return found


def make_workspace(folder: Path) -> Path:
    """A new workspace of the mini-course."""
    return init(folder, find_course(str(MINICOURSE)), str(MINICOURSE)).workspace.root


def environment(folder: Path, **more: str) -> dict[str, str]:
    """An environment in which the learner's own files lie in `folder`, and which marks every process that is started in it."""
    dropped = {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TMUX", "TMUX_PANE", "VISUAL", "EDITOR", "TERM_PROGRAM"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    own = {"HOME": str(folder), "GRADLINGS_CONFIG": str(folder / "config"), "TMPDIR": str(folder)}
    return {**kept, **own, "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1", "PS1": f"{PROMPT} ", "HISTFILE": "", **more}


class Terminal:
    """A shell in a tmux server of its own."""

    def __init__(self, folder: Path, cwd: Path, size: tuple[int, int] = (120, 30), **more: str) -> None:
        """`folder` holds the server's socket and the learner's own files; its path is short, as a socket's has to be."""
        self.folder = folder
        self._env = environment(folder, TMUX_TMPDIR=str(folder), **more)
        shell = ("bash", "--norc", "--noprofile")
        self._tmux("new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), "-c", str(cwd), *shell)
        self.shows(PROMPT)

    def _tmux(self, *args: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", "t", "-f", "/dev/null", *args],
            env=self._env, capture_output=True, text=True, check=True, timeout=PATIENCE,
        )  # fmt: skip
        return done.stdout

    # -- what is on it -------------------------------------------------------------------------------------------------

    @property
    def screen(self) -> str:
        """The text on the screen."""
        return self._tmux("capture-pane", "-p")

    def shows(self, *words: str, within: float = PATIENCE) -> str:
        """The screen as soon as all of `words` are on it."""

        def found() -> str:
            screen = self.screen
            return screen if all(each in screen for each in words) else ""

        return until(found, lambda: f"{words} is not all here:\n{self.screen}", within)

    def no_longer(self, word: str) -> str:
        """The screen as soon as `word` is gone."""
        until(lambda: word not in self.screen, lambda: f"{word} is still here:\n{self.screen}")
        return self.screen

    @property
    def modes(self) -> tuple[str, ...]:
        """Which of the alternate screen and the mouse are on, and whether the cursor is hidden."""
        on = self._tmux("display-message", "-p", "#{alternate_on} #{mouse_any_flag} #{cursor_flag}").split()
        wanted = (("alternate screen", "0"), ("mouse", "0"), ("hidden cursor", "1"))
        return tuple(name for (name, usual), now in zip(wanted, on, strict=True) if now != usual)

    # -- what is done to it --------------------------------------------------------------------------------------------

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names for them."""
        self._tmux("send-keys", *keys)

    def type(self, line: str) -> None:
        """Type a line into the shell."""
        self._tmux("send-keys", "-l", line)
        self.press("Enter")

    def resize(self, width: int, height: int) -> None:
        """Give the window another size."""
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def close_window(self) -> None:
        """As closing the window of a terminal does: everything in it hears SIGHUP."""
        self._tmux("kill-window")

    def close(self) -> None:
        """End the server, and whatever still runs in it."""
        subprocess.run(["tmux", "-L", "t", "kill-server"], env=self._env, capture_output=True, check=False)
        for process in running(self.folder):
            process.kill()

    # -- the app in it -------------------------------------------------------------------------------------------------

    def start(self, command: str = GRADLINGS, *words: str) -> psutil.Process:
        """Start the app; its process, once it has painted everything and listens for saves."""
        self.type(f"{command}; echo ended $?")
        self.shows(*words or ("Quit", "/4"))
        app = until(lambda: next(iter(programs(self.folder, "grader.cli")), None))
        until(lambda: listens(app) or "follows" in self.screen or "grades this workspace" in self.screen)
        return app

    def ended(self, code: int = 0, *said: str) -> None:
        """The app has ended with that code, only `said` is new on the shell's screen, and nothing runs."""
        self.shows(f"ended {code}", within=10)
        left = self._tmux("capture-pane", "-p", "-J").rpartition("; echo ended $?")[2].splitlines()
        assert [line.rstrip() for line in left if line] == [*said, f"ended {code}", PROMPT]
        assert self.modes == ()
        nothing_runs(self.folder)


Open = Callable[..., Terminal]


@contextlib.contextmanager
def terminals(temporary: pytest.TempPathFactory, workspace: Path) -> Iterator[Open]:
    """Opens terminals in `workspace` or elsewhere (`open(cwd, size, **environment)`), and closes them all at the end."""
    opened: list[Terminal] = []

    def open(cwd: Path = workspace, size: tuple[int, int] = (120, 30), **more: str) -> Terminal:
        opened.append(Terminal(temporary.mktemp("t"), cwd, size, **more))
        return opened[-1]

    try:
        yield open
    finally:
        for each in opened:
            each.close()


# -- processes ---------------------------------------------------------------------------------------------------------


def running(folder: Path) -> list[psutil.Process]:
    """The Python programs that run with `folder` for their temporary files."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("TMPDIR") == str(folder) and "python" in process.name():
                found.append(process)
        except psutil.Error:
            continue
    return found


def programs(folder: Path, module: str) -> list[psutil.Process]:
    """Those among them that run `module`, parents before their forks."""
    found = []
    for process in running(folder):
        try:
            if module in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return sorted(found, key=lambda process: process.pid)


def nothing_runs(folder: Path, within: float = 10.0) -> None:
    """Every program that was started in the terminal has ended within so many seconds."""
    until(lambda: not running(folder), lambda: f"still running: {running(folder)}", within)


def listens(app: psutil.Process) -> bool:
    """Whether the app hears of saves: what is saved before nobody would grade."""
    descriptors = Path(f"/proc/{app.pid}/fd")
    try:
        return any(os.readlink(each) == "anon_inode:inotify" for each in descriptors.iterdir())
    except OSError:
        return False


def grades(app: psutil.Process) -> bool:
    """Whether a learner's code runs just now: there is a process that has used a twentieth of a second and is no parent."""
    for process in app.children(recursive=True):
        try:
            used = process.cpu_times()
            if process.parent() != app and used.user + used.system >= 0.05:
                return True
        except psutil.Error:
            continue
    return False


def kill(process: psutil.Process) -> None:
    """As the kernel does where memory is short."""
    process.send_signal(signal.SIGKILL)


# -- saves -------------------------------------------------------------------------------------------------------------


def replaced(path: Path, source: str) -> None:
    """A new file in the place of the old, as most editors do it."""
    new = path.with_name(f".{path.name}.swp")
    new.write_text(source)
    new.replace(path)


def in_place(path: Path, source: str) -> None:
    """Written over, then cut to its length: the file is never empty."""
    with path.open("r+b") as file:
        file.write(source.encode())
        file.truncate()


def truncated(path: Path, source: str) -> None:
    """Emptied first, and written in two halves."""
    with path.open("w") as file:
        file.flush()
        file.write(source[:20])
        file.flush()
        file.write(source[20:])


SAVES: Mapping[str, Callable[[Path, str], None]] = {each.__name__: each for each in (replaced, in_place, truncated)}
