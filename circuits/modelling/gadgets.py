"""Gadgets without booleans: splits, maxima, minima, sums of largest values, majorants.

Each has a meaning of its own, and is lowered to auxiliary variables and rows when the model is compiled; both
stand in its docstring. ``x [w]`` is a variable ``0 <= x < 2^w``, and ``e >= 0 [w]`` the row ``0 <= e < 2^w``.
With ``exact=True`` a gadget takes booleans (`circuits.modelling.booleans`) and may then stand anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from circuits.modelling.constraints import TopMaximum, check_affine, check_concave, check_convex
from circuits.modelling.curvature import Curvature
from circuits.modelling.errors import ModelError
from circuits.modelling.expressions import Expression, Values, as_expression, total
from circuits.modelling.intervals import Interval
from circuits.modelling.leaves import Alias, RowSpecification, Variable, largest, order_statistic, smallest
from circuits.modelling.operands import Operands, named_operands, operator_text


@dataclass(frozen=True)
class Split:
    """An affine e as ``positive - negative``; the parts share one variable."""

    positive: Expression
    """``max(0, e)``."""
    negative: Expression
    """``max(0, -e)``."""
    absolute: Expression
    """``|e|``."""


def split(e: Expression, *, label: str | None = None) -> Split:
    """Both parts and the absolute value of an affine e (G1), all convex.

        d [w];  e + d >= 0 [w]

    Then ``e + d``, d and ``e + 2 d`` are at least the positive part, the negative part and the absolute value,
    and e is proven to be an integer in ``(-2^w, 2^w)``. Where rows prove the sign of e already, nothing is added.
    Asking again for the same expression gives the same parts. `CurvatureError` unless e is affine.
    """
    check_affine(e, f"split of ({e})")
    if e.is_non_negative:
        return Split(e, e * 0, e)
    if (-e).is_non_negative:
        return Split(e * 0, -e, -e)
    return e.model.memo(("split", e.key()), lambda: _make_shared_split(e, label))


def _make_shared_split(e: Expression, label: str | None) -> Split:
    """That of a single position is the same in every block of `Model.embedded`."""
    if set(e.terms.values()) == {1} and len(e.terms) == 1:
        with e.model.shared():
            return make_split(e, label, Curvature.CONVEX)
    return make_split(e, label, Curvature.CONVEX)


def make_split(e: Expression, label: str | None, curvature: Curvature) -> Split:
    """New parts of e, with the rows of `split`."""
    name = label or e.model.name_for(e, "split")
    least, greatest = e.model.reach(e)
    d = Variable(
        e.model,
        f"{name}: negative part",
        greatest=max(0, -least),
        rule=largest(-e),
        curvature=curvature,
        meaning=lambda values: np.maximum(0, -values[0]),
        arguments=[e],
        text=f"negative_part({e})",
    )
    negative = d.expression()
    alias = partial(Alias, e.model, curvature=curvature, is_non_negative=True, arguments=[e])
    positive = alias(
        f"{name}: positive part",
        e + negative,
        interval=Interval(0, max(0, greatest)),
        meaning=lambda values: np.maximum(0, values[0]),
        text=f"positive_part({e})",
    ).expression()
    absolute = alias(
        f"{name}: absolute value",
        e + 2 * negative,
        interval=Interval(0, max(0, greatest, -least)),
        meaning=lambda values: np.abs(values[0]),
        text=f"|{e}|",
    ).expression()
    d.rows.append(RowSpecification(f"{name}: positive part", positive))
    return Split(positive, negative, absolute)


def positive_part(e: Expression, *, label: str | None = None, exact: bool = False) -> Expression:
    """``max(0, e)``, convex. For an affine e a part of its `split`, else a `maximum`; e must be convex."""
    if exact:
        from circuits.modelling.booleans import exact_split

        return exact_split(e, label=label).positive
    if e.curvature.is_affine:
        return split(e, label=label).positive
    return maximum(e, 0, label=label)


def absolute_value(e: Expression, *, label: str | None = None, exact: bool = False) -> Expression:
    """``|e|``, convex, for an affine e; part of its `split`."""
    if exact:
        from circuits.modelling.booleans import exact_split

        return exact_split(e, label=label).absolute
    return split(e, label=label).absolute


def two_slopes(e: Expression, above: int, below: int, *, label: str | None = None) -> Expression:
    """``above * e`` where an affine e is positive, ``below * e`` where it is negative: by the `split` of e.

        above e - (below - above) d

    Concave if ``below >= above`` (collateral counts less than debt), convex if ``below <= above``.
    """
    return above * e - (below - above) * split(e, label=label).negative


def maximum(*operands: Operands, label: str | None = None, exact: bool = False, scale: int = 1) -> Expression:
    """``max(f_1, ..., f_n)`` of convex expressions and integers (G2), convex.

        x [w];  c + x - f_i >= 0 [w]  for every i

    c is the greatest constant among the operands, which then needs no row; without one it is the least value
    that honest accounts reach. Instead of operands one mapping gives them names, which rows and reports use.
    Values count in units of ``1/scale`` value unit, for the model's cap. With ``exact`` the operands must be
    affine, and a boolean per operand forces equality (G6).
    """
    pieces, constant, model = named_operands("maximum", operands)
    if exact:
        from circuits.modelling.booleans import exact_maximum

        return exact_maximum(pieces, constant, label=label, scale=scale)
    name = label or model.new_name("maximum")
    for _, piece in pieces:
        check_convex(piece, f"maximum {name!r}")
    if constant is None and len(pieces) == 1:
        return pieces[0][1]
    if not pieces:
        return as_expression(model, constant)
    if constant == 0 and len(pieces) == 1 and pieces[0][1].curvature.is_affine:
        return split(pieces[0][1], label=label).positive
    intervals = [model.reach(piece, scale) for _, piece in pieces]
    offset = max(interval.least for interval in intervals) if constant is None else constant
    x = Variable(
        model,
        name,
        greatest=max(interval.greatest for interval in intervals) - offset,
        rule=largest(*(piece - offset if offset else piece for _, piece in pieces)),
        curvature=Curvature.CONVEX,
        offset=offset,
        meaning=partial(extreme, np.maximum, constant),
        arguments=[piece for _, piece in pieces],
        text=operator_text("maximum", pieces, constant, label),
    )
    result = x.expression()
    top = result.interval.greatest
    for key, piece in pieces:
        greatest = top - piece.interval.least
        x.rows.append(RowSpecification(f"{name}: {key}", result - piece, greatest, scale))
    return result


def minimum(*operands: Operands, label: str | None = None, exact: bool = False, scale: int = 1) -> Expression:
    """``min(f_1, ..., f_n)`` of concave expressions and integers (G3), concave.

        x [w];  f_i - c + x >= 0 [w]  for every i        with the least constant c among the operands
        x [w];  f_i - c - x >= 0 [w]  for every i        without: c is the least value of honest accounts

    Operands, names, `scale` and `exact` as in `maximum`.
    """
    pieces, negated_constant, model = named_operands("minimum", operands)
    constant = None if negated_constant is None else -negated_constant
    if exact:
        from circuits.modelling.booleans import exact_maximum

        negated = [(key, -piece) for key, piece in pieces]
        return -exact_maximum(negated, negated_constant, label=label, scale=scale)
    name = label or model.new_name("minimum")
    for _, piece in pieces:
        check_concave(piece, f"minimum {name!r}")
    if constant is None and len(pieces) == 1:
        return pieces[0][1]
    if not pieces:
        return as_expression(model, constant)
    intervals = [model.reach(piece, scale) for _, piece in pieces]
    least = min(interval.least for interval in intervals)
    is_anchored = constant is not None
    offset = constant if constant is not None else least
    span = offset - least if is_anchored else min(interval.greatest for interval in intervals) - least
    values = [piece - offset for _, piece in pieces]
    x = Variable(
        model,
        name,
        greatest=span,
        rule=largest(*(-value for value in values)) if is_anchored else smallest(*values),
        curvature=Curvature.CONCAVE,
        offset=offset,
        direction=-1 if is_anchored else 1,
        meaning=partial(extreme, np.minimum, constant),
        arguments=[piece for _, piece in pieces],
        text=operator_text("minimum", pieces, constant, label),
    )
    result = x.expression()
    x.rows += [RowSpecification(f"{name}: {key}", piece - result, scale=scale) for key, piece in pieces]
    return result


def top_maximum(*operands: Operands, label: str | None = None) -> Expression:
    """``max(f_1, ..., f_n)`` where it stands, with a minus sign, in one ``>= 0`` of the model and nowhere else (G4).

    That constraint becomes one row per operand, and no variable is needed. Operands as in `maximum`.
    """
    pieces, constant, model = named_operands("top_maximum", operands)
    name = label or model.new_name("top maximum")
    if constant is not None:
        pieces = [*pieces, (str(constant), as_expression(model, constant))]
    for _, piece in pieces:
        check_convex(piece, f"top_maximum {name!r}")
    return TopMaximum(model, name, pieces).expression()


def sum_of_largest(
    operands: Sequence[Expression],
    count: int,
    *,
    denominator: int = 1,
    label: str | None = None,
    scale: int = 1,
) -> Expression:
    """``denominator`` times the sum of the ``k = count / denominator`` largest of n convex operands (G9), convex.

        t [w], u_i [w];  u_i - x_i + t >= 0 [w]  for every i;  value = count t + denominator sum u_i

    The least such value over all t is reached at the ceil(k)-th largest operand. With a fractional k the last
    one counts in part, as in Expected Shortfall. Source: Rockafellar and Uryasev, J. Risk 2(3), 2000.
    """
    if not operands:
        raise ModelError("sum_of_largest of no operand")
    if denominator < 1 or not 0 < count <= denominator * len(operands):
        raise ModelError(f"sum_of_largest: {count}/{denominator} is not in (0, {len(operands)}]")
    model = operands[0].model
    name = label or model.new_name("sum of largest")
    for operand in operands:
        check_convex(operand, f"sum_of_largest {name!r}")
    if count == denominator * len(operands):
        return denominator * total(operands, model)
    intervals = [model.reach(operand, scale) for operand in operands]
    offset = 0 if all(x.is_non_negative for x in operands) else min(interval.least for interval in intervals)
    rank = -(-count // denominator)
    highest = sorted((interval.greatest for interval in intervals), reverse=True)[rank - 1]
    rule = order_statistic(rank, *(operand - offset for operand in operands))
    t = Variable(model, f"{name}: level", greatest=highest - offset, offset=offset, rule=rule)
    level = t.expression()
    excesses = []
    for number, (operand, interval) in enumerate(zip(operands, intervals, strict=True), start=1):
        u = Variable(
            model,
            f"{name}: excess of {number}",
            greatest=interval.greatest - offset,
            rule=largest(operand - level),
            curvature=Curvature.CONVEX,
        )
        above = u.expression() - operand + level
        u.rows.append(RowSpecification(f"{name}: {number}", above, scale=scale))
        excesses.append(u.expression())
    form = count * level + denominator * total(excesses, model)
    bounds = [
        _weighted_sum([getattr(interval, end) for interval in intervals], count, denominator)
        for end in ("least", "greatest")
    ]
    return Alias(
        model,
        name,
        form,
        curvature=Curvature.CONVEX,
        interval=Interval(bounds[0], bounds[1]),
        is_non_negative=all(operand.is_non_negative for operand in operands),
        meaning=partial(_largest_meaning, count, denominator),
        arguments=operands,
        text=f"[{name}]",
    ).expression()


def majorant(
    e: Expression, knots: Sequence[tuple[int, int]], *, label: str | None = None, scale: int = 1
) -> Expression:
    """The chords through the knots (x_j, y_j) of a convex function of a non-negative, convex e (G12), convex.

    Slopes are rounded up, so that every chord is at least the function between its knots. The model also
    requires ``e <= x_last``. `ModelError` unless the knots begin at 0, increase, and their slopes do not decrease.
    """
    model = e.model
    name = label or model.new_name("majorant")
    if not e.is_non_negative:
        raise ModelError(f"majorant {name!r}: ({e}) is not known to be non-negative")
    if len(knots) < 2 or knots[0][0] != 0 or any(left[0] >= right[0] for left, right in pairwise(knots)):
        raise ModelError(f"majorant {name!r}: knots must begin at 0 and increase, and be two at least")
    slopes = [-(-(y1 - y0) // (x1 - x0)) for (x0, y0), (x1, y1) in pairwise(knots)]
    for ((x0, y0), (x1, y1)), ((_, _), (x2, y2)) in pairwise(pairwise(knots)):
        if (y1 - y0) * (x2 - x1) > (y2 - y1) * (x1 - x0):
            raise ModelError(f"majorant {name!r}: the slope decreases at {x1}: not convex")
    model.require(knots[-1][0] - e >= 0, label=f"{name}: within the knots")
    chords = {
        f"from {x0}": slope * e + (y0 - slope * x0)
        for (x0, y0), slope in zip(knots[:-1], slopes, strict=True)
    }
    return maximum(chords, label=name, scale=scale)


def extreme(choose: np.ufunc, constant: int | None, values: Sequence[Values]) -> Values:
    """The greatest or least of the operands and the constant, if there is one."""
    result: Values = choose.reduce(list(values))
    if constant is not None:
        result = choose(result.astype(object) if constant.bit_length() > 62 else result, constant)
    return result


def _largest_meaning(count: int, denominator: int, values: Sequence[Values]) -> Values:
    by_account = zip(*values, strict=True)
    return np.array([_weighted_sum(operands, count, denominator) for operands in by_account], object)


def _weighted_sum(operands: Sequence[int], count: int, denominator: int) -> int:
    """``denominator`` times the sum of the ``count / denominator`` largest."""
    result, left = 0, count
    for value in sorted(operands, reverse=True):
        weight = min(denominator, left)
        result += weight * value
        left -= weight
    return result
