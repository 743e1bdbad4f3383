"""Secret bytes in a file: mode 0600, optionally under a passphrase.

With a passphrase: key = scrypt(passphrase, salt, N = 2^17, r = 8, p = 1), data = AES-256-GCM(key, nonce),
the file's kind authenticated along (RFC 7914; NIST SP 800-38D).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from pathlib import Path
from typing import Final

from Crypto.Cipher import AES
from Crypto.Random import get_random_bytes

from primitives.strict_json import Json, JsonError, JsonObject, canonical_json, parse_json
from prover.errors import PublicationWriteError, VaultError

FILE_FORMAT: Final = "sealedbook/secret/v1"
_NO_PROTECTION: Final = "none"
_SCRYPT_AES_GCM: Final = "scrypt-aes256-gcm"
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_SCRYPT_COST: Final = 1 << 17
_SCRYPT_MEMORY: Final = 256 << 20
_MAX_SECRET_BYTES: Final = 1 << 20


def write_private(path: Path, data: bytes) -> None:
    """Write a new file that only its owner can read; it must not exist yet."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                path.unlink()
            raise
    except OSError as error:
        raise PublicationWriteError(f"cannot write {path}: {error.strerror}") from error


def copy_private(source: Path, target: Path) -> None:
    """Copy a file to a new one that only its owner can read; `target` must not exist yet."""
    write_private(target, b"")
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        raise PublicationWriteError(f"cannot copy {source} to {target}: {error.strerror}") from error


def write_secret(path: Path, kind: str, secret: bytes, passphrase: str | None) -> None:
    """Write `secret` of the given kind, encrypted if there is a passphrase."""
    document: dict[str, Json] = {"format": FILE_FORMAT, "kind": kind}
    if passphrase is None:
        document |= {"protection": _NO_PROTECTION, "data": secret.hex()}
    else:
        salt, nonce = get_random_bytes(_SALT_BYTES), get_random_bytes(_NONCE_BYTES)
        cipher = AES.new(_derive(passphrase, salt), AES.MODE_GCM, nonce=nonce, mac_len=_TAG_BYTES)
        cipher.update(kind.encode())
        data, tag = cipher.encrypt_and_digest(secret)
        document |= {
            "protection": _SCRYPT_AES_GCM,
            "salt": salt.hex(),
            "nonce": nonce.hex(),
            "tag": tag.hex(),
            "data": data.hex(),
        }
    write_private(path, canonical_json(document) + b"\n")


def read_secret(path: Path, kind: str, size: int, passphrase: str | None) -> bytes:
    """Read a secret of `kind` with `size` bytes.

    Raises `VaultError`: unreadable, damaged, passphrase needed, passphrase wrong.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_SECRET_BYTES)
    except OSError as error:
        raise VaultError(f"cannot read {path}: {error.strerror}") from error
    try:
        fields = JsonObject(parse_json(data))
        fields.constant("format", FILE_FORMAT)
        fields.constant("kind", kind)
        protection = fields.text("protection")
        secret = fields.hex("data", size)
        if protection == _NO_PROTECTION:
            fields.finish()
            return secret
        if protection != _SCRYPT_AES_GCM:
            raise fields.fail("protection", f"{protection[:64]!r} is not a protection known here")
        salt, nonce = fields.hex("salt", _SALT_BYTES), fields.hex("nonce", _NONCE_BYTES)
        tag = fields.hex("tag", _TAG_BYTES)
        fields.finish()
    except JsonError as error:
        raise VaultError(f"{path} is not a secret file of kind {kind!r}: {error}") from error
    if passphrase is None:
        raise VaultError(
            f"{path} is encrypted: give its passphrase (SEALEDBOOK_PASSPHRASE or --passphrase-file)"
        )
    cipher = AES.new(_derive(passphrase, salt), AES.MODE_GCM, nonce=nonce, mac_len=_TAG_BYTES)
    cipher.update(kind.encode())
    try:
        plain: bytes = cipher.decrypt_and_verify(secret, tag)
    except ValueError as error:
        raise VaultError(f"{path}: wrong passphrase, or the file was altered") from error
    return plain


def passphrase_bytes(passphrase: str) -> bytes:
    """The passphrase in UTF-8; `VaultError` where it holds something that is not text."""
    try:
        return passphrase.encode("utf-8")
    except UnicodeEncodeError as error:
        raise VaultError("the passphrase is not UTF-8 text") from error


def _derive(passphrase: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        passphrase_bytes(passphrase), salt=salt, n=_SCRYPT_COST, r=8, p=1, dklen=32, maxmem=_SCRYPT_MEMORY
    )
