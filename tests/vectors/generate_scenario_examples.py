"""Writes the examples of scenario models: examples/models/<kind>/{model,market,assets}.json and book.csv.

Deterministic: `tests/test_scenario_examples.py` compares the files with a fresh run, byte for byte.
Run: ``python tests/vectors/generate_scenario_examples.py``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from circuits.market.decimals import parse_decimal
from circuits.market.document import MarketDocument, market_to_json
from circuits.market.snapshot import (
    Cash,
    Contract,
    ExpiryPoint,
    Instrument,
    MarketSnapshot,
    Option,
    Settlement,
    Source,
    Spot,
    Underlying,
)
from primitives.assets import Asset, AssetList
from primitives.strict_json import Json

EXAMPLES: Final = Path(__file__).parent.parent.parent / "examples" / "models"
AS_OF: Final = datetime(2026, 8, 20, 8, tzinfo=UTC)
SOURCE: Final = Source("example", "made up for documentation and tests")

Book = Mapping[str, Mapping[str, str]]
"""Account to asset to amount in whole units."""


def number(text: str) -> Decimal:
    return parse_decimal(text)


def at_days(days: float) -> datetime:
    return AS_OF + timedelta(days=days)


def underlying(name: str, index: str, days: Sequence[float], forward: str | None = None) -> Underlying:
    """Forwards at the index unless given, rates 0."""
    points = tuple(ExpiryPoint(at_days(each), number(forward or index), Decimal(0)) for each in sorted(days))
    return Underlying(name, number(index), points)


def contract(
    name: str,
    on: str,
    mark: str,
    *,
    days: float | None = None,
    settlement: Settlement = Settlement.LINEAR,
    multiplier: str = "1",
) -> Contract:
    expiry = None if days is None else at_days(days)
    return Contract(name, on, settlement, number(multiplier), number(mark), expiry)


def option(
    name: str, on: str, days: float, right: str, strike: str, volatility: str, *, multiplier: str = "1"
) -> Option:
    return Option(
        name, on, at_days(days), number(strike), right == "call", number(multiplier), number(volatility)
    )


def snapshot(
    underlyings: Sequence[Underlying],
    instruments: Sequence[Instrument],
    *,
    scale: int = 6,
    quote: str = "USD",
) -> MarketDocument:
    return MarketDocument(
        MarketSnapshot(
            AS_OF,
            quote,
            scale,
            (SOURCE,),
            tuple(sorted(underlyings, key=lambda each: each.id)),
            tuple(sorted(instruments, key=lambda each: each.id)),
        )
    )


def paradex_class(name: str, underlyings: Sequence[str], *, is_major: bool = True) -> dict[str, Json]:
    """The published tables: of BTC and ETH, or of HYPE and CL."""
    if is_major:
        up, down, floor, unhedged, hedged = "0.4", "-0.22", "0.4", "0.02", "0.01"
        steps = ("0.16", "0.12", "0.08", "0.04")
        tails = ("0.18", "0.36", "0.24", "0.12", "0.06", "0.04", "0.03", "0.024")
    else:
        up, down, floor, unhedged, hedged = "0.64", "-0.352", "0.6", "0.03", "0.015"
        steps = ("0.28", "0.21", "0.14", "0.07")
        tails = ("0.3", "0.5", "0.4", "0.2", "0.1", "0.07", "0.05", "0.04")
    outer, *inner = steps
    rows = [(outer, up, "1")]
    rows += [(sign + step, change, "1") for step in inner for sign in ("", "-") for change in (up, down)]
    rows += [("0", up, "1"), ("0", down, "1"), ("-" + outer, up, "1")]
    moves = ("-0.66", "-0.33", "0.5", "1", "2", "3", "4", "5")
    rows += [(move, up, weight) for move, weight in zip(moves, tails, strict=True)]
    return {
        "name": name,
        "underlyings": list(underlyings),
        "unhedged_rate": unhedged,
        "hedged_rate": hedged,
        "volatility": {
            "minimum_up": floor,
            "short_power": "0.3",
            "long_power": "0.13",
            "reference_days": "30",
            "floor_days": "1",
        },
        "scenarios": [
            {"spot": spot, "volatility": change, "weight": weight} for spot, change, weight in rows
        ],
    }


def paradex_model(
    classes: Sequence[Mapping[str, Json]],
    funding: Mapping[str, str],
    *,
    margin: str = "initial",
    netting: str = "account",
) -> dict[str, Json]:
    return {
        "format": "sealedbook/model/v1",
        "kind": "paradex-portfolio-margin",
        "version": 1,
        "margin": margin,
        "maintenance_factor": "0.5",
        "classes": [dict(each) for each in classes],
        "fees": {"perpetual": "0.0003", "future": "0.0003", "option": "0.0003"},
        "funding": {
            "netting": netting,
            "rates": [{"asset": asset, "rate": rate} for asset, rate in funding.items()],
        },
    }


PARADEX_ASSETS: Final = (
    Asset("USDC", 6),
    Asset("entry cost", 6),
    Asset("BTC-USD-PERP", 4),
    Asset("BTC-7D-75000-C", 2),
    Asset("BTC-30D-65000-P", 2),
    Asset("HYPE-USD-PERP", 2),
)


def paradex_market() -> MarketDocument:
    return snapshot(
        [underlying("BTC", "70000", (7, 30)), underlying("HYPE", "40", ())],
        [
            Cash("USDC", Decimal(1)),
            Cash("entry cost", Decimal(1)),
            contract("BTC-USD-PERP", "BTC", "70000"),
            option("BTC-7D-75000-C", "BTC", 7, "call", "75000", "0.55"),
            option("BTC-30D-65000-P", "BTC", 30, "put", "65000", "0.6"),
            contract("HYPE-USD-PERP", "HYPE", "40"),
        ],
    )


PARADEX_BOOK: Final[Book] = {
    "empty": {"USDC": "0"},
    "saver": {"USDC": "1250.5"},
    "hedger": {
        "USDC": "36500",
        "entry cost": "-70500",
        "BTC-USD-PERP": "1",
        "BTC-7D-75000-C": "-5",
        "BTC-30D-65000-P": "2",
    },
    "carry": {"USDC": "15000", "entry cost": "-1950", "BTC-USD-PERP": "0.5", "HYPE-USD-PERP": "-800"},
}


def deribit_pair(name: str, *, is_major: bool = True, chords: int = 0, **changed: Json) -> dict[str, Json]:
    """Parameters of the published responses: of BTC, or of ETH."""
    moves: list[Json] = ["-0.66", "-0.33", "0.5", "1", "2", "3", "4", "5"]
    return {
        "underlying": name,
        "price_range": "0.16" if is_major else "0.18",
        "buckets": 4,
        "volatility": {
            "up": "0.5" if is_major else "0.4",
            "down": "0.25",
            "minimum_up": "0.5",
            "short_power": "0.3",
            "long_power": "0.13",
            "reference_days": "30",
            "floor_days": "1",
        },
        "extended": {"factor": "1", "dampener": "100000" if is_major else "200000", "moves": moves},
        "delta_shock": {
            "threshold": "20000000",
            "increment": "0.00005" if is_major else "0.000004",
            "maximum": "0.1",
            "chords": chords,
        },
        "roll": {
            "minimum_move": "0.01" if is_major else "0.005",
            "annual_move": "0.075" if is_major else "0.05",
        },
        **changed,
    }


def deribit_model(
    pairs: Sequence[Mapping[str, Json]],
    *,
    numeraire: str = "coin",
    margin: str = "initial",
    scale: int = 9,
    **more: Json,
) -> dict[str, Json]:
    return {
        "format": "sealedbook/model/v1",
        "kind": "deribit-portfolio-margin",
        "version": 1,
        "margin": margin,
        "maintenance_factor": "0.8",
        "numeraire": numeraire,
        "pairs": [dict(pair) for pair in pairs],
        "numbers": {"scale": scale},
        **more,
    }


INDEX: Final = "65666.19"
SEGREGATED_ASSETS: Final = (
    Asset("BTC", 8),
    Asset("BTC entry", 8),
    Asset("BTC-PERPETUAL", 0),
    Asset("BTC-30D", 0),
    Asset("BTC-30D-80000-C", 1),
    Asset("BTC-30D-52000-P", 1),
    Asset("BTC-90D-70000-C", 1),
)


def deribit_segregated_market() -> MarketDocument:
    """Inverse contracts of 10 USD; ``BTC entry`` is what contracts were bought for, in coin."""
    inverse = Settlement.INVERSE
    return snapshot(
        [underlying("BTC", INDEX, (30, 90))],
        [
            Spot("BTC", "BTC"),
            Spot("BTC entry", "BTC"),
            contract("BTC-PERPETUAL", "BTC", INDEX, settlement=inverse, multiplier="10"),
            contract("BTC-30D", "BTC", "66012.5", days=30, settlement=inverse, multiplier="10"),
            option("BTC-30D-80000-C", "BTC", 30, "call", "80000", "0.6"),
            option("BTC-30D-52000-P", "BTC", 30, "put", "52000", "0.65"),
            option("BTC-90D-70000-C", "BTC", 90, "call", "70000", "0.58"),
        ],
        scale=9,
    )


SEGREGATED_BOOK: Final[Book] = {
    "empty": {"BTC": "0"},
    "holder": {"BTC": "2.5"},
    "long": {"BTC": "0.75", "BTC entry": "0.31", "BTC-PERPETUAL": "2000"},
    "strangle": {
        "BTC": "12",
        "BTC entry": "1.515",
        "BTC-30D": "10000",
        "BTC-30D-80000-C": "-20",
        "BTC-30D-52000-P": "-20",
        "BTC-90D-70000-C": "4.5",
    },
}
CROSS_ASSETS: Final = (
    Asset("USDC", 6),
    Asset("BTC", 8),
    Asset("BTC_USDC-PERPETUAL", 4),
    Asset("BTC_USDC-30D-60000-P", 2),
    Asset("ETH", 8),
    Asset("ETH_USDC-PERPETUAL", 3),
    Asset("ETH_USDC-30D-3600-C", 2),
)


def deribit_cross_market() -> MarketDocument:
    return snapshot(
        [underlying("BTC", INDEX, (30,)), underlying("ETH", "3250.4", (30,))],
        [
            Cash("USDC", Decimal(1)),
            Spot("BTC", "BTC"),
            contract("BTC_USDC-PERPETUAL", "BTC", "65670"),
            option("BTC_USDC-30D-60000-P", "BTC", 30, "put", "60000", "0.62"),
            Spot("ETH", "ETH"),
            contract("ETH_USDC-PERPETUAL", "ETH", "3250.5"),
            option("ETH_USDC-30D-3600-C", "ETH", 30, "call", "3600", "0.7"),
        ],
        scale=9,
    )


CROSS_BOOK: Final[Book] = {
    "empty": {"USDC": "0"},
    "lender": {"USDC": "50000", "BTC": "1"},
    "spread": {
        "USDC": "-190000",
        "BTC": "0.5",
        "BTC_USDC-PERPETUAL": "4",
        "BTC_USDC-30D-60000-P": "1.5",
        "ETH_USDC-PERPETUAL": "-1.25",
    },
    "hedged": {"USDC": "230000", "ETH": "20", "ETH_USDC-PERPETUAL": "-15", "ETH_USDC-30D-3600-C": "-12.5"},
}


def span_commodity(name: str, **changed: Json) -> dict[str, Json]:
    """An index future of 50 times the index."""
    return {
        "underlying": name,
        "unit": "50",
        "scan_range": "300",
        "volatility_range": "0.06",
        "look_ahead_days": "1",
        "extreme_multiple": "2",
        "extreme_fraction": "0.35",
        "spread_charge": "900",
        "short_option_minimum": "500",
        **changed,
    }


def span_model(
    commodities: Sequence[Mapping[str, Json]], *, excess: str = "counts", **more: Json
) -> dict[str, Json]:
    return {
        "format": "sealedbook/model/v1",
        "kind": "span",
        "version": 1,
        "commodities": [dict(commodity) for commodity in commodities],
        "excess_option_value": excess,
        **more,
    }


SPAN_ASSETS: Final = (
    Asset("USD", 2),
    Asset("variation", 2),
    Asset("IDX-SEP", 0),
    Asset("IDX-DEC", 0),
    Asset("IDX-SEP-5300-C", 0),
    Asset("IDX-SEP-4600-P", 0),
    Asset("OIL-OCT", 0),
    Asset("OIL-NOV", 0),
)


def span_market() -> MarketDocument:
    """``variation`` is what futures were bought for, or was paid for them since."""
    return snapshot(
        [underlying("IDX", "5000", (60, 150)), underlying("OIL", "72", (75, 105))],
        [
            Cash("USD", Decimal(1)),
            Cash("variation", Decimal(1)),
            contract("IDX-SEP", "IDX", "5000", days=60, multiplier="50"),
            contract("IDX-DEC", "IDX", "5000", days=150, multiplier="50"),
            option("IDX-SEP-5300-C", "IDX", 60, "call", "5300", "0.16", multiplier="50"),
            option("IDX-SEP-4600-P", "IDX", 60, "put", "4600", "0.21", multiplier="50"),
            contract("OIL-OCT", "OIL", "72.15", days=75, multiplier="1000"),
            contract("OIL-NOV", "OIL", "71.8", days=105, multiplier="1000"),
        ],
        scale=2,
    )


SPAN_BOOK: Final[Book] = {
    "empty": {"USD": "0"},
    "writer": {
        "USD": "89500",
        "variation": "-500000",
        "IDX-SEP": "10",
        "IDX-DEC": "-8",
        "IDX-SEP-5300-C": "-12",
    },
    "buyer": {"USD": "200", "IDX-SEP-4600-P": "3"},
    "calendar": {"USD": "2500", "variation": "-700", "OIL-OCT": "2", "OIL-NOV": "-2"},
}


def write_example(
    folder: Path, model: Mapping[str, Json], market: MarketDocument, assets: Sequence[Asset], book: Book
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _write_json(folder / "model.json", dict(model))
    _write_json(folder / "market.json", market_to_json(market))
    listed = AssetList(tuple(assets)).to_json()
    _write_json(folder / "assets.json", {"format": "sealedbook/assets/v1", "assets": listed})
    rows = [f"{account},{asset},{amount}" for account, held in book.items() for asset, amount in held.items()]
    (folder / "book.csv").write_text("\n".join(["account,asset,amount", *rows]) + "\n")


def _write_json(path: Path, value: Json) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n")


def generate(target: Path = EXAMPLES) -> None:
    write_example(
        target / "paradex-portfolio-margin",
        paradex_model(
            [paradex_class("major", ["BTC", "ETH"]), paradex_class("alternative", ["HYPE"], is_major=False)],
            {"BTC-USD-PERP": "0.0001", "HYPE-USD-PERP": "-0.00005"},
        ),
        paradex_market(),
        PARADEX_ASSETS,
        PARADEX_BOOK,
    )
    write_example(
        target / "deribit-segregated-portfolio-margin",
        deribit_model([deribit_pair("BTC")]),
        deribit_segregated_market(),
        SEGREGATED_ASSETS,
        SEGREGATED_BOOK,
    )
    write_example(
        target / "deribit-cross-portfolio-margin",
        deribit_model(
            [deribit_pair("BTC", chords=2), deribit_pair("ETH", is_major=False, chords=2)],
            numeraire="quote",
            sets=[{"pairs": ["BTC", "ETH"], "gain_ratio": "0.6", "gain_cap": "20000000"}],
        ),
        deribit_cross_market(),
        CROSS_ASSETS,
        CROSS_BOOK,
    )
    oil = span_commodity(
        "OIL",
        unit="1000",
        scan_range="5.1",
        volatility_range="0.05",
        spread_charge="650",
        short_option_minimum="100",
    )
    write_example(
        target / "span", span_model([span_commodity("IDX"), oil]), span_market(), SPAN_ASSETS, SPAN_BOOK
    )


if __name__ == "__main__":
    generate()
