"""Models of losses in the returns of a price history: what their documents have in common.

A *measure* is a tail of the losses in one set of returns (`circuits.market.historical_scenarios`): N returns of
weights w_s, of which a tail of weight ``(1 - a) W`` is looked at, W the sum of the weights and a the level. A document
has one measure or several, over other horizons, other periods or part of the prices, each times a public ratio; they
are added up, or the largest counts.

Weights are 1; integers of the document, the oldest return first; or, with a decay d and n = 0 for the newest,
``max(1, 10^6 d^n to the nearest integer)``, ties to even.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import Final, Self, TypeVar

from circuits.market.decimals import decimal_text, read_decimal
from circuits.market.document import MarketDocument
from circuits.market.errors import MarketCode, MarketError
from circuits.market.historical_scenarios import (
    ReturnRule,
    Shocks,
    check_history,
    historical_scenarios,
    with_own_prices,
)
from circuits.market.history import MAX_SERIES, PriceHistory
from circuits.market.scenarios import MAX_SCENARIOS, MarketScenario, ScenarioSet
from circuits.market.snapshot import MarketSnapshot
from circuits.modelling import Expression, Model, maximum
from circuits.modelling.definition import Numbers
from circuits.modelling.words import ModelWords, counted, exact_number, listed
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
from circuits.models.risk_inputs import fraction_field, underlying_id
from primitives.attestation import format_time, parse_time
from primitives.strict_json import Json, JsonError, JsonObject

MAX_MEASURES: Final = 16
MAX_HORIZON: Final = 1_024
MAX_WEIGHT: Final = 10**8
WEIGHT_UNITS: Final = 10**6
_MAX_NAME: Final = 64
_MAX_RATIO: Final = 1_000
_MAX_DAYS: Final = 3_660

_Value = TypeVar("_Value")

_AGGREGATIONS: Final = ("sum", "largest")
_SQUARE_ROOT: Final = (
    "is no linear aggregation: the root of a sum of squares of losses is a cone of second order, which rows of "
    "integers cannot express; 'sum' is never less than it"
)


@dataclass(frozen=True, slots=True)
class Measure:
    """A tail of the losses in some returns, times `ratio`."""

    name: str
    rule: ReturnRule
    level: Fraction
    weights: tuple[int, ...]
    ratio: Fraction

    @property
    def tail(self) -> Fraction:
        """``(1 - a) W``."""
        return (1 - self.level) * sum(self.weights)

    @property
    def prefix(self) -> str:
        """What the labels of its scenarios begin with."""
        return f"{self.name}: "

    @property
    def words(self) -> str:
        """The returns, for people."""
        rule = self.rule
        kind = "overlapping " if rule.is_overlapping and rule.horizon > 1 else ""
        text = f"the last {counted(rule.count, f'{kind}return')} over {counted(rule.horizon, 'step')} of the history"
        if rule.shocks is Shocks.ABSOLUTE:
            text += ", changes taken absolutely"
        if rule.ending is not None:
            text += f", up to {format_time(rule.ending)}"
        if len(set(self.weights)) > 1:
            text += ", weighted"
        if rule.moving is not None:
            text += f", only {listed(rule.moving)} moving"
        return text


@dataclass(frozen=True)
class HistoricalModel(LossModel):
    """``{"kind", "version": 1, "measures": [...], "aggregation"?, "bound", "charges"?, "ignored"?, "numbers"?}``."""

    measures: tuple[Measure, ...]
    is_sum: bool

    @classmethod
    def from_json(cls, fields: JsonObject) -> Self:
        """Read the fields; errors name the entry (docs/models/expected-shortfall.md)."""
        measures = fields.array("measures", _parse_measure, max_items=MAX_MEASURES)
        if not measures:
            raise fields.fail("measures", "is empty")
        if len({measure.name for measure in measures}) != len(measures):
            raise fields.fail("measures", "two measures have one name")
        if sum(measure.rule.count for measure in measures) > MAX_SCENARIOS:
            raise fields.fail("measures", f"have more than {MAX_SCENARIOS} returns together")
        bound = parse_bound(fields)
        return cls(
            bound=bound,
            charges=parse_charges(fields, bound),
            ignored=parse_ignored(fields),
            _numbers=Numbers.from_json(fields, DEFAULT_NUMBERS),
            measures=tuple(measures),
            is_sum=_parse_aggregation(fields),
        )

    @abstractmethod
    def tail_of(self, losses: dict[str, Expression], measure: Measure) -> tuple[Expression, int]:
        """The measure, at least 0 and convex, and the scale it counts in."""

    @abstractmethod
    def tail_words(self, measure: Measure) -> str:
        """What of the losses a measure is, for people."""

    def prepared(self, document: MarketDocument) -> MarketSnapshot:
        """With instruments of their own history on an underlying of their own."""
        history = _history_of(document)
        check_history(history, document.snapshot)
        return with_own_prices(document.snapshot, history)

    def scenario_set(self, document: MarketDocument, underlyings: Sequence[str]) -> ScenarioSet:
        """The returns of all measures, one after the other."""
        history = _history_of(document)
        scenarios: list[MarketScenario] = []
        for measure in self.measures:
            scenarios += historical_scenarios(
                document.snapshot, history, measure.rule, underlyings, measure.prefix
            )
        return ScenarioSet(tuple(scenarios))

    def measure(self, model: Model, losses: Losses) -> list[Term]:
        """One term for each measure, or one for the largest."""
        terms = []
        for measure in self.measures:
            own = {
                label.removeprefix(measure.prefix): loss
                for label, loss in losses.by_label.items()
                if label.startswith(measure.prefix)
            }
            value, scale = self.tail_of(own, measure)
            terms.append(Term(measure.ratio, value, measure.name, scale))
        if self.is_sum or len(terms) == 1:
            return terms
        common = lcm(*((term.factor / term.scale).denominator for term in terms))
        pieces = {term.label: int(term.factor / term.scale * common) * term.value for term in terms}
        return [Term(Fraction(1), maximum(pieces, label="largest measure", scale=common), "", common)]

    def words(self) -> ModelWords:
        """For people."""
        parts = [
            f"{_ratio_words(measure.ratio)}{self.tail_words(measure)} in {measure.words}"
            for measure in self.measures
        ]
        if len(parts) == 1:
            (loss,) = parts
        else:
            kind = "the sum of" if self.is_sum else "the largest of"
            loss = f"{kind} " + "; ".join(f"({number}) {part}" for number, part in enumerate(parts, start=1))
        return ModelWords(
            self.title,
            (f"{self.bound.words} {loss}{self._words_of_charges()}",),
            (*self._conservative(), *common_words(self)),
        )

    @property
    @abstractmethod
    def title(self) -> str:
        """For people."""

    def _conservative(self) -> list[str]:
        result = ["a measure that comes to a gain counts as no loss"]
        if len(self.measures) > 1 and self.is_sum:
            result.append("measures are added up, as if their losses came together")
        if not all(measure.rule.has_volatilities for measure in self.measures):
            result.append("volatilities of options stay as they are while prices move")
        return result


def _history_of(document: MarketDocument) -> PriceHistory:
    if document.history is None:
        raise MarketError(
            MarketCode.MISSING_SERIES, "history", "the market has none: see `sealedbook market history`"
        )
    return document.history


def _ratio_words(ratio: Fraction) -> str:
    return "" if ratio == 1 else f"{exact_number(ratio)} times "


def _parse_aggregation(fields: JsonObject) -> bool:
    if not fields.has("aggregation"):
        return True
    name = fields.text("aggregation", max_length=32)
    if name == "square-root":
        raise fields.fail("aggregation", f"'square-root' {_SQUARE_ROOT}")
    if name not in _AGGREGATIONS:
        raise fields.fail("aggregation", f"{name!r} is unknown; there are {', '.join(_AGGREGATIONS)}")
    return name == "sum"


def _parse_measure(value: Json, path: str) -> Measure:
    fields = JsonObject(value, path)
    name = fields.text("name", max_length=_MAX_NAME)
    if not name.isprintable() or name.strip() != name or ": " in name:
        raise fields.fail("name", "is not printable, has blanks around it, or holds ': '")
    level = fraction_field(fields, "level", maximum=1)
    if not 0 < level < 1:
        raise fields.fail("level", "is not above 0 and below 1")
    rule = _parse_rule(fields)
    weights = _parse_weights(fields, rule.count)
    ratio = Fraction(1)
    if fields.has("ratio"):
        ratio = fraction_field(fields, "ratio", maximum=_MAX_RATIO)
        if ratio == 0:
            raise fields.fail("ratio", "is zero")
    fields.finish()
    return Measure(name, rule, level, weights, ratio)


def _parse_rule(fields: JsonObject) -> ReturnRule:
    count = fields.integer("returns", minimum=1, maximum=MAX_SCENARIOS)
    horizon = fields.integer("horizon", minimum=1, maximum=MAX_HORIZON)
    elapsed = read_decimal(fields, "elapsed_days")
    if not 0 <= elapsed <= _MAX_DAYS:
        raise fields.fail("elapsed_days", f"is not between 0 and {_MAX_DAYS}")
    moving = None
    if fields.has("moving"):
        moving = tuple(fields.array("moving", underlying_id, max_items=MAX_SERIES))
        if not moving or len(set(moving)) != len(moving):
            raise fields.fail("moving", "is empty, or names a series twice")
    return ReturnRule(
        count,
        horizon,
        _choice(fields, "sampling", {"overlapping": True, "separate": False}),
        _choice(fields, "shocks", {each.value: each for each in Shocks}, "log", _LOG),
        _choice(fields, "volatility", {"history": True, "sticky": False}),
        elapsed,
        _parse_ending(fields) if fields.has("ending") else None,
        moving,
    )


_LOG: Final = (
    "logarithmic returns move a price as relative ones do: P exp(ln c - ln b) is P c / b; write 'relative'"
)


def _choice(
    fields: JsonObject, name: str, choices: dict[str, _Value], known: str = "", hint: str = ""
) -> _Value:
    text = fields.text(name, max_length=32)
    if text not in choices:
        reason = hint if hint and text == known else f"{text!r} is unknown; there are {', '.join(choices)}"
        raise fields.fail(name, reason)
    return choices[text]


def _parse_ending(fields: JsonObject) -> datetime:
    return parse_time(fields.text("ending", max_length=32), fields.path("ending"))


def _parse_weights(fields: JsonObject, count: int) -> tuple[int, ...]:
    if fields.has("weights") and fields.has("decay"):
        raise fields.fail("decay", "and 'weights' exclude each other")
    if fields.has("decay"):
        decay = read_decimal(fields, "decay")
        if not 0 < decay <= 1:
            raise fields.fail("decay", f"{decimal_text(decay)} is not above 0 and at most 1")
        if -int(decay.as_tuple().exponent) > 6:
            raise fields.fail("decay", "has more than 6 decimal places")
        return decayed_weights(decay, count)
    if fields.has("weights"):
        weights = fields.array("weights", _parse_weight, max_items=MAX_SCENARIOS)
        if len(weights) != count:
            raise fields.fail("weights", f"has {len(weights)} entries for {count} returns")
        return tuple(weights)
    return (1,) * count


def _parse_weight(value: Json, path: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_WEIGHT:
        raise JsonError(path, f"expected an integer from 1 to {MAX_WEIGHT}")
    return value


def decayed_weights(decay: Decimal, count: int) -> tuple[int, ...]:
    """``max(1, 10^6 d^n)`` to the nearest integer, ties to even, the oldest (``n = count - 1``) first."""
    weights, power = [], Fraction(WEIGHT_UNITS)
    for _ in range(count):
        weights.append(max(1, round(power)))
        power = power * Fraction(decay) if power >= Fraction(1, 2) else Fraction(0)
    return tuple(reversed(weights))
