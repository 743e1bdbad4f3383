"""What the comparisons of the two backends share: both of them, a pool of points, comparable outcomes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import pytest
from hypothesis import strategies as st

from primitives.backend import Backend, PointVector, ScalarVector
from primitives.errors import BackendUnavailableError, DecodingError
from primitives.linear_relation import generator
from primitives.parameters import GROUP_ORDER
from primitives.reference_backend import ReferenceBackend

REFERENCE: Final[Backend] = ReferenceBackend()


def load_native() -> Backend | None:
    try:
        from primitives.native_backend import NativeBackend
    except (ImportError, BackendUnavailableError):
        return None
    return NativeBackend()


NATIVE: Final = load_native()
needs_native = pytest.mark.skipif(
    NATIVE is None, reason="BACKENDS NOT COMPARED: the native backend is not built on this machine"
)


def multiply(point: PointVector, factor: int) -> PointVector:
    """``factor * P`` for a factor of any size: scalars alone are reduced modulo r."""
    quotient, rest = divmod(factor, GROUP_ORDER - 1)
    whole = point.scale(REFERENCE.scalars_from_ints([GROUP_ORDER - 1]))
    return whole.scale(REFERENCE.scalars_from_ints([quotient])).add(
        point.scale(REFERENCE.scalars_from_ints([rest]))
    )


def make_pool() -> bytes:
    """Five points of G1 (P and -P among them), four outside (order 3 first, 11 last), the identity."""
    points = REFERENCE.hash_to_curve([b"0", b"1", b"2"], b"POOL")
    points = points.concat(points.slice(0, 1).negate()).concat(generator(REFERENCE))
    outside = REFERENCE.points_from_compressed(
        b"".join((0x80 << 376 | x).to_bytes(48, "big") for x in (0, 4, 5))
    )
    # The cofactor is 3 * 11^2 * 10177^2 * 859267^2 * 52437899^2; its square parts are not cyclic.
    of_order_11 = multiply(outside.slice(1, 2), GROUP_ORDER * 3 * 10177 * 859267 * 52437899)
    return points.concat(outside).concat(of_order_11).concat(REFERENCE.identity(1)).to_uncompressed()


POOL: Final = make_pool()
POOL_SIZE: Final = len(POOL) // 96
EDGES: Final = [0, 1, 2, 3, 5, 2**64 - 1, 2**128, 2**252, GROUP_ORDER // 2, GROUP_ORDER - 2, GROUP_ORDER - 1]
SCALARS: Final = st.one_of(st.sampled_from(EDGES), st.integers(0, GROUP_ORDER - 1))


def pool_points(backend: Backend, indices: list[int]) -> PointVector:
    return backend.points_from_uncompressed(b"".join(POOL[96 * i : 96 * i + 96] for i in indices))


def outcome(operation: Callable[[Backend], object], backend: Backend) -> object:
    """What `operation` gives on one backend, in a form that does not depend on the backend."""
    try:
        return plain(operation(backend))
    except DecodingError as error:
        return ("DecodingError", error.reason, error.index)
    except (ValueError, TypeError, OverflowError) as error:
        return type(error).__name__


def plain(value: object) -> object:
    if isinstance(value, ScalarVector):
        return ("scalars", len(value), value.to_bytes(), value.to_ints())
    if isinstance(value, PointVector):
        return ("points", len(value), value.to_compressed(), value.to_uncompressed())
    if isinstance(value, np.ndarray):
        return ("array", value.dtype.str, value.tolist())
    if isinstance(value, tuple):
        return tuple(plain(part) for part in value)
    return value


def assert_agreement(operation: Callable[[Backend], object]) -> object:
    assert NATIVE is not None
    expected = outcome(operation, REFERENCE)
    assert outcome(operation, NATIVE) == expected
    return expected
