"""Plans as rows of a table, and their sums: what the command line writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from circuits.planning.planner import Plan, PlanError, Planner
from circuits.planning.problem import Amounts
from primitives.amounts_text import plain_amount
from primitives.assets import Asset

COLUMNS = ("account", "asset", "side", "amount", "value", "weight_before", "weight_after", "note")
Row = tuple[str, ...]
"""Of `COLUMNS`. Weights are in percent, of the net value before and after."""

_WEIGHT_DECIMALS = 4


@dataclass
class PlanTotals:
    """What plans of several accounts come to; private."""

    accounts: int = 0
    within: int = 0
    planned: int = 0
    impossible: int = 0
    trades: int = field(default=0, repr=False)
    traded: int = field(default=0, repr=False)
    cost: int = field(default=0, repr=False)
    value: int = field(default=0, repr=False)
    before: dict[str, int] = field(default_factory=dict, repr=False)
    after: dict[str, int] = field(default_factory=dict, repr=False)

    def add(self, planner: Planner, plan: Plan) -> None:
        """Count a plan, or a portfolio that needs none."""
        before, after = planner.problem.values(plan.before), planner.problem.values(plan.after)
        self.accounts += 1
        self.within += not plan.trades
        self.planned += bool(plan.trades)
        self.trades += len(plan.trades)
        self.traded += plan.traded
        self.cost += plan.cost
        self.value += sum(before.values())
        for totals, values in ((self.before, before), (self.after, after)):
            for asset, value in values.items():
                totals[asset] = totals.get(asset, 0) + value

    @property
    def turnover(self) -> Fraction:
        """The traded value over the net value before."""
        return Fraction(self.traded, max(1, self.value))


class PlanRows:
    """Plans accounts one by one, into rows and totals."""

    def __init__(self, planner: Planner, assets: tuple[Asset, ...], scale: int) -> None:
        """`scale` is that of the value units."""
        self._planner = planner
        self._assets = {asset.id: asset for asset in assets}
        self._scale = scale
        self.totals = PlanTotals()

    def of(self, accounts: Sequence[tuple[str, Amounts]]) -> Iterator[Row]:
        """The rows of some accounts: trades, the cash leg with them; one with a note for an account without a plan."""
        within = self._planner.are_within([amounts for _, amounts in accounts])
        for (account, amounts), is_within in zip(accounts, within, strict=True):
            if is_within:
                self.totals.add(self._planner, self._planner.keep(amounts))
            else:
                yield from self._planned(account, amounts)

    def _planned(self, account: str, amounts: Amounts) -> Iterator[Row]:
        try:
            plan = self._planner.plan(amounts)
        except PlanError as error:
            self.totals.accounts += 1
            self.totals.impossible += 1
            yield account, "", "", "", "", "", "", str(error)
            return
        self.totals.add(self._planner, plan)
        yield from self.rows(account, plan)

    def rows(self, account: str, plan: Plan) -> Iterator[Row]:
        """The rows of a plan."""
        problem = self._planner.problem
        before, after = problem.values(plan.before), problem.values(plan.after)
        moved = {asset: plan.after[asset] - plan.before[asset] for asset in problem.assets}
        for asset, amount in moved.items():
            if amount:
                yield (
                    account,
                    asset,
                    "buy" if amount > 0 else "sell",
                    plain_amount(abs(amount), self._assets[asset].decimals),
                    plain_amount(problem.prices[asset] * abs(amount), self._scale),
                    weight_text(before[asset], sum(before.values())),
                    weight_text(after[asset], sum(after.values())),
                    "pays for the trades and their fees" if asset == problem.cash else "",
                )


def weight_text(value: int, total: int) -> str:
    """In percent, to four decimals; empty where nothing is held."""
    return f"{float(Fraction(100 * value, total)):.{_WEIGHT_DECIMALS}f}" if total else ""
