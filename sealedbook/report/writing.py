"""Where reports may be written: never over anything but an older report, never into a bundle."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from primitives.attestation import ATTESTATION_NAME, SIGNATURE_NAME
from sealedbook.options import OptionError
from sealedbook.report.page import GENERATOR
from sealedbook.report.pdf import is_report_pdf

_HEAD_BYTES: Final = 4096
_GENERATOR_TAG: Final = f'<meta name="generator" content="{GENERATOR} '.encode("ascii")


def check_destination(path: Path, option: str) -> None:
    """Raise `OptionError` where a report must not be written: over something else, or into a bundle."""
    for folder in path.absolute().parents:
        if (folder / ATTESTATION_NAME).is_file() and (folder / SIGNATURE_NAME).is_file():
            raise OptionError(f"{option}: {path} lies in the bundle {folder}; a report is a file of its own")
    if os.path.lexists(path) and not _is_report(path):
        raise OptionError(f"{option}: {path} exists and is not a report; choose another place")


def _is_report(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return False
    return is_report_pdf(head) or (head.startswith(b"<!DOCTYPE html>") and _GENERATOR_TAG in head)
