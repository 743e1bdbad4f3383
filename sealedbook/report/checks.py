"""Every check of a bundle, and how each ended: never more than what the verification shows.

Checks of the bundle as a whole are made in one order, each once. So where one fails, those before it passed, and
those after it were not made. Checks of claims are made claim by claim: where one fails, others of the same name
may have passed for other claims, and nothing is said of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from sealedbook.report.examination import Accepted, Examination
from verifier.checks import Check


class Status(Enum):
    """How a check ended, and what the report prints beside it."""

    PASSED = ("passed", "passed")
    FAILED = ("failed", "FAILED")
    NOT_ASKED = ("not-asked", "not asked")
    NOTHING_TO_CHECK = ("nothing", "nothing to check")
    NOT_REACHED = ("not-reached", "not established")

    def __init__(self, key: str, label: str) -> None:
        self.key = key
        self.label = label


@dataclass(frozen=True)
class CheckLine:
    """One check and how it ended; `note` says why it was not made."""

    name: str
    title: str
    status: Status
    note: str = ""


@dataclass(frozen=True)
class CheckGroup:
    """The checks of one subject."""

    title: str
    lines: tuple[CheckLine, ...]


ORDER: Final = (
    Check.BUNDLE_FILES,
    Check.BUNDLE_ATTESTATION,
    Check.BUNDLE_ISSUER,
    Check.BUNDLE_SIGNATURE,
    Check.BUNDLE_CLAIMS,
    Check.BUNDLE_LISTING,
    Check.BUNDLE_DIGESTS,
    Check.BUNDLE_LEAVES,
    Check.BUNDLE_ROOT_HASH,
    Check.BUNDLE_ROOT_SUM,
)
"""In which `verifier.bundle.verify_bundle` makes the checks of the bundle as a whole."""

_GROUPS: Final = {
    "B": "The bundle as a whole",
    "C": "Claims about every account",
    "M": "Prices that claims were made with",
    "S": "Claims about reserves",
    "W": "Claims about the sum of all accounts",
}
_FURTHER: Final = "Further checks"
"""Of other letters; listed only where the verification came to one of them."""
_AFTER_BUNDLE: Final = ("C", "M", "S", "W")
"""First letters of checks that are made when every check of the bundle has passed."""


def check_groups(examination: Examination) -> tuple[CheckGroup, ...]:
    """Every check that concerns bundles, by subject, in the order of their names."""
    groups: dict[str, list[CheckLine]] = {title: [] for title in (*_GROUPS.values(), _FURTHER)}
    for check in Check:
        letter = check.value[0]
        status, note = _status(check, examination)
        line = CheckLine(check.value, check.title, status, note)
        if letter in _GROUPS or status in (Status.PASSED, Status.FAILED):
            groups[_GROUPS.get(letter, _FURTHER)].append(line)
    return tuple(CheckGroup(title, tuple(lines)) for title, lines in groups.items() if lines)


def count_statuses(groups: tuple[CheckGroup, ...]) -> dict[Status, int]:
    """How many checks ended in each way."""
    lines = [line for group in groups for line in group.lines]
    return {status: sum(line.status is status for line in lines) for status in Status}


def _status(check: Check, examination: Examination) -> tuple[Status, str]:
    outcome = examination.outcome
    if isinstance(outcome, Accepted):
        if check in outcome.report.checks:
            return Status.PASSED, ""
        return _why_not_made(check, examination)
    if check is outcome.check:
        return Status.FAILED, outcome.detail
    if check in ORDER and _passed_before(check, outcome.check):
        status, note = _why_not_made(check, examination)
        return (Status.PASSED, "") if status is Status.NOTHING_TO_CHECK else (status, note)
    return Status.NOT_REACHED, ""


def _passed_before(check: Check, failed: Check) -> bool:
    if failed in ORDER:
        return ORDER.index(check) < ORDER.index(failed)
    return failed.value[0] in _AFTER_BUNDLE


def _why_not_made(check: Check, examination: Examination) -> tuple[Status, str]:
    """Two checks are made only for those who state what they expect, others only where there is such a claim."""
    if check is Check.BUNDLE_ISSUER and examination.pins.issuer_key is None:
        return Status.NOT_ASKED, "no issuer key was given: who made the bundle is claimed only"
    if check is Check.BUNDLE_CLAIMS and not examination.pins.required:
        return Status.NOT_ASKED, "no claim was required"
    if check is Check.MARKET_SIGNATURES:
        return Status.NOTHING_TO_CHECK, "no signature of prices is in this bundle"
    if check.value.startswith("M"):
        return Status.NOT_ASKED, "no such condition was set"
    if check in (Check.SOLVENCY_TOTALS, Check.SOLVENCY_COVER):
        return Status.NOTHING_TO_CHECK, "no public totals are in this bundle"
    return Status.NOTHING_TO_CHECK, "the bundle holds nothing of this kind"
