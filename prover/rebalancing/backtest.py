"""What a policy would have done over a price path: liquidations with and without it, on the same path.

Each step: prices move; transfers under way arrive; accounts below the requirement itself are liquidated and leave;
then the policy is applied to those that are left and have nothing under way. What a column or a shared account pays
leaves it at once and arrives after the latency. Positions do not change otherwise, and time does not pass for options.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Final

import numpy as np

from circuits.claim_statement import MODEL_ROLE, faults_of
from circuits.market.decimals import decimal_text
from circuits.modelling.definition import ModelDefinition
from circuits.modelling.expressions import Values
from circuits.positions import Int64Array
from circuits.prices import PriceDocument
from circuits.public_market import PublicMarket
from circuits.wrappers.shocks import PriceMove, Shock, shocked_market
from primitives.assets import Asset
from prover.progress import Progress, no_progress
from prover.rebalancing.bound_asset import PolicyError
from prover.rebalancing.margin_function import Figures, MarginFunction
from prover.rebalancing.planning import Plan, Planner
from prover.rebalancing.policy import RebalancingPolicy
from prover.rebalancing.price_path import PricePath
from prover.rebalancing.rebalance import AccountTable
from prover.rebalancing.search import BoolArray

ONE: Final = Fraction(1)
QUANTILES: Final = (5, 25, 50, 75, 95)
"""In percent, of equity over requirement among the accounts that are left and have a requirement."""


@dataclass(frozen=True)
class StepFigures:
    """One step. Counts are of accounts; `buffers` are `QUANTILES`, empty where no account has a requirement."""

    liquidated: int
    """So far."""
    under_buffer: int
    called: int
    buffers: tuple[float, ...]


@dataclass(frozen=True)
class RunFigures:
    """One run over the path. Amounts are in base units by asset of the policy; `shortfall` is in value units.

    `shortfall` is what liquidated accounts missed to an equity of zero, all together.
    """

    steps: tuple[StepFigures, ...]
    shortfall: int = field(repr=False)
    top_ups: int
    moved: tuple[int, ...] = field(repr=False)
    fees: tuple[int, ...] = field(repr=False)
    withdrawn: int = field(repr=False)

    @property
    def liquidated(self) -> int:
        """Accounts, at the end."""
        return self.steps[-1].liquidated

    @property
    def under_buffer(self) -> int:
        """Account-steps below the trigger."""
        return sum(step.under_buffer for step in self.steps)


@dataclass(frozen=True)
class Backtest:
    """Both runs."""

    accounts: int
    path: PricePath
    policy: RebalancingPolicy
    decimals: tuple[int, ...]
    """Of the policy's assets."""
    scale: int
    """Value units are ``10^-scale`` of the quote."""
    without: RunFigures
    with_policy: RunFigures

    @property
    def avoided(self) -> int:
        """Liquidations that the policy avoided (negative: caused, by what columns paid)."""
        return self.without.liquidated - self.with_policy.liquidated


def run_backtest(
    table: AccountTable,
    definition: ModelDefinition,
    market: PublicMarket | None,
    path: PricePath,
    policy: RebalancingPolicy,
    *,
    progress: Progress = no_progress,
) -> Backtest:
    """Both runs over the same path. Raises `PolicyError`, `PricePathError` and `ClaimDocumentError`."""
    planner = Planner(policy, table.assets, table.places)
    if any(each.column is None for each in planner.assets):
        raise PolicyError("a backtest moves assets of the book; a credit from outside is none")
    runs = [_Run(table.amounts, planner, is_active=active) for active in (False, True)]
    with faults_of(MODEL_ROLE):
        for step in range(len(path.times)):
            function = MarginFunction(definition, table.assets, market_at(market, path, step, table.assets))
            for run in runs:
                run.step(step, function)
            progress("Walking the path", step + 1, len(path.times))
    without, with_policy = (run.figures() for run in runs)
    return Backtest(
        len(table.ids),
        path,
        policy,
        tuple(each.decimals for each in planner.assets),
        definition.numbers.scale,
        without,
        with_policy,
    )


def market_at(
    market: PublicMarket | None, path: PricePath, step: int, assets: Sequence[Asset]
) -> PublicMarket | None:
    """`market` with the prices of a step. Raises `ModelError` for a series that the market has not.

    Prices of a price list are rounded to what its scale can express.
    """
    changes = {name: path.change(step, place) for place, name in enumerate(path.series)}
    if isinstance(market, PriceDocument):
        return _price_list_at(
            market, changes, {asset.id: asset.decimals for asset in assets}, path.times[step]
        )
    moves = tuple(PriceMove(name, change, Decimal(0)) for name, change in changes.items())
    return shocked_market(market, Shock(path.times[step], moves))


def _price_list_at(
    market: PriceDocument, changes: dict[str, Decimal], decimals: dict[str, int], time: str
) -> PriceDocument:
    exact = shocked_market(
        market, Shock(time, tuple(PriceMove(name, change, Decimal(0)) for name, change in changes.items()))
    )
    if not isinstance(exact, PriceDocument):  # pragma: no cover (a market stays of its kind)
        raise TypeError("expected a price list")
    prices = dict(exact.prices.prices)
    for name in changes:
        places = max(0, exact.prices.scale - decimals.get(name, 0))
        unit = Decimal(1).scaleb(-places)
        prices[name] = decimal_text(Decimal(round(Fraction(Decimal(prices[name])) / Fraction(unit))) * unit)
    return replace(exact, prices=replace(exact.prices, prices=MappingProxyType(prices)))


@dataclass(frozen=True)
class _Arrival:
    step: int
    column: int
    accounts: Int64Array = field(repr=False)
    amounts: Int64Array = field(repr=False)


class _Run:
    """The book on its way along the path. Private."""

    def __init__(self, table: Int64Array, planner: Planner, *, is_active: bool) -> None:
        self._table = table.copy()
        self._planner = planner
        self._is_active = is_active
        self._alive = np.ones(len(table), np.bool_)
        self._waiting = np.zeros(len(table), np.int64)
        self._arrivals: list[_Arrival] = []
        self._stated = {
            place: np.full(len(table), each.reserve_amount, np.int64)
            for place, each in enumerate(planner.assets)
            if each.reserve_column is None and each.reserve_account is None
        }
        self._steps: list[StepFigures] = []
        self._liquidated = self._shortfall = self._top_ups = self._withdrawn = 0
        self._moved = [0] * len(planner.assets)
        self._fees = [0] * len(planner.assets)

    def step(self, step: int, function: MarginFunction) -> None:
        """One time of the path."""
        self._arrive(step)
        alive = np.flatnonzero(self._alive)
        figures = function.figures(self._table[alive])
        fallen = np.asarray(figures.slack(ONE) < 0, np.bool_)
        self._liquidate(figures, alive, fallen)
        under = np.asarray(figures.slack(self._planner.policy.trigger) < 0, np.bool_) & ~fallen
        called = 0
        if self._is_active and (under.any() or self._planner.policy.withdraw is not None):
            called = self._apply(step, function)
        self._steps.append(
            StepFigures(self._liquidated, int(under.sum()), called, _buffers(figures, ~fallen))
        )

    def figures(self) -> RunFigures:
        """Of the whole run."""
        return RunFigures(
            tuple(self._steps),
            self._shortfall,
            self._top_ups,
            tuple(self._moved),
            tuple(self._fees),
            self._withdrawn,
        )

    def _arrive(self, step: int) -> None:
        due = [arrival for arrival in self._arrivals if arrival.step <= step]
        self._arrivals = [arrival for arrival in self._arrivals if arrival.step > step]
        for arrival in due:
            self._table[arrival.accounts, arrival.column] += arrival.amounts
            self._waiting[arrival.accounts] -= 1

    def _liquidate(self, figures: Figures, alive: Int64Array, fallen: BoolArray) -> None:
        if not fallen.any():
            return
        self._alive[alive[fallen]] = False
        self._liquidated += int(fallen.sum())
        for equity in figures.equity:
            missing = np.maximum(0, -equity[fallen].astype(object))
            self._shortfall += int(missing.sum()) // figures.scale

    def _apply(self, step: int, function: MarginFunction) -> int:
        free = self._alive & (self._waiting == 0)
        plan = self._planner.plan(function, self._table, among=free, stated=self._stated)
        self._pay(step, plan)
        if plan.withdrawals is not None:
            self._withdraw(plan)
        return int(plan.called.sum())

    def _pay(self, step: int, plan: Plan) -> None:
        for place, transfers in enumerate(plan.transfers):
            asset = transfers.asset
            accounts = np.flatnonzero(transfers.amounts)
            if not len(accounts) or asset.column is None:
                continue
            amounts, fees = transfers.amounts[accounts], transfers.fees[accounts]
            if asset.reserve_column is not None:
                self._table[accounts, asset.reserve_column] -= amounts + fees
            elif asset.reserve_account is not None:
                self._table[asset.reserve_account, asset.column] -= int(amounts.sum() + fees.sum())
            else:
                self._stated[place][accounts] -= amounts + fees
            self._top_ups += len(accounts)
            self._moved[place] += sum(amounts.tolist())
            self._fees[place] += sum(fees.tolist())
            if asset.policy.latency == 0:
                self._table[accounts, asset.column] += amounts
            else:
                self._waiting[accounts] += 1
                self._arrivals.append(_Arrival(step + asset.policy.latency, asset.column, accounts, amounts))

    def _withdraw(self, plan: Plan) -> None:
        taken = plan.withdrawals
        if taken is None or taken.asset.column is None:
            return
        asset = taken.asset
        arrives = -taken.amounts - taken.fees
        self._table[:, asset.column] += taken.amounts
        if asset.reserve_column is not None:
            self._table[:, asset.reserve_column] += arrives
        elif asset.reserve_account is not None:
            self._table[asset.reserve_account, asset.column] += int(arrives.sum())
        else:
            self._stated[0] += arrives
        self._withdrawn += -sum(taken.amounts.tolist())
        self._fees[0] += sum(taken.fees.tolist())


def _buffers(figures: Figures, chosen: BoolArray) -> tuple[float, ...]:
    """Equity over requirement of the worst condition, of the accounts chosen that have a requirement."""
    worst = np.full(len(chosen), np.inf)
    for equity, requirement in zip(figures.equity, figures.requirement, strict=True):
        needed = _floats(requirement)
        has = needed > 0
        worst[has] = np.minimum(worst[has], _floats(equity)[has] / needed[has])
    ratios = np.sort(worst[chosen & np.isfinite(worst)])
    if not len(ratios):
        return ()
    return tuple(float(ratios[percent * (len(ratios) - 1) // 100]) for percent in QUANTILES)


def _floats(values: Values) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return values.astype(np.float64)
