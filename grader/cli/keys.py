"""Single key presses from a terminal, for `watch`. The terminal is always left as it was found."""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable
from typing import Any

LOOK_SECONDS = 0.5


class Keys:
    """Calls `pressed` from a thread of its own for every key, while entered. Does nothing where there is no terminal."""

    def __init__(self, pressed: Callable[[str], None], *, wanted: bool = True) -> None:
        self._pressed = pressed
        self._wanted = wanted
        self._before: list[Any] | None = None
        self._stop: tuple[int, int] | None = None
        self._thread: threading.Thread | None = None

    @property
    def active(self) -> bool:
        """Whether keys are being read."""
        return self._thread is not None

    def __enter__(self) -> Keys:
        if self._wanted and self._foreground():
            import termios

            self._before = termios.tcgetattr(sys.stdin.fileno())
            self._quieten()
            self._stop = os.pipe()
            self._thread = threading.Thread(target=self._read, name="keys", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread is None or self._stop is None:
            return
        os.write(self._stop[1], b".")
        self._thread.join()
        for end in self._stop:
            os.close(end)
        self._thread = None
        if self._foreground():
            import termios

            termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._before or [])

    def _foreground(self) -> bool:
        """A terminal is there, and it is ours now: a background job that touches it is stopped by the kernel."""
        try:
            return sys.stdin.isatty() and sys.stdout.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
        except (OSError, ValueError, AttributeError):
            return False

    def _quieten(self) -> None:
        """Keys come one by one and are not echoed; Ctrl-C and Ctrl-Z work as ever."""
        import termios

        mode = termios.tcgetattr(sys.stdin.fileno())
        if mode[3] & (termios.ICANON | termios.ECHO):
            mode[3] &= ~(termios.ICANON | termios.ECHO)
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, mode)

    def _read(self) -> None:
        keyboard, stop = sys.stdin.fileno(), self._stop[0] if self._stop else -1
        ours = True
        while True:
            # In the background the keys are the shell's.
            ready, _, _ = select.select([keyboard, stop] if ours else [stop], [], [], LOOK_SECONDS)
            if stop in ready:
                return
            ours = self._foreground()
            if ours:
                # Whoever brought us back from Ctrl-Z may have set the terminal to rights meanwhile. (A handler of SIGCONT would
                # not do: the kernel gives that signal to any thread, and Python's handlers wait for the main one.)
                self._quieten()
            if ours and keyboard in ready:
                typed = os.read(keyboard, 64)
                if not typed:
                    return
                for char in typed.decode("ascii", "ignore"):
                    self._pressed(char)
