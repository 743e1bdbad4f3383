"""Published attestations in the database: inserting, finding, revoking."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.database.tables import PublishedAttestation, PublishedFile
from primitives.attestation import ATTESTATION_NAME, SIGNATURE_NAME, Attestation, BundleFile, SealedBook
from primitives.log_entry import RevocationEntry
from primitives.strict_json import canonical_json


@dataclass(frozen=True)
class AcceptedBundle:
    """A bundle that was verified: its attestation, the two files that the attestation does not list, the report."""

    digest: bytes
    attestation: Attestation
    attestation_bytes: bytes
    signature_text: bytes
    report: dict[str, Any]

    @staticmethod
    def of(digest: bytes, attestation: Attestation, folder: Path, report: dict[str, Any]) -> AcceptedBundle:
        """From the verified folder."""
        data = (folder / ATTESTATION_NAME).read_bytes()
        return AcceptedBundle(digest, attestation, data, (folder / SIGNATURE_NAME).read_bytes(), report)

    def files(self) -> Sequence[BundleFile]:
        """Every file of the bundle."""
        own = [
            BundleFile(name, len(data), hashlib.sha256(data).digest())
            for name, data in (
                (ATTESTATION_NAME, self.attestation_bytes),
                (SIGNATURE_NAME, self.signature_text),
            )
        ]
        return [*own, *self.attestation.files]


def find_attestation(session: Session, digest: bytes) -> PublishedAttestation | None:
    """The published attestation with this digest."""
    return session.scalar(select(PublishedAttestation).where(PublishedAttestation.digest == digest))


def find_file(
    session: Session, digest: bytes, name: str
) -> tuple[PublishedAttestation, PublishedFile] | None:
    """A file of a published attestation."""
    if "\0" in name:
        return None  # PostgreSQL cannot be asked for it
    row = session.execute(
        select(PublishedAttestation, PublishedFile)
        .join(PublishedFile, PublishedFile.attestation_id == PublishedAttestation.id)
        .where(PublishedAttestation.digest == digest, PublishedFile.name == name)
    ).first()
    return None if row is None else (row[0], row[1])


def insert_attestation(session: Session, bundle: AcceptedBundle, log_index: int) -> PublishedAttestation:
    """Add a published attestation; the session is the writing one."""
    book = bundle.attestation.book
    row = PublishedAttestation(
        digest=bundle.digest,
        book_digest=book.digest(),
        issuer=book.issuer,
        issuer_key=book.public_key,
        as_of=book.as_of,
        leaf_count=book.leaf_count,
        root_hash=book.root.hash,
        root_sum=book.root.sum,
        claims=canonical_json([claim.to_json() for claim in bundle.attestation.claims]).decode(),
        signature=bytes.fromhex(bundle.signature_text.strip().decode("ascii")),
        report=json.dumps(bundle.report),
        published_at=datetime.now(UTC).replace(microsecond=0),
        log_index=log_index,
    )
    row.files = [PublishedFile(name=file.name, size=file.size, sha256=file.sha256) for file in bundle.files()]
    session.add(row)
    session.flush()
    return row


def list_attestations(
    session: Session, *, before: int | None, limit: int, book: bytes | None = None
) -> Sequence[PublishedAttestation]:
    """Newest first: up to `limit` attestations, of one `book` if given, published before that with id `before`."""
    query = select(PublishedAttestation).order_by(PublishedAttestation.id.desc()).limit(limit)
    if before is not None:
        query = query.where(PublishedAttestation.id < before)
    if book is not None:
        query = query.where(PublishedAttestation.book_digest == book)
    return session.scalars(query).all()


def latest_attestation(session: Session) -> PublishedAttestation | None:
    """The one published last, among those that were not revoked."""
    return session.scalar(
        select(PublishedAttestation)
        .where(PublishedAttestation.revocation_log_index.is_(None))
        .order_by(PublishedAttestation.id.desc())
        .limit(1)
    )


def find_other_book(session: Session, book: SealedBook) -> PublishedAttestation | None:
    """A published attestation, not taken back, of another book of the same issuer and moment (check L10)."""
    return session.scalar(
        select(PublishedAttestation)
        .where(
            PublishedAttestation.as_of == book.as_of,
            PublishedAttestation.issuer_key == book.public_key,
            PublishedAttestation.book_digest != book.digest(),
            PublishedAttestation.revocation_log_index.is_(None),
        )
        .limit(1)
    )


def mark_revoked(session: Session, row: PublishedAttestation, entry: RevocationEntry, log_index: int) -> None:
    """Remember a revocation that was logged at `log_index`."""
    row.revoked_at = entry.time
    row.revocation_reason = entry.reason
    row.revocation_log_index = log_index
    session.flush()
