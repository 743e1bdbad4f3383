"""The instance of a range argument: everything public that a proof is about.

It is absorbed into the transcript before the first message (docs/protocol-proofs.md, "Instance"), in full:
a proof of one instance is no proof of any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from primitives.argument_parameters import ArgumentShape, SizedStatement
from primitives.errors import SealedbookError
from primitives.parameters import HASH_BYTES, POINT_BYTES

PROTOCOL_ID: Final = b"sealedbook/v1/range-argument/BLS12381G1/SHAKE128"
MAX_BATCH_INDEX: Final = (1 << 64) - 1

_INTEGER_BYTES: Final = 8


class ArgumentInstanceError(SealedbookError):
    """Parts of an instance do not fit together."""


class LinearForm(Protocol):
    """The weighted sum of all equation rows; see `circuits.statement.LinearWeights`."""

    @property
    def values(self) -> Sequence[int]:
        """The weights of the numbers that are proven bit by bit: bit j of number i has the weight values[i] 2^j."""
        ...

    @property
    def widths(self) -> Sequence[int]:
        """Their bits."""
        ...

    @property
    def bits(self) -> list[int]:
        """lambda_k, one per bit."""
        ...

    @property
    def positions(self) -> Sequence[int]:
        """c_a, one per asset."""
        ...

    @property
    def constant(self) -> int:
        """kappa."""
        ...


class StatementForm(SizedStatement, Protocol):
    """What the argument needs of a statement; implemented by `circuits.statement.Statement`."""

    def canonical_bytes(self) -> bytes:
        """The canonical form: equal for two statements only if they mean the same."""
        ...

    def linear_weights(self, alpha: int) -> LinearForm:
        """lambda, c and kappa with the weights alpha^1 .. alpha^m."""
        ...


@dataclass(frozen=True, slots=True)
class ArgumentInstance:
    """One batch of accounts under one statement.

    `session` says what the proof is for and `context_digest` (32 bytes) stands for everything it belongs to
    (the attestation without its proofs); `batch_index` tells the batches of one context apart.
    `leaf_commitments` holds C_u compressed, 48 bytes each. Raises `ArgumentInstanceError`.
    """

    statement: StatementForm
    shape: ArgumentShape
    session: bytes
    context_digest: bytes
    batch_index: int
    leaf_commitments: bytes

    def __post_init__(self) -> None:
        if self.shape.bits != self.statement.bit_count or self.shape.assets != len(self.statement.assets):
            raise ArgumentInstanceError("the shape is that of another statement")
        if len(self.leaf_commitments) != self.shape.accounts * POINT_BYTES:
            raise ArgumentInstanceError(
                f"{len(self.leaf_commitments)} bytes of leaf commitments, "
                f"expected {self.shape.accounts} times {POINT_BYTES}"
            )
        if len(self.context_digest) != HASH_BYTES:
            raise ArgumentInstanceError(f"the context digest is not {HASH_BYTES} bytes")
        if not self.session:
            raise ArgumentInstanceError("the session is empty")
        if not 0 <= self.batch_index <= MAX_BATCH_INDEX:
            raise ArgumentInstanceError("the batch index is not an unsigned 64-bit integer")

    def fields(self) -> tuple[bytes, ...]:
        """What is absorbed, in order: context digest, sizes (batch index, U, rho, f), statement, leaves."""
        sizes = (
            self.batch_index,
            self.shape.accounts,
            self.shape.row_variables,
            self.shape.folding_rounds,
        )
        return (
            self.context_digest,
            b"".join(size.to_bytes(_INTEGER_BYTES, "big") for size in sizes),
            self.statement.canonical_bytes(),
            self.leaf_commitments,
        )
