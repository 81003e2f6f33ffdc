"""Signals that ask a program to end: the app leaves as by its own key, so that the terminal is restored and nothing runs on."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from types import FrameType
from typing import Any, TextIO

from textual.app import App

# Not SIGINT: that of an editor in the terminal would be kept for the loop and end the app afterwards.
ENDING = ("SIGTERM", "SIGHUP")


def leave_on_signals(app: App[Any]) -> None:
    """Let `app`, whose loop runs in this thread, exit on them; not on Windows, nor in a thread that is not the main one."""
    loop = asyncio.get_running_loop()

    def leave(number: int, _frame: FrameType | None) -> None:
        if hasattr(
            signal, "SIGCONT"
        ):  # follows where the window was closed, and Textual would start the app anew on it
            signal.signal(signal.SIGCONT, lambda *_: None)
        try:
            loop.call_soon_threadsafe(app.exit)
        except RuntimeError:  # that loop has ended: nothing is on the terminal any more
            raise SystemExit(128 + number) from None

    for name in ENDING:
        if hasattr(signal, name):
            with contextlib.suppress(ValueError):
                signal.signal(getattr(signal, name), leave)


def outlive_the_terminal() -> None:
    """Let what is written to a terminal that is gone be lost: Textual would wait for ever for its thread that writes."""
    if sys.__stderr__ is not None:
        sys.__stderr__ = _Lossy(sys.__stderr__)  # type: ignore[misc,assignment]


class _Lossy:
    """A file that may be gone."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._file.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._file.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
