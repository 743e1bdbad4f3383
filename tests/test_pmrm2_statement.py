"""The rows of the portfolio margin accept exactly the accounts with MM >= 0 and IM >= 0, whatever the prover does."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from modelling_support import by_meaning, by_solver, by_witness, check_agreement
from pmrm2_statements import (
    COARSE,
    Account,
    Prepared,
    coarse,
    poorer,
    prepare,
    prepared,
    random_accounts,
    read_case,
)
from pmrm2_support import BY_NAME, document

from circuits.assignment import NotSatisfiedError, assign_bits
from circuits.market.snapshot import Option as ListedOption
from circuits.model_document import compile_model
from circuits.modelling import ModelError
from circuits.modelling.definition import Numbers
from circuits.pmrm2.case_documents import BOTH, CASH, PERP, UNSETTLED
from circuits.pmrm2.case_file import Case, parse_case
from circuits.pmrm2.integer_prices import distinct_shocks
from circuits.pmrm2.integers import Discount
from circuits.pmrm2.parameters import Scenario, Shock, trusted_scenarios
from circuits.pmrm2.rows import MarginKind, PerpHolding
from circuits.rows import Scope
from circuits.statement import Statement
from primitives.assets import Asset
from primitives.strict_json import JsonError

NAMES: Final = list(BY_NAME)
PAGE: Final = Path(__file__).parent.parent / "docs" / "models" / "pmrm2.md"
SOLVED: Final = Numbers(scale=0, cap=1 << 23, position_bits=23)


def failing_labels(made: Prepared, account: Account) -> list[str]:
    with pytest.raises(NotSatisfiedError) as error:
        assign_bits(made.statement, made.batch([account]))
    return [violation.label for violation in error.value.violations]


# Exactly the accounts of the definition.


@pytest.mark.parametrize("kinds", [BOTH, BOTH[:1], BOTH[1:]], ids=["both", "maintenance", "initial"])
@pytest.mark.parametrize("name", NAMES)
def test_the_boundary_of_every_vector(name: str, kinds: tuple[MarginKind, ...]) -> None:
    """With so much cash that the margin is 0 the account is accepted; with one value unit less it is not."""
    made = prepared(name, kinds)
    at = made.at_zero([made.account], kinds)
    margin = made.margin(at)
    least = min({MarginKind.MAINTENANCE: margin.mm, MarginKind.INITIAL: margin.im}[kind][0] for kind in kinds)
    assert least == 0
    assert made.accepted([*at, *poorer(at)]) == [True, False]
    (label,) = failing_labels(made, poorer(at)[0])
    assert label.split(":")[0] in kinds


@pytest.mark.parametrize("name", NAMES)
def test_random_accounts_at_and_off_the_boundary(name: str) -> None:
    made = prepared(name)
    accounts = random_accounts(made, name, 8, largest=10**3)
    at = made.at_zero(accounts)
    everything = [*accounts, *at, *poorer(at), *poorer(at, -1)]
    expected = made.sufficient(everything)
    assert expected[8:] == [True] * 8 + [False] * 8 + [True] * 8
    assert made.accepted(everything) == expected
    assert by_meaning(made.model(), made.rows(everything)) == expected


@pytest.mark.parametrize("name", NAMES)
def test_no_choice_of_the_prover_moves_the_boundary(name: str) -> None:
    """An integer solver finds auxiliary values at the boundary, and none one value unit below it."""
    made = coarse(name, BOTH, SOLVED)
    accounts = [made.account, *random_accounts(made, name, 3, largest=4)]
    at = made.at_zero(accounts)
    count = len(accounts)
    check_agreement(made.model(), made.rows([*at, *poorer(at)]), [True] * count + [False] * count)


def test_vectors_for_the_solver_reach_every_kind_of_rows() -> None:
    reached = {
        (discount, len(places) > 1)
        for name in NAMES
        for discount, places in zip(
            coarse(name, BOTH, SOLVED).book.figures.discounts,
            coarse(name, BOTH, SOLVED).book.figures.options_of,
            strict=True,
        )
    }
    assert {(discount, True) for discount in Discount} <= reached
    assert (Discount.CONCAVE, False) in reached
    assert any(made_has_private_flag(coarse(name, BOTH, SOLVED)) for name in NAMES)


def made_has_private_flag(made: Prepared) -> bool:
    return made.book.figures.gross_with_perp != made.book.figures.gross_without_perp


def many_small_accounts(made: Prepared, seed: str, count: int) -> list[Account]:
    at = made.at_zero(random_accounts(made, seed, count, largest=6))
    return [*at, *poorer(at)]


@pytest.mark.parametrize(
    "name",
    ["e10_not_concave_near_expiry", "e5_perp_confidence_sets_expiries", "e8_strike_pairs", "e2_expired"],
)
def test_many_small_accounts_by_the_solver(name: str) -> None:
    made = coarse(name)
    accounts = many_small_accounts(made, name, 25)
    check_agreement(made.model(), made.rows(accounts), [True] * 25 + [False] * 25)


def with_only(
    made: Prepared, scenarios: tuple[Scenario, ...], *, base: float = 0.9, gamma: float = 0.0
) -> Prepared:
    """The model with these scenarios alone, ``lam = base`` and ``mu = 1`` on every expiry, and gam_e = gamma."""
    parameters = made.definition.fields.parameters
    names = ("long_rate_addition", "long_rate_multiple", "short_rate_addition", "short_rate_multiple")
    factors = dict.fromkeys(names, 0.0) | {"long_base": base, "short_base": 1.0}
    return made.with_fields(
        parameters=dataclasses.replace(
            parameters,
            scenarios=scenarios,
            loss_factors=dataclasses.replace(parameters.loss_factors, **factors),
            basis=dataclasses.replace(parameters.basis, addition=gamma, multiple=0.0),
        )
    )


@pytest.mark.parametrize("base", [0.9, 1.0, 1.2])
@pytest.mark.parametrize("shock", [Shock.LINEAR, Shock.ABS])
@pytest.mark.parametrize("options", ["several", "single"])
def test_skew_scenarios_alone_by_the_solver(options: str, shock: Shock, base: float) -> None:
    """With nothing else to bind: gains and losses in skew scenarios set the margin, for every order of discounts."""
    name = "e10_not_concave_near_expiry"
    made = coarse(name) if options == "several" else as_coarse(one_option_each(name, base))
    alone = with_only(made, (Scenario(1.0, shock),), base=base)
    accounts = random_accounts(alone, f"{options} {shock} {base}", 40, largest=20)
    mark = [
        sum(c * a for c, a in zip(alone.book.figures.mark, row, strict=True))
        for row in alone.amounts(accounts).options
    ]
    signs = {
        (loss < 0, value > 0) for loss, value in zip(alone.margin(accounts).phi[:, 0], mark, strict=True)
    }
    assert {(True, True), (True, False)} <= signs
    at = alone.at_zero(accounts)
    check_agreement(alone.model(), alone.rows([*at, *poorer(at)]), [True] * 40 + [False] * 40)


@pytest.mark.parametrize("options", ["several", "single"])
def test_the_basis_alone_by_the_solver(options: str) -> None:
    name = "e10_not_concave_near_expiry"
    made = coarse(name) if options == "several" else as_coarse(one_option_each(name, 0.9))
    alone = with_only(made, (), gamma=0.8)
    accounts = random_accounts(alone, f"basis {options}", 40, largest=20)
    assert sum(beta < 0 for beta in alone.margin(accounts).beta) > 30
    at = alone.at_zero(accounts)
    check_agreement(alone.model(), alone.rows([*at, *poorer(at)]), [True] * 40 + [False] * 40)


def one_option_each(name: str, base: float) -> Prepared:
    """The first option of each expiry alone, with another static discount of longs."""
    case = read_case(name)
    firsts = {option.expiry: place for place, option in reversed(list(enumerate(case.market.options)))}
    kept = sorted(firsts.values())
    market = dataclasses.replace(case.market, options=tuple(case.market.options[i] for i in kept))
    position = dataclasses.replace(case.position, options=tuple(case.position.options[i] for i in kept))
    factors = dataclasses.replace(case.parameters.loss_factors, long_base=base)
    parameters = dataclasses.replace(case.parameters, loss_factors=factors)
    return prepare(Case(market, parameters, position), numbers=COARSE)


def as_coarse(made: Prepared) -> Prepared:
    """Whole contracts as base units."""
    assets = tuple(Asset(asset.id, 0) for asset in made.assets)
    plain = made.with_fields(numbers=COARSE)
    return dataclasses.replace(plain, assets=assets)


@pytest.mark.parametrize(("base", "booleans"), [(0.9, 2), (1.2, 2 + 2 * 29)])
def test_expiries_with_a_single_option(base: float, booleans: int) -> None:
    """They need no boolean beyond the two of the perp, unless lam > mu, and then one per shock and skew."""
    made = as_coarse(one_option_each("e10_not_concave_near_expiry", base))
    assert [len(places) for places in made.book.figures.options_of] == [1, 1]
    statement = made.statement
    assert boolean_count(statement) <= booleans
    assert (boolean_count(statement) == 2) == (base == 0.9)
    accounts = many_small_accounts(made, f"single {base}", 12)
    check_agreement(made.model(), made.rows(accounts), [True] * 12 + [False] * 12)


# Size.


def boolean_count(statement: Statement) -> int:
    return sum(auxiliary.width == 1 for auxiliary in statement.auxiliaries)


def synthetic(expiries: int, options: int, *, skew_twins: bool = False) -> Case:
    """Calls and puts at strikes of their own, three days to four months out, and a perp."""
    case = document("g25")
    source = random.Random(expiries * 1000 + options)
    inputs = case["Scenario"]
    feed, spot = inputs["OptionFeeds"][0], inputs["SpotPrice"]
    inputs["OptionFeeds"], inputs["Options"] = [], []
    for e in range(expiries):
        seconds = 86_400 * (3 + 20 * e)
        inputs["OptionFeeds"].append({**feed, "FeedExpiry": seconds, "Forward": spot * (1 + e / 100)})
        for k in range(options // expiries + (e < options % expiries)):
            strike = round(spot * (0.9 + 0.03 * k))
            inputs["Options"].append(
                {
                    "Expiry": seconds, "Strike": strike, "IsCall": k % 2, "MarkVol": 0.6 + k / 100,
                    "Amount": round(source.uniform(-5, 5), 4),
                }
            )  # fmt: skip
    if skew_twins:
        scenarios = case["Parameters"]["Scenarios"]
        scenarios += [
            {"SpotShock": 0.5 + k / 10, "VolShockDirection": "Up", "DampeningFactor": 1} for k in range(2)
        ]
    return parse_case(json.dumps(case).encode())


@pytest.mark.parametrize(
    ("expiries", "options", "published"),
    [(1, 4, (107, 35, 2)), (7, 30, (581, 255, 14)), (7, 80, (684, 305, 14))],
)
def test_size_is_what_the_formula_says(expiries: int, options: int, published: tuple[int, int, int]) -> None:
    """One margin, without unsettled cash and collateral, 31 scenarios of which 2 are skew.

    The formula counts ``x >= 0`` of a variable as a row; here it is the variable's range. The table counts some
    collaterals besides, and for one expiry no perp.
    """
    case = synthetic(expiries, options, skew_twins=True)
    market = dataclasses.replace(case.market, collaterals=())
    case = dataclasses.replace(
        case, market=market, position=dataclasses.replace(case.position, collaterals=())
    )
    made = prepare(case, BOTH[:1]).with_fields(unsettled=None)
    made = dataclasses.replace(made, assets=tuple(a for a in made.assets if a.id != UNSETTLED))
    statement = made.statement
    e, n, skew = expiries, len(case.parameters.scenarios), 2
    assert n == 31
    regular = len(distinct_shocks(case.parameters)) - skew
    strikes = len(made.book.figures.strikes)
    variables = e * regular + e * skew + e + strikes + 1
    rows = (n + 1) + 2 * e * regular + 4 * e * skew + 3 * e + 2 * strikes + 2
    booleans = boolean_count(statement)
    assert (booleans, len(statement.auxiliaries) - booleans) == (e * skew, variables)
    cash_is_an_integer = 1
    assert len(statement.rows) + variables == rows + cash_is_an_integer
    assert booleans == published[2]
    assert rows <= published[0] + (expiries == 1) * 5
    assert expiries == 1 or variables == published[1]
    book = f"{expiries} expir{'y' if expiries == 1 else 'ies'}, {options} options, perp"
    size = f"| {book} | {len(statement.rows)} | {variables} | {booleans} | {statement.bit_count:,} |"
    assert size in PAGE.read_text(encoding="utf-8")


def test_both_margins_share_all_variables() -> None:
    both, one = prepared("g14").statement, prepared("g14", BOTH[:1]).statement
    scenarios = len(prepared("g14").book.figures.scenarios)
    assert both.auxiliaries == one.auxiliaries
    assert len(both.rows) == len(one.rows) + scenarios + 1


def test_a_book_of_seven_expiries_and_thirty_options_fits_its_budget() -> None:
    """Certificates of this book are padded to 2^16 bits; nothing goes beyond 128-bit arithmetic."""
    made = prepare(synthetic(7, 30))
    assert made.statement.bit_count < 1 << 16
    assert made.statement.fits_wide
    assert max(made.statement.widths) <= 90


@pytest.mark.parametrize("name", NAMES)
def test_accounts_up_to_the_cap_are_provable(name: str) -> None:
    """Widths and big-M constants come from the cap: no account within it fails for its size."""
    made = prepared(name)
    # Cash in cents: the cap is beyond 2^63 value units.
    assets = tuple(Asset(each.id, 2) if each.id == CASH else each for each in made.assets)
    made = dataclasses.replace(made, assets=assets)
    spot, cap = made.book.market.spot, made.definition.numbers.cap
    source = random.Random(name)
    accounts: list[Account] = []
    held = [PERP, *made.book.columns.options]
    for number in range(6):
        chosen = source.sample(held, min(len(held), 1 + number))
        account = {}
        for asset in made.assets:
            if asset.id in chosen:
                whole = cap * 0.7 / len(chosen) / spot
                account[asset.id] = round(whole * 10**asset.decimals) * source.choice([-1, 1])
        accounts.append(account)
    at = made.at_zero(accounts)
    assert all(abs(account[CASH]) < cap * 100 * 0.75 for account in at)
    assert made.accepted([*at, *poorer(at)]) == [True] * 6 + [False] * 6


def test_an_account_beyond_the_cap_is_refused_and_never_let_through() -> None:
    made = prepared("g14")
    vast = {made.book.columns.options[0]: -(1 << 62), CASH: (1 << 63) - 1}
    assert made.accepted([vast]) == [False]


# The perp.


def test_unsettled_cash_counts_exactly_while_a_perp_is_held() -> None:
    """No choice of the prover counts a gain without a perp, or forgets a debt with one."""
    made = coarse("e5_perp_confidence_sets_expiries")
    base = dict.fromkeys(made.account, 0)
    accounts = []
    for perp in (-1, 0, 1):
        for unsettled in (-700, 0, 700):
            accounts.append({**base, PERP: perp, UNSETTLED: unsettled})
    at = made.at_zero(accounts)
    cash = [account[CASH] for account in at]
    assert cash[3] == cash[4] == cash[5] == 0, "without a perp it makes no difference"
    assert cash[0] - cash[1] == cash[1] - cash[2] == 700
    check_agreement(made.model(), made.rows([*at, *poorer(at)]), [True] * 9 + [False] * 9)


def test_the_perp_feed_sets_rates_exactly_while_a_perp_is_held() -> None:
    """With and without an unsettled column, which needs the flag in both directions."""
    made = coarse("e5_perp_confidence_sets_expiries")
    figures = made.book.figures
    assert any(a < b for a, b in zip(figures.gross_without_perp, figures.gross_with_perp, strict=True))
    lone = made.with_fields(unsettled=None)
    lone = dataclasses.replace(lone, assets=tuple(a for a in made.assets if a.id != UNSETTLED))
    for each in (made, lone):
        accounts = [{**made.account, PERP: perp, UNSETTLED: 0} for perp in (-2, 0, 1)]
        at = each.at_zero(accounts)
        check_agreement(each.model(), each.rows([*at, *poorer(at)]), [True] * 3 + [False] * 3)
    assert boolean_count(lone.statement) == boolean_count(made.statement) - 1


@pytest.mark.parametrize(("holding", "perps"), [(PerpHolding.NONE, {0}), (PerpHolding.HELD, {-2, -1, 1, 2})])
def test_what_is_public_about_the_perp_is_proven(holding: PerpHolding, perps: set[int]) -> None:
    made = coarse("e5_perp_confidence_sets_expiries").with_fields(holding=holding)
    account = {**made.account, CASH: 100_000}
    accounts = [{**account, PERP: perp} for perp in (-2, -1, 0, 1, 2)]
    statement = made.model(Scope.ACCOUNT).compile()
    expected = [perp in perps for perp in (-2, -1, 0, 1, 2)]
    assert by_witness(statement, made.rows(accounts)) == expected
    assert [by_solver(statement, row) for row in made.rows(accounts)] == expected
    assert made.sufficient(accounts) == expected
    at = made.at_zero([account for account in accounts if account[PERP] in perps])
    assert all(by_witness(statement, made.rows(at)))
    assert not any(by_solver(statement, row) for row in made.rows(poorer(at)))


def test_a_public_flag_needs_no_boolean() -> None:
    private = coarse("e5_perp_confidence_sets_expiries")
    flags = {holding: private.with_fields(holding=holding) for holding in PerpHolding}
    counts = {holding: boolean_count(made.model(Scope.ACCOUNT).compile()) for holding, made in flags.items()}
    assert counts[PerpHolding.NONE] == counts[PerpHolding.PRIVATE] - 2
    assert counts[PerpHolding.HELD] == counts[PerpHolding.PRIVATE] - 1, "one says long or short"


def test_not_every_account_of_a_book_can_hold_a_perp() -> None:
    made = prepared("g01").with_fields(holding=PerpHolding.HELD)
    with pytest.raises(Exception, match="zero account"):
        made.model().compile()


# Other columns.


def test_collateral_and_assets_outside_the_margin_must_not_be_negative() -> None:
    made = prepared("g00")
    other = Asset("OTHER", 3)
    wider = dataclasses.replace(made, assets=(*made.assets, other))
    rich = {**made.account, CASH: 10**16}
    collateral = made.book.columns.collaterals[0]
    accounts = [rich, {**rich, collateral: -1}, {**rich, "OTHER": -1}, {**rich, "OTHER": 5}]
    assert wider.accepted(accounts) == wider.sufficient(accounts) == [True, False, False, True]
    assert failing_labels(wider, accounts[1]) == [f"{collateral} non-negative"]


def test_options_on_other_underlyings_count_nothing() -> None:
    """They are no options of the margin, whatever they are worth."""
    made = prepared("g00")
    option = made.book.columns.options[0]
    snapshot = made.market.snapshot
    moved = tuple(
        dataclasses.replace(each, underlying="X")
        if isinstance(each, ListedOption) and each.id == option
        else each
        for each in snapshot.instruments
    )
    twin = dataclasses.replace(snapshot.underlyings[0], id="X")
    other = dataclasses.replace(snapshot, instruments=moved, underlyings=(*snapshot.underlyings, twin))
    market = dataclasses.replace(made.market, snapshot=other, unit_prices=None)
    changed = dataclasses.replace(made, market=market)
    assert option not in changed.book.columns.options
    assert changed.sufficient([{CASH: 10**16, option: -1}, {CASH: 10**16, option: 1}]) == [False, True]
    assert changed.accepted([{CASH: 10**16, option: -1}, {CASH: 10**16, option: 1}]) == [False, True]


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_account_satisfies_the_statement_of_a_book(name: str) -> None:
    made = prepared(name)
    assert made.accepted([{}]) == [True]
    assert made.margin([{}]).mm.tolist() == made.margin([{}]).im.tolist() == [0]


def test_a_trusted_caller_is_tested_by_three_scenarios() -> None:
    made = prepared("g01")
    parameters = made.definition.fields.parameters
    trusted = made.with_fields(
        parameters=dataclasses.replace(parameters, scenarios=trusted_scenarios(parameters.basis)),
        margins=(MarginKind.MAINTENANCE,),
    )
    finals = [row.label for row in trusted.statement.rows if row.label.startswith("maintenance: ")]
    assert finals == [
        "maintenance: basis",
        "maintenance: scenario 1 (1.04, None)",
        "maintenance: scenario 2 (0.96, None)",
        "maintenance: scenario 3 (1, None)",
    ]
    at = trusted.at_zero([made.account], BOTH[:1])
    assert trusted.accepted([*at, *poorer(at)]) == [True, False]


# Compilation.


def compiled(made: Prepared, market: Any) -> Statement:
    from circuits.pmrm2.case_documents import model_document

    return compile_model(model_document(made.definition.fields), made.assets, market)


def test_documents_compile_to_the_same_statement_wherever_prices_come_from() -> None:
    made = prepared("g14")
    with_prices = compiled(made, made.market)
    assert with_prices == made.statement
    computed = compiled(made, dataclasses.replace(made.market, unit_prices=None))
    assert computed.digest() == with_prices.digest()


def test_published_prices_one_unit_off_are_used() -> None:
    made = prepared("e1_settlement_window")
    published = made.market.unit_prices
    assert published is not None
    mark = published.prices.mark.copy()
    mark[0] += 1
    prices = dataclasses.replace(published.prices, mark=mark)
    market = dataclasses.replace(made.market, unit_prices=dataclasses.replace(published, prices=prices))
    assert compiled(made, market).digest() != made.statement.digest()
    assert made.definition.book(made.assets, market).figures.mark[0] == made.book.figures.mark[0] + 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda p: {"mark": p.mark + 2}, r"unit_prices\.mark\[0\]: \d+ is published, \d+ computed"),
        (lambda p: {"up": p.up - 2}, r"unit_prices\.up\[0\]: "),
        (lambda p: {"down": p.down - 2}, r"unit_prices\.down\[0\]: "),
        (lambda p: {"shocked": p.shocked + (p.shocked > 0) * 2}, r"unit_prices\.shocked\[0\]\[0\]: "),
        (lambda p: {"long_discount": p.long_discount + 2}, r"unit_prices\.long_discount\[0\]: "),
        (lambda p: {"short_discount": p.short_discount + 2}, r"unit_prices\.short_discount\[0\]: "),
        (
            lambda p: {"mark": p.mark * 0 + np.iinfo(np.int64).min},
            r"unit_prices\.mark\[0\]: -9223372036854775808 is",
        ),
        (lambda p: {"mark": p.mark[1:]}, r"unit_prices\.mark: has shape"),
        (lambda p: {"shocks": p.shocks[::-1]}, r"unit_prices\.shocks: are not those"),
    ],
)
def test_published_prices_further_off_are_refused(change: Any, reason: str) -> None:
    made = prepared("e1_settlement_window")
    published = made.market.unit_prices
    assert published is not None
    prices = dataclasses.replace(published.prices, **change(published.prices))
    market = dataclasses.replace(made.market, unit_prices=dataclasses.replace(published, prices=prices))
    with pytest.raises(JsonError, match=reason):
        compiled(made, market)


@pytest.mark.parametrize(("field", "value"), [("scale", 9), ("options", ()), ("expiries", ())])
def test_published_prices_of_another_book_are_refused(field: str, value: Any) -> None:
    made = prepared("e1_settlement_window")
    published = made.market.unit_prices
    assert published is not None
    market = dataclasses.replace(made.market, unit_prices=dataclasses.replace(published, **{field: value}))
    name = "assets" if field == "options" else field
    with pytest.raises(JsonError, match=rf"unit_prices\.{name}: are not those of the model and the book"):
        compiled(made, market)


def test_a_model_needs_its_own_kind_of_market() -> None:
    made = prepared("g00")
    with pytest.raises(ModelError, match="needs a Pmrm2Market, and was given no market"):
        made.definition.model(made.assets, None)


def test_labels_tell_the_operator_what_is_short() -> None:
    made = prepared("g07")
    at: Sequence[Account] = made.at_zero([made.account])
    worst = made.margin(at).worst_initial[0]
    assert failing_labels(made, poorer(at)[0]) == [f"initial: scenario {worst}"]
