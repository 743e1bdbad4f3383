"""The modelling language: arithmetic, curvature, widths, whole amounts, and what is refused with which words."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from modelling_support import ASSETS, batch_of, by_solver, by_witness, small_model

import circuits.modelling
from circuits.assignment import NotSatisfiedError, assign_bits
from circuits.describe import describe
from circuits.integrality import bounded_positions, loose_positions
from circuits.modelling import (
    ChargeTable,
    Curvature,
    CurvatureError,
    Expression,
    HaircutTable,
    Model,
    ModelError,
    Numeric,
    absolute_value,
    band,
    charge_table,
    count_at_most,
    either_or,
    equals,
    haircut_table,
    is_active,
    largest,
    majorant,
    maximum,
    minimum,
    positive_part,
    sign_test,
    split,
    stepped_charge,
    sum_of_largest,
    tier_selector,
    top_maximum,
    two_slopes,
)
from circuits.modelling.evaluation import evaluate_margin
from circuits.modelling.explanation import MICROSECONDS_PER_BIT, explain
from circuits.models import MODEL_DEFINITIONS
from circuits.rows import Auxiliary, Row, Scope
from circuits.statement import StatementError
from primitives.assets import Asset

DOCUMENT = (Path(__file__).parent.parent / "docs" / "modelling.md").read_text()


def abc(model: Model) -> tuple[Expression, Expression, Expression]:
    return model.position("A"), model.position("B"), model.position("C")


# Arithmetic


def test_arithmetic_and_formulas() -> None:
    model = small_model()
    a, b, c = abc(model)
    e = 3 * (a - 2 * b) + c * -1 - 7 + model.constant(2)
    assert str(e) == "3 A - 6 B - C - 5"
    assert str(e - e) == "0"
    assert str(-a) == "-A"
    assert str(1 - a) == "-A + 1"
    assert str(a + (1 << 30)) == "A + 2^30"
    assert str(model.linear({"A": 2, "B": 0, "C": -1}, 5)) == "2 A - C + 5"
    assert str(model.sum([a, b, a])) == "2 A + B"
    assert str(model.constant(3) * a) == "3 A"
    assert e.interval == (3 * -63 - 6 * 63 - 63 - 5, 3 * 63 + 6 * 63 + 63 - 5)
    assert repr(maximum(a, 2)) == "Expression(maximum(A, 2), convex)"
    assert str(absolute_value(a - b)) == "|A - B|"
    assert str(maximum(a, b, label="worst")) == "[worst]"
    many = model.sum([absolute_value(a + k) for k in range(20)])
    assert "(8 more)" in str(many)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda a, b: a * 0.5, "floats are not exact"),
        (lambda a, b: a + np.float64(1), "floats are not exact"),
        (lambda a, b: a * Fraction(1, 2), "1/2 is a fraction; .*math.ceil"),
        (lambda a, b: a * True, "not bool"),
        (lambda a, b: a + np.int64(3), "not int64"),
        (lambda a, b: a * b, "product of secrets"),
        (lambda a, b: a != b, "no constraint"),
        (lambda a, b: bool(a), "no truth value"),
        (lambda a, b: bool(a >= 0), "no truth value"),
        (lambda a, b: 0 <= a <= 9, "band"),
        (lambda a, b: a + small_model().position("A"), "two models"),
        (lambda a, b: maximum(a, small_model().position("A")), "two models"),
        (lambda a, b: maximum(1, 2), "needs an expression"),
        (lambda a, b: maximum({"x": a}, b), "one mapping"),
        (lambda a, b: maximum(a, 0.5), "floats are not exact"),  # type: ignore[arg-type]
        (lambda a, b: band(a, 3, 2), "3 is above 2"),
        (lambda a, b: count_at_most(3, [a >= 0]), "not in 0..1"),
        (lambda a, b: count_at_most(0, []), "no inequality"),
        (lambda a, b: count_at_most(0, [equals(a, b)]), "takes inequalities"),  # type: ignore[list-item]
        (lambda a, b: either_or(a >= 0, equals(a, b)), "two inequalities"),  # type: ignore[arg-type]
        (lambda a, b: sum_of_largest([a, b], 3), r"3/1 is not in \(0, 2\]"),
        (lambda a, b: sum_of_largest([], 1), "no operand"),
        (lambda a, b: is_active([]), "no amount"),
        (lambda a, b: majorant(a, [(0, 0), (1, 1)]), "not known to be non-negative"),
        (lambda a, b: majorant(absolute_value(a), [(0, 0)]), "two at least"),
        (lambda a, b: majorant(absolute_value(a), [(0, 0), (1, 5), (2, 6)]), "slope decreases at 1"),
        (lambda a, b: tier_selector(a, [1, 2]), "not known to be non-negative"),
        (lambda a, b: tier_selector(absolute_value(a), [2, 2]), "increasing"),
        (lambda a, b: stepped_charge(absolute_value(a), [(1, 2), (2, 1)]), "not be negative or decrease"),
    ],
)
def test_what_is_no_expression(make: Callable[[Expression, Expression], object], message: str) -> None:
    model = small_model()
    with pytest.raises(ModelError, match=message):
        make(model.position("A"), model.position("B"))


# Curvature


def test_curvature() -> None:
    model = small_model()
    a, b, c = abc(model)
    convex, concave = maximum(a, b), minimum(b, c)
    expected = [
        (model.constant(3), Curvature.CONSTANT),
        (a - 2 * b, Curvature.AFFINE),
        (a + convex, Curvature.CONVEX),
        (a - convex, Curvature.CONCAVE),
        (2 * concave - convex, Curvature.CONCAVE),
        (concave + convex, Curvature.MIXED),
        (convex - convex, Curvature.CONSTANT),
        (maximum(a, b, exact=True), Curvature.AFFINE),
        (two_slopes(a, 1, 3), Curvature.CONCAVE),
        (two_slopes(a, 3, 1), Curvature.CONVEX),
        (two_slopes(a, 3, 3), Curvature.AFFINE),
    ]
    assert [e.curvature for e, _ in expected] == [curvature for _, curvature in expected]


@pytest.mark.parametrize(
    ("make", "where"),
    [
        (
            lambda m, a, b: m.require(maximum(a, b) >= 0, "r"),
            "row 'r': the term maximum(A, B) could be over-stated",
        ),
        (
            lambda m, a, b: m.require(-minimum(a, b) >= 0, "r"),
            "row 'r': the term -1 * minimum(A, B) could be over",
        ),
        (lambda m, a, b: m.require(equals(absolute_value(a), 1), "r"), "equation 'r': the term |A| could be"),
        (lambda m, a, b: m.require(band(absolute_value(a), 0, 1), "r"), "band 'r': the term |A| could be"),
        (
            lambda m, a, b: m.require(either_or(a >= 0, absolute_value(b) >= 1), "r"),
            "row 'r: second alternative'",
        ),
        (lambda m, a, b: m.require(count_at_most(1, [absolute_value(b) >= 1]), "r"), "row 'r: 1'"),
        (
            lambda m, a, b: m.require(-sign_test(a) >= 0, "r"),
            "the term -1 * [sign test 1] could be over-stated",
        ),
        (lambda m, a, b: split(absolute_value(a)), "split of (|A|): the term |A| could be"),
        (
            lambda m, a, b: maximum(minimum(a, b), 3 * a),
            "maximum 'maximum 2': the term minimum(A, B) could be under",
        ),
        (
            lambda m, a, b: minimum(maximum(a, b), 3 * a),
            "minimum 'minimum 2': the term maximum(A, B) could be over",
        ),
        (lambda m, a, b: positive_part(-absolute_value(a)), "the term -1 * |A| could be under-stated"),
        (lambda m, a, b: maximum(absolute_value(a), 2, exact=True), "exact maximum 'exact maximum 1'"),
        (lambda m, a, b: absolute_value(absolute_value(a), exact=True), "split of (|A|)"),
        (lambda m, a, b: sum_of_largest([minimum(a, b), a], 1), "sum_of_largest 'sum of largest 2'"),
        (lambda m, a, b: top_maximum(minimum(a, b), a), "top_maximum 'top maximum 2'"),
        (lambda m, a, b: sign_test(absolute_value(a)), "sign test 'sign test 1'"),
        (lambda m, a, b: sign_test(-absolute_value(a), exact=True), "exact sign test 'sign test 1'"),
    ],
)
def test_curvature_errors_name_the_term(
    make: Callable[[Model, Expression, Expression], object], where: str
) -> None:
    model = small_model()
    with pytest.raises(CurvatureError, match=re.escape(where)) as caught:
        make(model, model.position("A"), model.position("B"))
    assert "exact=True" in str(caught.value)


def test_an_exact_gadget_may_stand_anywhere() -> None:
    """``|a| >= 5`` takes a boolean, and has one: no auxiliary values let a smaller amount pass."""
    model = small_model(scope=Scope.ACCOUNT)
    a = model.position("A")
    model.require(absolute_value(a, exact=True) >= 5)
    statement = model.compile()
    accounts = [[x, 0, 0, 0] for x in (-6, -5, -4, 0, 4, 5)]
    expected = [abs(account[0]) >= 5 for account in accounts]
    assert [by_solver(statement, account) for account in accounts] == expected


# Compiling


def test_rows_of_a_small_model() -> None:
    model = Model((Asset("BTC", 4), Asset("USD", 6)), cap=1 << 60)
    btc = model.position("BTC")
    maintenance = maximum(
        {"low": 350 * absolute_value(btc), "high": 700 * absolute_value(btc) - 5}, label="MM"
    )
    model.require_margin(model.position("USD") + 70_000 * btc, maintenance)
    assert describe(model.compile()) == [
        "BTC: positive part: 0 <= BTC + x[BTC: negative part] < 2^50",
        "MM: low: 0 <= -350 BTC - 700 x[BTC: negative part] + x[MM] < 2^60",
        "MM: high: 0 <= -700 BTC - 1400 x[BTC: negative part] + x[MM] + 5 < 2^60",
        "margin: 0 <= 70000 BTC + USD - x[MM] < 2^60",
        "USD bounded: 0 <= USD + 2^50 < 2^51",
        "BTC: negative part: 0 <= x[BTC: negative part] < 2^50",
        "MM: 0 <= x[MM] < 2^60",
    ]


def test_gadgets_that_nothing_uses_cost_nothing() -> None:
    model = small_model()
    a, b, _ = abc(model)
    maximum(a, b)
    sum_of_largest([a, b], 1)
    model.require(model.position("CASH") >= 0)
    statement = model.compile()
    assert (len(statement.rows), len(statement.auxiliaries)) == (1, 0)


def test_a_split_is_shared() -> None:
    model = small_model()
    a, b, _ = abc(model)
    assert split(a - b) is split(-1 * b + a)
    assert positive_part(a - b).key() == split(a - b).positive.key()
    assert maximum(a - b, 0).key() == split(a - b).positive.key()
    assert split(a - b) is not split(b - a)


def test_known_signs_need_no_split() -> None:
    model = small_model()
    a = model.position("A", non_negative=True)
    assert str(absolute_value(3 * a + 1)) == "3 A + 1"
    assert str(positive_part(-a - 1)) == "0"
    assert str(absolute_value(-a)) == "A"
    model.require(model.position("CASH") - absolute_value(a) >= 0)
    accounts = [[3, 0, 0, 3], [3, 0, 0, 2], [-3, 0, 0, 9]]
    assert by_witness(model.compile(), accounts) == [True, False, False]


def test_declared_bounds_alone_are_no_knowledge_of_signs() -> None:
    """The interval of an expression says what honest accounts reach, and proves nothing."""
    model = small_model()
    a = model.position("A")
    assert not (a + 100).is_non_negative
    assert (a + 100).interval.least > 0
    assert split(a + 100).positive.key() != (a + 100).key()


@pytest.mark.parametrize(("bound", "bits"), [(1, 1), (64, 6), (65, 7), (1 << 50, 50), (1 << 63, 63)])
def test_widths_follow_from_bounds(bound: int, bits: int) -> None:
    model = Model(ASSETS, position_bound=bound)
    a = model.position("A")
    model.require(2 * model.position("B") - absolute_value(a) >= 0, "r")
    statement = model.compile()
    assert statement.auxiliaries[0].width == max(1, bits)
    assert statement.rows[0].width == (bound - 1).bit_length()
    assert statement.rows[1].width == (2 * bound - 2).bit_length()
    assert statement.rows[-1].label == "B bounded"
    assert statement.rows[-1].width == (2 * bound - 1).bit_length()


def test_the_cap_cuts_values_and_leaves_amounts() -> None:
    model = Model(ASSETS, cap=1 << 40, position_bound=1 << 50)
    a, b, _ = abc(model)
    model.require(1000 * a + 500 * b - maximum(7 * a, 3 * b, label="m") >= 0, "value")
    model.require(100_000 * a + 3 * b >= 0, "hundredths", scale=100)
    model.require(a >= 0, "amount")
    model.require(a + (1 << 45) >= 0, "constant")
    widths = {row.label: row.width for row in model.compile().rows}
    assert widths["value"] == 40
    assert widths["hundredths"] == 47
    assert widths["amount"] == 50
    assert widths["constant"] == 51


def test_a_row_is_never_too_narrow_for_the_zero_account() -> None:
    model = Model(ASSETS, cap=1 << 10)
    model.require(5 * model.position("A") + 2**20 >= 0, "r")
    assert model.compile().rows[0].width == 21


def test_widths_that_are_given() -> None:
    model = small_model()
    a, b, _ = abc(model)
    model.require(a >= 0, "narrow", width=3)
    model.require(b >= 0, "wide", width=80)
    statement = model.compile()
    assert [row.width for row in statement.rows] == [3, 80]
    assert by_witness(statement, [[7, 5, 0, 0], [8, 5, 0, 0]]) == [True, False]
    other = small_model()
    a, b, _ = abc(other)
    with pytest.raises(ModelError, match="an equation has width 0"):
        other.require(equals(a, b), width=5)
    with pytest.raises(ModelError, match="this band has width 3"):
        other.require(band(a, 0, 7), width=5)


def test_what_cannot_be_compiled() -> None:
    wide = Model(ASSETS, position_bound=1 << 63)
    wide.require((1 << 70) * wide.position("A") >= 0, "r")
    with pytest.raises(ModelError, match="row 'r' would need 133 bits, more than 120: give the model a cap"):
        wide.compile()
    impossible = small_model()
    impossible.require(impossible.position("A") >= 64, "r")
    with pytest.raises(ModelError, match="row 'r': no account within the declared bounds"):
        impossible.compile()
    constant = small_model()
    constant.require(constant.position("A") >= 1, "r")
    with pytest.raises(StatementError, match="row 'r' fails for the zero account"):
        constant.compile()
    wrapping = Model(ASSETS, cap=1 << 20)
    wrapping.require((1 << 200) * wrapping.position("A") >= 0, "r")
    with pytest.raises(StatementError, match="wrap"):
        wrapping.compile()
    inner = small_model()
    a, b, _ = abc(inner)
    inner.require(-maximum(top_maximum(a, b), 3) >= -5, "r")
    with pytest.raises(ModelError, match="may only stand, with a minus sign, in one '>= 0'"):
        inner.compile()
    two = small_model()
    a, b, _ = abc(two)
    with pytest.raises(ModelError, match="one top_maximum"):
        two.require(-top_maximum(a, 0) - top_maximum(b, 0) >= -9)


def test_a_model_is_compiled_once() -> None:
    model = small_model()
    a = model.position("A")
    model.require(a >= 0)
    assert model.compile() is model.compile()
    for change in (
        lambda: model.require(a >= -1),
        lambda: split(a),
        lambda: model.position("B"),
    ):
        with pytest.raises(ModelError, match="compiled and cannot be changed"):
            change()


def test_labels_and_declarations() -> None:
    model = small_model()
    a = model.position("A", bound=32)
    assert model.position("A").key() == a.key()
    with pytest.raises(ModelError, match="other bounds"):
        model.position("A", bound=16)
    with pytest.raises(ModelError, match="other bounds"):
        model.position("A", non_negative=True)
    with pytest.raises(ModelError, match="'X' is not in the book"):
        model.position("X")
    model.require(a >= 0, "r")
    with pytest.raises(ModelError, match="two constraints are labelled 'r'"):
        model.require(a >= -1, "r")
    model.require(a >= -1)
    model.require(a >= -1)
    assert [requirement.label for requirement in model.requirements] == ["r", "A + 1 >= 0", "A + 1 >= 0 (2)"]
    with pytest.raises(ModelError, match="expected a constraint"):
        model.require(a)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="another model"):
        small_model().require(a >= 0)
    model.require_margin(a, a * 0)
    with pytest.raises(ModelError, match="margin condition already"):
        model.require_margin(a, a * 0)
    for broken in ({"cap": 0}, {"cap": 1.5}, {"position_bound": 0}, {"position_bound": (1 << 63) + 1}):
        with pytest.raises(ModelError):
            Model(ASSETS, **broken)


def test_a_gadget_of_ones_own() -> None:
    """``max(0, a - b)`` as a variable of the author, with a row of the author."""
    model = small_model()
    a, b, _ = abc(model)
    excess = model.variable("excess", greatest=126, witness=largest(a - b))
    model.require(excess - a + b >= 0, "excess is enough")
    model.require(model.position("CASH") - excess >= 0, "covered")
    accounts = [[5, 3, 0, 2], [5, 3, 0, 1], [3, 5, 0, 0], [3, 5, 0, -1]]
    statement = model.compile()
    assert by_witness(statement, accounts) == [True, False, True, False]
    assert [by_solver(statement, account) for account in accounts] == [True, False, True, False]


# Whole amounts


def row(positions: dict[int, int], auxiliaries: dict[int, int], *, constant: int = 0, width: int) -> Row:
    return Row("r", tuple(positions.items()), tuple(auxiliaries.items()), constant, width)


X = Auxiliary("x", 50)


@pytest.mark.parametrize(
    ("rows", "bounded"),
    [
        ([row({0: 1}, {0: 1}, width=50)], {0: (1 - 2**50, 2**50 - 1)}),
        ([row({0: -1}, {0: 2}, constant=3, width=4)], {0: (-12, 2**51 + 1)}),
        ([row({0: 1}, {0: -1}, width=0)], {0: (0, 2**50 - 1)}),
        ([row({0: 2}, {0: 1}, width=50)], {}),
        ([row({0: 1}, {0: 1}, width=64)], {}),
        ([row({0: 1}, {0: 1}, width=62)], {0: (1 - 2**50, 2**62 - 1)}),
        # The second row makes b whole, and then the first makes a whole.
        ([row({0: 1, 1: -3}, {}, width=10), row({1: 1}, {}, width=5)], {0: (0, 2**10 - 1 + 93), 1: (0, 31)}),
        ([row({0: 1, 1: -1}, {}, width=10)], {}),
        ([row({0: 1, 1: 2}, {}, width=10), row({1: 1}, {0: 1 << 20}, width=5)], {}),
    ],
)
def test_what_makes_a_position_whole(rows: list[Row], bounded: dict[int, tuple[int, int]]) -> None:
    assert bounded_positions(rows, [X]) == bounded
    used = {asset for each in rows for asset, _ in each.positions}
    loose = set(loose_positions(rows, [X]))
    assert loose <= used - set(bounded)


def test_variables_are_needed_to_know_bounds() -> None:
    one = [row({0: 1}, {0: 1}, width=50)]
    assert loose_positions(one, [X]) == ()
    assert loose_positions(one) == (0,)


def test_rows_for_whole_amounts_only_where_needed() -> None:
    model = small_model()
    a, b, c = abc(model)
    model.require(2 * model.position("CASH") - absolute_value(a) >= 0)
    model.require(3 * b + 2 * c >= 0)
    model.require(c >= 0)
    labels = [each.label for each in model.compile().rows]
    assert labels[-2:] == ["B bounded", "CASH bounded"]
    assert explain(model).integrality_rows == 2
    assert loose_positions(model.compile().rows, model.compile().auxiliaries) == ()


# Tables


def test_charge_tables() -> None:
    tiers = (
        (Fraction(0), Fraction(1, 100)),
        (Fraction(1000), Fraction(1, 50)),
        (Fraction(5000), Fraction(1, 10)),
    )
    table = ChargeTable(tiers)
    assert [table.charge(Fraction(n)) for n in (0, 500, 1000, 2000, 5000, 6000)] == [0, 5, 10, 30, 90, 190]
    table.check_deductions([Fraction(0), Fraction(10), Fraction(410)])
    table.check_deductions([Fraction(0), Fraction(11), Fraction(410)])
    with pytest.raises(ModelError, match="the tier from 1000 deducts 12, continuity asks for 10"):
        table.check_deductions([Fraction(0), Fraction(12), Fraction(410)])
    with pytest.raises(ModelError, match="1 deductions for 3 tiers"):
        table.check_deductions([Fraction(0)])
    model = Model(ASSETS)
    size = absolute_value(model.position("A"))
    charge = charge_table(table, size, 3, units=10, label="charge")
    batch = batch_of([[n, 0, 0, 0] for n in (0, -500, 10_000, 16_000, 40_000)])
    # Rates per unit 0.03, 0.06, 0.3 round up to 1.
    assert Numeric(model, batch).value(charge).tolist() == [0, 500, 10_000, 16_000, 40_000]
    exact = charge_table(table, size, 3, units=10, label="exact", scale=100)
    values = [100 * 10 * table.charge(Fraction(3 * n, 10)) for n in (0, 500, 10_000, 16_000, 40_000)]
    assert Numeric(model, batch).value(exact).tolist() == values


@pytest.mark.parametrize(
    ("tiers", "message"),
    [
        ((), "begins at notional 0"),
        (((1, 1),), "begins at notional 0"),
        (((0, -1),), "no negative rate"),
        (((0, 1), (0, 2)), "bound 0 does not follow 0"),
        (((0, 2), (5, 1)), "the rate falls at 5: not convex"),
    ],
)
def test_charge_tables_that_are_refused(tiers: tuple[tuple[int, int], ...], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        ChargeTable(tuple((Fraction(lower), Fraction(rate)) for lower, rate in tiers))


def haircuts(*tiers: tuple[int | None, int]) -> HaircutTable:
    return HaircutTable(tuple((None if t is None else Fraction(t), Fraction(r, 100)) for t, r in tiers))


def test_haircut_tables() -> None:
    table = haircuts((1000, 100), (2000, 50))
    assert [table.value(Fraction(v)) for v in (0, 1000, 1500, 2000, 9000)] == [0, 1000, 1250, 1500, 1500]
    assert haircuts((1000, 100), (None, 50)).value(Fraction(9000)) == 5000
    assert haircuts().value(Fraction(5)) == 0
    assert [len(table.below(Fraction(v))) for v in (0, 1000, 1001, 2000, 2001)] == [1, 1, 2, 2, 3]
    model = Model(ASSETS)
    a = model.position("A", non_negative=True, bound=1 << 12)
    value = haircut_table(table, a, 7, units=10)
    batch = batch_of([[n, 0, 0, 0] for n in (0, 1000, 2000, 4000)])
    assert Numeric(model, batch).value(value).tolist() == [0, 7000, 3 * 2000 + 5000, 15_000]
    # 2^12 - 1 units of 0.2 stay below the second tier.
    linear = haircut_table(table, a, 2, units=10)
    assert linear.curvature is Curvature.AFFINE
    with pytest.raises(ModelError, match="not known to be non-negative"):
        haircut_table(table, model.position("B"), 1, units=1)
    with pytest.raises(ModelError, match="not known to be non-negative"):
        charge_table(ChargeTable(((Fraction(0), Fraction(1)),)), model.position("B"), 1, units=1)


@pytest.mark.parametrize(
    ("tiers", "message"),
    [
        (((None, 5), (3, 4)), "only the last tier"),
        (((0, 5),), "above 0 and increase"),
        (((5, 5), (5, 4)), "above 0 and increase"),
        (((5, -5),), "a ratio is negative"),
        (((5, 50), (9, 60)), "the ratio rises from 1/2 to 3/5: not concave"),
    ],
)
def test_haircut_tables_that_are_refused(tiers: tuple[tuple[int | None, int], ...], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        haircuts(*tiers)


# Reports


def margin_model() -> Model:
    model = small_model()
    a, b, _ = abc(model)
    losses = {"up": -3 * a + b, "down": 2 * a - b, "flat": 0 * a}
    model.require_margin(model.position("CASH") + a, maximum(losses, label="scan"), scenarios=losses)
    model.require(b >= 0, "no short B")
    return model


def test_margins_of_a_batch() -> None:
    model = margin_model()
    accounts = [[10, 0, 0, 10], [10, 0, 0, 9], [-10, 5, 0, 45], [-10, 5, 0, 44], [0, 0, 0, 0], [0, -1, 0, 5]]
    batch = batch_of(accounts)
    result = evaluate_margin(model, batch)
    assert result.equity.tolist() == [20, 19, 35, 34, 0, 5]
    assert result.requirement.tolist() == [20, 20, 35, 35, 0, 1]
    assert result.shortfall.tolist() == [0, 1, 0, 1, 0, 0]
    assert result.sufficient.tolist() == [True, False, True, False, True, False]
    assert result.worst_scenario == ("down", "down", "up", "up", "up", "down")
    assert np.array_equal(result.sufficient, Numeric(model, batch).satisfied())
    assert Numeric(model, batch).failing(5) == ["no short B"]
    with pytest.raises(NotSatisfiedError) as caught:
        assign_bits(model.compile(), batch)
    assert [(each.account, each.label, each.shortfall) for each in caught.value.violations] == [
        (1, "margin", 1),
        (3, "margin", 1),
        (5, "no short B", 1),
    ]


def test_margins_need_a_margin_condition() -> None:
    model = small_model()
    model.require(model.position("A") >= 0)
    with pytest.raises(ModelError, match="no margin condition"):
        evaluate_margin(model, batch_of([[1, 0, 0, 0]]))


def test_bands_and_equations_count_in_sufficiency() -> None:
    model = small_model()
    a, b, _ = abc(model)
    model.require(band(a, -2, 5))
    model.require(band(b, -1, 1))
    model.require(equals(a, b + model.position("C")))
    model.require_margin(model.position("CASH"), model.constant(0))
    accounts = [
        [a_, b_, a_ - b_ + off, 0] for a_ in (-3, -2, 5, 6) for b_ in (-2, -1, 1, 2) for off in (-1, 0, 1)
    ]
    batch = batch_of(accounts)
    assert np.array_equal(evaluate_margin(model, batch).sufficient, Numeric(model, batch).satisfied())
    assert by_witness(model.compile(), accounts) == Numeric(model, batch).satisfied().tolist()


def test_an_explanation_adds_up() -> None:
    model = margin_model()
    explanation = explain(model)
    statement = model.compile()
    assert explanation.bits == statement.bit_count == sum(group.bits for group in explanation.groups)
    assert explanation.rows == len(statement.rows) == sum(group.rows for group in explanation.groups)
    assert explanation.auxiliaries == len(statement.auxiliaries)
    assert explanation.microseconds == pytest.approx(explanation.bits * MICROSECONDS_PER_BIT)
    assert "bits an account" in str(explanation)
    estimate = explanation.lines()[explanation.head_lines - 1]
    assert f"{MICROSECONDS_PER_BIT:g} us a bit" in estimate
    assert "AVX-512 IFMA" in estimate
    assert "`python -m bench prove` measures yours" in estimate


# The page


def test_the_example_of_the_page() -> None:
    code = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)[0]
    names: dict[str, object] = {"assets": (Asset("BTC-PERP", 4), Asset("USD", 6))}
    exec(code, names)  # noqa: S102 - the code of our own page
    model = names["model"]
    assert isinstance(model, Model)
    assert f"```text\n{explain(model)}\n```" in DOCUMENT


def test_every_gadget_is_on_the_page() -> None:
    helpers = {"indicator", "order_statistic", "smallest"}
    functions = {name for name in circuits.modelling.__all__ if name[0].islower()} - helpers
    assert functions
    assert {name for name in functions if f"`{name}(" not in DOCUMENT and f"{name}(" not in DOCUMENT} == set()


def test_every_kind_has_a_page_and_an_example() -> None:
    root = Path(__file__).parent.parent
    pages = "".join(page.read_text() for page in (root / "docs" / "models").glob("*.md"))
    examples = "".join(example.read_text() for example in (root / "examples" / "models").rglob("*.json"))
    for kind in MODEL_DEFINITIONS:
        assert kind in pages
        assert f'"kind": "{kind}"' in examples
