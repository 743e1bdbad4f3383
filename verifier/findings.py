"""Reports: what a verification showed, figure by figure, each with its level of assurance.

A level is never rounded up: what was not proven is not called proven because it is likely.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from primitives.strict_json import Json
from verifier.checks import Check

REPORT_FORMAT: Final = "sealedbook/report/v1"


class Level(StrEnum):
    """How well a figure is founded."""

    PROVEN = "proven"
    RECOMPUTED = "recomputed"
    SIGNED = "signed"
    CLAIMED = "claimed"
    HIDDEN = "hidden"
    NOT_PROVEN = "not yet proven"

    @property
    def meaning(self) -> str:
        """One sentence for people."""
        return _MEANINGS[self]


_MEANINGS: Final = {
    Level.PROVEN: "a proof of it was checked here",
    Level.RECOMPUTED: "computed here from what is published or what you hold",
    Level.SIGNED: "stated by the holder of the key named, who signed it",
    Level.CLAIMED: "stated in the data; nothing stands behind it",
    Level.HIDDEN: "not revealed to you, by design",
    Level.NOT_PROVEN: "nothing here shows it",
}


@dataclass(frozen=True)
class Finding:
    """One figure: what it is about, what was found, how well it is founded."""

    subject: str
    text: str
    level: Level


@dataclass(frozen=True)
class Report:
    """The outcome of an accepted verification. Rejections are `VerificationError`s."""

    kind: str
    verdict: str
    checks: tuple[Check, ...]
    findings: tuple[Finding, ...]
    figures: dict[str, Json]

    def to_json(self) -> dict[str, Json]:
        """The report for programs."""
        return {
            "format": REPORT_FORMAT,
            "result": "accepted",
            "kind": self.kind,
            "verdict": self.verdict,
            "checks": [{"name": check.value, "title": check.title, "passed": True} for check in self.checks],
            "findings": [
                {"subject": finding.subject, "text": finding.text, "level": finding.level.value}
                for finding in self.findings
            ],
            "figures": self.figures,
        }
