"""Every fault an import can find: its code, its exact place, its reason, and what happens to the account."""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from primitives.assets import AssetList
from prover.book import (
    Book,
    CsvProblemFile,
    ImportFailedError,
    ImportOptionsError,
    ImportReport,
    ReadOptions,
    import_book,
)
from prover.book.report import ADVICE, Problem, printable

ASSETS = AssetList.of([("BTC", 8), ("ETH", 8), ("USDT", 6)])
HEAD = "account,asset,amount\n"
GOOD = "good,BTC,1\n"
MARKET_HEAD = "symbol,price,loan,margin,portfolio\n"
BINANCE_HEAD = "rn,id,e_btc,d_btc,btc,vl_btc,m_btc,pm_btc,total\n"
PRICES = MARKET_HEAD + 'btc,10.5,"[0-100:90]","","[]"\n'
HEX = "00" * 32


class Case(NamedTuple):
    """Contents of the input file, and the first problem expected: code, line, account, column, value, reason."""

    code: str
    content: str | bytes | Callable[[Path], None]
    line: int
    account: str
    column: str
    value: str
    reason: str
    source: str = "generic-long"
    prices: str | None = None
    options: ReadOptions = ReadOptions()


def long(code: str, row: str | bytes, account: str, column: str, value: str, reason: str) -> Case:
    """A bad row in line 3, between good ones."""
    raw = row if isinstance(row, bytes) else row.encode()
    content = (HEAD + GOOD).encode() + raw + b"\nother,ETH,2\n"
    return Case(code, content, 3, account, column, value, reason)


def parquet(columns: dict[str, pa.Array]) -> Callable[[Path], None]:
    return lambda path: pq.write_table(pa.table(columns), path)


def cut_parquet(path: Path) -> None:
    parquet({"account": pa.array(["a"]), "asset": pa.array(["BTC"]), "amount": pa.array([1])})(path)
    path.write_bytes(path.read_bytes()[:-30])


def damaged_parquet(path: Path) -> None:
    parquet({"account": pa.array(["a"]), "asset": pa.array(["BTC"]), "amount": pa.array([1])})(path)
    data = bytearray(path.read_bytes())
    data[-40:-8] = b"\xff" * 32
    path.write_bytes(bytes(data))


ONE = {"usdt_decimals": 2, "balance_decimals": 4, "price": 100}


def ledger(accounts: object, assets: object | None = None) -> str:
    return json.dumps({"assets": assets or {"BTC": ONE}, "accounts": accounts, "timestamp": 1})


FATAL = [
    Case("missing-file", lambda path: None, 0, "", "", "", "no such file"),
    Case("not-a-file", lambda path: path.mkdir(), 0, "", "", "", "is a folder"),
    Case("empty-file", b"", 0, "", "", "", "is empty"),
    Case("empty-file", b"\n\n", 0, "", "", "", "no header line"),
    Case("empty-file", gzip.compress(b""), 0, "", "", "", "is empty"),
    Case("utf-16", HEAD.encode("utf-16"), 0, "", "", "", "UTF-16"),
    Case("utf-16", HEAD.encode("utf-16-le"), 0, "", "", "", "UTF-16"),
    Case("utf-16", HEAD.encode("utf-16-be"), 0, "", "", "", "UTF-16"),
    Case("unsupported-compression", b"PK\x03\x04rest", 0, "", "", "", "compressed with zip"),
    Case("damaged-gzip", gzip.compress((HEAD + GOOD * 99).encode())[:-9], 0, "", "", "", "damaged or cut off"),
    Case("not-text", gzip.compress(b"PAR1 and more"), 0, "", "", "", "Parquet file"),
    Case("truncated-parquet", cut_parquet, 0, "", "", "", "cut off"),
    Case("damaged-parquet", damaged_parquet, 0, "", "", "", "cannot be read"),
    Case(
        "inexact-column",
        parquet({"account": pa.array(["a"]), "asset": pa.array(["BTC"]), "amount": pa.array([0.1])}),
        0, "", "amount", "", "values are rounded",
    ),
    Case(
        "unsupported-column",
        parquet({"account": pa.array([b"a"]), "asset": pa.array(["BTC"]), "amount": pa.array([1])}),
        0, "", "account", "", "text is needed",
    ),
    Case(
        "unsupported-column",
        parquet({"account": pa.array(["a"]), "asset": pa.array(["BTC"]), "amount": pa.array([True])}),
        0, "", "amount", "", "integer, decimal or text is needed",
    ),
    Case("missing-header", b"account,asset,balance\n" + GOOD.encode(), 1, "", "", "", "no column named amount"),
    Case(
        "missing-header",
        parquet({"account": pa.array(["a"]), "amount": pa.array([1])}),
        1, "", "", "", "no column named asset",
    ),
    Case("missing-header", b"id,BTC\na,1\n", 1, "", "", "", "no column named account", "generic-wide"),
    Case("missing-header", b"account\na\n", 1, "", "", "", "like an asset", "generic-wide"),
    Case("missing-header", b"user,balance_A_B\n", 1, "", "", "", "username in the first place", "summa"),
    Case("missing-header", b"id,amount\n", 1, "", "", "", "id and liability", "dapol"),
    Case("duplicate-header", b"\naccount,asset,amount,asset\n", 2, "", "", "", "'asset' appears twice"),
    Case("bad-encoding", b"account,ass\xe9t,amount\n", 1, "", "", "", "header is not UTF-8 at byte 11"),
    Case("unexpected-header", b"account,amount,more\n1,2,3\n", 1, "", "", "", "account,amount", "bitmex"),
    Case(
        "unexpected-header", b"username,balance_ETH\nu,1\n", 1,
        "", "balance_ETH", "", "balance_<symbol>_<chain>", "summa"
    ),
    Case("unexpected-header", b"rn,id,e_btc\n", 1, "", "", "", "six columns for every asset", "binance", PRICES),
    Case(
        "unexpected-header", BINANCE_HEAD.replace("e_btc,d_btc", "d_btc,e_btc"),
        1, "", "d_btc", "", "e_X,d_X,X", "binance", PRICES,
    ),
    Case("unknown-column", b"account,BTC,DOGE\na,1,2\n", 1, "", "DOGE", "", "neither an asset", "generic-wide"),
    Case("bad-quoting", HEAD + GOOD + 'a,"BTC" ,1\n', 3, "", "", "", "cannot be parsed"),
    Case("bad-quoting", HEAD + GOOD + 'a,"BTC,1\nb,ETH,2\n', 3, "", "", "", "never closed"),
    Case("unattributable-row", "asset,account,amount\nBTC,a,1\nETH\n", 3, "", "", "", "too few to reach"),
    Case("no-accounts", HEAD, 0, "", "", "", "no account is left"),
    Case("malformed-json", "[1]", 0, "", "", "", "'{' expected at character 0", "ottersec"),
    Case("malformed-json", '{"accounts":{}}', 0, "", "", "", "no member assets", "ottersec"),
    Case("malformed-json", ledger({})[:-1], 0, "", "", "", "',' expected", "ottersec"),
    Case("malformed-json", ledger({}) + "x", 0, "", "", "", "after the end", "ottersec"),
    Case("malformed-json", ledger({}).replace(": {}", ": nope"), 0, "", "", "", "'{' expected", "ottersec"),
    Case("malformed-json", ledger({"a": 1}).replace("1}", "tru}"), 0, "", "", "", "not a JSON value", "ottersec"),
    Case("malformed-json", ledger({}).replace("timestamp", "version"), 0, "", "", "", "unknown member", "ottersec"),
    Case(
        "malformed-json", ledger({}).replace('"timestamp": 1',
        '"timestamp": -1'), 0, "", "", "", "milliseconds", "ottersec",
    ),
    Case("malformed-json", '{"assets":{"BTC":' + "[" * 100_000, 0, "", "", "", "more than 16 levels", "ottersec"),
    Case("malformed-json", '{"assets":{"BTC":"' + "[" * 100_000, 0, "", "", "", "reasonable size", "ottersec"),
    Case("malformed-json", '{"assets":{"BTC":tru', 0, "", "", "", "reasonable size", "ottersec"),
    Case("malformed-json", '{"assets":{"BTC":tru}}', 0, "", "", "", "not a JSON value at", "ottersec"),
    Case("malformed-json", ledger({}, []).replace("BTC", ""), 0, "", "", "", "id is empty", "ottersec"),
    Case("malformed-json", '{"assets":[]}', 0, "", "", "", "not an object with assets", "ottersec"),
    Case(
        "malformed-json", ledger({}).replace('"timestamp": 1', '"accounts": {}'),
        0, "", "", "", "at most one timestamp", "ottersec",
    ),
    Case("malformed-json", '{"x":1,"assets":{}}', 0, "", "", "", "not an object with assets", "ottersec"),
    *(
        Case("malformed-json", ledger({}, {"BTC": ONE | bad}), 0, "", "BTC", "", "needs exactly", "ottersec")
        for bad in (
            {"usdt_decimals": 19}, {"balance_decimals": -1}, {"price": 1 << 64}, {"price": True}, {"price": 1.5},
            {"x": 1},
        )
    ),
    Case("malformed-json", ledger({}, {"BTC": {"price": 1}}), 0, "", "BTC", "", "needs exactly", "ottersec"),
    Case(
        "bad-encoding", ledger({"a": {}}).encode().replace(b'"a"',
        b'"\xff"'), 0, "", "", "", "not UTF-8 near byte", "ottersec",
    ),
    Case(
        "inconsistent-decimals",
        ledger({}, {n: {"usdt_decimals": 2, "balance_decimals": d, "price": 1} for n, d in (("A", 1), ("B", 2))}),
        0, "", "", "", "not the same for all assets", "ottersec",
    ),
    Case("missing-price", BINANCE_HEAD, 0, "", "", "", "no price for BTC", "binance", MARKET_HEAD),
    Case(
        "malformed-price", BINANCE_HEAD, 2, "", "", "", "4 columns instead of 5", "binance", MARKET_HEAD + "btc,1,,\n",
    ),
    Case("malformed-price", BINANCE_HEAD, 2, "", "btc", "", "plain decimal", "binance", MARKET_HEAD + "btc,-1,,,\n"),
    Case("malformed-price", BINANCE_HEAD, 3, "", "BTC", "", "twice", "binance", MARKET_HEAD + "btc,1,,,\nBTC,1,,,\n"),
    Case("malformed-price", BINANCE_HEAD, 2, "", "", "", "not CSV", "binance", MARKET_HEAD + '"btc"x,1,,,\n'),
    *(
        Case("malformed-tiers", BINANCE_HEAD, 2, "", "btc", "", reason, "binance", f'{MARKET_HEAD}btc,1,"{tiers}",,\n')
        for tiers, reason in (
            ("0-10:90", "square brackets"),
            ("[0-10]", "from-to:percent"),
            ("[5-10:90]", "does not continue"),
            ("[0-10:90,11-20:80]", "does not continue"),
            ("[0-10:90,10-10:80]", "does not continue"),
            ("[0-10:101]", "more than 100 percent"),
        )
    ),
]  # fmt: skip

BINANCE_ROW = f"0,{HEX},1,0,7,0.5,0.25,0.25,9\n"
PER_RECORD = [
    long("bad-encoding", b"a\xffb,BTC,1", r"a\xffb", "BTC", "1", "not UTF-8 at byte 33"),
    long("bad-encoding", b"a,BTC,1\xe9", "a", "BTC", r"1\xe9", "not UTF-8 at byte 39"),
    long("wrong-column-count", "a,BTC", "a", "BTC", "", "2 fields, the header has 3"),
    long("wrong-column-count", "a,BTC,1,2", "a", "BTC", "1", "4 fields, the header has 3"),
    long("empty-id", ",BTC,1", "", "BTC", "1", "the account id is empty"),
    long("bad-id", " a,BTC,1", " a", "BTC", "1", "white space at an end"),
    long("bad-id", "e\u0301,BTC,1", "e\u0301", "BTC", "1", "Normalization Form C"),
    long("bad-id", "a\tb,BTC,1", "a\tb", "BTC", "1", "U\\+0009"),
    long("bad-id", "x" * 257 + ",BTC,1", "x" * 257, "BTC", "1", "257 bytes"),
    long("bad-id", '"a\nb",BTC,1', "a\nb", "BTC", "1", "U\\+000A"),
    long("unknown-asset", "a,DOGE,1", "a", "DOGE", "1", "not in the asset list"),
    long("unknown-asset", "a,btc,1", "a", "btc", "1", "not in the asset list"),
    long("empty-amount", "a,BTC,", "a", "BTC", "", "the amount is empty"),
    long("malformed-amount", 'a,BTC,"1,000"', "a", "BTC", "1,000", "thousands separators"),
    long("malformed-amount", "a,BTC,nan", "a", "BTC", "nan", "not a number"),
    long("too-many-decimals", "a,USDT,0.0000001", "a", "USDT", "0.0000001", "more than the 6 decimals"),
    long("out-of-range", "a,BTC,92233720368.54775808", "a", "BTC", "92233720368.54775808", "2\\^63"),
    long("duplicate-row", "good,BTC,2", "good", "BTC", "2", "already given in .*, line 2"),
    Case("duplicate-row", "account,BTC,ETH\na,1,2\na,3,4\n", 3, "a", "", "", "line 2", "generic-wide"),
    Case("duplicate-row", "account,BTC\na,0\na,0\n", 3, "a", "", "", "line 2", "generic-wide"),
    Case("empty-amount", "account,BTC,ETH\nok,1,2\na,1,\n", 3, "a", "ETH", "", "empty", "generic-wide"),
    Case("wrong-column-count", "account,BTC\nok,1\na\n", 3, "a", "", "", "1 fields", "generic-wide"),
    Case("bad-encoding", b"account,BTC\nok,1\na,\xff\n", 3, "a", "", "", "byte 19", "generic-wide"),
    Case("bad-id", "account,BTC\nok,1\na ,1\n", 3, "a ", "", "", "white space", "generic-wide"),
    Case(
        "out-of-range",
        parquet({"account": pa.array(["ok", "a"]), "BTC": pa.array([1, 92_233_720_369])}),
        2, "a", "BTC", "92233720369", "2\\^63", "generic-wide",
    ),
    Case(
        "empty-id",
        parquet({"account": pa.array(["ok", None]), "asset": pa.array(["BTC"] * 2), "amount": pa.array([1, 1])}),
        2, "", "BTC", "1", "is empty",
    ),
    Case(
        "unknown-asset",
        parquet({"account": pa.array(["ok", "a"]), "asset": pa.array(["BTC", None]), "amount": pa.array([1, 1])}),
        2, "a", "", "1", "not in the asset list",
    ),
    Case(
        "empty-amount",
        parquet({"account": pa.array(["ok", "a"]), "asset": pa.array(["BTC"] * 2), "amount": pa.array([1, None])}),
        2, "a", "BTC", "", "is empty",
    ),
    Case("negative-amount", "account,amount\n1,5\n2,-5\n", 3, "2", "amount", "-5", "cannot be negative", "bitmex"),
    Case("too-many-decimals", "id,liability\n1,5\n2,0.5\n", 3, "2", "liability", "0.5", "0 decimals", "dapol"),
    Case(
        "bad-id", BINANCE_HEAD + BINANCE_ROW + "1,00,1,0,1,0,0,0,0\n",
        3, "00", "", "", "64 hexadecimal", "binance", PRICES,
    ),
    Case(
        "negative-amount", BINANCE_HEAD + BINANCE_ROW + f"1,{HEX[:-1]}1,-1,0,0,0,0,0,0\n",
        3, HEX[:-1] + "1", "e_btc", "-1", "cannot be negative", "binance", PRICES,
    ),
    Case("unknown-asset", ledger({"ok": {}, "a": {"ETH": 1}}), 2, "a", "ETH", "1", "of the ledger", "ottersec"),
    Case("malformed-amount", ledger({"ok": {}, "a": {"BTC": 1.5}}), 2, "a", "BTC", "1.5", "fraction", "ottersec"),
    Case("malformed-amount", ledger({"ok": {}, "a": {"BTC": "1"}}), 2, "a", "BTC", "1", "no number", "ottersec"),
    Case("malformed-amount", ledger({"ok": {}, "a": {"BTC": True}}), 2, "a", "BTC", "True", "no number", "ottersec"),
    Case("malformed-amount", ledger({"ok": {}, "a": 3}), 2, "a", "", "3", "not an object", "ottersec"),
    Case(
        "out-of-range", ledger({"ok": {}, "a": {"BTC": -(1 << 63)}}),
        2, "a", "BTC", str(-(1 << 63)), "2\\^63", "ottersec",
    ),
    Case("bad-id", ledger({"ok": {}, "\ud800": {"BTC": 1}}), 2, r"\ud800", "", "", "U\\+D800", "ottersec"),
    Case(
        "duplicate-row", ledger({"ok": {}, "a": {"BTC": 1}}).replace('"BTC": 1}', '"BTC": 1, "BTC": 2}'),
        2, "a", "BTC", "2", "twice in this account", "ottersec",
    ),
]  # fmt: skip

RULES = [
    Case(
        "collateral-exceeds-equity", BINANCE_HEAD + BINANCE_ROW.replace(",1,0,", ",0.99,0,"),
        2, HEX, "BTC", "1", "exceed the equity of 0.99", "binance", PRICES,
    ),
    # 0.5 BTC in the loan pool is worth 5.25, of which 90 % counts; the other pools give no credit
    Case(
        "debt-exceeds-collateral", BINANCE_HEAD + BINANCE_ROW.replace(",1,0,", ",1,0.46,"),
        2, HEX, "", "4.83", "under the tiers, 4.725", "binance", PRICES,
    ),
    Case("negative-equity", ledger({"a": {"BTC": -1}}), 1, "a", "", "-0.0001", "less than 0", "ottersec"),
]  # fmt: skip

ELSEWHERE = {"changed-file", "record-too-long", "account-rejected", "unreadable-file"}


def run(
    case: Case, tmp_path: Path, *, sink: CsvProblemFile | None = None, reject_rule_breakers: bool = False
) -> ImportReport:
    path = tmp_path / "input.dat"
    if callable(case.content):
        case.content(path)
    else:
        path.write_bytes(case.content.encode() if isinstance(case.content, str) else case.content)
    prices = None
    if case.prices is not None:
        prices = tmp_path / "prices.csv"
        prices.write_text(case.prices)
    assets = ASSETS if case.source.startswith("generic") else None
    return import_book(
        case.source,
        [path],
        tmp_path / "book",
        assets=assets,
        prices=prices,
        options=case.options,
        reject_sink=sink,
        reject_rule_breakers=reject_rule_breakers,
    )


def matches(problem: Problem, case: Case) -> None:
    found = (problem.code, problem.line, problem.account, problem.column, problem.value)
    assert found == (case.code, case.line, case.account, case.column, case.value)
    assert re.search(case.reason, problem.reason)
    assert ADVICE[case.code] in problem.describe()


def identify(case: Case) -> str:
    return f"{case.code}-{case.source}"


def test_every_code_is_provoked() -> None:
    assert {case.code for case in (*FATAL, *PER_RECORD, *RULES)} | ELSEWHERE == set(ADVICE)


@pytest.mark.parametrize("case", FATAL, ids=identify)
@pytest.mark.parametrize("with_sink", [False, True])
def test_a_fault_of_the_whole_file_fails_the_import(case: Case, with_sink: bool, tmp_path: Path) -> None:
    sink = CsvProblemFile(tmp_path / "rejects.csv") if with_sink else None
    with pytest.raises(ImportFailedError) as caught:
        run(case, tmp_path, sink=sink)
    matches(caught.value.report.first_problems[0], case)
    assert not (tmp_path / "book").exists()
    assert not list(tmp_path.glob("*rejects*"))
    assert not list(tmp_path.glob(".book*"))


@pytest.mark.parametrize("case", PER_RECORD, ids=identify)
def test_a_bad_record_fails_the_import(case: Case, tmp_path: Path) -> None:
    with pytest.raises(ImportFailedError, match=re.escape(f"[{case.code}]")) as caught:
        run(case, tmp_path)
    report = caught.value.report
    assert report.problems == {case.code: 1}
    matches(report.first_problems[0], case)
    assert not (tmp_path / "book").exists()


@pytest.mark.parametrize("case", PER_RECORD, ids=identify)
def test_a_bad_record_goes_to_the_reject_file_and_its_account_with_it(case: Case, tmp_path: Path) -> None:
    only_account = case.code == "duplicate-row" and case.source == "generic-wide"
    if only_account:
        assert isinstance(case.content, str)
        case = case._replace(
            content=case.content + "other" + ",1" * case.content.split("\n")[0].count(",") + "\n"
        )
    report = run(case, tmp_path, sink=CsvProblemFile(tmp_path / "rejects.csv"))
    assert report.accounts_rejected == 1
    assert report.accounts_seen == report.accounts_accepted + 1
    with (tmp_path / "rejects.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = [row for row in rows if row["code"] != "account-rejected"]
    assert [(row["code"], row["line"], row["account"], row["asset"], row["value"]) for row in found] == [
        (case.code, str(case.line), case.account, case.column, case.value)
    ]
    assert {row["account"] for row in rows} == {case.account}
    book = Book.open(tmp_path / "book")
    ids = [account for batch in book.iter_batches(100) for account in batch.ids]
    assert case.account not in ids
    assert len(ids) == report.accounts_accepted == book.account_count


@pytest.mark.parametrize("case", RULES, ids=identify)
def test_rule_breakers_are_kept_and_reported(case: Case, tmp_path: Path) -> None:
    report = run(case, tmp_path)
    assert (report.written, report.problems, report.warnings) == (True, {}, {case.code: 1})
    assert (report.accounts_accepted, report.rule_breakers) == (1, 1)
    matches(report.first_warnings[0], case)
    book = Book.open(tmp_path / "book")
    with book.reports["rule-violations.csv"].open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["code"], row["account"], row["line"]) == (case.code, case.account, str(case.line))


@pytest.mark.parametrize("case", RULES, ids=identify)
def test_rule_breakers_are_rejected_on_request(case: Case, tmp_path: Path) -> None:
    with pytest.raises(ImportFailedError, match="no account is left"):
        run(case, tmp_path, sink=CsvProblemFile(tmp_path / "r.csv"), reject_rule_breakers=True)
    with pytest.raises(ImportOptionsError, match="needs a reject file"):
        run(case, tmp_path, reject_rule_breakers=True)


def write(path: Path, rows: Sequence[str]) -> Path:
    path.write_text(HEAD + "".join(f"{row}\n" for row in rows))
    return path


def test_an_account_rejected_late_is_left_out_whole(tmp_path: Path) -> None:
    """Its good records come first, in another file, and are listed too: nothing is dropped silently."""
    first = write(tmp_path / "1.csv", ["late,BTC,1.5", "late,ETH,0", "kept,BTC,2"])
    second = write(tmp_path / "2.csv", ["kept,ETH,3", "late,USDT,x"])
    sink = CsvProblemFile(tmp_path / "rejects.csv")
    report = import_book("generic-long", [first, second], tmp_path / "book", assets=ASSETS, reject_sink=sink)
    assert (report.accounts_seen, report.accounts_accepted, report.accounts_rejected) == (2, 1, 1)
    assert report.problems == {"malformed-amount": 1}
    with (tmp_path / "rejects.csv").open() as file:
        assert [tuple(row.values())[1:6] for row in csv.DictReader(file)] == [
            ("3", "late", "USDT", "x", "malformed-amount"),
            ("2", "late", "BTC", "1.5", "account-rejected"),
            ("3", "late", "ETH", "0", "account-rejected"),
        ]
    assert (tmp_path / "rejects.csv").stat().st_mode & 0o777 == 0o600
    assert [batch.ids for batch in Book.open(tmp_path / "book").iter_batches(9)] == [["kept"]]


def test_a_garbled_id_does_not_strike_the_account_that_looks_like_it(tmp_path: Path) -> None:
    path = tmp_path / "input.csv"
    path.write_bytes(HEAD.encode() + rb"a\xff,BTC,1" + b"\na\xff,BTC,1\n a,BTC,1\na,BTC,1\n,BTC,1\n,ETH,1\n")
    sink = CsvProblemFile(tmp_path / "rejects.csv")
    report = import_book("generic-long", [path], tmp_path / "book", assets=ASSETS, reject_sink=sink)
    # the three garbled ones: undecodable, with a blank, and empty (twice)
    assert (report.accounts_accepted, report.accounts_rejected) == (2, 3)
    assert [batch.ids for batch in Book.open(tmp_path / "book").iter_batches(9)] == [["a", r"a\xff"]]


def test_duplicates_are_found_over_several_files(tmp_path: Path) -> None:
    first = write(tmp_path / "1.csv", ["a,BTC,1", "b,BTC,1"])
    second = write(tmp_path / "2.csv", ["a,ETH,1", "a,BTC,0", "a,BTC,7"])
    with pytest.raises(ImportFailedError) as caught:
        import_book("generic-long", [first, second], tmp_path / "book", assets=ASSETS)
    problems = caught.value.report.first_problems
    assert [(p.file, p.line, p.value) for p in problems] == [(str(second), 3, "0"), (str(second), 4, "7")]
    assert all(p.reason == f"already given in {first}, line 2" for p in problems)


def test_the_first_problems_are_listed_and_all_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "1.csv", [f"a{n},BTC,x" for n in range(30)] + ["b,DOGE,1"] * 3)
    with pytest.raises(ImportFailedError) as caught:
        import_book("generic-long", [path, tmp_path / "gone"], tmp_path / "book", assets=ASSETS)
    report = caught.value.report
    assert report.problems == {"malformed-amount": 30, "unknown-asset": 3, "missing-file": 1}
    assert [problem.line for problem in report.first_problems] == [0, *range(2, 21)]
    text = str(caught.value)
    assert "No book was written: 34 problem(s)" in text
    assert "and 14 more" in text
    assert "30 problem(s) of kind malformed-amount" in text
    assert report.to_json()["problems"] == {"malformed-amount": 30, "missing-file": 1, "unknown-asset": 3}


def test_values_are_shown_short_and_printable() -> None:
    problem = Problem("bad-id", "f", "because", 3, "a\x1b[31m" + "b" * 300, "BTC", "9" * 300)
    text = problem.describe()
    assert "\x1b" not in text
    assert r"a\x1b[31mbbb" in text
    assert "9" * 59 + "…" in text
    assert "9" * 60 not in text
    assert printable("x" * 60, 60) == "x" * 60


def test_a_record_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prover.book.text_input.MAX_RECORD_BYTES", 1000)
    path = write(tmp_path / "1.csv", ["a,BTC,1", "b,BTC," + "1" * 2000])
    with pytest.raises(ImportFailedError, match=r"1\.csv, line 3: a record of more than 1000 bytes"):
        import_book(
            "generic-long", [path], tmp_path / "book", assets=ASSETS, options=ReadOptions(chunk_bytes=64)
        )


def test_an_account_of_unreasonable_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prover.book.importers.json_stream.MAX_MEMBER_CHARACTERS", 1000)
    path = tmp_path / "ledger.json"
    path.write_text(ledger({"a": {"x" * 5000: 1}}))
    with pytest.raises(ImportFailedError, match="not a JSON value of reasonable size"):
        import_book("ottersec", [path], tmp_path / "book", options=ReadOptions(chunk_bytes=64))


def test_a_file_that_changes_under_the_import_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "1.csv", ["a,BTC,1"])

    def meddle(done: int, total: int) -> None:
        if done == total:
            os.utime(path, ns=(0, 0))

    with pytest.raises(ImportFailedError, match="changed while it was read"):
        import_book("generic-long", [path], tmp_path / "book", assets=ASSETS, progress=meddle)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "1.csv", ["a,BTC,1"])
    original = Path.open

    def refuse(self: Path, *args: object, **kwargs: object) -> object:
        if self == path:
            raise PermissionError(13, "Permission denied")
        return original(self, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ImportFailedError, match=r"cannot be read: Permission denied \[unreadable-file\]"):
        import_book("generic-long", [path], tmp_path / "book", assets=ASSETS)


@pytest.mark.parametrize(
    ("source", "arguments", "reason"),
    [
        ("excel", {}, "no source format 'excel'; there are binance, bitmex"),
        ("generic-long", {}, "needs an asset list"),
        ("generic-wide", {}, "needs an asset list"),
        ("generic-long", {"assets": ASSETS, "prices": Path("p")}, "takes no price file"),
        ("binance", {}, "needs the price and tier table"),
        ("binance", {"assets": ASSETS, "prices": Path("p")}, "give no asset list"),
        ("ottersec", {"assets": ASSETS}, "give no asset list"),
        ("bitmex", {"assets": ASSETS}, "has one asset, the asset list has 3"),
    ],
)
def test_requests_that_make_no_sense(
    source: str, arguments: dict[str, object], reason: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "1.csv", ["a,BTC,1"])
    with pytest.raises(ImportOptionsError, match=reason):
        import_book(source, [path], tmp_path / "book", **arguments)  # type: ignore[arg-type]


def test_inputs_options_and_places_are_checked(tmp_path: Path) -> None:
    path = write(tmp_path / "1.csv", ["a,BTC,1"])
    with pytest.raises(ImportOptionsError, match="no input file"):
        import_book("generic-long", [], tmp_path / "book", assets=ASSETS)
    with pytest.raises(ImportOptionsError, match="given twice"):
        import_book("generic-long", [path, tmp_path / "." / "1.csv"], tmp_path / "book", assets=ASSETS)
    with pytest.raises(ImportOptionsError, match="one ASCII character"):
        ReadOptions(delimiter='"')
    with pytest.raises(ImportOptionsError, match="cannot name a document"):
        import_book("generic-long", [path], tmp_path / "book", assets=ASSETS, documents={"../x": b""})
    inside = tmp_path / "folder"
    inside.mkdir()
    sink = CsvProblemFile(inside / "rejects.csv")
    with pytest.raises(ImportOptionsError, match="cannot be inside the book"):
        import_book("generic-long", [path], inside, assets=ASSETS, reject_sink=sink)
    assert not any(inside.iterdir())
