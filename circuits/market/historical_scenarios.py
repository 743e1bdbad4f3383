"""Scenarios of a price history: what happened over d steps in the past, once more, from the prices of today.

c_e the close at time e of the series that a price P follows, b the time d steps before e, s_e likewise volatilities:

    relative    P' = P m,    m = c_e / c_b to the nearest 10^-12       v' = v m,    m = s_e / s_b likewise
    absolute    P' = P + (c_e - c_b)                                   v' = max(0, v + (s_e - s_b))

Returns end at the last N times (*overlapping*: each starts one step after the one before), or at every d-th of
them (*separate*). A relative return is what a logarithmic one comes to: ``P exp(ln c_e - ln c_b) = P c_e / c_b``.

A price follows the series of its instrument if there is one, else that of its underlying: index, forwards and marks
move together. Cash without a series does not move. Volatilities stay as they are (*sticky*: each option keeps its
own) unless the rule asks for a history of them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final

from circuits.market.decimals import decimal_places
from circuits.market.errors import MarketCode, MarketError
from circuits.market.history import PriceHistory, Series, Step, Subject
from circuits.market.scenarios import MarketScenario, Move, VolatilityMove
from circuits.market.snapshot import (
    Cash,
    Contract,
    Instrument,
    MarketSnapshot,
    Option,
    Settlement,
    Spot,
    Underlying,
)
from primitives.attestation import format_time

RATIO_DECIMALS: Final = 12


class Shocks(StrEnum):
    """What of the past happens once more."""

    RELATIVE = "relative"
    ABSOLUTE = "absolute"


@dataclass(frozen=True, slots=True)
class ReturnRule:
    """Which returns of a history are scenarios: the last `count` over `horizon` steps.

    The last one ends at `ending`, or where the history ends. `moving` are the ids of the series that move, None for
    all. Options have `elapsed_days` less to expiry.
    """

    count: int
    horizon: int = 1
    is_overlapping: bool = True
    shocks: Shocks = Shocks.RELATIVE
    has_volatilities: bool = False
    elapsed_days: Decimal = Decimal(0)
    ending: datetime | None = None
    moving: tuple[str, ...] | None = None


def check_history(history: PriceHistory, snapshot: MarketSnapshot) -> None:
    """`MarketError` unless the history is of things of this market, and ends right before it."""
    known = {Subject(is_instrument=False, id=each.id) for each in snapshot.underlyings}
    known |= {Subject(is_instrument=True, id=each.id) for each in snapshot.instruments}
    for place, series in enumerate(history.series):
        if series.subject not in known:
            code = (
                MarketCode.UNKNOWN_INSTRUMENT
                if series.subject.is_instrument
                else MarketCode.UNKNOWN_UNDERLYING
            )
            raise MarketError(code, f"history.series[{place}]", f"the market has no {series.subject}")
    last = history.times[-1]
    if last > snapshot.as_of:
        reason = f"{format_time(last)} is after the market, which is of {format_time(snapshot.as_of)}"
        raise MarketError(MarketCode.STALE, f"history.times[{len(history.times) - 1}]", reason)
    following = history.calendar.after(last)
    if following <= snapshot.as_of:
        reason = (
            f"end at {format_time(last)}; that of {format_time(following)} is missing, and the market is of "
            f"{format_time(snapshot.as_of)}"
        )
        raise MarketError(MarketCode.STALE, "history.times", reason)


def with_own_prices(snapshot: MarketSnapshot, history: PriceHistory) -> MarketSnapshot:
    """The market with each instrument that has a series of its own on an underlying of its own, `own_underlying`.

    Values are the same. `MarketError` for options, which follow their underlying, and for inverse contracts.
    """
    underlyings = {each.id: each for each in snapshot.underlyings}
    instruments = []
    for instrument in snapshot.instruments:
        series = history.of(Subject(is_instrument=True, id=instrument.id))
        if series is None:
            instruments.append(instrument)
            continue
        made, index = _on_own_underlying(snapshot, instrument)
        if made.underlying in underlyings:
            raise MarketError(MarketCode.DUPLICATE, "underlyings", f"{made.underlying!r} is a reserved id")
        underlyings[made.underlying] = Underlying(made.underlying, index, ())
        instruments.append(made)
    return replace(
        snapshot,
        underlyings=tuple(underlyings[name] for name in sorted(underlyings)),
        instruments=tuple(instruments),
    )


def own_underlying(instrument: str) -> str:
    """What `with_own_prices` calls the underlying of an instrument that has a series of its own."""
    return f"instrument {instrument}"


def _on_own_underlying(
    snapshot: MarketSnapshot, instrument: Instrument
) -> tuple[Spot | Contract, Decimal | None]:
    where, name = f"history of instrument {instrument.id!r}", own_underlying(instrument.id)
    if isinstance(instrument, Option):
        reason = "options are valued anew, and follow the history of their underlying"
        raise MarketError(MarketCode.UNKNOWN_INSTRUMENT, where, reason)
    if isinstance(instrument, Contract):
        if instrument.settlement is Settlement.INVERSE:
            reason = (
                "the value of an inverse contract follows index and mark: give a history of its underlying"
            )
            raise MarketError(MarketCode.UNKNOWN_INSTRUMENT, where, reason)
        return replace(instrument, underlying=name), None
    index = instrument.price if isinstance(instrument, Cash) else snapshot.index_of(instrument.underlying)
    return Spot(instrument.id, name), index


def historical_scenarios(
    snapshot: MarketSnapshot,
    history: PriceHistory,
    rule: ReturnRule,
    underlyings: Collection[str],
    prefix: str,
) -> tuple[MarketScenario, ...]:
    """One scenario for each return, the oldest first, of the `underlyings` of a snapshot made by `with_own_prices`.

    Labels are `prefix` and the times of both ends: ``2020-03-11 to 2020-03-12``. Raises `MarketError`, also for a
    return that would make a price negative.
    """
    ends = _ends(history, rule)
    columns = {name: _series_of(history, rule, name) for name in sorted(underlyings)}
    _check_moving(history, rule)
    scenarios = []
    for end in ends:
        begin = end - rule.horizon
        label = f"{prefix}{_time_text(history, begin)} to {_time_text(history, end)}"
        moves = [
            Move(name) if series is None else _move(snapshot, rule, name, series, begin, end, label)
            for name, series in columns.items()
        ]
        scenarios.append(MarketScenario(label, (*moves, Move()), elapsed_days=rule.elapsed_days))
    return tuple(scenarios)


def _ends(history: PriceHistory, rule: ReturnRule) -> Sequence[int]:
    """Places of the times at which returns end."""
    last = len(history.times) - 1
    if rule.ending is not None:
        last = bisect_right(history.times, rule.ending) - 1
        if last < 0 or history.times[last] != rule.ending:
            reason = f"have no {format_time(rule.ending)}, at which returns are to end"
            raise MarketError(MarketCode.GAP, "history.times", reason)
    stride = 1 if rule.is_overlapping else rule.horizon
    first = last - (rule.count - 1) * stride
    if first - rule.horizon < 0:
        needed = (rule.count - 1) * stride + rule.horizon + 1
        kind = "overlapping" if rule.is_overlapping else "separate"
        reason = (
            f"{rule.count} {kind} returns over {rule.horizon} need {needed} closes, and up to "
            f"{format_time(history.times[last])} there are {last + 1}"
        )
        raise MarketError(MarketCode.SHORT_HISTORY, "history.times", reason)
    return range(first, last + 1, stride)


def _series_of(history: PriceHistory, rule: ReturnRule, underlying: str) -> Series | None:
    """What an underlying follows; None if it does not move."""
    is_instrument = underlying.startswith(own_underlying(""))
    series_id = underlying.removeprefix(own_underlying("")) if is_instrument else underlying
    if rule.moving is not None and series_id not in rule.moving:
        return None
    subject = Subject(is_instrument, series_id)
    series = history.of(subject)
    if series is None:
        reason = f"has no closes of {subject}, which an asset of the book is priced by"
        raise MarketError(MarketCode.MISSING_SERIES, "history", reason)
    if rule.has_volatilities and not is_instrument and series.volatilities is None:
        raise MarketError(MarketCode.MISSING_SERIES, "history", f"has no volatilities of {subject}")
    return series


def _check_moving(history: PriceHistory, rule: ReturnRule) -> None:
    ids = {series.subject.id for series in history.series}
    for name in rule.moving or ():
        if name not in ids:
            raise MarketError(
                MarketCode.MISSING_SERIES, "history", f"has no series of {name!r}, which is to move"
            )


def _move(
    snapshot: MarketSnapshot,
    rule: ReturnRule,
    underlying: str,
    series: Series,
    begin: int,
    end: int,
    label: str,
) -> Move:
    before, after = Fraction(series.closes[begin]), Fraction(series.closes[end])
    volatility = VolatilityMove()
    if rule.has_volatilities and series.volatilities is not None:
        old, new = Fraction(series.volatilities[begin]), Fraction(series.volatilities[end])
        if rule.shocks is Shocks.ABSOLUTE:
            volatility = VolatilityMove(points=exact_decimal(new - old))
        else:
            volatility = VolatilityMove(change=_ratio(new, old) - 1)
    if rule.shocks is Shocks.RELATIVE:
        return Move(underlying, multiple=_ratio(after, before), volatility=volatility)
    addition = exact_decimal(after - before)
    _check_positive(snapshot, underlying, series, addition, label)
    return Move(underlying, addition=addition, volatility=volatility)


def _ratio(after: Fraction, before: Fraction) -> Decimal:
    return exact_decimal(Fraction(round(after / before * 10**RATIO_DECIMALS), 10**RATIO_DECIMALS))


def exact_decimal(number: Fraction) -> Decimal:
    """A decimal fraction as it is: no context of the module `decimal` rounds here."""
    places = decimal_places([number])
    digits = tuple(map(int, str(abs(int(number * 10**places)))))
    return Decimal((int(number < 0), digits, -places))


def _check_positive(
    snapshot: MarketSnapshot, underlying: str, series: Series, addition: Decimal, label: str
) -> None:
    """Here, where the return can be named."""
    own = snapshot.underlying(underlying)
    prices = [point.forward for point in own.expiries] + ([] if own.index is None else [own.index])
    prices += [
        each.mark
        for each in snapshot.instruments
        if isinstance(each, Contract) and each.underlying == underlying
    ]
    if any(Fraction(price) + Fraction(addition) < 0 for price in prices):
        reason = f"the change of {series.subject} over {label} makes a price of today negative"
        raise MarketError(MarketCode.NEGATIVE_PRICE, "history", reason)


def _time_text(history: PriceHistory, place: int) -> str:
    moment = history.times[place]
    return format_time(moment) if history.calendar.step is Step.HOUR else f"{moment:%Y-%m-%d}"
