"""Entries of a risk array: integers made of exact or floating figures.

The integer nearest to a figure, ties to the even one, is *the definition* of the entry: statements use it and
nothing else. Of floats, two machines may make integers that differ by one, and no more, as long as figures stay below
a bound that leaves their rounding errors far below one half.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from circuits.market.errors import MarketCode, MarketError
from circuits.pricing import FloatArray

IntArray: TypeAlias = npt.NDArray[np.int64]
ExactArray: TypeAlias = npt.NDArray[Any]
"""Python integers, dtype object."""

MAX_ENTRY: Final = (1 << 63) - 1
MAX_FLOAT_PRICE: Final = 2.0**48
"""Of prices in units. A price is off by a few 2^-53 of the forward, so by less than 2^-2 units."""
MAX_FLOAT_GREEK: Final = 2.0**44
"""Of Greeks in units, which have more steps of rounding behind them."""


def round_exact(numerators: ExactArray, denominator: int) -> IntArray:
    """``numerators / denominator`` to the nearest integer, ties to even. `MarketError` beyond 64 bits."""
    quotients = numerators // denominator
    doubled = 2 * (numerators - quotients * denominator)
    odd = quotients % 2 == 1
    rounded = quotients + ((doubled > denominator) | ((doubled == denominator) & odd)).astype(object)
    if rounded.size and max(rounded.max(), -rounded.min()) > MAX_ENTRY:
        raise MarketError(MarketCode.RANGE, "scale", "an entry exceeds 64 bits: take a coarser scale")
    entries: IntArray = rounded.astype(np.int64)
    return entries


def round_fraction(figure: Fraction) -> int:
    """`figure` to the nearest integer, ties to even. `MarketError` beyond 64 bits."""
    return int(round_exact(np.array([figure.numerator], dtype=object), figure.denominator)[0])


def round_floats(figures: FloatArray, magnitudes: FloatArray, limit: float, ids: Sequence[str]) -> IntArray:
    """`figures` to the nearest integer, ties to even; `ids` names the instruments along the last axis.

    `MarketError` if one of `magnitudes`, of the same shape, is not at most `limit`.
    """
    fine = magnitudes <= limit
    if not fine.all():
        instrument = ids[int(np.argwhere(~fine)[0][-1])]
        reason = f"its figures are above 2^{int(np.log2(limit))} units: take a coarser scale"
        raise MarketError(MarketCode.PRECISION, f"instrument {instrument!r}", reason)
    return np.rint(figures).astype(np.int64)
