"""Equity and requirement of many accounts as functions of what they hold, in exact integers.

A margin model has conditions c (one, or one per compartment), each ``E_c >= R_c`` in units of ``1/scale_c`` value unit.
For a multiple ``m = n/d`` of the requirement

    slack(q; m) = min_c (L / scale_c) (d E_c(q) - n R_c(q)),      L = lcm of the scales

is at least 0 exactly where every condition holds with the multiple, which is what the model `capital-adequacy` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import lcm
from typing import Final

import numpy as np
from numpy.typing import NDArray

from circuits.modelling.definition import ModelDefinition
from circuits.modelling.errors import ModelError
from circuits.modelling.expressions import Values
from circuits.modelling.model import Model
from circuits.models.margin_evaluation import ACCOUNTS_AT_ONCE, NarrowNumeric
from circuits.positions import Int64Array, PositionBatch
from circuits.public_market import PublicMarket
from primitives.assets import Asset

_NARROW_LIMIT: Final = 1 << 62
_CAPITAL_ADEQUACY: Final = "capital-adequacy"


@dataclass(frozen=True)
class Figures:
    """Per condition equity and requirement of every account, both scaled to ``1/scale`` value unit. Private."""

    equity: Sequence[Values]
    requirement: Sequence[Values]
    scale: int

    def slacks(self, multiple: Fraction) -> list[Values]:
        """``d E_c - n R_c`` of each condition, in ``1/(d scale)`` value unit; int64 where that is known to fit."""
        n, d = multiple.numerator, multiple.denominator
        return [
            _combined(equity, d, requirement, -n)
            for equity, requirement in zip(self.equity, self.requirement, strict=True)
        ]

    def slack(self, multiple: Fraction) -> Values:
        """The least of `slacks`."""
        result: Values = np.minimum.reduce(self.slacks(multiple))
        return result


class MarginFunction:
    """The margin conditions of `definition` for a book with `assets`, at one market.

    Raises `ModelError` for a model without a margin condition, and for one in which what an account misses may be
    counted away: a fund's cover is no margin of the account.
    """

    def __init__(
        self, definition: ModelDefinition, assets: Iterable[Asset], market: PublicMarket | None
    ) -> None:
        if definition.kind == _CAPITAL_ADEQUACY:
            raise ModelError(
                "the model has a buffer of its own (capital-adequacy): give the one inside it; buffers are the policy's"
            )
        if definition.kind == "insured":
            raise ModelError("the model lets a fund cover shortfalls (insured): give the one inside it")
        self.assets = tuple(assets)
        self._model: Model = definition.model(self.assets, market)
        self._margins = self._model.margin_conditions
        if not self._margins:
            raise ModelError("the model has no margin condition: no equity, and nothing required of it")
        self.scale = lcm(*(margin.scale for margin in self._margins))
        self.units = definition.numbers.units

    @cached_property
    def is_concave(self) -> bool:
        """Whether every slack is a concave function of what an account holds: the searches are then exact.

        Curvature says so where no boolean takes part; of booleans it only says which way a prover may err.
        """
        is_lowered_to_lines = all(each.width > 1 for each in self._model.compile().auxiliaries)
        return is_lowered_to_lines and all(
            margin.equity.curvature.is_concave and margin.requirement.curvature.is_convex
            for margin in self._margins
        )

    @property
    def condition_count(self) -> int:
        """The number of margin conditions."""
        return len(self._margins)

    def figures(self, table: Int64Array) -> Figures:
        """Of the accounts whose amounts are the lines of `table`, one column per asset."""
        parts = [
            self._part(table[start : start + ACCOUNTS_AT_ONCE])
            for start in range(0, max(1, len(table)), ACCOUNTS_AT_ONCE)
        ]
        equity = [np.concatenate(column) for column in zip(*(part[0] for part in parts), strict=True)]
        requirement = [np.concatenate(column) for column in zip(*(part[1] for part in parts), strict=True)]
        return Figures(equity, requirement, self.scale)

    def slack(self, table: Int64Array, multiple: Fraction) -> Values:
        """`Figures.slack`."""
        return self.figures(table).slack(multiple)

    def _part(self, table: Int64Array) -> tuple[list[Values], list[Values]]:
        numeric = NarrowNumeric(self._model, batch_of(table))
        equity, requirement = [], []
        for margin in self._margins:
            factor = self.scale // margin.scale
            equity.append(_times(numeric.value(margin.equity), factor))
            requirement.append(_times(numeric.value(margin.requirement), factor))
        return equity, requirement


def batch_of(table: Int64Array) -> PositionBatch:
    """The accounts whose amounts are the lines of `table`."""
    accounts, assets = np.nonzero(table)
    offsets = np.zeros(len(table) + 1, np.int64)
    np.cumsum(np.bincount(accounts, minlength=len(table)), out=offsets[1:])
    return PositionBatch(offsets, assets.astype(np.int32), table[accounts, assets])


def _combined(left: Values, a: int, right: Values, b: int) -> Values:
    """``a left + b right``."""
    narrow = left.dtype == np.int64 and right.dtype == np.int64
    if narrow and _size(left) * abs(a) + _size(right) * abs(b) < _NARROW_LIMIT:
        result: Values = a * left + b * right
    else:
        result = a * left.astype(object) + b * right.astype(object)
    return result


def _times(values: Values, factor: int) -> Values:
    if factor == 1:
        return values
    narrow = values.dtype == np.int64 and _size(values) * factor < _NARROW_LIMIT
    result: Values = factor * (values if narrow else values.astype(object))
    return result


def _size(values: NDArray[np.int64] | Values) -> int:
    return int(np.abs(values).max(initial=0))
