"""Inequalities ``sum_k p_k q_k >= 0`` with ``p_k > 0`` that follow from the rows of a statement.

Models say that debts are outweighed in several rows and with auxiliary variables: the value of an asset is the
minimum of tiers, ``x <= h_j q + c_j``, and the values add up to something that is not negative. Over integers
every row is an inequality ``A_q q + A_x x + b >= 0`` with ``x >= 0``, and so is a sum of rows with positive
multipliers. This module looks for such sums: it begins with one row and eliminates its variables.

* A variable with a positive coefficient c has to go: some row with a negative coefficient -d is added c/d times.
* A variable with a negative coefficient can be left out.

What is found holds, since it is a sum of rows. That nothing is found means nothing: the search tries one row for
each variable, the one with the least constant (the tangent at zero of a concave value).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Final, Self

from circuits.rows import Row
from circuits.statement import Statement

MAX_TERMS: Final = 1 << 21
"""Terms of rows added up in one search at most, so that no statement can make a report take minutes."""


@dataclass(frozen=True, slots=True)
class Inequality:
    """``sum of coefficients times positions and variables + constant >= 0``; coefficients are not zero."""

    positions: Mapping[int, Fraction]
    auxiliaries: Mapping[int, Fraction]
    constant: Fraction

    @classmethod
    def of_row(cls, row: Row, sign: int = 1) -> Self:
        """A row, or minus an equation."""
        return cls(
            {index: Fraction(sign * coefficient) for index, coefficient in row.positions},
            {index: Fraction(sign * coefficient) for index, coefficient in row.auxiliaries},
            Fraction(sign * row.constant),
        )

    def plus(self, other: Inequality, multiplier: Fraction) -> Inequality:
        """The sum with `other`, `multiplier` > 0 times."""
        return Inequality(
            _added(self.positions, other.positions, multiplier),
            _added(self.auxiliaries, other.auxiliaries, multiplier),
            self.constant + multiplier * other.constant,
        )

    @property
    def size(self) -> int:
        """The number of terms."""
        return len(self.positions) + len(self.auxiliaries)

    @property
    def is_sum_of_holdings(self) -> bool:
        """Whether ``sum_k p_k q_k >= 0`` with positive p_k is left where the variables are left out."""
        return (
            self.constant <= 0
            and bool(self.positions)
            and all(coefficient > 0 for coefficient in self.positions.values())
            and all(coefficient < 0 for coefficient in self.auxiliaries.values())
        )


class ImpliedSums:
    """The sums that `statement` implies where the positions in `integers` are integers within ``+-2^63``.

    Only rows that use no other position are inequalities over the integers.
    """

    def __init__(self, statement: Statement, integers: Collection[int]) -> None:
        usable = [row for row in statement.rows if all(index in integers for index, _ in row.positions)]
        self._inequalities = [Inequality.of_row(row) for row in usable]
        self._inequalities += [Inequality.of_row(row, -1) for row in usable if row.width == 0]
        self._lowering: dict[int, list[Inequality]] = defaultdict(list)
        for inequality in self._inequalities:
            for variable, coefficient in inequality.auxiliaries.items():
                if coefficient < 0:
                    self._lowering[variable].append(inequality)
        self._terms_left = MAX_TERMS
        # Backwards: a model ends with what it demands, after the rows that define its variables.
        self.found = [found for start in reversed(self._inequalities) for found in self._eliminated(start)]

    def outweighing(self, column: int) -> set[frozenset[int]]:
        """For each sum found that has a positive weight on `column`: the columns that it adds up."""
        return {frozenset(found.positions) for found in self.found if column in found.positions}

    def _eliminated(self, inequality: Inequality) -> Iterator[Inequality]:
        """`inequality` without positive variables, if that is a sum of holdings."""
        done: set[int] = set()
        while raised := [v for v, coefficient in inequality.auxiliaries.items() if coefficient > 0]:
            variable = raised[0]
            candidates = self._lowering[variable]
            if variable in done or not candidates:
                return
            done.add(variable)
            added = self._add(inequality, min(candidates, key=partial(_preference, variable)), variable)
            if added is None:
                return
            inequality = added
        if inequality.is_sum_of_holdings:
            yield inequality

    def _add(self, inequality: Inequality, other: Inequality, variable: int) -> Inequality | None:
        """The sum that eliminates `variable`, in which both have opposite signs; None where the search ends."""
        self._terms_left -= inequality.size + other.size
        if self._terms_left < 0:
            return None
        return inequality.plus(other, -inequality.auxiliaries[variable] / other.auxiliaries[variable])


def _preference(variable: int, candidate: Inequality) -> tuple[Fraction, int]:
    """The least constant for one unit of the variable, then the fewest positions that count against."""
    against = sum(coefficient < 0 for coefficient in candidate.positions.values())
    return candidate.constant / -candidate.auxiliaries[variable], against


def _added(
    terms: Mapping[int, Fraction], others: Mapping[int, Fraction], multiplier: Fraction
) -> dict[int, Fraction]:
    result = dict(terms)
    for index, coefficient in others.items():
        total = result.get(index, Fraction(0)) + multiplier * coefficient
        if total:
            result[index] = total
        else:
            result.pop(index, None)
    return result
