"""What the prover of a range argument knows."""

from __future__ import annotations

from dataclasses import dataclass

from primitives.argument_parameters import ArgumentShape
from primitives.backend import ScalarVector
from primitives.kernels import PackedBits, SparsePositions, check_packed_bits


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
