"""From a Parquet file to the canonical JSON document of a market.

1. Open it: size, declared sizes and rows within bounds, a header, columns that are known and of exact types.
2. Assemble the document: rows by kind, in the order of their ids; every cell that a kind needs, and no other.
3. Read the document as any other market is read. Faults are told by row and column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from circuits.market.document import MARKET_FORMAT
from circuits.pmrm2.market_document import PMRM2_MARKET_FORMAT
from circuits.prices import PRICES_FORMAT
from circuits.public_market import parse_public_market
from circuits.source_market import SOURCE_MARKET_FORMAT
from primitives.attestation import parse_time
from primitives.strict_json import Json, JsonError, JsonObject, canonical_json, parse_json
from prover.market_parquet.columns import Cell, cells_of, check_type, is_text, to_json
from prover.market_parquet.errors import MarketFileError
from prover.market_parquet.layout import (
    FORWARD,
    HEADER_KEY,
    KIND_FIELDS,
    MAX_PARQUET_BYTES,
    MAX_ROWS,
    MAX_UNCOMPRESSED_BYTES,
    OPTIONAL,
    POOL_COLUMNS,
    PRICE_COLUMNS,
    RISK,
    ROW_COLUMNS,
    SOURCE_COLUMNS,
    UNDERLYING,
    Holds,
)

_MAGIC: Final = b"PAR1"
_PLACE: Final = re.compile(r"\A\$((?:\.[a-z_]+\[[0-9]+\])+)(?:\.(.+))?\Z")

_Object = dict[str, Json]
_Row = dict[str, Cell]


def market_from_parquet(data: bytes, *, allow_expired: bool = False) -> bytes:
    """The canonical JSON document that a Parquet file holds. Raises `MarketFileError`.

    Options and futures past expiry are refused unless `allow_expired`: a book that still holds them has not been
    settled. (Scenarios may value them all the same, see docs/market.md, section 3.)
    """
    try:
        return _read(data, allow_expired=allow_expired)
    except JsonError as error:
        raise MarketFileError(f"header: {error}") from error
    except pa.ArrowException as error:
        raise MarketFileError(f"the Parquet file cannot be read: {_first_line(error)}") from error
    except (OSError, ValueError, OverflowError, KeyError) as error:
        # What pyarrow raises for damage inside of pages, text that is not UTF-8, years that no calendar has.
        raise MarketFileError(f"the Parquet file is damaged: {_first_line(error)}") from error


def _read(data: bytes, *, allow_expired: bool) -> bytes:
    file = open_file(data)
    header = _header(file)
    name = header.text("format", max_length=64) if header.has("format") else ""
    if name == PRICES_FORMAT:
        assembled = _assemble_prices(header, file)
    elif name == SOURCE_MARKET_FORMAT:
        assembled = _assemble_source(header, file)
    elif name in (MARKET_FORMAT, PMRM2_MARKET_FORMAT):
        assembled = _assemble_market(name, header, file, allow_expired=allow_expired)
    else:
        raise MarketFileError(f"header: field 'format' is {name!r}, which names no market")
    document = canonical_json(assembled.document)
    try:
        parse_public_market(document)
    except JsonError as error:
        raise MarketFileError(assembled.explain(error)) from error
    return document


@dataclass
class _Assembled:
    """The document, and which row each of its objects was made from."""

    document: _Object
    rows: dict[str, int] = field(default_factory=dict)

    def explain(self, error: JsonError) -> str:
        """The error in terms of rows and columns, where it is about one."""
        reason = str(error).removeprefix(f"{error.path}: ")
        match = _PLACE.match(error.path)
        row = self.rows.get(match[1]) if match else None
        if match is None or row is None:
            return f"the market that the file holds: {error}"
        return f"row {row}{f', column {match[2]!r}' if match[2] else ''}: {reason}"


def open_file(data: bytes) -> pq.ParquetFile:
    """The file, with text left in dictionaries: a small file must not unfold into a huge table."""
    if len(data) > MAX_PARQUET_BYTES:
        raise MarketFileError(f"the Parquet file has more than {MAX_PARQUET_BYTES} bytes")
    if data[:4] != _MAGIC:
        raise MarketFileError("the file does not begin as a Parquet file does")
    if len(data) < 12 or data[-4:] != _MAGIC:
        raise MarketFileError("the Parquet file is cut off: it does not end as one does")
    schema = pq.ParquetFile(pa.BufferReader(data)).schema_arrow
    texts = [each.name for each in schema if is_text(each.type)]
    file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=texts)
    metadata = file.metadata
    if metadata.num_rows > MAX_ROWS:
        raise MarketFileError(f"the file has {metadata.num_rows:,} rows, more than {MAX_ROWS:,}")
    # Figures of a group's columns are not looked at: pyarrow ends the process where those are damaged.
    unfolded = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    if unfolded > MAX_UNCOMPRESSED_BYTES:
        raise MarketFileError(f"the file unfolds to {unfolded:,} bytes, more than {MAX_UNCOMPRESSED_BYTES:,}")
    return file


def _header(file: pq.ParquetFile) -> JsonObject:
    stored = file.metadata.metadata or {}
    if HEADER_KEY not in stored:
        raise MarketFileError(f"the file's metadata has no header under {HEADER_KEY.decode()!r}")
    return JsonObject(parse_json(stored[HEADER_KEY]))


def _rows(file: pq.ParquetFile, columns: Mapping[str, Holds], required: tuple[str, ...]) -> list[_Row]:
    """The rows, with the columns that the file has. All types are checked before a page is read."""
    schema = file.schema_arrow
    if len(set(schema.names)) != len(schema.names):
        raise MarketFileError("a column name appears twice")
    if unknown := [name for name in schema.names if name not in columns]:
        raise MarketFileError(f"column {unknown[0][:64]!r} is unknown; there are {', '.join(columns)}")
    if missing := [name for name in required if name not in schema.names]:
        raise MarketFileError(f"column {missing[0]!r} is missing")
    for each in schema:
        check_type(each.name, _value_type(each.type), columns[each.name])
    table = file.read(use_threads=False)
    cells = {name: cells_of(table.column(name), name, columns[name]) for name in schema.names}
    return [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]


def _value_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) and is_text(kind) else kind


def _rest_of(header: JsonObject, *names: str) -> _Object:
    """The fields of the header that are named, as far as they are there; no other may be."""
    found = {name: header.raw(name) for name in names if header.has(name)}
    header.finish()
    return found


def _cell(row: _Row, name: str, holds: Holds, where: str) -> Json:
    if row[name] is None:
        raise MarketFileError(f"{where}, column {name!r}: is null")
    return to_json(row[name], holds, f"{where}, column {name!r}")


def _numbered(rows: list[_Row]) -> Iterator[tuple[int, str, _Row]]:
    for number, row in enumerate(rows, start=1):
        yield number, f"row {number}", row


# Prices


def _assemble_prices(header: JsonObject, file: pq.ParquetFile) -> _Assembled:
    fields = _rest_of(header, "as_of", "quote", "scale")
    prices: list[Json] = []
    assembled = _Assembled({"format": PRICES_FORMAT, **fields, "prices": prices})
    for number, where, row in _numbered(_rows(file, PRICE_COLUMNS, tuple(PRICE_COLUMNS))):
        assembled.rows[f".prices[{len(prices)}]"] = number
        prices.append({name: _cell(row, name, holds, where) for name, holds in PRICE_COLUMNS.items()})
    return assembled


# Imported prices with tiers of collateral


def _assemble_source(header: JsonObject, file: pq.ParquetFile) -> _Assembled:
    fields = _rest_of(header, "source", "quote")
    assets: list[Json] = []
    assembled = _Assembled({"format": SOURCE_MARKET_FORMAT, **fields, "assets": assets})
    for number, where, row in _numbered(_rows(file, SOURCE_COLUMNS, ("asset", "decimals", "price"))):
        assembled.rows[f".assets[{len(assets)}]"] = number
        entry: _Object = {
            "asset": _cell(row, "asset", Holds.TEXT, where),
            "decimals": _cell(row, "decimals", Holds.COUNT, where),
            "price": _source_price(str(_cell(row, "price", Holds.TEXT, where)), where),
        }
        pools: _Object = {
            name: _cell(row, name, Holds.TIERS, where) for name in POOL_COLUMNS if row.get(name) is not None
        }
        assets.append(entry | ({"pools": pools} if pools else {}))
    return assembled


def _source_price(text: str, where: str) -> Json:
    """The price with its units and scale, which follow from the text."""
    whole, _, fraction = text.partition(".")
    digits = whole + fraction
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 60:
        raise MarketFileError(f"{where}, column 'price': {text[:40]!r} is no price")
    return {"text": text, "units": str(int(digits)), "scale": len(fraction)}


# Markets of instruments


def _assemble_market(
    name: str, header: JsonObject, file: pq.ParquetFile, *, allow_expired: bool
) -> _Assembled:
    rows = _rows(file, ROW_COLUMNS, ("kind",))
    if name == MARKET_FORMAT:
        return _instruments(_rest_of(header, "as_of", "quote", "scale", "sources", "risk_array", "history"), rows,
                            "", allow_expired=allow_expired)  # fmt: skip
    fields = _rest_of(header, "market", "confidences", "unit_prices")
    nested = JsonObject(fields.pop("market", None), "$.market")
    nested.constant("format", MARKET_FORMAT)
    inner = _instruments(
        _rest_of(nested, "as_of", "quote", "scale", "sources"), rows, ".market", allow_expired=allow_expired
    )
    return _Assembled({"format": PMRM2_MARKET_FORMAT, **fields, "market": inner.document}, inner.rows)


def _instruments(fields: _Object, rows: list[_Row], prefix: str, *, allow_expired: bool) -> _Assembled:
    as_of = fields.get("as_of")
    if isinstance(as_of, str):
        parse_time(as_of, "$.as_of")
    by_kind: dict[str, list[tuple[int, _Object]]] = {kind: [] for kind in KIND_FIELDS}
    for number, where, row in _numbered(rows):
        kind = _kind(row, where)
        entry = _entry(kind, row, where)
        if not allow_expired:
            _refuse_expired(kind, entry, as_of, where)
        by_kind[kind].append((number, entry))
    assembled = _Assembled({"format": MARKET_FORMAT, **fields})
    assembled.document["underlyings"] = _underlyings(by_kind, assembled)
    listed = [
        (number, {"kind": kind, **entry})
        for kind, entries in by_kind.items()
        if kind not in (UNDERLYING, FORWARD, RISK)
        for number, entry in entries
    ]
    listed.sort(key=lambda each: str(each[1]["id"]))
    assembled.document["instruments"] = [entry for _, entry in listed]
    assembled.rows |= {f".instruments[{place}]": number for place, (number, _) in enumerate(listed)}
    _add_risk_array(assembled.document, [entry for _, entry in by_kind[RISK]])
    if prefix:
        assembled.rows = {prefix + place: number for place, number in assembled.rows.items()}
    return assembled


def _kind(row: _Row, where: str) -> str:
    kind = str(_cell(row, "kind", Holds.TEXT, where))
    if kind not in KIND_FIELDS:
        raise MarketFileError(
            f"{where}, column 'kind': {kind[:40]!r} is unknown; there are {', '.join(KIND_FIELDS)}"
        )
    return kind


def _entry(kind: str, row: _Row, where: str) -> _Object:
    """The cells that a row of this kind fills."""
    entry: _Object = {}
    for name in KIND_FIELDS[kind]:
        if (kind, name) in OPTIONAL and row.get(name) is None:
            continue
        if name not in row:
            raise MarketFileError(f"column {name!r} is missing, and rows of kind {kind!r} need it ({where})")
        entry[name] = _cell(row, name, ROW_COLUMNS[name], where)
    for name, cell in row.items():
        if cell is not None and name != "kind" and name not in KIND_FIELDS[kind]:
            raise MarketFileError(f"{where}, column {name!r}: rows of kind {kind!r} leave it null")
    return entry


def _refuse_expired(kind: str, entry: _Object, as_of: Json, where: str) -> None:
    # Times of one form compare as text; whether the expiry has that form is seen when the document is read.
    expiry = entry.get("expiry")
    if kind != FORWARD and isinstance(expiry, str) and isinstance(as_of, str) and expiry < as_of:
        raise MarketFileError(
            f"{where}, column 'expiry': {entry.get('id')!r} expired at {expiry[:40]}, before the market's {as_of[:40]}"
        )


def _underlyings(by_kind: Mapping[str, list[tuple[int, _Object]]], assembled: _Assembled) -> list[Json]:
    """Underlyings in order of their ids, each with its expiries in order of time."""
    listed = sorted(by_kind[UNDERLYING], key=lambda each: str(each[1]["id"]))
    place_of = {str(entry["id"]): place for place, (_, entry) in enumerate(listed)}
    points: dict[str, list[_Object]] = {name: [] for name in place_of}
    for number, point in sorted(by_kind[FORWARD], key=lambda each: str(each[1]["expiry"])):
        name = str(point.pop("underlying"))
        if name not in points:
            raise MarketFileError(
                f"row {number}, column 'underlying': there is no row of kind 'underlying' for {name!r}"
            )
        assembled.rows[f".underlyings[{place_of[name]}].expiries[{len(points[name])}]"] = number
        points[name].append(point)
    assembled.rows |= {f".underlyings[{place}]": number for place, (number, _) in enumerate(listed)}
    return [{**entry, "expiries": list[Json](points[str(entry["id"])])} for _, entry in listed]


def _add_risk_array(document: _Object, entries: list[_Object]) -> None:
    """The published risk array: its rows hold one asset each, its header what they have in common."""
    stated = document.pop("risk_array", None)
    if stated is None:
        if entries:
            raise MarketFileError("there are rows of kind 'risk', and the header has no 'risk_array'")
        return
    fields = JsonObject(stated, "$.risk_array")
    greeks = fields.array("greeks", _greek_header, max_items=16)
    fixed = _rest_of(fields, "format", "scale", "scenarios")
    scenarios = fixed.get("scenarios")
    count = len(scenarios) if isinstance(scenarios, list) else 0
    document["risk_array"] = {
        **fixed,
        "assets": [{"id": entry["id"], "decimals": entry["decimals"]} for entry in entries],
        "values": [str(entry["value"]) for entry in entries],
        "profits": _transposed(entries, "profits", count),
        "greeks": [
            {**greek, "entries": row}
            for greek, row in zip(greeks, _transposed(entries, "greeks", len(greeks)), strict=True)
        ],
    }


def _greek_header(value: Json, path: str) -> _Object:
    fields = JsonObject(value, path)
    return {"greek": fields.raw("greek"), "scale": fields.raw("scale")}


def _transposed(entries: list[_Object], name: str, count: int) -> list[Json]:
    """Rows of the risk array from its columns, one for each of `count` scenarios or Greeks."""
    columns: list[list[Json]] = []
    for entry in entries:
        column = entry[name]
        if not isinstance(column, list) or len(column) != count:
            raise MarketFileError(f"risk of {entry['id']!r}: column {name!r} has not {count} entries")
        columns.append(column)
    return [[column[place] for column in columns] for place in range(count)]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["unknown error"])[0][:200]
