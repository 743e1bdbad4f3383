"""Rebalancing: the smallest amounts are the smallest, by closed forms, by trying all, and by the compiled statement."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from scenario_model_support import EXAMPLES, load_example
from sealing_support import fastest_backend
from top_up_support import ASSETS, LEAVES, MARKET, TOP_UP, inner_model, market, opening_of
from typer.testing import CliRunner

from circuits.claim_statement import ClaimDocumentError
from circuits.model_document import read_definition
from circuits.modelling.errors import ModelError
from circuits.modelling.tables import HaircutTable
from circuits.positions import Int64Array
from circuits.public_market import parse_public_market
from primitives.strict_json import JsonError
from prover.book.errors import BookFormatError
from prover.errors import ProverError
from prover.rebalancing.bound_asset import PolicyError
from prover.rebalancing.closed_form import cash_top_up, haircut_top_up, missing_value
from prover.rebalancing.margin_function import MarginFunction
from prover.rebalancing.planning import Plan, Planner, Status
from prover.rebalancing.policy import RebalancingPolicy
from prover.rebalancing.rebalance import AccountTable, rebalance, write_rebalancing
from prover.rebalancing.search import smallest_lots
from prover.rebalancing.target import failing_rows, target_document
from sealedbook.__main__ import app
from sealedbook.output import ExitCode

MODEL: Final = json.dumps(inner_model()).encode()
TABLE: Final = AccountTable(
    tuple(name for name, _ in LEAVES),
    ASSETS,
    np.array([[amounts.get(asset.id, 0) for asset in ASSETS] for _, amounts in LEAVES], np.int64),
)
PAIR: Final = 2
ONE: Final = {"margin_ratio": {"numerator": 1, "denominator": 1}}
NINE_TENTHS: Final = {"margin_ratio": {"numerator": 9, "denominator": 10}}


def policy(*assets: Mapping[str, Any], **more: Any) -> bytes:
    document = {
        "format": "sealedbook/rebalancing-policy/v1",
        "trigger": ONE,
        "target": NINE_TENTHS,
        "assets": list(assets),
    }
    return json.dumps({**document, **more}).encode()


def usdt(reserve: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"asset": "USDT", "reserve": {"unlimited": True} if reserve is None else dict(reserve), **more}


def credit(price: str, *tiers: Mapping[str, str]) -> dict[str, Any]:
    return {"decimals": 8, "price": price, "tiers": list(tiers)}


def function(at: bytes = MARKET) -> MarginFunction:
    return MarginFunction(read_definition(MODEL), ASSETS, parse_public_market(at))


def plan(*assets: Mapping[str, Any], at: bytes = MARKET, table: AccountTable = TABLE, **more: Any) -> Plan:
    parsed = RebalancingPolicy.parse(policy(*assets, **more))
    return Planner(parsed, table.assets, table.places).plan(function(at), table.amounts)


# The worked example.


def test_worked_example_in_closed_form() -> None:
    """E = 75,000 and MM = 103,100: 39,555.555556 USDT, or 56,649,561 satoshi at 95 % of 73,500."""
    missing = missing_value(Fraction(75_000), Fraction(103_100), Fraction(10, 9))
    assert cash_top_up(missing, Fraction(1, 10**6)) == TOP_UP == 39_555_555_556
    at_95 = HaircutTable(((None, Fraction(95, 100)),))
    assert haircut_top_up(missing, at_95, Fraction(73_500, 10**8)) == 56_649_561


def test_worked_example_by_the_model() -> None:
    figures = function().figures(TABLE.amounts[PAIR : PAIR + 1])
    assert [int(values[0]) for values in (*figures.equity, *figures.requirement)] == [
        75_000 * 10**6,
        103_100 * 10**6,
    ]
    made = plan(usdt())
    assert made.transfers[0].amounts.tolist() == [0, 0, TOP_UP, 0]
    assert made.is_smallest[PAIR]
    bitcoin = {
        "asset": "BTC",
        "reserve": {"unlimited": True},
        "credit": {"decimals": 8, "price": "73500", "tiers": [{"ratio": "0.95"}]},
    }
    made = plan(bitcoin)
    assert made.transfers[0].amounts[PAIR] == 56_649_561
    assert made.is_smallest[PAIR]


def test_the_compiled_statement_is_the_judge() -> None:
    target = target_document(MODEL, Fraction(10, 9))
    lines = np.repeat(TABLE.amounts[PAIR : PAIR + 1], 2, axis=0)
    lines[:, 0] += [TOP_UP, TOP_UP - 1]
    assert failing_rows(target, MARKET, ASSETS, lines, fastest_backend()) == {1: "margin"}


def test_nothing_is_called_for_before_the_move() -> None:
    made = plan(usdt(), at=market("70000"))
    assert not made.called.any()
    assert made.status(PAIR) is Status.UNTOUCHED


# Closed forms.


@pytest.mark.parametrize("seed", range(5))
def test_haircut_tiers_against_trying(seed: int) -> None:
    chance = random.Random(seed)
    ratios = sorted((Fraction(chance.randrange(1, 100), 100) for _ in range(3)), reverse=True)
    bounds = sorted(chance.sample(range(1, 60), 2))
    last = None if chance.randrange(2) else Fraction(bounds[1] + 20)
    table = HaircutTable(
        ((Fraction(bounds[0]), ratios[0]), (Fraction(bounds[1]), ratios[1]), (last, ratios[2]))
    )
    price = Fraction(chance.randrange(1, 30), 7)
    for missing in range(0, 80, 3):
        tried = next((t for t in range(2_000) if table.value(t * price) >= missing), None)
        assert haircut_top_up(Fraction(missing), table, price) == tried


def test_closed_forms_of_what_is_worth_nothing() -> None:
    with pytest.raises(ValueError, match="worth nothing"):
        cash_top_up(Fraction(1), Fraction(0))
    table = HaircutTable(((Fraction(10), Fraction(1)), (None, Fraction(0))))
    assert haircut_top_up(Fraction(11), table, Fraction(1)) is None
    assert haircut_top_up(Fraction(10), table, Fraction(1)) == 10
    with pytest.raises(ValueError, match="worth nothing"):
        haircut_top_up(Fraction(1), table, Fraction(0))


# The search.


def _lines(seed: int, count: int) -> Sequence[Sequence[tuple[int, int]]]:
    """Two concave functions of k, each the least of a few lines ``a k + b``."""
    chance = random.Random(seed)
    return [
        [(chance.randrange(-5, 60), chance.randrange(-900, 400)) for _ in range(chance.randrange(1, 5))]
        for _ in range(count)
    ]


@pytest.mark.parametrize("is_concave", [True, False])
def test_search_against_trying(is_concave: bool) -> None:
    pairs = [_lines(seed, 2) for seed in range(300)]
    caps = np.array([random.Random(-seed).randrange(120) for seed in range(300)], np.int64)

    def exact(account: int, lots: int) -> list[int]:
        return [min(a * lots + b for a, b in lines) for lines in pairs[account]]

    def slack(accounts: Any, lots: Int64Array) -> list[Any]:
        found = [exact(int(account), int(k)) for account, k in zip(accounts, lots, strict=True)]
        return [np.array(values, object) for values in zip(*found, strict=True)]

    found = smallest_lots(slack, np.ones(300, np.int64), caps, is_concave=is_concave)
    reached = 0
    for account, cap in enumerate(caps.tolist()):
        tried = next((k for k in range(min(1, cap), cap + 1) if min(exact(account, k)) >= 0), None)
        if tried is None:
            assert not found.reached[account]
            if is_concave:
                best = max(range(min(1, cap), cap + 1), key=lambda k: min(exact(account, k)))
                assert min(exact(account, int(found.lots[account]))) == min(exact(account, best))
        elif is_concave:
            assert (found.reached[account], found.lots[account]) == (True, tried)
            reached += 1
        elif found.reached[account]:
            lots = int(found.lots[account])
            assert min(exact(account, lots)) >= 0
            assert lots == min(1, cap) or min(exact(account, lots - 1)) < 0
            reached += 1
    assert 60 < reached < 240


def test_an_asset_that_changes_the_requirement() -> None:
    """Closing the short position: each unit adds to the equity and takes from the requirement."""
    made = plan({"asset": "BTCUSDT", "reserve": {"unlimited": True}})
    amount = int(made.transfers[0].amounts[PAIR])
    lines = np.repeat(TABLE.amounts[PAIR : PAIR + 1], 3, axis=0)
    lines[:, 2] += [amount - 1, amount, 60_000_000]
    slack = function().slack(lines, Fraction(10, 9))
    assert slack[0] < 0 <= slack[1]
    assert made.is_smallest[PAIR]


@pytest.mark.parametrize(
    ("kind", "asset", "is_concave"),
    [
        ("linear-perpetuals-cross", "USDT", True),
        ("linear-perpetuals-isolated", "BTCUSDT margin", True),
        ("linear-perpetuals-orders", "USDC", True),
        ("hyperliquid-perpetuals", "USDC", True),
        ("paradex-portfolio-margin", "USDC", True),
        ("deribit-segregated-portfolio-margin", "BTC", True),
        ("span", "USD", False),
        ("derive-standard-margin", "USDC", False),
    ],
)
def test_every_model_is_judged_by_its_statement(kind: str, asset: str, is_concave: bool) -> None:
    """Many times the requirement: the statement holds with the amount found, and not with a base unit less."""
    case, book = load_example(kind)
    folder = EXAMPLES / kind
    model, prices = (folder / "model.json").read_bytes(), (folder / "market.json").read_bytes()
    assets = tuple(case.assets)
    table = AccountTable(tuple(book), assets, np.array(list(book.values()), np.int64))
    multiple = {"buffer": {"numerator": 11, "denominator": 1}}
    data = policy({"asset": asset, "reserve": {"unlimited": True}}, trigger=multiple, target=multiple)
    backend = fastest_backend()
    result = rebalance(table, backend, policy=data, model=model, market=prices)
    assert result.is_exact == is_concave
    chosen = np.flatnonzero(result.plan.restored)
    assert len(chosen) >= 1
    assert result.fails == {}
    assert result.plan.is_smallest[chosen].all()
    less = result.plan.after[chosen].copy()
    less[:, [each.id for each in assets].index(asset)] -= 1
    assert set(failing_rows(result.target, prices, assets, less, backend)) == set(range(len(chosen)))


# Reserves, fees, lots.


def test_the_assets_are_used_in_their_order() -> None:
    made = plan(usdt({"column": "wallet USDT"}, lot="1000"), at=market("74000"))
    moved = int(made.transfers[0].amounts[PAIR])
    assert moved == 60_000 * 10**6
    assert made.status(PAIR) is Status.SHORT
    both = plan(
        usdt({"column": "wallet USDT"}),
        {"asset": "entry cost", "reserve": {"unlimited": True}},
        at=market("74000"),
    )
    assert int(both.transfers[0].amounts[PAIR]) == 60_000 * 10**6
    assert both.status(PAIR) is Status.RESTORED
    assert both.is_smallest[PAIR]
    assert both.after[PAIR, 4] == 0


def test_fees_lots_and_minimum() -> None:
    fee = {"fixed": "1", "basis_points": "5"}
    made = plan(usdt({"column": "wallet USDT"}, lot="0.01", fee=fee))
    assert made.transfers[0].amounts[PAIR] == 39_555_560_000
    assert made.transfers[0].fees[PAIR] == 1_000_000 + 19_777_780
    assert made.after[PAIR, 4] == 60_000_000_000 - 39_555_560_000 - 20_777_780
    made = plan(usdt(minimum="45000"))
    assert made.transfers[0].amounts[PAIR] == 45_000_000_000
    assert not made.is_smallest[PAIR]
    made = plan(usdt({"amount": "39555.56"}, lot="0.01", fee=fee))
    assert made.status(PAIR) is Status.SHORT
    assert made.transfers[0].amounts[PAIR] + made.transfers[0].fees[PAIR] <= 39_555_560_000
    made = plan(usdt({"amount": "10"}, minimum="20"))
    assert made.transfers[0].amounts[PAIR] == 0


def test_a_shared_reserve_is_given_once() -> None:
    amounts = np.repeat(TABLE.amounts[PAIR : PAIR + 1], 4, axis=0)
    amounts[0] = [100_000 * 10**6, 0, 0, 0, 0]
    table = AccountTable(("fund", "a", "b", "c"), ASSETS, amounts)
    made = plan(usdt({"account": "fund"}), table=table)
    assert made.transfers[0].amounts.tolist() == [0, TOP_UP, TOP_UP, 100_000 * 10**6 - 2 * TOP_UP]
    assert made.after[:, 0].sum() == amounts[:, 0].sum()
    assert made.after[0, 0] == 0
    assert [str(made.status(line)) for line in range(4)] == ["untouched", "restored", "restored", "short"]


def test_a_paying_account_keeps_its_own_target() -> None:
    amounts = np.repeat(TABLE.amounts[PAIR : PAIR + 1], 2, axis=0)
    amounts[0, 0] += TOP_UP + 7
    table = AccountTable(("fund", "a"), ASSETS, amounts)
    made = plan(usdt({"account": "fund"}), table=table)
    assert made.transfers[0].amounts.tolist() == [0, 7]
    assert function().slack(made.after, Fraction(10, 9))[0] >= 0


def test_withdrawals_leave_the_lower_multiple() -> None:
    upper = {
        "above": {"buffer": {"numerator": 1, "denominator": 1}},
        "down_to": {"buffer": {"numerator": 1, "denominator": 2}},
    }
    made = plan(usdt({"column": "wallet USDT"}), at=market("70000"), withdraw=upper)
    assert made.withdrawals is not None
    taken = -int(made.withdrawals.amounts[PAIR])
    # E = 425,000 and MM = 99,600: 425,000 - 1.5 * 99,600
    assert taken == 275_600 * 10**6
    lines = np.repeat(TABLE.amounts[PAIR : PAIR + 1], 2, axis=0)
    lines[:, 0] -= [taken, taken + 1]
    slack = function(market("70000")).slack(lines, Fraction(3, 2))
    assert slack[0] >= 0 > slack[1]
    assert made.after[PAIR, 4] == TABLE.amounts[PAIR, 4] + taken
    assert made.status(PAIR) is Status.WITHDRAWN


def test_one_account_alone() -> None:
    backend = fastest_backend()
    parsed: dict[str, Any] = {"policy": policy(usdt()), "model": MODEL, "market": MARKET}
    assert rebalance(TABLE, backend, **parsed, account="pair").summary().by_status["restored"] == 1
    assert rebalance(TABLE, backend, **parsed, account="poor").summary().by_status["restored"] == 0
    with pytest.raises(PolicyError, match="the account is not in the book"):
        rebalance(TABLE, backend, **parsed, account="nobody")
    opening = AccountTable.of_opening(opening_of("pair", backend))
    (row,) = rebalance(opening, backend, **parsed).rows()
    assert row[:6] == ("pair", "restored", "top-up", "USDT", "39555.555556", "0")


def test_restored_accounts_that_cannot_be_proven_are_named() -> None:
    """The wallet may not be negative, whatever the margin is."""
    amounts = TABLE.amounts[PAIR : PAIR + 1].copy()
    amounts[0, 4] = -1
    table = AccountTable(("pair",), ASSETS, amounts)
    result = rebalance(table, fastest_backend(), policy=policy(usdt()), model=MODEL, market=MARKET)
    assert result.summary().unconfirmed == 1
    assert "wallet USDT" in result.rows()[0][-1]


# Documents.


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": "sealedbook/policy/v1"}, r"\$\.format"),
        ({"trigger": {"margin_ratio": {"numerator": 2, "denominator": 1}}}, "is above 1"),
        ({"trigger": {"buffer": {"numerator": -1, "denominator": 10}}}, r"\$\.trigger\.buffer\.numerator"),
        ({"trigger": {"buffer": {"numerator": 1, "denominator": 0}}}, r"\$\.trigger\.buffer\.denominator"),
        ({"trigger": {"buffer": {"numerator": 1, "denominator": 10, "x": 1}}}, "unknown field"),
        ({"trigger": {"buffer": {"numerator": 999_999, "denominator": 999_998}}}, "a term above"),
        ({"trigger": {"buffer": {"numerator": 1, "denominator": 2}}}, "is below the trigger"),
        ({"assets": []}, "is empty"),
        ({"assets": [usdt(), usdt()]}, "twice"),
        ({"assets": [usdt({"column": "USDT"})]}, "is the asset itself"),
        ({"assets": [usdt({"unlimited": False})]}, "is not true"),
        ({"assets": [usdt({"amount": "-1"})]}, "is negative"),
        ({"assets": [usdt({"amount": "1.0"})]}, "canonical"),
        ({"assets": [usdt(lot="0")]}, "is zero"),
        ({"assets": [usdt(latency=-1)]}, r"\.latency"),
        ({"assets": [usdt(fee={"basis_points": "10001"})]}, "is above"),
        ({"assets": [usdt({"column": "wallet USDT"}, credit=credit("1"))]}, "is of the book"),
        ({"assets": [usdt(credit=credit("0"))]}, "is zero"),
        ({"assets": [usdt(credit=credit("1", {"to": "5", "ratio": "0.5"}, {"ratio": "0.6"}))]}, "not concave"),
        ({"withdraw": {"above": ONE, "down_to": ONE}}, "is not between the target"),
        ({"more": 1}, "unknown field 'more'"),
    ],
)  # fmt: skip
def test_policies_that_are_refused(change: Mapping[str, Any], reason: str) -> None:
    with pytest.raises(JsonError, match=reason):
        RebalancingPolicy.parse(policy(usdt(), **change))


@pytest.mark.parametrize(
    ("asset", "reason"),
    [
        ({"asset": "XRP", "reserve": {"unlimited": True}}, "'XRP' is not in the book"),
        (usdt({"column": "XRP"}), "'XRP' is not in the book"),
        (usdt({"column": "BTCUSDT"}), "has other decimals"),
        (usdt({"account": "nobody"}), "the account that pays is not in the book"),
        (usdt(lot="0.0000001"), "'USDT' .6 decimals. is not a multiple"),
    ],
)
def test_policies_that_do_not_fit_the_book(asset: Mapping[str, Any], reason: str) -> None:
    with pytest.raises(PolicyError, match=reason):
        plan(asset)


def test_a_reserve_is_not_filled_as_well() -> None:
    with pytest.raises(PolicyError, match="a column that the policy fills as well"):
        plan(usdt({"column": "wallet USDT"}), {"asset": "wallet USDT", "reserve": {"unlimited": True}})


def test_models_that_have_a_buffer_already() -> None:
    wrapped = read_definition(target_document(MODEL, Fraction(2)))
    with pytest.raises(ModelError, match="a buffer of its own"):
        MarginFunction(wrapped, ASSETS, parse_public_market(MARKET))
    with pytest.raises(ClaimDocumentError, match="stands inside another"):
        target_document(target_document(MODEL, Fraction(2)), Fraction(2))
    with pytest.raises(ClaimDocumentError, match="is no margin model"):
        target_document(b'{"format": "sealedbook/model/v1", "kind": "net-value"}', Fraction(2))


# The command.


def _run(*words: str) -> tuple[int, Any]:
    result = CliRunner().invoke(app, [*words, "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_the_command_on_an_opening(tmp_path: Path) -> None:
    opening, model, out = tmp_path / "pair.json", tmp_path / "model.json", tmp_path / "transfers.csv"
    opening.write_bytes(opening_of("pair", fastest_backend()).to_bytes())
    model.write_bytes(MODEL)
    (tmp_path / "market.json").write_bytes(MARKET)
    (tmp_path / "policy.json").write_bytes(policy(usdt({"column": "wallet USDT"})))
    words: tuple[str, ...] = ("margin", "rebalance", str(opening), "--model", str(model))
    words += ("--market", str(tmp_path / "market.json"), "--policy", str(tmp_path / "policy.json"))
    code, result = _run(*words, "--out", str(out))
    assert code == 0
    assert [entry["amount"] for entry in result["transfers"]] == ["39555.555556"]
    assert result["exact"]
    (entry,) = csv.DictReader(out.read_text(encoding="utf-8").splitlines())
    assert (entry["account"], entry["smallest"], entry["counterpart"]) == (
        "pair",
        "true",
        "column wallet USDT",
    )
    assert out.stat().st_mode & 0o777 == 0o600
    code, error = _run(*words, "--out", str(out))
    assert code == ExitCode.REFUSED_INPUT
    assert "exists" in error["detail"]
    code, error = _run("margin", "rebalance", str(tmp_path / "nothing"), *words[3:])
    assert code == ExitCode.REFUSED_INPUT
    with pytest.raises(ProverError, match="name the report"):
        write_rebalancing(
            rebalance(TABLE, fastest_backend(), policy=policy(usdt()), model=MODEL, market=MARKET),
            tmp_path / "transfers.txt",
        )


def test_errors_of_books_are_told(tmp_path: Path) -> None:
    from prover.book.store import Book

    with pytest.raises(BookFormatError):
        AccountTable.of_book(Book.open(tmp_path))
