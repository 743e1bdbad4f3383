"""The native backend: Rust kernels over blst, with threads and without the interpreter lock.

Importing this module loads the kernels and raises `primitives.errors.BackendUnavailableError` where they
are missing, were built from other sources, or ``SEALEDBOOK_THREADS`` is malformed. Vectors are
`native._kernels.ScalarVector`, `PointVector` and `CommitmentKey`; a vector of another backend raises
`TypeError`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from primitives import decoding_reasons
from primitives.backend import CommitmentKey, Int64Array, PointVector, ScalarVector
from primitives.errors import BackendUnavailableError, DecodingError
from primitives.parameters import GROUP_ORDER

THREADS_VARIABLE: Final = "SEALEDBOOK_THREADS"
"""Environment variable: number of threads of the kernels (a positive integer; default: all cores)."""

_ABI_VERSION: Final = 7
_MAX_DOMAIN_LENGTH: Final = 255
_MAX_THREADS: Final = 1024

try:
    from native import _kernels
except ImportError as error:
    raise BackendUnavailableError(
        "the native kernels are not installed; install a Rust toolchain and then this package again"
    ) from error

_REASONS: Final = {
    code: getattr(decoding_reasons, code)
    for code in (
        "LENGTH",
        "SCALAR_RANGE",
        "COMPRESSION_FLAG",
        "COMPRESSION_FLAG_SET",
        "IDENTITY_BITS",
        "SIGN_FLAG",
        "COORDINATE_RANGE",
        "NOT_ON_CURVE",
    )
}


def check_abi(found: int) -> None:
    """`BackendUnavailableError` unless the binary was built from the sources that this module expects."""
    if found != _ABI_VERSION:
        raise BackendUnavailableError(
            f"the native kernels are stale (interface {found}, expected {_ABI_VERSION}); "
            "install this package again to rebuild them"
        )


def parse_thread_count(text: str | None) -> int:
    """The value of `THREADS_VARIABLE` as a number of threads; 0, for all cores, if it is unset or empty."""
    if not text:
        return 0
    # Four digits at most before conversion, so that no text is costly to convert.
    if not re.fullmatch("[1-9][0-9]{0,3}", text) or int(text) > _MAX_THREADS:
        raise BackendUnavailableError(f"{THREADS_VARIABLE} is not an integer in [1, {_MAX_THREADS}]")
    return int(text)


check_abi(getattr(_kernels, "ABI_VERSION", 0))
_kernels.set_thread_count(parse_thread_count(os.environ.get(THREADS_VARIABLE)))


def set_thread_count(count: int) -> None:
    """Use `count` threads from now on; 0 for all cores. Results do not depend on it."""
    if not 0 <= count <= _MAX_THREADS:
        raise ValueError(f"thread count is not in [0, {_MAX_THREADS}]: {count}")
    _kernels.set_thread_count(count)


def thread_count() -> int:
    """The number of threads that the kernels use."""
    return _kernels.thread_count()


@contextmanager
def _decoding() -> Iterator[None]:
    try:
        yield
    except _kernels.MalformedEncodingError as error:
        code, index = error.args
        raise DecodingError(_REASONS[code], index=index) from None


class NativeBackend:
    """`primitives.backend.Backend` over the native kernels; stateless."""

    name: Final = "native"

    def scalars_from_ints(self, values: Sequence[int]) -> ScalarVector:
        """See `Backend.scalars_from_ints`."""
        return _kernels.scalars_from_bytes(
            b"".join((value % GROUP_ORDER).to_bytes(32, "big") for value in values)
        )

    def scalars_from_int64(self, values: Int64Array) -> ScalarVector:
        """See `Backend.scalars_from_int64`."""
        return _kernels.scalars_from_int64(values)

    def scalars_from_bytes(self, data: bytes) -> ScalarVector:
        """See `Backend.scalars_from_bytes`."""
        with _decoding():
            return _kernels.scalars_from_bytes(data)

    def scalars_from_wide_bytes(self, data: bytes) -> ScalarVector:
        """See `Backend.scalars_from_wide_bytes`; `DecodingError` unless the length is a multiple of 64."""
        with _decoding():
            return _kernels.scalars_from_wide_bytes(data)

    def hash_to_curve(self, messages: Sequence[bytes], domain: bytes) -> PointVector:
        """See `Backend.hash_to_curve`; `ValueError` unless `domain` has 1 to 255 bytes (RFC 9380, 5.3.3)."""
        if not 1 <= len(domain) <= _MAX_DOMAIN_LENGTH:
            raise ValueError(f"domain does not have 1 to {_MAX_DOMAIN_LENGTH} bytes")
        return _kernels.hash_to_curve(messages, domain)

    def points_from_compressed(self, data: bytes) -> PointVector:
        """See `Backend.points_from_compressed`."""
        with _decoding():
            return _kernels.points_from_compressed(data)

    def points_from_uncompressed(self, data: bytes) -> PointVector:
        """See `Backend.points_from_uncompressed`."""
        with _decoding():
            return _kernels.points_from_uncompressed(data)

    def identity(self, count: int) -> PointVector:
        """See `Backend.identity`; `ValueError` if `count` is negative."""
        if count < 0:
            raise ValueError("a vector cannot have a negative length")
        return _kernels.identity(count)

    def multi_scalar_multiply(self, points: PointVector, scalars: ScalarVector) -> PointVector:
        """See `Backend.multi_scalar_multiply`."""
        return _kernels.multi_scalar_multiply(points, scalars)

    def commitment_key(
        self, generators: PointVector, blinding_generator: PointVector, expected_rows: int
    ) -> CommitmentKey:
        """See `Backend.commitment_key`. Tables take at most 1 GiB; each is built when first needed."""
        if expected_rows < 0:
            raise ValueError(f"negative number of rows: {expected_rows}")
        return _kernels.CommitmentKey(generators, blinding_generator, expected_rows)

    def sum_tree_leaf_hashes(self, tags: bytes, commitments: bytes) -> bytes:
        """See `Backend.sum_tree_leaf_hashes`; `ValueError` on lengths that do not fit."""
        return _kernels.sum_tree_leaf_hashes(tags, commitments)

    def sum_tree_level(self, hashes: bytes, sums: PointVector) -> tuple[bytes, PointVector]:
        """See `Backend.sum_tree_level`."""
        return _kernels.sum_tree_level(hashes, sums)
