"""Equity is at least so many times the requirement (docs/models/capital-adequacy.md).

    E   equity     R   requirement, both of the inner model     n/d   the ratio, in lowest terms

    d E - n R >= 0        in the place of every condition E >= R

which says ``E / R >= n/d`` where R > 0, is true of empty accounts, and needs no common denominator of prices and rates.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, Final, Self

from circuits.modelling import Model, ModelError
from circuits.modelling.model import Margin
from circuits.modelling.words import ModelWords, percent_of
from circuits.public_market import PublicMarket
from circuits.wrappers.wrapper import Wrapper, pass_on, read_inner
from primitives.strict_json import JsonObject

MAX_TERM: Final = 10**6


@dataclass(frozen=True)
class CapitalAdequacy(Wrapper):
    """``{"kind": "capital-adequacy", "version": 1, "margin", "numerator", "denominator"}``."""

    kind: ClassVar[str] = "capital-adequacy"
    refuses: ClassVar = {"insured": "equity that a fund adds to is no capital of the account"}

    ratio: Fraction

    @classmethod
    def from_json(cls, fields: JsonObject) -> Self:
        """Read the fields; errors name the entry."""
        inner = read_inner(fields, cls)
        if not inner.has_equity:
            raise fields.fail(
                "margin", "compares losses with a limit, and not equity with what is required of it"
            )
        numerator = fields.integer("numerator", minimum=1, maximum=MAX_TERM)
        denominator = fields.integer("denominator", minimum=1, maximum=MAX_TERM)
        return cls(inner, Fraction(numerator, denominator))

    @property
    def has_concave_slack(self) -> bool:
        """As the inner model."""
        return self.inner.has_concave_slack

    @property
    def subject(self) -> str:
        """For people."""
        return "capital adequacy"

    def words(self) -> ModelWords:
        """For people."""
        percent = percent_of(self.ratio)
        return self.words_around(
            [f"capital adequacy: wherever equity must reach a requirement here, it reaches {percent} of it"],
            when=f"with {percent} of what margin requires: ",
        )

    def build(self, model: Model, market: PublicMarket | None) -> None:
        """The inner model, with the ratio in each margin condition; `ModelError` if it has none."""
        made: list[Margin] = []

        def require(margin: Margin) -> None:
            made.append(margin)
            pass_on(
                model,
                margin,
                equity=self.ratio.denominator * margin.equity,
                requirement=self.ratio.numerator * margin.requirement,
                scale=self.ratio.denominator,
            )

        with model.embedded(margins=require):
            self.inner.build(model, market)
        if not made:
            raise ModelError("the inner model has no margin condition: there is nothing to be a multiple of")
