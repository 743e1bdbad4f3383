"""The leaves of expressions: positions, auxiliary variables, and names for combinations of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from circuits.modelling.curvature import Curvature
from circuits.modelling.expressions import Expression, Leaf, Valuation, Values
from circuits.modelling.intervals import Interval
from circuits.rows import Form
from circuits.witness import Indicator, Maximum, Minimum, OrderStatistic, Step, WeightedOrderStatistic
from circuits.witness_steps import step_value

if TYPE_CHECKING:
    from circuits.modelling.model import Model

Meaning = Callable[[Sequence[Values]], Values]
"""From the values of the arguments to the value of a gadget."""


@dataclass(frozen=True, eq=False)
class RowSpecification:
    """A row to come: ``0 <= expression < 2^w``, or ``expression = 0`` if `is_equation`.

    `greatest` is the largest value that honest accounts reach, None to take the expression's interval. Values count
    in units of ``1/scale`` value unit, and what `Model.limit` says applies unless `is_capped` is false. `width`
    overrides what would be derived; if the row `ends_at_width`, it is part of what is required.
    """

    label: str
    expression: Expression
    greatest: int | None = None
    scale: int = 1
    is_capped: bool = True
    is_equation: bool = False
    ends_at_width: bool = False
    width: int | None = None


@dataclass(frozen=True, eq=False)
class Rule:
    """How the witness computes a variable: one of the steps of `circuits.witness` over expressions."""

    expressions: tuple[Expression, ...]
    make: Callable[[tuple[Form, ...]], Step]

    def meaning(self, valuation: Valuation) -> Values:
        """The same in Python integers."""
        step = self.make(tuple(Form() for _ in self.expressions))
        return step_meaning(step, [valuation(expression) for expression in self.expressions])


def largest(*expressions: Expression) -> Rule:
    """``max(0, e_1, ..., e_n)``."""
    return Rule(expressions, Maximum)


def smallest(*expressions: Expression) -> Rule:
    """``max(0, min(e_1, ..., e_n))``."""
    return Rule(expressions, Minimum)


def indicator(expression: Expression) -> Rule:
    """1 where ``e >= 0``, else 0."""
    return Rule((expression,), lambda forms: Indicator(forms[0]))


def order_statistic(rank: int, *expressions: Expression) -> Rule:
    """``max(0, the rank-th largest of e_1, ..., e_n)``, counted from 1."""
    return Rule(expressions, lambda forms: OrderStatistic(forms, rank))


def weighted_order_statistic(rank: int, weights: Sequence[int], *expressions: Expression) -> Rule:
    """``max(0, x)``, x the largest of the values such that the weights of those of at least x sum to `rank`."""
    return Rule(expressions, lambda forms: WeightedOrderStatistic(forms, rank, tuple(weights)))


def step_meaning(step: Step, values: Sequence[Values]) -> Values:
    """The value of a step from those of its forms."""
    zero = np.zeros(len(values[0]), object)
    if isinstance(step, Indicator):
        return np.array([int(value >= 0) for value in values[0]], object)
    if isinstance(step, WeightedOrderStatistic):
        return np.array([step_value(step, account) for account in zip(*values, strict=True)], object)
    if isinstance(step, OrderStatistic):
        values = [np.sort(np.stack(values), axis=0)[-step.rank]]
    result: Values = np.maximum(zero, reduce(np.maximum if isinstance(step, Maximum) else np.minimum, values))
    return result


class Position(Leaf):
    """What an account holds of one asset, in base units."""

    __slots__ = ("asset", "bound")

    def __init__(self, model: Model, asset: int, label: str, bound: int, *, is_non_negative: bool) -> None:
        interval = Interval(0 if is_non_negative else 1 - bound, bound - 1)
        super().__init__(model, label, Curvature.AFFINE, interval, is_non_negative=is_non_negative)
        self.asset = asset
        self.bound = bound

    @property
    def asset_id(self) -> str:
        """Of the asset."""
        return self.label

    @property
    def proven_greatest(self) -> int | None:
        """What the row of a non-negative position leaves room for."""
        return (1 << (self.bound - 1).bit_length()) - 1 if self.is_non_negative else None

    def meaning(self, valuation: Valuation) -> Values:
        """Not computed from arguments: the valuation has it."""
        raise NotImplementedError

    def text(self) -> str:
        """The asset's id."""
        return self.label


class Variable(Leaf):
    """An auxiliary variable x of the statement, standing for the value ``offset + direction x``.

    `greatest` is the largest x of honest accounts. `rows` bind it; they are added if the variable is used. The
    value follows from `meaning` over the arguments if that is given, else from the rule. Labels, those of `rows`
    too, begin with the model's prefix (`Model.embedded`), which is added here.
    """

    __slots__ = (
        "_arguments", "_meaning", "_text", "direction", "greatest", "offset", "prefix", "rows", "rule",
    )  # fmt: skip

    def __init__(
        self,
        model: Model,
        label: str,
        *,
        greatest: int,
        rule: Rule,
        curvature: Curvature = Curvature.AFFINE,
        offset: int = 0,
        direction: int = 1,
        meaning: Meaning | None = None,
        arguments: Sequence[Expression] = (),
        text: str | None = None,
    ) -> None:
        interval = Interval(0, greatest).times(direction).plus(Interval(offset, offset))
        is_non_negative = direction > 0 and offset >= 0
        self.prefix = model.prefix
        super().__init__(model, self.prefix + label, curvature, interval, is_non_negative=is_non_negative)
        self.greatest = greatest
        self.rule = rule
        self.offset = offset
        self.direction = direction
        self.rows: list[RowSpecification] = []
        self._meaning = meaning
        self._arguments = tuple(arguments)
        self._text = text

    def meaning(self, valuation: Valuation) -> Values:
        """The gadget's own definition if it has one, else ``offset + direction`` times the rule."""
        if self._meaning is not None:
            return self._meaning([valuation(argument) for argument in self._arguments])
        result: Values = self.offset + self.direction * self.rule.meaning(valuation)
        return result

    def dependencies(self) -> list[Expression]:
        """Everything that must be compiled with the variable."""
        return [*self.rule.expressions, *(row.expression for row in self.rows)]

    def text(self) -> str:
        """The gadget as a formula, else the label."""
        return self._text if self._text is not None else f"[{self.label}]"


class Alias(Leaf):
    """A name for an affine combination of other leaves, whose meaning and bounds are better known.

    `asset_id` is that of the position that it stands in the place of, if it does (`Model.embedded`).
    """

    __slots__ = ("_arguments", "_meaning", "_text", "asset_id", "form")

    def __init__(
        self,
        model: Model,
        label: str,
        form: Expression,
        *,
        curvature: Curvature,
        interval: Interval,
        is_non_negative: bool,
        meaning: Meaning,
        arguments: Sequence[Expression],
        text: str,
        asset_id: str | None = None,
    ) -> None:
        super().__init__(model, label, curvature, interval, is_non_negative=is_non_negative)
        self.form = form
        self.asset_id = asset_id
        self._meaning = meaning
        self._arguments = tuple(arguments)
        self._text = text

    def meaning(self, valuation: Valuation) -> Values:
        """The gadget's own definition."""
        return self._meaning([valuation(argument) for argument in self._arguments])

    def text(self) -> str:
        """The gadget as a formula."""
        return self._text
