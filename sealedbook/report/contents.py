"""What a report says, as data: everything that the template prints, and nothing that it would have to decide."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from primitives.attestation import LEAVES_NAME, format_time
from primitives.claims import PROOF_FOLDER
from primitives.strict_json import Json
from sealedbook import __version__
from sealedbook.report.bars import Part
from sealedbook.report.checks import CheckGroup, Status, check_groups, count_statuses
from sealedbook.report.claims_section import ClaimSection, Composition, claim_sections
from sealedbook.report.examination import Accepted, Examination, FoundFile
from sealedbook.report.repeat import Repetition, repetition, unpinned
from sealedbook.report.solvency_section import SolvencySection, solvency_sections
from sealedbook.report.text import humanised, shortened, shortened_inside
from sealedbook.report.words import GLOSSARY, not_shown
from verifier.findings import Finding, Level

_SHOWN_FILES: Final = 500
_VALUE_LENGTH: Final = 2_000
_FINDING_LENGTH: Final = 900
_SHOWN_ELSEWHERE: Final = frozenset(
    {"book_digest", "root_hash", "root_sum", "leaf_count", "issuer", "issuer_key", "as_of", "assets"}
    | {"attestation_digest", "claims", "solvency", "issuer_key_expected"}
)
"""Figures of a report that have a place of their own."""


@dataclass(frozen=True)
class Verdict:
    """How the verification ended: `headline` is the one sentence that matters, `text` the verifier's own."""

    accepted: bool
    headline: str
    text: str
    failed_check: str = ""
    failed_title: str = ""
    exit_code: int = 0


@dataclass(frozen=True)
class FindingGroup:
    """The findings of one level."""

    level: Level
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class ReportContents:
    """The whole report. Pairs are (name, value) lines; of a rejected bundle, `identity` is claimed only."""

    verdict: Verdict
    title: str
    made_at: str
    duration: str | None
    bundle: str
    pins: tuple[tuple[str, str], ...]
    identity: tuple[tuple[str, str], ...]
    levels: tuple[tuple[Level, int], ...]
    findings: tuple[FindingGroup, ...]
    checks: tuple[CheckGroup, ...]
    statuses: Mapping[Status, int]
    figures: tuple[tuple[str, str], ...]
    further: tuple[tuple[str, str], ...]
    bundle_plot: Composition | None
    claims: tuple[ClaimSection, ...]
    solvency: tuple[SolvencySection, ...]
    not_shown: tuple[str, ...]
    advice: tuple[str, ...]
    files: tuple[FoundFile, ...]
    more_files: int
    files_bytes: int
    versions: tuple[tuple[str, str], ...]
    repetition: Repetition
    glossary: tuple[tuple[str, str], ...]


def report_contents(examination: Examination, made_at: datetime, *, with_duration: bool) -> ReportContents:
    """The report on an examination, stamped with the time `made_at` (UTC).

    `with_duration` states how long the verification took, the one figure that is another one each time.
    """
    moment = format_time(made_at)
    outcome = examination.outcome
    accepted = outcome if isinstance(outcome, Accepted) else None
    groups = check_groups(examination)
    findings = _finding_groups(accepted)
    statuses = count_statuses(groups)
    claims = claim_sections(accepted) if accepted else ()
    issuer = examination.attestation.book.issuer if examination.attestation else "no issuer"
    sizes = _sizes(examination)
    return ReportContents(
        verdict=_verdict(examination, statuses),
        title=f"{issuer}: verification of a sealed book"
        if accepted
        else f"Verification of a bundle that names {issuer}",
        made_at=moment,
        duration=f"{examination.seconds:,.2f} s" if with_duration else None,
        bundle=str(examination.bundle),
        pins=tuple(_pins(examination)),
        identity=tuple(_identity(examination)),
        levels=tuple((group.level, len(group.findings)) for group in findings),
        findings=findings,
        checks=groups,
        statuses=statuses,
        figures=tuple(_figures(accepted, claims, sizes)) if accepted else (),
        further=tuple(_further(accepted)) if accepted else (),
        bundle_plot=_bundle_plot(examination, claims) if accepted else None,
        claims=claims,
        solvency=solvency_sections(accepted) if accepted else (),
        not_shown=tuple(not_shown(accepted)) if accepted else (),
        advice=unpinned(examination) if accepted else (),
        files=examination.files[:_SHOWN_FILES],
        more_files=max(0, len(examination.files) - _SHOWN_FILES),
        files_bytes=sizes,
        versions=_versions(examination),
        repetition=repetition(examination, moment),
        glossary=GLOSSARY,
    )


def _verdict(examination: Examination, statuses: Mapping[Status, int]) -> Verdict:
    outcome = examination.outcome
    if not isinstance(outcome, Accepted):
        headline = f"This bundle is rejected: check {outcome.check.value} failed."
        return Verdict(
            accepted=False,
            headline=headline,
            text=shortened(outcome.detail, _VALUE_LENGTH),
            failed_check=outcome.check.value,
            failed_title=outcome.check.title,
            exit_code=1,
        )
    open_points = sum(finding.level is Level.NOT_PROVEN for finding in outcome.report.findings)
    left = {
        0: "no point is listed as not yet proven",
        1: "1 point is not yet proven",
    }.get(open_points, f"{open_points} points are not yet proven")
    return Verdict(
        accepted=True,
        headline=f"This bundle is accepted: all {statuses[Status.PASSED]} checks made of it passed, and {left}.",
        text=outcome.report.verdict,
    )


def _finding_groups(accepted: Accepted | None) -> tuple[FindingGroup, ...]:
    """By level, the best founded first."""
    if accepted is None:
        return ()
    groups = []
    for level in Level:
        found = [
            Finding(finding.subject, shortened_inside(finding.text, _FINDING_LENGTH), level)
            for finding in accepted.report.findings
            if finding.level is level
        ]
        if found:
            groups.append(FindingGroup(level, tuple(found)))
    return tuple(groups)


def _pins(examination: Examination) -> Iterator[tuple[str, str]]:
    pins = examination.pins
    yield "Issuer key", pins.issuer_key.hex() if pins.issuer_key else "not pinned"
    for label, files, without in (
        ("Model", pins.models, "not pinned"),
        ("Market", pins.markets, "not pinned"),
        ("Market to compare with", pins.references, None),
    ):
        if not files and without:
            yield label, without
        for file in files:
            yield label, f"{file.name}, SHA-256 {file.sha256}"
    yield "Claims required", ", ".join(pins.required) or "none"
    if pins.market_policy.is_condition:
        yield (
            "Conditions on markets",
            " ".join(pins.market_options) or "set by the program that made this report",
        )


def _identity(examination: Examination) -> Iterator[tuple[str, str]]:
    """What names the book and its attestation, as the attestation has it."""
    if examination.attestation is not None:
        book = examination.attestation.book
        yield "Issuer", book.issuer
        yield "As of", format_time(book.as_of)
        yield "Book digest", book.digest().hex()
    for file in examination.files[:1]:
        yield "Attestation SHA-256", file.found or f"none: {file.problem}"
    if examination.attestation is not None:
        book = examination.attestation.book
        yield "Issuer key in the bundle", book.public_key.hex()
        yield "Root hash", book.root.hash.hex()
        yield "Root sum", book.root.sum.hex()


def _sizes(examination: Examination) -> int:
    return sum(file.size or 0 for file in examination.files)


def _figures(
    accepted: Accepted, claims: tuple[ClaimSection, ...], total_bytes: int
) -> Iterator[tuple[str, str]]:
    book = accepted.verified.attestation.book
    yield "Leaves, padding included", f"{book.leaf_count:,}"
    yield "Assets", f"{len(book.assets):,}"
    yield "Claims about every account", f"{len(claims):,}"
    yield "Claims about reserves", f"{len(accepted.verified.solvency):,}"
    yield "Rows proven of every account", f"{sum(claim.row_count for claim in claims):,}"
    yield "Bits proven of every account", f"{sum(claim.bits for claim in claims):,}"
    yield "Bits proven of the book", f"{sum(claim.bits for claim in claims) * book.leaf_count:,}"
    proofs = sum(claim.proofs for claim in claims) + len(accepted.verified.solvency)
    yield "Proofs checked", f"{proofs:,}"
    entries = accepted.verified.attestation.files
    proof_bytes = sum(entry.size for entry in entries if entry.name.startswith(PROOF_FOLDER))
    yield "Bytes of proofs", f"{proof_bytes:,}"
    yield "Bytes of the bundle", f"{total_bytes:,}"


def _further(accepted: Accepted) -> Iterator[tuple[str, str]]:
    """Figures of the verifier's report that have no place of their own here, whatever they are."""
    for key, value in accepted.report.figures.items():
        if key not in _SHOWN_ELSEWHERE:
            yield humanised(key), shortened(_plain(value), _VALUE_LENGTH)


def _plain(value: Json) -> str:
    """A value of any depth on one line."""
    if isinstance(value, dict):
        return "; ".join(f"{humanised(key)}: {_plain(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return "none" if value is None else value


def _bundle_plot(examination: Examination, claims: tuple[ClaimSection, ...]) -> Composition:
    """Which parts of the bundle take how many bytes."""
    sizes = {file.name: file.size or 0 for file in examination.files}
    proofs = sum(size for name, size in sizes.items() if name.startswith(PROOF_FOLDER))
    by_claim = sum(claim.proof_bytes for claim in claims)
    leaves = sizes.get(LEAVES_NAME, 0)
    largest = sorted(claims, key=lambda claim: -claim.proof_bytes)[:3]
    parts = [Part("part-1", "leaves", leaves)]
    parts += [
        Part(f"part-{number}", f"proofs of {claim.name!r}", claim.proof_bytes)
        for number, claim in enumerate(largest, start=2)
    ]
    parts.append(Part("part-5", "other proofs of accounts", by_claim - sum(c.proof_bytes for c in largest)))
    parts.append(Part("part-6", "proofs about reserves", proofs - by_claim))
    parts.append(Part("part-7", "documents and signature", sum(sizes.values()) - proofs - leaves))
    return Composition.of("Bytes of the bundle", "bytes", parts)


def _versions(examination: Examination) -> tuple[tuple[str, str], ...]:
    return (
        ("sealedbook", __version__),
        ("Backend", examination.backend),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
        ("NumPy", np.__version__),
        ("Platform", platform.platform()),
    )
