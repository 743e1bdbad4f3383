"""Linear perpetuals: published and worked figures, rows against the tables, orders, steps, refusals, proofs."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from modelling_support import batch_of, by_meaning, by_solver, by_witness
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
from vectors.generate_perpetual_examples import (
    BINANCE_BTC,
    ISOLATED_ASSETS,
    cross_model,
    generate,
    isolated_market,
    isolated_model,
    orders_model,
    perpetual_market,
    perpetuals,
    rate_table,
    step_table,
)
from vectors.generate_scenario_examples import contract, snapshot, underlying

from circuits.market.snapshot import Cash, Settlement, Spot
from circuits.model_document import compile_model
from circuits.modelling.definition import Numbers
from circuits.modelling.explanation import explain
from circuits.models.linear_perpetuals import collateral_bound
from circuits.models.margin_evaluation import ACCOUNTS_AT_ONCE
from circuits.positions import PositionBatch
from primitives.assets import Asset
from primitives.strict_json import Json

CROSS, CROSS_BOOK = load_example("linear-perpetuals-cross")
ISOLATED, ISOLATED_BOOK = load_example("linear-perpetuals-isolated")
ORDERS, ORDERS_BOOK = load_example("linear-perpetuals-orders")
NAMES = ["linear-perpetuals-cross", "linear-perpetuals-isolated", "linear-perpetuals-orders"]
USD = 10**6
SMALL_TIERS = (("0", "0.01", "0"), ("50", "0.02", "0.5"), ("200", "0.05", "6.5"), ("900", "0.05", "6.5"))
SMALL_NUMBERS: dict[str, Json] = {"scale": 2, "cap": "20000", "position_bits": 20}


def small_case(markets: Sequence[Mapping[str, Json]], tables: Sequence[Json], *assets: Asset) -> Case:
    """Small numbers, so that an integer solver is exact: A at 3, B at 7.01, one contract a base unit."""
    market = perpetual_market({"A": ("A", "3"), "B": ("B", "7.01")}, ("USD",), scale=2)
    document = perpetuals(
        tables,
        cross={"collateral": ["USD"], "markets": [dict(each) for each in markets]},
        numbers=SMALL_NUMBERS,
    )
    return Case(document, market, (Asset("USD", 2), *assets))


def marginal_charge(tiers: Sequence[Sequence[str]], notional: Fraction) -> Fraction:
    """By looking up the tier, as venues describe it."""
    _, rate, deduction = [
        tuple(map(Fraction, tier)) for tier in tiers if Fraction(tier[0]) <= notional
    ][-1]  # fmt: skip
    return rate * notional - deduction


def random_accounts(sizes: Sequence[int], count: int, seed: str, *, signed: bool = True) -> list[Account]:
    source = random.Random(seed)
    signs = [0, 1, -1] if signed else [0, 1]
    return [[source.choice(signs) * source.randint(0, size) for size in sizes] for _ in range(count)]


# Figures


@pytest.mark.parametrize("side", ["", "-"])
def test_maintenance_of_100_bitcoin(side: str) -> None:
    """N = 7.0M, pieces 28,000 / 34,950 / 44,550 / 58,550 / 8,550: long and short alike."""
    assert CROSS.requirement(CROSS.account(BTCUSDT=f"{side}100")) == 58_550 * USD


def test_cross_account_has_325_400_to_spare_and_not_a_unit_more() -> None:
    account = CROSS_BOOK["pair"]
    result = CROSS.evaluate([account])
    assert result.equity[0] == 425_000 * USD
    assert result.requirement[0] == (58_550 + 41_050) * USD
    at_boundary = [account[0] - 325_400 * USD, *account[1:]]
    one_less = [at_boundary[0] - 1, *account[1:]]
    assert by_witness(CROSS.model.compile(), [at_boundary, one_less]) == [True, False]
    assert by_meaning(CROSS.model, [at_boundary, one_less]) == [True, False]


@pytest.mark.parametrize(("mark", "expected"), [("70000", True), ("71895.54", True), ("71895.55", False)])
def test_isolated_short_fails_above_71_895_54(mark: str, expected: bool) -> None:
    """300,000 + 6,950,000 - 100 P = P - 11,450, counted in 10^-9."""
    market = isolated_market(mark)
    fine = replace(market, snapshot=replace(market.snapshot, scale=9))
    document = isolated_model() | {"numbers": {"scale": 9}}
    case = Case(document, fine, ISOLATED_ASSETS)
    account = ISOLATED_BOOK["short"]
    result = case.evaluate([account])
    assert result.sufficient.tolist() == by_meaning(case.model, [account]) == [expected]
    assert by_witness(case.model.compile(), [account]) == [expected]
    if mark == "70000":
        assert (result.equity[0], result.requirement[0]) == (250_000 * 10**9, 58_550 * 10**9)


def test_paradex_orders_as_published() -> None:
    """Short 1, buy orders 3, sell orders 2, 2 %, mark 90,000: max(2, 3) x 0.02 x 90,000 = 5,400."""
    free = Case(orders_model("0"), ORDERS.market, ORDERS.assets)
    account = ORDERS_BOOK["published"]
    assert free.requirement(account) == 5_400 * USD
    # The fee is a share of the position's value, 3 bp of 90,000, whatever the orders.
    assert ORDERS.requirement(account) == 5_427 * USD
    assert ORDERS.requirement(ORDERS.account(BTC_USD_PERP="1")) == 1_827 * USD


@pytest.mark.parametrize("notional", ["0", "49999.99", "50000", "600000", "69999999.99", "1.3e9", "1.8e9"])
def test_the_published_table_tier_by_tier(notional: str) -> None:
    """One lot of 0.00001 at 70,000 is 0.7; the maximum over all lines is the line of the tier."""
    lots = int(Fraction(notional) / Fraction(7, 10))
    account = [0, 0, lots, 0]
    assert CROSS.requirement(account) == marginal_charge(BINANCE_BTC, lots * Fraction(7, 10)) * USD


def test_a_fee_is_charged_with_the_table_where_there_are_no_orders() -> None:
    case = CROSS.altered(lambda d: d["cross"]["markets"][0].update(fee_rate="0.0005"))
    assert case.requirement(CROSS_BOOK["pair"]) == (58_550 + 41_050 + 3_500) * USD
    assert len(case.model.compile().rows) == len(CROSS.model.compile().rows)


# Rows


def test_realistic_accounts_at_the_boundary() -> None:
    accounts = random_accounts([0, 10**12, 10**10, 10**9], 60, "realistic")
    for account in accounts:
        notionals = [abs(account[2]) * Fraction(7, 10), abs(account[3]) * Fraction(35, 100)]
        charges = [marginal_charge(BINANCE_BTC, notionals[0]), marginal_charge(BINANCE_BTC[:6], notionals[1])]
        assert CROSS.requirement(account) == sum(charges) * USD
    check_boundary(CROSS, accounts, "USDT")


def test_rows_witness_and_solver_agree_across_markets() -> None:
    case = small_case(
        [{"asset": "A", "table": "t"}, {"asset": "B", "table": "t", "fee_rate": "0.003"}],
        [rate_table("t", SMALL_TIERS)],
        Asset("A", 0),
        Asset("B", 0),
    )
    accounts = random_accounts([0, 400, 150], 25, "cross")
    for account in accounts:
        exact = marginal_charge(SMALL_TIERS, 3 * Fraction(abs(account[1])))
        notional = Fraction("7.01") * abs(account[2])
        exact += marginal_charge(SMALL_TIERS, notional) + Fraction("0.003") * notional
        # Rounding is against the account, by less than one unit per base unit.
        assert 0 <= case.requirement(account) - exact * 100 < abs(account[2]) + 1
    check_boundary(case, accounts, "USD", solver=True)


def orders_case(**market: Json) -> Case:
    orders: dict[str, Json] = {"buy": "buys", "sell": "sells"}
    return small_case(
        [{"asset": "A", "table": "t", "orders": orders, **market}],
        [
            rate_table("t", SMALL_TIERS),
            step_table("steps", (("60", "0.01"), ("300", "0.05"), ("900", "0.1"))),
        ],
        Asset("A", 0),
        Asset("buys", 0),
        Asset("sells", 0),
    )


@pytest.mark.parametrize("fee", ["0", "0.01", "0.0033"])
def test_rows_witness_and_solver_agree_with_orders(fee: str) -> None:
    case = orders_case(fee_rate=fee)
    positions = random_accounts([0, 200], 20, "orders")
    orders = random_accounts([150, 150], 20, "order sizes", signed=False)
    accounts = [position + order for position, order in zip(positions, orders, strict=True)]
    for _, position, buy, sell in accounts:
        notional = 3 * Fraction(max(position + buy, sell - position))
        exact = marginal_charge(SMALL_TIERS, notional) * 100 + ceil(Fraction(fee) * 300) * abs(position)
        assert case.requirement([0, position, buy, sell]) == exact
    check_boundary(case, accounts, "USD", solver=True)


def test_deductions_are_rounded_down() -> None:
    """Beyond 50.5 a notional of 300 is charged 6 less 0.505."""
    case = small_case(
        [{"asset": "A", "table": "t"}],
        [rate_table("t", (("0", "0.01"), ("50.5", "0.02", "0.505")))],
        Asset("A", 0),
    )
    assert case.requirement([0, 100]) == 550


def test_orders_are_not_negative() -> None:
    statement = ORDERS.model.compile()
    rich = ORDERS.account(USDC="1000000", BTC_USD_PERP="1")
    for place in (3, 4):
        account = [*rich]
        account[place] = -1
        assert by_witness(statement, [account]) == [False]
        assert by_meaning(ORDERS.model, [account]) == [False]
    assert by_witness(statement, [rich]) == [True]


def isolated_case() -> Case:
    market = perpetual_market({"A": ("A", "3"), "B": ("B", "7.01")}, ("A USD", "B USD", "USD"), scale=2)
    document = perpetuals(
        [rate_table("t", SMALL_TIERS)],
        cross={"collateral": ["USD"], "markets": [{"asset": "B", "table": "t"}]},
        isolated=[{"collateral": ["A USD"], "market": {"asset": "A", "table": "t"}}],
        uncounted=["B USD"],
        numbers=SMALL_NUMBERS,
    )
    assets = (Asset("USD", 2), Asset("A USD", 2), Asset("A", 0), Asset("B", 0), Asset("B USD", 2))
    return Case(document, market, assets)


def test_cross_and_isolated_positions_each_have_their_own_boundary() -> None:
    case = isolated_case()
    statement = case.model.compile()
    source = random.Random("isolated")
    accounts, expected, shortest = [], [], []
    for a, b in random_accounts([400, 150], 20, "isolated"):
        charge_a = int(marginal_charge(SMALL_TIERS, 3 * Fraction(abs(a))) * 100)
        slack_a, slack_b = source.choice([0, -1, 1]), source.choice([0, -1, 5])
        accounts.append([charge_of_b(b) - 701 * b + slack_b, charge_a - 300 * a + slack_a, a, b, 2])
        expected.append(slack_a >= 0 and slack_b >= 0)
        shortest.append(max(0, -slack_a, -slack_b))
    assert by_meaning(case.model, accounts) == expected
    assert by_witness(statement, accounts) == expected
    assert [by_solver(statement, account) for account in accounts] == expected
    result = case.evaluate(accounts)
    assert result.sufficient.tolist() == expected
    assert result.shortfall.tolist() == shortest
    assert {True, False} == set(expected)


def charge_of_b(position: int) -> int:
    """Of B in cross margin, whose coefficients are rounded up."""
    lines = [(8, 0), (15, 50), (36, 650)]
    return max(rate * abs(position) - deduction for rate, deduction in lines)


def test_the_compartment_with_the_least_to_spare_is_reported() -> None:
    result = ISOLATED.evaluate(list(ISOLATED_BOOK.values()))
    by_name = dict(zip(ISOLATED_BOOK, result.worst_scenario, strict=True))
    assert by_name == {
        "empty": None,
        "lender": None,
        "short": "BTCUSDT isolated margin",
        "both": "BTCUSDT isolated margin",
    }
    place = list(ISOLATED_BOOK).index("short")
    assert (result.equity[place], result.requirement[place]) == (250_000 * USD, 58_550 * USD)


@pytest.mark.parametrize("count", [0, 1, ACCOUNTS_AT_ONCE, ACCOUNTS_AT_ONCE + 1])
def test_books_of_any_length_are_evaluated(count: int) -> None:
    accounts = [ISOLATED_BOOK["both"]] * (count - 1) + [ISOLATED_BOOK["short"]] * (count > 0)
    batch = PositionBatch.from_mappings([dict(enumerate(account)) for account in accounts])
    result = ISOLATED.definition.evaluate(batch, ISOLATED.assets, ISOLATED.market)
    expected = [10 * USD] * (count - 1) + [250_000 * USD] * (count > 0)
    assert result.equity.tolist() == expected
    assert len(result.worst_scenario) == len(result.sufficient) == count
    assert result.sufficient.all()


def test_cash_is_provable_up_to_the_cap() -> None:
    """Costs of large positions exceed 2^50 units: bounds follow from the cap, and stay below 2^63."""
    assert collateral_bound(1, Numbers()) == 1 << 60
    assert collateral_bound(1_000, Numbers(scale=9)) == 1 << 60
    assert collateral_bound(1, Numbers(cap=1 << 70)) == 1 << 63
    assert collateral_bound(0, Numbers(position_bits=40)) == 1 << 40
    worthless = snapshot(
        [underlying("BTC", "70000", ())],
        [Cash("USDT", Decimal(0)), contract("BTCUSDT", "BTC", "70000")],
    )
    case = Case(
        perpetuals(
            [rate_table("t", (("0", "0.1"),))],
            cross={"collateral": ["USDT"], "markets": [{"asset": "BTCUSDT", "table": "t"}]},
        ),
        worthless,
        (Asset("USDT", 6), Asset("BTCUSDT", 5)),
    )
    assert by_witness(case.model.compile(), [[0, 1], [10**9, -1]]) == [True, False]


def test_what_is_not_counted_must_not_be_negative() -> None:
    statement = ISOLATED.model.compile()
    assert by_witness(statement, [ISOLATED.account(USDT="-0.000001"), ISOLATED.account(USDT="7")]) == [
        False,
        True,
    ]


@pytest.mark.parametrize("with_orders", [False, True])
def test_steps_charge_their_rate_on_the_whole_notional(with_orders: bool) -> None:
    case = orders_case(table="steps")
    if not with_orders:
        case = case.altered(lambda d: d["cross"]["markets"][0].pop("orders")).altered(
            lambda d: d.update(uncounted=["buys", "sells"])
        )
    # 20 lots are 60, 100 are 300: on the bound the lower rate holds, one lot beyond it the next.
    figures = {0: 0, 20: 60, 21: 315, 100: 1_500, 101: 3_030, 300: 9_000}
    for lots, charge in figures.items():
        for account in ([0, lots, 0, 0], [0, -lots, 0, 0]):
            assert case.requirement(account) == charge
    accounts = [[0, sign * lots, 0, 0] for lots in figures for sign in (1, -1)]
    if with_orders:
        accounts += [[0, 5, 16, 30], [0, -5, 30, 16], [0, 0, 100, 101]]
        assert [case.requirement(account) for account in accounts[-3:]] == [375, 375, 3_030]
    check_boundary(case, accounts, "USD", solver=True)
    if not with_orders:
        with_fee = case.altered(lambda d: d["cross"]["markets"][0].update(fee_rate="0.0034"))
        assert with_fee.requirement([0, 20, 0, 0]) == 60 + 20 * 2
    rich = [10**5, 301, 0, 0]
    assert by_witness(case.model.compile(), [rich]) == by_meaning(case.model, [rich]) == [False]


# Sizes


def test_sizes_of_statements() -> None:
    """MODELS, section 0; a row of 61 bits for whole amounts of cash comes on top."""
    one = CROSS.altered(lambda d: d["cross"]["markets"].pop()).altered(
        lambda d: d["cross"]["collateral"].pop()
    )
    size = explain(replace(one, assets=(CROSS.assets[0], CROSS.assets[2])).model)
    assert (size.auxiliaries, size.booleans, size.integrality_rows) == (2, 0, 1)
    assert (size.rows - 1, size.bits - 61) == (14, 940)

    alone = ISOLATED.altered(lambda d: d["isolated"].pop()).altered(lambda d: d.pop("uncounted"))
    alone = alone.altered(lambda d: d["isolated"][0]["collateral"].pop())
    size = explain(replace(alone, assets=(ISOLATED.assets[1], ISOLATED.assets[2])).model)
    assert (size.auxiliaries, size.booleans) == (1, 0)
    assert size.rows - size.integrality_rows == 13
    assert size.bits == 100 + 12 * 60 + 61

    size = explain(Case(orders_model("0"), ORDERS.market, ORDERS.assets).model)
    assert (size.auxiliaries, size.booleans, size.rows - size.integrality_rows) == (1, 0, 5)
    assert size.bits == 3 * 60 + 2 * 50 + 60 + 51 + 2 * 61

    stepped = one.altered(lambda d: d["tables"].__setitem__(0, step_table("BTCUSDT", STEPS)))
    size = explain(replace(stepped, assets=(CROSS.assets[0], CROSS.assets[2])).model)
    assert (size.booleans, size.auxiliaries - size.booleans) == (12, 2)
    assert size.rows - size.integrality_rows == 1 + 1 + 1 + 12 + 1
    assert 900 <= size.bits < 1_100


STEPS = tuple(
    (upper, rate)
    for (upper, _, _), rate in zip(
        [*BINANCE_BTC[1:], ("1800000000", "", "")],
        ("0.008", "0.01", "0.0133", "0.02", "0.04", "0.05", "0.1", "0.2", "0.25", "0.3333", "0.5", "1"),
        strict=True,
    )
)


# Examples


def test_examples_are_what_the_generator_writes(tmp_path: Path) -> None:
    generate(tmp_path)
    for folder in tmp_path.iterdir():
        for path in folder.iterdir():
            assert (EXAMPLES / folder.name / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_examples_are_sufficient_and_the_empty_account_passes(name: str) -> None:
    case, book = load_example(name)
    assert case.evaluate(list(book.values())).sufficient.all()
    assert book["empty"] == [0] * len(case.assets)
    statement = compile_model((EXAMPLES / name / "model.json").read_bytes(), case.assets, case.market)
    assert by_witness(statement, list(book.values())) == [True] * len(book)


# Refusals


def tier(number: int, **fields: Json) -> Callable[[Any], object]:
    return lambda d: d["tables"][0]["tiers"][number].update(fields)


def market_fields(**fields: Json) -> Callable[[Any], object]:
    return lambda d: d["cross"]["markets"][1].update(fields)


REFUSED: list[tuple[Callable[[Any], object], str, str]] = [
    (tier(3, rate="0.006"), "$.tables[0].tiers[3]", "the rate falls from 13/2000 to 3/500"),
    (tier(3, cum="11451"), "$.tables[0].tiers[3].cum", "continuity asks for 11450"),
    (tier(3, rate="0.011"), "$.tables[0].tiers[3].cum", "continuity asks for 14450"),
    (tier(2, **{"from": "50000"}), "$.tables[0].tiers[2].from", "does not follow 50000"),
    (tier(0, **{"from": "1"}), "$.tables[0].tiers[0].from", "begins at 0"),
    (tier(0, rate="-0.1"), "$.tables[0].tiers[0].rate", "negative"),
    (tier(11, rate="10.1"), "$.tables[0].tiers[11].rate", "above 10"),
    (tier(1, to="7"), "$.tables[0].tiers[1]", "unknown field 'to'"),
    (lambda d: d["tables"][0].update(tiers=[]), "$.tables[0].tiers", "is empty"),
    (lambda d: d["tables"][1].update(name="BTCUSDT"), "$.tables[1].name", "already"),
    (
        lambda d: d["tables"].append(step_table("s", (("0", "0.1"),))),
        "$.tables[2].steps[0].to",
        "is zero",
    ),
    (
        lambda d: d["tables"].append(step_table("s", (("5", "0.1"), ("6", "0.01")))),
        "$.tables[2].steps[1]",
        "the rate falls",
    ),
    (
        lambda d: d["tables"].append({"name": "s", "steps": [{"to": "5", "rate": "0", "cum": "0"}]}),
        "$.tables[2].steps[0]",
        "unknown field 'cum'",
    ),
    (market_fields(table="ETH"), "$.cross.markets[1].table", "there is no table 'ETH'"),
    (market_fields(asset="BTCUSDT"), "$.cross.markets[1].asset", r"already: \$.cross.markets\[0\].asset"),
    (market_fields(fee_rate="1.1"), "$.cross.markets[1].fee_rate", "above 1"),
    (market_fields(orders={"buy": "b"}), "$.cross.markets[1].orders", "'sell' is missing"),
    (market_fields(orders={"buy": "b", "sell": "b"}), "$.cross.markets[1].orders.sell", "already"),
    (market_fields(orders={"buy": "b", "sell": "c", "at": "1"}), "$.cross.markets[1].orders", "unknown"),
    (market_fields(side="long"), "$.cross.markets[1]", "unknown field 'side'"),
    (lambda d: d["cross"].update(markets=[]), "$.cross.markets", "is empty"),
    (lambda d: d["cross"].update(collateral=[]), "$.cross.collateral", "is empty"),
    (lambda d: d["cross"].update(collateral=["USDT", "USDT"]), "$.cross.collateral[1]", "already"),
    (lambda d: d["cross"].update(collateral=[7]), "$.cross.collateral[0]", "expected an id"),
    (lambda d: d["cross"].update(x=1), "$.cross", "unknown field 'x'"),
    (lambda d: d.update(uncounted=["USDT"]), "$.uncounted[0]", "already"),
    (lambda d: d.pop("cross"), "$.cross", "nothing is isolated"),
    (lambda d: d.update(note=""), "$", "unknown field 'note'"),
    (
        lambda d: d.update(isolated=[{"collateral": ["m"], "market": {}, "x": 1}]),
        "$.isolated[0].market",
        "'asset' is missing",
    ),
    (
        lambda d: d.update(
            isolated=[{"collateral": ["m"], "market": {"asset": "Q", "table": "BTCUSDT"}, "x": 1}]
        ),
        "$.isolated[0]",
        "unknown field 'x'",
    ),
]


@pytest.mark.parametrize(("change", "path", "reason"), REFUSED)
def test_documents_that_are_refused(change: Callable[[Any], object], path: str, reason: str) -> None:
    refuse_document(CROSS, change, path, reason)


def test_deductions_may_be_left_out() -> None:
    def without(document: Any) -> None:
        for each in document["tables"][0]["tiers"]:
            del each["cum"]

    assert CROSS.altered(without).model.compile().digest() == CROSS.model.compile().digest()


def test_books_and_markets_that_are_refused() -> None:
    document, market, assets = cross_model(), CROSS.market, CROSS.assets
    refuse_compilation(document, market, assets[:3], "asset 'ETHUSDT' is not in the book")
    refuse_compilation(document, market, (*assets, Asset("X", 2)), "'X' of the book has no part in the model")
    refuse_compilation(document | {"numbers": {"scale": 4}}, market, assets, r"counts in 10\^-6 USD")
    bare = perpetual_market({"BTCUSDT": ("BTC", "70000")}, ("USDT", "entry cost"))
    refuse_compilation(document, bare, assets, "no instrument 'ETHUSDT'")
    cheap = perpetual_market(
        {"BTCUSDT": ("BTC", "70000"), "ETHUSDT": ("ETH", "0.001")}, ("USDT", "entry cost")
    )
    refuse_compilation(document, cheap, assets, "'ETHUSDT' is worth nothing at this scale")
    swapped = CROSS.altered(lambda d: d["cross"].update(collateral=["USDT", "ETHUSDT"]))
    swapped = swapped.altered(lambda d: d["cross"]["markets"][1].update(asset="entry cost"))
    refuse_compilation(swapped.document, market, assets, "collateral 'ETHUSDT' is not cash")
    kinds = snapshot(
        [underlying("BTC", "70000", ())],
        [Spot("spot", "BTC"), contract("inverse", "BTC", "70000", settlement=Settlement.INVERSE)],
    )
    for name in ("spot", "inverse"):
        one = perpetuals(
            [rate_table("t", (("0", "0.1"),))],
            cross={"collateral": ["USDT"], "markets": [{"asset": name, "table": "t"}]},
        )
        both = replace(
            kinds,
            snapshot=replace(
                kinds.snapshot,
                instruments=tuple(
                    sorted(
                        (*kinds.snapshot.instruments, market.snapshot.instrument("USDT")), key=lambda i: i.id
                    )
                ),
            ),
        )
        refuse_compilation(
            one, both, (Asset("USDT", 6), Asset(name, 0)), f"'{name}' is not a linear contract"
        )


def test_orders_have_the_decimals_of_their_perpetual() -> None:
    assets = (*ORDERS.assets[:3], Asset("BTC-USD-PERP buys", 5), ORDERS.assets[4])
    refuse_compilation(ORDERS.document, ORDERS.market, assets, "'BTC-USD-PERP buys' have other decimals")


def test_a_market_is_needed() -> None:
    with pytest.raises(ValueError, match="needs a MarketDocument, and was given no market"):
        CROSS.definition.model(CROSS.assets, None)
    with pytest.raises(ValueError, match="needs a MarketDocument, and was given no market"):
        ISOLATED.definition.evaluate(batch_of([ISOLATED_BOOK["short"]]), ISOLATED.assets, None)


# Proofs


@needs_native
def test_a_book_is_proven_and_one_unit_short_is_refused(tmp_path: Path) -> None:
    check_proof(tmp_path, "linear-perpetuals-cross", "pair", "USDT")
