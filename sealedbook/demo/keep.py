"""Keeping the service of a demonstration up, for people who want to look around."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from primitives.attestation import ATTESTATION_NAME, Attestation
from primitives.opening import Opening
from sealedbook.demo.errors import DemoFolderError
from sealedbook.demo.service import HOST, DemoService
from sealedbook.demo.stage import Stage
from sealedbook.demo.workspace import Workspace

DEFAULT_PORT: Final = 8080


def is_complete(folder: Path) -> bool:
    """Whether a demonstration in `folder` got as far as publishing."""
    space = Workspace(folder)
    return DemoService(space.service).settings.is_file() and space.fetched.is_dir()


def tell_what_is_there(folder: Path, stage: Stage, port: int) -> Path:
    """Say what to open and what to type; returns the file with the service's settings.

    Raises `DemoFolderError` where the demonstration did not get that far.
    """
    space = Workspace(folder)
    openings = sorted(space.openings.glob("*.json"))
    if not is_complete(folder) or not openings:
        raise DemoFolderError(f"--out: {folder} holds no demonstration that published; run it again")
    opening = Opening.parse(openings[0].read_bytes())
    book = Attestation.parse((space.fetched / ATTESTATION_NAME).read_bytes()).book
    url = f"http://{HOST}:{port}"
    service = DemoService(space.service)
    stage.heading("The demonstration's service")
    stage.say(
        "Open the page, drop the opening, type the account id. The page sends nothing anywhere: compare the book "
        "digest that it asks for with the one below, which a holder would have from the exchange's website."
    )
    stage.blank()
    stage.facts(
        [
            ("Check page", f"{url}/"),
            ("Opening", str(openings[0].absolute())),
            ("Account id", opening.account),
            ("Book digest", book.digest().hex()),
            ("Certificate", str(space.certificate.absolute())),
            ("API", f"{url}/v1/attestations/latest"),
            ("Issuer key", book.public_key.hex()),
            ("Log key", service.log_public_key.read_text(encoding="utf-8").strip()),
        ]
    )
    stage.blank()
    stage.say("Stop it with Ctrl-C; make serve starts it again.", style="dim")
    return service.settings
