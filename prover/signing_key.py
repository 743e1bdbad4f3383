"""Ed25519 private keys in files: PKCS#8 PEM, mode 0600, encrypted if there is a passphrase.

Keys that ``openssl genpkey -algorithm ed25519`` makes are read as well.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from Crypto.PublicKey import ECC

from primitives.signing import public_key_bytes
from prover.errors import VaultError
from prover.secret_file import passphrase_bytes, write_private

MAX_KEY_FILE: Final = 1 << 16
PUBLIC_SUFFIX: Final = ".pub"
_CURVE: Final = "Ed25519"
_PROTECTION: Final = "scryptAndAES256-CBC"


def generate_key() -> ECC.EccKey:
    """A fresh key."""
    return ECC.generate(curve=_CURVE)


def private_pem(key: ECC.EccKey, passphrase: str | None) -> bytes:
    """The file of a private key, encrypted if there is a passphrase."""
    if passphrase is None:
        pem = key.export_key(format="PEM", use_pkcs8=True)
    else:
        pem = key.export_key(
            format="PEM",
            use_pkcs8=True,
            passphrase=_pem_passphrase(passphrase),
            protection=_PROTECTION,
            prot_params={"iteration_count": 1 << 17, "block_size": 8, "parallelization": 1},
        )
    return str(pem).encode() + b"\n"


def load_private_pem(pem: str, path: Path, passphrase: str | None) -> ECC.EccKey:
    """The key in the text of such a file; `VaultError`, naming `path`, for one that is damaged or locked."""
    if "ENCRYPTED" in pem and passphrase is None:
        raise VaultError(
            f"{path} is encrypted: give its passphrase (SEALEDBOOK_PASSPHRASE or --passphrase-file)"
        )
    secret = None if passphrase is None else _pem_passphrase(passphrase)
    try:
        key = ECC.import_key(pem, passphrase=secret)
    except (ValueError, IndexError, TypeError) as error:
        hint = (
            "wrong passphrase, or the file was altered"
            if "ENCRYPTED" in pem
            else "not an Ed25519 private key"
        )
        raise VaultError(f"{path}: {hint}") from error
    if key.curve != _CURVE or not key.has_private():
        raise VaultError(f"{path}: not an Ed25519 private key")
    return key


def create_key_file(path: Path, passphrase: str | None) -> bytes:
    """Write a fresh private key to `path` and its public key beside it; returns the 32-byte public key.

    Neither file may exist yet: a key is never overwritten. Raises `VaultError`.
    """
    public = public_path(path)
    if public == path:
        raise VaultError(f"{path} is what the public key is called: take another name, such as source.key")
    for place in (path, public):
        if place.exists() or place.is_symlink():
            raise VaultError(f"{place} exists; a key is never overwritten")
    key = generate_key()
    public_key = public_key_bytes(key)
    write_private(path, private_pem(key, passphrase))
    write_private(public, public_key.hex().encode() + b"\n")
    public.chmod(0o644)
    return public_key


def load_key_file(path: Path, passphrase: str | None) -> ECC.EccKey:
    """The private key in a file; `VaultError` says what is missing, damaged or locked."""
    try:
        with path.open("rb") as file:
            pem = file.read(MAX_KEY_FILE).decode("ascii")
    except OSError as error:
        raise VaultError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise VaultError(f"{path}: not an Ed25519 private key") from error
    return load_private_pem(pem, path, passphrase)


def public_path(path: Path) -> Path:
    """Where the public key of a key file stands: ``source.key`` has ``source.pub``."""
    return path.with_suffix(PUBLIC_SUFFIX)


def _pem_passphrase(passphrase: str) -> str:
    """Text that pycryptodome, which encodes in Latin-1, turns into the passphrase's UTF-8 bytes."""
    return passphrase_bytes(passphrase).decode("latin-1")
