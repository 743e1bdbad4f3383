"""What a statement says about one account, in plain words: read from the compiled rows, not from a document."""

from __future__ import annotations

from typing import Final

from circuits.integrality import is_range_of_one_position, position_interval
from circuits.rows import Row
from circuits.statement import Statement
from primitives.amounts_text import format_amount
from primitives.assets import Asset
from primitives.parameters import AMOUNT_LIMIT

_SHOWN_ASSETS: Final = 6


def account_facts(statement: Statement) -> list[str]:
    """One phrase per row, each to follow "the account".

    Rows that only say that a position is an integer within +-2^63 are left out: every position is.
    """
    return [
        _range_fact(row, statement.assets[row.positions[0][0]])
        if is_range_of_one_position(row)
        else f"meets {row.label!r}{_counting(row, statement)}"
        for row in statement.rows
        if not is_mere_bound(row)
    ]


def used_assets(statement: Statement) -> tuple[Asset, ...]:
    """The assets whose positions a row uses."""
    used = sorted({asset for row in statement.rows for asset, _ in row.positions})
    return tuple(statement.assets[asset] for asset in used)


def is_mere_bound(row: Row) -> bool:
    """Whether the row only says that a position is an integer within ``+-2^63``."""
    return is_range_of_one_position(row) and position_interval(row) == (-AMOUNT_LIMIT, AMOUNT_LIMIT - 1)


def _counting(row: Row, statement: Statement) -> str:
    """The assets that a row counts, since others may outweigh them; the row's own text is the maker's."""
    names = [statement.assets[index].id for index, _ in row.positions]
    rest = f" and {len(names) - _SHOWN_ASSETS:,} more" if len(names) > _SHOWN_ASSETS else ""
    return f", counting {', '.join(names[:_SHOWN_ASSETS])}{rest}" if names else ""


def _range_fact(row: Row, asset: Asset) -> str:
    least, greatest = position_interval(row)
    low, high = (f"{format_amount(bound, asset.decimals)} {asset.id}" for bound in (least, greatest))
    if least == greatest:
        return f"holds exactly {low}"
    # Amounts are below 2^63 in any case: a bound beyond that says nothing.
    if greatest >= AMOUNT_LIMIT - 1:
        return _at_least(least, asset)
    if least <= -AMOUNT_LIMIT:
        return f"holds at most {high}"
    return f"holds between {low} and {high}"


def _at_least(least: int, asset: Asset) -> str:
    if least == 0:
        return f"owes no {asset.id}"
    verb = "holds at least" if least > 0 else "owes at most"
    return f"{verb} {format_amount(abs(least), asset.decimals)} {asset.id}"
