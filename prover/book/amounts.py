"""Exact amounts: decimal text to integer base units, and back.

The grammar of an amount, ASCII only::

    amount   = [ "+" / "-" ] ( digits [ "." digits ] / "." digits ) [ ("e" / "E") [ "+" / "-" ] digits ]

So ``1.50``, ``+3``, ``.5``, ``1e-05`` and ``8E+2`` are amounts; ``5.``, ``1,000``, ``1_000``, ``NaN``,
``0x10``, the empty text and text with white space are not. With ``d`` decimals the amount ``v`` is
``v * 10^d`` base units, which must be an integer ``n`` with ``|n| < 2^63``. No floating point number is
involved anywhere: `parse_amount` defines the result, `parse_amounts` is the same function on columns.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from primitives.errors import SealedbookError

Int64Array = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

MAX_AMOUNT_LENGTH: Final = 1024
_LIMIT: Final = 1 << 63
_GRAMMAR = re.compile(
    r"([+-]?)(?:([0-9]+)(?:\.([0-9]+))?|\.([0-9]+))(?:[eE]([+-]?)0*([0-9]{1,6}))?", re.ASCII
)
_SEPARATED = re.compile(r"[+-]?[0-9]{1,3}(?:[,'_ \u00a0\u202f\u2019.][0-9]{2,3})+(?:[.,][0-9]+)?")
# At most 18 digits on each side: what a 64-bit integer surely holds is told by a digit count below.
_PLAIN: Final = r"^-?[0-9]{1,18}(?:\.[0-9]{1,18})?$"
_SAFE_DIGITS: Final = 18
_POWERS_OF_TEN: Int64Array = np.array([10**k for k in range(19)], dtype=np.int64)


class AmountError(SealedbookError):
    """Text is not an exact amount of the asset; `code` is stable, `reason` is for people."""

    def __init__(self, code: str, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(reason)


def _malformed(text: str) -> AmountError:
    """The reason why `text` does not fit the grammar, as plainly as it can be told."""
    if not text:
        return AmountError("empty-amount", "the amount is empty")
    if len(text) > MAX_AMOUNT_LENGTH:
        reason = f"longer than {MAX_AMOUNT_LENGTH} characters"
    elif text != text.strip():
        reason = "white space around the number"
    elif text.strip("+-").lower() in {"nan", "inf", "infinity", "null", "none", "n/a"}:
        reason = "not a number"
    elif _SEPARATED.fullmatch(text):
        reason = "thousands separators are not allowed"
    elif not text.isascii():
        reason = "characters other than ASCII digits"
    elif re.fullmatch(r"[+-]?[0-9]+\.", text):
        reason = "a decimal point without digits after it"
    else:
        reason = "not a decimal number"
    return AmountError("malformed-amount", reason)


def parse_amount(text: str, decimals: int) -> int:
    """The amount `text` of an asset with `decimals` decimals, in base units.

    Zeros beyond the asset's decimals are fine. Raises `AmountError` with the code ``empty-amount``,
    ``malformed-amount``, ``too-many-decimals`` (a non-zero digit beyond the asset's decimals) or
    ``out-of-range`` (``|n| >= 2^63``).
    """
    match = _GRAMMAR.fullmatch(text) if len(text) <= MAX_AMOUNT_LENGTH else None
    if match is None:
        raise _malformed(text)
    sign, whole, fraction, bare_fraction, exponent_sign, exponent_digits = match.groups()
    fraction = fraction or bare_fraction or ""
    digits = (whole or "") + fraction
    # v = significant * 10^exponent, significant without zeros at either end
    significant = digits.rstrip("0")
    exponent = int(exponent_digits or "0")
    if exponent_sign == "-":
        exponent = -exponent
    exponent += len(digits) - len(significant) - len(fraction)
    significant = significant.lstrip("0")
    if not significant:
        return 0
    shift = exponent + decimals
    if shift < 0:
        raise AmountError("too-many-decimals", f"more than the {decimals} decimals of this asset")
    # The digit count is looked at first, so that a huge exponent costs nothing.
    magnitude: int = int(significant) * 10**shift if len(significant) + shift <= 19 else _LIMIT
    if magnitude >= _LIMIT:
        raise AmountError("out-of-range", f"not below 2^63 base units of 10^-{decimals}")
    return -magnitude if sign == "-" else magnitude


def format_amount(units: int, decimals: int) -> str:
    """The shortest plain decimal text of `units` base units; ``parse_amount`` gives `units` back."""
    sign = "-" if units < 0 else ""
    whole, fraction = divmod(abs(units), 10**decimals)
    tail = str(fraction).rjust(decimals, "0").rstrip("0") if decimals else ""
    return f"{sign}{whole}.{tail}" if tail else f"{sign}{whole}"


def scale_units(
    unscaled: Int64Array, fraction_digits: Int64Array, decimals: Int64Array
) -> tuple[Int64Array, BoolArray]:
    """``unscaled * 10^(decimals - fraction_digits)`` where that is an integer surely below 2^63.

    `unscaled` may be any int64 with ``|unscaled| < 10^18``; `fraction_digits` and `decimals` are 0 to
    18. Returns the values and a mask; where the mask is false the value is meaningless and the exact
    scalar path must decide.
    """
    shift = decimals - fraction_digits
    up = _POWERS_OF_TEN[np.clip(shift, 0, 18)]
    down = _POWERS_OF_TEN[np.clip(-shift, 0, 18)]
    magnitude = np.abs(unscaled)
    whole, remainder = np.divmod(magnitude, down)
    settled = (remainder == 0) & (magnitude <= (_LIMIT - 1) // up)
    values = np.where(settled, whole, 0) * np.where(settled, up, 1)
    return np.where(unscaled < 0, -values, values), settled


def parse_amounts(texts: pl.Series, decimals: Int64Array) -> tuple[Int64Array, BoolArray]:
    """`parse_amount` on a whole column: ``values[i]`` for ``texts[i]`` with ``decimals[i]``.

    Returns the values and a mask ``good``: it is false exactly where `parse_amount` raises (also for a
    null text), and the value is 0 there.
    """
    plain = texts.str.contains(_PLAIN).fill_null(value=False)
    candidates = pl.select(pl.when(plain).then(texts).otherwise(None)).to_series()
    point = candidates.str.find(".", literal=True)
    length = candidates.str.len_bytes().cast(pl.Int64)
    fraction_digits = (length - 1 - point.cast(pl.Int64)).fill_null(0).to_numpy()
    unscaled_or_null = candidates.str.replace(".", "", literal=True).cast(pl.Int64, strict=False)
    unscaled = unscaled_or_null.fill_null(0).to_numpy()
    # More than 18 digits may still fit 64 bits, but the arithmetic above does not have to care.
    short = (unscaled > -(10**_SAFE_DIGITS)) & (unscaled < 10**_SAFE_DIGITS)
    fast = unscaled_or_null.is_not_null().to_numpy() & short
    values, settled = scale_units(
        np.where(fast, unscaled, 0), np.where(fast, fraction_digits, 0), np.asarray(decimals, np.int64)
    )
    good = fast & settled
    values = np.where(good, values, 0)
    rest = np.flatnonzero(~good)
    for row, text in zip(rest.tolist(), texts.gather(rest).to_list(), strict=True):
        try:
            values[row] = parse_amount("" if text is None else text, int(decimals[row]))
        except AmountError:
            continue
        good[row] = True
    return values, good
