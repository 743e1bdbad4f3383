"""The range argument's kernels, written plainly over any backend's vectors.

The bit table is expanded to one scalar per entry, padding included: for auditors and small tables.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from primitives.argument_parameters import ArgumentShape
from primitives.backend import Backend, Int64Array, PointVector, ScalarVector
from primitives.kernels import PackedBits, SparsePositions, check_packed_bits
from primitives.multilinear import bind_first, equality_table, halves, inverse_equality_table, padded
from primitives.parameters import GROUP_ORDER


def unpack_bits(bits: PackedBits, shape: ArgumentShape) -> Int64Array:
    """The whole table ``[2^l, P]`` of zeros and ones, padding included."""
    table = np.zeros((1 << shape.account_variables, shape.padded_bits), np.int64)
    if shape.bits:
        table[: shape.accounts, : shape.bits] = np.unpackbits(
            bits, axis=1, count=shape.bits, bitorder="little"
        )
    return table


class ReferenceRowCommitmentKey:
    """Implements `primitives.kernels.RowCommitmentKey`: one multi-scalar multiplication per row."""

    def __init__(self, backend: Backend, columns: PointVector, blinding_generator: PointVector) -> None:
        self._backend = backend
        self._columns = columns
        self._blinding_generator = blinding_generator

    def commit(self, bits: PackedBits, shape: ArgumentShape, blindings: ScalarVector) -> PointVector:
        """``D_i = sum_c row_i[c] B_c + delta_i H``."""
        check_packed_bits(bits, shape)
        if shape.columns != len(self._columns):
            raise ValueError(f"rows of {shape.columns} bits, but the key has {len(self._columns)} columns")
        if len(blindings) != shape.row_count:
            raise ValueError(f"{len(blindings)} blindings for {shape.row_count} rows")
        rows = unpack_bits(bits, shape).reshape(-1, shape.columns)
        commitments = self._backend.identity(0)
        for position, index in enumerate(shape.row_indices()):
            row = self._backend.scalars_from_int64(rows[index])
            blinding = self._blinding_generator.scale(blindings.slice(position, position + 1))
            commitment = self._backend.multi_scalar_multiply(self._columns, row).add(blinding)
            commitments = commitments.concat(commitment)
        return commitments


class ReferenceAccountSumcheck:
    """Implements `primitives.kernels.AccountSumcheck` on a table of scalars."""

    def __init__(
        self, backend: Backend, table: ScalarVector, shape: ArgumentShape, tau: Sequence[int]
    ) -> None:
        self._backend = backend
        self._table = table
        self._unbound_accounts = shape.account_variables
        self._later_tau = list(tau)

    def round_coefficients(self) -> tuple[int, int]:
        """``t_1 = sum e d (1 - 2 b_0)``, ``t_2 = - sum e d^2``."""
        self._require_unbound()
        at_zero, at_one = halves(self._table)
        slope = at_one.sub(at_zero)
        weighted = equality_table(self._backend, self._later_tau[1:]).multiply(slope)
        linear = weighted.sum() - 2 * weighted.inner(at_zero)
        return linear % GROUP_ORDER, -weighted.inner(slope) % GROUP_ORDER

    def bind(self, challenge: int) -> None:
        """Set the next account variable."""
        self._require_unbound()
        self._table = bind_first(self._table, challenge)
        self._later_tau.pop(0)
        self._unbound_accounts -= 1

    def table(self) -> ScalarVector:
        """The table as it stands."""
        return self._table

    def _require_unbound(self) -> None:
        if self._unbound_accounts == 0:
            raise ValueError("all account variables are bound")


class ReferenceBitSumcheck:
    """Implements `primitives.kernels.BitSumcheck` over vectors."""

    def __init__(
        self, backend: Backend, table: ScalarVector, weights: ScalarVector, tau: Sequence[int]
    ) -> None:
        self._backend = backend
        self._table = table
        self._weights = weights
        self._later_tau = list(tau)

    def round_coefficients(self) -> tuple[int, int]:
        """``a_1 = sum e (d - 2 b_0 d + l_0 d + g b_0)``, ``a_2 = sum e (g d - d^2)``."""
        self._require_unbound()
        equality = equality_table(self._backend, self._later_tau[1:])
        b_0, b_1 = halves(self._table)
        l_0, l_1 = halves(self._weights)
        slope, weight_slope = b_1.sub(b_0), l_1.sub(l_0)
        weighted = equality.multiply(slope)
        linear = (
            weighted.sum()
            - 2 * weighted.inner(b_0)
            + weighted.inner(l_0)
            + equality.multiply(b_0).inner(weight_slope)
        )
        quadratic = weighted.inner(weight_slope) - weighted.inner(slope)
        return linear % GROUP_ORDER, quadratic % GROUP_ORDER

    def bind(self, challenge: int) -> None:
        """Set the next variable."""
        self._require_unbound()
        self._table = bind_first(self._table, challenge)
        self._weights = bind_first(self._weights, challenge)
        self._later_tau.pop(0)

    def table(self) -> ScalarVector:
        """b as it stands."""
        return self._table

    def weights(self) -> ScalarVector:
        """lambda' as it stands."""
        return self._weights

    def _require_unbound(self) -> None:
        if not self._later_tau:
            raise ValueError("all bit variables are bound")


class ReferenceKernels:
    """Implements `primitives.kernels.ArgumentKernels` over any backend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def row_commitment_key(
        self, columns: PointVector, blinding_generator: PointVector
    ) -> ReferenceRowCommitmentKey:
        """No tables: the points themselves."""
        return ReferenceRowCommitmentKey(self._backend, columns, blinding_generator)

    def account_sumcheck(
        self, bits: PackedBits, shape: ArgumentShape, tau: Sequence[int]
    ) -> ReferenceAccountSumcheck:
        """Expand the table and begin."""
        check_packed_bits(bits, shape)
        if len(tau) != shape.variables:
            raise ValueError(f"{len(tau)} coordinates for {shape.variables} variables")
        table = self._backend.scalars_from_int64(unpack_bits(bits, shape).reshape(-1))
        return ReferenceAccountSumcheck(self._backend, table, shape, tau)

    def bit_weights(self, values: Sequence[int], widths: Sequence[int]) -> ScalarVector:
        """``values[i] 2^j``, number by number."""
        pairs = zip(values, widths, strict=True)
        return self._backend.scalars_from_ints([value << j for value, width in pairs for j in range(width)])

    def bit_sumcheck(
        self, table: ScalarVector, bit_weights: ScalarVector, tau: Sequence[int]
    ) -> ReferenceBitSumcheck:
        """Pad the weights and divide them by eq."""
        if not tau or len(table) != 1 << len(tau) or len(bit_weights) > len(table):
            raise ValueError("table and weights do not fit the number of bit variables")
        if any(coordinate in (0, 1) for coordinate in tau):
            raise ValueError("a coordinate of tau is 0 or 1")
        inverses = inverse_equality_table(self._backend, tau)
        weights = padded(self._backend, bit_weights, len(table)).multiply(inverses)
        return ReferenceBitSumcheck(self._backend, table, weights, tau)

    def sum_positions(self, positions: SparsePositions, weights: ScalarVector, assets: int) -> ScalarVector:
        """``sum_u weights_u q_u``."""
        _check_accounts(positions, len(weights))
        sums = [0] * assets
        for account, weight in enumerate(weights.to_ints()):
            for column, amount in _entries(positions, account):
                sums[column] += weight * amount
        return self._backend.scalars_from_ints(sums)

    def evaluate_positions(
        self, positions: SparsePositions, coefficients: ScalarVector, constant: int
    ) -> ScalarVector:
        """``<coefficients, q_u> + constant``."""
        weights = coefficients.to_ints()
        values = [
            constant + sum(weights[column] * amount for column, amount in _entries(positions, account))
            for account in range(len(positions.row_offsets) - 1)
        ]
        return self._backend.scalars_from_ints(values)

    def multi_scalar_multiply(self, points: PointVector, scalars: ScalarVector) -> PointVector:
        """``sum_i s_i P_i``."""
        return self._backend.multi_scalar_multiply(points, scalars)


def _check_accounts(positions: SparsePositions, accounts: int) -> None:
    if len(positions.row_offsets) != accounts + 1:
        raise ValueError(f"positions of {len(positions.row_offsets) - 1} accounts, expected {accounts}")


def _entries(positions: SparsePositions, account: int) -> list[tuple[int, int]]:
    start, stop = int(positions.row_offsets[account]), int(positions.row_offsets[account + 1])
    columns, amounts = positions.columns[start:stop].tolist(), positions.amounts[start:stop].tolist()
    return list(zip(columns, amounts, strict=True))
