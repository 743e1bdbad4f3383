"""Price paths for backtests: read from CSV or a price history, or made by a seeded process.

Every source gives the same: times, and for each series of an underlying (or of an asset with a price of its own) one
price per time, above 0, without gaps. A backtest replays *relative* changes: at step k a price is that of the market
times ``c_k / c_0``, to the nearest 10^-12.

The process, of step length dt in years, z a sum of twelve uniform numbers less 6 (mean 0, variance 1), u common to all
series and w its own:

    z = s u + sqrt(1 - s^2) w,     c_{k+1} = c_k max(0.02, 1 + mu dt + sigma sqrt(dt) z + J)
    J = m + v y  with probability lambda dt, else 0;  y as z, of its own

Only addition, multiplication and square roots are used, which IEEE 754 rounds the same everywhere: a seed makes the
same path on every machine.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import sqrt
from typing import Final

from circuits.market.decimals import decimal_text, read_decimal
from circuits.market.history_document import parse_history
from circuits.prices import MAX_DECIMAL_LENGTH
from primitives.assets import MAX_ASSET_ID_BYTES
from primitives.attestation import format_time, parse_time
from primitives.strict_json import Json, JsonError, JsonObject, parse_json
from prover.errors import ProverError

PROCESS_FORMAT: Final = "sealedbook/price-process/v1"
CSV_HEADER: Final = ("time", "asset", "price")
MAX_TIMES: Final = 16_384
MAX_SERIES: Final = 4_096
MAX_PATH_BYTES: Final = 1 << 28
_HOURS_PER_YEAR: Final = 8_760
_LEAST_FACTOR: Final = 0.02
_LARGEST_FACTOR: Final = 50
_CHANGE_PLACES: Final = 12


class PricePathError(ProverError):
    """A price path has gaps, prices that are none, or series that the market has not."""


@dataclass(frozen=True)
class PricePath:
    """`prices` has one line per time and one entry per series, in the order of `series`."""

    times: tuple[str, ...]
    series: tuple[str, ...]
    prices: tuple[tuple[Decimal, ...], ...]
    source: str

    def __post_init__(self) -> None:
        if not 2 <= len(self.times) <= MAX_TIMES:
            raise PricePathError(f"a path has 2 to {MAX_TIMES:,} times, not {len(self.times):,}")
        if not 1 <= len(self.series) <= MAX_SERIES or len(set(self.series)) != len(self.series):
            raise PricePathError(f"a path has 1 to {MAX_SERIES:,} series, each once")

    def change(self, step: int, place: int) -> Decimal:
        """``c_k / c_0 - 1`` of a series, to the nearest 10^-12."""
        ratio = Fraction(self.prices[step][place]) / Fraction(self.prices[0][place]) - 1
        return Decimal(round(ratio * 10**_CHANGE_PLACES)).scaleb(-_CHANGE_PLACES)


def parse_csv_path(data: bytes) -> PricePath:
    """``time,asset,price``, times in order and evenly spaced, every asset once at each. Raises `PricePathError`."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PricePathError("the prices are not UTF-8") from error
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    table: dict[str, dict[str, Decimal]] = {}
    last = ""
    try:
        for number, row in enumerate(lines, start=1):
            if number == 1:
                if tuple(row) != CSV_HEADER:
                    raise PricePathError(f"line 1: expected the header {','.join(CSV_HEADER)}")
                continue
            time, asset, price = _csv_row(row, number)
            if time != last and time in table:
                raise PricePathError(
                    f"line {number}: {time} was over before: the lines of a time stand together"
                )
            last = time
            entry = table.setdefault(time, {})
            if asset in entry:
                raise PricePathError(f"line {number}: {asset!r} has two prices at {time}")
            entry[asset] = price
            if len(table) > MAX_TIMES:
                raise PricePathError(f"line {number}: more than {MAX_TIMES:,} times")
    except csv.Error as error:
        raise PricePathError(f"line {lines.line_num}: {error}") from error
    if not table:
        raise PricePathError("the file has no prices")
    series = tuple(sorted({asset for entry in table.values() for asset in entry}))
    for time, entry in table.items():
        missing = [asset for asset in series if asset not in entry]
        if missing:
            raise PricePathError(f"gap: {missing[0]!r} has no price at {time}")
    _check_spacing(tuple(table))
    prices = tuple(tuple(entry[asset] for asset in series) for entry in table.values())
    return PricePath(tuple(table), series, prices, "prices in CSV")


def parse_history_path(data: bytes) -> PricePath:
    """A document ``sealedbook/price-history/v1``; volatilities in it are not used. Raises `JsonError`."""
    history = parse_history(data)
    prices = zip(*(series.closes for series in history.series), strict=True)
    return PricePath(
        tuple(format_time(time) for time in history.times),
        tuple(series.subject.id for series in history.series),
        tuple(prices),
        "price history",
    )


@dataclass(frozen=True, slots=True)
class SeriesProcess:
    """One series: rates per year, as parts of one; jumps per year."""

    name: str
    drift: float
    volatility: float
    jumps: float
    jump_mean: float
    jump_volatility: float


def parse_process_path(data: bytes) -> PricePath:
    """The path that a document ``sealedbook/price-process/v1`` makes. Raises `JsonError`.

    ``{"format", "seed", "start", "step_hours", "steps", "common"?, "series": [{"of", "drift"?, "volatility", "jumps"?:
    {"per_year", "mean", "volatility"}}]}``; ``common`` is the part s of the common factor.
    """
    fields = JsonObject(parse_json(data))
    fields.constant("format", PROCESS_FORMAT)
    seed = fields.integer("seed", minimum=0, maximum=(1 << 53) - 1)
    start = parse_time(fields.text("start"), fields.path("start"))
    hours = fields.integer("step_hours", minimum=1, maximum=_HOURS_PER_YEAR)
    steps = fields.integer("steps", minimum=1, maximum=MAX_TIMES - 1)
    common = _number(fields, "common", 0, 1) if fields.has("common") else 0.0
    series = fields.array("series", _parse_series, max_items=MAX_SERIES)
    if not series or len({each.name for each in series}) != len(series):
        raise fields.fail("series", "is empty, or has one series twice")
    fields.finish()
    try:
        times = tuple(format_time(start + timedelta(hours=hours * step)) for step in range(steps + 1))
    except OverflowError as error:
        raise fields.fail("steps", "go beyond the calendar") from error
    return PricePath(
        times,
        tuple(each.name for each in series),
        tuple(_walk(series, seed, steps, hours / _HOURS_PER_YEAR, common)),
        f"process with seed {seed}",
    )


def _walk(
    series: Sequence[SeriesProcess], seed: int, steps: int, dt: float, common: float
) -> Iterable[tuple[Decimal, ...]]:
    generator = random.Random(seed)
    own = sqrt(1.0 - common * common)
    root = sqrt(dt)
    levels = [1.0] * len(series)
    yield tuple(Decimal(1) for _ in series)
    for _ in range(steps):
        shared = _normal(generator)
        for place, each in enumerate(series):
            z = common * shared + own * _normal(generator)
            factor = 1.0 + each.drift * dt + each.volatility * root * z
            # Drawn whether there is a jump or not, so that a rarer jump moves no other number.
            chance, size = generator.random(), _normal(generator)
            if chance < each.jumps * dt:
                factor += each.jump_mean + each.jump_volatility * size
            levels[place] *= min(_LARGEST_FACTOR, max(_LEAST_FACTOR, factor))
        yield tuple(_decimal(level) for level in levels)


def _normal(generator: random.Random) -> float:
    # Not sum(), which newer versions of Python compute with less rounding.
    total = -6.0
    for _ in range(12):
        total += generator.random()
    return total


def _decimal(level: float) -> Decimal:
    return max(Decimal(f"{level:.12f}"), Decimal(1).scaleb(-12))


def _parse_series(value: Json, path: str) -> SeriesProcess:
    fields = JsonObject(value, path)
    name = fields.text("of", max_length=MAX_ASSET_ID_BYTES)
    drift = _number(fields, "drift", -10, 10) if fields.has("drift") else 0.0
    volatility = _number(fields, "volatility", 0, 10)
    jumps = mean = spread = 0.0
    if fields.has("jumps"):
        entry = fields.object("jumps")
        jumps = _number(entry, "per_year", 0, 10_000)
        mean, spread = _number(entry, "mean", -1, 10), _number(entry, "volatility", 0, 10)
        entry.finish()
    fields.finish()
    return SeriesProcess(name, drift, volatility, jumps, mean, spread)


def _number(fields: JsonObject, name: str, least: int, greatest: int) -> float:
    number = read_decimal(fields, name)
    if not least <= number <= greatest:
        raise fields.fail(name, f"{decimal_text(number)} is not between {least} and {greatest}")
    return float(number)


def _csv_row(row: Sequence[str], number: int) -> tuple[str, str, Decimal]:
    if len(row) != len(CSV_HEADER):
        raise PricePathError(f"line {number}: {len(row)} fields, expected {len(CSV_HEADER)}")
    time, asset, text = row
    try:
        parse_time(time, "time")
    except JsonError as error:
        raise PricePathError(
            f"line {number}: {time[:40]!r} is no UTC time such as 2026-01-31T00:00:00Z"
        ) from error
    if not asset or len(asset.encode()) > MAX_ASSET_ID_BYTES:
        raise PricePathError(f"line {number}: no asset, or one with too long a name")
    if not text or len(text) > MAX_DECIMAL_LENGTH or not set(text) <= set("-0123456789."):
        raise PricePathError(f"line {number}: {text[:40]!r} is no price in plain decimal digits")
    try:
        price = Decimal(text)
    except ArithmeticError as error:
        raise PricePathError(f"line {number}: {text!r} is no price in plain decimal digits") from error
    if price <= 0:
        raise PricePathError(f"line {number}: the price of {asset!r} at {time} is {text}, not above 0")
    return time, asset, price


def _check_spacing(times: tuple[str, ...]) -> None:
    moments = [parse_time(time, "time") for time in times]
    for before, moment in pairwise(moments):
        if moment <= before:
            raise PricePathError(f"{format_time(moment)} comes after {format_time(before)}")
        expected = before + (moments[1] - moments[0])
        if moment > expected:
            raise PricePathError(f"gap: there are no prices at {format_time(expected)}")
        if moment < expected:
            raise PricePathError(
                f"{format_time(moment)} comes too early: steps are even, and the first sets them"
            )
