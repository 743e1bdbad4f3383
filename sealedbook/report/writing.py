"""Where reports are written: whole or not at all, never over anything but an older report, never into a bundle."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Final

from primitives.attestation import ATTESTATION_NAME, SIGNATURE_NAME
from sealedbook.options import OptionError
from sealedbook.report.page import GENERATOR
from sealedbook.report.pdf import is_report_pdf

_FILE_MODE: Final = 0o644
"""A report is made to be shown."""
_HEAD_BYTES: Final = 4096
_GENERATOR_TAG: Final = f'<meta name="generator" content="{GENERATOR} '.encode("ascii")


def check_destination(path: Path, option: str) -> None:
    """Raise `OptionError` where a report must not be written: over something else, or into a bundle."""
    for folder in path.absolute().parents:
        if (folder / ATTESTATION_NAME).is_file() and (folder / SIGNATURE_NAME).is_file():
            raise OptionError(f"{option}: {path} lies in the bundle {folder}; a report is a file of its own")
    if os.path.lexists(path) and not _is_report(path):
        raise OptionError(f"{option}: {path} exists and is not a report; choose another place")


def write_report(path: Path, data: bytes) -> None:
    """Put `data` at `path`, readable by everybody. `OSError` leaves what was there before as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), _FILE_MODE)
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(name)
        if isinstance(error, OSError) and error.filename != str(path):
            # The message names the report, not the nameless file beside it.
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def _is_report(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return False
    return is_report_pdf(head) or (head.startswith(b"<!DOCTYPE html>") and _GENERATOR_TAG in head)
