"""From positions to packed bits: what the prover commits to for a batch of accounts.

`assign_bits` is the definition, in numpy. `RowAssigner` computes the same with the kernels of a backend.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from circuits.bits import UInt8Array, pack
from circuits.evaluate import Violation, evaluate_rows, first_violations, violation_at
from circuits.positions import PositionBatch
from circuits.rows import Terms
from circuits.statement import Statement
from circuits.wide_integers import WideIntegers
from primitives.backend import Backend
from primitives.errors import SealedbookError

if TYPE_CHECKING:
    from primitives.native_rows import RowKernel, SparseMatrix


class NotSatisfiedError(SealedbookError):
    """Some accounts do not satisfy the statement; `violations` (for the operator only) says which and why."""

    def __init__(self, violations: tuple[Violation, ...]) -> None:
        self.violations = violations
        super().__init__(f"{len(violations)} accounts do not satisfy the statement")


def assign_bits(statement: Statement, batch: PositionBatch) -> UInt8Array:
    """The packed bit table (`circuits.bits`) of row values and witness for every account of `batch`.

    Raises `NotSatisfiedError` with one violation per failing account.
    """
    auxiliaries = statement.auxiliary_values(batch)
    rows = evaluate_rows(statement, batch, auxiliaries)
    violations = first_violations(statement, batch, rows, auxiliaries)
    if violations:
        raise NotSatisfiedError(tuple(violations))
    return pack(statement, rows, auxiliaries)


class RowAssigner:
    """`assign_bits` for many batches of one statement, with the native kernel where `backend` is native.

    A statement with rows that could leave the range of 128-bit integers takes the path over numpy.
    """

    def __init__(self, statement: Statement, backend: Backend) -> None:
        self._statement = statement
        is_native = backend.name == "native" and statement.fits_wide
        self._kernel = _native_kernel(statement) if is_native else None

    def assign(self, batch: PositionBatch) -> UInt8Array:
        """The packed bit table; raises as `assign_bits` does."""
        if self._kernel is None:
            return assign_bits(self._statement, batch)
        statement = self._statement
        batch.check_asset_count(len(statement.assets))
        auxiliaries = statement.auxiliary_values(batch)
        packed, checks = self._kernel.evaluate(
            batch.row_offsets, batch.columns, batch.amounts, (auxiliaries.high, auxiliaries.low)
        )
        failing = np.flatnonzero(checks >= 0).tolist()
        if failing:
            found = [violation_at(statement, batch, auxiliaries, u, int(checks[u])) for u in failing]
            raise NotSatisfiedError(tuple(found))
        return packed


def _native_kernel(statement: Statement) -> RowKernel:
    from primitives.native_rows import RowKernel

    constants = WideIntegers.from_ints([[row.constant for row in statement.rows]])
    return RowKernel(
        _by_columns([row.positions for row in statement.rows], len(statement.assets)),
        _by_columns([row.auxiliaries for row in statement.rows], len(statement.auxiliaries)),
        (constants.high[0], constants.low[0]),
        statement.widths,
    )


def _by_columns(rows: Sequence[Terms], columns: int) -> SparseMatrix:
    """The compressed column form of the matrix with these rows of (column, coefficient) pairs."""
    from primitives.native_rows import SparseMatrix

    entries = [(column, row, value) for row, terms in enumerate(rows) for column, value in terms]
    entries.sort(key=lambda entry: entry[:2])
    counts = np.bincount(np.array([column for column, _, _ in entries], np.int64), minlength=columns)
    values = WideIntegers.from_ints([[value for _, _, value in entries]])
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
    return SparseMatrix(
        starts, np.array([row for _, row, _ in entries], np.int32), values.high[0], values.low[0]
    )
