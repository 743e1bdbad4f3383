"""Conditions on how a portfolio is divided, in one form for proofs and for planning.

With values ``v_a = p_a q_a`` of the assets, V their sum, and integers of the document:

    slack(v) = sum_a c_a v_a - sum_j w_j |e_j(v)| - W sum of the k largest |v_a| >= 0         with linear e_j
    tests    = number of a with  sum_b t_ab v_b >= 0,   at least n

A share n/d of V becomes ``d v_a - n V >= 0`` or ``n V - d v_a >= 0``: no division, and a portfolio of nothing passes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

Linear = Mapping[str, int]
"""Coefficients of the values of assets, and of V under the name `TOTAL`."""
TOTAL: Final = ""
"""No asset has this name."""


@dataclass(frozen=True)
class Condition:
    """See the module's text. `label` names rows, `path` the entry of the document; `scale` is d.

    `largest_count` and `largest_weight` are k and W, over `largest_of`. `tests` and `least_passed` stand alone: such a
    condition has no slack.
    """

    label: str
    path: str
    linear: Linear
    scale: int = 1
    absolutes: tuple[tuple[int, Linear], ...] = ()
    largest_of: tuple[str, ...] = ()
    largest_count: int = 0
    largest_weight: int = 0
    tests: tuple[Linear, ...] = ()
    least_passed: int = 0

    def slack(self, values: Mapping[str, int]) -> int:
        """How far from the bound, in units of ``1/scale`` value unit; of tests, how many pass beyond those needed.

        `values` has those of all assets, and may have V under `TOTAL`.
        """
        if TOTAL not in values:
            values = with_total(values)
        if self.tests:
            return sum(evaluate(test, values) >= 0 for test in self.tests) - self.least_passed
        result = evaluate(self.linear, values)
        result -= sum(weight * abs(evaluate(form, values)) for weight, form in self.absolutes)
        sizes = sorted((abs(values[asset]) for asset in self.largest_of), reverse=True)
        return result - self.largest_weight * sum(sizes[: self.largest_count])

    def holds(self, values: Mapping[str, int]) -> bool:
        """Whether the portfolio satisfies the condition."""
        return self.slack(values) >= 0


def evaluate(form: Linear, values: Mapping[str, int]) -> int:
    """``sum_a form_a values_a``."""
    return sum(coefficient * values[asset] for asset, coefficient in form.items())


def with_total(values: Mapping[str, int]) -> dict[str, int]:
    """The values of all assets, and V."""
    return {**values, TOTAL: sum(values.values())}


def plus(form: Linear, other: Linear, factor: int = 1) -> Linear:
    """``form + factor other``, without zeros."""
    result = dict(form)
    for asset, coefficient in other.items():
        result[asset] = result.get(asset, 0) + factor * coefficient
    return {asset: coefficient for asset, coefficient in result.items() if coefficient}


def all_of(assets: Sequence[str]) -> Linear:
    """The sum of these."""
    return dict.fromkeys(assets, 1)
