"""Expected Shortfall, Value at Risk and stress: worked figures, rows against the definition, refusals, proofs."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from modelling_support import batch_of, by_meaning, by_solver, by_witness
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
from vectors.generate_loss_examples import ASSETS, BOOK, head, history, market, measure, with_array
from vectors.generate_scenario_examples import AS_OF, contract, option, snapshot, underlying

from circuits.market.document import MarketDocument
from circuits.market.history import Calendar, PriceHistory, Series, Step, Subject
from circuits.market.snapshot import Cash, Settlement, Spot
from circuits.model_document import compile_model, read_definition
from circuits.modelling.explanation import explain
from circuits.models.historical_model import decayed_weights
from circuits.wrappers.shocks import Shock, parse_shock, shocked_market
from primitives.assets import Asset
from primitives.strict_json import Json, JsonError

KINDS = ("expected-shortfall", "value-at-risk", "stress")

LOSSES = (
    4_120, -2_301, 12_746, 655, -90, 7_959, 1_204, -5_077, 6_905, 333,
    8_289, 0, -1, 2_750, 5_512, -811, 47, 3_300, -9_999, 1_001,
)  # fmt: skip
"""Of +3 X and -40 Y in twenty days: the four largest are 12,746, 8,289, 7,959 and 6,905."""


def closes(first: int, changes: Sequence[int]) -> tuple[Decimal, ...]:
    levels = [first]
    for change in changes:
        levels.append(levels[-1] + change)
    return tuple(map(Decimal, levels))


def days(count: int, last: datetime = AS_OF) -> tuple[datetime, ...]:
    return tuple(last - timedelta(days=count - 1 - place) for place in range(count))


def series(name: str, figures: Sequence[Decimal], *, is_instrument: bool = False) -> Series:
    return Series(Subject(is_instrument, name), tuple(figures))


def past(*listed: Series) -> PriceHistory:
    ordered = tuple(sorted(listed, key=lambda each: each.subject))
    return PriceHistory("USD", Calendar(Step.DAY), (), days(len(listed[0].closes)), ordered)


def worked_case(kind: str, level: str, **changes: Any) -> Case:
    """Whole dollars; +3 X - 40 Y loses `LOSSES`: 40 is 1 modulo 3, so that Y's profit can be a loss's residue."""
    of_y = [loss % 3 for loss in LOSSES]
    of_x = [(40 * y - loss) // 3 for y, loss in zip(of_y, LOSSES, strict=True)]
    document = snapshot(
        [underlying("X", "100000", ()), underlying("Y", "5000", ())],
        [Cash("USD", Decimal(1)), contract("X-PERP", "X", "100000"), contract("Y-PERP", "Y", "5000")],
        scale=0,
    )
    document = replace(
        document, history=past(series("X", closes(100_000, of_x)), series("Y", closes(5_000, of_y)))
    )
    model: dict[str, Any] = {
        **head(kind),
        "measures": [measure("m", level, 20, shocks="absolute") | changes.pop("measure", {})],
        "bound": {"kind": "margin"},
        "numbers": {"scale": 0, "cap": "1000000", "position_bits": 20},
    }
    return Case(model | changes, document, (Asset("USD", 0), Asset("X-PERP", 0), Asset("Y-PERP", 0)))


def worked_account(equity: int) -> Account:
    return [equity - 3 * 100_000 + 40 * 5_000, 3, -40]


@pytest.mark.parametrize(
    ("kind", "level", "needed"),
    [
        ("expected-shortfall", "0.9", Fraction(21_035, 2)),
        ("expected-shortfall", "0.875", Fraction("10005.8")),
        ("value-at-risk", "0.9", Fraction(7_959)),
        ("value-at-risk", "0.99", Fraction(12_746)),
    ],
)
def test_worked_example(kind: str, level: str, needed: Fraction) -> None:
    """10,517.5, so that 10,518 passes and 10,517 has no witness; 10,005.8; 7,959 and 7,958."""
    case = worked_case(kind, level)
    ceiling = -(-needed.numerator // needed.denominator)
    accounts = [worked_account(ceiling), worked_account(ceiling - 1)]
    assert by_meaning(case.model, accounts) == [True, False]
    statement = case.model.compile()
    assert by_witness(statement, accounts) == [True, False]
    assert [by_solver(statement, account) for account in accounts] == [True, False]
    result = case.evaluate(accounts)
    assert result.equity.tolist() == [ceiling, ceiling - 1]
    assert result.requirement.tolist() == [ceiling] * 2
    assert result.sufficient.tolist() == [True, False]
    assert set(result.worst_scenario) == {"m: 2026-08-02 to 2026-08-03"}


# The definition, computed independently from the integers of the risk array.


def coarse(entry: int, fineness: int) -> int:
    return round(Fraction(entry, fineness))


def losses_of(case: Case, account: Account, prefix: str = "") -> list[int]:
    definition: Any = case.definition
    array = definition.risk_array(case.assets, case.market)
    fineness = 10 ** (case.market.snapshot.scale - definition.numbers.scale)
    ids = [asset.id for asset in case.assets]
    held = {ids.index(asset.id): place for place, asset in enumerate(array.assets)}
    return [
        -sum(account[i] * coarse(int(row[place]), fineness) for i, place in held.items())
        for label, row in zip(array.scenarios, array.profits, strict=True)
        if label.startswith(prefix)
    ]


def shortfall(losses: Sequence[int], weights: Sequence[int], level: Fraction) -> Fraction:
    left = (1 - level) * sum(weights)
    tail, mean = left, Fraction(0)
    for loss, weight in sorted(zip(losses, weights, strict=True), reverse=True):
        counted = min(left, Fraction(weight))
        mean += counted * loss
        left -= counted
    return max(Fraction(0), mean / tail)


def value_at_risk(losses: Sequence[int], weights: Sequence[int], level: Fraction) -> Fraction:
    allowed = int((1 - level) * sum(weights))
    above = 0
    for loss, weight in sorted(zip(losses, weights, strict=True), reverse=True):
        above += weight
        if above > allowed:
            return Fraction(max(0, loss))
    raise AssertionError


MEASURES: dict[str, Callable[[Sequence[int], Sequence[int], Fraction], Fraction]] = {
    "expected-shortfall": shortfall,
    "value-at-risk": value_at_risk,
}


def case_of(kind: str, changes: dict[str, Any], **document: Any) -> Case:
    measures = [measure("m", "0.95", 60) | changes]
    fields: dict[str, Any] = {**head(kind), "measures": measures, "bound": {"kind": "margin"}}
    return Case(fields | document, market(120), ASSETS)


def random_accounts(seed: int, count: int) -> list[Account]:
    generator = random.Random(seed)
    return [
        [0, *(generator.choice((0, generator.randint(-20_000, 20_000))) for _ in ASSETS[1:])]
        for _ in range(count)
    ]


VARIANTS: list[dict[str, Any]] = [
    {},
    {"level": "0.975"},
    {"horizon": 5, "elapsed_days": "5"},
    {"horizon": 2, "sampling": "separate", "returns": 40},
    {"shocks": "absolute", "volatility": "history"},
    {"volatility": "history", "ending": "2026-08-01T00:00:00Z"},
    {"decay": "0.94"},
    {"weights": [1 + place % 7 for place in range(60)], "level": "0.9"},
    {"moving": ["BTC"], "ratio": "1.37"},
]


@pytest.mark.parametrize("kind", MEASURES)
@pytest.mark.parametrize("changes", VARIANTS, ids=lambda changes: "-".join(changes) or "plain")
def test_rows_are_the_definition(kind: str, changes: dict[str, Any]) -> None:
    case = case_of(kind, changes)
    (parsed,) = case.definition.measures  # type: ignore[attr-defined]
    accounts = random_accounts(3, 8)
    result = case.evaluate(accounts)
    for account, requirement in zip(accounts, result.requirement.tolist(), strict=True):
        expected = MEASURES[kind](losses_of(case, account), parsed.weights, parsed.level) * parsed.ratio
        # Losses in 10^-4, figures in 10^-6.
        assert requirement == -((-100 * expected).__floor__())
    check_boundary(case, accounts, "USD")
    statement = case.model.compile()
    assert by_witness(statement, [[0] * len(ASSETS)]) == [True]


@pytest.mark.parametrize("kind", MEASURES)
@pytest.mark.parametrize("changes", [{}, {"decay": "0.9"}, {"weights": list(range(1, 21))}], ids=len)
def test_an_integer_solver_agrees(kind: str, changes: dict[str, Any]) -> None:
    case = worked_case(kind, "0.85", measure=changes)
    generator = random.Random(8)
    accounts = [[0, generator.randint(-9, 9), generator.randint(-60, 60)] for _ in range(3)]
    check_boundary(case, accounts, "USD", solver=True)


def test_stress_at_the_boundary_and_by_the_solver() -> None:
    model: dict[str, Any] = {
        **head("stress"),
        "past_expiry": "refuse",
        "scenarios": [
            {"label": "up", "moves": [{"addition": "700"}]},
            {
                "label": "apart",
                "weight": "0.5",
                "moves": [{"underlying": "X", "multiple": "0.8"}, {"multiple": "1.3"}],
            },
        ],
        "bound": {"kind": "margin"},
        "numbers": {"scale": 0, "cap": "10000000", "position_bits": 20},
    }
    case = Case(model, worked_case("value-at-risk", "0.9").market, worked_case("value-at-risk", "0.9").assets)
    accounts = [[0, 3, -40], [0, -3, 40], [0, 3, 40], [0, -2, -5], [0, 0, 0]]
    assert case.evaluate(accounts).requirement.tolist() == [
        max(0, *(-a * x - b * y for a, b in ((700, 700), (-10_000, 750)))) for _, x, y in accounts
    ]
    check_boundary(case, accounts, "USD", solver=True)
    assert case.evaluate([[0, 3, 1]]).worst_scenario == ("apart",)


# Bounds, sums, charges, units.


def test_a_limit_in_the_quote_currency() -> None:
    case = worked_case("expected-shortfall", "0.9", bound={"kind": "amount", "amount": "10517"})
    enough = case.altered(lambda d: d["bound"].update(amount="10518"))
    poor = worked_account(-50_000)
    assert case.evaluate([poor]).sufficient.tolist() == [False]
    result = enough.evaluate([poor])
    assert (result.sufficient.tolist(), result.equity.tolist()) == ([True], [10_518])
    assert by_meaning(enough.model, [poor, [0, 0, 0]]) == [True, True]
    refuse_compilation(
        case.document | {"bound": {"kind": "amount", "amount": "0.5"}},
        case.market,
        case.assets,
        "no multiple of 10",
    )


def test_a_limit_as_a_share_of_the_equity() -> None:
    case = worked_case("value-at-risk", "0.9", bound={"kind": "share", "share": "0.3"})
    assert -(-79_590 // 3) == 26_530
    accounts = [worked_account(26_530), worked_account(26_529)]
    assert case.evaluate(accounts).sufficient.tolist() == [True, False]
    assert by_meaning(case.model, accounts) == [True, False]


def test_sums_and_the_largest_of_measures() -> None:
    def measures(document: Any) -> None:
        document["measures"] = [
            measure("ten", "0.9", 60, horizon=10),
            measure("stressed", "0.95", 30, ratio="1.5", ending="2026-07-15T00:00:00Z"),
            measure("only ETH", "0.975", 60, moving=["ETH"]),
        ]

    added = case_of("expected-shortfall", {}).altered(measures)
    largest = added.altered(lambda d: d.update(aggregation="largest"))
    accounts = random_accounts(4, 6)
    for case, choose in ((added, sum), (largest, max)):
        requirements = case.evaluate(accounts).requirement.tolist()
        for account, requirement in zip(accounts, requirements, strict=True):
            parts = [
                each.ratio * shortfall(losses_of(case, account, each.prefix), each.weights, each.level)
                for each in case.definition.measures  # type: ignore[attr-defined]
            ]
            assert requirement == -((-100 * choose(parts)).__floor__())
        check_boundary(case, accounts, "USD")
    words = " ".join(added.definition.words().conditions)
    assert "the sum of (1) the Expected Shortfall at 90 %" in words
    assert "(2) 1.5 times the Expected Shortfall at 95 %" in words
    assert "up to 2026-07-15T00:00:00Z" in words
    assert "only ETH moving" in words
    assert "the largest of (1)" in " ".join(largest.definition.words().conditions)
    assert any("added up" in text for text in added.definition.words().conservative)
    assert not any("added up" in text for text in largest.definition.words().conservative)


@pytest.mark.parametrize("kind", MEASURES)
def test_a_measure_that_is_a_gain_counts_as_no_loss(kind: str) -> None:
    case = worked_case(kind, "0.5", measure={"returns": 3})
    rising = past(series("X", closes(90_000, (5, 6, 7))), series("Y", closes(4_000, (0, 0, 0))))
    case = Case(case.document, replace(case.market, history=rising), case.assets)
    long = [-300_000, 3, 0]
    assert case.evaluate([long]).requirement.tolist() == [0]
    assert by_meaning(case.model, [long, [-300_001, 3, 0]]) == [True, False]
    assert by_witness(case.model.compile(), [long, [-300_001, 3, 0]]) == [True, False]


def test_charges_on_gross_positions() -> None:
    plain = case_of("expected-shortfall", {})
    charged = plain.altered(
        lambda d: d.update(charges={"spot": "0.01", "perpetual": "0.001", "option": "0.002", "future": "0"})
    )
    account = [0, -1_000, 200, -300, 0, 4_000]
    # 1 % of 0.7; 0.1 % of 7.001; 0.2 % of the forward, 702; 0.1 % of 3.5015, rounded up.
    expected = 1_000 * 7_000 + 200 * 7_001 + 300 * 1_404_000 + 4_000 * 3_502
    assert charged.requirement(account) - plain.requirement(account) == expected
    check_boundary(charged, [account, *random_accounts(5, 4)], "USD")


def test_losses_are_rounded_to_the_coarser_unit() -> None:
    """At 10^-4 a base unit of the ETH contract loses hundredths of cents; at the market's 10^-6 nothing is rounded."""
    account = [0, 0, 0, 0, 0, 1_000_000]
    figures = []
    for scale in (4, 5, 6):
        case = case_of("expected-shortfall", {}, numbers={"scale": scale})
        figures.append(case.requirement(account))
        check_boundary(case, [account], "USD")
    exact = figures[-1]
    assert abs(figures[0] - exact) <= 10**6 * 50
    assert abs(figures[1] - exact) <= 10**6 * 5
    assert len(set(figures)) == 3
    wide = explain(case_of("expected-shortfall", {}, numbers={"scale": 6}).model).bits
    narrow = explain(case_of("expected-shortfall", {}, numbers={"scale": 4}).model).bits
    assert wide > narrow + 60 * 2 * 6


def test_ignored_assets_count_nothing() -> None:
    case = case_of("value-at-risk", {}, ignored=["ETH-PERP"])
    assert case.requirement([0, 0, 0, 0, 0, 10_000]) == 0
    assert any("ETH-PERP count nothing" in text for text in case.definition.words().conservative)
    refuse_compilation(
        case.document | {"ignored": ["DOGE"]}, case.market, ASSETS, "ignored: asset 'DOGE' is not in the book"
    )


def test_decayed_weights() -> None:
    assert decayed_weights(Decimal("0.5"), 4) == (125_000, 250_000, 500_000, 1_000_000)
    assert decayed_weights(Decimal(1), 3) == (10**6,) * 3
    assert decayed_weights(Decimal("0.01"), 6) == (1, 1, 1, 100, 10_000, 10**6)


# Scenarios of a history.


def test_instruments_follow_their_own_history() -> None:
    """A coin that loses its peg, a spot and a contract whose price leaves that of the underlying."""
    document = snapshot(
        [underlying("BTC", "70000", (30,))],
        [
            Cash("USD", Decimal(1)),
            Cash("USDX", Decimal("0.98")),
            Spot("WBTC", "BTC"),
            contract("BTC-PERP", "BTC", "70100"),
            contract("BTC-FUT", "BTC", "71000", days=30),
        ],
    )
    pegs = [Decimal(text) for text in ("1", "1", "0.9", "1")]
    listed = [
        series("BTC", [Decimal(100)] * 3 + [Decimal(90)]),
        series("USDX", pegs, is_instrument=True),
        series("WBTC", [Decimal(100), Decimal(95), Decimal(95), Decimal(95)], is_instrument=True),
        series("BTC-PERP", [Decimal(100), Decimal(80), Decimal(100), Decimal(90)], is_instrument=True),
    ]
    assets = (Asset("USD", 6), Asset("USDX", 0), Asset("WBTC", 2), Asset("BTC-PERP", 2), Asset("BTC-FUT", 2))
    model = {**head("value-at-risk"), "measures": [measure("m", "0.5", 3)], "bound": {"kind": "margin"}}
    case = Case(model, replace(document, history=past(*listed)), assets)
    definition: Any = case.definition
    profits = definition.risk_array(assets, case.market).profits.tolist()
    assert profits == [
        [0, 0, -35_000_000, -140_200_000, 0],
        [0, -98_000, 0, 175_250_000, 0],
        [0, round(980_000 * (1 / 0.9 - 1)), 0, -70_100_000, -71_000_000],
    ]
    check_boundary(case, [[0, 10, 20, 30, -5], [0, -10, 0, 3, 4]], "USD")
    for bad, reason in (
        (series("BTC-30", [Decimal(1)] * 4, is_instrument=True), "options are valued anew"),
        (series("INV", [Decimal(1)] * 4, is_instrument=True), "inverse contract follows index and mark"),
    ):
        more = snapshot(
            [underlying("BTC", "70000", (30,))],
            [
                Cash("USD", Decimal(1)),
                option("BTC-30", "BTC", 30, "call", "75000", "0.5"),
                contract("INV", "BTC", "70000", settlement=Settlement.INVERSE),
            ],
        )
        given = replace(more, history=past(series("BTC", [Decimal(1)] * 4), bad))
        refuse_compilation(model, given, (Asset("USD", 6),), reason)


def test_a_relative_return_of_d_days_is_the_product_of_theirs() -> None:
    def index_moves(horizon: int, count: int, sampling: str) -> list[int]:
        case = case_of("value-at-risk", {"horizon": horizon, "returns": count, "sampling": sampling})
        definition: Any = case.definition
        array = definition.risk_array(ASSETS, case.market)
        return [int(row[1]) for row in array.profits]

    closes_of = next(each.closes for each in history(120).series if each.subject.id == "BTC")
    expected = [
        round(700_000 * (Fraction(closes_of[e]) / Fraction(closes_of[e - 7]) - 1)) for e in range(106, 120)
    ]
    assert index_moves(7, 14, "overlapping") == expected
    assert index_moves(7, 2, "separate") == [expected[6], expected[13]]


HISTORY_FAULTS: list[tuple[dict[str, Any], str]] = [
    (
        {"returns": 120},
        "120 overlapping returns over 1 need 121 closes, and up to 2026-08-20.* there are 120",
    ),
    ({"horizon": 100}, "60 overlapping returns over 100 need 160 closes"),
    ({"horizon": 3, "sampling": "separate"}, "60 separate returns over 3 need 181 closes"),
    ({"ending": "2026-08-19T12:00:00Z"}, "have no 2026-08-19T12:00:00Z, at which returns are to end"),
    ({"ending": "2020-01-01T00:00:00Z"}, "have no 2020-01-01T00:00:00Z"),
    ({"ending": "2026-05-01T00:00:00Z"}, "need 61 closes, and up to 2026-05-01T00:00:00Z there are 9"),
    ({"moving": ["SOL"]}, "has no series of 'SOL', which is to move"),
]


@pytest.mark.parametrize(("changes", "reason"), HISTORY_FAULTS)
def test_returns_that_the_history_has_not_are_refused(changes: dict[str, Any], reason: str) -> None:
    case = case_of("expected-shortfall", changes)
    refuse_compilation(case.document, case.market, ASSETS, reason)


def test_a_history_that_does_not_fit_its_market_is_refused() -> None:
    case = case_of("expected-shortfall", {})
    full = history(120)
    assert full.times[-1] == datetime(2026, 8, 20, tzinfo=UTC)
    shorter = tuple(replace(each, closes=each.closes[:-1], volatilities=None) for each in full.series)
    sol = series("SOL", full.series[0].closes)
    later = tuple(moment + timedelta(days=1) for moment in full.times)
    for given, reason in (
        (None, "the market has none: see `sealedbook market history`"),
        (
            replace(full, times=full.times[:-1], series=shorter),
            "end at 2026-08-19.*that of 2026-08-20.* is missing",
        ),
        (
            replace(full, times=later),
            "2026-08-21T00:00:00Z is after the market, which is of 2026-08-20T08:00:00Z",
        ),
        (replace(full, series=(*full.series, sol)), r"series\[2\]: the market has no underlying 'SOL'"),
        (
            replace(full, series=full.series[:1]),
            "has no closes of underlying 'ETH', which an asset of the book",
        ),
    ):
        refuse_compilation(case.document, replace(case.market, history=given), ASSETS, reason)
    without = replace(full, series=tuple(replace(each, volatilities=None) for each in full.series))
    document = case_of("expected-shortfall", {"volatility": "history"}).document
    refuse_compilation(
        document, replace(case.market, history=without), ASSETS, "has no volatilities of underlying 'BTC'"
    )


def test_expired_options_are_refused_and_named() -> None:
    case = case_of("expected-shortfall", {})
    later = replace(case.market.snapshot, as_of=case.market.snapshot.as_of + timedelta(days=31))
    full = history(120)
    moved_on = replace(full, times=tuple(moment + timedelta(days=31) for moment in full.times))
    refuse_compilation(
        case.document,
        MarketDocument(later, history=moved_on),
        ASSETS,
        "'BTC-30D-75000-C': is past its expiry",
    )


def test_changes_beyond_a_price_are_refused_and_named() -> None:
    falling = series("X", [Decimal(900_000), Decimal(700_000), Decimal(700_000)])
    steady = series("Y", [Decimal(1)] * 3)
    case = worked_case("value-at-risk", "0.5", measure={"returns": 2})
    refuse_compilation(
        case.document,
        replace(case.market, history=past(falling, steady)),
        case.assets,
        "the change of underlying 'X' over m: 2026-08-18 to 2026-08-19 makes a price of today negative",
    )


def test_units_have_to_be_fine_enough() -> None:
    case = case_of("expected-shortfall", {})
    assets = (Asset("USD", 6), Asset("BTC", 8))
    refuse_compilation(
        case.document, case.market, assets, "asset 'BTC': a base unit is worth 7 units of losses"
    )
    refuse_compilation(
        case.document | {"numbers": {"scale": 7}},
        case.market,
        ASSETS,
        "losses count in 10.-7, finer than the market's",
    )


# The published array.


def test_the_published_array_is_recomputed() -> None:
    case = case_of("expected-shortfall", {})
    published = with_array(case.market, case.document)
    assert published.risk_array is not None
    account = [0, 1_000, -300, 40, 20, -900]
    again = Case(case.document, published, ASSETS)
    assert again.requirement(account) == case.requirement(account)
    call, perpetual = 3, 2
    profits = published.risk_array.profits.copy()
    profits[7, call] += 1
    within = Case(
        case.document, replace(published, risk_array=replace(published.risk_array, profits=profits)), ASSETS
    )
    within.model.compile()
    for column, step in ((call, 2), (perpetual, 1)):
        profits = published.risk_array.profits.copy()
        profits[7, column] += step
        other = replace(published, risk_array=replace(published.risk_array, profits=profits))
        refuse_compilation(
            case.document, other, ASSETS, f"profit in scenario 'm: .*' of '{ASSETS[column].id}'"
        )
    shorter = case_of("expected-shortfall", {"returns": 59}).document
    refuse_compilation(shorter, published, ASSETS, "scenarios: not those of the market")


# Documents.


DOCUMENT_FAULTS: list[tuple[Callable[[Any], object], str, str]] = [
    (
        lambda d: d.update(aggregation="square-root"),
        "$.aggregation",
        "a cone of second order, which rows of integers",
    ),
    (lambda d: d.update(aggregation="mean"), "$.aggregation", "there are sum, largest"),
    (lambda d: d["measures"][0].update(shocks="log"), "$.measures[0].shocks", "P c / b; write 'relative'"),
    (
        lambda d: d["measures"][0].update(shocks="other"),
        "$.measures[0].shocks",
        "there are relative, absolute",
    ),
    (lambda d: d["measures"][0].update(level="1"), "$.measures[0].level", "not above 0 and below 1"),
    (lambda d: d["measures"][0].update(level="0"), "$.measures[0].level", "not above 0 and below 1"),
    (lambda d: d["measures"][0].update(level="97.5"), "$.measures[0].level", "is above 1"),
    (lambda d: d["measures"][0].update(returns=0), "$.measures[0].returns", "is not between 1 and 4096"),
    (lambda d: d["measures"][0].update(horizon=0), "$.measures[0].horizon", "is not between 1 and 1024"),
    (lambda d: d["measures"][0].update(sampling="random"), "$.measures[0].sampling", "overlapping, separate"),
    (lambda d: d["measures"][0].update(volatility="local"), "$.measures[0].volatility", "history, sticky"),
    (lambda d: d["measures"][0].update(elapsed_days="-1"), "$.measures[0].elapsed_days", "not between 0 and"),
    (lambda d: d["measures"][0].update(ending="2026"), "$.measures[0].ending", "is not a UTC time"),
    (lambda d: d["measures"][0].update(moving=[]), "$.measures[0].moving", "is empty"),
    (lambda d: d["measures"][0].update(moving=["a", "a"]), "$.measures[0].moving", "names a series twice"),
    (lambda d: d["measures"][0].update(ratio="0"), "$.measures[0].ratio", "is zero"),
    (lambda d: d["measures"][0].update(decay="0"), "$.measures[0].decay", "not above 0 and at most 1"),
    (lambda d: d["measures"][0].update(decay="1.01"), "$.measures[0].decay", "not above 0 and at most 1"),
    (
        lambda d: d["measures"][0].update(decay="0.9712345"),
        "$.measures[0].decay",
        "more than 6 decimal places",
    ),
    (lambda d: d["measures"][0].update(weights=[1]), "$.measures[0].weights", "has 1 entries for 60 returns"),
    (
        lambda d: d["measures"][0].update(weights=[0] * 60),
        "$.measures[0].weights[0]",
        "expected an integer from 1",
    ),
    (
        lambda d: d["measures"][0].update(weights=[1] * 60, decay="0.9"),
        "$.measures[0].decay",
        "'weights' exclude each other",
    ),
    (lambda d: d["measures"][0].update(name="a: b"), "$.measures[0].name", "holds ': '"),
    (lambda d: d["measures"][0].update(other=1), "$.measures[0]", "unknown field 'other'"),
    (lambda d: d["measures"].append(d["measures"][0]), "$.measures", "two measures have one name"),
    (lambda d: d["measures"].clear(), "$.measures", "is empty"),
    (
        lambda d: d.update(
            measures=[{**d["measures"][0], "name": str(n), "returns": 4_096} for n in range(2)]
        ),
        "$.measures",
        "more than 4096 returns",
    ),
    (lambda d: d["bound"].update(kind="equity"), "$.bound.kind", "there are margin, amount, share"),
    (lambda d: d.update(bound={"kind": "amount", "amount": "-1"}), "$.bound.amount", "is negative"),
    (lambda d: d.update(bound={"kind": "share", "share": "0"}), "$.bound.share", "is zero"),
    (lambda d: d.update(bound={"kind": "share", "share": "2"}), "$.bound.share", "is above 1"),
    (lambda d: d.update(charges={"spot": "0"}), "$.charges", "charges nothing"),
    (lambda d: d.update(charges={"cash": "0.1"}), "$.charges", "unknown field 'cash'"),
    (
        lambda d: d.update(bound={"kind": "amount", "amount": "1"}, charges={"spot": "0.1"}),
        "$.charges",
        "belong to a margin",
    ),
    (lambda d: d.update(ignored=["A", "A"]), "$.ignored", "names an asset twice"),
]


@pytest.mark.parametrize(("change", "path", "reason"), DOCUMENT_FAULTS, ids=range(len(DOCUMENT_FAULTS)))
def test_documents_that_make_no_sense_are_refused(
    change: Callable[[Any], object], path: str, reason: str
) -> None:
    for kind in MEASURES:
        refuse_document(case_of(kind, {}), change, path, reason)


@pytest.mark.parametrize(
    ("change", "path", "reason"),
    [
        (lambda d: d["scenarios"].clear(), "$.scenarios", "is empty"),
        (lambda d: d["scenarios"][0].update(label="no loss"), "$.scenarios[0].label", "is 'no loss'"),
        (lambda d: d["scenarios"][1].update(label="x" * 161), "$.scenarios[1].label", "longer than 160"),
        (lambda d: d["scenarios"][0].update(label="rally"), "$.scenarios[1].label", "is there already"),
        (
            lambda d: d["scenarios"][0]["moves"][0].update(multiple="-1"),
            "$.scenarios[0].moves[0].multiple",
            "below 0",
        ),
        (lambda d: d.pop("past_expiry"), "$", "'past_expiry' is missing"),
    ],
)
def test_stress_documents_that_make_no_sense_are_refused(
    change: Callable[[Any], object], path: str, reason: str
) -> None:
    case, _ = load_example("stress")
    refuse_document(case, change, path, reason)


def test_stress_scenarios_have_to_move_everything() -> None:
    case, _ = load_example("stress")
    document = json.loads(json.dumps(case.document))
    document["scenarios"][0]["moves"].pop()
    refuse_compilation(document, MarketDocument(case.market.snapshot), ASSETS, "none is of underlying 'ETH'")


# The product.


def test_figures_are_those_of_the_rows_for_many_accounts() -> None:
    """Of random accounts within and beyond what 64-bit integers hold."""
    generator = np.random.default_rng(9)
    for kind in MEASURES:
        case = case_of(kind, {"decay": "0.97"})
        accounts = generator.integers(-(2**20), 2**20, size=(40, len(ASSETS))).tolist()
        accounts += generator.integers(-(2**49), 2**49, size=(5, len(ASSETS))).tolist()
        result = case.evaluate(accounts)
        assert result.sufficient.tolist() == by_meaning(case.model, accounts)
        for account, requirement in list(zip(accounts, result.requirement.tolist(), strict=True))[::9]:
            (parsed,) = case.definition.measures  # type: ignore[attr-defined]
            expected = MEASURES[kind](losses_of(case, account), parsed.weights, parsed.level)
            assert requirement == -((-100 * expected).__floor__())


@needs_native
@pytest.mark.parametrize("kind", KINDS)
def test_proofs_of_the_examples(kind: str, tmp_path: Path) -> None:
    if kind == "expected-shortfall":
        check_proof(tmp_path, kind, "writer", "USD")
        return
    case, book = load_example(kind)
    assert case.evaluate(list(book.values())).sufficient.all()
    assert set(book) == set(BOOK)


def test_other_wrappers_take_them_as_margin_models() -> None:
    case = case_of("expected-shortfall", {})
    wrapped: dict[str, Any] = {
        **head("survives"),
        "margin": {name: value for name, value in case.document.items() if name != "format"},
        "points": [{"name": "down", "moves": [{"of": "BTC", "price": "-0.2"}]}],
    }
    statement = compile_model(json.dumps(wrapped).encode(), ASSETS, case.market)
    assert len(statement.rows) > 60
    assert read_definition(json.dumps(wrapped).encode()).words().conditions
    moved_cash = moved([0] * len(ASSETS), 0, 1)
    assert by_witness(statement, [moved_cash]) == [True]
    assert batch_of([moved_cash]).account_count == 1


@pytest.mark.parametrize("kind", ["expected-shortfall", "stress"])
def test_between_two_prices_without_options_the_ends_prove_it(kind: str) -> None:
    """Equity less measure is concave along a line of prices, up to the rounding of losses and of their ratio."""
    if kind == "stress":
        document = load_example("stress")[0].document | {"bound": {"kind": "margin"}}
    else:
        document = case_of(kind, {}).document
    linear = tuple(asset for asset in ASSETS if "-30D-" not in asset.id)
    inner = {name: value for name, value in document.items() if name != "format"}
    ends = [("down", "-0.3", "0.2"), ("up", "0.4", "-0.25")]
    wrapped: dict[str, Any] = {
        **head("survives"),
        "margin": inner,
        "points": [
            {"name": name, "moves": [{"of": "BTC", "price": btc}, {"of": "ETH", "price": eth}]}
            for name, btc, eth in ends
        ],
        "segments": [{"from": "down", "to": "up"}],
    }
    bare = MarketDocument(market().snapshot, history=history(120))
    compile_model(json.dumps(wrapped).encode(), linear, bare)
    # The option makes it curved, and a quantile is not convex.
    refuse_compilation(wrapped, bare, ASSETS, "is an option")
    quantile = {
        name: value for name, value in case_of("value-at-risk", {}).document.items() if name != "format"
    }
    with pytest.raises(JsonError, match="is not known to be concave"):
        read_definition(json.dumps(wrapped | {"margin": quantile}).encode())

    def slack(part: Fraction, account: Account) -> int:
        moves: list[Json] = [
            {"of": of, "price": str(float((1 - part) * Fraction(low) + part * Fraction(high)))}
            for of, low, high in (("BTC", "-0.3", "0.4"), ("ETH", "0.2", "-0.25"))
        ]
        shock = parse_shock({"name": "p", "moves": moves}, "$")
        result = Case(dict(document), shocked(bare, shock), linear).evaluate([account])
        return int(result.equity[0] - result.requirement[0])

    generator = random.Random(6)
    for _ in range(4):
        account = [0, *(generator.randint(-20_000, 20_000) for _ in linear[1:])]
        tolerance = 100 * 2 * sum(map(abs, account))
        chord = (slack(Fraction(0), account) + slack(Fraction(1), account)) / 2
        assert slack(Fraction(1, 2), account) >= chord - tolerance


def shocked(document: MarketDocument, shock: Shock) -> MarketDocument:
    moved_market = shocked_market(document, shock)
    assert isinstance(moved_market, MarketDocument)
    return moved_market
