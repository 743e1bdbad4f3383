"""The reference backend: pure Python over py_ecc, for auditors who will not run native code.

Slow and readable. Scalars are Python integers (`primitives.reference_scalars`), points are py_ecc's
projective triples (`primitives.reference_points`). Not constant-time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from py_ecc.bls.hash_to_curve import hash_to_G1
from py_ecc.optimized_bls12_381.optimized_curve import add, neg

from primitives import reference_points as curve
from primitives.backend import Int32Array, Int64Array, PointVector, ScalarVector
from primitives.reference_points import COMPRESSED_BYTES, IDENTITY, Point
from primitives.reference_scalars import (
    ORDER,
    ReferenceScalarVector,
    check_equal_lengths,
    check_scalar,
    check_slice,
    decode_scalars,
    half_length,
    reduce_wide_scalars,
    values_of,
)

HASH_BYTES: Final = 32
AMOUNT_BITS: Final = 64
"""Bits of the magnitude of an int64 (``|-2^63| = 2^63`` needs all of them)."""
WINDOW_BITS: Final = 4
MAX_DOMAIN_BYTES: Final = 255
"""RFC 9380, section 5.3.1: longer tags would have to be hashed first, and nobody here needs one."""


class ReferencePointVector:
    """A vector of points of E (implements `primitives.backend.PointVector`)."""

    __slots__ = ("_points",)

    def __init__(self, elements: tuple[Point, ...]) -> None:
        self._points = elements

    def __len__(self) -> int:
        return len(self._points)

    def slice(self, start: int, stop: int) -> ReferencePointVector:
        """Elements ``start <= i < stop``."""
        check_slice(start, stop, len(self))
        return ReferencePointVector(self._points[start:stop])

    def concat(self, other: PointVector) -> ReferencePointVector:
        """This vector followed by `other`."""
        return ReferencePointVector(self._points + points_of(other))

    def to_compressed(self) -> bytes:
        """48 bytes a point."""
        return curve.encode_compressed(self._points)

    def to_uncompressed(self) -> bytes:
        """96 bytes a point."""
        return curve.encode_uncompressed(self._points)

    def add(self, other: PointVector) -> ReferencePointVector:
        """Element-wise sum; `ValueError` on unequal lengths."""
        others = points_of(other)
        check_equal_lengths(len(self), len(others))
        return ReferencePointVector(tuple(add(p, q) for p, q in zip(self._points, others, strict=True)))

    def negate(self) -> ReferencePointVector:
        """Element-wise negation."""
        return ReferencePointVector(tuple(neg(p) for p in self._points))

    def scale(self, factors: ScalarVector) -> ReferencePointVector:
        """Element-wise product."""
        scalars = values_of(factors)
        check_equal_lengths(len(self), len(scalars))
        pairs = zip(self._points, scalars, strict=True)
        return ReferencePointVector(tuple(curve.multiply(p, s) for p, s in pairs))

    def sum(self) -> ReferencePointVector:
        """The sum of all points, as a vector of length one."""
        return ReferencePointVector((curve.add_all(self._points),))

    def fold(self, challenge: int) -> ReferencePointVector:
        """``challenge * left + right`` over the two halves."""
        check_scalar(challenge)
        half = half_length(len(self))
        pairs = zip(self._points[:half], self._points[half:], strict=True)
        return ReferencePointVector(
            tuple(add(curve.multiply(left, challenge), right) for left, right in pairs)
        )

    def multiply_by_cofactor(self) -> ReferencePointVector:
        """Every point times h_eff."""
        return ReferencePointVector(tuple(curve.multiply(p, curve.EFFECTIVE_COFACTOR) for p in self._points))

    def identity_mask(self) -> NDArray[np.bool_]:
        """True where the point is the identity."""
        return np.array([curve.is_identity(p) for p in self._points], dtype=np.bool_)

    def subgroup_mask(self) -> NDArray[np.bool_]:
        """True where the point lies in G1."""
        return np.array([curve.in_subgroup(p) for p in self._points], dtype=np.bool_)


def points_of(vector: PointVector) -> tuple[Point, ...]:
    """The points of a vector of this backend; `TypeError` for a vector of another one."""
    if not isinstance(vector, ReferencePointVector):
        raise TypeError("the point vector belongs to another backend")
    return vector._points


class _FixedBaseTable:
    """All ``d 2^(4 j) B`` for one base B and digits ``0 <= d < 16``: a multiplication is a few additions."""

    def __init__(self, base: Point, bits: int) -> None:
        self._windows: list[list[Point]] = []
        for _ in range(0, bits, WINDOW_BITS):
            row = [IDENTITY]
            for _ in range(1 << WINDOW_BITS):
                row.append(add(row[-1], base))
            base = row.pop()
            self._windows.append(row)

    def multiply(self, scalar: int) -> Point:
        """``scalar * B`` for ``0 <= scalar < 2^bits``."""
        result = IDENTITY
        for window in self._windows:
            result = add(result, window[scalar & ((1 << WINDOW_BITS) - 1)])
            scalar >>= WINDOW_BITS
        return result


class ReferenceCommitmentKey:
    """Fixed-base tables (implements `primitives.backend.CommitmentKey`); an asset's is made on first use."""

    def __init__(self, generators: tuple[Point, ...], blinding_generator: Point) -> None:
        self._generators = generators
        self._tables: dict[int, _FixedBaseTable] = {}
        self._blinding_table = _FixedBaseTable(blinding_generator, ORDER.bit_length())

    def commit(
        self, row_offsets: Int64Array, columns: Int32Array, amounts: Int64Array, blindings: ScalarVector
    ) -> ReferencePointVector:
        """``C_u = sum_k amounts[k] G_columns[k] + rho_u H`` over the entries k of row u."""
        _check_rows(row_offsets, columns, amounts, len(blindings), len(self._generators))
        commitments = []
        for row, blinding in enumerate(values_of(blindings)):
            total = self._blinding_table.multiply(blinding)
            for entry in range(int(row_offsets[row]), int(row_offsets[row + 1])):
                total = add(total, self._multiply(int(columns[entry]), int(amounts[entry])))
            commitments.append(total)
        return ReferencePointVector(tuple(commitments))

    def _multiply(self, column: int, amount: int) -> Point:
        if column not in self._tables:
            self._tables[column] = _FixedBaseTable(self._generators[column], AMOUNT_BITS)
        product = self._tables[column].multiply(abs(amount))
        return neg(product) if amount < 0 else product


def _check_rows(
    row_offsets: Int64Array, columns: Int32Array, amounts: Int64Array, rows: int, assets: int
) -> None:
    """The conditions of `primitives.backend.CommitmentKey.commit` on its arrays."""
    _check_array(row_offsets, np.int64)
    _check_array(columns, np.int32)
    _check_array(amounts, np.int64)
    if len(row_offsets) != rows + 1:
        raise ValueError(f"expected {rows + 1} row offsets, got {len(row_offsets)}")
    if len(columns) != len(amounts):
        raise ValueError(f"unequal numbers of columns ({len(columns)}) and amounts ({len(amounts)})")
    if row_offsets[0] != 0 or row_offsets[-1] != len(columns) or np.any(row_offsets[:-1] > row_offsets[1:]):
        raise ValueError("row offsets do not rise from 0 to the number of entries")
    if np.any(columns < 0) or np.any(columns >= assets):
        raise ValueError(f"a column is not in [0, {assets})")


def _check_array(array: Int64Array | Int32Array, dtype: type[np.generic]) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != 1:
        raise TypeError(f"expected a one-dimensional array of {np.dtype(dtype)}")


class ReferenceBackend:
    """Implements `primitives.backend.Backend`."""

    @property
    def name(self) -> str:
        """``"reference"``."""
        return "reference"

    def scalars_from_ints(self, values: Sequence[int]) -> ReferenceScalarVector:
        """Integers of any size and sign, reduced modulo r."""
        return ReferenceScalarVector(tuple(value % ORDER for value in values))

    def scalars_from_int64(self, values: Int64Array) -> ReferenceScalarVector:
        """Signed machine integers, reduced modulo r."""
        _check_array(values, np.int64)
        return self.scalars_from_ints(values.tolist())

    def scalars_from_bytes(self, data: bytes) -> ReferenceScalarVector:
        """Strict decoding of 32-byte big-endian scalars."""
        return decode_scalars(data)

    def scalars_from_wide_bytes(self, data: bytes) -> ReferenceScalarVector:
        """64-byte big-endian integers modulo r."""
        return reduce_wide_scalars(data)

    def hash_to_curve(self, messages: Sequence[bytes], domain: bytes) -> ReferencePointVector:
        """RFC 9380; `ValueError` unless the tag `domain` has 1 to 255 bytes."""
        if not 1 <= len(domain) <= MAX_DOMAIN_BYTES:
            raise ValueError(f"the domain separation tag must have 1 to {MAX_DOMAIN_BYTES} bytes")
        # py_ecc annotates its third parameter as a hash object, but calls it.
        sha256: Any = hashlib.sha256
        return ReferencePointVector(tuple(hash_to_G1(message, domain, sha256) for message in messages))

    def points_from_compressed(self, data: bytes) -> ReferencePointVector:
        """Strict decoding of 48-byte points of E."""
        return ReferencePointVector(curve.decode_compressed(data))

    def points_from_uncompressed(self, data: bytes) -> ReferencePointVector:
        """Strict decoding of 96-byte points of E."""
        return ReferencePointVector(curve.decode_uncompressed(data))

    def identity(self, count: int) -> ReferencePointVector:
        """`count` copies of the identity; `ValueError` if negative."""
        if count < 0:
            raise ValueError("a vector cannot have a negative length")
        return ReferencePointVector((IDENTITY,) * count)

    def multi_scalar_multiply(self, points: PointVector, scalars: ScalarVector) -> ReferencePointVector:
        """``sum_i s_i P_i`` as a vector of length one."""
        bases, factors = points_of(points), values_of(scalars)
        check_equal_lengths(len(bases), len(factors))
        return ReferencePointVector((curve.multi_scalar_multiply(bases, factors),))

    def commitment_key(
        self, generators: PointVector, blinding_generator: PointVector, expected_rows: int
    ) -> ReferenceCommitmentKey:
        """Tables for `generators` and H; windows are of one size here, whatever `expected_rows` is."""
        blinding = points_of(blinding_generator)
        if len(blinding) != 1:
            raise ValueError("the blinding generator must be a vector of length one")
        return ReferenceCommitmentKey(points_of(generators), blinding[0])

    def sum_tree_leaf_hashes(self, tags: bytes, commitments: bytes) -> bytes:
        """``SHA-256(0x00 || tag_i || C_i)`` for every leaf i; `ValueError` on lengths that disagree."""
        count = len(tags) // HASH_BYTES
        if len(tags) != count * HASH_BYTES or len(commitments) != count * COMPRESSED_BYTES:
            raise ValueError("expected 32 bytes of tag and 48 bytes of commitment for every leaf")
        return b"".join(
            hashlib.sha256(b"\x00" + _element(tags, leaf, 32) + _element(commitments, leaf, 48)).digest()
            for leaf in range(count)
        )

    def sum_tree_level(self, hashes: bytes, sums: PointVector) -> tuple[bytes, ReferencePointVector]:
        """The next level up, from children ``2i`` (left) and ``2i + 1`` (right)."""
        children = points_of(sums)
        if len(children) % 2 != 0 or len(hashes) != len(children) * HASH_BYTES:
            raise ValueError("expected an even number of nodes and 32 bytes of hash for every one")
        encoded = curve.encode_compressed(children)
        parts = [_element(hashes, node, 32) + _element(encoded, node, 48) for node in range(len(children))]
        pairs = range(0, len(children), 2)
        digests = (hashlib.sha256(b"\x01" + parts[i] + parts[i + 1]).digest() for i in pairs)
        parents = tuple(add(children[i], children[i + 1]) for i in pairs)
        return b"".join(digests), ReferencePointVector(parents)


def _element(data: bytes, index: int, size: int) -> bytes:
    return data[index * size : (index + 1) * size]
