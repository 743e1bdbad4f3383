"""Checking a service from outside: its attestation, its log, and an opening against both.

Asked for are a book's attestation and the whole log, never a leaf: the service does not learn whose opening it is.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from primitives.attestation import ATTESTATION_NAME, format_time
from primitives.backend import Backend
from primitives.log_entry import AttestationEntry
from primitives.opening import Opening
from primitives.strict_json import JsonError
from sealedbook.attestation_client import AttestationClient
from verifier.attestation import SignedAttestation
from verifier.checks import Check, VerificationError
from verifier.findings import Finding, Level, Report
from verifier.log_monitor import observe
from verifier.opening import TrustedRoot, VerifiedOpening, verify_opening_against_root
from verifier.report import attestation_checks, book_figures, issuer_findings, opening_report
from verifier.transparency import LogPolicy

_LOG_CHECKS = (
    Check.LOG_CHECKPOINT,
    Check.LOG_ORIGIN,
    Check.LOG_SIGNATURE,
    Check.LOG_WITNESSES,
    Check.LOG_ENTRIES,
    Check.LOG_ONE_BOOK,
    Check.LOG_ISSUER_KEYS,
    Check.LOG_INCLUSION,
    Check.LOG_NOT_REVOKED,
)


@dataclass(frozen=True)
class CheckedService:
    """An attestation that a service shows, signed and in its log, with the index of its entry.

    `later`: the time of the newest book of the same issuer in the log that is of a later time and stands, if any.
    """

    signed: SignedAttestation
    log_index: int
    log_size: int
    later: datetime | None


def check_service(
    client: AttestationClient,
    policy: LogPolicy,
    *,
    issuer_key: bytes | None,
    book_digest: bytes | None = None,
) -> CheckedService:
    """Checks B1 to B4 of the attestation of a book (None: the latest), and that it is in the log and stands.

    `VerificationError` names the check; `UnreachableError` where the service does not answer.
    """
    if book_digest is None:
        digest = client.find("latest").digest
    else:
        served = client.find_book(book_digest)
        if served is None:
            detail = f"the service has no attestation of the book {book_digest.hex()} that the opening is for"
            raise VerificationError(Check.OPENING_ROOT, detail)
        digest = served.digest
    with tempfile.TemporaryDirectory(prefix="sealedbook-") as folder:
        signed = client.fetch_attestation(digest, Path(folder), issuer_key=issuer_key)
        data = (Path(folder) / ATTESTATION_NAME).read_bytes()
    return _find_in_log(client, policy, signed, data)


def _find_in_log(
    client: AttestationClient, policy: LogPolicy, signed: SignedAttestation, attestation: bytes
) -> CheckedService:
    """Read the whole log, verify it, and find the attestation's entry; checks L1 to L5, L8 and L10 to L12."""
    seen = observe(client, policy, None, now=int(time.time()))
    for conflict in seen.conflicts:
        raise VerificationError(conflict.check, conflict.detail)
    entry = AttestationEntry.of(attestation)
    parsed = seen.state.contents.parsed
    if entry not in parsed:
        raise VerificationError(
            Check.LOG_INCLUSION, f"the attestation {entry.attestation_sha256.hex()} is not in the log"
        )
    revocation = seen.history.revocation_of(entry)
    if revocation is not None:
        index, revoking = revocation
        raise VerificationError(
            Check.LOG_NOT_REVOKED, f"entry {index} of the log takes the attestation back: {revoking.reason}"
        )
    later = [
        each.as_of
        for each in parsed
        if isinstance(each, AttestationEntry)
        and each.as_of > entry.as_of
        and seen.history.are_of_one_line(each.issuer_key, entry.issuer_key)
        and seen.history.revocation_of(each) is None
    ]
    return CheckedService(signed, parsed.index(entry), len(parsed), max(later, default=None))


def check_opening(
    client: AttestationClient,
    policy: LogPolicy,
    data: bytes,
    account: str,
    backend: Backend,
    *,
    issuer_key: bytes | None,
) -> tuple[VerifiedOpening, CheckedService]:
    """An opening (file bytes) for `account` (as typed) against what the service publishes about its book."""
    try:
        book = Opening.parse(data).book
    except JsonError as error:
        raise VerificationError(Check.OPENING_FORM, str(error)) from error
    service = check_service(client, policy, issuer_key=issuer_key, book_digest=book.digest())
    trusted = TrustedRoot(book_digest=service.signed.attestation.book.digest())
    verified = verify_opening_against_root(data, account, trusted, backend)
    return VerifiedOpening(verified.opening, service.signed, book_bound=True), service


def service_report(url: str, service: CheckedService) -> Report:
    """The report on a service whose attestation and log hold."""
    book = service.signed.attestation.book
    return Report(
        kind="service",
        verdict="The service shows an attestation that its issuer signed and that stands in the log.",
        checks=(*attestation_checks(service.signed), *_LOG_CHECKS),
        findings=(
            *issuer_findings(book, service.signed),
            *_log_findings(service),
            Finding(
                "What the attestation claims",
                f"fetch and verify the bundle to see: sealedbook fetch {url} --out bundle",
                Level.NOT_PROVEN,
            ),
        ),
        figures={**book_figures(book), **_figures(service)},
    )


def opening_service_report(verified: VerifiedOpening, service: CheckedService) -> Report:
    """The report on an opening that was checked against a service."""
    report = opening_report(verified)
    return Report(
        kind=report.kind,
        verdict="This account, with exactly these positions, is in the sealed book that the service publishes.",
        checks=(
            *(check for check in report.checks if check is not Check.OPENING_LEAF),
            *_LOG_CHECKS,
        ),
        findings=(*report.findings, *_log_findings(service)),
        figures={**report.figures, **_figures(service)},
    )


def _log_findings(service: CheckedService) -> list[Finding]:
    where = f"entry {service.log_index} of {service.log_size}, under the log's signed checkpoint"
    return [
        Finding("In the log", where, Level.RECOMPUTED),
        Finding("Taken back", "no entry of the log, as it was shown, takes it back", Level.RECOMPUTED),
        _later_finding(service.later),
        Finding(
            "How new the log is",
            "whoever answers may show an older state of it: `sealedbook monitor` remembers the newest one",
            Level.NOT_PROVEN,
        ),
    ]


def _later_finding(later: datetime | None) -> Finding:
    if later is None:
        return Finding("Newest book", "the log, as it was shown, has no later one", Level.RECOMPUTED)
    text = f"no: the log has a later one of this issuer, as of {format_time(later)}"
    return Finding("Newest book", text, Level.RECOMPUTED)


def _figures(service: CheckedService) -> dict[str, str | int]:
    return {
        "attestation_digest": service.signed.digest.hex(),
        "log_index": service.log_index,
        "log_size": service.log_size,
    }
