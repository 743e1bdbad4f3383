"""Parameters of Deribit portfolio margin, read from model documents (docs/models/deribit-portfolio-margin.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, DecimalException, Inexact
from enum import StrEnum
from fractions import Fraction
from typing import Final

from circuits.market.decimals import parse_decimal, read_decimal
from circuits.market.scenarios import MarketScenario, Move
from circuits.models.risk_inputs import (
    check_scenario,
    fraction_field,
    percent_text,
    underlying_id,
    volatility_change,
    volatility_fields,
)
from circuits.prices import MAX_DECIMAL_LENGTH
from primitives.assets import MAX_ASSET_ID_BYTES
from primitives.strict_json import Json, JsonError, JsonObject

CHANGES: Final = ("up", "same", "down")
MAX_PAIRS: Final = 256
MAX_BUCKETS: Final = 32
MAX_MOVES: Final = 64
MAX_CHORDS: Final = 32
_MAX_AMOUNT: Final = 10**15
_MAX_YEARLY: Final = 100


class Numeraire(StrEnum):
    """What profits of a pair are counted in."""

    COIN = "coin"
    """In the underlying, at its shocked price."""
    QUOTE = "quote"


@dataclass(frozen=True)
class ExtendedMove:
    """A move m beyond the price range R: profits count ``ratio`` times, losses less `dampener`.

    ``ratio = factor R / |m|``, ``dampener = (max(|m| / R, 1) - 1)`` times the dampener of the table, in the quote
    currency.
    """

    scenario: MarketScenario
    ratio: Fraction
    dampener: Fraction


@dataclass(frozen=True)
class DeltaShock:
    """``min(increment x (x - threshold / S), maximum x) S`` of a delta of x > threshold / S units, at index S.

    With `chords` = 0 the delta must be within the threshold; else the shock is replaced by that many chords.
    """

    threshold: Fraction
    increment: Fraction
    maximum: Fraction
    chords: int

    def knots(self, index: Fraction) -> list[tuple[Fraction, Fraction]]:
        """``(delta value, shock)`` in the quote currency, from the threshold to where the maximum begins."""
        last = self.threshold + self.maximum / self.increment * index
        step = (last - self.threshold) / self.chords
        values = [self.threshold + number * step for number in range(self.chords + 1)]
        return [(x, self.increment * x / index * (x - self.threshold)) for x in values]


@dataclass(frozen=True)
class Pair:
    """The parameters of one underlying. `standard` and the extended moves have labels without its id."""

    underlying: str
    price_range: Fraction
    buckets: int
    standard: tuple[MarketScenario, ...]
    extended: tuple[ExtendedMove, ...]
    delta_shock: DeltaShock
    minimum_move: Fraction
    annual_move: Fraction

    @property
    def scenarios(self) -> tuple[MarketScenario, ...]:
        """Standard and extended."""
        return (*self.standard, *(move.scenario for move in self.extended))

    @property
    def cells(self) -> list[tuple[int, str]]:
        """Price step and change of volatility of every standard scenario, in order."""
        return [(step, name) for step in range(-self.buckets, self.buckets + 1) for name in CHANGES]

    def label(self, scenario: MarketScenario) -> str:
        """The label in the risk array."""
        return f"{self.underlying}: {scenario.label}"


@dataclass(frozen=True)
class CorrelationSet:
    """Pairs that move together. Of a pair's gain `gain_ratio` counts, up to `gain_cap` in the quote currency."""

    pairs: tuple[str, ...]
    gain_ratio: Fraction
    gain_cap: Fraction


def parse_pair(value: Json, path: str) -> Pair:
    """An entry of ``pairs``."""
    fields = JsonObject(value, path)
    underlying = fields.text("underlying", max_length=MAX_ASSET_ID_BYTES)
    price_range = read_decimal(fields, "price_range")
    if not 0 < price_range < 1:
        raise fields.fail("price_range", "is not between 0 and 1")
    buckets = fields.integer("buckets", minimum=1, maximum=MAX_BUCKETS)
    step = _price_step(fields, price_range, buckets)
    nested = fields.object("volatility")
    up, down = read_decimal(nested, "up"), read_decimal(nested, "down")
    base = volatility_fields(nested)
    nested.finish()
    if up < 0 or down < 0:
        raise fields.fail("volatility", "up and down are sizes of moves, and not negative")
    changes = dict(zip(CHANGES, (up, Decimal(0), -down), strict=True))
    standard = tuple(
        check_scenario(
            MarketScenario(
                f"price {percent_text(number * step)}, volatility {name}",
                (Move(multiple=1 + number * step, volatility=volatility_change(base, change)),),
            ),
            path,
        )
        for number in range(-buckets, buckets + 1)
        for name, change in changes.items()
    )
    extended = _parse_extended(
        fields.object("extended"), Move(volatility=volatility_change(base, up)), Fraction(price_range)
    )
    shock = _parse_delta_shock(fields.object("delta_shock"))
    roll = fields.object("roll")
    minimum = fraction_field(roll, "minimum_move", maximum=1)
    annual = fraction_field(roll, "annual_move", maximum=_MAX_YEARLY)
    roll.finish()
    fields.finish()
    return Pair(underlying, Fraction(price_range), buckets, standard, extended, shock, minimum, annual)


def parse_set(value: Json, path: str) -> CorrelationSet:
    """An entry of ``sets``; a gain ratio above 1 is not concave, and refused."""
    fields = JsonObject(value, path)
    pairs = fields.array("pairs", underlying_id, max_items=MAX_PAIRS)
    if len(pairs) < 2:
        raise fields.fail("pairs", "has fewer than two pairs: a pair in no set stands alone")
    ratio = fraction_field(fields, "gain_ratio")
    if ratio > 1:
        raise fields.fail("gain_ratio", "is above 1: what a gain counts would not be concave")
    cap = fraction_field(fields, "gain_cap", maximum=_MAX_AMOUNT)
    fields.finish()
    return CorrelationSet(tuple(pairs), ratio, cap)


def check_sets(fields: JsonObject, pairs: Sequence[Pair], sets: Sequence[CorrelationSet]) -> None:
    """`JsonError` unless pairs are distinct, and each is in one set at most, with others of the same tables."""
    by_underlying = {pair.underlying: pair for pair in pairs}
    if len(by_underlying) != len(pairs):
        raise fields.fail("pairs", "an underlying is listed twice")
    seen: set[str] = set()
    for place, members in enumerate(sets):
        where = f"sets[{place}].pairs"
        for underlying in members.pairs:
            if underlying not in by_underlying or underlying in seen:
                raise fields.fail(where, f"{underlying!r} is no pair, or in a set already")
            seen.add(underlying)
        shapes = {
            (by_underlying[each].buckets, tuple(m.scenario.label for m in by_underlying[each].extended))
            for each in members.pairs
        }
        if len(shapes) > 1:
            raise fields.fail(where, "pairs of a set need as many buckets and the same extended moves")


def _price_step(fields: JsonObject, price_range: Decimal, buckets: int) -> Decimal:
    try:
        return Context(prec=50, traps=[Inexact]).divide(price_range, Decimal(buckets))
    except DecimalException as error:
        raise fields.fail("buckets", f"{price_range} / {buckets} is no decimal number") from error


def _parse_extended(fields: JsonObject, base: Move, price_range: Fraction) -> tuple[ExtendedMove, ...]:
    factor = fraction_field(fields, "factor", maximum=_MAX_YEARLY)
    dampener = fraction_field(fields, "dampener", maximum=_MAX_AMOUNT)

    def parse(value: Json, path: str) -> ExtendedMove:
        move = _decimal_item(value, path)
        if move == 0:
            raise JsonError(path, "is zero")
        scenario = MarketScenario(
            f"extended, price {percent_text(move)}", (Move(multiple=1 + move, volatility=base.volatility),)
        )
        size = abs(Fraction(move))
        relief = (max(size / price_range, Fraction(1)) - 1) * dampener
        return ExtendedMove(check_scenario(scenario, path), factor * price_range / size, relief)

    moves = fields.array("moves", parse, max_items=MAX_MOVES)
    if len({move.scenario.label for move in moves}) != len(moves):
        raise fields.fail("moves", "lists a move twice")
    fields.finish()
    return tuple(moves)


def _decimal_item(value: Json, path: str) -> Decimal:
    if not isinstance(value, str) or len(value) > MAX_DECIMAL_LENGTH:
        raise JsonError(path, "expected decimal text")
    try:
        return parse_decimal(value)
    except ValueError as error:
        raise JsonError(path, f"{value!r} is {error}") from error


def _parse_delta_shock(fields: JsonObject) -> DeltaShock:
    threshold = fraction_field(fields, "threshold", maximum=_MAX_AMOUNT)
    increment = fraction_field(fields, "increment", maximum=1)
    maximum = fraction_field(fields, "maximum", maximum=1)
    chords = fields.integer("chords", minimum=0, maximum=MAX_CHORDS)
    if chords and (increment == 0 or maximum == 0):
        raise fields.fail("chords", "chords need an increment and a maximum above 0")
    fields.finish()
    return DeltaShock(threshold, increment, maximum, chords)
