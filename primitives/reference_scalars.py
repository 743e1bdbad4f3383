"""Scalar vectors of the reference backend: Python integers modulo r, one per element."""

from __future__ import annotations

from typing import Final

from py_ecc.optimized_bls12_381.optimized_curve import curve_order

from primitives.backend import ScalarVector
from primitives.decoding_reasons import LENGTH, SCALAR_RANGE
from primitives.errors import DecodingError

ORDER: Final[int] = curve_order
"""r, the order of G1 and the characteristic of F."""

SCALAR_BYTES: Final = 32
WIDE_SCALAR_BYTES: Final = 64


class ReferenceScalarVector:
    """A vector of elements of F (implements `primitives.backend.ScalarVector`).

    Made by `ReferenceBackend`; the constructor trusts that every value is in ``[0, r)``.
    """

    __slots__ = ("_values",)

    def __init__(self, values: tuple[int, ...]) -> None:
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def slice(self, start: int, stop: int) -> ReferenceScalarVector:
        """Elements ``start <= i < stop``."""
        check_slice(start, stop, len(self))
        return ReferenceScalarVector(self._values[start:stop])

    def concat(self, other: ScalarVector) -> ReferenceScalarVector:
        """This vector followed by `other`."""
        return ReferenceScalarVector(self._values + values_of(other))

    def to_ints(self) -> list[int]:
        """The elements as integers in ``[0, r)``."""
        return list(self._values)

    def to_bytes(self) -> bytes:
        """Each element as 32 bytes, big-endian."""
        return b"".join(value.to_bytes(SCALAR_BYTES, "big") for value in self._values)

    def add(self, other: ScalarVector) -> ReferenceScalarVector:
        """Element-wise sum."""
        pairs = zip(self._values, self._same_length(other), strict=True)
        return ReferenceScalarVector(tuple((a + b) % ORDER for a, b in pairs))

    def sub(self, other: ScalarVector) -> ReferenceScalarVector:
        """Element-wise difference."""
        pairs = zip(self._values, self._same_length(other), strict=True)
        return ReferenceScalarVector(tuple((a - b) % ORDER for a, b in pairs))

    def multiply(self, other: ScalarVector) -> ReferenceScalarVector:
        """Element-wise product."""
        pairs = zip(self._values, self._same_length(other), strict=True)
        return ReferenceScalarVector(tuple(a * b % ORDER for a, b in pairs))

    def scale(self, factor: int) -> ReferenceScalarVector:
        """Every element times `factor`; `ValueError` unless it is in ``[0, r)``."""
        check_scalar(factor)
        return ReferenceScalarVector(tuple(a * factor % ORDER for a in self._values))

    def inner(self, other: ScalarVector) -> int:
        """The inner product in F."""
        pairs = zip(self._values, self._same_length(other), strict=True)
        return sum(a * b for a, b in pairs) % ORDER

    def sum(self) -> int:
        """The sum of all elements."""
        return sum(self._values) % ORDER

    def fold(self, challenge: int) -> ReferenceScalarVector:
        """``left + challenge * right`` over the two halves."""
        check_scalar(challenge)
        half = half_length(len(self))
        pairs = zip(self._values[:half], self._values[half:], strict=True)
        return ReferenceScalarVector(tuple((left + challenge * right) % ORDER for left, right in pairs))

    def _same_length(self, other: ScalarVector) -> tuple[int, ...]:
        values = values_of(other)
        check_equal_lengths(len(self._values), len(values))
        return values


def values_of(vector: ScalarVector) -> tuple[int, ...]:
    """The integers of a vector of this backend; `TypeError` for a vector of another one."""
    if not isinstance(vector, ReferenceScalarVector):
        raise TypeError("the scalar vector belongs to another backend")
    return vector._values


def decode_scalars(data: bytes) -> ReferenceScalarVector:
    """Strict inverse of `ReferenceScalarVector.to_bytes`."""
    values = []
    for index, element in enumerate(split(data, SCALAR_BYTES)):
        value = int.from_bytes(element, "big")
        if value >= ORDER:
            raise DecodingError(SCALAR_RANGE, index=index)
        values.append(value)
    return ReferenceScalarVector(tuple(values))


def reduce_wide_scalars(data: bytes) -> ReferenceScalarVector:
    """64-byte big-endian integers modulo r."""
    elements = split(data, WIDE_SCALAR_BYTES)
    return ReferenceScalarVector(tuple(int.from_bytes(element, "big") % ORDER for element in elements))


def split(data: bytes, size: int) -> list[bytes]:
    """`data` in elements of `size` bytes; `DecodingError` unless its length is a multiple of that."""
    if len(data) % size != 0:
        raise DecodingError(LENGTH)
    return [data[start : start + size] for start in range(0, len(data), size)]


def check_scalar(value: int) -> None:
    """`ValueError` unless ``0 <= value < r``."""
    if not 0 <= value < ORDER:
        raise ValueError("scalar is not in [0, r)")


def check_slice(start: int, stop: int, length: int) -> None:
    """`ValueError` unless ``0 <= start <= stop <= length``."""
    if not 0 <= start <= stop <= length:
        raise ValueError(f"slice {start}:{stop} does not fit a vector of length {length}")


def check_equal_lengths(left: int, right: int) -> None:
    """`ValueError` unless the two lengths are equal."""
    if left != right:
        raise ValueError(f"vectors of unequal lengths: {left} and {right}")


def half_length(length: int) -> int:
    """Half of an even length; `ValueError` for an odd one."""
    if length % 2 != 0:
        raise ValueError(f"cannot fold a vector of odd length {length}")
    return length // 2
