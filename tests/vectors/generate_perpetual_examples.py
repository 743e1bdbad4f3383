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

from vectors.generate_scenario_examples import (
    EXAMPLES,
    Book,
    contract,
    option,
    snapshot,
    underlying,
    write_example,
)

from circuits.market.document import MarketDocument
from circuits.market.snapshot import Cash, Instrument, Spot
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


DERIVE_OPTION_RATES: Final = {
    "greatest_rate": "0.15",
    "least_rate": "0.13",
    "call_maintenance": "0.09",
    "put_maintenance": "0.09",
    "put_mark_maintenance": "0.09",
    "put_initial_factor": "1.05",
    "naked_initial": "1.2",
    "naked_maintenance": "1.1",
}
"""As in derivexyz/v2-core."""


def derive_model(margin: str = "initial", **fields: Json) -> dict[str, Json]:
    """The rates of perpetuals are those of the published examples."""
    markets: list[Json] = [
        {
            "underlying": name,
            "perpetual": {"initial": "0.1", "maintenance": "0.065"},
            "collateral": {"weight": weight, "initial_factor": factor},
            "option": dict(DERIVE_OPTION_RATES),
        }
        for name, weight, factor in (("BTC", "0.75", "0.93"), ("ETH", "0.8", "0.9375"))
    ]
    return {
        "format": "sealedbook/model/v1",
        "kind": "derive-standard-margin",
        "version": 1,
        "margin": margin,
        "markets": markets,
        **fields,
    }


DERIVE_ASSETS: Final = (
    Asset("USDC", 6),
    Asset("entry cost", 6),
    Asset("ETH", 6),
    Asset("BTC-PERP", 4),
    Asset("ETH-PERP", 3),
    Asset("ETH-30D-1700-C", 2),
    Asset("ETH-30D-1900-C", 2),
    Asset("ETH-30D-1800-P", 2),
    Asset("ETH-60D-2500-C", 2),
    Asset("ETH-60D-1600-P", 2),
)
DERIVE_MARKET: Final = snapshot(
    [underlying("BTC", "28000", ()), underlying("ETH", "2100", (30, 60))],
    [
        *cash("USDC", "entry cost"),
        Spot("ETH", "ETH"),
        contract("BTC-PERP", "BTC", "28000"),
        contract("ETH-PERP", "ETH", "2100"),
        option("ETH-30D-1700-C", "ETH", 30, "call", "1700", "0.671492612148"),
        option("ETH-30D-1900-C", "ETH", 30, "call", "1900", "0.64"),
        option("ETH-30D-1800-P", "ETH", 30, "put", "1800", "0.66"),
        option("ETH-60D-2500-C", "ETH", 60, "call", "2500", "0.6"),
        option("ETH-60D-1600-P", "ETH", 60, "put", "1600", "0.68"),
    ],
)
"""The call of 1,700 is worth 425, as in the published example."""
DERIVE_BOOK: Final[Book] = {
    "empty": {"USDC": "0"},
    "spread": {"USDC": "1600", "ETH-30D-1700-C": "-8", "ETH-30D-1900-C": "8"},
    "spread and perpetual": {
        "USDC": "25000",
        "entry cost": "-196000",
        "BTC-PERP": "7",
        "ETH-30D-1700-C": "-8",
        "ETH-30D-1900-C": "8",
    },
    "covered": {"USDC": "250.5", "ETH": "10", "ETH-60D-2500-C": "-10"},
    "strangle": {
        "USDC": "9000",
        "entry cost": "-6900.5",
        "ETH-60D-2500-C": "-6.5",
        "ETH-60D-1600-P": "-12",
        "ETH-PERP": "3.25",
    },
    "holder": {"ETH-30D-1800-P": "40", "ETH-60D-1600-P": "0.01"},
}


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
        "derive-standard-margin": (derive_model(), DERIVE_MARKET, DERIVE_ASSETS, DERIVE_BOOK),
    }
    for name, (model, market, assets, book) in examples.items():
        write_example(target / name, model, market, assets, book)


if __name__ == "__main__":
    generate()
