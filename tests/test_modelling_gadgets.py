"""Every gadget: meaning, witness and an integer solver agree, at the boundary and one unit off it."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from modelling_support import ASSETS, CASH, batch_of, check_agreement, small_model

from circuits.modelling import (
    Expression,
    Model,
    Numeric,
    absolute_value,
    band,
    count_at_most,
    either_or,
    equals,
    is_active,
    majorant,
    maximum,
    minimum,
    positive_part,
    sign_test,
    split,
    stepped_charge,
    sum_of_largest,
    top_maximum,
    two_slopes,
)
from circuits.modelling.constraints import Constraint
from circuits.modelling.evaluation import evaluate_margin
from circuits.rows import Scope

Make = Callable[[Model], Expression]


def position(model: Model, name: str) -> Expression:
    return model.position(name)


def abc(model: Model) -> tuple[Expression, Expression, Expression]:
    return model.position("A"), model.position("B"), model.position("C")


def nested(model: Model) -> Expression:
    a, b, c = abc(model)
    return maximum(absolute_value(a) + 2 * positive_part(b - c), maximum(a, b, c), 3 * split(c).negative - 9)


def quadratic(model: Model) -> Expression:
    return majorant(absolute_value(model.position("A")), [(x, x * x) for x in (0, 5, 20, 63)])


CONVEX: dict[str, Make] = {
    "positive": lambda m: split(2 * position(m, "A") - 7).positive,
    "negative": lambda m: split(position(m, "A") + position(m, "B")).negative,
    "absolute": lambda m: absolute_value(3 * position(m, "A") - position(m, "B")),
    "positive part of a convex expression": lambda m: positive_part(absolute_value(position(m, "A")) - 20),
    "maximum": lambda m: maximum(*abc(m)),
    "maximum with a constant": lambda m: maximum(5, -3, 2 * position(m, "A"), position(m, "B") - 4),
    "maximum with a negative constant": lambda m: maximum(-7, position(m, "A"), position(m, "B")),
    "maximum by name": lambda m: maximum({"up": position(m, "A"), "down": -3 * position(m, "A"), "none": 0}),
    "nested": nested,
    "sum of one largest": lambda m: sum_of_largest(abc(m), 1),
    "sum of two largest": lambda m: sum_of_largest(abc(m), 2),
    "sum of all": lambda m: sum_of_largest(abc(m), 3),
    "sum of 5/3 largest": lambda m: sum_of_largest(abc(m), 5, denominator=3),
    "sum of two largest sizes": lambda m: sum_of_largest([absolute_value(x) for x in abc(m)], 2),
    "majorant": quadratic,
    "stepped charge": lambda m: stepped_charge(absolute_value(position(m, "A")), [(4, 1), (16, 2), (63, 5)]),
    "active": lambda m: 9 * is_active([position(m, "A"), position(m, "B") - position(m, "C")]),
}
CONCAVE: dict[str, Make] = {
    "minimum": lambda m: minimum(*abc(m)),
    "minimum with a constant": lambda m: minimum(5, position(m, "A"), 2 * position(m, "B") + 3),
    "minimum of non-negative values": lambda m: minimum(
        absolute_value(position(m, "A"), exact=True), 2 * absolute_value(position(m, "B"), exact=True)
    ),
    "debts count double": lambda m: position(m, "A") - split(position(m, "A")).negative,
    "sign test": lambda m: 6 * sign_test(position(m, "A") - 3),
    "minimum of concave values": lambda m: minimum(
        minimum(3, position(m, "A")), -absolute_value(position(m, "B"))
    ),
}
EXACT: dict[str, Make] = {
    "affine": lambda m: 2 * position(m, "A") - 3 * position(m, "B") + 1,
    "exact maximum": lambda m: maximum(*abc(m), exact=True),
    "exact maximum with a constant": lambda m: maximum(2, position(m, "A"), exact=True),
    "exact minimum": lambda m: minimum(*abc(m), -4, exact=True),
    "exact positive part": lambda m: positive_part(position(m, "A") - 2, exact=True),
    "exact absolute value": lambda m: absolute_value(position(m, "A"), exact=True),
    "exact sign test": lambda m: 8 * sign_test(position(m, "A") + position(m, "B"), exact=True),
}


def accounts_of(seed: str) -> list[list[int]]:
    source = random.Random(seed)
    amounts = [-63, -20, -5, -1, 0, 1, 4, 5, 16, 17, 63]
    drawn = [[source.choice(amounts) for _ in range(3)] for _ in range(10)]
    ties = [[7, 7, 7], [0, 0, 0], [-5, 5, 5], [63, 63, 63], [-63, -63, -63]]
    return [[*account, 0] for account in drawn + ties]


def values_of(make: Make, accounts: list[list[int]]) -> list[int]:
    """What the gadget is worth, by its meaning alone."""
    model = small_model()
    return [int(value) for value in Numeric(model, batch_of(accounts)).value(make(model))]


def with_cash(accounts: list[list[int]], cash: list[int]) -> list[list[int]]:
    return [[*account[:CASH], amount] for account, amount in zip(accounts, cash, strict=True)]


@pytest.mark.parametrize("name", [*CONVEX, *EXACT])
def test_what_is_subtracted_is_never_too_little(name: str) -> None:
    make = (CONVEX | EXACT)[name]
    accounts = accounts_of(name)
    values = values_of(make, accounts)
    model = small_model()
    model.require(model.position("CASH") - make(model) >= -20)
    at = with_cash(accounts, [value - 20 for value in values])
    below = with_cash(accounts, [value - 21 for value in values])
    above = with_cash(accounts, [value - 19 for value in values])
    check_agreement(model, [*at, *below, *above], [True] * len(at) + [False] * len(at) + [True] * len(at))


@pytest.mark.parametrize("name", [*CONCAVE, *EXACT])
def test_what_is_added_is_never_too_much(name: str) -> None:
    make = (CONCAVE | EXACT)[name]
    accounts = accounts_of(name)
    values = values_of(make, accounts)
    model = small_model()
    model.require(make(model) - model.position("CASH") >= -20)
    at = with_cash(accounts, [value + 20 for value in values])
    beyond = with_cash(accounts, [value + 21 for value in values])
    check_agreement(model, [*at, *beyond], [True] * len(at) + [False] * len(at))


def test_a_top_maximum_needs_no_variable() -> None:
    model = small_model()
    a, b, _ = abc(model)
    worst = top_maximum({"up": 2 * a, "down": b - 3 * a, "none": 0})
    model.require(model.position("CASH") - 2 * worst >= 0, "covers")
    accounts = accounts_of("top")
    values = [2 * max(2 * x, y - 3 * x, 0) for x, y, _, _ in accounts]
    check_agreement(model, with_cash(accounts, values), [True] * len(values))
    check_agreement(model, with_cash(accounts, [value - 1 for value in values]), [False] * len(values))
    statement = model.compile()
    assert not statement.auxiliaries
    assert [row.label for row in statement.rows][:3] == ["covers: up", "covers: down", "covers: 0"]


CONSTRAINTS: dict[str, tuple[Callable[[Model], Constraint], Callable[[int, int, int], bool]]] = {
    "equals": (lambda m: equals(position(m, "A") - 2 * position(m, "B"), 1), lambda a, b, c: a - 2 * b == 1),
    "operator ==": (lambda m: position(m, "A") == position(m, "B"), lambda a, b, c: a == b),
    "operator <=": (lambda m: position(m, "A") <= position(m, "B") - 1, lambda a, b, c: a <= b - 1),
    "band of 2^k": (lambda m: band(position(m, "A"), -5, 10), lambda a, b, c: -5 <= a <= 10),
    "band": (lambda m: band(position(m, "A"), -5, 9), lambda a, b, c: -5 <= a <= 9),
    "either or": (
        lambda m: either_or(position(m, "A") >= 3, position(m, "B") - position(m, "A") >= 0),
        lambda a, b, c: a >= 3 or b >= a,
    ),
    "either or, concave": (
        lambda m: either_or(3 - absolute_value(position(m, "A")) >= 0, 5 - maximum(*abc(m)) >= 0),
        lambda a, b, c: abs(a) <= 3 or max(a, b, c) <= 5,
    ),
    "at most one fails": (
        lambda m: count_at_most(1, [x >= -1 for x in abc(m)]),
        lambda a, b, c: sum(x < -1 for x in (a, b, c)) <= 1,
    ),
    "at most none fails": (
        lambda m: count_at_most(0, [x >= -1 for x in abc(m)]),
        lambda a, b, c: min(a, b, c) >= -1,
    ),
}


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_constraints(name: str) -> None:
    make, holds = CONSTRAINTS[name]
    model = small_model(scope=Scope.ACCOUNT)  # not all of them hold for an empty account
    model.require(make(model), "constraint")
    near = [
        [a, b, c, 0]
        for a in (-6, -5, -4, -1, 0, 2, 3, 9, 10, 11)
        for b in (-2, -1, 0, 1, 3)
        for c in (-3, -1, 6)
    ]
    source = random.Random(name)
    chosen = source.sample(near, 60)
    check_agreement(model, chosen, [holds(*account[:3]) for account in chosen])


def random_convex(model: Model, source: random.Random, depth: int) -> Expression:
    """A convex expression of nested gadgets; affine at depth 0."""
    a, b, c = abc(model)
    affine = source.randrange(-3, 4) * a + source.randrange(-3, 4) * b + source.randrange(-2, 3) * c
    affine = affine + source.randrange(-9, 10)
    if depth == 0:
        return affine
    inner = [random_convex(model, source, depth - 1) for _ in range(source.randrange(2, 4))]
    kinds: list[Callable[[], Expression]] = [
        lambda: absolute_value(affine) + inner[0],
        lambda: maximum(*inner),
        lambda: maximum(*inner, source.randrange(-20, 20)),
        lambda: positive_part(inner[0]) + 2 * inner[1],
        lambda: sum_of_largest([positive_part(e) for e in inner], 1),
        lambda: -minimum(*(-e for e in inner), source.randrange(20)),
        lambda: two_slopes(affine, 2, -1) + inner[0],
        lambda: maximum(affine, 2 * b, exact=True) + inner[0],
        lambda: 5 * is_active([a, b]) + inner[0],
    ]
    return source.choice(kinds)()


@pytest.mark.parametrize("seed", range(24))
def test_random_models(seed: int) -> None:
    """Nested gadgets: the margin condition is met exactly where its true value says so."""
    source = random.Random(seed)
    accounts = [account for account in accounts_of(str(seed)) if max(map(abs, account)) <= 20]
    accounts += [[source.randrange(-63, 64) for _ in range(3)] + [0] for _ in range(4)]
    model = Model(ASSETS, position_bound=64, scope=Scope.ACCOUNT)
    cash = model.position("CASH", bound=1 << 20)
    requirement = random_convex(model, source, 2)
    model.require_margin(cash, requirement)
    values = [int(value) for value in Numeric(model, batch_of(accounts)).value(requirement)]
    check_agreement(model, with_cash(accounts, values), [True] * len(values))
    below = with_cash(accounts, [value - 1 for value in values])
    check_agreement(model, below, [False] * len(values))
    result = evaluate_margin(model, batch_of(below))
    assert result.requirement.tolist() == values
    assert result.shortfall.tolist() == [1] * len(values)
