"""docs/statements.md says what the code does: codes, limits, kinds of models, and the printed formulas."""

from __future__ import annotations

import re
from pathlib import Path

from circuits.describe import describe
from circuits.model_document import compile_model
from circuits.prices import MAX_SCALE, parse_price_document
from circuits.rows import MAX_AUXILIARIES, MAX_BITS, MAX_LABEL_LENGTH, MAX_ROWS, MAX_WIDTH
from circuits.simple_models import MAX_MEMBERS, MODEL_KINDS
from circuits.statement import StatementCode
from circuits.statement_encoding import STATEMENT_DIGEST_LABEL, STATEMENT_LABEL
from primitives.assets import parse_assets_json

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "statements.md").read_text()


def table_keys(section: str) -> list[str]:
    body = TEXT.split(f"\n## {section}")[1].split("\n## ")[0]
    return re.findall(r"^\| `([a-z-]+)` \|", body, re.MULTILINE)


def test_every_code_is_in_the_table() -> None:
    assert table_keys("1.") == [code.value for code in StatementCode]


def test_every_simple_kind_is_in_the_table() -> None:
    assert set(table_keys("6.")) <= set(MODEL_KINDS)
    assert {"non-negative", "bounded", "at-least", "net-value", "net-value-at-least", "all"} <= set(
        table_keys("6.")
    )


def test_limits_are_those_of_the_code() -> None:
    for phrase in (
        f"at most {MAX_ROWS:,} rows, {MAX_AUXILIARIES:,} auxiliary variables and {MAX_BITS:,} bits",
        f"1 to {MAX_LABEL_LENGTH} printable",
        f"widths are 0..{MAX_WIDTH} for rows, 1..{MAX_WIDTH}",
        f"scale 0..{MAX_SCALE}",
        f"1 to {MAX_MEMBERS} objects",
        f'"{STATEMENT_LABEL[:-1].decode()}" 0x00',
        f'SHA-256("{STATEMENT_DIGEST_LABEL[:-1].decode()}" 0x00',
    ):
        assert phrase in TEXT


def test_printed_formulas_are_those_of_the_example() -> None:
    examples = ROOT / "examples" / "statements"
    assets = parse_assets_json((examples / "assets.json").read_bytes()).assets
    prices = parse_price_document((examples / "prices.json").read_bytes())
    lines = describe(compile_model((examples / "net-value.json").read_bytes(), assets, prices))
    assert "    " + "\n    ".join(lines[:2]) in TEXT
