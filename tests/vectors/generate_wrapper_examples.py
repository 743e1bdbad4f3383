"""Writes the examples of models around a margin model: examples/models/<kind>/ as `generate_scenario_examples` does.

Deterministic: `tests/test_wrapper_examples.py` compares the files with a fresh run, byte for byte.
Run in ``tests``: ``python -m vectors.generate_wrapper_examples``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from vectors.generate_perpetual_examples import (
    CROSS_ASSETS,
    CROSS_BOOK,
    CROSS_MARKET,
    HYPERLIQUID_ASSETS,
    HYPERLIQUID_BOOK,
    HYPERLIQUID_MARKET,
    cross_model,
    hyperliquid_model,
    perpetual_market,
    perpetuals,
    rate_table,
)
from vectors.generate_scenario_examples import EXAMPLES, Book, write_example

from primitives.assets import Asset
from primitives.strict_json import Json


def wrapped(kind: str, inner: Mapping[str, Json], **fields: Json) -> dict[str, Json]:
    """A model document around another one."""
    margin: Json = {name: value for name, value in inner.items() if name != "format"}
    return {"format": "sealedbook/model/v1", "kind": kind, "version": 1, "margin": margin, **fields}


WITHDRAWAL: Final = "USDC withdrawal"
WITHDRAWABLE_ASSETS: Final = (*HYPERLIQUID_ASSETS, Asset(WITHDRAWAL, 6))
WITHDRAWABLE_BOOK: Final[Book] = {
    "empty": {"USDC": "0"},
    "lender": {"USDC": "250.75", WITHDRAWAL: "250.75"},
    "small": {"USDC": "735000", "entry notional": "-700000", "BTC": "10", WITHDRAWAL: "665000"},
    "nothing": {"USDC": "9000", "entry notional": "-22500", "ETH": "-5.5", "SOL": "350.75"},
}
"""``small`` bought 10 BTC at 70,000, a tenth of which must stay: all of 735,000 but 70,000."""


def withdrawable_model(**fields: Json) -> dict[str, Json]:
    return wrapped(
        "withdrawable",
        hyperliquid_model(),
        **{"asset": "USDC", "column": WITHDRAWAL, "open_notional_share": "0.1", **fields},
    )


def adequacy_model(numerator: int = 105, denominator: int = 100) -> dict[str, Json]:
    return wrapped("capital-adequacy", cross_model(), numerator=numerator, denominator=denominator)


def move(of: str, price: str) -> dict[str, Json]:
    return {"of": of, "price": price}


SURVIVED: Final[list[Json]] = [
    {"name": "now", "moves": []},
    {"name": "crash", "moves": [move("BTC", "-0.05"), move("ETH", "-0.08"), move("SOL", "-0.1")]},
    {"name": "rally", "moves": [move("BTC", "0.01"), move("ETH", "0.1"), move("SOL", "0.15")]},
]
SURVIVES_BOOK: Final[Book] = {
    **{name: HYPERLIQUID_BOOK[name] for name in ("empty", "small")},
    "large": {**HYPERLIQUID_BOOK["large"], "USDC": "13500000"},
    "spread": {**HYPERLIQUID_BOOK["spread"], "USDC": "90000"},
}


def survives_model(**fields: Json) -> dict[str, Json]:
    around: dict[str, Json] = {
        "points": SURVIVED,
        "segments": [{"from": "now", "to": "crash"}, {"from": "now", "to": "rally"}],
        "independent": [{"name": "any 2 %", "price": "0.02"}],
    }
    return wrapped("survives", hyperliquid_model(), **(around | fields))


SHORTFALL: Final = "shortfall"
SHORT_COUNT: Final = "accounts short"
FUND_MARK: Final = "fund account"
INSURED_ASSETS: Final = (Asset("USDC", 6), Asset("entry cost", 6), Asset("X-PERP", 3))
INSURED_MARKET: Final = perpetual_market({"X-PERP": ("X", "40")}, ("USDC", "entry cost"))
INSURED_BOOK: Final[Book] = {
    "alice": {"USDC": "1000", "entry cost": "-5000", "X-PERP": "50"},
    "bob": {"USDC": "1000", "entry cost": "5000", "X-PERP": "-50"},
    "carol": {"USDC": "1000"},
    "nobody": {"USDC": "0"},
}
"""Alice bought 50 at 100, Bob sold them; the mark is 40: equity -2,000, 4,000 and 1,000, as published."""


def insured_model(measure: str = "bankruptcy", **fields: Json) -> dict[str, Json]:
    inner = perpetuals(
        [rate_table("X", (("0", "0.03"),))],
        cross={"collateral": ["USDC", "entry cost"], "markets": [{"asset": "X-PERP", "table": "X"}]},
    )
    return wrapped("insured", inner, shortfall=SHORTFALL, measure=measure, **fields)


COUNT: Final[dict[str, Json]] = {"column": SHORT_COUNT, "largest": "1000000"}
FUND: Final[dict[str, Json]] = {"column": FUND_MARK, "largest": "1000000"}
BALANCES: Final[dict[str, Json]] = {
    "format": "sealedbook/balances/v1",
    "withdraw": "USDC",
    "cost_basis": ["entry notional"],
    "open_notional_share": "0.1",
}


def generate(target: Path = EXAMPLES) -> None:
    examples = {
        "withdrawable": (
            withdrawable_model(), HYPERLIQUID_MARKET, WITHDRAWABLE_ASSETS, WITHDRAWABLE_BOOK,
        ),
        "capital-adequacy": (adequacy_model(), CROSS_MARKET, CROSS_ASSETS, CROSS_BOOK),
        "survives": (survives_model(), HYPERLIQUID_MARKET, HYPERLIQUID_ASSETS, SURVIVES_BOOK),
        "insured": (insured_model(count=COUNT), INSURED_MARKET, INSURED_ASSETS, INSURED_BOOK),
    }  # fmt: skip
    for name, (model, market, assets, book) in examples.items():
        write_example(target / name, model, market, assets, book)
    folder = target / "withdrawable"
    (folder / "balances.json").write_text(json.dumps(BALANCES, indent=1) + "\n")


if __name__ == "__main__":
    generate()
