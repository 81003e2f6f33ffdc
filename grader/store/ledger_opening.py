"""Opens a ledger. What it then does is `ledger`."""

from __future__ import annotations

from pathlib import Path

from grader.store.ledger import Ledger
from grader.store.ledger_schema import HEAD, VERSION_TABLE, metadata
from grader.store.sole import Branch, open_sole

LEDGER = Branch(Path(__file__).parent / "ledger_migrations", HEAD, VERSION_TABLE, frozenset(metadata.tables))


def open_ledger(place: Path | str) -> Ledger:
    """Open the ledger at `place`, a SQLite file or a SQLAlchemy URL, made where there is none and migrated where it is older.

    Raises UsageError where another program has it, or the URL is none; StoreError where it cannot be had.
    """
    return Ledger(open_sole(place, (LEDGER,)))
