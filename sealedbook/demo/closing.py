"""The closing table: what the demonstration has shown, and what not, at its true level."""

from __future__ import annotations

from primitives.attestation import format_time
from sealedbook.demo.scene import Scene
from verifier.report import Finding, Level


def closing_findings(scene: Scene) -> list[Finding]:
    """Every figure of the demonstration with its level; nothing is rounded up."""
    book = scene.verified.attestation.book
    three = len(scene.checked)
    return [
        Finding("Nothing yet", "this bundle carries no zero-knowledge proof", Level.PROVEN),
        Finding(
            "The tree is whole",
            f"hash and sum of the root follow from all {book.leaf_count:,} leaves; none is outside the sum",
            Level.RECOMPUTED,
        ),
        Finding(
            "Inclusion",
            f"{three} holders came to the root from their own balances; every holder can do so",
            Level.RECOMPUTED,
        ),
        Finding(
            "Issuer, time, assets, prices",
            f"{book.issuer}, {format_time(book.as_of)}, {len(book.assets)} assets, market.json: by the key "
            "that the auditor gave",
            Level.SIGNED,
        ),
        Finding(
            "The balances themselves",
            "that an account which no holder checks is in the book, with its true balances; that the prices "
            "are the market's",
            Level.CLAIMED,
        ),
        Finding(
            "Balances, totals, customers",
            "every balance, every total, and how many leaves are customers and which are padding",
            Level.HIDDEN,
        ),
        Finding(
            "No account is negative",
            "nothing here shows that no account owes more than it holds, although the demonstration made its "
            "book that way",
            Level.NOT_PROVEN,
        ),
        Finding("Margin", "nothing here shows that accounts meet a margin requirement", Level.NOT_PROVEN),
        Finding("Reserves", "nothing here shows that the exchange holds what it owes", Level.NOT_PROVEN),
        Finding(
            "One book for everybody",
            "nothing here stops an exchange from showing two people two books: compare book digests",
            Level.NOT_PROVEN,
        ),
    ]
