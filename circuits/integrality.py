"""Which positions a statement leaves free to be no integers (DESIGN section 4.5).

A commitment holds elements of the scalar field, and rows hold modulo its order r. A row

    0 <= q_a + b < 2^w     or     0 <= -q_a + b < 2^w

forces q_a to be an integer in an interval. Every other row rests on ``|q_a| <= 2^63`` for each position that it
uses, because only then its equation holds over the integers: with ``q_a = 1/2 mod r`` the row
``0 <= 2 q_a - 1 < 2^w`` would hold.

Auxiliary variables are integers in ``[0, 2^{w_v})``, since a proof commits to their bits. So a row in which q_a
stands with coefficient 1 or -1, and beside it only auxiliary variables and positions that are bounded
integers already, makes q_a one too, in the interval that follows from theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from circuits.rows import Auxiliary, Row
from primitives.parameters import AMOUNT_LIMIT


def is_range_of_one_position(row: Row) -> bool:
    """Whether the row says that one position alone is an integer in an interval."""
    return len(row.positions) == 1 and abs(row.positions[0][1]) == 1 and not row.auxiliaries


def loose_positions(rows: Sequence[Row], auxiliaries: Sequence[Auxiliary] = ()) -> tuple[int, ...]:
    """Indices of the assets that some row uses beyond a range of its own, while no row bounds them by 2^63.

    `auxiliaries` are the variables of the statement; without them a row that uses any bounds nothing.
    """
    used = {asset for row in rows if not is_range_of_one_position(row) for asset, _ in row.positions}
    return tuple(sorted(used - set(bounded_positions(rows, auxiliaries))))


def bounded_positions(rows: Sequence[Row], auxiliaries: Sequence[Auxiliary]) -> dict[int, tuple[int, int]]:
    """The positions that rows prove to be integers within ``+-2^63``, each with its least and greatest value."""
    found: dict[int, tuple[int, int]] = {}
    candidates = [row for row in rows if _could_bound(row, len(auxiliaries))]
    while candidates:
        left = []
        for row in candidates:
            unknown = [(asset, c) for asset, c in row.positions if asset not in found]
            if len(unknown) == 1 and abs(unknown[0][1]) == 1:
                asset, sign = unknown[0]
                least, greatest = _interval_of(row, asset, sign, found, auxiliaries)
                if least >= -AMOUNT_LIMIT and greatest <= AMOUNT_LIMIT:
                    found[asset] = (least, greatest)
            elif len(unknown) > 1:
                left.append(row)
        if len(left) == len(candidates):
            break
        candidates = left
    return found


def _could_bound(row: Row, auxiliary_count: int) -> bool:
    is_known = all(variable < auxiliary_count for variable, _ in row.auxiliaries)
    return is_known and any(coefficient in (1, -1) for _, coefficient in row.positions)


def _interval_of(
    row: Row,
    asset: int,
    sign: int,
    found: Mapping[int, tuple[int, int]],
    auxiliaries: Sequence[Auxiliary],
) -> tuple[int, int]:
    """From ``sign q_a = value - others`` with ``0 <= value < 2^w`` and the others in their intervals."""
    ends = [(c, *found[other]) for other, c in row.positions if other != asset]
    ends += [(c, 0, (1 << auxiliaries[variable].width) - 1) for variable, c in row.auxiliaries]
    others_least = row.constant + sum(min(c * low, c * high) for c, low, high in ends)
    others_greatest = row.constant + sum(max(c * low, c * high) for c, low, high in ends)
    least, greatest = -others_greatest, (1 << row.width) - 1 - others_least
    return (least, greatest) if sign > 0 else (-greatest, -least)


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
