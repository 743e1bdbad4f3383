"""Entries of the transparency log that an issuer signs: taking an attestation back, changing the key."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from primitives.log_entry import LogEntryError, RevocationEntry, RotationEntry, parse_log_entry
from prover.errors import ProverError
from prover.issuer import Issuer


class LogEntryRefusedError(ProverError):
    """An entry that no log would take."""


def make_revocation(
    issuer: Issuer, attestation_sha256: bytes, reason: str, time: datetime
) -> RevocationEntry:
    """The signed entry by which `issuer` takes an attestation back; `reason` is public."""
    entry = RevocationEntry(attestation_sha256, issuer.public_key, reason, time)
    entry = replace(entry, signature=issuer.sign_labelled(entry.message()))
    _check(entry)
    return entry


def make_rotation(old: Issuer, new: Issuer, time: datetime) -> RotationEntry:
    """The entry, signed by both keys, by which the issuer changes from the key of `old` to that of `new`."""
    if old.name != new.name:
        raise LogEntryRefusedError(f"the old key is of {old.name!r}, the new one of {new.name!r}")
    entry = RotationEntry(old.name, old.public_key, new.public_key, time)
    message = entry.message()
    entry = replace(entry, old_signature=old.sign_labelled(message), new_signature=new.sign_labelled(message))
    _check(entry)
    return entry


def _check(entry: RevocationEntry | RotationEntry) -> None:
    try:
        parse_log_entry(entry.to_bytes())
    except LogEntryError as error:
        raise LogEntryRefusedError(str(error)) from error
