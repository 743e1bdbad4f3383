"""The public market documents that a model can be compiled against, told apart by their format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, TypeAlias

from circuits.market.document import MARKET_FORMAT, MarketDocument, parse_market
from circuits.pmrm2.market_document import PMRM2_MARKET_FORMAT, Pmrm2Market, parse_pmrm2_market
from circuits.prices import PRICES_FORMAT, PriceDocument, parse_price_document
from circuits.source_market import SOURCE_MARKET_FORMAT, SourceMarket, parse_source_market
from primitives.strict_json import JsonObject, canonical_json, parse_json

PublicMarket: TypeAlias = PriceDocument | MarketDocument | SourceMarket | Pmrm2Market

_PARSERS: Final[Mapping[str, Callable[[bytes], PublicMarket]]] = MappingProxyType(
    {
        PRICES_FORMAT: parse_price_document,
        MARKET_FORMAT: parse_market,
        SOURCE_MARKET_FORMAT: parse_source_market,
        PMRM2_MARKET_FORMAT: parse_pmrm2_market,
    }
)


def parse_public_market(data: bytes) -> PublicMarket:
    """The document, by its field ``format``; `JsonError` names the field at fault."""
    fields = JsonObject(parse_json(data))
    name = fields.text("format", max_length=64)
    if name not in _PARSERS:
        raise fields.fail("format", f"{name!r} is not one of {', '.join(_PARSERS)}")
    return _PARSERS[name](data)


def quote_of(market: PublicMarket) -> str:
    """The currency that the market's prices are in."""
    if isinstance(market, PriceDocument):
        return market.prices.quote
    if isinstance(market, SourceMarket):
        return market.quote
    return market.snapshot.quote


def time_of(market: PublicMarket) -> datetime | None:
    """The moment that the market speaks of; None where its format states none."""
    if isinstance(market, PriceDocument):
        return market.as_of
    return None if isinstance(market, SourceMarket) else market.snapshot.as_of


def format_of(market: PublicMarket) -> str:
    """The field ``format`` of the market's documents."""
    return _FORMATS[type(market)]


def canonical_market(data: bytes) -> bytes:
    """The RFC 8785 form of a market document of any format; `JsonError` if it is none."""
    parse_public_market(data)
    return canonical_json(parse_json(data))


_FORMATS: Final[Mapping[type[PublicMarket], str]] = MappingProxyType(
    {
        PriceDocument: PRICES_FORMAT,
        MarketDocument: MARKET_FORMAT,
        SourceMarket: SOURCE_MARKET_FORMAT,
        Pmrm2Market: PMRM2_MARKET_FORMAT,
    }
)
