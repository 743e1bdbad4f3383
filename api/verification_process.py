"""Verify a staged bundle in a process of its own, and compute its derived files.

    python -m api.verification_process FOLDER DERIVED ISSUER_KEY

A process of its own because it takes minutes of computing and memory of its own for big bundles. Standard output is one
JSON document: ``{"result": "accepted", "report": ...}``, or ``{"result": "rejected", "check": ..., "detail": ...}``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, BinaryIO, cast

from api.child_environment import child_environment
from api.derived import build_derived_files
from primitives.backends import get_backend
from primitives.errors import SealedbookError
from verifier.bundle import verify_bundle
from verifier.checks import VerificationError
from verifier.files import open_regular
from verifier.report import bundle_report


class VerificationProcessError(SealedbookError):
    """The process ended without a result: killed, out of memory, a full disk."""


def verify_in_process(folder: Path, derived: Path, issuer_key: bytes) -> dict[str, Any]:
    """The document that the process prints. Raises `VerificationProcessError`."""
    done = subprocess.run(  # noqa: S603 (our own module, arguments without a shell)
        [sys.executable, "-m", "api.verification_process", str(folder), str(derived), issuer_key.hex()],
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env=child_environment(),
    )
    try:
        return cast("dict[str, Any]", json.loads(done.stdout))
    except ValueError:
        last = done.stderr.decode("utf-8", errors="replace").strip().splitlines()[-1:]
        raise VerificationProcessError(
            f"verification ended with code {done.returncode}: {' '.join(last)[:300]}"
        ) from None


def main(arguments: list[str]) -> dict[str, Any]:
    """The result for `arguments`."""
    folder, derived, issuer_key = Path(arguments[0]), Path(arguments[1]), bytes.fromhex(arguments[2])
    backend = get_backend()
    try:
        verified = verify_bundle(folder, backend, issuer_key=issuer_key)
    except VerificationError as error:
        return {
            "result": "rejected",
            "check": error.check.value,
            "title": error.check.title,
            "detail": error.detail,
        }

    def open_file(name: str) -> BinaryIO:
        return open_regular(folder / name)

    build_derived_files(verified.attestation, open_file, derived, backend)
    return {"result": "accepted", "report": bundle_report(verified).to_json()}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:])))
