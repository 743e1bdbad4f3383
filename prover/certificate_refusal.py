"""Why no certificate can be made: told to the account's holder alone, in the units of the row or of the model."""

from __future__ import annotations

from dataclasses import dataclass, field

from circuits.document_prices import inline_prices, market_prices
from circuits.evaluate import Violation
from circuits.integrality import is_range_of_one_position
from circuits.positions import PositionBatch
from circuits.statement import Statement
from primitives.amounts_text import format_amount
from prover.errors import ProverError
from prover.failure_terms import FailureExplainer


@dataclass(frozen=True)
class Shortfall:
    """Which row of the statement an account fails first, and by how much; for its holder only.

    `amount` is in the units of the row: how far its value is below zero, or above its bound if `is_excess`.
    `text` is the same for people.
    """

    row: str
    amount: int = field(repr=False)
    text: str = field(repr=False)
    is_excess: bool


class CertificateRefusedError(ProverError):
    """The account does not satisfy the statement. Private: the shortfall tells about its positions."""

    def __init__(self, shortfall: Shortfall) -> None:
        self.shortfall = shortfall
        problem = "above its bound by" if shortfall.is_excess else "short by"
        super().__init__(
            f"this account does not satisfy the statement: {shortfall.row}: {problem} {shortfall.text}"
        )


def refusal(
    statement: Statement, positions: PositionBatch, violation: Violation, model: bytes, market: bytes | None
) -> CertificateRefusedError:
    """The error that explains `violation`, of the one account in `positions`."""
    return CertificateRefusedError(_shortfall(statement, positions, violation, model, market))


def _shortfall(
    statement: Statement, positions: PositionBatch, violation: Violation, model: bytes, market: bytes | None
) -> Shortfall:
    amount = violation.shortfall or violation.excess
    terms = FailureExplainer(model, market, statement).explain(violation, positions)
    if terms is None:
        text = _in_units(statement, violation.label, amount, model, market)
    else:
        text = f"{terms.amount}; {terms.detail}" if terms.detail else terms.amount
    return Shortfall(violation.label, amount, text, is_excess=violation.shortfall == 0)


def _in_units(statement: Statement, label: str, amount: int, model: bytes, market: bytes | None) -> str:
    """In units of the asset, or of the quote currency where all prices have one, else in those of the row."""
    row = next((row for row in statement.rows if row.label == label), None)
    if row is not None and is_range_of_one_position(row):
        asset = statement.assets[row.positions[0][0]]
        return f"{format_amount(amount, asset.decimals)} {asset.id}"
    lists = (*market_prices(market), *inline_prices(model))
    units = {(prices.quote, prices.scale) for prices in lists}
    if row is not None and len(units) == 1:
        ((quote, scale),) = units
        return f"{format_amount(amount, scale)} {quote}"
    return f"{amount:,} units of the row"
