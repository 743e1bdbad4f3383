"""``sealedbook/source-market/v1``: prices and collateral tiers as they came with an imported book.

::

    {"format": "sealedbook/source-market/v1", "source": "binance", "quote": "USDT",
     "assets": [{"asset": "BTC", "decimals": 8,
                 "price": {"text": "65100.22000000", "units": "6510022000000", "scale": 8},
                 "pools": {"loan": [{"from": "0", "to": "10000", "percent": 100}, ...], ...}}, ...]}

The price of a whole unit is ``units * 10^-scale`` of the quote currency; ``text`` is what was published, and must
say the same. Tiers are marginal: of the value between ``from`` and ``to`` (whole quote units) ``percent`` counts;
they begin at 0 and leave no gap. Beyond the last nothing counts. An empty list gives no credit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from primitives.assets import MAX_ASSET_ID_BYTES, MAX_ASSETS, MAX_DECIMALS
from primitives.strict_json import Json, JsonObject, parse_json

SOURCE_MARKET_FORMAT: Final = "sealedbook/source-market/v1"
POOLS: Final = ("loan", "margin", "portfolio")
MAX_TIERS: Final = 64
MAX_PRICE_SCALE: Final = 40
_MAX_UNITS: Final = 10**60
_MAX_BOUND: Final = 10**30


@dataclass(frozen=True, slots=True)
class SourceTier:
    """`percent` of the value up to `upper` (whole quote units), from where the tier before ends."""

    upper: int
    percent: int


@dataclass(frozen=True, slots=True)
class SourceAsset:
    """Price per whole unit, exact, and the tiers of each pool that the source has."""

    asset: str
    decimals: int
    price: Fraction
    pools: Mapping[str, tuple[SourceTier, ...]]


@dataclass(frozen=True)
class SourceMarket:
    """The assets of the source, by symbol."""

    source: str
    quote: str
    assets: Mapping[str, SourceAsset]


def parse_source_market(data: bytes) -> SourceMarket:
    """Read the document; `JsonError` names the field at fault."""
    fields = JsonObject(parse_json(data))
    fields.constant("format", SOURCE_MARKET_FORMAT)
    source = fields.text("source", max_length=64)
    quote = fields.text("quote", max_length=MAX_ASSET_ID_BYTES)
    entries = fields.array("assets", _parse_asset, max_items=MAX_ASSETS)
    assets = {entry.asset: entry for entry in entries}
    if len(assets) != len(entries):
        raise fields.fail("assets", "an asset appears twice")
    fields.finish()
    return SourceMarket(source, quote, MappingProxyType(assets))


def _parse_asset(value: Json, path: str) -> SourceAsset:
    fields = JsonObject(value, path)
    asset = fields.text("asset", max_length=MAX_ASSET_ID_BYTES)
    decimals = fields.integer("decimals", minimum=0, maximum=MAX_DECIMALS)
    price = _parse_price(fields.object("price"))
    listed = fields.optional_object("pools")
    pools: dict[str, tuple[SourceTier, ...]] = {}
    if listed is not None:
        pools = {pool: _parse_tiers(listed, pool) for pool in POOLS if listed.has(pool)}
        listed.finish()
    fields.finish()
    return SourceAsset(asset, decimals, price, MappingProxyType(pools))


def _parse_price(fields: JsonObject) -> Fraction:
    text = fields.text("text", max_length=100)
    units = fields.decimal_integer("units", minimum=0, maximum=_MAX_UNITS)
    scale = fields.integer("scale", minimum=0, maximum=MAX_PRICE_SCALE)
    whole, _, fraction = text.partition(".")
    if not (whole + fraction).isascii() or not (whole + fraction).isdigit() or int(whole + fraction) != units:
        raise fields.fail("text", f"{text[:40]!r} does not say {units} units")
    if len(fraction) != scale:
        raise fields.fail("scale", f"{text[:40]!r} has {len(fraction)} decimal places")
    fields.finish()
    return Fraction(units, 10**scale)


def _parse_tiers(fields: JsonObject, pool: str) -> tuple[SourceTier, ...]:
    tiers = fields.array(pool, _parse_tier, max_items=MAX_TIERS)
    previous = 0
    for lower, tier in tiers:
        if lower != previous or tier.upper <= lower:
            raise fields.fail(
                pool, f"the tier from {lower} to {tier.upper} does not continue the one before it"
            )
        previous = tier.upper
    return tuple(tier for _, tier in tiers)


def _parse_tier(value: Json, path: str) -> tuple[int, SourceTier]:
    fields = JsonObject(value, path)
    lower = fields.decimal_integer("from", minimum=0, maximum=_MAX_BOUND)
    upper = fields.decimal_integer("to", minimum=1, maximum=_MAX_BOUND)
    percent = fields.integer("percent", minimum=0, maximum=100)
    fields.finish()
    return lower, SourceTier(upper, percent)
