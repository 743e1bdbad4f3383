"""Tables of the transparency log. Rows are inserted and never changed, the head and newer cosignatures apart."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from api.database.base import Base
from primitives.log_checkpoint import MAX_ORIGIN_LENGTH
from primitives.parameters import HASH_BYTES
from primitives.signed_note import MAX_KEY_NAME_LENGTH, MAX_KEY_TEXT_LENGTH

BIG_KEY: Final = BigInteger().with_variant(Integer, "sqlite")
"""SQLite's INTEGER holds 64 bits, and as a primary key it is the row's number itself."""
HEAD_ID: Final = 1


class LogHead(Base):
    """One row: which log this is, and how many entries it has. Appending locks it."""

    __tablename__ = "log_head"
    __table_args__ = (CheckConstraint(f"id = {HEAD_ID}", name="single_row"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    origin: Mapped[str] = mapped_column(String(MAX_ORIGIN_LENGTH))
    log_key: Mapped[str] = mapped_column(String(MAX_KEY_TEXT_LENGTH))
    size: Mapped[int] = mapped_column(BIG_KEY)


class LogRecord(Base):
    """An entry, by its index from 0; `attestation_sha256` is what an attestation or revocation speaks of."""

    __tablename__ = "log_entries"

    entry_index: Mapped[int] = mapped_column(BIG_KEY, primary_key=True, autoincrement=False)
    leaf_hash: Mapped[bytes] = mapped_column(LargeBinary(HASH_BYTES), unique=True)
    kind: Mapped[str] = mapped_column(String(32))
    attestation_sha256: Mapped[bytes | None] = mapped_column(LargeBinary(HASH_BYTES), index=True)
    entry: Mapped[bytes] = mapped_column(LargeBinary)


class LogNode(Base):
    """The root of a complete subtree, leaves among them, by its in-order number.

    number = (2 position + 1) 2^level - 1 for the `position`-th subtree of 2^level leaves: it never changes once the
    subtree is complete.
    """

    __tablename__ = "log_nodes"

    number: Mapped[int] = mapped_column(BIG_KEY, primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(LargeBinary(HASH_BYTES))


class LogCheckpoint(Base):
    """What the log signed about its first `size` entries."""

    __tablename__ = "log_checkpoints"

    size: Mapped[int] = mapped_column(BIG_KEY, primary_key=True, autoincrement=False)
    root: Mapped[bytes] = mapped_column(LargeBinary(HASH_BYTES))
    note: Mapped[str] = mapped_column(Text)


class LogCosignature(Base):
    """The newest cosignature of a witness on a checkpoint, as a signature line."""

    __tablename__ = "log_cosignatures"

    size: Mapped[int] = mapped_column(BIG_KEY, ForeignKey("log_checkpoints.size"), primary_key=True)
    witness: Mapped[str] = mapped_column(String(MAX_KEY_NAME_LENGTH), primary_key=True)
    key_id: Mapped[bytes] = mapped_column(LargeBinary(4), primary_key=True)
    timestamp: Mapped[int] = mapped_column(BIG_KEY)
    line: Mapped[str] = mapped_column(Text)
