"""Paradex portfolio margin: published and worked figures, rows against the formula, refusals, a proof."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from math import ceil
from pathlib import Path

import pytest
from modelling_support import batch_of
from scenario_model_support import (
    Account,
    Case,
    check_boundary,
    check_proof,
    load_example,
    needs_native,
    refuse_compilation,
    refuse_document,
)
from vectors.generate_scenario_examples import (
    contract,
    option,
    paradex_class,
    paradex_model,
    snapshot,
    underlying,
)

from circuits.market.document import MarketDocument
from circuits.market.risk_array import Greek, compute_risk_array
from circuits.market.snapshot import Cash, Settlement, Spot
from circuits.modelling import Numeric
from circuits.modelling.explanation import explain
from circuits.models.paradex_portfolio_margin import DELTA_SCALE, ParadexPortfolioMargin
from primitives.assets import Asset

KIND = "paradex-portfolio-margin"
EXAMPLE, BOOK = load_example(KIND)
USDC = Asset("USDC", 6)
CASH = Cash("USDC", Decimal(1))
WORKED = EXAMPLE.account(BTC_USD_PERP="1", BTC_7D_75000_C="-5", BTC_30D_65000_P="2")
"""MODELS' account: marks 548.13 and 2,547.96, deltas 0.1928 and -0.3026."""


def case_of(classes: list[object], funding: dict[str, str], market: MarketDocument, *assets: Asset) -> Case:
    return Case(paradex_model(classes, funding), market, assets)  # type: ignore[arg-type]


def two_contracts(**class_fields: object) -> Case:
    """A perpetual and a future at 70,000, without fees and funding."""
    market = snapshot(
        [underlying("BTC", "70000", (30,))],
        [CASH, contract("FUTURE", "BTC", "70000", days=30), contract("PERP", "BTC", "70000")],
    )
    case = case_of(
        [paradex_class("major", ["BTC"]) | class_fields],
        {"PERP": "0"},
        market,
        USDC,
        Asset("PERP", 4),
        Asset("FUTURE", 4),
    )
    return case.altered(lambda d: d["fees"].update(perpetual="0", future="0", option="0"))


def small_case(*, margin: str = "initial", netting: str = "account") -> Case:
    """Small numbers, so that an integer solver is exact."""
    market = snapshot(
        [underlying("A", "100", (7,)), underlying("B", "30", ())],
        [
            Cash("USD", Decimal(1)),
            contract("A-PERP", "A", "100"),
            option("A-CALL", "A", 7, "call", "105", "0.9"),
            contract("B-PERP", "B", "30.5"),
        ],
        scale=2,
    )
    classes = [
        paradex_class("one", ["A"])
        | {
            "scenarios": [
                {"spot": spot, "volatility": change, "weight": weight}
                for spot, change, weight in (
                    ("0.16", "0.4", "1"),
                    ("-0.16", "0.4", "1"),
                    ("5", "0.4", "0.024"),
                )
            ]
        },
        paradex_class("two", ["B"], is_major=False)
        | {"scenarios": [{"spot": spot, "volatility": "0", "weight": "1"} for spot in ("0.28", "-0.28")]},
    ]
    document = paradex_model(
        classes, {"A-PERP": "0.01", "B-PERP": "-0.02"}, margin=margin, netting=netting
    ) | {"numbers": {"scale": 2, "cap": "20000", "position_bits": 21}}
    document["fees"] = {"perpetual": "0.003", "future": "0", "option": "0.004"}
    assets = (Asset("USD", 2), Asset("A-PERP", 0), Asset("A-CALL", 0), Asset("B-PERP", 0))
    return Case(document, market, assets)


def requirement_by_formula(case: Case, account: Account) -> Fraction:
    """The definition in words, from the integer risk array, for netted funding."""
    definition = case.definition
    assert isinstance(definition, ParadexPortfolioMargin)
    held = sorted(
        {each.underlying for each in case.market.snapshot.instruments if not isinstance(each, Cash)}
    )
    array = compute_risk_array(
        case.market.snapshot, definition.scenario_set(held), case.assets, {Greek.DELTA: DELTA_SCALE}
    )
    instruments = [case.market.snapshot.instrument(asset.id) for asset in case.assets]
    deltas = array.greeks[0].entries.tolist()
    total = Fraction(0)
    for risk_class in definition.classes:
        for name in risk_class.underlyings:
            mine = [i for i, each in enumerate(instruments) if getattr(each, "underlying", None) == name]
            if not mine:
                continue
            losses = [
                -sum(
                    int(array.profits[array.scenarios.index(risk_class.label(s)), i]) * account[i]
                    for i in mine
                )
                for s in risk_class.scenarios
            ]
            index = case.market.snapshot.underlying(name).index
            assert index is not None
            unit = Fraction(index) * 10**case.market.snapshot.scale / 10**DELTA_SCALE
            net_rate = risk_class.unhedged_rate - risk_class.hedged_rate / 2
            net = sum(round(net_rate * deltas[i] * unit) * account[i] for i in mine)
            gross = sum(
                ceil(risk_class.hedged_rate / 2 * abs(deltas[i]) * unit) * abs(account[i]) for i in mine
            )
            total += max(*losses, abs(net) + gross)
    values = array.values.tolist()
    fees = sum(
        ceil(definition.fees.of(each) * values[i]) * abs(account[i]) for i, each in enumerate(instruments)
    )
    funding = sum(
        round(definition.funding.rates[case.assets[i].id] * values[i]) * account[i]
        for i in range(len(instruments))
        if case.assets[i].id in definition.funding.rates
    )
    return definition.factor * total + Fraction(fees + max(0, funding))


def random_accounts(case: Case, count: int, sizes: list[int], *, seed: str) -> list[Account]:
    source = random.Random(seed)
    return [[source.choice([0, 1, -1]) * source.randint(0, size) for size in sizes] for _ in range(count)]


# Figures


def test_minimum_for_delta_as_published() -> None:
    """Net -0.5, gross 2.5 at 70,000: 1,400."""
    case = two_contracts(scenarios=[{"spot": "0", "volatility": "0", "weight": "1"}])
    assert case.requirement(case.account(PERP="1", FUTURE="-1.5")) == 1_400_000_000


def test_a_net_position_pays_the_rate_for_unhedged_delta() -> None:
    case = two_contracts(scenarios=[{"spot": "0", "volatility": "0", "weight": "1"}])
    assert case.requirement(case.account(PERP="-1")) == 1_400_000_000
    assert case.requirement(case.account(PERP="-1", FUTURE="1")) == 700_000_000


def test_worked_example() -> None:
    result = EXAMPLE.evaluate([WORKED])
    assert result.worst_scenario == ("BTC: spot +500 %, volatility +40 %",)
    losses = {
        name: round(int(value) / 10**6, 2)
        for name, value in losses_of(EXAMPLE, WORKED).items()
        if name.startswith("BTC")
    }
    assert losses["BTC: spot +16 %, volatility +40 %"] == 26_349.35
    assert losses["BTC: spot -16 %, volatility +40 %"] == -5_144.79
    assert losses["BTC: spot +50 %, volatility +40 %"] == 28_095.41
    assert losses["BTC: spot +500 %, volatility +40 %"] == 33_056.53
    assert losses["BTC: minimum for delta"] == 1_496.78
    # 33,056.526000 + fees 23.351300 (each rate rounded up per lot) + funding 7
    assert result.requirement[0] == 33_086_877_300
    assert round(33_086_877_300 / 10**6, 2) == 33_086.88
    maintenance = EXAMPLE.altered(lambda d: d.update(margin="maintenance"))
    assert maintenance.requirement(WORKED) == 16_528_263_000 + 23_351_300 + 7_000_000
    assert round(maintenance.requirement(WORKED) / 10**6, 2) == 16_558.61


def losses_of(case: Case, account: Account) -> dict[str, int]:
    margin = case.model.margin_condition
    assert margin is not None
    numeric = Numeric(case.model, batch_of([account]))
    return {name: int(numeric.value(loss)[0]) for name, loss in margin.scenarios.items()}


def test_the_worked_example_at_its_boundary() -> None:
    check_boundary(EXAMPLE, [WORKED], "USDC")


def test_the_example_book_is_sufficient_and_the_empty_account_passes() -> None:
    result = EXAMPLE.evaluate(list(BOOK.values()))
    assert result.sufficient.all()
    assert BOOK["empty"] == [0] * len(EXAMPLE.assets)
    assert result.requirement[list(BOOK).index("empty")] == 0
    assert (result.shortfall == 0).all()


def test_funding_that_is_received_counts_only_where_it_is_netted() -> None:
    netted = EXAMPLE.requirement(BOOK["carry"])
    single = EXAMPLE.altered(lambda d: d["funding"].update(netting="none")).requirement(BOOK["carry"])
    # 0.5 BTC pay 3.50, and 800 short HYPE at -0.005 % pay 1.60.
    assert netted == single
    opposite = EXAMPLE.account(BTC_USD_PERP="0.5", HYPE_USD_PERP="800")
    received = 800 * 40 * 50
    assert (
        EXAMPLE.altered(lambda d: d["funding"].update(netting="none")).requirement(opposite)
        - EXAMPLE.requirement(opposite)
        == received
    )


# Rows


@pytest.mark.parametrize("margin", ["initial", "maintenance"])
def test_rows_witness_and_solver_agree_with_the_formula(margin: str) -> None:
    case = small_case(margin=margin)
    accounts = random_accounts(case, 12, [0, 9, 12, 30], seed=margin)
    for account in accounts:
        assert case.requirement(account) == ceil(requirement_by_formula(case, account))
    check_boundary(case, accounts, "USD", solver=margin == "initial")


def test_rows_agree_without_netting() -> None:
    case = small_case(netting="none")
    check_boundary(case, random_accounts(case, 8, [0, 9, 12, 30], seed="none"), "USD", solver=True)


def test_realistic_accounts_at_the_boundary() -> None:
    accounts = random_accounts(EXAMPLE, 60, [0, 10**11, 10**5, 10**4, 10**4, 10**6], seed="real")
    for account in accounts[:20]:
        assert EXAMPLE.requirement(account) == requirement_by_formula(EXAMPLE, account)
    check_boundary(EXAMPLE, accounts, "USDC")


def test_amounts_beyond_64_bits_of_value_are_exact() -> None:
    account = EXAMPLE.account(BTC_USD_PERP="9000000000", BTC_7D_75000_C="-20000000000000")
    assert EXAMPLE.requirement(account) == requirement_by_formula(EXAMPLE, account)


def test_size_of_the_statement() -> None:
    """MODELS, section 0: 41 instruments on one underlying take 43 variables, 68 rows, 6.3 kbit, no boolean."""
    strikes = range(50_000, 90_000, 2_000)
    options = [option(f"C{strike}", "BTC", 30, "call", str(strike), "0.6") for strike in strikes] + [
        option(f"P{strike}", "BTC", 30, "put", str(strike), "0.6") for strike in strikes
    ]
    market = snapshot([underlying("BTC", "70000", (30,))], [CASH, contract("PERP", "BTC", "70000"), *options])
    case = case_of(
        [paradex_class("major", ["BTC"])],
        {"PERP": "0.0001"},
        market,
        USDC,
        Asset("PERP", 4),
        *(Asset(each.id, 2) for each in options),
    )
    size = explain(case.model)
    assert (size.auxiliaries, size.booleans, size.integrality_rows) == (44, 0, 1)
    assert size.rows - size.integrality_rows == 69
    assert size.bits == 41 * 100 + 2 * 120 + 60 * 26 + 60 + 51


# The published risk array


def published(case: Case) -> MarketDocument:
    definition = case.definition
    assert isinstance(definition, ParadexPortfolioMargin)
    array = compute_risk_array(
        case.market.snapshot,
        definition.scenario_set(["BTC", "HYPE"]),
        case.assets,
        {Greek.DELTA: DELTA_SCALE},
    )
    return replace(case.market, risk_array=array)


def test_a_published_risk_array_is_the_definition_once_it_is_checked() -> None:
    market = published(EXAMPLE)
    assert market.risk_array is not None
    place = [asset.id for asset in EXAMPLE.assets].index("BTC-7D-75000-C")
    scenario = market.risk_array.scenarios.index("major: spot +500 %, volatility +40 %")
    market.risk_array.profits[scenario, place] += 1
    account = [*WORKED]
    other = replace(EXAMPLE, market=market)
    # 500 lots short: what one unit more costs them.
    assert other.requirement(account) - EXAMPLE.requirement(account) == 500
    market.risk_array.profits[scenario, place] += 1
    refuse_compilation(EXAMPLE.document, market, EXAMPLE.assets, "may differ by 1")


# Refusals


def test_documents_that_are_refused() -> None:
    refuse_document(
        EXAMPLE,
        lambda d: d["classes"][1].update(unhedged_rate="0.0074"),
        "$.classes[1].unhedged_rate",
        "not convex",
    )
    refuse_document(EXAMPLE, lambda d: d["fees"].update(option="-0.0001"), "$.fees.option", "negative")
    refuse_document(EXAMPLE, lambda d: d.update(margin="none"), "$.margin", "is not 'initial'")
    refuse_document(EXAMPLE, lambda d: d.update(maintenance_factor="0"), "$.maintenance_factor", "is zero")
    refuse_document(EXAMPLE, lambda d: d.update(maintenance_factor="1.1"), "$.maintenance_factor", "above 1")
    refuse_document(EXAMPLE, lambda d: d["funding"].update(netting="some"), "$.funding.netting", "is not")
    refuse_document(
        EXAMPLE, lambda d: d["funding"]["rates"][1].update(rate="2"), "$.funding.rates[1].rate", "beyond 1"
    )
    refuse_document(
        EXAMPLE,
        lambda d: d["funding"]["rates"][1].update(asset="BTC-USD-PERP"),
        "$.funding.rates",
        "names an asset twice",
    )
    refuse_document(
        EXAMPLE,
        lambda d: d["classes"][0]["scenarios"][3].update(spot="-1.5"),
        "$.classes[0].scenarios[3]",
        "multiple: -0.5 is below 0",
    )
    refuse_document(
        EXAMPLE, lambda d: d["classes"][0].update(scenarios=[]), "$.classes[0].scenarios", "is empty"
    )
    refuse_document(
        EXAMPLE,
        lambda d: d["classes"][0]["scenarios"].append(d["classes"][0]["scenarios"][0]),
        "$.classes[0].scenarios",
        "twice",
    )
    refuse_document(
        EXAMPLE,
        lambda d: d["classes"][0]["volatility"].update(floor_days="0"),
        "$.classes[0].volatility",
        "floor_days: 0 is not above 0",
    )
    refuse_document(
        EXAMPLE, lambda d: d["classes"][1].update(underlyings=["BTC"]), "$.classes", "listed twice"
    )
    refuse_document(
        EXAMPLE,
        lambda d: d["classes"][1].update(underlyings=[""]),
        "$.classes[1].underlyings[0]",
        "expected an id",
    )
    refuse_document(EXAMPLE, lambda d: d.update(other="1"), "$", "unknown field 'other'")


def test_books_and_markets_that_are_refused() -> None:
    document, market, assets = EXAMPLE.document, EXAMPLE.market, EXAMPLE.assets
    refuse_compilation(document, market, (*assets, Asset("ETH", 8)), "no instrument 'ETH'")
    refuse_compilation(document | {"numbers": {"scale": 4}}, market, assets, r"counts in 10\^-6 USD")
    without = EXAMPLE.altered(lambda d: d["classes"].pop()).document
    refuse_compilation(without, market, assets, "'HYPE' is in no class")
    unpaid = EXAMPLE.altered(lambda d: d["funding"]["rates"].pop()).document
    refuse_compilation(unpaid, market, assets, "no rate of the perpetual 'HYPE-USD-PERP'")
    inverse = snapshot(
        [underlying("BTC", "70000", ())],
        [contract("INV", "BTC", "70000", settlement=Settlement.INVERSE), Spot("S", "BTC")],
    )
    refuse_compilation(document, inverse, (Asset("INV", 0),), "takes cash, linear perpetuals")
    refuse_compilation(document, inverse, (Asset("S", 8),), "takes cash, linear perpetuals")
    unindexed = snapshot(
        [replace(underlying("BTC", "70000", ()), index=None)], [contract("BTC-USD-PERP", "BTC", "70000")]
    )
    refuse_compilation(document, unindexed, (Asset("BTC-USD-PERP", 4),), "no index of underlying 'BTC'")


def test_a_market_is_needed() -> None:
    with pytest.raises(ValueError, match="needs a MarketDocument, and was given no market"):
        EXAMPLE.definition.model(EXAMPLE.assets, None)


@needs_native
def test_a_book_is_proven_and_one_unit_short_is_refused(tmp_path: Path) -> None:
    check_proof(tmp_path, KIND, "hedger", "USDC")
