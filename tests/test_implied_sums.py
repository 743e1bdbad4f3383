"""Sums that follow from rows: found where they are there, and true wherever they are found."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import pytest
from sealing_support import ASSETS

from circuits import implied_sums
from circuits.implied_sums import ImpliedSums
from circuits.rows import Auxiliary, Row, Scope, Terms
from circuits.statement import Statement

BTC, ETH, USD = range(3)
ALL = (BTC, ETH, USD)
WIDTH = 60


def statement(
    rows: Sequence[tuple[Terms, Terms, int]], variables: int = 4, equations: Sequence[int] = ()
) -> Statement:
    """Rows as (positions, auxiliary variables, constant); those in `equations` have width 0."""
    return Statement(
        ASSETS.assets,
        tuple(Row(f"row {i}", *row, 0 if i in equations else WIDTH) for i, row in enumerate(rows)),
        tuple(Auxiliary(f"x{i}", 40) for i in range(variables)),
        scope=Scope.ACCOUNT,
    )


def sums(
    rows: Sequence[tuple[Terms, Terms, int]], column: int = BTC, **more: Sequence[int]
) -> list[set[int]]:
    found = ImpliedSums(statement(rows, **more), ALL).outweighing(column)  # type: ignore[arg-type]
    return [set(columns) for columns in sorted(found, key=sorted)]


def test_a_row_by_itself() -> None:
    assert sums([(((BTC, 2), (USD, 1)), (), -5)]) == [{BTC, USD}]
    assert sums([(((BTC, 2), (USD, 1)), (), 5)]) == []
    assert sums([(((BTC, 2), (USD, -1)), (), 0)]) == []
    assert sums([(((BTC, 2),), (), 0)], column=USD) == []


def test_the_value_of_an_asset_in_tiers() -> None:
    """``x <= 90 BTC + 1000``, ``x <= 50 BTC + 5000``, ``x <= 100 BTC + 1000``; ``USD + x - 1000 >= 0``."""
    rows = [
        (((BTC, 50),), ((0, -1),), 5000),
        (((BTC, 90),), ((0, -1),), 1000),
        (((BTC, 100),), ((0, -1),), 1000),
        (((USD, 1),), ((0, 1),), -1000),
    ]
    for order in itertools.permutations(rows):
        assert sums(order) == sums(order, column=USD) == [{BTC, USD}]
    # One tier whose tangent at zero allows a value above zero: an account may owe that much.
    assert sums([rows[0], rows[3]]) == []


def test_the_worst_of_scenarios_prefers_one_that_counts_holdings_as_such() -> None:
    rows = [
        (((BTC, -10), (USD, 1)), ((0, -1),), 77),
        (((BTC, 10), (USD, 1)), ((0, -1),), 77),
        ((), ((0, 1),), -77),
    ]
    assert sums(rows) == [{BTC, USD}]


def test_values_of_values() -> None:
    rows = [
        (((BTC, 3),), ((1, -1),), 10),
        (((ETH, 7),), ((2, -2),), 20),
        ((), ((0, -1), (1, 1), (2, 1)), 5),
        (((USD, 1),), ((0, 1),), -25),
    ]
    assert {BTC, ETH, USD} in sums(rows)


def test_a_requirement_is_deducted() -> None:
    assert sums([(((BTC, 2), (USD, 1)), ((0, -1), (3, -9)), 0)]) == [{BTC, USD}]


def test_a_debt_that_a_variable_counts_is_brought_in() -> None:
    """``x >= -ETH`` is what is owed of ETH, and ``USD - 5 x >= 0``."""
    rows = [(((ETH, 1),), ((0, 1),), 0), (((USD, 1),), ((0, -5),), 0)]
    assert sums(rows, column=ETH) == [{ETH, USD}]
    assert sums(rows, column=USD) == [{ETH, USD}, {USD}]
    assert sums(rows, column=BTC) == []


def test_an_equation_counts_both_ways() -> None:
    """``BTC = x0 - x1``, and ``USD + 9 x0 - 10 x1 >= 0``: holdings count less than debts."""
    rows = [(((BTC, 1),), ((0, -1), (1, 1)), 0), (((USD, 1),), ((0, 9), (1, -10)), 0)]
    assert sums(rows, equations=[0]) == [{BTC, USD}]
    # As an inequality, BTC >= x0 - x1, it serves as well; the other way round it does not.
    assert sums(rows) == [{BTC, USD}]
    turned = [(((BTC, -1),), ((0, 1), (1, -1)), 0), rows[1]]
    assert sums(turned) == []
    assert sums(turned, equations=[0]) == [{BTC, USD}]


def test_variables_that_only_bound_each_other_lead_nowhere() -> None:
    rows = [
        ((), ((0, -1), (1, 1)), 0),
        ((), ((0, 1), (1, -1)), 0),
        (((BTC, 1),), ((0, 1),), 0),
    ]
    assert sums(rows) == []


def test_a_position_that_bounds_a_variable_is_not_negative() -> None:
    assert sums([(((BTC, 50),), ((0, -1),), 0)]) == [{BTC}]


def test_a_variable_that_nothing_bounds() -> None:
    assert sums([(((BTC, 1),), ((0, 1),), 0)]) == []


VALUED = [(((BTC, 50),), ((0, -1),), 9), (((USD, 1),), ((0, 1),), -9)]
"""``x <= 50 BTC + 9`` and ``USD + x >= 9``."""


def test_rows_with_other_positions_than_integers_are_left_alone() -> None:
    made = statement([*VALUED, (((BTC, 1), (ETH, 1)), (), 0)])
    assert ImpliedSums(made, (BTC, USD)).outweighing(BTC) == {frozenset({BTC, USD})}
    assert ImpliedSums(made, ALL).outweighing(BTC) == {frozenset({BTC, USD}), frozenset({BTC, ETH})}
    assert ImpliedSums(made, (USD,)).outweighing(USD) == set()


def test_the_search_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sums(VALUED) == [{BTC, USD}]
    monkeypatch.setattr(implied_sums, "MAX_TERMS", 3)
    assert sums(VALUED) == []


@pytest.mark.parametrize("seed", range(60))
def test_what_is_found_is_true(seed: int) -> None:
    """Against every point of a small box that satisfies the rows."""
    draw = random.Random(seed)

    def terms(count: int, least: int) -> Terms:
        chosen = sorted(draw.sample(range(count), draw.randint(least, min(2, count))))
        return tuple((index, draw.choice((-2, -1, 1, 1, 2, 3))) for index in chosen)

    rows = [(terms(3, 0), terms(2, 0), draw.randint(-2, 2)) for _ in range(draw.randint(2, 5))]
    equations = [i for i in range(len(rows)) if draw.random() < 0.2]
    made = statement(rows, variables=2, equations=equations)
    found = ImpliedSums(made, ALL).found
    for positions in itertools.product(range(-3, 4), repeat=3):
        for variables in itertools.product(range(5), repeat=2):
            values = [
                constant
                + sum(c * positions[i] for i, c in on_positions)
                + sum(c * variables[i] for i, c in on_variables)
                for on_positions, on_variables, constant in rows
            ]
            if all(value == 0 if i in equations else value >= 0 for i, value in enumerate(values)):
                for inequality in found:
                    assert sum(p * positions[i] for i, p in inequality.positions.items()) >= 0


def test_the_random_statements_imply_something_now_and_then() -> None:
    """Or the test above would show nothing."""
    draw = random.Random(1)
    hits = 0
    for _ in range(200):
        rows = [
            (((draw.randrange(3), draw.choice((-1, 1, 2))),), ((draw.randrange(2), draw.choice((-1, 1))),), 0)
            for _ in range(3)
        ]
        hits += bool(ImpliedSums(statement(rows, variables=2), ALL).found)
    assert hits > 20
