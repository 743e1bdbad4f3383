"""``sealedbook fetch``: a published bundle, from a service to a folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.markup import escape

from sealedbook.attestation_client import AttestationClient, fetch_bundle
from sealedbook.options import IssuerKeyOption, JsonOption, OptionError, read_issuer_key
from sealedbook.output import console, print_json, progress_bar, reported_errors
from sealedbook.service_client import Pace

_DIGEST: Final = re.compile(r"latest|[0-9a-f]{64}")
_GIGABYTE: Final = 1 << 30


def fetch(
    url: Annotated[str, typer.Argument(metavar="URL", help="The address of the service.")],
    out: Annotated[Path, typer.Option("--out", help="The folder to write.")],
    attestation: Annotated[
        str, typer.Option("--attestation", help="latest, or the digest of an attestation.")
    ] = "latest",
    issuer_key: IssuerKeyOption = None,
    max_bytes: Annotated[int, typer.Option("--max-bytes", min=1, help="Refuse a bundle that is larger.")] = 16
    * _GIGABYTE,
    as_json: JsonOption = False,
) -> None:
    """Fetch a bundle. Signature, lengths and digests are checked; then run `sealedbook verify` on it.

    Run it again after an interruption: it goes on where it was. The folder appears when all of it is there.
    """
    with reported_errors(as_json=as_json):
        if not _DIGEST.fullmatch(attestation):
            raise OptionError("--attestation: expected latest or 64 lower-case hexadecimal digits")
        key = read_issuer_key(issuer_key)
        with AttestationClient(url, pace=Pace(deadline=None)) as client, progress_bar() as bars:
            signed = fetch_bundle(client, attestation, out, issuer_key=key, max_bytes=max_bytes, report=bars)
        if as_json:
            print_json(
                {
                    "bundle": str(out),
                    "attestation_digest": signed.digest.hex(),
                    "book_digest": signed.attestation.book.digest().hex(),
                    "issuer_key_expected": signed.key_expected,
                }
            )
            return
        count = len(signed.attestation.files) + 2
        console.print(
            f"Fetched attestation {signed.digest.hex()} with {count} files into {escape(str(out))}."
        )
        console.print(
            "Its signature and digests hold. What it proves is for `sealedbook verify` to check: "
            f"sealedbook verify {escape(str(out))}"
        )
