"""Paradex portfolio margin: 24 scenarios, a minimum for delta, provisions (docs/models/paradex-portfolio-margin.md).

Per underlying, with spot price P, positions q_i of deltas delta_i, and weighted scenario losses l_{s,i}:

    SCAN     = max_s sum_i l_{s,i} q_i
    MinDelta = (U |Net| + H Hedged) P,    Net = sum_i delta_i q_i,  Gross = sum_i |delta_i| |q_i|
             = ((U - H/2) |Net| + H/2 Gross) P,    Hedged = (Gross - |Net|) / 2

    requirement = f sum over underlyings of max(SCAN, MinDelta) + fee provision + funding provision

with f = 1 for the initial and one half for the maintenance margin. MinDelta is convex because U >= H/2, so that no
boolean is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from math import ceil
from typing import ClassVar, Final, Self

from circuits.market.decimals import read_decimal
from circuits.market.risk_array import Greek
from circuits.market.scenarios import MarketScenario, Move, ScenarioSet, VolatilityMove
from circuits.market.snapshot import Cash, Contract, Instrument, Option, Settlement
from circuits.modelling import Expression, Model, ModelError, absolute_value, maximum, positive_part, split
from circuits.modelling.definition import Evaluator, ModelDefinition, Numbers
from circuits.modelling.words import ModelWords, share_of
from circuits.models.margin_evaluation import evaluate_scenario_margin
from circuits.models.risk_inputs import (
    RiskInputs,
    check_scenario,
    confined,
    fraction_field,
    is_perpetual,
    linear_loss,
    percent_text,
    rounded,
    underlying_id,
    underlying_of,
    volatility_change,
    volatility_fields,
)
from circuits.public_market import PublicMarket
from primitives.assets import MAX_ASSET_ID_BYTES, MAX_ASSETS, Asset
from primitives.backend import Backend
from primitives.strict_json import Json, JsonObject

DELTA_SCALE: Final = 10
"""Of deltas in the risk array, finer than what is made of them."""
MAX_CLASSES: Final = 64
MAX_CLASS_SCENARIOS: Final = 256
_MAX_RATE: Final = 10
_MAX_NAME: Final = 32


@dataclass(frozen=True)
class RiskClass:
    """Underlyings that share their scenarios and rates. `_parse_class` checks them."""

    name: str
    underlyings: tuple[str, ...]
    unhedged_rate: Fraction
    hedged_rate: Fraction
    scenarios: tuple[MarketScenario, ...]
    """Moves of any underlying; labels without the name of the class."""

    def label(self, scenario: MarketScenario) -> str:
        """The label in the risk array."""
        return f"{self.name}: {scenario.label}"


@dataclass(frozen=True)
class FeeRates:
    """Of a position's value at mark prices, against which sign it has."""

    perpetual: Fraction
    future: Fraction
    option: Fraction

    def of(self, instrument: Instrument) -> Fraction:
        """0 for cash."""
        if isinstance(instrument, Option):
            return self.option
        if isinstance(instrument, Contract):
            return self.perpetual if instrument.expiry is None else self.future
        return Fraction(0)


@dataclass(frozen=True)
class FundingRates:
    """Expected funding of the next period, paid by long positions: a share of each perpetual's value.

    `is_netted`: what some perpetuals are to receive counts against what others are to pay.
    """

    is_netted: bool
    rates: Mapping[str, Fraction]


@dataclass(frozen=True)
class ParadexPortfolioMargin(ModelDefinition):
    """``{"kind": "paradex-portfolio-margin", "version": 1, "margin", "maintenance_factor", "classes", ...}``."""

    kind: ClassVar[str] = "paradex-portfolio-margin"

    factor: Fraction
    """1 for the initial margin."""
    classes: tuple[RiskClass, ...]
    fees: FeeRates
    funding: FundingRates
    _numbers: Numbers

    @classmethod
    def from_json(cls, fields: JsonObject) -> Self:
        """Read the fields of the kind (docs/models/paradex-portfolio-margin.md)."""
        margin = fields.text("margin", max_length=16)
        if margin not in ("initial", "maintenance"):
            raise fields.fail("margin", f"{margin!r} is not 'initial' or 'maintenance'")
        factor = fraction_field(fields, "maintenance_factor", maximum=1)
        if factor == 0:
            raise fields.fail("maintenance_factor", "is zero")
        classes = tuple(fields.array("classes", _parse_class, max_items=MAX_CLASSES))
        _refuse_repetition(fields, classes)
        return cls(
            Fraction(1) if margin == "initial" else factor,
            classes,
            _parse_fees(fields.object("fees")),
            _parse_funding(fields.object("funding")),
            Numbers.from_json(fields, Numbers()),
        )

    @property
    def numbers(self) -> Numbers:
        """10^-6 by default."""
        return self._numbers

    @property
    def has_concave_slack(self) -> bool:
        """Without options every charge is the largest of expressions linear in prices, or a sum of such."""
        return True

    @property
    def has_net_equity(self) -> bool:
        """The value of all positions."""
        return True

    def words(self) -> ModelWords:
        """For people."""
        scenarios = sorted({len(each.scenarios) for each in self.classes})
        count = " or ".join(f"{each:,}" for each in scenarios)
        kind = "initial" if self.factor == 1 else "maintenance"
        netting = (
            ()
            if self.funding.is_netted
            else ("funding that one perpetual is to receive does not pay what another one is to pay",)
        )
        return ModelWords(
            "Paradex portfolio margin",
            (
                f"{kind} margin: all positions at mark prices are together worth at least "
                f"{share_of(self.factor)}the sum over underlyings of the larger of two, the worst of {count} "
                "weighted scenario losses and a minimum for delta, plus provisions for fees and for funding",
            ),
            (
                "requirements of several underlyings are added up: a gain on one does not offset a loss on another",
                *netting,
                "rounding: charges on sizes up, by less than one value unit per base unit; prices and losses to the "
                "nearest unit",
            ),
        )

    def build(self, model: Model, market: PublicMarket | None) -> None:
        """The rows; every asset of the book must be cash, a linear contract or an option of the market."""
        inputs = RiskInputs.of(market, model, self.scenario_set, self.numbers, {Greek.DELTA: DELTA_SCALE})
        for asset, instrument in inputs.instruments.items():
            _check_instrument(asset, instrument)
        scenarios: dict[str, Expression] = {}
        charges = [
            self._requirement(model, inputs, risk_class, underlying, scenarios)
            for risk_class in self.classes
            for underlying in risk_class.underlyings
            if inputs.members(underlying)
        ]
        provisions = self._fee_provision(model, inputs) + self._funding_provision(model, inputs)
        equity = model.linear(inputs.values())
        numerator, denominator = self.factor.numerator, self.factor.denominator
        model.require_margin(
            denominator * equity,
            numerator * model.sum(charges) + denominator * provisions,
            scenarios=scenarios,
            scale=denominator,
        )

    def evaluator(
        self, assets: Iterable[Asset], market: PublicMarket | None, backend: Backend | None = None
    ) -> Evaluator:
        """In whole value units, the requirement rounded up; in numpy, with any backend."""
        del backend
        return partial(evaluate_scenario_margin, self.model(assets, market), scale=self.factor.denominator)

    def scenario_set(self, underlyings: Sequence[str]) -> ScenarioSet:
        """The scenarios of all classes, for a book with these underlyings; a class leaves those of others alone."""
        for underlying in underlyings:
            if not any(underlying in risk_class.underlyings for risk_class in self.classes):
                raise ModelError(f"underlying {underlying!r} is in no class of the model")
        result = []
        for risk_class in self.classes:
            held = [underlying for underlying in risk_class.underlyings if underlying in underlyings]
            result += [
                confined(scenario, risk_class.label(scenario), held)
                for scenario in risk_class.scenarios
                if held
            ]
        return ScenarioSet(tuple(result))

    def _requirement(
        self,
        model: Model,
        inputs: RiskInputs,
        risk_class: RiskClass,
        underlying: str,
        scenarios: dict[str, Expression],
    ) -> Expression:
        """``max(SCAN, MinDelta)`` of one underlying, in value units; adds its losses to `scenarios`."""
        members = inputs.members(underlying)
        pieces = {
            scenario.label: linear_loss(model, inputs, risk_class.label(scenario), members)
            for scenario in risk_class.scenarios
        }
        pieces["minimum for delta"] = self._minimum_for_delta(model, inputs, risk_class, underlying)
        scenarios |= {f"{underlying}: {name}": piece for name, piece in pieces.items()}
        return maximum(pieces, label=f"{underlying} requirement")

    def _minimum_for_delta(
        self, model: Model, inputs: RiskInputs, risk_class: RiskClass, underlying: str
    ) -> Expression:
        """MinDelta. Coefficients of Net are rounded to the nearest unit, those of |q| up."""
        values = inputs.delta_values(DELTA_SCALE)
        half = risk_class.hedged_rate / 2
        net_rate = risk_class.unhedged_rate - half
        members = inputs.members(underlying)
        net = model.linear(rounded({asset: net_rate * values[asset] for asset in members}))
        gross = [ceil(half * abs(values[asset])) * absolute_value(model.position(asset)) for asset in members]
        return absolute_value(net, label=f"{underlying} net delta") + model.sum(gross)

    def _fee_provision(self, model: Model, inputs: RiskInputs) -> Expression:
        """``sum_i ceil(fee_i value_i) |q_i|``."""
        rates = {asset: self.fees.of(instrument) for asset, instrument in inputs.instruments.items()}
        return model.sum(
            ceil(rates[asset] * value) * absolute_value(model.position(asset))
            for asset, value in inputs.values().items()
            if rates[asset]
        )

    def _funding_provision(self, model: Model, inputs: RiskInputs) -> Expression:
        """``(sum_i rate_i value_i q_i)+``, or the sum of the positive parts if nothing is netted."""
        values = inputs.values()
        perpetuals = [asset for asset, instrument in inputs.instruments.items() if is_perpetual(instrument)]
        for asset in perpetuals:
            if asset not in self.funding.rates:
                raise ModelError(f"funding.rates: has no rate of the perpetual {asset!r}")
        payments = {asset: self.funding.rates[asset] * values[asset] for asset in perpetuals}
        if self.funding.is_netted:
            return positive_part(model.linear(rounded(payments)), label="funding provision")
        parts = {asset: split(model.position(asset)) for asset in perpetuals}
        return model.sum(
            ceil(abs(payment)) * (parts[asset].positive if payment > 0 else parts[asset].negative)
            for asset, payment in payments.items()
        )


def _check_instrument(asset: str, instrument: Instrument) -> None:
    if isinstance(instrument, Cash | Option):
        return
    if isinstance(instrument, Contract) and instrument.settlement is Settlement.LINEAR:
        return
    raise ModelError(
        f"asset {asset!r} on {underlying_of(instrument)!r}: this model takes cash, linear perpetuals, linear "
        "futures and options"
    )


def _parse_class(value: Json, path: str) -> RiskClass:
    fields = JsonObject(value, path)
    name = fields.text("name", max_length=_MAX_NAME)
    underlyings = fields.array("underlyings", underlying_id, max_items=MAX_ASSETS)
    unhedged = fraction_field(fields, "unhedged_rate", maximum=_MAX_RATE)
    hedged = fraction_field(fields, "hedged_rate", maximum=_MAX_RATE)
    if 2 * unhedged < hedged:
        raise fields.fail(
            "unhedged_rate", "is below half of hedged_rate: the minimum for delta is not convex"
        )
    volatility = fields.object("volatility")
    base = volatility_fields(volatility)
    volatility.finish()
    scenarios = fields.array(
        "scenarios", lambda each, at: _parse_scenario(each, at, base), max_items=MAX_CLASS_SCENARIOS
    )
    if not scenarios or len({scenario.label for scenario in scenarios}) != len(scenarios):
        raise fields.fail("scenarios", "is empty, or lists the same shocks twice")
    fields.finish()
    return RiskClass(name, tuple(underlyings), unhedged, hedged, tuple(scenarios))


def _parse_scenario(value: Json, path: str, base: VolatilityMove) -> MarketScenario:
    fields = JsonObject(value, path)
    spot, change = read_decimal(fields, "spot"), read_decimal(fields, "volatility")
    weight = read_decimal(fields, "weight")
    fields.finish()
    label = f"spot {percent_text(spot)}, volatility {percent_text(change)}"
    move = Move(multiple=1 + spot, volatility=volatility_change(base, change))
    return check_scenario(MarketScenario(label, (move,), weight), path)


def _parse_fees(fields: JsonObject) -> FeeRates:
    perpetual, future, option = (
        fraction_field(fields, name, maximum=1) for name in ("perpetual", "future", "option")
    )
    fields.finish()
    return FeeRates(perpetual, future, option)


def _parse_funding(fields: JsonObject) -> FundingRates:
    netting = fields.text("netting", max_length=16)
    if netting not in ("account", "none"):
        raise fields.fail("netting", f"{netting!r} is not 'account' or 'none'")
    entries = fields.array("rates", _parse_rate, max_items=MAX_ASSETS)
    rates = dict(entries)
    if len(rates) != len(entries):
        raise fields.fail("rates", "names an asset twice")
    fields.finish()
    return FundingRates(netting == "account", rates)


def _parse_rate(value: Json, path: str) -> tuple[str, Fraction]:
    fields = JsonObject(value, path)
    asset = fields.text("asset", max_length=MAX_ASSET_ID_BYTES)
    rate = read_decimal(fields, "rate")
    if abs(rate) > 1:
        raise fields.fail("rate", "is beyond 1")
    fields.finish()
    return asset, Fraction(rate)


def _refuse_repetition(fields: JsonObject, classes: Sequence[RiskClass]) -> None:
    names = [risk_class.name for risk_class in classes]
    underlyings = [underlying for risk_class in classes for underlying in risk_class.underlyings]
    if len(set(names)) != len(names) or len(set(underlyings)) != len(underlyings):
        raise fields.fail("classes", "two classes have one name, or an underlying is listed twice")
