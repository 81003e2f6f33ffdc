"""Opens the database of a class. What it then does is `book`."""

from __future__ import annotations

from pathlib import Path

from grader.store.classbook.book import Classbook
from grader.store.classbook.schema import HEAD, OWN, VERSION_TABLE
from grader.store.ledger_opening import LEDGER
from grader.store.sole import Branch, open_sole

CLASS = Branch(Path(__file__).parent / "migrations", HEAD, VERSION_TABLE, frozenset(table.name for table in OWN))


def open_classbook(place: Path | str, threads: int = 8) -> Classbook:
    """Open the class at `place`, a SQLite file or a SQLAlchemy URL, for `threads` at once; made where there is none.

    Raises UsageError where another program has it, or the URL is none; StoreError where it cannot be had.
    """
    return Classbook(open_sole(place, (LEDGER, CLASS), threads=threads))
