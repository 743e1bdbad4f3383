"""What a report says of markets: who stands behind them, how old they are, how far from those that were given."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from circuits.market_figures import basis_points_text, exact_text, names_text
from circuits.public_market import format_of
from primitives.attestation import format_time
from primitives.strict_json import Json
from verifier.book_claim import VerifiedBookClaim
from verifier.checks import Check
from verifier.claims import VerifiedClaim
from verifier.findings import Finding, Level, Report
from verifier.market_checks import ReferenceComparison, Signer, VerifiedMarket

_SHOWN_KEY_DIGITS: Final = 16
_SECOND: Final = timedelta(seconds=1)

ValuedClaim: TypeAlias = VerifiedClaim | VerifiedBookClaim
"""A claim that can have a market."""


def market_findings(claims: Sequence[ValuedClaim]) -> list[Finding]:
    """The lines about the markets of a bundle's claims."""
    return [
        finding
        for claim in claims
        if claim.market is not None
        for finding in findings_of(
            claim.market,
            f"market of {claim.claim.name!r}",
            insisted=claim.documents_expected,
            counts=claim.weighs_positions,
        )
    ]


def market_checks(claims: Sequence[ValuedClaim]) -> list[Check]:
    """The checks of markets that were made."""
    made = {check for claim in claims if claim.market is not None for check in claim.market.checks}
    return [check for check in Check if check in made]


def market_figures(claims: Sequence[ValuedClaim]) -> list[Json]:
    """For programs: one object for each claim with a market."""
    return [
        {"claim": claim.claim.name, **figures_of(claim.market)}
        for claim in claims
        if claim.market is not None
    ]


def market_report(verified: VerifiedMarket) -> Report:
    """The report on a market that was checked alone."""
    return Report(
        kind="market",
        verdict=(
            "The market is well-formed, and meets the conditions that you set."
            if verified.policy.is_condition
            else "The market is well-formed. You set no conditions on it."
        ),
        checks=(Check.MARKET_DOCUMENT, *(c for c in verified.checks if c is not Check.MARKET_DOCUMENT)),
        findings=tuple(findings_of(verified, "market", insisted=False, counts=True)),
        figures=figures_of(verified),
    )


def findings_of(verified: VerifiedMarket, subject: str, *, insisted: bool, counts: bool) -> list[Finding]:
    """The lines about one market.

    `insisted`: it is the caller's own, byte for byte, so that nobody else has to stand behind it. `counts`: the
    statement values positions, so that a signed market may be called what it rests on.
    """
    findings = _signer_findings(verified, subject, insisted=insisted)
    if findings and not counts:
        text = "this claim bounds positions one by one: its market, signed or not, decides nothing"
        findings.append(Finding(f"Use of the {subject}", text, Level.RECOMPUTED))
    findings.append(_time_finding(verified, subject))
    for comparison in verified.comparisons:
        findings += _deviation_findings(verified, comparison, subject)
    return findings


def _signer_findings(verified: VerifiedMarket, subject: str, *, insisted: bool) -> list[Finding]:
    known, policy = verified.known_signers, verified.policy
    findings = []
    if known:
        names = names_text(signer.known_as for signer in known)
        text = f"signed by {names}, by the keys you gave ({len(known)} of {len(policy.source_keys)}; "
        text += f"you require {policy.required})"
        findings.append(Finding(f"Sources of the {subject}", text, Level.SIGNED))
    unknown = [signer for signer in verified.signers if signer.known_as is None]
    if unknown:
        names = names_text(map(_self_styled, unknown))
        text = (
            f"{names}: keys that you did not give stand under these names; compare them, or give --source-key"
        )
        findings.append(Finding(f"Other signatures of the {subject}", text, Level.CLAIMED))
    if not verified.signers and not insisted:
        text = "no source signed it: its figures are as good as who gave them to you"
        findings.append(Finding(f"Sources of the {subject}", text, Level.CLAIMED))
    return findings


def _self_styled(signer: Signer) -> str:
    return f"{signer.source} ({signer.public_key.hex()[:_SHOWN_KEY_DIGITS]}…)"


def _time_finding(verified: VerifiedMarket, subject: str) -> Finding:
    """When the market says it is of: as good as who says so."""
    level = Level.SIGNED if verified.known_signers else Level.CLAIMED
    if verified.as_of is None:
        return Finding(f"Time of the {subject}", "its format states none", Level.NOT_PROVEN)
    text = format_time(verified.as_of)
    if verified.age is not None and verified.moment is not None:
        text += f", {_age(verified.age)} {format_time(verified.moment)}"
    if verified.policy.max_age is not None:
        text += f" (you allow {verified.policy.max_age // _SECOND:,} s)"
    return Finding(f"Time of the {subject}", text, level)


def _age(age: timedelta) -> str:
    if not age:
        return "the moment of use,"
    return f"{abs(age) // _SECOND:,} s {'before' if age > timedelta(0) else 'after'}"


def _deviation_findings(verified: VerifiedMarket, found: ReferenceComparison, subject: str) -> list[Finding]:
    comparison, bound = found.comparison, verified.policy.max_deviation
    which = "your previous market" if found.is_previous else "your other market"
    if found.reference_time is not None:
        which += f" of {format_time(found.reference_time)}"
    allowed = "" if bound is None else f"; you allow {basis_points_text(bound)}"
    largest = comparison.largest
    count = f"{len(comparison.deviations):,} figures compared with {which}"
    text = (
        f"{count}; none differs"
        if largest.basis_points == 0
        else f"{count}; most: {largest.describe()}{allowed}"
    )
    findings = [Finding(f"Deviation of the {subject}", text, Level.RECOMPUTED)]
    for names, what, level in (
        (comparison.new, "not in it, so compared with nothing", Level.NOT_PROVEN),
        (comparison.gone, "in it, and no longer here", Level.RECOMPUTED),
        (comparison.changed_terms, "under one id, other terms than in it", Level.NOT_PROVEN),
    ):
        if names:
            text = f"{which}: {len(names):,} {what}: {names_text(names)}"
            findings.append(Finding(f"Differences of the {subject}", text, level))
    return findings


def figures_of(verified: VerifiedMarket) -> dict[str, Json]:
    """One market, for programs; deviations as exact text, or null where unbounded."""
    signers: list[Json] = [
        {"source": each.source, "public_key": each.public_key.hex(), "known_as": each.known_as}
        for each in verified.signers
    ]
    age = verified.age
    return {
        "format": format_of(verified.market),
        "as_of": _time_or_none(verified.as_of),
        "age_seconds": None if age is None else age // _SECOND,
        "signatures": signers,
        "sources_signed": len(verified.known_signers),
        "sources_required": verified.policy.required,
        "comparisons": [_comparison_figures(each) for each in verified.comparisons],
    }


def _comparison_figures(found: ReferenceComparison) -> Json:
    comparison, largest = found.comparison, found.comparison.largest
    points = largest.basis_points
    return {
        "reference": "previous" if found.is_previous else "other",
        "reference_as_of": _time_or_none(found.reference_time),
        "compared": len(comparison.deviations),
        "largest": {
            "figure": str(largest.name),
            "from": exact_text(largest.reference),
            "to": exact_text(largest.figure),
            "basis_points": None if points is None else str(points),
        },
        "new": [str(name) for name in comparison.new],
        "gone": [str(name) for name in comparison.gone],
        "changed_terms": list(comparison.changed_terms),
    }


def _time_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)
