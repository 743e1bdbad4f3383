"""Portfolio margin in the demonstration: model, market snapshot, and enough collateral in every account.

The made-up exchange margins everything together, coins and debts included, by the rules of
docs/models/deribit-portfolio-margin.md with rates of its own: worst loss over price and volatility moves of every
coin, plus charges for deltas that hedge across expiries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Final

from circuits.market.document import MarketDocument
from circuits.market.risk_array import Greek, compute_risk_array
from circuits.market.snapshot import (
    Cash,
    Contract,
    ExpiryPoint,
    MarketSnapshot,
    Option,
    Settlement,
    Source,
    Spot,
    Underlying,
)
from circuits.market.snapshot import Instrument as Listed
from circuits.model_document import MODEL_FORMAT, read_definition
from circuits.modelling.evaluation import MarginResult
from circuits.models.deribit_portfolio_margin import DELTA_SCALE, DeribitPortfolioMargin
from circuits.positions import PositionBatch
from primitives.backend import Backend
from primitives.strict_json import Json, canonical_json
from sealedbook.demo.book import Account, DemoBook
from sealedbook.demo.errors import DemoFailedError
from sealedbook.demo.market import (
    AS_OF,
    QUOTE,
    SCALE,
    Instrument,
    Kind,
    Market,
    forward_price,
    implied_volatility,
)

CASH: Final = "USDT"
_PRICE_RANGES: Final = {"BTC": "0.16", "ETH": "0.18", "SOL": "0.2", "XRP": "0.25", "DOGE": "0.25"}
_ROOM: Final = 1_000_000
"""USDT base units, one whole, that an account gets beyond what it needs."""
_CAP: Final = 1 << 36
_POSITION_BITS: Final = 56
_EVALUATED_AT_ONCE: Final = 1 << 14


def margin_model() -> bytes:
    """``margin.json``: initial margin of all coins, one pair each."""
    pairs: list[Json] = [_pair(name, price_range) for name, price_range in _PRICE_RANGES.items()]
    return (
        canonical_json(
            {
                "format": MODEL_FORMAT,
                "kind": DeribitPortfolioMargin.kind,
                "version": 1,
                "margin": "initial",
                "maintenance_factor": "0.8",
                "numeraire": "quote",
                "pairs": pairs,
                "numbers": {"scale": SCALE, "cap": str(_CAP), "position_bits": _POSITION_BITS},
            }
        )
        + b"\n"
    )


def _pair(name: str, price_range: str) -> Json:
    return {
        "underlying": name,
        "price_range": price_range,
        "buckets": 2,
        "volatility": {
            "up": "0.5",
            "down": "0.25",
            "minimum_up": "0.5",
            "short_power": "0.3",
            "long_power": "0.13",
            "reference_days": "30",
            "floor_days": "1",
        },
        "extended": {"factor": "1", "dampener": "100000", "moves": ["-0.66", "-0.33", "0.5", "1"]},
        "delta_shock": {
            "threshold": "20000000000",
            "increment": "0.00005",
            "maximum": "0.1",
            "chords": 0,
        },
        "roll": {"minimum_move": "0.01", "annual_move": "0.075"},
    }


@cache
def margin_market(market: Market) -> MarketDocument:
    """``margin-market.json``: the snapshot of `market`, with the integer risk array that rows are made of."""
    snapshot = MarketSnapshot(
        AS_OF,
        QUOTE,
        SCALE,
        (Source("Demo Exchange", "made up for the demonstration"),),
        tuple(sorted(_underlyings(market), key=lambda each: each.id)),
        tuple(sorted((_listed(each) for each in market.instruments), key=lambda each: each.id)),
    )
    array = compute_risk_array(
        snapshot,
        margin_definition().scenario_set(sorted(_PRICE_RANGES)),
        market.assets.assets,
        {Greek.DELTA: DELTA_SCALE},
    )
    return MarketDocument(snapshot, array)


def margin_definition() -> DeribitPortfolioMargin:
    """The model, read from its document."""
    definition = read_definition(margin_model())
    if not isinstance(definition, DeribitPortfolioMargin):
        raise DemoFailedError("the margin model of the demonstration is of another kind")
    return definition


def evaluate_margins(
    made: DemoBook, accounts: Sequence[Account], backend: Backend | None = None
) -> MarginResult:
    """Equity, requirement and worst scenario of `accounts` of the book."""
    evaluator = margin_definition().evaluator(made.assets.assets, margin_market(made.market), backend)
    return evaluator(PositionBatch.from_mappings(accounts))


def with_enough_margin(made: DemoBook) -> DemoBook:
    """The book after its margin calls: whoever is short has paid in USDT what is missing, and a little more."""
    cash = made.assets.index(CASH)
    unit = margin_market(made.market).snapshot.scale - made.assets[cash].decimals
    evaluator = margin_definition().evaluator(made.assets.assets, margin_market(made.market))
    paid: list[Account] = []
    for start in range(0, len(made.accounts), _EVALUATED_AT_ONCE):
        accounts = made.accounts[start : start + _EVALUATED_AT_ONCE]
        shortfalls = evaluator(PositionBatch.from_mappings(accounts)).shortfall.tolist()
        paid += [
            _pay(account, cash, missing, 10**unit)
            for account, missing in zip(accounts, shortfalls, strict=True)
        ]
    return replace(made, accounts=tuple(paid))


def _pay(account: Account, cash: int, missing: int, unit: int) -> Account:
    if missing == 0:
        return account
    return {**account, cash: account.get(cash, 0) + -(-missing // unit) + _ROOM}


def short_by_one(made: DemoBook, account: Account) -> Account:
    """The account left with one base unit of USDT less than the least with which its margin is enough."""
    cash = made.assets.index(CASH)
    unit = 10 ** (margin_market(made.market).snapshot.scale - made.assets[cash].decimals)
    result = evaluate_margins(made, [account])
    spare = (int(result.equity[0]) - int(result.requirement[0])) // unit
    return {**account, cash: account.get(cash, 0) - spare - 1}


def _underlyings(market: Market) -> Iterator[Underlying]:
    for coin in market.instruments:
        if coin.kind is Kind.SPOT:
            options = [each for each in market.instruments if each.is_option and each.underlying == coin.id]
            expiries = sorted({option.expiry for option in options if option.expiry is not None})
            yield Underlying(coin.id, coin.price, tuple(_point(coin, expiry) for expiry in expiries))


def _point(coin: Instrument, expiry: datetime) -> ExpiryPoint:
    return ExpiryPoint(expiry, _rounded(forward_price(coin.id, expiry), "0.01"), Decimal(0))


def _listed(instrument: Instrument) -> Listed:
    if instrument.kind in (Kind.STABLE, Kind.COST):
        return Cash(instrument.id, instrument.price)
    if instrument.kind is Kind.SPOT:
        return Spot(instrument.id, instrument.underlying)
    if instrument.expiry is None:
        one = Decimal(1)
        return Contract(instrument.id, instrument.underlying, Settlement.LINEAR, one, instrument.price)
    forward = forward_price(instrument.underlying, instrument.expiry)
    return Option(
        instrument.id,
        instrument.underlying,
        instrument.expiry,
        Decimal(instrument.strike),
        instrument.kind is Kind.CALL,
        Decimal(1),
        _rounded(implied_volatility(instrument.underlying, instrument.strike, forward), "0.0001"),
    )


def _rounded(number: float, step: str) -> Decimal:
    """Without zeros at the end, as documents want it."""
    rounded = Decimal(number).quantize(Decimal(step))
    return Decimal(f"{rounded:f}".rstrip("0").rstrip("."))
