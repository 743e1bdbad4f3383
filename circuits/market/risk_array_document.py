"""The JSON form of a risk array, format ``sealedbook/risk-array/v1``: entries are integers in decimal text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import numpy as np

from circuits.market.entries import MAX_ENTRY, IntArray
from circuits.market.risk_array import MAX_GREEK_SCALE, Greek, GreekRow, RiskArray
from circuits.market.scenarios import MAX_LABEL, MAX_SCENARIOS
from circuits.prices import MAX_SCALE
from primitives.assets import AssetList
from primitives.strict_json import Json, JsonError, JsonObject

RISK_ARRAY_FORMAT: Final = "sealedbook/risk-array/v1"

_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,18}", re.ASCII)


def parse_risk_array(fields: JsonObject) -> RiskArray:
    """The risk array in `fields`. It is read, not believed: `check_risk_array` compares it.

    Raises `JsonError` whose path names the field at fault.
    """
    fields.constant("format", RISK_ARRAY_FORMAT)
    scale = fields.integer("scale", minimum=0, maximum=MAX_SCALE)
    parent = fields.path("assets").removesuffix(".assets")
    assets = AssetList.parse(fields.raw("assets"), parent).assets
    scenarios = tuple(fields.array("scenarios", _parse_label, max_items=MAX_SCENARIOS))
    parse_row = _row_parser(len(assets))
    values = parse_row(fields.raw("values"), fields.path("values"))
    profits = fields.array("profits", parse_row, max_items=MAX_SCENARIOS)
    if len(profits) != len(scenarios):
        raise fields.fail("profits", f"has {len(profits)} rows for {len(scenarios)} scenarios")
    greeks = tuple(fields.array("greeks", _greek_parser(parse_row), max_items=len(Greek)))
    fields.finish()
    table = np.array(profits, dtype=np.int64).reshape(len(scenarios), len(assets))
    return RiskArray(assets, scenarios, scale, values, table, greeks)


def risk_array_to_json(array: RiskArray) -> Json:
    """The strict inverse of `parse_risk_array`."""
    return {
        "format": RISK_ARRAY_FORMAT,
        "scale": array.scale,
        "assets": AssetList(array.assets).to_json(),
        "scenarios": list(array.scenarios),
        "values": _texts(array.values),
        "profits": [_texts(row) for row in array.profits],
        "greeks": [
            {"greek": row.greek.value, "scale": row.scale, "entries": _texts(row.entries)}
            for row in array.greeks
        ],
    }


def _parse_label(value: Json, path: str) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_LABEL:
        raise JsonError(path, f"expected text of 1 to {MAX_LABEL} characters")
    return value


def _row_parser(length: int) -> Callable[[Json, str], IntArray]:
    def parse_row(value: Json, path: str) -> IntArray:
        if not isinstance(value, list):
            raise JsonError(path, "expected an array")
        if len(value) != length:
            raise JsonError(path, f"has {len(value)} entries for {length} assets")
        entries = [_parse_entry(entry, path, place) for place, entry in enumerate(value)]
        return np.array(entries, dtype=np.int64)

    return parse_row


def _parse_entry(value: Json, path: str, place: int) -> int:
    if not isinstance(value, str) or not _INTEGER.fullmatch(value):
        raise JsonError(f"{path}[{place}]", "expected an integer in canonical decimal text")
    entry = int(value)
    if abs(entry) > MAX_ENTRY:
        raise JsonError(f"{path}[{place}]", "exceeds 64 bits")
    return entry


def _greek_parser(parse_row: Callable[[Json, str], IntArray]) -> Callable[[Json, str], GreekRow]:
    def parse_greek(value: Json, path: str) -> GreekRow:
        fields = JsonObject(value, path)
        name = fields.text("greek")
        if name not in tuple(Greek):
            raise fields.fail("greek", f"{name[:40]!r} is unknown; there are {', '.join(Greek)}")
        scale = fields.integer("scale", minimum=0, maximum=MAX_GREEK_SCALE)
        entries = parse_row(fields.raw("entries"), fields.path("entries"))
        fields.finish()
        return GreekRow(Greek(name), scale, entries)

    return parse_greek


def _texts(row: IntArray) -> list[Json]:
    return [str(entry) for entry in row.tolist()]
