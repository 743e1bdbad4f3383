"""Derive's standard margin: options by expiry, perpetuals and collateral (docs/models/derive-standard-margin.md).

Of the options of one expiry, with positions q_i of unit size, S the index, F the forward:

    A = sum_i a_i (q_i)-                                            isolated: every short by itself
    B = max(0, max_P sum_i -payoff_i(P) q_i) + n F (sum of calls q_i)-    loss at settlement, P in {0, strikes}
    R = min(A, B)                                                   the better of both

    equity - sum of perpetual charges - sum over expiries of R >= 0

A and B are convex and their minimum is not: one boolean for each expiry. Source: derivexyz/v2-core, StandardManager.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor, gcd, lcm
from typing import ClassVar, Final, Self

from circuits.market.decimals import decimal_text, power_of_ten
from circuits.market.scenarios import ScenarioSet
from circuits.market.snapshot import Cash, Contract, Option, Settlement, Spot
from circuits.modelling import (
    Expression,
    Model,
    ModelError,
    absolute_value,
    either_or,
    maximum,
    smallest,
    split,
)
from circuits.modelling.definition import ModelDefinition, Numbers
from circuits.modelling.words import ModelWords
from circuits.models.linear_perpetuals import collateral_bound
from circuits.models.risk_inputs import RiskInputs, fraction_field, rounded
from circuits.public_market import PublicMarket
from primitives.assets import MAX_ASSET_ID_BYTES
from primitives.attestation import format_time
from primitives.strict_json import Json, JsonObject

MAX_MARKETS: Final = 64
MAX_RATE: Final = 10
_NO_SCENARIOS: Final = ScenarioSet(())


@dataclass(frozen=True, slots=True)
class OptionRates:
    """Of the index, unless said otherwise; those of the margin that is proven, initial or maintenance."""

    is_initial: bool
    greatest: Fraction
    """Initial, at or in the money; less what an option is out of the money, down to `least`."""
    least: Fraction
    call_maintenance: Fraction
    put_maintenance: Fraction
    put_mark: Fraction
    """Of a put's mark price: its maintenance margin is the larger of this and `put_maintenance`."""
    put_initial_factor: Fraction
    """The initial margin of a put is at least this times its maintenance margin."""
    naked_factor: Fraction
    """Of the forward, for each call that is short without a long one of the same expiry."""

    def isolated(self, option: Option, index: Fraction, mark: Fraction) -> Fraction:
        """What one short option is charged by itself, per unit of the underlying; `mark` is its price."""
        if option.is_call:
            otm = max(Fraction(0), Fraction(option.strike) - index)
            return (self._initial(index, otm) if self.is_initial else self.call_maintenance * index) + mark
        otm = max(Fraction(0), index - Fraction(option.strike))
        maintenance = max(self.put_maintenance * index, self.put_mark * mark) + mark
        if not self.is_initial:
            return maintenance
        return max(self._initial(index, otm) + mark, self.put_initial_factor * maintenance)

    def _initial(self, index: Fraction, otm: Fraction) -> Fraction:
        return max(self.greatest * index - otm, self.least * index)


@dataclass(frozen=True, slots=True)
class MarketRates:
    """How what is written on one underlying counts; None for what is not taken."""

    underlying: str
    perpetual_rate: Fraction | None
    collateral_ratio: Fraction | None
    option: OptionRates | None


@dataclass(frozen=True)
class DeriveStandardMargin(ModelDefinition):
    """``{"kind": "derive-standard-margin", "version": 1, "margin", "spreads"?, "markets": [...], "numbers"?}``."""

    kind: ClassVar[str] = "derive-standard-margin"

    markets: tuple[MarketRates, ...]
    has_better_of: bool
    """Whether an expiry is charged the better of A and B, with a boolean, or A."""
    _numbers: Numbers

    @classmethod
    def from_json(cls, fields: JsonObject) -> Self:
        """Read the fields of the kind (docs/models/derive-standard-margin.md)."""
        margin = fields.text("margin", max_length=16)
        if margin not in ("initial", "maintenance"):
            raise fields.fail("margin", f"{margin!r} is not 'initial' or 'maintenance'")
        spreads = fields.text("spreads", max_length=16) if fields.has("spreads") else "better-of"
        if spreads not in ("better-of", "isolated"):
            raise fields.fail("spreads", f"{spreads!r} is not 'better-of' or 'isolated'")
        markets = fields.array(
            "markets", lambda value, path: _parse_market(value, path, margin), max_items=MAX_MARKETS
        )
        if not markets or len({each.underlying for each in markets}) != len(markets):
            raise fields.fail("markets", "is empty, or lists an underlying twice")
        return cls(tuple(markets), spreads == "better-of", Numbers.from_json(fields, Numbers()))

    @property
    def numbers(self) -> Numbers:
        """10^-6 by default; ``position_bits`` are those of perpetuals and options, cash goes to the cap."""
        return self._numbers

    @property
    def has_concave_slack(self) -> bool:
        """Without options charges are shares of the notional."""
        return True

    def words(self) -> ModelWords:
        """For people."""
        if self.has_better_of:
            options = (
                "for the options of each expiry, the smaller of two: every short option charged by itself, or the "
                "largest loss at settlement and a charge on calls that are short without a long one"
            )
        else:
            options = "every short option charged by itself"
        return ModelWords(
            "Derive standard margin",
            (
                f"{self._margin_name}margin: cash, collateral at its weight and perpetuals, at mark prices, are worth "
                f"at least the charges: on perpetuals a share of the notional; {options}",
                "owes no collateral",
            ),
            (
                "options that are held count nothing as value",
                *(
                    (
                        "the loss at settlement is looked for at every listed strike, not only those of the account",
                    )
                    if self.has_better_of
                    else ("no relief for spreads",)
                ),
                "rounding: charges up, collateral down, by less than one value unit per base unit",
            ),
        )

    @property
    def _margin_name(self) -> str:
        options = [market.option for market in self.markets if market.option is not None]
        if not options:
            return ""
        return "initial " if options[0].is_initial else "maintenance "

    def build(self, model: Model, market: PublicMarket | None) -> None:
        """The rows; every asset of the book is cash, spot, a linear perpetual or an option of the market."""
        inputs = RiskInputs.of(market, model, lambda _: _NO_SCENARIOS, self.numbers)
        equity, charges = [], []
        expiries: dict[tuple[str, datetime], list[str]] = {}
        for asset, value in inputs.values().items():
            instrument = inputs.instruments[asset]
            if isinstance(instrument, Cash):
                cash = model.position(asset, bound=collateral_bound(value, self.numbers))
                equity.append(value * cash)
            elif isinstance(instrument, Spot):
                equity.append(self._collateral(model, asset, instrument, value))
            elif isinstance(instrument, Contract):
                rate = self._perpetual_rate(asset, instrument)
                position = model.position(asset)
                equity.append(value * position)
                charges.append(ceil(rate * value) * absolute_value(position))
            else:
                expiries.setdefault((instrument.underlying, instrument.expiry), []).append(asset)
        charges += [
            self._expiry_charge(model, inputs, underlying, expiry, assets)
            for (underlying, expiry), assets in expiries.items()
        ]
        model.require_margin(model.sum(equity), model.sum(charges))

    def _collateral(self, model: Model, asset: str, instrument: Spot, value: int) -> Expression:
        """``floor(ratio value) q`` for q >= 0."""
        ratio = self._rates(asset, instrument.underlying).collateral_ratio
        if ratio is None:
            raise ModelError(f"asset {asset!r}: the model takes no collateral of {instrument.underlying!r}")
        position = model.position(asset, bound=collateral_bound(value, self.numbers), non_negative=True)
        return floor(ratio * value) * position

    def _perpetual_rate(self, asset: str, contract: Contract) -> Fraction:
        if contract.expiry is not None or contract.settlement is not Settlement.LINEAR:
            raise ModelError(f"asset {asset!r} is a contract, but no linear perpetual")
        rate = self._rates(asset, contract.underlying).perpetual_rate
        if rate is None:
            raise ModelError(f"asset {asset!r}: the model takes no perpetuals on {contract.underlying!r}")
        return rate

    def _rates(self, asset: str, underlying: str) -> MarketRates:
        for market in self.markets:
            if market.underlying == underlying:
                return market
        raise ModelError(f"asset {asset!r}: underlying {underlying!r} is in no market of the model")

    def _expiry_charge(
        self, model: Model, inputs: RiskInputs, underlying: str, expiry: datetime, assets: Sequence[str]
    ) -> Expression:
        """R of the options of one expiry."""
        rates = self._rates(assets[0], underlying).option
        if rates is None:
            raise ModelError(f"asset {assets[0]!r}: the model takes no options on {underlying!r}")
        label = f"{underlying} {format_time(expiry)}"
        options = _Options.of(inputs, assets, self.numbers)
        isolated = model.sum(
            ceil(charge) * split(model.position(asset)).negative
            for asset, charge in options.isolated(rates, inputs).items()
        )
        if not self.has_better_of:
            return isolated
        forward = options.forward(inputs, underlying, expiry)
        loss = options.loss(model, label) + options.naked(model, rates.naked_factor * forward, label)
        # R is free above min(A, B): it may only stand where more is worse, with a minus sign in the margin row.
        greatest = min(model.reach(isolated).greatest, model.reach(loss).greatest)
        charge = model.variable(
            f"{label} charge", greatest=max(1, greatest), witness=smallest(isolated, loss)
        )
        model.require(either_or(charge >= isolated, charge >= loss), label=f"{label} better of")
        return charge


@dataclass(frozen=True, eq=False)
class _Options:
    """The options of one expiry by asset, with the size of a base unit in units of the underlying times 10^scale."""

    options: Mapping[str, Option]
    sizes: Mapping[str, Fraction]

    @classmethod
    def of(cls, inputs: RiskInputs, assets: Sequence[str], numbers: Numbers) -> _Options:
        found = {asset: inputs.instruments[asset] for asset in assets}
        options = {asset: option for asset, option in found.items() if isinstance(option, Option)}
        sizes = {
            asset: Fraction(option.multiplier) * power_of_ten(numbers.scale - inputs.decimals[asset])
            for asset, option in options.items()
        }
        return cls(options, sizes)

    def forward(self, inputs: RiskInputs, underlying: str, expiry: datetime) -> Fraction:
        points = inputs.snapshot.underlying(underlying).expiries
        return Fraction(next(point.forward for point in points if point.expiry == expiry))

    def isolated(self, rates: OptionRates, inputs: RiskInputs) -> dict[str, Fraction]:
        """a_i per base unit; the mark is the integer value of the risk array."""
        values = inputs.values()
        return {
            asset: size
            * rates.isolated(
                self.options[asset],
                inputs.index(self.options[asset].underlying),
                Fraction(values[asset]) / size,
            )
            for asset, size in self.sizes.items()
        }

    def loss(self, model: Model, label: str) -> Expression:
        """``max(0, max_P sum_i -payoff_i(P) q_i)`` over 0 and the strikes, between which payoffs are straight."""
        prices = sorted({Decimal(0), *(option.strike for option in self.options.values())})
        losses: dict[str, Expression | int] = {
            f"settled at {decimal_text(price)}": model.linear(rounded(self._payments(Fraction(price))))
            for price in prices
        }
        return maximum(losses | {"no loss": 0}, label=f"{label} loss")

    def _payments(self, price: Fraction) -> dict[str, Fraction]:
        """What each base unit costs its holder if the underlying settles at `price`."""
        return {asset: -size * _payoff(self.options[asset], price) for asset, size in self.sizes.items()}

    def naked(self, model: Model, unit_charge: Fraction, label: str) -> Expression:
        """``unit_charge (sum of calls)-``; calls are counted in the largest unit that measures every base unit."""
        calls = {asset: size for asset, size in self.sizes.items() if self.options[asset].is_call}
        unit = Fraction(
            gcd(*(size.numerator for size in calls.values())),
            lcm(*(size.denominator for size in calls.values())),
        )
        amount = model.linear({asset: int(size / unit) for asset, size in calls.items()})
        return ceil(unit_charge * unit) * split(amount, label=f"{label} calls").negative


def _payoff(option: Option, price: Fraction) -> Fraction:
    intrinsic = price - Fraction(option.strike)
    return max(Fraction(0), intrinsic if option.is_call else -intrinsic)


# Reading


def _parse_market(value: Json, path: str, margin: str) -> MarketRates:
    fields = JsonObject(value, path)
    underlying = fields.text("underlying", max_length=MAX_ASSET_ID_BYTES)
    perpetual, collateral, option = (
        fields.optional_object(name) for name in ("perpetual", "collateral", "option")
    )
    fields.finish()
    return MarketRates(
        underlying,
        None if perpetual is None else _parse_perpetual(perpetual, margin),
        None if collateral is None else _parse_collateral(collateral, margin),
        None if option is None else _parse_option(option, margin),
    )


def _parse_perpetual(fields: JsonObject, margin: str) -> Fraction:
    rates = {name: fraction_field(fields, name, maximum=1) for name in ("initial", "maintenance")}
    if rates["initial"] < rates["maintenance"]:
        raise fields.fail("initial", "is below the maintenance rate")
    fields.finish()
    return rates[margin]


def _parse_collateral(fields: JsonObject, margin: str) -> Fraction:
    weight, factor = (fraction_field(fields, name, maximum=1) for name in ("weight", "initial_factor"))
    fields.finish()
    return weight * factor if margin == "initial" else weight


def _parse_option(fields: JsonObject, margin: str) -> OptionRates:
    greatest, least, call, put, mark = (
        fraction_field(fields, name, maximum=MAX_RATE)
        for name in (
            "greatest_rate",
            "least_rate",
            "call_maintenance",
            "put_maintenance",
            "put_mark_maintenance",
        )
    )
    if greatest < least:
        raise fields.fail("greatest_rate", "is below least_rate")
    factors = {
        name: _factor(fields, name) for name in ("put_initial_factor", "naked_initial", "naked_maintenance")
    }
    fields.finish()
    return OptionRates(
        margin == "initial",
        greatest,
        least,
        call,
        put,
        mark,
        factors["put_initial_factor"],
        factors[f"naked_{margin}"],
    )


def _factor(fields: JsonObject, name: str) -> Fraction:
    """A decimal of at least 1."""
    factor = fraction_field(fields, name, maximum=MAX_RATE)
    if factor < 1:
        raise fields.fail(name, "is below 1")
    return factor
