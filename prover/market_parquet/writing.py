"""From a market document in JSON to a Parquet file, and never with loss: what was written is read again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from circuits.market.document import MARKET_FORMAT
from circuits.pmrm2.market_document import PMRM2_MARKET_FORMAT
from circuits.prices import PRICES_FORMAT
from circuits.public_market import canonical_market
from primitives.strict_json import JsonError, canonical_json, parse_json
from prover.market_parquet.columns import from_json
from prover.market_parquet.errors import MarketFileError
from prover.market_parquet.layout import (
    FORWARD,
    HEADER_KEY,
    PRICE_COLUMNS,
    RISK,
    ROW_COLUMNS,
    SOURCE_COLUMNS,
    UNDERLYING,
    Holds,
)
from prover.market_parquet.reading import market_from_parquet

_LISTS: Final = frozenset({"underlyings", "instruments", "prices", "assets"})

_Document = dict[str, Any]
"""A document that was read as a market: its fields are there, and of their types."""


def market_to_parquet(document: bytes) -> bytes:
    """A Parquet file that `prover.market_parquet.market_from_parquet` reads as the canonical form of `document`.

    The same document makes the same file, with one version of pyarrow. Raises `MarketFileError`.
    """
    try:
        canonical = canonical_market(document)
    except JsonError as error:
        raise MarketFileError(f"the market: {error}") from error
    parsed: Any = parse_json(canonical)
    data = _write(parsed)
    if market_from_parquet(data, allow_expired=True) != canonical:
        raise MarketFileError(
            "the market has a field that Parquet would lose, such as a 'pools' without any pool"
        )
    return data


def _write(document: _Document) -> bytes:
    name = document["format"]
    if name == PRICES_FORMAT:
        return _table(PRICE_COLUMNS, document["prices"], _header(document))
    if name == MARKET_FORMAT:
        return _table(ROW_COLUMNS, _market_rows(document), _market_header(document))
    if name == PMRM2_MARKET_FORMAT:
        market = document["market"]
        header = {**document, "market": _market_header(market)}
        return _table(ROW_COLUMNS, _market_rows(market), header)
    rows = [
        {"asset": entry["asset"], "decimals": entry["decimals"], "price": entry["price"]["text"]}
        | entry.get("pools", {})
        for entry in document["assets"]
    ]
    return _table(SOURCE_COLUMNS, rows, _header(document))


def _header(document: _Document) -> _Document:
    return {name: value for name, value in document.items() if name not in _LISTS}


def _market_header(market: _Document) -> _Document:
    header = _header(market)
    if "risk_array" in header:
        array = header["risk_array"]
        header["risk_array"] = {
            **{name: array[name] for name in ("format", "scale", "scenarios")},
            "greeks": [{"greek": row["greek"], "scale": row["scale"]} for row in array["greeks"]],
        }
    return header


def _market_rows(market: _Document) -> list[_Document]:
    rows: list[_Document] = []
    for underlying in market["underlyings"]:
        own = {name: underlying[name] for name in ("id", "index") if name in underlying}
        rows.append({"kind": UNDERLYING, **own})
        rows += [
            {"kind": FORWARD, "underlying": underlying["id"], **point} for point in underlying["expiries"]
        ]
    rows += market["instruments"]
    if "risk_array" in market:
        rows += _risk_rows(market["risk_array"])
    return rows


def _risk_rows(array: _Document) -> Iterable[_Document]:
    for place, asset in enumerate(array["assets"]):
        yield {
            "kind": RISK,
            **asset,
            "value": array["values"][place],
            "profits": [row[place] for row in array["profits"]],
            "greeks": [row["entries"][place] for row in array["greeks"]],
        }


def _table(columns: Mapping[str, Holds], rows: list[_Document], header: _Document) -> bytes:
    """Columns that no row fills are left out, but for those that name things."""
    always = next(iter(columns))
    kept = {
        name: from_json([row.get(name) for row in rows], holds)
        for name, holds in columns.items()
        if name == always or any(row.get(name) is not None for row in rows) or columns is not ROW_COLUMNS
    }
    table, sink = pa.table(kept), pa.BufferOutputStream()
    with pq.ParquetWriter(sink, table.schema, compression="snappy", store_schema=False) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({HEADER_KEY: canonical_json(header)})
    data: bytes = sink.getvalue().to_pybytes()
    return data
