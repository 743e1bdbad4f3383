"""What routes ask for: settings, sessions, the log.

    @router.get("/log/checkpoint")
    def checkpoint(session: ReadSession, log: Log) -> Response: ...

Handlers that take a session are plain functions: FastAPI runs them in its thread pool. A writing session commits
before the answer is sent: a client that reads "created" can rely on it.

The log is made once for each process, by ``api.log.open_log(settings)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from api.database.engine import Database
from api.log import TransparencyLog
from api.settings import Settings


def get_settings(request: Request) -> Settings:
    """The settings of this process."""
    settings: Settings = request.app.state.settings
    return settings


def get_database(request: Request) -> Database:
    """The database of this process."""
    database: Database = request.app.state.database
    return database


def read_session(database: Annotated[Database, Depends(get_database)]) -> Iterator[Session]:
    """A session that sees one state of the database."""
    with database.read() as session:
        yield session


def write_session(database: Annotated[Database, Depends(get_database)]) -> Iterator[Session]:
    """The one writing session (`api.database.engine`); rolled back if the handler raises."""
    with database.write() as session:
        yield session


def get_log(request: Request) -> TransparencyLog:
    """The transparency log (`api.log.TransparencyLog`)."""
    log: TransparencyLog = request.app.state.log
    return log


SettingsDependency = Annotated[Settings, Depends(get_settings)]
DatabaseDependency = Annotated[Database, Depends(get_database)]
ReadSession = Annotated[Session, Depends(read_session, scope="function")]
WriteSession = Annotated[Session, Depends(write_session, scope="function")]
Log = Annotated[TransparencyLog, Depends(get_log)]
