"""The first tables of a class: people, tokens, submissions, standings, who was first, named mistakes, the log of acts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None
branch_labels = None
depends_on = None

_Sequence = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "class_setting",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "person",
        sa.Column("id", _Sequence, primary_key=True, autoincrement=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("nickname", sa.Text, nullable=False),
        sa.Column("nickname_key", sa.Text, nullable=False, unique=True),
        sa.Column("listed", sa.Boolean, nullable=False),
        sa.Column("joined_at", sa.Text, nullable=False),
        sa.Column("points", sa.Integer, nullable=False),
        sa.Column("passed", sa.Integer, nullable=False),
        sa.Column("firsts", sa.Integer, nullable=False),
        sa.Column("streak", sa.Integer, nullable=False),
        sa.Column("last_day", sa.Text, nullable=False),
        sa.Column("last_pass_at", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("person_by_points", "person", ["role", "listed", "points", "last_pass_at", "id"])
    op.create_table(
        "token",
        sa.Column("sha256", sa.Text, primary_key=True),
        sa.Column("person", _Sequence, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("made_at", sa.Text, nullable=False),
        sa.Column("ends_at", sa.Text, nullable=False),
    )
    op.create_index("token_by_person", "token", ["person"])
    op.create_table(
        "invitation",
        sa.Column("sha256", sa.Text, primary_key=True),
        sa.Column("person", _Sequence, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("made_at", sa.Text, nullable=False),
    )
    op.create_index("invitation_by_person", "invitation", ["person"])
    op.create_table(
        "submission",
        sa.Column("id", _Sequence, primary_key=True, autoincrement=True),
        sa.Column("person", _Sequence, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("exercise", sa.Text, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("grading", sa.Text, sa.ForeignKey("grading.key"), nullable=False),
        sa.Column("counted", sa.Boolean, nullable=False),
        sa.UniqueConstraint("person", "grading"),
        sqlite_autoincrement=True,
    )
    op.create_index("submission_by_grading", "submission", ["grading"])
    op.create_index("submission_by_exercise", "submission", ["exercise", "person", "id"])
    op.create_table(
        "standing",
        sa.Column("person", _Sequence, sa.ForeignKey("person.id"), primary_key=True, autoincrement=False),
        sa.Column("exercise", sa.Text, primary_key=True),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("best", sa.Float, nullable=False),
        sa.Column("points", sa.Integer, nullable=False),
        sa.Column("passed_at", sa.Text),
    )
    op.create_index("standing_by_exercise", "standing", ["exercise"])
    op.create_table(
        "override",
        sa.Column("person", _Sequence, sa.ForeignKey("person.id"), primary_key=True, autoincrement=False),
        sa.Column("exercise", sa.Text, primary_key=True),
        sa.Column("points", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
    )
    op.create_table(
        "first_pass",
        sa.Column("exercise", sa.Text, primary_key=True),
        sa.Column("person", _Sequence, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("submission", _Sequence, sa.ForeignKey("submission.id"), nullable=False),
    )
    op.create_table(
        "named_mistake",
        sa.Column("exercise", sa.Text, primary_key=True),
        sa.Column("message", sa.Text, primary_key=True),
        sa.Column("person", _Sequence, sa.ForeignKey("person.id"), primary_key=True, autoincrement=False),
    )
    op.create_table(
        "act",
        sa.Column("id", _Sequence, primary_key=True, autoincrement=True),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("person", _Sequence, sa.ForeignKey("person.id")),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("about", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
