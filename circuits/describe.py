"""Statements in readable formulas."""

from __future__ import annotations

from collections.abc import Sequence

from circuits.rows import Row, Terms
from circuits.statement import Statement


def describe(statement: Statement) -> list[str]:
    """One line per row, then one per auxiliary variable, in the units of the statement.

    A row reads ``label: 0 <= 3 BTC - 5 USD + x[loan] - 7 < 2^64`` and an equation ``label: 3 BTC = 0``; an
    asset id stands for the amount in base units.
    """
    names = [asset.id for asset in statement.assets]
    variables = [f"x[{auxiliary.label}]" for auxiliary in statement.auxiliaries]
    lines = [_describe_row(row, names, variables) for row in statement.rows]
    return lines + [
        f"{auxiliary.label}: 0 <= {name} < 2^{auxiliary.width}"
        for auxiliary, name in zip(statement.auxiliaries, variables, strict=True)
    ]


def _describe_row(row: Row, assets: Sequence[str], variables: Sequence[str]) -> str:
    terms = [*_named(row.positions, assets), *_named(row.auxiliaries, variables)]
    if row.constant or not terms:
        terms.append((row.constant, ""))
    formula = "".join(_signed(coefficient, name) for coefficient, name in terms).removeprefix(" + ")
    formula = formula.replace(" - ", "-", 1) if formula.startswith(" - ") else formula
    return f"{row.label}: " + (f"0 <= {formula} < 2^{row.width}" if row.width else f"{formula} = 0")


def _named(terms: Terms, names: Sequence[str]) -> list[tuple[int, str]]:
    return [(coefficient, names[index]) for index, coefficient in terms]


def _signed(coefficient: int, name: str) -> str:
    sign = " - " if coefficient < 0 else " + "
    magnitude = abs(coefficient)
    if not name:
        return f"{sign}{_power_or_number(magnitude)}"
    return f"{sign}{name}" if magnitude == 1 else f"{sign}{magnitude} {name}"


def _power_or_number(value: int) -> str:
    is_power = value >= 1 << 20 and value & (value - 1) == 0
    return f"2^{value.bit_length() - 1}" if is_power else str(value)
