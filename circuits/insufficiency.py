"""That an account does *not* satisfy a statement, as one row (Farkas' lemma).

A statement holds of positions q if some auxiliary x >= 0 makes every row ``A_q[i] q + A_x[i] x + b[i]`` non-negative.
Let y_i > 0 be multipliers of some rows, such that no auxiliary variable has a positive coefficient in the sum:

    sum_i y_i (A_q[i] q + A_x[i] x + b[i])  =  c q + g x + k,     g <= 0

If q satisfied the statement, the left side would be at least 0 and the right side at most ``c q + k``. So

    c q + k <= -1        shows that q does not satisfy it, whatever the auxiliary variables are.

This needs a lower bound on the requirement. Where that is a maximum of lines, any of them is one, so that no boolean
is needed. The multipliers name the lines, and are public: they tell which tier of each table and which scenario is
the active one, and on which side of zero a position is. A statement whose rows hold back by booleans has no such
multipliers in general.

For an account after a top-up, p = q + t e, where e is 1 for the asset that gains and -1 for a column that it is taken
from, and with one step s less, the row is about p:

    0 <= -(c (p - s e) + k) - 1 < 2^w,      w = bit length of  s c e

Where p satisfies the statement, ``c p + k >= 0``, so that the value is below ``s c e``: none is beyond the width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from circuits.builder import StatementBuilder
from circuits.rows import MAX_WIDTH, Row, Scope
from circuits.statement import Statement
from circuits.statement_errors import StatementError
from primitives.errors import SealedbookError

Multipliers = Sequence[tuple[int, int]]
"""Pairs (row, factor), rows in increasing order and factors positive."""


class InsufficiencyError(SealedbookError):
    """Multipliers show nothing about a statement; says why."""


def insufficiency_statement(
    statement: Statement, multipliers: Multipliers, moves: Mapping[int, int], step: int
) -> Statement:
    """That an account with `step` base units less moved does not satisfy `statement`.

    `moves` has 1 for the number of the asset that gained, -1 for the one it was taken from. Raises
    `InsufficiencyError`.
    """
    positions, constant = combine(statement.rows, multipliers)
    gain = sum(sign * positions.get(asset, 0) for asset, sign in moves.items())
    if gain <= 0:
        raise InsufficiencyError("the combination of rows does not grow with what is moved")
    width = (step * gain).bit_length()
    if width > MAX_WIDTH:
        raise InsufficiencyError(f"the combination of rows takes {width} bits, more than {MAX_WIDTH}")
    builder = StatementBuilder(statement.assets, Scope.ACCOUNT)
    try:
        builder.add_row(
            "one step less is not enough",
            {index: -coefficient for index, coefficient in positions.items()},
            constant=step * gain - constant - 1,
            width=width,
        )
        return builder.build()
    except StatementError as error:
        raise InsufficiencyError(str(error)) from error


def combine(rows: Sequence[Row], multipliers: Multipliers) -> tuple[dict[int, int], int]:
    """c (by asset) and k of the combination. Raises `InsufficiencyError` unless g <= 0."""
    positions: dict[int, int] = {}
    auxiliaries: dict[int, int] = {}
    constant = 0
    for index, factor in multipliers:
        if not 0 <= index < len(rows):
            raise InsufficiencyError(f"row {index} of {len(rows)}")
        if factor <= 0:
            raise InsufficiencyError(f"row {index}: the multiplier is not positive")
        row = rows[index]
        for asset, coefficient in row.positions:
            positions[asset] = positions.get(asset, 0) + factor * coefficient
        for variable, coefficient in row.auxiliaries:
            auxiliaries[variable] = auxiliaries.get(variable, 0) + factor * coefficient
        constant += factor * row.constant
    for variable, coefficient in sorted(auxiliaries.items()):
        if coefficient > 0:
            raise InsufficiencyError(
                f"auxiliary variable {variable} has a positive coefficient in the combination of rows"
            )
    return {asset: value for asset, value in positions.items() if value}, constant
