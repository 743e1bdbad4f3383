"""Checking an attestation: its form, whose key it names, and the signature (checks B1 to B4)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from primitives.attestation import ATTESTATION_NAME, SIGNATURE_NAME, Attestation
from primitives.errors import DecodingError
from primitives.signing import SIGNATURE_BYTES, verify_attestation_signature
from primitives.strict_json import MAX_JSON_BYTES, JsonError
from verifier.checks import Check, VerificationError
from verifier.files import read_regular_file

_SIGNATURE_FILE_BYTES: Final = 2 * SIGNATURE_BYTES + 1


@dataclass(frozen=True)
class SignedAttestation:
    """An attestation whose signature was checked, and whether its key was one the caller expected."""

    attestation: Attestation
    digest: bytes
    key_expected: bool


def verify_attestation(folder: Path, *, issuer_key: bytes | None) -> SignedAttestation:
    """Checks B1 to B4: the attestation and who signed it, without the files that it lists."""
    # B1: files of a sane size
    data = read_regular_file(folder, ATTESTATION_NAME, maximum=MAX_JSON_BYTES)
    signature_text = read_regular_file(folder, SIGNATURE_NAME, maximum=_SIGNATURE_FILE_BYTES)
    # B2: canonical form
    try:
        attestation = Attestation.parse(data)
    except JsonError as error:
        raise VerificationError(Check.BUNDLE_ATTESTATION, f"{ATTESTATION_NAME}: {error}") from error
    # B3: the key is the caller's
    public_key = attestation.book.public_key
    if issuer_key is not None and issuer_key != public_key:
        raise VerificationError(
            Check.BUNDLE_ISSUER,
            f"the attestation is signed by {public_key.hex()}, you expect {issuer_key.hex()}",
        )
    # B4: signature
    try:
        signature = _parse_signature(signature_text)
        verify_attestation_signature(public_key, data, signature)
    except DecodingError as error:
        raise VerificationError(Check.BUNDLE_SIGNATURE, str(error)) from error
    return SignedAttestation(attestation, hashlib.sha256(data).digest(), issuer_key is not None)


def _parse_signature(text: bytes) -> bytes:
    if len(text) != _SIGNATURE_FILE_BYTES or not text.endswith(b"\n"):
        raise DecodingError(f"{SIGNATURE_NAME} is not {2 * SIGNATURE_BYTES} hexadecimal digits and a newline")
    digits = text[:-1]
    if any(digit not in b"0123456789abcdef" for digit in digits):
        raise DecodingError(f"{SIGNATURE_NAME} holds something else than lower-case hexadecimal digits")
    return bytes.fromhex(digits.decode("ascii"))
