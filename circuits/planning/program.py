"""The planning problem as a mixed-integer program for HiGHS.

Per tradable asset a purchase b_a >= 0 and a sale s_a >= 0, in steps of ``step_a``; values y_a after the trades, in
units of ``1/unit``; conditions as rows of `circuits.models.allocation_conditions.Condition`:

    y_a = v_a + step_a (b_a - s_a)
    y_c = v_c - sum_a step_a ((1 + f) b_a - (1 - f) s_a)                       continuous
    y_c = p_c C,  C integer,  p_c (q_c - C) - paid in [0, p_c - 1/d]           whole base units, f = n/d

    |e|             d_j >= e, d_j >= -e
    k largest       t, u_a >= 0:  u_a >= m_a - t,   k t + sum u_a
    tests           z_a in {0, 1}:  test >= -M (1 - z_a),   sum z_a >= n

Every row of a condition can be tightened by a margin, and relaxed by a slack of its own that is minimised. Floats err:
nothing that is said about a plan rests on them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array

from circuits.models.allocation_conditions import TOTAL, Condition, Linear
from circuits.planning.problem import Amounts, PlanningProblem

_TOLERANCE: Final = 1e-10
"""The least that HiGHS takes for linear programs."""
_LARGEST_STEP: Final = 16.0
"""No trade is larger than that many times the gross value of the portfolio."""
_INFINITY: Final = np.inf
_CANCELLED: Final = 1e-15


@dataclass
class Form:
    """``constant + sum_k coefficients[k] x_k``."""

    coefficients: dict[int, float] = field(default_factory=dict)
    constant: float = 0.0

    def add(self, other: Form, factor: float = 1.0) -> Form:
        """``self + factor other``, in place."""
        for variable, coefficient in other.coefficients.items():
            self.coefficients[variable] = self.coefficients.get(variable, 0.0) + factor * coefficient
        self.constant += factor * other.constant
        return self


@dataclass(frozen=True)
class Solution:
    """Values of all variables, and of the objective."""

    values: tuple[float, ...]
    objective: float


class Program:
    """Variables and rows for one portfolio.

    With `whole` all trades are integers in base units, and values are in value units: for small numbers only. Else
    values are shares of the gross value of the portfolio. `allowed` are the assets that may be traded.
    """

    def __init__(
        self,
        problem: PlanningProblem,
        amounts: Amounts,
        *,
        whole: bool = False,
        allowed: Collection[str] | None = None,
        margin: float = 0.0,
        without: Collection[str] = (),
        elastic: bool = False,
    ) -> None:
        self._problem = problem
        self._values = problem.values(amounts)
        self._whole = whole
        self.unit = 1 if whole else max(1, sum(map(abs, self._values.values())))
        self._margin = margin
        self._lower: list[float] = []
        self._upper: list[float] = []
        self._integral: list[int] = []
        self._rows: list[tuple[Form, float]] = []
        self.trades: dict[str, tuple[int, int]] = {}
        self.slacks: dict[str, int] = {}
        self._objective: dict[int, float] = {}
        self._build(amounts, allowed, without, elastic=elastic)

    def variable(self, lower: float = 0.0, upper: float = _INFINITY, *, integral: bool = False) -> int:
        """A new one."""
        self._lower.append(lower)
        self._upper.append(upper)
        self._integral.append(int(integral))
        return len(self._lower) - 1

    def require(self, form: Form, least: float = 0.0) -> None:
        """``form >= least``."""
        self._rows.append((form, least))

    def traded_form(self) -> Form:
        """What is traded, in units of ``1/unit`` value unit."""
        form = Form()
        for asset, (bought, sold) in self.trades.items():
            step = self._step(asset)
            form.add(Form({bought: step, sold: step}))
        return form

    def solve(
        self, objective: Mapping[int, float] | None = None, *, most_nodes: int | None = None
    ) -> Solution | None:
        """The least value of the objective (what is traded, if none is given); None if nothing is feasible.

        Integers are fixed and the rest is solved once more, more precisely. With `most_nodes` the search for integers
        gives up after so many, and the answer is None then too.
        """
        costs = np.zeros(len(self._lower))
        for variable, cost in (self._objective if objective is None else objective).items():
            costs[variable] = cost
        matrix, least = self._matrix()
        lower, upper = np.array(self._lower), np.array(self._upper)
        integral = np.array(self._integral)
        rounded: Solution | None = None
        if integral.any():
            # Its stubs have no limit of nodes among the options.
            search: Any = milp
            found = search(
                costs,
                constraints=LinearConstraint(matrix, least, _INFINITY),
                bounds=Bounds(lower, upper),
                integrality=integral,
                options={"mip_rel_gap": 0.0} | ({} if most_nodes is None else {"node_limit": most_nodes}),
            )
            if found.status != 0 or found.x is None:
                return None
            rounded = Solution(tuple(found.x.tolist()), float(costs @ found.x))
            fixed = np.flatnonzero(integral)
            values = np.round(found.x[fixed])
            lower[fixed], upper[fixed] = values, values
            if len(fixed) == len(costs):
                return Solution(tuple(np.round(found.x).tolist()), float(costs @ np.round(found.x)))
        # Its stubs know neither sparse matrices nor arrays of bounds.
        solver: Any = linprog
        result = solver(
            costs,
            A_ub=-matrix,
            b_ub=-least,
            bounds=np.column_stack([lower, upper]),
            method="highs",
            options={"primal_feasibility_tolerance": _TOLERANCE, "dual_feasibility_tolerance": _TOLERANCE},
        )
        if result.status != 0:
            return rounded
        return Solution(tuple(result.x.tolist()), float(result.fun))

    def _matrix(self) -> tuple[csr_array, NDArray[np.float64]]:
        """Rows scaled so that the largest coefficient is 1; whole ones as they are."""
        data, rows, columns, least = [], [], [], []
        for place, (form, bound) in enumerate(self._rows):
            largest = max((abs(c) for c in form.coefficients.values()), default=1.0) or 1.0
            factor = 1.0 if self._whole else 1.0 / largest
            for variable, coefficient in form.coefficients.items():
                data.append(factor * coefficient)
                rows.append(place)
                columns.append(variable)
            least.append(factor * (bound - form.constant))
        matrix = csr_array((data, (rows, columns)), shape=(len(self._rows), len(self._lower)))
        return matrix, np.array(least)

    def _step(self, asset: str) -> float:
        return float(self._problem.prices[asset]) if self._whole else 1.0

    def _build(
        self, amounts: Amounts, allowed: Collection[str] | None, without: Collection[str], *, elastic: bool
    ) -> None:
        problem = self._problem
        gross = max(1, sum(map(abs, self._values.values())))
        forms = {asset: Form({}, self._values[asset] / self.unit) for asset in problem.assets}
        cash, fee = forms[problem.cash], float(problem.fee)
        for asset in problem.tradable:
            if allowed is not None and asset not in allowed:
                continue
            step = self._step(asset)
            most = float(_LARGEST_STEP * gross // problem.prices[asset] + 1) if self._whole else _LARGEST_STEP
            bought = self.variable(0.0, most, integral=self._whole)
            sold = self.variable(0.0, most, integral=self._whole)
            self.trades[asset] = bought, sold
            forms[asset].add(Form({bought: step, sold: -step}))
            if not self._whole:
                cash.add(Form({bought: -(1 + fee), sold: 1 - fee}))
        if self._whole:
            forms[problem.cash] = self._whole_cash(amounts.get(problem.cash, 0), gross)
        whole = Form()
        for form in list(forms.values()):
            whole.add(form)
        # What is bought is paid for, so that most of it cancels.
        forms[TOTAL] = Form(
            {v: c for v, c in whole.coefficients.items() if abs(c) > _CANCELLED}, whole.constant
        )
        self._objective = dict(self.traded_form().coefficients)
        for condition in problem.conditions:
            if condition.label not in without:
                self._add(condition, forms, elastic=elastic)
        if elastic:
            self._objective = dict.fromkeys(self.slacks.values(), 1.0)

    def _whole_cash(self, held: int, gross: int) -> Form:
        """``0 <= d (p_c (q_c - C) - paid) <= d p_c - 1`` for the integer C."""
        problem = self._problem
        price, numerator, denominator = (
            problem.prices[problem.cash],
            problem.fee.numerator,
            problem.fee.denominator,
        )
        most = float(_LARGEST_STEP * gross // price + 1)
        left = self.variable(-most, most, integral=True)
        rest = Form({left: -float(denominator * price)}, float(denominator * price * held))
        for asset, (bought, sold) in self.trades.items():
            step = float(problem.prices[asset])
            rest.add(
                Form({bought: -step * (denominator + numerator), sold: step * (denominator - numerator)})
            )
        self.require(rest)
        self.require(Form().add(rest, -1.0), 1.0 - denominator * price)
        return Form({left: float(price)})

    def _add(self, condition: Condition, forms: Mapping[str, Form], *, elastic: bool) -> None:
        release = Form()
        if elastic:
            slack = self.variable()
            self.slacks[condition.label] = slack
            release = Form({slack: 1.0})
        margin = self._margin * self._sensitivity(condition)
        if condition.tests:
            self._add_tests(condition, forms, release, margin)
            return
        slack_form = _combined(condition.linear, forms)
        for weight, linear in condition.absolutes:
            slack_form.add(Form({self._magnitude(_combined(linear, forms)): 1.0}), -float(weight))
        if condition.largest_of:
            level = self.variable()
            top = Form({level: float(condition.largest_count)})
            for asset in condition.largest_of:
                excess = self.variable()
                size = forms[asset] if self._problem.is_long else Form({self._magnitude(forms[asset]): 1.0})
                self.require(Form({excess: 1.0, level: 1.0}).add(size, -1.0))
                top.add(Form({excess: 1.0}))
            slack_form.add(top, -float(condition.largest_weight))
        self.require(slack_form.add(release, float(condition.scale)), margin)

    def _add_tests(
        self, condition: Condition, forms: Mapping[str, Form], release: Form, margin: float
    ) -> None:
        passed = Form()
        for test in condition.tests:
            form = _combined(test, forms)
            reach = (
                sum(map(abs, test.values())) * _LARGEST_STEP * max(1, sum(map(abs, self._values.values())))
            )
            most = reach / self.unit / 4
            is_met = self.variable(0.0, 1.0, integral=True)
            self.require(form.add(Form({is_met: -most}, most)), margin)
            passed.add(Form({is_met: 1.0}))
        self.require(passed.add(release, float(len(condition.tests))), float(condition.least_passed))

    def _magnitude(self, form: Form) -> int:
        size = self.variable()
        self.require(Form({size: 1.0}).add(form, -1.0))
        self.require(Form({size: 1.0}).add(form, 1.0))
        return size

    def _sensitivity(self, condition: Condition) -> float:
        """How far rounding every trade to base units can move the slack, in units of ``1/unit``."""
        weights: dict[str, float] = {}
        for linear, factor in (
            (condition.linear, 1),
            *((form, weight) for weight, form in condition.absolutes),
            *((test, 1) for test in condition.tests),
            (dict.fromkeys(condition.largest_of, 1), condition.largest_weight),
        ):
            for asset, coefficient in linear.items():
                weights[asset] = weights.get(asset, 0.0) + abs(coefficient * factor)
        prices, cash = self._problem.prices, self._problem.cash
        moved = sum(weight * prices[asset] for asset, weight in weights.items() if asset != TOTAL)
        moved += weights.get(cash, 0.0) * 2 * sum(prices.values())
        # The whole changes with fees, and by less than a base unit of cash.
        moved += weights.get(TOTAL, 0.0) * (prices[cash] + float(self._problem.fee) * sum(prices.values()))
        return moved / self.unit + 1e-9 * sum(weights.values())


def _combined(linear: Linear, forms: Mapping[str, Form]) -> Form:
    result = Form()
    for asset, coefficient in linear.items():
        result.add(forms[asset], float(coefficient))
    return result
