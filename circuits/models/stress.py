"""The worst loss in scenarios of one's own (docs/models/stress.md).

    R = max(0, max_s L_s),    R - L_s >= 0 for every scenario s

L_s is what the account loses, at the weight of s, when all prices and volatilities move as s says (docs/market.md,
section 3). No booleans; nothing is said of moves between scenarios.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, Final, Self

from circuits.market.document import MarketDocument
from circuits.market.scenarios import ScenarioSet, parse_scenario_fields
from circuits.modelling import Model, maximum
from circuits.modelling.definition import Numbers
from circuits.modelling.words import ModelWords, listed
from circuits.models.loss_model import (
    DEFAULT_NUMBERS,
    Losses,
    LossModel,
    Term,
    common_words,
    parse_bound,
    parse_charges,
    parse_ignored,
)
from primitives.strict_json import JsonError, JsonObject

_MAX_LABEL: Final = 160
_NO_LOSS: Final = "no loss"


@dataclass(frozen=True)
class Stress(LossModel):
    """``{"kind": "stress", "version": 1, "past_expiry", "scenarios", "bound", "charges"?, "ignored"?, "numbers"?}``."""

    kind: ClassVar[str] = "stress"

    scenarios: ScenarioSet

    @classmethod
    def from_json(cls, fields: JsonObject) -> Self:
        """Read the fields; errors name the entry."""
        scenarios = parse_scenario_fields(fields)
        if not scenarios.scenarios:
            raise fields.fail("scenarios", "is empty")
        for place, scenario in enumerate(scenarios.scenarios):
            label = scenario.label
            if len(label) > _MAX_LABEL or not label.isprintable() or label == _NO_LOSS:
                reason = f"is {_NO_LOSS!r}, not printable, or longer than {_MAX_LABEL} characters"
                raise JsonError(f"{fields.path('scenarios')}[{place}].label", reason)
        bound = parse_bound(fields)
        return cls(
            bound=bound,
            charges=parse_charges(fields, bound),
            ignored=parse_ignored(fields),
            _numbers=Numbers.from_json(fields, DEFAULT_NUMBERS),
            scenarios=scenarios,
        )

    def scenario_set(self, document: MarketDocument, underlyings: Sequence[str]) -> ScenarioSet:
        """Those of the document; each has to move all `underlyings`."""
        del document, underlyings
        return self.scenarios

    def measure(self, model: Model, losses: Losses) -> list[Term]:
        """The worst."""
        del model
        return [Term(Fraction(1), maximum({**losses.by_label, _NO_LOSS: 0}, label="worst loss"), "", 1)]

    @property
    def has_concave_slack(self) -> bool:
        """Without options every loss is linear in prices."""
        return True

    def words(self) -> ModelWords:
        """For people."""
        labels = [scenario.label for scenario in self.scenarios.scenarios]
        return ModelWords(
            "losses in scenarios of one's own",
            (
                f"{self.bound.words} the largest loss in any of {len(labels):,} joint moves of prices and "
                f"volatilities{self._words_of_charges()}: {listed(labels)}",
            ),
            ("nothing is said of moves that no scenario has", *common_words(self)),
        )
