"""Gadgets with booleans: exact maxima and parts, sign tests, activity, tiers whose charge jumps.

``b [1]`` is a boolean variable; M are the smallest constants that let every honest account through. A smaller M
would cost completeness, never soundness.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import numpy as np

from circuits.modelling.constraints import (
    check_affine,
    check_concave,
    check_convex,
    make_boolean,
    relaxed_row,
)
from circuits.modelling.curvature import Curvature
from circuits.modelling.errors import ModelError
from circuits.modelling.expressions import Expression, Values, as_expression
from circuits.modelling.gadgets import Split, absolute_value, extreme, make_split
from circuits.modelling.leaves import RowSpecification, Variable, indicator, largest


def exact_split(e: Expression, *, label: str | None = None) -> Split:
    """The parts of an affine e, exactly: one boolean more than `split`.

    d [w], b [1];  e + d >= 0 [w];  M b - (e + d) >= 0;  N (1 - b) - d >= 0
    """
    check_affine(e, f"split of ({e})")
    return e.model.memo(("exact split", e.key()), lambda: _make_exact_split(e, label))


def _make_exact_split(e: Expression, label: str | None) -> Split:
    name = label or e.model.new_name("exact split")
    parts = make_split(e, name, Curvature.AFFINE)
    (d,) = parts.negative.terms
    if not isinstance(d, Variable):
        raise ModelError(f"({e}) has no negative part")
    b = make_boolean(f"{name}: is not negative", e)
    positive_row = b * max(0, e.model.reach(e).greatest) - parts.positive
    negative_row = (1 - b) * max(0, -e.model.reach(e).least) - parts.negative
    d.rows.append(RowSpecification(f"{name}: positive only if so", positive_row))
    d.rows.append(RowSpecification(f"{name}: negative only if not", negative_row))
    return parts


def exact_maximum(
    pieces: Sequence[tuple[str, Expression]], constant: int | None, *, label: str | None, scale: int
) -> Expression:
    """``max(f_1, ..., f_n)`` of affine expressions and a constant, exactly (G6): a boolean each.

    x [w], z_i [1];  x - f_i >= 0;  f_i - x + M_i (1 - z_i) >= 0;  sum z_i = 1
    """
    model = pieces[0][1].model
    name = label or model.new_name("exact maximum")
    for _, piece in pieces:
        check_affine(piece, f"exact maximum {name!r}")
    constants = [] if constant is None else [("constant", as_expression(model, constant))]
    everything = [*pieces, *constants]
    intervals = [model.reach(piece, scale) for _, piece in everything]
    offset = max(interval.least for interval in intervals)
    x = Variable(
        model,
        name,
        greatest=max(interval.greatest for interval in intervals) - offset,
        rule=largest(*(piece - offset for _, piece in everything)),
        offset=offset,
        meaning=partial(extreme, np.maximum, constant),
        arguments=[piece for _, piece in pieces],
        text=f"[{name}]",
    )
    result = x.expression()
    chosen = result * 0
    for key, piece in everything:
        z = make_boolean(f"{name}: is {key}", piece - result - chosen)
        x.rows.append(RowSpecification(f"{name}: at least {key}", result - piece, scale=scale))
        x.rows.append(relaxed_row(f"{name}: at most {key}", piece - result, 1 - z, scale=scale))
        chosen = chosen + z
    x.rows.append(RowSpecification(f"{name}: one of them", chosen - 1, is_equation=True))
    return result


def sign_test(e: Expression, *, label: str | None = None, exact: bool = False) -> Expression:
    """A boolean that is 1 only if ``e >= 0`` (G7), for a concave e; concave: the prover may say 0.

        b [1];  e + M (1 - b) >= 0;   with `exact`, for an affine e, also  N b - e - 1 >= 0

    With `exact` it is 1 exactly if ``e >= 0``, and may stand anywhere.
    """
    model = e.model
    name = label or model.new_name("sign test")
    check_concave(e, f"sign test {name!r}")
    if exact:
        check_affine(e, f"exact sign test {name!r}")
    b = Variable(
        model,
        name,
        greatest=1,
        rule=indicator(e),
        curvature=Curvature.AFFINE if exact else Curvature.CONCAVE,
        meaning=lambda values: (values[0] >= 0).astype(object) * 1,
        arguments=[e],
    )
    result = b.expression()
    b.rows.append(relaxed_row(f"{name}: not negative", e, 1 - result))
    if exact:
        b.rows.append(relaxed_row(f"{name}: negative", -e - 1, result))
    return result


def is_active(amounts: Sequence[Expression], *, label: str | None = None) -> Expression:
    """A boolean that is 0 only if all affine `amounts` are 0, for constants that an empty account must not pay.

        a [1];  M_i a - |q_i| >= 0  for every i

    Convex: the prover may say 1.
    """
    if not amounts:
        raise ModelError("is_active of no amount")
    model = amounts[0].model
    name = label or model.new_name("activity")
    sizes = [absolute_value(amount) for amount in amounts]
    a = Variable(
        model,
        name,
        greatest=1,
        rule=indicator(model.sum(sizes) - 1),
        curvature=Curvature.CONVEX,
        meaning=_any_nonzero,
        arguments=list(amounts),
    )
    result = a.expression()
    for number, size in enumerate(sizes, start=1):
        gate = result * size.interval.greatest - size
        a.rows.append(RowSpecification(f"{name}: {number}", gate, greatest=size.interval.greatest))
    return result


def tier_selector(
    amount: Expression, bounds: Sequence[int], *, label: str | None = None
) -> tuple[Expression, ...]:
    """Booleans z_k, exactly one of them 1, and then ``amount <= bounds[k]`` (G13), for a convex amount >= 0.

        z_k [1];  sum z_k = 1;  sum bounds_k z_k - amount >= 0

    The prover may choose a later tier than the first that fits. The model requires ``amount <= bounds[-1]``.
    """
    model = amount.model
    name = label or model.new_name("tier")
    check_convex(amount, f"tier selector {name!r}")
    if not amount.is_non_negative:
        raise ModelError(f"tier selector {name!r}: ({amount}) is not known to be non-negative")
    if not bounds or bounds[0] < 0 or any(left >= right for left, right in pairwise(bounds)):
        raise ModelError(f"tier selector {name!r}: bounds must be increasing")
    selected: list[Expression] = []
    chosen = amount * 0
    for number, bound in enumerate(bounds, start=1):
        z = make_boolean(f"{name} {number}", bound - amount - (bound + 1) * chosen)
        selected.append(z)
        chosen = chosen + z
    model.require(chosen == 1, label=f"{name}: one of them")
    limits = [bound * z for bound, z in zip(bounds, selected, strict=True)]
    model.require(model.sum(limits) - amount >= 0, label=f"{name}: within its bound")
    return tuple(selected)


def stepped_charge(
    amount: Expression, tiers: Sequence[tuple[int, int]], *, label: str | None = None, scale: int = 1
) -> Expression:
    """``rate_k * amount`` with the rate of the first tier (bound_k, rate_k) that holds the *whole* amount; convex.

        x [w];  x - rate_k amount + M_k (1 - z_k) >= 0  with the booleans of `tier_selector`

    Rates must not decrease, so that a later tier never charges less.
    """
    model = amount.model
    name = label or model.new_name("stepped charge")
    rates = [rate for _, rate in tiers]
    if any(rate < 0 for rate in rates) or any(left > right for left, right in pairwise(rates)):
        raise ModelError(f"stepped charge {name!r}: rates must not be negative or decrease")
    bounds = [bound for bound, _ in tiers]
    selected = tier_selector(amount, bounds, label=f"{name}: tier")
    # M_k = rate_k bound_last: the charge released is never above it.
    released = [rate * bounds[-1] * (1 - z) for rate, z in zip(rates, selected, strict=True)]
    charges = [rate * amount - free for rate, free in zip(rates, released, strict=True)]
    x = Variable(
        model,
        name,
        greatest=model.reach(rates[-1] * amount, scale).greatest,
        rule=largest(*charges),
        curvature=Curvature.CONVEX,
        meaning=partial(_stepped_meaning, tuple(tiers)),
        arguments=[amount],
    )
    result = x.expression()
    for number, charge in enumerate(charges, start=1):
        x.rows.append(
            RowSpecification(
                f"{name}: {number}",
                result - charge,
                greatest=x.greatest + rates[-1] * bounds[-1],
                scale=scale,
                is_capped=False,
            )
        )
    return result


def _any_nonzero(values: Sequence[Values]) -> Values:
    return np.array([int(any(amounts)) for amounts in zip(*values, strict=True)], object)


def _stepped_meaning(tiers: tuple[tuple[int, int], ...], values: Sequence[Values]) -> Values:
    def charge(amount: int) -> int:
        return next((rate * amount for bound, rate in tiers if amount <= bound), tiers[-1][1] * amount)

    return np.array([charge(amount) for amount in values[0]], object)
