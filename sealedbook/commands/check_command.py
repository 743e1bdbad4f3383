"""``sealedbook check``: an account holder checks their own inclusion."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from primitives.backends import get_backend
from primitives.parameters import HASH_BYTES
from sealedbook.attestation_client import AttestationClient
from sealedbook.log_options import OriginOption, WitnessesOption, WitnessKeyOption, read_policy
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
from sealedbook.service_check import (
    check_opening,
    check_service,
    opening_service_report,
    service_report,
)
from verifier.opening import (
    TrustedRoot,
    VerifiedOpening,
    verify_opening_against_root,
    verify_opening_in_bundle,
)
from verifier.report import opening_report


def check(
    opening: Annotated[
        str,
        typer.Argument(
            metavar="OPENING|URL",
            help="The opening that you received; or a service, to check it as an outsider.",
        ),
    ],
    account: Annotated[str | None, typer.Option("--account", help="Your account id, as you know it.")] = None,
    bundle: Annotated[Path | None, typer.Option("--bundle", help="The published bundle.")] = None,
    root: Annotated[
        str | None,
        typer.Option("--root", metavar="HEX", help="The published root hash, instead of a bundle."),
    ] = None,
    book_digest: Annotated[
        str | None,
        typer.Option("--book-digest", metavar="HEX", help="The published book digest, instead of a bundle."),
    ] = None,
    service: Annotated[
        str | None,
        typer.Option("--service", metavar="URL", help="The issuer's service, instead of a bundle."),
    ] = None,
    issuer_key: IssuerKeyOption = None,
    log_key: Annotated[
        str | None,
        typer.Option("--log-key", metavar="KEY|FILE", help="The log's verifier key; needed with a service."),
    ] = None,
    witness_key: WitnessKeyOption = None,
    witnesses: WitnessesOption = None,
    origin: OriginOption = "",
    backend: BackendOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check that your account, with exactly your positions, is in the sealed book.

    Type your account id yourself: it is what makes sure that the leaf is yours and nobody else's. With a service,
    its attestation, its signature and its place in the log are checked besides; the service does not learn which
    leaf is yours.
    """
    outsider = opening.startswith(("http://", "https://"))
    if account is None and not outsider:
        raise typer.BadParameter("give your account id, as you know it", param_hint="--account")
    with reported_errors(as_json=as_json):
        url = opening if outsider else service
        if url is None:
            trust = _Trust(bundle, root, book_digest, read_issuer_key(issuer_key))
            print_report(
                opening_report(_check_alone(opening, account or "", trust, backend)), as_json=as_json
            )
            return
        if bundle is not None or root is not None or book_digest is not None or (outsider and service):
            raise OptionError("give one of --bundle FOLDER, --root HEX, --book-digest HEX or --service URL")
        if log_key is None:
            raise OptionError(
                "--log-key: the key of the service's log is needed, from where you know that it is true"
            )
        policy = read_policy(log_key, origin, witness_key, witnesses)
        key = read_issuer_key(issuer_key)
        with AttestationClient(url) as client:
            if outsider:
                report = service_report(url, check_service(client, policy, issuer_key=key))
            else:
                data = read_small_file(Path(opening), "OPENING", MAX_OPENING_BYTES)
                engine = get_backend(backend)
                checked = check_opening(client, policy, data, account or "", engine, issuer_key=key)
                report = opening_service_report(*checked)
        print_report(report, as_json=as_json)


@dataclass(frozen=True)
class _Trust:
    """What an opening is compared with: one of the first three."""

    bundle: Path | None
    root: str | None
    book_digest: str | None
    issuer_key: bytes | None


def _check_alone(opening: str, account: str, trust: _Trust, backend: str | None) -> VerifiedOpening:
    """Check an opening against a bundle, a root hash or a book digest."""
    if sum(value is not None for value in (trust.bundle, trust.root, trust.book_digest)) != 1:
        raise OptionError("give one of --bundle FOLDER, --root HEX, --book-digest HEX or --service URL")
    data = read_small_file(Path(opening), "OPENING", MAX_OPENING_BYTES)
    engine = get_backend(backend)
    if trust.bundle is not None:
        folder = existing_folder(trust.bundle)
        return verify_opening_in_bundle(data, account, folder, engine, issuer_key=trust.issuer_key)
    if trust.issuer_key is not None:
        raise OptionError("--issuer-key goes with --bundle: a root or digest carries no signature")
    if trust.root is not None:
        trusted = TrustedRoot(root_hash=parse_hex(trust.root, HASH_BYTES, "--root"))
    else:
        trusted = TrustedRoot(book_digest=parse_hex(trust.book_digest or "", HASH_BYTES, "--book-digest"))
    return verify_opening_against_root(data, account, trusted, engine)
