"""A class: who is in it, what they submitted, what came of it, how they stand. SQLite or PostgreSQL, beside the gradings.

`open_classbook(place)` makes, migrates or opens the database and returns a `Classbook`. Knows no HTTP and grades nothing.
"""

from __future__ import annotations

from grader.store.classbook.book import Classbook
from grader.store.classbook.opening import open_classbook

__all__ = ["Classbook", "open_classbook"]
