"""Which command opens a file in the learner's editor, and what is told when that fails."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
from textual.app import App

from grader.tui.editor import Command, command_for, open_editor
from grader.tui.settings import Settings

FILE = Path("/ws/it's a {line}/soft max.py")


def argv(editor: str, line: int | None = 12) -> tuple[str, ...]:
    return command_for(Settings(), {"EDITOR": editor}, FILE, line).argv


@pytest.mark.parametrize("editor", ["vi", "vim", "nvim", "nano", "emacs", "micro", "kak", "/opt/bin/nvim"])
def test_most_editors_take_plus_line(editor: str) -> None:
    assert argv(editor) == (editor, "+12", str(FILE))
    assert command_for(Settings(), {"EDITOR": editor}, FILE, 12).in_terminal


@pytest.mark.parametrize(
    ("editor", "arguments", "in_terminal"),
    [
        ("hx", (f"{FILE}:12",), True),
        ("subl", (f"{FILE}:12",), False),
        ("code", ("-g", f"{FILE}:12"), False),
        ("codium", ("-g", f"{FILE}:12"), False),
        ("cursor", ("-g", f"{FILE}:12"), False),
        ("pycharm", ("--line", "12", str(FILE)), False),
        ("idea.sh", ("--line", "12", str(FILE)), False),
        ("some-editor", (str(FILE),), True),
    ],
)
def test_others_take_the_line_in_their_own_way(editor: str, arguments: tuple[str, ...], in_terminal: bool) -> None:
    command = command_for(Settings(), {"EDITOR": editor}, FILE, 12)
    assert command == Command((editor, *arguments), in_terminal)


@pytest.mark.parametrize("editor", ["vim", "hx", "code", "pycharm", "some-editor"])
def test_without_a_line_the_file_alone(editor: str) -> None:
    assert argv(editor, None) == (editor, str(FILE))


def test_options_in_the_variable_stay() -> None:
    assert argv("code --wait --new-window") == ("code", "--wait", "--new-window", "-g", f"{FILE}:12")
    assert argv("'/opt/my editors/vim' -u NONE") == ("/opt/my editors/vim", "-u", "NONE", "+12", str(FILE))


def test_a_configured_command_is_split_first_and_filled_then() -> None:
    settings = Settings(editor="tmux split-window 'nvim' +{line} {file}")
    filled = command_for(settings, {"EDITOR": "nano"}, FILE, 12).argv
    assert filled == ("tmux", "split-window", "nvim", "+12", str(FILE))
    assert command_for(Settings(editor="x {file}:{line}"), {}, FILE, None).argv == ("x", f"{FILE}:1")


def test_a_configured_name_is_treated_as_the_editor_it_is() -> None:
    assert command_for(Settings(editor="code -n"), {}, FILE, 3) == Command(("code", "-n", "-g", f"{FILE}:3"), False)


def test_the_order_is_settings_visual_editor() -> None:
    environ = {"VISUAL": "vim", "EDITOR": "nano"}
    assert command_for(Settings(editor="hx"), environ, FILE, None).argv[0] == "hx"
    assert command_for(Settings(), environ, FILE, None).argv[0] == "vim"
    assert command_for(Settings(), {**environ, "VISUAL": " "}, FILE, None).argv[0] == "nano"


def program(folder: Path, name: str, text: str = "") -> Path:
    file = folder / name
    file.write_text(f"#!{sys.executable}\n{text}")
    file.chmod(0o755)
    return file


def test_without_a_setting_the_first_that_exists(tmp_path: Path) -> None:
    program(tmp_path, "emacs")
    assert command_for(Settings(), {"PATH": str(tmp_path)}, FILE, None).argv[0] == "emacs"
    program(tmp_path, "vim")
    assert command_for(Settings(), {"PATH": str(tmp_path)}, FILE, None).argv[0] == "vim"


def test_none_at_all_is_told(tmp_path: Path) -> None:
    command = command_for(Settings(), {"PATH": str(tmp_path)}, FILE, None)
    assert command.argv == ()
    assert "$EDITOR" in (run(command, App()) or "")


def test_a_command_with_an_open_quote_is_told() -> None:
    command = command_for(Settings(editor="vim 'oh"), {}, FILE, None)
    told = run(command, App()) or ""
    assert "the settings" in told
    assert "no closing quotation" in told


def test_a_relative_file_is_no_option() -> None:
    assert not command_for(Settings(), {"EDITOR": "vim"}, Path("-c quit.py"), None).argv[1].startswith("-")


# -- running it ------------------------------------------------------------------------------------------------------


class Lending(App[None]):
    """An app whose terminal can be lent; counts how often it was, and that it came back."""

    def __init__(self) -> None:
        super().__init__()
        self.lent: list[str] = []

    @contextlib.contextmanager
    def suspend(self) -> Iterator[None]:
        self.lent.append("lent")
        yield
        self.lent.append("back")


def run(command: Command, app: App[None]) -> str | None:
    async def scenario() -> str | None:
        async with app.run_test():
            return await open_editor(app, command)

    return asyncio.run(scenario())


def test_an_editor_in_the_terminal_gets_the_file_as_one_argument(tmp_path: Path) -> None:
    record = tmp_path / "record"
    text = f"import json, sys; open({str(record)!r}, 'w').write(json.dumps(sys.argv[1:]))"
    editor = program(tmp_path, "vim", text)
    app = Lending()
    assert run(command_for(Settings(), {"EDITOR": str(editor)}, FILE, 4), app) is None
    assert json.loads(record.read_text()) == ["+4", str(FILE)]
    assert app.lent == ["lent", "back"]


def test_a_terminal_that_cannot_be_lent_is_told() -> None:
    told = run(Command(("vim", "x"), True), App())
    assert told is not None
    assert "cannot be lent to vim" in told


@pytest.mark.parametrize("in_terminal", [True, False])
def test_a_missing_editor_is_told_and_the_terminal_comes_back(tmp_path: Path, in_terminal: bool) -> None:
    app = Lending()
    told = run(Command((str(tmp_path / "nowhere"), "x"), in_terminal), app)
    assert told is not None
    assert "not installed" in told
    assert app.lent == (["lent", "back"] if in_terminal else [])


@pytest.mark.parametrize("in_terminal", [True, False])
def test_an_error_is_told(tmp_path: Path, in_terminal: bool) -> None:
    editor = program(tmp_path, "broken", "raise SystemExit(3)")
    assert run(Command((str(editor),), in_terminal), Lending()) == "broken ended with exit code 3."


def test_a_file_that_is_no_program_is_told(tmp_path: Path) -> None:
    file = tmp_path / "plain.txt"
    file.write_text("x")
    told = run(Command((str(file),), True), Lending())
    assert told is not None
    assert "could not be started" in told


def test_an_interrupt_in_the_editor_leaves_the_app_alone(tmp_path: Path) -> None:
    editor = program(tmp_path, "vim", "import os, signal; os.kill(os.getppid(), signal.SIGINT)")
    before = signal.getsignal(signal.SIGINT)
    assert run(Command((str(editor),), True), Lending()) is None
    assert signal.getsignal(signal.SIGINT) is before


def test_a_window_editor_runs_on_in_a_session_of_its_own(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    # It ends when the test has read its process group, not after a time.
    text = f"import os; print('noise'); open({str(fifo)!r}, 'w').write(str(os.getpgid(0) == os.getpid()))"
    editor = program(tmp_path, "code", text)
    app = Lending()
    assert run(Command((str(editor),), False), app) is None
    assert app.lent == []
    assert fifo.read_text() == "True"


IN_A_TERMINAL = """
import sys
from textual import work
from textual.app import App
from textual.widgets import Static
from grader.tui.editor import Command, open_editor

class Small(App):
    BINDINGS = [("e", "edit", ""), ("q", "quit", "")]
    def compose(self):
        yield Static("READY")
    @work
    async def action_edit(self):
        editor = (sys.executable, "-c", "print('got', input('EDITOR> '))")
        self.query_one(Static).update(f"BACK: {await open_editor(self, Command(editor, True))}")

Small().run()
"""


def test_in_a_real_terminal_it_is_lent_and_comes_back(tmp_path: Path) -> None:
    script = tmp_path / "small.py"
    script.write_text(IN_A_TERMINAL)
    root = str(Path(__file__).parents[3])
    environ = {**os.environ, "PYTHONPATH": root, "TERM": "xterm-256color"}
    terminal = pexpect.spawn(
        sys.executable, [str(script)], dimensions=(24, 80), encoding="utf-8", timeout=30, env=environ
    )
    try:
        terminal.expect("READY")
        terminal.send("e")
        terminal.expect("EDITOR> ")
        terminal.send("hello\r")
        terminal.expect("got hello")
        terminal.expect("BACK: None")
        terminal.send("e")
        terminal.expect("EDITOR> ")
        terminal.send("\x03")  # ends the editor, not the app
        terminal.expect("BACK: .* was ended by SIGINT|BACK: .* ended with exit code")
        terminal.send("q")
        terminal.expect(pexpect.EOF)
    finally:
        terminal.close()
    assert terminal.exitstatus == 0
