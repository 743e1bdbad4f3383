"""SPAN: 16 scenarios, inter-month spreads, short option minimum (docs/models/span.md).

Per combined commodity, with scenario losses l_{s,i} of positions q_i and net delta D_e of each expiry:

    scan   = max(0, max_s sum_i l_{s,i} q_i)
    charge = rate min(P, N),          P = sum_e (D_e)+,  N = sum_e (D_e)-
    SOM    = sum of the short option minimum over short options
    risk   = max(scan + charge, SOM)

    cash + value of futures + net option value >= sum of risks

A minimum of two amounts is not convex, and takes one boolean: ``charge >= rate P`` or ``charge >= rate N``. With
futures only no boolean is needed, since min(P, N) = (sum_e |D_e| - |sum_e D_e|) / 2 and, for A >= rate / 2,

    scan + charge = (A - rate/2) |sum_e D_e| + rate/2 sum_e |D_e|,

with A the largest loss of one unit of delta.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import partial
from math import ceil
from typing import ClassVar, Final, Self

import numpy as np

from circuits.market.decimals import power_of_ten, read_decimal
from circuits.market.entries import round_fraction
from circuits.market.risk_array import Greek
from circuits.market.scenarios import MarketScenario, Move, ScenarioSet, VolatilityMove
from circuits.market.snapshot import Cash, Contract, Instrument, Option, Settlement
from circuits.modelling import Expression, Model, ModelError, Split, maximum, split
from circuits.modelling.constraints import make_boolean, relaxed_row
from circuits.modelling.curvature import Curvature
from circuits.modelling.definition import Evaluator, ModelDefinition, Numbers
from circuits.modelling.intervals import Interval
from circuits.modelling.leaves import Alias, Variable, smallest
from circuits.modelling.words import ModelWords, counted
from circuits.models.margin_evaluation import evaluate_scenario_margin
from circuits.models.risk_inputs import (
    RiskInputs,
    check_scenario,
    confined,
    fraction_field,
    linear_loss,
    rounded,
)
from circuits.public_market import PublicMarket
from primitives.assets import MAX_ASSET_ID_BYTES, Asset
from primitives.backend import Backend
from primitives.strict_json import Json, JsonObject

MAX_COMMODITIES: Final = 4_096
DELTA_SCALE: Final = 8
"""Of deltas in the risk array, per contract and times its multiplier."""
DELTA_DECIMALS: Final = 4
"""Deltas count in 10^-4 of a unit of the commodity, as risk parameter files have them."""
DEFAULT_NUMBERS: Final = Numbers(scale=2)
"""Cents."""
_THIRDS: Final = (0, 1, -1, 2, -2, 3, -3)
_STEP: Final = Decimal("1e-9")
_MAX_AMOUNT: Final = 10**15
_MAX_FACTOR: Final = 100


@dataclass(frozen=True)
class Commodity:
    """Parameters of one combined commodity; amounts are per `unit`, a multiplier that deltas are counted in."""

    underlying: str
    unit: Fraction
    scenarios: tuple[MarketScenario, ...]
    largest_move: Fraction
    """Of prices, weighted: the scan range, or the covered part of the extreme move."""
    spread_charge: Fraction
    short_option_minimum: Fraction

    def label(self, scenario: MarketScenario) -> str:
        """The label in the risk array."""
        return f"{self.underlying}: {scenario.label}"


@dataclass(frozen=True)
class Span(ModelDefinition):
    """``{"kind": "span", "version": 1, "commodities": [...], "excess_option_value": "counts" or "ignored"}``."""

    kind: ClassVar[str] = "span"

    commodities: tuple[Commodity, ...]
    excess_counts: bool
    """Whether net option value beyond the risk may cover negative cash."""
    _numbers: Numbers

    @classmethod
    def from_json(cls, fields: JsonObject) -> Self:
        """Read the fields of the kind (docs/models/span.md)."""
        commodities = tuple(fields.array("commodities", _parse_commodity, max_items=MAX_COMMODITIES))
        if len({commodity.underlying for commodity in commodities}) != len(commodities):
            raise fields.fail("commodities", "an underlying is listed twice")
        excess = fields.text("excess_option_value", max_length=16)
        if excess not in ("counts", "ignored"):
            raise fields.fail("excess_option_value", f"{excess!r} is not 'counts' or 'ignored'")
        return cls(commodities, excess == "counts", Numbers.from_json(fields, DEFAULT_NUMBERS))

    @property
    def numbers(self) -> Numbers:
        """10^-2 by default."""
        return self._numbers

    @property
    def has_concave_slack(self) -> bool:
        """Of futures, scan and spread charges do not depend on prices."""
        return True

    @property
    def has_net_equity(self) -> bool:
        """The value of all positions."""
        return True

    def words(self) -> ModelWords:
        """For people."""
        scenarios = max((len(each.scenarios) for each in self.commodities), default=0)
        conditions = [
            "margin: all positions at mark prices (cash, futures, net option value) are together worth at least the "
            f"sum over {counted(len(self.commodities), 'commodity', 'commodities')} of the larger of two: the worst of "
            f"{scenarios} scenario losses with the charge on inter-month spreads, and the short option minimum"
        ]
        if not self.excess_counts:
            conditions.append("cash and futures: their value is not negative without that of options")
        return ModelWords(
            "SPAN",
            tuple(conditions),
            (
                "no credits between commodities",
                "one spread charge for all pairs of months",
                "every short option counts for the short option minimum, whatever long options are held",
                "rounding: prices and losses to the nearest unit, the short option minimum up",
            ),
        )

    def build(self, model: Model, market: PublicMarket | None) -> None:
        """The rows; every asset of the book must be cash, a linear future or an option of the market."""
        scales = {Greek.DELTA: DELTA_SCALE}
        inputs = RiskInputs.of(market, model, self.scenario_set, self.numbers, scales)
        for asset, instrument in inputs.instruments.items():
            _check_instrument(asset, instrument)
        held = [each for each in self.commodities if inputs.members(each.underlying)]
        rows = [_CommodityRows(model, inputs, commodity) for commodity in held]
        values = inputs.values()
        if not self.excess_counts:
            others = {a: v for a, v in values.items() if not isinstance(inputs.instruments[a], Option)}
            model.require(model.linear(others) >= 0, "cash and futures not negative")
        model.require_margin(
            model.linear(values),
            model.sum(each.risk() for each in rows),
            scenarios={label: loss for each in rows for label, loss in each.losses.items()},
        )

    def evaluator(
        self, assets: Iterable[Asset], market: PublicMarket | None, backend: Backend | None = None
    ) -> Evaluator:
        """In numpy, with any backend."""
        del backend
        return partial(evaluate_scenario_margin, self.model(assets, market))

    def scenario_set(self, underlyings: Sequence[str]) -> ScenarioSet:
        """The scenarios of a book with these underlyings; those of a commodity leave the others alone."""
        known = {commodity.underlying: commodity for commodity in self.commodities}
        for underlying in underlyings:
            if underlying not in known:
                raise ModelError(f"underlying {underlying!r} is no commodity of the model")
        return ScenarioSet(
            tuple(
                confined(scenario, known[underlying].label(scenario), [underlying])
                for underlying in underlyings
                for scenario in known[underlying].scenarios
            )
        )


class _CommodityRows:
    """The expressions of one commodity, in value units."""

    def __init__(self, model: Model, inputs: RiskInputs, commodity: Commodity) -> None:
        self._model = model
        self._inputs = inputs
        self._commodity = commodity
        self._members = inputs.members(commodity.underlying)
        self._units = power_of_ten(inputs.array.scale)
        labels = [commodity.label(scenario) for scenario in commodity.scenarios]
        self.losses = {label: linear_loss(model, inputs, label, self._members) for label in labels}

    def risk(self) -> Expression:
        """``max(scan + charge, SOM)``."""
        name = self._commodity.underlying
        if not any(isinstance(self._inputs.instruments[asset], Option) for asset in self._members):
            return self._futures_only()
        scan = maximum(self.losses | {"nothing": 0}, label=f"{name} scan")
        charges = self._charges(self._commodity.spread_charge)
        charge = smaller_charge(
            self._model.sum(each.positive for each in charges),
            self._model.sum(each.negative for each in charges),
            label=f"{name} inter-month spreads",
        )
        pieces = {"scan and spreads": scan + charge, "short option minimum": self._short_option_minimum()}
        return maximum(pieces, label=f"{name} risk")

    def _futures_only(self) -> Expression:
        """``|sum_i (A - rate/2) delta_i q_i| + sum_e |rate/2 D_e|``, coefficients to the nearest unit."""
        commodity, name = self._commodity, self._commodity.underlying
        half = commodity.spread_charge / 2
        rest = (commodity.largest_move * commodity.unit - half) * self._units
        net = self._model.linear(rounded({asset: rest * self._size(asset) for asset in self._members}))
        charges = self._model.sum(each.absolute for each in self._charges(half))
        return split(net, label=f"{name} net delta").absolute + charges

    def _size(self, asset: str) -> Fraction:
        """Units of the commodity that one base unit of a future or an option is written on."""
        instrument = self._inputs.instruments[asset]
        multiplier = (
            Fraction(instrument.multiplier) if isinstance(instrument, Contract | Option) else Fraction(0)
        )
        return multiplier / self._commodity.unit * power_of_ten(-self._inputs.decimals[asset])

    def _charges(self, rate: Fraction) -> list[Split]:
        """``rate D_e`` of every expiry, in order; deltas are rounded to 10^-4, then coefficients to a unit."""
        entries = self._inputs.greeks(Greek.DELTA)
        scale = power_of_ten(DELTA_DECIMALS - DELTA_SCALE) / self._commodity.unit
        by_expiry: dict[datetime, dict[str, int]] = {}
        for asset in self._members:
            instrument = self._inputs.instruments[asset]
            if isinstance(instrument, Contract | Option) and instrument.expiry is not None:
                delta = Fraction(round_fraction(entries[asset] * scale), 10**DELTA_DECIMALS)
                by_expiry.setdefault(instrument.expiry, {})[asset] = round_fraction(
                    rate * delta * self._units
                )
        name = self._commodity.underlying
        return [
            split(self._model.linear(by_expiry[at]), label=f"{name} spreads of {at:%Y-%m-%d}")
            for at in sorted(by_expiry)
        ]

    def _short_option_minimum(self) -> Expression:
        """``sum_i ceil(minimum size_i) (q_i)-``: per option, so that long options of a class cover no short one."""
        minimum = self._commodity.short_option_minimum * self._units
        return self._model.sum(
            ceil(minimum * self._size(asset)) * split(self._model.position(asset)).negative
            for asset in self._members
            if isinstance(self._inputs.instruments[asset], Option)
        )


def smaller_charge(first: Expression, second: Expression, *, label: str) -> Expression:
    """``min(first, second)`` of two convex charges that are not negative, which the prover may over-state.

        c [w], b [1];  c - first + M b >= 0;  c - second + N (1 - b) >= 0

    Whichever b is chosen, c is at least one of the two, and so at least the smaller.
    """
    model = first.model
    greatest = min(first.interval.greatest, second.interval.greatest)
    c = Variable(model, label, greatest=greatest, rule=smallest(first, second))
    charge = c.expression()
    b = make_boolean(f"{label}: second", first - second - 1)
    c.rows.append(relaxed_row(f"{label}: first", charge - first, b))
    c.rows.append(relaxed_row(f"{label}: second", charge - second, 1 - b))
    return Alias(
        model,
        label,
        charge,
        curvature=Curvature.CONVEX,
        interval=Interval(0, greatest),
        is_non_negative=True,
        meaning=lambda values: np.minimum(values[0], values[1]),
        arguments=[first, second],
        text=f"[{label}]",
    ).expression()


def _check_instrument(asset: str, instrument: Instrument) -> None:
    if isinstance(instrument, Cash | Option):
        return
    is_future = isinstance(instrument, Contract) and instrument.expiry is not None
    if is_future and isinstance(instrument, Contract) and instrument.settlement is Settlement.LINEAR:
        return
    raise ModelError(f"asset {asset!r}: this model takes cash, linear futures with an expiry, and options")


def _parse_commodity(value: Json, path: str) -> Commodity:
    fields = JsonObject(value, path)
    underlying = fields.text("underlying", max_length=MAX_ASSET_ID_BYTES)
    unit = fraction_field(fields, "unit", maximum=_MAX_AMOUNT)
    if unit == 0:
        raise fields.fail("unit", "is zero")
    scan_range, volatility_range = (
        read_decimal(fields, "scan_range"),
        read_decimal(fields, "volatility_range"),
    )
    for name, size in (("scan_range", scan_range), ("volatility_range", volatility_range)):
        if size < 0:
            raise fields.fail(name, "is negative")
    days = read_decimal(fields, "look_ahead_days")
    multiple, covered = read_decimal(fields, "extreme_multiple"), read_decimal(fields, "extreme_fraction")
    if not (0 <= multiple <= _MAX_FACTOR and 0 <= covered <= 1):
        raise fields.fail("extreme_multiple", "or extreme_fraction is out of range")
    scenarios = [
        _scenario(f"price {_thirds(thirds)}, volatility {name}", scan_range * thirds / 3, change, days, path)
        for thirds in _THIRDS
        for name, change in (("up", volatility_range), ("down", -volatility_range))
    ]
    scenarios += [
        _scenario(f"extreme {name}", sign * scan_range * multiple, Decimal(0), days, path, covered)
        for name, sign in (("up", 1), ("down", -1))
    ]
    charge = fraction_field(fields, "spread_charge", maximum=_MAX_AMOUNT)
    largest = Fraction(scan_range) * max(Fraction(1), Fraction(multiple) * Fraction(covered))
    if charge > 2 * largest * unit:
        raise fields.fail("spread_charge", "is above twice what a unit loses at the scan range: not convex")
    minimum = fraction_field(fields, "short_option_minimum", maximum=_MAX_AMOUNT)
    fields.finish()
    return Commodity(underlying, unit, tuple(scenarios), largest, charge, minimum)


def _scenario(
    label: str, addition: Decimal, points: Decimal, days: Decimal, path: str, weight: Decimal = Decimal(1)
) -> MarketScenario:
    """Moves are rounded to 10^-9, for thirds of the scan range."""
    move = Move(addition=addition.quantize(_STEP).normalize(), volatility=VolatilityMove(points=points))
    return check_scenario(MarketScenario(label, (move,), weight, days), path)


def _thirds(number: int) -> str:
    sign = "+" if number > 0 else "-" if number < 0 else ""
    size = abs(number)
    return "unchanged" if size == 0 else f"{sign}{size // 3 if size == 3 else f'{size}/3'} range"
