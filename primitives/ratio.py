"""Ratios of reserves to totals, exact: ``reserves >= ratio * totals`` is a statement about integers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from math import gcd
from typing import Final

from primitives.errors import SealedbookError
from primitives.strict_json import Json, JsonObject

MAX_RATIO_PART: Final = 1_000_000
"""Numerator and denominator are at most this, below 2^20: it bounds the rows of a solvency statement."""

_DECIMAL: Final = re.compile(r"\A[0-9]{1,2}(?:\.[0-9]{1,4})?\Z", re.ASCII)


class RatioError(SealedbookError):
    """A ratio is below 1, not in lowest terms, or finer than its limits allow."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """``numerator / denominator``, at least 1, in lowest terms, both at most 1,000,000; else `RatioError`.

    Below 1 there is nothing to prove: reserves of less than the totals do not cover them.
    """

    numerator: int
    denominator: int

    def __post_init__(self) -> None:
        if not 1 <= self.denominator <= MAX_RATIO_PART or not 1 <= self.numerator <= MAX_RATIO_PART:
            raise RatioError(f"numerator and denominator of a ratio are 1 to {MAX_RATIO_PART:,}")
        if self.numerator < self.denominator:
            raise RatioError("a ratio below 1 would not be covered")
        if gcd(self.numerator, self.denominator) != 1:
            raise RatioError("the ratio is not in lowest terms")

    def __str__(self) -> str:
        """As a decimal where it has an exact one of at most 6 places, else as a fraction."""
        scaled, remainder = divmod(self.numerator * 10**6, self.denominator)
        if remainder:
            return f"{self.numerator}/{self.denominator}"
        whole, fraction = divmod(scaled, 10**6)
        return f"{whole}.{fraction:06d}".rstrip("0").rstrip(".")

    @classmethod
    def parse(cls, text: str) -> Ratio:
        """From what a person types: ``1``, ``1.05``. Raises `RatioError`."""
        if not _DECIMAL.match(text):
            raise RatioError(f"{text[:40]!r} is not a ratio from 1 to 99.9999, such as 1.05")
        value = Fraction(text)
        return cls(value.numerator, value.denominator)

    def to_json(self) -> Json:
        """The object as it stands in an attestation."""
        return {"numerator": self.numerator, "denominator": self.denominator}

    @classmethod
    def read(cls, fields: JsonObject) -> Ratio:
        """The strict inverse of `to_json`; `JsonError` names the field."""
        numerator = fields.integer("numerator", minimum=1, maximum=MAX_RATIO_PART)
        denominator = fields.integer("denominator", minimum=1, maximum=MAX_RATIO_PART)
        fields.finish()
        try:
            return cls(numerator, denominator)
        except RatioError as error:
            raise fields.fail("numerator", str(error)) from error


ONE: Final = Ratio(1, 1)
