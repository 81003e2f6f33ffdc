"""A channel to a module in this process: the reference, a mistake, or any file under an author's debugger.

Values cross as bytes here too, so that a suite sees exactly what it would see of a cell.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from grader.testing.proxy import Channel
from grader.wire.interpreter import Interpreter


class LocalChannel(Channel):
    """An interpreter in this process."""

    def __init__(self, module: ModuleType, label: str, callbacks: list[Callable[..., Any]] | None = None) -> None:
        super().__init__(label)
        if callbacks is not None:
            self.callbacks = callbacks
        self.interpreter = Interpreter(module, self.answer)

    def exchange(self, request: bytes) -> bytes:
        return self.interpreter.run(request)


def module_from_source(source: str, file: str, name: str = "solution") -> ModuleType:
    """Execute `source` as a module named `name`; tracebacks name `file`."""
    module = ModuleType(name)
    module.__file__ = file
    # So that pdb and tracebacks show lines although no importer knows the file.
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    sys.modules[name] = module  # dataclasses look their module up
    exec(compile(source, file, "exec"), vars(module))
    return module


def module_from_file(path: Path, name: str = "solution") -> ModuleType:
    """Execute the file at `path` as a module."""
    return module_from_source(path.read_text(encoding="utf-8"), str(path), name)
