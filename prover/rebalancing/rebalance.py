"""A policy applied to a book, or to the account of an opening: the transfers, each judged by the compiled statement.

Of every account that was restored, the statement of the target (`prover.rebalancing.target`) holds after the transfers;
where one lot less would not do, that is said. A plan that the statement does not confirm is not written.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from circuits.claim_statement import MODEL_ROLE, ClaimDocumentError, faults_of, find_margin_model, read_market
from circuits.positions import Int64Array
from primitives.amounts_text import plain_amount
from primitives.assets import Asset
from primitives.backend import Backend
from primitives.opening import Opening
from prover.account_columns import positions_of
from prover.book.store import Book
from prover.private_table import Row, check_place, private_table
from prover.rebalancing.bound_asset import PolicyError
from prover.rebalancing.margin_function import MarginFunction
from prover.rebalancing.planning import Plan, Planner, Status, Transfers
from prover.rebalancing.policy import AccountReserve, ColumnReserve, PolicyAsset, RebalancingPolicy
from prover.rebalancing.target import failing_rows, target_document

COLUMNS: Final = (
    "account", "status", "kind", "asset", "amount", "fee", "counterpart", "latency", "smallest", "fails",
)  # fmt: skip
MAX_CELLS: Final = 1 << 27
_BATCH: Final = 1 << 14


@dataclass(frozen=True)
class AccountTable:
    """Accounts by id and their amounts, one line each. Private."""

    ids: tuple[str, ...] = field(repr=False)
    assets: tuple[Asset, ...]
    amounts: Int64Array = field(repr=False)

    @classmethod
    def of_book(cls, book: Book) -> AccountTable:
        """Every account, in the book's order. Raises `PolicyError` for a book that memory should not hold."""
        assets = book.assets.assets
        if book.account_count * len(assets) > MAX_CELLS:
            raise PolicyError(f"the book has more than {MAX_CELLS:,} accounts times assets: divide it")
        ids: list[str] = []
        parts = []
        for batch in book.iter_batches(_BATCH):
            ids += batch.ids
            parts.append(positions_of(batch).to_dense(len(assets)))
        return cls(tuple(ids), assets, np.concatenate(parts))

    @classmethod
    def of_opening(cls, opening: Opening) -> AccountTable:
        """One account."""
        assets = opening.book.assets
        held = {position.asset: position.amount for position in opening.positions}
        line = [held.get(asset, 0) for asset in assets]
        return cls((opening.account,), assets, np.array([line], np.int64))

    @property
    def places(self) -> dict[str, int]:
        """Line by account id."""
        return {account: place for place, account in enumerate(self.ids)}


@dataclass(frozen=True)
class RebalancingSummary:
    """What came out, as far as it is not about single accounts; private all the same.

    `moved` has the text of totals by asset. `unconfirmed` accounts are restored by the margin condition, but fail some
    other row of the statement, such as a bound: they cannot be certified.
    """

    accounts: int
    by_status: dict[str, int]
    unconfirmed: int
    is_exact: bool
    moved: dict[str, str] = field(repr=False)
    fees: dict[str, str] = field(repr=False)


@dataclass(frozen=True)
class Rebalancing:
    """A plan and its verdicts, by line of the table. Private."""

    table: AccountTable
    policy: RebalancingPolicy
    plan: Plan
    target: bytes
    """The model document under which restored accounts can be certified."""
    fails: dict[int, str] = field(repr=False)
    is_exact: bool

    def rows(self) -> list[Row]:
        """One for each transfer, and one for each account that was called and gets none."""
        rows: list[Row] = []
        for place in np.flatnonzero(self._touched()).tolist():
            own = [self._row(place, "top-up", each) for each in self.plan.transfers if each.amounts[place]]
            if self.plan.withdrawals is not None and self.plan.withdrawals.amounts[place]:
                own.append(self._row(place, "withdrawal", self.plan.withdrawals))
            status = str(self.plan.status(place))
            empty = ("", "", "", "", "", "", "", self.fails.get(place, ""))
            rows += own or [(self.table.ids[place], status, *empty)]
        return rows

    def summary(self) -> RebalancingSummary:
        """Of all accounts."""
        statuses = Counter(str(self.plan.status(place)) for place in range(len(self.table.ids)))
        moved = {each.asset.policy.asset: _total(each.amounts, each) for each in self.plan.transfers}
        fees = {each.asset.policy.asset: _total(each.fees, each) for each in self.plan.transfers}
        return RebalancingSummary(
            len(self.table.ids),
            {status.value: statuses[status.value] for status in Status},
            len(self.fails),
            self.is_exact,
            moved,
            fees,
        )

    def _touched(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        touched = self.plan.called.copy()
        if self.plan.withdrawals is not None:
            touched |= self.plan.withdrawals.amounts != 0
        return touched

    def _row(self, place: int, kind: str, transfers: Transfers) -> Row:
        asset = transfers.asset
        smallest = ""
        if kind == "top-up" and self.plan.restored[place]:
            smallest = "true" if self.plan.is_smallest[place] else "false"
        return (
            self.table.ids[place],
            str(self.plan.status(place)),
            kind,
            asset.policy.asset,
            plain_amount(abs(int(transfers.amounts[place])), asset.decimals),
            plain_amount(int(transfers.fees[place]), asset.decimals),
            _counterpart(asset.policy),
            str(asset.policy.latency),
            smallest,
            self.fails.get(place, ""),
        )


def rebalance(
    table: AccountTable,
    backend: Backend,
    *,
    policy: bytes,
    model: bytes,
    market: bytes | None,
    account: str | None = None,
) -> Rebalancing:
    """What `policy` does for the accounts of `table` (for `account` alone, if it is given).

    Raises `primitives.strict_json.JsonError` for the policy, `ClaimDocumentError` for model and market, and
    `PolicyError`.
    """
    parsed = RebalancingPolicy.parse(policy)
    definition = find_margin_model(model)
    if definition is None:
        raise ClaimDocumentError(MODEL_ROLE, "is no margin model: it has no equity and no requirement")
    places = table.places
    among = None
    if account is not None:
        if account not in places:
            raise PolicyError("the account is not in the book")
        among = np.zeros(len(table.ids), np.bool_)
        among[places[account]] = True
    with faults_of(MODEL_ROLE):
        function = MarginFunction(definition, table.assets, read_market(market))
    target = target_document(model, parsed.target)
    plan = Planner(parsed, table.assets, places).plan(function, table.amounts, among=among)
    fails = _confirm(plan, target, market, table.assets, backend)
    return Rebalancing(table, parsed, plan, target, fails, is_exact=function.is_concave)


def write_rebalancing(result: Rebalancing, out: Path, *, replace: bool = False) -> None:
    """The transfers as a private table, Parquet or CSV by its name; whole or not at all. Raises `ProverError`."""
    check_place(out, replace=replace)
    with private_table(out, COLUMNS) as private:
        private.add(result.rows())


def _confirm(
    plan: Plan, target: bytes, market: bytes | None, assets: tuple[Asset, ...], backend: Backend
) -> dict[int, str]:
    """Rows that restored accounts fail all the same. Accounts with a credit are not the book's alone to judge."""
    credited = np.zeros(len(plan.called), np.bool_)
    for each in plan.transfers:
        if each.asset.column is None:
            credited |= each.amounts > 0
    judged = np.flatnonzero(plan.restored & ~credited)
    if not len(judged):
        return {}
    found = failing_rows(target, market, assets, plan.after[judged], backend)
    return {int(judged[line]): label for line, label in found.items()}


def _total(amounts: Int64Array, transfers: Transfers) -> str:
    return plain_amount(sum(amounts.tolist()), transfers.asset.decimals)


def _counterpart(asset: PolicyAsset) -> str:
    """Who pays, or receives."""
    if isinstance(asset.reserve, ColumnReserve):
        return f"column {asset.reserve.column}"
    if isinstance(asset.reserve, AccountReserve):
        return f"account {asset.reserve.account}"
    return "outside"
