"""What a compiled model consists of, and what it costs to prove an account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from circuits.modelling.lowering import Compiled
from circuits.modelling.model import Model
from circuits.plain_words import is_mere_bound
from circuits.statement import Statement

MICROSECONDS_PER_BIT: Final = 0.02
"""Proving time per bit on one core of a server processor with AVX-512 IFMA, native backend.

``python -m bench prove`` prints it as "proving, per bit (one thread)". Measured so on an AMD EPYC: 0.013 with 33 rows
of 96 bits, 0.034 with one row; margin models lie between. Without IFMA point additions take about four times as
long, and all of it some three times.
"""


@dataclass(frozen=True, slots=True)
class Group:
    """One gadget, constraint or integrality row: how many rows and bits come from it."""

    name: str
    rows: int
    auxiliaries: int
    bits: int


@dataclass(frozen=True)
class Explanation:
    """Size and cost of a compiled model; `str` of it is a report."""

    assets: int
    rows: int
    auxiliaries: int
    booleans: int
    integrality_rows: int
    bits: int
    padded_bits: int
    widest: int
    """Bits of the widest row or variable."""
    coefficient_bits: int
    """Bits of the largest coefficient of a position."""
    groups: tuple[Group, ...]

    head_lines: ClassVar[int] = 3
    """How many of `lines` are about the whole."""

    @property
    def microseconds(self) -> float:
        """Estimated proving time of one account on one core (`MICROSECONDS_PER_BIT` says of which kind)."""
        return self.bits * MICROSECONDS_PER_BIT

    def lines(self) -> list[str]:
        """The report, groups with the most bits first."""
        head = [
            f"{self.assets:,} assets, {self.rows:,} rows ({self.integrality_rows:,} for whole amounts alone), "
            f"{self.auxiliaries:,} auxiliary variables ({self.booleans:,} booleans)",
            f"{self.bits:,} bits an account (padded {self.padded_bits:,}), the widest value {self.widest} bits, "
            f"coefficients up to {self.coefficient_bits} bits",
            f"about {self.microseconds:,.0f} us to prove an account on one core with AVX-512 IFMA, at "
            f"{MICROSECONDS_PER_BIT:g} us a bit; some three times that on others "
            "(`python -m bench prove` measures yours)",
        ]
        ordered = sorted(self.groups, key=lambda group: -group.bits)
        return head + [
            f"  {group.bits:>8,} bits  {group.rows:>5,} rows  {group.auxiliaries:>4,} variables  {group.name}"
            for group in ordered
        ]

    def __str__(self) -> str:
        return "\n".join(self.lines())


def explain(model: Model) -> Explanation:
    """Compile `model` if it is not, and say what came of it."""
    compiled = model.compiled()
    integrality_rows = sum(origin.is_integrality for origin in compiled.origins)
    return _explanation(compiled.statement, _groups(compiled), integrality_rows)


def explain_statement(statement: Statement) -> Explanation:
    """The same of a statement whose origin is not known: every row and variable is a group of its own."""
    widths = {auxiliary.label: (0, 1, auxiliary.width) for auxiliary in statement.auxiliaries}
    widths |= {row.label: (1, 0, row.width) for row in statement.rows}
    groups = tuple(Group(label, *counts) for label, counts in widths.items())
    return _explanation(statement, groups, sum(map(is_mere_bound, statement.rows)))


def _explanation(statement: Statement, groups: tuple[Group, ...], integrality_rows: int) -> Explanation:
    coefficients = (abs(c) for row in statement.rows for _, c in row.positions)
    return Explanation(
        assets=len(statement.assets),
        rows=len(statement.rows),
        auxiliaries=len(statement.auxiliaries),
        booleans=sum(auxiliary.width == 1 for auxiliary in statement.auxiliaries),
        integrality_rows=integrality_rows,
        bits=statement.bit_count,
        padded_bits=statement.padded_bits,
        widest=max(statement.widths),
        coefficient_bits=max(coefficients, default=0).bit_length(),
        groups=groups,
    )


def _groups(compiled: Compiled) -> tuple[Group, ...]:
    found: dict[str, list[int]] = {}
    statement = compiled.statement
    for variable, auxiliary in zip(compiled.variables, statement.auxiliaries, strict=True):
        entry = found.setdefault(variable.label, [0, 0, 0])
        entry[1] += 1
        entry[2] += auxiliary.width
    for origin, row in zip(compiled.origins, statement.rows, strict=True):
        entry = found.setdefault(origin.group, [0, 0, 0])
        entry[0] += 1
        entry[2] += row.width
    return tuple(Group(name, *counts) for name, counts in found.items())
