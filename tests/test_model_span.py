"""SPAN: worked figures, rows against the formula, the one boolean, refusals, a proof."""

from __future__ import annotations

import random
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from modelling_support import batch_of, by_solver
from scenario_model_support import (
    Account,
    Case,
    check_boundary,
    check_proof,
    load_example,
    moved,
    needs_native,
    refuse_compilation,
    refuse_document,
)
from vectors.generate_scenario_examples import (
    SPAN_ASSETS,
    contract,
    option,
    snapshot,
    span_commodity,
    span_market,
    span_model,
    underlying,
)

from circuits.market.document import MarketDocument
from circuits.market.risk_array import Greek, compute_risk_array
from circuits.market.snapshot import Cash, Option, Settlement, Spot
from circuits.modelling import Numeric
from circuits.modelling.explanation import explain
from circuits.models.span import DELTA_SCALE, Commodity, Span
from primitives.assets import Asset

EXAMPLE, BOOK = load_example("span")
WORKED = EXAMPLE.account(variation="-100000", IDX_SEP="10", IDX_DEC="-8", IDX_SEP_5300_C="-12")
"""10 Sep, -8 Dec, -12 C5300 Sep; futures at their marks are worth what ``variation`` takes off."""
FUTURES_VALUE = 50_000_000
"""Of +10 and -8 futures at 5,000 times 50, in cents."""


def losses_of(case: Case, account: Account) -> dict[str, float]:
    margin = case.model.margin_condition
    assert margin is not None
    numeric = Numeric(case.model, batch_of([account]))
    return {name: int(numeric.value(loss)[0]) / 100 for name, loss in margin.scenarios.items()}


def cash_needed(case: Case, account: Account) -> int:
    """The least cash beside the value of futures, in value units."""
    (balanced,) = case.balanced([account], "USD")
    return balanced[case.place("USD")]


# Figures


def test_worked_example() -> None:
    result = EXAMPLE.evaluate([WORKED])
    assert result.worst_scenario == ("IDX: price +1 range, volatility up",)
    losses = losses_of(EXAMPLE, WORKED)
    # Twelve contracts, each rounded to a cent: 61,993.67, 43,500, 42,942 and 20,450 before rounding.
    assert losses["IDX: price +1 range, volatility up"] == 61_993.68
    assert losses["IDX: price +2/3 range, volatility up"] == 43_500.40
    assert losses["IDX: extreme up"] == 42_941.52
    assert losses["IDX: price -1 range, volatility up"] == 20_450.16
    # Spreads 7.6804 x 900 = 6,912.36.
    assert result.requirement[0] == 6_199_368 + 691_236
    assert result.equity[0] == -10_000_000 + FUTURES_VALUE - 12 * 168_182
    # Net option value -20,181.84: 68,906.04 + 20,181.84.
    balanced = EXAMPLE.account(variation="-500000", IDX_SEP="10", IDX_DEC="-8", IDX_SEP_5300_C="-12")
    assert cash_needed(EXAMPLE, balanced) == 8_908_788
    check_boundary(EXAMPLE, [WORKED, balanced], "USD")


def test_worked_example_in_millionths() -> None:
    """Where a contract is not rounded to a cent, 68,906.03 + 20,181.80 = 89,087.83 (89,087.81 with delta unrounded)."""
    market = span_market().snapshot
    fine = MarketDocument(
        type(market)(market.as_of, market.quote, 6, market.sources, market.underlyings, market.instruments)
    )
    case = Case(EXAMPLE.document | {"numbers": {"scale": 6}}, fine, SPAN_ASSETS)
    result = case.evaluate([WORKED])
    worst = losses_of(case, WORKED)["IDX: price +1 range, volatility up"] * 100 / 10**6
    assert round(worst, 2) == 61_993.67
    options = (-100_000 + FUTURES_VALUE / 100) * 10**6 - int(result.equity[0])
    assert round(options / 10**6, 2) == 20_181.80
    spreads = int(result.requirement[0]) / 10**6 - worst
    assert round(spreads, 2) == 6_912.36
    # The delta of a call is 0.19330 and some; twelve of them, not rounded to 10^-4, make 7.68039 spreads.
    assert abs(options / 10**6 + worst + 6_912.35 - 89_087.81) < 0.02


def test_short_option_minimum() -> None:
    """6,000 for twelve short calls, and long options of the class take nothing off."""
    without = EXAMPLE.altered(
        lambda d: d["commodities"][0].update(scan_range="0.3", spread_charge="0", volatility_range="0")
    )
    assert without.requirement(EXAMPLE.account(IDX_SEP_5300_C="-12")) == 600_000
    assert without.requirement(EXAMPLE.account(IDX_SEP_5300_C="-12", IDX_SEP_4600_P="12")) == 600_000


def test_gains_in_all_scenarios_take_nothing_off_the_spreads() -> None:
    """Short options gain in every scenario of a market without moves; 2 spreads at 900 are due in full."""
    still = {"scan_range": "0.001", "volatility_range": "0", "look_ahead_days": "10"}
    case = EXAMPLE.altered(lambda d: d["commodities"][0].update(still, spread_charge="0.09"))
    case = case.altered(lambda d: d["commodities"][0].update(short_option_minimum="0"))
    account = case.account(IDX_SEP_5300_C="-12000", IDX_DEC="2000")
    assert max(loss for name, loss in losses_of(case, account).items() if name.startswith("IDX")) < 0
    assert case.requirement(account) == 2000 * 9


def test_extreme_moves_can_be_the_worst_of_futures() -> None:
    """With half of four scan ranges, a future pays two."""
    wild = {"extreme_multiple": "4", "extreme_fraction": "0.5"}
    case = EXAMPLE.altered(lambda d: d["commodities"][1].update(wild))
    account = case.account(OIL_OCT="3", OIL_NOV="-2")
    assert case.requirement(account) == 2 * 65_000 + 2 * 510_000 == requirement_by_formula(case, account)


def test_calendar_of_futures() -> None:
    """Two spreads at 650, and nothing for prices that move together; one future more pays the scan range."""
    assert EXAMPLE.requirement(EXAMPLE.account(OIL_OCT="2", OIL_NOV="-2")) == 130_000
    assert EXAMPLE.requirement(EXAMPLE.account(OIL_OCT="3", OIL_NOV="-2")) == 130_000 + 510_000
    assert EXAMPLE.requirement(EXAMPLE.account(OIL_OCT="3", OIL_NOV="2")) == 5 * 510_000


def test_empty_account_passes() -> None:
    result = EXAMPLE.evaluate([BOOK["empty"]])
    assert (result.requirement[0], result.sufficient[0]) == (0, True)


# Rows


def small_case(*, excess: str = "counts", with_options: bool = True) -> Case:
    """Small numbers, so that an integer solver is exact."""
    instruments: list[Any] = [
        Cash("USD", Decimal(1)),
        contract("F1", "X", "100", days=30, multiplier="2"),
        contract("F2", "X", "101", days=60, multiplier="2"),
        contract("F3", "X", "102", days=90, multiplier="4"),
    ]
    assets = [Asset("USD", 2), Asset("F1", 0), Asset("F2", 0), Asset("F3", 0)]
    if with_options:
        instruments += [
            option("C1", "X", 30, "call", "104", "0.3", multiplier="2"),
            option("P2", "X", 60, "put", "95", "0.35", multiplier="2"),
        ]
        assets += [Asset("C1", 0), Asset("P2", 0)]
    market = snapshot([underlying("X", "100", (30, 60, 90))], instruments, scale=2)
    commodity = span_commodity(
        "X", unit="2", scan_range="6", volatility_range="0.05", spread_charge="3", short_option_minimum="2.5"
    )
    numbers: Any = {"scale": 2, "cap": "20000", "position_bits": 21}
    return Case(span_model([commodity], excess=excess, numbers=numbers), market, tuple(assets))


def risk_by_formula(case: Case, commodity: Commodity, account: Account) -> Fraction:
    """The definition in words, with the minimum itself, from the integer risk array."""
    definition = case.definition
    assert isinstance(definition, Span)
    held = sorted({u.id for u in case.market.snapshot.underlyings})
    scales = {Greek.DELTA: DELTA_SCALE}
    array = compute_risk_array(case.market.snapshot, definition.scenario_set(held), case.assets, scales)
    made: list[Any] = [case.market.snapshot.instrument(asset.id) for asset in case.assets]
    mine = [i for i, each in enumerate(made) if getattr(each, "underlying", None) == commodity.underlying]
    scan = 0
    for scenario in commodity.scenarios:
        row = array.profits[array.scenarios.index(commodity.label(scenario))]
        scan = max(scan, -sum(int(row[i]) * account[i] for i in mine))
    units = definition.numbers.units
    charges: dict[datetime, int] = {}
    for i in mine:
        delta = round(Fraction(int(array.greeks[0].entries[i]), 10 ** (DELTA_SCALE - 4)) / commodity.unit)
        unit = round(commodity.spread_charge * units * Fraction(delta, 10**4))
        charges[made[i].expiry] = charges.get(made[i].expiry, 0) + unit * account[i]
    long = sum(max(0, charge) for charge in charges.values())
    short = sum(max(0, -charge) for charge in charges.values())
    sizes = {
        i: Fraction(str(made[i].multiplier)) / commodity.unit / 10 ** case.assets[i].decimals for i in mine
    }
    options = [i for i in mine if isinstance(made[i], Option)]
    minimum = sum(
        ceil(commodity.short_option_minimum * units * sizes[i]) * max(0, -account[i]) for i in options
    )
    return Fraction(max(scan + min(long, short), minimum))


def requirement_by_formula(case: Case, account: Account) -> Fraction:
    definition = case.definition
    assert isinstance(definition, Span)
    return sum((risk_by_formula(case, each, account) for each in definition.commodities), Fraction(0))


def random_accounts(sizes: list[int], count: int, seed: str) -> list[Account]:
    source = random.Random(seed)
    return [[source.choice([0, 1, -1]) * source.randint(0, size) for size in sizes] for _ in range(count)]


@pytest.mark.parametrize("with_options", [True, False])
def test_rows_witness_and_solver_agree_with_the_formula(*, with_options: bool) -> None:
    case = small_case(with_options=with_options)
    accounts = random_accounts([0, 9, 9, 5, 20, 20][: len(case.assets)], 20, str(with_options))
    for account in accounts:
        assert case.requirement(account) == requirement_by_formula(case, account)
    check_boundary(case, accounts, "USD", solver=True)


def test_realistic_accounts_at_the_boundary() -> None:
    accounts = random_accounts([0, 10**7, 200, 200, 500, 500, 50, 50], 60, "real")
    for account in accounts:
        assert EXAMPLE.requirement(account) == requirement_by_formula(EXAMPLE, account)
    check_boundary(EXAMPLE, accounts, "USD")


def test_one_boolean_for_a_commodity_with_options_and_none_for_futures() -> None:
    assert explain(small_case().model).booleans == 1
    assert explain(small_case(with_options=False).model).booleans == 0


def test_size_of_the_statement() -> None:
    """MODELS, section 0: 4 futures and 40 options take 46 variables, one boolean, 64 rows, 5.8 kbit."""
    days = (30, 60, 90, 120)
    options = [
        option(f"{right[0]}{strike}-{day}", "X", day, right, str(strike), "0.2", multiplier="50")
        for day in days
        for strike in (4_800, 4_900, 5_000, 5_100, 5_200)
        for right in ("call", "put")
    ]
    futures = [contract(f"F{day}", "X", "5000", days=day, multiplier="50") for day in days]
    market = snapshot([underlying("X", "5000", days)], [*futures, *options], scale=2)
    ids = [*(each.id for each in futures), *(each.id for each in options)]
    assets = tuple(Asset(each, 0) for each in ids)
    size = explain(Case(span_model([span_commodity("X")]), market, assets).model)
    assert (size.auxiliaries, size.booleans, size.integrality_rows) == (48, 1, 4)
    assert size.rows - size.integrality_rows == 65
    assert size.bits - 4 * 51 < 5_800


def test_excess_option_value() -> None:
    """A long option that is worth more than its risk covers a debt, or does not."""
    account = EXAMPLE.account(USD="-100", IDX_SEP_4600_P="20")
    counts = EXAMPLE.evaluate([account])
    assert counts.sufficient[0]
    ignored = EXAMPLE.altered(lambda d: d.update(excess_option_value="ignored"))
    solvent = moved(account, 0, 10_000)
    assert ignored.evaluate([account, solvent, moved(solvent, 0, -1)]).sufficient.tolist() == [
        False,
        True,
        False,
    ]
    assert Numeric(ignored.model, batch_of([account])).failing(0) == ["cash and futures not negative"]
    small = small_case(excess="ignored")
    debtor = [-1, 0, 0, 0, 0, 5]
    assert not by_solver(small.model.compile(), debtor)
    assert by_solver(small.model.compile(), moved(debtor, 0, 1))


def test_moves_are_thirds_of_the_scan_range() -> None:
    definition = EXAMPLE.altered(lambda d: d["commodities"][0].update(scan_range="100")).definition
    assert isinstance(definition, Span)
    scenarios = {each.label: each for each in definition.commodities[0].scenarios}
    assert len(scenarios) == 16
    assert scenarios["price +1/3 range, volatility up"].moves[0].addition == Decimal("33.333333333")
    assert scenarios["price -2/3 range, volatility up"].moves[0].addition == Decimal("-66.666666667")
    assert scenarios["price +1 range, volatility down"].moves[0].volatility.points == Decimal("-0.06")
    assert scenarios["extreme down"].moves[0].addition == Decimal("-200")
    assert scenarios["extreme down"].weight == Decimal("0.35")
    assert {each.elapsed_days for each in scenarios.values()} == {Decimal(1)}


# Refusals


def test_documents_that_are_refused() -> None:
    at = "$.commodities[1]"
    refuse_document(
        EXAMPLE,
        lambda d: d["commodities"][1].update(spread_charge="10200.01"),
        f"{at}.spread_charge",
        "not convex",
    )
    refuse_document(
        EXAMPLE, lambda d: d["commodities"][1].update(scan_range="-1"), f"{at}.scan_range", "negative"
    )
    refuse_document(
        EXAMPLE,
        lambda d: d["commodities"][1].update(volatility_range="-1"),
        f"{at}.volatility_range",
        "negative",
    )
    refuse_document(EXAMPLE, lambda d: d["commodities"][1].update(unit="0"), f"{at}.unit", "is zero")
    refuse_document(
        EXAMPLE, lambda d: d["commodities"][1].update(look_ahead_days="-1"), at, "elapsed_days: -1 is below 0"
    )
    refuse_document(
        EXAMPLE,
        lambda d: d["commodities"][1].update(extreme_fraction="1.1"),
        f"{at}.extreme_multiple",
        "out of range",
    )
    refuse_document(
        EXAMPLE,
        lambda d: d["commodities"][1].update(short_option_minimum="-1"),
        f"{at}.short_option_minimum",
        "negative",
    )
    refuse_document(
        EXAMPLE, lambda d: d["commodities"][1].update(underlying="IDX"), "$.commodities", "listed twice"
    )
    refuse_document(
        EXAMPLE, lambda d: d.update(excess_option_value="half"), "$.excess_option_value", "is not"
    )


def test_the_largest_spread_charge_is_taken() -> None:
    case = EXAMPLE.altered(lambda d: d["commodities"][1].update(spread_charge="10200"))
    for account in ([0, 0, 0, 0, 0, 0, 3, -2], [0, 0, 0, 0, 0, 0, -1, 4]):
        assert case.requirement(account) == requirement_by_formula(case, account)


def test_books_and_markets_that_are_refused() -> None:
    document, assets = EXAMPLE.document, EXAMPLE.assets
    other = snapshot([underlying("GAS", "3", (30,))], [contract("G", "GAS", "3", days=30)], scale=2)
    refuse_compilation(document, other, (Asset("G", 0),), "'GAS' is no commodity")
    refuse_compilation(document, span_market(), (*assets, Asset("H", 0)), "no instrument 'H'")
    refuse_compilation(document | {"numbers": {"scale": 3}}, span_market(), assets, r"counts in 10\^-2 USD")
    wrong = snapshot(
        [underlying("IDX", "5000", (60,))],
        [
            contract("I", "IDX", "5000", days=60, settlement=Settlement.INVERSE),
            contract("P", "IDX", "5000"),
            Spot("S", "IDX"),
        ],
        scale=2,
    )
    for name in ("I", "P", "S"):
        refuse_compilation(
            document, wrong, (Asset(name, 0),), f"asset '{name}': this model takes cash, linear futures"
        )


@needs_native
def test_a_book_is_proven_and_one_unit_short_is_refused(tmp_path: Path) -> None:
    check_proof(tmp_path, "span", "writer", "USD")
