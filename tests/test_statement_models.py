"""Model and price documents: what they compile to, and that every bad input is refused by its path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits.assignment import NotSatisfiedError, assign_bits
from circuits.builder import StatementBuilder
from circuits.describe import describe
from circuits.model_document import compile_model
from circuits.positions import PositionBatch
from circuits.prices import InexactDecimalError, PriceDocument, parse_price_document, scaled_decimal
from circuits.rows import Auxiliary, Form, Row, Scope
from circuits.statement import Statement
from circuits.witness import split
from primitives.assets import Asset, AssetListError, parse_assets_json
from primitives.strict_json import Json, JsonError

EXAMPLES = Path(__file__).parent.parent / "examples" / "statements"
ASSETS = (Asset("BTC", 8), Asset("ETH", 8), Asset("USD", 2))
PRICES: dict[str, Json] = {
    "quote": "USD",
    "scale": 10,
    "prices": [
        {"asset": "BTC", "price": "65000.12"},
        {"asset": "ETH", "price": "3000.5"},
        {"asset": "USD", "price": "1"},
    ],
}
MARKET_DOCUMENT: dict[str, Json] = {
    "format": "sealedbook/prices/v1",
    "as_of": "2026-01-31T00:00:00Z",
    **PRICES,
}
BTC, ETH, USD = 6_500_012, 300_050, 100_000_000  # value units of 1e-10 USD per base unit


def model(kind: str, **fields: Json) -> dict[str, Json]:
    return {"format": "sealedbook/model/v1", "kind": kind, **fields}


def compiled(kind: str, scope: Scope = Scope.BOOK, **fields: Json) -> Statement:
    return compile_model(model(kind, **fields), ASSETS, scope=scope)


def market(**changes: Json) -> PriceDocument:
    return parse_price_document(json.dumps({**MARKET_DOCUMENT, **changes}).encode())


def satisfies(statement: Statement, **units: int) -> bool:
    """Whether an account with these base units does."""
    index = {asset.id: i for i, asset in enumerate(statement.assets)}
    batch = PositionBatch.from_mappings([{index[name]: amount for name, amount in units.items()}])
    try:
        assign_bits(statement, batch)
    except NotSatisfiedError:
        return False
    return True


# --- what the kinds mean -------------------------------------------------------------------------------


def test_non_negative() -> None:
    statement = compiled("non-negative")
    assert statement.widths == (63, 63, 63)
    assert satisfies(statement, BTC=2**63 - 1, USD=1)
    assert not satisfies(statement, ETH=-1)
    chosen = compiled("non-negative", assets=["USD", "BTC"])
    assert [row.positions for row in chosen.rows] == [((0, 1),), ((2, 1),)]
    assert satisfies(chosen, ETH=-1)


def test_bounded() -> None:
    statement = compiled("bounded")
    assert [(row.constant, row.width) for row in statement.rows] == [(2**63, 64)] * 3
    assert satisfies(statement, BTC=1 - 2**63, ETH=2**63 - 1)


def test_net_value_is_exact_at_the_boundary() -> None:
    statement = compiled("net-value", prices=PRICES)
    assert statement.rows[0].positions == ((0, BTC), (1, ETH), (2, USD))
    assert statement.rows[0].width == ((BTC + ETH + USD) * (2**63 - 1)).bit_length()
    assert [row.label for row in statement.rows[1:]] == ["BTC bounded", "ETH bounded", "USD bounded"]
    debt = 3 * USD // BTC  # satoshi that 3 cents pay for
    assert satisfies(statement, BTC=-debt, USD=3)
    assert not satisfies(statement, BTC=-debt - 1, USD=3)
    assert satisfies(statement, BTC=2**63 - 1, ETH=2**63 - 1, USD=2**63 - 1)


def test_net_value_width_and_choice_of_assets() -> None:
    statement = compiled("net-value", prices=PRICES, width=30, assets=["BTC"])
    assert [(row.positions, row.width) for row in statement.rows] == [(((0, BTC),), 30), (((0, 1),), 64)]
    assert satisfies(statement, BTC=(2**30 - 1) // BTC)
    assert not satisfies(statement, BTC=2**30 // BTC + 1)


def test_net_value_on_summed_positions_has_no_rows_per_position() -> None:
    statement = compiled("net-value", prices=PRICES, positions="summed")
    assert len(statement.rows) == 1
    assert len(compiled("net-value", prices=PRICES, positions="bounded").rows) == 4


def test_prices_of_the_market_are_used_where_the_model_has_none() -> None:
    wide = market(prices=[*MARKET_DOCUMENT["prices"], {"asset": "DOGE", "price": "0.1"}])  # type: ignore[misc]
    from_market = compile_model(model("net-value"), ASSETS, wide)
    assert from_market.digest() == compiled("net-value", prices=PRICES).digest()
    other = {**PRICES, "scale": 11}
    assert compile_model(model("net-value", prices=other), ASSETS, wide).rows[0].positions[0] == (0, 10 * BTC)
    assert wide.as_of.isoformat() == "2026-01-31T00:00:00+00:00"


def test_an_asset_with_price_zero_has_no_term_and_no_bound() -> None:
    prices: dict[str, Json] = {
        **PRICES,
        "prices": [{"asset": "BTC", "price": "0"}, {"asset": "USD", "price": "1"}],
    }
    statement = compiled("net-value", prices=prices, assets=["BTC", "USD"])
    assert [row.positions for row in statement.rows] == [((2, USD),), ((2, 1),)]


def test_at_least() -> None:
    statement = compiled("at-least", Scope.ACCOUNT, asset="BTC", amount="1.5")
    assert [(row.constant, row.width) for row in statement.rows] == [(-150_000_000, 63)]
    assert satisfies(statement, BTC=150_000_000)
    assert satisfies(statement, BTC=2**63 - 1)
    assert not satisfies(statement, BTC=149_999_999)
    debt = compiled("at-least", asset="USD", amount="-10.01")
    assert [(row.constant, row.width) for row in debt.rows] == [(1001, 64)]
    assert satisfies(debt, USD=-1001)
    assert not satisfies(debt, USD=-1002)
    largest = compiled("at-least", Scope.ACCOUNT, asset="BTC", amount="92233720368.54775807")
    assert largest.rows[0].width == 1


def test_net_value_at_least() -> None:
    statement = compiled("net-value-at-least", Scope.ACCOUNT, value="650.0012", prices=PRICES)
    assert satisfies(statement, BTC=1_000_000)
    assert not satisfies(statement, BTC=999_999)
    assert statement.rows[0].constant == -6_500_012_000_000
    assert statement.rows[0].label == "net value at least 650.0012 USD"
    in_debt = compiled("net-value-at-least", value="-1", prices=PRICES)
    assert satisfies(in_debt, USD=-100)
    assert not satisfies(in_debt, USD=-101)


def test_all_joins_its_models_and_bounds_each_position_once() -> None:
    members: list[Json] = [
        {"kind": "net-value", "prices": PRICES},
        {"kind": "non-negative", "assets": ["BTC"]},
        {"kind": "non-negative", "assets": ["BTC", "ETH"]},
        {"kind": "net-value", "prices": PRICES, "width": 90},
    ]
    statement = compiled("all", models=members)
    assert [row.label for row in statement.rows] == [
        "net value",
        "BTC non-negative",
        "ETH non-negative",
        "net value (2)",
        "USD bounded",
    ]


def test_scope_is_the_callers() -> None:
    members: list[Json] = [{"kind": "non-negative"}, {"kind": "at-least", "asset": "BTC", "amount": "1"}]
    with pytest.raises(JsonError, match=r"^\$\.models\[1\]\.amount: an empty account cannot"):
        compiled("all", models=members)
    assert compiled("all", Scope.ACCOUNT, models=members).scope is Scope.ACCOUNT


# --- refusals ------------------------------------------------------------------------------------------


def _without(document: dict[str, Json], name: str) -> dict[str, Json]:
    return {key: value for key, value in document.items() if key != name}


def _priced(*pairs: tuple[str, str], **changes: Json) -> dict[str, Json]:
    return {**PRICES, "prices": [{"asset": a, "price": p} for a, p in pairs], **changes}


REFUSED: list[tuple[Json, str]] = [
    ([], r"\$: expected an object"),
    (_without(model("bounded"), "format"), r"\$: field 'format' is missing"),
    ({**model("bounded"), "format": "sealedbook/model/v2"}, r"\$\.format: expected"),
    (_without(model("bounded"), "kind"), r"\$: field 'kind' is missing"),
    (model("sufficient"), r"\$\.kind: 'sufficient' is not one of non-negative, "),
    (model("bounded", note="x"), r"\$: unknown field 'note'"),
    (model("bounded", assets="BTC"), r"\$\.assets: expected an array"),
    (model("bounded", assets=[]), r"\$\.assets: is empty"),
    (model("bounded", assets=["BTC", 7]), r"\$\.assets\[1\]: expected the id"),
    (model("bounded", assets=["BTC", "XRP"]), r"\$\.assets\[1\]: asset 'XRP' is not in the book"),
    (model("non-negative", assets=["BTC", "BTC"]), r"\$\.assets: names an asset twice"),
    (model("at-least", amount="1"), r"\$: field 'asset' is missing"),
    (model("at-least", asset="XRP", amount="1"), r"\$\.asset: asset 'XRP' is not in the book"),
    (model("at-least", asset="BTC", amount=1), r"\$\.amount: expected text"),
    (model("at-least", asset="BTC", amount="1.50"), r"\$\.amount: '1\.50' is not canonical decimal"),
    (model("at-least", asset="USD", amount="0.001"), r"\$\.amount: '0\.001' is not a multiple of 10\^-2"),
    (model("at-least", asset="BTC", amount="92233720368.54775808"), r"\$\.amount: not within"),
    (model("at-least", asset="BTC", amount="-92233720368.54775808"), r"\$\.amount: not within"),
    (model("net-value"), r"\$\.prices: the model has no prices, and no market"),
    (model("net-value", prices=[]), r"\$\.prices: expected an object"),
    (model("net-value", prices=_without(PRICES, "quote")), r"\$\.prices: field 'quote' is missing"),
    (model("net-value", prices={**PRICES, "scale": 37}), r"\$\.prices\.scale: 37 is not between 0 and 36"),
    (model("net-value", prices={**PRICES, "scale": "9"}), r"\$\.prices\.scale: expected an integer"),
    (model("net-value", prices={**PRICES, "note": ""}), r"\$\.prices: unknown field 'note'"),
    (
        model("net-value", prices=_priced(("BTC", "1"), ("BTC", "2"))),
        r"\$\.prices\.prices: asset 'BTC' appears",
    ),
    (model("net-value", prices=_priced(("BTC", "1"))), r"\$\.prices: no price for asset 'ETH'"),
    (model("net-value", prices=_priced(("XRP", "1"))), r"\$\.prices\.prices: asset 'XRP' is not in the book"),
    (
        model("net-value", prices=_priced(("BTC", "1"), ("ETH", "-1"))),
        r"\$\.prices\.prices\[1\]\.price: is negative",
    ),
    (
        model("net-value", prices=_priced(("BTC", "1e5"))),
        r"\$\.prices\.prices\[0\]\.price: '1e5' is not canonical",
    ),
    (
        model("net-value", prices=_priced(("BTC", "0"), ("USD", "0")), assets=["BTC", "USD"]),
        r"\$\.prices: no asset has a price above zero",
    ),
    (
        model("net-value", prices={**PRICES, "scale": 9}),
        r"\$\.prices: price 65000\.12 of asset 'BTC' \(8 decimals\) is not a multiple of 10\^-9 per",
    ),
    (model("net-value", prices=PRICES, width=0), r"\$\.width: 0 is not between 1 and 120"),
    (model("net-value", prices=PRICES, width=121), r"\$\.width: 121 is not"),
    (model("net-value", prices={**PRICES, "scale": 20}), r"\$\.width: values of 123 bits are possible"),
    (model("net-value", prices=PRICES, positions="free"), r"\$\.positions: 'free' is not"),
    (model("net-value-at-least", prices=PRICES), r"\$: field 'value' is missing"),
    (model("net-value-at-least", prices=PRICES, value="1"), r"\$\.value: an empty account cannot"),
    (model("net-value-at-least", prices=PRICES, value="0.00000000001"), r"\$\.value: .* is not a multiple"),
    (model("all", models=[]), r"\$\.models: is empty"),
    (model("all", models=[{"kind": "all", "models": []}]), r"\$\.models\[0\]\.kind: 'all' is not one of"),
    (model("all", models=[{"kind": "bounded"}, 5]), r"\$\.models\[1\]: expected an object"),
    (model("all", models=[{"kind": "bounded", "width": 5}]), r"\$\.models\[0\]: unknown field 'width'"),
    (model("all", models=[{"kind": "bounded"}] * 65), r"\$\.models: has 65 entries"),
    (
        model("net-value", prices=_priced(("USD", "1" + "0" * 46), scale=36), assets=["USD"], width=64),
        r"\$: no valid statement comes of this model: wrap",
    ),
]


@pytest.mark.parametrize(("document", "match"), REFUSED, ids=[match for _, match in REFUSED])
def test_refused_models_name_the_path(document: Json, match: str) -> None:
    with pytest.raises(JsonError, match=f"^{match}"):
        compile_model(document, ASSETS)
    with pytest.raises(JsonError, match=f"^{match}"):
        compile_model(json.dumps(document).encode(), ASSETS)


def test_refusals_that_depend_on_the_scope() -> None:
    with pytest.raises(JsonError, match=r"^\$\.positions: one account has no totals"):
        compiled("net-value", Scope.ACCOUNT, prices=PRICES, positions="summed")
    with pytest.raises(JsonError, match=r"^\$\.value: no account can have so much"):
        compiled("net-value-at-least", Scope.ACCOUNT, prices=PRICES, value="1" + "0" * 40)


def test_refused_text_and_assets() -> None:
    with pytest.raises(JsonError, match="not JSON"):
        compile_model(b"{", ASSETS)
    with pytest.raises(AssetListError, match="already asset 0"):
        compile_model(model("bounded"), (ASSETS[0], ASSETS[0]))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"format": "prices"}, r"\$\.format: expected"),
        ({"as_of": "yesterday"}, r"\$\.as_of: 'yesterday' is not a UTC time"),
        ({"note": 1}, r"\$: unknown field 'note'"),
        ({"prices": [{"asset": "BTC"}]}, r"\$\.prices\[0\]: field 'price' is missing"),
        ({"prices": [{"asset": "BTC", "price": "1", "x": 0}]}, r"\$\.prices\[0\]: unknown field 'x'"),
        ({"quote": ""}, r"\$\.quote: is empty"),
    ],
)
def test_refused_price_documents(changes: Any, match: str) -> None:
    with pytest.raises(JsonError, match=f"^{match}"):
        market(**changes)


def test_a_missing_market_price_is_refused() -> None:
    with pytest.raises(JsonError, match=r"^\$\.prices: no price for asset 'USD'"):
        compile_model(model("net-value"), ASSETS, market(prices=PRICES["prices"][:2]))  # type: ignore[index]


# --- decimal text --------------------------------------------------------------------------------------


@given(st.integers(-(10**30), 10**30), st.integers(0, 20), st.integers(0, 20))
def test_scaled_decimal_is_exact(digits: int, places: int, exponent: int) -> None:
    whole, fraction = divmod(abs(digits), 10**places)
    text = ("-" if digits < 0 else "") + str(whole)
    if fraction:
        text += "." + f"{fraction:0{places}d}".rstrip("0")
    if digits * 10**exponent % 10**places:
        with pytest.raises(InexactDecimalError, match=rf"multiple of 10\^-?{exponent}$"):
            scaled_decimal(text, exponent)
    else:
        assert scaled_decimal(text, exponent) == digits * 10**exponent // 10**places


def test_scaled_decimal_with_a_negative_exponent() -> None:
    assert scaled_decimal("1200", -2) == 12
    with pytest.raises(InexactDecimalError, match="multiple of 10\\^2"):
        scaled_decimal("1250", -2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+1",
        "01",
        "1.",
        ".5",
        "1.0",
        "-0",
        "-0.0",
        "1e3",
        " 1",
        "1 ",
        "1\n",
        "١",
        "1_000",
        "1" * 61,
        "--1",
    ],
)
def test_other_decimal_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not canonical decimal text"):
        scaled_decimal(text, 8)


# --- builder and descriptions --------------------------------------------------------------------------


def test_builder_with_auxiliary_variables() -> None:
    builder = StatementBuilder(ASSETS, Scope.BOOK)
    short = builder.add_auxiliary("short", 40, split(Form(((0, 1),))))
    builder.add_row("long", {0: 1, 1: 0}, auxiliaries={short: 1}, width=40)
    builder.add_row("limit", {0: -1}, auxiliaries={short: -2}, constant=500, width=40)
    statement = builder.build()
    assert statement.rows[0] == Row("long", ((0, 1),), ((0, 1),), 0, 40)
    assert satisfies(statement, BTC=-500)
    assert not satisfies(statement, BTC=501)


def test_descriptions() -> None:
    rows = (
        Row("covered", ((0, 3), (2, -5)), ((0, 1),), -7, 64),
        Row("bounded", ((0, -1),), (), 2**63, 64),
        Row("balanced", ((1, 1),), ((0, -2),), 0, 0),
        Row("nothing", (), (), 0, 1),
    )
    statement = Statement(ASSETS, rows, (Auxiliary("loan", 9),), scope=Scope.ACCOUNT)
    assert describe(statement) == [
        "covered: 0 <= 3 BTC - 5 USD + x[loan] - 7 < 2^64",
        "bounded: 0 <= -BTC + 2^63 < 2^64",
        "balanced: ETH - 2 x[loan] = 0",
        "nothing: 0 <= 0 < 2^1",
        "loan: 0 <= x[loan] < 2^9",
    ]


# --- examples ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "scope", "rows"),
    [
        ("non-negative", Scope.BOOK, 3),
        ("bounded", Scope.BOOK, 3),
        ("net-value", Scope.BOOK, 4),
        ("all", Scope.BOOK, 4),
        ("at-least", Scope.ACCOUNT, 1),
        ("net-value-at-least", Scope.ACCOUNT, 3),
    ],
)
def test_examples_compile(name: str, scope: Scope, rows: int) -> None:
    assets = parse_assets_json((EXAMPLES / "assets.json").read_bytes()).assets
    prices = parse_price_document((EXAMPLES / "prices.json").read_bytes())
    statement = compile_model((EXAMPLES / f"{name}.json").read_bytes(), assets, prices, scope=scope)
    assert len(statement.rows) == rows


def test_every_example_is_tested() -> None:
    """Those about the imported sample of Binance are run with it in `test_docs`."""
    names = {path.stem for path in EXAMPLES.glob("*.json") if not path.stem.startswith("binance-")}
    names -= {"assets", "prices"}
    assert names == {"non-negative", "bounded", "net-value", "all", "at-least", "net-value-at-least"}
