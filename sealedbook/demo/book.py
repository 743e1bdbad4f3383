"""The book of the demonstration: a derivatives exchange's accounts, made up from a seed.

`make_book` is a pure function: same number of accounts and same seed, same book. What it makes sure of:

* every account's net value at the published prices is positive, and stays so under `STRESS` (all coins up or
  down by 20 %, volatility up or down by a quarter), so that statements about margin can be proven;
* perpetuals and options net to zero over the book, contracts and cost alike, as on any exchange: for every
  long there is a short, and market makers are the other side of what customers want;
* sizes are heavy-tailed, as balances are: most accounts are small, a few hold most of the book.

`random.Random` is used for its stable stream across Python versions; nothing secret comes from it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Final

from primitives.assets import AssetList
from primitives.strict_json import canonical_json
from sealedbook.demo.market import Kind, Market, demo_market

DEFAULT_SEED: Final = 2026
MINIMUM_ACCOUNTS: Final = 16
MAXIMUM_ACCOUNTS: Final = 1_000_000
STRESS: Final = tuple((move, factor) for move in (-0.2, -0.1, 0.0, 0.1, 0.2) for factor in (0.75, 1.0, 1.25))
"""Price move of all coins together, and factor on all volatilities."""

_RESERVE: Final = 0.10
"""Part of what an account deposited that is left in the worst case of `STRESS`."""
_ACCOUNTS_PER_MARKET_MAKER: Final = 400
_SPOT_WEIGHTS: Final = {"BTC": 6, "ETH": 5, "SOL": 3, "XRP": 2, "DOGE": 2, "USDT": 6, "USDC": 3}
_MARKET_MAKER_DEPOSIT: Final = {"USDT": 0.5, "USDC": 0.2, "BTC": 0.2, "ETH": 0.1}


class Profile(Enum):
    """What a customer does; the value is how many in a hundred do."""

    EMPTY = 7
    HOLDER = 45
    BORROWER = 14
    PERPETUALS = 23
    OPTIONS = 8
    BOTH = 3


_ALWAYS_THERE: Final = (Profile.HOLDER, Profile.BORROWER, Profile.BOTH, Profile.EMPTY)
"""Every book has one of each, however small it is; with this much money, so that nothing is cut to zero."""
_ALWAYS_THERE_WEALTH: Final = 25_000.0

Account = Mapping[int, int]
"""Base units by column; no zeros."""


@dataclass(frozen=True)
class DemoBook:
    """A whole book: accounts in the order of their ids, and the market it is valued at."""

    market: Market
    ids: tuple[str, ...]
    accounts: tuple[Account, ...]

    @cached_property
    def assets(self) -> AssetList:
        """The columns."""
        return self.market.assets

    @property
    def position_count(self) -> int:
        """How many balances are not zero."""
        return sum(map(len, self.accounts))

    @property
    def empty_count(self) -> int:
        """How many accounts hold nothing."""
        return sum(not account for account in self.accounts)

    @property
    def borrower_count(self) -> int:
        """How many accounts owe coins or stablecoins."""
        spot = set(self.market.columns(Kind.SPOT, Kind.STABLE))
        return sum(any(account.get(c, 0) < 0 for c in spot) for account in self.accounts)

    @property
    def derivatives_count(self) -> int:
        """How many accounts have perpetuals or options."""
        columns = set(self.market.columns(Kind.PERPETUAL, Kind.CALL, Kind.PUT))
        return sum(not columns.isdisjoint(account) for account in self.accounts)

    def net_values(self) -> list[int]:
        """The exact net value of every account at the published prices, in 10^-11 USDT."""
        units = self.market.unit_values()
        return [
            sum(amount * units[column] for column, amount in account.items()) for account in self.accounts
        ]

    def totals(self) -> list[int]:
        """The sum over all accounts, by column."""
        totals = [0] * len(self.assets)
        for account in self.accounts:
            for column, amount in account.items():
                totals[column] += amount
        return totals

    def to_csv(self) -> str:
        """The book as an exchange exports it: ``account,asset,amount``; an empty account has one zero."""
        names, places = self.assets.ids, [asset.decimals for asset in self.assets]
        lines = ["account,asset,amount"]
        for name, account in zip(self.ids, self.accounts, strict=True):
            for column in sorted(account):
                lines.append(f"{name},{names[column]},{decimal_text(account[column], places[column])}")
            if not account:
                lines.append(f"{name},{names[0]},0")
        return "\n".join(lines) + "\n"

    def assets_json(self) -> bytes:
        """The asset list as ``sealedbook import`` reads it."""
        return canonical_json({"format": "sealedbook/assets/v1", "assets": self.assets.to_json()}) + b"\n"


def make_book(account_count: int, seed: int) -> DemoBook:
    """A book of `account_count` accounts (16 to 1,000,000), decided by `seed` alone."""
    if not MINIMUM_ACCOUNTS <= account_count <= MAXIMUM_ACCOUNTS:
        raise ValueError(f"{account_count} accounts are not {MINIMUM_ACCOUNTS} to {MAXIMUM_ACCOUNTS}")
    draw = random.Random(seed)
    market = demo_market()
    desk = _Desk(market, draw)
    makers = max(1, account_count // _ACCOUNTS_PER_MARKET_MAKER)
    accounts = [desk.customer(profile, _ALWAYS_THERE_WEALTH) for profile in _ALWAYS_THERE]
    profiles, weights = list(Profile), [profile.value for profile in Profile]
    for profile in draw.choices(profiles, weights, k=account_count - makers - len(accounts)):
        accounts.append(desk.customer(profile, desk.wealth()))
    accounts += desk.market_makers(accounts, makers)
    ids = _account_ids(draw, account_count)
    draw.shuffle(accounts)
    return DemoBook(market, tuple(ids), tuple(accounts))


def decimal_text(amount: int, decimals: int) -> str:
    """`amount` base units as plain decimal text, exact."""
    whole, fraction = divmod(abs(amount), 10**decimals)
    digits = f"{fraction:0{decimals}d}".rstrip("0") if decimals else ""
    return ("-" if amount < 0 else "") + str(whole) + (f".{digits}" if digits else "")


def _account_ids(draw: random.Random, count: int) -> list[str]:
    return [f"U{number}" for number in sorted(draw.sample(range(10_000_000, 100_000_000), count))]


class _Desk:
    """Makes accounts at one market. Amounts are drawn in whole units, then cut to base units."""

    def __init__(self, market: Market, draw: random.Random) -> None:
        self._draw = draw
        self._instruments = market.instruments
        self._column = {instrument.id: place for place, instrument in enumerate(market.instruments)}
        self._price = [float(instrument.price) for instrument in market.instruments]
        self._base_units = [10.0**instrument.decimals for instrument in market.instruments]
        self._stressed = [market.shocked_prices(move, factor) for move, factor in STRESS]
        self._perpetuals = market.columns(Kind.PERPETUAL)
        self._options = market.columns(Kind.CALL, Kind.PUT)

    def customer(self, profile: Profile, wealth: float) -> Account:
        """One customer who deposited `wealth` USDT; traders of options at least 2,000."""
        if profile is Profile.EMPTY:
            return {}
        if profile in (Profile.OPTIONS, Profile.BOTH):
            wealth = max(wealth, 2_000.0)
        held = self._deposit(wealth)
        if profile is Profile.HOLDER:
            return self._cut(held)
        if profile is Profile.BORROWER:
            return self._cut(self._with_debt(held, wealth))
        risk: dict[int, float] = {}
        if profile is not Profile.OPTIONS:
            risk |= self._perpetual_positions(wealth)
        if profile is not Profile.PERPETUALS:
            risk |= self._option_positions(wealth)
        return self._as_much_as_stands(held, risk, wealth)

    def market_makers(self, customers: Sequence[Account], count: int) -> list[Account]:
        """Accounts that take, between them, exactly the other side of all perpetuals and options."""
        shares = [self._draw.uniform(1, 5) for _ in range(count)]
        makers: list[dict[int, int]] = [{} for _ in range(count)]
        traded = [c for c, item in enumerate(self._instruments) if item.kind is Kind.COST or item.is_option]
        for column in sorted({*traded, *self._perpetuals}):
            wanted = -sum(account.get(column, 0) for account in customers)
            for maker, amount in zip(makers, _split(wanted, shares), strict=True):
                if amount:
                    maker[column] = amount
        return [self._collateralised(maker) for maker in makers]

    def wealth(self) -> float:
        """What a customer deposited, in USDT: log-normal, with a Pareto tail."""
        draw = self._draw
        if draw.random() < 0.03:
            return min(60_000 * draw.paretovariate(1.15), 2e8)
        return max(5.0, draw.lognormvariate(math.log(1_200), 1.6))

    def _deposit(self, wealth: float) -> dict[int, float]:
        chosen = self._choose(_SPOT_WEIGHTS, self._draw.choices((1, 2, 3, 4), (40, 30, 20, 10))[0])
        parts = [self._draw.uniform(0.2, 1.0) for _ in chosen]
        return {
            column: wealth * part / sum(parts) / self._price[column]
            for column, part in zip(chosen, parts, strict=True)
        }

    def _choose(self, weights: Mapping[str, int], count: int) -> list[int]:
        left = dict(weights)
        chosen = []
        for _ in range(min(count, len(left))):
            name = self._draw.choices(list(left), list(left.values()))[0]
            del left[name]
            chosen.append(self._column[name])
        return chosen

    def _with_debt(self, held: Mapping[int, float], wealth: float) -> dict[int, float]:
        """Borrow up to 45 % of the deposit in an asset not held; stablecoins more often than coins."""
        weights = {"USDT": 8, "USDC": 4, "BTC": 2, "ETH": 2, "SOL": 1}
        left = {name: weight for name, weight in weights.items() if self._column[name] not in held}
        (column,) = self._choose(left, 1)
        return {**held, column: -wealth * self._draw.uniform(0.05, 0.45) / self._price[column]}

    def _perpetual_positions(self, wealth: float) -> dict[int, float]:
        """Up to three perpetuals of up to 5 times the deposit, entered near the mark; more long than short."""
        draw = self._draw
        risk: dict[int, float] = {}
        for column in draw.sample(self._perpetuals, draw.choices((1, 2, 3), (65, 25, 10))[0]):
            side = 1 if draw.random() < 0.62 else -1
            size = side * wealth * min(5.0, draw.lognormvariate(0, 0.8)) / self._price[column]
            entry = self._price[column] * (1 + draw.gauss(0, 0.03))
            risk[column] = size
            risk[column + 1] = -size * entry  # the cost column stands next to its perpetual
        return risk

    def _option_positions(self, wealth: float) -> dict[int, float]:
        draw = self._draw
        risk = {}
        for column in draw.sample(self._options, draw.choices((1, 2, 3, 4), (45, 30, 15, 10))[0]):
            side = 1 if draw.random() < 0.55 else -1
            risk[column] = side * wealth * draw.uniform(0.01, 0.2) / self._price[column]
        return risk

    def _as_much_as_stands(
        self, held: Mapping[int, float], risk: Mapping[int, float], wealth: float
    ) -> Account:
        """Deposit plus the largest of ``risk, risk/2, risk/4, ...`` that the deposit carries under `STRESS`."""
        for halvings in range(8):
            account = self._cut({**held, **{c: amount / 2**halvings for c, amount in risk.items()}})
            if self._worst_value(account) >= _RESERVE * wealth:
                return self._without_bare_cost(account)
        return self._cut(held)

    def _without_bare_cost(self, account: Account) -> Account:
        """Drop the cost of a perpetual whose size was cut to nothing."""
        bare = {c + 1 for c in self._perpetuals if c not in account}
        return {column: amount for column, amount in account.items() if column not in bare}

    def _collateralised(self, risk: Mapping[int, int]) -> Account:
        """`risk` with a deposit that is a multiple of its worst loss."""
        wealth = 100_000 + 2.5 * max(0.0, -self._worst_value(risk))
        deposit = {
            self._column[name]: wealth * part / self._price[self._column[name]]
            for name, part in _MARKET_MAKER_DEPOSIT.items()
        }
        return {**self._cut(deposit), **risk}

    def _cut(self, amounts: Mapping[int, float]) -> Account:
        """Whole units to base units, cut towards zero; zeros are left out."""
        cut = {column: int(amount * self._base_units[column]) for column, amount in amounts.items()}
        return {column: amount for column, amount in cut.items() if amount}

    def _worst_value(self, account: Account) -> float:
        units = self._base_units
        whole = [(column, amount / units[column]) for column, amount in account.items()]
        return min(sum(amount * prices[column] for column, amount in whole) for prices in self._stressed)


def _split(total: int, shares: Sequence[float]) -> list[int]:
    """`total` in parts proportional to `shares`, cut to integers; the last part takes what is left."""
    scale = sum(shares)
    parts = [int(total * (share / scale)) for share in shares[:-1]]
    return [*parts, total - sum(parts)]
