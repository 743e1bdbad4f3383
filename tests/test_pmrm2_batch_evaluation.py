"""Margins of whole books in 64-bit integers: figure for figure those of the definition in Python integers."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray
from pmrm2_statements import Account, Prepared, poorer, prepared, random_accounts
from pmrm2_support import BY_NAME

from circuits.pmrm2.batch_evaluation import BatchEvaluator, NarrowAmounts
from circuits.pmrm2.case_documents import CASH, PERP
from circuits.pmrm2.evaluate import Amounts, evaluate_margin
from circuits.pmrm2.integers import Factor, Figures
from circuits.pmrm2.rows import MarginKind, PerpHolding
from primitives.parameters import AMOUNT_LIMIT

NAMES: Final = list(BY_NAME)
LIMIT: Final = 1 << 62


def narrow(made: Prepared, accounts: Sequence[Account]) -> NarrowAmounts:
    table = made.batch(accounts).to_dense(len(made.assets))
    return NarrowAmounts.of(table, made.assets, made.book.columns)


def fitting(figures: Figures, amounts: NarrowAmounts) -> NDArray[np.bool_]:
    """Which accounts are evaluated in 64 bits."""
    return BatchEvaluator(figures)._sizes.fit(amounts)


def check_equal(figures: Figures, amounts: NarrowAmounts, exact: Amounts) -> None:
    """Every figure, of every account."""
    found, expected = BatchEvaluator(figures)(amounts), evaluate_margin(figures, exact)
    for name in ("value", "mm", "im"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist()
    assert tuple(found.worst_maintenance) == expected.worst_maintenance
    assert tuple(found.worst_initial) == expected.worst_initial


def books(made: Prepared, name: str) -> list[Account]:
    """Small accounts, large ones, and some beyond 64 bits; amounts of all sizes in one account."""
    accounts = [made.account, {}]
    for bits in range(4, 63, 9):
        accounts += random_accounts(made, f"{name} {bits}", 8, largest=1 << bits)
    source = random.Random(name)
    for _ in range(50):
        mixed: dict[str, int] = {}
        for asset in made.assets:
            bits = source.choice([0, 8, 16, 24, 32, 40])
            mixed[asset.id] = source.randint(-(1 << bits), 1 << bits) if bits else 0
        accounts.append(mixed)
    return accounts


@pytest.mark.parametrize("name", NAMES)
def test_gives_the_integers_of_the_definition(name: str) -> None:
    made = prepared(name)
    accounts = books(made, name)
    amounts = narrow(made, accounts)
    fits = fitting(made.book.figures, amounts)
    assert fits.any()
    assert not fits.all()
    check_equal(made.book.figures, amounts, made.amounts(accounts))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_an_account_that_fits_is_beyond_64_bits(name: str) -> None:
    """Accounts as large as fit: every figure of the definition stays below 2^62, and none differs."""
    made = prepared(name)
    figures = made.book.figures
    accounts = []
    for account in [made.account, *random_accounts(made, f"{name} large", 8, largest=1 << 8)]:
        grown = account
        for factor in range(60, -1, -2):
            scaled = {key: amount << factor for key, amount in account.items()}
            if all(abs(amount) < AMOUNT_LIMIT for amount in scaled.values()):
                grown = scaled
                if fitting(figures, narrow(made, [scaled])).all():
                    break
        accounts.append(grown)
    amounts = narrow(made, accounts)
    assert fitting(figures, amounts).all()
    exact = evaluate_margin(figures, made.amounts(accounts))
    margins = [exact.value, exact.mm, exact.im, exact.beta, exact.maintenance_loss, exact.initial_loss]
    assert max(abs(value) for margin in margins for value in margin) < LIMIT
    assert not (np.abs(exact.phi) >= LIMIT).any()
    check_equal(figures, amounts, made.amounts(accounts))


def with_factors(figures: Figures, factor: Factor) -> Figures:
    scenarios = tuple(
        dataclasses.replace(each, maintenance=factor, initial=factor) for each in figures.scenarios
    )
    return dataclasses.replace(figures, scenarios=scenarios, basis_initial=factor, basis_maintenance=factor)


@pytest.mark.parametrize(
    ("factor", "fits"),
    [
        (Factor(4_611_686_017, 10**9), True),
        (Factor(4_611_686_019, 10**9), False),
        (Factor(0, 1), True),
        (Factor(10**30 + 7, 10**9), False),
    ],
)
def test_loss_factors_of_many_digits(factor: Factor, *, fits: bool) -> None:
    made = prepared(NAMES[0])
    figures = with_factors(made.book.figures, factor)
    accounts = [{}, *random_accounts(made, "digits", 40, largest=1 << 16)]
    amounts = narrow(made, accounts)
    assert fitting(figures, amounts)[0] == fits
    check_equal(figures, amounts, made.amounts(accounts))


@pytest.mark.parametrize("size", [1 << 62, 1 << 64, 10**400])
def test_figures_beyond_64_bits(size: int) -> None:
    """An account that has nothing of such a column is still evaluated in 64 bits."""
    made = prepared(NAMES[0])
    old = made.book.figures
    accounts = [{}, *random_accounts(made, "figures", 60, largest=1 << 12)]
    amounts = narrow(made, accounts)
    first = 0 if not old.mark else 1
    for figures in (
        dataclasses.replace(old, cash=size),
        dataclasses.replace(old, perp_confidence=size),
        dataclasses.replace(old, mark=(size,) * first + old.mark[first:]),
        dataclasses.replace(old, gross_with_perp=(size,) * first + old.gross_with_perp[first:]),
        dataclasses.replace(
            old, scenarios=tuple(dataclasses.replace(each, perp=-size) for each in old.scenarios)
        ),
    ):
        assert fitting(figures, amounts)[0]
        assert not fitting(figures, amounts).all()
        check_equal(figures, amounts, made.amounts(accounts))


def test_no_scenarios_and_no_accounts() -> None:
    made = prepared(NAMES[0])
    figures = dataclasses.replace(made.book.figures, scenarios=())
    accounts = random_accounts(made, "no scenarios", 30, largest=1 << 16)
    check_equal(figures, narrow(made, accounts), made.amounts(accounts))
    check_equal(made.book.figures, narrow(made, []), made.amounts([]))


@pytest.mark.parametrize("margins", [(MarginKind.INITIAL,), (MarginKind.MAINTENANCE,), tuple(MarginKind)])
@pytest.mark.parametrize("holding", list(PerpHolding))
def test_the_report_of_a_model(margins: tuple[MarginKind, ...], holding: PerpHolding) -> None:
    """More accounts than are evaluated at once, some too large for 64 bits, at their margin and one unit below."""
    made = prepared(_with_perp(), margins, holding)
    some = random_accounts(made, "report", 200, largest=1 << 10)
    large = random_accounts(made, "large", 20, largest=1 << 60)
    signs = [{**some[5], asset.id: -1} for asset in made.assets]
    at_zero = [each for each in made.at_zero(some, margins) if abs(each[CASH]) < AMOUNT_LIMIT]
    accounts = (some + large + at_zero + poorer(at_zero) + signs) * 5
    assert len(at_zero) > 100
    result = made.definition.evaluate(made.batch(accounts), made.assets, made.market)
    exact = made.margin(accounts)
    worst = {MarginKind.INITIAL: exact.im, MarginKind.MAINTENANCE: exact.mm}
    margin = [min(worst[kind][place] for kind in margins) for place in range(len(accounts))]
    assert result.equity.tolist() == exact.value.tolist()
    assert (result.equity - result.requirement).tolist() == margin
    is_initial = MarginKind.INITIAL in margins
    assert result.worst_scenario == (exact.worst_initial if is_initial else exact.worst_maintenance)
    signed = {*made.book.columns.collaterals, *made.book.columns.others}
    allowed = {
        PerpHolding.PRIVATE: (True, True), PerpHolding.HELD: (False, True), PerpHolding.NONE: (True, False)
    }[holding]  # fmt: skip
    assert result.sufficient.tolist() == [
        least >= 0
        and all(account.get(name, 0) >= 0 for name in signed)
        and allowed[account.get(PERP, 0) != 0]
        for least, account in zip(margin, accounts, strict=True)
    ]
    assert {True, False} == set(result.sufficient.tolist())


def _with_perp() -> str:
    """A case with a perp and collateral."""
    for name in NAMES:
        made = prepared(name)
        ids = {asset.id for asset in made.assets}
        if PERP in ids and CASH in ids and made.book.columns.collaterals and made.book.columns.options:
            return name
    raise AssertionError
