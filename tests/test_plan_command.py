"""``sealedbook plan``: tables, totals, figures, and what it refuses."""

from __future__ import annotations

import csv
import json
import stat
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import pytest
from scenario_model_support import EXAMPLES
from sealing_support import fastest_backend, seal, write_book
from typer.testing import CliRunner

from primitives.assets import AssetList
from sealedbook.__main__ import app

FOLDER: Final = EXAMPLES / "allocation"
ASSETS: Final = AssetList.of([("BTC", 8), ("ETH", 8), ("USDC", 6)])
ACCOUNTS: Final = {
    "alice": {"BTC": 120_000_000, "ETH": 2_000_000_000, "USDC": 66_000_000_000},
    "bob": {"BTC": 200_000_000, "USDC": 1_000_000_000},
    "carol": {},
    "dora": {"ETH": 300_000_000},
}


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plan") / "book"
    write_book(folder, ACCOUNTS, ASSETS, {})
    return folder


def run(source: Path, *options: str, model: Path = FOLDER / "model.json") -> Any:
    places = ["--model", str(model), "--market", str(FOLDER / "market.json")]
    return CliRunner().invoke(app, ["plan", str(source), *places, *options])


def test_a_whole_book(book: Path, tmp_path: Path) -> None:
    out, figure = tmp_path / "trades.csv", tmp_path / "weights.svg"
    result = run(book, "--fees", "10", "--out", str(out), "--figure", str(figure))
    assert result.exit_code == 0, result.stderr
    assert "2 of 4 account(s) are within their limits, 2 get there by 4 trade(s)" in result.stdout
    for path in (out, figure):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["account"] for row in rows} == {"bob", "dora"}
    bob = {row["asset"]: row for row in rows if row["account"] == "bob"}
    assert bob["BTC"]["side"] == "sell"
    assert bob["BTC"]["weight_after"] == "40.0000"
    assert bob["USDC"]["note"] == "pays for the trades and their fees"
    root = ElementTree.fromstring(figure.read_text())  # noqa: S314 (our own text)
    # A background, three of the legend, and a band and two bars for each asset.
    assert len(list(root.iter("{http://www.w3.org/2000/svg}rect"))) == 1 + 3 + 9
    first = figure.read_bytes()
    assert run(book, "--fees", "10", "--figure", str(figure), "--replace").exit_code == 0
    assert figure.read_bytes() == first


def test_one_account_as_json(book: Path, tmp_path: Path) -> None:
    document = json.loads(run(book, "--account", "bob", "--json").stdout)
    assert (document["accounts"], document["planned"], document["trades"], document["cost"]) == (1, 1, 2, "0")
    assert [row["asset"] for row in document["rows"]] == ["BTC", "ETH", "USDC"]
    out = tmp_path / "trades.json"
    assert run(book, "--out", str(out)).exit_code == 0
    rows = json.loads(out.read_text())
    assert {row["account"] for row in rows} == {"bob", "dora"}
    assert [row for row in rows if row["account"] == "bob"] == document["rows"]


def test_an_opening(tmp_path: Path) -> None:
    sealed = seal(tmp_path / "sealed", fastest_backend(), ACCOUNTS, ASSETS, {})
    opening = tmp_path / "opening.json"
    opening.write_bytes(sealed.opening("bob").to_bytes())
    document = json.loads(run(opening, "--json").stdout)
    assert document["planned"] == 1
    assert [row["account"] for row in document["rows"]] == ["bob"] * 3
    result = run(opening, "--account", "alice")
    assert result.exit_code == 3
    assert "the opening is of another account" in result.stderr
    result = run(opening, "--out", str(sealed.bundle / "trades.csv"))
    assert "which is public; plans are private" in " ".join(result.stderr.split())


def test_nothing_to_do_writes_an_empty_table(book: Path, tmp_path: Path) -> None:
    for name, text in (("a.json", "[]\n"), ("a.csv", None)):
        out = tmp_path / name
        assert run(book, "--account", "carol", "--out", str(out)).exit_code == 0
        assert text is None or out.read_text() == text
    assert (tmp_path / "a.csv").read_text().count("\n") == 1


def test_accounts_without_a_plan_are_named_with_the_reason(book: Path, tmp_path: Path) -> None:
    document = json.loads((FOLDER / "model.json").read_bytes())
    document["single_name"]["greatest"] = "20"
    model = tmp_path / "model.json"
    model.write_text(json.dumps(document))
    result = json.loads(run(book, "--json", model=model).stdout)
    assert result["impossible"] == 3
    assert result["within"] == 1
    note = result["rows"][0]["note"]
    assert (
        "These cannot hold together: single name ETH ($.single_name); drift from the target ($.target)."
        in note
    )
    assert "It would be enough to relax single name BTC by " in note


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--fees", "x"], "--fees: 'x' is not canonical decimal text"),
        (["--fees", "10000"], "fees: are not at least 0 and below the whole"),
        (["--cash", "EUR"], "cash: asset 'EUR' is not in the book"),
        (["--account", "zoe"], "has no account 'zoe'"),
        (["--out", "trades.txt"], "name it .csv or .json"),
        (["--figure", "weights.png"], "name it .svg"),
    ],
)
def test_what_is_refused(book: Path, options: list[str], words: str) -> None:
    result = run(book, *options)
    assert result.exit_code == 3, result.stdout
    assert words in " ".join(result.stderr.split())


def test_other_refusals(book: Path, tmp_path: Path) -> None:
    result = run(book, model=EXAMPLES / "spot.json")
    assert result.exit_code == 3
    assert "is not 'allocation'" in result.stderr
    garbage = tmp_path / "garbage.json"
    garbage.write_text("{}")
    result = run(garbage)
    assert result.exit_code == 3
    assert "is neither a book folder nor an opening" in " ".join(result.stderr.split())
    there = tmp_path / "trades.csv"
    there.write_text("mine")
    assert run(book, "--out", str(there)).exit_code == 3
    assert there.read_text() == "mine"
    assert run(book, "--out", str(there), "--replace").exit_code == 0
