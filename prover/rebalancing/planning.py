"""What a policy does for many accounts at once: top-ups, withdrawals, and what stays short.

An account is called where its slack with the trigger's multiple is below 0. The assets of the policy are used in their
order, each up to what its reserve can give; of each, the smallest number of lots that restores the target is taken, or
all that helps if none does. Accounts are served in the order of the book where they share a reserve.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from circuits.modelling.expressions import Values
from circuits.positions import Int64Array
from primitives.assets import Asset
from prover.rebalancing.bound_asset import MOST, BoundAsset, PolicyError
from prover.rebalancing.closed_form import haircut_top_up
from prover.rebalancing.margin_function import MarginFunction
from prover.rebalancing.policy import RebalancingPolicy
from prover.rebalancing.search import BoolArray, smallest_lots


class Status(StrEnum):
    """How an account stands after the policy."""

    UNTOUCHED = "untouched"
    RESTORED = "restored"
    SHORT = "short"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Transfers:
    """Per account: base units that one asset gains (negative: loses), and the fee on top of it, in base units."""

    asset: BoundAsset
    amounts: Int64Array = field(repr=False)
    fees: Int64Array = field(repr=False)


@dataclass(frozen=True)
class Plan:
    """What the policy does; `after` is the table of amounts then. Private.

    `is_smallest` says of accounts that were restored that one lot less of their last asset would not do.
    """

    called: BoolArray = field(repr=False)
    restored: BoolArray = field(repr=False)
    is_smallest: BoolArray = field(repr=False)
    transfers: tuple[Transfers, ...] = field(repr=False)
    withdrawals: Transfers | None = field(repr=False)
    after: Int64Array = field(repr=False)

    def status(self, account: int) -> Status:
        """In one word."""
        if self.called[account]:
            return Status.RESTORED if self.restored[account] else Status.SHORT
        if self.withdrawals is not None and self.withdrawals.amounts[account]:
            return Status.WITHDRAWN
        return Status.UNTOUCHED


class Planner:
    """A policy bound to a book. Raises `PolicyError`."""

    def __init__(
        self, policy: RebalancingPolicy, assets: tuple[Asset, ...], accounts: Mapping[str, int]
    ) -> None:
        self.policy = policy
        self.assets = tuple(BoundAsset.of(entry, assets, accounts) for entry in policy.assets)
        reserves = {each.reserve_column for each in self.assets} - {None}
        if reserves & {each.column for each in self.assets}:
            raise PolicyError("a reserve is a column that the policy fills as well")
        self.pools = {each.reserve_account for each in self.assets if each.reserve_account is not None}

    def plan(
        self,
        function: MarginFunction,
        table: Int64Array,
        *,
        among: BoolArray | None = None,
        stated: Mapping[int, Int64Array] | None = None,
    ) -> Plan:
        """For every account of `table` (those `among`), at the market of `function`.

        `stated` has what is left of stated reserves, by place of the asset in the policy.
        """
        if any(each.column is None for each in self.assets) and function.condition_count > 1:
            raise PolicyError(
                "the model has compartments: a credit from outside of the book is of none of them"
            )
        return _Planning(self, function, table, among, stated or {}).run()


class _Planning:
    def __init__(
        self,
        planner: Planner,
        function: MarginFunction,
        table: Int64Array,
        among: BoolArray | None,
        stated: Mapping[int, Int64Array],
    ) -> None:
        self._planner = planner
        self._policy = planner.policy
        self._function = function
        self._before = table
        self._table = table.copy()
        self._stated = stated
        self._credit: NDArray[np.object_] = np.zeros(len(table), object)
        self._open = np.ones(len(table), np.bool_) if among is None else among.copy()
        self._open[list(planner.pools)] = False

    def run(self) -> Plan:
        figures = self._function.figures(self._table)
        called = self._open & (figures.slack(self._policy.trigger) < 0)
        restored = np.zeros(len(called), np.bool_)
        is_smallest = np.zeros(len(called), np.bool_)
        transfers = []
        for place, asset in enumerate(self._planner.assets):
            waiting = np.flatnonzero(called & ~restored)
            amounts, fees = np.zeros(len(called), np.int64), np.zeros(len(called), np.int64)
            if len(waiting):
                found = (
                    self._credit_top_up(place, asset, waiting)
                    if asset.column is None
                    else self._top_up(place, asset, asset.column, waiting)
                )
                amounts[waiting] = found * asset.lot
                fees[waiting] = asset.fees(found * asset.lot)
                self._apply(asset, waiting, amounts[waiting], fees[waiting])
                done = self._slack(waiting) >= 0
                restored[waiting[done]] = True
                is_smallest[waiting[done]] = self._fails_with_less(asset, waiting[done], found[done])
            transfers.append(Transfers(asset, amounts, fees))
        withdrawals = self._withdrawals(called)
        return Plan(called, restored, is_smallest, tuple(transfers), withdrawals, self._table)

    def _slack(self, accounts: NDArray[np.intp]) -> Values:
        """With the target's multiple, credits from outside included."""
        own = self._function.slack(self._table[accounts], self._policy.target).astype(object)
        result: Values = own + self._credit_slack(self._credit[accounts])
        return result

    def _credit_slack(self, credit: NDArray[np.object_]) -> NDArray[np.object_]:
        """Of credits in whole units of the quote, in the units of the slack, rounded down."""
        factor = self._policy.target.denominator * self._function.scale * self._function.units
        return np.array([int(value * factor // 1) for value in credit.tolist()], object)

    def _available(self, place: int, asset: BoundAsset, accounts: NDArray[np.intp]) -> Int64Array:
        """Base units that the reserve can give to each account; of a shared one, to any of them alone."""
        if asset.reserve_column is not None:
            held: Int64Array = np.maximum(0, self._table[accounts, asset.reserve_column])
            return held
        if asset.reserve_account is not None:
            return np.full(len(accounts), self._spare(asset), np.int64)
        if place in self._stated:
            return self._stated[place][accounts]
        return np.full(len(accounts), asset.reserve_amount, np.int64)

    def _spare(self, asset: BoundAsset) -> int:
        """What the paying account can give away and still meet the target."""
        row = np.array([asset.reserve_account])
        if asset.column is None or self._function.slack(self._table[row], self._policy.target)[0] < 0:
            return 0
        return int(self._largest(replace(asset, lot=1), asset.column, row, self._policy.target)[0])

    def _top_up(self, place: int, asset: BoundAsset, column: int, accounts: NDArray[np.intp]) -> Int64Array:
        """Lots for each account."""
        available = self._available(place, asset, accounts)
        headroom = np.maximum(0, MOST - np.maximum(0, self._table[accounts, column]))
        cap = np.minimum(asset.lots_within(available), headroom // asset.lot)
        cap[cap < asset.least_lots] = 0
        own = self._table[accounts]

        def slack(rows: NDArray[np.intp], lots: Int64Array) -> list[Values]:
            changed = own[rows].copy()
            amounts = lots * asset.lot
            changed[:, column] += amounts
            if asset.reserve_column is not None:
                changed[:, asset.reserve_column] -= amounts + asset.fees(amounts)
            credit = self._credit_slack(self._credit[accounts[rows]])
            return [
                values.astype(object) + credit
                for values in self._function.figures(changed).slacks(self._policy.target)
            ]

        least = np.full(len(accounts), asset.least_lots, np.int64)
        exact = self._function.is_concave and not (asset.reserve_column is not None and asset.policy.fee_rate)
        found = smallest_lots(slack, least, np.where(cap > 0, cap, -1), is_concave=exact)
        lots = np.maximum(0, found.lots)
        # What helps nothing stays where it is.
        before = np.minimum.reduce(slack(np.arange(len(accounts)), np.zeros(len(accounts), np.int64)))
        helped = np.minimum.reduce(slack(np.arange(len(accounts)), lots)) > before
        lots[~helped] = 0
        return self._shared(asset, lots, available) if asset.reserve_account is not None else lots

    def _shared(self, asset: BoundAsset, lots: Int64Array, available: Int64Array) -> Int64Array:
        """First come, first served, of what one account can give."""
        left, result = int(available[0]) if len(available) else 0, lots.copy()
        for place in range(len(lots)):
            most = int(asset.lots_within(np.array([left], np.int64))[0])
            result[place] = min(int(lots[place]), most)
            amount = result[place : place + 1] * asset.lot
            left -= int(amount[0] + asset.fees(amount)[0])
        return result

    def _credit_top_up(self, place: int, asset: BoundAsset, accounts: NDArray[np.intp]) -> Int64Array:
        """In closed form: the credit changes no requirement."""
        credit = asset.policy.credit
        if credit is None:  # pragma: no cover (the caller has looked)
            raise PolicyError("no credit")
        factor = self._policy.target.denominator * self._function.scale * self._function.units
        unit = credit.price / 10**credit.decimals
        most = asset.lots_within(self._available(place, asset, accounts))
        lots = np.zeros(len(accounts), np.int64)
        for number, slack in enumerate(self._slack(accounts).tolist()):
            units = haircut_top_up(Fraction(-slack, factor), credit.table, unit)
            wanted = int(most[number]) if units is None else max(asset.least_lots, -(-units // asset.lot))
            lots[number] = min(wanted, int(most[number]))
        return lots

    def _apply(
        self, asset: BoundAsset, accounts: NDArray[np.intp], amounts: Int64Array, fees: Int64Array
    ) -> None:
        credit = asset.policy.credit
        if asset.column is None and credit is not None:
            unit = credit.price / 10**credit.decimals
            for account, amount in zip(accounts.tolist(), amounts.tolist(), strict=True):
                self._credit[account] += credit.table.value(amount * unit)
            return
        self._table[accounts, asset.column] += amounts
        if asset.reserve_column is not None:
            self._table[accounts, asset.reserve_column] -= amounts + fees
        if asset.reserve_account is not None:
            self._table[asset.reserve_account, asset.column] -= int(amounts.sum() + fees.sum())

    def _fails_with_less(self, asset: BoundAsset, accounts: NDArray[np.intp], lots: Int64Array) -> BoolArray:
        """Whether one lot less would not be enough."""
        less = np.maximum(0, lots - 1) * asset.lot
        if asset.column is None:
            credit = asset.policy.credit
            if credit is None:  # pragma: no cover (a column that is missing is a credit's)
                raise PolicyError("no credit")
            unit = credit.price / 10**credit.decimals
            own = self._function.slack(self._table[accounts], self._policy.target).astype(object)
            values = [
                self._credit[account] - credit.table.value(full * unit) + credit.table.value(part * unit)
                for account, full, part in zip(
                    accounts.tolist(), (lots * asset.lot).tolist(), less.tolist(), strict=True
                )
            ]
            slack = own + self._credit_slack(np.array(values, object))
        else:
            changed = self._table[accounts]
            full = lots * asset.lot
            changed[:, asset.column] += less - full
            if asset.reserve_column is not None:
                changed[:, asset.reserve_column] += full + asset.fees(full) - less - asset.fees(less)
            slack = self._function.slack(changed, self._policy.target).astype(object)
            slack = slack + self._credit_slack(self._credit[accounts])
        result: BoolArray = np.asarray(slack < 0, np.bool_)
        return result

    def _withdrawals(self, called: BoolArray) -> Transfers | None:
        """Of the first asset, what is above the lower multiple, where the account is above the upper one."""
        policy, asset = self._policy.withdraw, self._planner.assets[0]
        if policy is None or asset.column is None:
            return None
        amounts, fees = np.zeros(len(called), np.int64), np.zeros(len(called), np.int64)
        above = self._function.slack(self._table, policy.above) >= 0
        rich = np.flatnonzero(self._open & ~called & above & (self._table[:, asset.column] > 0))
        if len(rich):
            lots = self._largest(asset, asset.column, rich, policy.down_to)
            if asset.reserve_column is not None:
                room = np.maximum(0, MOST - np.maximum(0, self._table[rich, asset.reserve_column]))
                lots = np.minimum(lots, room // asset.lot)
            lots[lots < asset.least_lots] = 0
            taken = lots * asset.lot
            amounts[rich] = -taken
            fees[rich] = np.minimum(asset.fees(taken), taken)
            self._table[rich, asset.column] -= taken
            arrives = taken - fees[rich]
            if asset.reserve_column is not None:
                self._table[rich, asset.reserve_column] += arrives
            if asset.reserve_account is not None:
                self._table[asset.reserve_account, asset.column] += int(arrives.sum())
        return Transfers(asset, amounts, fees)

    def _largest(
        self, asset: BoundAsset, column: int, accounts: NDArray[np.intp], multiple: Fraction
    ) -> Int64Array:
        """The most lots that can be taken out of accounts that have the multiple: what has to stay, from the left."""
        most = np.maximum(0, self._table[accounts, column]) // asset.lot
        own = self._table[accounts]

        def slack(rows: NDArray[np.intp], stay: Int64Array) -> list[Values]:
            changed = own[rows].copy()
            changed[:, column] -= (most[rows] - stay) * asset.lot
            return self._function.figures(changed).slacks(multiple)

        found = smallest_lots(
            slack, np.zeros(len(accounts), np.int64), most, is_concave=self._function.is_concave
        )
        return np.where(found.reached, most - found.lots, 0)
