"""Writes the examples of models of losses: examples/models/<kind>/{model,market,assets}.json and book.csv.

The price history is made up (`circuits.market.example_history`). Deterministic: `tests/test_loss_examples.py` compares
the files with a fresh run, byte for byte. Run: ``python tests/vectors/generate_loss_examples.py``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from circuits.market.document import MarketDocument
from circuits.market.example_history import example_history
from circuits.market.history import PriceHistory
from circuits.market.snapshot import Cash, Spot
from circuits.model_document import read_definition
from circuits.models.loss_model import LossModel
from primitives.assets import Asset
from primitives.strict_json import Json

# The tests have this folder's parent on their path; a run of this file has the folder itself.
try:
    from vectors.generate_scenario_examples import (
        AS_OF,
        EXAMPLES,
        contract,
        option,
        snapshot,
        underlying,
        write_example,
    )
except ModuleNotFoundError:
    from generate_scenario_examples import (  # type: ignore[import-not-found, no-redef]
        AS_OF,
        EXAMPLES,
        contract,
        option,
        snapshot,
        underlying,
        write_example,
    )

SEED: Final = 20260820
PRICES: Final = {"BTC": Decimal(70_000), "ETH": Decimal(3_500)}
ASSETS: Final = (
    Asset("USD", 6),
    Asset("BTC", 5),
    Asset("BTC-PERP", 4),
    Asset("BTC-30D-75000-C", 2),
    Asset("BTC-30D-65000-P", 2),
    Asset("ETH-PERP", 3),
)

Book = Mapping[str, Mapping[str, str]]


def last_close() -> datetime:
    """Midnight before the market's time."""
    return AS_OF - timedelta(hours=8)


def history(days: int) -> PriceHistory:
    return example_history(SEED, days, PRICES, last=last_close())


def market(days: int = 0) -> MarketDocument:
    """BTC and ETH, with so many days of history."""
    document = snapshot(
        [underlying("BTC", "70000", (30,), "70200"), underlying("ETH", "3500", ())],
        [
            Cash("USD", Decimal(1)),
            Spot("BTC", "BTC"),
            contract("BTC-PERP", "BTC", "70010"),
            option("BTC-30D-75000-C", "BTC", 30, "call", "75000", "0.55"),
            option("BTC-30D-65000-P", "BTC", 30, "put", "65000", "0.6"),
            contract("ETH-PERP", "ETH", "3501.5"),
        ],
    )
    return replace(document, history=history(days)) if days else document


def measure(name: str, level: str, returns: int, **changes: Json) -> dict[str, Json]:
    result: dict[str, Json] = {
        "name": name,
        "level": level,
        "returns": returns,
        "horizon": 1,
        "sampling": "overlapping",
        "shocks": "relative",
        "volatility": "sticky",
        "elapsed_days": "0",
    }
    return result | changes


def head(kind: str) -> dict[str, Json]:
    return {"format": "sealedbook/model/v1", "kind": kind, "version": 1}


def shortfall_model() -> dict[str, Json]:
    return {
        **head("expected-shortfall"),
        "measures": [measure("one day", "0.975", 250, volatility="history", elapsed_days="1")],
        "bound": {"kind": "margin"},
        "charges": {"perpetual": "0.0005", "option": "0.001"},
    }


def value_at_risk_model() -> dict[str, Json]:
    return {
        **head("value-at-risk"),
        "measures": [measure("two days", "0.99", 250, horizon=2)],
        "bound": {"kind": "share", "share": "0.4"},
    }


def stress_model() -> dict[str, Json]:
    crash: Json = {
        "label": "crash",
        "moves": [
            {"underlying": "BTC", "multiple": "0.7", "volatility": {"change": "0.5"}},
            {"underlying": "ETH", "multiple": "0.6"},
        ],
    }
    rally: Json = {
        "label": "rally",
        "moves": [{"multiple": "1.25", "volatility": {"points": "0.1"}}],
    }
    apart: Json = {
        "label": "ETH alone",
        "moves": [{"underlying": "ETH", "multiple": "0.75"}, {"multiple": "1"}],
    }
    return {
        **head("stress"),
        "past_expiry": "refuse",
        "scenarios": [crash, rally, apart],
        "bound": {"kind": "amount", "amount": "25000"},
    }


BOOK: Final[Book] = {
    "empty": {"USD": "0"},
    "saver": {"USD": "1250.5"},
    "holder": {"BTC": "0.25", "USD": "100"},
    "hedged": {"USD": "110000", "BTC": "0.5", "BTC-PERP": "-0.5", "BTC-30D-65000-P": "0.4"},
    "writer": {"USD": "40000", "BTC-PERP": "0.3", "BTC-30D-75000-C": "-0.8", "ETH-PERP": "-4"},
}


def with_array(document: MarketDocument, model: dict[str, Json]) -> MarketDocument:
    """The risk array published, for the book's assets."""
    definition = read_definition(json.dumps(model).encode())
    if not isinstance(definition, LossModel):
        raise TypeError(definition.kind)
    return replace(document, risk_array=definition.risk_array(ASSETS, document))


def generate(root: Path = EXAMPLES) -> None:
    """Write all files below `root`."""
    shortfall, value_at_risk, stress = shortfall_model(), value_at_risk_model(), stress_model()
    for model, document in (
        (shortfall, with_array(market(260), shortfall)),
        (value_at_risk, market(260)),
        (stress, with_array(market(), stress)),
    ):
        write_example(root / str(model["kind"]), model, document, ASSETS, BOOK)


if __name__ == "__main__":
    generate()
