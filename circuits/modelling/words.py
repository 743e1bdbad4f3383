"""What a margin model demands of an account, in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from primitives.amounts_text import plain_amount

_SHOWN_NAMES: Final = 12


@dataclass(frozen=True, slots=True)
class ColumnWords:
    """A column of the book that is no coin, and what it means that stated reserves of it are at least its total.

    A column that `is_flag` holds zeros and ones, and is worth nothing. With a `marker`, such a column, entries may be
    negative where the marker is 1: the meaning holds if the total of the marker is shown to be at most 1 as well.
    """

    asset: str
    meaning: str
    marker: str | None = None
    is_flag: bool = False


@dataclass(frozen=True, slots=True)
class ModelWords:
    """Made of the document alone, names in it included: escape before showing.

    `conditions` are what is proven of every account, each a sentence without a full stop; together they say all that
    the rows demand. `conservative` is where the rows ask for more than the method does, or leave something out.
    `columns` are those whose totals mean something beyond an amount of an asset.
    """

    title: str
    conditions: tuple[str, ...]
    conservative: tuple[str, ...]
    columns: tuple[ColumnWords, ...] = ()


def share_of(factor: Fraction) -> str:
    """How a requirement is said to count: nothing for 1, else ``50 % of ``."""
    return "" if factor == 1 else f"{percent_of(factor)} of "


def exact_number(number: Fraction) -> str:
    """``1.5``, or ``10/9`` where no decimal text is exact: what is rounded could say more than is proven."""
    places, rest = 0, number.denominator
    for prime in (2, 5):
        power = 0
        while rest % prime == 0:
            rest, power = rest // prime, power + 1
        places = max(places, power)
    if rest != 1:
        return f"{number.numerator}/{number.denominator}"
    return plain_amount(int(number * 10**places), places)


def percent_of(part: Fraction) -> str:
    """``97.5 %``, or ``10/9`` where no decimal text is exact."""
    text = exact_number(100 * part)
    return f"{text} %" if "/" not in text else exact_number(part)


def counted(count: int, one: str, several: str = "") -> str:
    """``1 scenario``, ``24 scenarios``."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def listed(names: Sequence[str]) -> str:
    """Names, the first of many."""
    rest = f" and {len(names) - _SHOWN_NAMES:,} more" if len(names) > _SHOWN_NAMES else ""
    return ", ".join(names[:_SHOWN_NAMES]) + rest
