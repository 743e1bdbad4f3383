"""Signatures of named sources over a market document, detached from it: ``sealedbook/market-signatures/v1``.

    market digest = SHA-256("sealedbook/v1/market-digest" 00 || bytes of the market document)
    signature     = Ed25519.sign(key, "sealedbook/v1/market-signature" 00 || market digest || name of the source)

The name is UTF-8. The digest has a fixed length, so no two pairs of document and name make one message; and the
name is signed, so that nobody can pass a signature off under another name. What a name is worth follows from the
key alone: verifiers bring the keys of the sources that they trust.

::

    {"format": "sealedbook/market-signatures/v1",
     "signatures": [{"source": "Example Index", "public_key": "<32 bytes>", "signature": "<64 bytes>"}]}
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from Crypto.PublicKey import ECC

from primitives.errors import DecodingError, SealedbookError
from primitives.parameters import MARKET_DIGEST_LABEL, MARKET_SIGNATURE_LABEL
from primitives.signing import (
    PUBLIC_KEY_BYTES,
    SIGNATURE_BYTES,
    public_key_bytes,
    sign_message,
    verify_signature,
)
from primitives.strict_json import Json, JsonError, JsonObject, canonical_json, parse_json

MARKET_SIGNATURES_FORMAT: Final = "sealedbook/market-signatures/v1"
MARKET_SIGNATURES_NAME: Final = "market.sources.json"
"""The name that the document has beside a market, and in a bundle."""
MAX_MARKET_SIGNATURES: Final = 64
MAX_SOURCE_NAME: Final = 100


class SourceNameError(SealedbookError):
    """The name of a source is not printable text of a sane length."""


class MarketSignatureError(DecodingError):
    """A signature of a market document does not hold; `source` is the name that it stands under."""

    def __init__(self, source: str, reason: str) -> None:
        self.source = source
        super().__init__(f"signature of source {source!r}: {reason}")


@dataclass(frozen=True, slots=True)
class MarketSignature:
    """One source's signature: name, 32-byte public key, 64-byte signature. Not verified by being read."""

    source: str
    public_key: bytes
    signature: bytes


@dataclass(frozen=True)
class MarketSignatures:
    """The signatures of one document, in order of their sources' names; no name and no key twice."""

    signatures: tuple[MarketSignature, ...]

    def to_bytes(self) -> bytes:
        """The document, in canonical form."""
        entries: list[Json] = [
            {
                "source": entry.source,
                "public_key": entry.public_key.hex(),
                "signature": entry.signature.hex(),
            }
            for entry in self.signatures
        ]
        return canonical_json({"format": MARKET_SIGNATURES_FORMAT, "signatures": entries})

    def with_signature(self, signature: MarketSignature) -> MarketSignatures:
        """These and `signature`, which takes the place of an earlier one of its source.

        `MarketSignatureError` if another source's signature has the same key, or if there are too many.
        """
        others = [entry for entry in self.signatures if entry.source != signature.source]
        if any(entry.public_key == signature.public_key for entry in others):
            raise MarketSignatureError(signature.source, "its key signed already, under another name")
        if len(others) == MAX_MARKET_SIGNATURES:
            raise MarketSignatureError(signature.source, f"there are {MAX_MARKET_SIGNATURES} already")
        return MarketSignatures(_sorted([*others, signature]))

    def verify(self, market: bytes) -> None:
        """Return if every signature holds for the document `market`; `MarketSignatureError` names one that fails."""
        digest = market_digest(market)
        for entry in self.signatures:
            try:
                verify_signature(entry.public_key, _message(digest, entry.source), entry.signature)
            except DecodingError as error:
                raise MarketSignatureError(entry.source, str(error)) from error

    @staticmethod
    def parse(data: bytes) -> MarketSignatures:
        """Read the document, in any layout; `JsonError` names the field at fault."""
        fields = JsonObject(parse_json(data))
        fields.constant("format", MARKET_SIGNATURES_FORMAT)
        entries = fields.array("signatures", _parse_entry, max_items=MAX_MARKET_SIGNATURES)
        if not entries:
            raise fields.fail("signatures", "is empty")
        if tuple(entries) != _sorted(entries):
            raise fields.fail("signatures", "entries are not in order of their sources")
        for what, found in (
            ("source", {entry.source for entry in entries}),
            ("public key", {entry.public_key for entry in entries}),
        ):
            if len(found) != len(entries):
                raise fields.fail("signatures", f"a {what} appears twice")
        fields.finish()
        return MarketSignatures(tuple(entries))


def market_digest(market: bytes) -> bytes:
    """The 32-byte digest that names a market document, byte for byte."""
    return hashlib.sha256(MARKET_DIGEST_LABEL + market).digest()


def sign_market(market: bytes, private_key: ECC.EccKey, source: str) -> MarketSignature:
    """The signature of `source` over the bytes of a market document."""
    check_source_name(source)
    signature = sign_message(private_key, _message(market_digest(market), source))
    return MarketSignature(source, public_key_bytes(private_key), signature)


def check_source_name(name: str) -> str:
    """`name`, if it is 1 to 100 printable characters in Normalization Form C without blanks at either end.

    It must not hold ``=`` either, which ends the name where keys of sources are given. `SourceNameError` otherwise.
    """
    if (
        not 1 <= len(name) <= MAX_SOURCE_NAME
        or not name.isprintable()
        or name != name.strip()
        or "=" in name
        or not unicodedata.is_normalized("NFC", name)
    ):
        raise SourceNameError(
            f"source name {name[:40]!r} is not 1 to {MAX_SOURCE_NAME} printable characters in Normalization Form C, "
            "without '=' and without surrounding blanks"
        )
    return name


def _message(digest: bytes, source: str) -> bytes:
    return MARKET_SIGNATURE_LABEL + digest + source.encode()


def _sorted(entries: Iterable[MarketSignature]) -> tuple[MarketSignature, ...]:
    return tuple(sorted(entries, key=lambda entry: entry.source))


def _parse_entry(value: Json, path: str) -> MarketSignature:
    fields = JsonObject(value, path)
    source = fields.text("source", max_length=MAX_SOURCE_NAME)
    try:
        check_source_name(source)
    except SourceNameError as error:
        raise JsonError(fields.path("source"), str(error)) from error
    entry = MarketSignature(
        source, fields.hex("public_key", PUBLIC_KEY_BYTES), fields.hex("signature", SIGNATURE_BYTES)
    )
    fields.finish()
    return entry
