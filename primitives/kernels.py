"""The heavy operations of the range argument's prover, as one small interface.

Everything that touches a whole bit table or all positions of a batch is here; what is left to the protocol
code works on vectors of at most max(R, P, 2^l) scalars. A call is large (a table in, a few scalars out), and
state stays on the backend's side. `primitives.reference_kernels` implements it over any backend's vectors.

Symbols as in `primitives.argument_parameters`. The bit table of a batch travels **packed**: an array of
uint8 with U rows and ``ceil(W / 8)`` columns, C-contiguous; bit k of account u is
``(bits[u, k >> 3] >> (k & 7)) & 1``, and bits beyond W in the last byte are zero. The table's index
is ``u P + k``; it has 2^n entries, zero where ``u >= U`` or ``k >= W``, for which no work is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from primitives.argument_parameters import ArgumentShape
from primitives.backend import Int32Array, Int64Array, PointVector, ScalarVector

PackedBits = NDArray[np.uint8]
"""``[U, ceil(W / 8)]``, least significant bit first; see the module's text."""


def packed_width(bits: int) -> int:
    """Bytes per account of a packed bit table."""
    return -(-bits // 8)


def check_packed_bits(bits: PackedBits, shape: ArgumentShape) -> None:
    """`ValueError` unless `bits` is a packed bit table of `shape`."""
    expected = (shape.accounts, packed_width(shape.bits))
    if bits.dtype != np.uint8 or bits.shape != expected or not bits.flags.c_contiguous:
        raise ValueError(f"packed bits are not a contiguous uint8 array of shape {expected}")
    used = shape.bits % 8
    if used and np.any(bits[:, -1] >> used):
        raise ValueError("packed bits are set beyond the bits of the statement")


class SparsePositions(Protocol):
    """Positions of U accounts in compressed sparse row form (see `primitives.backend.CommitmentKey.commit`).

    Account u has the entries ``row_offsets[u] <= k < row_offsets[u+1]``: `amounts[k]` of the asset in column
    ``columns[k]``. Implemented by `circuits.positions.PositionBatch`.
    """

    row_offsets: Int64Array
    columns: Int32Array
    amounts: Int64Array


class RowCommitmentKey(Protocol):
    """Tables for ``D_i = sum_c row_i[c] B_c + delta_i H`` with bits row_i[c]; made once for many batches."""

    def commit(self, bits: PackedBits, shape: ArgumentShape, blindings: ScalarVector) -> PointVector:
        """D_i for every sent row, in the order of ``shape.row_indices()``.

        `blindings` are the delta_i, ``shape.row_count`` of them. `ValueError` on other lengths, a malformed
        `bits`, or a shape whose number of columns is not the key's.
        """
        ...


class AccountSumcheck(Protocol):
    """The bit table b while the account variables X_1 .. X_l are bound, first variable first.

    After binding j variables the table has 2^(n-j) entries
    ``b_j(i) = sum over x in {0,1}^j of eq((r_1 .. r_j), x) b(x, i)``.
    """

    def round_coefficients(self) -> tuple[int, int]:
        """``(t_1, t_2)``: coefficients of X and X^2 of the next round polynomial, without the rows' term.

        With j variables bound, ``b_0 = b_j(0, .)``, ``d = b_j(1, .) - b_j(0, .)`` and
        ``e = eq((tau_{j+2} .. tau_n), .)``, sums over all 2^(n-j-1) entries:

            sum e (b_0 + d X)(1 - b_0 - d X) = const + t_1 X + t_2 X^2,
            t_1 = sum e d (1 - 2 b_0),  t_2 = - sum e d^2.

        The rows' term costs one number per account and is the caller's. `ValueError` once all l are bound.
        """
        ...

    def bind(self, challenge: int) -> None:
        """Set the next variable to `challenge`; `ValueError` once all l are bound."""
        ...

    def table(self) -> ScalarVector:
        """All 2^(n-j) entries of b_j: large for small j, which callers need where rows span accounts."""
        ...


class BitSumcheck(Protocol):
    """The tables of b and lambda' while the bit variables X_{l+1} .. X_n are bound, first variable first."""

    def round_coefficients(self) -> tuple[int, int]:
        """``(a_1, a_2)``: coefficients of X and X^2 of the next round polynomial.

        With the table ``b_0 + d X`` and lambda' ``l_0 + g X`` in the variable of the round, and with
        ``e = eq((tau_{j+2} .. tau_n), .)`` when j variables are bound, sums over all entries:

            sum e [ b (1 - b) + lambda' b ] = const + a_1 X + a_2 X^2,
            a_1 = sum e (d - 2 b_0 d + l_0 d + g b_0),  a_2 = sum e (g d - d^2).

        `ValueError` once all variables are bound.
        """
        ...

    def bind(self, challenge: int) -> None:
        """Set the next variable to `challenge`; `ValueError` once all are bound."""
        ...

    def table(self) -> ScalarVector:
        """The entries of b that are left."""
        ...

    def weights(self) -> ScalarVector:
        """The entries of lambda' that are left."""
        ...


class ArgumentKernels(Protocol):
    """What the prover of the range argument asks of a backend."""

    def row_commitment_key(self, columns: PointVector, blinding_generator: PointVector) -> RowCommitmentKey:
        """Tables for the R columns B_c and H."""
        ...

    def account_sumcheck(self, bits: PackedBits, shape: ArgumentShape, tau: Sequence[int]) -> AccountSumcheck:
        """Begin the sumcheck of the bit table with the point `tau` (n scalars)."""
        ...

    def bit_weights(self, values: Sequence[int], widths: Sequence[int]) -> ScalarVector:
        """``values[i] 2^j`` for ``j < widths[i]``, value after value: what each bit of numbers counts."""
        ...

    def bit_sumcheck(self, table: ScalarVector, bit_weights: ScalarVector, tau: Sequence[int]) -> BitSumcheck:
        """Continue with the P entries of b, lambda_k (P at most, zero beyond) and the p coordinates tau_bits.

        ``lambda'_k = lambda_k / eq(tau_bits, k)``. `ValueError` on other lengths, and if a coordinate is 0 or 1.
        """
        ...

    def sum_positions(self, positions: SparsePositions, weights: ScalarVector, assets: int) -> ScalarVector:
        """``sum_u weights_u q_u``: `assets` scalars from U weights."""
        ...

    def evaluate_positions(
        self, positions: SparsePositions, coefficients: ScalarVector, constant: int
    ) -> ScalarVector:
        """``<coefficients, q_u> + constant`` for each account: U scalars from A coefficients."""
        ...

    def multi_scalar_multiply(self, points: PointVector, scalars: ScalarVector) -> PointVector:
        """The same as `primitives.backend.Backend.multi_scalar_multiply`, for provers alone.

        Zeros among the scalars cost little. An implementation may use arithmetic that verifiers do not rely
        on: an error in it makes proofs that are refused.
        """
        ...
