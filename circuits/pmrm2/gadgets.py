"""Two gadgets that only this margin needs: a part that is capped, and the loss of a discounted value either way.

``x [w]`` is a variable ``0 <= x < 2^w``; L, U, M and e are affine. Big-M constants are the least that let every account
within the bounds through: a smaller one would cost completeness, never soundness.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from circuits.modelling import Curvature, Expression
from circuits.modelling.constraints import make_boolean
from circuits.modelling.expressions import Values
from circuits.modelling.leaves import RowSpecification, Variable, largest

_LOSS_SCALE: Final = 8
"""The values in a row of `discounted_loss` are below eight times the largest of L, U and M."""


def capped_positive_part(e: Expression, *, label: str) -> Expression:
    """``max(0, e)``, concave: the prover can under-state it.

        n [w], z [1];   e - n + B (1 - z) >= 0,   B' z - n >= 0

    With z = 1, n <= e; with z = 0, n = 0. Asking again for the same e gives the same variable.
    """
    return e.model.memo(("capped positive part", e.key()), lambda: _capped_positive_part(e, label))


def _capped_positive_part(e: Expression, label: str) -> Expression:
    least, greatest = e.model.clip(e.interval)
    release, bound = max(0, -least), max(0, greatest)
    n = Variable(
        e.model,
        label,
        greatest=bound,
        rule=largest(e),
        curvature=Curvature.CONCAVE,
        meaning=lambda values: np.maximum(0, values[0]),
        arguments=[e],
    )
    result = n.expression()
    z = make_boolean(f"{label}: positive", e)
    limited = e - result + release * (1 - z)
    n.rows.append(RowSpecification(f"{label}: at most", limited, greatest=release, is_capped=False))
    n.rows.append(RowSpecification(f"{label}: only if", bound * z - result, greatest=bound, is_capped=False))
    return result


def discounted_loss(long: Expression, short: Expression, mark: Expression, *, label: str) -> Expression:
    """``|min(L, U) - M|``, convex.

        s [w], z [1];   loss = s + M - L
        s - (L - U) >= 0                          loss >= M - U;  s >= 0 is loss >= M - L
        s - 2 (L - M) + B z >= 0                  z = 0: loss >= L - M
        s - (L + U - 2 M) + B' (1 - z) >= 0       z = 1: loss >= U - M

    ``loss >= min(L, U) - M`` needs one of the last two, and z says which. For ``|max(L, U) - M|`` take the
    negatives of L, U and M. Asking again for the same expressions gives the same loss.
    """
    key = ("discounted loss", long.key(), short.key(), mark.key())
    return long.model.memo(key, lambda: _discounted_loss(long, short, mark, label))


def _discounted_loss(long: Expression, short: Expression, mark: Expression, label: str) -> Expression:
    model = long.model
    excess, twice, middle = long - short, 2 * (long - mark), long + short - 2 * mark
    falls, rises = model.clip(excess.interval)
    z = make_boolean(f"{label}: short value", excess)
    first = max(0, rises) * z - twice
    second = max(0, -falls) * (1 - z) - middle
    bounds = [model.clip(e.interval, _LOSS_SCALE).greatest for e in (excess, twice, middle)]
    s = Variable(
        model,
        label,
        greatest=max(0, *bounds),
        rule=largest(excess, -first, -second),
        curvature=Curvature.CONVEX,
        meaning=_loss_over_long,
        arguments=[long, short, mark],
    )
    value = s.expression()
    for name, row in (
        ("short", value - excess),
        ("gain by long", value + first),
        ("gain by short", value + second),
    ):
        s.rows.append(RowSpecification(f"{label}: {name}", row, scale=_LOSS_SCALE))
    return value + mark - long


def _loss_over_long(values: Sequence[Values]) -> Values:
    """``|min(L, U) - M| + L - M``."""
    long, short, mark = values
    result: Values = np.abs(np.minimum(long, short) - mark) + long - mark
    return result
