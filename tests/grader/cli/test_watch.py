"""`watch`, with the real engine: as a stream of JSON events, and in a real terminal."""

from __future__ import annotations

import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import psutil
import pytest

from .conftest import CLAMP, MINICOURSE, PROGRAM, RIGHT, WRONG, environment

PATIENCE = 40.0
SLOPE = "exercises/numbers/slope.py"
SLOPE_RIGHT = (MINICOURSE / "reference/numbers/slope.py").read_text()


class Watch:
    """A running `gradlings watch --json`."""

    def __init__(self, workspace: Path, *args: str) -> None:
        self.workspace = workspace
        self.process = subprocess.Popen(
            [*PROGRAM, "watch", "--json", *args],
            cwd=workspace, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
        )  # fmt: skip
        self.events: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.put(json.loads(line))

    def save(self, file: str, source: str) -> None:
        """As most editors do it: a new file in the place of the old."""
        new = self.workspace / f"{file}.tmp"
        new.write_text(source)
        new.replace(self.workspace / file)

    def next(self, event: str) -> dict[str, Any]:
        """The next event, which must be one of this kind; points of curves are passed over where none is asked for."""
        found = self.events.get(timeout=PATIENCE)
        while found["event"] == "point" != event:
            found = self.events.get(timeout=PATIENCE)
        assert found["event"] == event, found
        return found

    def verdict(self) -> tuple[str, str]:
        """The next event, which must be a verdict: exercise and status."""
        found = self.next("verdict")
        return found["exercise"], found["verdict"]["status"]

    def end(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """End it by a signal; exit code and what it said on stderr. Every process it had must be gone."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert self.process.stderr is not None
        _, alive = psutil.wait_procs(family, timeout=PATIENCE)
        assert not alive
        return code, self.process.stderr.read().decode()

    def close(self) -> None:
        """End it somehow."""
        self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


Start = Callable[..., Watch]


@pytest.fixture
def watch(workspace: Path) -> Iterator[Start]:
    running: list[Watch] = []

    def start(*args: str) -> Watch:
        running.append(Watch(workspace, *args))
        return running[-1]

    yield start
    for each in running:
        each.close()


@pytest.fixture
def watching(watch: Start) -> Watch:
    """A watch that has said that it watches."""
    found = watch()
    found.next("watching")
    return found


def test_it_begins_with_the_current_exercise_and_its_file(watch, workspace):
    begun = watch().next("watching")
    assert begun["exercise"] == "numbers/clamp"
    assert begun["file"] == str(workspace / CLAMP)
    assert begun["how"] == "file events"


def test_any_exercise_is_graded_when_it_is_saved_and_recorded(watching, at):
    # The first save comes before anything is warm.
    watching.save(CLAMP, WRONG)
    first = watching.next("verdict")
    assert (first["exercise"], first["verdict"]["status"], first["attempt"]) == ("numbers/clamp", "failed", 1)
    assert first["verdict"]["checks"][0]["diagnosis"]["mistake"] == "exchanged"
    watching.save(SLOPE, SLOPE_RIGHT)
    assert watching.verdict() == ("numbers/slope", "passed")
    watching.save(CLAMP, RIGHT)
    passed = watching.next("verdict")
    assert (passed["first_pass"], passed["next"]) == (True, "words/frequencies")
    assert watching.end() == (0, "")
    assert watching.next("stopped") == {"event": "stopped"}
    assert [a["status"] for a in at("history", "--json").json["attempts"]] == ["failed", "passed", "passed"]


def test_a_curve_is_told_while_it_is_drawn_and_kept(watching):
    watching.save(SLOPE, SLOPE_RIGHT)
    point = watching.next("point")
    assert (point["exercise"], point["curve"], point["x"]) == ("numbers/slope", "slope", 0.0)
    assert (point["check"], point["title"]) == ("against_the_formula", "Random cubics at random points")
    check = next(each for each in watching.next("verdict")["verdict"]["checks"] if each["id"] == point["check"])
    assert check["curves"][0]["name"] == "slope"
    assert check["curves"][0]["x"] == list(range(10))
    assert check["curves"][0]["y"][0] == point["y"]


def test_what_is_saved_becomes_the_current_one(watching, at):
    watching.save(SLOPE, "def slope(f, x):\n    return 1.0\n")
    assert watching.verdict() == ("numbers/slope", "error")
    until = time.monotonic() + PATIENCE
    while [row["id"] for row in at("list", "--json").json["exercises"] if row["current"]] != ["numbers/slope"]:
        assert time.monotonic() < until


def test_emptied_removed_renamed_and_back(watching, workspace):
    path = workspace / CLAMP
    path.write_text("")
    empty = watching.next("verdict")
    assert (empty["attempt"], empty["verdict"]["status"]) == (None, "error")
    assert "empty" in empty["verdict"]["message"]
    path.unlink()
    gone = watching.next("trouble")
    assert "removed or renamed" in gone["message"]
    assert "gradlings reset numbers/clamp" in gone["hint"]
    path.write_text("def f(:\n")
    assert "line 1" in watching.next("verdict")["verdict"]["message"]
    path.rename(path.with_suffix(".old"))
    watching.next("trouble")
    path.with_suffix(".old").rename(path)
    watching.next("verdict")
    path.write_text(RIGHT)
    assert watching.verdict() == ("numbers/clamp", "passed")


def test_a_half_written_file_is_not_complained_of(watching, workspace):
    watching.save(SLOPE, SLOPE_RIGHT)  # so that it is warm
    watching.verdict()
    for half in ("", RIGHT[: len(RIGHT) // 2], "def clamp("):
        with (workspace / CLAMP).open("w") as file:
            file.write(half)
            file.flush()
            time.sleep(0.02)  # long enough to be seen as it is
            file.seek(0)
            file.write(f"{RIGHT}# {half!r}\n")
        assert watching.verdict() == ("numbers/clamp", "passed")


def test_the_newest_save_wins(watching, at, workspace):
    watching.save(SLOPE, SLOPE_RIGHT)
    watching.verdict()
    mark = workspace.parent / "never"
    watching.save(CLAMP, f"import time\ntime.sleep(60)  # {mark}\n")
    _until_a_cell_runs(watching.process.pid)
    begun = time.monotonic()
    watching.save(CLAMP, RIGHT)
    assert watching.verdict() == ("numbers/clamp", "passed")
    assert time.monotonic() - begun < 4  # a check alone may take five seconds
    assert watching.end()[0] == 0
    assert len(at("history", "clamp", "--json").json["attempts"]) == 1


def test_no_save_is_lost_when_another_exercise_is_saved(watching):
    watching.save(SLOPE, SLOPE_RIGHT)
    watching.verdict()
    watching.save(CLAMP, "import time\ntime.sleep(1.5)\n" + RIGHT)
    _until_a_cell_runs(watching.process.pid)
    watching.save(SLOPE, SLOPE_RIGHT + "# again\n")
    assert watching.verdict() == ("numbers/slope", "passed")
    assert watching.verdict() == ("numbers/clamp", "passed")


def test_a_second_watch_follows_and_takes_over(watching, watch):
    second = watch()
    second.next("following")
    watching.save(CLAMP, WRONG)
    watching.verdict()
    followed = second.next("followed")
    assert (followed["exercise"], followed["verdict"]["status"]) == ("numbers/clamp", "failed")
    watching.process.kill()  # not even a goodbye
    assert "this one grades from now on" in second.next("note")["text"]
    second.next("watching")
    second.save(CLAMP, RIGHT)
    assert second.verdict() == ("numbers/clamp", "passed")
    assert second.end() == (0, "")


def test_polling(watch):
    polling = watch("--poll")
    assert polling.next("watching")["how"].startswith("polling every 0.2 s")
    polling.save(CLAMP, RIGHT)
    assert polling.verdict() == ("numbers/clamp", "passed")


def test_the_exercises_replaced_as_a_whole(watching, workspace):
    """As `git checkout` of another branch does, or a restored backup."""
    other = workspace / "other"
    shutil.copytree(workspace / "exercises", other)
    (other / "numbers/clamp.py").write_text(RIGHT)
    (workspace / "exercises").rename(workspace / "old")
    other.rename(workspace / "exercises")
    assert watching.verdict() == ("numbers/clamp", "passed")
    watching.save(SLOPE, SLOPE_RIGHT)
    assert watching.verdict() == ("numbers/slope", "passed")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "grading"])
def test_it_ends_at_once_and_leaves_nothing(watching, number, busy):
    watching.save(CLAMP, RIGHT)
    watching.verdict()
    if busy:
        watching.save(CLAMP, "while True:\n    pass\n")
        _until_a_cell_runs(watching.process.pid)
    begun = time.monotonic()
    assert watching.end(number) == (0, "")
    assert time.monotonic() - begun < 3


def test_a_reader_that_has_gone_ends_it(workspace):
    read, write = os.pipe()
    process = subprocess.Popen(
        [*PROGRAM, "watch", "--json"], cwd=workspace, stdout=write, stderr=subprocess.PIPE, env=environment()
    )
    os.close(write)
    assert b'"watching"' in os.read(read, 4096)
    os.close(read)
    (workspace / CLAMP).write_text(RIGHT)
    _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (141, b"")


# -- in a terminal -----------------------------------------------------------------------------------------------------


@pytest.fixture
def terminal(workspace: Path) -> Iterator[pexpect.spawn]:
    child = pexpect.spawn(
        sys.executable, ["-m", "grader.cli", "watch"],
        cwd=str(workspace), env=environment(), dimensions=(24, 80), encoding="utf-8", timeout=PATIENCE, echo=True,
    )  # fmt: skip
    child.delaybeforesend = None
    child.expect("Keys: h hint, n next exercise, r grade again, q quit")
    yield child
    child.close(force=True)


def test_a_lesson_in_a_terminal(terminal, workspace):
    begun = plain(terminal.before)
    assert "numbers/clamp: Keep a number between two bounds" in begun
    assert "Edit exercises/numbers/clamp.py" in begun
    assert "by file events" in begun
    (workspace / CLAMP).write_text(WRONG)
    terminal.expect("gradlings hint")
    said = plain(terminal.before)
    assert "failed  0 of 3 checks" in said
    assert "What went wrong: min and max are exchanged" in said
    assert "\x1b[31m" in terminal.before  # colours: it is a terminal
    terminal.send("h")
    terminal.expect("numbers/clamp, hint 1 of 4: ")
    terminal.send("r")
    terminal.expect("failed")
    (workspace / CLAMP).write_text(RIGHT)
    terminal.expect("Learnt: ")
    terminal.expect("words/frequencies.py")
    terminal.send("n")
    terminal.expect("words/vocabulary: ")
    terminal.send("q")
    terminal.expect("Stopped")
    terminal.expect(pexpect.EOF)
    terminal.wait()
    assert terminal.exitstatus == 0
    for line in plain(begun + said).splitlines():
        assert len(line) <= 80


def test_ctrl_c_in_a_terminal(terminal):
    family = psutil.Process(terminal.pid).children(recursive=True)
    assert len(family) >= 2
    terminal.sendintr()
    terminal.expect("Stopped")
    terminal.expect(pexpect.EOF)
    terminal.wait()
    assert (terminal.exitstatus, terminal.signalstatus) == (0, None)
    assert not psutil.wait_procs(family, timeout=PATIENCE)[1]


def test_what_a_learner_prints_does_nothing_to_the_terminal(terminal, workspace):
    hostile = r"\x1b[2J\x1b]0;title\x07\x1b[?1049h\x9b31m\u202eevil\r[bold]b[/]"
    (workspace / CLAMP).write_text(
        f"def clamp(x, low, high):\n    print('{hostile}')\n    raise ValueError('{hostile}')\n"
    )
    terminal.expect("gradlings hint")
    said = re.sub(r"\x1b\[[0-9;]*m", "", terminal.before)
    assert "evil" in said
    assert "[bold]b[/]" in said
    assert not set(said) & {"\x1b", "\x07", "\x9b", "\u202e"}
    assert "\r" not in said.replace("\r\n", "")


def test_the_terminal_is_left_as_it_was(workspace):
    """A shell around it, since the terminal outlives the program."""
    shell = pexpect.spawn(
        "bash",
        ["--norc", "--noprofile"],
        cwd=str(workspace),
        env=environment(PS1="$ "),
        encoding="utf-8",
        timeout=PATIENCE,
    )
    try:
        shell.sendline("set -m; PS1='ready> '; stty -a | md5sum")
        before = _digest(shell)
        for ending in ("q", "\x03"):
            shell.sendline(f"{sys.executable} -m grader.cli watch")
            shell.expect("Keys:")
            _until_quiet(shell)
            shell.send(ending)
            shell.expect("Stopped")
            shell.sendline("stty -a | md5sum")
            assert _digest(shell) == before
        # As a job: stopped, sent to the background, brought back.
        shell.sendline(f"{sys.executable} -m grader.cli watch")
        shell.expect("Keys:")
        _until_quiet(shell)
        shell.send("\x1a")
        shell.expect("Stopped.*ready> ")
        shell.sendline("fg")
        shell.expect("grader.cli watch")
        _until_quiet(shell)
        shell.send("h")
        shell.expect("hint 1 of 4")
        shell.send("q")
        shell.expect("Stopped. Everything")
    finally:
        shell.close(force=True)


def plain(text: str) -> str:
    """Without colours, as one reads it."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text).replace("\r\n", "\n")


def _digest(shell: pexpect.spawn) -> str:
    shell.expect(r"([0-9a-f]{32})  -")
    assert shell.match is not None
    return str(shell.match[1])


def _until_quiet(shell: pexpect.spawn) -> None:
    """Until it reads single keys: without echo and lines."""
    until = time.monotonic() + PATIENCE
    while termios.tcgetattr(shell.child_fd)[3] & (termios.ECHO | termios.ICANON):
        assert time.monotonic() < until
        time.sleep(0.01)


def _until_a_cell_runs(pid: int) -> None:
    """Until a process of the second generation is there: the cell of a grading."""
    until = time.monotonic() + PATIENCE
    while not any(child.children() for child in psutil.Process(pid).children()):
        assert time.monotonic() < until
        time.sleep(0.005)
