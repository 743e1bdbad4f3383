"""The database: migrations make exactly the tables of the models, on both databases, and writers are serial."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from postgres_support import MISSING, binaries, postgres_server
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import DBAPIError

from api.database import log_tables, tables
from api.database.base import Base
from api.database.engine import Database, make_engine
from api.database.migrate import DatabaseOutdatedError, check_current, upgrade


@pytest.fixture(scope="module")
def new_postgres_database() -> Iterator[Callable[[], str] | None]:
    if binaries() is None:
        yield None
        return
    with postgres_server() as new_database:
        yield new_database


@pytest.fixture(params=["sqlite", "postgresql"])
def database(
    request: pytest.FixtureRequest, tmp_path: Path, new_postgres_database: Callable[[], str] | None
) -> Iterator[Database]:
    if request.param == "postgresql" and new_postgres_database is None:
        pytest.skip(MISSING)
    url = f"sqlite:///{tmp_path / 'x.sqlite'}" if new_postgres_database is None else new_postgres_database()
    opened = Database(f"sqlite:///{tmp_path / 'x.sqlite'}" if request.param == "sqlite" else url)
    yield opened
    opened.close()


def test_migrations_make_the_tables_of_the_models(database: Database) -> None:
    upgrade(database)
    check_current(database)
    assert {tables.PublishedAttestation.__table__, log_tables.LogHead.__table__} <= set(
        Base.metadata.tables.values()
    )
    with database.read() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        found = inspect(session.connection())
        assert set(found.get_table_names()) == {*Base.metadata.tables, "alembic_version"}


def test_an_empty_and_a_newer_database_are_refused(database: Database) -> None:
    with pytest.raises(
        DatabaseOutdatedError, match=r"of version none, this service needs .* service migrate"
    ):
        check_current(database)
    upgrade(database)
    upgrade(database)
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'from-tomorrow'"))
    with pytest.raises(DatabaseOutdatedError, match="is of version from-tomorrow, which is newer"):
        upgrade(database)


def test_many_processes_migrate_at_once(database: Database) -> None:
    failures: list[BaseException] = []

    def start() -> None:
        try:
            upgrade(database)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    check_current(database)


def test_writers_are_serial_and_readers_see_one_state(database: Database) -> None:
    """Four threads count up in the database, each reading before it writes; a reader meanwhile sees one number."""
    upgrade(database)
    with database.write() as session:
        session.add(log_tables.LogHead(id=1, origin="x", log_key="y", size=0))

    def count() -> None:
        for _ in range(10):
            with database.write() as session:
                head = session.scalars(select(log_tables.LogHead)).one()
                head.size += 1

    with database.read() as reading:
        before = reading.scalar(select(log_tables.LogHead.size))
        threads = [threading.Thread(target=count) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert reading.scalar(select(log_tables.LogHead.size)) == before == 0
    with database.read() as session:
        assert session.scalar(select(log_tables.LogHead.size)) == 40


def test_what_raises_is_rolled_back(database: Database) -> None:
    upgrade(database)

    def fail() -> None:
        with database.write() as session:
            session.add(log_tables.LogHead(id=1, origin="x", log_key="y", size=0))
            session.flush()
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    with database.read() as session:
        assert session.scalars(select(log_tables.LogHead)).all() == []


def test_reading_sessions_cannot_write_on_postgresql(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite takes writes from any transaction; only writers begin with the lock")
    upgrade(database)
    with database.read() as session, pytest.raises(DBAPIError, match="read-only transaction"):
        session.execute(text("DELETE FROM log_head"))


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://host/name"])
def test_databases_that_cannot_be_used(url: str) -> None:
    with pytest.raises(ValueError, match="SQLite"):
        make_engine(url)
