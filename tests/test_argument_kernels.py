"""The kernels' contract, for every implementation that can be loaded: each result against its definition."""

from __future__ import annotations

import random

import numpy as np
import pytest
from argument_support import case, fast_backend, generators_of, mixed_statement, range_statement

from primitives.argument_parameters import ArgumentShape
from primitives.backend import Backend
from primitives.kernel_choice import get_kernels
from primitives.kernels import ArgumentKernels, PackedBits, check_packed_bits, packed_width
from primitives.multilinear import bind_first, equality_table
from primitives.parameters import GROUP_ORDER as R
from primitives.reference_backend import ReferenceBackend
from primitives.reference_kernels import ReferenceKernels

IMPLEMENTATIONS: list[tuple[Backend, ArgumentKernels]] = [
    (ReferenceBackend(), ReferenceKernels(ReferenceBackend())),
    (fast_backend(), ReferenceKernels(fast_backend())),
    (fast_backend(), get_kernels(fast_backend())),
]
SHAPES = [
    # accounts, bits, row variables
    (1, 3, 0),
    (1, 9, 3),
    (2, 5, 4),
    (3, 8, 2),
    (3, 1, 2),
    (5, 9, 5),
    (4, 11, 6),
    (2, 0, 1),
]


@pytest.fixture(params=IMPLEMENTATIONS, ids=lambda p: f"{type(p[1]).__name__}-{p[0].name}", scope="module")
def implementation(request: pytest.FixtureRequest) -> tuple[Backend, ArgumentKernels]:
    chosen: tuple[Backend, ArgumentKernels] = request.param
    return chosen


@pytest.fixture(params=SHAPES, ids=str)
def shape(request: pytest.FixtureRequest) -> ArgumentShape:
    accounts, bits, row_variables = request.param
    return ArgumentShape(accounts, bits, 1, row_variables, 0)


def random_bits(shape: ArgumentShape) -> tuple[PackedBits, list[int]]:
    """Packed bits and the whole table as integers, padding included."""
    source = np.random.default_rng(shape.bits + 100 * shape.accounts)
    single = source.integers(0, 2, (shape.accounts, shape.bits)).astype(np.uint8)
    table = np.zeros((1 << shape.account_variables, shape.padded_bits), np.uint8)
    table[: shape.accounts, : shape.bits] = single
    return np.packbits(single, axis=1, bitorder="little"), table.reshape(-1).tolist()


def test_row_commitments(implementation: tuple[Backend, ArgumentKernels], shape: ArgumentShape) -> None:
    backend, kernels = implementation
    bits, table = random_bits(shape)
    columns, blinding = generators_of(backend).columns(shape.columns), generators_of(backend).blinding()
    blindings = [R - 1 - index for index in range(shape.row_count)]
    key = kernels.row_commitment_key(columns, blinding)
    commitments = key.commit(bits, shape, backend.scalars_from_ints(blindings))
    assert len(commitments) == shape.row_count
    bases = columns.concat(blinding)
    for position, index in enumerate(shape.row_indices().tolist()):
        row = table[index * shape.columns : (index + 1) * shape.columns]
        scalars = backend.scalars_from_ints([*row, blindings[position]])
        expected = backend.multi_scalar_multiply(bases, scalars).to_compressed()
        assert commitments.slice(position, position + 1).to_compressed() == expected


def test_account_sumcheck(implementation: tuple[Backend, ArgumentKernels], shape: ArgumentShape) -> None:
    backend, kernels = implementation
    bits, integers = random_bits(shape)
    source = random.Random(1)
    tau = [source.randrange(2, R) for _ in range(shape.variables)]
    state, table = kernels.account_sumcheck(bits, shape, tau), backend.scalars_from_ints(integers)
    for bound in range(shape.account_variables):
        assert state.table().to_bytes() == table.to_bytes()
        values, half = table.to_ints(), len(table) // 2
        equality = equality_table(backend, tau[bound + 1 :]).to_ints()
        pairs = list(zip(equality, values[:half], values[half:], strict=True))
        linear = sum(e * (b_1 - b_0) * (1 - 2 * b_0) for e, b_0, b_1 in pairs) % R
        quadratic = -sum(e * (b_1 - b_0) ** 2 for e, b_0, b_1 in pairs) % R
        assert state.round_coefficients() == (linear, quadratic)
        # asking twice changes nothing
        assert state.round_coefficients() == (linear, quadratic)
        challenge = source.randrange(R)
        state.bind(challenge)
        table = bind_first(table, challenge)
    assert state.table().to_bytes() == table.to_bytes()


def test_all_account_variables_are_bound(implementation: tuple[Backend, ArgumentKernels]) -> None:
    _, kernels = implementation
    shape = ArgumentShape(2, 3, 1, 0, 0)
    state = kernels.account_sumcheck(random_bits(shape)[0], shape, [5, 6, 7])
    state.bind(11)
    with pytest.raises(ValueError, match="all account variables are bound"):
        state.round_coefficients()
    with pytest.raises(ValueError, match="all account variables are bound"):
        state.bind(12)


def test_sums_over_positions(implementation: tuple[Backend, ArgumentKernels]) -> None:
    backend, kernels = implementation
    made = case(backend, range_statement(4, 3), 5, 0, 0, padding=2)
    dense = made.witness.positions
    table = [[0] * 4 for _ in range(5)]
    for u in range(5):
        for k in range(int(dense.row_offsets[u]), int(dense.row_offsets[u + 1])):
            table[u][int(dense.columns[k])] += int(dense.amounts[k])
    weights, coefficients, constant = [R - 1, 2, 3 << 200, 0, 7], [1, R - 5, 1 << 250, 9], R - 3
    summed = kernels.sum_positions(dense, backend.scalars_from_ints(weights), 4).to_ints()
    assert summed == [sum(w * q[a] for w, q in zip(weights, table, strict=True)) % R for a in range(4)]
    evaluated = kernels.evaluate_positions(dense, backend.scalars_from_ints(coefficients), constant)
    assert evaluated.to_ints() == [
        (constant + sum(c * q for c, q in zip(coefficients, line, strict=True))) % R for line in table
    ]


def test_sums_over_positions_need_a_weight_per_account(
    implementation: tuple[Backend, ArgumentKernels],
) -> None:
    backend, kernels = implementation
    made = case(backend, range_statement(1, 3), 3, 0, 0)
    with pytest.raises(ValueError, match="positions of 3 accounts, expected 2"):
        kernels.sum_positions(made.witness.positions, backend.scalars_from_ints([1, 2]), 1)


def test_row_key_refuses_other_sizes(implementation: tuple[Backend, ArgumentKernels]) -> None:
    backend, kernels = implementation
    shape = ArgumentShape(2, 3, 1, 1, 0)
    bits = random_bits(shape)[0]
    columns, blinding = generators_of(backend).columns(2), generators_of(backend).blinding()
    key = kernels.row_commitment_key(columns, blinding)
    blindings = backend.scalars_from_ints([1] * shape.row_count)
    with pytest.raises(ValueError, match="3 blindings for 4 rows"):
        key.commit(bits, shape, blindings.slice(0, 3))
    with pytest.raises(ValueError, match="rows of 4 bits, but the key has 2 columns"):
        key.commit(bits, ArgumentShape(2, 3, 1, 2, 0), backend.scalars_from_ints([1] * 2))
    with pytest.raises(ValueError, match="packed bits are not"):
        key.commit(bits[:1], shape, blindings)


def test_account_sumcheck_refuses_other_sizes(implementation: tuple[Backend, ArgumentKernels]) -> None:
    _, kernels = implementation
    shape = ArgumentShape(2, 3, 1, 1, 0)
    bits = random_bits(shape)[0]
    with pytest.raises(ValueError, match="2 coordinates for 3 variables"):
        kernels.account_sumcheck(bits, shape, [5, 6])
    with pytest.raises(ValueError, match="packed bits are not"):
        kernels.account_sumcheck(bits[:1], shape, [5, 6, 7])


def test_packed_bits() -> None:
    shape = ArgumentShape(3, 11, 1, 0, 0)
    bits = np.zeros((3, packed_width(11)), np.uint8)
    check_packed_bits(bits, shape)
    bits[2, 1] = 1 << 2  # bit 10, the last
    check_packed_bits(bits, shape)
    bits[2, 1] = 1 << 3
    with pytest.raises(ValueError, match="set beyond the bits of the statement"):
        check_packed_bits(bits, shape)
    wrong: list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]] = [
        np.zeros((2, 2), np.uint8),
        np.zeros((3, 3), np.uint8),
        np.zeros((2, 3), np.uint8).T,
    ]
    for table in [*wrong, np.zeros((3, 2), np.int8)]:
        with pytest.raises(ValueError, match="not a contiguous uint8 array"):
            check_packed_bits(table, shape)  # type: ignore[arg-type]


def test_bits_of_a_real_statement_are_packed_as_the_kernels_read_them() -> None:
    made = case(ReferenceBackend(), mixed_statement(2), 3, 0, 0)
    check_packed_bits(made.witness.bits, made.instance.shape)


def test_bit_weights(implementation: tuple[Backend, ArgumentKernels]) -> None:
    _, kernels = implementation
    weights = kernels.bit_weights([5, R - 1, 7], [3, 2, 0])
    assert weights.to_ints() == [5, 10, 20, R - 1, R - 2]


def at(table: list[int], x: int) -> list[int]:
    """The table with its first variable set to x."""
    half = len(table) // 2
    return [(zero + x * (one - zero)) % R for zero, one in zip(table[:half], table[half:], strict=True)]


@pytest.mark.parametrize("width", [0, 1, 5, 8])
def test_bit_sumcheck(implementation: tuple[Backend, ArgumentKernels], width: int) -> None:
    backend, kernels = implementation
    source = random.Random(width)
    tau = [source.randrange(2, R) for _ in range(3)]
    padding = [0] * (8 - width)
    b = [source.randrange(R) for _ in range(width)] + padding
    weights = [source.randrange(R) for _ in range(width)]
    equality = equality_table(backend, tau).to_ints()
    scaled = [w * pow(e, -1, R) % R for w, e in zip([*weights, *padding], equality, strict=True)]
    state = kernels.bit_sumcheck(backend.scalars_from_ints(b), backend.scalars_from_ints(weights), tau)
    for bound in range(3):
        assert (state.table().to_ints(), state.weights().to_ints()) == (b, scaled)
        equality = equality_table(backend, tau[bound + 1 :]).to_ints()
        sums = [
            sum(e * v * (1 - v + w) for e, v, w in zip(equality, at(b, x), at(scaled, x), strict=True))
            for x in range(3)
        ]
        linear, quadratic = state.round_coefficients()
        assert [(sums[x] - sums[0]) % R for x in (1, 2)] == [
            (linear * x + quadratic * x * x) % R for x in (1, 2)
        ]
        challenge = source.randrange(R)
        state.bind(challenge)
        b, scaled = at(b, challenge), at(scaled, challenge)
    assert (state.table().to_ints(), state.weights().to_ints()) == (b, scaled)
    with pytest.raises(ValueError, match="all bit variables are bound"):
        state.round_coefficients()
    with pytest.raises(ValueError, match="all bit variables are bound"):
        state.bind(1)


def test_bit_sumcheck_refuses_other_sizes(implementation: tuple[Backend, ArgumentKernels]) -> None:
    backend, kernels = implementation
    four, five = backend.scalars_from_ints([1] * 4), backend.scalars_from_ints([1] * 5)
    for table, weights, tau in ((four, five, [5, 6]), (five, four, [5, 6]), (four.slice(0, 1), four, [])):
        with pytest.raises(ValueError, match="do not fit the number of bit variables"):
            kernels.bit_sumcheck(table, weights, tau)
    for degenerate in (0, 1):
        with pytest.raises(ValueError, match="a coordinate of tau is 0 or 1"):
            kernels.bit_sumcheck(four, four, [5, degenerate])
    with pytest.raises(ValueError, match=r"zip\(\) argument 2 is|lengths"):
        kernels.bit_weights([1, 2], [3])
