"""`sealedbook model`: what models demand, what they consist of, what they compile to, and what they do not."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from test_cli import run

from circuits.book_statement import compile_book
from circuits.claim_statement import compile_claim
from circuits.model_report import report_model
from circuits.rows import Scope
from circuits.statement import parse_canonical
from primitives.assets import AssetList, parse_assets_json
from primitives.attestation import Attestation
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


COMPILE = ("model", "compile", PARADEX / "model.json", "--market", PARADEX / "market.json")
BALANCED = EXAMPLES / "models" / "balanced-book"


def balanced_bundle(folder: Path) -> Path:
    """A bundle of the example's book, without claims."""
    book, bundle = folder / "book", folder / "bundle"
    done = run("import", BALANCED / "book.csv", "--assets", BALANCED / "assets.json", "--out", book)
    assert done.code == ExitCode.ACCEPTED
    assert run("commit", book, "--out", bundle, "--vault", folder / "v").code == ExitCode.ACCEPTED
    return bundle


@pytest.mark.parametrize("scope", [Scope.BOOK, Scope.ACCOUNT])
def test_a_model_is_compiled_to_the_form_that_claims_name(tmp_path: Path, scope: Scope) -> None:
    out = tmp_path / "statement.bin"
    listed = ("--assets", PARADEX / "assets.json", "--scope", scope.value)
    done = run(*COMPILE, *listed, "--out", out, "--json")
    assets = parse_assets_json((PARADEX / "assets.json").read_bytes()).assets
    model, market = ((PARADEX / name).read_bytes() for name in ("model.json", "market.json"))
    statement = compile_claim(model, market, assets, scope=scope)
    assert out.read_bytes() == statement.canonical_bytes()
    assert done.document["statement"] == statement.digest().hex()
    assert parse_canonical(out.read_bytes()).digest() == statement.digest()


def test_the_scope_decides_what_is_compiled(tmp_path: Path) -> None:
    """An amount that an account of zeros does not hold is for certificates alone."""
    listed = ("--assets", STATEMENTS / "assets.json", "--out", tmp_path / "statement.bin")
    refused = run("model", "compile", STATEMENTS / "at-least.json", *listed)
    assert refused.code == ExitCode.REFUSED_INPUT
    assert not (tmp_path / "statement.bin").exists()
    accepted = run("model", "compile", STATEMENTS / "at-least.json", *listed, "--scope", "account")
    assert accepted.code == ExitCode.ACCEPTED
    assert "statement.bin" in accepted.out


def test_a_model_of_the_whole_book_is_compiled_for_its_leaves(tmp_path: Path) -> None:
    bundle, out = balanced_bundle(tmp_path), tmp_path / "statement.bin"
    given = ("--market", BALANCED / "market.json", "--out", out)
    assert run("model", "compile", BALANCED / "model.json", *given, "--bundle", bundle).code == 0
    book = Attestation.parse((bundle / "attestation.json").read_bytes()).book
    model, market = ((BALANCED / name).read_bytes() for name in ("model.json", "market.json"))
    expected = compile_book(model, market, book.assets, book.leaf_count).statement
    assert out.read_bytes() == expected.canonical_bytes()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--assets", BALANCED / "assets.json"), "needs --bundle"),
        (("--assets", BALANCED / "assets.json", "--scope", "account"), "about the sum of all accounts"),
        ((), "one of --bundle BUNDLE and --assets FILE"),
    ],
)
def test_what_cannot_be_compiled(tmp_path: Path, arguments: tuple[object, ...], reason: str) -> None:
    out = tmp_path / "statement.bin"
    given = ("--market", BALANCED / "market.json", "--out", out)
    done = run("model", "compile", BALANCED / "model.json", *given, *arguments)
    assert done.code == ExitCode.REFUSED_INPUT
    assert reason in done.said
    assert not out.exists()


def test_nothing_is_written_over(tmp_path: Path) -> None:
    out = tmp_path / "statement.bin"
    out.write_text("mine")
    done = run(*COMPILE, "--assets", PARADEX / "assets.json", "--out", out)
    assert done.code == ExitCode.REFUSED_INPUT
    assert "is there already" in done.said
    assert out.read_text() == "mine"
