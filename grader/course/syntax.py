"""Python's own parser, for one thread at a time.

Up to Python 3.12 it counts how deep it is in one place for all threads: two that parse at once can each find the other's number,
and then the parser raises SystemError for a sound program (seen in the app, which reads a statement while a save is looked at).
"""

from __future__ import annotations

import ast
import threading

_ONE_AT_A_TIME = threading.Lock()


def parse(source: str, name: str = "<source>") -> ast.Module:
    """The tree of `source`, the text of the file `name`. Raises what `ast.parse` raises."""
    with _ONE_AT_A_TIME:
        return ast.parse(source, name)
