"""``sealedbook verify``: check a whole bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from primitives.backends import get_backend
from sealedbook.options import BackendOption, IssuerKeyOption, JsonOption, existing_folder, read_issuer_key
from sealedbook.output import print_report, progress_bar, reported_errors
from verifier.bundle import verify_bundle
from verifier.report import bundle_report


def verify(
    bundle: Annotated[Path, typer.Argument(help="The bundle folder.")],
    issuer_key: IssuerKeyOption = None,
    backend: BackendOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a bundle: signature, form, digests, and the whole tree computed anew from its leaves."""
    with reported_errors(as_json=as_json):
        key = read_issuer_key(issuer_key)
        with progress_bar() as bars:
            verified = verify_bundle(
                existing_folder(bundle), get_backend(backend), issuer_key=key, progress=bars
            )
        print_report(bundle_report(verified), as_json=as_json)
