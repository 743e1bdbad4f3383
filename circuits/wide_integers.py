"""Exact signed 128-bit integers in numpy: the values of rows and auxiliary variables of a whole batch.

A value ``v`` is held as two limbs, ``v = high * 2^64 + low`` with ``high`` in int64 and ``low`` in
uint64, which is the 128-bit two's complement of v. Arithmetic is modulo 2^128, hence exact whenever
the true result lies in ``[-2^127, 2^127)``; callers know that from the static bounds of
`circuits.statement.Statement`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Int64Array = NDArray[np.int64]
UInt64Array = NDArray[np.uint64]
BoolArray = NDArray[np.bool_]

WIDE_LIMIT: Final = 1 << 127
"""Values lie in ``[-2^127, 2^127)``."""
_LIMB: Final = 64
_LOW_MASK: Final = (1 << _LIMB) - 1
_HALF: Final = 32
_HALF_MASK: Final = (1 << _HALF) - 1
_HALF_LIMBS: Final = 4


class WideIntegers:
    """An ``[accounts, values]`` table of signed 128-bit integers. Immutable; its repr shows no value."""

    __slots__ = ("high", "low")

    def __init__(self, high: Int64Array, low: UInt64Array) -> None:
        """Raises `ValueError` unless both are two-dimensional, equal in shape, int64 and uint64."""
        if high.ndim != 2 or high.shape != low.shape:
            raise ValueError("limbs of wide integers must be two-dimensional and equal in shape")
        if high.dtype != np.int64 or low.dtype != np.uint64:
            raise ValueError("limbs of wide integers must be int64 (high) and uint64 (low)")
        self.high = high
        self.low = low

    @classmethod
    def zeros(cls, accounts: int, values: int) -> WideIntegers:
        """The table of zeros."""
        return cls(np.zeros((accounts, values), np.int64), np.zeros((accounts, values), np.uint64))

    @classmethod
    def from_int64(cls, table: Int64Array) -> WideIntegers:
        """Sign-extend an int64 table."""
        if table.dtype != np.int64:
            raise ValueError("expected an int64 table")
        return cls(table >> 63, table.view(np.uint64))

    @classmethod
    def from_ints(cls, table: Sequence[Sequence[int]], values: int | None = None) -> WideIntegers:
        """From Python integers, one inner sequence per account.

        `values` is the length of the inner sequences, needed only if there may be no account. Raises
        `ValueError` on ragged rows and on integers outside ``[-2^127, 2^127)``.
        """
        width = values if values is not None else len(table[0]) if table else 0
        if any(len(row) != width for row in table):
            raise ValueError("accounts have unequal numbers of values")
        if any(not -WIDE_LIMIT <= value < WIDE_LIMIT for row in table for value in row):
            raise ValueError("integer outside [-2^127, 2^127)")
        high = [value >> _LIMB for row in table for value in row]
        low = [value & _LOW_MASK for row in table for value in row]
        shape = (len(table), width)
        return cls(np.array(high, np.int64).reshape(shape), np.array(low, np.uint64).reshape(shape))

    @classmethod
    def concatenate(cls, parts: Sequence[WideIntegers]) -> WideIntegers:
        """Tables of the same accounts side by side; at least one."""
        return cls(np.hstack([part.high for part in parts]), np.hstack([part.low for part in parts]))

    @property
    def shape(self) -> tuple[int, int]:
        """``(accounts, values)``."""
        return self.high.shape[0], self.high.shape[1]

    def to_ints(self) -> list[list[int]]:
        """Python integers, one list per account."""
        return [
            [(high << _LIMB) + low for high, low in zip(highs, lows, strict=True)]
            for highs, lows in zip(self.high.tolist(), self.low.tolist(), strict=True)
        ]

    def columns(self, start: int, stop: int) -> WideIntegers:
        """Values ``start <= j < stop`` of every account."""
        return WideIntegers(self.high[:, start:stop], self.low[:, start:stop])

    def accounts(self, start: int, stop: int) -> WideIntegers:
        """The accounts ``start <= u < stop``."""
        return WideIntegers(self.high[start:stop], self.low[start:stop])

    def add(self, other: WideIntegers) -> WideIntegers:
        """Element-wise sum modulo 2^128."""
        low = self.low + other.low
        carry = (low < self.low).astype(np.int64)
        return WideIntegers(self.high + other.high + carry, low)

    def shift_left(self, bits: int) -> WideIntegers:
        """Element-wise ``v 2^bits`` modulo 2^128, for ``0 <= bits < 128``."""
        if bits == 0:
            return self
        if bits >= _LIMB:
            return WideIntegers((self.low << np.uint64(bits - _LIMB)).view(np.int64), np.zeros_like(self.low))
        crossing = (self.low >> np.uint64(_LIMB - bits)).view(np.int64)
        return WideIntegers((self.high << np.int64(bits)) | crossing, self.low << np.uint64(bits))

    def negate(self) -> WideIntegers:
        """Element-wise negation modulo 2^128."""
        low = ~self.low + np.uint64(1)
        return WideIntegers(~self.high + (self.low == 0), low)

    def times(self, factor: int) -> WideIntegers:
        """Element-wise product with a Python integer modulo 2^128."""
        result = WideIntegers.zeros(*self.shape)
        for value_limb in range(_HALF_LIMBS):
            words = self.low if value_limb < _HALF_LIMBS // 2 else self.high.view(np.uint64)
            part = (words >> np.uint64(_HALF * (value_limb % 2))) & np.uint64(_HALF_MASK)
            for factor_limb in range(_HALF_LIMBS - value_limb):
                digit = (factor >> _HALF * factor_limb) & _HALF_MASK
                if digit:
                    product = WideIntegers(np.zeros_like(self.high), part * np.uint64(digit))
                    result = result.add(product.shift_left(_HALF * (value_limb + factor_limb)))
        return result

    def less_than(self, other: WideIntegers) -> BoolArray:
        """Element-wise signed comparison."""
        result: BoolArray = (self.high < other.high) | ((self.high == other.high) & (self.low < other.low))
        return result

    def maximum(self, other: WideIntegers) -> WideIntegers:
        """Element-wise maximum."""
        return self._choose(other, self.less_than(other))

    def minimum(self, other: WideIntegers) -> WideIntegers:
        """Element-wise minimum."""
        return self._choose(other, other.less_than(self))

    def positive_part(self) -> WideIntegers:
        """Element-wise ``max(0, v)``."""
        return self.maximum(WideIntegers.zeros(*self.shape))

    def within_widths(self, widths: Sequence[int]) -> BoolArray:
        """Where ``0 <= v < 2^w``, with one width (0..127) per value."""
        if len(widths) != self.shape[1]:
            raise ValueError("one width per value is needed")
        low_shift = np.array([min(width, 63) for width in widths], np.uint64)
        high_shift = np.array([max(width - 64, 0) for width in widths], np.int64)
        is_narrow = np.array([width < 64 for width in widths], np.bool_)
        low_clear = ~is_narrow | ((self.low >> low_shift) == 0)
        result: BoolArray = low_clear & ((self.high >> high_shift) == 0)
        return result

    def _choose(self, other: WideIntegers, takes_other: BoolArray) -> WideIntegers:
        return WideIntegers(
            np.where(takes_other, other.high, self.high), np.where(takes_other, other.low, self.low)
        )

    def __repr__(self) -> str:
        return f"WideIntegers(accounts={self.shape[0]}, values={self.shape[1]})"
