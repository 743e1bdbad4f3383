"""Which positions are integers, what is said about an account, and in which units it falls short."""

from __future__ import annotations

import json

import pytest
from certificate_support import ASSETS, EXAMPLES, MARKET, at_least, model

from circuits.builder import StatementBuilder
from circuits.claim_statement import compile_claim
from circuits.document_prices import inline_prices, market_prices
from circuits.integrality import is_range_of_one_position, loose_positions, position_interval
from circuits.plain_words import account_facts, used_assets
from circuits.rows import Auxiliary, Form, Row, Scope
from circuits.statement import Statement
from circuits.witness import positive_part

HALF_RANGE = 1 << 63
BOUND = Row("bound", ((0, 1),), (), HALF_RANGE, 64)


def row(*terms: tuple[int, int], constant: int = 0, width: int = 63, label: str = "r") -> Row:
    return Row(label, terms, (), constant, width)


MIXED = row((0, 3), (1, -1), label="mixed")


@pytest.mark.parametrize(
    ("rows", "loose"),
    [
        ([row((0, 1))], ()),
        ([row((0, 1), constant=-5, width=100)], ()),
        ([row((0, -1), width=0)], ()),
        ([row((0, 2))], (0,)),
        ([row((0, -2))], (0,)),
        ([Row("r", ((0, 1),), ((0, 1),), 0, 63)], (0,)),
        ([MIXED], (0, 1)),
        ([MIXED, BOUND], (1,)),
        ([BOUND, MIXED, row((1, 1))], ()),
        ([MIXED, BOUND, row((1, -1), constant=HALF_RANGE, width=64)], ()),
        ([MIXED, BOUND, row((1, -1), constant=HALF_RANGE + 1, width=64)], (1,)),
        ([MIXED, BOUND, row((1, 1), constant=HALF_RANGE + 1, width=64)], (1,)),
        ([MIXED, BOUND, row((1, 1), constant=0, width=64)], (1,)),
        ([MIXED, BOUND, row((1, 1), constant=HALF_RANGE - 2, width=64)], (1,)),
        ([MIXED, BOUND, row((1, 1), constant=-7, width=0)], ()),
        ([MIXED, row((0, 5)), row((1, 5))], (0, 1)),
        ([row(constant=1)], ()),
    ],
)
def test_loose_positions(rows: list[Row], loose: tuple[int, ...]) -> None:
    assert loose_positions(rows) == loose


def test_a_position_that_only_its_own_ranges_use_needs_no_other_bound() -> None:
    """The range is one of integers; no other row rests on its size."""
    far = row((0, 1), constant=-(1 << 70), width=80)
    assert loose_positions([far]) == ()
    assert loose_positions([far, row((0, 2))]) == (0,)


@pytest.mark.parametrize(
    ("one", "interval"),
    [
        (row((0, 1), constant=3, width=4), (-3, 12)),
        (row((0, -1), constant=3, width=4), (-12, 3)),
        (row((0, 1), constant=3, width=0), (-3, -3)),
        (row((0, -1), constant=3, width=0), (3, 3)),
    ],
)
def test_position_interval(one: Row, interval: tuple[int, int]) -> None:
    """By trying every value nearby."""
    assert is_range_of_one_position(one)
    ((_, coefficient),) = one.positions
    fitting = [q for q in range(-40, 40) if 0 <= coefficient * q + one.constant < 1 << one.width]
    assert position_interval(one) == (fitting[0], fitting[-1]) == interval


def builder(scope: Scope) -> StatementBuilder:
    made = StatementBuilder(ASSETS, scope)
    made.add_row("net", {0: 2, 1: 3}, width=80)
    made.add_non_negative(1)
    return made


def test_about_one_account_every_position_is_made_an_integer() -> None:
    statement = builder(Scope.ACCOUNT).build()
    assert [made.label for made in statement.rows] == ["net", "ETH non-negative", "BTC bounded"]
    assert loose_positions(statement.rows) == ()


def test_about_a_book_rows_may_rest_on_totals() -> None:
    statement = builder(Scope.BOOK).build()
    assert [made.label for made in statement.rows] == ["net", "ETH non-negative"]
    assert loose_positions(statement.rows) == (0,)


def test_what_auxiliary_rows_use_is_made_an_integer_too() -> None:
    made = StatementBuilder(ASSETS, Scope.ACCOUNT)
    debt = made.add_auxiliary("debt", 64, positive_part(Form(((2, -1),))))
    made.add_row("covers", {2: 1}, auxiliaries={debt: 1}, width=64)
    assert [made.label for made in made.build().rows] == ["covers", "USD bounded"]


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(EXAMPLES.glob("*.json")) if not path.stem.startswith("binance-")],
    ids=lambda path: path.stem,
)
def test_no_example_leaves_a_position_loose(path: object) -> None:
    document = (EXAMPLES / str(path)).read_bytes()
    if json.loads(document)["format"] == "sealedbook/model/v1":
        statement = compile_claim(document, MARKET, ASSETS, scope=Scope.ACCOUNT)
        assert loose_positions(statement.rows) == ()


# Words


def statement(*rows: Row, auxiliaries: tuple[Auxiliary, ...] = ()) -> Statement:
    return Statement(ASSETS, rows, auxiliaries, scope=Scope.ACCOUNT)


@pytest.mark.parametrize(
    ("one", "fact"),
    [
        (row((0, 1), constant=-150_000_000), "holds at least 1.5 BTC"),
        (row((0, 1)), "owes no BTC"),
        (row((2, 1), constant=123_456, width=64), "owes at most 1,234.56 USD"),
        (row((0, 1), constant=-100, width=2), "holds between 0.000001 BTC and 0.00000103 BTC"),
        (row((0, -1), constant=100_000_000, width=64), "holds at most 1 BTC"),
        (row((0, -1), constant=-100_000_000, width=64), "holds at most -1 BTC"),
        (row((2, 1), constant=-100, width=0), "holds exactly 1 USD"),
        (row((0, 2), constant=-1, label="twice"), "meets 'twice', counting BTC"),
        (row((0, 2), (2, 1), label="it's"), 'meets "it\'s", counting BTC, USD'),
        (row(constant=1, label="nothing"), "meets 'nothing'"),
    ],
)
def test_facts(one: Row, fact: str) -> None:
    assert account_facts(statement(one)) == [fact]


def test_bounds_are_left_out_of_the_facts() -> None:
    assert account_facts(statement(BOUND)) == []
    assert account_facts(statement(BOUND, row((0, 1)))) == ["owes no BTC"]


def test_many_assets_are_cut_short() -> None:
    wide = compile_claim(
        model("net-value", prices={"quote": "USD", "scale": 0, "prices": [
            {"asset": f"A{index}", "price": "1"} for index in range(9)]}),
        None,
        [type(ASSETS[0])(f"A{index}", 0) for index in range(9)],
        scope=Scope.ACCOUNT,
    )  # fmt: skip
    assert account_facts(wide) == ["meets 'net value', counting A0, A1, A2, A3, A4, A5 and 3 more"]
    assert len(used_assets(wide)) == 9


def test_a_quote_cannot_pretend_to_be_a_fact() -> None:
    """What the maker wrote stands in quotation marks, whatever quotation marks it holds."""
    sly = """USD"', counting BTC; holds at least 9 BTC"""
    prices = {"quote": sly, "scale": 8, "prices": [{"asset": "BTC", "price": "2"}]}
    made = compile_claim(
        model("net-value-at-least", value="1", assets=["BTC"], prices=prices),
        None,
        ASSETS,
        scope=Scope.ACCOUNT,
    )
    escaped = sly.replace("'", "\\'")
    assert account_facts(made) == [f"meets 'net value at least 1 {escaped}', counting BTC"]


# Prices


def test_prices_of_documents() -> None:
    inline = {"quote": "EUR", "scale": 8, "prices": [{"asset": "BTC", "price": "2"}]}
    member = {"kind": "net-value", "assets": ["BTC"], "prices": inline}
    several = model("all", models=[member, {"kind": "net-value"}, member])
    (written,) = inline_prices(several)
    assert (written.quote, written.scale, dict(written.prices)) == ("EUR", 8, {"BTC": "2"})
    assert inline_prices(model("net-value", prices=inline)) == (written,)
    assert inline_prices(at_least("1")) == ()
    (of_market,) = market_prices(MARKET)
    assert of_market.quote == "USD"
    assert market_prices(None) == ()
