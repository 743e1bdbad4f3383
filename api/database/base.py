"""What all tables have in common."""

from __future__ import annotations

from typing import Final

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

_NAMES: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Constraints with names of their own, so that migrations can drop them on every database."""


class Base(DeclarativeBase):
    """The base of every table; `Base.metadata` is what migrations are compared with."""

    metadata = MetaData(naming_convention=_NAMES)
