"""Published attestations and their files. Rows are inserted once; only a revocation is ever added to one."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import BigInteger, DateTime, ForeignKey, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

from api.database.base import Base

BIG_INTEGER = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself in INTEGER columns alone; they hold 64 bits."""


class UtcTime(TypeDecorator[datetime]):
    """A moment in UTC, also on SQLite, which forgets time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: object) -> datetime | None:
        """To the database: UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: object) -> datetime | None:
        """From the database: what has no zone was UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class PublishedAttestation(Base):
    """One publication. `id` grows with the order of publication and is what cursors hold.

    `report` is the verifier's report (JSON) that the service came to when it took the bundle.
    """

    __tablename__ = "attestations"

    id: Mapped[int] = mapped_column(BIG_INTEGER, primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    book_digest: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)
    issuer: Mapped[str] = mapped_column(String(200))
    issuer_key: Mapped[bytes] = mapped_column(LargeBinary(32))
    as_of: Mapped[datetime] = mapped_column(UtcTime)
    leaf_count: Mapped[int] = mapped_column(BigInteger)
    root_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    root_sum: Mapped[bytes] = mapped_column(LargeBinary(48))
    claims: Mapped[str] = mapped_column(Text)
    signature: Mapped[bytes] = mapped_column(LargeBinary(64))
    report: Mapped[str] = mapped_column(Text)
    published_at: Mapped[datetime] = mapped_column(UtcTime)
    log_index: Mapped[int] = mapped_column(BigInteger, unique=True)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime)
    revocation_log_index: Mapped[int | None] = mapped_column(BigInteger)
    revocation_reason: Mapped[str | None] = mapped_column(Text)

    files: Mapped[list[PublishedFile]] = relationship(
        back_populates="attestation", order_by="PublishedFile.name", passive_deletes="all"
    )

    @property
    def is_revoked(self) -> bool:
        """Whether its issuer took it back."""
        return self.revocation_log_index is not None


class PublishedFile(Base):
    """One file of a published bundle, ``attestation.json`` and ``attestation.sig`` among them."""

    __tablename__ = "attestation_files"

    attestation_id: Mapped[int] = mapped_column(ForeignKey("attestations.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(201), primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32))

    attestation: Mapped[PublishedAttestation] = relationship(back_populates="files")
