"""Reviews of passed exercises: a log of what happened in each, ended by a rating and the card it left."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, and the triggers that keep it append-only."""
    sequence = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "review",
        sa.Column("sequence", sequence, primary_key=True, autoincrement=True),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("exercise", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("attempt", sequence, sa.ForeignKey("attempt.sequence")),
        sa.Column("rating", sa.Integer),
        sa.Column("card", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_index("review_by_exercise", "review", ["exercise", "sequence"])
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER review_no_{change.lower()} BEFORE {change} ON review "
                "BEGIN SELECT RAISE(ABORT, 'the table review is append-only'); END"
            )


def downgrade() -> None:
    """Refused: going back would throw a learner's history away."""
    raise NotImplementedError("progress.db is never taken back to an older schema")
