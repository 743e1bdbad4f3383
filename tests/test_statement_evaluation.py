"""Row evaluation, witnesses and bit packing against Python integers."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.bits import pack, packed_bytes, unpack, unpack_bits
from circuits.evaluate import Violation, evaluate_account, evaluate_forms, evaluate_rows, first_violations
from circuits.positions import PositionBatch
from circuits.rows import MAX_WIDTH, Form
from circuits.statement import Auxiliary, Row, Scope, Statement
from circuits.wide_integers import WIDE_LIMIT, WideIntegers
from circuits.witness import Maximum, Minimum, StepwiseWitness, positive_part, split
from primitives.assets import Asset

ASSETS = tuple(Asset(name, 8) for name in ("BTC", "ETH", "SOL", "USD"))
EXTREME_AMOUNTS = (1 - 2**63, 2**63 - 1, -1, 1, 2**62, -(2**31), 2**32, -(2**16), 65535)

amounts = st.one_of(st.integers(1 - 2**63, 2**63 - 1), st.sampled_from(EXTREME_AMOUNTS))
accounts = st.lists(st.dictionaries(st.integers(0, 3), amounts), min_size=1, max_size=5)


def coefficients(bits: int) -> st.SearchStrategy[int]:
    extreme = st.sampled_from([2**bits - 1, 1 - 2**bits, 1, -1, 2**31, -(2**32)])
    return st.one_of(st.integers(1 - 2**bits, 2**bits - 1), extreme).filter(bool)


def terms(count: int, bits: int) -> st.SearchStrategy[tuple[tuple[int, int], ...]]:
    chosen = st.dictionaries(st.integers(0, count - 1), coefficients(bits))
    return chosen.map(lambda found: tuple(sorted(found.items())))


@st.composite
def statements(draw: st.DrawFn) -> Statement:
    """Four assets, three auxiliary variables (1, 64 and 120 bits), some rows beyond 127 bits."""
    position_bits = draw(st.sampled_from([8, 33, 61, 120]))
    auxiliary_bits = draw(st.sampled_from([4, 60]))
    rows = draw(
        st.lists(
            st.builds(
                Row,
                label=st.just(""),
                positions=terms(4, position_bits),
                auxiliaries=terms(3, auxiliary_bits),
                constant=st.integers(-(2**120), 2**120),
                width=st.sampled_from([0, 1, 7, 8, 63, 64, 65, MAX_WIDTH]),
            ),
            max_size=5,
        )
    )
    named = tuple(
        Row(f"row {i}", row.positions, row.auxiliaries, row.constant, row.width) for i, row in enumerate(rows)
    )
    variables = (Auxiliary("x", 1), Auxiliary("y", 64), Auxiliary("z", MAX_WIDTH))
    return Statement(ASSETS, named, variables, scope=Scope.ACCOUNT)


auxiliary_lines = st.tuples(
    st.integers(-1, 2),
    st.integers(-(2**70), 2**70),
    st.one_of(st.integers(0, 2**120 - 1), st.just(2**120 - 1)),
)


@settings(max_examples=200, deadline=None)
@given(statements(), accounts, st.data())
def test_batch_evaluation_is_the_reference(
    statement: Statement, positions: list[dict[int, int]], data: st.DataObject
) -> None:
    lines = [data.draw(auxiliary_lines) for _ in positions]
    batch = PositionBatch.from_mappings(positions)
    auxiliaries = WideIntegers.from_ints(lines)
    found = evaluate_rows(statement, batch, auxiliaries).to_ints()
    violations = {
        v.account: v
        for v in first_violations(statement, batch, evaluate_rows(statement, batch, auxiliaries), auxiliaries)
    }
    for index, (account, line) in enumerate(zip(positions, lines, strict=True)):
        exact = evaluate_account(statement.rows, account, line)
        assert found[index] == [min(max(value, -WIDE_LIMIT), WIDE_LIMIT - 1) for value in exact]
        parts: list[Auxiliary | Row] = [*statement.auxiliaries, *statement.rows]
        expected = [
            Violation(index, part.label, value, part.width)
            for part, value in zip(parts, (*line, *exact), strict=True)
            if not 0 <= value < 1 << part.width
        ]
        assert violations.get(index) == (expected[0] if expected else None)


def test_rows_at_the_edge_of_127_bits_are_exact_without_the_slow_path() -> None:
    row = Row("edge", ((0, 2**63), (1, 2**63 - 1)), (), 2**62, MAX_WIDTH)
    statement = Statement(ASSETS, (row,), scope=Scope.ACCOUNT)
    assert statement.fits_wide
    batch = PositionBatch.from_mappings([{0: 2**63 - 1, 1: 2**63 - 1}, {0: 1 - 2**63, 1: 1 - 2**63}])
    expected = [evaluate_account([row], batch.account(u), ()) for u in range(2)]
    assert evaluate_rows(statement, batch, WideIntegers.zeros(2, 0)).to_ints() == expected


def test_more_terms_and_accounts_than_are_taken_at_once() -> None:
    count = 4096 + 7
    assets = tuple(Asset(f"A{i}", 0) for i in range(count))
    row = Row("all", tuple((i, -(2**32) + i) for i in range(count)), (), -1, MAX_WIDTH)
    statement = Statement(assets, (row,), scope=Scope.ACCOUNT)
    full = dict.fromkeys(range(count), 1 - 2**63)
    batch = PositionBatch.from_mappings([full, *({u % count: u} for u in range(2100))])
    found = evaluate_rows(statement, batch, WideIntegers.zeros(2101, 0)).to_ints()
    assert found == [evaluate_account([row], batch.account(u), ()) for u in range(2101)]


def test_violation_says_how_short_and_hides_it_in_its_repr() -> None:
    statement = Statement(ASSETS, (Row("covered", ((3, 1),), (), 0, 8),))
    batch = PositionBatch.from_mappings([{3: 5}, {3: -77}, {3: 300}])
    rows = evaluate_rows(statement, batch, WideIntegers.zeros(3, 0))
    below, above = first_violations(statement, batch, rows, WideIntegers.zeros(3, 0))
    assert (below.account, below.label, below.value, below.shortfall, below.excess) == (
        1,
        "covered",
        -77,
        77,
        0,
    )
    assert (above.account, above.shortfall, above.excess) == (2, 0, 45)
    assert "77" not in repr(below)
    assert "300" not in repr(above)


def test_evaluation_refuses_foreign_tables() -> None:
    statement = Statement(ASSETS, (Row("a", ((0, 1),), (), 0, 8),))
    with pytest.raises(ValueError, match="beyond the 4"):
        evaluate_rows(statement, PositionBatch.from_mappings([{4: 1}]), WideIntegers.zeros(1, 0))
    with pytest.raises(ValueError, match="one line per account"):
        evaluate_rows(statement, PositionBatch.zeros(2), WideIntegers.zeros(1, 0))
    with pytest.raises(ValueError, match="one line per account"):
        evaluate_rows(statement, PositionBatch.zeros(1), WideIntegers.zeros(1, 1))


# --- witnesses -----------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(accounts)
def test_stepwise_witness_is_its_closed_forms(positions: list[dict[int, int]]) -> None:
    equity = Form(((0, 3), (3, -5)), (), 7)
    other = Form(((1, 1),), ((0, 2),), -1)
    witness = StepwiseWitness(
        [positive_part(equity), split(equity), Maximum((equity, other)), Minimum((equity, other))]
    )
    found = witness(PositionBatch.from_mappings(positions)).to_ints()
    for account, line in zip(positions, found, strict=True):
        (e,) = evaluate_account([equity], account, ())
        (o,) = evaluate_account([other], account, [max(0, e)])
        assert line == [max(0, e), max(0, -e), max(0, e, o), max(0, min(e, o))]


def test_witness_refuses_what_it_cannot_compute() -> None:
    with pytest.raises(ValueError, match="no form"):
        StepwiseWitness([Maximum(())])
    with pytest.raises(ValueError, match="not computed before"):
        StepwiseWitness([positive_part(Form((), ((0, 1),), 0))])
    with pytest.raises(ValueError, match="leave the range"):
        StepwiseWitness([positive_part(Form(((0, 2**64),)))])
    chained = [positive_part(Form(((0, 2**32),))), positive_part(Form((), ((0, 2**32),)))]
    with pytest.raises(ValueError, match="step 1 could leave the range"):
        StepwiseWitness(chained)


# --- wide integers -------------------------------------------------------------------------------------

wide = st.one_of(
    st.integers(-WIDE_LIMIT, WIDE_LIMIT - 1),
    st.sampled_from([0, -1, 1, WIDE_LIMIT - 1, -WIDE_LIMIT, 2**64, 2**64 - 1, -(2**64), 2**63]),
)


def _wrap(value: int) -> int:
    return (value + WIDE_LIMIT) % (2 * WIDE_LIMIT) - WIDE_LIMIT


@given(wide, wide, st.integers(0, 127))
def test_wide_arithmetic(a: int, b: int, shift: int) -> None:
    x, y = WideIntegers.from_ints([[a]]), WideIntegers.from_ints([[b]])
    assert x.to_ints() == [[a]]
    assert x.add(y).to_ints() == [[_wrap(a + b)]]
    assert x.negate().to_ints() == [[_wrap(-a)]]
    assert x.shift_left(shift).to_ints() == [[_wrap(a << shift)]]
    assert x.maximum(y).to_ints() == [[max(a, b)]]
    assert x.minimum(y).to_ints() == [[min(a, b)]]
    assert x.positive_part().to_ints() == [[max(a, 0)]]
    assert x.within_widths([shift]).tolist() == [[0 <= a < 1 << shift]]


def test_wide_integers_refuse_other_tables() -> None:
    with pytest.raises(ValueError, match="outside"):
        WideIntegers.from_ints([[WIDE_LIMIT]])
    with pytest.raises(ValueError, match="outside"):
        WideIntegers.from_ints([[-WIDE_LIMIT - 1]])
    with pytest.raises(ValueError, match="unequal"):
        WideIntegers.from_ints([[1], [1, 2]])
    with pytest.raises(ValueError, match="equal in shape"):
        WideIntegers(np.zeros((1, 2), np.int64), np.zeros((2, 1), np.uint64))
    with pytest.raises(ValueError, match="int64"):
        WideIntegers(np.zeros((1, 1), np.int64), np.zeros((1, 1), np.int64))
    with pytest.raises(ValueError, match="int64 table"):
        WideIntegers.from_int64(np.zeros((1, 1), np.int32))
    with pytest.raises(ValueError, match="one width per value"):
        WideIntegers.zeros(1, 2).within_widths([1])
    assert "5" not in repr(WideIntegers.from_ints([[5]]))


# --- position batches ----------------------------------------------------------------------------------


def _positions(offsets: list[int], columns: list[int], values: list[int]) -> PositionBatch:
    return PositionBatch(np.array(offsets, np.int64), np.array(columns, np.int32), np.array(values, np.int64))


def test_positions_are_what_was_put_in() -> None:
    book = [{0: 1 - 2**63}, {}, {3: 2**63 - 1, 1: -7}, {}]
    batch = PositionBatch.from_mappings(book)
    assert [batch.account(u) for u in range(4)] == book
    assert [batch.accounts(1, 3).account(u) for u in range(2)] == book[1:3]
    assert batch.to_dense(4)[2].tolist() == [0, -7, 0, 2**63 - 1]
    assert PositionBatch.from_mappings([{2: 0}]).account(0) == {}
    assert "7" not in repr(batch)
    # An account may start with a smaller asset than the last one of the account before.
    assert _positions([0, 1, 2], [3, 3], [1, 1]).account_count == 2


@pytest.mark.parametrize(
    ("offsets", "columns", "values", "reason"),
    [
        ([], [], [], "from 0"),
        ([1, 1], [0], [1], "from 0"),
        ([0, 1], [], [], "from 0"),
        ([0, 2, 1], [0], [1], "must not decrease"),
        ([0, 1], [-1], [1], "negative asset index"),
        ([0, 1], [0], [-(2**63)], "2\\^63"),
        ([0, 2], [1, 1], [1, 1], "increasing order"),
        ([0, 2], [2, 1], [1, 1], "increasing order"),
        ([0, 1], [0], [1, 2], "as many columns"),
    ],
)
def test_positions_refuse(offsets: list[int], columns: list[int], values: list[int], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        _positions(offsets, columns, values)


def test_positions_refuse_other_types_and_ranges() -> None:
    with pytest.raises(ValueError, match="int64 offsets"):
        PositionBatch(np.zeros(1, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int64))
    with pytest.raises(ValueError, match="2\\^63"):
        PositionBatch.from_mappings([{0: -(2**63)}])
    with pytest.raises(ValueError, match="2\\^63"):
        PositionBatch.from_mappings([{0: 2**63}])
    with pytest.raises(ValueError, match="out of bounds"):
        PositionBatch.zeros(2).accounts(1, 3)
    with pytest.raises(ValueError, match="beyond the 1"):
        PositionBatch.from_mappings([{1: 1}]).to_dense(1)


# --- packed bits ---------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, MAX_WIDTH), max_size=6),
    st.lists(st.integers(1, MAX_WIDTH), max_size=4),
    st.integers(0, 2**32),
)
def test_packing_round_trip(row_widths: list[int], auxiliary_widths: list[int], seed: int) -> None:
    if not row_widths and not auxiliary_widths:
        row_widths = [0]
    statement = Statement(
        ASSETS,
        tuple(Row(f"r{i}", (), (), 0, width) for i, width in enumerate(row_widths)),
        tuple(Auxiliary(f"x{i}", width) for i, width in enumerate(auxiliary_widths)),
    )
    draw = random.Random(seed)
    table = [
        [draw.choice([0, 2**w - 1, draw.getrandbits(w) if w else 0]) for w in statement.widths]
        for _ in range(3)
    ]
    values = WideIntegers.from_ints(table, len(statement.widths))
    rows, auxiliaries = (
        values.columns(0, len(row_widths)),
        values.columns(len(row_widths), len(statement.widths)),
    )
    packed = pack(statement, rows, auxiliaries)
    assert packed.shape == (3, -(-statement.bit_count // 8)) == (3, packed_bytes(statement))
    for account, line in enumerate(table):
        number = sum(value << offset for value, offset in zip(line, statement.bit_offsets, strict=False))
        assert int.from_bytes(packed[account].tobytes(), "little") == number
        bits = unpack_bits(statement, packed)[account]
        assert [int(bit) for bit in bits] == [(number >> k) & 1 for k in range(len(bits))]
    unpacked_rows, unpacked_auxiliaries = unpack(statement, packed)
    assert unpacked_rows.to_ints() == rows.to_ints()
    assert unpacked_auxiliaries.to_ints() == auxiliaries.to_ints()


def test_packing_refuses_values_and_shapes() -> None:
    statement = Statement(ASSETS, (Row("r", (), (), 0, 3),), (Auxiliary("x", 2),))
    fine = WideIntegers.from_ints([[1]])
    for rows, auxiliaries in (([[8]], [[0]]), ([[-1]], [[0]]), ([[0]], [[4]])):
        with pytest.raises(ValueError, match="does not fit"):
            pack(statement, WideIntegers.from_ints(rows), WideIntegers.from_ints(auxiliaries))
    with pytest.raises(ValueError, match="do not belong to this statement"):
        pack(statement, WideIntegers.zeros(1, 2), fine)
    with pytest.raises(ValueError, match="do not belong to these rows"):
        pack(statement, fine, WideIntegers.zeros(2, 1))
    packed = pack(statement, fine, fine)
    packed[0, 0] |= 1 << 5
    with pytest.raises(ValueError, match="padding bit"):
        unpack(statement, packed)
    with pytest.raises(ValueError, match="1 bytes per account"):
        unpack(statement, np.zeros((1, 2), np.uint8))


def test_forms_wrap_modulo_2_to_the_128() -> None:
    form = Form(((0, 2**130 + 5),), (), 2**128 + 3)
    batch = PositionBatch.from_mappings([{0: -2}])
    assert evaluate_forms([form], batch, WideIntegers.zeros(1, 0)).to_ints() == [[-7]]
