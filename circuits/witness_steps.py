"""The steps that a witness is computed by: one per auxiliary variable, each a value of affine forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from circuits.rows import Form


@dataclass(frozen=True, slots=True)
class Maximum:
    """``max(0, f_1, ..., f_n)``."""

    forms: tuple[Form, ...]


@dataclass(frozen=True, slots=True)
class Minimum:
    """``max(0, min(f_1, ..., f_n))``."""

    forms: tuple[Form, ...]


@dataclass(frozen=True, slots=True)
class Indicator:
    """1 where ``f >= 0``, else 0."""

    form: Form

    @property
    def forms(self) -> tuple[Form, ...]:
        """The one form."""
        return (self.form,)


@dataclass(frozen=True, slots=True)
class OrderStatistic:
    """``max(0, the rank-th largest of f_1, ..., f_n)``, ``1 <= rank <= n``; equal values count each."""

    forms: tuple[Form, ...]
    rank: int


@dataclass(frozen=True, slots=True)
class WeightedOrderStatistic:
    """``max(0, x)``, x the largest of f_1, ..., f_n such that the weights of the forms of at least x sum to `rank`.

    Weights are at least 1, and ``1 <= rank <= sum of weights < 2^40``. With weights 1 an `OrderStatistic`.
    """

    forms: tuple[Form, ...]
    rank: int
    weights: tuple[int, ...]


Step = Maximum | Minimum | Indicator | OrderStatistic | WeightedOrderStatistic


def step_value(step: Step, forms: Sequence[int]) -> int:
    """The value of a step, from those of its forms: the definition, in Python integers."""
    if isinstance(step, Indicator):
        return int(forms[0] >= 0)
    if isinstance(step, OrderStatistic):
        return max(0, sorted(forms)[-step.rank])
    if isinstance(step, WeightedOrderStatistic):
        ordered = sorted(zip(forms, step.weights, strict=True), reverse=True)
        reached = accumulate(weight for _, weight in ordered)
        return max(
            0,
            next(value for (value, _), weight in zip(ordered, reached, strict=True) if weight >= step.rank),
        )
    return max(0, max(forms) if isinstance(step, Maximum) else min(forms))
