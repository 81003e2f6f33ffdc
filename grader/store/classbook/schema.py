"""The tables of a class, in the same database as the gradings (`ledger_schema`), with migrations of their own.

    class_setting   small things of the class: its title, its course, its code, its keys
    person          students and teachers. `points` to `last_pass_at` follow from `standing` and `first_pass`, and are kept so
                    that a leaderboard reads its one page and nothing else; `listed` says whether they want to be on it
    invitation      a code by which one person of the roster joins, once: SHA-256 of it
    token           what a person's programs and browsers show instead of a password: SHA-256 of it, never the token
    submission      what a student handed in, once for each grading: `at` is when it was accepted, and decides who was first
    standing        how far a student is with an exercise: attempts, the best score, when it was passed first, for how many points
    override        points that a teacher gave by hand, with the reason; they stand whatever is graded
    first_pass      who passed an exercise before anybody else
    named_mistake   who made which mistake that a diagnosis named, once for each student
    act             what teachers and students did to the class, append-only

Times are UTC, ISO 8601 with milliseconds, so that they sort as text. Types are those that SQLite and PostgreSQL share.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, MetaData, Table, Text, UniqueConstraint

from grader.store.ledger_schema import grading
from grader.store.schema import Sequence

HEAD = "0001"
VERSION_TABLE = "class_version"

metadata = MetaData()
# The foreign key needs to know it; the ledger's own migrations make it.
grading.to_metadata(metadata)

class_setting = Table(
    "class_setting",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

person = Table(
    "person",
    metadata,
    Column("id", Sequence, primary_key=True, autoincrement=True),
    Column("role", Text, nullable=False),
    Column("name", Text, nullable=False),
    # How the school knows them: an address or a number; empty where it does not.
    Column("email", Text, nullable=False),
    Column("nickname", Text, nullable=False),
    # Case and look-alike forms folded: nobody passes for another.
    Column("nickname_key", Text, nullable=False, unique=True),
    Column("listed", Boolean, nullable=False),
    Column("joined_at", Text, nullable=False),
    Column("points", Integer, nullable=False),
    Column("passed", Integer, nullable=False),
    Column("firsts", Integer, nullable=False),
    Column("streak", Integer, nullable=False),
    Column("last_day", Text, nullable=False),
    Column("last_pass_at", Text, nullable=False),
    Index("person_by_points", "role", "listed", "points", "last_pass_at", "id"),
    sqlite_autoincrement=True,
)

token = Table(
    "token",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("person", Sequence, ForeignKey("person.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("made_at", Text, nullable=False),
    Column("ends_at", Text, nullable=False),
    Index("token_by_person", "person"),
)

invitation = Table(
    "invitation",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("person", Sequence, ForeignKey("person.id"), nullable=False),
    Column("made_at", Text, nullable=False),
    Index("invitation_by_person", "person"),
)

submission = Table(
    "submission",
    metadata,
    Column("id", Sequence, primary_key=True, autoincrement=True),
    Column("person", Sequence, ForeignKey("person.id"), nullable=False),
    Column("exercise", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("grading", Text, ForeignKey("grading.key"), nullable=False),
    # Whether the grading's verdict is in `standing` already.
    Column("counted", Boolean, nullable=False),
    UniqueConstraint("person", "grading"),
    Index("submission_by_grading", "grading"),
    Index("submission_by_exercise", "exercise", "person", "id"),
    sqlite_autoincrement=True,
)

standing = Table(
    "standing",
    metadata,
    Column("person", Sequence, ForeignKey("person.id"), primary_key=True, autoincrement=False),
    Column("exercise", Text, primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("best", Float, nullable=False),
    Column("points", Integer, nullable=False),
    Column("passed_at", Text),
    Index("standing_by_exercise", "exercise"),
)

override = Table(
    "override",
    metadata,
    Column("person", Sequence, ForeignKey("person.id"), primary_key=True, autoincrement=False),
    Column("exercise", Text, primary_key=True),
    Column("points", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Text, nullable=False),
)

first_pass = Table(
    "first_pass",
    metadata,
    Column("exercise", Text, primary_key=True),
    Column("person", Sequence, ForeignKey("person.id"), nullable=False),
    Column("submission", Sequence, ForeignKey("submission.id"), nullable=False),
)

named_mistake = Table(
    "named_mistake",
    metadata,
    Column("exercise", Text, primary_key=True),
    Column("message", Text, primary_key=True),
    Column("person", Sequence, ForeignKey("person.id"), primary_key=True, autoincrement=False),
)

act = Table(
    "act",
    metadata,
    Column("id", Sequence, primary_key=True, autoincrement=True),
    Column("at", Text, nullable=False),
    Column("person", Sequence, ForeignKey("person.id")),
    Column("what", Text, nullable=False),
    Column("about", Text, nullable=False),
    sqlite_autoincrement=True,
)

OWN = (class_setting, person, token, invitation, submission, standing, override, first_pass, named_mistake, act)
