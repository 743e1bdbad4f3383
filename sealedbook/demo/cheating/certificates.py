"""Attempts with certificates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from primitives.strict_json import canonical_json
from sealedbook.demo.cheating.attempt import Attempt
from sealedbook.demo.cheating.judges import OTHER_AUDIENCE, as_second_lender
from sealedbook.demo.scene import Scene
from verifier.checks import Check


def _pass_on(scene: Scene, folder: Path) -> None:
    folder.mkdir(mode=0o700)
    (folder / "certificate.json").write_bytes(scene.certificate.to_bytes())


def _pass_on_rewritten(scene: Scene, folder: Path) -> None:
    document = json.loads(scene.certificate.to_bytes())
    document["audience"] = OTHER_AUDIENCE
    folder.mkdir(mode=0o700)
    (folder / "certificate.json").write_bytes(canonical_json(document))


CERTIFICATE_ATTEMPTS: Final = (
    Attempt(
        "passed-on",
        "The lender passes the certificate on to a second lender, as if it had been made for them.",
        Check.CERTIFICATE_AUDIENCE,
        _pass_on,
        as_second_lender,
    ),
    Attempt(
        "rewritten-audience",
        "The same, with the second lender's name written into the file.",
        Check.CERTIFICATE_PROOF,
        _pass_on_rewritten,
        as_second_lender,
    ),
)
