"""Value at Risk over the returns of a price history (docs/models/value-at-risk.md).

L_s the loss in return s, w_s its weight, W their sum, a the level. VaR is the least V >= 0 such that the losses above
V weigh ``j = floor((1 - a) W)`` at most:

    V - L_s + M_s b_s >= 0,    j - sum_s w_s b_s >= 0,    b_s boolean,    E - V >= 0

with M_s the largest loss of an honest account. It is not convex, so that no form without booleans is exact; Expected
Shortfall at the same level is never less.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor
from typing import ClassVar

from circuits.modelling import Expression
from circuits.modelling.tails import tail_quantile
from circuits.modelling.words import percent_of
from circuits.models.historical_model import HistoricalModel, Measure


@dataclass(frozen=True)
class ValueAtRisk(HistoricalModel):
    """What losses exceed no more often than the level allows."""

    kind: ClassVar[str] = "value-at-risk"

    def tail_of(self, losses: dict[str, Expression], measure: Measure) -> tuple[Expression, int]:
        """V."""
        return tail_quantile(losses, measure.weights, floor(measure.tail), label=measure.name), 1

    def tail_words(self, measure: Measure) -> str:
        """For people."""
        allowed = f"{floor(measure.tail):,}"
        if len(set(measure.weights)) > 1:
            allowed = f"{percent_of(1 - measure.level)} by weight"
        return (
            f"the Value at Risk at {percent_of(measure.level)}, the loss that no more than {allowed} of the "
            "losses are above,"
        )

    @property
    def title(self) -> str:
        """For people."""
        return "historical Value at Risk"
