"""Integer base units as decimal text for people."""

from __future__ import annotations


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
