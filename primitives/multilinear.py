"""Multilinear polynomials as tables of values, over either backend's vectors.

A table of 2^n elements is the polynomial in X_1 .. X_n that takes them on {0,1}^n; the first variable is the
most significant bit of the index. See Thaler, "Proofs, Arguments, and Zero-Knowledge", section 3.5.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from primitives.backend import Backend, Int64Array, ScalarVector
from primitives.parameters import GROUP_ORDER, SCALAR_BYTES


def inverse(value: int) -> int:
    """``value^-1`` modulo r; `ValueError` for zero."""
    return pow(value, -1, GROUP_ORDER)


def tensor_table(backend: Backend, factors: Sequence[tuple[int, int]]) -> ScalarVector:
    """``table[i] = prod_j factors[j][bit j of i]``, bit 1 the most significant: 2^len(factors) elements."""
    table = backend.scalars_from_ints([1])
    for at_zero, at_one in reversed(factors):
        table = table.scale(at_zero).concat(table.scale(at_one))
    return table


def equality_table(backend: Backend, point: Sequence[int]) -> ScalarVector:
    """``eq(point, i) = prod_j (point_j i_j + (1 - point_j)(1 - i_j))`` for all i in {0,1}^len(point)."""
    return tensor_table(backend, [((1 - x) % GROUP_ORDER, x) for x in point])


def inverse_equality_table(backend: Backend, point: Sequence[int]) -> ScalarVector:
    """``1 / eq(point, i)`` for all i; `ValueError` if a coordinate is 0 or 1."""
    return tensor_table(backend, [(inverse((1 - x) % GROUP_ORDER), inverse(x)) for x in point])


def halves(table: ScalarVector) -> tuple[ScalarVector, ScalarVector]:
    """The tables at ``X_1 = 0`` and ``X_1 = 1``."""
    middle = len(table) // 2
    return table.slice(0, middle), table.slice(middle, len(table))


def bind_first(table: ScalarVector, value: int) -> ScalarVector:
    """The table of the polynomial at ``X_1 = value``: ``(1 - value) left + value right``."""
    left, right = halves(table)
    return left.add(right.sub(left).scale(value))


def padded(backend: Backend, vector: ScalarVector, length: int) -> ScalarVector:
    """`vector` followed by zeros up to `length`."""
    if len(vector) == length:
        return vector
    return vector.concat(backend.scalars_from_ints([0] * (length - len(vector))))


def gather(backend: Backend, vector: ScalarVector, indices: Int64Array) -> ScalarVector:
    """``vector[indices[i]]`` for all i."""
    elements = np.frombuffer(vector.to_bytes(), np.uint8).reshape(-1, SCALAR_BYTES)
    return backend.scalars_from_bytes(elements[indices].tobytes())
