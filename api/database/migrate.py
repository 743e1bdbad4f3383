"""Bringing a database up to date: Alembic's migrations, under a lock, so that workers may start at once."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from api.database.engine import Database
from primitives.errors import SealedbookError

_SCRIPTS: Final = Path(__file__).parent.parent / "migrations"


class DatabaseOutdatedError(SealedbookError):
    """The database is not of this version of the service."""


def upgrade(database: Database) -> None:
    """Run what is missing, in one transaction that holds the writers' lock; a newer database is refused."""
    with database.write() as session:
        connection = session.connection()
        if _revision(connection) == _head():
            return
        _require_known(connection)
        command.upgrade(_config(connection), "head")


def check_current(database: Database) -> None:
    """`DatabaseOutdatedError` unless the database is exactly of this version."""
    with database.read() as session:
        found = _revision(session.connection())
    if found != _head():
        raise DatabaseOutdatedError(
            f"the database is of version {found or 'none'}, this service needs {_head()}:"
            " run `sealedbook service migrate` with the settings of the service"
        )


def _require_known(connection: Connection) -> None:
    found = _revision(connection)
    known = {script.revision for script in ScriptDirectory(str(_SCRIPTS)).walk_revisions()}
    if found is not None and found not in known:
        raise DatabaseOutdatedError(f"the database is of version {found}, which is newer than this service")


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _head() -> str | None:
    return ScriptDirectory(str(_SCRIPTS)).get_current_head()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
