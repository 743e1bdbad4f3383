"""``sealedbook margin greeks``: the table adds up, limits are compared, plots are well-formed and always the same."""

from __future__ import annotations

import csv
import json
import stat
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import pytest
from scenario_model_support import EXAMPLES, load_example
from sealing_support import write_book
from typer.testing import CliRunner
from vectors.generate_risk_examples import limit, limits

from primitives.assets import AssetList
from sealedbook.__main__ import app

MARKET: Final = (EXAMPLES / "greeks-limits" / "market.json").read_bytes()
GREEKS: Final = ("delta", "gamma", "vega", "theta")


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    case, held = load_example("greeks-limits")
    ids = [asset.id for asset in case.assets]
    accounts = {
        name: {asset: amount for asset, amount in zip(ids, row, strict=True) if amount}
        for name, row in held.items()
    }
    folder = tmp_path_factory.mktemp("greeks") / "book"
    write_book(folder, accounts, AssetList(case.assets), {"market.json": MARKET})
    return folder


def run(book: Path, folder: Path, model: Path | dict[str, Any], *options: str) -> Any:
    if isinstance(model, dict):
        place = folder / "limits.json"
        place.write_text(json.dumps(model))
    else:
        place = model
    arguments = ["margin", "greeks", str(book), "--model", str(place), "--out", str(folder / "greeks.csv")]
    return CliRunner().invoke(app, [*arguments, *options])


def test_rows_add_up_to_the_book(book: Path, tmp_path: Path) -> None:
    result = run(book, tmp_path, EXAMPLES / "greeks-limits" / "model.json")
    assert result.exit_code == 0, result.stderr
    out = tmp_path / "greeks.csv"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    sums: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 4)
    for row in rows:
        sign = -1 if row["account"] == "" else 1
        place = sums[row["underlying"], row["expiry"]]
        for number, greek in enumerate(GREEKS):
            place[number] += sign * Decimal(row[greek])
    assert set(sums) == {("BTC", "2026-09-19"), ("BTC", "2026-11-18"), ("BTC", "perpetual")}
    assert all(total == [0, 0, 0, 0] for total in sums.values())
    alice = next(row for row in rows if row["account"] == "alice" and row["expiry"] == "perpetual")
    assert [alice[greek] for greek in GREEKS] == ["-8.25", "0", "0", "0"]
    assert not any(row["account"] == "dave" for row in rows)


def test_limits_of_accounts_are_counted(book: Path, tmp_path: Path) -> None:
    model = limits(
        "greeks-limits",
        [
            limit("delta", "delta", least="-4", greatest="4"),
            limit("share", "delta", measure="equity", share="0.1"),
        ],
    )
    document = json.loads(run(book, tmp_path, model, "--json").stdout)
    assert [(each["accounts_beyond"], each["within"]) for each in document["limits"]] == [
        (2, False),
        (3, False),
    ]
    assert document["accounts"] == 5


def test_limits_of_the_book(book: Path, tmp_path: Path) -> None:
    model = limits(
        "balanced-book",
        [
            limit("delta", "delta", least="-1", greatest="1"),
            limit("top", "gamma", greatest="1"),
            limit("gross", "delta", measure="gross", expiries="perpetual", greatest="20"),
            limit("share", "delta", measure="equity", share="1"),
        ],
    )
    document = json.loads(run(book, tmp_path, model, "--json").stdout)
    found = [(each["book"], each["within"]) for each in document["limits"]]
    assert found[0] == ("-2.25176709", False)
    assert found[1] == ("0.000679834389", True)
    assert found[2] == ("14.33", True)
    assert found[3][1] is True
    assert [each["expiry"] for each in document["book"]] == ["2026-09-19", "2026-11-18", "perpetual"]


@pytest.mark.parametrize("name", ["figure.svg", "page.html"])
def test_plots(book: Path, tmp_path: Path, name: str) -> None:
    report = tmp_path / name
    options = ("--report", str(report), "--replace")
    assert run(book, tmp_path, EXAMPLES / "balanced-book" / "model.json", *options).exit_code == 0
    first = report.read_bytes()
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert run(book, tmp_path, EXAMPLES / "balanced-book" / "model.json", *options).exit_code == 0
    assert report.read_bytes() == first
    text = first.decode()
    svg = text[text.index("<svg") : text.index("</svg>") + 6]
    root = ElementTree.fromstring(svg)  # noqa: S314 (our own text)
    bars = [each for each in root.iter("{http://www.w3.org/2000/svg}rect") if "height" in each.attrib]
    # A background, and a bar for each Greek and expiry.
    assert len(bars) == 1 + len(GREEKS) * 3
    assert "BTC delta: -2.252" in text
    if name.endswith("html"):
        assert "Largest in vega" in text
        assert "Private: it tells what accounts hold." in text
        assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_ids_are_escaped_in_pages(tmp_path: Path) -> None:
    case, _ = load_example("greeks-limits")
    folder = tmp_path / "book"
    write_book(folder, {"<b>x": {"BTC-PERP": 10_000}}, AssetList(case.assets), {"market.json": MARKET})
    page = tmp_path / "page.html"
    assert (
        run(folder, tmp_path, EXAMPLES / "balanced-book" / "model.json", "--report", str(page)).exit_code == 0
    )
    assert "&lt;b&gt;x" in page.read_text()
    assert "<b>x" not in page.read_text()


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        ("span/model.json", [], "is not 'greeks-limits' or 'balanced-book'"),
        ("balanced-book/model.json", ["--report", "plots.pdf"], "name the report .svg or .html"),
        ("balanced-book/model.json", ["--market", "MODEL"], "market: "),
    ],
)
def test_what_is_refused(book: Path, tmp_path: Path, model: str, options: list[str], words: str) -> None:
    given = [str(EXAMPLES / model) if option == "MODEL" else option for option in options]
    result = run(book, tmp_path, EXAMPLES / model, *given)
    assert result.exit_code == 3
    assert words in " ".join(result.stderr.split())
    assert not (tmp_path / "greeks.csv").exists()


def test_a_table_that_is_there_is_kept(book: Path, tmp_path: Path) -> None:
    (tmp_path / "greeks.csv").write_text("mine")
    result = run(book, tmp_path, EXAMPLES / "balanced-book" / "model.json")
    assert result.exit_code == 3
    assert (tmp_path / "greeks.csv").read_text() == "mine"
