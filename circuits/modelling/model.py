"""`Model`: positions, constraints and what they compile to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar, cast

from circuits.modelling.constraints import Constraint
from circuits.modelling.errors import ModelError
from circuits.modelling.expressions import Expression, Leaf, integer, total
from circuits.modelling.intervals import Interval
from circuits.modelling.leaves import Position, RowSpecification, Rule, Variable
from circuits.rows import MAX_LABEL_LENGTH, Scope
from primitives.assets import Asset, AssetList
from primitives.parameters import AMOUNT_LIMIT

if TYPE_CHECKING:
    from circuits.modelling.lowering import Compiled
    from circuits.statement import Statement

DEFAULT_POSITION_BOUND: Final = 1 << 50
"""Base units: positions of this size are not provable unless a model says otherwise."""

_Made = TypeVar("_Made")


@dataclass(frozen=True, eq=False)
class Requirement:
    """A constraint of the model under the label that rows and reports use."""

    label: str
    constraint: Constraint
    rows: tuple[RowSpecification, ...]


@dataclass(frozen=True, eq=False)
class Margin:
    """The margin condition of a model: ``equity >= requirement``, both in units of ``1/scale`` value unit.

    `label` is that of its row. `scenarios` are the losses among which the worst is of interest to a reader; empty
    if there are none.
    """

    equity: Expression
    requirement: Expression
    scenarios: Mapping[str, Expression]
    label: str
    scale: int


class Model:
    """Constraints over the positions of an account, under construction; compiled once.

    `assets` are those of the book, in its order. `cap` is the largest gross value of an account that is to be
    provable, in value units: no row or variable gets wider than the cap needs, whatever the intervals of the
    positions would allow (None: intervals alone). `position_bound` is what absolute positions in base
    units stay below. Bounds and cap decide which accounts are provable and how wide rows are; no conclusion rests
    on them.
    """

    def __init__(
        self,
        assets: Iterable[Asset],
        *,
        scope: Scope = Scope.BOOK,
        cap: int | None = None,
        position_bound: int = DEFAULT_POSITION_BOUND,
    ) -> None:
        self.assets = AssetList(tuple(assets))
        self.scope = scope
        self.cap = cap if cap is None else _positive(cap, "cap")
        self._position_bound = _position_bound(position_bound, "position_bound")
        self._leaves: list[Leaf] = []
        self._positions: dict[int, Position] = {}
        self._requirements: list[Requirement] = []
        self._labels: set[str] = set()
        self._memo: dict[object, object] = {}
        self._names = 0
        self._compiled: Compiled | None = None
        self.margin_condition: Margin | None = None

    def position(self, asset_id: str, *, bound: int | None = None, non_negative: bool = False) -> Expression:
        """The position in one asset, in base units.

        `bound` replaces the model's bound on its absolute value. With `non_negative` the model also requires
        ``q >= 0``, and gadgets use it. Later calls may leave both out, and may not change them.
        """
        if asset_id not in self.assets:
            raise ModelError(f"asset {asset_id!r} is not in the book")
        asset = self.assets.index(asset_id)
        known = self._positions.get(asset)
        if known is None:
            limit = self._position_bound if bound is None else _position_bound(bound, f"bound of {asset_id}")
            known = Position(self, asset, asset_id, limit, is_non_negative=non_negative)
            self._positions[asset] = known
            if non_negative:
                self.require(known.expression() >= 0, label=f"{asset_id} non-negative")
        elif bound not in (None, known.bound) or (non_negative and not known.is_non_negative):
            raise ModelError(f"position {asset_id!r} was declared with other bounds before")
        return known.expression()

    def constant(self, value: int) -> Expression:
        """A public integer."""
        return Expression(self, {}, integer(value, "constant"))

    def linear(self, coefficients: Mapping[str, int], constant: int = 0) -> Expression:
        """``constant + sum_a coefficients[a] q_a``, in one pass."""
        terms: dict[Leaf, int] = {}
        for asset_id, coefficient in coefficients.items():
            (leaf,) = self.position(asset_id).terms
            if integer(coefficient, f"coefficient of {asset_id}"):
                terms[leaf] = coefficient
        return Expression(self, terms, integer(constant, "constant"))

    def sum(self, expressions: Iterable[Expression]) -> Expression:
        """The sum, in one pass; 0 of none."""
        return total(expressions, self)

    def variable(self, label: str, *, greatest: int, witness: Rule, offset: int = 0) -> Expression:
        """An auxiliary integer ``offset + x``, ``0 <= x <= greatest``, that only the model's own rows bind.

        For gadgets that this package does not have. It counts as exact: that the prover may choose it is the
        author's to take care of. `witness` says what an honest prover takes for x (`circuits.modelling.leaves`).
        """
        return Variable(
            self, label, greatest=_positive(greatest, label), rule=witness, offset=offset
        ).expression()

    def boolean(self, label: str, *, witness: Rule) -> Expression:
        """An auxiliary 0 or 1, as `variable`."""
        return Variable(self, label, greatest=1, rule=witness).expression()

    def require(
        self, constraint: Constraint, label: str | None = None, *, scale: int = 1, width: int | None = None
    ) -> None:
        """Every account must satisfy `constraint`.

        `label` names it in rows and reports; by default it is the formula. A row that counts values in units of
        ``1/scale`` value unit says so. `width` replaces the derived width in bits: a smaller one makes fewer
        accounts provable. Raises `CurvatureError`, or `ModelError` for a label that is taken.
        """
        if not isinstance(constraint, Constraint):
            raise ModelError(f"expected a constraint such as e >= 0, not {type(constraint).__name__}")
        if constraint.expression.model is not self:
            raise ModelError("the constraint belongs to another model")
        self._refuse_changes()
        name = label if label is not None else self._unused(str(constraint)[: MAX_LABEL_LENGTH - 20])
        if name in self._labels:
            raise ModelError(f"two constraints are labelled {name!r}")
        self._labels.add(name)
        rows = constraint.rows(name, scale=_positive(scale, "scale"), width=width)
        self._requirements.append(Requirement(name, constraint, tuple(rows)))

    def require_margin(
        self,
        equity: Expression,
        requirement: Expression,
        *,
        label: str = "margin",
        scenarios: Mapping[str, Expression] | None = None,
        scale: int = 1,
    ) -> None:
        """Require ``equity >= requirement``, and report both (`circuits.modelling.evaluation`); once a model."""
        if self.margin_condition is not None:
            raise ModelError("the model has a margin condition already")
        self.require(equity >= requirement, label, scale=scale)
        self.margin_condition = Margin(equity, requirement, dict(scenarios or {}), label, scale)

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """All constraints, in order."""
        return tuple(self._requirements)

    @property
    def positions(self) -> tuple[Position, ...]:
        """All positions asked for, in that order."""
        return tuple(self._positions.values())

    def compile(self) -> Statement:
        """The statement, with its witness function. The model cannot be changed afterwards.

        Raises `ModelError`, or `circuits.statement.StatementError` with the code of the check that fails.
        """
        return self.compiled().statement

    def compiled(self) -> Compiled:
        """The statement with what `circuits.modelling.explanation` and `evaluation` need to know of it."""
        if self._compiled is None:
            from circuits.modelling.lowering import lower

            self._compiled = lower(self)
        return self._compiled

    # For gadgets.

    def register(self, leaf: Leaf) -> int:
        """A number for a new leaf; leaves are lowered in this order."""
        self._refuse_changes()
        self._leaves.append(leaf)
        return len(self._leaves) - 1

    def memo(self, key: object, make: Callable[[], _Made]) -> _Made:
        """What `make` returned the first time it was asked for under `key`."""
        if key not in self._memo:
            self._memo[key] = make()
        return cast(_Made, self._memo[key])

    def new_name(self, gadget: str) -> str:
        """A label for a gadget without one."""
        self._names += 1
        return f"{gadget} {self._names}"

    def name_for(self, expression: Expression, gadget: str) -> str:
        """The asset's id if `expression` is one position, else a new name."""
        if expression.constant == 0 and len(expression.terms) == 1:
            ((leaf, coefficient),) = expression.terms.items()
            if coefficient == 1 and isinstance(leaf, Position):
                return leaf.label
        return self.new_name(gadget)

    def reach(self, expression: Expression, scale: int = 1) -> Interval:
        """What an honest account reaches: the interval of `expression`, within the cap.

        The cap is on values, in units of ``1/scale`` value unit; it does not cut what stands in the expression as
        it is, with coefficient 1 or -1, such as an amount.
        """
        return expression.interval.clipped(self.limit(expression, scale))

    def limit(self, expression: Expression, scale: int = 1) -> int | None:
        """The largest absolute value that `reach` allows; None without a cap."""
        if self.cap is None:
            return None
        largest = expression.largest_plain
        if all(coefficient in (1, -1) for coefficient in expression.terms.values()):
            largest += abs(expression.constant)
        return max(self.cap * scale - 1, largest)

    def clip(self, interval: Interval, scale: int = 1) -> Interval:
        """The part of an interval of values within the cap, in units of ``1/scale`` value unit."""
        return interval.clipped(None if self.cap is None else self.cap * scale - 1)

    def _unused(self, label: str) -> str:
        number, candidate = 1, label
        while candidate in self._labels:
            number += 1
            candidate = f"{label} ({number})"
        return candidate

    def _refuse_changes(self) -> None:
        if self._compiled is not None:
            raise ModelError("the model is compiled and cannot be changed")


def _positive(value: int, name: str) -> int:
    if integer(value, name) < 1:
        raise ModelError(f"{name}: {value} is not positive")
    return value


def _position_bound(value: int, name: str) -> int:
    if not 1 <= integer(value, name) <= AMOUNT_LIMIT:
        raise ModelError(f"{name}: {value} is not in 1..2^63")
    return value
