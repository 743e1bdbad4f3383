"""Integer base units as decimal text: for people, and in public documents."""

from __future__ import annotations

import re
from typing import Final

MAX_UNITS_TEXT: Final = 64
"""Characters of an amount in a document."""

_UNITS: Final = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?", re.ASCII)


def format_amount(amount: int, decimals: int) -> str:
    """`amount` base units of ``10^-decimals`` as plain decimal text, exact, thousands set off.

    >>> format_amount(-150_000_000, 8)
    '-1.5'
    >>> format_amount(1_234_567, 0)
    '1,234,567'
    """
    whole, fraction = divmod(abs(amount), 10**decimals)
    digits = f"{fraction:0{decimals}d}".rstrip("0") if decimals else ""
    return ("-" if amount < 0 else "") + f"{whole:,}" + (f".{digits}" if digits else "")


def plain_amount(amount: int, decimals: int) -> str:
    """As `format_amount`, without separators: the one text that documents of ours hold.

    >>> plain_amount(123_456_700, 4)
    '12345.67'
    """
    return format_amount(amount, decimals).replace(",", "")


def parse_units(text: str, decimals: int) -> int:
    """The base units of ``10^-decimals`` that decimal text stands for, exactly; any size.

    At most `decimals` digits after the point (zeros at the end are fine), no plus sign, exponent, separators,
    superfluous leading zeros or negative zero. `ValueError` says what is wrong, without the text.

    >>> parse_units("-1.50", 8)
    -150000000
    """
    match = _UNITS.fullmatch(text) if len(text) <= MAX_UNITS_TEXT else None
    if match is None:
        raise ValueError("is not plain decimal text such as 1234.5")
    sign, whole, fraction = match[1], match[2], match[3] or ""
    if len(fraction) > decimals:
        raise ValueError(f"has {len(fraction)} decimals, the asset has {decimals}")
    units = int(whole + fraction.ljust(decimals, "0"))
    if sign and units == 0:
        raise ValueError("is a negative zero")
    return -units if sign else units
