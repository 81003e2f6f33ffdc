"""The tables of progress.db. What they mean; no connection, no query. The migrations make them, this page reads them.

    source            what a learner wrote, once for each text: zlib-compressed UTF-8 under its SHA-256
    attempt           one graded save, or one copy kept before a file was replaced; append-only, ordered by `sequence`
    verdict           the whole verdict of a graded attempt: zlib-compressed JSON
    hint              which stages of hints were taken
    solution_opened   when a worked solution was first opened
    setting           small things the learner chose, such as the current exercise
    review            what happened in reviews of passed exercises, append-only: one was begun (`attempt` is the newest there was
                      then), a hint or the solution was opened, it was rated (`attempt` is the one that passed; none where it was
                      given up). A rating ends the review, and leaves the card that the scheduler goes on from (JSON)

Types are kept to those that PostgreSQL shares. `attempt` names nobody: the class server adds a nullable `owner` to it by a
migration of its own; `source` and `verdict` need none, because a text is the same whoever wrote it and a verdict belongs
to its attempt. Triggers made by the migrations refuse to change or delete a row of the first three tables and the last.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

# The newest migration. Opening compares it with the stored revision, so that Alembic is loaded only where they differ;
# a test holds it to the newest file in migrations/versions.
HEAD = "0002"

# "grad" in ASCII, in SQLite's header: tells a progress database from another program's.
APPLICATION_ID = 0x67726164

# SQLite numbers rows by itself only in a column declared INTEGER.
Sequence = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData()

source = Table(
    "source",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

attempt = Table(
    "attempt",
    metadata,
    Column("sequence", Sequence, primary_key=True, autoincrement=True),
    Column("at", Text, nullable=False),
    Column("exercise", Text, nullable=False),
    Column("source_sha256", Text, ForeignKey("source.sha256"), nullable=False),
    Column("suite_sha256", Text, nullable=False),
    Column("suite_version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("score", Float, nullable=False),
    Column("duration_s", Float, nullable=False),
    Column("kind", Text, nullable=False),
    Column("assisted", Boolean, nullable=False),
    Index("attempt_by_exercise", "exercise", "sequence"),
    # A number, once shown, never names another attempt.
    sqlite_autoincrement=True,
)

verdict = Table(
    "verdict",
    metadata,
    Column("sequence", Sequence, ForeignKey("attempt.sequence"), primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)

hint = Table(
    "hint",
    metadata,
    Column("exercise", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Text, nullable=False),
)

solution_opened = Table(
    "solution_opened",
    metadata,
    Column("exercise", Text, primary_key=True),
    Column("at", Text, nullable=False),
)

setting = Table(
    "setting",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

# Few words, as with the others: while all of the schema is on the first page, a file that lost its end can be read.
review = Table(
    "review",
    metadata,
    Column("sequence", Sequence, primary_key=True, autoincrement=True),
    Column("at", Text, nullable=False),
    Column("exercise", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("attempt", Sequence, ForeignKey("attempt.sequence")),
    Column("rating", Integer),
    Column("card", Text),
    Index("review_by_exercise", "exercise", "sequence"),
    sqlite_autoincrement=True,
)
