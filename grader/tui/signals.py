"""Signals that ask a program to end: the app leaves as by its own key, so that the terminal is restored and nothing runs on."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import Any

from textual.app import App

# Not SIGINT: that of an editor in the terminal would be kept for the loop and end the app afterwards.
ENDING = ("SIGTERM", "SIGHUP")


def leave_on_signals(app: App[Any]) -> None:
    """Let `app`, whose loop runs in this thread, exit on them; not on Windows, nor in a thread that is not the main one."""
    loop = asyncio.get_running_loop()
    for name in ENDING:
        if hasattr(signal, name):
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(getattr(signal, name), app.exit)
