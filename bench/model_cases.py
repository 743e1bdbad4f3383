"""Margin models of realistic sizes, with books of sufficient accounts: what ``python -m bench models`` measures.

Parameters are those of examples/models; markets are made up at the sizes of the catalogue of models.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from circuits.model_document import read_definition
from circuits.modelling import Model
from circuits.modelling.definition import Evaluator, ModelDefinition
from circuits.positions import PositionBatch
from circuits.public_market import PublicMarket, parse_public_market
from primitives.assets import Asset
from primitives.attestation import format_time
from primitives.backend import Backend

EXAMPLES: Final = Path(__file__).parent.parent / "examples" / "models"
AS_OF: Final = datetime(2026, 8, 20, 8, tzinfo=UTC)
CASH: Final = "USDC"
_HEAD: Final = {"format": "sealedbook/model/v1", "version": 1}

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Published:
    """Rows, bits and booleans of the catalogue's table, for comparison."""

    rows: int
    kilobits: float
    booleans: int = 0


@dataclass(frozen=True)
class ModelCase:
    """A model for a market and a book, `cash` being an asset that accounts are made sufficient with.

    `held` is how many of the assets in `varied` (all but `cash`, if empty) an account holds; `amount` the largest,
    in base units.
    """

    name: str
    document: Document
    market_document: Document | None
    assets: tuple[Asset, ...]
    cash: str
    amount: int
    published: Published | None = None
    held: int = 8
    is_long: bool = False
    varied: tuple[str, ...] = ()

    @cached_property
    def definition(self) -> ModelDefinition:
        """The model document, read."""
        return read_definition(json.dumps(self.document).encode())

    @cached_property
    def market(self) -> PublicMarket | None:
        """The market document, read."""
        if self.market_document is None:
            return None
        return parse_public_market(json.dumps(self.market_document).encode())

    @cached_property
    def model(self) -> Model:
        """The compiled model."""
        return self.definition.model(self.assets, self.market)

    def evaluator(self, backend: Backend) -> Evaluator:
        """As the report of margins uses it."""
        return self.definition.evaluator(self.assets, self.market, backend)

    def accounts(self, count: int, backend: Backend) -> PositionBatch:
        """`count` random accounts, each with enough cash."""
        random = np.random.default_rng(5)
        ids = [asset.id for asset in self.assets]
        place = ids.index(self.cash)
        others = [ids.index(name) for name in self.varied or ids if name != self.cash]
        held = min(self.held, len(others))
        least = 1 if self.is_long else -self.amount
        rows: list[dict[int, int]] = []
        for _ in range(count):
            chosen = random.choice(others, held, replace=False)
            amounts = random.integers(least, self.amount, size=held).tolist()
            rows.append({int(asset): amount for asset, amount in zip(chosen, amounts, strict=True)})
        if self.model.margin_condition is None and self.definition.kind == "spot":
            return PositionBatch.from_mappings([{**row, place: 10**9} for row in rows])
        shortfall = self.evaluator(backend)(PositionBatch.from_mappings(rows)).shortfall
        (unit,) = self._cash_units(backend, place)
        return PositionBatch.from_mappings(
            [
                {**row, place: 2 * int(short) // unit + 10**9}
                for row, short in zip(rows, shortfall, strict=True)
            ]
        )

    def _cash_units(self, backend: Backend, place: int) -> list[int]:
        """What a base unit of cash counts, in the units of the evaluator."""
        sample = 10**12
        result = self.evaluator(backend)(PositionBatch.from_mappings([{place: sample}]))
        return [max(1, int(result.equity[0] - result.requirement[0]) // sample)]


def model_cases(*, quick: bool) -> Iterator[ModelCase]:
    """All cases, or one small one of every kind that has one."""
    makers: Sequence[Callable[[], ModelCase]] = (
        _spot,
        lambda: signed_collateral(50, held=8),
        lambda: _paradex(41, 1, Published(68, 6.3)),
        lambda: _deribit(41, 7),
        lambda: _linear_perpetuals(20),
        lambda: _span(4, 40),
        lambda: pmrm2(7, 30),
    )
    larger: Sequence[Callable[[], ModelCase]] = (
        lambda: _paradex(201, 1, Published(228, 22.0)),
        lambda: _paradex(41, 4, Published(269, 25.0)),
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
    market, ids = _derivatives(instruments, underlyings, expiries=5)
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
    market, ids = _derivatives(instruments, 1, expiries)
    assets = (*(Asset(name, 2) for name in ids), Asset(CASH, 6))
    name = f"deribit-portfolio-margin, {instruments} instruments, {expiries} expiries"
    return ModelCase(name, document, market, assets, CASH, 10**4, Published(45, 3.8))


def _linear_perpetuals(markets: int) -> ModelCase:
    document = _example("linear-perpetuals-cross", "model.json")
    table = document["tables"][0]["name"]
    market, ids = _derivatives(1, markets, expiries=0)
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


def _span(futures: int, options: int) -> ModelCase:
    document = _example("span", "model.json")
    document["commodities"] = [{**document["commodities"][0], "underlying": "U0"}]
    market, _ = _derivatives(1, 1, expiries=futures)
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
    listed, _ = _derivatives(0, 1, expiries)
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


def _derivatives(instruments: int, underlyings: int, expiries: int) -> tuple[dict[str, Any], list[str]]:
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
