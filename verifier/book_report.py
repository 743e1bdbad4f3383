"""What a verified claim about the whole book shows, in plain words and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from circuits.position_guarantees import Guarantee, PositionGuarantees
from circuits.statement import Statement
from primitives.strict_json import Json
from verifier.book_claim import VerifiedBookClaim
from verifier.checks import Check
from verifier.findings import Finding, Level
from verifier.model_findings import words_figures

_SHOWN_ASSETS: Final = 6


class BookReport:
    """The part of a bundle's report that is about one claim about the whole book.

    `accounts` are the statements of the verified claims about every account of the same bundle. `signed` is the level
    of what only the issuer's signature stands behind.
    """

    def __init__(self, verified: VerifiedBookClaim, accounts: Sequence[Statement], signed: Level) -> None:
        self._verified = verified
        self._signed = signed
        guarantees = PositionGuarantees(accounts)
        self._loose = [
            verified.compiled.statement.assets[column].id
            for column in verified.compiled.used
            if guarantees.of(column, ()).guarantee is Guarantee.NONE
        ]

    @property
    def verdict(self) -> str:
        """One sentence."""
        if self._loose:
            return "What it claims of the whole book is not enough by itself: read the lines that are not yet proven."
        return "What it claims about the sum of all accounts is proven."

    @property
    def findings(self) -> list[Finding]:
        """The limits, what they rest on, and what they leave open."""
        claim, words = self._verified.claim, self._verified.words
        name = f" ({claim.name})"
        level = Level.NOT_PROVEN if self._loose else Level.PROVEN
        return [
            *(Finding(f"The whole book{name}", text + self._reason(), level) for text in words.conditions),
            Finding(f"Model of the book{name}", words.title, Level.RECOMPUTED),
            *(Finding(f"Note{name}", text, Level.RECOMPUTED) for text in words.conservative),
            self._documents_finding(),
            Finding(
                f"Who is in the sum{name}",
                "all sealed accounts; that nobody made up an account to balance the others, no proof can show",
                Level.NOT_PROVEN,
            ),
        ]

    @property
    def figures(self) -> dict[str, Json]:
        """For programs."""
        verified = self._verified
        statement = verified.compiled.statement
        return {
            "name": verified.claim.name,
            "statement": statement.digest().hex(),
            "rows": len(statement.rows),
            "bits": statement.bit_count,
            "model": words_figures(verified.words),
            "documents_expected": verified.documents_expected,
            "integral": not self._loose,
            "not_integral": list[Json](self._loose),
        }

    def _reason(self) -> str:
        if not self._loose:
            return ""
        rest = f" and {len(self._loose) - _SHOWN_ASSETS:,} more" if len(self._loose) > _SHOWN_ASSETS else ""
        names = ", ".join(self._loose[:_SHOWN_ASSETS]) + rest
        return f", but no claim makes what every account holds in {names} a whole number"

    def _documents_finding(self) -> Finding:
        subject = f"Model and market of {self._verified.claim.name!r}"
        if self._verified.documents_expected:
            return Finding(subject, "those that you gave", Level.RECOMPUTED)
        text = "those of the bundle: read them, or insist on yours with --model and --market"
        return Finding(subject, text, self._signed)


def book_checks(verified: Sequence[VerifiedBookClaim]) -> list[Check]:
    """The checks that these claims passed."""
    return [check for check in Check if verified and check.value.startswith("W")]
