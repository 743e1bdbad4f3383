"""Every check of `Statement`, its bit layout, its linear weights and its canonical form."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.assignment import NotSatisfiedError, assign_bits
from circuits.bits import unpack
from circuits.positions import PositionBatch
from circuits.rows import MAX_AUXILIARIES, MAX_BITS, MAX_LABEL_LENGTH, MAX_ROWS, MAX_WIDTH, Form
from circuits.statement import (
    Auxiliary,
    Row,
    Scope,
    Statement,
    StatementCode,
    StatementError,
    WitnessFunction,
    parse_canonical,
)
from circuits.wide_integers import WideIntegers
from circuits.witness import StepwiseWitness, split
from primitives.assets import Asset
from primitives.errors import DecodingError
from primitives.parameters import GROUP_ORDER

ASSETS = (Asset("BTC", 8), Asset("USD", 2))
ROW = Row("covered", ((0, 3), (1, 1)), (), 0, 64)


def absolute_value_statement(bound: int = 1000) -> Statement:
    """``|q_BTC| <= bound`` through the split gadget: d >= 0, q + d >= 0, bound - q - 2 d >= 0."""
    rows = (
        Row("positive part", ((0, 1),), ((0, 1),), 0, 20),
        Row("limit", ((0, -1),), ((0, -2),), bound, 20),
    )
    witness = StepwiseWitness([split(Form(((0, 1),)))])
    return Statement(ASSETS, rows, (Auxiliary("short", 20),), witness)


# --- the checks ----------------------------------------------------------------------------------------


def _refused(code: StatementCode, match: str, rows: Any, auxiliaries: Any = (), **others: Any) -> None:
    assets = others.pop("assets", ASSETS)
    with pytest.raises(StatementError, match=match) as caught:
        Statement(assets, rows, auxiliaries, **others)
    assert caught.value.code is code
    assert str(caught.value).startswith(f"{code.value}: ")


def _constant_witness(values: list[list[int]]) -> WitnessFunction:
    return lambda _: WideIntegers.from_ints(values)


def test_empty() -> None:
    _refused(StatementCode.EMPTY, "at least one", ())
    assert Statement(ASSETS, (), (Auxiliary("x", 1),)).bit_count == 1


def test_limits() -> None:
    rows = tuple(Row(f"r{i}", (), (), 0, 0) for i in range(MAX_ROWS + 1))
    _refused(StatementCode.LIMIT, f"{MAX_ROWS + 1} rows", rows)
    assert len(Statement(ASSETS, rows[:-1]).rows) == MAX_ROWS
    variables = tuple(Auxiliary(f"x{i}", 1) for i in range(MAX_AUXILIARIES + 1))
    _refused(StatementCode.LIMIT, f"{MAX_AUXILIARIES + 1} auxiliary", (), variables)
    assert len(Statement(ASSETS, (), variables[:-1]).auxiliaries) == MAX_AUXILIARIES


def test_bit_limit() -> None:
    full, rest = divmod(MAX_BITS, 128)
    assert rest == 0
    # 2^16 variables of 120 bits, and rows of 16 bits up to one bit too many.
    variables = tuple(Auxiliary(f"x{i}", MAX_WIDTH) for i in range(full))
    rows = tuple(Row(f"r{i}", (), (), 0, 8) for i in range(full))
    assert Statement(ASSETS, rows, variables).bit_count == MAX_BITS
    _refused(
        StatementCode.LIMIT, f"more than {MAX_BITS} bits", (*rows[:-1], replace(rows[-1], width=9)), variables
    )


def test_assets() -> None:
    _refused(StatementCode.ASSETS, "0 assets", (replace(ROW, positions=()),), assets=())
    _refused(StatementCode.ASSETS, "already asset 0", (ROW,), assets=(ASSETS[0], Asset("BTC", 2)))


@pytest.mark.parametrize("label", ["", "line\nbreak", "x" * (MAX_LABEL_LENGTH + 1), 7])
def test_labels(label: Any) -> None:
    _refused(StatementCode.LABEL, "a row needs a label", (replace(ROW, label=label),))
    _refused(StatementCode.LABEL, "a auxiliary variable needs", (ROW,), (Auxiliary(label, 1),))


def test_duplicate_labels() -> None:
    _refused(StatementCode.DUPLICATE_LABEL, "two rows are labelled 'covered'", (ROW, ROW))
    _refused(
        StatementCode.DUPLICATE_LABEL,
        "two auxiliary variables",
        (ROW,),
        (Auxiliary("x", 1), Auxiliary("x", 2)),
    )
    assert Statement(ASSETS, (ROW,), (Auxiliary("covered", 1),)).bit_count == 65


@pytest.mark.parametrize(
    "changes",
    [
        {"constant": np.int64(0)},
        {"constant": False},
        {"width": 64.0},
        {"positions": ((0, np.int64(3)),)},
        {"positions": ((False, 3),)},
        {"positions": [(0, 3)]},
        {"auxiliaries": []},
    ],
)
def test_types(changes: dict[str, Any]) -> None:
    _refused(StatementCode.TYPE, "not a", (replace(ROW, **changes),))


def test_types_of_the_parts() -> None:
    _refused(StatementCode.TYPE, "must be tuples", [ROW])
    _refused(StatementCode.TYPE, "must be tuples", (ROW,), [])
    _refused(StatementCode.TYPE, "must be tuples", (ROW,), assets=list(ASSETS))
    _refused(StatementCode.TYPE, "not a Python integer", (ROW,), (Auxiliary("x", True),))


def test_widths() -> None:
    for width in (-1, MAX_WIDTH + 1):
        _refused(StatementCode.WIDTH, f"width {width} is not in 0..120", (replace(ROW, width=width),))
    for width in (0, MAX_WIDTH + 1):
        _refused(StatementCode.WIDTH, f"width {width} is not in 1..120", (ROW,), (Auxiliary("x", width),))
    Statement(
        ASSETS,
        (replace(ROW, width=MAX_WIDTH), replace(ROW, label="e", width=0)),
        (Auxiliary("x", MAX_WIDTH),),
    )


def test_index_range() -> None:
    _refused(
        StatementCode.INDEX_RANGE, "positions: index 2 is not in 0..1", (replace(ROW, positions=((2, 1),)),)
    )
    _refused(StatementCode.INDEX_RANGE, "index -1", (replace(ROW, positions=((-1, 1),)),))
    _refused(StatementCode.INDEX_RANGE, "variables: index 0", (replace(ROW, auxiliaries=((0, 1),)),))


def test_index_order() -> None:
    _refused(StatementCode.INDEX_ORDER, "positions", (replace(ROW, positions=((1, 1), (0, 1))),))
    _refused(StatementCode.INDEX_ORDER, "positions", (replace(ROW, positions=((1, 1), (1, 1))),))


def test_zero_coefficient() -> None:
    _refused(StatementCode.ZERO_COEFFICIENT, "coefficient of 1", (replace(ROW, positions=((1, 0),)),))


@pytest.mark.parametrize("sign", [1, -1])
def test_wrap_at_the_exact_boundary(sign: int) -> None:
    # sum|A_q| 2^63 + sum|A_x| 2^w_x + |b| + 2^w < r, every term counted, signs not.
    positions = ((0, sign * 3), (1, -sign * 2**180))
    auxiliaries = ((0, sign * 2**40), (1, -sign * 5))
    used = (3 + 2**180) * 2**63 + 2**40 * 2**100 + 5 * 2**7 + 2**90
    largest = GROUP_ORDER - used - 1
    row = Row("r", positions, auxiliaries, sign * largest, 90)
    variables = (Auxiliary("x", 100), Auxiliary("y", 7))
    Statement(ASSETS, (row,), variables, scope=Scope.ACCOUNT)
    beyond = replace(row, constant=sign * (largest + 1))
    _refused(StatementCode.WRAP, "row 'r' could wrap", (beyond,), variables, scope=Scope.ACCOUNT)


def test_zero_account_without_witness() -> None:
    _refused(StatementCode.ZERO_ACCOUNT, "row 'covered' fails", (replace(ROW, constant=-1),))
    _refused(StatementCode.ZERO_ACCOUNT, "row 'covered' fails", (replace(ROW, constant=2**64),))
    _refused(StatementCode.ZERO_ACCOUNT, "row 'covered' fails", (replace(ROW, constant=1, width=0),))
    Statement(ASSETS, (replace(ROW, constant=2**64 - 1),))
    assert Statement(ASSETS, (replace(ROW, constant=-1),), scope=Scope.ACCOUNT).scope is Scope.ACCOUNT


def test_zero_account_with_witness() -> None:
    rows = (Row("needs x = 5", (), ((0, 1),), -5, 0),)
    variables = (Auxiliary("x", 3),)
    _refused(StatementCode.ZERO_ACCOUNT, "row 'needs x = 5'", rows, variables)
    _refused(
        StatementCode.ZERO_ACCOUNT, "row 'needs x = 5'", rows, variables, witness=_constant_witness([[4]])
    )
    Statement(ASSETS, rows, variables, _constant_witness([[5]]))
    for value in (8, -1):
        witness = _constant_witness([[value]])
        _refused(StatementCode.ZERO_ACCOUNT, "'x' does not fit", (ROW,), variables, witness=witness)


def test_witness() -> None:
    _refused(
        StatementCode.WITNESS, "shape", (ROW,), (Auxiliary("x", 1),), witness=_constant_witness([[0, 0]])
    )
    statement = Statement(ASSETS, (ROW,), (Auxiliary("x", 1),))
    with pytest.raises(StatementError, match="no witness function") as caught:
        statement.auxiliary_values(PositionBatch.zeros(1))
    assert caught.value.code is StatementCode.WITNESS
    assert Statement(ASSETS, (ROW,)).auxiliary_values(PositionBatch.zeros(3)).shape == (3, 0)


# --- layout and weights --------------------------------------------------------------------------------


def test_bit_layout() -> None:
    rows = (ROW, Row("equation", (), (), 0, 0), Row("last", (), (), 0, 7))
    statement = Statement(ASSETS, rows, (Auxiliary("x", 1), Auxiliary("y", 3)))
    assert statement.widths == (64, 0, 7, 1, 3)
    assert statement.bit_offsets == (0, 64, 64, 71, 72, 75)
    assert statement.row_bit_offsets == (0, 64, 64)
    assert statement.auxiliary_bit_offsets == (71, 72)
    assert (statement.bit_count, statement.padded_bits, statement.log2_padded_bits) == (75, 128, 7)


@pytest.mark.parametrize(
    ("width", "log2"), [(0, 1), (1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (64, 6), (65, 7)]
)
def test_padding(width: int, log2: int) -> None:
    statement = Statement(ASSETS, (Row("r", (), (), 0, width),))
    assert (statement.log2_padded_bits, statement.padded_bits) == (log2, 2**log2)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, GROUP_ORDER - 1), st.integers(0, 2**32))
def test_linear_weights_add_up_the_rows(alpha: int, seed: int) -> None:
    rows = (
        Row("a", ((0, 1),), (), 2**63, 64),
        Row("b", ((0, 3), (1, -(2**90))), ((0, 5), (1, -7)), 0, 70),
        Row("c", ((1, 2),), ((1, -1),), 0, 0),
    )
    statement = Statement(ASSETS, rows, (Auxiliary("x", 9), Auxiliary("y", 1)))
    draw = random.Random(seed)
    bits = [draw.getrandbits(1) for _ in range(statement.bit_count)]
    q = [draw.randrange(1 - 2**63, 2**63) for _ in ASSETS]
    values = [
        sum(bits[offset + j] << j for j in range(width))
        for offset, width in zip(statement.bit_offsets, statement.widths, strict=False)
    ]
    x = values[len(rows) :]
    total = sum(
        pow(alpha, i + 1, GROUP_ORDER)
        * (
            values[i]
            - sum(a * x[v] for v, a in row.auxiliaries)
            - sum(a * q[c] for c, a in row.positions)
            - row.constant
        )
        for i, row in enumerate(rows)
    )
    weights = statement.linear_weights(alpha)
    lambda_b = sum(weight * bit for weight, bit in zip(weights.bits, bits, strict=True))
    c_q = sum(weight * amount for weight, amount in zip(weights.positions, q, strict=True))
    assert (total - lambda_b + c_q + weights.constant) % GROUP_ORDER == 0
    assert all(0 <= w < GROUP_ORDER for w in (*weights.bits, *weights.positions, weights.constant))


# --- assignment ----------------------------------------------------------------------------------------


def test_assignment_satisfies_the_rows_or_says_who_does_not() -> None:
    statement = absolute_value_statement()
    batch = PositionBatch.from_mappings([{0: -1000}, {0: 1000}, {}])
    rows, auxiliaries = unpack(statement, assign_bits(statement, batch))
    assert rows.to_ints() == [[0, 0], [1000, 0], [0, 1000]]
    assert auxiliaries.to_ints() == [[1000], [0], [0]]
    with pytest.raises(NotSatisfiedError, match="2 accounts") as caught:
        assign_bits(statement, PositionBatch.from_mappings([{0: 1001}, {}, {0: -(2**40)}]))
    found = [(v.account, v.label, v.shortfall, v.excess) for v in caught.value.violations]
    assert found == [(0, "limit", 1, 0), (2, "short", 0, 2**40 - 2**20 + 1)]
    assert "1001" not in repr(caught.value)


# --- canonical form ------------------------------------------------------------------------------------


def test_canonical_form_carries_meaning_and_no_labels() -> None:
    base = Statement(ASSETS, (ROW,), (Auxiliary("x", 4),))
    renamed = Statement(ASSETS, (replace(ROW, label="other"),), (Auxiliary("y", 4),), scope=Scope.ACCOUNT)
    assert base.canonical_bytes() == renamed.canonical_bytes()
    others = [
        Statement((Asset("BTC", 7), ASSETS[1]), (ROW,), (Auxiliary("x", 4),)),
        Statement((Asset("BTX", 8), ASSETS[1]), (ROW,), (Auxiliary("x", 4),)),
        Statement((*ASSETS, Asset("ETH", 8)), (ROW,), (Auxiliary("x", 4),)),
        Statement(ASSETS, (ROW,), (Auxiliary("x", 5),)),
        Statement(ASSETS, (ROW,), (Auxiliary("x", 4), Auxiliary("y", 4))),
        Statement(ASSETS, (replace(ROW, width=63),), (Auxiliary("x", 4),)),
        Statement(ASSETS, (replace(ROW, constant=1),), (Auxiliary("x", 4),)),
        Statement(ASSETS, (replace(ROW, positions=((0, 3),)),), (Auxiliary("x", 4),)),
        Statement(ASSETS, (replace(ROW, positions=((0, -3), (1, 1))),), (Auxiliary("x", 4),)),
        Statement(ASSETS, (replace(ROW, auxiliaries=((0, 1),)),), (Auxiliary("x", 4),)),
        Statement(ASSETS, (replace(ROW, positions=(), auxiliaries=((0, 3),)),), (Auxiliary("x", 4),)),
    ]
    assert len({base.digest(), *(other.digest() for other in others)}) == len(others) + 1


def test_parse_is_the_inverse() -> None:
    statement = absolute_value_statement()
    parsed = parse_canonical(statement.canonical_bytes())
    assert parsed.canonical_bytes() == statement.canonical_bytes()
    assert [row.label for row in parsed.rows] == ["row 0", "row 1"]
    assert parsed.auxiliaries[0].label == "auxiliary 0"
    assert parsed.widths == statement.widths


def test_parse_refuses_every_truncation_and_a_trailing_byte() -> None:
    data = absolute_value_statement().canonical_bytes()
    for size in range(len(data)):
        with pytest.raises(DecodingError, match="more bytes expected"):
            parse_canonical(data[:size])
    with pytest.raises(DecodingError, match="1 bytes after the end"):
        parse_canonical(data + b"\0")


def test_parse_keeps_the_scope_and_checks_the_content() -> None:
    statement = Statement(ASSETS, (replace(ROW, constant=-1),), scope=Scope.ACCOUNT)
    with pytest.raises(StatementError, match="zero-account"):
        parse_canonical(statement.canonical_bytes())
    assert parse_canonical(statement.canonical_bytes(), scope=Scope.ACCOUNT).rows[0].constant == -1


def test_repr_is_short() -> None:
    text = repr(absolute_value_statement())
    assert text == "Statement(assets=2, rows=2, auxiliaries=1, bits=60, scope='book')"
