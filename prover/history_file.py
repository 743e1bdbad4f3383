"""Price histories from CSV and Parquet files: one row for each close (docs/market.md, section 8).

    time, kind, id, close, volatility

``kind`` is ``underlying`` or ``instrument``, and ``underlying`` where the column is absent, as ``volatility`` may be.
Rows of a series are in order of time, and series may be mixed. Nothing is filled in, sorted or left out: whatever is
missing is refused, told by row, series and time.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

import pyarrow as pa

from circuits.market.decimals import decimal_text
from circuits.market.errors import MarketError
from circuits.market.history import (
    MAX_SERIES,
    MAX_TIMES,
    Calendar,
    PriceHistory,
    Series,
    Step,
    Subject,
    SubjectKind,
    check_close,
)
from circuits.market.snapshot import Source
from primitives.assets import MAX_ASSET_ID_BYTES
from primitives.attestation import format_time, parse_time
from primitives.strict_json import JsonError
from prover.errors import ProverError
from prover.market_parquet.columns import cells_of, check_type, to_json
from prover.market_parquet.errors import MarketFileError
from prover.market_parquet.layout import Holds
from prover.market_parquet.reading import open_file

MAX_HISTORY_BYTES: Final = 64 << 20
MAX_HISTORY_ROWS: Final = 1 << 18
_COLUMNS: Final[Mapping[str, Holds]] = {
    "time": Holds.TIME,
    "kind": Holds.TEXT,
    "id": Holds.TEXT,
    "close": Holds.FIGURE,
    "volatility": Holds.FIGURE,
}
_REQUIRED: Final = ("time", "id", "close")
_FIGURE: Final = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?", re.ASCII)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)

_Row = Mapping[str, str | None]
"""Text by column; None for an empty cell."""


class HistoryFileError(ProverError):
    """What is at fault in a file of closes, and where: row (from 1, headings not counted), series, time."""


@dataclass(frozen=True, slots=True)
class _Close:
    """One row, read."""

    number: int
    subject: Subject
    time: datetime
    close: Decimal
    volatility: Decimal | None


def history_from_csv(
    data: bytes, calendar: Calendar, quote: str, sources: Sequence[Source] = ()
) -> PriceHistory:
    """The history that a CSV file holds, UTF-8 with headings. Raises `HistoryFileError`."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise HistoryFileError(f"is not UTF-8 at byte {error.start}") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        lines = list(reader)
    except csv.Error as error:
        raise HistoryFileError(f"line {reader.line_num}: {error}") from error
    if not lines:
        raise HistoryFileError("is empty: it has no headings")
    headings, *rows = lines
    _check_headings(headings)
    return _history(_csv_rows(headings, rows), calendar, quote, sources)


def history_from_parquet(
    data: bytes, calendar: Calendar, quote: str, sources: Sequence[Source] = ()
) -> PriceHistory:
    """The history that a Parquet file holds; floating point is refused. Raises `HistoryFileError`."""
    try:
        file = open_file(data)
        schema = file.schema_arrow
        _check_headings(schema.names)
        for name in schema.names:
            check_type(name, schema.field(name).type, _COLUMNS[name])
        table = file.read()
        columns = {name: cells_of(table.column(name), name, _COLUMNS[name]) for name in schema.names}
        rows: list[dict[str, str | None]] = [
            {
                name: None if cells[place] is None else str(to_json(cells[place], _COLUMNS[name], name))
                for name, cells in columns.items()
            }
            for place in range(table.num_rows)
        ]
    except MarketFileError as error:
        raise HistoryFileError(str(error)) from error
    except (pa.ArrowException, OSError, ValueError, OverflowError, KeyError) as error:
        reason = (str(error).splitlines() or ["unknown error"])[0][:200]
        raise HistoryFileError(f"the Parquet file cannot be read: {reason}") from error
    return _history(enumerate(rows, start=1), calendar, quote, sources)


def _check_headings(names: Sequence[str]) -> None:
    for name in names:
        if name not in _COLUMNS:
            raise HistoryFileError(f"column {name[:40]!r} is unknown; there are {', '.join(_COLUMNS)}")
    if len(set(names)) != len(names):
        raise HistoryFileError("a column is there twice")
    for name in _REQUIRED:
        if name not in names:
            raise HistoryFileError(f"column {name!r} is missing")


def _csv_rows(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[tuple[int, _Row]]:
    for number, cells in enumerate(rows, start=1):
        if len(cells) != len(headings):
            raise HistoryFileError(f"row {number}: has {len(cells)} cells for {len(headings)} columns")
        yield number, {name: cell or None for name, cell in zip(headings, cells, strict=True)}


def _history(
    rows: Iterator[tuple[int, _Row]] | enumerate[dict[str, str | None]],
    calendar: Calendar,
    quote: str,
    sources: Sequence[Source],
) -> PriceHistory:
    by_subject: dict[Subject, list[_Close]] = {}
    for number, row in rows:
        if number > MAX_HISTORY_ROWS:
            raise HistoryFileError(f"has more than {MAX_HISTORY_ROWS:,} rows")
        close = _read_row(number, row)
        earlier = by_subject.setdefault(close.subject, [])
        if earlier:
            _check_order(earlier[-1], close)
        earlier.append(close)
    if not by_subject:
        raise HistoryFileError("has no rows")
    if len(by_subject) > MAX_SERIES:
        raise HistoryFileError(f"has more than {MAX_SERIES} series")
    times = sorted({close.time for closes in by_subject.values() for close in closes})
    if len(times) > MAX_TIMES:
        raise HistoryFileError(f"has more than {MAX_TIMES} times")
    series = tuple(_series(subject, by_subject[subject], times) for subject in sorted(by_subject))
    try:
        return PriceHistory(quote, calendar, tuple(sources), tuple(times), series)
    except MarketError as error:
        raise HistoryFileError(f"{error.reason} ({error.code}), for {_named(series)}") from error


def _named(series: Sequence[Series]) -> str:
    return str(series[0].subject) if len(series) == 1 else f"all {len(series)} series"


def _read_row(number: int, row: _Row) -> _Close:
    at = f"row {number}"
    kind = row.get("kind") if "kind" in row else SubjectKind.UNDERLYING.value
    if kind not in tuple(SubjectKind):
        raise HistoryFileError(
            f"{at}, column 'kind': {kind!r} is unknown; there are {', '.join(SubjectKind)}"
        )
    name = row["id"]
    if name is None or len(name.encode()) > MAX_ASSET_ID_BYTES:
        raise HistoryFileError(f"{at}, column 'id': is empty or too long")
    subject = Subject(kind == SubjectKind.INSTRUMENT, name)
    time = _read_time(row["time"], at, subject)
    close = _read_figure(row["close"], f"{at}, column 'close'", "close", subject, time)
    volatility = None
    if row.get("volatility") is not None:
        volatility = _read_figure(
            row["volatility"], f"{at}, column 'volatility'", "volatility", subject, time
        )
    return _Close(number, subject, time, close, volatility)


def _read_time(text: str | None, at: str, subject: Subject) -> datetime:
    """A UTC time, or a date, which is its midnight."""
    try:
        return parse_time(f"{text}T00:00:00Z" if _DATE.fullmatch(text or "") else text or "", "time")
    except JsonError as error:
        raise HistoryFileError(
            f"{at}, column 'time', {subject}: {text!r} is no UTC time such as 2026-01-31T00:00:00Z, and no date"
        ) from error


def _read_figure(text: str | None, at: str, what: str, subject: Subject, time: datetime) -> Decimal:
    name = f"the {what} of {subject} at {format_time(time)}"
    if text is None:
        raise HistoryFileError(f"{at}: {name} is missing")
    if not _FIGURE.fullmatch(text):
        raise HistoryFileError(f"{at}: {name} is {text[:40]!r}, and no decimal number")
    figure = Decimal(decimal_text(Decimal(text)))
    try:
        check_close(at, what, subject, time, figure)
    except MarketError as error:
        raise HistoryFileError(f"{at}: {error.reason}") from error
    return figure


def _check_order(before: _Close, close: _Close) -> None:
    at = f"row {close.number}: the close of {close.subject} at {format_time(close.time)}"
    if close.time == before.time:
        raise HistoryFileError(f"{at} is there already, in row {before.number}")
    if close.time < before.time:
        raise HistoryFileError(
            f"{at} comes after that of {format_time(before.time)}: rows of a series are in order of time"
        )


def _series(subject: Subject, closes: Sequence[_Close], times: Sequence[datetime]) -> Series:
    known = {close.time for close in closes}
    for time in times:
        if time not in known:
            raise HistoryFileError(f"the close of {subject} at {format_time(time)} is missing")
    volatilities = [close.volatility for close in closes if close.volatility is not None]
    if volatilities and len(volatilities) < len(closes):
        missing = next(close for close in closes if close.volatility is None)
        raise HistoryFileError(
            f"row {missing.number}, column 'volatility': the volatility of {subject} at "
            f"{format_time(missing.time)} is missing"
        )
    return Series(subject, tuple(close.close for close in closes), tuple(volatilities) or None)


def calendar_of(step: str, holidays: Sequence[str]) -> Calendar:
    """The calendar that options name; `HistoryFileError` for what is none."""
    if step not in tuple(Step):
        raise HistoryFileError(f"step: {step[:40]!r} is unknown; there are {', '.join(Step)}")
    try:
        days = tuple(sorted({date.fromisoformat(day) for day in holidays}))
    except ValueError as error:
        raise HistoryFileError(f"holiday: {error}") from error
    return Calendar(Step(step), days)
