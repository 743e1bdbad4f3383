"""The margin holds at other prices too (docs/models/survives.md).

*Points*: the inner model once more at every market that a list of joint moves makes; splits of positions are shared.

*Segments*: everywhere on the straight line between two points. Where equity less requirement is a concave function of
prices, which it is of books without options and inverse contracts in most models, the two ends prove it and no row
is added. Otherwise a segment is refused, unless it names a number of steps: then it is so many points more.

*Independent moves*: whichever way each contract goes, by x at most. With E equity at the market, p_m the value of a
base unit, and R' the requirement where all prices are (1 + x) times what they are,

    E - x sum_m p_m |q_m| - R' >= 0

A condition that its kind of move makes stricter than the method has to is conservative, never the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import chain
from math import ceil
from types import MappingProxyType
from typing import ClassVar, Final, Self

from circuits.market.decimals import decimal_text
from circuits.market.document import MarketDocument
from circuits.market.risk_array import RiskArray
from circuits.market.risk_array_document import parse_risk_array, risk_array_to_json
from circuits.modelling import Model, ModelError
from circuits.modelling.definition import expect_market
from circuits.modelling.model import Margin
from circuits.modelling.words import ModelWords, counted, listed
from circuits.pmrm2.market_document import Pmrm2Market, parse_unit_prices, unit_prices_to_json
from circuits.pmrm2.model import PortfolioMargin
from circuits.public_market import PublicMarket
from circuits.wrappers.contracts import contract_charge, curved_instrument, has_options
from circuits.wrappers.shocks import (
    IntegerTable,
    PriceMove,
    Shock,
    between,
    check_cash,
    parse_shock,
    read_change,
    read_name,
    shocked_market,
)
from circuits.wrappers.wrapper import Wrapper, pass_on, read_inner
from primitives.assets import Asset
from primitives.strict_json import Json, JsonObject

MAX_POINTS: Final = 64
"""Every point builds the inner model once more."""
MAX_STEPS: Final = 64


@dataclass(frozen=True, slots=True)
class Segment:
    """The straight line between two points; `steps` is None if the ends prove it."""

    start: Shock
    end: Shock
    steps: int | None

    @property
    def points(self) -> tuple[Shock, ...]:
        """Those between the ends that get rows of their own."""
        if self.steps is None:
            return ()
        return tuple(between(self.start, self.end, step, self.steps) for step in range(1, self.steps))


@dataclass(frozen=True, slots=True)
class IndependentMoves:
    """Every contract moves by at most `change`, up or down, whatever the others do."""

    name: str
    change: Decimal


@dataclass(frozen=True)
class Survives(Wrapper):
    """``{"kind": "survives", "version": 1, "margin", "points"?, "segments"?, "independent"?, "published"?}``.

    ``points`` lists ``{"name", "moves": [{"of", "price"?, "volatility"?}]}``, ``segments`` ``{"from", "to", "steps"?}``
    with names of points, ``independent`` ``{"name", "price"}``, ``published`` ``{"name", "risk_array" or
    "unit_prices"}``: integer tables of points, as markets have them. The market as it is, is a point without moves,
    and is not proven unless it is listed.
    """

    kind: ClassVar[str] = "survives"

    points: tuple[Shock, ...]
    segments: tuple[Segment, ...]
    independent: tuple[IndependentMoves, ...]
    published: Mapping[str, IntegerTable]
    """By the name of the point."""

    @classmethod
    def from_json(cls, fields: JsonObject) -> Self:
        """Read the fields; errors name the entry."""
        inner = read_inner(fields, cls)
        points: list[Shock] = []
        if fields.has("points"):
            points = fields.array("points", parse_shock, max_items=MAX_POINTS)
        by_name = {point.name: point for point in points}
        segments: list[Segment] = []
        if fields.has("segments"):
            segments = fields.array(
                "segments", lambda value, path: _parse_segment(value, path, by_name), max_items=MAX_POINTS
            )
        independent: list[IndependentMoves] = []
        if fields.has("independent"):
            independent = fields.array("independent", _parse_independent, max_items=MAX_POINTS)
        published: list[tuple[str, IntegerTable]] = []
        if fields.has("published"):
            published = fields.array("published", _parse_published, max_items=MAX_POINTS)
        tables = MappingProxyType(dict(published))
        if len(tables) != len(published):
            raise fields.fail("published", "names a point twice")
        result = cls(inner, tuple(points), tuple(segments), tuple(independent), tables)
        result._check(fields)
        return result

    def _check(self, fields: JsonObject) -> None:
        names = [point.name for point in self.all_points] + [moves.name for moves in self.independent]
        if not names:
            raise fields.fail("points", "or 'independent' is needed")
        if len(set(names)) != len(names):
            raise fields.fail("points", "two points have one name")
        if len(names) > MAX_POINTS:
            raise fields.fail("segments", f"make more than {MAX_POINTS} points")
        for name in self.published.keys() - {point.name for point in self.all_points}:
            raise fields.fail("published", f"{name!r} is no point")
        if self.independent and not self.inner.has_rising_charges:
            reason = (
                f"need a model whose charges rise with prices, and {self.inner.kind!r} is not known to be one"
            )
            raise fields.fail("independent", reason)
        is_open = any(segment.steps is None for segment in self.segments)
        if is_open and not self.inner.has_concave_slack:
            raise fields.fail(
                "segments", f"{_not_concave(self.inner.kind)}: name a number of 'steps', or points"
            )

    @property
    def all_points(self) -> tuple[Shock, ...]:
        """Those of the list, then those on segments."""
        return (*self.points, *chain.from_iterable(segment.points for segment in self.segments))

    @property
    def subject(self) -> str:
        """For people."""
        return "the margin at other prices"

    def words(self) -> ModelWords:
        """For people."""
        conditions = []
        if self.points:
            described = listed([_described(point) for point in self.points])
            conditions.append(
                f"at each of {counted(len(self.points), 'point')}, all that follows holds at the prices there: "
                f"{described}"
            )
        for segment in self.segments:
            ends = f"{segment.start.name!r} to {segment.end.name!r}"
            if segment.steps is None:
                conditions.append(
                    f"everywhere on the straight line from {ends}, all that follows holds as well"
                )
            else:
                conditions.append(
                    f"from {ends}, all that follows holds at {counted(segment.steps - 1, 'point')} between, evenly "
                    "spaced, and nothing is said of prices between those"
                )
        conditions += [
            f"{each.name!r}: all that follows holds whichever way the price of each contract moves by at most "
            f"{_percent(each.change).removeprefix('+')}, whatever the others do"
            for each in self.independent
        ]
        return self.words_around(conditions, self._conservative(), when="there: ")

    def _conservative(self) -> list[str]:
        result = []
        if not any(not point.moves for point in self.points) and not self.independent:
            result.append("not covered: the prices of the market as they are, which are no point of the list")
        if any(segment.steps is None for segment in self.segments):
            result.append(
                "between two points the inner model holds with exact prices; rounding to whole units, at both ends, "
                "can differ from that by one unit per base unit"
            )
        if self.independent:
            result.append(
                "independent moves: losses of longs and shorts add up, and charges are those at the highest prices"
            )
        return result

    def value_cap(self, assets: Sequence[Asset], market: PublicMarket | None) -> int:
        """With room for what the highest prices make of an account."""
        multiples = [point.largest_multiple for point in self.all_points]
        multiples += [1 + Fraction(moves.change) for moves in self.independent]
        return ceil(max(multiples) * self.inner.value_cap(assets, market))

    def build(self, model: Model, market: PublicMarket | None) -> None:
        """The inner model, once for every point, and twice for independent moves."""
        if any(segment.steps is None for segment in self.segments):
            curved = curved_instrument(market, tuple(model.assets))
            if curved is not None:
                raise ModelError(
                    f"a segment between two points is not proven by its ends: {curved}, which, held long, loses most "
                    "in between (long gamma); name a number of 'steps', or points"
                )

        def require(margin: Margin) -> None:
            pass_on(model, margin, is_reported=False)

        for point in self.all_points:
            moved = shocked_market(market, point, self.published.get(point.name))
            check_cash(moved, point, model.assets.assets)
            with model.embedded(margins=require, prefix=f"{point.name}: "):
                self.inner.build(model, moved)
        for moves in self.independent:
            self._require_independent(model, market, moves)

    def tables(self, assets: Sequence[Asset], market: PublicMarket | None) -> Json:
        """The field ``published`` for a book with these `assets`: the integer table of every point, if it has options.

        What the document has already is kept. Raises `ModelError`.
        """
        visible = tuple(assets)
        model = self.model(visible, market)
        entries: list[Json] = []
        for point in self.all_points:
            table = self._table(model, visible, market, point)
            if isinstance(table, RiskArray):
                entries.append({"name": point.name, "risk_array": risk_array_to_json(table)})
            elif table is not None:
                entries.append({"name": point.name, "unit_prices": unit_prices_to_json(table)})
        return entries

    def _table(
        self, model: Model, assets: Sequence[Asset], market: PublicMarket | None, point: Shock
    ) -> IntegerTable | None:
        if point.name in self.published:
            return self.published[point.name]
        innermost = self.inner
        while isinstance(innermost, Wrapper):
            innermost = innermost.inner
        if isinstance(innermost, PortfolioMargin):
            moved = shocked_market(market, point)
            return innermost.published_prices(assets, expect_market(moved, Pmrm2Market))
        if not has_options(market, tuple(assets)):
            return None
        made: RiskArray | None = model.memo((RiskArray, f"{point.name}: "), lambda: None)
        return made

    def _require_independent(
        self, model: Model, market: PublicMarket | None, moves: IndependentMoves
    ) -> None:
        """Equity at the market, requirements with all contracts up."""
        snapshot = expect_market(market, MarketDocument).snapshot
        up = Shock(
            moves.name, tuple(PriceMove(each.id, moves.change, Decimal(0)) for each in snapshot.underlyings)
        )
        now: list[Margin] = []
        risen: list[Margin] = []
        with model.embedded(margins=now.append, prefix=f"{moves.name}: "):
            self.inner.build(model, market)
        with model.embedded(margins=risen.append, prefix=f"{moves.name}, prices up: "):
            self.inner.build(model, shocked_market(market, up))
        for before, after in zip(now, risen, strict=True):
            loss = contract_charge(model, market, before, Fraction(moves.change))
            pass_on(
                model,
                before,
                equity=before.equity - loss,
                requirement=after.requirement,
                scenarios=after.scenarios,
                is_reported=False,
            )


def _not_concave(kind: str) -> str:
    return f"equity less requirement of {kind!r} is not known to be concave in prices, so that two ends prove nothing"


def _described(point: Shock) -> str:
    if not point.moves:
        return f"{point.name!r} (prices as they are)"
    texts = []
    for move in point.moves:
        volatility = f", its volatilities {_percent(move.volatility)}" if move.volatility else ""
        texts.append(f"{move.of} {_percent(move.price)}{volatility}")
    return f"{point.name!r} ({', '.join(texts)})"


def _percent(change: Decimal) -> str:
    percent = decimal_text(change.scaleb(2))
    return f"{'+' if change > 0 else ''}{percent} %"


def _parse_segment(value: Json, path: str, points: dict[str, Shock]) -> Segment:
    fields = JsonObject(value, path)
    ends = []
    for name in ("from", "to"):
        end = read_name(fields, name)
        if end not in points:
            raise fields.fail(name, f"{end!r} is no point of the list")
        ends.append(points[end])
    if ends[0] is ends[1]:
        raise fields.fail("to", "is the same point")
    steps = fields.integer("steps", minimum=2, maximum=MAX_STEPS) if fields.has("steps") else None
    fields.finish()
    return Segment(ends[0], ends[1], steps)


def _parse_published(value: Json, path: str) -> tuple[str, IntegerTable]:
    fields = JsonObject(value, path)
    name = read_name(fields)
    table: IntegerTable
    if fields.has("unit_prices"):
        table = parse_unit_prices(fields.object("unit_prices"))
    else:
        table = parse_risk_array(fields.object("risk_array"))
    fields.finish()
    return name, table


def _parse_independent(value: Json, path: str) -> IndependentMoves:
    fields = JsonObject(value, path)
    name = read_name(fields)
    change = read_change(fields, "price")
    if not 0 < change < 1:
        raise fields.fail("price", f"{decimal_text(change)} is not above 0 and below 1")
    fields.finish()
    return IndependentMoves(name, change)
