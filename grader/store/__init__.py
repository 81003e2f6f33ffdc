"""Progress: every attempt with its source and verdict, hints, opened solutions and settings, in one SQLite file.

`open_store(path)` makes, migrates or opens the database and returns a `Store`; `salvage(path)` saves what can be read of
a damaged one; `examine(path)` looks for damage. The only package that imports SQLAlchemy (Core only) and Alembic
(loaded only where the stored revision differs). Does not grade, does not read a course, prints nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from grader.store.database import Store
from grader.store.opening import open_store

if TYPE_CHECKING:
    from grader.store.salvage import Salvage, examine, salvage

__all__ = ["Salvage", "Store", "examine", "open_store", "salvage"]


def __getattr__(name: str) -> Any:
    """What repairs is loaded when it is asked for: `list` opens the store and repairs nothing."""
    if name in ("Salvage", "examine", "salvage"):
        module = importlib.import_module("grader.store.salvage")
        # The import has put the module itself under the name of its function.
        globals().update(Salvage=module.Salvage, examine=module.examine, salvage=module.salvage)
        return globals()[name]
    raise AttributeError(name)
