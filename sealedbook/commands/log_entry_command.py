"""``sealedbook revoke`` and ``sealedbook rotate``: write signed entries for the transparency log."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from primitives.attestation import ATTESTATION_NAME, Attestation
from primitives.parameters import HASH_BYTES
from primitives.strict_json import MAX_JSON_BYTES
from sealedbook.options import (
    JsonOption,
    OptionError,
    PassphraseOption,
    VaultOption,
    parse_hex,
    read_passphrase,
    read_small_file,
)
from sealedbook.output import console, print_json, reported_errors, shown
from sealedbook.written_file import write_whole

EntryOption = Annotated[
    Path, typer.Option("--out", help="The entry to write; publish it to the log's service.")
]


def revoke(
    attestation: Annotated[
        str,
        typer.Argument(metavar="ATTESTATION", help="Its SHA-256, the file attestation.json, or the bundle."),
    ],
    vault: VaultOption,
    reason: Annotated[str, typer.Option("--reason", help="Why, in one public sentence.")],
    out: EntryOption,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take an attestation back: the signed entry that says so, for the log."""
    with reported_errors(as_json=as_json):
        from prover.issuer import load_issuer
        from prover.log_entries import make_revocation

        digest = read_digest(attestation)
        _refuse_existing(out)
        issuer = load_issuer(vault, read_passphrase(passphrase_file))
        entry = make_revocation(issuer, digest, reason, datetime.now(UTC).replace(microsecond=0))
        write_whole(out, entry.to_bytes())
        if as_json:
            print_json({"entry": str(out), "kind": entry.kind, "attestation_sha256": digest.hex()})
            return
        console.print(f"Wrote {shown(str(out))}: {shown(issuer.name)} takes back attestation {digest.hex()}.")
        console.print("It takes effect once it is in the log; the attestation stays visible there.")


def rotate(
    vault: Annotated[Path, typer.Option("--vault", help="The vault with the key that is given up.")],
    new_vault: Annotated[Path, typer.Option("--new-vault", help="The vault with the key that follows.")],
    out: EntryOption,
    passphrase_file: PassphraseOption = None,
    new_passphrase_file: Annotated[
        Path | None, typer.Option("--new-passphrase-file", help="File with the new vault's passphrase.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Change the issuer's key: the entry, signed by the old and the new key, for the log.

    Nothing that the old key signs afterwards counts for those who watch the log.
    """
    with reported_errors(as_json=as_json):
        from prover.issuer import load_issuer
        from prover.log_entries import make_rotation

        _refuse_existing(out)
        old = load_issuer(vault, read_passphrase(passphrase_file))
        new = load_issuer(new_vault, read_passphrase(new_passphrase_file or passphrase_file))
        entry = make_rotation(old, new, datetime.now(UTC).replace(microsecond=0))
        write_whole(out, entry.to_bytes())
        if as_json:
            print_json(
                {
                    "entry": str(out),
                    "kind": entry.kind,
                    "old_key": entry.old_key.hex(),
                    "new_key": entry.new_key.hex(),
                }
            )
            return
        console.print(f"Wrote {shown(str(out))}: {shown(old.name)} changes its key")
        console.print(f"from {entry.old_key.hex()}")
        console.print(f"to   {entry.new_key.hex()}")
        console.print(
            "It takes effect once it is in the log. Tell the new key where people know it is yours."
        )


def read_digest(text: str) -> bytes:
    """The SHA-256 of an attestation: given as such, or computed from the file or the bundle's."""
    path = Path(text)
    if path.is_dir():
        path = path / ATTESTATION_NAME
    if not path.exists():
        return parse_hex(text, HASH_BYTES, "ATTESTATION")
    data = read_small_file(path, "ATTESTATION", MAX_JSON_BYTES)
    Attestation.parse(data)
    return hashlib.sha256(data).digest()


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise OptionError(f"--out: {path} exists; choose another name")
