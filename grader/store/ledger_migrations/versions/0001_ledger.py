"""The first tables of a ledger: sources, gradings, whose work they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "source",
        sa.Column("sha256", sa.Text, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "grading",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("exercise", sa.Text, nullable=False),
        sa.Column("source_sha256", sa.Text, sa.ForeignKey("source.sha256"), nullable=False),
        sa.Column("uses", sa.Text, nullable=False),
        sa.Column("needs", sa.Text, nullable=False),
        sa.Column("depth", sa.Integer, nullable=False),
        sa.Column("suite_sha256", sa.Text, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("trouble", sa.Text, nullable=False),
        sa.Column("status", sa.Text),
        sa.Column("score", sa.Float),
        sa.Column("duration_s", sa.Float),
        sa.Column("finished_at", sa.Text),
        sa.Column("worker", sa.Text),
        sa.Column("failing", sa.Text),
        sa.Column("answers", sa.Text),
        sa.Column("verdict", sa.LargeBinary),
    )
    op.create_index("grading_waiting", "grading", ["depth", "status"])
    op.create_table(
        "work",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("student", sa.Text, nullable=False),
        sa.Column("exercise", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("grading", sa.Text, sa.ForeignKey("grading.key")),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("seen", sa.Integer, nullable=False),
        sa.UniqueConstraint("student", "exercise", "place", "grading", "note"),
    )
    op.create_index("work_by_student", "work", ["seen", "student", "exercise"])
    op.create_table(
        "ledger",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Refused: going back would throw gradings away."""
    raise NotImplementedError("a ledger is never taken back to an older schema")
