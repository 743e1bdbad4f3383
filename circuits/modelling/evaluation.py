"""Margins of whole books by way of the compiled witness: equity, requirement, and who is short.

The witness takes every gadget at its true value, so the lowered forms of equity and requirement are their exact
values (`circuits.modelling.numeric` is the definition). They are computed as further steps of the witness,

    e = max(0, e) - max(0, -e),      0 <= e_i < 2^w_i for all i  exactly if  max_i(0, -e_i, e_i - 2^w_i + 1) = 0,

so that an account costs the steps that its positions reach, and not the width of the book; with the native
backend, in its kernel. This is for the operator; nothing of it is public.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from circuits.modelling.constraints import BoolArray
from circuits.modelling.errors import ModelError
from circuits.modelling.expressions import Expression, Values
from circuits.modelling.model import Model
from circuits.positions import PositionBatch
from circuits.rows import Form
from circuits.statement import WitnessFunction
from circuits.wide_integers import WideIntegers
from circuits.witness import Maximum, Step, StepwiseWitness, positive_part, split
from primitives.backend import Backend

_LIMB: Final = 64
_FORMS_AT_ONCE: Final = 32
"""Of one step. An account computes the whole step if a position reaches one of its forms."""


@dataclass(frozen=True)
class MarginResult:
    """One entry per account, in units of ``1/scale`` value unit of the model; nothing of it in the repr.

    `sufficient` says whether all constraints of the model hold, which for accounts within its bounds is
    whether they can be proven. `worst_scenario` is the name of the scenario with the largest loss (the first of
    several), None where the model reports no scenarios.
    """

    equity: Values = field(repr=False)
    requirement: Values = field(repr=False)
    sufficient: BoolArray = field(repr=False)
    worst_scenario: tuple[str | None, ...] = field(repr=False)
    scale: int = 1

    @property
    def shortfall(self) -> Values:
        """``max(0, requirement - equity)``."""
        result: Values = np.maximum(0, self.requirement - self.equity)
        return result


class MarginEvaluator:
    """Equity, requirement, sufficiency and worst scenario of batches of accounts, for one model.

    Raises `ModelError` if the model has no margin condition, or figures beyond 128 bits.
    """

    def __init__(self, model: Model, backend: Backend | None = None) -> None:
        margin = model.margin_condition
        if margin is None:
            raise ModelError("the model has no margin condition: see Model.require_margin")
        self._asset_count = len(model.assets)
        self._scale = margin.scale
        self._scenarios = list(margin.scenarios)
        figures = [margin.equity, margin.requirement, *margin.scenarios.values()]
        self._witness = figures_witness(model, figures, backend)

    def __call__(self, batch: PositionBatch) -> MarginResult:
        """One entry per account of `batch`."""
        batch.check_asset_count(self._asset_count)
        parts = self._witness(batch)
        losses = [_value(parts, number + 2) for number in range(len(self._scenarios))]
        worst: Sequence[str | None] = [None] * batch.account_count
        if losses:
            worst = [self._scenarios[index] for index in np.argmax(np.stack(losses), axis=0)]
        violations = parts.columns(2 * (len(losses) + 2), parts.shape[1])
        holds = violations.within_widths([0] * violations.shape[1]).all(axis=1)
        return MarginResult(_value(parts, 0), _value(parts, 1), np.asarray(holds), tuple(worst), self._scale)


def evaluate_margin(model: Model, batch: PositionBatch) -> MarginResult:
    """Equity, requirement, sufficiency and worst scenario of every account of `batch`.

    Raises `ModelError` as `MarginEvaluator` does.
    """
    return MarginEvaluator(model)(batch)


def figures_witness(model: Model, figures: Sequence[Expression], backend: Backend | None) -> WitnessFunction:
    """Of a table with the positive and the negative part of each of `figures`, and then what is violated.

    Violations are columns, all zero exactly if every constraint holds. `figures` are of variables that the compiled
    model has. Raises `ModelError` for figures beyond 128 bits.
    """
    compiled = model.compiled()
    made = compiled.statement.witness
    steps: list[Step] = list(made.steps) if isinstance(made, StepwiseWitness) else []
    first = len(steps)
    for expression in figures:
        form = compiled.lowering.form(expression)
        steps += [positive_part(form), split(form)]
    violations = _violations(model)
    steps += [
        Maximum(tuple(violations[start : start + _FORMS_AT_ONCE]))
        for start in range(0, len(violations), _FORMS_AT_ONCE)
    ]
    try:
        witness = StepwiseWitness(steps)
    except ValueError as error:
        raise ModelError(f"margins cannot be evaluated: {error}") from error
    run: WitnessFunction = witness
    if backend is not None and backend.name == "native" and not witness.has_weights:
        from circuits.native_witness import NativeWitness

        run = NativeWitness(witness)
    return lambda batch: run(batch).columns(first, len(steps))


def _violations(model: Model) -> list[Form]:
    """Forms that are positive exactly where an account violates a constraint of the model."""
    lower = model.compiled().lowering.form
    forms: list[Form] = []
    for row in (row for requirement in model.requirements for row in requirement.rows):
        form = lower(row.expression)
        forms.append(form.negate())
        width = 0 if row.is_equation else row.width if row.ends_at_width else None
        if width is not None:
            forms.append(replace(form, constant=form.constant - (1 << width) + 1))
    return forms


def _parts(table: WideIntegers, number: int) -> tuple[WideIntegers, WideIntegers]:
    return table.columns(2 * number, 2 * number + 1), table.columns(2 * number + 1, 2 * number + 2)


def _value(table: WideIntegers, number: int) -> Values:
    """Python integers: a positive or a negative part of every account, the other being zero."""
    positive, negative = _parts(table, number)
    value: Values = _integers(positive) - _integers(negative)
    return value


def _integers(column: WideIntegers) -> Values:
    high, low = column.high[:, 0], column.low[:, 0]
    values: Values = low.astype(object)
    if high.any():
        values += high.astype(object) << _LIMB
    return values
