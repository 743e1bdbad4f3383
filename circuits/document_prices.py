"""The prices that a statement was compiled with, for telling people about them."""

from __future__ import annotations

from circuits.prices import PriceDocument, PriceList, parse_price_fields
from circuits.public_market import parse_public_market
from primitives.strict_json import Json, JsonObject, parse_json


def market_prices(market: bytes | None) -> tuple[PriceList, ...]:
    """The price list of a market document that compiled, if it is one."""
    parsed = None if market is None else parse_public_market(market)
    return (parsed.prices,) if isinstance(parsed, PriceDocument) else ()


def inline_prices(model: bytes) -> tuple[PriceList, ...]:
    """The price lists written in a model that compiled, each once."""
    lists = [parse_price_fields(JsonObject(prices)) for prices in _price_objects(parse_json(model))]
    return tuple(prices for place, prices in enumerate(lists) if prices not in lists[:place])


def _price_objects(model: Json) -> list[Json]:
    if not isinstance(model, dict):
        return []
    found = [model["prices"]] if isinstance(model.get("prices"), dict) else []
    members = model.get("models")
    for member in members if isinstance(members, list) else []:
        found += _price_objects(member)
    return found
