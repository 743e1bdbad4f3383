"""A crash with top-ups, made up: leveraged accounts with wallets beside them, a policy, and a seeded path of prices.

For the demonstration, the guide and the bench. No account or price in it was ever anybody's.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from circuits.claim_statement import find_margin_model, read_market
from primitives.assets import Asset
from primitives.strict_json import Json, canonical_json
from prover.progress import Progress, no_progress
from prover.rebalancing.backtest import Backtest, run_backtest
from prover.rebalancing.policy import RebalancingPolicy
from prover.rebalancing.price_path import parse_process_path
from prover.rebalancing.rebalance import AccountTable

ASSETS: Final = (
    Asset("BTCUSDT", 5),
    Asset("ETHUSDT", 4),
    Asset("USDT", 6),
    Asset("entry cost", 6),
    Asset("wallet USDT", 6),
)
BOOK_SEED: Final = 20_261_120
PATH_SEED: Final = 8
"""Of a path that falls by a third."""
_BITCOIN: Final = 70_000
_ETHER: Final = 3_500
_MARKETS: Final = (("BTCUSDT", "BTC", _BITCOIN), ("ETHUSDT", "ETH", _ETHER))
_MOMENT: Final = "2026-11-20T00:00:00Z"


@dataclass(frozen=True)
class CrashExample:
    """Everything that a backtest and a rebalancing need. The table is private, as any book is."""

    table: AccountTable = field(repr=False)
    model: bytes
    market: bytes
    policy: bytes
    process: bytes


def crash_example(accounts: int = 1_000, steps: int = 250) -> CrashExample:
    """Accounts with 2 to 8 times leverage, long and short; two thirds have a wallet to top up from."""
    return CrashExample(_table(accounts), _model(), _market(), _policy(), _process(steps))


def crash_backtest(example: CrashExample, progress: Progress = no_progress) -> Backtest:
    """The example's book along its path, with and without its policy."""
    definition = find_margin_model(example.model)
    if definition is None:  # pragma: no cover (the example has a margin model)
        raise TypeError("expected a margin model")
    return run_backtest(
        example.table,
        definition,
        read_market(example.market),
        parse_process_path(example.process),
        RebalancingPolicy.parse(example.policy),
        progress=progress,
    )


def csv_of(table: AccountTable) -> str:
    """The table as ``account,asset,amount`` for `sealedbook import`, amounts in whole units."""
    lines = ["account,asset,amount"]
    for account, line in zip(table.ids, table.amounts.tolist(), strict=True):
        for asset, amount in zip(table.assets, line, strict=True):
            if amount:
                whole, part = divmod(abs(amount), 10**asset.decimals)
                sign = "-" if amount < 0 else ""
                lines.append(f"{account},{asset.id},{sign}{whole}.{part:0{asset.decimals}d}")
    return "\n".join(lines) + "\n"


def _table(accounts: int) -> AccountTable:
    generator = random.Random(BOOK_SEED)
    width = len(str(accounts - 1))
    lines = []
    for _ in range(accounts):
        cash = generator.randrange(1_000, 200_000) * 10**6
        leverage = generator.randrange(2, 9)
        sign = 1 if generator.randrange(4) else -1
        share = generator.randrange(101)
        notional = cash * leverage
        # Whole units of 10^-5 BTC and 10^-4 ETH; the cost is what they are worth today.
        bitcoin = sign * (notional * share // 100) * 10**5 // (_BITCOIN * 10**6)
        ether = sign * (notional * (100 - share) // 100) * 10**4 // (_ETHER * 10**6)
        cost = -(bitcoin * _BITCOIN * 10 + ether * _ETHER * 100)
        wallet = cash * generator.randrange(25, 200) // 100 if generator.randrange(3) else 0
        lines.append([bitcoin, ether, cash, cost, wallet])
    ids = tuple(f"account {number:0{width}d}" for number in range(accounts))
    return AccountTable(ids, ASSETS, np.array(lines, np.int64))


def _model() -> bytes:
    tiers: list[Json] = [
        {"from": "0", "rate": "0.004"},
        {"from": "50000", "rate": "0.005"},
        {"from": "600000", "rate": "0.0065"},
        {"from": "3000000", "rate": "0.01"},
        {"from": "12000000", "rate": "0.02"},
    ]
    markets: list[Json] = [{"asset": asset, "table": "perpetuals"} for asset, _, _ in _MARKETS]
    return canonical_json(
        {
            "format": "sealedbook/model/v1",
            "kind": "linear-perpetuals",
            "version": 1,
            "tables": [{"name": "perpetuals", "tiers": tiers}],
            "cross": {"collateral": ["USDT", "entry cost"], "markets": markets},
            "uncounted": ["wallet USDT"],
        }
    )


def _market() -> bytes:
    cash: list[Json] = [{"id": asset, "kind": "cash", "price": "1"} for asset in ("USDT", "entry cost")]
    contracts: list[Json] = [
        {
            "id": asset,
            "underlying": underlying,
            "settlement": "linear",
            "multiplier": "1",
            "mark": str(price),
            "kind": "perpetual",
        }
        for asset, underlying, price in _MARKETS
    ]
    underlyings: list[Json] = [
        {"id": underlying, "index": str(price), "expiries": []} for _, underlying, price in _MARKETS
    ]
    return canonical_json(
        {
            "format": "sealedbook/market/v1",
            "as_of": _MOMENT,
            "quote": "USDT",
            "scale": 6,
            "sources": [{"name": "example", "reference": "made up for documentation and tests"}],
            "underlyings": underlyings,
            "instruments": [*contracts, *cash],
        }
    )


def _policy() -> bytes:
    return canonical_json(
        {
            "format": "sealedbook/rebalancing-policy/v1",
            "trigger": {"buffer": {"numerator": 5, "denominator": 1}},
            "target": {"buffer": {"numerator": 9, "denominator": 1}},
            "assets": [
                {
                    "asset": "USDT",
                    "reserve": {"column": "wallet USDT"},
                    "fee": {"fixed": "1", "basis_points": "2"},
                    "minimum": "10",
                    "lot": "0.01",
                    "latency": 1,
                }
            ],
        }
    )


def _process(steps: int) -> bytes:
    jumps: Json = {"per_year": "12", "mean": "-0.04", "volatility": "0.03"}
    series: list[Json] = [
        {"of": underlying, "drift": "0", "volatility": volatility, "jumps": jumps}
        for underlying, volatility in (("BTC", "0.6"), ("ETH", "0.8"))
    ]
    return canonical_json(
        {
            "format": "sealedbook/price-process/v1",
            "seed": PATH_SEED,
            "start": _MOMENT,
            "step_hours": 4,
            "steps": steps,
            "common": "0.8",
            "series": series,
        }
    )
