"""``sealedbook commit``: seal a book into a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from primitives.backends import get_backend
from sealedbook.options import (
    BackendOption,
    JsonOption,
    OptionError,
    PassphraseOption,
    VaultOption,
    parse_as_of,
    read_passphrase,
)
from sealedbook.output import console, notes, print_json, progress_bar, reported_errors

_UNNAMED = "unnamed issuer"


def commit(
    book: Annotated[Path, typer.Argument(help="A book folder, made by `sealedbook import`.")],
    out: Annotated[Path, typer.Option("--out", help="The bundle folder to publish.")],
    vault: VaultOption,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="TIME", help="UTC, such as 2026-01-31T00:00:00Z; now if not given."),
    ] = None,
    issuer: Annotated[
        str | None, typer.Option("--issuer", help="Issuer name for a vault that this command has to make.")
    ] = None,
    minimum_leaves: Annotated[
        int, typer.Option("--minimum-leaves", min=2, max=1 << 30, help="Pad to at least this many leaves.")
    ] = 2,
    passphrase_file: PassphraseOption = None,
    backend: BackendOption = None,
    as_json: JsonOption = False,
) -> None:
    """Seal a book: commit to every account, build the sum tree, sign, write bundle and vault.

    The bundle is public; the vault is private and is needed for openings and proofs. An older bundle at the
    same place is replaced in one step; a killed run leaves the old one.
    """
    with reported_errors(as_json=as_json):
        from prover.book.store import Book
        from prover.commit import refuse_nesting, seal_book
        from prover.vault import Vault

        passphrase = read_passphrase(passphrase_file)
        moment = parse_as_of(as_of)
        source = Book.open(book)
        refuse_nesting(out, vault)
        if Vault.exists(vault):
            if issuer is not None:
                raise OptionError(f"--issuer: the vault {vault} is there already, and has its issuer's name")
            keys = Vault.open(vault)
        else:
            made_for = issuer or _UNNAMED
            keys = Vault.create(vault, made_for, passphrase)
            notes.print(
                f"Made a new vault at {escape(str(vault))} for {escape(repr(made_for))} "
                "(use `sealedbook init` for a name and a passphrase of your own)."
            )
        with progress_bar() as bars:
            result = seal_book(
                source,
                bundle=out,
                vault=keys,
                backend=get_backend(backend),
                passphrase=passphrase,
                as_of=moment,
                minimum_leaves=minimum_leaves,
                progress=bars,
            )
        sealed = result.book
        if as_json:
            print_json(
                {
                    "bundle": str(out),
                    "book_digest": result.digest.hex(),
                    "root_hash": sealed.root.hash.hex(),
                    "root_sum": sealed.root.sum.hex(),
                    "leaf_count": sealed.leaf_count,
                    "issuer_key": sealed.public_key.hex(),
                    "accounts_private": result.account_count,
                }
            )
            return
        console.print(
            f"Sealed {result.account_count:,} accounts as {sealed.leaf_count:,} leaves "
            f"into [bold]{escape(str(out))}[/]."
        )
        console.print(f"Book digest  {result.digest.hex()}")
        console.print(f"Root         {sealed.root.hash.hex()}")
        console.print(f"Signed by    {sealed.public_key.hex()} ({escape(sealed.issuer)})")
        console.print(
            "Publish the bundle. Keep the vault. The number of real accounts stays private: "
            "only the padded count is public."
        )
