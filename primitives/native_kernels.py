"""The range argument's kernels of the native backend (see `primitives.kernels`).

Vectors are those of `primitives.native_backend`; a vector of another backend raises `TypeError`.
"""

from __future__ import annotations

from collections.abc import Sequence

from native import _kernels
from primitives.argument_parameters import ArgumentShape
from primitives.backend import PointVector, ScalarVector
from primitives.kernels import PackedBits, SparsePositions, check_packed_bits
from primitives.native_backend import NativeBackend
from primitives.parameters import GROUP_ORDER


class NativeRowCommitmentKey:
    """Implements `primitives.kernels.RowCommitmentKey` with tables of subset sums of the columns.

    The tables are chosen by the number of rows seen so far and take at most 96 MiB for up to 2^17 columns.
    """

    def __init__(self, columns: PointVector, blinding_generator: PointVector) -> None:
        self._column_count = len(columns)
        self._key = _kernels.RowCommitmentKey(columns, blinding_generator)

    def commit(self, bits: PackedBits, shape: ArgumentShape, blindings: ScalarVector) -> PointVector:
        """``D_i = sum_c row_i[c] B_c + delta_i H``."""
        check_packed_bits(bits, shape)
        if shape.columns != self._column_count:
            raise ValueError(f"rows of {shape.columns} bits, but the key has {self._column_count} columns")
        if len(blindings) != shape.row_count:
            raise ValueError(f"{len(blindings)} blindings for {shape.row_count} rows")
        return self._key.commit(bits, shape.bits, blindings)


class NativeKernels:
    """Implements `primitives.kernels.ArgumentKernels` for vectors of the native backend."""

    def __init__(self, backend: NativeBackend) -> None:
        self._backend = backend

    def row_commitment_key(
        self, columns: PointVector, blinding_generator: PointVector
    ) -> NativeRowCommitmentKey:
        """See `ArgumentKernels.row_commitment_key`; tables are built when they are first needed."""
        return NativeRowCommitmentKey(columns, blinding_generator)

    def account_sumcheck(
        self, bits: PackedBits, shape: ArgumentShape, tau: Sequence[int]
    ) -> _kernels.AccountSumcheck:
        """See `ArgumentKernels.account_sumcheck`."""
        check_packed_bits(bits, shape)
        if len(tau) != shape.variables:
            raise ValueError(f"{len(tau)} coordinates for {shape.variables} variables")
        return _kernels.AccountSumcheck(bits, shape.bits, self._backend.scalars_from_ints(tau))

    def bit_weights(self, values: Sequence[int], widths: Sequence[int]) -> ScalarVector:
        """See `ArgumentKernels.bit_weights`."""
        return _kernels.bit_weights(self._backend.scalars_from_ints(values), widths)

    def bit_sumcheck(
        self, table: ScalarVector, bit_weights: ScalarVector, tau: Sequence[int]
    ) -> _kernels.BitSumcheck:
        """See `ArgumentKernels.bit_sumcheck`."""
        return _kernels.BitSumcheck(table, bit_weights, self._backend.scalars_from_ints(tau))

    def sum_positions(self, positions: SparsePositions, weights: ScalarVector, assets: int) -> ScalarVector:
        """``sum_u weights_u q_u``; `ValueError` for positions of other accounts or assets."""
        if len(positions.row_offsets) != len(weights) + 1:
            raise ValueError(
                f"positions of {len(positions.row_offsets) - 1} accounts, expected {len(weights)}"
            )
        return _kernels.sum_positions(
            positions.row_offsets, positions.columns, positions.amounts, weights, assets
        )

    def evaluate_positions(
        self, positions: SparsePositions, coefficients: ScalarVector, constant: int
    ) -> ScalarVector:
        """``<coefficients, q_u> + constant``; `ValueError` for positions in other assets."""
        return _kernels.evaluate_positions(
            positions.row_offsets,
            positions.columns,
            positions.amounts,
            coefficients,
            constant % GROUP_ORDER,
        )

    def multi_scalar_multiply(self, points: PointVector, scalars: ScalarVector) -> PointVector:
        """``sum_i s_i P_i``; `ValueError` on unequal lengths."""
        return _kernels.prover_multi_scalar_multiply(points, scalars)
