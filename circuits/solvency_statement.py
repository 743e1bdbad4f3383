"""The statement of a solvency claim: reserves cover the totals, asset by asset.

    T_a   sum over all leaves of the position in asset a          R_a   reserves of asset a, public
    n/d   the ratio claimed                                       U     number of leaves
    row   0 <= d R_a - n T_a < 2^w,   w = bit length of  d R_a + n U (2^63 - 1)

It is about one vector, the totals, to which the root's sum opens. Every T_a is an integer with
``|T_a| <= U (2^63 - 1)`` where every position is one of 64 bits, so no true total is beyond the width. With
``U <= 2^32``, ``n, d < 2^20`` and ``R_a < 2^96`` both sides of the row's equation are below 2^118 in absolute
value, far from the group order: it cannot wrap. Rows stand in the order of the book's assets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from circuits.bits import UInt8Array, pack
from circuits.evaluate import evaluate_account
from circuits.rows import Row, Scope
from circuits.statement import Statement
from circuits.wide_integers import WideIntegers
from primitives.amounts_text import format_amount
from primitives.assets import Asset
from primitives.ratio import Ratio
from primitives.reserves import Reserves
from primitives.totals import totals_bound


@dataclass(frozen=True, slots=True)
class Shortage:
    """An asset whose reserves do not cover the totals: the total is in `required`, which stays private.

    All in base units; `required` is the least that would cover.
    """

    asset: Asset
    reserves: int
    required: int = field(repr=False)

    @property
    def missing(self) -> int:
        """By how much the reserves fall short."""
        return self.required - self.reserves

    def describe(self) -> str:
        """One line for people."""
        reserves, required, missing = (
            format_amount(amount, self.asset.decimals)
            for amount in (self.reserves, self.required, self.missing)
        )
        return f"{self.asset.id}: {required} required, {reserves} in reserve, short by {missing}"


def compile_solvency(reserves: Reserves, ratio: Ratio, assets: Sequence[Asset], leaf_count: int) -> Statement:
    """The statement about the totals of a book with these `assets` and so many leaves."""
    held = {entry.asset.id: entry.total for entry in reserves.assets}
    largest_debt = ratio.numerator * totals_bound(leaf_count)
    rows = []
    for column, asset in enumerate(assets):
        if asset.id in held:
            constant = ratio.denominator * held[asset.id]
            width = (constant + largest_debt).bit_length()
            rows.append(Row(f"{asset.id} covered", ((column, -ratio.numerator),), (), constant, width))
    return Statement(tuple(assets), tuple(rows), scope=Scope.ACCOUNT)


def covered_columns(statement: Statement) -> tuple[int, ...]:
    """The columns of the assets that a solvency statement is about."""
    return tuple(row.positions[0][0] for row in statement.rows)


def find_shortages(
    statement: Statement, reserves: Reserves, ratio: Ratio, totals: Sequence[int]
) -> list[Shortage]:
    """The rows that these totals (one for each asset of the book) fail, in order."""
    held = {entry.asset.id: entry.total for entry in reserves.assets}
    return [
        Shortage(asset, held[asset.id], required=-(-ratio.numerator * totals[column] // ratio.denominator))
        for column, value in zip(covered_columns(statement), _values(statement, totals), strict=True)
        for asset in [statement.assets[column]]
        if value < 0
    ]


def totals_bits(statement: Statement, totals: Sequence[int]) -> UInt8Array:
    """The packed bits of the row values, one account; `ValueError` if a row fails."""
    values = WideIntegers.from_ints([_values(statement, totals)])
    return pack(statement, values, WideIntegers.zeros(1, 0))


def _values(statement: Statement, totals: Sequence[int]) -> list[int]:
    """In Python integers: totals go beyond 64 bits."""
    return evaluate_account(statement.rows, dict(enumerate(totals)), ())
