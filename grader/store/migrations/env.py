"""What Alembic runs to migrate: on the connection it is handed, within the transaction that is already open there."""

from __future__ import annotations

from alembic import context

from grader.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
