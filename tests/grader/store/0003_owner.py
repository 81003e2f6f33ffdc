"""A migration such as the class server will have: attempts get an owner, and a table with a key is rebuilt for it.

GRADLINGS_TEST_DIE_AT names the step after which the program kills itself, as a power cut would.
"""

from __future__ import annotations

import os
import signal

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the owners."""
    op.add_column("attempt", sa.Column("owner", sa.Text))
    _may_die("added")
    op.create_index("attempt_by_owner", "attempt", ["owner", "exercise", "sequence"])
    _may_die("indexed")
    op.add_column("hint", sa.Column("owner", sa.Text, nullable=False, server_default=""))
    with op.batch_alter_table("hint", recreate="always") as batch:
        batch.alter_column("owner", server_default=None)
    _may_die("rebuilt")


def _may_die(step: str) -> None:
    if os.environ.get("GRADLINGS_TEST_DIE_AT") == step:
        os.kill(os.getpid(), signal.SIGKILL)
