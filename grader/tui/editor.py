"""The learner's own editor: which command opens a file at a line, and running it. Knows no workspace and no screen."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported

from grader.text import one_line
from grader.tui.settings import Settings

FALLBACKS = ("nano", "vim", "vi", "emacs")
# How an editor is told of a line. What is in none of them is given the file alone.
_PLUS_LINE = frozenset(
    "vi vim nvim view gvim nvim-qt nano pico emacs emacsclient micro kak joe mg ne gedit gnome-text-editor".split()
)
_COLON_LINE = frozenset("hx helix subl sublime_text zed zeditor".split())
_GOTO = frozenset("code code-insiders codium vscodium code-oss cursor windsurf".split())
_DASH_LINE = {"pycharm": "--line", "charm": "--line", "idea": "--line", "kate": "-l", "mate": "-l"}
# These open a window of their own and leave the terminal alone.
_WINDOWS = (
    _GOTO
    | frozenset(_DASH_LINE)
    | frozenset(
        "subl sublime_text zed zeditor gvim nvim-qt neovide gedit gnome-text-editor mousepad open xdg-open".split()
    )
)
# A window editor that cannot start says so at once; for longer nobody waits for it.
START_SECONDS = 1.0


@dataclass(frozen=True)
class Command:
    """How to open a file: the arguments, and whether the editor takes the terminal. Where there are none, `wrong` says why."""

    argv: tuple[str, ...]
    in_terminal: bool
    wrong: str = ""


def command_for(settings: Settings, environ: Mapping[str, str], file: Path, line: int | None) -> Command:
    """The command that opens `file` at `line` (from 1): as the settings have it, else `$VISUAL`, `$EDITOR`, else what there is.

    The configured command is split as a shell would, then `{file}` and `{line}` are filled in, so that a path stays one argument.
    """
    sources = [
        ("the settings", settings.editor),
        *((f"${name}", environ.get(name, "")) for name in ("VISUAL", "EDITOR")),
    ]
    where, given = next(((where, given) for where, given in sources if given.strip()), ("", ""))
    if not given:
        found = next((name for name in FALLBACKS if shutil.which(name, path=environ.get("PATH"))), None)
        if found is None:
            return Command(
                (),
                True,
                'No editor is known. Name one in the settings, such as "code -g {file}:{line}", or in $EDITOR.',
            )
        given = found
    try:
        argv = shlex.split(given)
    except ValueError as error:
        return Command(
            (), True, f"The editor's command in {where} cannot be read ({str(error).lower()}): {one_line(given, 80)}"
        )
    if not argv:
        return Command((), True, f"The editor's command in {where} is empty: {one_line(given, 80)}")
    name = _name(argv[0])
    # A relative path that begins with a dash would be taken for an option.
    file = file.absolute()
    if where == "the settings" and any("{file}" in word for word in argv):
        # The line first: a path may hold "{line}", a number holds nothing.
        argv = [word.replace("{line}", str(line or 1)).replace("{file}", str(file)) for word in argv]
    else:
        argv += _arguments(name, file, line)
    window = name in _WINDOWS or (name == "emacsclient" and bool({"-n", "--no-wait"} & set(argv)))
    return Command(tuple(argv), not window)


def _name(program: str) -> str:
    return Path(program).name.lower().removesuffix(".exe").removesuffix(".cmd").removesuffix(".sh")


def _arguments(name: str, file: Path, line: int | None) -> list[str]:
    """The arguments by which the editor of this name opens the file at the line."""
    if line is None:
        return [str(file)]
    if name in _PLUS_LINE:
        return [f"+{line}", str(file)]
    if name in _COLON_LINE:
        return [f"{file}:{line}"]
    if name in _GOTO:
        return ["-g", f"{file}:{line}"]
    if name in _DASH_LINE:
        return [_DASH_LINE[name], str(line), str(file)]
    return [str(file)]


async def open_editor(app: App[Any], command: Command) -> str | None:
    """Run the command; what went wrong in words, or None. An editor in the terminal has it until it ends."""
    if not command.argv:
        return command.wrong or "No editor is known."
    try:
        code = _in_terminal(app, command.argv) if command.in_terminal else await _in_window(command.argv)
    except SuspendNotSupported:
        program = one_line(command.argv[0], 60)
        return f"This terminal cannot be lent to {program}. Open the file in another window: every save is graded."
    except (OSError, ValueError) as error:
        return _not_started(command.argv[0], error)
    return _ended(command.argv[0], code)


def _in_terminal(app: App[Any], argv: tuple[str, ...]) -> int:
    """Lend the terminal to the editor. The app stands still meanwhile: whatever it painted would land in the editor."""
    with app.suspend():
        failure: Exception | None = None
        code = 0
        try:
            with _interrupts_ignored():
                code = subprocess.call(argv)
        except (OSError, ValueError) as error:
            # Raised within, it would keep the app from taking the terminal back.
            failure = error
    if failure is not None:
        raise failure
    return code


@contextlib.contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Ctrl-C is the editor's while it has the terminal; the signal reaches this process too, and would end the app."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # A handler, not SIG_IGN: what is ignored here would be ignored in the editor too.
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


async def _in_window(argv: tuple[str, ...]) -> int:
    """Start an editor that outlives the app. Its exit code if it ends at once, else 0."""
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    ended = threading.Event()

    def reap() -> None:
        process.wait()
        ended.set()

    # Somebody has to wait for it as long as the app runs, or it would stay a zombie.
    threading.Thread(target=reap, name="editor", daemon=True).start()
    await asyncio.to_thread(ended.wait, START_SECONDS)
    return process.returncode or 0


def _not_started(program: str, error: Exception) -> str:
    name = one_line(program, 60)
    if isinstance(error, FileNotFoundError):
        return f"{name} is not installed, or not on the PATH. Choose another editor in the settings, or set $EDITOR."
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return f"{name} could not be started: {one_line(str(reason), 120)}. Choose another editor in the settings, or set $EDITOR."


def _ended(program: str, code: int) -> str | None:
    """What to tell of an editor's end."""
    if code == 0:
        return None
    name = one_line(Path(program).name, 60)
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"{name} was ended by {signal.Signals(-code).name}."
        return f"{name} was ended by signal {-code}."
    return f"{name} ended with exit code {code}."
