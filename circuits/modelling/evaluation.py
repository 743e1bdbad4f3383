"""Margins of whole books by way of the compiled statement: equity, requirement, and who is short.

The witness takes every gadget at its true value, so the lowered forms of equity and requirement are their exact
values (`circuits.modelling.numeric` is the definition). This is for the operator; nothing of it is public.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from circuits.evaluate import evaluate_forms
from circuits.modelling.constraints import BoolArray
from circuits.modelling.errors import ModelError
from circuits.modelling.expressions import Values
from circuits.modelling.model import Model
from circuits.positions import PositionBatch
from circuits.rows import Form
from circuits.wide_integers import WideIntegers


@dataclass(frozen=True)
class MarginResult:
    """One entry per account, in value units of the model; nothing of it in the repr.

    `sufficient` says whether all constraints of the model hold, which for accounts within its bounds is
    whether they can be proven. `worst_scenario` is the name of the scenario with the largest loss (the first of
    several), None where the model reports no scenarios.
    """

    equity: Values = field(repr=False)
    requirement: Values = field(repr=False)
    sufficient: BoolArray = field(repr=False)
    worst_scenario: tuple[str | None, ...] = field(repr=False)

    @property
    def shortfall(self) -> Values:
        """``max(0, requirement - equity)``."""
        result: Values = np.maximum(0, self.requirement - self.equity)
        return result


def evaluate_margin(model: Model, batch: PositionBatch) -> MarginResult:
    """Equity, requirement, sufficiency and worst scenario of every account of `batch`.

    Raises `ModelError` if the model has no margin condition.
    """
    margin = model.margin_condition
    if margin is None:
        raise ModelError("the model has no margin condition: see Model.require_margin")
    compiled = model.compiled()
    batch.check_asset_count(len(model.assets))
    auxiliaries = compiled.statement.auxiliary_values(batch)
    names = list(margin.scenarios)
    expressions = [margin.equity, margin.requirement, *margin.scenarios.values()]
    forms = [compiled.lowering.form(expression) for expression in expressions]
    values = evaluate_forms(forms, batch, auxiliaries)
    equity, requirement = (_integers(values, column) for column in (0, 1))
    worst: Sequence[str | None] = [None] * batch.account_count
    if names:
        losses = np.stack([_integers(values, column + 2) for column in range(len(names))])
        worst = [names[index] for index in np.argmax(losses, axis=0)]
    return MarginResult(equity, requirement, _sufficient(model, batch, auxiliaries), tuple(worst))


def _sufficient(model: Model, batch: PositionBatch, auxiliaries: WideIntegers) -> BoolArray:
    compiled = model.compiled()
    rows = [row for requirement in model.requirements for row in requirement.rows]
    forms: list[Form] = [compiled.lowering.form(row.expression) for row in rows]
    values = evaluate_forms(forms, batch, auxiliaries)
    result = np.asarray((values.high >= 0).all(axis=1), np.bool_)
    for column, row in enumerate(rows):
        if row.is_equation or row.ends_at_width:
            width = 0 if row.is_equation else row.width
            if width is not None:
                result &= values.columns(column, column + 1).within_widths([width])[:, 0]
    return result


def _integers(values: WideIntegers, column: int) -> Values:
    return np.array([line[0] for line in values.columns(column, column + 1).to_ints()], object)
