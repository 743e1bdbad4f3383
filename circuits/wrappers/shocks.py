"""Joint moves of prices: a market as it would be after one.

A move is of an underlying (its index, its forwards and the marks of the contracts on it; the volatilities of its
options by a factor of their own), or of an asset that has a price of its own: cash, or any asset of a market that
prices assets one by one. Prices are multiplied exactly; options are priced anew. Time does not pass. Integer tables
that were published with the market (risk array, unit prices) are of its own prices, and are left out; a table of the
prices after the move can stand in their place, and is checked where the model is built (docs/market.md, section 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Final, TypeAlias, TypeVar

from circuits.market.decimals import decimal_places, decimal_text, power_of_ten, read_decimal
from circuits.market.document import MarketDocument
from circuits.market.errors import MarketError
from circuits.market.risk_array import RiskArray
from circuits.market.snapshot import Cash, Contract, Instrument, MarketSnapshot, Option, Underlying
from circuits.modelling.errors import ModelError
from circuits.pmrm2.market_document import Pmrm2Market, PublishedPrices
from circuits.prices import PriceDocument
from circuits.public_market import PublicMarket
from primitives.assets import MAX_ASSET_ID_BYTES, Asset
from primitives.strict_json import Json, JsonObject

MAX_MOVES: Final = 1_024
MAX_NAME: Final = 80
MAX_CHANGE: Final = 100
_Table = TypeVar("_Table", RiskArray, PublishedPrices)
_STEP: Final = Decimal("0.000000001")


@dataclass(frozen=True, slots=True)
class PriceMove:
    """What happens to one underlying or asset: changes of price and volatility as parts of one, -0.1 for -10 %."""

    of: str
    price: Decimal
    volatility: Decimal


@dataclass(frozen=True, slots=True)
class Shock:
    """A joint move under a name; what it does not move stays as it is."""

    name: str
    moves: tuple[PriceMove, ...]

    @property
    def largest_multiple(self) -> Fraction:
        """What no price is multiplied by more than; at least 1."""
        return max((1 + Fraction(move.price) for move in self.moves if move.price > 0), default=Fraction(1))


def parse_shock(value: Json, path: str) -> Shock:
    """``{"name", "moves": [{"of", "price"?, "volatility"?}]}``; `JsonError` names the field."""
    fields = JsonObject(value, path)
    name = read_name(fields)
    moves = tuple(fields.array("moves", _parse_move, max_items=MAX_MOVES))
    if len({move.of for move in moves}) != len(moves):
        raise fields.fail("moves", "moves one thing twice")
    fields.finish()
    return Shock(name, moves)


def read_name(fields: JsonObject, name: str = "name") -> str:
    """A name that labels can begin with."""
    text = fields.text(name, max_length=MAX_NAME)
    if not text.isprintable() or text.strip() != text:
        raise fields.fail(name, "is not printable text, or has blanks around it")
    return text


def _parse_move(value: Json, path: str) -> PriceMove:
    fields = JsonObject(value, path)
    of = fields.text("of", max_length=MAX_ASSET_ID_BYTES)
    price = read_change(fields, "price") if fields.has("price") else Decimal(0)
    volatility = read_change(fields, "volatility") if fields.has("volatility") else Decimal(0)
    fields.finish()
    return PriceMove(of, price, volatility)


def read_change(fields: JsonObject, name: str) -> Decimal:
    """A change by which something stays above zero."""
    change = read_decimal(fields, name)
    if not -1 < change <= MAX_CHANGE:
        raise fields.fail(name, f"{decimal_text(change)} is not above -1 and at most {MAX_CHANGE}")
    return change


def between(start: Shock, end: Shock, step: int, steps: int) -> Shock:
    """The point ``step / steps`` of the way, changes rounded to 10^-9."""
    names = dict.fromkeys(move.of for move in (*start.moves, *end.moves))
    moves = [
        PriceMove(
            of,
            _part(_move_of(start, of).price, _move_of(end, of).price, step, steps),
            _part(_move_of(start, of).volatility, _move_of(end, of).volatility, step, steps),
        )
        for of in names
    ]
    return Shock(f"{start.name} to {end.name}, {step} of {steps}", tuple(moves))


def _move_of(shock: Shock, of: str) -> PriceMove:
    return next((move for move in shock.moves if move.of == of), PriceMove(of, Decimal(0), Decimal(0)))


def _part(start: Decimal, end: Decimal, step: int, steps: int) -> Decimal:
    exact = Fraction(start) + Fraction(step, steps) * (Fraction(end) - Fraction(start))
    return Decimal(round(exact / Fraction(_STEP))).scaleb(_STEP.adjusted())


IntegerTable: TypeAlias = RiskArray | PublishedPrices


def shocked_market(
    market: PublicMarket | None, shock: Shock, table: IntegerTable | None = None
) -> PublicMarket | None:
    """The market after the move; `ModelError` if it moves something that the market has not.

    `table` was published for the prices after the move.
    """
    if market is None:
        if shock.moves:
            raise ModelError(f"point {shock.name!r}: there is no market to move")
        return None
    moves = {move.of: move for move in shock.moves}
    try:
        if isinstance(market, MarketDocument):
            array = _expect_table(table, RiskArray, shock)
            result: PublicMarket = replace(
                market, snapshot=_moved_snapshot(market.snapshot, moves), risk_array=array
            )
        elif isinstance(market, Pmrm2Market):
            prices = _expect_table(table, PublishedPrices, shock)
            result = replace(market, snapshot=_moved_snapshot(market.snapshot, moves), unit_prices=prices)
        elif isinstance(market, PriceDocument):
            result = _moved_prices(market, moves)
        else:
            assets = {
                asset: replace(entry, price=entry.price * _multiple(moves.pop(asset, None)))
                for asset, entry in market.assets.items()
            }
            result = replace(market, assets=MappingProxyType(assets))
    except MarketError as error:
        raise ModelError(f"point {shock.name!r}: {error}") from error
    if moves:
        raise ModelError(
            f"point {shock.name!r}: the market has no underlying or price of {next(iter(moves))!r}"
        )
    return result


def check_cash(market: PublicMarket | None, shock: Shock, assets: Sequence[Asset]) -> None:
    """`ModelError` if cash that was moved is worth no whole number of value units per base unit.

    Rounding would undo the move: at a scale of 6 a base unit of 10^-6 is worth 1, at a price of 0.96 as well.
    """
    if not isinstance(market, MarketDocument | Pmrm2Market):
        return
    moved = {move.of for move in shock.moves}
    decimals = {asset.id: asset.decimals for asset in assets}
    for each in market.snapshot.instruments:
        if isinstance(each, Cash) and each.id in moved and each.id in decimals:
            worth = Fraction(each.price) * power_of_ten(market.snapshot.scale - decimals[each.id])
            if worth.denominator != 1:
                raise ModelError(
                    f"point {shock.name!r}: a base unit of {each.id!r} is worth {float(worth):g} value units after the "
                    "move, which rounding would lose: take a finer scale"
                )


def _expect_table(table: IntegerTable | None, kind: type[_Table], shock: Shock) -> _Table | None:
    if table is None or isinstance(table, kind):
        return table
    raise ModelError(f"point {shock.name!r}: the table published for it is not of the market's kind")


def _moved_prices(market: PriceDocument, moves: dict[str, PriceMove]) -> PriceDocument:
    prices = {
        asset: decimal_text(_times(Decimal(text), _multiple(moves.pop(asset, None))))
        for asset, text in market.prices.prices.items()
    }
    return replace(market, prices=replace(market.prices, prices=MappingProxyType(prices)))


def _moved_snapshot(snapshot: MarketSnapshot, moves: dict[str, PriceMove]) -> MarketSnapshot:
    """Takes out of `moves` what it has found."""
    instruments = tuple(_moved_instrument(each, moves) for each in snapshot.instruments)
    underlyings = tuple(_moved_underlying(each, moves) for each in snapshot.underlyings)
    cash = [each.id for each in snapshot.instruments if isinstance(each, Cash)]
    for known in (*cash, *(each.id for each in snapshot.underlyings)):
        moves.pop(known, None)
    return replace(snapshot, underlyings=underlyings, instruments=instruments)


def _moved_instrument(instrument: Instrument, moves: Mapping[str, PriceMove]) -> Instrument:
    if isinstance(instrument, Cash):
        return replace(instrument, price=_times(instrument.price, _multiple(moves.get(instrument.id))))
    move = moves.get(instrument.underlying)
    if isinstance(instrument, Contract):
        return replace(instrument, mark=_times(instrument.mark, _multiple(move)))
    if isinstance(instrument, Option) and move is not None:
        return replace(instrument, volatility=_times(instrument.volatility, 1 + Fraction(move.volatility)))
    return instrument


def _moved_underlying(underlying: Underlying, moves: Mapping[str, PriceMove]) -> Underlying:
    multiple = _multiple(moves.get(underlying.id))
    points = tuple(replace(point, forward=_times(point.forward, multiple)) for point in underlying.expiries)
    index = None if underlying.index is None else _times(underlying.index, multiple)
    return replace(underlying, index=index, expiries=points)


def _multiple(move: PriceMove | None) -> Fraction:
    return Fraction(1) if move is None else 1 + Fraction(move.price)


def _times(number: Decimal, factor: Fraction) -> Decimal:
    """Exactly: no context of the module `decimal` rounds here."""
    product = Fraction(number) * factor
    places = decimal_places([product])
    digits = tuple(map(int, str(abs(int(product * 10**places)))))
    return Decimal((int(product < 0), digits, -places))
