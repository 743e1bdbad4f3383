"""`sealedbook model explain`: what a model demands, what it consists of, and what cannot be explained."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from test_cli import run

from circuits.claim_statement import compile_claim
from circuits.model_report import report_model
from primitives.assets import AssetList, parse_assets_json
from sealedbook.output import ExitCode

EXAMPLES = Path(__file__).parent.parent / "examples"
PARADEX = EXAMPLES / "models" / "paradex-portfolio-margin"
STATEMENTS = EXAMPLES / "statements"
EXPLAIN = (
    "model", "explain", PARADEX / "model.json", "--market", PARADEX / "market.json",
    "--assets", PARADEX / "assets.json",
)  # fmt: skip


def paradex_statement_digest() -> str:
    assets = parse_assets_json((PARADEX / "assets.json").read_bytes())
    model, market = ((PARADEX / name).read_bytes() for name in ("model.json", "market.json"))
    return compile_claim(model, market, assets.assets).digest().hex()


def test_a_margin_model_is_explained_in_formulas() -> None:
    done = run(*EXPLAIN)
    assert done.code == ExitCode.ACCEPTED
    assert f"Model of kind paradex-portfolio-margin, statement {paradex_statement_digest()}" in done.out
    assert "6 assets, 58 rows (2 for whole amounts alone), 9 auxiliary variables (0 booleans)" in done.out
    assert "3,922 bits an account (padded 4,096)" in done.out
    assert "1,560 bits 25 rows 1 variables BTC requirement" in done.said
    assert "margin: -2100 |BTC-USD-PERP| - 1645 |BTC-7D-75000-C|" in done.said
    assert "< 2^60" not in done.out


def test_every_row_is_printed_if_asked_for() -> None:
    done = run(*EXPLAIN, "--rows")
    assert "BTC requirement: spot +16 %, volatility +40 %: 0 <= 1120000 BTC-USD-PERP" in done.said
    assert done.out.count("< 2^") == 58 + 9


def test_as_json_all_is_there() -> None:
    document = run(*EXPLAIN, "--json").document
    assert (document["kind"], document["statement"]) == (
        "paradex-portfolio-margin",
        paradex_statement_digest(),
    )
    assert (document["rows"], document["auxiliaries"], document["booleans"]) == (58, 9, 0)
    assert document["bits"] == sum(document["row_widths"]) == sum(g["bits"] for g in document["groups"])
    assert document["integrality_rows"] == 2
    assert len(document["formulas"]) == 58 + 9
    assert [each["label"] for each in document["constraints"]] == ["margin"]
    assert float(document["microseconds_to_prove"]) > 0


def test_a_simple_model_is_explained_by_its_rows() -> None:
    done = run(
        "model", "explain", STATEMENTS / "net-value.json", "--market", STATEMENTS / "prices.json",
        "--assets", STATEMENTS / "assets.json",
    )  # fmt: skip
    assert done.code == ExitCode.ACCEPTED
    assert "3 assets, 4 rows (3 for whole amounts alone), 0 auxiliary variables" in done.out
    assert "net value: 0 <= 6500012 BTC + 300050 ETH + 100000000 USD < 2^90" in done.out
    assert "What it demands" not in done.out


def test_rows_of_non_negative_positions_are_not_for_whole_amounts_alone() -> None:
    assets = AssetList.of([("BTC", 8)])
    report = report_model(b'{"format": "sealedbook/model/v1", "kind": "non-negative"}', None, assets)
    assert (report.explanation.rows, report.explanation.integrality_rows) == (1, 0)


def test_assets_come_from_a_csv_file_too(tmp_path: Path) -> None:
    model = tmp_path / "model.json"
    model.write_bytes(b'{"format": "sealedbook/model/v1", "kind": "bounded"}')
    listed = tmp_path / "assets.csv"
    with listed.open("w", newline="") as file:
        csv.writer(file).writerows([("id", "decimals"), ("BTC", 8), ("ETH", 18), ("USD", 2)])
    done = run("model", "explain", model, "--assets", listed, "--json")
    expected = compile_claim(
        model.read_bytes(), None, AssetList.of([("BTC", 8), ("ETH", 18), ("USD", 2)]).assets
    )
    assert done.document["statement"] == expected.digest().hex()


def test_assets_and_market_come_from_a_bundle_or_a_book(tmp_path: Path) -> None:
    market = PARADEX / "market.json"
    book, bundle = tmp_path / "book", tmp_path / "bundle"
    given = ("--assets", PARADEX / "assets.json", "--document", market)
    assert run("import", PARADEX / "book.csv", *given, "--out", book).code == ExitCode.ACCEPTED
    assert run("commit", book, "--out", bundle, "--vault", tmp_path / "v").code == ExitCode.ACCEPTED
    for source in (("--book", book), ("--bundle", bundle)):
        done = run("model", "explain", PARADEX / "model.json", *source, "--json")
        assert done.document["statement"] == paradex_statement_digest()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "one of --assets FILE, --bundle BUNDLE and --book BOOK"),
        (("--assets", PARADEX / "assets.json", "--bundle", "b"), "one of --assets FILE"),
        (("--assets", PARADEX / "assets.json"), "model: .*needs a MarketDocument.*no market"),
        (("--assets", PARADEX / "model.json"), "--assets: .*: \\$.format"),
        (
            ("--assets", STATEMENTS / "assets.json", "--market", PARADEX / "market.json"),
            "no instrument.*ETH|BTC",
        ),
        (("--assets", PARADEX / "assets.json", "--market", PARADEX / "assets.json"), "market: .*format"),
    ],
)
def test_what_cannot_be_explained(arguments: tuple[object, ...], reason: str) -> None:
    done = run("model", "explain", PARADEX / "model.json", *arguments)
    assert done.code == ExitCode.REFUSED_INPUT
    assert re.search(reason, done.said), done.said


def test_a_bundle_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "attestation.json").write_text("{}")
    done = run("model", "explain", PARADEX / "model.json", "--bundle", tmp_path)
    assert done.code == ExitCode.REFUSED_INPUT
    assert "--bundle" in done.said
