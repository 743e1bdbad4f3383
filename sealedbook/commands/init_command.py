"""``sealedbook init``: make a vault with an issuer key."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from sealedbook.options import JsonOption, PassphraseOption, VaultOption, read_passphrase
from sealedbook.output import console, print_json, reported_errors


def init(
    vault: VaultOption,
    name: Annotated[str, typer.Option("--name", help="The issuer's name, as attestations will carry it.")],
    passphrase_file: PassphraseOption = None,
    ask_passphrase: Annotated[
        bool, typer.Option("--ask-passphrase", help="Ask for a passphrase at the terminal.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a vault: a private folder with the issuer's signing key.

    With a passphrase, the signing key and the keys of all books sealed later are encrypted.
    """
    with reported_errors(as_json=as_json):
        from prover.vault import Vault

        passphrase = read_passphrase(passphrase_file)
        if ask_passphrase:
            passphrase = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True)
        created = Vault.create(vault, name, passphrase)
        issuer = created.issuer(passphrase)
        if as_json:
            print_json({"vault": str(vault), "issuer": issuer.name, "public_key": issuer.public_key.hex(),
                        "encrypted": passphrase is not None})  # fmt: skip
            return
        console.print(f"Made the vault [bold]{escape(str(vault))}[/] for {escape(issuer.name)}.")
        console.print(f"Public key   {issuer.public_key.hex()}")
        console.print("             Publish it where people know it is yours; it is also in issuer.pub.")
        protection = "encrypted with your passphrase" if passphrase else "not encrypted (no passphrase given)"
        console.print(f"Private key  {protection}. Back the vault up; never publish anything from it.")
