"""``sealedbook publish``: bring a bundle, or a signed entry of the log, to a service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from sealedbook.options import JsonOption, OptionError, existing_folder, read_small_file
from sealedbook.output import console, print_json, progress_bar, reported_errors
from sealedbook.publishing_client import PublicationRefusedError, PublishingClient


def publish(
    bundle: Annotated[
        Path,
        typer.Argument(
            metavar="BUNDLE|ENTRY", help="The bundle folder; or an entry that `revoke` or `rotate` wrote."
        ),
    ],
    service: Annotated[str, typer.Option("--service", metavar="URL", help="The address of the service.")],
    credential_file: Annotated[
        Path, typer.Option("--credential-file", help="The file with your credential.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Publish a bundle: bring what is missing, have it verified, put it into the log.

    Run it again after an interruption: it goes on where it was. What is published already stays as it is.
    """
    with reported_errors(as_json=as_json):
        if bundle.is_file():
            _publish_entry(bundle, service, credential_file, as_json=as_json)
            return
        from verifier.attestation import verify_attestation

        verify_attestation(existing_folder(bundle), issuer_key=None)
        credential = _read_credential(credential_file)
        with PublishingClient(service, credential) as client, progress_bar() as bars:
            status = client.publish(bundle, bars)
        if status.log_index is None:
            raise PublicationRefusedError(
                "the service says that it published the bundle, but not where in the log"
            )
        if as_json:
            print_json({"result": "published", "attestation": status.id, "log_index": status.log_index})
            return
        console.print(f"Published: attestation {status.id}, entry {status.log_index} of the log.")
        console.print(f"Check as an outsider would: sealedbook check {escape(client.url)}")


def _publish_entry(path: Path, service: str, credential_file: Path, *, as_json: bool) -> None:
    from primitives.log_entry import MAX_ENTRY_BYTES, AttestationEntry, LogEntryError, parse_log_entry

    data = read_small_file(path, "ENTRY", MAX_ENTRY_BYTES)
    try:
        entry = parse_log_entry(data)
    except LogEntryError as error:
        raise OptionError(f"{path} is neither a bundle nor an entry of the log: {error}") from error
    if isinstance(entry, AttestationEntry):
        raise OptionError(f"{path} is the entry of an attestation; publish its bundle")
    with PublishingClient(service, _read_credential(credential_file)) as client:
        index = client.publish_entry(data)
    if as_json:
        print_json({"result": "published", "kind": entry.kind, "log_index": index})
    else:
        console.print(f"Published: {entry.kind}, entry {index} of the log.")


def _read_credential(path: Path) -> str:
    text = read_small_file(path, "--credential-file").decode("ascii", errors="replace").strip()
    if not text or not text.isascii() or any(character.isspace() for character in text):
        raise OptionError(f"--credential-file: {path} does not hold one credential")
    return text
