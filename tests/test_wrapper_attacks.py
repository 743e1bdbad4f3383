"""Attempts to have models around a margin model say more than their rows show."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from modelling_support import batch_of, by_meaning, by_solver, by_witness
from scenario_model_support import EXAMPLES, Case, moved, needs_native
from test_wrapper_insured import (
    INNER,
    MARKET,
    book_of,
    encoded,
    findings,
    fund_document,
    prove,
    sealed_with,
    stated,
)
from vectors.generate_perpetual_examples import CROSS_ASSETS, CROSS_MARKET, cross_model
from vectors.generate_wrapper_examples import (
    FUND,
    FUND_MARK,
    INSURED_ASSETS,
    INSURED_MARKET,
    SHORTFALL,
    insured_model,
    wrapped,
)
from wrapper_support import case_of, refused, three_ways

from circuits.model_document import read_definition
from circuits.wrappers.shocks import PriceMove, Shock, shocked_market
from primitives.assets import Asset
from primitives.strict_json import Json
from prover.book.store import Book
from prover.shortfalls import FundAccount, write_shortfalls
from verifier.bundle import verify_bundle
from verifier.claims import ExpectedDocuments
from verifier.report import bundle_report

USD = 10**6
NOW: list[Json] = [{"name": "now", "moves": []}]
TEN: list[Json] = [{"name": "10 %", "price": "0.1"}]


def inner_of(folder: str, **changes: Json) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((EXAMPLES / folder / "model.json").read_bytes())
    return {name: value for name, value in document.items() if name != "format"} | changes


# What a wrapper refuses, with another one in between


@pytest.mark.parametrize("outer", ["withdrawable", "capital-adequacy"])
def test_what_is_refused_stays_refused_with_another_model_in_between(outer: str) -> None:
    """A stated shortfall would count as capital, or as what can be withdrawn."""
    between = wrapped("survives", insured_model("margin"), points=NOW)
    fields: dict[str, Json] = {"numerator": 2, "denominator": 1, "asset": "USDC", "amount": "1"}
    refused(wrapped(outer, between, **fields), "$.margin.margin.kind", "'insured' is refused here")


# Independent moves


def test_contracts_that_are_withdrawn_from_move_as_well() -> None:
    """Withdrawing no contract at all changes nothing: what stands in the place of the position loses as it does."""
    plain = wrapped("survives", cross_model(), independent=TEN)
    around = wrapped("withdrawable", plain, asset="BTCUSDT", amount="0")
    account = Case(cross_model(), CROSS_MARKET, CROSS_ASSETS).account_of(
        {"USDT": "50000", "BTCUSDT": "1", "entry cost": "-70000"}
    )
    poor = moved(account, 0, -49_000 * USD)
    assert Case(cross_model(), CROSS_MARKET, CROSS_ASSETS).evaluate([poor]).sufficient.tolist() == [True]
    for document in (plain, around):
        three_ways(
            case_of(document, CROSS_MARKET, CROSS_ASSETS), [account, poor], [True, False], solver=False
        )


def test_an_open_notional_counts_contracts_that_are_withdrawn_from() -> None:
    account = Case(cross_model(), CROSS_MARKET, CROSS_ASSETS).account_of(
        {"USDT": "5000", "BTCUSDT": "1", "entry cost": "-70000"}
    )
    verdicts = []
    for asset in ("USDT", "BTCUSDT"):
        around = wrapped("withdrawable", cross_model(), asset=asset, amount="0", open_notional_share="0.1")
        model = case_of(around, CROSS_MARKET, CROSS_ASSETS).model
        verdicts.append(by_witness(model.compile(), [account]))
        assert by_meaning(model, [account]) == verdicts[-1]
    assert verdicts == [[False], [False]]


def test_losses_of_independent_moves_are_losses_of_equity() -> None:
    """Half of what margin requires is no half of a loss, and an account is bankrupt by what it loses."""
    fields: dict[str, Json] = {"USDT": "4000", "BTCUSDT": "1", "entry cost": "-70000"}
    account = Case(cross_model(), CROSS_MARKET, CROSS_ASSETS).account_of(fields)  # type: ignore[arg-type]
    survives = wrapped("survives", cross_model(), independent=TEN)
    half = case_of(
        wrapped("capital-adequacy", survives, numerator=1, denominator=2), CROSS_MARKET, CROSS_ASSETS
    )
    loss = int(half.evaluate([account]).equity[0])
    assert loss < 0
    three_ways(half, [account], [False], solver=False)
    column = Asset("s", 6)
    insured = wrapped("insured", survives, shortfall="s", measure="bankruptcy")
    case = case_of(insured, CROSS_MARKET, CROSS_ASSETS, column)
    short = -loss
    three_ways(
        case, [[*account, 0], [*account, short - 1], [*account, short]], [False, False, True], solver=False
    )


# Bankruptcy, where what is owed is no part of equity


def test_bankruptcy_needs_an_equity_that_counts_all_that_is_owed() -> None:
    """Otherwise who owes without end has an equity of zero, and nothing is missing."""
    pools = json.loads((EXAMPLES / "cross-collateral-pools.json").read_bytes())
    inner = [
        # Short options stand among the charges, debts to pools among the requirements.
        inner_of("derive-standard-margin"),
        {name: value for name, value in pools.items() if name != "format"},
        inner_of("stress", bound={"kind": "margin"}, ignored=["anything"]),
        wrapped("survives", inner_of("derive-standard-margin"), points=NOW),
    ]
    for each in inner:
        definition = read_definition(json.dumps({"format": "sealedbook/model/v1", **each}).encode())
        assert definition.has_equity
        assert not definition.has_net_equity
        refused(
            wrapped("insured", each, shortfall="s", measure="bankruptcy"),
            "$.measure",
            "counts all that is owed",
        )
        read_definition(json.dumps(wrapped("insured", each, shortfall="s", measure="margin")).encode())


@pytest.mark.parametrize(
    "bound",
    [{"kind": "amount", "amount": "1000000"}, {"kind": "share", "share": "0.01"}],
    ids=lambda each: each["kind"],
)
def test_a_limit_of_losses_is_no_equity(bound: dict[str, Json]) -> None:
    """A public amount is nobody's capital, and a hundredth of a negative equity is not what is missing."""
    limited = inner_of("stress", bound=bound)
    for inner in (limited, wrapped("survives", limited, points=NOW)):
        for document in (
            wrapped("insured", inner, shortfall="s", measure="margin"),
            wrapped("insured", inner, shortfall="s", measure="bankruptcy"),
            wrapped("capital-adequacy", inner, numerator=3, denominator=2),
        ):
            refused(document, "$.margin", "compares losses with a limit")


# Columns that are no coins


@needs_native
def test_a_flag_outweighs_nothing(tmp_path: Path) -> None:
    """``s + M f >= 0`` is a row: that f is stated to be 1 must not cover the fund, whatever documents were given."""
    model = encoded(insured_model(fund=FUND))
    fund = FundAccount("bob", 2_500)
    write_shortfalls(book_of(tmp_path / "book"), tmp_path / "filled", model=model, market=MARKET, fund=fund)
    sealed = sealed_with(tmp_path / "sealed", Book.open(tmp_path / "filled"))
    prove(sealed, model)
    stated(sealed, fund_document(shortfall="0", fund_account="1"))
    given = ExpectedDocuments(model, MARKET)
    verified = verify_bundle(
        sealed.bundle, sealed.backend, issuer_key=sealed.issuer.public_key, expected=given
    )
    levels = {each.subject: each.level.value for each in bundle_report(verified).findings}
    assert levels[f"Column {SHORTFALL} (solvency)"] == "claimed"
    assert levels[f"Column {FUND_MARK} (solvency)"] == "proven"


@needs_native
def test_debts_that_a_stated_shortfall_outweighs_are_not_outweighed_by_coins(tmp_path: Path) -> None:
    """Alice owes 2,000 beyond what she has: a fund among the reserves does not make totals of coins count."""
    model = encoded(insured_model())
    write_shortfalls(book_of(tmp_path / "book"), tmp_path / "filled", model=model, market=MARKET)
    sealed = sealed_with(tmp_path / "sealed", Book.open(tmp_path / "filled"))
    prove(sealed, model)
    coins = {"USDC": "3000", "entry_cost": "0", "X-PERP": "0"}
    stated(sealed, fund_document(shortfall="2000", **coins))
    given = ExpectedDocuments(model, MARKET)
    verified = verify_bundle(
        sealed.bundle, sealed.backend, issuer_key=sealed.issuer.public_key, expected=given
    )
    report = bundle_report(verified)
    found = {each.subject: each for each in report.findings}
    assert found["Stated reserves (solvency)"].level.value == "claimed"
    assert "what is stated of them need not be there" in found["Stated reserves (solvency)"].text
    assert found[f"Column {SHORTFALL} (solvency)"].level.value == "proven"
    assert "if what it states of columns that are no coins is there as well" in report.verdict
    assert findings(sealed)["Stated reserves (solvency)"][1] == "claimed"


def test_inner_models_do_not_see_the_column() -> None:
    """No price of the market makes a stated shortfall an asset."""
    case = case_of(
        wrapped("insured", INNER, shortfall=SHORTFALL, measure="margin"),
        INSURED_MARKET,
        INSURED_ASSETS,
        Asset(SHORTFALL, 6),
    )
    place = case.place(SHORTFALL)
    rows = [row for row in case.model.compile().rows if any(asset == place for asset, _ in row.positions)]
    assert [row.label for row in rows] == [f"{SHORTFALL} non-negative", "margin"]
    assert [dict(row.positions)[place] for row in rows] == [1, 1]
    nothing = [0] * (len(INSURED_ASSETS) + 1)
    three_ways(case, [nothing, moved(nothing, place, -1)], [True, False])


def test_words_say_that_cash_does_not_move() -> None:
    """Whoever writes the market may list a coin as cash, and so keep it out of losses and Greeks."""
    for folder in ("stress", "expected-shortfall", "value-at-risk", "greeks-limits", "balanced-book"):
        words = read_definition((EXAMPLES / folder / "model.json").read_bytes()).words()
        assert any(
            "the market lists as cash" in text and "whatever coin" in text for text in words.conservative
        )


@pytest.mark.parametrize(
    ("folder", "change", "said"),
    [
        ("expected-shortfall", {"level": "0.97499999"}, "at 97.499999 %"),
        ("value-at-risk", {"level": "0.98999999"}, "at 98.999999 %"),
        ("expected-shortfall", {"ratio": "0.9999999"}, "0.9999999 times"),
    ],
)
def test_words_round_no_figure_of_a_measure(folder: str, change: dict[str, Json], said: str) -> None:
    document = inner_of(folder)
    document["measures"] = [each | change for each in document["measures"]]
    words = read_definition(json.dumps({"format": "sealedbook/model/v1", **document}).encode()).words()
    assert any(said in condition for condition in words.conditions)


@pytest.mark.parametrize(
    ("numerator", "denominator", "said"),
    [
        (999_999, 666_667, "it reaches 999999/666667 of it"),
        (3, 2, "it reaches 150 % of it"),
        (7, 8, "it reaches 87.5 % of it"),
    ],
)
def test_words_round_no_ratio(numerator: int, denominator: int, said: str) -> None:
    """999999/666667 is 149.99978 %, and no 150 %."""
    document = wrapped("capital-adequacy", cross_model(), numerator=numerator, denominator=denominator)
    assert said in read_definition(json.dumps(document).encode()).words().conditions[0]


def test_three_models_around_one_mean_what_each_of_them_says() -> None:
    """By the definition of each, at the boundary and a unit off it: s + E(q - W) >= R(q - W) at every price."""
    moves = {"now": {}, "down": {"BTC": "-0.07"}, "apart": {"BTC": "0.04", "ETH": "-0.1"}}
    points: list[Json] = [
        {"name": name, "moves": [{"of": of, "price": by} for of, by in each.items()]}
        for name, each in moves.items()
    ]
    markets = [
        shocked_market(
            CROSS_MARKET,
            Shock(name, tuple(PriceMove(of, Decimal(by), Decimal(0)) for of, by in each.items())),
        )
        for name, each in moves.items()
    ]
    survives = wrapped("survives", cross_model(), points=points)
    around = wrapped("withdrawable", survives, asset="USDT", column="W")
    document = wrapped("insured", around, shortfall="s", measure="margin")
    case = case_of(document, CROSS_MARKET, CROSS_ASSETS, Asset("W", 6), Asset("s", 6))
    inner = Case(cross_model(), CROSS_MARKET, CROSS_ASSETS).definition
    source = random.Random("three")
    accounts, expected = [], []
    for _ in range(60):
        size = source.choice([-1, 1]) * source.randrange(1, 300_000)
        other = source.choice([-1, 0, 1]) * source.randrange(1, 50_000)
        cost = -(size * 700_000 + other * 350_000)
        withdrawn = source.choice([0, source.randrange(1, 10**9)])
        held = [source.randrange(0, 10**11), cost, size, other]
        left = [held[0] - withdrawn, *held[1:]]
        results = [inner.evaluate(batch_of([left]), CROSS_ASSETS, each) for each in markets]
        missing = max(0, *(int(each.requirement[0] - each.equity[0]) for each in results))
        for column in (missing, missing - 1, missing + 1):
            accounts.append([*held, withdrawn, column])
            expected.append(column >= missing and left[0] >= 0)
    assert len(set(expected)) == 2
    three_ways(case, accounts, expected, solver=False)
    assert [by_solver(case.model.compile(), account) for account in accounts[:6]] == expected[:6]
