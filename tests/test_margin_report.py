"""`sealedbook margin evaluate`: figures of every account, exact, private, and in agreement with the statement."""

from __future__ import annotations

import csv
import random
import stat
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from scenario_model_support import EXAMPLES, Account, Case, load_example
from sealing_support import fastest_backend, write_book
from test_cli import run

from circuits.claim_statement import ClaimDocumentError
from circuits.margin_units import MarginUnits
from circuits.models.cross_collateral import POOL_NUMBERS, CrossCollateral
from primitives.assets import AssetList
from primitives.backends import get_backend
from prover import margin_report
from prover.book.store import Book
from prover.errors import ProverError, PublicationError
from prover.margin_report import COLUMNS, write_margin_report
from sealedbook.output import ExitCode

KIND = "paradex-portfolio-margin"
MODEL = (EXAMPLES / KIND / "model.json").read_bytes()
MARKET = (EXAMPLES / KIND / "market.json").read_bytes()
CASE, EXAMPLE = load_example(KIND)
UNIT = Decimal("0.000001")
POOLS = CrossCollateral(None, is_exact=True, _numbers=POOL_NUMBERS)
"""Counts in 10^-16."""


def make(folder: Path, accounts: Mapping[str, Account], case: Case = CASE) -> Book:
    ids = [asset.id for asset in case.assets]
    held = {
        name: {asset: amount for asset, amount in zip(ids, account, strict=True) if amount}
        for name, account in accounts.items()
    }
    return write_book(folder, held, AssetList(case.assets), {"market.json": MARKET})


def report(book: Book, out: Path, *, replace: bool = False) -> list[dict[str, str]]:
    write_margin_report(book, out, fastest_backend(), model=MODEL, market=MARKET, replace=replace)
    with out.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def boundary(name: str, change: int) -> Account:
    """An account of the example with equity = requirement, and so many base units of cash more."""
    (account,) = CASE.balanced([EXAMPLE[name]], "USDC")
    account[0] += change
    return account


@pytest.fixture
def book(tmp_path: Path) -> Book:
    accounts = {**EXAMPLE, "exact": boundary("hedger", 0), "short": boundary("hedger", -1)}
    return make(tmp_path / "book", accounts)


def test_figures_are_those_of_the_model(book: Book, tmp_path: Path) -> None:
    rows = {row["account"]: row for row in report(book, tmp_path / "m.csv")}
    assert tuple(rows["exact"]) == COLUMNS
    assert rows["hedger"]["requirement"] == "33086.8773"
    assert rows["hedger"]["worst_scenario"] == "BTC: spot +500 %, volatility +40 %"
    assert (rows["exact"]["surplus"], rows["exact"]["sufficient"], rows["exact"]["fails"]) == (
        "0",
        "true",
        "",
    )
    assert (rows["short"]["surplus"], rows["short"]["sufficient"]) == ("-0.000001", "false")
    assert rows["short"]["fails"] == "margin"
    assert rows["empty"]["worst_scenario"] == ""
    for row in rows.values():
        assert Decimal(row["equity"]) - Decimal(row["requirement"]) == Decimal(row["surplus"])


def test_the_report_agrees_with_the_statement_on_random_accounts(tmp_path: Path) -> None:
    source = random.Random("margin report")
    accounts = [[source.randrange(-(10**7), 10**7) for _ in CASE.assets] for _ in range(150)]
    balanced = CASE.balanced(accounts, "USDC")
    names: dict[str, Account] = {}
    for number, account in enumerate(balanced):
        names[f"{number:03d}"] = [account[0] + source.choice([-(10**6), -1, 0, 1, 10**6]), *account[1:]]
    rows = report(make(tmp_path / "book", names), tmp_path / "m.csv")
    result = CASE.evaluate(list(names.values()))
    assert [Decimal(row["equity"]) for row in rows] == [int(v) * UNIT for v in result.equity]
    assert [Decimal(row["requirement"]) for row in rows] == [int(v) * UNIT for v in result.requirement]
    assert [row["fails"] == "" for row in rows] == [row["sufficient"] == "true" for row in rows]
    assert [row["sufficient"] == "true" for row in rows] == [Decimal(row["surplus"]) >= 0 for row in rows]
    assert 0 < sum(row["fails"] == "" for row in rows) < len(rows)


def test_an_account_beyond_the_bounds_of_the_model_is_sufficient_and_cannot_be_proven(tmp_path: Path) -> None:
    rich = [1 << 52, 0, 0, 0, 0, 0]
    book = make(tmp_path / "book", {"rich": rich})
    (row,) = report(book, tmp_path / "m.csv")
    assert (row["sufficient"], row["fails"]) == ("true", "USDC bounded")
    summary = write_margin_report(book, tmp_path / "again.csv", fastest_backend(), model=MODEL, market=MARKET)
    assert (summary.insufficient, summary.unprovable) == (0, 1)


def test_batches_make_no_difference(book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = report(book, tmp_path / "whole.csv")
    monkeypatch.setattr(margin_report, "MAX_ACCOUNTS_AT_ONCE", 1)
    assert report(book, tmp_path / "single.csv") == whole


def test_wide_statements_are_taken_in_smaller_batches(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(margin_report, "_MAX_TABLE_BYTES", 3 * 491)
    made = margin_report._Evaluation(book, fastest_backend(), MODEL, MARKET)  # 3,922 bits: 491 bytes
    assert made.accounts_at_once == 3


def test_parquet_says_the_same(book: Book, tmp_path: Path) -> None:
    rows = report(book, tmp_path / "m.csv")
    write_margin_report(book, tmp_path / "m.parquet", fastest_backend(), model=MODEL, market=MARKET)
    table = pq.read_table(tmp_path / "m.parquet").to_pylist()
    assert [{**row, "sufficient": str(row["sufficient"]).lower()} for row in table] == rows


def test_the_file_is_private_whole_and_not_overwritten(
    book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "m.csv"
    before = report(book, out)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    with pytest.raises(ProverError, match="exists"):
        report(book, out)

    def fail(*_: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(margin_report._Evaluation, "rows", fail)
    with pytest.raises(RuntimeError, match="killed"):
        report(book, out, replace=True)
    with out.open(newline="") as file:
        assert list(csv.DictReader(file)) == before
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []


def test_an_older_report_is_replaced_if_asked_for(book: Book, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("old")
    assert len(report(book, tmp_path / "m.csv", replace=True)) == 6


def test_places_that_are_refused(book: Book, tmp_path: Path) -> None:
    public = tmp_path / "bundle" / "sub"
    public.mkdir(parents=True)
    (tmp_path / "bundle" / "attestation.json").write_text("{}")
    for out, reason in (
        (tmp_path / "m.txt", "name the report .csv or .parquet"),
        (public / "m.csv", "inside the bundle"),
    ):
        with pytest.raises(ProverError, match=reason):
            report(book, out)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ProverError, match="exists"):
        report(book, tmp_path / "folder.csv", replace=True)
    with pytest.raises(PublicationError, match="cannot write"):
        report(book, tmp_path / "nowhere" / "m.csv")


def test_a_simple_model_has_no_margin(book: Book, tmp_path: Path) -> None:
    with pytest.raises(ClaimDocumentError, match="model: is no margin model"):
        write_margin_report(
            book,
            tmp_path / "m.csv",
            fastest_backend(),
            model=b'{"format": "sealedbook/model/v1", "kind": "bounded"}',
            market=None,
        )
    spot = b'{"format": "sealedbook/model/v1", "kind": "spot", "version": 1}'
    with pytest.raises(ClaimDocumentError, match="no margin condition"):
        write_margin_report(book, tmp_path / "m.csv", fastest_backend(), model=spot, market=None)


@pytest.mark.parametrize(
    ("scale", "figure", "down", "up"),
    [
        (1, -15, "-0.0000000000000015", "-0.0000000000000015"),
        (100, 10**18 + 1, "1.000000000000000001", "1.000000000000000001"),
        (2, 3, "0.00000000000000015", "0.00000000000000015"),
        (3, 10, "0.0000000000000003", "0.0000000000000004"),
        (3, -10, "-0.0000000000000004", "-0.0000000000000003"),
    ],
)
def test_figures_are_exact_where_a_finite_decimal_is(scale: int, figure: int, down: str, up: str) -> None:
    units = MarginUnits.of(POOLS, CASE.market, scale)
    assert (units.down(figure), units.up(figure)) == (down, up)


def test_figures_for_people() -> None:
    units = MarginUnits("USD", 6, 1, 1)
    shown = [units.shown(text) for text in ("-1234567.5", "0.000001", "-0.5", "7")]
    assert shown == ["-1,234,567.5 USD", "0.000001 USD", "-0.5 USD", "7 USD"]


def test_the_reference_backend_computes_the_same(book: Book, tmp_path: Path) -> None:
    rows = report(book, tmp_path / "fast.csv")
    slow = tmp_path / "slow.csv"
    write_margin_report(book, slow, get_backend("reference"), model=MODEL, market=MARKET)
    with slow.open(newline="") as file:
        assert list(csv.DictReader(file)) == rows


def test_the_command(book: Book, tmp_path: Path) -> None:
    out = tmp_path / "m.csv"
    words = ("margin", "evaluate", book.path, "--model", EXAMPLES / KIND / "model.json", "--out", out)
    done = run(*words, "--json")
    assert done.code == ExitCode.ACCEPTED
    document = done.document
    assert (document["accounts"], document["insufficient"], document["unprovable"]) == (6, 1, 1)
    assert (document["quote"], document["total_shortfall"]) == ("USD", "0.000001")
    assert document["worst_scenarios"]["BTC: spot +500 %, volatility +40 %"] == 3
    again = run(*words)
    assert (again.code, "exists" in again.said) == (ExitCode.REFUSED_INPUT, True)
    shown = run(*words, "--replace", "--market", EXAMPLES / KIND / "market.json")
    assert "5 of 6 accounts are sufficient, 5 can be proven" in shown.said
    assert "together they miss 0.000001 USD" in shown.said
    assert "worst for 3: BTC: spot +500 %, volatility +40 %" in shown.said
