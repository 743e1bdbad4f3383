"""A trading firm's book: sub-accounts with perpetuals and options, and an overlay account that hedges their sum.

Sizes are drawn from a seed. The overlay takes the other side of what all sub-accounts hold together, up to a rest that
is drawn as well: nobody hedges to the last contract. Every account then gets the capital that its Expected Shortfall
asks for, and something on top.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import Final

from circuits.market.document import MarketDocument
from circuits.market.example_history import example_history
from circuits.market.history import PriceHistory
from circuits.market.risk_array import Greek, RiskArray, compute_risk_array
from circuits.market.scenarios import ScenarioSet
from circuits.market.snapshot import Cash, Contract, Instrument, MarketSnapshot, Option, Source
from circuits.model_document import MODEL_FORMAT, read_definition
from circuits.models.expected_shortfall import ExpectedShortfall
from circuits.models.greek_limit_document import DEFAULT_SCALES
from circuits.positions import PositionBatch
from primitives.assets import AssetList
from primitives.attestation import format_time
from primitives.strict_json import Json
from sealedbook.demo.book import Account
from sealedbook.demo.errors import DemoFailedError
from sealedbook.demo.margin import margin_market
from sealedbook.demo.market import AS_OF, QUOTE, demo_market
from sealedbook.demo.risk.small_book import SmallBook, base_units

CASH: Final = "USDT"
COST: Final = "entry cost"
OVERLAY: Final = "overlay"
ORIGIN: Final = "made up from a seed"
"""Where closes come from."""
UNDERLYINGS: Final = ("BTC", "ETH")
SCALE: Final = 6
LEVEL: Final = Decimal("0.975")
_DECIMALS: Final = {"BTC-PERP": 4, "ETH-PERP": 3}
_OPTION_DECIMALS: Final = 2
_ROOM: Final = (0.04, 0.9)
"""Capital above the requirement, as a part of it."""
_CENT: Final = 10_000
"""Base units of USDT."""


@dataclass(frozen=True)
class _Sizes:
    """Largest position of a sub-account, and largest rest after the hedge, in contracts."""

    option: float
    perpetual: float
    option_rest: float
    perpetual_rest: float


_SIZES: Final = {"BTC": _Sizes(3, 1.2, 1.6, 0.4), "ETH": _Sizes(60, 25, 40, 8)}

LIMITS: Final[tuple[tuple[str, Greek, str, Mapping[str, Json] | None, str], ...]] = (
    # name, Greek, underlying, expiries, at most this either way
    ("BTC delta", Greek.DELTA, "BTC", None, "1"),
    ("ETH delta", Greek.DELTA, "ETH", None, "20"),
    ("BTC gamma", Greek.GAMMA, "BTC", None, "0.0003"),
    ("ETH gamma", Greek.GAMMA, "ETH", None, "0.1"),
    ("BTC vega to September", Greek.VEGA, "BTC", {"to_days": 90}, "1000"),
    ("BTC vega from December", Greek.VEGA, "BTC", {"after_days": 90}, "1500"),
    ("ETH vega to September", Greek.VEGA, "ETH", {"to_days": 90}, "600"),
    ("ETH vega from December", Greek.VEGA, "ETH", {"after_days": 90}, "900"),
)
"""What the firm promises of the whole book, the same for every seed."""


@dataclass(frozen=True)
class Desk:
    """The book, and the documents that statements about it are made of."""

    book: SmallBook
    snapshot: MarketSnapshot
    history: PriceHistory
    returns: int

    @cached_property
    def loss_model(self) -> bytes:
        """Capital of at least the Expected Shortfall of one day, plus charges."""
        return loss_model(self.returns)

    @cached_property
    def loss_market(self) -> MarketDocument:
        """The market with its history, and what every instrument gains or loses in each of its days."""
        return _loss_market(self.book.assets, self.snapshot, self.history, self.returns)

    @cached_property
    def greeks_model(self) -> bytes:
        """`LIMITS` as a document."""
        limits: list[Json] = []
        for name, greek, underlying, expiries, most in LIMITS:
            limit: dict[str, Json] = {"name": name, "greek": greek.value, "underlying": underlying}
            if expiries is not None:
                limit["expiries"] = dict(expiries)
            limits.append({**limit, "least": f"-{most}", "greatest": most})
        return _document({"kind": "balanced-book", "version": 1, "limits": limits})

    @cached_property
    def greeks_market(self) -> MarketDocument:
        """The market with the Greeks of every instrument as integers."""
        return MarketDocument(self.snapshot, greeks_of(self.book.assets, self.snapshot))

    def closes_csv(self) -> str:
        """The history as a table."""
        lines = ["time,id,close,volatility"]
        for series in self.history.series:
            volatilities = series.volatilities or ()
            for moment, close, volatility in zip(
                self.history.times, series.closes, volatilities, strict=True
            ):
                lines.append(f"{format_time(moment)},{series.subject.id},{close:f},{volatility:f}")
        return "\n".join(lines) + "\n"


def make_desk(account_count: int, returns: int, seed: int) -> Desk:
    """A book of `account_count` accounts, the overlay among them; losses are those of `returns` days."""
    draw = random.Random(f"sealedbook demo desk {seed}")
    snapshot = _snapshot()
    assets = AssetList.of((each.id, _decimals(each)) for each in _in_order(snapshot))
    index = {each.id: each.index or Decimal(0) for each in snapshot.underlyings}
    made_up = example_history(seed, returns + 1, index, last=AS_OF, quote=QUOTE)
    history = replace(made_up, sources=(Source(ORIGIN, ""),))
    accounts: list[Account] = [{}, *(_positions(draw, snapshot, assets) for _ in range(account_count - 2))]
    accounts.append(_overlay(draw, snapshot, assets, accounts))
    width = len(str(account_count))
    ids = (*(f"sub-{number:0{width}d}" for number in range(1, account_count)), OVERLAY)
    funded = _with_capital(draw, accounts, assets, _loss_market(assets, snapshot, history, returns), returns)
    return Desk(SmallBook(assets, ids, funded), snapshot, history, returns)


def loss_model(returns: int) -> bytes:
    """``expected-shortfall.json``."""
    measure: dict[str, Json] = {
        "name": "one day", "level": str(LEVEL), "returns": returns, "horizon": 1, "sampling": "overlapping",
        "shocks": "relative", "volatility": "history", "elapsed_days": "1",
    }  # fmt: skip
    return _document(
        {
            "kind": ExpectedShortfall.kind,
            "version": 1,
            "measures": [measure],
            "bound": {"kind": "margin"},
            "charges": {"perpetual": "0.0005", "option": "0.001"},
        }
    )


def loss_definition(returns: int) -> ExpectedShortfall:
    """The model, read from its document."""
    definition = read_definition(loss_model(returns))
    if not isinstance(definition, ExpectedShortfall):
        raise DemoFailedError("the model of losses is of another kind")
    return definition


def greeks_of(assets: AssetList, snapshot: MarketSnapshot) -> RiskArray:
    """Greeks of one base unit of everything."""
    return compute_risk_array(snapshot, ScenarioSet(()), assets.assets, DEFAULT_SCALES)


def _document(fields: dict[str, Json]) -> bytes:
    return json.dumps({"format": MODEL_FORMAT, **fields}, indent=1).encode() + b"\n"


def _snapshot() -> MarketSnapshot:
    """The demonstration's market, of what the firm trades."""
    whole = margin_market(demo_market()).snapshot
    traded = [each for each in whole.instruments if isinstance(each, Contract | Option)]
    own = [each for each in traded if each.underlying in UNDERLYINGS]
    cash = [Cash(name, Decimal(1)) for name in (CASH, COST)]
    return replace(
        whole,
        scale=SCALE,
        underlyings=tuple(each for each in whole.underlyings if each.id in UNDERLYINGS),
        instruments=tuple(sorted((*own, *cash), key=lambda each: each.id)),
    )


def _in_order(snapshot: MarketSnapshot) -> list[Instrument]:
    """Cash first."""
    return sorted(
        snapshot.instruments, key=lambda each: (not isinstance(each, Cash), each.id != CASH, each.id)
    )


def _decimals(instrument: Instrument) -> int:
    if isinstance(instrument, Cash):
        return SCALE
    return _OPTION_DECIMALS if isinstance(instrument, Option) else _DECIMALS[instrument.id]


def _positions(draw: random.Random, snapshot: MarketSnapshot, assets: AssetList) -> Account:
    """One to four positions of a sub-account; more of them long than short."""
    traded = [each for each in snapshot.instruments if isinstance(each, Contract | Option)]
    amounts: dict[str, float] = {}
    for each in draw.sample(traded, draw.choices((1, 2, 3, 4), (30, 35, 25, 10))[0]):
        sizes = _SIZES[each.underlying]
        largest = sizes.option if isinstance(each, Option) else sizes.perpetual
        side = 1 if draw.random() < 0.6 else -1
        amounts[each.id] = side * largest * draw.uniform(0.1, 1) ** 2
    return _entered(draw, snapshot, assets, base_units(assets, amounts))


def _entered(
    draw: random.Random, snapshot: MarketSnapshot, assets: AssetList, held: Mapping[int, int]
) -> Account:
    """With what the perpetuals cost when they were bought, near today's mark."""
    cost = 0
    for column, amount in held.items():
        instrument = snapshot.instrument(assets[column].id)
        if isinstance(instrument, Contract):
            paid = int(instrument.mark * 10 ** (SCALE - assets[column].decimals) * 100) * draw.randrange(
                97, 104
            )
            cost -= amount * paid // 10_000
    column = assets.index(COST)
    return {**held, column: cost} if cost else dict(held)


def _overlay(
    draw: random.Random, snapshot: MarketSnapshot, assets: AssetList, accounts: Sequence[Account]
) -> Account:
    """The other side of all options but a rest, and perpetuals against what delta is left."""
    array = greeks_of(assets, snapshot)
    delta = next(row for row in array.greeks if row.greek is Greek.DELTA)
    held: dict[int, int] = {}
    for name in UNDERLYINGS:
        sizes = _SIZES[name]
        left = 0
        for column, asset in enumerate(assets):
            instrument = snapshot.instrument(asset.id)
            if isinstance(instrument, Option) and instrument.underlying == name:
                rest = round(draw.uniform(-1, 1) * sizes.option_rest * 10**asset.decimals)
                held[column] = rest - sum(account.get(column, 0) for account in accounts)
                left += rest * int(delta.entries[column])
        column = assets.index(f"{name}-PERP")
        rest = round(draw.uniform(-1, 1) * sizes.perpetual_rest * 10 ** assets[column].decimals)
        customers = sum(account.get(column, 0) for account in accounts)
        held[column] = rest - customers - round(left / int(delta.entries[column]))
    return _entered(draw, snapshot, assets, {column: amount for column, amount in held.items() if amount})


def _loss_market(
    assets: AssetList, snapshot: MarketSnapshot, history: PriceHistory, returns: int
) -> MarketDocument:
    document = MarketDocument(snapshot, history=history)
    return replace(document, risk_array=loss_definition(returns).risk_array(assets.assets, document))


def _with_capital(
    draw: random.Random, accounts: Sequence[Account], assets: AssetList, market: MarketDocument, returns: int
) -> tuple[Account, ...]:
    result = loss_definition(returns).evaluator(assets.assets, market)(PositionBatch.from_mappings(accounts))
    funded: list[Account] = []
    for account, equity, required in zip(
        accounts, result.equity.tolist(), result.requirement.tolist(), strict=True
    ):
        wanted = int(required * (1 + draw.uniform(*_ROOM))) - equity if account else 0
        funded.append({assets.index(CASH): -(-wanted // _CENT) * _CENT, **account} if wanted > 0 else account)
    return tuple(funded)
