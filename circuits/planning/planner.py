"""The smallest trades that bring a portfolio back into its bands, in whole base units.

1. A portfolio that satisfies the model needs no trade.
2. Small numbers: an integer program gives the least traded value, and a second one the fewest trades of that value.
3. Others: a linear program gives the least traded value; among the plans of that value one with few trades is chosen;
   rows are tightened by what rounding can move, trades rounded, then shrunk one by one, in exact integers, as far as
   the model lets them. What this adds to the least traded value is a few base units, and is reported as `Plan.excess`.
4. Every plan is put through the statement that the model compiles to. One that fails is never returned.

Deterministic: HiGHS is, and ties are broken by the order of assets.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Final

from circuits.assignment import NotSatisfiedError, assign_bits
from circuits.models.allocation import Allocation
from circuits.planning.conflict import Conflict, find_conflict
from circuits.planning.problem import Amounts, PlanningProblem
from circuits.planning.program import Form, Program, Solution
from circuits.positions import PositionBatch
from circuits.public_market import PublicMarket
from circuits.rows import Scope
from circuits.statement import Statement
from primitives.assets import Asset
from primitives.errors import SealedbookError

_SMALL_UNITS: Final = 1 << 13
"""Base units of the cheapest asset that the portfolio is worth at the most for step 2."""
_SMALL_COEFFICIENT: Final = 1 << 30
_MARGINS: Final = (0.0, 1.0, 4.0, 32.0)
_MOST_COUNTED: Final = 200
"""With more assets than that, trades are not counted."""
_MOST_NODES: Final = 4096
"""Of the search for the fewest trades: it must not take minutes, and not depend on the machine."""
_TIE: Final = 1e-9
_SHRINKING_ROUNDS: Final = 2


class PlanError(SealedbookError):
    """No plan: `conflict` says which conditions contradict each other; None if only whole base units are in the way."""

    def __init__(self, message: str, conflict: Conflict | None = None) -> None:
        self.conflict = conflict
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Trade:
    """`amount` base units bought, or sold if negative; `value` in value units, of the same sign. Private."""

    asset: str
    amount: int = field(repr=False)
    value: int = field(repr=False)


@dataclass(frozen=True)
class Plan:
    """Trades, and the portfolio before and after; nothing of it in the repr.

    `traded` is the value of all trades, `cost` what of the portfolio's value is gone after them: fees, and less than
    one base unit of cash. `excess` is at most how far `traded` is above the least possible. All in value units.
    """

    before: Mapping[str, int] = field(repr=False)
    after: Mapping[str, int] = field(repr=False)
    trades: tuple[Trade, ...] = field(repr=False)
    traded: int = field(repr=False)
    cost: int = field(repr=False)
    excess: int = field(repr=False)


class Planner:
    """Plans for portfolios of one book, model and market."""

    def __init__(
        self,
        definition: Allocation,
        assets: Sequence[Asset],
        market: PublicMarket | None,
        *,
        cash: str | None = None,
        fee: Fraction = Fraction(0),
    ) -> None:
        """`cash` and `fee` as in `PlanningProblem.of`. Raises `circuits.modelling.ModelError`."""
        self.problem = PlanningProblem.of(definition, assets, market, cash=cash, fee=fee)
        self._definition = definition
        self._assets = tuple(assets)
        self._market = market

    @cached_property
    def statement(self) -> Statement:
        """What plans are judged by."""
        return self._definition.model(self._assets, self._market, Scope.ACCOUNT).compile()

    def is_within(self, amounts: Amounts) -> bool:
        """Whether a portfolio satisfies the statement."""
        try:
            return self.are_within([amounts])[0]
        except ValueError:
            return False

    def are_within(self, portfolios: Sequence[Amounts]) -> list[bool]:
        """The same for many at once. `ValueError` for an amount beyond 64 bits."""
        places = {asset.id: place for place, asset in enumerate(self._assets)}
        batch = PositionBatch.from_mappings(
            [{places[asset]: amount for asset, amount in amounts.items()} for amounts in portfolios]
        )
        try:
            assign_bits(self.statement, batch)
        except NotSatisfiedError as error:
            failing = {violation.account for violation in error.violations}
            return [place not in failing for place in range(len(portfolios))]
        return [True] * len(portfolios)

    def keep(self, amounts: Amounts) -> Plan:
        """The plan without trades, of a portfolio that is within its limits."""
        held = {asset: amounts.get(asset, 0) for asset in self.problem.assets}
        return Plan(held, held, (), 0, 0, 0)

    def plan(self, amounts: Amounts) -> Plan:
        """The smallest trades for a portfolio, given in base units by asset. Raises `PlanError`."""
        if self.is_within(amounts):
            return self.keep(amounts)
        trades, least = self._small(amounts) if self._is_small(amounts) else self._large(amounts)
        return self._finish(amounts, trades, least)

    def _finish(self, amounts: Amounts, trades: Amounts, least: int) -> Plan:
        problem = self.problem
        kept = {asset: trades[asset] for asset in problem.assets if trades.get(asset, 0)}
        after = problem.settle(amounts, kept)
        if not self.is_within(after):
            raise PlanError(
                "a plan was found that the model's statement refuses: the portfolio is beyond the bounds of the model "
                "(numbers.cap, numbers.position_bits)"
            )
        before = {asset: amounts.get(asset, 0) for asset in problem.assets}
        traded = problem.traded(kept)
        gone = sum(problem.values(before).values()) - sum(problem.values(after).values())
        made = tuple(Trade(asset, amount, problem.prices[asset] * amount) for asset, amount in kept.items())
        return Plan(before, after, made, traded, gone, max(0, traded - least))

    def _is_small(self, amounts: Amounts) -> bool:
        problem = self.problem
        gross = sum(map(abs, problem.values(amounts).values()))
        cheapest = min(price for price in problem.prices.values() if price)
        largest = max(max(map(abs, form.values())) for form in _linear_forms(problem))
        in_rows = largest * gross * problem.fee.denominator
        return gross <= _SMALL_UNITS * cheapest and in_rows <= _SMALL_COEFFICIENT

    def _small(self, amounts: Amounts) -> tuple[dict[str, int], int]:
        program = Program(self.problem, amounts, whole=True)
        solution = program.solve()
        if solution is None:
            raise self._failure(amounts)
        least = round(solution.objective)
        fewest = _fewest_trades(program, solution, 0.5)
        for candidate in (fewest, solution):
            if candidate is not None:
                trades = _whole_trades(program, candidate)
                if self.problem.is_satisfied(self.problem.settle(amounts, trades)):
                    return trades, least
        return self._large(amounts)

    def _large(self, amounts: Amounts) -> tuple[dict[str, int], int]:
        program = Program(self.problem, amounts)
        solution = program.solve()
        if solution is None:
            raise self._failure(amounts)
        least = int(solution.objective * program.unit)
        for allowed in self._supports(amounts, program, solution):
            for margin in _MARGINS:
                tightened = Program(self.problem, amounts, allowed=allowed, margin=margin)
                found = tightened.solve()
                if found is None:
                    break
                trades = self._rounded(tightened, found)
                if self.problem.is_satisfied(self.problem.settle(amounts, trades)):
                    return self._shrunk(amounts, trades), least
        raise self._failure(amounts)

    def _supports(
        self, amounts: Amounts, program: Program, solution: Solution
    ) -> Iterator[Collection[str] | None]:
        """Which assets to trade: the fewest at the least traded value, then those of the solution, then any."""
        if len(program.trades) <= _MOST_COUNTED:
            counted = Program(self.problem, amounts)
            fewest = _fewest_trades(counted, solution, _TIE)
            if fewest is not None:
                yield _support(counted, fewest)
        yield _support(program, solution)
        yield None

    def _rounded(self, program: Program, solution: Solution) -> dict[str, int]:
        trades = {}
        for asset, (bought, sold) in program.trades.items():
            # Exactly: a float times the unit may have more digits than a float.
            share = Fraction(solution.values[bought]) - Fraction(solution.values[sold])
            trades[asset] = round(share * program.unit / self.problem.prices[asset])
        return trades

    def _shrunk(self, amounts: Amounts, trades: dict[str, int]) -> dict[str, int]:
        """Each trade, in order, as small as the others and the model let it be."""
        for _ in range(_SHRINKING_ROUNDS):
            for asset, amount in list(trades.items()):
                if amount:
                    trades[asset] = self._smallest(amounts, trades, asset, amount)
        return trades

    def _smallest(self, amounts: Amounts, trades: Mapping[str, int], asset: str, amount: int) -> int:
        """Steps that double, then bisection: conditions that are not counts hold on an interval of amounts."""
        sign = 1 if amount > 0 else -1

        def fits(size: int) -> bool:
            return self.problem.is_satisfied(self.problem.settle(amounts, {**trades, asset: sign * size}))

        high, step = abs(amount), 1
        while step <= high and fits(high - step):
            high -= step
            step *= 2
        low = max(-1, high - step)
        while high - low > 1:
            middle = (low + high) // 2
            if fits(middle):
                high = middle
            else:
                low = middle
        return sign * high

    def _failure(self, amounts: Amounts) -> PlanError:
        conflict = find_conflict(self.problem, amounts)
        if conflict is None:
            return PlanError(
                "no trades in whole base units were found: the limits leave less room than rounding takes. Widen them, "
                "or count the assets in smaller base units"
            )
        return PlanError(f"no trades bring the portfolio into its limits. {conflict.describe()}", conflict)


def _fewest_trades(program: Program, solution: Solution, tie: float) -> Solution | None:
    """Of plans that trade no more than `solution` (but for `tie`), one with the fewest trades. Changes `program`."""
    traded = program.traded_form()
    counts: dict[int, float] = {}
    for bought, sold in program.trades.values():
        is_traded = program.variable(0.0, 1.0, integral=True)
        most = solution.objective + tie
        step = traded.coefficients[bought]
        program.require(_gate(is_traded, most, {bought: step, sold: step}))
        counts[is_traded] = 1.0
    program.require(_gate(None, solution.objective + tie, traded.coefficients))
    return program.solve(counts, most_nodes=_MOST_NODES)


def _gate(boolean: int | None, most: float, terms: Mapping[int, float]) -> Form:
    """``most (times the boolean) - sum of terms``."""
    coefficients = {variable: -coefficient for variable, coefficient in terms.items()}
    if boolean is None:
        return Form(coefficients, most)
    return Form({**coefficients, boolean: most})


def _support(program: Program, solution: Solution) -> set[str]:
    return {
        asset
        for asset, (bought, sold) in program.trades.items()
        if abs(solution.values[bought] - solution.values[sold]) > _TIE
    }


def _whole_trades(program: Program, solution: Solution) -> dict[str, int]:
    return {
        asset: round(solution.values[bought] - solution.values[sold])
        for asset, (bought, sold) in program.trades.items()
    }


def _linear_forms(problem: PlanningProblem) -> Iterator[Mapping[str, int]]:
    for condition in problem.conditions:
        if condition.linear:
            yield condition.linear
        yield from condition.tests
        yield from (form for _, form in condition.absolutes)
