"""A market snapshot: what is traded, and the figures of one moment.

All figures are exact decimals. Reading and writing is elsewhere (`circuits.market.document`); what is made
here is complete and consistent, whatever it was made from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, TypeAlias, TypeVar

from circuits.market.decimals import check_number
from circuits.market.errors import MarketCode, MarketError
from circuits.prices import MAX_SCALE

MAX_INSTRUMENTS: Final = 65_536
MAX_UNDERLYINGS: Final = 4_096
MAX_EXPIRIES: Final = 1_024
MAX_SOURCES: Final = 256
YEAR_SECONDS: Final = 365 * 86_400
DAY_SECONDS: Final = 86_400
MAX_YEARS: Final = 100

_Ordered = TypeVar("_Ordered", str, datetime)


class Settlement(StrEnum):
    """How profit is settled."""

    LINEAR = "linear"
    """In the quote currency: multiplier times the change of price."""
    INVERSE = "inverse"
    """In the underlying: multiplier times the change of ``-1/price``."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where figures come from, for readers."""

    name: str
    reference: str


@dataclass(frozen=True, slots=True)
class ExpiryPoint:
    """Forward price and interest rate (continuously compounded, per year) at an expiry."""

    expiry: datetime
    forward: Decimal
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Underlying:
    """What instruments are written on. `index` is its spot price; None where there is none."""

    id: str
    index: Decimal | None
    expiries: tuple[ExpiryPoint, ...]

    def point(self, expiry: datetime) -> ExpiryPoint | None:
        """The figures at `expiry`, if there are any."""
        return next((point for point in self.expiries if point.expiry == expiry), None)


@dataclass(frozen=True, slots=True)
class Cash:
    """One unit is worth `price`, in every scenario."""

    id: str
    price: Decimal


@dataclass(frozen=True, slots=True)
class Spot:
    """One unit of the underlying, worth its index."""

    id: str
    underlying: str


@dataclass(frozen=True, slots=True)
class Contract:
    """A perpetual (`expiry` is None) or a dated future, worth its mark price times the multiplier."""

    id: str
    underlying: str
    settlement: Settlement
    multiplier: Decimal
    mark: Decimal
    expiry: datetime | None = None


@dataclass(frozen=True, slots=True)
class Option:
    """A European option on `multiplier` units of the underlying."""

    id: str
    underlying: str
    expiry: datetime
    strike: Decimal
    is_call: bool
    multiplier: Decimal
    volatility: Decimal


Instrument: TypeAlias = Cash | Spot | Contract | Option


@dataclass(frozen=True)
class MarketSnapshot:
    """A snapshot as of `as_of`; values count in units of ``10^-scale`` of `quote`.

    Underlyings and instruments are in strictly increasing order of their ids (by code points), expiries of an
    underlying in order of time. Raises `MarketError`.
    """

    as_of: datetime
    quote: str
    scale: int
    sources: tuple[Source, ...]
    underlyings: tuple[Underlying, ...]
    instruments: tuple[Instrument, ...]
    _by_id: dict[str, Instrument] = field(init=False, repr=False, compare=False)
    _underlying_by_id: dict[str, Underlying] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0 <= self.scale <= MAX_SCALE:
            raise MarketError(MarketCode.NUMBER, "scale", f"{self.scale} is not between 0 and {MAX_SCALE}")
        _check_length("sources", self.sources, MAX_SOURCES)
        _check_length("underlyings", self.underlyings, MAX_UNDERLYINGS)
        _check_length("instruments", self.instruments, MAX_INSTRUMENTS)
        _check_order("underlyings", (underlying.id for underlying in self.underlyings))
        _check_order("instruments", (instrument.id for instrument in self.instruments))
        for place, underlying in enumerate(self.underlyings):
            self._check_underlying(underlying, f"underlyings[{place}]")
        object.__setattr__(self, "_by_id", {instrument.id: instrument for instrument in self.instruments})
        object.__setattr__(self, "_underlying_by_id", {each.id: each for each in self.underlyings})
        for place, instrument in enumerate(self.instruments):
            self._check_instrument(instrument, f"instruments[{place}]")

    def instrument(self, instrument_id: str) -> Instrument:
        """The instrument of that id; `MarketError` if there is none."""
        try:
            return self._by_id[instrument_id]
        except KeyError:
            reason = f"the market has no instrument {instrument_id!r}"
            raise MarketError(MarketCode.UNKNOWN_INSTRUMENT, "instruments", reason) from None

    def underlying(self, underlying_id: str) -> Underlying:
        """The underlying of that id; `MarketError` if there is none."""
        try:
            return self._underlying_by_id[underlying_id]
        except KeyError:
            reason = f"the market has no underlying {underlying_id!r}"
            raise MarketError(MarketCode.UNKNOWN_UNDERLYING, "underlyings", reason) from None

    def index_of(self, underlying_id: str) -> Decimal:
        """The index of an underlying; `MarketError` if it has none."""
        index = self.underlying(underlying_id).index
        if index is None:
            reason = f"underlying {underlying_id!r} has no index"
            raise MarketError(MarketCode.MISSING_INDEX, "underlyings", reason)
        return index

    def seconds_to(self, expiry: datetime) -> float:
        """Seconds from the moment of the snapshot to `expiry`, negative if it is past."""
        return (expiry - self.as_of).total_seconds()

    def _check_underlying(self, underlying: Underlying, where: str) -> None:
        if underlying.index is not None:
            check_number(f"{where}.index", underlying.index, above=0)
        _check_length(f"{where}.expiries", underlying.expiries, MAX_EXPIRIES)
        _check_order(f"{where}.expiries", (point.expiry for point in underlying.expiries))
        for place, point in enumerate(underlying.expiries):
            at = f"{where}.expiries[{place}]"
            check_number(f"{at}.forward", point.forward, above=0)
            check_number(f"{at}.rate", point.rate)
            if abs(point.rate) > 1:
                raise MarketError(MarketCode.NUMBER, f"{at}.rate", "is beyond 1, 100 % a year")
            if self.seconds_to(point.expiry) > MAX_YEARS * YEAR_SECONDS:
                raise MarketError(MarketCode.NUMBER, f"{at}.expiry", f"is more than {MAX_YEARS} years away")

    def _check_instrument(self, instrument: Instrument, where: str) -> None:
        if isinstance(instrument, Cash):
            check_number(f"{where}.price", instrument.price, minimum=0)
            return
        underlying = self._underlying_by_id.get(instrument.underlying)
        if underlying is None:
            reason = f"the market has no underlying {instrument.underlying!r}"
            raise MarketError(MarketCode.UNKNOWN_UNDERLYING, f"{where}.underlying", reason)
        if isinstance(instrument, Option):
            _check_option(instrument, underlying, where)
            return
        if isinstance(instrument, Contract):
            check_number(f"{where}.multiplier", instrument.multiplier, above=0)
            check_number(f"{where}.mark", instrument.mark, above=0)
        needs_index = isinstance(instrument, Spot) or instrument.settlement is Settlement.INVERSE
        if needs_index and underlying.index is None:
            reason = f"underlying {underlying.id!r} has no index, which this instrument is valued with"
            raise MarketError(MarketCode.MISSING_INDEX, where, reason)


def _check_option(option: Option, underlying: Underlying, where: str) -> None:
    check_number(f"{where}.strike", option.strike, above=0)
    check_number(f"{where}.multiplier", option.multiplier, above=0)
    check_number(f"{where}.volatility", option.volatility, minimum=0)
    if underlying.point(option.expiry) is None:
        reason = f"underlying {underlying.id!r} has no forward at this expiry"
        raise MarketError(MarketCode.MISSING_FORWARD, f"{where}.expiry", reason)


def _check_length(where: str, items: tuple[object, ...], maximum: int) -> None:
    if len(items) > maximum:
        raise MarketError(MarketCode.LIMIT, where, f"has {len(items)} entries, more than {maximum}")


def _check_order(where: str, keys: Iterable[_Ordered]) -> None:
    previous: _Ordered | None = None
    for place, key in enumerate(keys):
        if previous is not None and key == previous:
            raise MarketError(MarketCode.DUPLICATE, f"{where}[{place}]", f"{key!s} is there already")
        if previous is not None and key < previous:
            raise MarketError(MarketCode.ORDER, f"{where}[{place}]", f"{key!s} comes after {previous!s}")
        previous = key
