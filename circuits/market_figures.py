"""The figures of a market as exact rationals by name, and how two markets differ.

A *figure* is what moves: a price, index, forward, mark, volatility, rate or confidence, and every close and volatility
of a price history, by its time. *Terms* are what names a
thing: an instrument's underlying, strike, multiplier and the like, decimals, tiers of collateral. For a figure that
is v in the market and w in the reference, the deviation in basis points is

    10^4 |v - w| / w    of prices, indices, forwards, marks, volatilities, closes
    10^4 |v - w|        of rates and confidences, which are parts of one and may be zero

A relative deviation from w = 0 is 0 if v = 0 too, else unbounded. The risk array and other integer tables are not
figures: they follow from these, and who compiles a model recomputes them (docs/market.md, section 4).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from circuits.market.decimals import decimal_places, decimal_text
from circuits.market.document import MarketDocument
from circuits.market.history import PriceHistory
from circuits.market.snapshot import Cash, Contract, ExpiryPoint, Instrument, MarketSnapshot, Option
from circuits.pmrm2.market_document import Confidences, Pmrm2Market, shortest_decimal
from circuits.prices import PriceDocument
from circuits.public_market import PublicMarket, format_of, quote_of
from circuits.source_market import SourceAsset, SourceMarket
from primitives.attestation import format_time
from primitives.errors import SealedbookError

BASIS_POINTS: Final = 10_000


class IncomparableMarketsError(SealedbookError):
    """Two markets have no common measure: another format, another quote currency, or no figure in common."""


class FigureKind(StrEnum):
    """What a figure is; the value is its name in reports."""

    PRICE = "price"
    INDEX = "index"
    FORWARD = "forward"
    MARK = "mark"
    VOLATILITY = "volatility"
    RATE = "rate"
    CONFIDENCE = "confidence"
    CLOSE = "close"
    PAST_VOLATILITY = "past volatility"

    @property
    def is_relative(self) -> bool:
        """Whether deviations are relative to the reference."""
        return self not in (FigureKind.RATE, FigureKind.CONFIDENCE)


_PAST: Final = (FigureKind.CLOSE, FigureKind.PAST_VOLATILITY)


@dataclass(frozen=True, slots=True, order=True)
class FigureName:
    """Which figure: its kind, and of what (an id, with an expiry where it has one)."""

    kind: FigureKind
    of: str

    def __str__(self) -> str:
        return f"{self.kind.value} of {self.of}"


@dataclass(frozen=True)
class MarketFigures:
    """All figures of a market, and the terms of what it lists, by id."""

    figures: Mapping[FigureName, Fraction]
    terms: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Deviation:
    """One figure in two markets; `basis_points` is None where the reference is 0 and the figure is not."""

    name: FigureName
    reference: Fraction
    figure: Fraction

    @property
    def basis_points(self) -> Fraction | None:
        """The deviation, exactly."""
        difference = abs(self.figure - self.reference)
        if not self.name.kind.is_relative or difference == 0:
            return BASIS_POINTS * difference
        return BASIS_POINTS * difference / self.reference if self.reference else None

    def describe(self) -> str:
        """Which figure, from what to what, and how far: ``index of BTC, from 100 to 101: 100.00 basis points``."""
        return (
            f"{self.name}, from {exact_text(self.reference)} to {exact_text(self.figure)}: "
            f"{basis_points_text(self.basis_points)} basis points"
        )

    def exceeds(self, bound: Fraction) -> bool:
        """Whether the deviation is more than `bound` basis points."""
        points = self.basis_points
        return points is None or points > bound


@dataclass(frozen=True)
class MarketComparison:
    """How a market differs from a reference.

    `deviations` are those of all figures that both have, the largest first; `new` and `gone` the figures that one
    of them has; `changed_terms` the ids that both list, under other terms.
    """

    deviations: tuple[Deviation, ...]
    new: tuple[FigureName, ...]
    gone: tuple[FigureName, ...]
    changed_terms: tuple[str, ...]

    @property
    def largest(self) -> Deviation:
        """The figure that moved most."""
        return self.deviations[0]


def compare_markets(reference: PublicMarket, market: PublicMarket) -> MarketComparison:
    """How `market` differs from `reference`. Raises `IncomparableMarketsError`."""
    if not is_comparable(reference, market):
        raise IncomparableMarketsError("the markets are of two formats, or in two quote currencies")
    old, new = market_figures(reference), market_figures(market)
    deviations = [
        Deviation(name, old.figures[name], figure)
        for name, figure in new.figures.items()
        if name in old.figures
    ]
    if not deviations:
        raise IncomparableMarketsError("the markets have no figure in common")
    return MarketComparison(
        tuple(sorted(deviations, key=_largest_first)),
        _names(new.figures.keys() - old.figures.keys()),
        _names(old.figures.keys() - new.figures.keys()),
        tuple(sorted(each for each, terms in new.terms.items() if old.terms.get(each, terms) != terms)),
    )


def _names(names: AbstractSet[FigureName]) -> tuple[FigureName, ...]:
    """In order; of a history one name for each series, so that its days do not hide other names."""
    past: Counter[FigureName] = Counter()
    rest = []
    for name in names:
        if name.kind in _PAST:
            past[FigureName(name.kind, name.of.rpartition(" at ")[0])] += 1
        else:
            rest.append(name)
    days = [FigureName(name.kind, f"{name.of}, {count:,} times") for name, count in past.items()]
    return (*sorted(rest), *sorted(days))


def is_comparable(reference: PublicMarket, market: PublicMarket) -> bool:
    """Whether two markets are of one format and in one quote currency."""
    return format_of(reference) == format_of(market) and quote_of(reference) == quote_of(market)


def market_figures(market: PublicMarket) -> MarketFigures:
    """The figures of a market of any format."""
    if isinstance(market, PriceDocument):
        prices = {
            FigureName(FigureKind.PRICE, asset): Fraction(text)
            for asset, text in market.prices.prices.items()
        }
        return MarketFigures(MappingProxyType(prices), MappingProxyType({}))
    if isinstance(market, SourceMarket):
        return _of_source(market)
    figures = _of_snapshot(market.snapshot)
    if isinstance(market, MarketDocument) and market.history is not None:
        figures |= _of_history(market.history)
    if isinstance(market, Pmrm2Market):
        figures |= _of_confidences(market.confidences)
    terms = {instrument.id: _terms(instrument) for instrument in market.snapshot.instruments}
    return MarketFigures(MappingProxyType(figures), MappingProxyType(terms))


def _of_source(market: SourceMarket) -> MarketFigures:
    figures = {FigureName(FigureKind.PRICE, each): entry.price for each, entry in market.assets.items()}
    terms = {each: _source_terms(entry) for each, entry in market.assets.items()}
    return MarketFigures(MappingProxyType(figures), MappingProxyType(terms))


def _source_terms(entry: SourceAsset) -> str:
    pools = {pool: [(tier.upper, tier.percent) for tier in tiers] for pool, tiers in entry.pools.items()}
    return f"{entry.decimals} {sorted(pools.items())}"


def _of_snapshot(snapshot: MarketSnapshot) -> dict[FigureName, Fraction]:
    figures: dict[FigureName, Fraction] = {}
    for underlying in snapshot.underlyings:
        if underlying.index is not None:
            figures[FigureName(FigureKind.INDEX, underlying.id)] = Fraction(underlying.index)
        for point in underlying.expiries:
            figures |= _of_point(underlying.id, point)
    for instrument in snapshot.instruments:
        if isinstance(instrument, Cash):
            figures[FigureName(FigureKind.PRICE, instrument.id)] = Fraction(instrument.price)
        elif isinstance(instrument, Contract):
            figures[FigureName(FigureKind.MARK, instrument.id)] = Fraction(instrument.mark)
        elif isinstance(instrument, Option):
            figures[FigureName(FigureKind.VOLATILITY, instrument.id)] = Fraction(instrument.volatility)
    return figures


def _of_point(underlying: str, point: ExpiryPoint) -> dict[FigureName, Fraction]:
    of = f"{underlying} at {format_time(point.expiry)}"
    return {
        FigureName(FigureKind.FORWARD, of): Fraction(point.forward),
        FigureName(FigureKind.RATE, of): Fraction(point.rate),
    }


def _of_history(history: PriceHistory) -> dict[FigureName, Fraction]:
    figures: dict[FigureName, Fraction] = {}
    for series in history.series:
        for kind, past in (
            (FigureKind.CLOSE, series.closes),
            (FigureKind.PAST_VOLATILITY, series.volatilities or ()),
        ):
            figures |= {
                FigureName(kind, f"{series.subject} at {format_time(moment)}"): Fraction(figure)
                for moment, figure in zip(history.times, past, strict=False)
            }
    return figures


def _of_confidences(confidences: Confidences) -> dict[FigureName, Fraction]:
    found = {"the spot feed": confidences.spot, "the perpetual feed": confidences.perp}
    for expiry, each in confidences.expiries.items():
        at = format_time(expiry)
        found |= {
            f"the volatility feed at {at}": each.volatility,
            f"the forward feed at {at}": each.forward,
            f"the rate feed at {at}": each.rate,
        }
    found |= {f"collateral {asset}": figure for asset, figure in confidences.collaterals.items()}
    # Floats that were read from decimal text: their shortest text is what was published.
    return {
        FigureName(FigureKind.CONFIDENCE, of): Fraction(shortest_decimal(each)) for of, each in found.items()
    }


def _terms(instrument: Instrument) -> str:
    """Everything of an instrument but its figure, as text that differs where it differs."""
    if isinstance(instrument, Cash):
        return "cash"
    words = [type(instrument).__name__, instrument.underlying]
    if isinstance(instrument, Contract):
        expiry = "" if instrument.expiry is None else format_time(instrument.expiry)
        words += [instrument.settlement.value, decimal_text(instrument.multiplier), expiry]
    elif isinstance(instrument, Option):
        words += [format_time(instrument.expiry), decimal_text(instrument.strike)]
        words += ["call" if instrument.is_call else "put", decimal_text(instrument.multiplier)]
    return repr(words)


def _largest_first(deviation: Deviation) -> tuple[bool, Fraction, FigureName]:
    points = deviation.basis_points
    return points is not None, -points if points is not None else Fraction(0), deviation.name


def exact_text(figure: Fraction) -> str:
    """Canonical decimal text of a figure, which is a decimal fraction."""
    # No context of the module `decimal` rounds here: figures have up to 60 digits.
    places = decimal_places([figure])
    sign, digits = "-" if figure < 0 else "", str(abs(int(figure * 10**places))).zfill(places + 1)
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)


def basis_points_text(points: Fraction | None) -> str:
    """For people: two decimal places, rounded up, so that a figure shown is never below the deviation."""
    if points is None:
        return "unbounded (from 0)"
    hundredths = math.ceil(points * 100)
    return f"{hundredths // 100:,}.{hundredths % 100:02}"


def names_text(names: Iterable[object], shown: int = 6) -> str:
    """The first few of some names, and how many more."""
    texts = [str(name) for name in names]
    rest = f" and {len(texts) - shown:,} more" if len(texts) > shown else ""
    return ", ".join(texts[:shown]) + rest
