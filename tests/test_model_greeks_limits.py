"""Limits on Greeks: the worked example of the catalogue, every measure at its boundary, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from modelling_support import batch_of, by_meaning, by_solver, by_witness
from scenario_model_support import Account, Case, load_example, refuse_document
from vectors.generate_risk_examples import ASSETS, limit, limits, options_market
from vectors.generate_scenario_examples import contract, number, option, snapshot, underlying

from circuits.book_statement import compile_book, find_breaches
from circuits.claim_statement import ClaimDocumentError
from circuits.market.document import MarketDocument, market_to_json
from circuits.market.risk_array import Greek
from circuits.market.snapshot import Cash, Settlement, Spot
from circuits.model_document import compile_model, read_definition
from circuits.modelling import ModelError, Numeric
from circuits.models.greeks_limits import GreeksLimits
from circuits.rows import Scope
from primitives.assets import Asset
from primitives.strict_json import JsonError, canonical_json


def case_of(*entries: dict[str, Any], market: MarketDocument | None = None, **more: Any) -> Case:
    return Case(limits("greeks-limits", list(entries), **more), market or options_market(), ASSETS)


def account(put: int = 0, call: int = 0, far: int = 0, perpetual: int = 0, cash: int = 0) -> Account:
    return [put, call, far, perpetual, cash]


def check_boundary(
    case: Case, accounts: Sequence[Account], expected: Sequence[bool], *, solver: bool = True
) -> None:
    """Meaning, witness, evaluator and an integer solver agree with what is expected."""
    statement = case.definition.model(case.assets, case.market, Scope.ACCOUNT).compile()
    assert by_meaning(case.model, accounts) == list(expected)
    assert by_witness(statement, accounts) == list(expected)
    assert case.evaluate(accounts).sufficient.tolist() == list(expected)
    if solver:
        assert [by_solver(statement, each) for each in accounts] == list(expected)


def test_the_worked_example_of_the_catalogue() -> None:
    """S = 70,000: net delta 9.645 and gamma 1.868e-4, vega 1,461.8 and -3,722.0 by expiry."""
    market = snapshot(
        [underlying("BTC", "70000", [30, 90])],
        [
            contract("BTC-PERP", "BTC", "70000"),
            option("BTC-30D-75000-C", "BTC", 30, "call", "75000", "0.55"),
            option("BTC-30D-65000-P", "BTC", 30, "put", "65000", "0.6"),
            option("BTC-90D-90000-C", "BTC", 90, "call", "90000", "0.58"),
            Cash("USD", number("1")),
        ],
    )
    held = account(put=-2200, call=4000, far=-3500, perpetual=-32_500)
    front, back = {"to_days": 45}, {"after_days": 45}
    case = case_of(
        limit("delta", "delta", least="-5", greatest="5"),
        limit("gamma", "gamma", least="0"),
        limit("front", "vega", expiries=front, greatest="0"),
        limit("back", "vega", expiries=back, least="0"),
        market=market,
    )
    definition = case.definition
    assert isinstance(definition, GreeksLimits)
    by_name = dict(zip([asset.id for asset in ASSETS], held, strict=True))
    delta, gamma, short, far = definition.conditions(ASSETS, market)
    assert (delta.value(by_name) - delta.constant) / 10**10 == pytest.approx(9.645, abs=5e-4)
    assert gamma.value(by_name) / 10**14 == pytest.approx(1.868e-4, abs=5e-8)
    assert -short.value(by_name) / 10**8 == pytest.approx(1461.8, abs=0.05)
    assert far.value(by_name) / 10**8 == pytest.approx(-3722.0, abs=0.25)
    wider = case_of(limit("delta", "delta", least="-10", greatest="10"), market=market)
    assert wider.evaluate([held]).sufficient.tolist() == [True]
    assert Numeric(case.model, batch_of([held])).failing(0) == ["delta", "front", "back"]


def test_net_limits_at_their_ends() -> None:
    """A perpetual lot is a delta of 0.0001."""
    case = case_of(limit("delta", "delta", least="-4", greatest="5"))
    lots = [-40_001, -40_000, 0, 50_000, 50_001]
    check_boundary(case, [account(perpetual=each) for each in lots], [False, True, True, True, False])


def test_a_span_of_a_power_of_two_takes_one_row() -> None:
    case = case_of(
        limit("delta", "delta", least="-0.0000000128", greatest="0.0000000127"), scales={"delta": 10}
    )
    statement = case.model.compile()
    assert [row.width for row in statement.rows if row.label == "delta"] == [8]
    check_boundary(case, [account(), account(perpetual=1), account(perpetual=-1)], [True, False, False])


@pytest.mark.parametrize(
    ("side", "expected"), [("least", [True, True, False]), ("greatest", [False, True, True])]
)
def test_one_sided_limits(side: str, expected: list[bool]) -> None:
    case = case_of(limit("gamma", "gamma", **{side: "0"}))
    accounts = [account(call=1), account(), account(call=-1)]
    check_boundary(case, accounts, expected)


def test_gross_limits_count_both_signs() -> None:
    case = case_of(limit("gross delta", "delta", measure="gross", expiries="perpetual", greatest="5"))
    lots = [-50_001, -50_000, 50_000, 50_001]
    check_boundary(case, [account(perpetual=each) for each in lots], [False, True, True, False])
    both = case_of(limit("gross", "vega", measure="gross", greatest="10"))
    entries = both.definition.inputs(ASSETS, both.market).greeks(Greek.VEGA)  # type: ignore[attr-defined]
    room = 10 * 10**8 // (entries["BTC-30D-75000-C"] + entries["BTC-90D-90000-C"])
    accounts = [account(call=room, far=-room), account(call=room + 1, far=-room - 1)]
    check_boundary(both, accounts, [True, False])


def test_limits_against_equity() -> None:
    """A delta of 1 at 70,000 against half of the equity: 140,000."""
    case = case_of(limit("leverage", "delta", measure="equity", share="0.5"))
    exact = 140_000 * 10**6
    accounts = [account(perpetual=10_000, cash=exact - 70_000 * 10**6 + step) for step in (-1, 0, 1)]
    accounts += [account(perpetual=-10_000, cash=exact + 70_000 * 10**6 + step) for step in (-1, 0)]
    check_boundary(case, accounts, [False, True, True, False, True])
    result = case.evaluate(accounts)
    assert result.equity.tolist() == [exact - 1, exact, exact + 1, exact - 1, exact]
    assert result.requirement.tolist() == [exact] * 5


def test_a_hedge_is_added_before_the_limit() -> None:
    case = case_of(
        limit("after the hedge", "delta", measure="hedged", least="-3", greatest="3"),
        hedge=[{"asset": "BTC-PERP", "amount": "-2.5"}],
    )
    lots = [-5_001, -5_000, 25_000, 55_000, 55_001]
    check_boundary(case, [account(perpetual=each) for each in lots], [False, True, True, True, False])


def test_an_account_of_nothing_must_be_within_limits_on_every_account() -> None:
    case = case_of(
        limit("after the hedge", "delta", measure="hedged", least="-1", greatest="1"),
        hedge=[{"asset": "BTC-PERP", "amount": "-2.5"}],
    )
    with pytest.raises(ModelError, match=r"^limits\[0\]: an account that holds nothing breaks it"):
        _ = case.model
    statement = case.definition.model(ASSETS, case.market, Scope.ACCOUNT).compile()
    lots = (14_999, 15_000, 35_000, 35_001)
    assert by_witness(statement, [account(perpetual=each) for each in lots]) == [False, True, True, False]


def test_buckets_of_expiry() -> None:
    for expiries, places in (
        ({"to_days": 30}, {0, 1}), ({"after_days": 30}, {2}), ({"after_days": 29, "to_days": 90}, {0, 1, 2}),
        ("perpetual", {3}), (None, {0, 1, 2, 3}),
    ):  # fmt: skip
        more = {} if expiries is None else {"expiries": expiries}
        definition = case_of(limit("delta", "delta", greatest="1", **more)).definition
        assert isinstance(definition, GreeksLimits)
        (condition,) = definition.conditions(ASSETS, options_market())
        assert {place for place, asset in enumerate(ASSETS) if asset.id in condition.assets} == places


def test_spot_and_ignored_assets() -> None:
    market = snapshot([underlying("BTC", "70000", [])], [Spot("BTC", "BTC"), Cash("USD", number("1"))])
    assets = (Asset("BTC", 8), Asset("POINTS", 0), Asset("USD", 6))
    document = limits("greeks-limits", [limit("delta", "delta", greatest="2")], ignored=["POINTS"])
    case = Case(document, market, assets)
    check_boundary(case, [[2 * 10**8, 77, 0], [2 * 10**8 + 1, 0, 0]], [True, False])
    with pytest.raises(ModelError, match="ignored: asset 'NONE' is not in the book"):
        _ = Case({**document, "ignored": ["NONE"]}, market, assets).model


@pytest.mark.parametrize(
    ("change", "path", "reason"),
    [
        (lambda d: d.update(limits=[]), "$.limits", "is empty"),
        (lambda d: d["limits"][0].pop("greek"), "$.limits[0]", "field 'greek' is missing"),
        (lambda d: d["limits"][0].update(greek="rho"), "$.limits[0].greek", "'rho' is not one of delta, gamma"),
        (lambda d: d["limits"][0].update(measure="most"), "$.limits[0].measure", "'most' is not one of net"),
        (lambda d: d["limits"][0].pop("least") and d["limits"][0].pop("greatest"), "$.limits[0].greatest", "neither"),
        (lambda d: d["limits"][0].update(least="6"), "$.limits[0].least", "is above 'greatest'"),
        (lambda d: d["limits"][0].update(least="1e3"), "$.limits[0].least", "not canonical"),
        (lambda d: d["limits"][0].update(least="0.00000000001"), "$.limits[0].least", "not a multiple of 10"),
        (lambda d: d["limits"][0].update(greatest="1" + "0" * 40), "$.limits[0].greatest", "beyond any book"),
        (lambda d: d["limits"][0].update(name=" x"), "$.limits[0].name", "white space"),
        (lambda d: d["limits"].append(dict(d["limits"][0])), "$.limits[2].name", "is the name of .*limits.0. already"),
        (lambda d: d["limits"][0].update(expiries={}), "$.limits[0].expiries", "needs 'after_days' or 'to_days'"),
        (lambda d: d["limits"][0].update(expiries={"after_days": 3, "to_days": 3}), "$.limits[0].expiries", "no mome"),
        (lambda d: d["limits"][0].update(expiries="weekly"), "$.limits[0].expiries", "expected 'perpetual'"),
        (lambda d: d["limits"][0].update(measure="hedged"), "$.limits[0].measure", "the document has no hedge"),
        (lambda d: d.update(hedge=[{"asset": "BTC-PERP", "amount": "1"}]), "$.hedge", "no limit has the measure"),
        (lambda d: d.update(hedge=[]), "$.hedge", "is empty"),
        (lambda d: d["limits"][1].update(measure="gross"), "$.limits[1].greatest", "a gross limit needs one"),
        (lambda d: d["limits"][1].update(measure="equity", share="1"), "$.limits[1].measure", "a measure of delta"),
        (lambda d: d["limits"][0].update(measure="equity", share="0"), "$.limits[0].share", "not above 0"),
        (lambda d: d.update(scales={"delta": 99}), "$.scales.delta", "99 is not between"),
        (lambda d: d["limits"][0].update(x=1), "$.limits[0]", "unknown field 'x'"),
        (lambda d: d.update(version=2), "$.version", "2 is not between"),
    ],
)  # fmt: skip
def test_what_is_refused(change: Any, path: str, reason: str) -> None:
    case = case_of(limit("delta", "delta", least="-5", greatest="5"), limit("gamma", "gamma", least="0"))
    refuse_document(case, change, path, reason)


@pytest.mark.parametrize(
    ("entry", "more", "reason"),
    [
        ({"underlying": "ETH"}, {}, r"limits\[0\]: no asset of the book is written on 'ETH'"),
        ({"expiries": {"after_days": 400}}, {}, r"limits\[0\]: no asset of the book"),
        ({}, {"scales": {"delta": 3}}, "the delta of a base unit of 'BTC-PERP' rounds to 0"),
        ({}, {"scales": {"delta": 5}}, "a base unit of 'BTC-PERP' rounds to 10 units, which says little"),
        ({}, {"numbers": {"scale": 7}}, "the market counts in 10\\^-6 USD, the model in 10\\^-7"),
    ],
)
def test_what_does_not_compile(entry: dict[str, Any], more: dict[str, Any], reason: str) -> None:
    plain = MarketDocument(options_market().snapshot)
    case = case_of({**limit("delta", "delta", least="-5", greatest="5"), **entry}, market=plain, **more)
    with pytest.raises(ModelError, match=reason):
        _ = case.model


@pytest.mark.parametrize(("greek", "fine", "coarse"), [("gamma", 14, 7), ("vega", 8, 1), ("theta", 8, 1)])
def test_a_scale_that_hides_every_option_is_refused(greek: str, fine: int, coarse: int) -> None:
    """At so few digits all entries are 0, or nearly: who is short as many options as they like is neutral."""
    plain = MarketDocument(options_market().snapshot)
    neutral = limit("neutral", greek, least="0", greatest="0")
    short = account(call=-(10**9))
    assert case_of(neutral, market=plain, scales={greek: fine}).evaluate([short]).sufficient.tolist() == [
        False
    ]
    for digits in (coarse, coarse - 1):
        with pytest.raises(
            ModelError,
            match=rf"limits\[0\]: the {greek} of a base unit of every option .* rounds to \d+ units",
        ):
            _ = case_of(neutral, market=plain, scales={greek: digits}).model


def test_a_published_array_may_have_more_greeks_but_no_other_scales() -> None:
    assert case_of(limit("delta", "delta", greatest="5")).model.compile()
    with pytest.raises(ModelError, match=r"scales.delta: is 9, the risk array of the market has 10"):
        _ = case_of(limit("delta", "delta", greatest="5"), scales={"delta": 9}).model
    with pytest.raises(ModelError, match=r"not those asked for"):
        _ = case_of(limit("theta", "theta", greatest="5")).model


def test_a_balanced_book_is_not_about_accounts() -> None:
    document = limits("balanced-book", [limit("delta", "delta", greatest="5")])
    with pytest.raises(JsonError, match="is about the sum of all accounts, not about an account"):
        compile_model(json.dumps(document).encode(), ASSETS, options_market())


def test_words() -> None:
    case, _ = load_example("greeks-limits")
    words = case.definition.words()
    assert words.conditions == (
        "an account's net delta in BTC is within +-10",
        "an account's net gamma in BTC is at least -0.001",
        "an account's net vega in BTC of expiries within 45 days is within +-5000",
        "an account's net vega in BTC of expiries beyond 45 days is within +-5000",
        "an account's gross vega in BTC is at most 20000",
        "an account's delta in BTC, at the index, is worth at most 200 % of its equity either way",
    )
    book = read_definition(
        json.dumps(limits("balanced-book", [limit("d", "delta", least="0", greatest="0")])).encode()
    )
    assert book.words().conditions == ("the book's net delta in BTC is zero",)


# The sum of all accounts.


def book_of(*entries: dict[str, Any], leaves: int = 8, **more: Any) -> Any:
    model = json.dumps(limits("balanced-book", list(entries), **more)).encode()
    return compile_book(model, canonical_json(market_to_json(options_market())), ASSETS, leaves)


def book_rows_hold(compiled: Any, totals: Sequence[int]) -> bool:
    """By an integer solver, with widths as they are."""
    return by_solver(compiled.statement, totals)


@pytest.mark.parametrize(
    ("entry", "totals", "expected"),
    [
        ({"least": "-4", "greatest": "5"}, [(0, 0, 0, lots, 0) for lots in (-40_001, -40_000, 50_000, 50_001)],
         [False, True, True, False]),
        ({"least": "0", "greatest": "0"}, [(0, 0, 0, lots, 0) for lots in (-1, 0, 1)], [False, True, False]),
        ({"least": "0"}, [(0, 0, 0, lots, 0) for lots in (-1, 0, 1 << 40)], [False, True, True]),
        ({"measure": "gross", "expiries": "perpetual", "greatest": "5"},
         [(0, 0, 0, lots, 0) for lots in (-50_001, -50_000, 50_000, 50_001)], [False, True, True, False]),
        ({"measure": "equity", "share": "0.5"},
         [(0, 0, 0, 10_000, 70_000 * 10**6 + step) for step in (-1, 0)], [False, True]),
    ],
)  # fmt: skip
def test_limits_on_totals(entry: dict[str, Any], totals: list[Any], expected: list[bool]) -> None:
    compiled = book_of(limit("delta", "delta", **entry))
    assert [not find_breaches(compiled, each) for each in totals] == expected
    if "equity" not in str(entry) and entry != {"least": "0"}:
        assert [book_rows_hold(compiled, each) for each in totals] == expected


def test_totals_that_are_used_are_bounded_by_rows_of_the_statement() -> None:
    compiled = book_of(
        limit("net", "delta", least="0"),
        limit("gross", "vega", measure="gross", greatest="9"),
        leaves=1 << 32,
    )
    labels = {row.label: row.width for row in compiled.statement.rows}
    assert labels["BTC-PERP bounded"] == 96
    assert labels["BTC-30D-75000-C: positive part"] == 96
    assert "USD bounded" not in labels
    assert labels["net"] == 120


def test_breaches_are_told_in_units_of_the_greek() -> None:
    compiled = book_of(
        limit("net", "delta", least="-1", greatest="1"),
        limit("floor", "delta", least="0"),
        limit("ceiling", "delta", greatest="0.5"),
        limit("share", "delta", measure="equity", share="1"),
    )
    long = [breach.describe() for breach in find_breaches(compiled, [0, 0, 0, 15_000, 0])]
    assert long == ["net: above by 0.5 delta", "ceiling: above by 1 delta"]
    short = [breach.describe() for breach in find_breaches(compiled, [0, 0, 0, -15_000, 0])]
    assert short == [
        "net: below by 0.5 delta",
        "floor: below by 1.5 delta",
        "share: short: above its share of equity by 210,000",
    ]
    assert "15000" not in repr(find_breaches(compiled, [0, 0, 0, 15_000, 0]))


def test_a_market_that_does_not_fit_is_the_models_fault() -> None:
    model = json.dumps(limits("balanced-book", [limit("delta", "delta", greatest="5")])).encode()
    with pytest.raises(ClaimDocumentError, match=r"^model: .*no instrument 'EUR'"):
        compile_book(model, options_market().to_bytes(), (*ASSETS[:-1], Asset("EUR", 2)), 8)
    with pytest.raises(ClaimDocumentError, match=r"^market: "):
        compile_book(model, b"{}", ASSETS, 8)
    with pytest.raises(ClaimDocumentError, match="this model needs a MarketDocument"):
        compile_book(model, None, ASSETS, 8)
    with pytest.raises(ClaimDocumentError, match=r"^model: \$.kind: is not 'balanced-book'"):
        compile_book(b'{"format":"sealedbook/model/v1","kind":"non-negative"}', None, ASSETS, 8)


def test_a_row_that_could_wrap_for_totals_alone_is_refused() -> None:
    """Coefficients of 164 bits: within the order for amounts of 64 bits, and beyond it for totals."""
    inverse = contract("BTC-INV", "BTC", "70000", settlement=Settlement.INVERSE)
    market = snapshot([underlying("BTC", "70000", [])], [inverse, Cash("USD", number("1"))])
    assets = (Asset("BTC-INV", 0), Asset("USD", 6))
    entry = limit("share", "delta", measure="equity", share="0." + "3" * 50)
    model = json.dumps(limits("balanced-book", [entry])).encode()
    with pytest.raises(
        ClaimDocumentError, match="row 'share: long' could wrap around modulo the group order"
    ):
        compile_book(model, market.to_bytes(), assets, 1 << 32)
    assert compile_book(model.replace(b"3" * 50, b"3" * 9), market.to_bytes(), assets, 1 << 32)


def test_a_book_too_large_for_a_row_is_told() -> None:
    compiled = book_of(limit("gamma", "gamma", least="0"), leaves=1 << 32)
    largest = (1 << 95) - (1 << 32)
    (breach,) = find_breaches(compiled, [largest, largest, largest, 0, 0])
    assert breach.describe().startswith("gamma: beyond what is provable by ")
    assert find_breaches(compiled, [largest >> 8, 0, 0, 0, 0]) == []
