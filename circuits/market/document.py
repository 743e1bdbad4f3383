"""The JSON form of a market snapshot, format ``sealedbook/market/v1`` (docs/market.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from circuits.market.decimals import decimal_text, read_decimal
from circuits.market.errors import MarketError
from circuits.market.history import PriceHistory
from circuits.market.history_document import history_to_json, parse_history_fields
from circuits.market.risk_array import RiskArray
from circuits.market.risk_array_document import parse_risk_array, risk_array_to_json
from circuits.market.snapshot import (
    MAX_EXPIRIES,
    MAX_INSTRUMENTS,
    MAX_SOURCES,
    MAX_UNDERLYINGS,
    Cash,
    Contract,
    ExpiryPoint,
    Instrument,
    MarketSnapshot,
    Option,
    Settlement,
    Source,
    Spot,
    Underlying,
)
from circuits.prices import MAX_SCALE
from primitives.assets import MAX_ASSET_ID_BYTES
from primitives.attestation import format_time, parse_time
from primitives.strict_json import Json, JsonError, JsonObject, canonical_json, parse_json

MARKET_FORMAT: Final = "sealedbook/market/v1"
MAX_TEXT: Final = 1024


@dataclass(frozen=True)
class MarketDocument:
    """A snapshot, and the risk array and the price history published with it, if there are any."""

    snapshot: MarketSnapshot
    risk_array: RiskArray | None = None
    history: PriceHistory | None = None

    def to_bytes(self) -> bytes:
        """The canonical document."""
        return canonical_json(market_to_json(self))


def parse_market(data: bytes) -> MarketDocument:
    """Read a market document. Raises `JsonError` whose path names the field at fault.

    The risk array is read, not believed: `circuits.market.risk_array.check_risk_array` compares it.
    """
    fields = JsonObject(parse_json(data))
    fields.constant("format", MARKET_FORMAT)
    as_of = _time(fields, "as_of")
    quote = fields.text("quote", max_length=MAX_ASSET_ID_BYTES)
    scale = fields.integer("scale", minimum=0, maximum=MAX_SCALE)
    sources = fields.array("sources", _parse_source, max_items=MAX_SOURCES)
    underlyings = fields.array("underlyings", _parse_underlying, max_items=MAX_UNDERLYINGS)
    instruments = fields.array("instruments", _parse_instrument, max_items=MAX_INSTRUMENTS)
    array = fields.optional_object("risk_array")
    risk_array = parse_risk_array(array) if array is not None else None
    past = fields.optional_object("history")
    history = parse_history_fields(past) if past is not None else None
    fields.finish()
    try:
        snapshot = MarketSnapshot(as_of, quote, scale, tuple(sources), tuple(underlyings), tuple(instruments))
    except MarketError as error:
        raise JsonError(f"$.{error.where}", f"{error.reason} ({error.code})") from error
    if history is not None and history.quote != quote:
        raise JsonError("$.history.quote", f"is {history.quote!r}, and the market is in {quote!r}")
    return MarketDocument(snapshot, risk_array, history)


def market_to_json(document: MarketDocument) -> Json:
    """The strict inverse of `parse_market`."""
    snapshot = document.snapshot
    result: dict[str, Json] = {
        "format": MARKET_FORMAT,
        "as_of": format_time(snapshot.as_of),
        "quote": snapshot.quote,
        "scale": snapshot.scale,
        "sources": [{"name": each.name, "reference": each.reference} for each in snapshot.sources],
        "underlyings": [_underlying_to_json(underlying) for underlying in snapshot.underlyings],
        "instruments": [_instrument_to_json(instrument) for instrument in snapshot.instruments],
    }
    if document.risk_array is not None:
        result["risk_array"] = risk_array_to_json(document.risk_array)
    if document.history is not None:
        result["history"] = history_to_json(document.history)
    return result


def _parse_source(value: Json, path: str) -> Source:
    fields = JsonObject(value, path)
    source = Source(
        fields.text("name", max_length=MAX_TEXT),
        fields.text("reference", max_length=MAX_TEXT, allow_empty=True),
    )
    fields.finish()
    return source


def _parse_underlying(value: Json, path: str) -> Underlying:
    fields = JsonObject(value, path)
    underlying = Underlying(
        _id(fields, "id"),
        read_decimal(fields, "index") if fields.has("index") else None,
        tuple(fields.array("expiries", _parse_point, max_items=MAX_EXPIRIES)),
    )
    fields.finish()
    return underlying


def _parse_point(value: Json, path: str) -> ExpiryPoint:
    fields = JsonObject(value, path)
    point = ExpiryPoint(
        _time(fields, "expiry"), read_decimal(fields, "forward"), read_decimal(fields, "rate")
    )
    fields.finish()
    return point


def _parse_instrument(value: Json, path: str) -> Instrument:
    fields = JsonObject(value, path)
    kind = fields.text("kind")
    parse = _PARSERS.get(kind)
    if parse is None:
        raise fields.fail("kind", f"{kind[:40]!r} is unknown; there are {', '.join(_PARSERS)}")
    instrument = parse(fields)
    fields.finish()
    return instrument


def _parse_cash(fields: JsonObject) -> Instrument:
    return Cash(_id(fields, "id"), read_decimal(fields, "price"))


def _parse_spot(fields: JsonObject) -> Instrument:
    return Spot(_id(fields, "id"), _id(fields, "underlying"))


def _parse_perpetual(fields: JsonObject) -> Instrument:
    return _contract(fields, None)


def _parse_future(fields: JsonObject) -> Instrument:
    return _contract(fields, _time(fields, "expiry"))


def _contract(fields: JsonObject, expiry: datetime | None) -> Contract:
    settlement = fields.text("settlement")
    if settlement not in tuple(Settlement):
        raise fields.fail("settlement", f"{settlement[:40]!r} is unknown; there are {', '.join(Settlement)}")
    return Contract(
        _id(fields, "id"),
        _id(fields, "underlying"),
        Settlement(settlement),
        read_decimal(fields, "multiplier"),
        read_decimal(fields, "mark"),
        expiry,
    )


def _parse_option(fields: JsonObject) -> Instrument:
    right = fields.text("right")
    if right not in ("call", "put"):
        raise fields.fail("right", f"{right[:40]!r} is unknown; there are call, put")
    return Option(
        _id(fields, "id"),
        _id(fields, "underlying"),
        _time(fields, "expiry"),
        read_decimal(fields, "strike"),
        right == "call",
        read_decimal(fields, "multiplier"),
        read_decimal(fields, "volatility"),
    )


_PARSERS: Final[dict[str, Callable[[JsonObject], Instrument]]] = {
    "cash": _parse_cash,
    "spot": _parse_spot,
    "perpetual": _parse_perpetual,
    "future": _parse_future,
    "option": _parse_option,
}


def _underlying_to_json(underlying: Underlying) -> Json:
    points: list[Json] = [
        {
            "expiry": format_time(point.expiry),
            "forward": decimal_text(point.forward),
            "rate": decimal_text(point.rate),
        }
        for point in underlying.expiries
    ]
    index: dict[str, Json] = {} if underlying.index is None else {"index": decimal_text(underlying.index)}
    return {"id": underlying.id, **index, "expiries": points}


def _instrument_to_json(instrument: Instrument) -> Json:
    if isinstance(instrument, Cash):
        return {"id": instrument.id, "kind": "cash", **_texts(price=instrument.price)}
    written_on: dict[str, Json] = {"id": instrument.id, "underlying": instrument.underlying}
    if isinstance(instrument, Spot):
        return {**written_on, "kind": "spot"}
    if isinstance(instrument, Option):
        return {
            **written_on,
            "kind": "option",
            "expiry": format_time(instrument.expiry),
            "right": "call" if instrument.is_call else "put",
            **_texts(
                strike=instrument.strike, multiplier=instrument.multiplier, volatility=instrument.volatility
            ),
        }
    contract: dict[str, Json] = {
        **written_on,
        "settlement": instrument.settlement.value,
        **_texts(multiplier=instrument.multiplier, mark=instrument.mark),
    }
    if instrument.expiry is None:
        return {**contract, "kind": "perpetual"}
    return {**contract, "kind": "future", "expiry": format_time(instrument.expiry)}


def _texts(**numbers: Decimal) -> dict[str, Json]:
    return {name: decimal_text(number) for name, number in numbers.items()}


def _id(fields: JsonObject, name: str) -> str:
    return fields.text(name, max_length=MAX_ASSET_ID_BYTES)


def _time(fields: JsonObject, name: str) -> datetime:
    return parse_time(fields.text(name), fields.path(name))
