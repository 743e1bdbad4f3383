"""Expected Shortfall over the returns of a price history (docs/models/expected-shortfall.md).

L_s the loss in return s, w_s its weight, W their sum, a the level, ``num / den = (1 - a) W`` in lowest terms, which
needs no rounding: at 97.5 % of 250 returns it is 25/4, and the seventh largest loss counts in part.

    ES = min_t  t + den / num sum_s w_s (L_s - t)+

so that ``E >= ES`` becomes, with auxiliary t and u_s,

    u_s - L_s + t >= 0,    num (E - t) - den sum_s w_s u_s >= 0

A prover can choose t and u_s badly, and so over-state ES, never under-state it. No booleans.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from circuits.modelling import Expression, maximum
from circuits.modelling.tails import tail_sum
from circuits.modelling.words import percent_of
from circuits.models.historical_model import HistoricalModel, Measure


@dataclass(frozen=True)
class ExpectedShortfall(HistoricalModel):
    """The mean of the losses in the tail."""

    kind: ClassVar[str] = "expected-shortfall"

    def tail_of(self, losses: dict[str, Expression], measure: Measure) -> tuple[Expression, int]:
        """``max(0, num ES)``, in units of ``1/num``."""
        tail = measure.tail
        form = tail_sum(
            losses,
            measure.weights,
            tail.numerator,
            tail.denominator,
            label=measure.name,
            scale=1,
        )
        return maximum(
            form, 0, label=f"{measure.name}: Expected Shortfall", scale=tail.numerator
        ), tail.numerator

    def tail_words(self, measure: Measure) -> str:
        """For people."""
        return f"the Expected Shortfall at {percent_of(measure.level)}: the mean of the largest losses"

    @property
    def has_concave_slack(self) -> bool:
        """Without options losses are linear in prices, and their tail is convex."""
        return True

    @property
    def title(self) -> str:
        """For people."""
        return "historical Expected Shortfall"
