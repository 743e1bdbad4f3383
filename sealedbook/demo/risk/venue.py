"""A venue for perpetual futures: its accounts, its market at three moments, and the documents about them.

Accounts are drawn from a seed. Each gets so much collateral that it uses a drawn part of it as maintenance margin at
noon or after the drop, whichever is worse; one account, `Venue.called`, uses more than the venue's buffer allows after
the drop. The market maker is the other side of all customers.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Final

from circuits.market.document import MarketDocument, parse_market
from circuits.market.snapshot import (
    Cash,
    Contract,
    Instrument,
    MarketSnapshot,
    Settlement,
    Source,
    Underlying,
)
from circuits.model_document import MODEL_FORMAT, read_definition
from circuits.modelling.evaluation import MarginResult
from circuits.models.linear_perpetuals import LinearPerpetuals
from circuits.positions import PositionBatch
from primitives.assets import AssetList
from primitives.strict_json import Json
from prover.rebalancing.policy import POLICY_FORMAT
from sealedbook.demo.book import Account
from sealedbook.demo.errors import DemoFailedError
from sealedbook.demo.market import AS_OF, QUOTE
from sealedbook.demo.risk.small_book import SmallBook, base_units

CASH: Final = "USDT"
COST: Final = "entry cost"
WALLET: Final = "wallet USDT"
MAKER: Final = "market-maker"
SHORTFALL: Final = "shortfall"
SHORT: Final = "accounts short"
SCALE: Final = 6
TRIGGER: Final = Fraction(4, 5)
"""Part of the equity that maintenance margin may use before an account is called."""
TARGET: Final = Fraction(7, 10)
LARGEST_SHORTFALL: Final = 1_000_000

_ASSETS: Final = ((CASH, 6), (COST, 6), ("BTC-PERP", 4), ("ETH-PERP", 3), (WALLET, 6))
_COLLATERAL: Final[Sequence[Json]] = (CASH, COST)
_CALLED_USE: Final = 0.88
_CALLED_SIZE: Final = 2.5
"""BTC."""
_UNIT: Final = 10**SCALE


@dataclass(frozen=True)
class Moment:
    """Prices of the two perpetuals, so many hours after the book's moment."""

    name: str
    hours: int
    prices: Mapping[str, str]

    @property
    def as_of(self) -> datetime:
        """The time of the market."""
        return AS_OF + timedelta(hours=self.hours)

    def price(self, coin: str) -> Decimal:
        """Of one coin."""
        return Decimal(self.prices[coin])

    def document(self) -> bytes:
        """The market snapshot."""
        source = Source("Demo Exchange", "made up for the demonstration")
        coins = sorted(self.prices)
        instruments: list[Instrument] = [Cash(name, Decimal(1)) for name in (CASH, COST, WALLET)]
        instruments += [
            Contract(f"{coin}-PERP", coin, Settlement.LINEAR, Decimal(1), self.price(coin)) for coin in coins
        ]
        snapshot = MarketSnapshot(
            self.as_of,
            QUOTE,
            SCALE,
            (source,),
            tuple(Underlying(coin, self.price(coin), ()) for coin in coins),
            tuple(sorted(instruments, key=lambda each: each.id)),
        )
        return MarketDocument(snapshot).to_bytes()

    def snapshot(self) -> MarketDocument:
        """The same, read."""
        return parse_market(self.document())


NOON: Final = Moment("noon", 12, {"BTC": "76400", "ETH": "2865"})
DROP: Final = Moment("three o'clock, after a drop", 15, {"BTC": "70300", "ETH": "2580"})
CRASH: Final = Moment("nine o'clock, after a crash", 21, {"BTC": "51200", "ETH": "1750"})


@dataclass(frozen=True)
class Venue:
    """The book, and the account that is called after the drop."""

    book: SmallBook
    called: str

    @cached_property
    def noon(self) -> MarginResult:
        """Equity and requirement of all accounts at noon."""
        return self.margins(NOON)

    @cached_property
    def drop(self) -> MarginResult:
        """The same after the drop."""
        return self.margins(DROP)

    def margins(self, moment: Moment) -> MarginResult:
        """Equity and requirement of all accounts, in 10^-6 USDT."""
        return evaluate(self.book.accounts, moment)

    def utilisation(self, result: MarginResult) -> list[float]:
        """Requirement over equity of every account that has a requirement."""
        pairs = zip(result.requirement.tolist(), result.equity.tolist(), strict=True)
        return [required / equity for required, equity in pairs if required]


def moves(before: Moment, after: Moment) -> list[tuple[str, str, str, str]]:
    """Coin, price before, price after, change."""
    return [
        (
            coin,
            f"{before.price(coin):,}",
            f"{after.price(coin):,}",
            f"{float(100 * (after.price(coin) / before.price(coin) - 1)):+.1f} %".replace("-", "−"),
        )
        for coin in before.prices
    ]


def margin_model() -> bytes:
    """``margin.json``: maintenance margin by tiers of notional; what lies in the wallet counts nothing."""
    return _document(_margin())


def insured_model() -> bytes:
    """``insured.json``: what every account owes beyond all that it has stands in a column of the book."""
    count: Json = {"column": SHORT, "largest": str(LARGEST_SHORTFALL)}
    return _document(
        {
            "kind": "insured",
            "version": 1,
            "margin": _margin(),
            "shortfall": SHORTFALL,
            "measure": "bankruptcy",
            "count": count,
        }
    )


def policy() -> bytes:
    """``policy.json``: when accounts are topped up, to where, from what."""
    asset: Json = {"asset": CASH, "reserve": {"column": WALLET}}
    document: Json = {
        "format": POLICY_FORMAT,
        "trigger": {"margin_ratio": _ratio(TRIGGER)},
        "target": {"margin_ratio": _ratio(TARGET)},
        "assets": [asset],
    }
    return json.dumps(document, indent=1).encode() + b"\n"


def make_venue(account_count: int, seed: int) -> Venue:
    """A book of `account_count` accounts: savers, customers with positions, the market maker."""
    draw = random.Random(f"sealedbook demo venue {seed}")
    assets = AssetList.of(_ASSETS)
    place = account_count // 2
    held: list[Account] = [
        _called(assets) if number == place else _customer(draw, assets, number)
        for number in range(account_count - 1)
    ]
    held.append(_other_side(assets, held))
    uses = [_CALLED_USE if number == place else _drawn_use(draw) for number in range(account_count - 1)]
    accounts = _with_collateral(assets, held, [*uses, 0.02])
    wallets = [int(10 ** draw.uniform(1.5, 4.5)) for _ in accounts]
    wallets[place] = 12_000
    column = assets.index(WALLET)
    funded = tuple(
        {**account, column: wallet * _UNIT} if account else account
        for account, wallet in zip(accounts, wallets, strict=True)
    )
    width = len(str(account_count))
    ids = (*(f"user-{number:0{width}d}" for number in range(1, account_count)), MAKER)
    return Venue(SmallBook(assets, ids, funded), ids[place])


def evaluate(accounts: Sequence[Account], moment: Moment) -> MarginResult:
    """Equity and requirement, in 10^-6 USDT."""
    definition = read_definition(margin_model())
    if not isinstance(definition, LinearPerpetuals):
        raise DemoFailedError("the margin model of the venue is of another kind")
    assets = AssetList.of(_ASSETS)
    return definition.evaluator(assets.assets, moment.snapshot())(PositionBatch.from_mappings(accounts))


def _document(fields: dict[str, Json]) -> bytes:
    return json.dumps({"format": MODEL_FORMAT, **fields}, indent=1).encode() + b"\n"


def _margin() -> dict[str, Json]:
    return {
        "kind": LinearPerpetuals.kind,
        "version": 1,
        "tables": [
            _table("BTC", ("0", "0.04"), ("1000000", "0.05")),
            _table("ETH", ("0", "0.05"), ("500000", "0.06")),
        ],
        "cross": {
            "collateral": list(_COLLATERAL),
            "markets": [
                {"asset": "BTC-PERP", "table": "BTC"},
                {"asset": "ETH-PERP", "table": "ETH"},
            ],
        },
        "uncounted": [WALLET],
    }


def _table(name: str, *tiers: tuple[str, str]) -> Json:
    return {"name": name, "tiers": [{"from": start, "rate": rate} for start, rate in tiers]}


def _ratio(value: Fraction) -> Json:
    return {"numerator": value.numerator, "denominator": value.denominator}


def _customer(draw: random.Random, assets: AssetList, number: int) -> Account:
    """One in twelve holds nothing, one in eight only cash, the others perpetuals, most of them long."""
    if number == 0 or draw.random() < 1 / 12:
        return {}
    if draw.random() < 1 / 8:
        return base_units(assets, {CASH: 10 ** draw.uniform(2, 5)})
    amounts: dict[str, float] = {}
    for coin in draw.choice((("BTC",), ("BTC",), ("ETH",), ("BTC", "ETH"))):
        side = 1 if draw.random() < 0.65 else -1
        worth = min(600_000.0, draw.lognormvariate(math.log(15_000), 1.1))
        price = float(NOON.price(coin))
        amounts[f"{coin}-PERP"] = side * worth / price
        entry = price * min(1.12, max(0.88, draw.gauss(1, 0.03)))
        amounts[COST] = amounts.get(COST, 0.0) - side * worth / price * entry
    return base_units(assets, amounts)


def _called(assets: AssetList) -> Account:
    """Long of bitcoin alone, so that the drop is what hurts."""
    price = float(NOON.price("BTC"))
    return base_units(assets, {"BTC-PERP": _CALLED_SIZE, COST: -_CALLED_SIZE * price * 1.01})


def _other_side(assets: AssetList, held: Sequence[Account]) -> Account:
    names = (COST, "BTC-PERP", "ETH-PERP")
    sums = {
        assets.index(name): -sum(account.get(assets.index(name), 0) for account in held) for name in names
    }
    return {column: amount for column, amount in sums.items() if amount}


def _drawn_use(draw: random.Random) -> float:
    return draw.uniform(0.03, 0.15) if draw.random() < 0.85 else draw.uniform(0.15, 0.62)


def _with_collateral(assets: AssetList, held: Sequence[Account], uses: Sequence[float]) -> list[Account]:
    """USDT so that requirement over equity is at most the use, at noon and after the drop."""
    column = assets.index(CASH)
    results = [evaluate(held, moment) for moment in (NOON, DROP)]
    accounts: list[Account] = []
    for place, (account, use) in enumerate(zip(held, uses, strict=True)):
        wanted = max(
            math.ceil(int(result.requirement[place]) / use) - int(result.equity[place]) for result in results
        )
        # In whole USDT, as people pay in.
        paid = -(-wanted // _UNIT) * _UNIT
        accounts.append({**account, column: paid} if paid > 0 and column not in account else account)
    return accounts
