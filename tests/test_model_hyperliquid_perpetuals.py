"""Hyperliquid perpetuals: published tiers, both margins, the preset against the tables it stands for, a proof."""

from __future__ import annotations

import random
from collections.abc import Callable
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
    refuse_document,
)
from vectors.generate_perpetual_examples import (
    LEVERAGES,
    hyperliquid_model,
    leverage_table,
    perpetual_market,
    perpetuals,
    rate_table,
)

from circuits.model_document import compile_model
from circuits.modelling.explanation import explain
from primitives.assets import Asset
from primitives.strict_json import Json

KIND = "hyperliquid-perpetuals"
EXAMPLE, BOOK = load_example(KIND)
INITIAL = Case(hyperliquid_model("initial"), EXAMPLE.market, EXAMPLE.assets)
USD = 10**6
UNITS = {"BTC": Fraction("0.7"), "ETH": Fraction("0.35"), "SOL": Fraction("1.5025")}
"""Value of a base unit."""


def leverage_at(symbol: str, notional: Fraction) -> int:
    """The first tier holds up to and with the bound of the second."""
    first, (bound, second) = LEVERAGES[symbol]
    return first[1] if notional <= Fraction(bound) else second


def maintenance(symbol: str, notional: Fraction) -> Fraction:
    """Half the initial rate at maximal leverage, less the deduction of the tier."""
    (_, first), (bound, second) = LEVERAGES[symbol]
    if notional <= Fraction(bound):
        return notional / (2 * first)
    return notional / (2 * second) - Fraction(bound) * (Fraction(1, 2 * second) - Fraction(1, 2 * first))


def accounts_at_random(count: int, seed: str) -> list[Account]:
    source = random.Random(seed)
    sizes = (10**9, 10**9, 10**8)
    return [
        [0, 0, *(source.choice([0, 1, -1]) * source.randint(0, size) for size in sizes)] for _ in range(count)
    ]


def notionals(account: Account) -> dict[str, Fraction]:
    return {symbol: UNITS[symbol] * abs(q) for symbol, q in zip(UNITS, account[2:], strict=True)}


def test_maintenance_of_200_million_as_published() -> None:
    """200M of BTC: 5.0M - 1.875M = 3,125,000, at 0.75 a lot; 150M is the bound."""
    market = perpetual_market(
        {"BTC": ("BTC", "75000"), "ETH": ("ETH", "3500"), "SOL": ("SOL", "150")}, ("USDC", "entry notional")
    )
    case = Case(EXAMPLE.document, market, EXAMPLE.assets)
    lots = 200_000_000 * 4 // 3
    for sign in (1, -1):
        # 266,666,666 lots are worth half a dollar less, and are charged 1.25 cents less.
        assert case.requirement([0, 0, sign * lots, 0, 0]) == 3_125_000 * USD - 12_500
        assert case.requirement([0, 0, sign * 200_000_000, 0, 0]) == 1_875_000 * USD


def test_maintenance_is_that_of_the_tiers() -> None:
    for account in accounts_at_random(60, "maintenance"):
        exact = sum(maintenance(symbol, n) for symbol, n in notionals(account).items()) * USD
        # Rates such as 1/30 have no finite decimal: rounded up, by less than a unit per base unit.
        assert 0 <= EXAMPLE.requirement(account) - exact < sum(map(abs, account)) + 1
    check_boundary(EXAMPLE, accounts_at_random(40, "boundary"), "USDC")


def test_initial_margin_is_the_rate_of_the_tier_on_everything() -> None:
    accounts = accounts_at_random(30, "initial")
    for account in accounts:
        exact = sum(n / leverage_at(symbol, n) for symbol, n in notionals(account).items()) * USD
        assert 0 <= INITIAL.requirement(account) - exact < sum(map(abs, account)) + 1
    check_boundary(INITIAL, accounts, "USDC")


def test_initial_margin_jumps_at_the_bound() -> None:
    """150M of SOL's 70M at 20x: 3.5M up to the bound, 7M beyond it."""
    lots = int(70_000_000 / UNITS["SOL"])
    assert INITIAL.requirement([0, 0, 0, 0, lots]) == pytest.approx(3_500_000 * USD, rel=1e-6)
    assert INITIAL.requirement([0, 0, 0, 0, lots + 1]) == pytest.approx(7_000_000 * USD, rel=1e-6)


def small(margin: str) -> Case:
    """Small numbers, so that an integer solver is exact."""
    document = perpetuals(
        [leverage_table("A", (("0", 10), ("60", 5), ("300", 3)))],
        kind=KIND,
        margin=margin,
        cross={"collateral": ["USD"], "markets": [{"asset": "A", "table": "A"}]},
        numbers={"scale": 2, "cap": "5000", "position_bits": 20},
    )
    market = perpetual_market({"A": ("A", "3")}, ("USD",), scale=2)
    return Case(document, market, (Asset("USD", 2), Asset("A", 0)))


@pytest.mark.parametrize("margin", ["maintenance", "initial"])
def test_rows_witness_and_solver_agree(margin: str) -> None:
    lots = (0, 1, 19, 20, 21, 99, 100, 101, 250)
    accounts = [[0, sign * n] for n in lots for sign in (1, -1)]
    check_boundary(small(margin), accounts, "USD", solver=True)


def test_initial_margin_ends_at_the_cap() -> None:
    case = small("initial")
    accounts = [[0, 1_666], [0, 1_667]]
    assert by_meaning(case.model, accounts) == [True, False]
    assert by_witness(case.model.compile(), accounts) == [True, False]


def test_the_preset_is_the_table_of_half_rates() -> None:
    document = perpetuals(
        [
            rate_table("BTC", (("0", "0.0125", "0"), ("150000000", "0.025", "1875000"))),
            rate_table("SOL", (("0", "0.025"), ("70000000", "0.05"))),
        ],
        cross={
            "collateral": ["USDC", "entry notional"],
            "markets": [{"asset": "BTC", "table": "BTC"}, {"asset": "SOL", "table": "SOL"}],
        },
        uncounted=["ETH"],
    )
    preset = EXAMPLE.altered(lambda d: d["cross"]["markets"].pop(1)).altered(
        lambda d: d.update(uncounted=["ETH"])
    )
    written_out = Case(document, EXAMPLE.market, EXAMPLE.assets)
    assert preset.model.compile().digest() == written_out.model.compile().digest()


def test_size_of_the_statement() -> None:
    """MODELS, section 0: 20 markets x 2 tiers take 40 variables, 61 rows, 5.7 kbit, no boolean; cash on top."""
    names = [f"P{number:02}" for number in range(20)]
    market = perpetual_market({name: (name, "100") for name in names}, ("USDC",))
    tables: list[Json] = [leverage_table("BTC", LEVERAGES["BTC"])]
    markets: list[Json] = [{"asset": name, "table": "BTC"} for name in names]
    cross: Json = {"collateral": ["USDC"], "markets": markets}
    assets = (Asset("USDC", 6), *(Asset(name, 2) for name in names))
    size = explain(
        Case(perpetuals(tables, kind=KIND, margin="maintenance", cross=cross), market, assets).model
    )
    assert (size.auxiliaries, size.booleans, size.rows - size.integrality_rows) == (40, 0, 61)
    assert size.bits == 20 * (100 + 60 + 2 * 60) + 60 + 61
    stepped = explain(
        Case(perpetuals(tables, kind=KIND, margin="initial", cross=cross), market, assets).model
    )
    assert stepped.booleans == 2 * 20


def test_the_example_is_sufficient_and_the_empty_account_passes() -> None:
    assert EXAMPLE.evaluate(list(BOOK.values())).sufficient.all()
    assert BOOK["empty"] == [0] * len(EXAMPLE.assets)
    data = (EXAMPLES / KIND / "model.json").read_bytes()
    for case in (EXAMPLE, INITIAL):
        assert by_witness(case.model.compile(), [BOOK["empty"]]) == [True]
    assert compile_model(data, EXAMPLE.assets, EXAMPLE.market).digest() == EXAMPLE.model.compile().digest()


def tier(number: int, **fields: Json) -> Callable[[Any], object]:
    return lambda d: d["tables"][1]["tiers"][number].update(fields)


@pytest.mark.parametrize(
    ("change", "path", "reason"),
    [
        (tier(1, max_leverage=26), "$.tables[1].tiers[1]", "the rate falls from 1/25 to 1/26"),
        (tier(0, max_leverage=0), "$.tables[1].tiers[0].max_leverage", "not between 1 and 1000"),
        (tier(1, **{"from": "0"}), "$.tables[1].tiers[1].from", "does not follow"),
        (tier(0, **{"from": "1"}), "$.tables[1].tiers[0].from", "begins at 0"),
        (tier(1, cum="0"), "$.tables[1].tiers[1]", "unknown field 'cum'"),
        (tier(1, rate="0.1"), "$.tables[1].tiers[1]", "unknown field 'rate'"),
        (lambda d: d.update(margin="both"), "$.margin", "is not 'initial'"),
        (lambda d: d["tables"][1].update(steps=[]), "$.tables[1]", "unknown field 'steps'"),
        (
            lambda d: d.update(margin="initial", numbers={"cap": "100000000"}),
            "$.tables[0].tiers",
            "beyond the model's cap",
        ),
    ],
)
def test_documents_that_are_refused(change: Callable[[Any], object], path: str, reason: str) -> None:
    refuse_document(EXAMPLE, change, path, reason)


@needs_native
def test_a_book_is_proven_and_one_unit_short_is_refused(tmp_path: Path) -> None:
    check_proof(tmp_path, KIND, "large", "USDC")
