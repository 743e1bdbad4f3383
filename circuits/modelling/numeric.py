"""What expressions and constraints of a model mean: exact values for a batch of accounts.

This is the definition that the rows are tested against. It is vectorised over accounts in Python integers;
`circuits.modelling.evaluation` computes margins of whole books by way of the compiled witness.
"""

from __future__ import annotations

import numpy as np

from circuits.modelling.constraints import BoolArray
from circuits.modelling.expressions import Expression, Leaf, Values
from circuits.modelling.leaves import Position
from circuits.modelling.model import Model
from circuits.positions import PositionBatch


class Numeric:
    """The values of a model's expressions for one batch, each leaf computed once."""

    def __init__(self, model: Model, batch: PositionBatch) -> None:
        """Raises `ValueError` if a position of `batch` names an asset that the book has not."""
        self._amounts = batch.to_dense(len(model.assets))
        self._model = model
        self._values: dict[Leaf, Values] = {}

    def value(self, expression: Expression) -> Values:
        """One Python integer per account."""
        result = np.full(len(self._amounts), expression.constant, object)
        for leaf, coefficient in expression.terms.items():
            result = result + coefficient * self._leaf(leaf)
        return result

    def satisfied(self) -> BoolArray:
        """Whether all constraints of the model hold, for every account."""
        result = np.ones(len(self._amounts), np.bool_)
        for requirement in self._model.requirements:
            result &= requirement.constraint.holds(self.value)
        return result

    def failing(self, account: int) -> list[str]:
        """The labels of the constraints that one account of the batch fails."""
        return [
            requirement.label
            for requirement in self._model.requirements
            if not requirement.constraint.holds(self.value)[account]
        ]

    def _leaf(self, leaf: Leaf) -> Values:
        if leaf not in self._values:
            if isinstance(leaf, Position):
                self._values[leaf] = self._amounts[:, leaf.asset].astype(object)
            else:
                self._values[leaf] = leaf.meaning(self.value)
        return self._values[leaf]
