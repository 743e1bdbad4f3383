"""``sealedbook update``: a sealed book with some accounts changed, as a new sealed book."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from primitives.attestation import UpdateForm
from primitives.backends import get_backend
from sealedbook.options import (
    BackendOption,
    JsonOption,
    PassphraseOption,
    VaultOption,
    parse_as_of,
    read_passphrase,
)
from sealedbook.output import console, print_json, progress_bar, reported_errors
from verifier.attestation import verify_attestation

if TYPE_CHECKING:
    from prover.update import UpdateResult


class Form(StrEnum):
    """The two forms, as they are called on the command line."""

    FAST = "fast"
    UNLINKABLE = "unlinkable"


_FORMS = {Form.FAST: UpdateForm.CHANGED, Form.UNLINKABLE: UpdateForm.ANEW}


def update(
    bundle: Annotated[Path, typer.Argument(help="The bundle folder of the book to update.")],
    vault: VaultOption,
    changes: Annotated[
        Path,
        typer.Option(
            "--changes",
            help="A book folder, made by `sealedbook import`, of the accounts that changed: all that each holds now.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The bundle folder to publish.")],
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="TIME", help="UTC, such as 2026-01-31T00:00:00Z; now if not given."),
    ] = None,
    form: Annotated[
        Form,
        typer.Option(
            "--form",
            help="fast: only the leaves that changed are sealed anew, and everybody sees which; "
            "unlinkable: all leaves are, in a new order.",
        ),
    ] = Form.FAST,
    cover: Annotated[
        int,
        typer.Option(
            "--cover",
            min=0,
            max=1 << 32,
            help="Seal this many unchanged leaves anew as well, chosen at random.",
        ),
    ] = 0,
    passphrase_file: PassphraseOption = None,
    backend: BackendOption = None,
    as_json: JsonOption = False,
) -> None:
    """Seal a book again with some accounts changed, and say in it which book it follows on.

    Claims are not carried over: prove them anew about the new book. Public documents are.
    """
    with reported_errors(as_json=as_json):
        from prover.book.store import Book
        from prover.update import update_book
        from prover.vault import Vault

        passphrase = read_passphrase(passphrase_file)
        moment = parse_as_of(as_of)
        source = Book.open(changes)
        keys = Vault.open(vault)
        verify_attestation(bundle, issuer_key=keys.issuer(passphrase).public_key)
        with progress_bar() as bars:
            result = update_book(
                bundle,
                keys,
                source,
                out=out,
                backend=get_backend(backend),
                passphrase=passphrase,
                as_of=moment,
                form=_FORMS[form],
                cover=cover,
                progress=bars,
            )
        if as_json:
            _print_json(result, out, form)
        else:
            _print(result, out, form, cover)


def _print_json(result: UpdateResult, out: Path, form: Form) -> None:
    sealed = result.book
    print_json(
        {
            "bundle": str(out),
            "book_digest": result.digest.hex(),
            "predecessor": sealed.predecessor.digest.hex() if sealed.predecessor else None,
            "form": form.value,
            "root_hash": sealed.root.hash.hex(),
            "root_sum": sealed.root.sum.hex(),
            "leaf_count": sealed.leaf_count,
            "leaves_sealed_anew": result.resealed,
            "claims_dropped": list(result.claims_dropped),
            "accounts_private": result.account_count,
            "accounts_listed_private": result.listed,
            "accounts_new_private": result.new_accounts,
        }
    )


def _print(result: UpdateResult, out: Path, form: Form, cover: int) -> None:
    sealed = result.book
    console.print(
        f"Updated {result.listed:,} accounts, {result.new_accounts:,} of them new, "
        f"into [bold]{escape(str(out))}[/]: {result.resealed:,} of {sealed.leaf_count:,} leaves sealed anew."
    )
    console.print(f"Book digest  {result.digest.hex()}")
    console.print(f"Root         {sealed.root.hash.hex()}")
    if sealed.predecessor is not None:
        console.print(f"Follows on   {sealed.predecessor.digest.hex()}")
    if form is Form.FAST:
        console.print(
            f"Everybody can see which {result.resealed:,} leaves were sealed anew, and that no other account changed."
            + _cover_text(cover)
        )
        console.print(
            "Holders of the accounts that were not sealed anew need a new path only: `sealedbook open` makes all "
            "openings."
        )
    else:
        console.print(
            "No leaf can be linked to one of the book before. Every holder needs a new opening: `sealedbook open`."
        )
    if result.claims_dropped:
        names = escape(", ".join(result.claims_dropped))
        console.print(
            f"Claims were not carried over ({names}): their proofs are about the book before. Run `sealedbook prove` "
            "and `sealedbook prove-solvency` on the new bundle."
        )


def _cover_text(cover: int) -> str:
    if not cover:
        return ""
    return f" Nobody can see which of them did: {cover:,} changed nothing and only cover the others."
