"""Entries of the log: round trips, what is refused, and that signatures bind every field."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from log_support import ALICE, AS_OF, BOB, IssuerKey, attestation
from sealing_support import Sealed

from primitives.log_entry import (
    MAX_ENTRY_BYTES,
    AttestationEntry,
    LogEntry,
    LogEntryError,
    RevocationEntry,
    RotationEntry,
    parse_log_entry,
)
from primitives.signing import sign_message
from primitives.strict_json import canonical_json

ENTRY = attestation(1)
REVOCATION = ALICE.revoke(ENTRY)
ROTATION = ALICE.rotate(BOB)
ALL: tuple[LogEntry, ...] = (ENTRY, REVOCATION, ROTATION)
SMALL_ORDER = b"\x01" + bytes(31)


@pytest.mark.parametrize("entry", ALL)
def test_an_entry_comes_back_as_it_was(entry: LogEntry) -> None:
    assert parse_log_entry(entry.to_bytes()) == entry
    assert b"\n" not in entry.to_bytes()


def test_the_entry_of_an_attestation_follows_from_its_bytes(sealed_once: Sealed) -> None:
    data = (sealed_once.bundle / "attestation.json").read_bytes()
    entry = AttestationEntry.of(data)
    assert parse_log_entry(entry.to_bytes()) == entry
    assert entry.attestation_bytes == len(data)
    assert entry.issuer_key == sealed_once.issuer.public_key


def altered(entry: LogEntry, path: str, value: Any) -> bytes:
    """The entry with the field at `path` replaced, in canonical form."""
    document = json.loads(entry.to_bytes())
    *parents, name = path.split(".")
    place = document
    for parent in parents:
        place = place[parent]
    if value is None:
        del place[name]
    else:
        place[name] = value
    return canonical_json(document)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not JSON"),
        (ENTRY.to_bytes() + b"\n", "not in canonical form"),
        (altered(ENTRY, "format", "sealedbook/log-entry/v2"), r"\$.format: expected"),
        (altered(ENTRY, "kind", "apology"), "not a kind known here"),
        (altered(ENTRY, "extra", 1), "unknown field 'extra'"),
        (altered(ENTRY, "attestation.extra", 1), "unknown field 'extra'"),
        (altered(ENTRY, "issuer.extra", 1), "unknown field 'extra'"),
        (altered(ROTATION, "signatures.extra", 1), "unknown field 'extra'"),
        (altered(ENTRY, "book_digest", None), "'book_digest' is missing"),
        (altered(ENTRY, "attestation.bytes", 0), "not between 1"),
        (altered(ENTRY, "attestation.sha256", "00"), "expected 32 bytes"),
        (altered(ENTRY, "issuer.name", " x"), "surrounding blanks"),
        (altered(ENTRY, "issuer.name", "x" * 201), "longer than 200"),
        (altered(ENTRY, "issuer.public_key", SMALL_ORDER.hex()), "small order"),
        (altered(ENTRY, "as_of", "2026-01-31"), "not a UTC time"),
        (altered(REVOCATION, "reason", "a\u2028b"), "control characters"),
        (altered(REVOCATION, "reason", ""), "is empty"),
        (altered(REVOCATION, "reason", "x" * 1001), "longer than 1000"),
        (altered(ROTATION, "new_key", ALICE.public.hex()), "is the old key"),
        (b'"' + b"x" * MAX_ENTRY_BYTES + b'"', "more than 16384"),
    ],
)
def test_an_entry_that_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(LogEntryError, match=reason):
        parse_log_entry(data)


@pytest.mark.parametrize(
    ("entry", "path", "value"),
    [
        (REVOCATION, "attestation_sha256", "00" * 32),
        (REVOCATION, "issuer_key", BOB.public.hex()),
        (REVOCATION, "reason", "another reason"),
        (REVOCATION, "time", "2026-02-01T00:00:00Z"),
        (REVOCATION, "signature", "00" * 64),
        (ROTATION, "issuer", "Another Exchange"),
        (ROTATION, "old_key", IssuerKey("x").public.hex()),
        (ROTATION, "new_key", IssuerKey("x").public.hex()),
        (ROTATION, "time", "2026-02-01T00:00:00Z"),
        (ROTATION, "signatures.old_key", ROTATION.new_signature.hex()),
        (ROTATION, "signatures.new_key", ROTATION.old_signature.hex()),
    ],
)
def test_signatures_bind_every_field(entry: LogEntry, path: str, value: str) -> None:
    with pytest.raises(LogEntryError, match="not signed as it says"):
        parse_log_entry(altered(entry, path, value))


def test_a_signature_for_one_purpose_does_not_serve_another() -> None:
    unsigned = RevocationEntry(bytes(32), ALICE.public, "reason", AS_OF)
    _, _, document = unsigned.message().partition(b"\x00")
    label = RotationEntry("x", ALICE.public, BOB.public, AS_OF).message().partition(b"\x00")[0]
    foreign = sign_message(ALICE.private, label + b"\x00" + document)
    with pytest.raises(LogEntryError, match="not signed as it says"):
        parse_log_entry(replace(unsigned, signature=foreign).to_bytes())
