"""Balances of every account of a book, and what it can withdraw: for the operator alone.

    account, cash_balance, account_balance, unrealised_pnl, equity, maintenance_margin, initial_margin,
    available_balance, withdrawable, binding, margin_ratio, capital_adequacy

    cash_balance        what cash is worth                    account_balance   with spot holdings
    unrealised_pnl      value of contracts and options, with what they cost (columns of cost basis)
    equity, maintenance_margin    of the model, as `prover.margin_report` has them
    initial_margin      of the initial model, empty without one
    available_balance   max(0, equity - initial margin)       (maintenance margin without an initial model)
    withdrawable        base units of one asset, and what forbids one more (`prover.withdrawals`)
    margin_ratio        maintenance margin / equity, rounded up to 10^-6; empty where equity is not above 0
    capital_adequacy    equity / maintenance margin, rounded down to 10^-6; empty where nothing is required

Which column is what follows from the market: cash, spot, contracts and options are told apart there. Columns of cost
basis are cash there as well (docs/modelling.md), and a definition names them:

    {"format": "sealedbook/balances/v1", "withdraw": "USDC", "cost_basis": ["entry notional"],
     "open_notional_share": "0.1"}
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np

from circuits.claim_statement import (
    MODEL_ROLE,
    ClaimDocumentError,
    find_margin_model,
    read_market,
)
from circuits.margin_units import MarginUnits
from circuits.market.document import MarketDocument
from circuits.market.errors import MarketError
from circuits.market.risk_array import compute_risk_array
from circuits.market.scenarios import ScenarioSet
from circuits.market.snapshot import Cash, Instrument, Spot
from circuits.modelling.definition import Evaluator, ModelDefinition
from circuits.modelling.errors import ModelError
from circuits.modelling.evaluation import MarginResult
from circuits.models.risk_inputs import fraction_field, underlying_id
from circuits.pmrm2.market_document import Pmrm2Market
from circuits.positions import PositionBatch
from circuits.public_market import PublicMarket
from circuits.wrappers.withdrawable import Withdrawable
from primitives.amounts_text import plain_amount
from primitives.assets import MAX_ASSET_ID_BYTES, MAX_ASSETS, Asset
from primitives.backend import Backend
from primitives.strict_json import JsonObject, parse_json
from prover.account_columns import positions_of
from prover.book.store import AccountBatch, Book
from prover.errors import ProverError
from prover.private_table import Row, check_place, private_table
from prover.progress import Progress, no_progress
from prover.withdrawals import Withdrawals, largest_withdrawals

BALANCES_FORMAT: Final = "sealedbook/balances/v1"
COLUMNS: Final = (
    "account",
    "cash_balance",
    "account_balance",
    "unrealised_pnl",
    "equity",
    "maintenance_margin",
    "initial_margin",
    "available_balance",
    "withdrawable",
    "binding",
    "margin_ratio",
    "capital_adequacy",
)
ACCOUNTS_AT_ONCE: Final = 1 << 12
_RATIO_DECIMALS: Final = 6


@dataclass(frozen=True)
class BalancesDefinition:
    """What the market does not say: which asset is withdrawn, and which columns are cost basis."""

    withdraw: str
    cost_basis: tuple[str, ...] = ()
    open_notional_share: Fraction = Fraction(0)

    @classmethod
    def parse(cls, data: bytes) -> BalancesDefinition:
        """Read a document of format ``sealedbook/balances/v1``; `JsonError` names the field at fault."""
        fields = JsonObject(parse_json(data))
        fields.constant("format", BALANCES_FORMAT)
        withdraw = fields.text("withdraw", max_length=MAX_ASSET_ID_BYTES)
        cost: list[str] = []
        if fields.has("cost_basis"):
            cost = fields.array("cost_basis", underlying_id, max_items=MAX_ASSETS)
        share = Fraction(0)
        if fields.has("open_notional_share"):
            share = fraction_field(fields, "open_notional_share", maximum=1)
        fields.finish()
        if withdraw in cost:
            raise fields.fail("cost_basis", f"{withdraw!r} is what is withdrawn")
        return cls(withdraw, tuple(cost), share)


@dataclass(frozen=True)
class BalancesSummary:
    """What came out, as far as it is not about single accounts; private all the same."""

    accounts: int
    asset: Asset
    can_withdraw: int
    total_withdrawable: str = field(repr=False)
    uncounted: tuple[str, ...]
    """Assets that the market does not know: in no balance."""


def write_balances(
    book: Book,
    out: Path,
    backend: Backend,
    *,
    definition: BalancesDefinition,
    model: bytes,
    market: bytes,
    initial_model: bytes | None = None,
    replace: bool = False,
    progress: Progress = no_progress,
) -> BalancesSummary:
    """Compute the balances of every account of `book`, and write `out`: Parquet or CSV, by its name.

    Withdrawals are measured by the initial model where there is one. The file is as that of
    `prover.margin_report.write_margin_report`. Raises `ClaimDocumentError`, `ProverError` and `PublicationError`.
    """
    check_place(out, replace=replace)
    work = _Balances(book, backend, definition, (model, initial_model), market)
    with private_table(out, COLUMNS) as table:
        done = 0
        for batch in book.iter_batches(ACCOUNTS_AT_ONCE):
            table.add(work.rows(batch))
            done += len(batch.ids)
            progress("Computing balances", done, book.account_count)
    return work.summary()


class _Balances:
    def __init__(
        self,
        book: Book,
        backend: Backend,
        definition: BalancesDefinition,
        models: tuple[bytes, bytes | None],
        market: bytes,
    ) -> None:
        self._assets = book.assets.assets
        places = {asset.id: place for place, asset in enumerate(self._assets)}
        if definition.withdraw not in places:
            raise ProverError(f"the book has no asset {definition.withdraw!r} to withdraw")
        for asset in definition.cost_basis:
            if asset not in places:
                raise ProverError(f"the book has no asset {asset!r} of cost basis")
        self._place = places[definition.withdraw]
        public = read_market(market)
        maintenance, initial = (None if each is None else _margin_model(each) for each in models)
        if maintenance is None:
            raise ClaimDocumentError(MODEL_ROLE, "is missing")
        self._maintenance = _evaluator(maintenance, self._assets, public, backend)
        self._initial = None if initial is None else _evaluator(initial, self._assets, public, backend)
        stricter = maintenance if initial is None else initial
        self._withdrawing = self._initial or self._maintenance
        if definition.open_notional_share:
            floor = Withdrawable(stricter, definition.withdraw, "0", None, definition.open_notional_share)
            self._withdrawing = _evaluator(floor, self._assets, public, backend)
        self._definitions = (maintenance, stricter)
        self._public = public
        self._values = _Values(definition, self._assets, public)
        self._accounts = self._can_withdraw = self._total = 0

    def rows(self, batch: AccountBatch) -> list[Row]:
        """One row for each account."""
        positions = positions_of(batch)
        maintenance = self._maintenance(positions)
        initial = maintenance if self._initial is None else self._initial(positions)
        withdrawals = largest_withdrawals(self._withdrawing, positions, self._place, len(self._assets))
        self._accounts += len(batch.ids)
        self._can_withdraw += int((withdrawals.amounts > 0).sum())
        self._total += sum(withdrawals.amounts.tolist())
        worth = self._values.of(positions)
        units = (
            MarginUnits.of(self._definitions[0], self._public, maintenance.scale),
            MarginUnits.of(self._definitions[1], self._public, initial.scale),
        )
        return [
            (account, *worth[place], *self._figures(place, maintenance, initial, withdrawals, units))
            for place, account in enumerate(batch.ids)
        ]

    def _figures(
        self,
        place: int,
        maintenance: MarginResult,
        initial: MarginResult,
        withdrawals: Withdrawals,
        both_units: tuple[MarginUnits, MarginUnits],
    ) -> Row:
        units, own = both_units
        equity, required = int(maintenance.equity[place]), int(maintenance.requirement[place])
        available = max(0, int(initial.equity[place] - initial.requirement[place]))
        asset = self._assets[self._place]
        return (
            units.down(equity),
            units.up(required),
            "" if self._initial is None else own.up(int(initial.requirement[place])),
            own.down(available),
            plain_amount(int(withdrawals.amounts[place]), asset.decimals),
            withdrawals.binding[place],
            _ratio_up(required, equity),
            _ratio_down(equity, required),
        )

    def summary(self) -> BalancesSummary:
        """Of everything so far."""
        asset = self._assets[self._place]
        total = plain_amount(self._total, asset.decimals)
        return BalancesSummary(self._accounts, asset, self._can_withdraw, total, self._values.uncounted)


class _Values:
    """Cash, spot and what is open, in the market's integer values per base unit."""

    def __init__(
        self, definition: BalancesDefinition, assets: Sequence[Asset], market: PublicMarket | None
    ) -> None:
        if not isinstance(market, MarketDocument | Pmrm2Market):
            raise ProverError("balances need a market that tells cash, spot, contracts and options apart")
        snapshot = market.snapshot
        listed: dict[str, Instrument] = {each.id: each for each in snapshot.instruments}
        known = tuple(asset for asset in assets if asset.id in listed)
        self.uncounted = tuple(asset.id for asset in assets if asset.id not in listed)
        try:
            values = compute_risk_array(snapshot, ScenarioSet(()), known).values
        except MarketError as error:
            raise ProverError(f"market: {error}") from error
        self._decimals = snapshot.scale
        by_asset = dict(zip((asset.id for asset in known), values.tolist(), strict=True))
        cost = frozenset(definition.cost_basis)
        cash = {a for a, each in listed.items() if isinstance(each, Cash)} - cost
        spot = {a for a, each in listed.items() if isinstance(each, Spot)} - cost
        if definition.withdraw not in cash | spot:
            raise ProverError(
                f"asset {definition.withdraw!r} is neither cash nor spot, and cannot be withdrawn"
            )
        weights = [
            [by_asset.get(asset.id, 0) if asset.id in group else 0 for asset in assets]
            for group in (cash, spot, by_asset.keys() - cash - spot)
        ]
        self._weights = np.array(weights, object)

    def of(self, batch: PositionBatch) -> list[Row]:
        """Cash balance, account balance and unrealised profit or loss of every account."""
        accounts = np.repeat(np.arange(batch.account_count), np.diff(batch.row_offsets))
        sums = np.zeros((3, batch.account_count), object)
        for group, weights in enumerate(self._weights):
            np.add.at(sums[group], accounts, weights[batch.columns] * batch.amounts.astype(object))
        cash, spot, opened = sums.tolist()
        places = self._decimals
        return [
            (plain_amount(c, places), plain_amount(c + s, places), plain_amount(o, places))
            for c, s, o in zip(cash, spot, opened, strict=True)
        ]


def _margin_model(model: bytes) -> ModelDefinition:
    definition = find_margin_model(model)
    if definition is None:
        raise ClaimDocumentError(MODEL_ROLE, "is no margin model: it has no equity and no requirement")
    return definition


def _evaluator(
    definition: ModelDefinition, assets: Sequence[Asset], market: PublicMarket | None, backend: Backend
) -> Evaluator:
    try:
        return definition.evaluator(assets, market, backend)
    except ModelError as error:
        raise ClaimDocumentError(MODEL_ROLE, str(error)) from error


def _ratio_up(numerator: int, denominator: int) -> str:
    if denominator <= 0:
        return "0" if numerator == 0 == denominator else ""
    return plain_amount(-(-numerator * 10**_RATIO_DECIMALS // denominator), _RATIO_DECIMALS)


def _ratio_down(numerator: int, denominator: int) -> str:
    if denominator <= 0:
        return ""
    return plain_amount(numerator * 10**_RATIO_DECIMALS // denominator, _RATIO_DECIMALS)
