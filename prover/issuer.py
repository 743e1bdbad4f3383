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
from primitives.signing import public_key_bytes, sign_attestation, sign_message
from primitives.strict_json import JsonError, JsonObject, canonical_json, parse_json
from prover.errors import VaultError
from prover.secret_file import write_private
from prover.signing_key import MAX_KEY_FILE, generate_key, load_private_pem, private_pem

KEY_NAME: Final = "issuer.key"
PUBLIC_NAME: Final = "issuer.pub"
NAME_NAME: Final = "issuer.json"


@dataclass(frozen=True)
class Issuer:
    """Who signs: name, 32-byte public key, private key (kept out of the repr)."""

    name: str
    public_key: bytes
    _private_key: ECC.EccKey = field(repr=False)

    def sign(self, attestation: bytes) -> bytes:
        """The 64-byte signature over the bytes of an attestation."""
        return sign_attestation(self._private_key, attestation)

    def sign_labelled(self, message: bytes) -> bytes:
        """The 64-byte signature over a message that begins with the label of its purpose."""
        return sign_message(self._private_key, message)


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
    key = generate_key()
    pem = private_pem(key, passphrase)
    public_key = public_key_bytes(key)
    write_private(vault / NAME_NAME, canonical_json({"name": name}) + b"\n")
    write_private(vault / PUBLIC_NAME, public_key.hex().encode() + b"\n")
    write_private(vault / KEY_NAME, pem)
    (vault / PUBLIC_NAME).chmod(0o644)
    return Issuer(name, public_key, key)


def load_issuer(vault: Path, passphrase: str | None) -> Issuer:
    """Read the issuer of `vault`; `VaultError` says what is missing, damaged or locked."""
    path = vault / KEY_NAME
    try:
        pem = path.read_bytes()[:MAX_KEY_FILE].decode("ascii")
        document = parse_json((vault / NAME_NAME).read_bytes()[:MAX_KEY_FILE])
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
    key = load_private_pem(pem, path, passphrase)
    return Issuer(name, public_key_bytes(key), key)
