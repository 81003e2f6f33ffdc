"""The app in a real terminal when what should not end does: itself, its window, the engine; and when a program does not."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from .terminal import (
    CLAMP,
    ENDLESS,
    RIGHT,
    SLOPE,
    WRONG,
    Open,
    Terminal,
    grades,
    kill,
    make_workspace,
    needs_tmux,
    nothing_runs,
    programs,
    replaced,
    running,
    terminals,
    until,
)

pytestmark = needs_tmux
# Right, and at work for most of a second: by the clock, so that a busy machine does not bring it over its limit.
SLOW = """import time
begun = time.process_time()
while time.process_time() < begun + 0.1:
    pass
time.sleep(0.7)
def slope(f, x, h):
    return (f(x + h) - f(x - h)) / (2 * h)
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return make_workspace(tmp_path / "ws")


@pytest.fixture
def open_terminal(tmp_path_factory: pytest.TempPathFactory, workspace: Path) -> Iterator[Open]:
    with terminals(tmp_path_factory, workspace) as open:
        yield open


@pytest.fixture
def terminal(open_terminal: Open) -> Terminal:
    return open_terminal()


def _grading(terminal: Terminal, app: psutil.Process, file: Path, source: str = ENDLESS) -> None:
    """A grading begins that does not end by itself for seconds."""
    replaced(file, source)
    terminal.shows("grading ...")
    until(lambda: grades(app))


# -- the app is ended --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "grading"])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP, "window"], ids=["SIGTERM", "SIGHUP", "window"])
def test_ended_from_outside_it_leaves_nothing(terminal, workspace, how, busy):
    app = terminal.start()
    assert len(running(terminal.folder)) >= 3  # itself, the judge, the parent of the cells
    if busy:
        _grading(terminal, app, workspace / CLAMP)
    if how == "window":
        terminal.close_window()
        nothing_runs(terminal.folder)
    else:
        app.send_signal(how)
        terminal.ended(0)


def test_ended_and_woken_it_does_not_begin_anew(terminal):
    app = terminal.start()
    app.send_signal(signal.SIGHUP)
    app.send_signal(signal.SIGCONT)  # comes with the other where a window is closed
    terminal.ended(0)


@pytest.mark.parametrize("key", ["q", "C-c"])
def test_left_during_a_grading_it_ends_at_once(terminal, workspace, key):
    app = terminal.start()
    _grading(terminal, app, workspace / CLAMP)
    begun = time.monotonic()
    terminal.press(key)
    terminal.ended(0)
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "grading"])
def test_killed_it_leaves_no_process_and_no_lock(terminal, workspace, busy):
    app = terminal.start()
    replaced(workspace / CLAMP, WRONG)
    terminal.shows("✗ failed  0 of 3 checks", "History 1")
    if busy:
        _grading(terminal, app, workspace / CLAMP)
    kill(app)
    terminal.shows("Killed", "ended 137")
    nothing_runs(terminal.folder)
    terminal.type("reset")
    terminal.no_longer("Killed")
    terminal.start()
    begun = terminal.shows("✗ failed  0 of 3 checks", "History 1")  # what was shown is kept
    assert "Another gradlings" not in begun
    replaced(workspace / CLAMP, RIGHT)
    terminal.shows("✓ passed  3 of 3 checks", "History 2")


# -- the engine's processes are ended ----------------------------------------------------------------------------------


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "grading"])
@pytest.mark.parametrize("module", ["grader.judge", "grader.cell"])
def test_a_killed_engine_is_started_again(terminal, workspace, module, busy):
    app = terminal.start()
    replaced(workspace / CLAMP, WRONG)
    terminal.shows("✗ failed  0 of 3 checks", "History 1")
    victim = programs(terminal.folder, module)[0]
    if busy:
        _grading(terminal, app, workspace / SLOPE, SLOW)
    kill(victim)
    until(lambda: not victim.is_running() or victim.status() == psutil.STATUS_ZOMBIE)
    if busy:  # graded once more, and nothing is said against right code
        terminal.shows("numbers/slope  ✓ passed  4 of 4 checks")
    replaced(workspace / CLAMP, RIGHT)
    said = terminal.shows("✓ passed  3 of 3 checks", "History 2")
    assert "! not graded" not in said, said
    terminal.press("q")
    terminal.ended(0)


# -- a learner's program does not end ----------------------------------------------------------------------------------


def _answers(terminal: Terminal, statement: str) -> None:
    """Keys are answered while a learner's program runs: each within a second, one for a busy machine's sake excepted."""
    took = []
    for key, words in (("3", "none is taken yet"), ("1", statement), ("F1", "gradlings"), ("Escape", "Quit")):
        before = time.monotonic()
        terminal.press(key)
        terminal.shows(words)
        took.append(time.monotonic() - before)
    assert sorted(took)[-2] < 1, took
    assert "grading ..." in terminal.screen


def test_an_endless_loop(terminal, workspace):
    terminal.start()
    # Its limit is two seconds a check.
    replaced(workspace / SLOPE, "def slope(f, x, h):\n    while True: pass\n")
    terminal.press("]")
    terminal.shows("The slope of a function", "grading ...")
    _answers(terminal, "worked out on paper")
    said = terminal.shows("✗ error", "took too long", "No answer within 2 s", "line 2", "while True:")
    assert "grading ..." not in said


def test_more_output_than_anybody_reads(terminal, workspace):
    """For ever, at a pace that takes seconds to the limit; then 200 MB at once."""
    terminal.start()
    forever = "def clamp(x, low, high):\n    while True:\n        print('spam ' * 20_000)\n        time.sleep(0.01)\n"
    replaced(workspace / CLAMP, f"import time\n{forever}")
    terminal.shows("grading ...")
    _answers(terminal, "Gradients that are too large")
    terminal.shows("✗ error", "Your code printed more than 16 MiB", "History 1")
    at_once = "def clamp(x, low, high):\n    print('spam ' * 40_000_000)\n    return x\n"
    replaced(workspace / CLAMP, at_once)
    terminal.shows("✗ error", "Your code printed more than 16 MiB", "History 2")
    replaced(workspace / CLAMP, RIGHT)
    terminal.shows("✓ passed  3 of 3 checks")
    terminal.press("q")
    terminal.ended(0)
