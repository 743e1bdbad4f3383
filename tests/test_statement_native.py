"""The native row kernel against its definition in numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.assignment import NotSatisfiedError, RowAssigner, assign_bits
from circuits.model_document import compile_model
from circuits.positions import PositionBatch
from circuits.prices import parse_price_document
from circuits.rows import MAX_WIDTH, Form
from circuits.statement import Auxiliary, Row, Scope, Statement, WitnessFunction
from circuits.wide_integers import WideIntegers
from circuits.witness import StepwiseWitness, split
from primitives.assets import Asset, parse_assets_json
from primitives.backend import Backend
from primitives.backends import get_backend
from primitives.errors import BackendUnavailableError
from primitives.reference_backend import ReferenceBackend

EXAMPLES = Path(__file__).parent.parent / "examples" / "statements"
ASSETS = tuple(Asset(name, 8) for name in ("BTC", "ETH", "SOL", "USD"))
LIMIT = 2**63 - 1


@pytest.fixture(scope="module")
def native() -> Backend:
    try:
        return get_backend("native")
    except BackendUnavailableError as error:
        pytest.skip(str(error))


def outcome(assign: Any) -> Any:
    """The packed bits, or the violations."""
    try:
        packed = assign()
    except NotSatisfiedError as error:
        return error.violations
    assert packed.dtype == np.uint8
    assert packed.flags.c_contiguous
    return packed.tolist()


def constant_witness(table: list[list[int]]) -> WitnessFunction:
    return lambda _: WideIntegers.from_ints(table)


amounts = st.one_of(st.integers(-LIMIT, LIMIT), st.sampled_from([-LIMIT, LIMIT, -1, 1, 2**32, -(2**31)]))
accounts = st.lists(st.dictionaries(st.integers(0, 3), amounts), min_size=1, max_size=4)


def terms(count: int, bits: int) -> st.SearchStrategy[tuple[tuple[int, int], ...]]:
    extreme = st.sampled_from([2**bits - 1, 1 - 2**bits, 1, -1])
    coefficients = st.one_of(st.integers(1 - 2**bits, 2**bits - 1), extreme).filter(bool)
    chosen = st.dictionaries(st.integers(0, count - 1), coefficients)
    return chosen.map(lambda found: tuple(sorted(found.items())))


@st.composite
def rows(draw: st.DrawFn) -> tuple[Row, ...]:
    """Rows whose values are below 2^127, with coefficients of up to 62 bits (narrow) or 66 (wide)."""
    parts = draw(
        st.lists(
            st.tuples(
                terms(4, draw(st.sampled_from([3, 61]))),
                terms(3, draw(st.sampled_from([2, 66]))),
                st.integers(-(2**119), 2**119),
                st.sampled_from([0, 1, 7, 63, 64, 65, 119, MAX_WIDTH]),
            ),
            max_size=5,
        )
    )
    return tuple(
        Row(f"row {i}", q, tuple((v, c) for v, c in x if v != 2 or abs(c) < 8), b, w)
        for i, (q, x, b, w) in enumerate(parts)
    )


def fitting(statement: Statement, positions: list[dict[int, int]], lines: list[list[int]]) -> Statement:
    """The statement with every constant moved so that the first account satisfies its row, where it can."""
    moved = []
    for row in statement.rows:
        value = sum(c * positions[0].get(a, 0) for a, c in row.positions)
        value += sum(c * lines[0][v] for v, c in row.auxiliaries)
        constant = (1 << row.width) - 1 - value if row.constant % 2 else -value
        kept = constant if abs(constant) < 2**126 else row.constant
        moved.append(Row(row.label, row.positions, row.auxiliaries, kept, row.width))
    return Statement(ASSETS, tuple(moved), statement.auxiliaries, statement.witness, Scope.ACCOUNT)


@settings(max_examples=300, deadline=None)
@given(rows(), accounts, st.booleans(), st.data())
def test_kernel_is_the_definition(
    native: Backend, found: tuple[Row, ...], positions: list[dict[int, int]], moved: bool, data: st.DataObject
) -> None:
    line = st.tuples(st.integers(0, 1), st.integers(0, 2**60 - 1), st.integers(-1, 2**MAX_WIDTH))
    lines = [list(data.draw(line)) for _ in positions]
    variables = (Auxiliary("x", 1), Auxiliary("y", 60), Auxiliary("z", MAX_WIDTH))
    statement = Statement(ASSETS, found, variables, constant_witness(lines), Scope.ACCOUNT)
    if moved:
        statement = fitting(statement, positions, lines)
    batch = PositionBatch.from_mappings(positions)
    expected = outcome(lambda: assign_bits(statement, batch))
    assert outcome(lambda: RowAssigner(statement, native).assign(batch)) == expected


def test_values_at_both_ends_of_every_width(native: Backend) -> None:
    found = [Row(f"{w}", ((0, 1),), ((0, 1),), 0, w) for w in range(MAX_WIDTH + 1)]
    for width in range(1, MAX_WIDTH + 1):
        for value in (0, 2**width - 1, 2**width):
            witness = constant_witness([[value]])
            statement = Statement(
                ASSETS, (found[width],), (Auxiliary("x", MAX_WIDTH),), witness, Scope.ACCOUNT
            )
            batch = PositionBatch.zeros(1)
            result = outcome(lambda s=statement, b=batch: RowAssigner(s, native).assign(b))
            assert result == outcome(lambda s=statement, b=batch: assign_bits(s, b))
            assert isinstance(result, tuple) == (value == 2**width)


def test_many_accounts_across_chunks(native: Backend) -> None:
    statement = Statement(
        ASSETS,
        (
            Row("positive part", ((0, 1),), ((0, 1),), 0, 70),
            Row("limit", ((0, -1), (3, 2)), ((0, -2),), 10**6, 30),
            Row("sum", tuple((a, 1) for a in range(4)), (), 2**40, 41),
        ),
        (Auxiliary("short", 65),),
        StepwiseWitness([split(Form(((0, 1),)))]),
    )
    assigner = RowAssigner(statement, native)
    book = [{a: (u * (a + 3) - 3000) % 777 - 300 for a in range(u % 5)} for u in range(3000)]
    batch = PositionBatch.from_mappings(book)
    assert outcome(lambda: assigner.assign(batch)) == outcome(lambda: assign_bits(statement, batch))
    book[5], book[2999] = {0: LIMIT}, {3: -(10**6)}
    batch = PositionBatch.from_mappings(book)
    result = outcome(lambda: assigner.assign(batch))
    assert [violation.account for violation in result] == [5, 2999]
    assert result == outcome(lambda: assign_bits(statement, batch))


@pytest.mark.parametrize("name", ["non-negative", "bounded", "net-value", "all"])
def test_example_models(native: Backend, name: str) -> None:
    assets = parse_assets_json((EXAMPLES / "assets.json").read_bytes()).assets
    prices = parse_price_document((EXAMPLES / "prices.json").read_bytes())
    statement = compile_model((EXAMPLES / f"{name}.json").read_bytes(), assets, prices)
    batch = PositionBatch.from_mappings([{0: LIMIT, 2: 3}, {}, {1: 5}, {0: -1, 2: 100}])
    assert outcome(lambda: RowAssigner(statement, native).assign(batch)) == outcome(
        lambda: assign_bits(statement, batch)
    )


def test_no_rows_no_bits_no_accounts(native: Backend) -> None:
    only_variables = Statement(ASSETS, (), (Auxiliary("x", 9),), constant_witness([[300]]))
    assert RowAssigner(only_variables, native).assign(PositionBatch.zeros(1)).tolist() == [[44, 1]]
    no_bits = Statement(ASSETS, (Row("equal", ((0, 1), (1, -1)), (), 0, 0),))
    assigner = RowAssigner(no_bits, native)
    assert assigner.assign(PositionBatch.from_mappings([{0: 7, 1: 7}, {}])).shape == (2, 0)
    with pytest.raises(NotSatisfiedError, match="1 accounts"):
        assigner.assign(PositionBatch.from_mappings([{0: 7, 1: 7}, {1: 1}]))
    assert assigner.assign(PositionBatch.zeros(0)).shape == (0, 0)


def test_rows_beyond_128_bits_take_the_other_path(native: Backend) -> None:
    statement = Statement(
        ASSETS, (Row("huge", ((0, 2**100), (1, -(2**100))), (), 0, 8),), scope=Scope.ACCOUNT
    )
    assert not statement.fits_wide
    assigner = RowAssigner(statement, native)
    assert assigner.assign(PositionBatch.from_mappings([{0: LIMIT, 1: LIMIT}])).tolist() == [[0]]
    # 2^100 * 2^28 = 2^128 would pass modulo 2^128.
    with pytest.raises(NotSatisfiedError) as caught:
        assigner.assign(PositionBatch.from_mappings([{0: 2**28}]))
    assert caught.value.violations[0].value == 2**128


def test_positions_beyond_the_statement_are_refused(native: Backend) -> None:
    statement = Statement(ASSETS, (Row("r", ((0, 1),), (), 0, 8),))
    with pytest.raises(ValueError, match="beyond the 4"):
        RowAssigner(statement, native).assign(PositionBatch.from_mappings([{4: 1}]))


def test_the_reference_backend_takes_the_definition() -> None:
    statement = Statement(ASSETS, (Row("r", ((0, 1),), (), 0, 8),))
    batch = PositionBatch.from_mappings([{0: 200}])
    assert RowAssigner(statement, ReferenceBackend()).assign(batch).tolist() == [[200]]


def test_kernel_refuses_malformed_matrices(native: Backend) -> None:
    from primitives.native_rows import RowKernel, SparseMatrix

    assert native.name == "native"
    none, none_low = np.zeros(0, np.int64), np.zeros(0, np.uint64)
    one_low = np.ones(1, np.uint64)
    empty = SparseMatrix(np.zeros(1, np.int64), np.zeros(0, np.int32), none, none_low)
    outside = SparseMatrix(np.array([0, 1]), np.ones(1, np.int32), np.zeros(1, np.int64), one_low)
    with pytest.raises(ValueError, match="index is out of range"):
        RowKernel(outside, empty, (np.zeros(1, np.int64), one_low), [1], (none, none_low))
    with pytest.raises(ValueError, match="one width"):
        RowKernel(empty, empty, (none, none_low), [1], (none, none_low))
    kernel = RowKernel(empty, empty, (np.zeros(1, np.int64), one_low), [1], (none, none_low))
    table = (np.zeros((0, 0), np.int64), np.zeros((0, 0), np.uint64))
    with pytest.raises(ValueError, match="offsets do not rise"):
        kernel.evaluate(none, np.zeros(0, np.int32), none, table)
