"""Witness functions of the simple gadgets: auxiliary values as maxima and minima of affine forms.

An auxiliary variable of these gadgets is a non-negative number with a closed form:

    positive part   x = max(0, f)
    split           d = max(0, -f), so that f + d = max(0, f) and f + 2 d = |f|
    maximum         x = max(0, f_1, ..., f_n)
    minimum         x = max(0, min(f_1, ..., f_n))
    indicator       x = 1 if f >= 0 else 0
    order statistic x = max(0, k-th largest of f_1, ..., f_n), also with weights

where forms may use positions and auxiliary variables of smaller index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from circuits.positions import PositionBatch
from circuits.rows import Form
from circuits.statement_checks import form_magnitude
from circuits.wide_integers import WIDE_LIMIT, WideIntegers
from circuits.witness_pass import WitnessPass
from circuits.witness_steps import (
    Indicator,
    Maximum,
    Minimum,
    OrderStatistic,
    Step,
    WeightedOrderStatistic,
    step_value,
)

__all__ = [
    "Indicator",
    "Maximum",
    "Minimum",
    "OrderStatistic",
    "Step",
    "StepwiseWitness",
    "WeightedOrderStatistic",
    "form_value",
    "positive_part",
    "split",
    "step_value",
]

_ACCOUNTS_AT_ONCE: Final = 1 << 14
MAX_TOTAL_WEIGHT: Final = 1 << 40


def positive_part(form: Form) -> Maximum:
    """``max(0, f)``."""
    return Maximum((form,))


def split(form: Form) -> Maximum:
    """``max(0, -f)``, the d of gadget "split": with it ``f + d >= 0`` and ``d >= 0``."""
    return Maximum((form.negate(),))


class StepwiseWitness:
    """A witness function with one step per auxiliary variable, computed in order.

    An account costs what the steps cost that its positions reach; the others have the values of the zero
    account. Raises `ValueError` if a step is malformed, if a form uses an auxiliary variable that is not
    computed before it, or if a value could leave ``[-2^127, 2^127)``.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps: Final = tuple(steps)
        bounds: list[int] = []
        zero_values: list[int] = []
        for index, step in enumerate(self.steps):
            bounds.append(_bound(step, bounds, index))
            forms = [form_value(form, {}, zero_values) for form in step.forms]
            zero_values.append(step_value(step, forms))
        self.zero_values: Final = tuple(zero_values)
        self.has_weights: Final = any(isinstance(step, WeightedOrderStatistic) for step in self.steps)
        """Then it is computed here alone: the native kernel has no such step."""

    def __call__(self, batch: PositionBatch) -> WideIntegers:
        """The ``[n, auxiliary variables]`` table of values."""
        return self._run(batch)[0]

    def work(self, batch: PositionBatch) -> int:
        """How many forms of how many accounts are evaluated for `batch`, all told."""
        return self._run(batch)[1]

    def _run(self, batch: PositionBatch) -> tuple[WideIntegers, int]:
        tables, work = [], 0
        for start in range(0, batch.account_count, _ACCOUNTS_AT_ONCE):
            stop = min(start + _ACCOUNTS_AT_ONCE, batch.account_count)
            pass_ = WitnessPass(batch.accounts(start, stop), self.zero_values)
            for variable, step in enumerate(self.steps):
                work += pass_.compute(variable, step)
            tables.append(pass_.table())
        if not tables:
            return WideIntegers.zeros(0, len(self.steps)), 0
        high, low = (np.vstack([getattr(table, limb) for table in tables]) for limb in ("high", "low"))
        return WideIntegers(high, low), work


def form_value(form: Form, positions: Mapping[int, int], auxiliaries: Sequence[int]) -> int:
    """``A_q q + A_x x + b`` of one account, in Python integers."""
    held = form.positions if positions else ()
    return (
        form.constant
        + sum(coefficient * positions.get(asset, 0) for asset, coefficient in held)
        + sum(coefficient * auxiliaries[variable] for variable, coefficient in form.auxiliaries)
    )


def _bound(step: Step, earlier: Sequence[int], index: int) -> int:
    if not step.forms:
        raise ValueError(f"step {index} has no form")
    if isinstance(step, OrderStatistic) and not 1 <= step.rank <= len(step.forms):
        raise ValueError(f"step {index}: rank {step.rank} is not in 1..{len(step.forms)}")
    if isinstance(step, WeightedOrderStatistic):
        _check_weights(step, index)
    if any(variable >= len(earlier) for form in step.forms for variable, _ in form.auxiliaries):
        raise ValueError(f"step {index} uses an auxiliary variable that is not computed before it")
    bound = max(form_magnitude(form, earlier) for form in step.forms)
    if bound >= WIDE_LIMIT:
        raise ValueError(f"step {index} could leave the range of 128-bit integers")
    return 1 if isinstance(step, Indicator) else bound


def _check_weights(step: WeightedOrderStatistic, index: int) -> None:
    if len(step.weights) != len(step.forms) or min(step.weights) < 1:
        raise ValueError(f"step {index} has not a weight of at least 1 for each form")
    if not 1 <= step.rank <= sum(step.weights) < MAX_TOTAL_WEIGHT:
        raise ValueError(f"step {index}: rank {step.rank} or the sum of weights is out of range")
