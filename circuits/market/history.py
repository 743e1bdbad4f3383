"""A price history: closes of underlyings and instruments at the times of a calendar, without gaps.

What is made here is complete: every series has a close at every time, and every time of the calendar between the
first and the last is there. Where scenarios are made of it is `circuits.market.historical_scenarios`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Final

from circuits.market.decimals import check_number, decimal_text
from circuits.market.errors import MarketCode, MarketError
from circuits.market.snapshot import MAX_SOURCES, MAX_UNDERLYINGS, Source
from primitives.attestation import format_time

MAX_TIMES: Final = 16_384
MAX_HOLIDAYS: Final = 4_096
MAX_SERIES: Final = MAX_UNDERLYINGS
_SATURDAY: Final = 5
_LAST_YEAR: Final = 9_000
"""So that calendars go on after every time."""


class Step(StrEnum):
    """What lies between one time of the calendar and the next."""

    HOUR = "hour"
    DAY = "day"
    WEEKDAY = "weekday"
    """A day at a time, without Saturdays, Sundays and holidays."""


class SubjectKind(StrEnum):
    """Whose closes a series has."""

    UNDERLYING = "underlying"
    INSTRUMENT = "instrument"


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """An underlying or an instrument of a market. Underlyings come first, then the order is that of ids."""

    is_instrument: bool
    id: str

    @property
    def kind(self) -> SubjectKind:
        """Its name in documents."""
        return SubjectKind.INSTRUMENT if self.is_instrument else SubjectKind.UNDERLYING

    def __str__(self) -> str:
        return f"{self.kind.value} {self.id!r}"


@dataclass(frozen=True, slots=True)
class Series:
    """One close for each time of the history, above 0; volatilities likewise, if there are any."""

    subject: Subject
    closes: tuple[Decimal, ...]
    volatilities: tuple[Decimal, ...] | None = None


@dataclass(frozen=True)
class Calendar:
    """Which times a history has."""

    step: Step
    holidays: tuple[date, ...] = ()
    _closed: frozenset[date] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_closed", frozenset(self.holidays))

    def after(self, moment: datetime) -> datetime:
        """The next time."""
        if self.step is Step.HOUR:
            return moment + timedelta(hours=1)
        following = moment + timedelta(days=1)
        while self.step is Step.WEEKDAY and not self._is_open(following):
            following += timedelta(days=1)
        return following

    def _is_open(self, moment: datetime) -> bool:
        return moment.weekday() < _SATURDAY and moment.date() not in self._closed

    def check(self, times: tuple[datetime, ...]) -> None:
        """`MarketError` if times are not in order, one is there twice or missing, or a holiday makes no sense."""
        if self.holidays and self.step is not Step.WEEKDAY:
            reason = f"has no use where the step is a {self.step.value}"
            raise MarketError(MarketCode.NUMBER, "holidays", reason)
        for place, (left, right) in enumerate(pairwise(self.holidays), start=1):
            if right <= left:
                raise MarketError(MarketCode.ORDER, f"holidays[{place}]", f"{right} comes after {left}")
        if times and self.step is Step.WEEKDAY and not self._is_open(times[0]):
            reason = f"{format_time(times[0])} is a weekend or a holiday"
            raise MarketError(MarketCode.NUMBER, "times[0]", reason)
        for place, (before, moment) in enumerate(pairwise(times), start=1):
            self._check_next(before, moment, f"times[{place}]")

    def _check_next(self, before: datetime, moment: datetime, where: str) -> None:
        if moment == before:
            raise MarketError(MarketCode.DUPLICATE, where, f"{format_time(moment)} is there already")
        if moment < before:
            reason = f"{format_time(moment)} comes after {format_time(before)}"
            raise MarketError(MarketCode.ORDER, where, reason)
        expected = self.after(before)
        if moment > expected:
            raise MarketError(MarketCode.GAP, where, f"{format_time(expected)} is missing")
        if moment < expected:
            reason = (
                f"{format_time(moment)} is no time of the calendar: after {format_time(before)} comes "
                f"{format_time(expected)}"
            )
            raise MarketError(MarketCode.GAP, where, reason)


@dataclass(frozen=True)
class PriceHistory:
    """Closes in `quote`. Raises `MarketError`, which names series and time."""

    quote: str
    calendar: Calendar
    sources: tuple[Source, ...]
    times: tuple[datetime, ...]
    series: tuple[Series, ...]
    _by_subject: Mapping[Subject, Series] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, items, maximum in (
            ("sources", self.sources, MAX_SOURCES),
            ("holidays", self.calendar.holidays, MAX_HOLIDAYS),
            ("times", self.times, MAX_TIMES),
            ("series", self.series, MAX_SERIES),
        ):
            if len(items) > maximum:
                raise MarketError(MarketCode.LIMIT, name, f"has {len(items)} entries, more than {maximum}")
        for name, items in (("times", self.times), ("series", self.series)):
            if not items:
                raise MarketError(MarketCode.SHORT_HISTORY, name, "is empty")
        for place, time in enumerate(self.times):
            if time.year > _LAST_YEAR:
                raise MarketError(MarketCode.NUMBER, f"times[{place}]", f"is after the year {_LAST_YEAR}")
        self.calendar.check(self.times)
        for place, (left, right) in enumerate(pairwise(self.series), start=1):
            if right.subject == left.subject:
                raise MarketError(
                    MarketCode.DUPLICATE, f"series[{place}]", f"{right.subject} is there already"
                )
            if right.subject < left.subject:
                reason = f"{right.subject} comes after {left.subject}"
                raise MarketError(MarketCode.ORDER, f"series[{place}]", reason)
        for place, series in enumerate(self.series):
            self._check_series(series, f"series[{place}]")
        object.__setattr__(self, "_by_subject", {series.subject: series for series in self.series})

    def of(self, subject: Subject) -> Series | None:
        """Its series, if it has one."""
        return self._by_subject.get(subject)

    def _check_series(self, series: Series, where: str) -> None:
        if series.volatilities is not None and series.subject.is_instrument:
            reason = f"volatilities are those of an underlying, and this is {series.subject}"
            raise MarketError(MarketCode.NUMBER, f"{where}.volatilities", reason)
        for name, what, figures in _columns(series):
            if len(figures) < len(self.times):
                missing = format_time(self.times[len(figures)])
                reason = f"the {what} of {series.subject} at {missing} is missing"
                raise MarketError(MarketCode.GAP, f"{where}.{name}", reason)
            if len(figures) > len(self.times):
                reason = f"has {len(figures)} entries of {series.subject} for {len(self.times)} times"
                raise MarketError(MarketCode.GAP, f"{where}.{name}", reason)
            for place, (moment, figure) in enumerate(zip(self.times, figures, strict=True)):
                check_close(f"{where}.{name}[{place}]", what, series.subject, moment, figure)


def _columns(series: Series) -> Iterator[tuple[str, str, tuple[Decimal, ...]]]:
    yield "closes", "close", series.closes
    if series.volatilities is not None:
        yield "volatilities", "volatility", series.volatilities


def check_close(where: str, what: str, subject: Subject, moment: datetime, figure: Decimal) -> None:
    """`MarketError` unless `figure` is finite, above 0 and of sane size; it names the series and the time."""
    name = f"the {what} of {subject} at {format_time(moment)}"
    if figure.is_finite() and figure <= 0:
        raise MarketError(MarketCode.NUMBER, where, f"{name} is {decimal_text(figure)}, not above 0")
    try:
        check_number(where, figure)
    except MarketError as error:
        raise MarketError(error.code, where, f"{name}: {error.reason}") from error
