"""Strict reading of NARG strings (non-interactive arguments) and statements: in order, to the last byte."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from primitives.backend import Backend, PointVector, ScalarVector
from primitives.codec import TRUNCATED
from primitives.errors import DecodingError
from primitives.parameters import POINT_BYTES, SCALAR_BYTES

IDENTITY: Final = "point is the identity"
NOT_IN_SUBGROUP: Final = "point is not in the subgroup of prime order"
TRAILING: Final = "bytes are left over"


class NargError(DecodingError):
    """The input does not hold what is being read.

    `label` names the message, `offset` is where in the input the offending element (or the
    missing or surplus part) begins, `index` is the element inside the message (None: the whole message).
    """

    def __init__(self, label: str, offset: int, reason: str, *, index: int | None = None) -> None:
        super().__init__(reason, index=index)
        self.label = label
        self.offset = offset

    def __str__(self) -> str:
        element = "" if self.index is None else f", element {self.index}"
        return f"{self.label}{element}, at byte {self.offset}: {self.reason}"


class NargReader:
    """A cursor over bytes from outside: each read takes exactly its message, or raises `NargError`.

    For a NARG string, lengths come from the statement, never from the string itself.
    """

    def __init__(self, backend: Backend, narg: bytes) -> None:
        self._backend = backend
        self._narg = bytes(narg)
        self._offset = 0

    @property
    def offset(self) -> int:
        """How many bytes have been read."""
        return self._offset

    @property
    def remaining(self) -> int:
        """How many bytes are left."""
        return len(self._narg) - self._offset

    def bytes_since(self, offset: int) -> bytes:
        """What has been read from `offset` on."""
        return self._narg[offset : self._offset]

    def expect_remaining(self, length: int, label: str) -> None:
        """Check that exactly `length` bytes remain, before reading any of them."""
        if self.remaining < length:
            raise NargError(label, len(self._narg), TRUNCATED)
        if self.remaining > length:
            raise NargError(label, self._offset + length, TRAILING)

    def read_bytes(self, length: int, label: str) -> bytes:
        """The next `length` bytes."""
        if length < 0:
            raise ValueError("a message cannot have a negative length")
        if self.remaining < length:
            raise NargError(label, self._offset, TRUNCATED)
        start = self._offset
        self._offset += length
        return self._narg[start : self._offset]

    def read_scalars(self, count: int, label: str) -> ScalarVector:
        """The next `count` scalars, each canonical."""
        start = self._offset
        data = self.read_bytes(count * SCALAR_BYTES, label)
        try:
            return self._backend.scalars_from_bytes(data)
        except DecodingError as error:
            raise _located(error, label, start, SCALAR_BYTES) from None

    def read_points(self, count: int, label: str, *, allow_identity: bool = False) -> PointVector:
        """The next `count` points of E: canonical and on the curve, but **not** checked to be in G1.

        For callers whose equations are multiplied by the cofactor; others use `read_subgroup_points`.
        """
        start = self._offset
        data = self.read_bytes(count * POINT_BYTES, label)
        try:
            points = self._backend.points_from_compressed(data)
        except DecodingError as error:
            raise _located(error, label, start, POINT_BYTES) from None
        if not allow_identity:
            _refuse(points.identity_mask(), IDENTITY, label, start)
        return points

    def read_subgroup_points(self, count: int, label: str) -> PointVector:
        """The next `count` points of G1, none of them the identity."""
        start = self._offset
        points = self.read_points(count, label)
        _refuse(~points.subgroup_mask(), NOT_IN_SUBGROUP, label, start)
        return points

    def finish(self) -> None:
        """Check that nothing is left to read."""
        self.expect_remaining(0, "end of input")


def _located(error: DecodingError, label: str, start: int, size: int) -> NargError:
    offset = start if error.index is None else start + error.index * size
    return NargError(label, offset, error.reason, index=error.index)


def _refuse(mask: NDArray[np.bool_], reason: str, label: str, start: int) -> None:
    """Raise for the first marked point of a message that began at `start`."""
    if mask.any():
        index = int(mask.argmax())
        raise NargError(label, start + index * POINT_BYTES, reason, index=index)
