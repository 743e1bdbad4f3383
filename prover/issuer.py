"""The issuer's identity: a name and an Ed25519 key, kept in the vault.

``issuer.key``   private key, PKCS#8 PEM, mode 0600, encrypted if a passphrase was given
``issuer.pub``   public key, 64 hexadecimal digits: publish it where people know it is yours
``issuer.json``  the name that attestations carry
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from Crypto.PublicKey import ECC

from primitives.attestation import MAX_ISSUER_LENGTH
from primitives.signing import public_key_bytes, sign_attestation
from primitives.strict_json import JsonError, JsonObject, canonical_json, parse_json
from prover.errors import VaultError
from prover.secret_file import passphrase_bytes, write_private

KEY_NAME: Final = "issuer.key"
PUBLIC_NAME: Final = "issuer.pub"
NAME_NAME: Final = "issuer.json"
_PROTECTION: Final = "scryptAndAES256-CBC"
_MAX_KEY_FILE: Final = 1 << 16


@dataclass(frozen=True)
class Issuer:
    """Who signs: name, 32-byte public key, private key (kept out of the repr)."""

    name: str
    public_key: bytes
    _private_key: ECC.EccKey = field(repr=False)

    def sign(self, attestation: bytes) -> bytes:
        """The 64-byte signature over the bytes of an attestation."""
        return sign_attestation(self._private_key, attestation)


def check_issuer_name(name: str) -> str:
    """Return `name` if it may stand in an attestation; `VaultError` if not."""
    if not name or len(name) > MAX_ISSUER_LENGTH or not name.isprintable() or name != name.strip():
        raise VaultError(
            f"issuer name {name[:40]!r} is not 1 to {MAX_ISSUER_LENGTH} printable characters "
            "without surrounding blanks"
        )
    return name


def create_issuer(vault: Path, name: str, passphrase: str | None) -> Issuer:
    """Make a key and write the three files into `vault`, which must not hold one yet."""
    check_issuer_name(name)
    if (vault / KEY_NAME).exists():
        raise VaultError(f"{vault} already holds an issuer key; it is never overwritten")
    key = ECC.generate(curve="Ed25519")
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
    public_key = public_key_bytes(key)
    write_private(vault / NAME_NAME, canonical_json({"name": name}) + b"\n")
    write_private(vault / PUBLIC_NAME, public_key.hex().encode() + b"\n")
    write_private(vault / KEY_NAME, pem.encode() + b"\n")
    (vault / PUBLIC_NAME).chmod(0o644)
    return Issuer(name, public_key, key)


def load_issuer(vault: Path, passphrase: str | None) -> Issuer:
    """Read the issuer of `vault`; `VaultError` says what is missing, damaged or locked."""
    path = vault / KEY_NAME
    try:
        pem = path.read_bytes()[:_MAX_KEY_FILE].decode("ascii")
        document = parse_json((vault / NAME_NAME).read_bytes()[:_MAX_KEY_FILE])
    except OSError as error:
        raise VaultError(
            f"cannot read {error.filename}: {error.strerror}. Make a vault with `sealedbook init`"
        ) from error
    except (UnicodeDecodeError, JsonError) as error:
        raise VaultError(f"the issuer files in {vault} are damaged: {error}") from error
    try:
        fields = JsonObject(document)
        name = check_issuer_name(fields.text("name"))
        fields.finish()
    except JsonError as error:
        raise VaultError(f"{vault / NAME_NAME} is damaged: {error}") from error
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
    if key.curve != "Ed25519" or not key.has_private():
        raise VaultError(f"{path}: not an Ed25519 private key")
    return Issuer(name, public_key_bytes(key), key)


def _pem_passphrase(passphrase: str) -> str:
    """Text that pycryptodome, which encodes in Latin-1, turns into the passphrase's UTF-8 bytes."""
    return passphrase_bytes(passphrase).decode("latin-1")
