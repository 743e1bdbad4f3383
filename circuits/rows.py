"""The parts of a statement: equation rows and auxiliary variables, and how large they may be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

MAX_WIDTH: Final = 120
"""Largest width of a row or an auxiliary variable in bits.

A value of 120 bits shifted to its place in a byte (by at most 7) still fits a signed 128-bit word, so
that evaluation and packing never need more; no model of docs/statements.md needs more than 111.
"""
MAX_ROWS: Final = 1 << 16
MAX_AUXILIARIES: Final = 1 << 16
MAX_BITS: Final = 1 << 23
"""Largest number of bits of one account: widths of all rows and auxiliary variables."""
MAX_LABEL_LENGTH: Final = 200


Terms = tuple[tuple[int, int], ...]
"""Pairs (index, coefficient)."""


class AffineForm(Protocol):
    """``A_q q + A_x x + b``; rows are forms with a width."""

    @property
    def positions(self) -> Terms:
        """A_q as pairs (asset index, coefficient)."""
        ...

    @property
    def auxiliaries(self) -> Terms:
        """A_x as pairs (auxiliary index, coefficient)."""
        ...

    @property
    def constant(self) -> int:
        """b."""
        ...


@dataclass(frozen=True, slots=True)
class Form:
    """An affine form by itself, as the witness functions use it; fields as in `AffineForm`."""

    positions: Terms = ()
    auxiliaries: Terms = ()
    constant: int = 0

    def negate(self) -> Form:
        """``-(A_q q + A_x x + b)``."""
        return Form(_negated(self.positions), _negated(self.auxiliaries), -self.constant)


@dataclass(frozen=True, slots=True)
class Row:
    """One equation row: ``0 <= A_q q + A_x x + b < 2^w``; with width 0 an equation ``A_q q + A_x x + b = 0``.

    `positions` holds pairs (asset index, coefficient) of A_q, `auxiliaries` pairs (auxiliary index,
    coefficient) of A_x: indices strictly increasing, coefficients non-zero. `constant` is b, `width` w.
    `label` names the row to the operator and does not change its meaning.
    """

    label: str
    positions: Terms
    auxiliaries: Terms
    constant: int
    width: int


@dataclass(frozen=True, slots=True)
class Auxiliary:
    """One auxiliary variable, chosen by the prover: ``0 <= x < 2^w`` with ``w = width >= 1``."""

    label: str
    width: int


class Scope(StrEnum):
    """For whom a statement is made."""

    BOOK = "book"
    """Every account of a book, padding included: the zero account must satisfy it."""
    ACCOUNT = "account"
    """One account alone (a certificate): "I hold at least X" is not true of the zero account."""


def _negated(terms: Terms) -> Terms:
    return tuple((index, -coefficient) for index, coefficient in terms)
