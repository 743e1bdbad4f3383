"""What the risk steps leave to each other, to the page and to the closing table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from primitives.opening import Opening
from primitives.strict_json import Json
from sealedbook.demo.errors import DemoFailedError
from sealedbook.demo.risk.desk import Desk
from sealedbook.demo.risk.figures.drawing import Figure
from sealedbook.demo.risk.venue import Venue
from sealedbook.demo.stage import ShownCommand
from verifier.findings import Finding, Level


@dataclass(frozen=True)
class RiskSection:
    """One step on the page: what the desk sees, and what everybody else may know."""

    title: str
    text: tuple[str, ...]
    proven: Finding
    """What this step proves, in one sentence: its line of the closing table."""
    figure: Figure
    caption: str
    facts: tuple[tuple[str, str], ...]
    """For the desk alone."""
    findings: tuple[Finding, ...]
    """What a verifier says, with its levels."""
    commands: tuple[ShownCommand, ...]
    figures: dict[str, Json]
    """For programs; nothing private."""


@dataclass
class RiskRecord:
    """Fields without a value are set by the steps."""

    desk: Desk = field(init=False)
    venue: Venue = field(init=False)
    opening: Opening = field(init=False)
    """Of the account that is called."""
    sections: list[RiskSection] = field(init=False, default_factory=list)


def proven_line(subject: str, text: str, findings: Sequence[Finding]) -> Finding:
    """A line at the level *proven*; `DemoFailedError` where a verifier's `findings` have none of that level."""
    if not any(finding.level is Level.PROVEN for finding in findings):
        raise DemoFailedError(f"nothing is proven of {subject!r}")
    return Finding(subject, text, Level.PROVEN)


def of_claim(findings: Sequence[Finding], *claims: str) -> tuple[Finding, ...]:
    """The lines of a report that are about these claims."""
    return tuple(each for each in findings if each.subject.endswith(tuple(f"({claim})" for claim in claims)))
