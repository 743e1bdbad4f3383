"""``sealedbook check``: an account holder checks their own inclusion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from primitives.backends import get_backend
from primitives.parameters import HASH_BYTES
from sealedbook.options import (
    MAX_OPENING_BYTES,
    BackendOption,
    IssuerKeyOption,
    JsonOption,
    OptionError,
    existing_folder,
    parse_hex,
    read_issuer_key,
    read_small_file,
)
from sealedbook.output import print_report, reported_errors
from verifier.opening import TrustedRoot, verify_opening_against_root, verify_opening_in_bundle
from verifier.report import opening_report


def check(
    opening: Annotated[Path, typer.Argument(help="The opening that you received.")],
    account: Annotated[str, typer.Option("--account", help="Your account id, as you know it.")],
    bundle: Annotated[Path | None, typer.Option("--bundle", help="The published bundle.")] = None,
    root: Annotated[
        str | None,
        typer.Option("--root", metavar="HEX", help="The published root hash, instead of a bundle."),
    ] = None,
    book_digest: Annotated[
        str | None,
        typer.Option("--book-digest", metavar="HEX", help="The published book digest, instead of a bundle."),
    ] = None,
    issuer_key: IssuerKeyOption = None,
    backend: BackendOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check that your account, with exactly your positions, is in the sealed book.

    Type your account id yourself: it is what makes sure that the leaf is yours and nobody else's.
    """
    with reported_errors(as_json=as_json):
        if sum(value is not None for value in (bundle, root, book_digest)) != 1:
            raise OptionError("give one of --bundle FOLDER, --root HEX or --book-digest HEX")
        data = read_small_file(opening, "OPENING", MAX_OPENING_BYTES)
        engine = get_backend(backend)
        if bundle is not None:
            verified = verify_opening_in_bundle(
                data, account, existing_folder(bundle), engine, issuer_key=read_issuer_key(issuer_key)
            )
        else:
            if issuer_key is not None:
                raise OptionError("--issuer-key goes with --bundle: a root or digest carries no signature")
            trusted = TrustedRoot(
                root_hash=parse_hex(root, HASH_BYTES, "--root") if root is not None else None,
                book_digest=parse_hex(book_digest, HASH_BYTES, "--book-digest")
                if book_digest is not None
                else None,
            )
            verified = verify_opening_against_root(data, account, trusted, engine)
        print_report(opening_report(verified), as_json=as_json)
