"""Margins of accounts under models with several margin conditions: the one with the least to spare.

By way of the compiled witness, as `circuits.modelling.evaluation` has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from circuits.modelling.constraints import BoolArray, row_pieces
from circuits.modelling.errors import ModelError
from circuits.modelling.evaluation import MarginResult, figures_witness
from circuits.modelling.expressions import Expression, Values
from circuits.modelling.model import Margin, Model
from circuits.positions import Int64Array, PositionBatch
from circuits.wide_integers import WideIntegers
from primitives.backend import Backend

ACCOUNTS_AT_ONCE: Final = 1 << 13
_LIMB: Final = 64
_NARROW: Final = np.uint64(1 << 62)


@dataclass(frozen=True, eq=False)
class _Condition:
    """One inequality of a margin condition: several if its requirement is a `top_maximum`.

    Numbers are places among the figures; `scenarios` has names with the places of their losses.
    """

    margin: Margin
    equity: int
    requirement: int
    scenarios: tuple[tuple[str, int], ...]


class ConditionsEvaluator:
    """Equity and requirement of the condition with the least to spare, in whole value units; see `MarginResult`.

    Equity is rounded down and the requirement up, which leaves ``equity >= requirement`` as it is. Conditions of
    compartments where an account has neither are passed over. The name is that of the condition, and of its worst
    scenario where it has some; an empty account has none. Raises `ModelError` if the model has no margin condition,
    and what compiling it raises.
    """

    def __init__(self, model: Model, backend: Backend | None = None) -> None:
        if not model.margin_conditions:
            raise ModelError("the inner model has no margin condition: no equity, and nothing required of it")
        figures: dict[int, Expression] = {}
        places: dict[int, int] = {}

        def place(expression: Expression) -> int:
            # The same expression object often stands in many conditions, such as the equity of all scenarios.
            if id(expression) not in places:
                places[id(expression)] = len(figures)
                figures[len(figures)] = expression
            return places[id(expression)]

        self._conditions = tuple(
            _Condition(
                margin,
                place(margin.equity),
                place(requirement),
                tuple((name, place(loss)) for name, loss in margin.scenarios.items()),
            )
            for margin, requirement in _pieces(model)
        )
        self._asset_count = len(model.assets)
        self._figures = len(figures)
        self._witness = figures_witness(model, list(figures.values()), backend)

    def __call__(self, batch: PositionBatch) -> MarginResult:
        """One entry per account of `batch`."""
        batch.check_asset_count(self._asset_count)
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
        table = self._witness(batch)
        values = [_value(table, number) for number in range(self._figures)]
        equity = np.stack([values[each.equity] // each.margin.scale for each in self._conditions])
        requirement = np.stack(
            [-(-values[each.requirement] // each.margin.scale) for each in self._conditions]
        )
        slack = equity - requirement
        is_empty = (equity == 0) & (requirement == 0)
        slack[is_empty] = slack.max(initial=0) + 1
        worst = np.argmin(slack, axis=0)
        accounts = np.arange(batch.account_count)
        names = np.full(batch.account_count, None, object)
        for number in set(worst.tolist()):
            chosen = np.flatnonzero((worst == number) & ~is_empty.all(axis=0))
            names[chosen] = _names(self._conditions[number], values, chosen)
        violations = table.columns(2 * self._figures, table.shape[1])
        holds = np.asarray(violations.within_widths([0] * violations.shape[1]).all(axis=1), np.bool_)
        return (
            equity[worst, accounts].astype(object),
            requirement[worst, accounts].astype(object),
            holds,
            names,
        )


def _pieces(model: Model) -> Iterator[tuple[Margin, Expression]]:
    for margin in model.margin_conditions:
        for _, requirement in row_pieces(margin.requirement):
            yield margin, requirement


def _names(
    condition: _Condition, values: list[Values | Int64Array], chosen: NDArray[np.intp]
) -> NDArray[np.object_]:
    """Per account the condition, and the scenario of it with the largest loss."""
    label = condition.margin.label
    if not condition.scenarios:
        return np.full(len(chosen), label, object)
    losses = np.stack([values[place][chosen] for _, place in condition.scenarios])
    labels = np.array([f"{label}: {name}" for name, _ in condition.scenarios], object)
    names: NDArray[np.object_] = labels[np.argmax(losses, axis=0)]
    return names


def _value(table: WideIntegers, number: int) -> Values | Int64Array:
    """A positive or a negative part of every account, the other being zero: int64 where all fit, else Python's."""
    high, low = table.high[:, 2 * number : 2 * number + 2], table.low[:, 2 * number : 2 * number + 2]
    if not high.any() and (low < _NARROW).all():
        narrow: Int64Array = low[:, 0].astype(np.int64) - low[:, 1].astype(np.int64)
        return narrow
    parts: Values = low.astype(object) + (high.astype(object) << _LIMB)
    wide: Values = parts[:, 0] - parts[:, 1]
    return wide
