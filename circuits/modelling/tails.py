"""Gadgets about the tail of weighted losses: Expected Shortfall without booleans, Value at Risk with one each.

L_s the losses, w_s > 0 their weights, ``W = sum w_s``. With a tail of weight ``k = num / den``, 0 < k <= W:

    tail sum     min_t  k t + sum_s w_s (L_s - t)+        k times the mean of the losses in the tail of weight k
    quantile     the least V >= 0 such that the weights of the losses above V sum to j at most

Expected Shortfall at level a is the tail sum divided by k, for ``k = (1 - a) W`` (R. T. Rockafellar and S. Uryasev,
J. Risk 2(3), 2000, 21-41). Value at Risk at level a is the quantile for ``j = floor((1 - a) W)``, or 0 for a gain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from circuits.modelling.constraints import check_affine, check_convex, make_boolean
from circuits.modelling.curvature import Curvature
from circuits.modelling.errors import ModelError
from circuits.modelling.expressions import Expression, Values, total
from circuits.modelling.intervals import Interval
from circuits.modelling.leaves import (
    Alias,
    RowSpecification,
    Variable,
    largest,
    order_statistic,
    weighted_order_statistic,
)

_NARROW_LIMIT = 1 << 62


def tail_sum(
    losses: Mapping[str, Expression],
    weights: Sequence[int],
    numerator: int,
    denominator: int,
    *,
    label: str,
    scale: int = 1,
) -> Expression:
    """``denominator`` times the tail sum of convex losses for ``k = numerator / denominator``, convex.

        t [w], u_s [w];  u_s - L_s + t >= 0 [w]  for every s;  value = numerator t + denominator sum_s w_s u_s

    Sound for every t; the least value is reached where the weights of the losses of at least t first sum to k. t may
    be negative: it is offset by the least loss of honest accounts. Rows use the names of the losses.
    """
    names, operands = tuple(losses), tuple(losses.values())
    _check_weights(label, operands, weights)
    if denominator < 1 or not 0 < numerator <= denominator * sum(weights):
        raise ModelError(f"tail sum {label!r}: {numerator}/{denominator} is not in (0, {sum(weights)}]")
    model = operands[0].model
    for operand in operands:
        check_convex(operand, f"tail sum {label!r}")
    intervals = [model.reach(operand, scale) for operand in operands]
    offset = min(interval.least for interval in intervals)
    highest = max(interval.greatest for interval in intervals)
    shifted = [operand - offset for operand in operands]
    rank = -(-numerator // denominator)
    rule = (
        order_statistic(rank, *shifted)
        if set(weights) == {1}
        else weighted_order_statistic(rank, weights, *shifted)
    )
    t = Variable(model, f"{label}: level", greatest=highest - offset, offset=offset, rule=rule)
    level = t.expression()
    excesses = []
    for name, operand, interval in zip(names, operands, intervals, strict=True):
        u = Variable(
            model,
            f"{label}: excess, {name}",
            greatest=interval.greatest - offset,
            rule=largest(operand - level),
            curvature=Curvature.CONVEX,
        )
        above = u.expression() - operand + level
        u.rows.append(RowSpecification(f"{label}: {name}", above, scale=scale))
        excesses.append(u.expression())
    weighted = total([weight * u for weight, u in zip(weights, excesses, strict=True)], model)
    ends = [
        _tail_of([getattr(interval, end) for interval in intervals], weights, numerator, denominator)
        for end in ("least", "greatest")
    ]
    return Alias(
        model,
        label,
        numerator * level + denominator * weighted,
        curvature=Curvature.CONVEX,
        interval=Interval(ends[0], ends[1]),
        is_non_negative=all(operand.is_non_negative for operand in operands),
        meaning=partial(tail_sums, tuple(weights), numerator, denominator),
        arguments=operands,
        text=f"[{label}]",
    ).expression()


def tail_quantile(
    losses: Mapping[str, Expression],
    weights: Sequence[int],
    allowed: int,
    *,
    label: str,
    scale: int = 1,
) -> Expression:
    """The least V >= 0 that losses of at most `allowed` weight exceed, for affine losses; the prover may over-state it.

        V [w], b_s [1];  V - L_s + M_s b_s >= 0 for every s;  allowed - sum_s w_s b_s >= 0

    M_s is the largest loss of honest accounts in s. It counts as convex, since rows can only make V larger.
    """
    names, operands = tuple(losses), tuple(losses.values())
    _check_weights(label, operands, weights)
    if not 0 <= allowed < sum(weights):
        raise ModelError(f"tail quantile {label!r}: {allowed} is not in [0, {sum(weights)})")
    model = operands[0].model
    for operand in operands:
        check_affine(operand, f"tail quantile {label!r}")
    rank = allowed + 1
    rule = (
        order_statistic(rank, *operands)
        if set(weights) == {1}
        else weighted_order_statistic(rank, weights, *operands)
    )
    intervals = [model.reach(operand, scale) for operand in operands]
    greatest = max(0, max(interval.greatest for interval in intervals))
    v = Variable(
        model,
        label,
        greatest=greatest,
        rule=rule,
        curvature=Curvature.CONVEX,
        meaning=partial(quantiles, tuple(weights), allowed),
        arguments=operands,
        text=f"[{label}]",
    )
    value = v.expression()
    count = model.constant(allowed)
    for name, operand, interval, weight in zip(names, operands, intervals, weights, strict=True):
        big_m = max(0, interval.greatest)
        exceeds = make_boolean(f"{label}: {name} exceeds", operand - value - 1)
        row = value - operand + big_m * exceeds
        # An honest prover sets b_s only where V - L_s is negative.
        top = max(big_m, greatest - interval.least)
        v.rows.append(RowSpecification(f"{label}: {name}", row, top, scale=scale, is_capped=False))
        count = count - weight * exceeds
    v.rows.append(RowSpecification(f"{label}: exceedances", count, greatest=allowed, is_capped=False))
    return value


def tail_sums(weights: Sequence[int], numerator: int, denominator: int, values: Sequence[Values]) -> Values:
    """``denominator`` times the tail sum of every account: the definition, by sorting."""
    table = np.stack(values)
    size = max(int(np.abs(table).max(initial=0)), 1)
    if table.dtype != object and denominator * sum(weights) * size >= _NARROW_LIMIT:
        table = table.astype(object)
    order = np.argsort(-table, axis=0, kind="stable")
    by_size = np.take_along_axis(table, order, axis=0)
    ordered = denominator * np.asarray(weights, table.dtype)[order]
    before = np.cumsum(ordered, axis=0) - ordered
    counted = np.minimum(ordered, np.maximum(0, numerator - before))
    result: Values = (counted * by_size).sum(axis=0)
    return result


def quantiles(weights: Sequence[int], allowed: int, values: Sequence[Values]) -> Values:
    """The quantile of every account: the definition, by sorting."""
    table = np.stack(values)
    order = np.argsort(-table, axis=0, kind="stable")
    by_size = np.take_along_axis(table, order, axis=0)
    reached = np.cumsum(np.asarray(weights, np.int64)[order], axis=0) > allowed
    first = np.argmax(reached, axis=0)[np.newaxis]
    result: Values = np.maximum(0, np.take_along_axis(by_size, first, axis=0)[0])
    return result


def _tail_of(values: Sequence[int], weights: Sequence[int], numerator: int, denominator: int) -> int:
    result, left = 0, numerator
    for value, weight in sorted(zip(values, weights, strict=True), reverse=True):
        counted = min(denominator * weight, left)
        result += counted * value
        left -= counted
    return result


def _check_weights(label: str, operands: Sequence[Expression], weights: Sequence[int]) -> None:
    if not operands or len(weights) != len(operands):
        raise ModelError(f"tail {label!r}: {len(weights)} weights for {len(operands)} losses")
    if any(type(weight) is not int or weight < 1 for weight in weights):
        raise ModelError(f"tail {label!r}: weights are integers of at least 1")
    if sum(weights) >= 1 << 40:
        raise ModelError(f"tail {label!r}: the weights sum to 2^40 or more")
