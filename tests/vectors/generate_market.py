"""Writes tests/vectors/market: option prices and Greeks by QuantLib, and a market with its risk array.

Prices are those of another library; the risk array is a regression vector of our own, whose figures
`tests/test_risk_array.py` compares with formulas written a second time. Needs QuantLib.
Run: ``python tests/vectors/generate_market.py``.
"""

from __future__ import annotations

import itertools
import json
import math
import warnings
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from circuits.market.document import MarketDocument
from circuits.market.risk_array import Greek, compute_risk_array
from circuits.market.scenarios import (
    SCENARIOS_FORMAT,
    MarketScenario,
    Move,
    ScenarioSet,
    VolatilityMove,
    scenarios_to_json,
)
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
from primitives.assets import Asset
from primitives.strict_json import canonical_json

DIRECTORY: Final = Path(__file__).parent / "market"
AS_OF: Final = datetime(2026, 1, 31, 8, tzinfo=UTC)
NEAR: Final = datetime(2026, 2, 7, 8, tzinfo=UTC)
FAR: Final = datetime(2026, 6, 26, 8, tzinfo=UTC)
DECIMALS: Final = {"BTC": 8, "USDC": 6}
OTHER_DECIMALS: Final = 4
GREEK_SCALES: Final = {Greek.DELTA: 10, Greek.GAMMA: 14, Greek.VEGA: 9, Greek.THETA: 9}


def black76_vectors() -> str:
    """Prices and Greeks by QuantLib over a grid, and at the corners."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import QuantLib
    rows = []
    grid = itertools.product(
        (100.0, 71234.5), (0.4, 0.97, 1.0, 1.3, 4.0), (0.05, 0.8, 3.0), (0.002, 0.25, 5.0)
    )
    for forward, ratio, volatility, years in grid:
        strike = forward * ratio
        discount = math.exp(-0.04 * years)
        for kind in "CP":
            right = QuantLib.Option.Call if kind == "C" else QuantLib.Option.Put
            payoff = QuantLib.PlainVanillaPayoff(right, strike)
            black = QuantLib.BlackCalculator(payoff, forward, volatility * math.sqrt(years), discount)
            rows.append(
                {
                    "forward": forward, "strike": strike, "volatility": volatility, "years": years,
                    "rate": 0.04, "kind": kind, "price": black.value(), "delta": black.deltaForward(),
                    "gamma": black.gammaForward(), "vega": black.vega(years),
                }
            )  # fmt: skip
    text = ",\n".join(json.dumps(row) for row in rows)
    return f'{{"source": "QuantLib {QuantLib.__version__}, BlackCalculator", "vectors": [\n{text}\n]}}\n'


def market() -> MarketSnapshot:
    """Every kind of instrument on two underlyings, one of which has no index."""
    btc = Underlying(
        "BTC",
        Decimal("70000.12"),
        (
            ExpiryPoint(NEAR, Decimal("70050.5"), Decimal("0.045")),
            ExpiryPoint(FAR, Decimal("71200"), Decimal("-0.001")),
        ),
    )
    oil = Underlying("OIL", None, (ExpiryPoint(FAR, Decimal("61.37"), Decimal("0.04")),))
    instruments: list[Instrument] = [
        Cash("USDC", Decimal("0.9998")),
        Spot("BTC", "BTC"),
        Contract("BTC-PERP", "BTC", Settlement.LINEAR, Decimal(1), Decimal("70011.3")),
        Contract("BTC-PERP-INVERSE", "BTC", Settlement.INVERSE, Decimal(10), Decimal("70009.5")),
        Contract("BTC-JUN", "BTC", Settlement.LINEAR, Decimal("0.1"), Decimal("71200"), FAR),
        Contract("BTC-JUN-INVERSE", "BTC", Settlement.INVERSE, Decimal(100), Decimal("71200"), FAR),
        Contract("OIL-JUN", "OIL", Settlement.LINEAR, Decimal(1000), Decimal("61.37"), FAR),
    ]
    for name, expiry, strike, volatility in (
        ("FEB", NEAR, 65_000, "0.61"), ("FEB", NEAR, 75_000, "0.55"), ("JUN", FAR, 60_000, "0.58"),
        ("JUN", FAR, 100_000, "0.6"),
    ):  # fmt: skip
        for is_call in (True, False):
            option_id = f"BTC-{name}-{strike}-{'C' if is_call else 'P'}"
            instruments.append(
                Option(option_id, "BTC", expiry, Decimal(strike), is_call, Decimal(1), Decimal(volatility))
            )
    instruments.append(Option("OIL-JUN-60-P", "OIL", FAR, Decimal(60), False, Decimal(1000), Decimal("0.38")))
    return MarketSnapshot(
        AS_OF,
        "USD",
        6,
        (Source("example", "figures made up for tests"),),
        (btc, oil),
        tuple(sorted(instruments, key=lambda instrument: instrument.id)),
    )


def scenario_set() -> ScenarioSet:
    """Multiples, additions, moves of one underlying, tenor powers, points, weights and elapsed days."""
    tenor = {"short_power": Decimal("0.3"), "long_power": Decimal("0.13")}
    up = VolatilityMove(change=Decimal("0.4"), minimum=Decimal("0.4"), **tenor)
    down = VolatilityMove(change=Decimal("-0.22"), **tenor)
    points = VolatilityMove(points=Decimal("-0.06"))
    return ScenarioSet(
        (
            MarketScenario("unchanged", (Move(),)),
            MarketScenario("spot up, volatility up", (Move(None, Decimal("1.16"), volatility=up),)),
            MarketScenario("spot down, volatility down", (Move(None, Decimal("0.88"), volatility=down),)),
            MarketScenario("spot doubles", (Move(None, Decimal(2), volatility=up),), Decimal("0.12")),
            MarketScenario(
                "by points, a day later",
                (
                    Move("BTC", addition=Decimal("-2100.55"), volatility=points),
                    Move(addition=Decimal("1.5"), volatility=points),
                ),
                elapsed_days=Decimal(1),
            ),
        )
    )


def assets(snapshot: MarketSnapshot) -> list[Asset]:
    """An asset of each instrument."""
    return [Asset(each.id, DECIMALS.get(each.id, OTHER_DECIMALS)) for each in snapshot.instruments]


def files() -> dict[str, bytes]:
    """Name and content of each vector file."""
    snapshot, scenarios = market(), scenario_set()
    array = compute_risk_array(snapshot, scenarios, assets(snapshot), GREEK_SCALES)
    return {
        "black76.json": black76_vectors().encode(),
        "market.json": MarketDocument(snapshot, array).to_bytes(),
        "scenarios.json": canonical_json({"format": SCENARIOS_FORMAT, **scenarios_to_json(scenarios)}),
    }


if __name__ == "__main__":
    DIRECTORY.mkdir(exist_ok=True)
    for file_name, content in files().items():
        (DIRECTORY / file_name).write_bytes(content)
