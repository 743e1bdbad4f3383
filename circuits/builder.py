"""Collecting rows and auxiliary variables into a statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from circuits.integrality import loose_positions
from circuits.rows import Auxiliary, Form, Row, Scope, Terms
from circuits.statement import Statement
from circuits.statement_errors import StatementCode, StatementError
from circuits.witness import Step, StepwiseWitness
from primitives.assets import Asset, AssetList
from primitives.parameters import AMOUNT_LIMIT

NON_NEGATIVE_WIDTH = 63
BOUNDED_WIDTH = 64


class StatementBuilder:
    """A statement under construction over the assets of a book.

    It keeps track of which positions have a row that makes them true integers of 64 bits (DESIGN section
    4.5), so that `build` can add the rows that are needed and still missing.
    """

    def __init__(self, assets: Iterable[Asset], scope: Scope) -> None:
        self.assets = AssetList(tuple(assets))
        self.scope = scope
        self._rows: list[Row] = []
        self._auxiliaries: list[Auxiliary] = []
        self._steps: list[Step] = []
        self._labels: set[str] = set()
        self._bounded: set[int] = set()
        self._to_bound: set[int] = set()

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows so far."""
        return tuple(self._rows)

    @property
    def auxiliaries(self) -> tuple[Auxiliary, ...]:
        """The auxiliary variables so far."""
        return tuple(self._auxiliaries)

    def add_row(
        self,
        label: str,
        positions: Mapping[int, int],
        *,
        auxiliaries: Mapping[int, int] | None = None,
        constant: int = 0,
        width: int,
    ) -> None:
        """``0 <= A_q q + A_x x + b < 2^width``; zero coefficients are dropped, a taken label is numbered."""
        unique = self._unique(label)
        self._rows.append(Row(unique, _terms(positions), _terms(auxiliaries or {}), constant, width))

    def add_form(self, label: str, form: Form, *, width: int) -> None:
        """``0 <= form < 2^width``; a taken label is numbered."""
        self._rows.append(Row(self._unique(label), form.positions, form.auxiliaries, form.constant, width))

    def add_auxiliary(self, label: str, width: int, step: Step) -> int:
        """A new variable ``0 <= x < 2^width`` whose value `step` computes; its index."""
        self._auxiliaries.append(Auxiliary(self._unique(label), width))
        self._steps.append(step)
        return len(self._auxiliaries) - 1

    def add_non_negative(self, asset: int) -> None:
        """``0 <= q_a < 2^63``, once however often it is asked for."""
        if asset not in self._bounded:
            self.add_row(f"{self.assets[asset].id} non-negative", {asset: 1}, width=NON_NEGATIVE_WIDTH)
            self._bounded.add(asset)

    def require_bounded(self, asset: int) -> None:
        """The finished statement shall force ``-2^63 <= q_a < 2^63``, by this row or a stronger one."""
        self._to_bound.add(asset)

    def build(self) -> Statement:
        """The statement, with the missing rows ``0 <= q_a + 2^63 < 2^64`` last, in order of assets.

        About one account alone nothing but such rows makes a position an integer, so every position that needs
        one gets it, whatever the model asked for.
        """
        if self.scope is Scope.ACCOUNT:
            self._to_bound |= set(loose_positions(self._rows, self._auxiliaries))
        for asset in sorted(self._to_bound - self._bounded):
            label = f"{self.assets[asset].id} bounded"
            self.add_row(label, {asset: 1}, constant=AMOUNT_LIMIT, width=BOUNDED_WIDTH)
            self._bounded.add(asset)
        try:
            witness = StepwiseWitness(self._steps) if self._steps else None
        except ValueError as error:
            # Coefficients come from public documents: too large ones are a fault of theirs, not of the program.
            raise StatementError(StatementCode.WITNESS, str(error)) from error
        rows, auxiliaries = tuple(self._rows), tuple(self._auxiliaries)
        return Statement(self.assets.assets, rows, auxiliaries, witness, self.scope)

    def _unique(self, label: str) -> str:
        candidate, number = label, 1
        while candidate in self._labels:
            number += 1
            candidate = f"{label} ({number})"
        self._labels.add(candidate)
        return candidate


def _terms(coefficients: Mapping[int, int]) -> Terms:
    return tuple(sorted((index, value) for index, value in coefficients.items() if value))
