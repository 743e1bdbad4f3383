"""What the prover of a range argument knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from primitives.argument_parameters import ArgumentShape
from primitives.backend import Backend, ScalarVector
from primitives.kernels import ArgumentKernels, PackedBits, SparsePositions, check_packed_bits


class Witness(Protocol):
    """What a proof is made from, whatever the form of the positions q_u."""

    @property
    def bits(self) -> PackedBits:
        """The packed bits of all row values and auxiliary variables (`primitives.kernels`)."""
        ...

    @property
    def leaf_blindings(self) -> ScalarVector:
        """rho_u."""
        ...

    def check(self, shape: ArgumentShape) -> None:
        """`ValueError` unless all sizes are those of `shape`."""
        ...

    def evaluate(self, kernels: ArgumentKernels, coefficients: ScalarVector, constant: int) -> ScalarVector:
        """``<coefficients, q_u> + constant`` for each account."""
        ...

    def combine(self, kernels: ArgumentKernels, weights: ScalarVector, assets: int) -> ScalarVector:
        """``sum_u weights_u q_u``."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class ArgumentWitness:
    """The secrets of one batch of U accounts. Kept out of the repr.

    `positions` are what the leaf commitments hold, `leaf_blindings` their rho_u, and `bits` the packed bits
    of all row values and auxiliary variables (`primitives.kernels`). Nothing is checked against the
    statement: a proof from a witness that does not satisfy it is refused by every verifier.
    """

    positions: SparsePositions
    bits: PackedBits
    leaf_blindings: ScalarVector

    def check(self, shape: ArgumentShape) -> None:
        """`ValueError` unless all sizes are those of `shape`."""
        check_packed_bits(self.bits, shape)
        if len(self.leaf_blindings) != shape.accounts:
            raise ValueError(f"{len(self.leaf_blindings)} leaf blindings for {shape.accounts} accounts")
        if len(self.positions.row_offsets) != shape.accounts + 1:
            raise ValueError(
                f"positions of {len(self.positions.row_offsets) - 1} accounts, expected {shape.accounts}"
            )
        columns = self.positions.columns
        if len(columns) and not 0 <= int(columns.min()) <= int(columns.max()) < shape.assets:
            raise ValueError(f"a position is not of one of the {shape.assets} assets")

    def evaluate(self, kernels: ArgumentKernels, coefficients: ScalarVector, constant: int) -> ScalarVector:
        """``<coefficients, q_u> + constant`` for each account."""
        return kernels.evaluate_positions(self.positions, coefficients, constant)

    def combine(self, kernels: ArgumentKernels, weights: ScalarVector, assets: int) -> ScalarVector:
        """``sum_u weights_u q_u``."""
        return kernels.sum_positions(self.positions, weights, assets)


@dataclass(frozen=True, slots=True, repr=False)
class TotalsWitness:
    """The secrets of one account (U = 1) whose positions are any scalars: totals go beyond 64 bits.

    `positions` has one scalar for each asset, `leaf_blindings` one scalar. Kept out of the repr.
    """

    backend: Backend
    positions: ScalarVector
    bits: PackedBits
    leaf_blindings: ScalarVector

    def check(self, shape: ArgumentShape) -> None:
        """`ValueError` unless all sizes are those of `shape`."""
        check_packed_bits(self.bits, shape)
        if shape.accounts != 1 or len(self.leaf_blindings) != 1:
            raise ValueError("totals are one account with one blinding")
        if len(self.positions) != shape.assets:
            raise ValueError(f"{len(self.positions)} totals for {shape.assets} assets")

    def evaluate(self, kernels: ArgumentKernels, coefficients: ScalarVector, constant: int) -> ScalarVector:
        """``<coefficients, q> + constant``, a vector of length one."""
        return self.backend.scalars_from_ints([self.positions.inner(coefficients) + constant])

    def combine(self, kernels: ArgumentKernels, weights: ScalarVector, assets: int) -> ScalarVector:
        """``weight q``."""
        return self.positions.scale(weights.sum())
