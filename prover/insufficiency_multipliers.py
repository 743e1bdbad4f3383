"""Multipliers that show that an account does not satisfy a statement (`circuits.insufficiency`).

The honest witness x* of the account makes every row hold but the margin condition, which is short. From there,
auxiliary variables are eliminated one by one, the last one first. Where the sum so far has g_v x_v with g_v < 0, a row
with a coefficient k > 0 of x_v bounds it from below; the one that is closest to an equation at x* is added
``-g_v / k`` times (none where ``x_v >= 0`` itself is closest). Where g_v > 0, a row with k < 0 is needed.

A statement without booleans whose gadgets are maxima and minima of lines gives a combination that is exact up to
rounding. Nothing rests on the search: what it finds is checked, by the prover and by every verifier.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import gcd, lcm

from circuits.evaluate import evaluate_account
from circuits.insufficiency import InsufficiencyError, combine
from circuits.positions import PositionBatch
from circuits.rows import Row
from circuits.statement import Statement


def find_multipliers(statement: Statement, account: dict[int, int]) -> tuple[tuple[int, int], ...]:
    """Pairs (row, factor) whose combination is negative for `account`. Raises `InsufficiencyError`."""
    batch = PositionBatch.from_mappings([account])
    auxiliaries = statement.auxiliary_values(batch).to_ints()[0]
    values = evaluate_account(statement.rows, account, auxiliaries)
    for start in [index for index, value in enumerate(values) if value < 0]:
        factors = _eliminate(statement.rows, start, values, auxiliaries)
        if factors is None:
            continue
        multipliers = _integers(factors)
        positions, constant = combine(statement.rows, multipliers)
        if (
            constant + sum(coefficient * account.get(asset, 0) for asset, coefficient in positions.items())
            < 0
        ):
            return multipliers
    raise InsufficiencyError(
        "no combination of its rows shows that the account is insufficient: the statement holds back by booleans or "
        "by rounding, or the account is not insufficient"
    )


def _eliminate(
    rows: Sequence[Row], start: int, values: Sequence[int], auxiliaries: Sequence[int]
) -> dict[int, Fraction] | None:
    """A factor per row; None where some variable cannot be eliminated."""
    factors = {start: Fraction(1)}
    coefficients = {variable: Fraction(value) for variable, value in rows[start].auxiliaries}
    while open_ones := [variable for variable, value in coefficients.items() if value]:
        variable = max(open_ones)
        sign = -1 if coefficients[variable] > 0 else 1
        candidates = list(_bounding(rows, variable, sign, start, values))
        if sign > 0:
            # x_v >= 0 needs no row: the term may stay, since it is never positive.
            candidates.append((Fraction(auxiliaries[variable]), -1, Fraction(0)))
        if not candidates:
            return None
        _, chosen, coefficient = min(candidates)
        if chosen < 0:
            del coefficients[variable]
            continue
        factor = -coefficients[variable] / coefficient
        factors[chosen] = factors.get(chosen, Fraction(0)) + factor
        for other, value in rows[chosen].auxiliaries:
            coefficients[other] = coefficients.get(other, Fraction(0)) + factor * value
    return factors


def _bounding(
    rows: Sequence[Row], variable: int, sign: int, start: int, values: Sequence[int]
) -> Iterator[tuple[Fraction, int, Fraction]]:
    """Rows that bound the variable by earlier ones alone: how far from an equation, row, coefficient."""
    for index, row in enumerate(rows):
        coefficient = dict(row.auxiliaries).get(variable, 0)
        if index == start or coefficient * sign <= 0 or values[index] < 0:
            continue
        if row.auxiliaries[-1][0] == variable:
            yield Fraction(values[index], abs(coefficient)), index, Fraction(coefficient)


def _integers(factors: dict[int, Fraction]) -> tuple[tuple[int, int], ...]:
    """The same combination in the least positive integers."""
    used = {row: factor for row, factor in sorted(factors.items()) if factor}
    scale = lcm(*(factor.denominator for factor in used.values()))
    whole = {row: int(factor * scale) for row, factor in used.items()}
    divisor = gcd(*whole.values())
    return tuple((row, factor // divisor) for row, factor in whole.items())
