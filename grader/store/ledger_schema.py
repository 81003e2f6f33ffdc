"""The tables of a ledger of gradings. What they mean; no connection, no query. The migrations make them, this page reads them.

    source      what somebody wrote, once for each text: zlib-compressed UTF-8 under its SHA-256
    grading     one thing to grade, once for each `key` (exercise, source, what it imports, suite, environment), and what came of
                it: zlib-compressed JSON in `verdict`, null as long as it waits. `needs` (JSON) holds the keys of the earlier
                solutions that it builds on, `depth` how long that chain is: what needs nothing has 0.
                `failing` stands for which checks failed where nothing was said of why, `answers` for what was answered then
    work        whose it is and where it was found; `grading` is null where it was refused, and `note` says why. `seen` is the
                number of the last run that found it: what is no longer there is kept, and no longer counted
    ledger      small things: the course, the number of the last run

Types are kept to those that PostgreSQL shares.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

# The newest migration; a test holds it to the newest file in ledger_migrations/versions.
HEAD = "0001"
VERSION_TABLE = "ledger_version"

metadata = MetaData()

source = Table(
    "source",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

grading = Table(
    "grading",
    metadata,
    Column("key", Text, primary_key=True),
    Column("exercise", Text, nullable=False),
    Column("source_sha256", Text, ForeignKey("source.sha256"), nullable=False),
    Column("uses", Text, nullable=False),
    Column("needs", Text, nullable=False),
    Column("depth", Integer, nullable=False),
    Column("suite_sha256", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("trouble", Text, nullable=False),
    Column("status", Text),
    Column("score", Float),
    Column("duration_s", Float),
    Column("finished_at", Text),
    Column("worker", Text),
    Column("failing", Text),
    Column("answers", Text),
    Column("verdict", LargeBinary),
    Index("grading_waiting", "depth", "status"),
)

work = Table(
    "work",
    metadata,
    Column("id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("student", Text, nullable=False),
    Column("exercise", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("grading", Text, ForeignKey("grading.key")),
    Column("note", Text, nullable=False),
    Column("seen", Integer, nullable=False),
    UniqueConstraint("student", "exercise", "place", "grading", "note"),
    Index("work_by_student", "seen", "student", "exercise"),
)

ledger = Table(
    "ledger",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
