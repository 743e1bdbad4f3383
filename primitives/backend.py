"""The vector interface: everything the protocol needs from a curve library, and nothing more.

Provers, verifiers and circuits are written once over this interface. Two backends implement it:

* ``native``: Rust over blst, batch kernels, threads, the GIL released (`primitives.native_backend`);
* ``reference``: pure Python over py_ecc, slow and readable (`primitives.reference_backend`).

Both give the same bytes for the same input, and refuse the same inputs with the same error.

Symbols used throughout: ``F`` is the scalar field of BLS12-381 with order ``r``; ``G1`` is the
subgroup of order ``r`` of the curve ``E: y^2 = x^3 + 4`` over the base field of order ``p``. A single
scalar is a Python ``int`` in ``[0, r)``; a single point is a `PointVector` of length one.
Vectors are immutable: every operation returns a new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Int64Array = NDArray[np.int64]
Int32Array = NDArray[np.int32]


@runtime_checkable
class ScalarVector(Protocol):
    """A vector of n elements of F."""

    def __len__(self) -> int: ...

    def slice(self, start: int, stop: int) -> ScalarVector:
        """Elements ``start <= i < stop``; `ValueError` unless ``0 <= start <= stop <= n``."""
        ...

    def concat(self, other: ScalarVector) -> ScalarVector:
        """This vector followed by `other`."""
        ...

    def to_ints(self) -> list[int]:
        """The elements as integers in ``[0, r)``."""
        ...

    def to_bytes(self) -> bytes:
        """``32 n`` bytes: each element as 32 bytes, big-endian, canonical."""
        ...

    def add(self, other: ScalarVector) -> ScalarVector:
        """Element-wise sum; `ValueError` on unequal lengths (likewise `sub`, `multiply`, `inner`)."""
        ...

    def sub(self, other: ScalarVector) -> ScalarVector:
        """Element-wise difference."""
        ...

    def multiply(self, other: ScalarVector) -> ScalarVector:
        """Element-wise product."""
        ...

    def scale(self, factor: int) -> ScalarVector:
        """Every element times `factor` (an integer in ``[0, r)``)."""
        ...

    def inner(self, other: ScalarVector) -> int:
        """The inner product ``sum_i a_i b_i`` in F."""
        ...

    def sum(self) -> int:
        """The sum of all elements."""
        ...

    def fold(self, challenge: int) -> ScalarVector:
        """``left + challenge * right`` over the two halves; `ValueError` on an odd length."""
        ...


@runtime_checkable
class PointVector(Protocol):
    """A vector of n points of E. Not necessarily in G1: see `Backend.points_from_compressed`."""

    def __len__(self) -> int: ...

    def slice(self, start: int, stop: int) -> PointVector:
        """Elements ``start <= i < stop``; `ValueError` unless ``0 <= start <= stop <= n``."""
        ...

    def concat(self, other: PointVector) -> PointVector:
        """This vector followed by `other`."""
        ...

    def to_compressed(self) -> bytes:
        """``48 n`` bytes: the compressed encoding of each point (ZCash / CFRG BLS12-381 form)."""
        ...

    def to_uncompressed(self) -> bytes:
        """``96 n`` bytes: the uncompressed encoding of each point (same form, 96 bytes)."""
        ...

    def add(self, other: PointVector) -> PointVector:
        """Element-wise sum, complete (equal, opposite and identity inputs included)."""
        ...

    def negate(self) -> PointVector:
        """Element-wise negation."""
        ...

    def scale(self, factors: ScalarVector) -> PointVector:
        """Element-wise product ``factors_i * P_i``; `ValueError` on unequal lengths."""
        ...

    def sum(self) -> PointVector:
        """The sum of all points, as a vector of length one (the identity if empty)."""
        ...

    def fold(self, challenge: int) -> PointVector:
        """``challenge * left + right`` over the two halves; `ValueError` on an odd length."""
        ...

    def multiply_by_cofactor(self) -> PointVector:
        """Every point times ``h_eff = 0xd201000000010001``, by plain double-and-add.

        The result lies in G1 whatever the input was (RFC 9380, section 8.8.1).
        """
        ...

    def identity_mask(self) -> NDArray[np.bool_]:
        """``mask[i]`` is true where the point is the identity."""
        ...

    def subgroup_mask(self) -> NDArray[np.bool_]:
        """``mask[i]`` is true where the point lies in G1 (the identity does)."""
        ...


@runtime_checkable
class CommitmentKey(Protocol):
    """Fixed-base tables for Pedersen vector commitments ``C_u = sum_a q[u,a] G_a + rho_u H``."""

    def commit(
        self,
        row_offsets: Int64Array,
        columns: Int32Array,
        amounts: Int64Array,
        blindings: ScalarVector,
    ) -> PointVector:
        """Commit to a batch of sparse rows (compressed sparse row form).

        Row ``u`` holds the entries ``row_offsets[u] <= k < row_offsets[u+1]``: amount ``amounts[k]``
        (any int64) of the asset ``columns[k]``. Entries of one row may repeat a column (they add up).

        Raises `ValueError` unless ``row_offsets`` has ``len(blindings) + 1`` non-decreasing entries from
        0 to ``len(columns) == len(amounts)`` and every column is in ``[0, number of assets)``.
        """
        ...


class Backend(Protocol):
    """The operations that do not belong to a vector."""

    @property
    def name(self) -> str:
        """``"native"`` or ``"reference"``."""
        ...

    def scalars_from_ints(self, values: Sequence[int]) -> ScalarVector:
        """Integers of any size and sign, reduced modulo r."""
        ...

    def scalars_from_int64(self, values: Int64Array) -> ScalarVector:
        """Signed machine integers, reduced modulo r."""
        ...

    def scalars_from_bytes(self, data: bytes) -> ScalarVector:
        """Strict inverse of `ScalarVector.to_bytes`.

        Raises `primitives.errors.DecodingError` naming the element unless the length is a multiple
        of 32 and every element is ``< r``.
        """
        ...

    def scalars_from_wide_bytes(self, data: bytes) -> ScalarVector:
        """``64 n`` uniform bytes to n scalars: each 64-byte big-endian integer modulo r (bias < 2^-250)."""
        ...

    def hash_to_curve(self, messages: Sequence[bytes], domain: bytes) -> PointVector:
        """RFC 9380 ``hash_to_curve``, suite ``BLS12381G1_XMD:SHA-256_SSWU_RO_``, with DST `domain`."""
        ...

    def points_from_compressed(self, data: bytes) -> PointVector:
        """Strict inverse of `PointVector.to_compressed`: canonical encodings of points of E.

        Raises `primitives.errors.DecodingError` naming the element and the reason: length not a
        multiple of 48, compression flag clear, ``x >= p``, not on the curve, identity with stray bits.
        The identity is decoded; callers that forbid it use `PointVector.identity_mask`. Membership of
        G1 is **not** checked (`PointVector.subgroup_mask` does).
        """
        ...

    def points_from_uncompressed(self, data: bytes) -> PointVector:
        """Strict inverse of `PointVector.to_uncompressed`; same errors, and the curve equation is checked."""
        ...

    def identity(self, count: int) -> PointVector:
        """`count` copies of the identity."""
        ...

    def multi_scalar_multiply(self, points: PointVector, scalars: ScalarVector) -> PointVector:
        """``sum_i s_i P_i`` as a vector of length one; `ValueError` on unequal lengths.

        Correct for every point of E, also outside G1 (scalars are used as integers in ``[0, r)``).
        Variable time.
        """
        ...

    def commitment_key(
        self, generators: PointVector, blinding_generator: PointVector, expected_rows: int
    ) -> CommitmentKey:
        """Tables for `generators` (one per asset) and H; `expected_rows` picks the window size only."""
        ...

    def sum_tree_leaf_hashes(self, tags: bytes, commitments: bytes) -> bytes:
        """``32 n`` bytes: ``SHA-256(0x00 || tag_i || C_i)`` from ``32 n`` and ``48 n`` bytes."""
        ...

    def sum_tree_level(self, hashes: bytes, sums: PointVector) -> tuple[bytes, PointVector]:
        """The next level up: node i from children 2i and 2i+1.

        ``S = S_left + S_right`` and ``hash = SHA-256(0x01 || h_left || S_left || h_right || S_right)``
        with the sums compressed (48 bytes). `ValueError` unless the count is even and lengths agree.
        """
        ...
