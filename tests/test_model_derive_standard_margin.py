"""Derive's standard margin: published examples, rows against the formula and an integer solver, refusals, a proof."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from modelling_support import by_meaning, by_witness
from scenario_model_support import (
    EXAMPLES,
    Account,
    Case,
    check_boundary,
    check_proof,
    load_example,
    needs_native,
    refuse_compilation,
    refuse_document,
)
from vectors.generate_perpetual_examples import DERIVE_OPTION_RATES, cash, derive_model
from vectors.generate_scenario_examples import contract, option, snapshot, underlying

from circuits.market.document import MarketDocument
from circuits.market.risk_array import compute_risk_array
from circuits.market.scenarios import ScenarioSet
from circuits.market.snapshot import Option, Settlement, Spot
from circuits.model_document import compile_model
from circuits.modelling.explanation import explain
from primitives.assets import Asset
from primitives.strict_json import Json

KIND = "derive-standard-margin"
EXAMPLE, BOOK = load_example(KIND)
USD = 10**6
MARGINS = ("initial", "maintenance")


def of(margin: str) -> Case:
    return Case(derive_model(margin), EXAMPLE.market, EXAMPLE.assets)


def left(case: Case, account: Account) -> int:
    """What is left after the requirement, in value units."""
    result = case.evaluate([account])
    return int(result.equity[0] - result.requirement[0])


# Published figures


def test_three_short_calls_as_published() -> None:
    """Index 1,900, strike 1,800, mark 120, cash 2,000: 785 left initially, 1,127 for maintenance."""
    market = snapshot(
        [underlying("ETH", "1900", (30,))],
        [*cash("USDC"), option("C", "ETH", 30, "call", "1800", "0.266990158918")],
    )
    assets = (Asset("USDC", 6), Asset("C", 2))
    figures = [left(Case(derive_model(margin), market, assets), [2_000 * USD, -300]) for margin in MARGINS]
    assert figures == [785 * USD, 1_127 * USD]


def test_the_spread_is_charged_its_loss_as_published() -> None:
    """-8 calls of 1,700 and +8 of 1,900 at 2,100: isolated 5,920 (4,912), loss at settlement 1,600."""
    for margin, isolated in zip(MARGINS, (5_920, 4_912), strict=True):
        case = of(margin)
        assert case.requirement(BOOK["spread"]) == 1_600 * USD
        without = Case(derive_model(margin, spreads="isolated"), EXAMPLE.market, EXAMPLE.assets)
        assert without.requirement(BOOK["spread"]) == isolated * USD


def test_the_spread_passes_with_1600_and_fails_with_1599_99() -> None:
    statement = EXAMPLE.model.compile()
    accounts = [
        EXAMPLE.account(USDC=amount, ETH_30D_1700_C="-8", ETH_30D_1900_C="8")
        for amount in ("1600", "1599.99", "1599.999999")
    ]
    assert by_meaning(EXAMPLE.model, accounts) == [True, False, False]
    assert by_witness(statement, accounts) == [True, False, False]


def test_the_spread_with_seven_perpetuals_as_published() -> None:
    """Cash 25,000, bought at 28,000, 10 % and 6.5 %: 3,800 and 10,660 left."""
    figures = [left(of(margin), BOOK["spread and perpetual"]) for margin in MARGINS]
    assert figures == [3_800 * USD, 10_660 * USD]


# Formula


def charge_by_formula(case: Case, account: Account, margin: str) -> dict[str, tuple[Fraction, Fraction]]:
    """Isolated requirement and loss at settlement of every expiry, in dollars, option by option."""
    rates = {name: Fraction(text) for name, text in DERIVE_OPTION_RATES.items()}
    array = compute_risk_array(case.market.snapshot, ScenarioSet(()), case.assets)
    units = 10**case.market.snapshot.scale
    held: dict[str, list[tuple[Option, Fraction, Fraction]]] = {}
    for asset, lots, value in zip(case.assets, account, array.values.tolist(), strict=True):
        each = case.market.snapshot.instrument(asset.id)
        if isinstance(each, Option):
            size = Fraction(each.multiplier) / 10**asset.decimals
            entry = (each, lots * size, Fraction(value) / size / units)
            held.setdefault(f"{each.underlying} {each.expiry}", []).append(entry)
    result = {}
    for expiry, options in held.items():
        isolated = Fraction(0)
        for each, amount, mark in options:
            index = Fraction(case.market.snapshot.index_of(each.underlying))
            otm = max(Fraction(0), (Fraction(each.strike) - index) * (1 if each.is_call else -1))
            initial = max(rates["greatest_rate"] - otm / index, rates["least_rate"]) * index + mark
            if each.is_call:
                maintenance = rates["call_maintenance"] * index + mark
            else:
                shares = rates["put_maintenance"] * index, rates["put_mark_maintenance"] * mark
                maintenance = max(shares) + mark
                initial = max(initial, rates["put_initial_factor"] * maintenance)
            isolated += max(Fraction(0), -amount) * (initial if margin == "initial" else maintenance)
        loss = Fraction(0)
        for price in map(Fraction, [Decimal(0), *(each.strike for each, _, _ in options)]):
            loss = max(
                loss, -sum((_payoff(each, price) * amount for each, amount, _ in options), Fraction(0))
            )
        calls = sum((amount for each, amount, _ in options if each.is_call), Fraction(0))
        point = case.market.snapshot.underlying(options[0][0].underlying).point(options[0][0].expiry)
        assert point is not None
        result[expiry] = (
            isolated,
            loss + max(Fraction(0), -calls) * rates[f"naked_{margin}"] * Fraction(point.forward),
        )
    return result


def _payoff(option: Option, price: Fraction) -> Fraction:
    return max(Fraction(0), (price - Fraction(option.strike)) * (1 if option.is_call else -1))


def random_accounts(case: Case, count: int, size: int, seed: str) -> list[Account]:
    source = random.Random(seed)
    return [
        [
            0
            if asset.id in ("USDC", "entry cost", "ETH")
            else source.choice([0, 1, -1]) * source.randint(0, size)
            for asset in case.assets
        ]
        for _ in range(count)
    ]


@pytest.mark.parametrize("margin", MARGINS)
def test_requirements_are_those_of_the_formula(margin: str) -> None:
    case = of(margin)
    chosen = set()
    for account in random_accounts(case, 60, 10_000, margin):
        charges = charge_by_formula(case, account, margin)
        chosen |= {(isolated > loss) - (isolated < loss) for isolated, loss in charges.values()}
        perpetuals = 2_800 * abs(account[3]) * 1_000 + 2_100 * abs(account[4]) * 1_000
        rate = Fraction("0.1") if margin == "initial" else Fraction("0.065")
        exact = sum(min(pair) for pair in charges.values()) * USD + rate * perpetuals
        # Charges are rounded up, by less than one unit per base unit.
        assert 0 <= case.requirement(account) - exact <= sum(map(abs, account))
    assert chosen >= {1, -1}


@pytest.mark.parametrize("margin", MARGINS)
def test_realistic_accounts_at_the_boundary(margin: str) -> None:
    case = of(margin)
    check_boundary(case, [*random_accounts(case, 30, 10**6, f"{margin} boundary"), *BOOK.values()], "USDC")


def small_case(spreads: str = "better-of") -> Case:
    """Small numbers, so that an integer solver is exact; a base unit of the second call is two of the first."""
    market = snapshot(
        [underlying("ETH", "21", (30,))],
        [
            *cash("USDC"),
            contract("PERP", "ETH", "21"),
            option("C17", "ETH", 30, "call", "17", "0.671492612148"),
            option("C19", "ETH", 30, "call", "19", "0.64", multiplier="0.2"),
            option("P18", "ETH", 30, "put", "18", "0.66"),
            option("P30", "ETH", 30, "put", "30", "0.66"),
        ],
        scale=2,
    )
    assets = (
        Asset("USDC", 2),
        Asset("PERP", 0),
        Asset("C17", 1),
        Asset("C19", 0),
        Asset("P18", 1),
        Asset("P30", 0),
    )
    numbers: Json = {"scale": 2, "cap": "20000", "position_bits": 20}
    return Case(derive_model(numbers=numbers, spreads=spreads), market, assets)


@pytest.mark.parametrize("spreads", ["better-of", "isolated"])
def test_rows_witness_and_solver_agree(spreads: str) -> None:
    case = small_case(spreads=spreads)
    accounts = random_accounts(case, 25, 40, "small")
    # The boolean in both positions: a spread, and a naked call.
    accounts += [[0, 0, -8, 4, 0, 0], [0, 0, -8, 0, 0, 0], [0, 0, 0, 0, -3, 3]]
    if spreads == "better-of":
        for account in accounts:
            (pair,) = charge_by_formula(case, account, "initial").values()
            perpetual = Fraction("2.1") * abs(account[1])
            assert 0 <= case.requirement(account) - (min(pair) + perpetual) * 100 <= sum(map(abs, account))
    check_boundary(case, accounts, "USDC", solver=True)


def test_calls_of_other_sizes_cover_each_other() -> None:
    """Base units of 0.1 and 0.2: two of the first are covered by one of the second."""
    case = small_case()
    covered = [0, 0, -8, 4, 0, 0]
    (pair,) = charge_by_formula(case, covered, "initial").values()
    assert pair[1] == Fraction("1.6")
    assert case.requirement(covered) == 160


def test_naked_calls_are_charged_as_if_every_listed_strike_could_be_reached() -> None:
    """Naked by 0.1 at 21 x 1.2: 1.8 is lost at 19, the highest strike held; 2.9 at 30, where a put is listed."""
    case = small_case()
    account = [0, 0, -9, 4, 0, 0]
    (pair,) = charge_by_formula(case, account, "initial").values()
    assert pair[0] > pair[1] == Fraction("2.9") + Fraction("2.52")
    assert case.requirement(account) == 542
    unlisted = Case(case.document, case.market, case.assets[:5])
    assert unlisted.requirement(account[:5]) == 432


def test_collateral_counts_by_its_weight_and_must_not_be_negative() -> None:
    one = [EXAMPLE.account(ETH="1")]
    assert [int(of(margin).evaluate(one).equity[0]) for margin in MARGINS] == [1_575 * USD, 1_680 * USD]
    owed = [EXAMPLE.account(USDC="5000", ETH="-0.000001")]
    assert by_witness(EXAMPLE.model.compile(), owed) == by_meaning(EXAMPLE.model, owed) == [False]


def test_charges_are_rounded_up_and_weights_down() -> None:
    """Of 21 units of 10^-6 to a base unit, 15.75 count as 15; 136.5 are charged as 137, 252.63 as 253."""
    fine = Case(EXAMPLE.document, EXAMPLE.market, (Asset("ETH", 8),))
    assert fine.evaluate([[10**8]]).equity[0] == 15 * 10**8
    case = small_case()
    maintenance = case.altered(lambda d: d.update(margin="maintenance"))
    assert maintenance.requirement([0, 1, 0, 0, 0, 0]) == 137
    naked = case.altered(lambda d: d["markets"][1]["option"].update(naked_initial="1.203"))
    assert naked.requirement([0, 0, -9, 4, 0, 0]) == 290 + 253


def test_a_put_deep_in_the_money_is_charged_by_its_mark() -> None:
    """Strike 6,000 at 2,100, worth 3,900: maintenance 1.09 x 3,900, and 1.05 times that initially."""
    market = snapshot(
        [underlying("ETH", "2100", (30,))], [*cash("USDC"), option("P", "ETH", 30, "put", "6000", "0")]
    )
    assets = (Asset("USDC", 6), Asset("P", 2))
    figures = [Case(derive_model(margin), market, assets).requirement([0, -100]) for margin in MARGINS]
    assert figures == [4_463_550_000, 4_251_000_000]


def test_an_expiry_that_is_charged_nothing_compiles() -> None:
    market = snapshot(
        [underlying("ETH", "2100", (30,))], [*cash("USDC"), option("C", "ETH", 30, "call", "6000", "0")]
    )
    case = Case(derive_model(), market, (Asset("USDC", 6), Asset("C", 2)))
    free = case.altered(lambda d: d["markets"][1]["option"].update(greatest_rate="0", least_rate="0"))
    assert by_witness(free.model.compile(), [[0, -5], [-1, 5]]) == [True, False]
    assert by_witness(case.model.compile(), [[0, -5]]) == [False]


def test_long_options_are_worth_nothing() -> None:
    result = EXAMPLE.evaluate([BOOK["holder"]])
    assert (result.equity[0], result.requirement[0]) == (0, 0)


# Sizes and examples


def test_size_of_the_statement() -> None:
    """MODELS, section 0: 6 expiries x 10 options take 78 variables and 6 booleans, 145 rows, 12.2 kbit."""
    options = [
        option(f"{days}-{strike}", "ETH", days, "call" if strike % 200 else "put", str(strike), "0.6")
        for days in (7, 14, 30, 60, 90, 180)
        for strike in range(1500, 2500, 100)
    ]
    market = snapshot([underlying("ETH", "2100", (7, 14, 30, 60, 90, 180))], [*cash("USDC"), *options])
    assets = (Asset("USDC", 6), *(Asset(each.id, 2) for each in options))
    size = explain(Case(derive_model(), market, assets).model)
    assert (size.auxiliaries - size.booleans, size.booleans) == (78, 6)
    assert size.rows - size.integrality_rows == 145
    assert size.bits == 12_114
    without = explain(Case(derive_model(spreads="isolated"), market, assets).model)
    assert (without.auxiliaries, without.booleans, without.rows) == (60, 0, 62)


def test_the_example_is_sufficient_and_the_empty_account_passes() -> None:
    assert EXAMPLE.evaluate(list(BOOK.values())).sufficient.all()
    assert BOOK["empty"] == [0] * len(EXAMPLE.assets)
    data = (EXAMPLES / KIND / "model.json").read_bytes()
    statement = compile_model(data, EXAMPLE.assets, EXAMPLE.market)
    assert by_witness(statement, list(BOOK.values())) == [True] * len(BOOK)


def test_a_published_risk_array_is_the_definition_once_it_is_checked() -> None:
    array = compute_risk_array(EXAMPLE.market.snapshot, ScenarioSet(()), EXAMPLE.assets)
    place = EXAMPLE.place("ETH-60D-1600-P")
    array.values[place] += 1
    market = replace(EXAMPLE.market, risk_array=array)
    short = EXAMPLE.account(ETH_60D_1600_P="-1")
    assert replace(EXAMPLE, market=market).requirement(short) - EXAMPLE.requirement(short) == 100
    array.values[place] += 1
    refuse_compilation(EXAMPLE.document, market, EXAMPLE.assets, "may differ by 1")


# Refusals


def market_of(number: int, part: str, **fields: Json) -> Callable[[Any], object]:
    return lambda d: d["markets"][number][part].update(fields)


@pytest.mark.parametrize(
    ("change", "path", "reason"),
    [
        (lambda d: d.update(margin="none"), "$.margin", "is not 'initial'"),
        (lambda d: d.update(spreads="all"), "$.spreads", "is not 'better-of'"),
        (lambda d: d.update(markets=[]), "$.markets", "is empty"),
        (lambda d: d["markets"][1].update(underlying="BTC"), "$.markets", "an underlying twice"),
        (lambda d: d["markets"][1].update(future={}), "$.markets[1]", "unknown field 'future'"),
        (
            market_of(0, "perpetual", initial="0.06"),
            "$.markets[0].perpetual.initial",
            "below the maintenance",
        ),
        (market_of(0, "perpetual", maintenance="-1"), "$.markets[0].perpetual.maintenance", "negative"),
        (market_of(0, "perpetual", x="1"), "$.markets[0].perpetual", "unknown field 'x'"),
        (market_of(1, "collateral", weight="1.01"), "$.markets[1].collateral.weight", "above 1"),
        (market_of(1, "collateral", x="1"), "$.markets[1].collateral", "unknown field 'x'"),
        (
            market_of(1, "option", greatest_rate="0.12"),
            "$.markets[1].option.greatest_rate",
            "below least_rate",
        ),
        (
            market_of(1, "option", put_initial_factor="0.99"),
            "$.markets[1].option.put_initial_factor",
            "below 1",
        ),
        (market_of(1, "option", naked_initial="0.5"), "$.markets[1].option.naked_initial", "below 1"),
        (market_of(1, "option", call_maintenance="11"), "$.markets[1].option.call_maintenance", "above 10"),
        (market_of(1, "option", x="1"), "$.markets[1].option", "unknown field 'x'"),
    ],
)
def test_documents_that_are_refused(change: Callable[[Any], object], path: str, reason: str) -> None:
    refuse_document(EXAMPLE, change, path, reason)


def test_books_and_markets_that_are_refused() -> None:
    document, market, assets = EXAMPLE.document, EXAMPLE.market, EXAMPLE.assets

    def refuse(change: Callable[[Any], object], reason: str) -> None:
        refuse_compilation(EXAMPLE.altered(change).document, market, assets, reason)

    refuse_compilation(document, market, (*assets, Asset("X", 2)), "no instrument 'X'")
    refuse_compilation(document | {"numbers": {"scale": 4}}, market, assets, r"counts in 10\^-6 USD")
    refuse(lambda d: d["markets"].pop(0), "'BTC-PERP': underlying 'BTC' is in no market")
    refuse(lambda d: d["markets"][0].pop("perpetual"), "'BTC-PERP': the model takes no perpetuals on 'BTC'")
    refuse(lambda d: d["markets"][1].pop("collateral"), "'ETH': the model takes no collateral of 'ETH'")
    refuse(lambda d: d["markets"][1].pop("option"), "the model takes no options on 'ETH'")
    other = snapshot(
        [underlying("ETH", "2100", (30,))],
        [
            contract("FUT", "ETH", "2100", days=30),
            contract("INV", "ETH", "2100", settlement=Settlement.INVERSE),
            Spot("ETH", "ETH"),
        ],
    )
    for name in ("FUT", "INV"):
        refuse_compilation(
            document, other, (Asset(name, 2),), f"'{name}' is a contract, but no linear perpetual"
        )
    refuse_compilation(document, unindexed(), (Asset("C", 2),), "no index of underlying 'ETH'")


def unindexed() -> MarketDocument:
    return snapshot(
        [replace(underlying("ETH", "2100", (30,)), index=None)],
        [option("C", "ETH", 30, "call", "1700", "0.6")],
    )


@needs_native
def test_a_book_is_proven_and_one_unit_short_is_refused(tmp_path: Path) -> None:
    check_proof(tmp_path, KIND, "spread and perpetual", "USDC")
