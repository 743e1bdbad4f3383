"""Packed bits: the bit table ``b(u, k)`` of DESIGN section 4.1 for a batch of accounts.

The table is a C-contiguous uint8 array with ``ceil(W / 8)`` bytes per account, the form that
`primitives.kernels` reads; bit k of account u is

    b(u, k) = (packed[u, k // 8] >> (k % 8)) & 1,

and the bits beyond W in the last byte are zero. Bits W..P-1 of the padded table are not stored.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from circuits.statement import Statement
from circuits.wide_integers import WideIntegers

UInt8Array = NDArray[np.uint8]

_WIDE_BYTES: Final = 16


def packed_bytes(statement: Statement) -> int:
    """Bytes per account: ``ceil(W / 8)``."""
    return -(-statement.bit_count // 8)


def pack(statement: Statement, rows: WideIntegers, auxiliaries: WideIntegers) -> UInt8Array:
    """The ``[n, packed_bytes]`` table for row values and auxiliary values.

    Raises `ValueError` unless the shapes are those of the statement and every value lies in
    ``[0, 2^width)`` (`circuits.evaluate.first_violations` tells where not).
    """
    accounts = rows.shape[0]
    if rows.shape != (accounts, len(statement.rows)):
        raise ValueError("row values do not belong to this statement")
    if auxiliaries.shape != (accounts, len(statement.auxiliaries)):
        raise ValueError("auxiliary values do not belong to these rows")
    values = WideIntegers.concatenate([rows, auxiliaries])
    if not values.within_widths(statement.widths).all():
        raise ValueError("a value does not fit its width")
    packed = np.zeros((accounts, packed_bytes(statement)), np.uint8)
    for index, (offset, width) in enumerate(zip(statement.bit_offsets, statement.widths, strict=False)):
        # width + 7 <= 127 bits: the shifted value is a non-negative wide integer.
        shifted = values.columns(index, index + 1).shift_left(offset % 8)
        first, count = offset // 8, (offset % 8 + width + 7) // 8
        packed[:, first : first + count] |= _little_endian(shifted)[:, :count]
    return packed


def unpack(statement: Statement, packed: UInt8Array) -> tuple[WideIntegers, WideIntegers]:
    """Inverse of `pack`: row values and auxiliary values.

    Raises `ValueError` on another shape or a bit set beyond W.
    """
    bits = unpack_bits(statement, packed)
    if bits[:, statement.bit_count :].any():
        raise ValueError("a padding bit is set")
    table = [
        [
            int.from_bytes(np.packbits(line[offset : offset + width], bitorder="little").tobytes(), "little")
            for offset, width in zip(statement.bit_offsets, statement.widths, strict=False)
        ]
        for line in bits
    ]
    values = WideIntegers.from_ints(table, len(statement.widths))
    rows = len(statement.rows)
    return values.columns(0, rows), values.columns(rows, len(statement.widths))


def unpack_bits(statement: Statement, packed: UInt8Array) -> UInt8Array:
    """The ``[n, 8 ceil(W / 8)]`` table of single bits, one byte (0 or 1) each."""
    if packed.dtype != np.uint8 or packed.ndim != 2 or packed.shape[1] != packed_bytes(statement):
        raise ValueError(
            f"packed bits must be a uint8 table with {packed_bytes(statement)} bytes per account"
        )
    return np.unpackbits(packed, axis=1, bitorder="little")


def _little_endian(values: WideIntegers) -> UInt8Array:
    """``[n, 16]``: the bytes of one wide integer per account."""
    accounts = values.shape[0]
    limbs = np.empty((accounts, 2), "<u8")
    limbs[:, 0] = values.low[:, 0]
    limbs[:, 1] = values.high[:, 0].view(np.uint64)
    return limbs.view(np.uint8).reshape(accounts, _WIDE_BYTES)
