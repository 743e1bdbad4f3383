"""What statements about every account say of their positions, so far as a sum over all accounts rests on it.

The root's sum opens to ``T_a = sum_u q[u,a]`` in the scalar field. That is a sum of integers only if every
``q[u,a]`` is proven to be one. Even then an account in debt lowers T_a: somebody who makes up an account that
owes a lot, and will never pay, hides what is owed to others. So what T_a is worth depends on what is proven of
every account. Given statements that *all* leaves satisfy:

* ``NON_NEGATIVE``: some row forces ``q_a >= 0``. T_a is at least what any set of accounts holds.
* ``OUTWEIGHED``: q_a is a bounded integer, and the rows of some statement force ``sum_k p_k q_k >= 0`` with
  weights ``p_k > 0`` on bounded positions, a among them (`circuits.implied_sums`). Let F be made-up accounts.
  Then ``sum_k p_k T_k`` is at least the same sum over the other accounts; so if reserves cover T_k for *every* k
  of that sum, they are worth at least what the others hold of those assets, at the weights p. `uncovered` names
  the k without reserves: while there are any, a debt may be outweighed by an asset that nobody has to hold.
* ``BOUNDED``: q_a is a bounded integer; no sum is found that shows debts to be outweighed.
* ``NONE``: q_a may be any element of the field.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from circuits.implied_sums import ImpliedSums
from circuits.integrality import (
    bounded_positions,
    is_range_of_one_position,
    is_within_limit,
    position_interval,
)
from circuits.statement import Statement


class Guarantee(StrEnum):
    """What is proven of every account's position in one asset; see the module's text."""

    NON_NEGATIVE = "non-negative"
    OUTWEIGHED = "outweighed"
    BOUNDED = "bounded"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class PositionGuarantee:
    """The best guarantee for one asset, and by which of the statements (None for `Guarantee.NONE`).

    `uncovered` holds the columns that outweigh debts and are not covered themselves; empty but for `OUTWEIGHED`.
    """

    guarantee: Guarantee
    statement: int | None
    uncovered: tuple[int, ...] = ()

    @property
    def makes_totals_count(self) -> bool:
        """Whether no made-up account can lower the total unseen."""
        return self.guarantee is Guarantee.NON_NEGATIVE or (
            self.guarantee is Guarantee.OUTWEIGHED and not self.uncovered
        )


class PositionGuarantees:
    """The guarantees of statements over one list of assets, all of which hold for every account."""

    def __init__(self, statements: Sequence[Statement]) -> None:
        rows = [(index, row) for index, statement in enumerate(statements) for row in statement.rows]
        self._least: dict[int, tuple[int, int]] = {}
        for index, statement in enumerate(statements):
            for column, (least, _) in bounded_positions(statement.rows, statement.auxiliaries).items():
                self._note_least(column, least, index)
        for index, row in rows:
            if is_range_of_one_position(row) and is_within_limit(row):
                self._note_least(row.positions[0][0], position_interval(row)[0], index)
        self._sums = [ImpliedSums(statement, self._least.keys()) for statement in statements]

    def of(self, column: int, covered: Collection[int]) -> PositionGuarantee:
        """The guarantee for the asset in `column`; `covered` holds the columns that reserves cover."""
        if column not in self._least:
            return PositionGuarantee(Guarantee.NONE, None)
        least, index = self._least[column]
        if least >= 0:
            return PositionGuarantee(Guarantee.NON_NEGATIVE, index)
        found = min(self._outweighing(column, covered), key=lambda pair: len(pair[1]), default=None)
        if found is None:
            return PositionGuarantee(Guarantee.BOUNDED, index)
        return PositionGuarantee(Guarantee.OUTWEIGHED, *found)

    def _note_least(self, column: int, least: int, statement: int) -> None:
        if column not in self._least or least > self._least[column][0]:
            self._least[column] = (least, statement)

    def _outweighing(self, column: int, covered: Collection[int]) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Statement and uncovered columns of every sum in which debts in `column` are outweighed."""
        for index, sums in enumerate(self._sums):
            for columns in sorted(sums.outweighing(column), key=sorted):
                yield index, tuple(sorted(columns.difference(covered)))
