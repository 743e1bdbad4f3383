"""Cases of the portfolio margin as documents, statements and accounts, fine or coarse enough for an integer solver."""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelling_support import by_witness
from pmrm2_support import document

from circuits.modelling import Model
from circuits.modelling.definition import Numbers
from circuits.pmrm2.book import Book, amounts_of
from circuits.pmrm2.case_documents import BOTH, CASH, PERP, UNSETTLED, case_documents
from circuits.pmrm2.case_file import Case, parse_case
from circuits.pmrm2.evaluate import Amounts, IntegerMargin
from circuits.pmrm2.market_document import Pmrm2Market
from circuits.pmrm2.model import PortfolioMargin
from circuits.pmrm2.model_document import DEFAULT_NUMBERS
from circuits.pmrm2.rows import MarginKind, PerpHolding
from circuits.positions import PositionBatch
from circuits.rows import Scope
from circuits.statement import Statement
from primitives.assets import Asset

Account = Mapping[str, int]
"""Asset id to base units."""

COARSE = Numbers(scale=0, cap=1 << 17, position_bits=20)
"""Values in whole units of the quote currency, accounts of up to 131,072 of them."""


@dataclass(frozen=True)
class Prepared:
    """A case with its public documents; `account` is the account of the case."""

    case: Case
    assets: tuple[Asset, ...]
    definition: PortfolioMargin
    market: Pmrm2Market
    account: Account

    @functools.cached_property
    def book(self) -> Book:
        return self.definition.book(self.assets, self.market)

    def model(self, scope: Scope = Scope.BOOK) -> Model:
        return self.definition.model(self.assets, self.market, scope)

    @functools.cached_property
    def statement(self) -> Statement:
        return self.model().compile()

    def rows(self, accounts: Sequence[Account]) -> list[list[int]]:
        """Amounts in the order of assets."""
        return [[account.get(asset.id, 0) for asset in self.assets] for account in accounts]

    def batch(self, accounts: Sequence[Account]) -> PositionBatch:
        return PositionBatch.from_mappings([dict(enumerate(row)) for row in self.rows(accounts)])

    def amounts(self, accounts: Sequence[Account]) -> Amounts:
        return amounts_of(self.batch(accounts), self.assets, self.book.columns)

    def margin(self, accounts: Sequence[Account]) -> IntegerMargin:
        return self.definition.evaluate_exactly(self.batch(accounts), self.assets, self.market)

    def accepted(self, accounts: Sequence[Account]) -> list[bool]:
        """By the witness function and the rows."""
        return by_witness(self.statement, self.rows(accounts))

    def sufficient(self, accounts: Sequence[Account]) -> list[bool]:
        """By the integer definition."""
        result = self.definition.evaluate(self.batch(accounts), self.assets, self.market)
        return [bool(value) for value in result.sufficient]

    def with_fields(self, **changes: Any) -> Prepared:
        """Another model document for the same book and market, as an author would write it."""
        definition = PortfolioMargin(replace(self.definition.fields, **changes))
        return replace(self, definition=definition, market=replace(self.market, unit_prices=None))

    def at_zero(self, accounts: Sequence[Account], kinds: Sequence[MarginKind] = BOTH) -> list[Account]:
        """The accounts with so much cash that the least of their margins is 0."""
        margin = self.margin(accounts)
        margins = {MarginKind.MAINTENANCE: margin.mm, MarginKind.INITIAL: margin.im}
        unit = self.book.figures.cash
        return [
            {**account, CASH: account.get(CASH, 0) - min(margins[kind][place] for kind in kinds) // unit}
            for place, account in enumerate(accounts)
        ]


def poorer(accounts: Sequence[Account], by: int = 1) -> list[Account]:
    """The accounts with less cash."""
    return [{**account, CASH: account.get(CASH, 0) - by} for account in accounts]


def read_case(name: str) -> Case:
    """The vector called `name`."""
    return parse_case(json.dumps(document(name)).encode())


@functools.cache
def prepared(
    name: str,
    margins: tuple[MarginKind, ...] = BOTH,
    holding: PerpHolding = PerpHolding.PRIVATE,
    numbers: Numbers = DEFAULT_NUMBERS,
) -> Prepared:
    """The vector called `name`, read back from the documents that are made of it."""
    return prepare(read_case(name), margins, holding, numbers)


def prepare(
    case: Case,
    margins: tuple[MarginKind, ...] = BOTH,
    holding: PerpHolding = PerpHolding.PRIVATE,
    numbers: Numbers = DEFAULT_NUMBERS,
) -> Prepared:
    documents = case_documents(case, margins=margins, holding=holding, numbers=numbers)
    return Prepared(
        case, documents.assets, documents.definition(), documents.public_market(), documents.positions
    )


@functools.cache
def coarse(name: str, margins: tuple[MarginKind, ...] = BOTH, numbers: Numbers = COARSE) -> Prepared:
    """The vector called `name` with whole contracts as base units, and values in coarse units."""
    fine = prepared(name)
    cash = (CASH, UNSETTLED)
    assets = tuple(Asset(each.id, numbers.scale if each.id in cash else 0) for each in fine.assets)
    account = {
        asset.id: round(fine.account[asset.id] * 10**asset.decimals / 10**old.decimals)
        for asset, old in zip(assets, fine.assets, strict=True)
    }
    made = fine.with_fields(numbers=numbers, margins=margins)
    return replace(made, assets=assets, account=account)


def random_accounts(made: Prepared, seed: str, count: int, *, largest: int) -> list[Account]:
    """Accounts with up to `largest` base units of each position, some empty, some without perp."""
    source = random.Random(seed)
    fields = made.definition.fields
    collaterals = {terms.asset for terms in fields.collaterals}
    result: list[Account] = []
    for number in range(count):
        account = {}
        for asset in made.assets:
            amount = source.randint(-largest, largest) if source.random() < 0.7 else 0
            account[asset.id] = abs(amount) if asset.id in collaterals else amount
        if number % 3 == 0 and PERP in account:
            account[PERP] = 0
        result.append(account)
    return result
