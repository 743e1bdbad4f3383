"""Writes the examples of limits on risk: examples/models/{greeks-limits,balanced-book,allocation}.

Each has model.json, market.json, assets.json and book.csv. Deterministic: `tests/test_risk_examples.py` compares the
files with a fresh run, byte for byte. Run: ``python tests/vectors/generate_risk_examples.py``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:
    sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]

from vectors.generate_scenario_examples import contract, number, option, snapshot, underlying  # noqa: E402

from circuits.market.document import MarketDocument, market_to_json  # noqa: E402
from circuits.market.risk_array import Greek, compute_risk_array  # noqa: E402
from circuits.market.scenarios import ScenarioSet  # noqa: E402
from circuits.market.snapshot import Cash  # noqa: E402
from circuits.models.greek_limit_document import DEFAULT_SCALES  # noqa: E402
from primitives.assets import ASSETS_FORMAT, Asset, AssetList  # noqa: E402

EXAMPLES: Final = HERE.parent.parent / "examples" / "models"
Document = dict[str, Any]
Book = Mapping[str, Mapping[str, str]]

ASSETS: Final = (
    Asset("BTC-30D-65000-P", 2),
    Asset("BTC-30D-75000-C", 2),
    Asset("BTC-90D-90000-C", 2),
    Asset("BTC-PERP", 4),
    Asset("USD", 6),
)
USED: Final = (Greek.DELTA, Greek.GAMMA, Greek.VEGA)
SPOT_ASSETS: Final = (Asset("BTC", 8), Asset("ETH", 8), Asset("USDC", 6))


def options_market() -> MarketDocument:
    """One underlying, two expiries; the risk array is published with the market."""
    plain = snapshot(
        [underlying("BTC", "70000", [30, 90])],
        [
            contract("BTC-PERP", "BTC", "70000"),
            option("BTC-30D-75000-C", "BTC", 30, "call", "75000", "0.62"),
            option("BTC-30D-65000-P", "BTC", 30, "put", "65000", "0.62"),
            option("BTC-90D-90000-C", "BTC", 90, "call", "90000", "0.58"),
            Cash("USD", number("1")),
        ],
    )
    scales = {greek: DEFAULT_SCALES[greek] for greek in USED}
    return MarketDocument(plain.snapshot, compute_risk_array(plain.snapshot, ScenarioSet(()), ASSETS, scales))


def limits(kind: str, entries: list[Document], **more: Any) -> Document:
    return {"format": "sealedbook/model/v1", "kind": kind, "version": 1, "limits": entries, **more}


def limit(name: str, greek: str, **more: Any) -> Document:
    return {"name": name, "greek": greek, "underlying": "BTC", **more}


def account_limits() -> Document:
    return limits(
        "greeks-limits",
        [
            limit("BTC delta", "delta", least="-10", greatest="10"),
            limit("no short gamma beyond 0.001", "gamma", least="-0.001"),
            limit("front vega", "vega", expiries={"to_days": 45}, least="-5000", greatest="5000"),
            limit("back vega", "vega", expiries={"after_days": 45}, least="-5000", greatest="5000"),
            limit("gross vega", "vega", measure="gross", greatest="20000"),
            limit("delta against equity", "delta", measure="equity", share="2"),
        ],
    )


def book_limits() -> Document:
    return limits(
        "balanced-book",
        [
            limit("BTC delta", "delta", least="-5", greatest="5"),
            limit("no net short gamma", "gamma", least="0"),
            limit("front vega", "vega", expiries={"to_days": 45}, least="-6000", greatest="6000"),
            limit("back vega", "vega", expiries={"after_days": 45}, least="-6000", greatest="6000"),
            limit("delta after the hedge", "delta", measure="hedged", least="-0.5", greatest="0.5"),
        ],
        hedge=[{"asset": "BTC-PERP", "amount": "2.25"}],
    )


GREEK_BOOK: Final[Book] = {
    "alice": {"BTC-PERP": "-8.25", "BTC-30D-75000-C": "40", "BTC-30D-65000-P": "-22", "BTC-90D-90000-C": "-35",
              "USD": "2000000"},
    "bob": {"BTC-PERP": "-6", "BTC-30D-65000-P": "-5", "USD": "800000"},
    "carol": {"BTC-PERP": "-0.08", "USD": "300000"},
    "dave": {},
    "erin": {"BTC-30D-65000-P": "20", "BTC-90D-90000-C": "12", "USD": "900000"},
}  # fmt: skip
"""Each within the limits on accounts, and all together within those on the book."""


def allocation_model() -> Document:
    return {
        "format": "sealedbook/model/v1",
        "kind": "allocation",
        "version": 1,
        "bands": [
            {"asset": "BTC", "least": "25", "greatest": "40"},
            {"asset": "ETH", "least": "25", "greatest": "40"},
            {"asset": "USDC", "least": "25", "greatest": "40"},
        ],
        "sectors": [{"name": "coins", "assets": ["BTC", "ETH"], "greatest": "75"}],
        "single_name": {"greatest": "40", "except": ["USDC"]},
        "largest": [{"count": 2, "greatest": "75"}],
        "target": {
            "weights": [
                {"asset": "BTC", "weight": "35"},
                {"asset": "ETH", "weight": "35"},
                {"asset": "USDC", "weight": "30"},
            ],
            "drift": "10",
        },
        "holdings": {"least": 3, "share": "5"},
        "numbers": {"scale": 9, "position_bits": 55},
    }


def prices(scale: int = 9) -> Document:
    return {
        "format": "sealedbook/prices/v1",
        "as_of": "2026-08-20T08:00:00Z",
        "quote": "USD",
        "scale": scale,
        "prices": [
            {"asset": "BTC", "price": "70000"},
            {"asset": "ETH", "price": "3500"},
            {"asset": "USDC", "price": "1"},
        ],
    }


SPOT_BOOK: Final[Book] = {
    "alice": {"BTC": "1.2", "ETH": "20", "USDC": "66000"},
    "bob": {"BTC": "0.35", "ETH": "7", "USDC": "21000"},
    "carol": {},
}
"""Alice is the worked example (g) of the catalogue: 38.18, 31.82 and 30.00 %."""


def generate(folder: Path) -> None:
    """Write everything below `folder`."""
    market = market_to_json(options_market())
    for kind, model, document, assets, book in (
        ("greeks-limits", account_limits(), market, ASSETS, GREEK_BOOK),
        ("balanced-book", book_limits(), market, ASSETS, GREEK_BOOK),
        ("allocation", allocation_model(), prices(), SPOT_ASSETS, SPOT_BOOK),
    ):
        target = folder / kind
        target.mkdir(parents=True, exist_ok=True)
        _write(target / "model.json", model)
        _write(target / "market.json", document)
        _write(target / "assets.json", {"format": ASSETS_FORMAT, "assets": AssetList(assets).to_json()})
        rows = ["account,asset,amount"]
        for account, held in book.items():
            # An account without positions is listed with an amount of zero.
            shown = dict(held) or {assets[-1].id: "0"}
            rows += [f"{account},{asset},{amount}" for asset, amount in shown.items()]
        (target / "book.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def _write(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    generate(EXAMPLES)
