"""Cells between Parquet and JSON: exact types only.

A figure is canonical decimal text in JSON. In Parquet it is a decimal, an integer, or that text; never floating
point, whose values are rounded, and which holds NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from circuits.market.decimals import decimal_text
from primitives.attestation import format_time
from primitives.strict_json import Json
from prover.market_parquet.errors import MarketFileError
from prover.market_parquet.layout import MAX_CELL_CHARACTERS, Holds

MAX_DECIMAL_DIGITS: Final = 38
"""What every reader of Parquet understands; wider figures are written as text."""
_TIER_FIELDS: Final = ("from", "to", "percent")
_TIERS: Final = pa.list_(
    pa.struct([("from", pa.decimal128(31, 0)), ("to", pa.decimal128(31, 0)), ("percent", pa.int32())])
)

Cell = Any
"""A cell as pyarrow hands it over: None, text, int, Decimal, datetime, list or dict."""


def check_type(name: str, kind: pa.DataType, holds: Holds) -> None:
    """`MarketFileError` unless a column of this type can hold that, exactly."""
    if _is_acceptable(kind, holds):
        return
    if holds is Holds.FIGURE and pa.types.is_floating(kind):
        reason = "floating point rounds, and holds NaN: write decimals or text"
    elif holds is Holds.TIME and pa.types.is_timestamp(kind):
        reason = "the zone must be UTC"
    else:
        reason = f"needed is {holds.value}"
    raise MarketFileError(f"column {name!r} is of type {kind}; {reason}")


def _is_acceptable(kind: pa.DataType, holds: Holds) -> bool:
    types = pa.types
    if holds is Holds.COUNTS:
        return _is_list(kind) and types.is_integer(kind.value_type)
    if holds is Holds.TIERS:
        return _is_list(kind) and types.is_struct(kind.value_type) and _are_tiers(kind.value_type)
    if holds is Holds.COUNT:
        return bool(types.is_integer(kind))
    if is_text(kind):
        return True
    if holds is Holds.FIGURE:
        return bool(types.is_integer(kind) or types.is_decimal(kind))
    return holds is Holds.TIME and types.is_timestamp(kind) and kind.tz in ("UTC", "+00:00", "Etc/UTC")


def is_text(kind: pa.DataType) -> bool:
    """Whether a column is text, plain or by dictionary."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _are_tiers(kind: pa.DataType) -> bool:
    fields = {field.name: field.type for field in kind}
    return tuple(sorted(fields)) == tuple(sorted(_TIER_FIELDS)) and all(
        pa.types.is_integer(each) or pa.types.is_decimal(each) for each in fields.values()
    )


def cells_of(column: pa.ChunkedArray, name: str, holds: Holds) -> list[Cell]:
    """The cells of a column whose type was checked.

    `MarketFileError` for times that are no whole seconds, and for long texts: before they are unfolded, since one
    text that stands in every row takes no more room in a file than one.
    """
    if is_text(column.type) and any(_longest(chunk) > MAX_CELL_CHARACTERS for chunk in column.chunks):
        raise MarketFileError(f"column {name!r}: a text is longer than {MAX_CELL_CHARACTERS} characters")
    if holds is Holds.TIME and pa.types.is_timestamp(column.type):
        try:
            column = column.cast(pa.timestamp("s", tz="UTC"))
        except pa.ArrowInvalid as error:
            raise MarketFileError(f"column {name!r}: a time is not in whole seconds") from error
    cells: list[Cell] = column.to_pylist()
    return cells


def _longest(chunk: pa.Array) -> int:
    """Characters of the longest text, found among distinct ones where they are stored once."""
    texts = chunk.dictionary if pa.types.is_dictionary(chunk.type) else chunk
    longest: int | None = pc.max(pc.utf8_length(texts)).as_py()
    return longest or 0


def to_json(cell: Cell, holds: Holds, where: str) -> Json:
    """A cell that is not null, as the JSON document has it; `where` is for errors."""
    if isinstance(cell, str):
        return cell
    if holds is Holds.TIME:
        return format_time(cell)
    if holds is Holds.FIGURE:
        return decimal_text(Decimal(cell))
    if holds is Holds.COUNTS:
        return [str(_not_null(each, where)) for each in cell]
    if holds is Holds.TIERS:
        return [_tier(each, where) for each in cell]
    return int(cell)


def _tier(cell: Cell, where: str) -> Json:
    tier = {name: _not_null(_not_null(cell, where)[name], where) for name in _TIER_FIELDS}
    return {
        "from": decimal_text(Decimal(tier["from"])),
        "to": decimal_text(Decimal(tier["to"])),
        "percent": int(tier["percent"]),
    }


def _not_null(cell: Cell, where: str) -> Cell:
    if cell is None:
        raise MarketFileError(f"{where}: is null")
    return cell


def from_json(cells: Sequence[Cell], holds: Holds) -> pa.Array:
    """A column of JSON values, or None, in the narrowest type that is exact and widely read."""
    if holds is Holds.TEXT:
        return pa.array(cells, pa.string())
    if holds is Holds.TIME:
        moments = [None if cell is None else datetime.fromisoformat(cell) for cell in cells]
        return pa.array(moments, pa.timestamp("ms", tz="UTC"))
    if holds is Holds.COUNT:
        return pa.array([None if cell is None else int(cell) for cell in cells], pa.int64())
    if holds is Holds.COUNTS:
        rows = [None if cell is None else [int(each) for each in cell] for cell in cells]
        return pa.array(rows, pa.list_(pa.int64()))
    if holds is Holds.TIERS:
        return pa.array(
            [None if cell is None else [_tier_cell(each) for each in cell] for cell in cells], _TIERS
        )
    return _figures(cells)


def _tier_cell(tier: dict[str, Any]) -> dict[str, Any]:
    return {"from": Decimal(tier["from"]), "to": Decimal(tier["to"]), "percent": tier["percent"]}


def _figures(cells: Sequence[Cell]) -> pa.Array:
    """Decimals of one scale for the column where 38 digits hold them all, else text."""
    parts = [cell.lstrip("-").partition(".") for cell in cells if cell is not None]
    scale = max((len(fraction) for _, _, fraction in parts), default=0)
    whole = max((len(digits) for digits, _, _ in parts), default=1)
    if whole + scale > MAX_DECIMAL_DIGITS:
        return pa.array(cells, pa.string())
    decimals = [None if cell is None else Decimal(cell) for cell in cells]
    return pa.array(decimals, pa.decimal128(MAX_DECIMAL_DIGITS, scale))
