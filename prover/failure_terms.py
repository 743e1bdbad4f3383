"""Why an account fails, in the terms of its model: for the operator or the holder alone.

A row of a statement counts in units of its own. For a margin model the same failure is told in the quote currency,
with equity, requirement and worst scenario; for a row of positions alone, in whole units of their asset.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from circuits.claim_statement import find_margin_model, read_market
from circuits.evaluate import Violation
from circuits.margin_units import MarginUnits, account_margin
from circuits.modelling.errors import ModelError
from circuits.positions import PositionBatch
from circuits.rows import Row
from circuits.statement import Statement
from circuits.statement_errors import StatementError
from primitives.amounts_text import format_amount
from primitives.assets import Asset


@dataclass(frozen=True)
class FailureTerms:
    """How short an account is, or how far above a bound, with its unit; `detail` has the figures of its margin."""

    amount: str = field(repr=False)
    detail: str = field(repr=False)
    is_excess: bool = False

    def describe(self) -> str:
        """One line."""
        problem = "above its bound by" if self.is_excess else "short by"
        return f"{problem} {self.amount}" + (f"; {self.detail}" if self.detail else "")


class FailureExplainer:
    """Explains what fails of one statement. The model is only made when something does."""

    def __init__(self, model: bytes, market: bytes | None, statement: Statement) -> None:
        self._model = model
        self._market = market
        self._statement = statement

    def explain(self, violation: Violation, positions: PositionBatch) -> FailureTerms | None:
        """The terms of `violation`, of the one account in `positions`; None where the model has no terms of its own."""
        definition = find_margin_model(self._model)
        if definition is None:
            return None
        row = next((row for row in self._statement.rows if row.label == violation.label), None)
        amount = violation.shortfall or violation.excess
        is_excess = violation.shortfall == 0
        unit = None if row is None else _unit_of(row, self._statement)
        if unit is not None:
            asset, name = unit
            return FailureTerms(f"{format_amount(amount, asset.decimals)} {name}".rstrip(), "", is_excess)
        market = read_market(self._market)
        if not is_excess:
            try:
                result = definition.evaluator(self._statement.assets, market)(positions)
            except (ModelError, StatementError):
                return None
            units = MarginUnits.of(definition, market, result.scale)
            if (missing := int(result.shortfall[0])) > 0:
                margin = account_margin(result, 0, units)
                figures = [
                    f"equity {units.shown(margin.equity)}",
                    f"requirement {units.shown(margin.requirement)}",
                ]
                if margin.worst_scenario is not None:
                    figures.append(f"worst scenario {margin.worst_scenario}")
                return FailureTerms(units.shown(units.up(missing)), ", ".join(figures))
        reason = "an account must stay within the cap and the position_bits of the model's numbers"
        return FailureTerms(f"{amount:,} units of the row", reason if is_excess else "", is_excess)


def _unit_of(row: Row, statement: Statement) -> tuple[Asset, str] | None:
    """An asset whose decimals a row of positions alone counts with, and the name to write; None of other rows.

    All positions have coefficient 1 or -1 and equal decimals. ``X:equity`` and ``X:loan`` count X.
    """
    assets = [statement.assets[index] for index, _ in row.positions]
    is_plain = all(abs(coefficient) == 1 for _, coefficient in row.positions)
    if row.auxiliaries or not assets or not is_plain or len({asset.decimals for asset in assets}) > 1:
        return None
    if len(assets) == 1:
        return assets[0], assets[0].id
    names = {asset.id.rpartition(":")[0] for asset in assets}
    return assets[0], names.pop() if len(names) == 1 else ""
