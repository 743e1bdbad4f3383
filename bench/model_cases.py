"""Margin models of realistic sizes, with books of sufficient accounts: what ``python -m bench models`` measures.

Parameters are those of examples/models; markets are made up at the sizes of the catalogue of models.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from bench.model_case import Document, ModelCase, PoolsCase, Published
from circuits.models.cross_collateral import DEBT, EQUITY
from circuits.source_market import POOLS
from primitives.assets import Asset
from primitives.attestation import format_time

EXAMPLES: Final = Path(__file__).parent.parent / "examples" / "models"
AS_OF: Final = datetime(2026, 8, 20, 8, tzinfo=UTC)
CASH: Final = "USDC"
_HEAD: Final = {"format": "sealedbook/model/v1", "version": 1}


def model_cases(*, quick: bool) -> Iterator[ModelCase]:
    """All cases, or one small one of every kind that has one."""
    makers: Sequence[Callable[[], ModelCase]] = (
        _spot,
        lambda: signed_collateral(50, held=8),
        lambda: _paradex(41, 1, Published(68, 6.3)),
        lambda: _deribit(41, 7),
        lambda: _linear_perpetuals(20),
        lambda: _hyperliquid(20),
        lambda: _derive_standard(6, 10),
        lambda: _pools(50, rounding="exact"),
        lambda: _span(4, 40),
        lambda: pmrm2(7, 30),
    )
    larger: Sequence[Callable[[], ModelCase]] = (
        lambda: _paradex(201, 1, Published(228, 22.0)),
        lambda: _paradex(41, 4, Published(269, 25.0)),
        lambda: _pools(50, rounding="fold"),
    )
    for make in makers if quick else (*makers, *larger):
        yield make()


def signed_collateral(count: int, held: int) -> ModelCase:
    """Signed balances of `count` assets in five tiers, of which an account has `held`."""
    assets = (*(Asset(f"asset-{index}", 6) for index in range(count - 1)), Asset(CASH, 6))
    tiers = [{"to": str(10 ** (5 + k)), "ratio": f"0.{9 - k}5"} for k in range(4)] + [{"ratio": "0.4"}]
    listed: list[Document] = [{"asset": asset.id, "tiers": tiers, "debt_weight": "1.05"} for asset in assets]
    listed[-1] = {"asset": CASH, "ratio": "1"}
    prices = [{"asset": asset.id, "price": str(1 + index % 97)} for index, asset in enumerate(assets[:-1])]
    market = {
        "format": "sealedbook/prices/v1", "as_of": format_time(AS_OF), "quote": "USD", "scale": 6,
        "prices": [*prices, {"asset": CASH, "price": "1"}],
    }  # fmt: skip
    return ModelCase(
        f"cross-collateral, {count} signed balances in 5 tiers",
        {**_HEAD, "kind": "cross-collateral", "layout": "signed", "assets": listed},
        market,
        assets,
        CASH,
        amount=10**10,
        published=Published(351, 27.0) if count == 50 else None,
        held=held,
    )


def _spot() -> ModelCase:
    assets = (*(Asset(f"asset-{index}", 8) for index in range(49)), Asset(CASH, 6))
    document = {**_HEAD, "kind": "spot"}
    return ModelCase(
        "spot, 50 assets", document, None, assets, CASH, 10**12, Published(50, 3.15), held=6, is_long=True
    )


def _paradex(instruments: int, underlyings: int, published: Published) -> ModelCase:
    document = _example("paradex-portfolio-margin", "model.json")
    market, ids = derivatives_market(instruments, underlyings, expiries=5)
    names = [entry["id"] for entry in market["underlyings"]]
    document["classes"] = [{**document["classes"][0], "underlyings": names}]
    document["funding"]["rates"] = [{"asset": f"{name}-PERP", "rate": "0.0001"} for name in names]
    return ModelCase(
        f"paradex-portfolio-margin, {underlyings} x {instruments} instruments",
        document,
        market,
        (*(Asset(name, 2) for name in ids), Asset(CASH, 6)),
        CASH,
        amount=10**4,
        published=published,
        held=8,
    )


def _deribit(instruments: int, expiries: int) -> ModelCase:
    document = _example("deribit-cross-portfolio-margin", "model.json")
    document |= {"pairs": [{**document["pairs"][0], "underlying": "U0"}], "numbers": {"scale": 6}}
    document.pop("sets", None)
    market, ids = derivatives_market(instruments, 1, expiries)
    assets = (*(Asset(name, 2) for name in ids), Asset(CASH, 6))
    name = f"deribit-portfolio-margin, {instruments} instruments, {expiries} expiries"
    return ModelCase(name, document, market, assets, CASH, 10**4, Published(45, 3.8))


def _linear_perpetuals(markets: int) -> ModelCase:
    document = _example("linear-perpetuals-cross", "model.json")
    table = document["tables"][0]["name"]
    market, ids = derivatives_market(1, markets, expiries=0)
    document["cross"] = {"collateral": [CASH], "markets": [{"asset": name, "table": table} for name in ids]}
    document["tables"] = document["tables"][:1]
    assets = (*(Asset(name, 2) for name in ids), Asset(CASH, 6))
    published = Published(223, 15.4)
    return ModelCase(
        f"linear-perpetuals, {markets} markets of 12 tiers",
        document,
        market,
        assets,
        CASH,
        10**4,
        published,
        held=3,
    )


def _hyperliquid(markets: int) -> ModelCase:
    document = _example("hyperliquid-perpetuals", "model.json")
    table = document["tables"][0]
    market, ids = derivatives_market(1, markets, expiries=0)
    document["cross"] = {
        "collateral": [CASH], "markets": [{"asset": name, "table": table["name"]} for name in ids]
    }  # fmt: skip
    document["tables"] = [table]
    assets = (*(Asset(name, 2) for name in ids), Asset(CASH, 6))
    tiers = len(table["tiers"])
    name = f"hyperliquid-perpetuals, {markets} markets of {tiers} tiers"
    return ModelCase(name, document, market, assets, CASH, 10**4, Published(61, 5.7), held=3)


def _derive_standard(expiries: int, options: int) -> ModelCase:
    """So many options at each expiry, calls and puts in turn, each at a strike of its own."""
    document = _example("derive-standard-margin", "model.json")
    (rates,) = (each for each in document["markets"] if each["underlying"] == "ETH")
    document["markets"] = [{"underlying": "U0", "option": rates["option"]}]
    market, _ = derivatives_market(0, 1, expiries)
    made = [
        {**_option("U0", number, expiries), "right": "call" if number // expiries % 2 else "put"}
        for number in range(expiries * options)
    ]
    market["instruments"] = sorted([*market["instruments"], *made], key=lambda entry: str(entry["id"]))
    assets = (*(Asset(str(entry["id"]), 2) for entry in made), Asset(CASH, 6))
    name = f"derive-standard-margin, {expiries} expiries of {options} options"
    return ModelCase(name, document, market, assets, CASH, 10**4, Published(145, 12.2, 6))


# Millions of value and percent: the published margin pool of BTC and VIP loan pool of BNB, 2025.
_NINE_TIERS: Final = (
    (30, 100), (50, 98), (100, 95), (200, 90), (350, 80), (500, 70), (800, 60), (1500, 50), (2500, 30)
)  # fmt: skip
_FIVE_TIERS: Final = ((350, 100), (400, 95), (450, 90), (500, 80), (1500, 50))
_TIERED_POOLS: Final = 58
"""Of the 150 pools of the catalogue's 50 assets."""


def _pools(count: int, *, rounding: str) -> ModelCase:
    """Binance's proof of solvency: three pools an asset, some with tables of several tiers."""
    symbols = [f"A{index:02d}" for index in range(count)]
    entries: list[Document] = []
    for index, symbol in enumerate(symbols):
        pools: dict[str, list[Document]] = {}
        for place, pool in enumerate(POOLS):
            is_tiered = place < 2 and 2 * index + place < _TIERED_POOLS
            table = ((_NINE_TIERS, _FIVE_TIERS)[index % 2]) if is_tiered else ((10**9, 95),)
            pools[pool] = [
                {"from": str(lower * 10**6), "to": str(upper * 10**6), "percent": percent}
                for (upper, percent), lower in zip(table, (0, *(upper for upper, _ in table)), strict=False)
            ]
        price = str(11 + 97 * index % 1009)
        entries.append(
            {"asset": symbol, "decimals": 8, "price": {"text": price, "units": price, "scale": 0}, "pools": pools}
        )  # fmt: skip
    market = {
        "format": "sealedbook/source-market/v1",
        "source": "binance",
        "quote": "USDT",
        "assets": entries,
    }
    document = {**_HEAD, "kind": "cross-collateral", "layout": "pools", "rounding": rounding}
    if rounding == "fold":
        document["numbers"] = {"scale": 8, "cap": str(1 << 40), "position_bits": 61}
    assets = tuple(Asset(f"{symbol}:{part}", 8) for symbol in symbols for part in (EQUITY, DEBT, *POOLS))
    units = "10^-16" if rounding == "exact" else "10^-8"
    return PoolsCase(
        f"cross-collateral, {count} assets in three pools, values in {units}",
        document,
        market,
        assets,
        symbols[0],
        amount=10**10,
        published=Published(698, 46.0),
        held=4,
    )


def _span(futures: int, options: int) -> ModelCase:
    document = _example("span", "model.json")
    document["commodities"] = [{**document["commodities"][0], "underlying": "U0"}]
    market, _ = derivatives_market(1, 1, expiries=futures)
    market["scale"] = 2
    kept = [entry for entry in market["instruments"] if entry["id"] == CASH]
    contracts: list[Document] = [
        {"id": f"U0-{k}", "underlying": "U0", "settlement": "linear", "multiplier": "50", "mark": str(_INDEX),
         "kind": "future", "expiry": _expiry(k)}
        for k in range(futures)
    ]  # fmt: skip
    contracts += [{**_option("U0", number, futures), "multiplier": "50"} for number in range(options)]
    market["instruments"] = sorted([*kept, *contracts], key=lambda entry: str(entry["id"]))
    ids = sorted(str(entry["id"]) for entry in contracts)
    assets = (*(Asset(name, 0) for name in ids), Asset(CASH, 2))
    name = f"span, {futures} futures and {options} options"
    return ModelCase(name, document, market, assets, CASH, 100, Published(64, 5.8, 1))


def pmrm2(expiries: int, options: int) -> ModelCase:
    """Derive's portfolio margin, initial and maintenance."""
    document = _example("pmrm2", "model.json")
    market = _example("pmrm2", "market.json")
    market.pop("unit_prices", None)
    listed, _ = derivatives_market(0, 1, expiries)
    snapshot = market["market"]
    rest = [entry for entry in snapshot["instruments"] if entry["kind"] != "option"]
    made = [{**_option("ETH", number, expiries), "underlying": "ETH"} for number in range(options)]
    index = float(snapshot["underlyings"][0]["index"])
    for number, entry in enumerate(made):
        entry["strike"] = str(round(index * (0.7 + 0.02 * number)))
    snapshot["as_of"] = format_time(AS_OF)
    points = [
        {**point, "forward": str(round(index)), "rate": "0.06"}
        for point in listed["underlyings"][0]["expiries"]
    ]
    snapshot["underlyings"][0]["expiries"] = points
    snapshot["instruments"] = sorted([*rest, *made], key=lambda entry: str(entry["id"]))
    ones = {"forward": "1", "rate": "1", "volatility": "1"}
    market["confidences"]["expiries"] = [{"expiry": point["expiry"], **ones} for point in points]
    example = _example("pmrm2", "assets.json")["assets"]
    kept = [Asset(entry["id"], entry["decimals"]) for entry in example if not entry["id"].startswith("ETH-2")]
    assets = (*kept, *(Asset(str(entry["id"]), 4) for entry in made))
    cash = document["cash"]
    return ModelCase(
        f"pmrm2, {expiries} expiries, {options} options",
        document,
        market,
        assets,
        cash,
        amount=10**5,
        held=10,
        varied=(document["perp"], *(str(entry["id"]) for entry in made)),
    )


_INDEX: Final = 5000


def derivatives_market(instruments: int, underlyings: int, expiries: int) -> tuple[dict[str, Any], list[str]]:
    """A market of so many instruments per underlying, the first a perpetual, the others options; and their ids."""
    listed: list[Document] = [{"id": CASH, "kind": "cash", "price": "1"}]
    for number in range(underlyings):
        name = f"U{number}"
        perpetual = {"kind": "perpetual", "settlement": "linear", "multiplier": "1", "mark": str(_INDEX)}
        listed += [{"id": f"{name}-PERP", "underlying": name, **perpetual}] if instruments else []
        listed += [_option(name, k, expiries) for k in range(instruments - 1)]
    points = [{"expiry": _expiry(k), "forward": str(_INDEX), "rate": "0"} for k in range(expiries)]
    market = {
        "format": "sealedbook/market/v1",
        "as_of": format_time(AS_OF),
        "quote": "USD",
        "scale": 6,
        "sources": [{"name": "bench", "reference": "made up for measuring"}],
        "underlyings": sorted(
            [{"id": f"U{k}", "index": str(_INDEX), "expiries": points} for k in range(underlyings)],
            key=lambda entry: str(entry["id"]),
        ),
        "instruments": sorted(listed, key=lambda entry: str(entry["id"])),
    }
    return market, [str(entry["id"]) for entry in listed[1:]]


def _option(underlying: str, number: int, expiries: int) -> dict[str, Any]:
    return {
        "id": f"{underlying}-{number:03d}",
        "underlying": underlying,
        "kind": "option",
        "expiry": _expiry(number % expiries),
        "right": "call" if number % 2 else "put",
        "strike": str(_INDEX * (70 + number % 60) // 100),
        "multiplier": "1",
        "volatility": f"0.{41 + 2 * (number % 15)}1",
    }


def _expiry(number: int) -> str:
    return format_time(AS_OF + timedelta(days=(7, 14, 30, 60, 90, 180, 270, 360)[number]))


def _example(kind: str, name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((EXAMPLES / kind / name).read_bytes())
    return document
