"""Smallest top-ups where they have a closed form.

    E   equity      R   requirement      m   the multiple of R that E must reach, exact      missing = max(0, m R - E)

    cash          t = ceil(missing / v)                     v: what a base unit is worth
    haircut       t = ceil(missing / (r p))                 ratio r, price p per base unit
    haircut in tiers   h(p t) >= missing, with h(V) = sum_k r_k |[t_{k-1}, t_k] cut at V|: piece by piece

All in exact fractions; t counts base units.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil

from circuits.modelling.tables import HaircutTable


def missing_value(equity: Fraction, requirement: Fraction, multiple: Fraction) -> Fraction:
    """``max(0, m R - E)``."""
    return max(Fraction(0), multiple * requirement - equity)


def cash_top_up(missing: Fraction, unit_value: Fraction) -> int:
    """Base units of an asset that adds `unit_value` to the equity with each, and nothing to the requirement."""
    if unit_value <= 0:
        raise ValueError("a base unit is worth nothing")
    return max(0, ceil(missing / unit_value))


def haircut_top_up(missing: Fraction, table: HaircutTable, unit_price: Fraction) -> int | None:
    """Base units whose value after the haircut reaches `missing`; None if no number of them does.

    `missing` and the bounds of `table` are in whole units of the quote, `unit_price` per base unit.
    """
    if unit_price <= 0:
        raise ValueError("a base unit is worth nothing")
    if missing <= 0:
        return 0
    credited = lower = Fraction(0)
    for upper, ratio in table.tiers:
        if upper is None or credited + ratio * (upper - lower) >= missing:
            if ratio == 0:
                return None
            value = lower + (missing - credited) / ratio
            return ceil(value / unit_price)
        credited += ratio * (upper - lower)
        lower = upper
    return None
