"""The full verification of a bundle, accepted or rejected, and what a report needs of the bundle besides.

Everything here that comes from the bundle is read through the verifier's own functions, so that what a report
shows is what was checked. Of a rejected bundle only what identifies it is kept, for the report to call claimed.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from primitives.attestation import ATTESTATION_NAME, SIGNATURE_NAME, Attestation, BundleFile
from primitives.backend import Backend
from primitives.strict_json import MAX_JSON_BYTES, JsonError
from sealedbook.report.pins import Pins
from verifier.bundle import VerifiedBundle, verify_bundle
from verifier.checks import VerificationError
from verifier.files import Progress, no_progress, open_regular, read_attested_file, read_regular_file
from verifier.findings import Report
from verifier.report import bundle_report

_READ_BYTES: Final = 1 << 20
_SIGNATURE_LIMIT: Final = 1 << 10


@dataclass(frozen=True)
class FoundFile:
    """A file of the bundle: what the attestation says of it, and what was found.

    `attested` is None for attestation and signature themselves; `found` is None where no regular file of the
    attested length is there, and `problem` then says why.
    """

    name: str
    attested: BundleFile | None
    size: int | None
    found: str | None
    problem: str = ""

    @property
    def differs(self) -> bool:
        """Whether the bytes found are not the attested ones."""
        if self.attested is None:
            return self.found is None
        return self.found != self.attested.sha256.hex()


@dataclass(frozen=True)
class Accepted:
    """A bundle that passed every check; `documents` holds the models and markets of its claims by file name."""

    verified: VerifiedBundle
    report: Report
    documents: dict[str, bytes]


@dataclass(frozen=True)
class Examination:
    """How the verification of a bundle ended: `outcome` is what was verified, or the error that names the check.

    `attestation` is None where it is not well-formed. `seconds` is how long the verification took.
    """

    bundle: Path
    pins: Pins
    backend: str
    outcome: Accepted | VerificationError
    attestation: Attestation | None
    files: tuple[FoundFile, ...]
    seconds: float


def examine(bundle: Path, pins: Pins, backend: Backend, *, progress: Progress = no_progress) -> Examination:
    """Verify the bundle in the folder `bundle` under `pins`. Never raises for what the bundle holds."""
    start = time.perf_counter()
    outcome: Accepted | VerificationError
    try:
        outcome = _verify(bundle, pins, backend, progress)
    except VerificationError as error:
        outcome = error
    seconds = time.perf_counter() - start
    if isinstance(outcome, Accepted):
        attestation: Attestation | None = outcome.verified.attestation
        files = tuple(_attested_files(bundle, outcome.verified.attestation))
    else:
        attestation = _read_attestation(bundle)
        files = tuple(_found_files(bundle, attestation))
    return Examination(bundle, pins, backend.name, outcome, attestation, files, seconds)


def _verify(bundle: Path, pins: Pins, backend: Backend, progress: Progress) -> Accepted:
    verified = verify_bundle(
        bundle,
        backend,
        issuer_key=pins.issuer_key,
        expected=pins.documents,
        required=pins.required,
        market_policy=pins.market_policy,
        progress=progress,
    )
    names = {claim.claim.model for claim in verified.claims}
    names |= {claim.claim.market for claim in verified.claims if claim.claim.market is not None}
    documents = {
        name: read_attested_file(bundle, verified.attestation, name, maximum=MAX_JSON_BYTES)
        for name in sorted(names)
    }
    return Accepted(verified, bundle_report(verified), documents)


def _read_attestation(bundle: Path) -> Attestation | None:
    try:
        return Attestation.parse(read_regular_file(bundle, ATTESTATION_NAME, maximum=MAX_JSON_BYTES))
    except (VerificationError, JsonError):
        return None


def _attested_files(bundle: Path, attestation: Attestation) -> Iterator[FoundFile]:
    """Of an accepted bundle: the digests were compared during the verification."""
    yield from _own_files(bundle)
    for entry in attestation.files:
        yield FoundFile(entry.name, entry, entry.size, entry.sha256.hex())


def _found_files(bundle: Path, attestation: Attestation | None) -> Iterator[FoundFile]:
    yield from _own_files(bundle)
    for entry in attestation.files if attestation else ():
        yield _find(bundle, entry.name, entry, entry.size)


def _own_files(bundle: Path) -> Iterator[FoundFile]:
    yield _find(bundle, ATTESTATION_NAME, None, MAX_JSON_BYTES)
    yield _find(bundle, SIGNATURE_NAME, None, _SIGNATURE_LIMIT)


def _find(bundle: Path, name: str, entry: BundleFile | None, limit: int) -> FoundFile:
    """The digest of a file, taken only where its length is attested or, without an attested one, at most `limit`."""
    try:
        with open_regular(bundle / name) as file:
            size = os.fstat(file.fileno()).st_size
            if size > limit or (entry is not None and size != entry.size):
                wanted = f"at most {limit:,}" if entry is None else f"{entry.size:,}"
                return FoundFile(name, entry, size, None, f"{size:,} bytes found, expected {wanted}")
            digest = hashlib.sha256()
            while block := file.read(_READ_BYTES):
                digest.update(block)
    except OSError as error:
        return FoundFile(name, entry, None, None, error.strerror or "not a regular file")
    return FoundFile(name, entry, size, digest.hexdigest())
