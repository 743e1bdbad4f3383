"""Reserves documents, public totals, ratios and amounts as text: what is read, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import pytest
from sealing_support import ASSETS, Sealed
from solvency_support import TOTALS, reserves_document

from circuits.rows import MAX_WIDTH
from circuits.solvency_statement import compile_solvency, covered_columns
from primitives import reserves as reserves_module
from primitives.amounts_text import format_amount, parse_units, plain_amount
from primitives.parameters import AMOUNT_LIMIT, GROUP_ORDER, MAX_TREE_HEIGHT
from primitives.ratio import MAX_RATIO_PART, ONE, Ratio, RatioError
from primitives.reserves import RESERVES_LIMIT, Reserves
from primitives.strict_json import JsonError
from primitives.totals import parse_totals, totals_bound, totals_document

FULL: Final[dict[str, Any]] = {
    "format": "sealedbook/reserves/v1",
    "as_of": "2026-01-31T00:00:00Z",
    "assets": [
        {
            "asset": "BTC",
            "total": "12.50",
            "unlisted": "2",
            "addresses": [
                {"chain": "bitcoin", "address": "bc1qa", "balance": "10.5", "block_height": 880_000},
                {
                    "chain": "bitcoin",
                    "address": "bc1qb",
                    "balance": "0",
                    "scheme": "bip-322",
                    "message": "line 1\nline 2",
                    "signature": "AA==",
                },
            ],
        },
        {"asset": "USD", "total": "0"},
    ],
}


def parsed(document: Any) -> Reserves:
    return Reserves.parse(json.dumps(document).encode(), ASSETS.assets)


def changed(edit: Callable[[Any], object]) -> Any:
    document = json.loads(json.dumps(FULL))
    edit(document)
    return document


def test_everything_that_a_document_can_say() -> None:
    reserves = parsed(FULL)
    bitcoin, dollars = reserves.assets
    assert (bitcoin.asset, bitcoin.total, bitcoin.unlisted) == (ASSETS[0], 1_250_000_000, 200_000_000)
    first, second = bitcoin.addresses
    assert (first.chain, first.address, first.balance, first.block_height) == (
        "bitcoin", "bc1qa", 1_050_000_000, 880_000,
    )  # fmt: skip
    assert first.signature is None
    assert second.signature is not None
    assert (second.signature.scheme, second.signature.message) == ("bip-322", "line 1\nline 2")
    assert (dollars.total, dollars.unlisted, dollars.addresses) == (0, 0, ())
    assert list(reserves.addresses()) == [first, second]


@pytest.mark.parametrize("more", [{}, {"unlisted": "5"}, {"addresses": []}])
def test_without_addresses_everything_is_unlisted(more: dict[str, Any]) -> None:
    (btc,) = parsed({**FULL, "assets": [{"asset": "BTC", "total": "5", **more}]}).assets
    assert (btc.total, btc.unlisted) == (500_000_000, 500_000_000)


ASSET: Final = "assets", 0
ADDRESS: Final = "assets", 0, "addresses", 0


def put(*path: str | int) -> Callable[[Any], Callable[[Any], None]]:
    def to(value: Any) -> Callable[[Any], None]:
        def edit(document: Any) -> None:
            for key in path[:-1]:
                document = document[key]
            document[path[-1]] = value

        return edit

    return to


def drop(*path: str | int) -> Callable[[Any], None]:
    def edit(document: Any) -> None:
        for key in path[:-1]:
            document = document[key]
        del document[path[-1]]

    return edit


REFUSED: Final[dict[str, tuple[Callable[[Any], object], str]]] = {
    "other format": (put("format")("sealedbook/reserves/v2"), r"^\$\.format: expected"),
    "no time": (drop("as_of"), r"^\$: field 'as_of' is missing"),
    "a date alone": (put("as_of")("2026-01-31"), r"^\$\.as_of: '2026-01-31' is not a UTC time"),
    "unknown field": (put("issuer")("x"), r"^\$: unknown field 'issuer'"),
    "no assets": (put("assets")([]), r"^\$\.assets: is empty"),
    "assets as an object": (put("assets")({"BTC": "1"}), r"^\$\.assets: expected an array"),
    "asset not of the book": (put(*ASSET, "asset")("XRP"), r"^\$\.assets\[0\]\.asset: 'XRP' is not an asset"),
    "asset in other capitals": (put(*ASSET, "asset")("btc"), "'btc' is not an asset"),
    "an asset twice": (put("assets", 1, "asset")("BTC"), r"^\$\.assets: asset 'BTC' appears twice"),
    "unknown field of an asset": (put(*ASSET, "decimals")(8), r"assets\[0\]: unknown field 'decimals'"),
    "no total": (drop(*ASSET, "total"), "field 'total' is missing"),
    "total as a number": (put(*ASSET, "total")(12), r"\.total: expected text, found a number"),
    "total not the sum": (put(*ASSET, "total")("12.49999999"), r"\.total: is not the sum"),
    "unlisted not the rest": (put(*ASSET, "unlisted")("2.00000001"), r"\.total: is not the sum"),
    "unlisted left out": (drop(*ASSET, "unlisted"), r"\.total: is not the sum"),
    "balance not the rest": (put(*ADDRESS, "balance")("10.6"), r"\.total: is not the sum"),
    "negative balance": (put(*ADDRESS, "balance")("-1"), r"\[0\]\.balance: is negative"),
    "negative total": (put("assets", 1, "total")("-0.01"), r"\.total: is negative"),
    "total of 2^96": (put(*ASSET, "total")(plain_amount(RESERVES_LIMIT, 8)), r"or not below 2\^96"),
    "nine decimals": (put(*ADDRESS, "balance")("10.500000001"), "has 9 decimals, the asset has 8"),
    "an exponent": (put(*ADDRESS, "balance")("1e1"), "'1e1' is not plain decimal text"),
    "separators": (put(*ADDRESS, "balance")("1,050"), "is not plain decimal text"),
    "other digits": (put(*ADDRESS, "balance")("\u0661"), "is not plain decimal text"),
    "a newline": (put(*ADDRESS, "balance")("1\n"), "is not plain decimal text"),
    "one address twice": (put(*ADDRESS, "address")("bc1qb"), r"bitcoin address bc1qb appears twice"),
    "one address in two cases": (put(*ADDRESS, "address")("BC1QB"), "appears twice"),
    "one chain in two cases": (
        lambda d: d["assets"][0]["addresses"][0].update(chain="Bitcoin", address="bc1qb"),
        "appears twice",
    ),
    "no chain": (drop(*ADDRESS, "chain"), "field 'chain' is missing"),
    "empty address": (put(*ADDRESS, "address")(""), r"\.address: is empty"),
    "blank at the end": (put(*ADDRESS, "address")("bc1qa "), "surrounding blanks"),
    "escape sequence in the chain": (put(*ADDRESS, "chain")("\x1b[2J"), "control characters"),
    "negative height": (put(*ADDRESS, "block_height")(-1), "-1 is not between 0"),
    "height as text": (put(*ADDRESS, "block_height")("1"), "expected an integer"),
    "scheme alone": (put(*ADDRESS, "scheme")("eip-191"), "field 'message' is missing"),
    "signature alone": (put(*ADDRESS, "signature")("0x"), "field 'scheme' is missing"),
    "message too long": (put(*ASSET, "addresses", 1, "message")("x" * 4097), "longer than 4096"),
    "unknown field of an address": (put(*ADDRESS, "owner")("me"), "unknown field 'owner'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    edit, reason = REFUSED[case]
    with pytest.raises(JsonError, match=reason):
        parsed(changed(edit))


def test_the_number_of_addresses_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reserves_module, "MAX_ADDRESSES", 2)
    parsed(FULL)
    more = {"chain": "c", "address": "a", "balance": "0"}
    with pytest.raises(JsonError, match="more than 2 addresses"):
        parsed(changed(put("assets", 1, "addresses")([more])))
    with pytest.raises(JsonError, match="has 3 entries, more than 2"):
        parsed(changed(lambda d: d["assets"][0]["addresses"].append(more)))


# Totals.


def test_totals_come_back(sealed_once: Sealed) -> None:
    book = sealed_once.result.book
    bound = totals_bound(book.leaf_count)
    for totals in ((0, 0, 0), (1, -1, 10**12), (bound, -bound, 5)):
        assert parse_totals(totals_document(book, totals), book) == totals


def test_a_total_is_text_of_the_assets_decimals(sealed_once: Sealed) -> None:
    document = json.loads(totals_document(sealed_once.result.book, (123_456_789_000, -1, 0)))
    assert [entry["total"] for entry in document["totals"]] == ["1234.56789", "-0.000000000000000001", "0"]


# Ratios.


@pytest.mark.parametrize(
    ("text", "parts", "shown"),
    [
        ("1", (1, 1), "1"),
        ("1.05", (21, 20), "1.05"),
        ("1.50", (3, 2), "1.5"),
        ("2", (2, 1), "2"),
        ("99.9999", (999_999, 10_000), "99.9999"),
        ("01.10", (11, 10), "1.1"),
    ],
)
def test_ratios_from_text(text: str, parts: tuple[int, int], shown: str) -> None:
    ratio = Ratio.parse(text)
    assert (ratio.numerator, ratio.denominator) == parts
    assert str(ratio) == shown


def test_a_ratio_without_a_decimal_is_shown_as_a_fraction() -> None:
    assert str(Ratio(4, 3)) == "4/3"
    assert str(Ratio(MAX_RATIO_PART, 1)) == "1000000"


@pytest.mark.parametrize(
    "text", ["", "1.", ".5", "1,05", "-1", "+1", "1e0", "100", "1.00001", " 1", "1\n", "\u0661"]
)
def test_text_that_is_no_ratio(text: str) -> None:
    with pytest.raises(RatioError, match="is not a ratio from 1 to"):
        Ratio.parse(text)


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ((1, 2), "below 1 would not be covered"),
        ((2, 2), "lowest terms"),
        ((0, 1), "are 1 to 1,000,000"),
        ((1, 0), "are 1 to 1,000,000"),
        ((MAX_RATIO_PART + 1, 1), "are 1 to 1,000,000"),
        ((3 * MAX_RATIO_PART, MAX_RATIO_PART + 1), "are 1 to 1,000,000"),
    ],
)
def test_what_is_no_ratio(parts: tuple[int, int], reason: str) -> None:
    with pytest.raises(RatioError, match=reason):
        Ratio(*parts)


def test_zero_is_refused_as_text() -> None:
    with pytest.raises(RatioError, match="are 1 to"):
        Ratio.parse("0")
    with pytest.raises(RatioError, match="below 1"):
        Ratio.parse("0.9999")


# Amounts.


@pytest.mark.parametrize(
    ("text", "decimals", "units"),
    [
        ("0", 0, 0),
        ("0.0", 8, 0),
        ("1.5", 8, 150_000_000),
        ("-1.50", 2, -150),
        ("79228162514264337593543950336", 0, 1 << 96),
    ],
)
def test_amounts_from_text(text: str, decimals: int, units: int) -> None:
    assert parse_units(text, decimals) == units
    assert parse_units(plain_amount(units, decimals), decimals) == units
    assert format_amount(units, decimals).replace(",", "") == plain_amount(units, decimals)


@pytest.mark.parametrize("text", ["", "-", "1.", ".5", "+1", "00", "01", "1 ", "0x1", "1_0", "NaN", "1" * 65])
def test_text_that_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match="is not plain decimal text"):
        parse_units(text, 8)


@pytest.mark.parametrize("text", ["-0", "-0.00"])
def test_negative_zero_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match="is a negative zero"):
        parse_units(text, 8)


# The statement.


def test_rows_by_hand() -> None:
    reserves = Reserves.parse(reserves_document({"USD": 700, "BTC": 5}), ASSETS.assets)
    statement = compile_solvency(reserves, Ratio(3, 2), ASSETS.assets, 4)
    bound = 3 * 4 * (AMOUNT_LIMIT - 1)
    assert [(row.positions, row.constant, row.width) for row in statement.rows] == [
        (((0, -3),), 10, (10 + bound).bit_length()),
        (((2, -3),), 1400, (1400 + bound).bit_length()),
    ]
    assert covered_columns(statement) == (0, 2)
    assert statement.auxiliaries == ()


def test_the_largest_statement_neither_wraps_nor_exceeds_the_width() -> None:
    leaves = 1 << MAX_TREE_HEIGHT
    reserves = Reserves.parse(reserves_document({"BTC": RESERVES_LIMIT - 1}), ASSETS.assets)
    ratio = Ratio(MAX_RATIO_PART, MAX_RATIO_PART - 1)
    (row,) = compile_solvency(reserves, ratio, ASSETS.assets, leaves).rows
    largest = row.constant + ratio.numerator * totals_bound(leaves)
    assert row.width <= MAX_WIDTH
    assert largest < 1 << row.width < GROUP_ORDER // 4


def test_the_width_covers_the_lowest_total() -> None:
    reserves = Reserves.parse(reserves_document(TOTALS), ASSETS.assets)
    for leaves in (1, 2, 1 << 20):
        for row in compile_solvency(reserves, ONE, ASSETS.assets, leaves).rows:
            assert row.constant + totals_bound(leaves) < 1 << row.width
