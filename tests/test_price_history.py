"""Price histories: what they may hold, their JSON, and the tables they are read from."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_cli import run
from vectors.generate_loss_examples import ASSETS, history, last_close, market, value_at_risk_model
from vectors.generate_scenario_examples import snapshot, underlying

import prover.history_file
from circuits.market.document import parse_market
from circuits.market.errors import MarketCode, MarketError
from circuits.market.example_history import example_history
from circuits.market.historical_scenarios import ReturnRule, Shocks, historical_scenarios, with_own_prices
from circuits.market.history import MAX_TIMES, Calendar, PriceHistory, Series, Step, Subject
from circuits.market.history_document import history_to_bytes, history_to_json, parse_history
from circuits.market.scenarios import Move, VolatilityMove
from circuits.market.snapshot import Cash
from primitives.strict_json import JsonError, canonical_json
from prover.history_file import HistoryFileError, calendar_of, history_from_csv, history_from_parquet
from sealedbook.output import ExitCode

START = datetime(2026, 1, 2, tzinfo=UTC)  # A Friday.
DAILY = Calendar(Step.DAY)
CSV = """time,kind,id,close,volatility
2026-01-02T00:00:00Z,underlying,BTC,70000.10,0.5
2026-01-02,instrument,USDC,1,
2026-01-03,underlying,BTC,71000,0.52
2026-01-03,instrument,USDC,0.9995,
2026-01-04,underlying,BTC,69000,0.6
2026-01-04,instrument,USDC,1.0001,
"""


def small() -> PriceHistory:
    return history_from_csv(CSV.encode(), DAILY, "USD")


def altered(change: Callable[[Any], object]) -> bytes:
    document = json.loads(history_to_bytes(small()))
    change(document)
    return canonical_json(document)


def test_json_is_read_as_it_was_written() -> None:
    read = small()
    assert parse_history(history_to_bytes(read)) == read
    bitcoin, dollar = read.series
    assert bitcoin.closes == (Decimal("70000.1"), Decimal("71000"), Decimal("69000"))
    assert bitcoin.volatilities == (Decimal("0.5"), Decimal("0.52"), Decimal("0.6"))
    assert (dollar.subject, dollar.volatilities) == (Subject(is_instrument=True, id="USDC"), None)


FAULTS: list[tuple[Callable[[Any], object], str, str]] = [
    (lambda d: d["times"].pop(1), "$.history.times[1]", "2026-01-03T00:00:00Z is missing .gap"),
    (lambda d: d["times"].reverse(), "$.history.times[1]", "2026-01-03.* comes after 2026-01-04.*order"),
    (
        lambda d: d["times"].insert(1, d["times"][0]),
        "$.history.times[1]",
        "2026-01-02T00:00:00Z is there already .duplicate",
    ),
    (
        lambda d: d["times"].__setitem__(1, "2026-01-02T12:00:00Z"),
        "$.history.times[1]",
        "no time of the calendar: after 2026-01-02T00:00:00Z comes 2026-01-03T00:00:00Z",
    ),
    (
        lambda d: d["times"].__setitem__(2, "9999-12-31T00:00:00Z"),
        "$.history.times[2]",
        "after the year 9000",
    ),
    (
        lambda d: d["series"][0]["closes"].pop(),
        "$.history.series[0].closes",
        "the close of underlying 'BTC' at 2026-01-04T00:00:00Z is missing .gap",
    ),
    (
        lambda d: d["series"][0]["closes"].append("1"),
        "$.history.series[0].closes",
        "has 4 entries of underlying 'BTC' for 3 times",
    ),
    (
        lambda d: d["series"][0]["volatilities"].pop(),
        "$.history.series[0].volatilities",
        "the volatility of underlying 'BTC' at 2026-01-04T00:00:00Z is missing",
    ),
    (
        lambda d: d["series"][1]["closes"].__setitem__(1, "0"),
        "$.history.series[1].closes[1]",
        "the close of instrument 'USDC' at 2026-01-03T00:00:00Z is 0, not above 0 .number",
    ),
    (
        lambda d: d["series"][0]["closes"].__setitem__(2, "-5"),
        "$.history.series[0].closes[2]",
        "the close of underlying 'BTC' at 2026-01-04T00:00:00Z is -5, not above 0",
    ),
    (
        lambda d: d["series"][0]["closes"].__setitem__(2, None),
        "$.history.series[0].closes[2]",
        "the close of underlying 'BTC' at 2026-01-04T00:00:00Z is null",
    ),
    (
        lambda d: d["series"][0]["closes"].__setitem__(2, 5),
        "$.history.series[0].closes[2]",
        "the close of underlying 'BTC' at 2026-01-04T00:00:00Z is no decimal text",
    ),
    (
        lambda d: d["series"][0]["closes"].__setitem__(2, "NaN"),
        "$.history.series[0].closes[2]",
        "the close of underlying 'BTC' at 2026-01-04T00:00:00Z: 'NaN' is ",
    ),
    (
        lambda d: d["series"][0]["closes"].__setitem__(2, "1" + 30 * "0"),
        "$.history.series[0].closes[2]",
        "the close of underlying 'BTC' at 2026-01-04T00:00:00Z: is beyond 10.24 .number",
    ),
    (
        lambda d: d["series"].reverse(),
        "$.history.series[1]",
        "underlying 'BTC' comes after instrument 'USDC'",
    ),
    (
        lambda d: d["series"].append(d["series"][1]),
        "$.history.series[2]",
        "'USDC' is there already .duplicate",
    ),
    (lambda d: d["series"].clear(), "$.history.series", "is empty .short-history"),
    (lambda d: d["series"][0].pop("underlying"), "$.history.series[0]", "needs one of 'underlying' and"),
    (
        lambda d: d["series"][1].update(volatilities=["1", "1", "1"]),
        "$.history.series[1].volatilities",
        "volatilities are those of an underlying, and this is instrument 'USDC'",
    ),
    (lambda d: d.update(step="month"), "$.history.step", "there are hour, day, weekday"),
    (lambda d: d.update(holidays=["2026-01-06"]), "$.history.holidays", "has no use where the step is a day"),
    (lambda d: d.update(holidays=["6.1.2026"]), "$.history.holidays[0]", "expected a date"),
    (lambda d: d.update(other=1), "$.history", "unknown field 'other'"),
    (lambda d: d.update(quote="EUR"), "$.history.quote", "is 'EUR', and the market is in 'USD'"),
]


@pytest.mark.parametrize(("change", "path", "reason"), FAULTS, ids=range(len(FAULTS)))
def test_faults_are_told_by_place_series_and_time(
    change: Callable[[Any], object], path: str, reason: str
) -> None:
    """In a market, and in a document of its own."""
    data = altered(change)
    document = json.loads(market().to_bytes()) | {"history": json.loads(data)}
    with pytest.raises(JsonError, match=reason) as caught:
        parse_market(canonical_json(document))
    assert caught.value.path == path
    if "quote" not in path:
        with pytest.raises(JsonError, match=reason) as caught:
            parse_history(data)
        assert caught.value.path == path.replace("$.history", "$")


def test_weekdays_skip_weekends_and_holidays() -> None:
    calendar = Calendar(Step.WEEKDAY, (date(2026, 1, 5),))
    tuesday = START + timedelta(days=4)
    assert calendar.after(START) == tuesday
    series = (Series(Subject(is_instrument=False, id="BTC"), (Decimal(1), Decimal(2))),)
    assert PriceHistory("USD", calendar, (), (START, tuesday), series).calendar.step is Step.WEEKDAY
    with pytest.raises(MarketError, match="2026-01-05T00:00:00Z is missing"):
        PriceHistory("USD", Calendar(Step.WEEKDAY), (), (START, tuesday), series)
    with pytest.raises(MarketError, match="is a weekend or a holiday"):
        PriceHistory("USD", calendar, (), (START + timedelta(days=1), tuesday), series)
    with pytest.raises(MarketError, match="no time of the calendar"):
        PriceHistory("USD", calendar, (), (START, START + timedelta(days=3)), series)
    with pytest.raises(MarketError, match="2026-01-05 comes after 2026-01-05"):
        PriceHistory("USD", Calendar(Step.WEEKDAY, (date(2026, 1, 5),) * 2), (), (START, tuesday), series)
    document = history_to_json(PriceHistory("USD", calendar, (), (START, tuesday), series))
    assert parse_history(canonical_json(document)).calendar == calendar
    assert Calendar(Step.HOUR).after(START) == START + timedelta(hours=1)


@pytest.mark.parametrize("name", ["closes", "volatilities"])
def test_figures_that_are_not_finite_are_refused(name: str) -> None:
    figures = {"closes": (Decimal(1),) * 2, "volatilities": (Decimal(1),) * 2}
    figures[name] = (Decimal(1), Decimal("NaN"))
    times = (START, START + timedelta(days=1))
    with pytest.raises(MarketError, match=r"2026-01-03T00:00:00Z: NaN is not a finite number") as caught:
        PriceHistory("USD", DAILY, (), times, (Series(Subject(is_instrument=False, id="BTC"), **figures),))
    assert (caught.value.code, caught.value.where) == (MarketCode.NUMBER, f"series[0].{name}[1]")


def test_histories_are_bounded() -> None:
    times = tuple(START + timedelta(days=place) for place in range(MAX_TIMES + 1))
    long = Series(Subject(is_instrument=False, id="BTC"), (Decimal(1),) * len(times))
    with pytest.raises(MarketError, match=f"times: has {MAX_TIMES + 1} entries, more than {MAX_TIMES}"):
        PriceHistory("USD", DAILY, (), times, (long,))
    with pytest.raises(JsonError, match="is longer than") as caught:
        parse_history(altered(lambda d: d["series"][0]["closes"].__setitem__(0, "1" * 200)))
    assert caught.value.path == "$.series[0].closes[0]"
    with pytest.raises(JsonError, match="more than 256"):
        parse_history(altered(lambda d: d.update(sources=[{"name": "a", "reference": ""}] * 257)))


def test_tables_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, reason in (
        ("MAX_HISTORY_ROWS", "has more than 1 rows"),
        ("MAX_SERIES", "has more than 1 series"),
        ("MAX_TIMES", "has more than 1 times"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(prover.history_file, name, 1)
            with pytest.raises(HistoryFileError, match=reason):
                history_from_csv(CSV.encode(), DAILY, "USD")


def test_ids_that_stand_for_instruments_of_their_own_are_reserved() -> None:
    document = snapshot(
        [underlying("BTC", "70000", ()), underlying("instrument USDC", "1", ())], [Cash("USDC", Decimal(1))]
    )
    closes = tuple(map(Decimal, (1, 1, 1)))
    own = Series(Subject(is_instrument=True, id="USDC"), closes)
    times = tuple(START + timedelta(days=place) for place in range(3))
    with pytest.raises(MarketError, match="'instrument USDC' is a reserved id"):
        with_own_prices(document.snapshot, PriceHistory("USD", DAILY, (), times, (own,)))


def test_volatilities_move_by_their_ratio_or_their_difference() -> None:
    times = tuple(START + timedelta(days=place) for place in range(2))
    volatilities = (Decimal("0.5"), Decimal("0.4"))
    btc = Series(Subject(is_instrument=False, id="BTC"), (Decimal(3), Decimal(4)), volatilities)
    two = PriceHistory("USD", DAILY, (), times, (btc,))

    def move(**rule: Any) -> Move:
        (scenario,) = historical_scenarios(market().snapshot, two, ReturnRule(1, **rule), ["BTC"], "")
        found = scenario.move_of("BTC")
        assert found is not None
        return found

    relative, absolute = Shocks.RELATIVE, Shocks.ABSOLUTE
    third = Decimal("1.333333333333")
    assert move() == Move("BTC", multiple=third)
    changed = VolatilityMove(change=Decimal("-0.2"))
    assert move(shocks=relative, has_volatilities=True) == Move("BTC", multiple=third, volatility=changed)
    assert move(shocks=absolute) == Move("BTC", addition=Decimal(1))
    points = VolatilityMove(points=Decimal("-0.1"))
    assert move(shocks=absolute, has_volatilities=True) == Move("BTC", addition=Decimal(1), volatility=points)


def test_hours_are_named_in_full() -> None:
    times = tuple(START + timedelta(hours=place) for place in range(3))
    btc = Series(Subject(is_instrument=False, id="BTC"), tuple(map(Decimal, (4, 5, 3))))
    hourly = PriceHistory("USD", Calendar(Step.HOUR), (), times, (btc,))
    found = historical_scenarios(market().snapshot, hourly, ReturnRule(2), ["BTC"], "m: ")
    assert [scenario.label for scenario in found] == [
        "m: 2026-01-02T00:00:00Z to 2026-01-02T01:00:00Z",
        "m: 2026-01-02T01:00:00Z to 2026-01-02T02:00:00Z",
    ]
    moves = [scenario.move_of("BTC") for scenario in found]
    assert [move.multiple for move in moves if move] == [Decimal("1.25"), Decimal("0.6")]


# Tables.

CSV_FAULTS: list[tuple[str, str, str]] = [
    (
        "2026-01-03,underlying,BTC,71000,0.52\n",
        "",
        "the close of underlying 'BTC' at 2026-01-03T00:00:00Z is missing",
    ),
    ("2026-01-03,", "2026-01-02,", "row 3: the close of underlying 'BTC' at 2026-01-02.* already, in row 1"),
    ("2026-01-03,underlying", "2026-01-01,underlying", "row 3: .* comes after that of 2026-01-02T00:00:00Z"),
    ("BTC,71000", "BTC,", "row 3, column 'close': the close of underlying 'BTC' at 2026-01-03.* is missing"),
    (
        "BTC,71000",
        "BTC,NaN",
        "row 3, column 'close': .*'BTC' at 2026-01-03T00:00:00Z is 'NaN', and no decimal",
    ),
    ("BTC,71000", "BTC,inf", "is 'inf', and no decimal number"),
    ("BTC,71000", "BTC,7e4", "is '7e4', and no decimal number"),
    ("BTC,71000", "BTC,0.0", "row 3, column 'close': the close of underlying 'BTC' at .* is 0, not above 0"),
    ("BTC,71000", "BTC,-3", "the close of underlying 'BTC' at 2026-01-03T00:00:00Z is -3, not above 0"),
    ("71000,0.52", "71000,", "row 3, column 'volatility': the volatility of underlying 'BTC' at 2026-01-03"),
    ("71000,0.52", "71000,0", "row 3, column 'volatility': the volatility of .* is 0, not above 0"),
    (
        "2026-01-03,instrument",
        "3.1.2026,instrument",
        "row 4, column 'time', instrument 'USDC': '3.1.2026' is no",
    ),
    ("instrument,USDC,1,", "index,USDC,1,", "row 2, column 'kind': 'index' is unknown"),
    ("underlying,BTC,71000", "underlying,,71000", "row 3, column 'id': is empty"),
    ("2026-01-04", "2026-01-05", "2026-01-04T00:00:00Z is missing .gap., for all 2 series"),
    ("BTC,71000,0.52", "BTC,71000", "row 3: has 4 cells for 5 columns"),
    ("time,kind", "when,kind", "column 'when' is unknown"),
    ("close,volatility", "volatility,volatility", "a column is there twice"),
    ("id,close,volatility", "id,volatility,kind", "a column is there twice"),
]


@pytest.mark.parametrize(("old", "new", "reason"), CSV_FAULTS)
def test_faults_of_tables_are_told_by_row_series_and_time(old: str, new: str, reason: str) -> None:
    text = CSV.replace(old, new)
    assert text != CSV
    with pytest.raises(HistoryFileError, match=reason):
        history_from_csv(text.encode(), DAILY, "USD")


def test_tables_without_rows_headings_or_text_are_refused() -> None:
    for data, reason in (
        (b"", "has no headings"),
        (b"time,id,close\n", "has no rows"),
        (b"time,id\n", "column 'close' is missing"),
        (b"time,id,close\n\xff,a,1", "is not UTF-8 at byte 14"),
        (b'time,id,close\n"2026', "unexpected end of data"),
    ):
        with pytest.raises(HistoryFileError, match=reason):
            history_from_csv(data, DAILY, "USD")
    with pytest.raises(HistoryFileError, match="there are hour, day, weekday"):
        calendar_of("month", ())
    with pytest.raises(HistoryFileError, match="holiday: "):
        calendar_of("weekday", ["tomorrow"])


def parquet(**columns: pa.Array) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def test_parquet_is_read_exactly() -> None:
    times = pa.array([START, START + timedelta(days=1)], pa.timestamp("ms", tz="UTC"))
    ids = pa.array(["BTC", "BTC"]).dictionary_encode()
    closes = pa.array([Decimal("1.50"), Decimal("2.25")], pa.decimal128(20, 2))
    read = history_from_parquet(parquet(time=times, id=ids, close=closes), DAILY, "USD")
    assert read.series[0].closes == (Decimal("1.5"), Decimal("2.25"))
    as_text = pa.array(["2026-01-02", "2026-01-03"])
    assert history_from_parquet(parquet(time=as_text, id=ids, close=closes), DAILY, "USD") == read
    for changed, reason in (
        (
            {"close": pa.array([1.5, float("nan")])},
            "'close' is of type double; floating point rounds, and holds NaN",
        ),
        ({"close": pa.array([Decimal("1.5"), None])}, "row 2, .*'BTC' at 2026-01-03T00:00:00Z is missing"),
        ({"time": pa.array([START, START], pa.timestamp("ms"))}, "the zone must be UTC"),
        ({"other": closes}, "column 'other' is unknown"),
    ):
        with pytest.raises(HistoryFileError, match=reason):
            history_from_parquet(
                parquet(**{"time": times, "id": ids, "close": closes, **changed}), DAILY, "USD"
            )
    for data in (b"PAR1", b"PAR1" + bytes(40) + b"PAR1"):
        with pytest.raises(HistoryFileError, match="Parquet"):
            history_from_parquet(data, DAILY, "USD")


# The made-up one.


def test_the_example_is_the_same_everywhere() -> None:
    prices = {"BTC": Decimal(70_000), "ETH": Decimal(3_500)}
    made = example_history(7, 40, prices, last=START)
    assert made == example_history(7, 40, prices, last=START)
    assert made != example_history(8, 40, prices, last=START)
    assert [series.closes[-1] for series in made.series] == [70_000, 3_500]
    assert made.times[-1] == START
    # A figure that any change of the process would change.
    assert str(made.series[0].closes[0]) == "128134.79"
    assert history(260).times[-1] == last_close()


# Commands.


def test_commands_make_a_market_with_history_and_array(tmp_path: Path) -> None:
    closes, plain = tmp_path / "closes.csv", tmp_path / "market.json"
    made = history(260)
    rows = [
        f"{moment:%Y-%m-%dT%H:%M:%SZ},{series.subject.id},{series.closes[place]}"
        for series in made.series
        for place, moment in enumerate(made.times)
    ]
    closes.write_text("\n".join(["time,id,close", *rows]) + "\n")
    plain.write_bytes(market().to_bytes())
    options = ("--step", "day", "--quote", "USD", "--origin", "example")
    done = run("market", "history", closes, "--out", tmp_path / "history.json", *options)
    assert done.code == ExitCode.ACCEPTED, done.said
    assert "260 closes of each of 2 series" in done.said
    read = parse_history((tmp_path / "history.json").read_bytes())
    assert [series.closes for series in read.series] == [series.closes for series in made.series]
    done = run(
        "market", "history", tmp_path / "history.json", "--market", plain, "--out", tmp_path / "with.json", "--json"
    )  # fmt: skip
    assert done.document["times"] == 260
    assert parse_market((tmp_path / "with.json").read_bytes()).history == read
    (tmp_path / "model.json").write_text(json.dumps(value_at_risk_model()))
    listed = [{"id": asset.id, "decimals": asset.decimals} for asset in ASSETS]
    (tmp_path / "assets.json").write_text(json.dumps({"format": "sealedbook/assets/v1", "assets": listed}))
    done = run(
        "market", "risk-array", tmp_path / "with.json", "--model", tmp_path / "model.json",
        "--assets", tmp_path / "assets.json", "--out", tmp_path / "full.json", "--json",
    )  # fmt: skip
    assert done.document["scenarios"] == 250
    array = parse_market((tmp_path / "full.json").read_bytes()).risk_array
    assert array is not None
    assert array.profits.shape == (250, len(ASSETS))
    for name in ("full.parquet", "again.json"):
        source = "full.json" if name == "full.parquet" else "full.parquet"
        assert run("market", "convert", tmp_path / source, tmp_path / name).code == ExitCode.ACCEPTED
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "full.json").read_bytes()


def refused(*arguments: object) -> str:
    done = run("market", "history", *arguments)
    assert done.code in (ExitCode.REFUSED_INPUT, ExitCode.USAGE), done.said
    return done.said


def test_the_command_refuses(tmp_path: Path) -> None:
    closes, plain, out = tmp_path / "closes.csv", tmp_path / "market.json", tmp_path / "out.json"
    closes.write_text(CSV)
    plain.write_bytes(market().to_bytes())
    (tmp_path / "history.json").write_bytes(history_to_bytes(small()))
    assert "--step and --quote are needed" in refused(closes, "--out", out)
    assert "JSON has them inside" in refused(tmp_path / "history.json", "--out", out, "--step", "day")
    text = refused(closes, "--out", out, "--step", "hour", "--quote", "USD")
    assert "closes.csv: 2026-01-02T01:00:00Z is missing (gap)" in text
    text = refused(closes, "--out", out, "--step", "day", "--quote", "EUR", "--market", plain)
    assert "closes are in EUR" in text
    text = refused(closes, "--out", out, "--step", "day", "--quote", "USD", "--market", plain)
    assert "the market has no instrument 'USDC' (unknown-instrument)" in text
    assert not out.exists()
    out.write_text("there")
    assert "exists" in refused(closes, "--out", out, "--step", "day", "--quote", "USD")
    assert out.read_text() == "there"
