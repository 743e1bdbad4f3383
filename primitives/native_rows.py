"""The native kernel that evaluates the rows of a statement for a batch and packs their bits.

It computes what `circuits.assignment.assign_bits` defines, in 128-bit integers, with threads and without
the interpreter lock; an account costs what its positions reach. Importing this module loads the native
kernels and raises `primitives.errors.BackendUnavailableError` where `primitives.native_backend` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

import primitives.native_backend  # noqa: F401 - loads the kernels and checks that they are the right ones
from native import _kernels
from primitives.backend import Int32Array, Int64Array

SATISFIED: Final = -1
"""The check of an account that satisfies all of them."""


@dataclass(frozen=True, slots=True)
class SparseMatrix:
    """A matrix of 128-bit integers in compressed column form.

    Column c has the entries ``starts[c] <= k < starts[c+1]``: the value ``high[k] 2^64 + low[k]`` in row
    ``rows[k]``.
    """

    starts: Int64Array
    rows: Int32Array
    high: Int64Array
    low: NDArray[np.uint64]


class RowKernel:
    """``b + A_q q + A_x x`` for the m rows of a statement, modulo 2^128, and the bits of the values.

    `positions` is A_q (m rows, one column per asset), `auxiliaries` A_x (one column per variable), `constants`
    the limbs (high, low) of b, and `widths` those of the rows, then of the variables, each at most 120.
    `zero_auxiliaries` are the limbs of the zero account's variables: accounts with few other values than the
    zero account's cost little.
    Raises `ValueError` where these do not fit together.
    """

    def __init__(
        self,
        positions: SparseMatrix,
        auxiliaries: SparseMatrix,
        constants: tuple[Int64Array, NDArray[np.uint64]],
        widths: Sequence[int],
        zero_auxiliaries: tuple[Int64Array, NDArray[np.uint64]],
    ) -> None:
        self._kernel = _kernels.RowKernel(
            _parts(positions), _parts(auxiliaries), constants, widths, zero_auxiliaries
        )

    def evaluate(
        self,
        row_offsets: Int64Array,
        columns: Int32Array,
        amounts: Int64Array,
        auxiliaries: tuple[Int64Array, NDArray[np.uint64]],
    ) -> tuple[NDArray[np.uint8], Int32Array]:
        """The packed table ``[n, ceil(W / 8)]``, and each account's first failing check or `SATISFIED`.

        Positions are in compressed sparse row form, `auxiliaries` the limbs (high, low) of an ``[n, variables]``
        table. Checks count the auxiliary variables first, then the rows. A failing account has no bits set.
        Raises `ValueError` for malformed input.
        """
        return self._kernel.evaluate(row_offsets, columns, amounts, *auxiliaries)


def _parts(
    matrix: SparseMatrix,
) -> tuple[Int64Array, Int32Array, tuple[Int64Array, NDArray[np.uint64]]]:
    return matrix.starts, matrix.rows, (matrix.high, matrix.low)
