"""Exact decimal numbers: text, `decimal.Decimal`, fractions, floats."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Final

from circuits.market.errors import MarketCode, MarketError
from circuits.prices import MAX_DECIMAL_LENGTH, scaled_decimal
from primitives.strict_json import JsonObject

MAX_MAGNITUDE: Final = Decimal(10) ** 24
"""Beyond it no figure of a market makes sense, and products still fit a float."""


def parse_decimal(text: str) -> Decimal:
    """The number written in canonical decimal text (`circuits.prices.scaled_decimal`); `ValueError` for other text."""
    scaled_decimal(text, MAX_DECIMAL_LENGTH)
    return Decimal(text)


def decimal_text(number: Decimal) -> str:
    """Canonical decimal text of a finite number, the inverse of `parse_decimal`."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").removesuffix(".")
    return "0" if text in ("-0", "") else text


def read_decimal(fields: JsonObject, name: str) -> Decimal:
    """Field `name`, canonical decimal text; `JsonError` otherwise."""
    text = fields.text(name, max_length=MAX_DECIMAL_LENGTH)
    try:
        return parse_decimal(text)
    except ValueError as error:
        raise fields.fail(name, f"{text!r} is {error}") from error


def check_number(
    where: str, number: Decimal, *, minimum: int | None = None, above: int | None = None
) -> None:
    """`MarketError` unless `number` is finite, of sane size, at least `minimum` and above `above`."""
    if not number.is_finite():
        raise MarketError(MarketCode.NUMBER, where, f"{number} is not a finite number")
    if abs(number) > MAX_MAGNITUDE:
        raise MarketError(MarketCode.NUMBER, where, "is beyond 10^24")
    if minimum is not None and number < minimum:
        raise MarketError(MarketCode.NUMBER, where, f"{decimal_text(number)} is below {minimum}")
    if above is not None and number <= above:
        raise MarketError(MarketCode.NUMBER, where, f"{decimal_text(number)} is not above {above}")


@cache
def power_of_ten(exponent: int) -> Fraction:
    """``10^exponent``, exactly."""
    return Fraction(10) ** exponent


def decimal_places(numbers: Iterable[Fraction]) -> int:
    """The least k >= 0 such that ``10^k`` times each of `numbers`, all decimal fractions, is an integer."""
    places = 0
    for number in numbers:
        while (10**places) % number.denominator:
            places += 1
    return places
