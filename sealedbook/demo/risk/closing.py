"""The risk desk's lines of the closing table, at their true levels."""

from __future__ import annotations

from sealedbook.demo.errors import DemoFailedError
from sealedbook.demo.risk.desk import LIMITS
from sealedbook.demo.risk.record import RiskSection
from sealedbook.demo.risk.venue import TARGET
from sealedbook.demo.scene import Scene
from verifier.findings import Finding, Level


def risk_proven(scene: Scene) -> list[Finding]:
    """One line for each step; `DemoFailedError` where a verifier said less."""
    capital, balance, remark, top_up, insurance = scene.risk.sections
    texts = (
        (
            capital,
            "Capital",
            "each account of a trading firm is worth at least its Expected Shortfall over the "
            f"{capital.figures['returns']} days of prices in loss-market.json, and charges",
        ),
        (
            balance,
            "Balanced book",
            f"{len(LIMITS)} net Greeks of all its sealed accounts together lie within the bands of balanced-book.json",
        ),
        (
            remark,
            "New prices",
            "each account of a venue has its maintenance margin at the prices of three o'clock, under the same "
            "commitments as at noon",
        ),
        (
            top_up,
            "Top-up",
            f"one of them, with {top_up.figures['amount']} USDT more in one column and less in another, uses at most "
            f"{float(100 * TARGET):g} % of its equity; with a millionth less it would not",
        ),
        (
            insurance,
            "Insurance fund",
            "after the crash no account owes more beyond its collateral than the sealed column says, and the stated "
            "fund covers the column's sum",
        ),
    )
    return [_proven(section, subject, text) for section, subject, text in texts]


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


def _proven(section: RiskSection, subject: str, text: str) -> Finding:
    if not any(finding.level is Level.PROVEN for finding in section.findings):
        raise DemoFailedError(f"nothing is proven of {section.title!r}")
    return Finding(subject, text, Level.PROVEN)
