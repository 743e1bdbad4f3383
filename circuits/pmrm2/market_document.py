"""Market documents of the portfolio margin: format ``sealedbook/pmrm2-market/v1``.

::

    {"format": "sealedbook/pmrm2-market/v1",
     "market": {"format": "sealedbook/market/v1", ...},
     "confidences": {"spot": "1", "perp": "0.95",
                     "expiries": [{"expiry": "2026-03-27T08:00:00Z", "volatility": "1", "forward": "1", "rate": "0.9"}],
                     "collaterals": [{"asset": "WETH", "confidence": "1"}]},
     "unit_prices": {...}}

Prices, forwards, rates and volatilities are those of the snapshot (docs/market.md); the confidences of their feeds
stand beside it. ``unit_prices``, optional, is the published integer table that statements are made of
(`circuits.pmrm2.integer_prices`), for all options of the book in its order:

::

    {"scale": 8, "assets": [{"id": "ETH-...", "decimals": 4}], "shocks": [{"spot": "1.16", "shock": "Up"}],
     "mark": ["123"], "up": ["125"], "down": ["121"], "shocked": [["150"]],
     "expiries": ["2026-03-27T08:00:00Z"], "long_discount": ["980000000000"], "short_discount": ["1010000000000"]}
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final

import numpy as np

from circuits.market.decimals import decimal_text, read_decimal
from circuits.market.document import MarketDocument, market_to_json, parse_market
from circuits.market.entries import MAX_ENTRY, IntArray
from circuits.market.snapshot import MAX_EXPIRIES, MAX_INSTRUMENTS, MarketSnapshot
from circuits.pmrm2.integer_prices import IntegerPrices, ShockKey
from circuits.pmrm2.parameters import MarginInputError, Shock
from circuits.prices import MAX_SCALE
from primitives.assets import MAX_ASSET_ID_BYTES, Asset, AssetList
from primitives.attestation import format_time, parse_time
from primitives.strict_json import Json, JsonError, JsonObject, canonical_json, parse_json

PMRM2_MARKET_FORMAT: Final = "sealedbook/pmrm2-market/v1"
MAX_SHOCKS: Final = 1_024

_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ExpiryConfidences:
    """kV_e, kF_e, kR_e."""

    volatility: float
    forward: float
    rate: float


@dataclass(frozen=True)
class Confidences:
    """Confidences of feeds, each from 0 to 1."""

    spot: float
    perp: float
    expiries: Mapping[datetime, ExpiryConfidences]
    collaterals: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class PublishedPrices:
    """The integer table and what it was made for: `scale`, the options of a book in its order, their expiries."""

    scale: int
    options: tuple[Asset, ...]
    expiries: tuple[datetime, ...]
    prices: IntegerPrices


@dataclass(frozen=True)
class Pmrm2Market:
    """A snapshot with the confidences of its feeds, and the integer prices published with it, if any are."""

    snapshot: MarketSnapshot
    confidences: Confidences
    unit_prices: PublishedPrices | None = None

    def to_bytes(self) -> bytes:
        """The canonical document."""
        return canonical_json(pmrm2_market_to_json(self))


def parse_pmrm2_market(data: bytes) -> Pmrm2Market:
    """Read a document; `JsonError` names the field at fault.

    Integer prices are read, not believed: whoever compiles a model compares them.
    """
    fields = JsonObject(parse_json(data))
    fields.constant("format", PMRM2_MARKET_FORMAT)
    snapshot = _parse_snapshot(fields)
    confidences = _parse_confidences(fields.object("confidences"))
    nested = fields.optional_object("unit_prices")
    prices = parse_unit_prices(nested) if nested is not None else None
    fields.finish()
    return Pmrm2Market(snapshot, confidences, prices)


def pmrm2_market_to_json(market: Pmrm2Market) -> Json:
    """The strict inverse of `parse_pmrm2_market`."""
    result: dict[str, Json] = {
        "format": PMRM2_MARKET_FORMAT,
        "market": market_to_json(MarketDocument(market.snapshot)),
        "confidences": _confidences_to_json(market.confidences),
    }
    if market.unit_prices is not None:
        result["unit_prices"] = unit_prices_to_json(market.unit_prices)
    return result


def shortest_decimal(figure: float) -> str:
    """Canonical text of the shortest decimal that denotes the float `figure`."""
    return decimal_text(Decimal(repr(figure)))


def read_float(fields: JsonObject, name: str) -> float:
    """Field `name`, canonical decimal text, as the nearest float; its length keeps it finite."""
    return float(read_decimal(fields, name))


def _parse_snapshot(fields: JsonObject) -> MarketSnapshot:
    try:
        document = parse_market(canonical_json(fields.raw("market")))
    except JsonError as error:
        inside = error.path.removeprefix("$")
        reason = str(error).removeprefix(f"{error.path}: ")
        raise JsonError(f"{fields.path('market')}{inside}", reason) from error
    if document.risk_array is not None:
        raise fields.fail("market", "has a risk array, which this margin does not use; see unit_prices")
    return document.snapshot


def _parse_confidences(fields: JsonObject) -> Confidences:
    spot, perp = _confidence(fields, "spot"), _confidence(fields, "perp")
    expiries = fields.array("expiries", _parse_expiry, max_items=MAX_EXPIRIES)
    collaterals = fields.array("collaterals", _parse_collateral, max_items=MAX_INSTRUMENTS)
    for name, entries in (("expiries", expiries), ("collaterals", collaterals)):
        if len(dict(entries)) != len(entries):
            raise fields.fail(name, "names something twice")
    fields.finish()
    return Confidences(spot, perp, MappingProxyType(dict(expiries)), MappingProxyType(dict(collaterals)))


def _parse_expiry(value: Json, path: str) -> tuple[datetime, ExpiryConfidences]:
    fields = JsonObject(value, path)
    expiry = parse_time(fields.text("expiry"), fields.path("expiry"))
    names = ("volatility", "forward", "rate")
    confidences = ExpiryConfidences(*(_confidence(fields, name) for name in names))
    fields.finish()
    return expiry, confidences


def _parse_collateral(value: Json, path: str) -> tuple[str, float]:
    fields = JsonObject(value, path)
    entry = fields.text("asset", max_length=MAX_ASSET_ID_BYTES), _confidence(fields, "confidence")
    fields.finish()
    return entry


def _confidence(fields: JsonObject, name: str) -> float:
    value = read_float(fields, name)
    if not 0.0 <= value <= 1.0:
        raise fields.fail(name, "is not between 0 and 1")
    return value


def _confidences_to_json(confidences: Confidences) -> Json:
    return {
        "spot": shortest_decimal(confidences.spot),
        "perp": shortest_decimal(confidences.perp),
        "expiries": [
            {
                "expiry": format_time(expiry),
                "volatility": shortest_decimal(each.volatility),
                "forward": shortest_decimal(each.forward),
                "rate": shortest_decimal(each.rate),
            }
            for expiry, each in confidences.expiries.items()
        ],
        "collaterals": [
            {"asset": asset, "confidence": shortest_decimal(confidence)}
            for asset, confidence in confidences.collaterals.items()
        ],
    }


def parse_unit_prices(fields: JsonObject) -> PublishedPrices:
    """The object ``unit_prices``, read and not believed. Raises `JsonError` whose path names the field at fault."""
    scale = fields.integer("scale", minimum=0, maximum=MAX_SCALE)
    parent = fields.path("assets").removesuffix(".assets")
    options = AssetList.parse(fields.raw("assets"), parent).assets
    shocks = tuple(fields.array("shocks", _parse_shock, max_items=MAX_SHOCKS))
    expiries = tuple(fields.array("expiries", _parse_expiry_time, max_items=MAX_EXPIRIES))
    row = _row_parser(len(options))
    mark, up, down = (row(fields.raw(name), fields.path(name)) for name in ("mark", "up", "down"))
    shocked = fields.array("shocked", row, max_items=MAX_SHOCKS)
    if len(shocked) != len(shocks):
        raise fields.fail("shocked", f"has {len(shocked)} rows for {len(shocks)} shocks")
    discount = _row_parser(len(expiries))
    long, short = (
        discount(fields.raw(name), fields.path(name)) for name in ("long_discount", "short_discount")
    )
    fields.finish()
    table = np.array(shocked, np.int64).reshape(len(shocks), len(options))
    return PublishedPrices(
        scale, options, expiries, IntegerPrices(shocks, mark, up, down, table, long, short)
    )


def _parse_shock(value: Json, path: str) -> ShockKey:
    fields = JsonObject(value, path)
    spot, name = read_float(fields, "spot"), fields.text("shock")
    fields.finish()
    try:
        return spot, Shock.parse(name)
    except MarginInputError as error:
        raise fields.fail("shock", error.reason) from error


def _parse_expiry_time(value: Json, path: str) -> datetime:
    if not isinstance(value, str):
        raise JsonError(path, "expected text")
    return parse_time(value, path)


def _row_parser(length: int) -> Callable[[Json, str], IntArray]:
    def parse(value: Json, path: str) -> IntArray:
        if not isinstance(value, list):
            raise JsonError(path, "expected an array")
        if len(value) != length:
            raise JsonError(path, f"has {len(value)} entries instead of {length}")
        return np.array([_entry(entry, f"{path}[{place}]") for place, entry in enumerate(value)], np.int64)

    return parse


def _entry(value: Json, path: str) -> int:
    if not isinstance(value, str) or not _INTEGER.fullmatch(value):
        raise JsonError(path, "expected an integer in canonical decimal text")
    if abs(int(value)) > MAX_ENTRY:
        raise JsonError(path, "exceeds 64 bits")
    return int(value)


def unit_prices_to_json(published: PublishedPrices) -> Json:
    """The strict inverse of `parse_unit_prices`."""
    prices = published.prices
    return {
        "scale": published.scale,
        "assets": AssetList(published.options).to_json(),
        "shocks": [{"spot": shortest_decimal(spot), "shock": shock.value} for spot, shock in prices.shocks],
        "expiries": [format_time(expiry) for expiry in published.expiries],
        "mark": _texts(prices.mark),
        "up": _texts(prices.up),
        "down": _texts(prices.down),
        "shocked": [_texts(row) for row in prices.shocked],
        "long_discount": _texts(prices.long_discount),
        "short_discount": _texts(prices.short_discount),
    }


def _texts(row: IntArray) -> list[Json]:
    return [str(entry) for entry in row.tolist()]
