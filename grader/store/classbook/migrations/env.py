"""What Alembic runs to migrate a class: on the connection it is handed, within the transaction that is already open there."""

from __future__ import annotations

from alembic import context

from grader.store.classbook.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
context.run_migrations()
