"""``sealedbook verify-certificate``: anybody checks what an account holder shows them."""

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
from verifier.certificate import (
    ExpectedTerms,
    verify_certificate_against_root,
    verify_certificate_in_bundle,
)
from verifier.certificate_report import certificate_report
from verifier.claims import ExpectedDocuments
from verifier.opening import TrustedRoot


def verify_certificate(
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
        str | None,
        typer.Option(
            "--audience", metavar="TEXT", help="For whom or what it must have been made: what you agreed on."
        ),
    ] = None,
    statement: Annotated[
        Path | None, typer.Option("--statement", help="Insist that it was made with this statement.")
    ] = None,
    market: Annotated[
        Path | None, typer.Option("--market", help="Insist that it was made with these prices.")
    ] = None,
    issuer_key: IssuerKeyOption = None,
    backend: BackendOption = None,
    rows: RowsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Check a certificate: that the account at its leaf satisfies its statement, and what that does not show."""
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
            verified = verify_certificate_in_bundle(
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
            verified = verify_certificate_against_root(data, trusted, engine, expected=expected)
        print_report(certificate_report(verified, rows=rows), as_json=as_json)
