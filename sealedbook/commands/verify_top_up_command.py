"""``sealedbook verify-top-up``: anybody checks a top-up certificate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from primitives.backends import get_backend
from primitives.parameters import HASH_BYTES
from primitives.strict_json import MAX_JSON_BYTES
from sealedbook.commands.certify_command import audience_option
from sealedbook.options import (
    BackendOption,
    IssuerKeyOption,
    JsonOption,
    OptionError,
    RowsOption,
    existing_folder,
    parse_hex,
    read_issuer_key,
    read_small_file,
)
from sealedbook.output import print_report, reported_errors
from verifier.certificate import ExpectedTerms
from verifier.claims import ExpectedDocuments
from verifier.opening import TrustedRoot
from verifier.top_up import verify_top_up_against_root, verify_top_up_in_bundle
from verifier.top_up_report import top_up_report


def verify_top_up(
    certificate: Annotated[Path, typer.Argument(help="The certificate that you were shown.")],
    bundle: Annotated[Path | None, typer.Option("--bundle", help="The published bundle.")] = None,
    root: Annotated[
        str | None,
        typer.Option("--root", metavar="HEX", help="The published root hash, instead of a bundle."),
    ] = None,
    book_digest: Annotated[
        str | None,
        typer.Option("--book-digest", metavar="HEX", help="The published book digest, instead of a bundle."),
    ] = None,
    audience: Annotated[
        str | None, typer.Option("--audience", metavar="TEXT", help="For whom it must have been made.")
    ] = None,
    statement: Annotated[
        Path | None, typer.Option("--statement", help="Insist that it was made with this model.")
    ] = None,
    market: Annotated[
        Path | None, typer.Option("--market", help="Insist that it was made with these prices.")
    ] = None,
    issuer_key: IssuerKeyOption = None,
    backend: BackendOption = None,
    rows: RowsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Check that an account of a sealed book meets a statement after a top-up, and what that does not show."""
    with reported_errors(as_json=as_json):
        if sum(value is not None for value in (bundle, root, book_digest)) != 1:
            raise OptionError("give one of --bundle FOLDER, --root HEX or --book-digest HEX")
        data = read_small_file(certificate, "CERTIFICATE", MAX_JSON_BYTES)
        expected = ExpectedTerms(
            audience_option(audience),
            ExpectedDocuments(
                model=read_small_file(statement, "--statement", MAX_JSON_BYTES) if statement else None,
                market=read_small_file(market, "--market", MAX_JSON_BYTES) if market else None,
            ),
        )
        engine = get_backend(backend)
        if bundle is not None:
            key = read_issuer_key(issuer_key)
            verified = verify_top_up_in_bundle(
                data, existing_folder(bundle), engine, issuer_key=key, expected=expected
            )
        else:
            if issuer_key is not None:
                raise OptionError("--issuer-key goes with --bundle: a root or digest carries no signature")
            trusted = TrustedRoot(
                root_hash=None if root is None else parse_hex(root, HASH_BYTES, "--root"),
                book_digest=None
                if book_digest is None
                else parse_hex(book_digest, HASH_BYTES, "--book-digest"),
            )
            verified = verify_top_up_against_root(data, trusted, engine, expected=expected)
        print_report(top_up_report(verified, rows=rows), as_json=as_json)
