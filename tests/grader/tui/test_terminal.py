"""The app in a real terminal, with the real engine on the mini-course: a lesson, sizes, the editor, a second program."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .terminal import (
    CLAMP,
    GRADLINGS,
    MINICOURSE,
    PROMPT,
    RIGHT,
    SAVES,
    SLOPE,
    WRONG,
    Open,
    Terminal,
    listens,
    make_workspace,
    needs_tmux,
    nothing_runs,
    programs,
    replaced,
    terminals,
    until,
)

pytestmark = needs_tmux


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return make_workspace(tmp_path / "ws")


@pytest.fixture
def open_terminal(tmp_path_factory: pytest.TempPathFactory, workspace: Path) -> Iterator[Open]:
    with terminals(tmp_path_factory, workspace) as open:
        yield open


@pytest.mark.parametrize("ending", ["q", "C-c"])
def test_a_lesson(open_terminal, workspace, ending):
    terminal = open_terminal()
    terminal.type("echo before; stty -g > stty.before")
    terminal.start()
    begun = terminal.shows("Keep a number between two bounds", "Gradients that are too large", "not graded yet")
    assert "The slope of a function" in begun  # the list of exercises
    assert "alternate screen" in terminal.modes
    for number, (name, save) in enumerate(SAVES.items()):
        save(workspace / CLAMP, f"{WRONG}# {name}\n")
        terminal.shows("✗ failed  0 of 3 checks", f"History {number + 1}", "min and max are exchanged")
    replaced(workspace / CLAMP, RIGHT)
    terminal.shows("✓ passed  3 of 3 checks", "Two comparisons bound a number from below and from above.")
    terminal.press("n")
    terminal.shows("How often each word occurs", "1/4")
    terminal.press(ending)
    terminal.ended(0)
    back = terminal.screen
    assert "echo before" in back
    assert back.rstrip().endswith(PROMPT)
    assert "clamp" not in back
    terminal.type("stty -g | cmp - stty.before && echo the same")
    terminal.shows("the same\n")


def test_it_fits_every_size(open_terminal):
    terminal = open_terminal(size=(80, 24))
    terminal.start(GRADLINGS, "Quit", "0/4", "Gradients that are too large")
    assert "The slope of a function" not in terminal.screen
    terminal.resize(40, 12)
    until(lambda: _whole(terminal, 40, 12))
    assert "Gradients that are too" in terminal.screen
    terminal.resize(160, 45)
    terminal.shows("The slope of a function", "Gradients that are too large", "Quit")
    lines = until(lambda: _whole(terminal, 160, 45))
    assert lines[-1].lstrip().startswith("n Next")
    terminal.press("t")
    terminal.no_longer("The slope of a function")
    terminal.press("q")
    terminal.ended(0)


def _whole(terminal: Terminal, width: int, height: int) -> list[str]:
    """The lines of the screen, once the boxes reach its right edge and the keys its bottom."""
    lines = terminal.screen.splitlines()
    fits = len(lines) == height and len(lines[0]) == width and lines[0].endswith("╮")
    return lines if fits else []


def test_an_editor_has_the_terminal_for_itself(open_terminal, tmp_path):
    """And what it saves is graded, also what it saved while the app stood still."""
    editor = tmp_path / "my editor.py"
    editor.write_text(
        "import pathlib, sys\n"
        "file, log = pathlib.Path(sys.argv[-1]), pathlib.Path(__file__ + '.log')\n"
        "log.open('a').write('.')\n"
        "try:\n"
        "    answer = input(f'edit {log.stat().st_size} of {file.name}: ')\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(3)\n"
        f"file.write_text({{'wrong': {WRONG!r}, 'right': {RIGHT!r}}}[answer])\n"
    )
    terminal = open_terminal(EDITOR=f"'{sys.executable}' '{editor}'")
    terminal.start()
    terminal.press("e")
    lent = terminal.shows("edit 1 of clamp.py:")
    assert "Statement" not in lent
    assert terminal.modes == ()
    terminal.type("wrong")
    terminal.shows("✗ failed  0 of 3 checks", "History 1")
    assert "alternate screen" in terminal.modes
    terminal.press("e")
    terminal.shows("edit 2 of clamp.py:")
    terminal.press("C-c")  # the editor's, not the app's
    terminal.shows("Statement", "✗ failed", "ended with exit code 3")
    terminal.press("e")
    terminal.shows("edit 3 of clamp.py:")
    terminal.type("right")
    terminal.shows("✓ passed", "History 2")
    terminal.press("q")
    terminal.ended(0, "edit 1 of clamp.py: wrong", "edit 2 of clamp.py: ^Cedit 3 of clamp.py: right")


def test_stopped_and_continued_as_a_job(open_terminal, workspace):
    terminal = open_terminal()
    terminal.start()
    terminal.press("C-z")
    terminal.shows("Stopped", "ended 147")
    assert terminal.modes == ()
    replaced(workspace / CLAMP, WRONG)
    terminal.type("fg")
    terminal.shows("✗ failed  0 of 3 checks", "History 1")
    assert "alternate screen" in terminal.modes
    terminal.press("q")
    nothing_runs(terminal.folder)
    terminal.no_longer("Statement")
    assert terminal.modes == ()


def test_a_second_one_follows_and_takes_over(open_terminal, workspace):
    first, second = open_terminal(), open_terminal()
    first.start()
    second.start()
    second.shows("Another gradlings grades this workspace")
    replaced(workspace / CLAMP, WRONG)
    first.shows("✗ failed  0 of 3 checks", "History 1")
    second.shows("✗ failed  0 of 3 checks", "History 1", "min and max are exchanged")
    third = open_terminal()
    third.type(f"{GRADLINGS} watch")
    third.shows("its verdicts are shown here as well")
    replaced(workspace / SLOPE, "def slope(f, x, h):\n    return 1.0\n")
    for each in (first, second, third):
        each.shows("numbers/slope", "failed")
    third.press("C-c")
    third.shows("Stopped")
    first.press("q")
    first.ended(0)
    second.shows("The other gradlings has ended")
    until(lambda: listens(programs(second.folder, "grader.cli")[0]))
    replaced(workspace / CLAMP, RIGHT)
    second.shows("✓ passed  3 of 3 checks", "History 2")
    second.press("q")
    second.ended(0)


def test_in_an_empty_folder_enter_makes_the_workspace(open_terminal, tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    terminal = open_terminal(folder)
    terminal.type(f"{GRADLINGS} --course {MINICOURSE}; echo ended $?")
    terminal.shows("Numbers and words", "This folder is empty", "Make it")
    assert list(folder.iterdir()) == []
    terminal.press("Enter")
    terminal.shows("Gradients that are too large", "Keep a number between two bounds", "0/4")
    app = programs(terminal.folder, "grader.cli")[0]
    until(lambda: listens(app))
    replaced(folder / CLAMP, RIGHT)
    terminal.shows("✓ passed  3 of 3 checks")
    terminal.press("q")
    terminal.ended(0)


def test_elsewhere_it_offers_a_folder_below_and_leaves_no_trace_of_a_no(open_terminal, tmp_path):
    folder = tmp_path / "full"
    folder.mkdir()
    (folder / "thesis.tex").write_text("mine")
    terminal = open_terminal(folder)
    terminal.type(f"{GRADLINGS} --course {MINICOURSE}; echo ended $?")
    terminal.shows("a folder of their own", "./my-llm")
    terminal.press("q")
    terminal.ended(0)
    assert [path.name for path in folder.iterdir()] == ["thesis.tex"]
    terminal.type(f"{GRADLINGS} --course {MINICOURSE}; echo ended $?")
    terminal.shows("./my-llm")
    terminal.press("Enter")
    terminal.shows("Gradients that are too large", "0/4", "Quit")
    assert (folder / "my-llm" / CLAMP).is_file()
    assert (folder / "thesis.tex").read_text() == "mine"
    terminal.press("C-c")
    terminal.shows("ended 0", PROMPT)


@pytest.mark.parametrize("command", [f"{GRADLINGS} | cat", f"TERM=dumb {GRADLINGS}"], ids=["piped", "dumb"])
def test_without_a_terminal_it_says_what_to_do(open_terminal, workspace, command):
    terminal = open_terminal()
    terminal.type(f"{command}; echo ended $?")
    said = terminal.shows("gradlings watch", "gradlings list", "ended 0")
    assert "╭" not in said
    assert not list((workspace / ".gradlings").glob("app*"))
