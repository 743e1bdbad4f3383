"""Connections: SQLite (a file, write-ahead log) or PostgreSQL, and what a reading and a writing transaction are.

Writers are serial on both databases, over all workers and machines: SQLite by ``BEGIN IMMEDIATE``, PostgreSQL by one
advisory lock that the transaction holds. So whoever has a writing session may read, decide, and write: a log index or
a "latest" that was read stays true until the commit.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.orm import Session

BUSY_MILLISECONDS: Final = 30_000
"""How long a writer waits for another one."""
WRITER_LOCK: Final = 0x7365616C65640001
"""Key of PostgreSQL's advisory lock of writers: "sealed", then a number."""
_WRITES: Final = "sealedbook_writes"


class Database:
    """One database; hand out sessions with `read` and `write`."""

    def __init__(self, url: str) -> None:
        self.engine = make_engine(url)
        self._writing = self.engine.execution_options(**{_WRITES: True})

    def __repr__(self) -> str:
        return f"Database({self.engine.dialect.name})"

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite; PostgreSQL otherwise."""
        return self.engine.dialect.name == "sqlite"

    @contextlib.contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one state of the database and changes nothing."""
        with Session(self.engine, autoflush=False, expire_on_commit=False) as session:
            yield session

    @contextlib.contextmanager
    def write(self) -> Iterator[Session]:
        """The one writing session at this moment; commits on a clean exit, else rolls back."""
        with Session(self._writing, expire_on_commit=False) as session, session.begin():
            session.connection()  # begins now, so that what is read is read under the lock
            yield session

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def make_engine(url: str) -> Engine:
    """An engine for ``sqlite:///file`` or ``postgresql://...``; `ValueError` for other databases."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed)
    if parsed.get_backend_name() == "postgresql":
        return _postgresql_engine(parsed)
    raise ValueError(f"{parsed.get_backend_name()} is not supported: use SQLite or PostgreSQL")


def _sqlite_engine(url: URL) -> Engine:
    if url.database in (None, "", ":memory:"):
        raise ValueError("SQLite needs a file: a database in memory is lost with its connection")
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite"), connect_args={"timeout": BUSY_MILLISECONDS / 1000}
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: object) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql_engine(url: URL) -> Engine:
    engine = create_engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get(_WRITES, False):
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITER_LOCK})
        else:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

    return engine
