"""Constraints: what a model requires of every account.

A constraint has a meaning (`holds`, exact, for a batch of accounts) and rows that it is lowered to. It has no
truth value, so that ``0 <= e <= 1`` cannot silently lose its first half.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from circuits.modelling.curvature import Curvature
from circuits.modelling.errors import CurvatureError, ModelError
from circuits.modelling.expressions import Expression, Leaf, Valuation, Values, integer
from circuits.modelling.intervals import Interval
from circuits.modelling.leaves import RowSpecification, Variable, indicator

if TYPE_CHECKING:
    from circuits.modelling.model import Model

BoolArray: TypeAlias = NDArray[np.bool_]


class Constraint(ABC):
    """What must hold of every account; hand it to `Model.require`."""

    __hash__ = None  # type: ignore[assignment]

    @property
    @abstractmethod
    def expression(self) -> Expression:
        """One that belongs to the model of the constraint."""

    @abstractmethod
    def rows(self, label: str, *, scale: int, width: int | None) -> list[RowSpecification]:
        """The rows; called once, by `Model.require`. Raises `CurvatureError`."""

    @abstractmethod
    def holds(self, valuation: Valuation) -> BoolArray:
        """Whether it holds, for every account."""

    @abstractmethod
    def __str__(self) -> str: ...

    def __bool__(self) -> bool:
        raise ModelError(
            f"({self}) has no truth value: hand it to Model.require, and write a two-sided bound as band(e, low, "
            "high)"
        )

    def __repr__(self) -> str:
        return f"Constraint({self})"


class Inequality(Constraint):
    """``e >= 0`` for a concave e: one row, or one per piece of a `top_maximum`."""

    def __init__(self, expression: Expression) -> None:
        self._expression = expression

    @property
    def expression(self) -> Expression:
        """e."""
        return self._expression

    def rows(self, label: str, *, scale: int, width: int | None) -> list[RowSpecification]:
        """``0 <= e < 2^w``; with ``e = g - c top_maximum(f_i)`` the rows ``0 <= g - c f_i < 2^w``."""
        check_concave(self._expression, f"row {label!r}")
        pieces = row_pieces(self._expression)
        return [
            RowSpecification(f"{label}: {name}" if name else label, piece, scale=scale, width=width)
            for name, piece in pieces
        ]

    def holds(self, valuation: Valuation) -> BoolArray:
        """``e >= 0``."""
        return np.asarray(valuation(self._expression) >= 0, np.bool_)

    def __str__(self) -> str:
        return f"{self._expression} >= 0"


class Equation(Constraint):
    """``e = 0`` for an affine e (G10): one row of width 0."""

    def __init__(self, expression: Expression) -> None:
        self._expression = expression

    @property
    def expression(self) -> Expression:
        """e."""
        return self._expression

    def rows(self, label: str, *, scale: int, width: int | None) -> list[RowSpecification]:
        """``e = 0``."""
        if width not in (None, 0):
            raise ModelError(f"row {label!r}: an equation has width 0")
        check_affine(self._expression, f"equation {label!r}")
        return [RowSpecification(label, self._expression, scale=scale, is_equation=True)]

    def holds(self, valuation: Valuation) -> BoolArray:
        """``e = 0``."""
        return np.asarray(valuation(self._expression) == 0, np.bool_)

    def __str__(self) -> str:
        return f"{self._expression} == 0"


class Band(Constraint):
    """``low <= e <= high`` for an affine e (G11): one row if ``high - low + 1`` is a power of two, else two."""

    def __init__(self, expression: Expression, low: int, high: int) -> None:
        if integer(low, "low") > integer(high, "high"):
            raise ModelError(f"band of ({expression}): {low} is above {high}")
        self._expression = expression
        self._low = low
        self._high = high

    @property
    def expression(self) -> Expression:
        """e."""
        return self._expression

    def rows(self, label: str, *, scale: int, width: int | None) -> list[RowSpecification]:
        """``0 <= e - low < 2^w`` if that says it all, else also ``0 <= high - e < 2^w``."""
        check_affine(self._expression, f"band {label!r}")
        span = self._high - self._low
        if span & (span + 1) == 0:
            bits = span.bit_length()
            if width not in (None, bits):
                raise ModelError(f"row {label!r}: this band has width {bits}")
            low_side = self._expression - self._low
            return [RowSpecification(label, low_side, width=bits, scale=scale, ends_at_width=True)]
        sides = (
            (f"{label}: low", self._expression - self._low),
            (f"{label}: high", self._high - self._expression),
        )
        return [RowSpecification(name, side, greatest=span, scale=scale, width=width) for name, side in sides]

    def holds(self, valuation: Valuation) -> BoolArray:
        """``low <= e <= high``."""
        values = valuation(self._expression)
        return np.asarray((values >= self._low) & (values <= self._high), np.bool_)

    def __str__(self) -> str:
        return f"{self._low} <= {self._expression} <= {self._high}"


class EitherOr(Constraint):
    """``e_1 >= 0`` or ``e_2 >= 0`` for concave e_1, e_2 (G5), with one boolean."""

    def __init__(self, first: Inequality, second: Inequality) -> None:
        for alternative in (first, second):
            if not isinstance(alternative, Inequality):
                raise ModelError(f"either_or takes two inequalities, not ({alternative})")
        self._alternatives = (first, second)

    @property
    def expression(self) -> Expression:
        """e_1."""
        return self._alternatives[0].expression

    def rows(self, label: str, *, scale: int, width: int | None) -> list[RowSpecification]:
        """``e_1 + M_1 b >= 0`` and ``e_2 + M_2 (1 - b) >= 0``; the witness takes b = 0 where it can."""
        first, second = (alternative.expression for alternative in self._alternatives)
        boolean = make_boolean(f"{label}: second alternative", -first - 1)
        return [
            relaxed_row(f"{label}: first alternative", first, boolean, scale=scale, width=width),
            relaxed_row(f"{label}: second alternative", second, 1 - boolean, scale=scale, width=width),
        ]

    def holds(self, valuation: Valuation) -> BoolArray:
        """One or the other, or both."""
        first, second = (alternative.holds(valuation) for alternative in self._alternatives)
        return first | second

    def __str__(self) -> str:
        return " or ".join(str(alternative) for alternative in self._alternatives)


class CountAtMost(Constraint):
    """At most k of the inequalities ``e_s >= 0`` fail (G8), e_s concave, with one boolean each."""

    def __init__(self, limit: int, inequalities: Sequence[Inequality]) -> None:
        if not inequalities:
            raise ModelError("count_at_most of no inequality")
        if not 0 <= integer(limit, "limit") <= len(inequalities):
            raise ModelError(f"count_at_most: {limit} is not in 0..{len(inequalities)}")
        for inequality in inequalities:
            if not isinstance(inequality, Inequality):
                raise ModelError(f"count_at_most takes inequalities, not ({inequality})")
        self._limit = limit
        self._inequalities = tuple(inequalities)

    @property
    def expression(self) -> Expression:
        """e_1."""
        return self._inequalities[0].expression

    def rows(self, label: str, *, scale: int, width: int | None) -> list[RowSpecification]:
        """``e_s + M_s b_s >= 0`` for every s, and ``k - sum b_s >= 0``."""
        rows = []
        allowed = self.expression * 0 + self._limit
        for number, inequality in enumerate(self._inequalities, start=1):
            slack = inequality.expression
            boolean = make_boolean(f"{label}: {number} fails", -slack - 1)
            rows.append(relaxed_row(f"{label}: {number}", slack, boolean, scale=scale, width=width))
            allowed = allowed - boolean
        return [*rows, RowSpecification(f"{label}: count", allowed, greatest=self._limit)]

    def holds(self, valuation: Valuation) -> BoolArray:
        """By counting."""
        failing = np.stack([~inequality.holds(valuation) for inequality in self._inequalities])
        return np.asarray(failing.sum(axis=0) <= self._limit, np.bool_)

    def __str__(self) -> str:
        return f"at most {self._limit} fail of {len(self._inequalities)}: {self._inequalities[0]}, ..."


class TopMaximum(Leaf):
    """``max(f_1, ..., f_n)`` that only stands, with a minus sign, in one ``>= 0`` of a model (G4)."""

    __slots__ = ("pieces",)

    def __init__(self, model: Model, label: str, pieces: Sequence[tuple[str, Expression]]) -> None:
        intervals = [piece.interval for _, piece in pieces]
        interval = Interval(
            max(interval.least for interval in intervals), max(interval.greatest for interval in intervals)
        )
        non_negative = any(piece.is_non_negative for _, piece in pieces)
        super().__init__(model, label, Curvature.CONVEX, interval, is_non_negative=non_negative)
        self.pieces = tuple(pieces)

    def meaning(self, valuation: Valuation) -> Values:
        """The maximum."""
        result: Values = np.maximum.reduce([valuation(piece) for _, piece in self.pieces])
        return result

    def text(self) -> str:
        """As a formula, or the label if that is long."""
        text = f"top_maximum({', '.join(str(piece) for _, piece in self.pieces)})"
        return text if len(text) <= 80 else f"[{self.label}]"


def relaxed_row(
    label: str, slack: Expression, release: Expression, *, scale: int = 1, width: int | None = None
) -> RowSpecification:
    """``e + M release >= 0`` with M the largest shortfall that honest accounts have where `release` is 1.

    A smaller M would only make fewer accounts provable.
    """
    check_concave(slack, f"row {label!r}")
    bounded = slack.model.reach(slack, scale)
    big_m = max(0, -bounded.least)
    return RowSpecification(
        label,
        slack + release * big_m,
        greatest=max(0, bounded.greatest) + big_m,
        scale=scale,
        is_capped=False,
        width=width,
    )


def make_boolean(label: str, expression: Expression) -> Expression:
    """A boolean variable whose witness is 1 where `expression` is at least 0."""
    variable = Variable(expression.model, label, greatest=1, rule=indicator(expression))
    return variable.expression()


def check_concave(expression: Expression, where: str) -> None:
    """Raise `CurvatureError` unless nothing in `expression` could be over-stated by the prover."""
    for leaf, coefficient in expression.terms.items():
        if not leaf.curvature.times(coefficient).is_concave:
            raise CurvatureError(_explain(where, leaf, coefficient, "over-stated", "may only be subtracted"))


def check_convex(expression: Expression, where: str) -> None:
    """Raise `CurvatureError` unless nothing in `expression` could be under-stated by the prover."""
    for leaf, coefficient in expression.terms.items():
        if not leaf.curvature.times(coefficient).is_convex:
            raise CurvatureError(_explain(where, leaf, coefficient, "under-stated", "may only be added"))


def check_affine(expression: Expression, where: str) -> None:
    """Raise `CurvatureError` unless the value is exact."""
    for leaf, coefficient in expression.terms.items():
        if not leaf.curvature.is_affine:
            raise CurvatureError(
                _explain(where, leaf, coefficient, "over- or under-stated", "must not stand here at all")
            )


def _explain(where: str, leaf: Leaf, coefficient: int, fault: str, rule: str) -> str:
    subject = "a convex gadget" if leaf.curvature is Curvature.CONVEX else "a concave gadget"
    term = f"{coefficient} * {leaf.text()}" if coefficient != 1 else leaf.text()
    return (
        f"{where}: the term {term} could be {fault} by the prover, in their own favour: {leaf.text()} is "
        f"{subject}, and the row would need a boolean ({rule} without one). Remedy: make the gadget with "
        "exact=True (booleans), tell the cases apart with either_or, or use a bound that errs against the account"
    )


def row_pieces(expression: Expression) -> list[tuple[str, Expression]]:
    """What must not be negative where `expression` must not be: one piece, without a name, unless it has a
    `top_maximum`; then one of each operand.
    """
    tops = [leaf for leaf in expression.terms if isinstance(leaf, TopMaximum)]
    if not tops:
        return [("", expression)]
    if len(tops) > 1:
        raise ModelError("a row can have one top_maximum; use maximum for the others")
    top = tops[0]
    coefficient = expression.terms[top]
    rest = expression - coefficient * top.expression()
    return [(name, rest + coefficient * piece) for name, piece in top.pieces]


def equals(left: Expression, right: Expression | int) -> Equation:
    """``left = right`` (G10), for an affine difference: one row of width 0."""
    return Equation(left - right)


def band(e: Expression, low: int, high: int) -> Band:
    """``low <= e <= high`` (G11) for an affine e: one row if ``high - low + 1`` is a power of two, else two."""
    return Band(e, low, high)


def either_or(first: Inequality, second: Inequality) -> EitherOr:
    """One of two inequalities, or both (G5): one boolean."""
    return EitherOr(first, second)


def count_at_most(limit: int, inequalities: Sequence[Inequality]) -> CountAtMost:
    """At most `limit` of the inequalities fail (G8): one boolean each."""
    return CountAtMost(limit, inequalities)
