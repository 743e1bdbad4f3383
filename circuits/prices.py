"""Decimal text to exact integers, and price lists.

A price is decimal text per whole unit of an asset, in a quote currency. Models value positions in
integer *value units* of ``10^-scale`` of the quote currency, so one base unit of an asset with d
decimals is worth

    price * 10^(scale - d)

value units. That must be an integer: a price that the scale cannot express is refused, never rounded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from primitives.assets import MAX_ASSET_ID_BYTES, MAX_ASSETS, Asset
from primitives.attestation import parse_time
from primitives.strict_json import Json, JsonObject, parse_json

PRICES_FORMAT: Final = "sealedbook/prices/v1"
MAX_SCALE: Final = 36
MAX_DECIMAL_LENGTH: Final = 60

_DECIMAL: Final = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]*[1-9]))?", re.ASCII)


class PriceError(ValueError):
    """A price is missing or cannot be expressed exactly."""


class InexactDecimalError(ValueError):
    """The number has more decimal places than the unit it is to be counted in."""


def scaled_decimal(text: str, exponent: int) -> int:
    """``text * 10^exponent`` exactly, for canonical decimal text such as ``-0.5`` or ``65000``.

    Canonical: no plus sign, exponent, superfluous leading or trailing zero, no negative zero. Raises
    `ValueError` for other text and `InexactDecimalError` if the result is not an integer.
    """
    match = _DECIMAL.fullmatch(text) if len(text) <= MAX_DECIMAL_LENGTH else None
    if match is None or text == "-0":
        raise ValueError("not canonical decimal text")
    sign, whole, fraction = match[1], match[2], match[3] or ""
    digits = int(whole + fraction)
    shift = exponent - len(fraction)
    if shift >= 0:
        value = digits * _power_of_ten(shift)
    else:
        value, remainder = divmod(digits, _power_of_ten(-shift))
        if remainder:
            raise InexactDecimalError(f"not a multiple of 10^{-exponent}")
    return -value if sign else value


@dataclass(frozen=True)
class PriceList:
    """Prices per whole unit in `quote`, as canonical decimal text by asset id; values count ``10^-scale``."""

    quote: str
    scale: int
    prices: Mapping[str, str]

    def unit_value(self, asset: Asset) -> int:
        """``price * 10^(scale - decimals)``: value units per base unit of `asset`.

        Raises `PriceError` if there is no price, or if the scale cannot express it exactly.
        """
        text = self.prices.get(asset.id)
        if text is None:
            raise PriceError(f"no price for asset {asset.id!r}")
        try:
            return scaled_decimal(text, self.scale - asset.decimals)
        except InexactDecimalError as error:
            unit = f"10^-{self.scale} per base unit"
            raise PriceError(
                f"price {text} of asset {asset.id!r} ({asset.decimals} decimals) is not a multiple of {unit}"
            ) from error


@dataclass(frozen=True)
class PriceDocument:
    """A price list of one moment."""

    as_of: datetime
    prices: PriceList


def parse_price_fields(fields: JsonObject) -> PriceList:
    """The fields ``quote``, ``scale`` and ``prices`` of a model or a price document."""
    quote = fields.text("quote", max_length=MAX_ASSET_ID_BYTES)
    scale = fields.integer("scale", minimum=0, maximum=MAX_SCALE)
    entries = fields.array("prices", _parse_price, max_items=MAX_ASSETS)
    prices: dict[str, str] = {}
    for asset, price in entries:
        if asset in prices:
            raise fields.fail("prices", f"asset {asset!r} appears twice")
        prices[asset] = price
    return PriceList(quote, scale, MappingProxyType(prices))


def parse_price_document(data: bytes) -> PriceDocument:
    """A document of format ``sealedbook/prices/v1``; `JsonError` names the field at fault.

    ``{"format", "as_of", "quote", "scale", "prices": [{"asset", "price"}, ...]}``, with ``as_of`` in the
    form of `primitives.attestation.parse_time`.
    """
    fields = JsonObject(parse_json(data))
    fields.constant("format", PRICES_FORMAT)
    as_of = parse_time(fields.text("as_of"), fields.path("as_of"))
    prices = parse_price_fields(fields)
    fields.finish()
    return PriceDocument(as_of, prices)


def _parse_price(value: Json, path: str) -> tuple[str, str]:
    fields = JsonObject(value, path)
    asset = fields.text("asset", max_length=MAX_ASSET_ID_BYTES)
    price = fields.text("price", max_length=MAX_DECIMAL_LENGTH)
    fields.finish()
    try:
        negative = scaled_decimal(price, MAX_DECIMAL_LENGTH) < 0
    except ValueError as error:
        raise fields.fail("price", f"{price!r} is {error}") from error
    if negative:
        raise fields.fail("price", "is negative")
    return asset, price


def _power_of_ten(exponent: int) -> int:
    return int("1" + "0" * exponent)
