"""The JSON form of a price history, format ``sealedbook/price-history/v1`` (docs/market.md)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from circuits.market.decimals import decimal_text, parse_decimal
from circuits.market.errors import MarketError
from circuits.market.history import (
    MAX_HOLIDAYS,
    MAX_SERIES,
    MAX_TIMES,
    Calendar,
    PriceHistory,
    Series,
    Step,
    Subject,
    SubjectKind,
)
from circuits.market.snapshot import MAX_SOURCES, Source
from circuits.prices import MAX_DECIMAL_LENGTH
from primitives.assets import MAX_ASSET_ID_BYTES
from primitives.attestation import format_time, parse_time
from primitives.strict_json import Json, JsonError, JsonObject, canonical_json, parse_json

HISTORY_FORMAT: Final = "sealedbook/price-history/v1"
_MAX_TEXT: Final = 1024


def parse_history(data: bytes) -> PriceHistory:
    """A history document. Raises `JsonError` whose path names the field at fault, series and time."""
    return parse_history_fields(JsonObject(parse_json(data)))


def parse_history_fields(fields: JsonObject) -> PriceHistory:
    """The history in `fields`, all of which are read."""
    fields.constant("format", HISTORY_FORMAT)
    quote = fields.text("quote", max_length=MAX_ASSET_ID_BYTES)
    step = fields.text("step", max_length=16)
    if step not in tuple(Step):
        raise fields.fail("step", f"{step!r} is unknown; there are {', '.join(Step)}")
    holidays: list[date] = []
    if fields.has("holidays"):
        holidays = fields.array("holidays", _parse_date, max_items=MAX_HOLIDAYS)
    sources = fields.array("sources", _parse_source, max_items=MAX_SOURCES)
    times = fields.array("times", _parse_moment, max_items=MAX_TIMES)
    series = fields.array(
        "series", lambda value, path: _parse_series(value, path, times), max_items=MAX_SERIES
    )
    fields.finish()
    calendar = Calendar(Step(step), tuple(holidays))
    try:
        return PriceHistory(quote, calendar, tuple(sources), tuple(times), tuple(series))
    except MarketError as error:
        raise JsonError(fields.path(error.where), f"{error.reason} ({error.code})") from error


def history_to_json(history: PriceHistory) -> Json:
    """The strict inverse of `parse_history_fields`."""
    holidays: dict[str, Json] = {}
    if history.calendar.holidays:
        holidays["holidays"] = [day.isoformat() for day in history.calendar.holidays]
    return {
        "format": HISTORY_FORMAT,
        "quote": history.quote,
        "step": history.calendar.step.value,
        **holidays,
        "sources": [{"name": each.name, "reference": each.reference} for each in history.sources],
        "times": [format_time(moment) for moment in history.times],
        "series": [_series_to_json(series) for series in history.series],
    }


def history_to_bytes(history: PriceHistory) -> bytes:
    """The canonical document."""
    return canonical_json(history_to_json(history))


def _series_to_json(series: Series) -> Json:
    result: dict[str, Json] = {
        series.subject.kind.value: series.subject.id,
        "closes": [decimal_text(close) for close in series.closes],
    }
    if series.volatilities is not None:
        result["volatilities"] = [decimal_text(volatility) for volatility in series.volatilities]
    return result


def _parse_source(value: Json, path: str) -> Source:
    fields = JsonObject(value, path)
    source = Source(
        fields.text("name", max_length=_MAX_TEXT),
        fields.text("reference", max_length=_MAX_TEXT, allow_empty=True),
    )
    fields.finish()
    return source


def _parse_moment(value: Json, path: str) -> datetime:
    if not isinstance(value, str):
        raise JsonError(path, "expected a UTC time such as 2026-01-31T00:00:00Z")
    return parse_time(value, path)


def _parse_date(value: Json, path: str) -> date:
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        day = None
    if day is None or day.isoformat() != value:
        raise JsonError(path, "expected a date such as 2026-12-25")
    return day


def _parse_series(value: Json, path: str, times: Sequence[datetime]) -> Series:
    fields = JsonObject(value, path)
    kinds = [kind for kind in SubjectKind if fields.has(kind.value)]
    if len(kinds) != 1:
        raise JsonError(path, f"needs one of {' and '.join(repr(kind.value) for kind in SubjectKind)}")
    subject_id = fields.text(kinds[0].value, max_length=MAX_ASSET_ID_BYTES)
    subject = Subject(kinds[0] is SubjectKind.INSTRUMENT, subject_id)
    closes = _parse_figures(fields, "closes", "close", subject, times)
    volatilities = None
    if fields.has("volatilities"):
        volatilities = _parse_figures(fields, "volatilities", "volatility", subject, times)
    fields.finish()
    return Series(subject, closes, volatilities)


def _parse_figures(
    fields: JsonObject, name: str, what: str, subject: Subject, times: Sequence[datetime]
) -> tuple[Decimal, ...]:
    def parse(value: Json, path: str) -> Decimal:
        place = int(path[path.rindex("[") + 1 : -1])
        at = format_time(times[place]) if place < len(times) else f"number {place + 1}"
        where = f"the {what} of {subject} at {at}"
        if not isinstance(value, str):
            reason = "is null" if value is None else "is no decimal text"
            raise JsonError(path, f"{where} {reason}")
        return parse_figure(value, path, where)

    return tuple(fields.array(name, parse, max_items=MAX_TIMES))


def parse_figure(text: str, path: str, where: str) -> Decimal:
    """Canonical decimal text; `JsonError` at `path` says what it was to be: `where`."""
    if len(text) > MAX_DECIMAL_LENGTH:
        raise JsonError(path, f"{where} is longer than {MAX_DECIMAL_LENGTH} characters")
    try:
        return parse_decimal(text)
    except ValueError as error:
        raise JsonError(path, f"{where}: {text!r} is {error}") from error
