"""What the app asks of a terminal, and that it takes all of it back: read byte by byte from a pseudo-terminal."""

from __future__ import annotations

import re
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import psutil
import pytest

from .terminal import GRADLINGS, MINICOURSE, PATIENCE, environment, make_workspace, nothing_runs, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
MODE = re.compile(r"\x1b\[\?([0-9;]+)([hl])")
# As a terminal begins: the cursor shown, long lines wrapped, all else off.
USUAL = {"25": "h", "7": "h"}


def _left_on(written: str) -> dict[str, str]:
    """The modes that are not as they were, after all that was written."""
    now = {mode: state for modes, state in MODE.findall(written) for mode in modes.split(";")}
    return {mode: state for mode, state in now.items() if state != USUAL.get(mode, "l")}


def _keyboard(written: str) -> int:
    """How many times the keyboard protocol was asked for and not given back."""
    return len(re.findall(r"\x1b\[>\d+u", written)) - len(re.findall(r"\x1b\[<u", written))


class Pty:
    """The app in a pseudo-terminal, and all that it has written."""

    def __init__(self, folder: Path, cwd: Path, command: str) -> None:
        program, *args = shlex.split(command)
        self.folder = folder
        self.child = pexpect.spawn(
            program, args, cwd=str(cwd), env=environment(folder, TERM="xterm-256color"),
            dimensions=(24, 80), encoding="utf-8", timeout=PATIENCE,
        )  # fmt: skip
        self.child.delaybeforesend = None
        self.written = ""

    def until(self, words: str) -> None:
        """Read until `words` come."""
        self.child.expect_exact(words)
        self.written += self.child.before + self.child.after

    def ends(self) -> int | None:
        """Read to the end; the exit code."""

        def over() -> bool:
            try:
                self.written += self.child.read_nonblocking(1 << 16, timeout=0.1)
            except pexpect.TIMEOUT:
                pass
            except pexpect.EOF:
                return True
            return False

        until(over)
        self.child.wait()
        nothing_runs(self.folder)
        return self.child.exitstatus


@pytest.fixture
def pty(tmp_path: Path) -> Iterator[Pty]:
    opened = Pty(tmp_path, make_workspace(tmp_path / "ws"), GRADLINGS)
    opened.until("Quit")
    yield opened
    opened.child.close(force=True)


@pytest.fixture
def welcome(tmp_path: Path) -> Iterator[Pty]:
    folder = tmp_path / "empty"
    folder.mkdir()
    opened = Pty(tmp_path, folder, f"{GRADLINGS} --course {shlex.quote(str(MINICOURSE))}")
    opened.until("Leave")
    yield opened
    assert not list(folder.iterdir())
    opened.child.close(force=True)


ENDINGS = ["q", "\x03", "\x11", signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
NAMES = ["q", "Ctrl-C", "Ctrl-Q", "SIGINT", "SIGTERM", "SIGHUP"]


@pytest.mark.parametrize("ending", ENDINGS, ids=NAMES)
@pytest.mark.parametrize("place", ["pty", "welcome"])
def test_what_is_asked_of_the_terminal_is_taken_back(request, place, ending):
    pty: Pty = request.getfixturevalue(place)
    assert "1049" in _left_on(pty.written)
    assert "1003" in _left_on(pty.written)
    if isinstance(ending, str):
        pty.child.send(ending)
    else:
        psutil.Process(pty.child.pid).send_signal(ending)
    assert pty.ends() == 0
    assert _left_on(pty.written) == {}
    assert _keyboard(pty.written) == 0
