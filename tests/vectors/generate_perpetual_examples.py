"""Writes the examples of perpetuals and of Derive's standard margin: examples/models/<name>/ as
`generate_scenario_examples` does.

Deterministic: the tests of the models compare the files with a fresh run, byte for byte.
Run in ``tests``: ``python -m vectors.generate_perpetual_examples``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

from vectors.generate_scenario_examples import EXAMPLES, Book, contract, snapshot, underlying, write_example

from circuits.market.document import MarketDocument
from circuits.market.snapshot import Cash, Instrument
from primitives.assets import Asset
from primitives.strict_json import Json

ONE: Final = Decimal(1)
BINANCE_BTC: Final = (
    ("0", "0.004", "0"),
    ("50000", "0.005", "50"),
    ("600000", "0.0065", "950"),
    ("3000000", "0.01", "11450"),
    ("12000000", "0.02", "131450"),
    ("70000000", "0.025", "481450"),
    ("100000000", "0.05", "2981450"),
    ("230000000", "0.1", "14481450"),
    ("480000000", "0.125", "26481450"),
    ("600000000", "0.15", "41481450"),
    ("800000000", "0.25", "121481450"),
    ("1200000000", "0.5", "421481450"),
)
"""BTCUSDT as published in October 2024: lower bound, maintenance rate, maintenance amount."""
LEVERAGES: Final = {
    "BTC": (("0", 40), ("150000000", 20)),
    "ETH": (("0", 25), ("100000000", 15)),
    "SOL": (("0", 20), ("70000000", 10)),
}
"""Hyperliquid's, as published in 2026."""


def rate_table(name: str, tiers: Sequence[Sequence[str]]) -> dict[str, Json]:
    """Tiers of (from, rate) or (from, rate, cum)."""
    keys = ("from", "rate", "cum")
    return {"name": name, "tiers": [dict(zip(keys, tier, strict=False)) for tier in tiers]}


def step_table(name: str, steps: Sequence[tuple[str, str]]) -> dict[str, Json]:
    return {"name": name, "steps": [{"to": bound, "rate": rate} for bound, rate in steps]}


def leverage_table(name: str, tiers: Sequence[tuple[str, int]]) -> dict[str, Json]:
    return {"name": name, "tiers": [{"from": bound, "max_leverage": leverage} for bound, leverage in tiers]}


def perpetuals(tables: Sequence[Json], kind: str = "linear-perpetuals", **fields: Json) -> dict[str, Json]:
    """A model document."""
    return {
        "format": "sealedbook/model/v1",
        "kind": kind,
        "version": 1,
        "tables": list(tables),
        **fields,
    }


def cash(*names: str) -> list[Instrument]:
    return [Cash(name, ONE) for name in names]


def perpetual_market(
    marks: Mapping[str, tuple[str, str]], collateral: Sequence[str], *, scale: int = 6
) -> MarketDocument:
    """Perpetuals by id, each with its underlying and mark, which is the index too; collateral of price 1."""
    indices = dict(marks.values())
    return snapshot(
        [underlying(name, index, ()) for name, index in indices.items()],
        [*cash(*collateral), *(contract(name, on, mark) for name, (on, mark) in marks.items())],
        scale=scale,
    )


CROSS_ASSETS: Final = (Asset("USDT", 6), Asset("entry cost", 6), Asset("BTCUSDT", 5), Asset("ETHUSDT", 4))
CROSS_MARKET: Final = perpetual_market(
    {"BTCUSDT": ("BTC", "70000"), "ETHUSDT": ("ETH", "3500")}, ("USDT", "entry cost")
)
CROSS_BOOK: Final[Book] = {
    "empty": {"USDT": "0"},
    "lender": {"USDT": "12000.5"},
    "pair": {"USDT": "400000", "entry cost": "1775000", "BTCUSDT": "-100", "ETHUSDT": "1500"},
    "long": {"USDT": "510", "entry cost": "-35210.75", "BTCUSDT": "0.5"},
    "short": {"USDT": "0", "entry cost": "14800000", "BTCUSDT": "-200"},
}
"""``pair`` is short 100 from 69,500 and long 1,500 from 3,450."""


def cross_model() -> dict[str, Json]:
    return perpetuals(
        [rate_table("BTCUSDT", BINANCE_BTC), rate_table("ETHUSDT", BINANCE_BTC[:6])],
        cross={
            "collateral": ["USDT", "entry cost"],
            "markets": [
                {"asset": "BTCUSDT", "table": "BTCUSDT"},
                {"asset": "ETHUSDT", "table": "ETHUSDT"},
            ],
        },
    )


ISOLATED_ASSETS: Final = (
    Asset("USDT", 6),
    Asset("BTCUSDT", 5),
    Asset("BTCUSDT margin", 6),
    Asset("BTCUSDT cost", 6),
    Asset("ETHUSDT", 4),
    Asset("ETHUSDT margin", 6),
    Asset("ETHUSDT cost", 6),
)
ISOLATED_BOOK: Final[Book] = {
    "empty": {"USDT": "0"},
    "lender": {"USDT": "3.000001"},
    "short": {"BTCUSDT": "-100", "BTCUSDT margin": "300000", "BTCUSDT cost": "6950000"},
    "both": {
        "USDT": "250",
        "BTCUSDT": "0.02",
        "BTCUSDT margin": "30",
        "BTCUSDT cost": "-1420",
        "ETHUSDT": "-3.25",
        "ETHUSDT margin": "560",
        "ETHUSDT cost": "11300.5",
    },
}


def isolated_market(btc: str = "70000") -> MarketDocument:
    collateral = [name for asset in ISOLATED_ASSETS if (name := asset.id).endswith(("margin", "cost"))]
    return perpetual_market({"BTCUSDT": ("BTC", btc), "ETHUSDT": ("ETH", "3500")}, collateral)


def isolated_model() -> dict[str, Json]:
    isolated: list[Json] = [
        {
            "collateral": [f"{asset} margin", f"{asset} cost"],
            "market": {"asset": asset, "table": asset},
        }
        for asset in ("BTCUSDT", "ETHUSDT")
    ]
    return perpetuals(
        [rate_table("BTCUSDT", BINANCE_BTC), rate_table("ETHUSDT", BINANCE_BTC[:6])],
        isolated=isolated,
        uncounted=["USDT"],
    )


ORDERS_ASSETS: Final = (
    Asset("USDC", 6),
    Asset("entry cost", 6),
    Asset("BTC-USD-PERP", 4),
    Asset("BTC-USD-PERP buys", 4),
    Asset("BTC-USD-PERP sells", 4),
)
ORDERS_MARKET: Final = perpetual_market({"BTC-USD-PERP": ("BTC", "90000")}, ("USDC", "entry cost"))
ORDERS_BOOK: Final[Book] = {
    "empty": {"USDC": "0"},
    "published": {
        "USDC": "5427",
        "entry cost": "90000",
        "BTC-USD-PERP": "-1",
        "BTC-USD-PERP buys": "3",
        "BTC-USD-PERP sells": "2",
    },
    "maker": {"USDC": "900", "BTC-USD-PERP buys": "0.5", "BTC-USD-PERP sells": "0.5"},
    "holder": {"USDC": "46000", "entry cost": "-91000", "BTC-USD-PERP": "1"},
}


def orders_model(fee_rate: str = "0.0003") -> dict[str, Json]:
    return perpetuals(
        [rate_table("BTC initial", (("0", "0.02"),))],
        cross={
            "collateral": ["USDC", "entry cost"],
            "markets": [
                {
                    "asset": "BTC-USD-PERP",
                    "table": "BTC initial",
                    "fee_rate": fee_rate,
                    "orders": {"buy": "BTC-USD-PERP buys", "sell": "BTC-USD-PERP sells"},
                }
            ],
        },
    )


HYPERLIQUID_ASSETS: Final = (
    Asset("USDC", 6),
    Asset("entry notional", 6),
    Asset("BTC", 5),
    Asset("ETH", 4),
    Asset("SOL", 2),
)
HYPERLIQUID_MARKET: Final = perpetual_market(
    {"BTC": ("BTC", "70000"), "ETH": ("ETH", "3500"), "SOL": ("SOL", "150.25")}, ("USDC", "entry notional")
)
HYPERLIQUID_BOOK: Final[Book] = {
    "empty": {"USDC": "0"},
    "small": {"USDC": "60000", "entry notional": "-700000", "BTC": "10"},
    "large": {"USDC": "3200000", "entry notional": "200000010", "BTC": "-2857.143"},
    "spread": {"USDC": "9000", "entry notional": "-22500", "ETH": "-30.5", "SOL": "850.75"},
}


def hyperliquid_model(margin: str = "maintenance") -> dict[str, Json]:
    return perpetuals(
        [leverage_table(name, tiers) for name, tiers in LEVERAGES.items()],
        kind="hyperliquid-perpetuals",
        margin=margin,
        cross={
            "collateral": ["USDC", "entry notional"],
            "markets": [{"asset": name, "table": name} for name in LEVERAGES],
        },
    )


def generate(target: Path = EXAMPLES) -> None:
    examples = {
        "linear-perpetuals-cross": (cross_model(), CROSS_MARKET, CROSS_ASSETS, CROSS_BOOK),
        "linear-perpetuals-isolated": (isolated_model(), isolated_market(), ISOLATED_ASSETS, ISOLATED_BOOK),
        "linear-perpetuals-orders": (orders_model(), ORDERS_MARKET, ORDERS_ASSETS, ORDERS_BOOK),
        "hyperliquid-perpetuals": (
            hyperliquid_model(),
            HYPERLIQUID_MARKET,
            HYPERLIQUID_ASSETS,
            HYPERLIQUID_BOOK,
        ),
    }
    for name, (model, market, assets, book) in examples.items():
        write_example(target / name, model, market, assets, book)


if __name__ == "__main__":
    generate()
