"""Which positions a statement leaves free to be no integers (DESIGN section 4.5).

A commitment holds elements of the scalar field, and rows hold modulo its order r. A row

    0 <= q_a + b < 2^w     or     0 <= -q_a + b < 2^w

forces q_a to be an integer in an interval. Every other row rests on ``|q_a| <= 2^63`` for each position that it
uses, because only then its equation holds over the integers: with ``q_a = 1/2 mod r`` the row
``0 <= 2 q_a - 1 < 2^w`` would hold.
"""

from __future__ import annotations

from collections.abc import Sequence

from circuits.rows import Row
from primitives.parameters import AMOUNT_LIMIT


def is_range_of_one_position(row: Row) -> bool:
    """Whether the row says that one position alone is an integer in an interval."""
    return len(row.positions) == 1 and abs(row.positions[0][1]) == 1 and not row.auxiliaries


def loose_positions(rows: Sequence[Row]) -> tuple[int, ...]:
    """Indices of the assets that some row uses beyond a range of its own, while no row bounds them by 2^63."""
    used = {asset for row in rows if not is_range_of_one_position(row) for asset, _ in row.positions}
    bounded = {row.positions[0][0] for row in rows if is_range_of_one_position(row) and is_within_limit(row)}
    return tuple(sorted(used - bounded))


def position_interval(row: Row) -> tuple[int, int]:
    """The least and the greatest position that a row `is_range_of_one_position` allows."""
    largest = (1 << row.width) - 1
    if row.positions[0][1] > 0:
        return -row.constant, largest - row.constant
    return row.constant - largest, row.constant


def is_within_limit(row: Row) -> bool:
    """Whether a row `is_range_of_one_position` allows no position beyond ``|q_a| <= 2^63``."""
    least, greatest = position_interval(row)
    return least >= -AMOUNT_LIMIT and greatest <= AMOUNT_LIMIT
