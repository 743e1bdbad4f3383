"""The native kernel that computes the auxiliary values of a statement for a batch.

It computes what `circuits.witness.StepwiseWitness` defines, in 128-bit integers, with threads and without the
interpreter lock; an account costs only the steps that its positions reach. Importing this module loads the
native kernels and raises `primitives.errors.BackendUnavailableError` where `primitives.native_backend` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

import primitives.native_backend  # noqa: F401 - loads the kernels and checks that they are the right ones
from native import _kernels
from primitives.backend import Int32Array, Int64Array
from primitives.native_rows import SparseMatrix

MAXIMUM: Final = 0
"""The greatest of the forms, and at least 0."""
MINIMUM: Final = 1
"""The least, and at least 0."""
INDICATOR: Final = 2
"""1 where the only form is at least 0, else 0."""
ORDER_STATISTIC: Final = 3
"""The rank-th largest, and at least 0."""


class KernelStep(NamedTuple):
    """One step: its operation, the rank for `ORDER_STATISTIC`, and the index after its last form."""

    operation: int
    rank: int
    forms_end: int


class WitnessKernel:
    """Values of affine forms ``b + A_q q + A_x x``, step by step, modulo 2^128.

    `positions` is A_q by columns (one row per form, one column per asset), `terms` A_x form by form: its ``starts``
    run over the forms and its ``rows`` name variables. `constants` holds the limbs (high, low) of b. The forms of a
    step follow those of the step before, and name only variables of earlier steps. Raises `ValueError` where
    these do not fit together.
    """

    def __init__(
        self,
        positions: SparseMatrix,
        terms: SparseMatrix,
        constants: tuple[Int64Array, NDArray[np.uint64]],
        steps: Sequence[KernelStep],
    ) -> None:
        self._kernel = _kernels.WitnessKernel(
            (positions.starts, positions.rows, (positions.high, positions.low)),
            (terms.starts, terms.rows, (terms.high, terms.low)),
            constants,
            [(step.operation, step.rank, step.forms_end) for step in steps],
        )

    def evaluate(
        self, row_offsets: Int64Array, columns: Int32Array, amounts: Int64Array
    ) -> tuple[Int64Array, NDArray[np.uint64]]:
        """The limbs (high, low) of the ``[n, steps]`` table; positions are in compressed sparse row form.

        Raises `ValueError` for malformed input.
        """
        return self._kernel.evaluate(row_offsets, columns, amounts)
