"""Witness functions of the simple gadgets: auxiliary values as maxima and minima of affine forms.

An auxiliary variable of these gadgets is a non-negative number with a closed form:

    positive part   x = max(0, f)
    split           d = max(0, -f), so that f + d = max(0, f) and f + 2 d = |f|
    maximum         x = max(0, f_1, ..., f_n)
    minimum         x = max(0, min(f_1, ..., f_n))

where forms may use positions and auxiliary variables of smaller index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from circuits.evaluate import evaluate_forms
from circuits.positions import PositionBatch
from circuits.rows import Form
from circuits.statement_checks import form_magnitude
from circuits.wide_integers import WIDE_LIMIT, WideIntegers


@dataclass(frozen=True, slots=True)
class Maximum:
    """``max(0, f_1, ..., f_n)``."""

    forms: tuple[Form, ...]


@dataclass(frozen=True, slots=True)
class Minimum:
    """``max(0, min(f_1, ..., f_n))``."""

    forms: tuple[Form, ...]


Step = Maximum | Minimum


def positive_part(form: Form) -> Maximum:
    """``max(0, f)``."""
    return Maximum((form,))


def split(form: Form) -> Maximum:
    """``max(0, -f)``, the d of gadget "split": with it ``f + d >= 0`` and ``d >= 0``."""
    return Maximum((form.negate(),))


class StepwiseWitness:
    """A witness function with one step per auxiliary variable, computed in order.

    Raises `ValueError` if a step has no form, if a form uses an auxiliary variable that is not computed
    before it, or if a value could leave ``[-2^127, 2^127)``.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = tuple(steps)
        bounds: list[int] = []
        for index, step in enumerate(self._steps):
            bounds.append(_bound(step, bounds, index))

    def __call__(self, batch: PositionBatch) -> WideIntegers:
        """The ``[n, auxiliary variables]`` table of values."""
        table = WideIntegers.zeros(batch.account_count, 0)
        for step in self._steps:
            table = WideIntegers.concatenate([table, _evaluate(step, batch, table)])
        return table


def _bound(step: Step, earlier: Sequence[int], index: int) -> int:
    if not step.forms:
        raise ValueError(f"step {index} has no form")
    if any(variable >= len(earlier) for form in step.forms for variable, _ in form.auxiliaries):
        raise ValueError(f"step {index} uses an auxiliary variable that is not computed before it")
    bound = max(form_magnitude(form, earlier) for form in step.forms)
    if bound >= WIDE_LIMIT:
        raise ValueError(f"step {index} could leave the range of 128-bit integers")
    return bound


def _evaluate(step: Step, batch: PositionBatch, earlier: WideIntegers) -> WideIntegers:
    values = evaluate_forms(step.forms, batch, earlier)
    columns = [values.columns(index, index + 1) for index in range(len(step.forms))]
    if isinstance(step, Maximum):
        return reduce(WideIntegers.maximum, columns).positive_part()
    return reduce(WideIntegers.minimum, columns).positive_part()
