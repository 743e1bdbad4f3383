"""The published formats of other proof systems: figures from their own samples, and what is made of them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from primitives.assets import AssetList
from primitives.strict_json import canonical_json
from prover.book import (
    IMPORTERS,
    Book,
    CsvProblemFile,
    ImportFailedError,
    ImportReport,
    ReadOptions,
    import_book,
)
from prover.book.importers.binance import (
    KINDS,
    TWO_DECIMAL_ASSETS,
    debt_and_collateral,
    haircut_value,
    load_prices,
)
from prover.book.importers.market_document import PublishedPrice, Tier, parse_tiers

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"
SAMPLES: dict[str, Any] = json.loads((ROOT / "tests/vectors/books/published_samples.json").read_text())


def table(path: Path, rows: Iterable[Iterable[str]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    return path


def contents(path: Path) -> dict[str, dict[str, int]]:
    book = Book.open(path)
    found: dict[str, dict[str, int]] = {}
    for batch in book.iter_batches(50):
        for row, account in enumerate(batch.ids):
            places = range(batch.row_offsets[row], batch.row_offsets[row + 1])
            found[account] = {book.assets[int(batch.columns[k])].id: int(batch.amounts[k]) for k in places}
    return found


@pytest.fixture
def binance(tmp_path: Path) -> tuple[Path, Path]:
    sample = SAMPLES["binance"]
    return table(tmp_path / "users.csv", sample["users"]), table(tmp_path / "prices.csv", sample["prices"])


def test_the_sources_are_registered() -> None:
    names = ["binance", "bitmex", "dapol", "generic-long", "generic-wide", "ottersec", "summa"]
    assert sorted(IMPORTERS) == names
    assert all(importer.name == name and importer.summary for name, importer in IMPORTERS.items())


@pytest.mark.parametrize("chunk_bytes", [100, 1 << 20])
def test_binance_users_become_five_columns_an_asset(
    chunk_bytes: int, binance: tuple[Path, Path], tmp_path: Path
) -> None:
    users, prices = binance
    options = ReadOptions(chunk_bytes=chunk_bytes)
    report = import_book("binance", [users], tmp_path / "book", prices=prices, options=options)
    sample = SAMPLES["binance"]
    assert (report.accounts_seen, report.accounts_accepted, report.problems) == (4, 4, {})
    assert report.rule_breakers == len(sample["rule_breakers"])
    with Book.open(tmp_path / "book").reports["rule-violations.csv"].open(newline="") as file:
        reported: dict[str, set[str]] = {}
        for row in csv.DictReader(file):
            reported.setdefault(row["account"], set()).add(row["code"])
    assert reported == {account: set(codes) for account, codes in sample["rule_breakers"].items()}
    book = Book.open(tmp_path / "book")
    assert book.assets.ids[:6] == (
        "BTC:equity",
        "BTC:debt",
        "BTC:loan",
        "BTC:margin",
        "BTC:portfolio",
        "ETH:equity",
    )
    assert [asset.decimals for asset in book.assets] == [8] * 15 + [2] * 5
    # line 3 of the sample: 0.56338969, 0.484959, net, 0.28169485, 0.14084742, 0.07042371 BTC, ..., SHIB
    account = contents(tmp_path / "book")["0" * 63 + "1"]
    assert [account[f"BTC:{kind}"] for kind in KINDS] == [56338969, 48495900, 28169485, 14084742, 7042371]
    assert [account[f"SHIB:{kind}"] for kind in KINDS] == [9473, 100, 4737, 2368, 1184]


def test_binance_rule_breakers_can_be_rejected(binance: tuple[Path, Path], tmp_path: Path) -> None:
    users, prices = binance
    report = import_book(
        "binance", [users], tmp_path / "book", prices=prices,
        reject_sink=CsvProblemFile(tmp_path / "rejects.csv"), reject_rule_breakers=True,
    )  # fmt: skip
    assert (report.accounts_accepted, report.accounts_rejected, report.warnings) == (2, 2, {})
    breakers = set(SAMPLES["binance"]["rule_breakers"])
    assert not breakers & set(contents(tmp_path / "book"))
    with (tmp_path / "rejects.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["account"] for row in rows} == breakers
    # every position of theirs is listed: 20 amounts each, none of them 0
    assert sum(row["code"] == "account-rejected" for row in rows) == 40


def test_binance_market_is_carried_as_published(binance: tuple[Path, Path], tmp_path: Path) -> None:
    users, prices = binance
    import_book("binance", [users], tmp_path / "book", prices=prices)
    data = Book.open(tmp_path / "book").documents["market.json"].read_bytes()
    document = json.loads(data)
    assert canonical_json(document) == data
    bnb, shib = document["assets"][2:]
    assert bnb["price"] == {"text": "610.23000000", "units": "61023000000", "scale": 8}
    assert bnb["pools"]["margin"][1] == {"from": "20000", "to": "40000", "percent": 80}
    assert shib["pools"] == {"loan": [], "margin": [], "portfolio": []}
    assert (shib["decimals"], shib["price"]["units"]) == (2, "1797")


def test_binance_values_are_the_published_ones(binance: tuple[Path, Path]) -> None:
    """The totals of the account in the sample proof: debt and collateral in units of 10^-16 USDT."""
    sample = SAMPLES["binance_values"]
    market = list(load_prices(binance[1]).values())
    debt, collateral = debt_and_collateral(sample["amounts"], market)
    assert (str(debt), str(collateral)) == (sample["total_debt"], sample["total_collateral"])


def test_binance_real_tiers(tmp_path: Path) -> None:
    market = load_prices(table(tmp_path / "prices.csv", SAMPLES["binance_real_tiers"]["table"]))
    bitcoin, million = market["BTC"], 10**22
    # 700 BTC in the margin pool at 115,770: 30M at 100 %, 20M at 98 %, the rest of 81.039M at 95 %
    value = 700 * 10**8 * bitcoin.price.truncated(8)
    assert value == 81_039_000 * 10**16
    assert haircut_value(value, bitcoin.pools["margin"]) == 79_087_050 * 10**16
    assert haircut_value(10**40, bitcoin.pools["margin"]) == haircut_value(
        2500 * million, bitcoin.pools["margin"]
    )
    # prices beyond what the reference keeps are cut, and kept whole in the document
    assert market["AERGO"].price == PublishedPrice("0.1227906302538170", 1227906302538170, 16)
    assert market["AERGO"].price.truncated(8) == 12279063
    assert {symbol: entry.decimals for symbol, entry in market.items()} == {
        "BTC": 8, "BNB": 8, "SHIB": 2, "AERGO": 8, "1000SATS": 2,
    }  # fmt: skip


def test_tiers_round_down_one_by_one() -> None:
    tiers = (Tier(0, 1, 33), Tier(1, 2, 50))
    assert haircut_value(10, tiers) == 3
    assert haircut_value(10**16 + 3, tiers) == 33 * 10**14 + 1
    assert haircut_value(10**16, tiers) == 33 * 10**14
    assert haircut_value(0, tiers) == haircut_value(5, ()) == 0


def test_tier_texts() -> None:
    assert parse_tiers("") == parse_tiers("[]") == parse_tiers(" [ ] ") == ()
    assert parse_tiers("[0-10:90, 10-20:5]") == (Tier(0, 10, 90), Tier(10, 20, 5))


def test_binance_ids_are_told_apart_without_case(binance: tuple[Path, Path], tmp_path: Path) -> None:
    users, prices = binance
    rows = SAMPLES["binance"]["users"]
    rows = [rows[0], ["0", "ab" * 32, *rows[3][2:]], ["1", "AB" * 32, *rows[3][2:]]]
    with pytest.raises(ImportFailedError, match="already given") as caught:
        import_book("binance", [table(users, rows)], tmp_path / "book", prices=prices)
    assert caught.value.report.problems == {"duplicate-row": 1}


def test_binance_files_must_have_the_same_assets(binance: tuple[Path, Path], tmp_path: Path) -> None:
    users, prices = binance
    rows = SAMPLES["binance"]["users"]
    swapped = [[*row[:2], *row[8:14], *row[2:8], *row[14:]] for row in rows]
    other = table(tmp_path / "users2.csv", swapped)
    with pytest.raises(
        ImportFailedError, match=r"users2\.csv, line 1: the assets are not those of the first"
    ):
        import_book("binance", [users, other], tmp_path / "book", prices=prices)


def test_two_decimal_assets() -> None:
    assert len(TWO_DECIMAL_ASSETS) == 27
    assert {"SHIB", "PEPE", "1000SATS"} < TWO_DECIMAL_ASSETS
    assert "BTC" not in TWO_DECIMAL_ASSETS


def run_sample(name: str, tmp_path: Path, assets: AssetList | None = None) -> ImportReport:
    path = table(tmp_path / f"{name}.csv", SAMPLES[name]["table"])
    return import_book(name, [path], tmp_path / "book", assets=assets, replace=True)


def test_summa(tmp_path: Path) -> None:
    run_sample("summa", tmp_path)
    assert Book.open(tmp_path / "book").assets == AssetList.of([("ETH_ETH", 0), ("USDT_ETH", 0)])
    assert contents(tmp_path / "book")["dxGaEAii"] == {"ETH_ETH": 11888, "USDT_ETH": 41163}
    # a list may give decimals and another order; the file stays in base units
    run_sample("summa", tmp_path, AssetList.of([("USDT_ETH", 6), ("BTC_BTC", 8), ("ETH_ETH", 18)]))
    assert contents(tmp_path / "book")["dxGaEAii"] == {"ETH_ETH": 11888, "USDT_ETH": 41163}
    with pytest.raises(ImportFailedError, match="asset USDT_ETH is not in the asset list"):
        run_sample("summa", tmp_path, AssetList.of([("ETH_ETH", 18)]))


def test_bitmex(tmp_path: Path) -> None:
    run_sample("bitmex", tmp_path)
    expected = {"1": {"XBt": 1000}, "2": {"XBt": 3000}, "4": {"XBt": 4_000_000_000}, "5": {}}
    assert contents(tmp_path / "book") == expected
    run_sample("bitmex", tmp_path, AssetList.of([("BTC", 8)]))
    assert contents(tmp_path / "book")["1"] == {"BTC": 1000}


def test_dapol(tmp_path: Path) -> None:
    run_sample("dapol", tmp_path)
    assert contents(tmp_path / "book") == {
        "jane.smith@example.com": {"liability": 724851},
        "john.doe@example.com": {"liability": 893267},
    }
    path = table(tmp_path / "more.csv", [["note", "liability", "entity_id"], ["x,y", "7", "jane"]])
    import_book("dapol", [path], tmp_path / "book", replace=True)
    assert contents(tmp_path / "book") == {"jane": {"liability": 7}}


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 7, 50, 1 << 20])
@pytest.mark.parametrize("order", [("timestamp", "assets", "accounts"), ("accounts", "assets", "timestamp")])
@pytest.mark.parametrize("indent", [None, 3])
def test_ottersec(chunk_bytes: int, order: tuple[str, ...], indent: int | None, tmp_path: Path) -> None:
    ledger = SAMPLES["ottersec"]["ledger"]
    accounts = ledger["accounts"] | {'zo"ë[[': {"BTC": -12, "ETH": 99999}, "empty": {}}
    document = {name: accounts if name == "accounts" else ledger[name] for name in order}
    path = tmp_path / "private_ledger.json"
    path.write_text(json.dumps(document, indent=indent, ensure_ascii=indent is None), encoding="utf-8")
    options = ReadOptions(chunk_bytes=chunk_bytes)
    report = import_book("ottersec", [path], tmp_path / "book", options=options)
    assert (report.accounts_seen, report.warnings) == (3, {})
    assert contents(tmp_path / "book") == accounts
    book = Book.open(tmp_path / "book")
    assert isinstance(book.source, dict)
    assert book.source["timestamps_ms"] == [1746488437000]
    price = json.loads(book.documents["market.json"].read_bytes())["assets"][1]["price"]
    assert price == {"text": "2000.4", "units": "200040", "scale": 2}


def test_ottersec_files_must_agree_on_assets(tmp_path: Path) -> None:
    first, second = tmp_path / "1.json", tmp_path / "2.json"
    ledger = SAMPLES["ottersec"]["ledger"]
    first.write_text(json.dumps(ledger))
    second.write_text(json.dumps(ledger | {"assets": {"BTC": ledger["assets"]["BTC"]}, "accounts": {}}))
    with pytest.raises(ImportFailedError, match=r"2\.json: the assets are not those of the first"):
        import_book("ottersec", [first, second], tmp_path / "book")
    second.write_text(json.dumps(ledger))
    with pytest.raises(ImportFailedError, match="already given in"):
        import_book("ottersec", [first, second], tmp_path / "book")


@pytest.fixture
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip(f"the published sample files are not here: {SHARED.relative_to(ROOT.parent)} is absent")
    return SHARED


@pytest.mark.parametrize(
    ("prices", "warnings"),
    [
        ("cex_assets_info.csv", {"collateral-exceeds-equity": 20, "debt-exceeds-collateral": 10}),
        ("cex_assets_info_484.csv", {"collateral-exceeds-equity": 20}),
    ],
)
def test_the_whole_binance_sample(
    prices: str, warnings: dict[str, int], shared: Path, tmp_path: Path
) -> None:
    """Its generator made ten invalid accounts of a hundred: half pledge too much, all owe too much."""
    users = shared / "binance/sample_users0.csv"
    report = import_book("binance", [users], tmp_path / "book", prices=shared / "binance" / prices)
    assert (report.written, report.accounts_accepted, report.problems) == (True, 100, {})
    assert report.warnings == warnings
    assert report.rule_breakers == (10 if len(warnings) == 2 else 5)
    text = "\n".join(report.summary_lines())
    assert f"{report.rule_breakers} account(s) break a rule of the source. They stay in the book" in text


def test_the_whole_summa_sample(shared: Path, tmp_path: Path) -> None:
    import_book("summa", [shared / "summa/entry_16.csv"], tmp_path / "book")
    totals: dict[str, int] = {}
    for amounts in contents(tmp_path / "book").values():
        for asset, amount in amounts.items():
            totals[asset] = totals.get(asset, 0) + amount
    assert totals == {"ETH_ETH": 556862, "USDT_ETH": 556862}
