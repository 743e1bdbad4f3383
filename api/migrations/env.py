"""Run by Alembic: use the connection, and the transaction, of `api.database.migrate`."""

from __future__ import annotations

from alembic import context

from api.database import log_tables, tables
from api.database.base import Base

TABLES = (log_tables, tables)
"""Imported so that `Base.metadata` knows them."""

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=False,  # the caller's transaction holds all of it
    render_as_batch=True,
)
context.run_migrations()
