"""``sealedbook publish``: bring a bundle to a service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from sealedbook.options import JsonOption, OptionError, existing_folder, read_small_file
from sealedbook.output import console, print_json, progress_bar, reported_errors
from sealedbook.publishing_client import PublicationRefusedError, PublishingClient


def publish(
    bundle: Annotated[Path, typer.Argument(help="The bundle folder.")],
    service: Annotated[str, typer.Option("--service", metavar="URL", help="The address of the service.")],
    credential_file: Annotated[
        Path, typer.Option("--credential-file", help="The file with your credential.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Publish a bundle: bring what is missing, have it verified, put it into the log.

    Run it again after an interruption: it goes on where it was. A bundle that is published already stays as it is.
    """
    with reported_errors(as_json=as_json):
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


def _read_credential(path: Path) -> str:
    text = read_small_file(path, "--credential-file").decode("ascii", errors="replace").strip()
    if not text or not text.isascii() or any(character.isspace() for character in text):
        raise OptionError(f"--credential-file: {path} does not hold one credential")
    return text
