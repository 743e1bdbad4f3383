"""The risk desk's lines of the closing table, at their true levels."""

from __future__ import annotations

from sealedbook.demo.scene import Scene
from verifier.findings import Finding, Level


def risk_proven(scene: Scene) -> list[Finding]:
    """One line for each step."""
    return [section.proven for section in scene.risk.sections]


def risk_claimed() -> list[Finding]:
    """What rests on the desk's word."""
    return [
        Finding(
            "The insurance fund itself",
            "that it is there: no chain was read; and that made-up prices and histories are the market's",
            Level.CLAIMED,
        )
    ]


def risk_hidden() -> list[Finding]:
    """What the figures show, and no proof does."""
    return [
        Finding(
            "What risk.html draws",
            "net and gross Greeks, losses, margins, shortfalls and their sum, and whose they are: the page is for the "
            "desk alone",
            Level.HIDDEN,
        )
    ]


def risk_not_proven() -> list[Finding]:
    """What nobody should read into it."""
    return [
        Finding(
            "Who is in the sum",
            "that nobody made up an account to balance the others: the bands are about all accounts that were sealed",
            Level.NOT_PROVEN,
        ),
        Finding(
            "The top-up as paid",
            "that it was booked: the certificate is of the account as it would be, and a later book shows more",
            Level.NOT_PROVEN,
        ),
    ]
