"""The closing table: what the demonstration has shown, and what not, at its true level."""

from __future__ import annotations

from circuits.plain_words import account_facts
from primitives.attestation import format_time
from sealedbook.demo.risk.closing import risk_claimed, risk_hidden, risk_not_proven, risk_proven
from sealedbook.demo.scene import Scene
from verifier.findings import Finding, Level
from verifier.ownership import Ownership


def closing_findings(scene: Scene) -> list[Finding]:
    """Every figure of the demonstration with its level; nothing is rounded up."""
    return [
        *_proven(scene),
        *risk_proven(scene),
        *_recomputed(scene),
        *_signed(scene),
        *_claimed(),
        *risk_claimed(),
        *_hidden(),
        *risk_hidden(),
        *_not_proven(),
        *risk_not_proven(),
    ]


def _proven(scene: Scene) -> list[Finding]:
    book, terms = scene.verified.attestation.book, scene.certified.terms
    return [
        Finding(
            "Every account",
            f"in each of the {book.leaf_count:,} leaves every position is a whole number of base units, and all "
            "together are worth no less than nothing at the prices of market.json",
            Level.PROVEN,
        ),
        Finding(
            "Margin",
            f"each of the {book.leaf_count:,} leaves has the margin that margin.json requires in the market of "
            "margin-market.json, whose scenarios were computed again",
            Level.PROVEN,
        ),
        Finding(
            "Reserves",
            f"what reserves.json states covers the totals of all {len(book.assets)} assets, one by one, debts "
            "deducted; in every account other assets outweigh them",
            Level.PROVEN,
        ),
        Finding(
            "One account",
            f"that at leaf {terms.leaf.index:,} {', and '.join(account_facts(scene.certified.statement))}; made "
            f"for {terms.audience!r}",
            Level.PROVEN,
        ),
        Finding(
            "Margin of one account",
            f"that at leaf {scene.margin_certified.terms.leaf.index:,} has it too, for whoever sees the certificate",
            Level.PROVEN,
        ),
    ]


def _recomputed(scene: Scene) -> list[Finding]:
    book = scene.verified.attestation.book
    return [
        Finding(
            "The tree is whole",
            f"hash and sum of the root follow from all {book.leaf_count:,} leaves; none is outside the sum",
            Level.RECOMPUTED,
        ),
        Finding(
            "Inclusion",
            f"{len(scene.checked)} holders came to the root from their own balances; every holder can do so",
            Level.RECOMPUTED,
        ),
    ]


def _signed(scene: Scene) -> list[Finding]:
    book = scene.verified.attestation.book
    findings = [
        Finding(
            "Issuer, time, assets, prices",
            f"{book.issuer}, {format_time(book.as_of)}, {len(book.assets)} assets, market.json: by the key "
            "that the auditor gave",
            Level.SIGNED,
        )
    ]
    if signed := _signed_addresses(scene):
        text = (
            f"control of {signed} addresses at the time of this book, by their own keys; not what they hold"
        )
        findings.append(Finding("Addresses", text, Level.SIGNED))
    return findings


def _signed_addresses(scene: Scene) -> int:
    (solvency,) = scene.verified.solvency
    return sum(entry.counts[Ownership.SIGNED] for entry in solvency.ownership)


def _claimed() -> list[Finding]:
    return [
        Finding(
            "The balances themselves",
            "that an account which no holder checks is in the book, with its true balances; that the prices "
            "are the market's",
            Level.CLAIMED,
        ),
        Finding(
            "The reserves themselves",
            "that the exchange holds what reserves.json states, and owes it to nobody else: no chain was read",
            Level.CLAIMED,
        ),
    ]


def _hidden() -> list[Finding]:
    return [
        Finding(
            "Balances, totals, customers",
            "every balance, every total, and how many leaves are customers and which are padding",
            Level.HIDDEN,
        )
    ]


def _not_proven() -> list[Finding]:
    return [
        Finding(
            "Other markets",
            "that accounts have enough margin after this moment, or that a requirement is enough when prices move "
            "further than margin.json looks",
            Level.NOT_PROVEN,
        ),
        Finding(
            "One book for everybody",
            "nothing here stops an exchange from showing two people two books: compare book digests",
            Level.NOT_PROVEN,
        ),
    ]
