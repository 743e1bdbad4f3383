"""What scenario models are compiled from: the instruments of a book's assets, and their integer risk array."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Final

from circuits.market.decimals import decimal_text, power_of_ten, read_decimal
from circuits.market.document import MarketDocument
from circuits.market.entries import round_fraction
from circuits.market.errors import MarketError, RiskArrayError
from circuits.market.risk_array import NO_GREEKS, Greek, RiskArray, check_risk_array, compute_risk_array
from circuits.market.scenarios import MarketScenario, Move, ScenarioSet, VolatilityMove
from circuits.market.snapshot import Cash, Contract, Instrument, MarketSnapshot
from circuits.modelling import Expression, Model, ModelError
from circuits.modelling.definition import Numbers, expect_market
from circuits.public_market import PublicMarket
from primitives.assets import MAX_ASSET_ID_BYTES
from primitives.strict_json import Json, JsonError, JsonObject

_PERCENT: Final = 100


@dataclass(frozen=True, eq=False)
class RiskInputs:
    """Instruments by asset id, in the book's order, and the risk array that the rows are made of."""

    snapshot: MarketSnapshot
    instruments: Mapping[str, Instrument]
    decimals: Mapping[str, int]
    array: RiskArray

    @classmethod
    def of(
        cls,
        market: PublicMarket | None,
        model: Model,
        scenarios: Callable[[Sequence[str]], ScenarioSet],
        numbers: Numbers,
        greek_scales: Mapping[Greek, int] = NO_GREEKS,
        ignored: Collection[str] = (),
    ) -> RiskInputs:
        """Of every asset of the book that is not `ignored`; `scenarios` makes the set from their underlyings.

        A risk array published with the market is checked and then used; without one it is computed here. Raises
        `ModelError`.
        """
        document = expect_market(market, MarketDocument)
        snapshot = document.snapshot
        if snapshot.scale != numbers.scale:
            raise ModelError(
                f"the market counts in 10^-{snapshot.scale} {snapshot.quote}, the model in 10^-{numbers.scale}"
            )
        try:
            assets = tuple(asset for asset in model.assets if asset.id not in ignored)
            instruments = {asset.id: snapshot.instrument(asset.id) for asset in assets}
            held = sorted({underlying_of(each) for each in instruments.values()} - {None}, key=str)
            scenario_set = scenarios([str(underlying) for underlying in held])
            if document.risk_array is None:
                array = compute_risk_array(snapshot, scenario_set, assets, greek_scales)
            else:
                check_risk_array(document.risk_array, snapshot, scenario_set, assets, greek_scales)
                array = document.risk_array
        except (MarketError, RiskArrayError) as error:
            raise ModelError(f"market: {error}") from error
        # For who publishes it (`circuits.wrappers.survives`); a model is built once under a prefix.
        model.memo((RiskArray, model.prefix), lambda: array)
        decimals = {asset.id: asset.decimals for asset in assets}
        return cls(snapshot, instruments, decimals, array)

    def values(self) -> dict[str, int]:
        """Value per base unit of every asset, in value units."""
        return dict(zip(self.instruments, self.array.values.tolist(), strict=True))

    def losses(self, scenario: str, assets: Iterable[str]) -> dict[str, int]:
        """Weighted loss per base unit of each of `assets`, in value units; negative for a gain."""
        row = self.array.profits[self.array.scenarios.index(scenario)]
        by_asset = dict(zip(self.instruments, row.tolist(), strict=True))
        return {asset: -by_asset[asset] for asset in assets}

    def greeks(self, greek: Greek) -> dict[str, int]:
        """Entries of a Greek of every asset, in units of its scale."""
        row = next(row for row in self.array.greeks if row.greek is greek)
        return dict(zip(self.instruments, row.entries.tolist(), strict=True))

    def index(self, underlying: str) -> Fraction:
        """The spot price of an underlying; `ModelError` if the market has none."""
        index = self.snapshot.underlying(underlying).index
        if index is None:
            raise ModelError(f"the market has no index of underlying {underlying!r}")
        return Fraction(index)

    def delta_values(self, scale: int) -> dict[str, Fraction]:
        """``delta index`` per base unit of every asset that has an underlying, in value units.

        `scale` is that of the array's deltas.
        """
        units = power_of_ten(self.array.scale - scale)
        entries = self.greeks(Greek.DELTA)
        result = {}
        for asset, instrument in self.instruments.items():
            underlying = underlying_of(instrument)
            if underlying is not None:
                result[asset] = entries[asset] * self.index(underlying) * units
        return result

    def members(self, underlying: str) -> list[str]:
        """The assets that are written on an underlying."""
        return [
            asset for asset, instrument in self.instruments.items() if underlying_of(instrument) == underlying
        ]


def underlying_of(instrument: Instrument) -> str | None:
    """None for cash."""
    return None if isinstance(instrument, Cash) else instrument.underlying


def is_perpetual(instrument: Instrument) -> bool:
    """Whether it is a contract without an expiry."""
    return isinstance(instrument, Contract) and instrument.expiry is None


def rounded(coefficients: Mapping[str, Fraction]) -> dict[str, int]:
    """Each to the nearest integer, ties to even: for signed coefficients, whose rounding favours nobody."""
    return {asset: round_fraction(coefficient) for asset, coefficient in coefficients.items()}


def linear_loss(model: Model, inputs: RiskInputs, scenario: str, assets: Sequence[str]) -> Expression:
    """What the positions in `assets` lose in a scenario."""
    return model.linear(inputs.losses(scenario, assets))


def fraction_field(fields: JsonObject, name: str, *, maximum: int | None = None) -> Fraction:
    """A decimal that is not negative and at most `maximum`; `JsonError` otherwise."""
    number = read_decimal(fields, name)
    if number < 0:
        raise fields.fail(name, f"{decimal_text(number)} is negative")
    if maximum is not None and number > maximum:
        raise fields.fail(name, f"{decimal_text(number)} is above {maximum}")
    return Fraction(number)


def confined(scenario: MarketScenario, label: str, underlyings: Sequence[str]) -> MarketScenario:
    """The scenario, of one move, under another label; it moves only `underlyings`."""
    (move,) = scenario.moves
    own = tuple(Move(each, move.multiple, move.addition, move.volatility) for each in underlyings)
    return MarketScenario(label, (*own, Move()), scenario.weight, scenario.elapsed_days)


def underlying_id(value: Json, path: str) -> str:
    """An entry of a list of underlyings or assets."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ASSET_ID_BYTES:
        raise JsonError(path, "expected an id")
    return value


def volatility_fields(fields: JsonObject) -> VolatilityMove:
    """What upward moves have in common: ``minimum_up``, powers, ``reference_days``, ``floor_days``."""
    base = VolatilityMove(
        minimum=read_decimal(fields, "minimum_up"),
        short_power=read_decimal(fields, "short_power"),
        long_power=read_decimal(fields, "long_power"),
        reference_days=read_decimal(fields, "reference_days"),
        floor_days=read_decimal(fields, "floor_days"),
    )
    check_scenario(MarketScenario("volatility", (Move(volatility=base),)), fields.path("").removesuffix("."))
    return base


def volatility_change(base: VolatilityMove, change: Decimal) -> VolatilityMove:
    """The change of `base`'s kind; only upward changes have a minimum."""
    return replace(base, change=change, minimum=base.minimum if change > 0 else Decimal(0))


def check_scenario(scenario: MarketScenario, path: str) -> MarketScenario:
    """The scenario itself; `JsonError` at `path` if one of its figures is out of range."""
    try:
        ScenarioSet((scenario,))
    except MarketError as error:
        raise JsonError(path, f"{error.where.rpartition('.')[2]}: {error.reason} ({error.code})") from error
    return scenario


def percent_text(number: Decimal) -> str:
    """``0.16`` as ``+16 %``."""
    percent = number * _PERCENT
    return f"{'+' if percent > 0 else ''}{decimal_text(percent)} %"
