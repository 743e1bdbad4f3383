"""``market.json``: the public prices and collateral tiers that came with a book.

::

    {"format": "sealedbook/source-market/v1", "quote": "USDT", "source": "binance",
     "assets": [{"asset": "BTC", "decimals": 8,
                 "price": {"text": "65100.22000000", "units": "6510022000000", "scale": 8},
                 "pools": {"loan": [{"from": "0", "to": "10000", "percent": 100}, ...],
                           "margin": [...], "portfolio": [...]}}, ...]}

The price of one whole unit is ``units * 10^-scale`` of the quote currency; `text` is what was published.
Tiers are marginal: of the collateral value between ``from`` and ``to`` (whole quote units) ``percent``
counts, above the last bound nothing does. An empty list gives no credit. ``pools`` is absent where the
source has none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from primitives.strict_json import Json, canonical_json

MARKET_FORMAT: Final = "sealedbook/source-market/v1"
MARKET_DOCUMENT: Final = "market.json"

_PRICE = re.compile(r"([0-9]{1,40})(?:\.([0-9]{1,40}))?", re.ASCII)
_TIER = re.compile(r" *([0-9]{1,30}) *- *([0-9]{1,30}) *: *([0-9]{1,3}) *", re.ASCII)


@dataclass(frozen=True, slots=True)
class PublishedPrice:
    """``units * 10^-scale``, and the text it was published as."""

    text: str
    units: int
    scale: int

    @staticmethod
    def parse(text: str) -> PublishedPrice:
        """From a plain decimal number; `ValueError` otherwise."""
        match = _PRICE.fullmatch(text)
        if match is None:
            raise ValueError(f"price {text[:40]!r} is not a plain decimal number")
        fraction = match.group(2) or ""
        return PublishedPrice(text, int(match.group(1) + fraction), len(fraction))

    def truncated(self, scale: int) -> int:
        """The price in units of ``10^-scale``, digits beyond cut off."""
        units: int = self.units * 10**scale // 10**self.scale
        return units


@dataclass(frozen=True, slots=True)
class Tier:
    """`percent` of the value between `start` and `stop` counts (whole quote units)."""

    start: int
    stop: int
    percent: int


def parse_tiers(text: str) -> tuple[Tier, ...]:
    """From ``[0-10000:100, 10000-20000:90]``, ``[]`` or the empty text.

    `ValueError` unless every tier starts where the one before it ends, the first one at 0.
    """
    inner = text.strip()
    if not inner or inner.replace(" ", "") == "[]":
        return ()
    if not (inner.startswith("[") and inner.endswith("]")):
        raise ValueError(f"tiers {text[:40]!r} are not in square brackets")
    tiers: list[Tier] = []
    for part in inner[1:-1].split(","):
        match = _TIER.fullmatch(part)
        if match is None:
            raise ValueError(f"tier {part[:40]!r} is not of the form from-to:percent")
        tier = Tier(*(int(number) for number in match.groups()))
        if tier.start != (tiers[-1].stop if tiers else 0) or tier.stop <= tier.start:
            raise ValueError(f"tier {part.strip()!r} does not continue the one before it")
        if tier.percent > 100:
            raise ValueError(f"tier {part.strip()!r} counts more than 100 percent")
        tiers.append(tier)
    return tuple(tiers)


@dataclass(frozen=True, slots=True)
class MarketAsset:
    """One asset of the market document."""

    asset: str
    decimals: int
    price: PublishedPrice
    pools: Mapping[str, tuple[Tier, ...]] = field(default_factory=dict)

    def to_json(self) -> Json:
        """The entry as it stands in the document."""
        price: Json = {"text": self.price.text, "units": str(self.price.units), "scale": self.price.scale}
        entry: dict[str, Json] = {"asset": self.asset, "decimals": self.decimals, "price": price}
        if self.pools:
            entry["pools"] = {
                pool: [{"from": str(t.start), "to": str(t.stop), "percent": t.percent} for t in tiers]
                for pool, tiers in self.pools.items()
            }
        return entry


def market_document(source: str, quote: str, assets: Sequence[MarketAsset]) -> bytes:
    """The document in canonical form."""
    return canonical_json(
        {
            "format": MARKET_FORMAT,
            "source": source,
            "quote": quote,
            "assets": [asset.to_json() for asset in assets],
        }
    )
