"""Margins of accounts under models with several margin conditions: the one with the least to spare."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from circuits.modelling.constraints import BoolArray
from circuits.modelling.errors import ModelError
from circuits.modelling.evaluation import MarginResult
from circuits.modelling.expressions import Values
from circuits.modelling.model import Margin, Model
from circuits.models.margin_evaluation import ACCOUNTS_AT_ONCE, NarrowNumeric
from circuits.positions import PositionBatch


class ConditionsEvaluator:
    """Equity and requirement of the condition with the least to spare, in whole value units; see `MarginResult`.

    Equity is rounded down and the requirement up, which leaves ``equity >= requirement`` as it is. Conditions of
    compartments where an account has neither are passed over. The name is that of the condition, and of its worst
    scenario where it has some; an empty account has none. Raises `ModelError` if the model has no margin condition.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._margins = model.margin_conditions
        if not self._margins:
            raise ModelError("the inner model has no margin condition: no equity, and nothing required of it")

    def __call__(self, batch: PositionBatch) -> MarginResult:
        """One entry per account of `batch`."""
        count = batch.account_count
        parts = [
            self._part(batch.accounts(start, min(start + ACCOUNTS_AT_ONCE, count)))
            for start in range(0, max(1, count), ACCOUNTS_AT_ONCE)
        ]
        equity, requirement, sufficient, worst = (
            np.concatenate(column) for column in zip(*parts, strict=True)
        )
        return MarginResult(equity, requirement, sufficient, tuple(worst.tolist()))

    def _part(self, batch: PositionBatch) -> tuple[Values, Values, BoolArray, NDArray[np.object_]]:
        numeric = NarrowNumeric(self._model, batch)
        equity = np.stack([numeric.value(each.equity).astype(object) // each.scale for each in self._margins])
        requirement = np.stack(
            [-(-numeric.value(each.requirement).astype(object) // each.scale) for each in self._margins]
        )
        slack = equity - requirement
        is_empty = (equity == 0) & (requirement == 0)
        slack[is_empty] = slack.max(initial=0) + 1
        worst = np.argmin(slack, axis=0)
        accounts = np.arange(batch.account_count)
        names = np.full(batch.account_count, None, object)
        for place in set(worst.tolist()):
            chosen = np.flatnonzero((worst == place) & ~is_empty.all(axis=0))
            names[chosen] = _names(numeric, self._margins[place])[chosen]
        return equity[worst, accounts], requirement[worst, accounts], numeric.satisfied(), names


def _names(numeric: NarrowNumeric, margin: Margin) -> NDArray[np.object_]:
    """Per account the condition, and the scenario of it with the largest loss."""
    if not margin.scenarios:
        return np.full(len(numeric.value(margin.equity)), margin.label, object)
    losses = np.stack([numeric.value(loss).astype(object) for loss in margin.scenarios.values()])
    labels = np.array([f"{margin.label}: {name}" for name in margin.scenarios], object)
    names: NDArray[np.object_] = labels[np.argmax(losses, axis=0)]
    return names
