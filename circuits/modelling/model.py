"""`Model`: positions, constraints and what they compile to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar, cast

from circuits.modelling.constraints import Constraint, Inequality
from circuits.modelling.curvature import Curvature
from circuits.modelling.errors import ModelError
from circuits.modelling.expressions import Expression, Leaf, integer, total
from circuits.modelling.intervals import Interval
from circuits.modelling.leaves import Alias, Position, RowSpecification, Rule, Variable
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
    """A margin condition of a model: ``equity >= requirement``, both in units of ``1/scale`` value unit.

    `label` is that of its row. `scenarios` are the losses among which the worst is of interest to a reader; empty
    if there are none. Conditions of one `compartment` are about the same equity, so that what is missing is what
    the worst of them misses; what compartments miss adds up.
    """

    equity: Expression
    requirement: Expression
    scenarios: Mapping[str, Expression]
    label: str
    scale: int
    compartment: str = ""
    is_reported: bool = True


MarginRule: TypeAlias = Callable[[Margin], None]
"""What becomes of a margin condition of a model that is built inside another one."""


Replacement: TypeAlias = Callable[[Expression], Expression]
"""From a position to the affine expression that stands in its place in a model that is built inside another one."""


@dataclass(frozen=True, eq=False)
class _Embedding:
    """How a model that is built inside another one sees it: `Model.embedded`.

    `replaced` has with each replacement the embedding that the position itself is taken from.
    """

    assets: AssetList
    margins: MarginRule | None
    replaced: Mapping[str, tuple[Replacement, _Embedding]]
    prefix: str


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
        self._assets = AssetList(tuple(assets))
        self._embedding = _Embedding(self._assets, None, {}, "")
        self.scope = scope
        self.cap = cap if cap is None else _positive(cap, "cap")
        self._position_bound = _position_bound(position_bound, "position_bound")
        self._leaves: list[Leaf] = []
        self._positions: dict[int, Position] = {}
        self._requirements: list[Requirement] = []
        self._required: set[object] = set()
        self._labels: set[str] = set()
        self._memo: dict[object, object] = {}
        self._names = 0
        self._compiled: Compiled | None = None
        self._margins: list[Margin] = []

    @property
    def assets(self) -> AssetList:
        """Those of the book, in its order; inside `embedded`, those that are not hidden."""
        return self._embedding.assets

    @property
    def margin_condition(self) -> Margin | None:
        """The condition whose equity and requirement are reported; None if the model has none such."""
        return next((margin for margin in self._margins if margin.is_reported), None)

    @property
    def margin_conditions(self) -> tuple[Margin, ...]:
        """All of them, in order."""
        return tuple(self._margins)

    @property
    def prefix(self) -> str:
        """What the labels of gadgets and constraints begin with that are made here and now; see `embedded`."""
        return self._embedding.prefix

    @contextmanager
    def embedded(
        self,
        *,
        margins: MarginRule | None = None,
        hidden: Collection[str] = (),
        replaced: Mapping[str, Replacement] | None = None,
        prefix: str = "",
    ) -> Iterator[None]:
        """Build another model inside this one: what is built in the block becomes part of this model.

        `margins` is called with each of its margin conditions, none of which is then required; None leaves them to
        who builds this model. It does not see the `hidden` assets, and wherever it asks for the position in an asset
        of `replaced`, it gets what is made of it there. Labels begin with `prefix`, but for the parts of single
        positions: several blocks share these. With a prefix, a constraint that was required before is not repeated.
        Blocks inside one another add up.
        """
        outer = self._embedding
        inner = _Embedding(
            AssetList(tuple(asset for asset in outer.assets if asset.id not in hidden)),
            outer.margins if margins is None else partial(self._run_outside, outer, margins),
            {**outer.replaced, **{asset: (rule, outer) for asset, rule in (replaced or {}).items()}},
            outer.prefix + prefix,
        )
        with self._seen_as(inner):
            yield

    def position(self, asset_id: str, *, bound: int | None = None, non_negative: bool = False) -> Expression:
        """The position in one asset, in base units.

        `bound` replaces the model's bound on its absolute value. With `non_negative` the model also requires
        ``q >= 0``, and gadgets use it. Later calls may leave both out, and may not change them; only in a block of
        `embedded` with a prefix, which may be built at other prices, the first bound stays whatever is asked for.
        """
        if asset_id not in self.assets:
            raise ModelError(f"asset {asset_id!r} is not in the book")
        if asset_id in self._embedding.replaced:
            return self._replaced_position(asset_id, bound=bound, non_negative=non_negative)
        asset = self._assets.index(asset_id)
        known = self._positions.get(asset)
        if known is None:
            limit = self._position_bound if bound is None else _position_bound(bound, f"bound of {asset_id}")
            known = Position(self, asset, asset_id, limit, is_non_negative=non_negative)
            self._positions[asset] = known
            if non_negative:
                with self.shared():
                    self.require(known.expression() >= 0, label=f"{asset_id} non-negative")
        elif (bound not in (None, known.bound) and not self.prefix) or (
            non_negative and not known.is_non_negative
        ):
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
        if isinstance(constraint, Inequality):
            key = (constraint.expression.key(), scale, width)
            if key in self._required and self.prefix:
                return
            self._required.add(key)
        name = label if label is not None else self._unused(str(constraint)[: MAX_LABEL_LENGTH - 20])
        name = self.prefix + name
        if name in self._labels:
            raise ModelError(f"two constraints are labelled {name!r}")
        self._labels.add(name)
        with self.shared():
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
        compartment: str = "",
        is_reported: bool = True,
    ) -> None:
        """Require ``equity >= requirement``, and report both (`circuits.modelling.evaluation`).

        One condition of a model is reported, others are made with `is_reported` false. `compartment` tells apart
        conditions about equity that cannot be moved from one to another. What is built inside another model
        (`embedded`) hands the condition to it.
        """
        margin = Margin(
            equity, requirement, dict(scenarios or {}), self.prefix + label, scale, compartment, is_reported
        )
        if self._embedding.margins is not None:
            self._embedding.margins(margin)
            return
        if is_reported and self.margin_condition is not None:
            raise ModelError("the model has a margin condition already")
        self.require(equity >= requirement, label, scale=scale)
        self._margins.append(margin)

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
        """What `make` returned the first time it was asked for under `key`.

        A model can be built several times in one, with other positions (`embedded`): keys have to contain those of
        the expressions that are meant (`Expression.key`).
        """
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

    @contextmanager
    def shared(self) -> Iterator[None]:
        """For gadgets that do not depend on where they are made: their labels have no prefix."""
        with self._seen_as(replace(self._embedding, prefix="")):
            yield

    @contextmanager
    def _seen_as(self, embedding: _Embedding) -> Iterator[None]:
        before = self._embedding
        self._embedding = embedding
        try:
            yield
        finally:
            self._embedding = before

    def _run_outside(self, embedding: _Embedding, rule: MarginRule, margin: Margin) -> None:
        """`rule`, with the assets, positions and labels that who opened the block has."""
        with self._seen_as(embedding):
            rule(replace(margin, label=margin.label.removeprefix(embedding.prefix)))

    def _replaced_position(self, asset_id: str, *, bound: int | None, non_negative: bool) -> Expression:
        """One leaf for what replaces a position, whichever block asks for it; `bound` is that of the position."""
        rule, outside = self._embedding.replaced[asset_id]
        with self._seen_as(outside):
            expression = rule(self.position(asset_id, bound=bound))
        if not expression.curvature.is_affine:
            raise ModelError(f"({expression}) cannot stand in the place of a position: it is not affine")
        leaf = self.memo(("replaced", asset_id, expression.key()), lambda: self._alias(asset_id, expression))
        if non_negative and not leaf.is_non_negative:
            with self.shared():
                self.require(expression >= 0, label=f"{leaf.text()} non-negative")
            leaf.is_non_negative = True
        return leaf.expression()

    def _alias(self, asset_id: str, expression: Expression) -> Alias:
        return Alias(
            self,
            f"{asset_id}, replaced",
            expression,
            curvature=Curvature.AFFINE,
            interval=expression.interval,
            is_non_negative=expression.is_non_negative,
            meaning=lambda values: values[0],
            arguments=[expression],
            text=f"({expression})",
            asset_id=asset_id,
        )

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
