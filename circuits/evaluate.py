"""Exact row values of a whole batch, and why an account fails.

`evaluate_account` is the definition, in Python integers. `evaluate_rows` computes the same for a batch
in numpy, without floats: amounts and auxiliary values are split into 16-bit limbs, coefficients into
32-bit limbs, so that every partial inner product is exact in int64,

    A q = sum_{i,j} 2^{32 i + 16 j} <A^(i), q^(j)>,

and the partial products are added up in 128-bit two's complement. That is exact for every row which
`Statement.rows_beyond_wide` does not list; those, and accounts with an auxiliary value outside its
width, take the slow path over Python integers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from circuits.positions import PositionBatch
from circuits.rows import AffineForm, Terms
from circuits.statement import Statement
from circuits.wide_integers import WIDE_LIMIT, WideIntegers

Int64Array = NDArray[np.int64]

_VALUE_LIMB: Final = 16
_COEFFICIENT_LIMB: Final = 32
_WIDE_BITS: Final = 128
_TERMS_AT_ONCE: Final = 1 << 12
"""Products are below 2^48 in absolute value; up to four sums of 2^12 of them add up to at most 2^62."""
_ACCOUNTS_AT_ONCE: Final = 1 << 11


@dataclass(frozen=True)
class Violation:
    """The first value of an account that is not what the statement demands. For the operator only.

    `label` is that of the row or auxiliary variable, `value` what it came to instead of an integer in
    ``[0, 2^width)``. Neither the value nor what follows from it is in the repr.
    """

    account: int
    label: str
    value: int = field(repr=False)
    width: int

    @property
    def shortfall(self) -> int:
        """How far the value is below zero (0 if it is not)."""
        return max(0, -self.value)

    @property
    def excess(self) -> int:
        """How far the value is above the largest allowed, ``2^width - 1`` (0 if it is not)."""
        return max(0, self.value - (1 << self.width) + 1)


def evaluate_account(
    forms: Sequence[AffineForm], positions: Mapping[int, int], auxiliaries: Sequence[int]
) -> list[int]:
    """``A_q q + A_x x + b`` of every form (a row is one) for one account, in Python integers."""
    return [
        form.constant
        + sum(coefficient * positions.get(asset, 0) for asset, coefficient in form.positions)
        + sum(coefficient * auxiliaries[variable] for variable, coefficient in form.auxiliaries)
        for form in forms
    ]


def evaluate_rows(statement: Statement, batch: PositionBatch, auxiliaries: WideIntegers) -> WideIntegers:
    """The ``[n, m]`` table of row values ``A_q q + A_x x + b``, exact.

    A value outside ``[-2^127, 2^127)`` is replaced by the nearest value inside; its row fails either way.
    Raises `ValueError` if `batch` or `auxiliaries` do not belong to the statement or to each other.
    """
    batch.check_asset_count(len(statement.assets))
    if auxiliaries.shape != (batch.account_count, len(statement.auxiliaries)):
        raise ValueError(
            "the table of auxiliary values must have one line per account, one column per variable"
        )
    values = evaluate_forms(statement.rows, batch, auxiliaries)
    widths = [auxiliary.width for auxiliary in statement.auxiliaries]
    stray = np.flatnonzero(~auxiliaries.within_widths(widths).all(axis=1))
    accounts = range(batch.account_count) if statement.rows_beyond_wide else stray.tolist()
    for account in accounts:
        _overwrite_exactly(values, statement, batch, auxiliaries, account)
    return values


def evaluate_forms(
    forms: Sequence[AffineForm], batch: PositionBatch, auxiliaries: WideIntegers
) -> WideIntegers:
    """The ``[n, len(forms)]`` table of values of affine forms, modulo 2^128.

    Exact where the true value lies in ``[-2^127, 2^127)``; the caller knows from bounds. Every index must
    be in range.
    """
    result = WideIntegers.zeros(batch.account_count, len(forms))
    used = sorted({asset for form in forms for asset, _ in form.positions})
    place = {asset: index for index, asset in enumerate(used)}
    position_terms = [tuple((place[asset], c) for asset, c in form.positions) for form in forms]
    for start in range(0, batch.account_count, _ACCOUNTS_AT_ONCE):
        stop = min(start + _ACCOUNTS_AT_ONCE, batch.account_count)
        position_limbs = _position_limbs(batch.accounts(start, stop), used)
        auxiliary_limbs = _wide_limbs(auxiliaries.accounts(start, stop))
        for index, form in enumerate(forms):
            value = _constant(form.constant, stop - start)
            value = value.add(_inner_product(position_terms[index], position_limbs))
            value = value.add(_inner_product(form.auxiliaries, auxiliary_limbs))
            result.high[start:stop, index] = value.high[0]
            result.low[start:stop, index] = value.low[0]
    return result


def first_violations(
    statement: Statement, batch: PositionBatch, rows: WideIntegers, auxiliaries: WideIntegers
) -> list[Violation]:
    """One `Violation` per failing account, in order of accounts: auxiliary variables first, then rows.

    `rows` are the values from `evaluate_rows` for the same `batch` and `auxiliaries`.
    """
    row_count = len(statement.rows)
    valid = np.hstack(
        [
            auxiliaries.within_widths(statement.widths[row_count:]),
            rows.within_widths(statement.widths[:row_count]),
        ]
    )
    failing = np.flatnonzero(~valid.all(axis=1))
    return [
        violation_at(statement, batch, auxiliaries, account, int(np.argmin(valid[account])))
        for account in failing.tolist()
    ]


def violation_at(
    statement: Statement, batch: PositionBatch, auxiliaries: WideIntegers, account: int, check: int
) -> Violation:
    """The `Violation` of `account` at one check; auxiliary variables are checks 0, 1, ..., rows follow."""
    values = auxiliaries.accounts(account, account + 1).to_ints()[0]
    if check < len(values):
        auxiliary = statement.auxiliaries[check]
        return Violation(account, auxiliary.label, values[check], auxiliary.width)
    row = statement.rows[check - len(values)]
    (value,) = evaluate_account([row], batch.account(account), values)
    return Violation(account, row.label, value, row.width)


def _overwrite_exactly(
    values: WideIntegers,
    statement: Statement,
    batch: PositionBatch,
    auxiliaries: WideIntegers,
    account: int,
) -> None:
    exact = evaluate_account(
        statement.rows, batch.account(account), auxiliaries.accounts(account, account + 1).to_ints()[0]
    )
    clamped = WideIntegers.from_ints([[min(max(value, -WIDE_LIMIT), WIDE_LIMIT - 1) for value in exact]])
    values.high[account] = clamped.high[0]
    values.low[account] = clamped.low[0]


def _constant(value: int, accounts: int) -> WideIntegers:
    reduced = (value + WIDE_LIMIT) % (2 * WIDE_LIMIT) - WIDE_LIMIT
    one = WideIntegers.from_ints([[reduced]])
    return WideIntegers(np.repeat(one.high, accounts, axis=1), np.repeat(one.low, accounts, axis=1))


def _position_limbs(batch: PositionBatch, used: Sequence[int]) -> Int64Array:
    """``[4, len(used), n]``: amounts of the used assets in 16-bit limbs, the top one signed."""
    place = np.full(max([*used, int(batch.columns.max(initial=0))]) + 1, -1, np.int64)
    place[list(used)] = np.arange(len(used))
    accounts = np.repeat(np.arange(batch.account_count), np.diff(batch.row_offsets))
    places = place[batch.columns]
    amounts = np.zeros((len(used), batch.account_count), np.int64)
    kept = places >= 0
    amounts[places[kept], accounts[kept]] = batch.amounts[kept]
    return _split(amounts)


def _wide_limbs(values: WideIntegers) -> Int64Array:
    """``[8, v, n]``: the 16-bit limbs of wide integers, the top one signed."""
    low = np.ascontiguousarray(values.low.T)
    high = np.ascontiguousarray(values.high.T)
    unsigned = [((low >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.int64) for shift in (0, 16, 32, 48)]
    return np.concatenate([np.stack(unsigned), _split(high)])


def _split(values: Int64Array) -> Int64Array:
    lower = [(values >> shift) & 0xFFFF for shift in (0, 16, 32)]
    return np.stack([*lower, values >> 48])


def _inner_product(terms: Terms, limbs: Int64Array) -> WideIntegers:
    """``sum coefficient * value[index]`` modulo 2^128 as a ``[1, n]`` table."""
    total = WideIntegers.zeros(1, limbs.shape[2])
    for start in range(0, len(terms), _TERMS_AT_ONCE):
        piece = terms[start : start + _TERMS_AT_ONCE]
        values = limbs[:, [index for index, _ in piece], :]
        for shift, partial in _partial_sums(_coefficient_limbs([c for _, c in piece]), values):
            total = total.add(WideIntegers.from_int64(partial[np.newaxis]).shift_left(shift))
    return total


def _coefficient_limbs(coefficients: Sequence[int]) -> Int64Array:
    """``[limbs, k]``: 32-bit limbs, as many as the largest coefficient needs (at most 4), top one signed."""
    bits = max(coefficient.bit_length() for coefficient in coefficients) + 1
    count = min(-(-bits // _COEFFICIENT_LIMB), _WIDE_BITS // _COEFFICIENT_LIMB)
    mask = (1 << _COEFFICIENT_LIMB) - 1
    limbs = [[(c >> _COEFFICIENT_LIMB * i) & mask for c in coefficients] for i in range(count - 1)]
    top = [c >> _COEFFICIENT_LIMB * (count - 1) for c in coefficients]
    # A limb beyond 2^128 has no influence modulo 2^128; reduce the top one so that it fits its 32 bits.
    half = 1 << (_COEFFICIENT_LIMB - 1)
    return np.array([*limbs, [(c + half) % (2 * half) - half for c in top]], np.int64)


def _partial_sums(coefficients: Int64Array, values: Int64Array) -> Iterator[tuple[int, Int64Array]]:
    """Pairs (s, partial inner products to be weighted with 2^s), for all ``s < 128``."""
    steps = _COEFFICIENT_LIMB // _VALUE_LIMB
    for shift in range(0, _WIDE_BITS, _VALUE_LIMB):
        pairs = [
            (i, shift // _VALUE_LIMB - steps * i)
            for i in range(len(coefficients))
            if 0 <= shift // _VALUE_LIMB - steps * i < len(values)
        ]
        if pairs:
            yield shift, sum((coefficients[i] @ values[j] for i, j in pairs), np.zeros((), np.int64))
