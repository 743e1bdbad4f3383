"""Margins of whole books in 64-bit integers wherever the amounts at hand allow it.

The definition is that of `circuits.modelling.numeric`; this evaluates the same expressions in numpy's int64,
some thousand accounts at once. Before an expression is computed, the largest absolute values of its terms in these
accounts bound every partial sum. Where the bound does not fit, Python integers are used instead.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from circuits.modelling.errors import ModelError
from circuits.modelling.evaluation import MarginResult
from circuits.modelling.expressions import Expression, Leaf, Values
from circuits.modelling.leaves import Position
from circuits.modelling.model import Margin, Model
from circuits.modelling.numeric import Numeric
from circuits.positions import PositionBatch

ACCOUNTS_AT_ONCE: Final = 1 << 12
"""A few arrays of this length stay in the processor's cache."""
_NARROW_LIMIT: Final = 1 << 61
"""Gadgets add and double what they are given at most once."""


class NarrowNumeric(Numeric):
    """`Numeric`, in int64 where every partial sum is known to fit."""

    def __init__(self, model: Model, batch: PositionBatch) -> None:
        super().__init__(model, batch)
        self._columns = np.ascontiguousarray(self._amounts.T)
        self._sizes: dict[Leaf, int] = {}
        # With the expression, so that its id is not given to another one.
        self._expressions: dict[int, tuple[Expression, Values]] = {}

    def value(self, expression: Expression) -> Values:
        """One integer per account, int64 or Python's. The same expression is computed once."""
        if id(expression) not in self._expressions:
            self._expressions[id(expression)] = expression, self._compute(expression)
        return self._expressions[id(expression)][1]

    def _compute(self, expression: Expression) -> Values:
        terms = [(leaf, self._leaf(leaf), coefficient) for leaf, coefficient in expression.terms.items()]
        size = abs(expression.constant) + sum(abs(c) * self._sizes[leaf] for leaf, _, c in terms)
        is_narrow = size < _NARROW_LIMIT
        result: Values = np.full(
            self._columns.shape[1], expression.constant, np.int64 if is_narrow else object
        )
        for leaf, values, coefficient in terms:
            if self._sizes[leaf]:
                result += coefficient * (values if is_narrow else values.astype(object))
        return result

    def _leaf(self, leaf: Leaf) -> Values:
        if leaf not in self._values:
            values: Values = (
                self._columns[leaf.asset] if isinstance(leaf, Position) else leaf.meaning(self.value)
            )
            size = int(np.abs(values).max(initial=0))
            # Of int64 operands a gadget makes int64; what is larger goes on in Python integers.
            self._values[leaf] = values.astype(np.int64 if size < _NARROW_LIMIT else object, copy=False)
            self._sizes[leaf] = size
        return self._values[leaf]


def evaluate_scenario_margin(model: Model, batch: PositionBatch, *, scale: int = 1) -> MarginResult:
    """`circuits.modelling.evaluation.evaluate_margin`, with values in whole value units.

    `scale` is that of the margin condition: equity and requirement are divided by it, the requirement rounded up,
    which leaves ``equity >= requirement`` as it is.
    """
    margin = model.margin_condition
    if margin is None:
        raise ModelError("the model has no margin condition: see Model.require_margin")
    parts = [
        _evaluate_part(
            model, margin, batch.accounts(start, min(start + ACCOUNTS_AT_ONCE, batch.account_count))
        )
        for start in range(0, batch.account_count, ACCOUNTS_AT_ONCE)
    ] or [_evaluate_part(model, margin, batch)]
    equity, requirement, sufficient, worst = (np.concatenate(column) for column in zip(*parts, strict=True))
    names: list[str | None] = list(margin.scenarios) or [None]
    return MarginResult(
        equity // scale,
        -(-requirement // scale),
        sufficient,
        tuple(names[index] for index in worst.tolist()),
    )


def _evaluate_part(
    model: Model, margin: Margin, batch: PositionBatch
) -> tuple[Values, Values, NDArray[np.bool_], NDArray[np.intp]]:
    numeric = NarrowNumeric(model, batch)
    worst = np.zeros(batch.account_count, np.intp)
    if margin.scenarios:
        losses = [numeric.value(loss) for loss in margin.scenarios.values()]
        worst = np.argmax(np.stack(losses), axis=0)
    equity, requirement = numeric.value(margin.equity), numeric.value(margin.requirement)
    return equity.astype(object), requirement.astype(object), numeric.satisfied(), worst
