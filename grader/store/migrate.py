"""Runs migrations: the only module that imports Alembic, itself imported only where the stored revision is not ours."""

from __future__ import annotations

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

# Alembic keeps the migration that runs in a variable of its own, one for the whole process.
_ALEMBIC = threading.Lock()


def knows(folder: Path, revision: str) -> bool:
    """Whether the migrations in `folder` have heard of `revision`; a newer program's they have not."""
    try:
        return ScriptDirectory(str(folder)).get_revision(revision) is not None
    except CommandError:
        return False


def upgrade(connection: Connection, folder: Path, head: str) -> None:
    """Run the migrations in `folder` up to `head` inside the transaction that is open on `connection`."""
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    with _ALEMBIC:
        command.upgrade(config, head)
