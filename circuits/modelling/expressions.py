"""Expressions: integer linear combinations of positions, auxiliary variables and gadgets.

    e = b + sum_k c_k L_k        with integers b, c_k and leaves L_k

A leaf is a position, an auxiliary variable, or a gadget such as a maximum that has a meaning of its own and is
lowered to variables and rows when the model is compiled. Arithmetic is with Python integers only: a statement
is about integers, so scaling and rounding are written out where they happen.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from circuits.modelling.curvature import Curvature, sum_of
from circuits.modelling.errors import ModelError
from circuits.modelling.intervals import Interval

if TYPE_CHECKING:
    from circuits.modelling.constraints import Equation, Inequality
    from circuits.modelling.model import Model

Values: TypeAlias = NDArray[np.object_]
"""Exact values, one Python integer per account."""
Valuation: TypeAlias = Callable[["Expression"], Values]

_SHOWN_TERMS: Final = 12


class Leaf(ABC):
    """What expressions are combinations of. Belongs to one model; equal only to itself.

    `interval` is what an account within the declared bounds can reach. `is_non_negative` says more: that the
    rows of the compiled statement prove it, so that others may rely on it.
    """

    __slots__ = ("curvature", "interval", "is_non_negative", "label", "model", "number")

    def __init__(
        self, model: Model, label: str, curvature: Curvature, interval: Interval, *, is_non_negative: bool
    ) -> None:
        self.model = model
        self.label = label
        self.curvature = curvature
        self.interval = interval
        self.is_non_negative = is_non_negative
        self.number = model.register(self)

    @property
    def proven_greatest(self) -> int | None:
        """A bound that the rows of the compiled statement prove, None if there is none."""
        return None

    @abstractmethod
    def meaning(self, valuation: Valuation) -> Values:
        """The exact value for every account, from the values of the leaf's arguments."""

    @abstractmethod
    def text(self) -> str:
        """How the leaf is written in formulas."""

    def expression(self) -> Expression:
        """The leaf by itself."""
        return Expression(self.model, {self: 1}, 0)


class Expression:
    """``b + sum_k c_k L_k``. Immutable.

    ``+``, ``-`` and multiplication by Python integers make expressions; ``>=``, ``<=`` and ``==`` make
    constraints, to be handed to `Model.require`.
    """

    __slots__ = ("_bounds", "_curvature", "constant", "model", "terms")
    __array_ufunc__ = None  # numpy must not take an expression apart
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, model: Model, terms: Mapping[Leaf, int], constant: int) -> None:
        """`terms` has no zero coefficient, and is not changed afterwards."""
        self.model = model
        self.terms = terms
        self.constant = constant
        self._curvature: Curvature | None = None
        self._bounds: tuple[Interval, int] | None = None

    @property
    def curvature(self) -> Curvature:
        """Which way the prover may err about the value; see `circuits.modelling.curvature`."""
        if self._curvature is None:
            self._curvature = sum_of(leaf.curvature.times(c) for leaf, c in self.terms.items())
        return self._curvature

    @property
    def interval(self) -> Interval:
        """What an account within the declared bounds can reach."""
        return self._bound()[0]

    @property
    def largest_plain(self) -> int:
        """The largest absolute value that a leaf with coefficient 1 or -1 reaches; 0 if there is none."""
        return self._bound()[1]

    def _bound(self) -> tuple[Interval, int]:
        if self._bounds is None:
            least = greatest = self.constant
            plain = 0
            for leaf, coefficient in self.terms.items():
                low, high = leaf.interval
                if coefficient in (1, -1):
                    plain = max(plain, -low, high)
                if coefficient < 0:
                    low, high = high, low
                least += coefficient * low
                greatest += coefficient * high
            self._bounds = Interval(least, greatest), plain
        return self._bounds

    @property
    def is_constant(self) -> bool:
        """Whether no leaf is left."""
        return not self.terms

    @property
    def is_non_negative(self) -> bool:
        """Whether the rows of the model prove that the value is not negative."""
        return self.constant >= 0 and all(c > 0 and leaf.is_non_negative for leaf, c in self.terms.items())

    @property
    def proven_greatest(self) -> int | None:
        """A bound that the rows of the model prove, None if there is none."""
        greatest = self.constant
        for leaf, coefficient in self.terms.items():
            bound = leaf.proven_greatest if coefficient > 0 else 0 if leaf.is_non_negative else None
            if bound is None:
                return None
            greatest += coefficient * bound if coefficient > 0 else 0
        return greatest

    def key(self) -> tuple[frozenset[tuple[int, int]], int]:
        """Equal for equal expressions of one model."""
        return frozenset((leaf.number, c) for leaf, c in self.terms.items()), self.constant

    def __add__(self, other: object) -> Expression:
        return _combine(self, as_expression(self.model, other), 1)

    __radd__ = __add__

    def __sub__(self, other: object) -> Expression:
        return _combine(self, as_expression(self.model, other), -1)

    def __rsub__(self, other: object) -> Expression:
        return _combine(as_expression(self.model, other), self, -1)

    def __neg__(self) -> Expression:
        return self * -1

    def __mul__(self, factor: object) -> Expression:
        if isinstance(factor, Expression):
            if factor.is_constant:
                return self * factor.constant
            if not self.is_constant:
                raise ModelError(
                    f"({self}) * ({factor}) is a product of secrets: no row expresses it; bound it by a "
                    "majorant, or commit the product as a column"
                )
            return factor * self.constant
        coefficient = integer(factor, f"factor of ({self})")
        if coefficient == 0:
            return Expression(self.model, {}, 0)
        terms = {leaf: coefficient * c for leaf, c in self.terms.items()}
        return Expression(self.model, terms, coefficient * self.constant)

    __rmul__ = __mul__

    def __ge__(self, other: object) -> Inequality:
        from circuits.modelling.constraints import Inequality

        return Inequality(self - other)

    def __le__(self, other: object) -> Inequality:
        from circuits.modelling.constraints import Inequality

        return Inequality(as_expression(self.model, other) - self)

    def __eq__(self, other: object) -> Equation:  # type: ignore[override]
        from circuits.modelling.constraints import Equation

        return Equation(self - other)

    def __ne__(self, other: object) -> bool:
        raise ModelError("'!=' is no constraint: it is a union of two; use either_or(e >= 1, e <= -1)")

    def __bool__(self) -> bool:
        raise ModelError(
            f"({self}) has no truth value: a model holds for every account; use either_or or sign_test "
            "where a case is to be told"
        )

    def __str__(self) -> str:
        parts = [_term_text(c, leaf.text()) for leaf, c in list(self.terms.items())[:_SHOWN_TERMS]]
        if len(self.terms) > _SHOWN_TERMS:
            parts.append(f" + ... ({len(self.terms) - _SHOWN_TERMS} more)")
        if self.constant or not parts:
            parts.append(f" {'-' if self.constant < 0 else '+'} {number_text(abs(self.constant))}")
        text = "".join(parts)
        return text.removeprefix(" + ") if text.startswith(" + ") else "-" + text.removeprefix(" - ")

    def __repr__(self) -> str:
        return f"Expression({self}, {self.curvature})"


def _combine(left: Expression, right: Expression, sign: int) -> Expression:
    """``left + sign * right``; the shorter one is merged into a copy of the longer."""
    if left.model is not right.model:
        raise ModelError("expressions of two models cannot be combined")
    constant = left.constant + sign * right.constant
    if len(left.terms) >= len(right.terms):
        terms, others, factor = dict(left.terms), right.terms, sign
    else:
        terms = dict(right.terms) if sign > 0 else {leaf: -c for leaf, c in right.terms.items()}
        others, factor = left.terms, 1
    for leaf, coefficient in others.items():
        value = terms.get(leaf, 0) + factor * coefficient
        if value:
            terms[leaf] = value
        else:
            del terms[leaf]
    return Expression(left.model, terms, constant)


def total(expressions: Iterable[Expression], model: Model) -> Expression:
    """The sum, in time linear in the number of terms. All must belong to `model`."""
    terms: dict[Leaf, int] = {}
    constant = 0
    for expression in expressions:
        if expression.model is not model:
            raise ModelError("expressions of two models cannot be combined")
        constant += expression.constant
        for leaf, coefficient in expression.terms.items():
            terms[leaf] = terms.get(leaf, 0) + coefficient
    return Expression(model, {leaf: c for leaf, c in terms.items() if c}, constant)


def as_expression(model: Model, value: object) -> Expression:
    """An expression of `model` from one, or from a Python integer."""
    if isinstance(value, Expression):
        return value
    return Expression(model, {}, integer(value, "constant"))


def integer(value: object, name: str) -> int:
    """`value` if it is a Python integer; `ModelError` saying what to write otherwise."""
    if type(value) is int:
        return value
    if isinstance(value, Fraction):
        raise ModelError(
            f"{name}: {value} is a fraction; multiply the whole row, or round it against the account with "
            "math.ceil or math.floor"
        )
    if isinstance(value, float | np.floating):
        raise ModelError(f"{name}: floats are not exact; use an integer number of units")
    raise ModelError(f"{name}: expected a Python integer, not {type(value).__name__}")


def number_text(value: int) -> str:
    """In decimal, or as a power of two where that is shorter."""
    is_power = value >= 1 << 20 and value & (value - 1) == 0
    return f"2^{value.bit_length() - 1}" if is_power else str(value)


def _term_text(coefficient: int, name: str) -> str:
    sign = "-" if coefficient < 0 else "+"
    magnitude = abs(coefficient)
    return f" {sign} {name}" if magnitude == 1 else f" {sign} {number_text(magnitude)} {name}"
