"""Warming a process up: import and exercise ahead what a course uses, so that no grading pays for it.

A leaf, shared by judge and cell parent. Both are programs of their own; this runs once, before any learner's code.
"""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Iterable
from typing import Any


def warm_up(imports: Iterable[str], code: str, *, closed: bool) -> dict[str, str]:
    """Import `imports`, run `code`, and freeze the heap. Returns the versions of the libraries that were loaded.

    `closed`: whether files will be closed afterwards, so that what is imported lazily must be imported now. Raises whatever an
    import or the code raises: a course whose warm-up fails cannot be graded.
    """
    for name in imports:
        importlib.import_module(name)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
        _exercise(torch)
        if closed:
            # Optimisers, torch.func and dispatch modes import it at their first use: hundreds of modules, a second each time.
            importlib.import_module("torch._dynamo")
    exec(compile(code, "course.toml: warm.code", "exec"), {"__name__": "warm"})
    gc.collect()
    # What is loaded now never dies: later collections need not look at it, and forks do not copy its pages.
    gc.freeze()
    versions = {"python": sys.version.split()[0]}
    for name in ("numpy", "torch"):
        if name in sys.modules:
            versions[name] = str(sys.modules[name].__version__)
    return versions


def _exercise(torch: Any) -> None:
    """First uses that look at the processor, and print a complaint where /proc is closed."""
    layer = torch.nn.Linear(64, 64)
    layer(torch.randn(64, 64)).sum().backward()
