"""What a total rests on: read from rows, row by row, and from models as they are compiled."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from sealing_support import ASSETS, Sealed, fastest_backend, seal
from solvency_support import SOLVENT, TOTALS, prove, prove_accounts, reserves_document, verify

from circuits.model_document import compile_model
from circuits.position_guarantees import Guarantee, PositionGuarantee, PositionGuarantees
from circuits.rows import Auxiliary, Row, Scope
from circuits.statement import Statement
from primitives.parameters import AMOUNT_LIMIT
from verifier.bundle import verify_bundle
from verifier.claims import ExpectedDocuments
from verifier.findings import Level
from verifier.report import bundle_report

BTC, ETH, USD = range(3)
ALL: Final = (BTC, ETH, USD)
NOTHING: Final = PositionGuarantee(Guarantee.NONE, None)


def bounded(column: int) -> Row:
    return Row(f"bounded {column}", ((column, 1),), (), AMOUNT_LIMIT, 64)


def non_negative(column: int) -> Row:
    return Row(f"non-negative {column}", ((column, 1),), (), 0, 63)


def statement(rows: Sequence[Row], auxiliaries: Sequence[Auxiliary] = ()) -> Statement:
    return Statement(ASSETS.assets, tuple(rows), tuple(auxiliaries), scope=Scope.ACCOUNT)


def guarantee(
    rows: Sequence[Row], column: int = BTC, covered: Sequence[int] = ALL, **more: Any
) -> PositionGuarantee:
    return PositionGuarantees([statement(rows, **more)]).of(column, covered)


def sum_row(*terms: tuple[int, int], constant: int = 0, auxiliaries: tuple[tuple[int, int], ...] = ()) -> Row:
    return Row("sum", terms, auxiliaries, constant, 80)


# Intervals.


def test_a_position_without_a_row_is_anything() -> None:
    assert guarantee([bounded(ETH)]) == NOTHING
    assert PositionGuarantees([]).of(BTC, ALL) == NOTHING


def test_a_range_of_64_bits_is_an_integer_and_no_more() -> None:
    assert guarantee([bounded(BTC)]) == PositionGuarantee(Guarantee.BOUNDED, 0)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (Row("x", ((BTC, 1),), (), 0, 63), Guarantee.NON_NEGATIVE),
        (Row("x", ((BTC, 1),), (), -5, 10), Guarantee.NON_NEGATIVE),
        (Row("x", ((BTC, 1),), (), 1, 10), Guarantee.BOUNDED),
        (Row("x", ((BTC, -1),), (), 1023, 10), Guarantee.NON_NEGATIVE),
        (Row("x", ((BTC, -1),), (), 1022, 10), Guarantee.BOUNDED),
        (Row("x", ((BTC, 1),), (), 0, 0), Guarantee.NON_NEGATIVE),
        (Row("x", ((BTC, 1),), (), 0, 64), Guarantee.NONE),
        (Row("x", ((BTC, 1),), (), AMOUNT_LIMIT + 1, 64), Guarantee.NONE),
        (Row("x", ((BTC, 2),), (), 0, 63), Guarantee.NONE),
        (Row("x", ((BTC, 1), (ETH, 1)), (), 0, 63), Guarantee.NONE),
    ],
)
def test_single_rows(row: Row, expected: Guarantee) -> None:
    """Twice a position in a range may be twice a half; a sum may hide anything."""
    assert guarantee([row]).guarantee is expected


def test_the_best_of_several_rows_counts_whatever_their_order() -> None:
    rows = [bounded(BTC), non_negative(BTC)]
    for order in (rows, rows[::-1]):
        assert guarantee(order) == PositionGuarantee(Guarantee.NON_NEGATIVE, 0)
    of_two = PositionGuarantees([statement([bounded(BTC)]), statement([non_negative(BTC)])])
    assert of_two.of(BTC, ()) == PositionGuarantee(Guarantee.NON_NEGATIVE, 1)


def test_a_difference_of_variables_is_an_integer() -> None:
    row = Row("split", ((BTC, 1),), ((0, -1), (1, 1)), 0, 0)
    variables = (Auxiliary("long", 62), Auxiliary("short", 62))
    assert guarantee([row], auxiliaries=variables) == PositionGuarantee(Guarantee.BOUNDED, 0)


# Debts that are outweighed.

INTEGERS: Final = [bounded(column) for column in ALL]


def test_a_sum_of_holdings_that_reserves_cover() -> None:
    rows = [*INTEGERS, sum_row((BTC, 100), (USD, 1))]
    expected = PositionGuarantee(Guarantee.OUTWEIGHED, 0)
    for covered in (ALL, (BTC, USD)):
        assert guarantee(rows, BTC, covered) == guarantee(rows, USD, covered) == expected
        assert expected.makes_totals_count
    assert guarantee(rows, ETH).guarantee is Guarantee.BOUNDED


def test_what_outweighs_debts_has_to_be_covered_itself() -> None:
    rows = [*INTEGERS, sum_row((BTC, 100), (ETH, 10), (USD, 1))]
    found = guarantee(rows, BTC, (BTC, USD))
    assert found == PositionGuarantee(Guarantee.OUTWEIGHED, 0, (ETH,))
    assert not found.makes_totals_count


def test_the_sum_with_the_fewest_uncovered_assets_counts() -> None:
    rows = [*INTEGERS, sum_row((BTC, 1), (ETH, 1)), Row("two", ((BTC, 1), (USD, 1)), (), 0, 80)]
    assert guarantee(rows, BTC, (BTC, USD)) == PositionGuarantee(Guarantee.OUTWEIGHED, 0)


@pytest.mark.parametrize(
    "row",
    [
        sum_row((BTC, 100), (USD, 1), constant=1),
        sum_row((BTC, 100), (USD, -1)),
        sum_row((BTC, -100), (USD, 1)),
        sum_row((BTC, 100), (USD, 1), auxiliaries=((0, 1),)),
    ],
    ids=[
        "may be below zero",
        "a debt counts as holding",
        "a holding counts as debt",
        "a variable adds to it",
    ],
)
def test_sums_that_outweigh_nothing(row: Row) -> None:
    assert guarantee([*INTEGERS, row], auxiliaries=(Auxiliary("x", 8),)).guarantee is Guarantee.BOUNDED


def test_variables_that_are_deducted_do_no_harm() -> None:
    row = sum_row((BTC, 100), (USD, 1), constant=-7, auxiliaries=((0, -1),))
    found = guarantee([*INTEGERS, row], auxiliaries=(Auxiliary("requirement", 8),))
    assert found.guarantee is Guarantee.OUTWEIGHED


def test_a_sum_rests_on_integers_in_every_asset() -> None:
    """ETH need not be an integer: a fraction of it, modulo the group order, makes up for any debt."""
    row = sum_row((BTC, 100), (ETH, 2))
    assert guarantee([bounded(BTC), row]).guarantee is Guarantee.BOUNDED
    integers = PositionGuarantees([statement([bounded(BTC), row]), statement([bounded(ETH)])])
    assert integers.of(BTC, ALL) == PositionGuarantee(Guarantee.OUTWEIGHED, 0)


# Models, as documents.

PRICES: Final = {
    "quote": "USD",
    "scale": 18,
    "prices": [
        {"asset": "BTC", "price": "97000"},
        {"asset": "ETH", "price": "3000"},
        {"asset": "USD", "price": "1"},
    ],
}


def model(kind: str, **fields: Any) -> bytes:
    return json.dumps({"format": "sealedbook/model/v1", "kind": kind, **fields}).encode()


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (model("non-negative"), Guarantee.NON_NEGATIVE),
        (model("bounded"), Guarantee.BOUNDED),
        (model("net-value", prices=PRICES), Guarantee.OUTWEIGHED),
        (model("net-value", prices=PRICES, positions="summed"), Guarantee.NONE),
        (model("net-value-at-least", value="-1", prices=PRICES), Guarantee.BOUNDED),
        (model("at-least", asset="BTC", amount="-1"), Guarantee.NONE),
    ],
)
def test_models(document: bytes, expected: Guarantee) -> None:
    assert PositionGuarantees([compile_model(document, ASSETS.assets)]).of(BTC, ALL).guarantee is expected


# In reports.


@pytest.fixture
def fast(tmp_path: Path) -> Sealed:
    return seal(tmp_path / "fast", fastest_backend(), SOLVENT)


@pytest.mark.parametrize(
    ("document", "held", "level", "words"),
    [
        (None, ALL, Level.NOT_PROVEN, "but no claim bounds what an account holds"),
        (model("bounded"), ALL, Level.NOT_PROVEN, "but no claim is seen to show that an account's assets"),
        (model("non-negative"), ALL, Level.PROVEN, "; no account is below zero"),
        (model("net-value", prices=PRICES), ALL, Level.CLAIMED, "at the prices of 'accounts', which are the issuer's"),
        (model("net-value", prices=PRICES), (BTC, USD), Level.NOT_PROVEN, "no reserves are shown for ETH"),
    ],
    ids=["no claim", "bounded", "non-negative", "net value", "net value of what is not covered"],
)  # fmt: skip
def test_words_and_levels(
    fast: Sealed, document: bytes | None, held: Sequence[int], level: Level, words: str
) -> None:
    names = [ASSETS[column].id for column in held]
    if document is not None:
        prove_accounts(fast, document)
    prove(fast, reserves_document({name: TOTALS[name] for name in names}))
    report = bundle_report(verify(fast))
    (cover,) = [finding for finding in report.findings if finding.subject == "Stated reserves (solvency)"]
    assert cover.level is level
    assert cover.text.startswith(f"{', '.join(names)}: at least the total of all accounts")
    assert words in cover.text
    assert ("cover the totals of" in report.verdict) == (level is not Level.NOT_PROVEN)
    assert ("if the issuer's own prices are sound" in report.verdict) == (level is Level.CLAIMED)
    assert ("not enough by itself" in report.verdict) == (level is Level.NOT_PROVEN)
    figures: Any = report.to_json()["figures"]
    assert {asset["level"] for asset in figures["solvency"][0]["assets"]} == {level.value}
    assert figures["solvency"][0]["not_covered"] == [asset.id for asset in ASSETS if asset.id not in names]


def test_prices_of_ones_own_make_it_proven(fast: Sealed) -> None:
    """At the issuer's prices a worthless coin could outweigh what customers are owed."""
    document = model("net-value", prices=PRICES)
    prove_accounts(fast, document)
    prove(fast, reserves_document(TOTALS))
    verified = verify_bundle(
        fast.bundle, fast.backend, issuer_key=None, expected=ExpectedDocuments(model=document)
    )
    report = bundle_report(verified)
    (cover,) = [finding for finding in report.findings if finding.subject == "Stated reserves (solvency)"]
    assert cover.level is Level.PROVEN
    assert "issuer's" not in cover.text + report.verdict


@pytest.mark.parametrize(
    ("document", "cover", "totals"),
    [
        (None, Level.NOT_PROVEN, Level.NOT_PROVEN),
        (model("bounded"), Level.NOT_PROVEN, Level.PROVEN),
        (model("non-negative"), Level.RECOMPUTED, Level.PROVEN),
        (model("non-negative", assets=["BTC"]), Level.RECOMPUTED, Level.NOT_PROVEN),
    ],
)
def test_levels_of_public_totals(fast: Sealed, document: bytes | None, cover: Level, totals: Level) -> None:
    if document is not None:
        prove_accounts(fast, document)
    prove(fast, reserves_document({"BTC": TOTALS["BTC"]}), publish_totals=True)
    levels = {finding.subject: finding.level for finding in bundle_report(verify(fast)).findings}
    assert (levels["Stated reserves (solvency)"], levels["Totals of all accounts"]) == (cover, totals)
    assert levels["No reserves shown"] is Level.NOT_PROVEN
    assert "Positions and totals" not in levels


def test_assets_that_rest_on_different_things_are_told_apart(fast: Sealed) -> None:
    prove_accounts(fast, model("non-negative", assets=["BTC", "USD"]))
    prove(fast, reserves_document(TOTALS))
    report = bundle_report(verify(fast))
    lines = [finding for finding in report.findings if finding.subject == "Stated reserves (solvency)"]
    assert [(line.text.partition(":")[0], line.level) for line in lines] == [
        ("BTC, USD", Level.PROVEN),
        ("ETH", Level.NOT_PROVEN),
    ]
    assert "not enough by itself" in report.verdict
