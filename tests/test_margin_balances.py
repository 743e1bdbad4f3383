"""`sealedbook margin balances` and `liquidation-price`: worked figures, every account, private files, refusals."""

from __future__ import annotations

import csv
import json
import stat
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from modelling_support import batch_of
from scenario_model_support import EXAMPLES, Account, Case, load_example
from sealing_support import fastest_backend, write_book
from test_cli import run
from vectors.generate_perpetual_examples import (
    HYPERLIQUID_ASSETS,
    HYPERLIQUID_BOOK,
    HYPERLIQUID_MARKET,
    hyperliquid_model,
    perpetual_market,
    perpetuals,
    rate_table,
)
from vectors.generate_wrapper_examples import BALANCES, generate

from circuits.claim_statement import ClaimDocumentError
from circuits.market.document import MarketDocument
from circuits.wrappers.shocks import PriceMove, Shock, shocked_market
from primitives.assets import Asset, AssetList
from primitives.strict_json import Json, JsonError
from prover.balances_report import COLUMNS, BalancesDefinition, write_balances
from prover.book.store import Book
from prover.errors import ProverError
from prover.liquidation_prices import COLUMNS as PRICE_COLUMNS
from prover.liquidation_prices import UNIT, PriceGrid, write_liquidation_prices

USD = 10**6
MARKET = HYPERLIQUID_MARKET.to_bytes()
MODEL = json.dumps(hyperliquid_model()).encode()
INITIAL = json.dumps(hyperliquid_model("initial")).encode()
DEFINITION = BalancesDefinition.parse(json.dumps(BALANCES).encode())


def make(
    folder: Path,
    accounts: Mapping[str, Mapping[str, int]],
    assets: tuple[Asset, ...] = HYPERLIQUID_ASSETS,
    market: bytes = MARKET,
) -> Book:
    return write_book(folder, accounts, AssetList(assets), {"market.json": market})


def example_book(folder: Path) -> Book:
    case = Case(hyperliquid_model(), HYPERLIQUID_MARKET, HYPERLIQUID_ASSETS)
    ids = [asset.id for asset in HYPERLIQUID_ASSETS]
    return make(folder, {
        name: {a: v for a, v in zip(ids, case.account_of(held), strict=True) if v}
        for name, held in HYPERLIQUID_BOOK.items()
    })  # fmt: skip


def read(out: Path) -> dict[str, dict[str, str]]:
    with out.open(newline="", encoding="utf-8") as file:
        return {row["account"]: row for row in csv.DictReader(file)}


def test_balances_of_the_example(tmp_path: Path) -> None:
    """``small``: 60,000 in cash, 10 BTC from 70,000 at 70,000, initial margin 1/40, a tenth of the notional."""
    book, out = example_book(tmp_path / "book"), tmp_path / "b.csv"
    summary = write_balances(
        book, out, fastest_backend(), definition=DEFINITION, model=MODEL, market=MARKET, initial_model=INITIAL
    )
    found = read(out)
    assert tuple(found["small"]) == COLUMNS
    assert found["small"] == {
        "account": "small", "cash_balance": "60000", "account_balance": "60000", "unrealised_pnl": "0",
        "equity": "60000", "maintenance_margin": "8750", "initial_margin": "17500",
        "available_balance": "42500", "withdrawable": "0", "binding": "margin: open notional",
        "margin_ratio": "0.145834", "capital_adequacy": "6.857142",
    }  # fmt: skip
    # 200,000,010 received, 2,857.143 BTC owed, worth 200,000,010: cash alone is equity.
    assert (found["large"]["unrealised_pnl"], found["large"]["equity"]) == ("0", "3200000")
    assert found["empty"] == dict.fromkeys(COLUMNS, "0") | {
        "account": "empty", "binding": "balance", "margin_ratio": "0", "capital_adequacy": ""
    }  # fmt: skip
    assert (summary.accounts, summary.can_withdraw, summary.uncounted) == (4, 0, ())
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    plain = BalancesDefinition("USDC", ("entry notional",))
    summary = write_balances(
        book, tmp_path / "p.csv", fastest_backend(), definition=plain, model=MODEL, market=MARKET
    )
    found = read(tmp_path / "p.csv")
    assert (found["small"]["withdrawable"], found["small"]["binding"]) == ("51250", "margin")
    assert (found["small"]["initial_margin"], found["small"]["available_balance"]) == ("", "51250")
    assert summary.can_withdraw >= 2


def test_the_figures_of_two_venues(tmp_path: Path) -> None:
    """12,000, profit 1,500, requirement 4,200: 9,300; account value 35,000, notional 200,000 at 20x: 15,000."""
    assets = (Asset("USDC", 6), Asset("cost", 6), Asset("X", 0))
    cross: Json = {"collateral": ["USDC", "cost"], "markets": [{"asset": "X", "table": "X"}]}
    for rate, mark, account, share, amount, profit in (
        ("0.06", "700", {"USDC": 12_000 * USD, "cost": -68_500 * USD, "X": 100}, "0", "9300", "1500"),
        ("0.05", "10", {"USDC": 35_000 * USD, "cost": -200_000 * USD, "X": 20_000}, "0.1", "15000", "0"),
    ):
        market = perpetual_market({"X": ("X", mark)}, ("USDC", "cost")).to_bytes()
        model = json.dumps(perpetuals([rate_table("X", (("0", rate),))], cross=cross)).encode()
        book = make(tmp_path / rate, {"one": account}, assets, market)
        definition = BalancesDefinition("USDC", ("cost",), Fraction(share))
        out = tmp_path / f"{rate}.csv"
        write_balances(book, out, fastest_backend(), definition=definition, model=model, market=market)
        assert (read(out)["one"]["withdrawable"], read(out)["one"]["unrealised_pnl"]) == (amount, profit)


def test_spot_and_options_are_told_apart(tmp_path: Path) -> None:
    case, accounts = load_example("derive-standard-margin")
    ids = [asset.id for asset in case.assets]
    market = case.market.to_bytes()
    book = make(
        tmp_path / "book",
        {name: {a: v for a, v in zip(ids, held, strict=True) if v} for name, held in accounts.items()},
        case.assets,
        market,
    )
    out = tmp_path / "b.parquet"
    definition = BalancesDefinition("USDC", ("entry cost",))
    write_balances(
        book,
        out,
        fastest_backend(),
        definition=definition,
        model=json.dumps(case.document).encode(),
        market=market,
    )
    found = {row["account"]: row for row in pq.read_table(out).to_pylist()}
    covered = found["covered"]
    # 250.5 USDC and 10 ETH at 2,100; short calls are what is unrealised.
    assert (covered["cash_balance"], covered["account_balance"]) == ("250.5", "21250.5")
    assert covered["unrealised_pnl"].startswith("-")


def test_definitions_and_books_that_are_refused(tmp_path: Path) -> None:
    for change, path, reason in (
        ({"withdraw": "entry notional"}, "$.cost_basis", "is what is withdrawn"),
        ({"open_notional_share": "2"}, "$.open_notional_share", "above 1"),
        ({"more": "1"}, "$", "unknown field 'more'"),
    ):
        with pytest.raises(JsonError, match=reason) as caught:
            BalancesDefinition.parse(json.dumps(BALANCES | change).encode())
        assert caught.value.path == path
    book = example_book(tmp_path / "book")
    backend = fastest_backend()
    out = tmp_path / "b.csv"
    for definition, reason in (
        (BalancesDefinition("EUR"), "no asset 'EUR'"),
        (BalancesDefinition("BTC"), "'BTC' is neither cash nor spot"),
        (BalancesDefinition("USDC", ("x",)), "no asset 'x' of cost basis"),
    ):
        with pytest.raises(ProverError, match=reason):
            write_balances(book, out, backend, definition=definition, model=MODEL, market=MARKET)
    prices = (
        b'{"format":"sealedbook/prices/v1","as_of":"2026-01-31T00:00:00Z","quote":"U","scale":6,"prices":[]}'
    )
    spot = b'{"format":"sealedbook/model/v1","kind":"non-negative"}'
    with pytest.raises(ClaimDocumentError, match="is no margin model"):
        write_balances(book, out, backend, definition=DEFINITION, model=spot, market=prices)
    assert not out.exists()


def test_the_balances_command(tmp_path: Path) -> None:
    example_book(tmp_path / "book")
    (tmp_path / "model.json").write_bytes(MODEL)
    definition = EXAMPLES / "withdrawable" / "balances.json"
    places = [tmp_path / "book", "--model", tmp_path / "model.json", "--out", tmp_path / "b.csv"]
    done = run("margin", "balances", *places, "--definition", definition)
    assert done.code == 0, done.said
    assert "of 4 accounts can withdraw something" in " ".join(done.said.split())
    again = run("margin", "balances", *places, "--definition", definition, "--json", "--replace")
    assert json.loads(again.out)["accounts"] == 4


# Liquidation prices


def verdict_at(model: Case, account: Account, multiple: Fraction) -> bool:
    change = Decimal(int(multiple * UNIT) - UNIT).scaleb(-8)
    market = shocked_market(model.market, Shock("x", (PriceMove("BTC", change, Decimal(0)),)))
    return bool(model.definition.evaluate(batch_of([account]), model.assets, market).sufficient[0])


def test_the_published_formula(tmp_path: Path) -> None:
    """Long 10 at 70,000, worth 60,000, l = 1/80: 64,810.13."""
    market = perpetual_market(
        {"BTC": ("BTC", "70000"), "ETH": ("ETH", "3500"), "SOL": ("SOL", "150.25")},
        ("USDC", "entry notional"),
        scale=10,
    )
    model = json.dumps(hyperliquid_model() | {"numbers": {"scale": 10}}).encode()
    book = make(
        tmp_path / "b", {"small": {"USDC": 60_000 * USD, "entry notional": -700_000 * USD, "BTC": 10**6}}
    )
    out = tmp_path / "p.csv"
    summary = write_liquidation_prices(
        book, out, fastest_backend(), model=model, market=market.to_bytes(), underlying="BTC"
    )
    (row,) = read(out).values()
    assert tuple(row) == PRICE_COLUMNS
    assert round(float(row["below_holds"]), 2) == round(float(row["below_changes"]), 2) == 64_810.13
    assert 0 < Decimal(row["below_holds"]) - Decimal(row["below_changes"]) <= Decimal("0.0007")
    assert (row["above_holds"], row["above_changes"], row["crossings"], row["sufficient"]) == (
        "",
        "",
        "1",
        "true",
    )
    assert (summary.accounts, summary.price, summary.below, summary.above) == (1, "70000", 1, 0)
    assert (summary.several, summary.resolution) == (0, "0.00000001")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_the_isolated_short(tmp_path: Path) -> None:
    """100 BTC short, margin 300,000, from 69,500: fails above 71,895.54."""
    case, accounts = load_example("linear-perpetuals-isolated")
    ids = [asset.id for asset in case.assets]
    held = {a: v for a, v in zip(ids, accounts["short"], strict=True) if v}
    market = case.market.to_bytes()
    book = make(tmp_path / "b", {"short": held}, case.assets, market)
    out = tmp_path / "p.csv"
    model = json.dumps(case.document).encode()
    write_liquidation_prices(book, out, fastest_backend(), model=model, market=market, underlying="BTC")
    (row,) = read(out).values()
    # Charges are rounded up, by less than a unit per base unit: 10 USD of 7.2 million.
    assert 71_895.54 - 0.11 < float(row["above_holds"]) <= 71_895.55
    assert row["below_changes"] == ""


def test_brackets_are_verdicts(tmp_path: Path) -> None:
    """Both ends of a bracket are evaluated markets; fewer compilations leave wider brackets around the same price."""
    case = Case(hyperliquid_model(), HYPERLIQUID_MARKET, HYPERLIQUID_ASSETS)
    book = example_book(tmp_path / "book")
    fine, coarse = tmp_path / "f.csv", tmp_path / "c.csv"
    for out, multiples in ((fine, 4096), (coarse, 60)):
        write_liquidation_prices(
            book, out, fastest_backend(), model=MODEL, market=MARKET, underlying="BTC", multiples=multiples
        )
    for name, row in read(fine).items():
        account = case.account_of(HYPERLIQUID_BOOK[name])
        wide = read(coarse)[name]
        for side in ("below", "above"):
            assert bool(row[f"{side}_changes"]) == bool(wide[f"{side}_changes"])
            if not row[f"{side}_changes"]:
                continue
            holds, changes = (Fraction(row[f"{side}_{end}"]) / 70_000 for end in ("holds", "changes"))
            assert abs(holds - changes) == Fraction(1, UNIT)
            today = row["sufficient"] == "true"
            assert (verdict_at(case, account, holds), verdict_at(case, account, changes)) == (
                today,
                not today,
            )
            ends = sorted(Fraction(wide[f"{side}_{end}"]) / 70_000 for end in ("holds", "changes"))
            assert ends[0] <= holds <= ends[1]
            assert ends[0] <= changes <= ends[1]


def test_several_crossings_are_flagged(tmp_path: Path) -> None:
    """Long options against short perpetuals: short of margin above today's price, and sufficient far above it."""
    case, _ = load_example("paradex-portfolio-margin")
    call = next(a.id for a in case.assets if a.id.startswith("BTC") and a.id.endswith("-C"))
    put = next(a.id for a in case.assets if a.id.startswith("BTC") and a.id.endswith("-P"))
    account = case.account_of({call: "30", put: "10", "BTC-USD-PERP": "-20"})
    result = case.evaluate([account])
    account[0] -= int((result.equity - result.requirement)[0]) - 1_025 * USD
    held = {asset.id: amount for asset, amount in zip(case.assets, account, strict=True) if amount}
    market = case.market.to_bytes()
    book = make(tmp_path / "b", {"one": held}, case.assets, market)
    out = tmp_path / "p.csv"
    grid = PriceGrid(Decimal("0.2"), Decimal(2), 20)
    summary = write_liquidation_prices(
        book, out, fastest_backend(), model=json.dumps(case.document).encode(), market=market, underlying="BTC",
        grid=grid, multiples=0,
    )  # fmt: skip
    (row,) = read(out).values()
    assert int(row["crossings"]) >= 2
    points = [UNIT, *grid.points()[0]]
    verdicts = [verdict_at(case, account, Fraction(point, UNIT)) for point in points]
    changes = sum(a != b for a, b in pairwise(verdicts))
    ups = [UNIT, *grid.points()[1]]
    verdicts = [verdict_at(case, account, Fraction(point, UNIT)) for point in ups]
    above = sum(a != b for a, b in pairwise(verdicts))
    assert int(row["crossings"]) == changes + above
    assert above == 2
    assert summary.several == 1


def test_what_the_search_refuses(tmp_path: Path) -> None:
    book = example_book(tmp_path / "book")
    out = tmp_path / "p.csv"
    backend = fastest_backend()
    with pytest.raises(ProverError, match="no price of 'DOGE'"):
        write_liquidation_prices(book, out, backend, model=MODEL, market=MARKET, underlying="DOGE")
    with pytest.raises(ProverError, match="from above 0 to below 1"):
        write_liquidation_prices(
            book,
            out,
            backend,
            model=MODEL,
            market=MARKET,
            underlying="BTC",
            grid=PriceGrid(lowest=Decimal(1)),
        )
    other = MarketDocument(HYPERLIQUID_MARKET.snapshot).to_bytes().replace(b'"scale":6', b'"scale":7')
    with pytest.raises(ClaimDocumentError, match="the market counts in 10\\^-7"):
        write_liquidation_prices(book, out, backend, model=MODEL, market=other, underlying="BTC")
    assert not out.exists()


def test_the_price_command(tmp_path: Path) -> None:
    example_book(tmp_path / "book")
    (tmp_path / "model.json").write_bytes(MODEL)
    places = [
        tmp_path / "book",
        "--model",
        tmp_path / "model.json",
        "--out",
        tmp_path / "p.csv",
        "--underlying",
        "BTC",
    ]
    done = run("margin", "liquidation-price", *places, "--steps", "10", "--multiples", "0")
    assert done.code == 0, done.said
    said = " ".join(done.said.split())
    assert (
        "from 70000, the verdict changes for 1 of 4 accounts at lower prices of BTC, for 1 at higher ones"
        in said
    )
    bad = run("margin", "liquidation-price", *places, "--lowest", "x", "--replace")
    assert bad.code != 0
    assert "--lowest" in bad.said


def test_examples_are_what_the_generator_writes(tmp_path: Path) -> None:
    generate(tmp_path)
    for folder in tmp_path.iterdir():
        fresh = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert {path.name: path.read_bytes() for path in (EXAMPLES / folder.name).iterdir()} == fresh
