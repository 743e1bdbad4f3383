"""From positions to packed bits: what the prover commits to for a batch of accounts."""

from __future__ import annotations

from circuits.bits import UInt8Array, pack
from circuits.evaluate import Violation, evaluate_rows, first_violations
from circuits.positions import PositionBatch
from circuits.statement import Statement
from primitives.errors import SealedbookError


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
