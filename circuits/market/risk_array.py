"""The risk array: integer values, scenario profits and Greeks per base unit of each asset of a book.

Whoever publishes a market computes the array once, and publishes it: it is the definition that statements are
compiled from. Whoever verifies computes it again and accepts a difference of at most one unit where floats were
involved (options), and none elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from circuits.market.decimals import power_of_ten
from circuits.market.entries import MAX_FLOAT_GREEK, IntArray, round_floats, round_fraction
from circuits.market.errors import MarketCode, MarketError, RiskArrayCode, RiskArrayError
from circuits.market.exact_valuation import ExactInstrument, exact_instrument, exact_profits, exact_values
from circuits.market.moves import MoveTable
from circuits.market.option_valuation import OptionTable, option_greeks, option_profits, option_values
from circuits.market.scenarios import ScenarioSet
from circuits.market.snapshot import Cash, Contract, Instrument, MarketSnapshot, Option
from circuits.pricing import FloatArray
from primitives.assets import Asset

OPTION_TOLERANCE: Final = 1
MAX_GREEK_SCALE: Final = 36


class Greek(StrEnum):
    """Which derivative (docs/market.md)."""

    DELTA = "delta"
    GAMMA = "gamma"
    VEGA = "vega"
    THETA = "theta"


NO_GREEKS: Final[Mapping[Greek, int]] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class GreekRow:
    """One Greek of every asset, in units of ``10^-scale`` per base unit, shape ``[I]``."""

    greek: Greek
    scale: int
    entries: IntArray


@dataclass(frozen=True, eq=False)
class RiskArray:
    """Integers per base unit of each asset: S scenarios, I assets.

    `values` and `profits` count ``10^-scale`` of the quote currency; a profit is the scenario's weight times the
    change of value, negative for a loss of the holder.
    """

    assets: tuple[Asset, ...]
    scenarios: tuple[str, ...]
    scale: int
    values: IntArray
    profits: IntArray
    greeks: tuple[GreekRow, ...] = ()


def compute_risk_array(
    market: MarketSnapshot,
    scenario_set: ScenarioSet,
    assets: Sequence[Asset],
    greek_scales: Mapping[Greek, int] = NO_GREEKS,
) -> RiskArray:
    """The risk array of `assets`, each of which is an instrument of `market`.

    One base unit of an asset is ``10^-decimals`` contracts. Raises `MarketError`.
    """
    instruments = [market.instrument(asset.id) for asset in assets]
    _check_expiries(market, scenario_set, instruments)
    split = _Split.of(market, instruments)
    table = MoveTable.of(market, scenario_set, split.underlyings)
    units = [power_of_ten(market.scale - asset.decimals) for asset in assets]
    exact_units = [units[i] for i in split.exact]
    option_units = np.array([float(units[i]) for i in split.options], dtype=np.float64)
    values = np.zeros(len(assets), dtype=np.int64)
    profits = np.zeros((len(table.moves), len(assets)), dtype=np.int64)
    values[split.exact] = exact_values(split.instruments, exact_units)
    values[split.options] = option_values(split.table, option_units)
    profits[:, split.exact] = exact_profits(split.instruments, exact_units, table)
    profits[:, split.options] = option_profits(split.table, option_units, table)
    labels = tuple(scenario.label for scenario in scenario_set.scenarios)
    greeks = tuple(
        _greek_row(greek, greek_scales[greek], split, assets) for greek in Greek if greek in greek_scales
    )
    return RiskArray(tuple(assets), labels, market.scale, values, profits, greeks)


def check_risk_array(
    published: RiskArray,
    market: MarketSnapshot,
    scenario_set: ScenarioSet,
    assets: Sequence[Asset],
    greek_scales: Mapping[Greek, int] = NO_GREEKS,
) -> None:
    """Accept `published` as the risk array of the other arguments, or raise.

    1. Header: assets in this order, scenario labels in this order, scale, Greeks with their scales, shapes.
    2. Entries: at most `OPTION_TOLERANCE` off for options, equal for all else.

    Raises `RiskArrayError` naming the entry, and `MarketError` if nothing can be computed.
    """
    computed = compute_risk_array(market, scenario_set, assets, greek_scales)
    _check_header(published, computed)
    tolerance = np.array(
        [OPTION_TOLERANCE if isinstance(market.instrument(asset.id), Option) else 0 for asset in assets]
    )
    for name, ours, theirs in _rows(computed, published):
        _check_row(name, computed.assets, ours, theirs, tolerance)


@dataclass(frozen=True, eq=False)
class _Split:
    """Which assets are options, with the figures of both sorts."""

    underlyings: tuple[str, ...]
    exact: list[int]
    instruments: list[ExactInstrument]
    options: list[int]
    table: OptionTable

    @classmethod
    def of(cls, market: MarketSnapshot, instruments: Sequence[Instrument]) -> _Split:
        underlyings = tuple(sorted({each.underlying for each in instruments if not isinstance(each, Cash)}))
        figures = [exact_instrument(market, instrument) for instrument in instruments]
        options = [each for each in instruments if isinstance(each, Option)]
        return cls(
            underlyings,
            [place for place, figure in enumerate(figures) if figure is not None],
            [figure for figure in figures if figure is not None],
            [place for place, figure in enumerate(figures) if figure is None],
            OptionTable.of(market, options, underlyings),
        )


def _check_expiries(
    market: MarketSnapshot, scenario_set: ScenarioSet, instruments: Sequence[Instrument]
) -> None:
    if scenario_set.values_past_expiry:
        return
    for instrument in instruments:
        expiry = instrument.expiry if isinstance(instrument, (Option, Contract)) else None
        if expiry is not None and market.seconds_to(expiry) < 0:
            reason = "is past its expiry, and the scenarios refuse that"
            raise MarketError(MarketCode.PAST_EXPIRY, f"instrument {instrument.id!r}", reason)


def _greek_row(greek: Greek, scale: int, split: _Split, assets: Sequence[Asset]) -> GreekRow:
    if not 0 <= scale <= MAX_GREEK_SCALE:
        raise MarketError(MarketCode.NUMBER, f"scale of {greek}", f"is not between 0 and {MAX_GREEK_SCALE}")
    units = [power_of_ten(scale - asset.decimals) for asset in assets]
    entries = np.zeros(len(assets), dtype=np.int64)
    if greek is Greek.DELTA:
        for place, instrument in zip(split.exact, split.instruments, strict=True):
            entries[place] = round_fraction(instrument.delta * units[place])
    figures: FloatArray = getattr(option_greeks(split.table), greek.value)
    figures = figures * np.array([float(units[i]) for i in split.options], dtype=np.float64)
    entries[split.options] = round_floats(figures, np.abs(figures), MAX_FLOAT_GREEK, split.table.ids)
    return GreekRow(greek, scale, entries)


def _check_header(published: RiskArray, computed: RiskArray) -> None:
    for name in ("assets", "scenarios", "scale"):
        if getattr(published, name) != getattr(computed, name):
            raise RiskArrayError(
                RiskArrayCode.HEADER, name, "not those of the market, the scenarios and the book"
            )
    if [(row.greek, row.scale) for row in published.greeks] != [
        (row.greek, row.scale) for row in computed.greeks
    ]:
        raise RiskArrayError(RiskArrayCode.HEADER, "greeks", "not those asked for")
    if len(published.profits) != len(computed.profits):
        raise RiskArrayError(RiskArrayCode.HEADER, "profits", "is not one row for each scenario")
    for name, ours, theirs in _rows(computed, published):
        if theirs.shape != ours.shape or theirs.dtype != ours.dtype:
            raise RiskArrayError(RiskArrayCode.HEADER, name, "is not one 64-bit integer for each asset")


def _rows(computed: RiskArray, published: RiskArray) -> Iterator[tuple[str, IntArray, IntArray]]:
    """Every row of both, with a name for errors."""
    yield "value", computed.values, published.values
    for label, ours, theirs in zip(computed.scenarios, computed.profits, published.profits, strict=True):
        yield f"profit in scenario {label!r}", ours, theirs
    for row, other in zip(computed.greeks, published.greeks, strict=True):
        yield row.greek.value, row.entries, other.entries


def _check_row(
    name: str, assets: Sequence[Asset], ours: IntArray, theirs: IntArray, tolerance: npt.NDArray[np.int_]
) -> None:
    # As unsigned integers: a difference of 64-bit integers can need 65 bits.
    low, high = np.minimum(ours, theirs), np.maximum(ours, theirs)
    off = high.astype(np.uint64) - low.astype(np.uint64) > tolerance.astype(np.uint64)
    if off.any():
        place = int(np.flatnonzero(off)[0])
        reason = f"published {theirs[place]}, computed {ours[place]}, may differ by {tolerance[place]}"
        raise RiskArrayError(RiskArrayCode.ENTRY, f"{name} of {assets[place].id!r}", reason)
