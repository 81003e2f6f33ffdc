"""Whether somebody sits at a terminal that can show the app."""

from __future__ import annotations

import os
import sys


def is_terminal() -> bool:
    """Standard input and output are a terminal, and one that can place its cursor."""
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") not in (None, "", "dumb")
