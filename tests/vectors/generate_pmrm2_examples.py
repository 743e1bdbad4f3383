"""Writes examples/models/pmrm2/{model,market,assets}.json and book.csv from a vector of tests/vectors/pmrm2.

Names are as an exchange would have them. `tests/test_pmrm2_documents.py` compares the files with a fresh run.
Run: ``python tests/vectors/generate_pmrm2_examples.py``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from pmrm2_support import document  # noqa: E402

from circuits.pmrm2.case_documents import CASH, PERP, UNDERLYING, UNSETTLED, case_documents  # noqa: E402
from circuits.pmrm2.case_file import parse_case  # noqa: E402
from primitives.amounts_text import plain_amount  # noqa: E402
from primitives.strict_json import Json, parse_json  # noqa: E402

DIRECTORY: Final = ROOT / "examples" / "models" / "pmrm2"
VECTOR: Final = "e5_perp_confidence_sets_expiries"
NAMES: Final = {
    UNDERLYING: "ETH",
    CASH: "USDC",
    PERP: "ETH-PERP",
    UNSETTLED: "ETH-PERP-UNSETTLED",
    "BASE": "WETH",
}


def files() -> dict[str, str]:
    """Name and text of each example."""
    documents = case_documents(parse_case(json.dumps(document(VECTOR)).encode()))
    market = _renamed(parse_json(documents.market))
    if not isinstance(market, dict) or not isinstance(market["market"], dict):
        raise TypeError("the market document is no object")
    instruments = market["market"]["instruments"]
    if not isinstance(instruments, list):
        raise TypeError("the instruments are no list")
    instruments.sort(key=lambda each: str(each["id"]) if isinstance(each, dict) else "")
    assets: Json = {
        "format": "sealedbook/assets/v1",
        "assets": _renamed([{"id": each.id, "decimals": each.decimals} for each in documents.assets]),
    }
    decimals = {asset.id: asset.decimals for asset in documents.assets}
    lines = [
        f"alice,{_renamed(name)},{plain_amount(amount, decimals[name])}\n"
        for name, amount in documents.positions.items()
        if amount
    ]
    return {
        "model.json": _text(_renamed(parse_json(documents.model))),
        "market.json": _text(market),
        "assets.json": _text(assets),
        "book.csv": "account,asset,amount\n" + "".join(lines),
    }


def _renamed(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _renamed(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item) for item in value]
    if not isinstance(value, str):
        return value
    is_option = value.startswith("2026") and value[-2:] in ("-C", "-P")
    return f"ETH-{value}" if is_option else NAMES.get(value, value)


def _text(value: Json) -> str:
    return json.dumps(value, indent=2) + "\n"


if __name__ == "__main__":
    DIRECTORY.mkdir(exist_ok=True)
    for file_name, content in files().items():
        (DIRECTORY / file_name).write_text(content, encoding="utf-8")
