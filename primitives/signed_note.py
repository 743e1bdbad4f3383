"""Signed notes: a text and who signed it, in the format of transparency logs (c2sp.org/signed-note).

    <text, ending in a newline>
    <empty line>
    — <key name> base64(key ID || signature)          one line or more

    key ID = SHA-256(key name || 0a || type || public key)[:4]

Types: `01` Ed25519 over the text (RFC 8032); `04` a witness's cosignature (c2sp.org/tlog-cosignature): the time in
seconds since 1970, eight bytes big-endian, then Ed25519 over ``cosignature/v1`` 0a ``time <seconds>`` 0a and the text.

A verifier key travels as ``name+<key ID, 8 hexadecimal digits>+base64(type || public key)``, a signer key as
``PRIVATE+KEY+name+<key ID>+base64(type || seed)``. Key IDs are short: they name a key, they do not bind it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from Crypto.PublicKey import ECC
from Crypto.Random import get_random_bytes
from Crypto.Signature import eddsa

from primitives.errors import DecodingError
from primitives.signing import (
    PUBLIC_KEY_BYTES,
    SIGNATURE_BYTES,
    SignatureMismatchError,
    import_public_key,
    public_key_bytes,
    sign_message,
    verify_signature,
)

MAX_NOTE_BYTES: Final = 1 << 20
MAX_NOTE_SIGNATURES: Final = 100
"""The format asks for at least 16."""
MAX_KEY_NAME_LENGTH: Final = 255
MAX_KEY_TEXT_LENGTH: Final = 1024
MAX_TIMESTAMP: Final = (1 << 63) - 1
KEY_ID_BYTES: Final = 4
SEED_BYTES: Final = 32
_TIMESTAMP_BYTES: Final = 8
_EM_DASH: Final = "—"
_PRIVATE_PREFIX: Final = "PRIVATE+KEY+"
_COSIGNATURE_HEADER: Final = "cosignature/v1\ntime {}\n"
_KEY_TEXT: Final = re.compile(r"\A([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)\Z")


class NoteError(DecodingError):
    """A note, a signature line or a key is not of the form that the format prescribes."""


class NoteSignatureError(DecodingError):
    """A note is not signed as it has to be: no known key signed it, or what a known key signed is something else."""


class KeyType(IntEnum):
    """What a key signs: the type byte of the format."""

    ED25519 = 0x01
    COSIGNATURE = 0x04


@dataclass(frozen=True)
class NoteSignature:
    """One signature line: key name, 4-byte key ID, and the signature's bytes (of whatever type)."""

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> str:
        """The line, with its newline."""
        return f"{_EM_DASH} {self.name} {_to_base64(self.key_id + self.signature)}\n"

    @staticmethod
    def parse(line: str) -> NoteSignature:
        """The strict inverse of `line`, the newline left out."""
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != _EM_DASH:
            raise NoteError(
                "a signature line is not an em dash, a key name and base64, one blank between them"
            )
        check_key_name(parts[1])
        data = _from_base64(parts[2], "a signature line")
        if len(data) <= KEY_ID_BYTES:
            raise NoteError("a signature line holds no signature")
        return NoteSignature(parts[1], data[:KEY_ID_BYTES], data[KEY_ID_BYTES:])


@dataclass(frozen=True)
class SignedNote:
    """A text, ending in a newline, and its signature lines. Nothing is verified yet."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def to_bytes(self) -> bytes:
        """The note as it travels."""
        return (self.text + "\n" + "".join(signature.line() for signature in self.signatures)).encode("utf-8")

    def with_signatures(self, signatures: Sequence[NoteSignature]) -> SignedNote:
        """The same text with further signature lines."""
        return SignedNote(self.text, (*self.signatures, *signatures))

    @staticmethod
    def parse(data: bytes) -> SignedNote:
        """The strict inverse of `to_bytes`; `NoteError` says what is wrong."""
        if len(data) > MAX_NOTE_BYTES:
            raise NoteError(f"a note has {len(data)} bytes, more than {MAX_NOTE_BYTES}")
        try:
            note = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise NoteError(f"a note is not UTF-8 at byte {error.start}") from error
        if any(character < " " and character != "\n" for character in note):
            raise NoteError("a note holds a control character")
        # The text may hold empty lines: the last one separates.
        text, separator, block = note.rpartition("\n\n")
        if not separator:
            raise NoteError("a note has no empty line before its signatures")
        if not block.endswith("\n"):
            raise NoteError("a note does not end with a signature line and a newline")
        lines = block[:-1].split("\n")
        if len(lines) > MAX_NOTE_SIGNATURES:
            raise NoteError(f"a note has {len(lines)} signatures, more than {MAX_NOTE_SIGNATURES}")
        return SignedNote(text + "\n", tuple(NoteSignature.parse(line) for line in lines))


@dataclass(frozen=True)
class VerifiedSignature:
    """A signature that holds: whose it is, and the time that a cosignature states (seconds since 1970)."""

    key: VerifierKey
    timestamp: int | None


@dataclass(frozen=True)
class VerifierKey:
    """Who may sign: a name, a type and a 32-byte Ed25519 public key (canonical, not of small order)."""

    name: str
    type: KeyType
    public_key: bytes

    def __post_init__(self) -> None:
        check_key_name(self.name)
        import_public_key(self.public_key)

    @property
    def key_id(self) -> bytes:
        """The 4 bytes by which signature lines name the key."""
        return key_id(self.name, self.type, self.public_key)

    def to_text(self) -> str:
        """``name+<key ID>+base64(type || public key)``."""
        return f"{self.name}+{self.key_id.hex()}+{_to_base64(bytes([self.type]) + self.public_key)}"

    @staticmethod
    def parse(text: str) -> VerifierKey:
        """The strict inverse of `to_text`; `DecodingError` says what is wrong."""
        name, stated_id, key_type, material = _split_key(text, "a verifier key")
        if len(material) != PUBLIC_KEY_BYTES:
            raise NoteError(f"a verifier key has {len(material)} bytes of key, expected {PUBLIC_KEY_BYTES}")
        key = VerifierKey(name, key_type, material)
        if key.key_id != stated_id:
            raise NoteError(
                "a verifier key's ID does not belong to its name and key: a letter was changed or lost"
            )
        return key

    def matches(self, signature: NoteSignature) -> bool:
        """Whether the line claims to be by this key."""
        return signature.name == self.name and signature.key_id == self.key_id

    def verify(self, text: str, signature: NoteSignature) -> VerifiedSignature:
        """Verify a matching line over `text`; `NoteSignatureError` where it does not hold."""
        raw, timestamp = signature.signature, None
        if self.type is KeyType.COSIGNATURE:
            timestamp = int.from_bytes(raw[:_TIMESTAMP_BYTES], "big")
            raw = raw[_TIMESTAMP_BYTES:]
        if len(raw) != SIGNATURE_BYTES:
            raise NoteSignatureError(f"the signature of {self.name!r} has a wrong length")
        if timestamp is not None and timestamp > MAX_TIMESTAMP:
            raise NoteSignatureError(f"the cosignature of {self.name!r} states a time beyond 2^63")
        try:
            verify_signature(self.public_key, _signed_message(text, timestamp), raw)
        except SignatureMismatchError as error:
            raise NoteSignatureError(f"the signature of {self.name!r} does not hold for this text") from error
        return VerifiedSignature(self, timestamp)


@dataclass(frozen=True)
class NoteSigner:
    """A key that signs notes; its private part is kept out of the repr."""

    verifier_key: VerifierKey
    _private_key: ECC.EccKey = field(repr=False)

    @staticmethod
    def from_seed(name: str, key_type: KeyType, seed: bytes) -> NoteSigner:
        """The signer of 32 secret random bytes (RFC 8032)."""
        if len(seed) != SEED_BYTES:
            raise NoteError(f"a signer key has {len(seed)} bytes of seed, expected {SEED_BYTES}")
        private_key = eddsa.import_private_key(seed)
        return NoteSigner(VerifierKey(name, key_type, public_key_bytes(private_key)), private_key)

    @staticmethod
    def generate(name: str, key_type: KeyType) -> NoteSigner:
        """A signer with a fresh key."""
        return NoteSigner.from_seed(name, key_type, get_random_bytes(SEED_BYTES))

    @staticmethod
    def parse(text: str) -> NoteSigner:
        """The signer of ``PRIVATE+KEY+...``; errors never repeat the text."""
        if not text.startswith(_PRIVATE_PREFIX):
            raise NoteError(f"a signer key does not begin with {_PRIVATE_PREFIX}")
        name, stated_id, key_type, seed = _split_key(text.removeprefix(_PRIVATE_PREFIX), "a signer key")
        signer = NoteSigner.from_seed(name, key_type, seed)
        if signer.verifier_key.key_id != stated_id:
            raise NoteError(
                "a signer key's ID does not belong to its name and key: a letter was changed or lost"
            )
        return signer

    def to_secret_text(self) -> str:
        """``PRIVATE+KEY+name+<key ID>+base64(type || seed)``: for a private file, nothing else."""
        key = self.verifier_key
        secret = _to_base64(bytes([key.type]) + bytes(self._private_key.seed))
        return f"{_PRIVATE_PREFIX}{key.name}+{key.key_id.hex()}+{secret}"

    def sign(self, text: str, *, timestamp: int | None = None) -> NoteSignature:
        """The signature line over `text`; `timestamp`, seconds since 1970, for cosignatures and only for them."""
        check_note_text(text)
        if (timestamp is None) != (self.verifier_key.type is not KeyType.COSIGNATURE):
            raise NoteError("a cosignature states a time, another signature does not")
        if timestamp is not None and not 0 <= timestamp <= MAX_TIMESTAMP:
            raise NoteError("a cosignature's time is not between 0 and 2^63 - 1")
        raw = sign_message(self._private_key, _signed_message(text, timestamp))
        stated = b"" if timestamp is None else timestamp.to_bytes(_TIMESTAMP_BYTES, "big")
        return NoteSignature(self.verifier_key.name, self.verifier_key.key_id, stated + raw)


def open_note(data: bytes, keys: Sequence[VerifierKey]) -> tuple[SignedNote, tuple[VerifiedSignature, ...]]:
    """The note in `data` and its signatures by `keys`, of which there is at least one.

    Lines by other keys are ignored, as the format demands. A line that claims to be by one of `keys` and does not hold
    refuses the whole note. Raises `NoteError` (form) and `NoteSignatureError`.
    """
    note = SignedNote.parse(data)
    verified = verified_signatures(note, keys)
    if not verified:
        raise NoteSignatureError("the note is signed by none of the keys that you know")
    return note, verified


def verified_signatures(note: SignedNote, keys: Sequence[VerifierKey]) -> tuple[VerifiedSignature, ...]:
    """The signatures of `note` by `keys`, in its order; `NoteSignatureError` if one of them does not hold."""
    return tuple(
        key.verify(note.text, signature)
        for signature in note.signatures
        for key in keys
        if key.matches(signature)
    )


def key_id(name: str, key_type: int, public_key: bytes) -> bytes:
    """The first 4 bytes of SHA-256(name || 0a || type || public key)."""
    data = name.encode("utf-8") + b"\n" + bytes([key_type]) + public_key
    return hashlib.sha256(data).digest()[:KEY_ID_BYTES]


def check_key_name(name: str) -> None:
    """`NoteError` unless `name` may name a key: not empty, no blanks, no plus, no control characters."""
    if not name or len(name) > MAX_KEY_NAME_LENGTH:
        raise NoteError(f"a key name has {len(name)} characters, expected 1 to {MAX_KEY_NAME_LENGTH}")
    if "+" in name or any(character.isspace() or character < " " for character in name):
        raise NoteError("a key name holds a blank, a plus sign or a control character")
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise NoteError("a key name is not UTF-8 text") from error


def check_note_text(text: str) -> None:
    """`NoteError` unless `text` may be the text of a note."""
    if not text.endswith("\n"):
        raise NoteError("the text of a note does not end in a newline")
    if any(character < " " and character != "\n" for character in text):
        raise NoteError("the text of a note holds a control character")
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise NoteError("the text of a note is not UTF-8") from error
    if size > MAX_NOTE_BYTES:
        raise NoteError(f"the text of a note has {size} bytes, more than {MAX_NOTE_BYTES}")


def _signed_message(text: str, timestamp: int | None) -> bytes:
    header = "" if timestamp is None else _COSIGNATURE_HEADER.format(timestamp)
    return (header + text).encode("utf-8")


def _split_key(text: str, what: str) -> tuple[str, bytes, KeyType, bytes]:
    """Name, stated key ID, type and key bytes of a key in text form."""
    match = _KEY_TEXT.match(text) if len(text) <= MAX_KEY_TEXT_LENGTH else None
    if match is None:
        raise NoteError(f"{what} is not a name, 8 hexadecimal digits and base64, joined by plus signs")
    name, stated_id, encoded = match.groups()
    check_key_name(name)
    data = _from_base64(encoded, what)
    try:
        key_type = KeyType(data[0])
    except (IndexError, ValueError) as error:
        raise NoteError(
            f"{what} is of a type that is not known here (Ed25519 and its cosignatures are)"
        ) from error
    return name, bytes.fromhex(stated_id), key_type, data[1:]


def _to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _from_base64(text: str, what: str) -> bytes:
    """Canonical base64 (RFC 4648, section 4): padded, nothing beside, unused bits zero."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError(f"{what} holds something that is not base64") from error
    if _to_base64(data) != text:
        raise NoteError(f"{what} holds base64 that is not in canonical form")
    return data
