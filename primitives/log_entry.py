"""Entries of the transparency log: canonical JSON, format ``sealedbook/log-entry/v1``, of three kinds.

``attestation``   an attestation was published; everything in the entry follows from the attestation's bytes alone
``revocation``    its issuer takes an attestation back; signed by the issuer's key
``key-rotation``  an issuer changes its key; signed by the old key and by the new one

    signature = Ed25519(key, "sealedbook/v1/log-<kind>" 00 || canonical JSON of the entry without its signatures)
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import ClassVar, Final

from primitives.attestation import MAX_ISSUER_LENGTH, Attestation, format_time, parse_time
from primitives.errors import DecodingError
from primitives.parameters import HASH_BYTES
from primitives.signing import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, import_public_key, verify_signature
from primitives.strict_json import (
    MAX_JSON_BYTES,
    Json,
    JsonError,
    JsonObject,
    canonical_json,
    parse_canonical_json,
)

ENTRY_FORMAT: Final = "sealedbook/log-entry/v1"
ATTESTATION_KIND: Final = "attestation"
REVOCATION_KIND: Final = "revocation"
ROTATION_KIND: Final = "key-rotation"
REVOCATION_LABEL: Final = b"sealedbook/v1/log-revocation\x00"
ROTATION_LABEL: Final = b"sealedbook/v1/log-key-rotation\x00"
MAX_ENTRY_BYTES: Final = 16_384
MAX_REASON_LENGTH: Final = 1000


class LogEntryError(DecodingError):
    """Bytes are no entry of the log: their form, or a signature in them."""


@dataclass(frozen=True)
class AttestationEntry:
    """An attestation was published: digest and length of its bytes, which book, whose, as of when."""

    kind: ClassVar[str] = ATTESTATION_KIND

    attestation_sha256: bytes
    attestation_bytes: int
    book_digest: bytes
    issuer: str
    issuer_key: bytes
    as_of: datetime

    @staticmethod
    def of(attestation: bytes) -> AttestationEntry:
        """The one entry for the bytes of an attestation; `JsonError` if they are none. Its signature is not checked."""
        book = Attestation.parse(attestation).book
        digest = hashlib.sha256(attestation).digest()
        return AttestationEntry(
            digest, len(attestation), book.digest(), book.issuer, book.public_key, book.as_of
        )

    def to_bytes(self) -> bytes:
        """The entry as it stands in the log."""
        return canonical_json(
            {
                "format": ENTRY_FORMAT,
                "kind": self.kind,
                "attestation": {"bytes": self.attestation_bytes, "sha256": self.attestation_sha256.hex()},
                "book_digest": self.book_digest.hex(),
                "issuer": {"name": self.issuer, "public_key": self.issuer_key.hex()},
                "as_of": format_time(self.as_of),
            }
        )


@dataclass(frozen=True)
class RevocationEntry:
    """The holder of `issuer_key` takes the attestation of that digest back, for a reason in plain words."""

    kind: ClassVar[str] = REVOCATION_KIND

    attestation_sha256: bytes
    issuer_key: bytes
    reason: str
    time: datetime
    signature: bytes = bytes(SIGNATURE_BYTES)

    def message(self) -> bytes:
        """What the issuer signs."""
        return REVOCATION_LABEL + canonical_json(self._unsigned())

    def to_bytes(self) -> bytes:
        """The entry as it stands in the log."""
        return canonical_json({**self._unsigned(), "signature": self.signature.hex()})

    def _unsigned(self) -> dict[str, Json]:
        return {
            "format": ENTRY_FORMAT,
            "kind": self.kind,
            "attestation_sha256": self.attestation_sha256.hex(),
            "issuer_key": self.issuer_key.hex(),
            "reason": self.reason,
            "time": format_time(self.time),
        }


@dataclass(frozen=True)
class RotationEntry:
    """From now on the issuer signs with `new_key` and no longer with `old_key`; both signed this."""

    kind: ClassVar[str] = ROTATION_KIND

    issuer: str
    old_key: bytes
    new_key: bytes
    time: datetime
    old_signature: bytes = bytes(SIGNATURE_BYTES)
    new_signature: bytes = bytes(SIGNATURE_BYTES)

    def message(self) -> bytes:
        """What both keys sign."""
        return ROTATION_LABEL + canonical_json(self._unsigned())

    def to_bytes(self) -> bytes:
        """The entry as it stands in the log."""
        signatures: Json = {"new_key": self.new_signature.hex(), "old_key": self.old_signature.hex()}
        return canonical_json({**self._unsigned(), "signatures": signatures})

    def _unsigned(self) -> dict[str, Json]:
        return {
            "format": ENTRY_FORMAT,
            "kind": self.kind,
            "issuer": self.issuer,
            "old_key": self.old_key.hex(),
            "new_key": self.new_key.hex(),
            "time": format_time(self.time),
        }


LogEntry = AttestationEntry | RevocationEntry | RotationEntry


def parse_log_entry(data: bytes) -> LogEntry:
    """The entry in `data`, its own signatures verified; `LogEntryError` says what is wrong.

    Strict: canonical form, every field, no other, keys that are sound. What an attestation entry says about the
    attestation is not checked here: that takes the attestation (`AttestationEntry.of`).
    """
    if len(data) > MAX_ENTRY_BYTES:
        raise LogEntryError(f"an entry has {len(data)} bytes, more than {MAX_ENTRY_BYTES}")
    try:
        fields = JsonObject(parse_canonical_json(data))
        fields.constant("format", ENTRY_FORMAT)
        kind = fields.text("kind")
        entry = _parse_kind(fields, kind)
        fields.finish()
    except JsonError as error:
        raise LogEntryError(f"not an entry of the log: {error}") from error
    _verify(entry)
    return entry


def _parse_kind(fields: JsonObject, kind: str) -> LogEntry:
    if kind == ATTESTATION_KIND:
        return _parse_attestation(fields)
    if kind == REVOCATION_KIND:
        return _parse_revocation(fields)
    if kind == ROTATION_KIND:
        return _parse_rotation(fields)
    raise fields.fail("kind", f"{kind[:64]!r} is not a kind known here")


def _parse_attestation(fields: JsonObject) -> AttestationEntry:
    attestation = fields.object("attestation")
    size = attestation.integer("bytes", minimum=1, maximum=MAX_JSON_BYTES)
    digest = attestation.hex("sha256", HASH_BYTES)
    attestation.finish()
    issuer = fields.object("issuer")
    name, key = _issuer_name(issuer, "name"), issuer.hex("public_key", PUBLIC_KEY_BYTES)
    issuer.finish()
    book_digest = fields.hex("book_digest", HASH_BYTES)
    return AttestationEntry(digest, size, book_digest, name, key, _time(fields, "as_of"))


def _parse_revocation(fields: JsonObject) -> RevocationEntry:
    reason = fields.text("reason", max_length=MAX_REASON_LENGTH)
    if not reason.isprintable() or reason != reason.strip():
        raise fields.fail("reason", "has control characters or surrounding blanks")
    return RevocationEntry(
        fields.hex("attestation_sha256", HASH_BYTES),
        fields.hex("issuer_key", PUBLIC_KEY_BYTES),
        reason,
        _time(fields, "time"),
        fields.hex("signature", SIGNATURE_BYTES),
    )


def _parse_rotation(fields: JsonObject) -> RotationEntry:
    old_key, new_key = fields.hex("old_key", PUBLIC_KEY_BYTES), fields.hex("new_key", PUBLIC_KEY_BYTES)
    if old_key == new_key:
        raise fields.fail("new_key", "is the old key")
    signatures = fields.object("signatures")
    old_signature = signatures.hex("old_key", SIGNATURE_BYTES)
    new_signature = signatures.hex("new_key", SIGNATURE_BYTES)
    signatures.finish()
    issuer = _issuer_name(fields, "issuer")
    return RotationEntry(issuer, old_key, new_key, _time(fields, "time"), old_signature, new_signature)


def _verify(entry: LogEntry) -> None:
    """The signatures that the entry itself carries; of an attestation entry, that its key is one."""
    try:
        if isinstance(entry, AttestationEntry):
            _check_key(entry.issuer_key)
        elif isinstance(entry, RevocationEntry):
            verify_signature(entry.issuer_key, entry.message(), entry.signature)
        else:
            verify_signature(entry.old_key, entry.message(), entry.old_signature)
            verify_signature(entry.new_key, entry.message(), entry.new_signature)
    except DecodingError as error:
        raise LogEntryError(f"an entry is not signed as it says: {error}") from error


@lru_cache(maxsize=64)
def _check_key(public_key: bytes) -> None:
    """`DecodingError` unless the key is sound; a log has many entries and few keys."""
    import_public_key(public_key)


def _issuer_name(fields: JsonObject, field: str) -> str:
    name = fields.text(field, max_length=MAX_ISSUER_LENGTH)
    if not name.isprintable() or name != name.strip():
        raise fields.fail(field, "has control characters or surrounding blanks")
    return name


def _time(fields: JsonObject, name: str) -> datetime:
    return parse_time(fields.text(name), fields.path(name))
