"""Markets as Parquet files: lossless both ways, exact types only, and every fault told by row and column."""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.market.decimals import decimal_text
from circuits.public_market import canonical_market
from primitives.strict_json import Json, canonical_json
from prover.market_parquet import MarketFileError, layout, market_from_parquet, market_to_parquet, reading
from prover.market_parquet.layout import HEADER_KEY, KIND_FIELDS, ROW_COLUMNS

ROOT: Final = Path(__file__).parent.parent
FOLDER: Final = ROOT / "tests" / "vectors" / "market"
MARKET: Final = (FOLDER / "market.json").read_bytes()
PARQUET: Final = (FOLDER / "market.parquet").read_bytes()
PRICES: Final = (FOLDER / "prices.parquet").read_bytes()
SIGNED: Final[dict[str, Any]] = json.loads((FOLDER / "signed.json").read_text())
EXAMPLES: Final = sorted((ROOT / "examples" / "models").glob("*/market.json"))
GENERATOR: Final = ROOT / "tests" / "vectors" / "generate_market_files.py"

Change = Callable[[pa.Table], pa.Table]


def table_of(data: bytes) -> tuple[pa.Table, dict[str, Any]]:
    file = pq.ParquetFile(pa.BufferReader(data))
    return file.read(), json.loads(file.metadata.metadata[HEADER_KEY])


def file_of(table: pa.Table, header: Any, *, key: bytes = HEADER_KEY, **options: Any) -> bytes:
    """A Parquet file as another program might write it: with Arrow's schema in it, by default."""
    sink = pa.BufferOutputStream()
    stored = header if isinstance(header, bytes) else json.dumps(header).encode()
    pq.write_table(table.replace_schema_metadata({key: stored}), sink, **options)
    return bytes(sink.getvalue().to_pybytes())


def edited(change: Change, data: bytes = PARQUET, **header: Any) -> bytes:
    table, fields = table_of(data)
    return file_of(change(table), {**fields, **header})


def price_document(*prices: tuple[str, str]) -> bytes:
    entries: list[Json] = [{"asset": asset, "price": price} for asset, price in prices]
    document: dict[str, Json] = {
        "format": "sealedbook/prices/v1",
        "as_of": "2026-01-31T08:00:00Z",
        "quote": "USD",
        "scale": 9,
        "prices": entries,
    }
    return canonical_json(document)


def source_document(*assets: Json) -> bytes:
    document: dict[str, Json] = {"format": "sealedbook/source-market/v1", "source": "s", "quote": "Q"}
    return canonical_json({**document, "assets": list(assets)})


def set_column(table: pa.Table, name: str, values: Any) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, values)


def with_cell(name: str, row: int, value: Any) -> Change:
    """One cell changed; `row` counts from 1."""

    def change(table: pa.Table) -> pa.Table:
        cells = table.column(name).to_pylist()
        cells[row - 1] = value
        return set_column(table, name, pa.array(cells, table.schema.field(name).type))

    return change


def as_text(*names: str) -> Change:
    def change(table: pa.Table) -> pa.Table:
        for name in names:
            cells = [None if cell is None else decimal_text(cell) for cell in table.column(name).to_pylist()]
            table = set_column(table, name, pa.array(cells, pa.string()))
        return table

    return change


def row_of(instrument: str, column: str = "id") -> int:
    cells: list[str] = table_of(PARQUET)[0].column(column).to_pylist()
    return len(cells) - cells[::-1].index(instrument) if column == "kind" else cells.index(instrument) + 1


def instrument_row(instrument: str) -> int:
    rows = table_of(PARQUET)[0].select(["kind", "id"]).to_pylist()
    kinds = set(KIND_FIELDS) - {"underlying", "forward", "risk"}
    return next(n for n, row in enumerate(rows, start=1) if row["id"] == instrument and row["kind"] in kinds)


def same(table: pa.Table) -> pa.Table:
    return table


# Both ways


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_examples_go_there_and_back(path: Path) -> None:
    document = path.read_bytes()
    assert market_from_parquet(market_to_parquet(document)) == canonical_market(document)


@pytest.mark.parametrize(
    "entry",
    [e for e in SIGNED["markets"] if e["name"] != "not a market"],
    ids=lambda entry: str(entry["name"]),
)
def test_vectors_go_there_and_back(entry: dict[str, str]) -> None:
    document = entry["document"].encode()
    assert market_from_parquet(market_to_parquet(document)) == canonical_market(document)


def test_the_files_are_what_the_vectors_say() -> None:
    prices = next(entry["document"] for entry in SIGNED["markets"] if entry["name"] == "prices")
    assert market_from_parquet(PARQUET) == canonical_market(MARKET)
    assert market_from_parquet(PRICES) == canonical_market(prices.encode())


def test_the_generator_writes_the_same_tables() -> None:
    written: dict[str, bytes] = runpy.run_path(str(GENERATOR))["generate"]()
    for name, stored in (("market.parquet", PARQUET), ("prices.parquet", PRICES)):
        assert table_of(written[name]) == table_of(stored)
        made_by = [
            pq.ParquetFile(pa.BufferReader(data)).metadata.created_by for data in (written[name], stored)
        ]
        if made_by[0] == made_by[1]:
            assert written[name] == stored


def test_tiers_of_collateral_go_there_and_back() -> None:
    tiers: list[Json] = [
        {"from": "0", "to": "10000", "percent": 100},
        {"from": "10000", "to": str(10**30), "percent": 50},
    ]
    price: Json = {"text": "1.50", "units": "150", "scale": 2}
    document = source_document(
        {"asset": "A", "decimals": 8, "price": price, "pools": {"loan": tiers, "portfolio": []}},
        {"asset": "B", "decimals": 0, "price": price},
    )
    assert market_from_parquet(market_to_parquet(document)) == document


def test_what_parquet_would_lose_is_refused() -> None:
    price: Json = {"text": "1", "units": "1", "scale": 0}
    document = source_document({"asset": "A", "decimals": 8, "price": price, "pools": {}})
    with pytest.raises(MarketFileError, match="would lose, such as a 'pools' without any pool"):
        market_to_parquet(document)


def test_what_is_no_market_is_not_written() -> None:
    with pytest.raises(MarketFileError, match=r"the market: \$"):
        market_to_parquet(b"{}")


_PRICE = st.decimals(min_value=0, max_value=10**24, allow_nan=False, allow_infinity=False).map(
    lambda number: decimal_text(number.normalize())
)


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        st.text("ABC漢é ", min_size=1, max_size=5), _PRICE.filter(lambda t: len(t) <= 60), max_size=6
    )
)
def test_any_prices_go_there_and_back(prices: dict[str, str]) -> None:
    document = price_document(*prices.items())
    assert market_from_parquet(market_to_parquet(document)) == document


def test_figures_beyond_38_digits_are_written_as_text() -> None:
    price = "123456789012345678901234.123456789012345678901234567890123"
    document = price_document(("A", price), ("B", "1"))
    data = market_to_parquet(document)
    assert table_of(data)[0].schema.field("price").type == pa.string()
    assert market_from_parquet(data) == document


def test_figures_are_written_as_decimals_that_everybody_reads() -> None:
    schema = table_of(PARQUET)[0].schema
    assert str(schema.field("mark").type) == "decimal128(38, 2)"
    assert str(schema.field("expiry").type) == "timestamp[ms, tz=UTC]"
    assert not any(pa.types.is_floating(each.type) for each in schema)


# What other programs write


@pytest.mark.parametrize(
    "change",
    [
        same,
        as_text("mark", "strike", "volatility"),
        lambda table: set_column(table, "strike", table.column("strike").cast(pa.int64())),
        lambda table: set_column(table, "mark", table.column("mark").cast(pa.decimal256(60, 9))),
        lambda table: set_column(table, "kind", table.column("kind").dictionary_encode()),
        lambda table: set_column(table, "id", table.column("id").cast(pa.large_string())),
        lambda table: set_column(table, "expiry", table.column("expiry").cast(pa.timestamp("ns", "UTC"))),
        lambda table: set_column(table, "decimals", table.column("decimals").cast(pa.uint8())),
        lambda table: table.select(sorted(table.column_names)),
    ],
)
def test_other_exact_types_and_orders_are_read(change: Change) -> None:
    assert market_from_parquet(edited(change)) == canonical_market(MARKET)


def test_rows_may_come_in_any_order_but_those_of_the_risk_array() -> None:
    def change(table: pa.Table) -> pa.Table:
        kinds = table.column("kind").to_pylist()
        risk = [row for row, kind in enumerate(kinds) if kind == "risk"]
        return table.take(risk + [row for row, kind in enumerate(kinds) if kind != "risk"][::-1])

    assert market_from_parquet(edited(change)) == canonical_market(MARKET)


def test_times_may_be_text() -> None:
    def change(table: pa.Table) -> pa.Table:
        cells = [
            None if t is None else t.strftime("%Y-%m-%dT%H:%M:%SZ")
            for t in table.column("expiry").to_pylist()
        ]
        return set_column(table, "expiry", pa.array(cells, pa.string()))

    assert market_from_parquet(edited(change)) == canonical_market(MARKET)


# Faults


PERP: Final = instrument_row("BTC-PERP")
OPTION: Final = instrument_row("BTC-FEB-65000-C")
CASH: Final = instrument_row("USDC")


def floats(values: list[float | None]) -> Change:
    return lambda table: set_column(
        table, "mark", pa.array((values * table.num_rows)[: table.num_rows], pa.float64())
    )


FAULTS: Final[list[tuple[str, Change, str]]] = [
    (
        "floating point",
        floats([1.5]),
        "column 'mark' is of type double; floating point rounds, and holds NaN",
    ),
    (
        "NaN",
        floats([float("nan")]),
        "floating point rounds, and holds NaN",
    ),
    (
        "NaN as text",
        lambda t: with_cell("mark", PERP, "NaN")(as_text("mark")(t)),
        f"row {PERP}, column 'mark': 'NaN' is not canonical",
    ),
    (
        "an exponent",
        lambda t: with_cell("mark", PERP, "1E+5")(as_text("mark")(t)),
        f"row {PERP}, column 'mark': '1E.5' is not canonical",
    ),
    (
        "a negative mark",
        with_cell("mark", PERP, Decimal("-1.00")),
        f"row {PERP}, column 'mark': -1 is not above 0",
    ),
    (
        "a negative price",
        with_cell("price", CASH, Decimal("-0.9998")),
        f"row {CASH}, column 'price': -0.9998 is below 0",
    ),
    (
        "a strike of zero",
        with_cell("strike", OPTION, Decimal(0)),
        f"row {OPTION}, column 'strike': 0 is not above 0",
    ),
    (
        "a null figure",
        with_cell("mark", PERP, None),
        f"row {PERP}, column 'mark': is null",
    ),
    (
        "a null id",
        with_cell("id", PERP, None),
        f"row {PERP}, column 'id': is null",
    ),
    (
        "a null kind",
        with_cell("kind", PERP, None),
        f"row {PERP}, column 'kind': is null",
    ),
    (
        "a figure too much",
        with_cell("strike", PERP, Decimal(1)),
        f"row {PERP}, column 'strike': rows of kind 'perpetual' leave it null",
    ),
    (
        "an unknown kind",
        with_cell("kind", PERP, "swap"),
        f"row {PERP}, column 'kind': 'swap' is unknown; there are underlying, forward, cash",
    ),
    (
        "an unknown right",
        with_cell("right", OPTION, "Call"),
        f"row {OPTION}, column 'right': 'Call' is unknown",
    ),
    (
        "an id twice",
        with_cell("id", PERP, "BTC-JUN"),
        r"row \d+: BTC-JUN is there already \(duplicate\)",
    ),
    (
        "an underlying twice",
        with_cell("id", row_of("OIL"), "BTC"),
        "BTC is there already|no row of kind 'underlying' for 'OIL'",
    ),
    (
        "an unknown underlying",
        with_cell("underlying", PERP, "DOGE"),
        f"row {PERP}, column 'underlying': the market has no underlying 'DOGE'",
    ),
    (
        "a forward of nothing",
        with_cell("underlying", 2, "DOGE"),
        "row 2, column 'underlying': there is no row of kind 'underlying' for 'DOGE'",
    ),
    (
        "an expiry without forward",
        with_cell("expiry", OPTION, datetime(2027, 1, 1, tzinfo=UTC)),
        f"row {OPTION}, column 'expiry': .* no forward at this expiry",
    ),
    (
        "an expired option",
        with_cell("expiry", OPTION, datetime(2026, 1, 31, 7, 59, 59, tzinfo=UTC)),
        f"row {OPTION}, column 'expiry': 'BTC-FEB-65000-C' expired at 2026-01-31T07:59:59Z",
    ),
    (
        "part of a second",
        with_cell("expiry", OPTION, datetime(2026, 2, 7, 8, 0, 0, 1000, tzinfo=UTC)),
        "column 'expiry': a time is not in whole seconds",
    ),
    (
        "no time zone",
        lambda t: set_column(t, "expiry", t.column("expiry").cast(pa.timestamp("ms"))),
        r"column 'expiry' is of type timestamp\[ms\]; the zone must be UTC",
    ),
    (
        "another time zone",
        lambda t: set_column(t, "expiry", t.column("expiry").cast(pa.timestamp("ms", "Europe/Berlin"))),
        "the zone must be UTC",
    ),
    (
        "a day only",
        lambda t: set_column(t, "expiry", t.column("expiry").cast(pa.date32())),
        "column 'expiry' is of type date32.*needed is a time",
    ),
    (
        "a number as id",
        lambda t: set_column(t, "id", pa.array(range(t.num_rows))),
        "column 'id' is of type int64; needed is text",
    ),
    (
        "bytes as id",
        lambda t: set_column(t, "id", t.column("id").cast(pa.binary())),
        "column 'id' is of type binary; needed is text",
    ),
    (
        "truth as a figure",
        lambda t: set_column(t, "mark", pa.array([True] * t.num_rows)),
        "column 'mark' is of type bool; needed is a figure",
    ),
    (
        "decimals as text",
        lambda t: set_column(t, "decimals", t.column("decimals").cast(pa.string())),
        "column 'decimals' is of type string; needed is an integer",
    ),
    (
        "profits as floats",
        lambda t: set_column(t, "profits", t.column("profits").cast(pa.list_(pa.float64()))),
        "column 'profits' is of type list",
    ),
    (
        "no kinds",
        lambda t: t.drop_columns(["kind"]),
        "column 'kind' is missing",
    ),
    (
        "no strikes",
        lambda t: t.drop_columns(["strike"]),
        "column 'strike' is missing, and rows of kind 'option' need it",
    ),
    (
        "a column too many",
        lambda t: t.append_column("bid", pa.nulls(t.num_rows, pa.string())),
        "column 'bid' is unknown; there are kind, id",
    ),
    (
        "a column twice",
        lambda t: t.append_column("mark", t.column("mark")),
        "a column name appears twice|Multiple matches",
    ),
    (
        "a long id",
        with_cell("id", PERP, "x" * 2000),
        "column 'id': a text is longer than 1024 characters",
    ),
    (
        "too few profits",
        with_cell("profits", row_of("risk", "kind"), [1]),
        "column 'profits' has not 3 entries|has not \\d+ entries",
    ),
    (
        "a null profit",
        with_cell("profits", row_of("risk", "kind"), [None]),
        "column 'profits': is null",
    ),
]


@pytest.mark.parametrize(("name", "change", "reason"), FAULTS, ids=[fault[0] for fault in FAULTS])
def test_faults_are_told_by_row_and_column(name: str, change: Change, reason: str) -> None:
    with pytest.raises(MarketFileError, match=reason):
        market_from_parquet(edited(change))


def test_expired_options_are_taken_on_request_alone() -> None:
    document = json.loads(MARKET)
    del document["risk_array"]
    entry = next(each for each in document["instruments"] if each["id"] == "BTC-JUN")
    entry["expiry"] = "2026-01-31T07:59:59Z"
    data = market_to_parquet(json.dumps(document).encode())
    assert json.loads(market_from_parquet(data, allow_expired=True)) == document
    with pytest.raises(MarketFileError, match="'BTC-JUN' expired at"):
        market_from_parquet(data)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"format": "sealedbook/market/v2"}, "header: field 'format' is 'sealedbook/market/v2'"),
        ({"format": 1}, "header: .*expected text"),
        ({"as_of": "today"}, r"header: \$.as_of: 'today' is not a UTC time"),
        ({"instruments": []}, "header: .*unknown field 'instruments'"),
        ({"risk_array": None}, "expected an object, found null|rows of kind 'risk'"),
        ({"risk_array": {"greeks": []}}, "field 'format' is missing|has not 0 entries"),
    ],
)
def test_faults_of_the_header(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(MarketFileError, match=reason):
        market_from_parquet(edited(same, **fields))


def test_a_risk_row_needs_the_array_in_the_header() -> None:
    table, header = table_of(PARQUET)
    del header["risk_array"]
    with pytest.raises(MarketFileError, match="the header has no 'risk_array'"):
        market_from_parquet(file_of(table, header))


@pytest.mark.parametrize(
    ("header", "key", "reason"),
    [
        ({}, b"other", "no header under 'sealedbook.market'"),
        (b"{", HEADER_KEY, "header: .*not JSON"),
        (b"[]", HEADER_KEY, "header: .*expected an object"),
        ({}, HEADER_KEY, "field 'format' is ''"),
        (b'{"format": "sealedbook/pmrm2-market/v1"}', HEADER_KEY, "expected an object, found null"),
    ],
)
def test_files_without_a_sound_header(header: Any, key: bytes, reason: str) -> None:
    with pytest.raises(MarketFileError, match=reason):
        market_from_parquet(file_of(table_of(PARQUET)[0], header, key=key))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "does not begin as a Parquet file does"),
        (MARKET, "does not begin as a Parquet file does"),
        (b"PAR1", "cut off"),
        (PARQUET[:-1], "cut off"),
        (PARQUET[: len(PARQUET) // 2], "cut off"),
        (PARQUET[: len(PARQUET) // 2] + b"PAR1", "cannot be read|damaged"),
        (b"PAR1" + bytes(64) + b"PAR1", "cannot be read|damaged"),
    ],
)
def test_files_that_are_none_or_cut_off(data: bytes, reason: str) -> None:
    with pytest.raises(MarketFileError, match=reason):
        market_from_parquet(data)


def test_damage_anywhere_is_a_typed_error_or_the_same_market() -> None:
    """A flipped bit in a page may be in padding, or change a figure: never another kind of failure."""
    canonical = canonical_market(MARKET)
    refused = 0
    for place in range(4, len(PARQUET) - 4, 23):
        damaged = bytearray(PARQUET)
        damaged[place] ^= 0x10
        try:
            found = market_from_parquet(bytes(damaged))
        except MarketFileError:
            refused += 1
        else:
            assert json.loads(found).keys() == json.loads(canonical).keys()
    assert refused > 50


def test_text_that_is_not_utf_8() -> None:
    table = set_column(
        table_of(PRICES)[0],
        "asset",
        pa.array([b"\xff", b"a", b"b"], pa.binary()).cast(pa.string(), safe=False),
    )
    with pytest.raises(MarketFileError, match=r"damaged|cannot be read"):
        market_from_parquet(file_of(table, table_of(PRICES)[1]))


@pytest.mark.parametrize(
    ("limit", "value", "reason"),
    [
        ("MAX_PARQUET_BYTES", 1000, "more than 1000 bytes"),
        ("MAX_ROWS", 10, "rows, more than 10"),
        ("MAX_UNCOMPRESSED_BYTES", 100, "unfolds to .* bytes, more than 100"),
    ],
)
def test_huge_files(limit: str, value: int, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, limit, value)
    with pytest.raises(MarketFileError, match=reason):
        market_from_parquet(PARQUET)


def test_a_small_file_does_not_unfold_into_a_huge_table() -> None:
    """One long text, two thousand times by dictionary: refused without unfolding it."""
    rows = 2_000
    text = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * (1 << 20)]))
    table = pa.table({"asset": text, "price": pa.array(["1"] * rows)})
    data = file_of(table, table_of(PRICES)[1], write_batch_size=64, dictionary_pagesize_limit=1 << 24)
    assert len(data) < layout.MAX_PARQUET_BYTES
    with pytest.raises(
        MarketFileError, match=re.escape("column 'asset': a text is longer than 1024 characters")
    ):
        market_from_parquet(data)


def test_every_column_is_of_some_kind() -> None:
    used = {name for fields in KIND_FIELDS.values() for name in fields}
    assert used | {"kind"} == set(ROW_COLUMNS)
