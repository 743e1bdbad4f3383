"""A stepwise witness on the native kernel: the same values, faster."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from circuits.positions import PositionBatch
from circuits.rows import Terms
from circuits.wide_integers import WideIntegers
from circuits.witness import (
    Indicator,
    Maximum,
    Minimum,
    OrderStatistic,
    Step,
    StepwiseWitness,
    WeightedOrderStatistic,
)
from primitives.native_rows import SparseMatrix
from primitives.native_witness import (
    INDICATOR,
    MAXIMUM,
    MINIMUM,
    ORDER_STATISTIC,
    KernelStep,
    WitnessKernel,
)


class NativeWitness:
    """A witness function that computes what `witness` does. Importing this module needs the native kernels.

    Raises `ValueError` if `witness.has_weights`.
    """

    def __init__(self, witness: StepwiseWitness) -> None:
        forms = [form for step in witness.steps for form in step.forms]
        highest = max((asset for form in forms for asset, _ in form.positions), default=-1)
        self._assets = highest + 1
        constants = WideIntegers.from_ints([[form.constant for form in forms]])
        ends = accumulate(len(step.forms) for step in witness.steps)
        self._kernel = WitnessKernel(
            by_columns([form.positions for form in forms], self._assets),
            _by_rows([form.auxiliaries for form in forms]),
            (constants.high[0], constants.low[0]),
            [_kernel_step(step, end) for step, end in zip(witness.steps, ends, strict=True)],
        )

    def __call__(self, batch: PositionBatch) -> WideIntegers:
        """The ``[n, auxiliary variables]`` table of values."""
        if len(batch.columns) and int(batch.columns.max()) >= self._assets:
            batch = batch.only_assets_below(self._assets)
        return WideIntegers(*self._kernel.evaluate(batch.row_offsets, batch.columns, batch.amounts))


def by_columns(rows: Sequence[Terms], columns: int) -> SparseMatrix:
    """The compressed column form of the matrix with these rows of (column, coefficient) pairs."""
    entries = [(column, row, value) for row, terms in enumerate(rows) for column, value in terms]
    entries.sort(key=lambda entry: entry[:2])
    counts = np.bincount(np.array([column for column, _, _ in entries], np.int64), minlength=columns)
    values = WideIntegers.from_ints([[value for _, _, value in entries]])
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
    return SparseMatrix(
        starts, np.array([row for _, row, _ in entries], np.int32), values.high[0], values.low[0]
    )


def _by_rows(rows: Sequence[Terms]) -> SparseMatrix:
    starts = np.array([0, *accumulate(len(terms) for terms in rows)], np.int64)
    values = WideIntegers.from_ints([[value for terms in rows for _, value in terms]])
    indices = np.array([index for terms in rows for index, _ in terms], np.int32)
    return SparseMatrix(starts, indices, values.high[0], values.low[0])


def _kernel_step(step: Step, forms_end: int) -> KernelStep:
    match step:
        case Maximum():
            return KernelStep(MAXIMUM, 0, forms_end)
        case Minimum():
            return KernelStep(MINIMUM, 0, forms_end)
        case Indicator():
            return KernelStep(INDICATOR, 0, forms_end)
        case OrderStatistic(rank=rank):
            return KernelStep(ORDER_STATISTIC, rank, forms_end)
        case WeightedOrderStatistic():
            raise ValueError("the native kernel has no order statistic with weights")
