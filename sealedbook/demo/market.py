"""The market of the demonstration: instruments, made-up prices, and what a shock does to them.

Options are marked by Black-76 (F. Black, "The pricing of commodity contracts", 1976) without interest:

    call = F N(d1) - K N(d2)         d1 = (ln(F/K) + s^2 T/2) / (s sqrt T)
    put  = K N(-d2) - F N(-d1)       d2 = d1 - s sqrt T

F: forward, K: strike, T: time to expiry in years of 365 days, s: volatility, N: standard normal distribution.
Marks are rounded to the cent and published; whatever is proven later uses the published marks alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from enum import Enum
from typing import Final

from circuits.prices import PRICES_FORMAT, PriceList
from primitives.assets import AssetList
from primitives.attestation import format_time
from primitives.strict_json import Json, canonical_json

AS_OF: Final = datetime(2026, 6, 30, tzinfo=UTC)
QUOTE: Final = "USDT"
SCALE: Final = 11
"""Values count 10^-11 USDT: fine enough for every price below per base unit of its asset."""

_SECONDS_PER_YEAR: Final = 365 * 86_400
_VOLATILITY: Final = {"BTC": 0.46, "ETH": 0.62, "SOL": 0.78}
_YEARLY_CARRY: Final = 0.05
_SMILE: Final = 0.20
"""Volatility added per unit of ``|ln(K/F)|``."""


class Kind(Enum):
    """What an instrument is."""

    SPOT = "spot"
    STABLE = "stable"
    PERPETUAL = "perpetual"
    COST = "cost"
    CALL = "call"
    PUT = "put"


@dataclass(frozen=True, slots=True)
class Instrument:
    """One column of the book; `underlying` is the coin whose price it follows.

    A perpetual has two columns: its size in lots, and (`Kind.COST`) minus what the position cost in USDT,
    so that size times mark plus cost is the unrealised profit, linear in what is sealed.
    """

    id: str
    decimals: int
    kind: Kind
    underlying: str = ""
    price: Decimal = Decimal(0)
    strike: int = 0
    expiry: datetime | None = None

    @property
    def is_option(self) -> bool:
        """Whether it is a call or a put."""
        return self.kind in (Kind.CALL, Kind.PUT)


_SPOT: Final = (
    # id, decimals, price. Decimals are chosen so that a whole exchange fits 63 bits of base units: ETH counts
    # in gwei (9), as at 18 decimals no account could hold more than 9.2 ETH.
    ("BTC", 8, "76420.5"),
    ("ETH", 9, "2865.4"),
    ("SOL", 9, "148.72"),
    ("XRP", 6, "2.1834"),
    ("DOGE", 6, "0.18342"),
    ("USDT", 6, "1"),
    ("USDC", 6, "1.0002"),
)
_STABLE: Final = ("USDT", "USDC")
_PERPETUALS: Final = (
    # underlying, decimals of a lot, mark
    ("BTC", 4, "76431.2"),
    ("ETH", 3, "2866.05"),
    ("SOL", 1, "148.79"),
)
_OPTIONS: Final = (
    # underlying, expiry, strikes and kinds
    ("BTC", datetime(2026, 9, 25, 8, tzinfo=UTC), ((68000, "P"), (80000, "C"), (90000, "C"))),
    ("BTC", datetime(2026, 12, 25, 8, tzinfo=UTC), ((60000, "P"), (80000, "C"), (100000, "C"))),
    ("ETH", datetime(2026, 9, 25, 8, tzinfo=UTC), ((2600, "P"), (3000, "C"))),
    ("ETH", datetime(2026, 12, 25, 8, tzinfo=UTC), ((2400, "P"), (3500, "C"))),
)
_OPTION_DECIMALS: Final = 2


@dataclass(frozen=True)
class Market:
    """All instruments with their prices, in the order of their columns."""

    instruments: tuple[Instrument, ...]

    @property
    def assets(self) -> AssetList:
        """The asset list of the book."""
        return AssetList.of((instrument.id, instrument.decimals) for instrument in self.instruments)

    @property
    def prices(self) -> PriceList:
        """The published prices."""
        return PriceList(QUOTE, SCALE, {item.id: _text(item.price) for item in self.instruments})

    @property
    def option_expiries(self) -> int:
        """How many expiries the options have."""
        return len({instrument.expiry for instrument in self.instruments if instrument.expiry})

    def unit_values(self) -> list[int]:
        """Value of one base unit of each column, an exact number of 10^-11 USDT."""
        prices = self.prices
        return [prices.unit_value(asset) for asset in self.assets]

    def columns(self, *kinds: Kind) -> list[int]:
        """The columns of these kinds."""
        return [column for column, item in enumerate(self.instruments) if item.kind in kinds]

    def to_bytes(self) -> bytes:
        """``market.json``: format sealedbook/prices/v1, canonical JSON."""
        entries: list[Json] = [
            {"asset": instrument.id, "price": _text(instrument.price)} for instrument in self.instruments
        ]
        return canonical_json(
            {
                "format": PRICES_FORMAT,
                "as_of": format_time(AS_OF),
                "quote": QUOTE,
                "scale": SCALE,
                "prices": entries,
            }
        )

    def shocked_prices(self, move: float, volatility_factor: float) -> list[float]:
        """Price of each column per whole unit after all coins move by the fraction `move` together."""
        return [_shocked_price(instrument, move, volatility_factor) for instrument in self.instruments]


def demo_market() -> Market:
    """The market of the demonstration."""
    return Market((*_spot(), *_perpetuals(), *_options()))


def black_76(forward: float, strike: float, years: float, volatility: float, *, call: bool) -> float:
    """The undiscounted value of a European option."""
    deviation = volatility * math.sqrt(years)
    d1 = (math.log(forward / strike) + deviation * deviation / 2) / deviation
    d2 = d1 - deviation
    if call:
        return forward * _normal(d1) - strike * _normal(d2)
    return strike * _normal(-d2) - forward * _normal(-d1)


def _normal(x: float) -> float:
    return math.erfc(-x / math.sqrt(2)) / 2


def _spot() -> Iterator[Instrument]:
    for asset, decimals, price in _SPOT:
        kind = Kind.STABLE if asset in _STABLE else Kind.SPOT
        yield Instrument(asset, decimals, kind, asset, Decimal(price))


def _perpetuals() -> Iterator[Instrument]:
    for underlying, decimals, mark in _PERPETUALS:
        name = f"{underlying}-PERP"
        yield Instrument(name, decimals, Kind.PERPETUAL, underlying, Decimal(mark))
        yield Instrument(f"{name}:quote", 6, Kind.COST, underlying, Decimal(1))


def _options() -> Iterator[Instrument]:
    for underlying, expiry, series in _OPTIONS:
        day = f"{expiry.day}{expiry:%b%y}".upper()
        for strike, letter in series:
            kind = Kind.CALL if letter == "C" else Kind.PUT
            value = _option_value(underlying, kind, strike, expiry, move=0.0, volatility_factor=1.0)
            mark = max(Decimal(value).quantize(Decimal("0.01"), ROUND_HALF_EVEN), Decimal("0.01"))
            name = f"{underlying}-{day}-{strike}-{letter}"
            yield Instrument(name, _OPTION_DECIMALS, kind, underlying, mark, strike, expiry)


def _option_value(
    underlying: str, kind: Kind, strike: int, expiry: datetime, *, move: float, volatility_factor: float
) -> float:
    forward = forward_price(underlying, expiry) * (1 + move)
    volatility = implied_volatility(underlying, strike, forward) * volatility_factor
    return black_76(forward, strike, _years_to(expiry), volatility, call=kind is Kind.CALL)


def forward_price(underlying: str, expiry: datetime) -> float:
    """What the coin is worth for delivery at `expiry`."""
    spot = next(float(price) for asset, _, price in _SPOT if asset == underlying)
    return spot * (1 + _YEARLY_CARRY * _years_to(expiry))


def implied_volatility(underlying: str, strike: int, forward: float) -> float:
    """The volatility that an option of this strike is marked with."""
    return _VOLATILITY[underlying] + _SMILE * abs(math.log(strike / forward))


def _years_to(expiry: datetime) -> float:
    return (expiry - AS_OF).total_seconds() / _SECONDS_PER_YEAR


def _shocked_price(instrument: Instrument, move: float, volatility_factor: float) -> float:
    if instrument.kind in (Kind.STABLE, Kind.COST):
        return float(instrument.price)
    if instrument.expiry is not None:
        return _option_value(
            instrument.underlying,
            instrument.kind,
            instrument.strike,
            instrument.expiry,
            move=move,
            volatility_factor=volatility_factor,
        )
    return float(instrument.price) * (1 + move)


def _text(price: Decimal) -> str:
    """Canonical decimal text: no exponent, no superfluous zero."""
    text = f"{price:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
