"""The native kernels of the range argument against the reference kernels, on drawn shapes and bits."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import pytest
from backend_comparison import EDGES, NATIVE, REFERENCE, SCALARS, needs_native
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from circuits.positions import PositionBatch
from primitives.argument_parameters import ArgumentShape
from primitives.backend import Backend, PointVector
from primitives.kernel_choice import get_kernels
from primitives.kernels import ArgumentKernels, PackedBits, packed_width
from primitives.multilinear import inverse
from primitives.parameters import GROUP_ORDER as R
from primitives.reference_kernels import ReferenceKernels

pytestmark = needs_native

# The kernels are compared, not the backends: the reference kernels run over the native vectors.
_settings = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def native() -> Backend:
    assert NATIVE is not None
    return NATIVE


def native_kernels() -> ArgumentKernels:
    return get_kernels(native())


def reference_kernels() -> ArgumentKernels:
    return ReferenceKernels(native())


@functools.cache
def columns() -> PointVector:
    """Generators, the identity, opposite and equal points, and points outside G1: all count as columns."""
    from backend_comparison import pool_points

    pool = pool_points(native(), [0, 3, 0, 7, 8, 9, 5, 1, 6])
    hashed = native().hash_to_curve([bytes([i, j]) for i in range(8) for j in range(256)], b"COLUMNS")
    return pool.concat(hashed).slice(0, 2048)


@dataclass(frozen=True)
class Table:
    """A shape and packed bits that fit it."""

    shape: ArgumentShape
    bits: PackedBits


FILLINGS = ("random", "zeros", "ones", "sparse", "zero-columns")


def table_of(accounts: int, bits: int, row_variables: int, filling: str = "random", seed: int = 0) -> Table:
    variables = ArgumentShape(accounts, bits, 1, 0, 0).variables
    shape = ArgumentShape(accounts, bits, 1, min(row_variables, variables), 0)
    source = np.random.default_rng(seed)
    cells = source.integers(0, 2, (accounts, bits)).astype(np.uint8)
    if filling == "zeros":
        cells[:] = 0
    elif filling == "ones":
        cells[:] = 1
    elif filling == "sparse":
        cells &= source.random((accounts, bits)) < 0.05
    elif filling == "zero-columns":
        cells[:, source.random(bits) < 0.7] = 0
    packed = np.packbits(cells, axis=1, bitorder="little")
    return Table(shape, np.ascontiguousarray(packed.reshape(accounts, packed_width(bits))))


@st.composite
def tables(draw: st.DrawFn) -> Table:
    accounts = draw(st.one_of(st.integers(1, 20), st.integers(1, 130)))
    bits = draw(st.one_of(st.integers(0, 10), st.integers(0, 40), st.integers(0, 200)))
    return table_of(
        accounts,
        min(bits, 4000 // accounts),
        draw(st.integers(0, 11)),
        draw(st.sampled_from(FILLINGS)),
        draw(st.integers(0, 2**32 - 1)),
    )


def scalars(seed: int, count: int) -> list[int]:
    source = np.random.default_rng(seed)
    edges = [EDGES[int(i)] for i in source.integers(0, len(EDGES), count)]
    return [
        edge if pick < 0.2 else int.from_bytes(source.bytes(40), "big") % R
        for edge, pick in zip(edges, source.random(count), strict=True)
    ]


@_settings
@given(tables(), st.integers(0, 2**32 - 1))
@example(table_of(1, 0, 1), 0)
@example(table_of(1, 1, 0), 0)
@example(table_of(1, 3, 1, "ones"), 1)
@example(table_of(5, 2, 0), 1)
@example(table_of(129, 5, 5), 2)
@example(table_of(3, 96, 9), 3)
@example(table_of(130, 13, 4, "zero-columns"), 4)
def test_row_commitments(table: Table, seed: int) -> None:
    bases = columns().slice(0, table.shape.columns)
    blinding_generator = columns().slice(8, 9)
    blindings = native().scalars_from_ints(scalars(seed, table.shape.row_count))
    expected = reference_kernels().row_commitment_key(bases, blinding_generator)
    key = native_kernels().row_commitment_key(bases, blinding_generator)
    wanted = expected.commit(table.bits, table.shape, blindings).to_compressed()
    # The second time the key may use other tables.
    for _ in range(2):
        assert key.commit(table.bits, table.shape, blindings).to_compressed() == wanted


@_settings
@given(tables(), st.integers(0, 2**32 - 1))
@example(table_of(1, 0, 0), 0)
@example(table_of(1, 5, 0), 0)
@example(table_of(2, 1, 0, "ones"), 0)
@example(table_of(4, 9, 0), 0)
@example(table_of(5, 9, 0), 0)
@example(table_of(16, 8, 0), 0)
@example(table_of(17, 0, 0), 0)
@example(table_of(31, 33, 0, "ones"), 0)
@example(table_of(33, 7, 0), 0)
@example(table_of(128, 31, 0), 0)
@example(table_of(65, 61, 0, "zero-columns"), 0)
def test_account_sumcheck(table: Table, seed: int) -> None:
    drawn = scalars(seed, table.shape.variables + table.shape.account_variables)
    tau, challenges = drawn[: table.shape.variables], drawn[table.shape.variables :]
    expected = reference_kernels().account_sumcheck(table.bits, table.shape, tau)
    found = native_kernels().account_sumcheck(table.bits, table.shape, tau)
    for challenge in challenges:
        assert found.table().to_bytes() == expected.table().to_bytes()
        assert found.round_coefficients() == expected.round_coefficients()
        found.bind(challenge)
        expected.bind(challenge)
    assert found.table().to_bytes() == expected.table().to_bytes()
    with pytest.raises(ValueError, match="all account variables are bound"):
        found.round_coefficients()
    with pytest.raises(ValueError, match="all account variables are bound"):
        found.bind(1)


@pytest.mark.parametrize(("accounts", "bits"), [(700, 5), (300, 17), (1100, 2), (40, 600)])
def test_account_sumcheck_on_tables_of_several_tasks(accounts: int, bits: int) -> None:
    table = table_of(accounts, bits, 0)
    tau = scalars(1, table.shape.variables)
    expected = reference_kernels().account_sumcheck(table.bits, table.shape, tau)
    found = native_kernels().account_sumcheck(table.bits, table.shape, tau)
    for challenge in scalars(2, table.shape.account_variables):
        assert found.round_coefficients() == expected.round_coefficients()
        found.bind(challenge)
        expected.bind(challenge)
    assert found.table().to_bytes() == expected.table().to_bytes()


def nearly_equal_accounts(accounts: int, bits: int, row_variables: int, differing: float) -> Table:
    """Accounts that share most bytes: about `differing` of them are others; one account has none in common."""
    table = table_of(accounts, bits, row_variables)
    source = np.random.default_rng(bits)
    lines = np.where(source.random(table.bits.shape) < differing, table.bits, table.bits[accounts // 2])
    lines[3] = table.bits[3]
    lines[5:9] = table.bits[accounts // 2]
    return Table(table.shape, np.ascontiguousarray(lines))


NEARLY_EQUAL = [
    # accounts, bits, row variables (rows shorter than an account, and of several), differing
    (64, 4003, 9, 0.02),
    (128, 4096, 7, 0.05),
    (64, 3000, 11, 0.0),
    (128, 2000, 4, 0.1),
    (67, 2100, 9, 0.02),
]


@pytest.mark.parametrize(("accounts", "bits", "row_variables", "differing"), NEARLY_EQUAL)
def test_accounts_that_are_nearly_equal(
    accounts: int, bits: int, row_variables: int, differing: float
) -> None:
    table = nearly_equal_accounts(accounts, bits, row_variables, differing)
    tau = scalars(1, table.shape.variables)
    expected = reference_kernels().account_sumcheck(table.bits, table.shape, tau)
    found = native_kernels().account_sumcheck(table.bits, table.shape, tau)
    for challenge in scalars(2, table.shape.account_variables):
        assert found.table().to_bytes() == expected.table().to_bytes()
        assert found.round_coefficients() == expected.round_coefficients()
        found.bind(challenge)
        expected.bind(challenge)
    assert found.table().to_bytes() == expected.table().to_bytes()
    row_columns = columns().slice(0, table.shape.columns)
    blinding = native().hash_to_curve([b"blinding"], b"COLUMNS")
    blindings = native().scalars_from_ints(scalars(3, table.shape.row_count))
    wanted = reference_kernels().row_commitment_key(row_columns, blinding)
    key = native_kernels().row_commitment_key(row_columns, blinding)
    assert (
        key.commit(table.bits, table.shape, blindings).to_compressed()
        == wanted.commit(table.bits, table.shape, blindings).to_compressed()
    )


def test_binding_alone_needs_no_coefficients() -> None:
    table = table_of(70, 9, 0)
    tau = scalars(5, table.shape.variables)
    expected = reference_kernels().account_sumcheck(table.bits, table.shape, tau)
    found = native_kernels().account_sumcheck(table.bits, table.shape, tau)
    for challenge in scalars(6, table.shape.account_variables):
        found.bind(challenge)
        expected.bind(challenge)
    assert found.table().to_bytes() == expected.table().to_bytes()


@st.composite
def batches(draw: st.DrawFn) -> tuple[PositionBatch, int]:
    assets = draw(st.integers(1, 6))
    amounts = st.one_of(
        st.sampled_from([1, -1, 2**63 - 1, -(2**63 - 1)]), st.integers(-(2**63) + 1, 2**63 - 1)
    )
    account = st.dictionaries(st.integers(0, assets - 1), amounts, max_size=assets)
    return PositionBatch.from_mappings(draw(st.lists(account, min_size=1, max_size=20))), assets


@_settings
@given(batches(), st.integers(0, 2**32 - 1), st.one_of(SCALARS, st.integers(-(2**300), 2**300)))
def test_positions(batch: tuple[PositionBatch, int], seed: int, constant: int) -> None:
    positions, assets = batch
    weights = native().scalars_from_ints(scalars(seed, positions.account_count))
    coefficients = native().scalars_from_ints(scalars(seed, assets))
    ours, theirs = native_kernels(), reference_kernels()
    assert (
        ours.sum_positions(positions, weights, assets).to_bytes()
        == theirs.sum_positions(positions, weights, assets).to_bytes()
    )
    assert (
        ours.evaluate_positions(positions, coefficients, constant).to_bytes()
        == theirs.evaluate_positions(positions, coefficients, constant).to_bytes()
    )


def test_positions_of_several_tasks() -> None:
    source = np.random.default_rng(3)
    accounts, assets = 5000, 7
    offsets = np.zeros(accounts + 1, np.int64)
    offsets[1:] = np.cumsum(source.integers(0, 4, accounts))
    columns = source.integers(0, assets, offsets[-1]).astype(np.int32)
    amounts = source.integers(-(2**63), 2**63 - 1, offsets[-1])
    # Columns of an account may repeat here, which a PositionBatch refuses and the kernels add up.
    positions = PositionBatch.zeros(accounts)
    positions.row_offsets, positions.columns, positions.amounts = offsets, columns, amounts
    weights = native().scalars_from_ints(scalars(1, accounts))
    coefficients = native().scalars_from_ints(scalars(2, assets))
    ours, theirs = native_kernels(), reference_kernels()
    assert (
        ours.sum_positions(positions, weights, assets).to_bytes()
        == theirs.sum_positions(positions, weights, assets).to_bytes()
    )
    assert (
        ours.evaluate_positions(positions, coefficients, 5).to_bytes()
        == theirs.evaluate_positions(positions, coefficients, 5).to_bytes()
    )


def test_positions_that_do_not_fit_are_refused() -> None:
    kernels = native_kernels()
    positions = PositionBatch.from_mappings([{0: 1}, {2: -1}])
    one, two = native().scalars_from_ints([1]), native().scalars_from_ints([1, 1])
    with pytest.raises(ValueError, match="positions of 2 accounts, expected 1"):
        kernels.sum_positions(positions, one, 3)
    with pytest.raises(ValueError, match=r"column is not in \[0, 2\)"):
        kernels.sum_positions(positions, two, 2)
    with pytest.raises(ValueError, match=r"column is not in \[0, 2\)"):
        kernels.evaluate_positions(positions, two, 0)


def test_sizes_that_do_not_fit_are_refused_below_the_checks_of_the_interface() -> None:
    """The compiled module is safe on its own: it does not rely on `check_packed_bits`."""
    from native import _kernels

    bits = np.array([[1, 1], [2, 0]], np.uint8)
    tau = native().scalars_from_ints([3] * 5)
    _kernels.AccountSumcheck(bits, 9, tau)
    with pytest.raises(ValueError, match="packed bits do not fit"):
        _kernels.AccountSumcheck(bits, 8, tau)
    with pytest.raises(ValueError, match="packed bits are set beyond the width"):
        _kernels.AccountSumcheck(np.array([[1, 1], [2, 2]], np.uint8), 9, tau)
    with pytest.raises(ValueError, match="out of range"):
        _kernels.AccountSumcheck(np.zeros((0, 2), np.uint8), 9, tau)
    with pytest.raises(ValueError, match="lengths differ: 4 and 5"):
        _kernels.AccountSumcheck(bits, 9, tau.slice(0, 4))
    with pytest.raises(ValueError, match=r"not in \[0, r\)"):
        _kernels.AccountSumcheck(bits, 9, tau).bind(R)
    with pytest.raises(ValueError, match="not a power of two"):
        _kernels.RowCommitmentKey(columns().slice(0, 3), columns().slice(0, 1))
    with pytest.raises(ValueError, match="not a vector of length one"):
        _kernels.RowCommitmentKey(columns().slice(0, 2), columns().slice(0, 2))
    key = _kernels.RowCommitmentKey(columns().slice(0, 16), columns().slice(0, 1))
    with pytest.raises(ValueError, match="lengths differ: 3 and 2"):
        key.commit(bits, 9, tau.slice(0, 3))


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    from primitives.native_backend import set_thread_count, thread_count

    table = table_of(600, 33, 6)
    tau = scalars(8, table.shape.variables)
    blindings = native().scalars_from_ints(scalars(9, table.shape.row_count))
    before = thread_count()
    outcomes = []
    try:
        for threads in (1, 3):
            set_thread_count(threads)
            key = native_kernels().row_commitment_key(columns().slice(0, 64), columns().slice(8, 9))
            state = native_kernels().account_sumcheck(table.bits, table.shape, tau)
            rounds = []
            for challenge in scalars(10, table.shape.account_variables):
                rounds.append(state.round_coefficients())
                state.bind(challenge)
            commitments = key.commit(table.bits, table.shape, blindings).to_compressed()
            outcomes.append((commitments, rounds, state.table().to_bytes()))
    finally:
        set_thread_count(before)
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("count", [0, 1, 2, 90, 120, 700])
@pytest.mark.parametrize("density", [1.0, 0.5, 0.05])
def test_multi_scalar_multiplication(count: int, density: float) -> None:
    kept = np.random.default_rng(count).random(count) < density
    values = [value * int(keep) for value, keep in zip(scalars(count, count), kept, strict=True)]
    points, factors = columns().slice(0, count), native().scalars_from_ints(values)
    expected = native().multi_scalar_multiply(points, factors).to_compressed()
    assert native_kernels().multi_scalar_multiply(points, factors).to_compressed() == expected
    with pytest.raises(ValueError, match="lengths differ"):
        native_kernels().multi_scalar_multiply(points, factors.concat(native().scalars_from_ints([1])))


def test_the_reference_backend_gets_the_reference_kernels() -> None:
    assert isinstance(get_kernels(REFERENCE), ReferenceKernels)
    assert not isinstance(native_kernels(), ReferenceKernels)


def test_vectors_of_another_backend_are_refused() -> None:
    kernels = native_kernels()
    with pytest.raises(TypeError):
        kernels.row_commitment_key(REFERENCE.identity(2), REFERENCE.identity(1))
    with pytest.raises(TypeError):
        kernels.evaluate_positions(PositionBatch.zeros(1), REFERENCE.scalars_from_ints([1]), 0)


def test_states_show_no_secrets() -> None:
    table = table_of(4, 4, 0)
    state = native_kernels().account_sumcheck(table.bits, table.shape, [3] * table.shape.variables)
    state.bind(inverse(3))
    for shown in (repr(state), str(state)):
        assert str(inverse(3)) not in shown
        assert shown.startswith("<native._kernels.AccountSumcheck object")
