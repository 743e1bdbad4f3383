"""Writes examples/rebalancing/crash: the made-up crash of `prover.rebalancing.crash_example`, as files.

`tests/test_rebalancing_backtest.py` compares them with a fresh run. Run: ``python
tests/vectors/generate_rebalancing_examples.py``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent.parent
DIRECTORY: Final = ROOT / "examples" / "rebalancing" / "crash"
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from prover.rebalancing.crash_example import ASSETS, crash_example, csv_of  # noqa: E402

ACCOUNTS: Final = 100
STEPS: Final = 120


def files() -> dict[str, str]:
    """The files' texts by name."""
    example = crash_example(ACCOUNTS, STEPS)
    assets = [{"id": asset.id, "decimals": asset.decimals} for asset in ASSETS]
    documents = {
        "assets.json": {"format": "sealedbook/assets/v1", "assets": assets},
        **{
            f"{name}.json": json.loads(getattr(example, name))
            for name in ("model", "market", "policy", "process")
        },
    }
    texts = {name: json.dumps(document, indent=1) + "\n" for name, document in documents.items()}
    return {"book.csv": csv_of(example.table), **texts}


if __name__ == "__main__":
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for file_name, text in files().items():
        (DIRECTORY / file_name).write_text(text, encoding="ascii")
