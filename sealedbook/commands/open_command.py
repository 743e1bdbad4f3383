"""``sealedbook open``: make the openings that account holders receive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from primitives.backends import get_backend
from primitives.opening import Opening
from primitives.strict_json import JsonError
from sealedbook.options import (
    MAX_OPENING_BYTES,
    BackendOption,
    JsonOption,
    OptionError,
    PassphraseOption,
    VaultOption,
    existing_folder,
    read_passphrase,
)
from sealedbook.output import console, print_json, progress_bar, reported_errors
from sealedbook.written_file import write_whole

if TYPE_CHECKING:
    from prover.vault import VaultBook


def open_(
    bundle: Annotated[Path, typer.Argument(help="The bundle folder.")],
    vault: VaultOption,
    out: Annotated[Path, typer.Option("--out", help="The opening to write; with --all, a folder for all.")],
    account: Annotated[str | None, typer.Option("--account", help="The account id, exactly.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Make the openings of all accounts.")] = False,
    passphrase_file: PassphraseOption = None,
    backend: BackendOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an account's opening: what its holder needs to check their inclusion. Private to that holder."""
    with reported_errors(as_json=as_json):
        from prover.openings import make_all_openings, make_opening
        from prover.vault import Vault
        from verifier.attestation import verify_attestation

        if (account is None) == (not every):
            raise OptionError("give either --account ID or --all")
        _refuse_published_place(out, bundle)
        digest = verify_attestation(existing_folder(bundle), issuer_key=None).attestation.book.digest()
        secrets = Vault.open(vault).open_book(digest, read_passphrase(passphrase_file))
        engine = get_backend(backend)
        if account is not None:
            opening = make_opening(secrets, account, engine)
            _write_opening(out, opening)
            _print_one(out, opening, as_json=as_json)
            return
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        count = 0
        with progress_bar() as bars:
            for count, opening in enumerate(make_all_openings(secrets, engine), start=1):
                _write_opening(out / opening_name(opening), opening)
                bars("Making openings", count, secrets.account_count)
        _print_all(out, count, secrets, as_json=as_json)


def opening_name(opening: Opening) -> str:
    """A file name that every account id can have: the leaf index, which only the vault links to the id."""
    return f"opening-{opening.leaf_index:08d}.json"


def _refuse_published_place(out: Path, bundle: Path) -> None:
    if bundle.resolve() in (out.resolve(), *out.resolve().parents):
        raise OptionError(f"--out: {out} lies in the bundle, which is public; openings are private")


def _print_one(out: Path, opening: Opening, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "opening": str(out),
                "leaf_index": opening.leaf_index,
                "book_digest": opening.book.digest().hex(),
            }
        )
        return
    console.print(f"Wrote [bold]{escape(str(out))}[/] (leaf {opening.leaf_index}).")
    console.print("It shows this account's positions: hand it to the account's holder and to nobody else.")


def _print_all(out: Path, count: int, secrets: VaultBook, *, as_json: bool) -> None:
    if as_json:
        print_json({"folder": str(out), "openings": count, "book_digest": secrets.book.digest().hex()})
        return
    console.print(f"Wrote {count:,} openings to [bold]{escape(str(out))}[/], each private to its holder.")


def _write_opening(path: Path, opening: Opening) -> None:
    """Write with mode 0600, whole or not at all; only an older opening is ever replaced."""
    if path.exists() and not _is_opening(path):
        raise OptionError(f"--out: {path} exists and is not an opening; choose another place")
    write_whole(path, opening.to_bytes(), mode=0o600)


def _is_opening(path: Path) -> bool:
    if not path.is_file() or path.stat().st_size > MAX_OPENING_BYTES:
        return False
    try:
        Opening.parse(path.read_bytes())
    except JsonError:
        return False
    return True
