"""From positions to packed bits: what the prover commits to for a batch of accounts.

`assign_bits` is the definition, in numpy. `RowAssigner` computes the same with the kernels of a backend.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circuits.bits import UInt8Array, pack
from circuits.evaluate import Violation, evaluate_rows, first_violations, violation_at
from circuits.positions import PositionBatch
from circuits.statement import Statement, WitnessFunction
from circuits.wide_integers import WideIntegers
from circuits.witness import StepwiseWitness
from primitives.backend import Backend
from primitives.errors import SealedbookError

if TYPE_CHECKING:
    from primitives.native_rows import RowKernel


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
        self._witness = _native_witness(statement.witness) if is_native else None

    def assign(self, batch: PositionBatch) -> UInt8Array:
        """The packed bit table; raises as `assign_bits` does."""
        if self._kernel is None:
            return assign_bits(self._statement, batch)
        statement = self._statement
        batch.check_asset_count(len(statement.assets))
        auxiliaries = (self._witness or statement.auxiliary_values)(batch)
        packed, checks = self._kernel.evaluate(
            batch.row_offsets, batch.columns, batch.amounts, (auxiliaries.high, auxiliaries.low)
        )
        failing = np.flatnonzero(checks >= 0).tolist()
        if failing:
            found = [violation_at(statement, batch, auxiliaries, u, int(checks[u])) for u in failing]
            raise NotSatisfiedError(tuple(found))
        return packed


def _native_witness(witness: WitnessFunction | None) -> WitnessFunction | None:
    """`witness` on the native kernel, if it is one that the kernel can compute."""
    if not isinstance(witness, StepwiseWitness) or witness.has_weights:
        return None
    from circuits.native_witness import NativeWitness

    return NativeWitness(witness)


def _native_kernel(statement: Statement) -> RowKernel:
    from circuits.native_witness import by_columns
    from primitives.native_rows import RowKernel

    constants = WideIntegers.from_ints([[row.constant for row in statement.rows]])
    zero = WideIntegers.zeros(1, len(statement.auxiliaries))
    if isinstance(statement.witness, StepwiseWitness):
        zero = statement.auxiliary_values(PositionBatch.zeros(1))
    return RowKernel(
        by_columns([row.positions for row in statement.rows], len(statement.assets)),
        by_columns([row.auxiliaries for row in statement.rows], len(statement.auxiliaries)),
        (constants.high[0], constants.low[0]),
        statement.widths,
        (zero.high[0], zero.low[0]),
    )
