"""Shapes of the range argument: every derived length against its definition."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from argument_support import range_statement

from primitives.argument_parameters import (
    MAX_FOLDING_ROUNDS,
    MAX_ROW_VARIABLES,
    MAX_VARIABLES,
    ArgumentShape,
    ArgumentShapeError,
    batch_profile,
    certificate_profile,
)

ACCOUNTS = (1, 2, 3, 4, 5, 8, 9)
BITS = (0, 1, 2, 3, 5, 8, 9, 31)


def shapes() -> list[ArgumentShape]:
    return [
        ArgumentShape(accounts, bits, 2, row_variables, 0)
        for accounts, bits in itertools.product(ACCOUNTS, BITS)
        for row_variables in range(ArgumentShape(accounts, bits, 2, 0, 0).variables + 1)
    ]


@pytest.mark.parametrize(
    ("accounts", "account_variables"), [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (8, 3), (9, 4)]
)
def test_account_variables(accounts: int, account_variables: int) -> None:
    assert ArgumentShape(accounts, 4, 1, 0, 0).account_variables == account_variables


@pytest.mark.parametrize(("bits", "padded"), [(0, 2), (1, 2), (2, 2), (3, 4), (4, 4), (5, 8), (4096, 4096)])
def test_padded_bits(bits: int, padded: int) -> None:
    assert ArgumentShape(1, bits, 1, 0, 0).padded_bits == padded


def test_sent_rows_are_exactly_those_with_a_cell_that_is_not_padding() -> None:
    for shape in shapes():
        table = np.zeros((1 << shape.account_variables, shape.padded_bits), bool)
        table[: shape.accounts, : shape.bits] = True
        rows = table.reshape(-1, shape.columns).any(axis=1)
        assert shape.row_indices().tolist() == np.flatnonzero(rows).tolist(), shape
        assert shape.row_count == rows.sum()


def test_lengths_of_one_shape() -> None:
    # n = 2 + 4, masks 2 * 6 + 3, opened 8 + 3 + 15 = 26, folded by 4 to 7
    shape = ArgumentShape(accounts=3, bits=11, assets=3, row_variables=3, folding_rounds=2)
    assert (shape.variables, shape.row_index_variables, shape.row_count) == (6, 3, 6)
    assert (shape.mask_count, shape.opening_length) == (15, 26)
    assert (shape.folded_length, shape.padded_opening_length) == (7, 28)
    assert shape.proof_bytes == 48 * (6 + 1 + 1 + 4) + 32 * (14 + 1 + 1 + 7)
    assert [shape.round_degree(index) for index in range(1, 7)] == [2, 2, 2, 2, 2, 4]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((0, 4, 1, 0, 0), "at least one account"),
        ((-1, 4, 1, 0, 0), "at least one account"),
        ((1, -1, 1, 0, 0), "no negative number of bits"),
        ((1, 4, 0, 0, 0), "at least one asset"),
        ((1, 4, 1, -1, 0), "row variables are not between"),
        ((1, 4, 1, 3, 0), "3 row variables are not between 0 and 2"),
        ((1 << 20, 1 << 10, 1, MAX_ROW_VARIABLES + 1, 0), "row variables are not between"),
        ((1, 4, 1, 0, -1), "folding rounds are not between"),
        ((1, 1 << 20, 1, 15, MAX_FOLDING_ROUNDS + 1), "folding rounds are not between"),
        ((1, 4, 1, 0, 4), "4 folding rounds do not fit 9 opened scalars"),
        ((2, 1 << MAX_VARIABLES, 1, 0, 0), "at most 32 are allowed"),
    ],
)
def test_impossible_shapes(arguments: tuple[int, int, int, int, int], reason: str) -> None:
    with pytest.raises(ArgumentShapeError, match=reason):
        ArgumentShape(*arguments)


def test_every_folding_round_has_cells_in_both_halves() -> None:
    for shape in shapes():
        for rounds in range(MAX_FOLDING_ROUNDS + 1):
            if 1 << rounds <= shape.opening_length:
                folded = ArgumentShape(shape.accounts, shape.bits, 2, shape.row_variables, rounds)
                assert 2 * folded.opening_length > folded.padded_opening_length >= folded.opening_length


def test_certificate_profile() -> None:
    shape = certificate_profile(range_statement(53, 60))
    assert (shape.accounts, shape.padded_bits, shape.columns) == (1, 4096, 128)
    assert shape.proof_bytes < 5_000
    others = [ArgumentShape(1, 53 * 60, 53, 7, rounds).proof_bytes for rounds in (4, 5, 6, 7)]
    assert shape.proof_bytes == min(others)


def test_smallest_certificate_is_not_folded() -> None:
    shape = certificate_profile(range_statement(1, 1))
    assert (shape.row_variables, shape.folding_rounds) == (1, 0)


@pytest.mark.parametrize(
    ("assets", "width", "accounts", "row_variables"),
    [
        (1, 4, 1, 2),  # the whole table is one row
        (1, 64, 4096, 12),
        (53, 60, 4096, 12),
        (53, 60, 1 << 15, 14),
        (160, 64, 4096, 14),  # rows as long as an account
        (1024, 64, 4096, 14),  # an account of four rows
    ],
)
def test_batch_profile(assets: int, width: int, accounts: int, row_variables: int) -> None:
    shape = batch_profile(range_statement(assets, width), accounts)
    assert (shape.accounts, shape.row_variables) == (accounts, row_variables)
    assert 0 <= shape.folding_rounds <= 4
