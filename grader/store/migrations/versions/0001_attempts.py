"""The first tables: sources, attempts, verdicts, hints, opened solutions, settings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None
branch_labels = None
depends_on = None

# The number as it was when this was written: a migration never follows the schema module.
APPLICATION_ID = 0x67726164
APPEND_ONLY = ("source", "attempt", "verdict")


def upgrade() -> None:
    """Make the tables, and the triggers that keep the history append-only."""
    sequence = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "source",
        sa.Column("sha256", sa.Text, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "attempt",
        sa.Column("sequence", sequence, primary_key=True, autoincrement=True),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("exercise", sa.Text, nullable=False),
        sa.Column("source_sha256", sa.Text, sa.ForeignKey("source.sha256"), nullable=False),
        sa.Column("suite_sha256", sa.Text, nullable=False),
        sa.Column("suite_version", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("duration_s", sa.Float, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("assisted", sa.Boolean, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("attempt_by_exercise", "attempt", ["exercise", "sequence"])
    op.create_table(
        "verdict",
        sa.Column("sequence", sequence, sa.ForeignKey("attempt.sequence"), primary_key=True, autoincrement=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "hint",
        sa.Column("exercise", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Text, nullable=False),
    )
    op.create_table(
        "solution_opened",
        sa.Column("exercise", sa.Text, primary_key=True),
        sa.Column("at", sa.Text, nullable=False),
    )
    op.create_table(
        "setting",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        for table in APPEND_ONLY:
            for change in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, 'the table {table} is append-only'); END"
                )
        op.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def downgrade() -> None:
    """Refused: going back would throw a learner's history away."""
    raise NotImplementedError("progress.db is never taken back to an older schema")
