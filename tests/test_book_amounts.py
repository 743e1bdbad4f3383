"""Amounts: exact, the same on columns as one by one, and a clear reason for everything refused."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prover.book.amounts import AmountError, format_amount, parse_amount, parse_amounts, scale_units

LIMIT = 1 << 63


@pytest.mark.parametrize(
    ("text", "decimals", "units"),
    [
        ("0", 8, 0),
        ("-0.000", 2, 0),
        ("+3", 0, 3),
        ("-1.50", 2, -150),
        (".5", 1, 5),
        ("-.25", 2, -25),
        ("1.50000000000000000000000", 1, 15),
        ("1e-05", 8, 1000),
        ("8E+2", 0, 800),
        ("1.2e1", 0, 12),
        ("0e999999", 0, 0),
        ("120e-1", 0, 12),
        ("00012", 0, 12),
        ("9223372036854775807", 0, LIMIT - 1),
        ("-9223372036854775807", 0, 1 - LIMIT),
        ("9.223372036854775807", 18, LIMIT - 1),
        ("9223372036854775807000e-3", 0, LIMIT - 1),
        ("0.000000000000000001", 18, 1),
        ("1e00000000000000000001", 0, 10),
    ],
)
def test_amounts(text: str, decimals: int, units: int) -> None:
    assert parse_amount(text, decimals) == units


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        ("", "empty-amount", "empty"),
        ("1.005", "too-many-decimals", "more than the 2 decimals"),
        ("1e-3", "too-many-decimals", "more than the 2 decimals"),
        ("1e-999999", "too-many-decimals", "more than the 2 decimals"),
        ("92233720368547758.08", "out-of-range", "2\\^63"),
        ("-92233720368547758.08", "out-of-range", "2\\^63"),
        ("1e999999", "out-of-range", "2\\^63"),
        ("99999999999999999999999999", "out-of-range", "2\\^63"),
        ("1,000", "malformed-amount", "thousands separators"),
        ("1.000.000,5", "malformed-amount", "thousands separators"),
        ("1'000", "malformed-amount", "thousands separators"),
        ("1_000", "malformed-amount", "thousands separators"),
        ("1 000", "malformed-amount", "thousands separators"),
        ("1\u00a0000", "malformed-amount", "thousands separators"),
        (" 1", "malformed-amount", "white space"),
        ("1\n", "malformed-amount", "white space"),
        ("NaN", "malformed-amount", "not a number"),
        ("-inf", "malformed-amount", "not a number"),
        ("Infinity", "malformed-amount", "not a number"),
        ("null", "malformed-amount", "not a number"),
        ("١٢", "malformed-amount", "other than ASCII digits"),
        ("1.", "malformed-amount", "without digits after it"),
        (".", "malformed-amount", "not a decimal number"),
        ("-", "malformed-amount", "not a decimal number"),
        ("--1", "malformed-amount", "not a decimal number"),
        ("1e", "malformed-amount", "not a decimal number"),
        ("1e1.5", "malformed-amount", "not a decimal number"),
        ("1e1000000", "malformed-amount", "not a decimal number"),
        ("0x10", "malformed-amount", "not a decimal number"),
        ("$5", "malformed-amount", "not a decimal number"),
        ("(5)", "malformed-amount", "not a decimal number"),
        ("1" * 1025, "malformed-amount", "longer than 1024"),
    ],
)
def test_refused_amounts(text: str, code: str, reason: str) -> None:
    with pytest.raises(AmountError, match=reason) as caught:
        parse_amount(text, 2)
    assert caught.value.code == code


@given(st.integers(1 - LIMIT, LIMIT - 1), st.integers(0, 18))
def test_formatting_is_undone_by_parsing(units: int, decimals: int) -> None:
    assert parse_amount(format_amount(units, decimals), decimals) == units


DIGITS = st.text("0123456789", min_size=1, max_size=22)
NUMBERS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "-", "+"]),
    DIGITS,
    st.one_of(st.just(""), DIGITS.map(".{}".format)),
    st.one_of(st.just(""), st.integers(-30, 30).map("e{}".format)),
)
JUNK = st.text("0123456789.eE+-, _'\u0663nainf", max_size=8)


@given(NUMBERS, st.integers(0, 18))
def test_parsing_agrees_with_fractions(text: str, decimals: int) -> None:
    exact = Fraction(text) * 10**decimals
    if exact.denominator != 1:
        expected = "too-many-decimals"
    elif abs(exact) >= LIMIT:
        expected = "out-of-range"
    else:
        assert parse_amount(text, decimals) == exact
        return
    with pytest.raises(AmountError) as caught:
        parse_amount(text, decimals)
    assert caught.value.code == expected


@settings(deadline=None)
@given(st.lists(st.tuples(st.one_of(st.none(), NUMBERS, JUNK), st.integers(0, 18)), max_size=30))
def test_columns_agree_with_single_amounts(cells: list[tuple[str | None, int]]) -> None:
    texts = pl.Series([text for text, _ in cells], dtype=pl.String)
    values, good = parse_amounts(texts, np.array([decimals for _, decimals in cells], np.int64))
    for (text, decimals), value, accepted in zip(cells, values.tolist(), good.tolist(), strict=True):
        try:
            assert (value, accepted) == (parse_amount(text or "", decimals), True)
        except AmountError:
            assert (value, accepted) == (0, False)


@given(st.integers(1 - 10**18, 10**18 - 1), st.integers(0, 18), st.integers(0, 18))
def test_scaling_settles_only_exact_values(unscaled: int, fraction_digits: int, decimals: int) -> None:
    values, settled = scale_units(np.array([unscaled]), np.array([fraction_digits]), np.array([decimals]))
    exact = Fraction(unscaled * 10**decimals, 10**fraction_digits)
    assert settled[0] == (exact.denominator == 1 and abs(exact) < LIMIT)
    assert not settled[0] or int(values[0]) == exact
