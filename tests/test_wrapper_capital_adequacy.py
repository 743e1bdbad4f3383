"""Equity as a multiple of the requirement, and what models inside others have in common."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import cast

import pytest
from modelling_support import ASSETS, batch_of, check_agreement, small_model
from scenario_model_support import EXAMPLES, Case, load_example, moved, refuse_compilation
from vectors.generate_perpetual_examples import CROSS_ASSETS, CROSS_MARKET, cross_model
from vectors.generate_wrapper_examples import adequacy_model, wrapped
from wrapper_support import case_of, refused, three_ways

from circuits.model_document import read_definition
from circuits.modelling import Model, ModelError, absolute_value, maximum
from circuits.modelling.explanation import explain
from circuits.modelling.model import Margin
from circuits.models import MODEL_DEFINITIONS
from circuits.public_market import parse_public_market
from circuits.wrappers.wrapper import Wrapper
from primitives.assets import parse_assets_json
from primitives.strict_json import Json

USD = 10**6
CASE, BOOK = load_example("capital-adequacy")


def test_the_ratio_in_worked_figures() -> None:
    """Equity 425,000 and requirement 99,600: 426.7 %; at 105 % the slack is 425,000 - 104,580."""
    pair = BOOK["pair"]
    result = CASE.evaluate([pair])
    assert (result.equity[0], result.requirement[0]) == (425_000 * USD, 104_580 * USD)
    edge = [pair[0] - 320_420 * USD, *pair[1:]]
    three_ways(CASE, [edge, [edge[0] - 1, *edge[1:]]], [True, False], solver=False)
    small = [1_470_000 - 700_000 * 500, 0, 500, 0]
    three_ways(CASE, [small, [small[0] - 1, *small[1:]]], [True, False])
    for numerator, expected in ((42670, True), (42671, False)):
        case = case_of(adequacy_model(numerator, 10_000), CROSS_MARKET, CROSS_ASSETS)
        three_ways(case, [pair], [expected], solver=False)
        assert (Fraction(425_000, 99_600) >= Fraction(numerator, 10_000)) == expected


def test_the_boundary_of_the_example() -> None:
    accounts = CASE.balanced(list(BOOK.values()), "USDT")
    three_ways(CASE, accounts, [True] * len(accounts), solver=False)
    three_ways(CASE, [moved(each, 0, -1) for each in accounts], [False] * len(accounts), solver=False)


def test_a_ratio_costs_few_bits() -> None:
    """In lowest terms, 21/20: five bits of one row."""
    plain = explain(case_of(cross_model(), CROSS_MARKET, CROSS_ASSETS).model)
    assert explain(CASE.model).bits - plain.bits == 5
    one = explain(case_of(adequacy_model(7, 7), CROSS_MARKET, CROSS_ASSETS).model)
    assert one.bits == plain.bits


def test_a_ratio_of_one_is_the_model_itself() -> None:
    case = case_of(adequacy_model(3, 3), CROSS_MARKET, CROSS_ASSETS)
    inner = case_of(cross_model(), CROSS_MARKET, CROSS_ASSETS)
    assert case.model.compile().digest() == inner.model.compile().digest()


@pytest.mark.parametrize(
    "kind", ["pmrm2", "span", "deribit-cross-portfolio-margin", "linear-perpetuals-isolated"]
)
def test_every_condition_gets_the_ratio(kind: str) -> None:
    """Rows of the inner model are there, each margin row scaled; ratio 1 gives the same statement."""
    place = EXAMPLES / kind
    document = json.loads((place / "model.json").read_bytes())
    market = parse_public_market((place / "market.json").read_bytes())
    assets = tuple(parse_assets_json((place / "assets.json").read_bytes()))
    inner = read_definition(json.dumps(document).encode()).model(assets, market).compile()
    same = read_definition(
        json.dumps(wrapped("capital-adequacy", document, numerator=1, denominator=1)).encode()
    )
    assert same.model(assets, market).compile().digest() == inner.digest()
    more = read_definition(
        json.dumps(wrapped("capital-adequacy", document, numerator=21, denominator=20)).encode()
    )
    model = more.model(assets, market)
    assert len(model.compile().rows) == len(inner.rows)
    assert len(model.margin_conditions) >= 1
    assert all(margin.scale % 20 == 0 for margin in model.margin_conditions)
    assert more.evaluator(assets, market)(batch_of([[0] * len(assets)])).sufficient.all()


def test_documents_that_are_refused() -> None:
    refused(adequacy_model(0), "$.numerator", "is not between 1")
    refused(adequacy_model(1, 10**7), "$.denominator", "is not between 1")
    refused(
        wrapped("capital-adequacy", adequacy_model(), numerator=1, denominator=1),
        "$.margin.kind",
        "stands inside",
    )
    refused(adequacy_model() | {"margin": 5}, "$.margin", "expected an object")
    refused(adequacy_model() | {"margin": {"version": 1}}, "$.margin", "field 'kind' is missing")


def test_a_spot_model_has_nothing_to_multiply() -> None:
    spot: dict[str, Json] = {"kind": "spot", "version": 1}
    document = wrapped("capital-adequacy", spot, numerator=2, denominator=1)
    refuse_compilation(document, CROSS_MARKET, CROSS_ASSETS, "nothing to be a multiple of")
    moves: list[Json] = [{"name": "now", "moves": []}]
    definition = read_definition(json.dumps(wrapped("survives", spot, points=moves)).encode())
    with pytest.raises(ModelError, match="no margin condition"):
        definition.evaluator(CROSS_ASSETS, CROSS_MARKET)


def test_nesting_is_bounded() -> None:
    """Before anything inside is read: however deep the document is."""
    value: dict[str, Json] = {"kind": "spot", "version": 1}
    for kind in ("withdrawable", "survives", "capital-adequacy", "insured") * 3:
        value = {"kind": kind, "version": 1, "margin": value}
    refused(
        {"format": "sealedbook/model/v1", **value}, "$.margin.margin.margin.kind", "wrapped more than 2 times"
    )
    wrappers = [kind for kind, each in MODEL_DEFINITIONS.items() if issubclass(each, Wrapper)]
    assert {"withdrawable", "survives", "capital-adequacy", "insured"} <= set(wrappers)


def test_words() -> None:
    words = CASE.definition.words()
    assert words.conditions[0].endswith("it reaches 105 % of it")
    assert words.title == "capital adequacy, on top of: linear perpetuals, charged by tables of rates"
    (condition,) = Case(cross_model(), CROSS_MARKET, CROSS_ASSETS).definition.words().conditions
    assert words.conditions[1:] == (f"with 105 % of what margin requires: {condition}",)


# Models inside models: Model.embedded


def inner(model: Model, rate: int = 1) -> None:
    a = model.position("A")
    size = absolute_value(a)
    model.require_margin(
        model.position("CASH") + 3 * a, maximum({"low": size, "high": rate * size - 5}, label="charge")
    )


def test_a_condition_goes_to_who_asked_for_it() -> None:
    model = small_model()
    taken: list[Margin] = []
    with model.embedded(margins=taken.append, prefix="here: "):
        inner(model)
    assert model.margin_condition is None
    assert model.requirements == ()
    (margin,) = taken
    assert margin.label == "here: margin"
    model.require_margin(2 * margin.equity, 3 * margin.requirement, scale=2, label="twice")
    assert "twice" in [row.label for row in model.compile().rows]


def test_prefixes_tell_gadgets_apart_and_share_single_positions() -> None:
    model = small_model()
    for number in (1, 2):
        with model.embedded(prefix=f"{number}: ", margins=lambda m: model.require_margin(
            m.equity, m.requirement, label=m.label, is_reported=False
        )):  # fmt: skip
            inner(model, number + 3)
    labels = [row.label for row in model.compile().rows]
    assert labels.count("A: positive part") == 1
    assert {"1: charge: low", "2: charge: low", "1: margin", "2: margin"} <= set(labels)
    check_agreement(model, [[5, 0, 0, 0], [-5, 0, 0, 30], [-5, 0, 0, 29], [-5, 0, 0, 35], [-5, 0, 0, 34]],
                    [False, False, False, True, False])  # fmt: skip


def test_replaced_positions_and_hidden_assets() -> None:
    model = small_model()
    amount = model.position("C", non_negative=True)
    with model.embedded(hidden=["C"], replaced={"CASH": lambda cash: cash - 2 * amount}):
        assert [asset.id for asset in model.assets] == ["A", "B", "CASH"]
        with pytest.raises(ModelError, match="asset 'C' is not in the book"):
            model.position("C")
        inner(model)
    assert model.assets.assets == ASSETS
    check_agreement(
        model, [[2, 0, 4, 4], [2, 0, 5, 4], [0, 0, 3, 6], [0, 0, 3, 5]], [True, False, True, False]
    )


def test_a_replaced_position_that_must_not_be_negative() -> None:
    model = small_model()
    amount = model.position("C", non_negative=True)
    with model.embedded(replaced={"CASH": lambda cash: cash - amount}):
        cash = model.position("CASH", non_negative=True)
        assert cash.is_non_negative
        model.position("CASH", non_negative=True)
    check_agreement(model, [[0, 0, 3, 3], [0, 0, 3, 2]], [True, False])
    assert sum("non-negative" in row.label for row in model.compile().rows) == 2


def test_blocks_inside_one_another_add_up() -> None:
    model = small_model()
    b, c = model.position("B", non_negative=True), model.position("C", non_negative=True)
    with (
        model.embedded(replaced={"CASH": lambda cash: cash - b}, prefix="outer "),
        model.embedded(replaced={"CASH": lambda cash: cash - c}, prefix="inner "),
    ):
        inner(model)
    assert model.margin_condition is not None
    assert model.margin_condition.label == "outer inner margin"
    check_agreement(model, [[0, 2, 3, 5], [0, 2, 3, 4]], [True, False])


def test_only_affine_expressions_replace_positions() -> None:
    model = small_model()
    with (
        model.embedded(replaced={"CASH": absolute_value}),
        pytest.raises(ModelError, match="it is not affine"),
    ):
        model.position("CASH")


def test_repeated_constraints_are_made_once() -> None:
    model = small_model()
    for number in (1, 2):
        with model.embedded(prefix=f"{number}: "):
            model.require(model.position("A") + model.position("B") >= 0, label="sum")
    assert [each.label for each in model.requirements] == ["1: sum"]


def test_one_reported_condition_a_model() -> None:
    model = small_model()
    inner(model)
    with pytest.raises(ModelError, match="has a margin condition already"):
        inner(model, 2)
    model.require_margin(model.position("A"), model.position("B"), label="more", is_reported=False)
    assert [margin.label for margin in model.margin_conditions] == ["margin", "more"]
    assert cast(Margin, model.margin_condition).label == "margin"


def test_books_that_do_not_fit() -> None:
    refuse_compilation(adequacy_model(), CROSS_MARKET, CROSS_ASSETS[:3], "not in the book")
