"""The integer margin: within its stated bound of the definition in floats, and exact where figures are round."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any, Final

import numpy as np
import pytest
from pmrm2_statements import (
    Account,
    Prepared,
    coarse,
    prepare,
    prepared,
    random_accounts,
    read_case,
)
from pmrm2_support import BY_NAME

from circuits.modelling import ModelError
from circuits.modelling.definition import Numbers
from circuits.pmrm2.book import Book
from circuits.pmrm2.case_documents import BOTH, CASH, PERP, UNSETTLED
from circuits.pmrm2.case_file import Case
from circuits.pmrm2.definition import Margin, margin
from circuits.pmrm2.inputs import Collateral, Expiry, Market, Option, Position
from circuits.pmrm2.integer_prices import DISCOUNT_UNITS
from circuits.pmrm2.integers import Discount, Factor, confidence_rate, exact
from circuits.pmrm2.parameters import BasisContingency, Parameters, Scenario, Shock
from circuits.pmrm2.rounding import rounding_bound
from primitives.assets import Asset

NAMES: Final = list(BY_NAME)


def float_margin(made: Prepared, account: Account) -> Margin:
    """By the definition in floats, in whole units of the quote currency."""
    columns = made.book.columns
    decimals = {asset.id: asset.decimals for asset in made.assets}

    def amount(name: str | None) -> float:
        return 0.0 if name is None else account.get(name, 0) / 10 ** decimals[name]

    position = Position(
        tuple(amount(name) for name in columns.options),
        amount(columns.perp),
        amount(columns.unsettled),
        amount(columns.cash),
        tuple(amount(name) for name in columns.collaterals),
    )
    return margin(made.book.market, made.definition.fields.parameters, position)


def check_bound(made: Prepared, accounts: list[Account]) -> list[Fraction]:
    """Hold both margins to the bound; returns how much of it is used, account by account."""
    amounts = made.amounts(accounts)
    book, parameters = made.book, made.definition.fields.parameters
    bounds = rounding_bound(book.market, parameters, book.prices, book.figures, amounts)
    exact_margin, units = made.margin(accounts), made.definition.numbers.units
    used = []
    for place, (account, bound) in enumerate(zip(accounts, bounds, strict=True)):
        expected = float_margin(made, account)
        gross = sum(abs(term) for term in (expected.value, *expected.phi.tolist()))
        noise = Fraction(gross) * units / 10**13
        for found, real, limit in (
            (exact_margin.mm[place], expected.mm, bound.mm),
            (exact_margin.im[place], expected.im, bound.im),
        ):
            difference = abs(found - Fraction(real) * units)
            assert difference <= limit + noise
            used.append(difference / limit)
    return used


@pytest.mark.parametrize("name", NAMES)
def test_within_the_bound_of_the_floats(name: str) -> None:
    made = prepared(name)
    check_bound(made, [made.account, *random_accounts(made, name, 6, largest=10**6)])


@pytest.mark.parametrize("name", NAMES)
def test_the_bound_is_of_no_account_in_fine_units(name: str) -> None:
    """Less than a cent on every vector, whose margins go to millions."""
    made = prepared(name)
    book, parameters = made.book, made.definition.fields.parameters
    (bound,) = rounding_bound(
        book.market, parameters, book.prices, book.figures, made.amounts([made.account])
    )
    assert 0 < bound.mm < bound.im < made.definition.numbers.units // 100


def test_coarse_units_use_up_much_of_the_bound() -> None:
    """The bound is not generous: with one unit of quote per value unit, accounts come near it."""
    used = []
    for name in ("e1_settlement_window", "e8_strike_pairs", "e10_not_concave_near_expiry"):
        made = coarse(name)
        used += check_bound(made, random_accounts(made, name, 60, largest=5))
    assert max(used) > Fraction(1, 3)


@pytest.mark.parametrize("name", NAMES)
def test_every_part_agrees_with_the_floats(name: str) -> None:
    made = prepared(name)
    accounts = [made.account, *random_accounts(made, name, 3, largest=10**5)]
    result, units = made.margin(accounts), made.definition.numbers.units
    book, parameters = made.book, made.definition.fields.parameters
    bounds = rounding_bound(book.market, parameters, book.prices, book.figures, made.amounts(accounts))
    for place, account in enumerate(accounts):
        expected = float_margin(made, account)
        counted = [s for s in made.definition.fields.parameters.scenarios if s.dampening > 0]
        dampening = [s.dampening for s in counted]
        gross = abs(expected.value) + float(np.abs(expected.phi).max()) + 1.0

        tolerance = float(bounds[place].im) / units + 1e-13 * gross

        def close(value: Any, tolerance: float = tolerance) -> Any:
            return pytest.approx(value, rel=1e-13, abs=tolerance)

        assert [int(phi) * d / units for phi, d in zip(result.phi[place], dampening, strict=True)] == close(
            expected.phi.tolist()
        )
        assert int(result.beta[place]) / units == close(expected.beta)
        assert int(result.value[place]) / units == close(expected.value)
        assert int(result.maintenance_loss[place]) / units == close(expected.f_mm * expected.omega)
        assert int(result.initial_loss[place]) / units == close(expected.f_im * expected.omega)
        for charge in ("perp", "short_options", "collateral", "confidence"):
            found, real = getattr(result, charge), getattr(expected, charge)
            assert int(found.maintenance[place]) / units == close(real.maintenance)
            assert int(found.added_for_initial[place]) / units == close(real.added_for_initial)


@pytest.mark.parametrize("name", NAMES)
def test_margins_are_the_sum_of_their_parts(name: str) -> None:
    made = prepared(name)
    result = made.margin([made.account, *random_accounts(made, name, 3, largest=10**5)])
    charges = (result.perp, result.short_options, result.collateral, result.confidence)
    for place in range(4):
        mm = sum(charge.maintenance[place] for charge in charges)
        added = sum(charge.added_for_initial[place] for charge in charges)
        assert result.mm[place] == result.value[place] + result.maintenance_loss[place] - mm
        assert result.im[place] == result.value[place] + result.initial_loss[place] - mm - added
        losses = {"basis": result.beta[place]} | {
            scenario.name: phi
            for scenario, phi in zip(made.book.figures.scenarios, result.phi[place], strict=True)
        }
        assert losses[result.worst_maintenance[place]] <= 0
        assert result.maintenance_loss[place] <= 0


# Round figures.


def round_case(**changes: Any) -> Case:
    """One expired pair at strike 1,000 with the forward at 1,100; no rates, no volatility, round parameters."""
    market = Market(
        2000.0, 0.5, 2010.0, 0.4, 0.5,
        (Expiry(0.0, 1100.0, 0.0, 0.45, 1.0, 1.0),),
        (Option(0, 1000.0, True, 0.0), Option(0, 1000.0, False, 0.0)),
        (Collateral("C", 9.0, 0.3, True, 0.1, 0.2),),
    )  # fmt: skip
    base = read_case("g00").parameters
    other = dataclasses.replace(
        base.other,
        confidence_threshold=0.6, confidence_margin=1.0, maintenance_perp=0.01, initial_perp=0.02,
        maintenance_option=0.001, initial_option=0.002, peg_threshold=1.0, peg_factor=1.0,
    )  # fmt: skip
    factors = dataclasses.replace(
        base.loss_factors, maintenance_factor=0.5, initial_factor=1.0, long_base=0.5, short_base=1.0
    )
    parameters = Parameters(
        (Scenario(1.1, Shock.NONE), Scenario(0.5, Shock.NONE, 0.25), Scenario(1.0, Shock.ABS)),
        base.volatility_shock,
        dataclasses.replace(base.skew_shock, minimum_k_star=0.1),
        factors,
        BasisContingency(1.04, 0.96, 0.0, 0.0),
        other,
    )
    held = Position((-3.0, 1.0), -2.0, 7.0, 11.0, (4.0,))
    case = Case(market, parameters, held)
    return dataclasses.replace(case, **changes)


def test_a_margin_by_hand() -> None:
    made = prepare(round_case(), numbers=Numbers(scale=0, cap=1 << 20))
    amounts = {asset.id: asset.decimals for asset in made.assets}
    made = dataclasses.replace(
        made,
        assets=tuple(Asset(name, 0) for name in amounts),
        market=dataclasses.replace(made.market, unit_prices=None),
        account={name: made.account[name] // 10**decimals for name, decimals in amounts.items()},
    )
    result = made.margin([made.account])
    # Mark: call 100, put 0. V = 11 + 7 - 300 + 4 * 18.
    assert result.value.tolist() == [11 + 7 - 300 + 72]
    # y of the expired pair: short value 1.0 * -300, so 0 in every scenario. Exposure -4020 + 72.
    # m = 1.1: 201 * -2 + round(1.8) * 4; m = 0.5: -1005 * -2 - 9 * 4.
    assert result.phi.tolist() == [[-402 + 8, 2010 - 36, 0]]
    assert result.beta.tolist() == [0]
    assert result.maintenance_loss.tolist() == [-197]
    # Half a dollar of peg loss at factor 1 makes f_IM 1.5.
    assert result.initial_loss.tolist() == [-591]
    assert (result.worst_maintenance, result.worst_initial) == (("1 (1.1, None)",),) * 2
    charges = [
        (charge.maintenance.tolist()[0], charge.added_for_initial.tolist()[0])
        for charge in (result.perp, result.short_options, result.collateral, result.confidence)
    ]
    # Haircuts of 18: 1.8 and 3.6. Confidence: perp and expiry at 0.4, collateral at 0.3, of 18: 12.6.
    assert charges == [(40, 80), (4, 8), (8, 16), (0, 1200 * 2 + 1200 * 4 + 13 * 4)]
    assert result.mm.tolist() == [-210 - 197 - 52]
    assert result.im.tolist() == [-210 - 591 - 52 - 80 - 8 - 16 - 7252]


def test_unsettled_cash_and_the_perp_feed_count_only_with_a_perp() -> None:
    made = prepare(round_case())
    without = {**made.account, PERP: 0}
    unit = made.definition.numbers.units
    result = made.margin([made.account, without, {**without, UNSETTLED: -(10**15)}])
    assert result.unsettled.tolist() == [7 * unit, 0, 0]
    assert result.mm[1] == result.mm[2]
    # Without a perp min(kS, kV) = 0.45 sets the rate on 4 options.
    assert (
        result.confidence.added_for_initial[1]
        == Fraction(55, 100) * 2000 * 4 * unit + Fraction(7, 10) * 72 * unit
    )


@pytest.mark.parametrize(
    ("long_base", "short_base", "discount"),
    [(0.5, 1.0, Discount.CONCAVE), (1.0, 1.0, Discount.LINEAR), (1.0, 0.5, Discount.CONVEX)],
)
def test_the_order_of_the_discounts_is_public(
    long_base: float, short_base: float, discount: Discount
) -> None:
    case = round_case()
    factors = dataclasses.replace(case.parameters.loss_factors, long_base=long_base, short_base=short_base)
    made = prepare(
        dataclasses.replace(case, parameters=dataclasses.replace(case.parameters, loss_factors=factors))
    )
    assert made.book.figures.discounts == (discount,)
    assert made.book.prices.long_discount.tolist() == [long_base * DISCOUNT_UNITS]


def test_figures_stand_for_their_shortest_decimals() -> None:
    assert exact(0.1) == Fraction(1, 10)
    assert exact(1e-7) == Fraction(1, 10**7)
    assert exact(0.1 + 0.2) == Fraction(30000000000000004, 10**17)
    other = dataclasses.replace(
        read_case("g00").parameters.other, confidence_threshold=0.6, confidence_margin=0.8
    )
    assert confidence_rate(0.6, other) == 0
    assert confidence_rate(0.55, other) == Fraction(45, 100) * Fraction(8, 10)


def test_factors_are_in_lowest_terms() -> None:
    figures = prepare(round_case()).book.figures
    assert figures.basis_maintenance == Factor(1, 2)
    assert [scenario.maintenance for scenario in figures.scenarios] == [
        Factor(1, 2),
        Factor(1, 8),
        Factor(1, 2),
    ]
    assert [scenario.initial for scenario in figures.scenarios] == [Factor(3, 2), Factor(3, 8), Factor(3, 2)]


def test_a_scenario_without_weight_does_not_count() -> None:
    case = round_case()
    idle = dataclasses.replace(
        case.parameters, scenarios=(*case.parameters.scenarios, Scenario(0.1, Shock.UP, 0.0))
    )
    made = prepare(dataclasses.replace(case, parameters=idle))
    assert [scenario.place for scenario in made.book.figures.scenarios] == [0, 1, 2]
    assert made.book.prices.shocks == prepare(case).book.prices.shocks


# What is refused.


def book_with(made: Prepared, **decimals: int) -> Book:
    assets = [Asset(each.id, decimals.get(each.id, each.decimals)) for each in made.assets]
    market = dataclasses.replace(made.market, unit_prices=None)
    return made.definition.book(assets, market)


def test_call_and_put_of_a_strike_count_in_the_same_units() -> None:
    made = prepared("e8_strike_pairs")
    with pytest.raises(ModelError, match="call and put at strike 3200 are counted in different units"):
        book_with(made, **{made.book.columns.options[1]: 5})


def test_cash_must_not_be_finer_than_values() -> None:
    with pytest.raises(ModelError, match="one base unit of 'CASH' is below the value unit 10\\^-10"):
        book_with(prepared("g00"), CASH=11)
    with pytest.raises(ModelError, match="one base unit of 'UNSETTLED' is below the value unit"):
        book_with(prepared("g00"), UNSETTLED=11)
    assert book_with(prepared("g00"), CASH=6).figures.cash == 10**4


def test_floats_must_be_precise_enough_for_the_units() -> None:
    made = prepared("g01").with_fields(numbers=Numbers(scale=16))
    with pytest.raises(ModelError, match="its figures are above 2\\^48 units"):
        _ = made.book


def test_every_asset_has_one_role() -> None:
    made = prepared("g00")
    option = made.book.columns.options[0]
    for fields, reason in (
        ({"cash": "NONE"}, "the market has no instrument 'NONE'"),
        ({"cash": PERP, "perp": CASH}, "'CASH' is not a perpetual"),
        ({"unsettled": option}, "has another role"),
        ({"underlying": "X"}, "the market has no underlying 'X'"),
    ):
        with pytest.raises(ModelError, match=reason):
            _ = made.with_fields(**fields).book
    missing = [asset for asset in made.assets if asset.id != CASH]
    with pytest.raises(ModelError, match="asset 'CASH' is not in the book"):
        made.definition.book(missing, made.market)


def test_the_other_margin_is_none_of_its_business() -> None:
    """IM alone, MM alone and both are evaluated by the same definition."""
    made = prepared("g03")
    results = {}
    for margins in (BOTH, BOTH[:1], BOTH[1:]):
        definition = made.with_fields(margins=margins).definition
        results[margins] = definition.evaluate(made.batch([made.account]), made.assets, made.market)
    exact_margin = made.margin([made.account])
    slack = {margins: (each.equity - each.requirement).tolist() for margins, each in results.items()}
    assert slack[BOTH[:1]] == exact_margin.mm.tolist()
    assert slack[BOTH[1:]] == exact_margin.im.tolist()
    assert slack[BOTH] == [min(exact_margin.mm[0], exact_margin.im[0])]
    assert results[BOTH].worst_scenario == exact_margin.worst_initial
    assert results[BOTH[:1]].worst_scenario == exact_margin.worst_maintenance


def test_amounts_stay_out_of_representations() -> None:
    made = prepared("g03")
    amounts = made.amounts([made.account])
    shown = repr(amounts) + repr(made.margin([made.account]))
    assert not any(str(abs(amount)) in shown for amount in made.account.values() if abs(amount) > 9)
