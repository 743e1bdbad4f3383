"""From a model to its statement: variables, rows, widths, witness, and the rows that make positions integers.

Variables come in the order in which gadgets were made, rows of gadgets before those of the model's
constraints, and last the rows ``0 <= q_a + B < 2^w`` of positions that no other row proves to be bounded
integers.

Widths. A row of honest accounts reaches at most g (from the intervals of its parts, or as the gadget knows it)
and, if it counts values, at most the cap. It gets the bits of the smaller of the two, and never fewer than its
value for the zero account needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from circuits.builder import StatementBuilder
from circuits.integrality import loose_positions
from circuits.modelling.constraints import TopMaximum
from circuits.modelling.errors import ModelError
from circuits.modelling.expressions import Expression, Leaf
from circuits.modelling.leaves import Alias, Position, RowSpecification, Variable
from circuits.modelling.model import Model
from circuits.rows import MAX_WIDTH, Form
from circuits.statement import Statement
from circuits.witness import Step, step_value


@dataclass(frozen=True)
class RowOrigin:
    """What a row of the statement comes from: a gadget, a constraint, or integrality."""

    group: str
    is_integrality: bool = False


@dataclass(frozen=True)
class Compiled:
    """A statement, and where its parts come from."""

    model: Model
    statement: Statement
    variables: tuple[Variable, ...]
    """In the order of the statement's auxiliary variables."""
    origins: tuple[RowOrigin, ...]
    """One per row of the statement."""
    lowering: Lowering


class Lowering:
    """Expressions to affine forms in positions and auxiliary variables."""

    def __init__(self, variables: Iterable[Variable]) -> None:
        self._index = {variable: index for index, variable in enumerate(variables)}
        self._aliases: dict[Alias, Form] = {}

    def form(self, expression: Expression) -> Form:
        """The affine form. Every variable of the expression must have been collected."""
        terms = expression.terms
        positions = {leaf.asset: c for leaf, c in terms.items() if isinstance(leaf, Position)}
        auxiliaries: dict[int, int] = {}
        constant = expression.constant
        if len(positions) == len(terms):
            return Form(tuple(sorted(positions.items())), (), constant)
        for leaf, coefficient in terms.items():
            if isinstance(leaf, Position):
                continue
            if isinstance(leaf, Variable):
                index = self._index[leaf]
                auxiliaries[index] = auxiliaries.get(index, 0) + coefficient * leaf.direction
                constant += coefficient * leaf.offset
            else:
                part = self._alias(leaf)
                constant += coefficient * part.constant
                _add(positions, part.positions, coefficient)
                _add(auxiliaries, part.auxiliaries, coefficient)
        return Form(_terms(positions), _terms(auxiliaries), constant)

    def _alias(self, leaf: Leaf) -> Form:
        if not isinstance(leaf, Alias):
            raise ModelError(
                f"{leaf.text()} may only stand, with a minus sign, in one '>= 0' of the model; use maximum here"
            )
        if leaf not in self._aliases:
            self._aliases[leaf] = self.form(leaf.form)
        return self._aliases[leaf]


def lower(model: Model) -> Compiled:
    """Compile `model`; see `Model.compile`."""
    specifications = [row for requirement in model.requirements for row in requirement.rows]
    reported = [] if model.margin_condition is None else _reported(model)
    variables = _collect([*(row.expression for row in specifications), *reported])
    return _Compiler(model, variables).compile()


def _reported(model: Model) -> list[Expression]:
    margin = model.margin_condition
    return [] if margin is None else [margin.equity, margin.requirement]


class _Compiler:
    def __init__(self, model: Model, variables: tuple[Variable, ...]) -> None:
        self._model = model
        self._variables = variables
        self._lowering = Lowering(variables)
        self._builder = StatementBuilder(model.assets, model.scope)
        self._origins: list[RowOrigin] = []

    def compile(self) -> Compiled:
        for variable, step, value in zip(self._variables, self._steps, self._zero_values, strict=True):
            self._builder.add_auxiliary(variable.label, self._variable_width(variable, value), step)
        for variable in self._variables:
            for row in variable.rows:
                self._add(row, RowOrigin(variable.label), variable.prefix)
        for requirement in self._model.requirements:
            for row in requirement.rows:
                self._add(row, RowOrigin(requirement.label))
        self._add_integrality()
        statement = self._builder.build()
        return Compiled(self._model, statement, self._variables, tuple(self._origins), self._lowering)

    @cached_property
    def _steps(self) -> tuple[Step, ...]:
        rules = (variable.rule for variable in self._variables)
        return tuple(
            rule.make(tuple(self._lowering.form(expression) for expression in rule.expressions))
            for rule in rules
        )

    @cached_property
    def _zero_values(self) -> list[int]:
        """The witness of the zero account."""
        values: list[int] = []
        for step in self._steps:
            forms = [form.constant + sum(c * values[v] for v, c in form.auxiliaries) for form in step.forms]
            values.append(step_value(step, forms))
        return values

    def _add(self, row: RowSpecification, origin: RowOrigin, prefix: str = "") -> None:
        form = self._lowering.form(row.expression)
        zero = form.constant + sum(c * self._zero_values[v] for v, c in form.auxiliaries)
        self._builder.add_form(prefix + row.label, form, width=self._width(row, zero))
        self._origins.append(origin)

    def _width(self, row: RowSpecification, zero: int) -> int:
        if row.is_equation:
            return 0
        greatest = row.expression.interval.greatest if row.greatest is None else row.greatest
        limit = self._model.limit(row.expression, row.scale) if row.is_capped else None
        if limit is not None:
            greatest = min(greatest, limit)
        if greatest < 0:
            raise ModelError(f"row {row.label!r}: no account within the declared bounds satisfies it")
        if row.width is not None:
            return row.width
        width = max(greatest.bit_length(), zero.bit_length() if zero > 0 else 0)
        self._check_width(width, f"row {row.label!r}")
        return width

    def _variable_width(self, variable: Variable, zero: int) -> int:
        width = max(1, max(0, variable.greatest).bit_length(), zero.bit_length())
        self._check_width(width, f"variable {variable.label!r}")
        return width

    def _check_width(self, width: int, name: str) -> None:
        if width > MAX_WIDTH:
            raise ModelError(
                f"{name} would need {width} bits, more than {MAX_WIDTH}: give the model a cap or tighter "
                "position bounds, or count values in a coarser unit"
            )

    def _add_integrality(self) -> None:
        bounds = {leaf.asset: leaf for leaf in self._model.positions}
        for asset in loose_positions(self._builder.rows, self._builder.auxiliaries):
            leaf = bounds[asset]
            label = f"{leaf.label} bounded"
            width = (2 * leaf.bound - 1).bit_length()
            self._builder.add_row(label, {asset: 1}, constant=leaf.bound, width=width)
            self._origins.append(RowOrigin(label, is_integrality=True))


def _collect(expressions: Iterable[Expression]) -> tuple[Variable, ...]:
    """All variables that the expressions need, in the order in which they were made."""
    found: set[Leaf] = set()
    stack = list(expressions)
    while stack:
        new = stack.pop().terms.keys() - found
        found |= new
        for leaf in new:
            stack.extend(_needs(leaf))
    variables = (leaf for leaf in found if isinstance(leaf, Variable))
    return tuple(sorted(variables, key=lambda leaf: leaf.number))


def _needs(leaf: Leaf) -> Iterator[Expression]:
    if isinstance(leaf, Variable):
        yield from leaf.dependencies()
    elif isinstance(leaf, Alias):
        yield leaf.form
    elif isinstance(leaf, TopMaximum):
        yield from (piece for _, piece in leaf.pieces)


def _add(terms: dict[int, int], others: Iterable[tuple[int, int]], coefficient: int) -> None:
    for index, value in others:
        terms[index] = terms.get(index, 0) + coefficient * value


def _terms(coefficients: dict[int, int]) -> tuple[tuple[int, int], ...]:
    return tuple(sorted(item for item in coefficients.items() if item[1]))
