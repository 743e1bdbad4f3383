"""Ed25519 signatures (RFC 8032), through pycryptodome, and those over attestations.

signature = Ed25519.sign(key, "sealedbook/v1/attestation-signature" 00 || attestation bytes)
"""

from __future__ import annotations

from typing import Final

from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa

from primitives.errors import DecodingError
from primitives.parameters import SIGNATURE_LABEL

PUBLIC_KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
_CURVE_COFACTOR: Final = 8
_GROUP_ORDER: Final = 2**252 + 27742317777372353535851937790883648493


class SignatureMismatchError(DecodingError):
    """The signature does not verify under the public key."""


def verify_attestation_signature(public_key: bytes, attestation: bytes, signature: bytes) -> None:
    """Return if `signature` (64 bytes) by `public_key` (32 bytes) over `attestation` is valid.

    Raises as `verify_signature` does.
    """
    try:
        verify_signature(public_key, SIGNATURE_LABEL + attestation, signature)
    except SignatureMismatchError as error:
        raise SignatureMismatchError("the signature does not match the attestation and the key") from error


def sign_attestation(private_key: ECC.EccKey, attestation: bytes) -> bytes:
    """The 64-byte signature over `attestation`."""
    return sign_message(private_key, SIGNATURE_LABEL + attestation)


def verify_signature(public_key: bytes, message: bytes, signature: bytes) -> None:
    """Return if `signature` (64 bytes) by `public_key` (32 bytes) over `message` is valid.

    Raises `DecodingError` where the key or the signature is malformed, `SignatureMismatchError` where it
    does not verify. Stricter than RFC 8032: a key of small order is refused, since signatures that verify
    under it for every message can be made by anybody, and so is a key that is not its canonical encoding.
    """
    key = import_public_key(public_key)
    if len(signature) != SIGNATURE_BYTES:
        raise DecodingError(f"Ed25519 signature has {len(signature)} bytes, expected {SIGNATURE_BYTES}")
    if int.from_bytes(signature[SIGNATURE_BYTES // 2 :], "little") >= _GROUP_ORDER:
        # RFC 8032, section 5.1.7; the library lets the order itself pass.
        raise DecodingError(
            "Ed25519 signature is not in canonical form: its scalar is not below the group order"
        )
    try:
        eddsa.new(key, "rfc8032").verify(message, signature)
    except ValueError as error:
        raise SignatureMismatchError("the signature does not match the message and the key") from error


def sign_message(private_key: ECC.EccKey, message: bytes) -> bytes:
    """The 64-byte signature over `message`, which begins with a label of its own purpose."""
    signature: bytes = eddsa.new(private_key, "rfc8032").sign(message)
    return signature


def import_public_key(public_key: bytes) -> ECC.EccKey:
    """The key of 32 bytes in canonical form and not of small order; `DecodingError` otherwise."""
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise DecodingError(f"Ed25519 public key has {len(public_key)} bytes, expected {PUBLIC_KEY_BYTES}")
    try:
        key = eddsa.import_public_key(public_key)
    except ValueError as error:
        raise DecodingError("Ed25519 public key is not the encoding of a curve point") from error
    if public_key_bytes(key) != public_key:
        raise DecodingError("Ed25519 public key is not in canonical form")
    if (key.pointQ * _CURVE_COFACTOR).is_point_at_infinity():
        raise DecodingError("Ed25519 public key is of small order")
    return key


def public_key_bytes(key: ECC.EccKey) -> bytes:
    """The 32-byte public key of an Ed25519 key."""
    raw: bytes = key.public_key().export_key(format="raw")
    return raw
