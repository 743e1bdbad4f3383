"""The native backend: laws on long vectors, all of E, exact sums, strict inputs, threads and processes.

Lengths lie around the limits at which the kernels change method or cut work into tasks. That both backends
give the same bytes is the subject of ``test_backends_agree.py``; here the native one stands alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from primitives import decoding_reasons as reasons
from primitives.backend import Backend, CommitmentKey, PointVector, ScalarVector
from primitives.errors import BackendUnavailableError, DecodingError
from primitives.parameters import COFACTOR_MULTIPLIER, FIELD_CHARACTERISTIC, GROUP_ORDER

try:
    from native import _kernels
    from primitives import native_backend
except (ImportError, BackendUnavailableError):
    pytest.skip("THE NATIVE BACKEND IS NOT TESTED: it is not built here", allow_module_level=True)

ROOT: Final = Path(__file__).parent.parent
BACKEND: Final[Backend] = native_backend.NativeBackend()
IDENTITY: Final = bytes([0xC0]) + bytes(47)
ORDER_THREE: Final = BACKEND.points_from_compressed(bytes([0x80]) + bytes(47))
OUTSIDE: Final = BACKEND.points_from_compressed(bytes([0x80]) + bytes(46) + bytes([4]))
"""x = 4: not in G1, of an order that r divides."""

# Methods change at 12 and 100 points; tasks and batches end at 512, 1,024 and 4,096.
LENGTHS: Final = [1, 2, 3, 12, 13, 100, 101, 511, 513, 1025, 4097]


def scalars(*values: int) -> ScalarVector:
    return BACKEND.scalars_from_ints(values)


def random_scalars(count: int, seed: int = 0) -> list[int]:
    """Edge cases first, then random integers below r."""
    generator = random.Random(seed)
    edges = [GROUP_ORDER - 1, 0, 1, 2, 2**128 - 1, GROUP_ORDER // 2]
    return (edges + [generator.randrange(GROUP_ORDER) for _ in range(count)])[:count]


def make_points(count: int) -> PointVector:
    """G1, all kinds of points outside it, the identity, repeated and opposite points."""
    members = BACKEND.hash_to_curve([bytes([i]) for i in range(5)], b"native backend tests")
    pool = members.concat(members.slice(0, 1).negate()).concat(ORDER_THREE).concat(ORDER_THREE.negate())
    pool = pool.concat(OUTSIDE).concat(members.slice(0, 1).add(ORDER_THREE)).concat(BACKEND.identity(1))
    while len(pool) < count:
        pool = pool.concat(pool.add(pool.slice(1, len(pool)).concat(pool.slice(0, 1))))
    return pool.slice(0, count)


POINTS: Final = make_points(8192)


def encoded(points: PointVector) -> list[bytes]:
    data = points.to_compressed()
    return [data[i : i + 48] for i in range(0, len(data), 48)]


def linear_sum(points: PointVector, values: list[int]) -> bytes:
    """``sum_i values_i P_i`` bit by bit, from element-wise additions and pairwise sums alone."""
    total = BACKEND.identity(1)
    for bit in reversed(range(255)):
        chosen = [points.slice(i, i + 1) for i, value in enumerate(values) if value >> bit & 1]
        total = total.add(total)
        for point in chosen:
            total = total.add(point)
    return total.to_compressed()


def test_the_classes_implement_the_interface() -> None:
    key: CommitmentKey = BACKEND.commitment_key(POINTS.slice(0, 2), POINTS.slice(0, 1), 1)
    assert BACKEND.name == "native"
    assert isinstance(POINTS, PointVector)
    assert isinstance(scalars(), ScalarVector)
    assert isinstance(key, CommitmentKey)


# Scalars


@pytest.mark.parametrize("count", [0, 1, 2, 4095, 4096, 4097, 10000])
def test_scalar_operations_are_arithmetic_modulo_r(count: int) -> None:
    a, b = random_scalars(count, 1), random_scalars(count, 2)[::-1]
    left, right = scalars(*a), scalars(*b)
    assert left.to_ints() == a
    assert left.to_bytes() == b"".join(value.to_bytes(32, "big") for value in a)
    assert left.add(right).to_ints() == [(x + y) % GROUP_ORDER for x, y in zip(a, b, strict=True)]
    assert left.sub(right).to_ints() == [(x - y) % GROUP_ORDER for x, y in zip(a, b, strict=True)]
    assert left.multiply(right).to_ints() == [x * y % GROUP_ORDER for x, y in zip(a, b, strict=True)]
    assert left.scale(b[-1] if b else 5).to_ints() == [x * (b[-1] if b else 5) % GROUP_ORDER for x in a]
    assert left.inner(right) == sum(x * y for x, y in zip(a, b, strict=True)) % GROUP_ORDER
    assert left.sum() == sum(a) % GROUP_ORDER
    folded = left.concat(right).fold(7**80)
    assert folded.to_ints() == [(x + 7**80 * y) % GROUP_ORDER for x, y in zip(a, b, strict=True)]
    assert left.concat(right).slice(count, 2 * count).to_ints() == b


def test_scalars_from_machine_integers_and_wide_bytes() -> None:
    values = np.array([0, 1, -1, 2**63 - 1, -(2**63)] * 1000, dtype=np.int64)
    assert BACKEND.scalars_from_int64(values[::2]).to_ints() == [int(v) % GROUP_ORDER for v in values[::2]]
    wide = [0, GROUP_ORDER, GROUP_ORDER - 1, 2**256, 2**512 - 1, *[v**2 for v in random_scalars(20)]]
    data = b"".join(value.to_bytes(64, "big") for value in wide)
    assert BACKEND.scalars_from_wide_bytes(data).to_ints() == [value % GROUP_ORDER for value in wide]
    assert scalars(-5, GROUP_ORDER + 3, 2**600).to_ints() == [GROUP_ORDER - 5, 3, 2**600 % GROUP_ORDER]


# Points


@pytest.mark.parametrize("count", LENGTHS)
def test_group_laws(count: int) -> None:
    p, q = (
        POINTS.slice(0, count),
        POINTS.slice(count, 2 * count) if count <= 4096 else POINTS.slice(1, count + 1),
    )
    shifted = p.slice(1, count).concat(p.slice(0, 1))
    assert p.add(q).to_compressed() == q.add(p).to_compressed()
    assert p.add(q).add(shifted).to_compressed() == p.add(q.add(shifted)).to_compressed()
    assert p.add(p.negate()).identity_mask().all()
    assert p.add(BACKEND.identity(count)).to_compressed() == p.to_compressed()
    assert BACKEND.identity(count).add(p).to_compressed() == p.to_compressed()
    assert p.add(p).to_compressed() == p.scale(scalars(*[2] * count)).to_compressed()
    assert p.negate().negate().to_compressed() == p.to_compressed()


def test_every_pair_of_a_few_special_points_adds_to_what_multiples_say() -> None:
    # k B for |k| <= 4 and an order-3 point T: all sums are k B + t T with known k and t.
    base = OUTSIDE
    multiples = [(k, t) for k in range(-4, 5) for t in range(3)]
    torsion = [BACKEND.identity(1), ORDER_THREE, ORDER_THREE.negate()]

    def point(k: int, t: int) -> PointVector:
        multiple = base.scale(scalars(abs(k)))
        return (multiple.negate() if k < 0 else multiple).add(torsion[t % 3])

    left = right = expected = BACKEND.identity(0)
    for k, t in multiples:
        for n, u in multiples:
            left, right = left.concat(point(k, t)), right.concat(point(n, u))
            expected = expected.concat(point(k + n, t + u))
    assert left.add(right).to_compressed() == expected.to_compressed()


@pytest.mark.parametrize("count", LENGTHS)
def test_scale_is_distributive_and_agrees_with_sums(count: int) -> None:
    points = POINTS.slice(0, count)
    # Halves, so that a + b < r: outside G1 scalars act as integers.
    a, b = ([value // 2 for value in random_scalars(count, seed)] for seed in (1, 2))
    products = points.scale(scalars(*a)).add(points.scale(scalars(*b)))
    total = [x + y for x, y in zip(a, b, strict=True)]
    assert points.scale(scalars(*total)).to_compressed() == products.to_compressed()
    last = points.slice(count - 1, count)
    assert encoded(points.scale(scalars(*a)))[-1] == linear_sum(last, a[-1:])


def test_scale_by_small_and_extreme_factors() -> None:
    points = POINTS.slice(0, 40)
    for factor in (0, 1, 2, 3, 15, 16, 17, 31, 32, 33):
        expected = BACKEND.identity(40)
        for _ in range(factor):
            expected = expected.add(points)
        assert points.scale(scalars(*[factor] * 40)).to_compressed() == expected.to_compressed()
    # r P = O in G1 only, and (r - 1) P = -P there.
    negated = points.scale(scalars(*[GROUP_ORDER - 1] * 40)).add(points)
    assert negated.identity_mask().tolist() == points.subgroup_mask().tolist()


@pytest.mark.parametrize("count", LENGTHS)
def test_sums_of_any_length(count: int) -> None:
    points = POINTS.slice(0, count)
    pairwise = points
    while len(pairwise) > 1:
        if len(pairwise) % 2:
            pairwise = pairwise.concat(BACKEND.identity(1))
        half = len(pairwise) // 2
        pairwise = pairwise.slice(0, half).add(pairwise.slice(half, 2 * half))
    assert points.sum().to_compressed() == pairwise.to_compressed()


def test_the_empty_sum_is_the_identity() -> None:
    nothing = BACKEND.identity(0)
    assert nothing.sum().to_compressed() == IDENTITY
    assert BACKEND.multi_scalar_multiply(nothing, scalars()).to_compressed() == IDENTITY
    assert nothing.to_compressed() == nothing.to_uncompressed() == b""
    assert len(nothing.scale(scalars())) == len(nothing.fold(3)) == len(nothing.multiply_by_cofactor()) == 0


@pytest.mark.parametrize("half", [1, 12, 13, 511, 513])
@pytest.mark.parametrize("challenge", [0, 1, 2**127 + 2**64 + 3, 2**128 - 1, GROUP_ORDER - 1])
def test_fold_multiplies_the_left_half(half: int, challenge: int) -> None:
    points = POINTS.slice(0, 2 * half)
    left, right = points.slice(0, half), points.slice(half, 2 * half)
    expected = left.scale(scalars(*[challenge] * half)).add(right)
    assert points.fold(challenge).to_compressed() == expected.to_compressed()


@pytest.mark.parametrize("count", LENGTHS[:-1])
def test_the_cofactor_clears_every_point_into_the_subgroup(count: int) -> None:
    points = POINTS.slice(0, count)
    cleared = points.multiply_by_cofactor()
    assert cleared.to_compressed() == points.scale(scalars(*[COFACTOR_MULTIPLIER] * count)).to_compressed()
    assert cleared.scale(scalars(*[GROUP_ORDER - 1] * count)).add(cleared).identity_mask().all()


def test_masks() -> None:
    points = POINTS.slice(0, 3).concat(ORDER_THREE).concat(OUTSIDE).concat(BACKEND.identity(1))
    assert points.subgroup_mask().tolist() == [True, True, True, False, False, True]
    assert points.identity_mask().tolist() == [False] * 5 + [True]
    assert points.identity_mask().dtype == np.bool_


# Multi-scalar multiplication


@pytest.mark.parametrize("count", [0, *LENGTHS])
def test_multi_scalar_multiplication_agrees_with_scale_and_sum(count: int) -> None:
    points, factors = POINTS.slice(0, count), scalars(*random_scalars(count))
    expected = points.scale(factors).sum()
    assert BACKEND.multi_scalar_multiply(points, factors).to_compressed() == expected.to_compressed()


@pytest.mark.parametrize("count", [5, 300])
def test_multi_scalar_multiplication_of_order_three_points(count: int) -> None:
    values = random_scalars(count)
    points = ORDER_THREE
    for _ in range(count - 1):
        points = points.concat(ORDER_THREE)
    expected = [BACKEND.identity(1), ORDER_THREE, ORDER_THREE.negate()][sum(values) % 3]
    result = BACKEND.multi_scalar_multiply(points, scalars(*values))
    assert result.to_compressed() == expected.to_compressed()


@pytest.mark.parametrize("count", [4, 100, 1000])
def test_multi_scalar_multiplication_of_equal_and_opposite_terms(count: int) -> None:
    one = POINTS.slice(0, 1)
    repeated = BACKEND.identity(count).add(one) if count == 1 else one
    while len(repeated) < count:
        repeated = repeated.concat(repeated)
    repeated = repeated.slice(0, count)
    value = random_scalars(7)[-1]
    result = BACKEND.multi_scalar_multiply(repeated, scalars(*[value] * count))
    assert result.to_compressed() == one.scale(scalars(value * count)).to_compressed()
    both = repeated.concat(repeated.negate())
    cancelled = BACKEND.multi_scalar_multiply(both, scalars(*[value] * (2 * count)))
    assert cancelled.to_compressed() == IDENTITY
    assert BACKEND.multi_scalar_multiply(both, scalars(*[0] * (2 * count))).to_compressed() == IDENTITY


@pytest.mark.parametrize("bits", [1, 2, 8, 64, 128])
def test_multi_scalar_multiplication_by_short_scalars(bits: int) -> None:
    values = [value % 2**bits for value in random_scalars(200)]
    points = POINTS.slice(0, 200)
    expected = points.scale(scalars(*values)).sum()
    assert BACKEND.multi_scalar_multiply(points, scalars(*values)).to_compressed() == expected.to_compressed()


def test_blst_gives_the_same_inside_the_subgroup() -> None:
    points = POINTS.slice(0, 300).multiply_by_cofactor()
    factors = scalars(*random_scalars(300))
    expected = BACKEND.multi_scalar_multiply(points, factors)
    assert _kernels.blst_pippenger(points, factors).to_compressed() == expected.to_compressed()


# Commitments


def commit_naively(
    generators: PointVector,
    blinding_generator: PointVector,
    rows: list[list[tuple[int, int]]],
    blindings: list[int],
) -> bytes:
    total = blinding_generator.slice(0, 0)
    for row, blinding in zip(rows, blindings, strict=True):
        commitment = blinding_generator.scale(scalars(blinding))
        for column, amount in row:
            term = generators.slice(column, column + 1).scale(scalars(abs(amount)))
            commitment = commitment.add(term.negate() if amount < 0 else term)
        total = total.concat(commitment)
    return total.to_compressed()


def sparse(
    rows: list[list[tuple[int, int]]],
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
    offsets = np.cumsum([0, *(len(row) for row in rows)], dtype=np.int64)
    entries = [entry for row in rows for entry in row]
    columns = np.array([column for column, _ in entries], dtype=np.int32)
    return offsets, columns, np.array([amount for _, amount in entries], dtype=np.int64)


EXTREMES: Final = [0, 1, -1, 2**63 - 1, -(2**63), -(2**63) + 1, 2**62, -(2**15), 2**15, 2**16 - 1, 2**31]


@pytest.mark.parametrize("expected_rows", [0, 1, 1000, 10**5])
def test_commitments_agree_with_scale_and_add(expected_rows: int) -> None:
    # Generators of G1, outside, of order 3, the identity, a repeated one and its opposite.
    generators = POINTS.slice(0, 11).concat(POINTS.slice(0, 1))
    blinding_generator = POINTS.slice(2, 3)
    generator = random.Random(5)
    rows = [[(column, amount)] for column in range(12) for amount in EXTREMES]
    rows += [[], [(3, 5), (3, 5), (3, -10)], [(0, 7), (11, -7)], [(0, 7), (5, 7)]]
    rows += [
        [(generator.randrange(12), generator.randrange(-(2**63), 2**63)) for _ in range(k)] for k in range(30)
    ]
    blindings = [0 if i % 5 == 0 else value for i, value in enumerate(random_scalars(len(rows)))]
    key = BACKEND.commitment_key(generators, blinding_generator, expected_rows)
    committed = key.commit(*sparse(rows), scalars(*blindings))
    assert committed.to_compressed() == commit_naively(generators, blinding_generator, rows, blindings)


def test_commitments_cancel_to_the_identity() -> None:
    key = BACKEND.commitment_key(POINTS.slice(0, 1), POINTS.slice(1, 2), 1)
    assert key.commit(*sparse([[], [(0, 9), (0, -9)], [(0, 0)]]), scalars(0, 0, 0)).identity_mask().all()
    assert len(key.commit(*sparse([]), scalars())) == 0


@pytest.mark.parametrize("count", [255, 256, 257, 1500])
def test_commitments_are_additive_across_long_batches(count: int) -> None:
    # The sum of all commitments is the commitment to the sums.
    generator = random.Random(count)
    rows = [
        [(column, generator.randrange(-(2**40), 2**40)) for column in range(generator.randrange(6))]
        for _ in range(count)
    ]
    blindings = random_scalars(count)
    generators, blinding_generator = POINTS.slice(0, 5), POINTS.slice(1, 2)
    key = BACKEND.commitment_key(generators, blinding_generator, count)
    total = key.commit(*sparse(rows), scalars(*blindings)).sum()
    sums = [sum(amount for row in rows for column, amount in row if column == c) for c in range(5)]
    single = key.commit(*sparse([list(enumerate(sums))]), scalars(sum(blindings)))
    assert total.to_compressed() == single.to_compressed()


def test_one_row_of_many_entries() -> None:
    rows = [[(i % 3, (-1) ** i * (2**62 + i)) for i in range(6000)], [(0, 1)]]
    sums = [sum(amount for column, amount in rows[0] if column == c) for c in range(3)]
    generators, blinding_generator = POINTS.slice(0, 3), POINTS.slice(1, 2)
    key = BACKEND.commitment_key(generators, blinding_generator, 2)
    assert all(abs(total) < 2**63 for total in sums)
    expected = commit_naively(generators, blinding_generator, [list(enumerate(sums)), [(0, 1)]], [5, 6])
    assert key.commit(*sparse(rows), scalars(5, 6)).to_compressed() == expected


def test_a_key_without_assets_commits_to_nothing() -> None:
    key = BACKEND.commitment_key(BACKEND.identity(0), POINTS.slice(0, 1), 10)
    blinded = key.commit(*sparse([[], []]), scalars(3, 4))
    expected = POINTS.slice(0, 1).scale(scalars(3)).concat(POINTS.slice(0, 1).scale(scalars(4)))
    assert blinded.to_compressed() == expected.to_compressed()


MALFORMED: Final[dict[str, tuple[list[int], list[int], list[int], str]]] = {
    "no offsets": ([], [], [], "row_offsets"),
    "offsets for one row": ([0, 1], [0], [1], "one entry more"),
    "offsets for three rows": ([0, 1, 1, 1], [0], [1], "one entry more"),
    "first offset above 0": ([1, 1, 1], [0], [1], "start at 0"),
    "first offset below 0": ([-1, 1, 1], [0], [1], "start at 0"),
    "end before the entries": ([0, 0, 0], [0], [1], "end at the number of entries"),
    "end behind the entries": ([0, 1, 2], [0], [1], "end at the number of entries"),
    "negative end": ([0, 0, -1], [0], [1], "end at the number of entries"),
    "offsets fall": ([0, 2, 1], [0], [1], "must not decrease"),
    "offsets fall below 0": ([0, -1, 1], [0], [1], "must not decrease"),
    "column too large": ([0, 1, 2], [0, 2], [1, 1], "entry 1: column"),
    "negative column": ([0, 1, 2], [-1, 0], [1, 1], "entry 0: column"),
    "fewer amounts than columns": ([0, 1, 2], [0, 1], [1], "lengths differ"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_rows_are_refused(name: str) -> None:
    offsets, columns, amounts, message = MALFORMED[name]
    key = BACKEND.commitment_key(POINTS.slice(0, 2), POINTS.slice(2, 3), 1)
    arrays = np.array(offsets, np.int64), np.array(columns, np.int32), np.array(amounts, np.int64)
    with pytest.raises(ValueError, match=message):
        key.commit(*arrays, scalars(1, 2))


def test_arrays_may_be_strided_but_not_of_another_type() -> None:
    key = BACKEND.commitment_key(POINTS.slice(0, 2), POINTS.slice(2, 3), 1)
    offsets, columns, amounts = sparse([[(0, 1), (1, 2)], [(1, -3)]])
    expected = key.commit(offsets, columns, amounts, scalars(1, 2)).to_compressed()
    strided = key.commit(offsets, np.repeat(columns, 2)[::2], np.repeat(amounts, 3)[::3], scalars(1, 2))
    assert strided.to_compressed() == expected
    wrong: Any = columns.astype(np.int64)
    with pytest.raises(TypeError):
        key.commit(offsets, wrong, amounts, scalars(1, 2))
    wrong = amounts.astype(np.float64)
    with pytest.raises(TypeError):
        key.commit(offsets, columns, wrong, scalars(1, 2))


def test_keys_have_one_blinding_generator() -> None:
    for wrong in (POINTS.slice(0, 0), POINTS.slice(0, 2)):
        with pytest.raises(ValueError, match="length one"):
            BACKEND.commitment_key(POINTS, wrong, 1)
    with pytest.raises(ValueError, match="negative number of rows"):
        BACKEND.commitment_key(POINTS, POINTS.slice(0, 1), -1)


# Refused operands


def test_unequal_and_odd_lengths_and_bad_slices_are_refused() -> None:
    one, two = scalars(1), scalars(1, 2)
    for operation in (one.add, one.sub, one.multiply, one.inner, POINTS.slice(0, 1).scale):
        with pytest.raises(ValueError, match="lengths differ: 1 and 2"):
            operation(two)
    with pytest.raises(ValueError, match="lengths differ: 8192 and 1"):
        POINTS.add(ORDER_THREE)
    with pytest.raises(ValueError, match="lengths differ: 1 and 2"):
        BACKEND.multi_scalar_multiply(ORDER_THREE, two)
    for fold in (one.fold, ORDER_THREE.fold):
        with pytest.raises(ValueError, match="length is odd: 1"):
            fold(5)
    for vector in (two, POINTS.slice(0, 2)):
        for start, stop in [(-1, 1), (0, 3), (2, 1), (3, 3)]:
            with pytest.raises(ValueError, match=f"slice {start}:{stop} is outside"):
                vector.slice(start, stop)
    with pytest.raises(ValueError, match="negative length"):
        BACKEND.identity(-1)


@pytest.mark.parametrize("value", [-1, GROUP_ORDER, 2**256, -(2**300), 2**600])
def test_factors_outside_the_field_are_refused(value: int) -> None:
    for operation in (scalars(1, 2).scale, scalars(1, 2).fold, POINTS.fold):
        with pytest.raises(ValueError, match=re.escape("scalar is not in [0, r)")):
            operation(value)


def test_operands_of_another_type_are_refused() -> None:
    stranger: Any = object()
    for operation in (scalars(1).add, scalars(1).scale, POINTS.add, POINTS.scale, POINTS.fold):
        with pytest.raises(TypeError):
            operation(stranger)
    text: Any = "7"
    with pytest.raises(TypeError, match="not an int"):
        scalars(1).scale(text)


# Encodings


def flagged(flags: int, *coordinates: int) -> bytes:
    data = bytearray(b"".join(value.to_bytes(48, "big") for value in coordinates))
    data[0] |= flags
    return bytes(data)


P: Final = FIELD_CHARACTERISTIC
GOOD: Final = POINTS.slice(0, 1)
X, Y = (int.from_bytes(GOOD.to_uncompressed()[i : i + 48], "big") for i in (0, 48))

COMPRESSED_REJECTS: Final[dict[str, tuple[bytes, str, int | None]]] = {
    "short": (GOOD.to_compressed()[:-1], reasons.LENGTH, None),
    "long": (GOOD.to_compressed() + b"\x00", reasons.LENGTH, None),
    "no flag": (flagged(0, X), reasons.COMPRESSION_FLAG, 0),
    "uncompressed identity": (flagged(0x40, 0), reasons.COMPRESSION_FLAG, 0),
    "identity with sign": (flagged(0xE0, 0), reasons.IDENTITY_BITS, 0),
    "identity with high bit of x": (flagged(0xC1, 0), reasons.IDENTITY_BITS, 0),
    "identity with low bit of x": (flagged(0xC0, 1), reasons.IDENTITY_BITS, 0),
    "x = p": (flagged(0x80, P), reasons.COORDINATE_RANGE, 0),
    "x = p, other sign": (flagged(0xA0, P), reasons.COORDINATE_RANGE, 0),
    "x = p + 4": (flagged(0x80, P + 4), reasons.COORDINATE_RANGE, 0),
    "x of all ones": (b"\x9f" + b"\xff" * 47, reasons.COORDINATE_RANGE, 0),
    "x = 1": (flagged(0x80, 1), reasons.NOT_ON_CURVE, 0),
    "the first of several": (
        POINTS.slice(0, 60).to_compressed() + flagged(0x80, 1) + flagged(0x00, 1),
        reasons.NOT_ON_CURVE,
        60,
    ),
}
UNCOMPRESSED_REJECTS: Final[dict[str, tuple[bytes, str, int | None]]] = {
    "short": (GOOD.to_uncompressed()[:-1], reasons.LENGTH, None),
    "compressed": (GOOD.to_compressed(), reasons.LENGTH, None),
    "compression flag": (flagged(0x80, X, Y), reasons.COMPRESSION_FLAG_SET, 0),
    "compressed identity": (flagged(0xC0, 0, 0), reasons.COMPRESSION_FLAG_SET, 0),
    "identity with sign": (flagged(0x60, 0, 0), reasons.IDENTITY_BITS, 0),
    "identity with x": (flagged(0x40, 1, 0), reasons.IDENTITY_BITS, 0),
    "identity with y": (flagged(0x40, 0, 1), reasons.IDENTITY_BITS, 0),
    "sign flag": (flagged(0x20, X, Y), reasons.SIGN_FLAG, 0),
    "x + p": (flagged(0, P, 2), reasons.COORDINATE_RANGE, 0),
    "y + p": (flagged(0, 0, P + 2), reasons.COORDINATE_RANGE, 0),
    "y = 2^384 - 1": (flagged(0, X, 2**384 - 1), reasons.COORDINATE_RANGE, 0),
    "another y": (flagged(0, X, Y - 1), reasons.NOT_ON_CURVE, 0),
    "origin": (flagged(0, 0, 0), reasons.NOT_ON_CURVE, 0),
    "the first of several": (
        POINTS.slice(0, 5000).to_uncompressed() + flagged(0, 1, 1) + flagged(0x20, 1, 1),
        reasons.NOT_ON_CURVE,
        5000,
    ),
}
SCALAR_REJECTS: Final[dict[str, tuple[bytes, str, int | None]]] = {
    "short": (bytes(31), reasons.LENGTH, None),
    "long": (bytes(33), reasons.LENGTH, None),
    "r": (GROUP_ORDER.to_bytes(32, "big"), reasons.SCALAR_RANGE, 0),
    "2^256 - 1": (b"\xff" * 32, reasons.SCALAR_RANGE, 0),
    "the first of several": (bytes(32 * 5000) + b"\xff" * 96, reasons.SCALAR_RANGE, 5000),
}


@pytest.mark.parametrize(
    ("decoder", "case"),
    [
        *(("points_from_compressed", case) for case in COMPRESSED_REJECTS.items()),
        *(("points_from_uncompressed", case) for case in UNCOMPRESSED_REJECTS.items()),
        *(("scalars_from_bytes", case) for case in SCALAR_REJECTS.items()),
        ("scalars_from_wide_bytes", ("short", (bytes(32), reasons.LENGTH, None))),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_decoding_is_strict(decoder: str, case: tuple[str, tuple[bytes, str, int | None]]) -> None:
    data, reason, index = case[1]
    with pytest.raises(DecodingError, match=re.escape(reason)) as error:
        getattr(BACKEND, decoder)(data)
    assert (error.value.reason, error.value.index) == (reason, index)


@pytest.mark.parametrize("count", LENGTHS)
def test_encodings_round_trip(count: int) -> None:
    points = POINTS.slice(0, count)
    compressed, uncompressed = points.to_compressed(), points.to_uncompressed()
    assert BACKEND.points_from_compressed(compressed).to_uncompressed() == uncompressed
    assert BACKEND.points_from_uncompressed(uncompressed).to_compressed() == compressed
    data = scalars(*random_scalars(count)).to_bytes()
    assert BACKEND.scalars_from_bytes(data).to_bytes() == data


def test_the_sign_bit_chooses_the_larger_root() -> None:
    for point in (POINTS.slice(i, i + 1) for i in range(10)):
        x, y = (int.from_bytes(point.to_uncompressed()[i : i + 48], "big") for i in (0, 48))
        assert point.to_compressed() == flagged(0xA0 if y > P - y else 0x80, x)


# Hash to curve, sum tree


def test_hash_to_curve_vectors_of_rfc_9380() -> None:
    vectors = json.loads((Path(__file__).parent / "vectors" / "rfc9380_bls12381g1.json").read_text())
    messages = [case["message"].encode() for case in vectors["cases"]]
    points = BACKEND.hash_to_curve(messages, vectors["domain"].encode())
    assert len(messages) == 5
    assert points.to_uncompressed().hex() == "".join(case["x"] + case["y"] for case in vectors["cases"])


def test_hash_to_curve_of_many_messages_keeps_their_order() -> None:
    messages = [bytes([i]) * i for i in range(70)]
    together = encoded(BACKEND.hash_to_curve(messages, b"D"))
    assert together == [BACKEND.hash_to_curve([message], b"D").to_compressed() for message in messages]
    for domain in (b"", bytes(256)):
        with pytest.raises(ValueError, match="1 to 255 bytes"):
            BACKEND.hash_to_curve(messages, domain)


@pytest.mark.parametrize("count", [1, 2, 1024, 1026, 4098])
def test_sum_tree_against_hashlib(count: int) -> None:
    points = POINTS.slice(0, count)
    commitments = encoded(points)
    tags = [hashlib.sha256(bytes([i % 256, i // 256])).digest() for i in range(count)]
    leaves = [hashlib.sha256(b"\x00" + t + c).digest() for t, c in zip(tags, commitments, strict=True)]
    hashes = BACKEND.sum_tree_leaf_hashes(b"".join(tags), points.to_compressed())
    assert hashes == b"".join(leaves)
    if count % 2:
        return
    parents, sums = BACKEND.sum_tree_level(hashes, points)
    nodes = [leaf + commitment for leaf, commitment in zip(leaves, commitments, strict=True)]
    expected = [hashlib.sha256(b"\x01" + nodes[i] + nodes[i + 1]).digest() for i in range(0, count, 2)]
    assert parents == b"".join(expected)
    pairs = [points.slice(i, i + 1).add(points.slice(i + 1, i + 2)) for i in range(0, count, 2)]
    assert encoded(sums) == [pair.to_compressed() for pair in pairs]


def test_sum_tree_inputs_must_fit_together() -> None:
    for tags, commitments, message in [
        (bytes(31), bytes(48), "multiple"),
        (bytes(32), bytes(47), "multiple"),
        (bytes(32), bytes(96), "lengths differ"),
    ]:
        with pytest.raises(ValueError, match=message):
            BACKEND.sum_tree_leaf_hashes(tags, commitments)
    for hashes, count, message in [
        (bytes(63), 2, "multiple"),
        (bytes(64), 1, "lengths differ"),
        (bytes(96), 3, "length is odd"),
    ]:
        with pytest.raises(ValueError, match=message):
            BACKEND.sum_tree_level(hashes, POINTS.slice(0, count))


# Threads, processes, loading


@pytest.fixture
def _restore_threads() -> Iterator[None]:
    yield
    native_backend.set_thread_count(native_backend.parse_thread_count(os.environ.get("SEALEDBOOK_THREADS")))


@pytest.mark.usefixtures("_restore_threads")
def test_results_do_not_depend_on_the_thread_count() -> None:
    points, factors = POINTS.slice(0, 3000), scalars(*random_scalars(3000))
    rows = [[(column, 2**40 + i) for column in range(3)] for i in range(600)]
    seen = set()
    for count in (1, 2, 5, 64):
        native_backend.set_thread_count(count)
        assert native_backend.thread_count() == count
        key = BACKEND.commitment_key(points.slice(0, 3), points.slice(3, 4), 600)
        results = [
            BACKEND.multi_scalar_multiply(points, factors),
            points.sum(),
            points.fold(2**127 + 1),
            points.add(points),
            key.commit(*sparse(rows), factors.slice(0, 600)),
            BACKEND.sum_tree_level(bytes(32 * 3000), points)[1],
        ]
        seen.add(b"".join(result.to_compressed() for result in results) + factors.add(factors).to_bytes())
    assert len(seen) == 1


@pytest.mark.usefixtures("_restore_threads")
def test_thread_counts_are_checked() -> None:
    for count in (-1, 1025):
        with pytest.raises(ValueError, match="thread count is not in"):
            native_backend.set_thread_count(count)
    native_backend.set_thread_count(0)
    assert native_backend.thread_count() >= 1
    assert native_backend.parse_thread_count(None) == native_backend.parse_thread_count("") == 0
    assert native_backend.parse_thread_count("12") == 12
    for text in ("0", "-1", "two", "1.5", "1025", " 2", "²", "9" * 5000):
        with pytest.raises(BackendUnavailableError, match="SEALEDBOOK_THREADS is not an integer"):
            native_backend.parse_thread_count(text)


@pytest.mark.usefixtures("_restore_threads")
def test_kernels_release_the_interpreter_lock() -> None:
    native_backend.set_thread_count(1)
    points, factors = POINTS.slice(0, 4000), scalars(*random_scalars(4000))
    worker = threading.Thread(target=points.scale, args=(factors,))
    worker.start()
    wakes = 0
    while worker.is_alive():
        time.sleep(0.001)  # Returns with the lock, which a kernel that kept it would give up at its end.
        wakes += 1
    assert wakes > 5


@pytest.mark.usefixtures("_restore_threads")
def test_one_key_serves_many_threads_at_once() -> None:
    native_backend.set_thread_count(2)
    generators, blindings = POINTS.slice(0, 5), scalars(*random_scalars(300))
    rows = sparse([[(i % 5, i)] for i in range(300)])
    key = BACKEND.commitment_key(generators, POINTS.slice(1, 2), 10**4)
    results: list[bytes] = []
    workers = [
        threading.Thread(target=lambda: results.append(key.commit(*rows, blindings).to_compressed()))
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(results) == 4
    assert len(set(results)) == 1


def run_python(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_a_forked_process_has_threads_of_its_own() -> None:
    program = """
import os
from primitives.native_backend import NativeBackend
backend = NativeBackend()
points = backend.hash_to_curve([bytes([i]) for i in range(200)], b"D")
before = points.subgroup_mask().sum()
child = os.fork()
if child == 0:
    os._exit(0 if points.subgroup_mask().sum() == before == 200 else 1)
print(os.waitpid(child, 0)[1])
"""
    result = run_python(program, SEALEDBOOK_THREADS="2")
    assert (result.stdout, result.stderr) == ("0\n", "")


def test_the_environment_sets_the_thread_count() -> None:
    program = "from primitives.native_backend import thread_count; print(thread_count())"
    assert run_python(program, SEALEDBOOK_THREADS="3").stdout == "3\n"
    refused = run_python(program, SEALEDBOOK_THREADS="many")
    assert "BackendUnavailableError: SEALEDBOOK_THREADS is not an integer" in refused.stderr


def test_a_missing_binary_is_said_to_be_missing() -> None:
    program = "import sys; sys.modules['native._kernels'] = None; import primitives.native_backend"
    assert "BackendUnavailableError: the native kernels are not installed" in run_python(program).stderr


def test_a_stale_binary_is_refused() -> None:
    native_backend.check_abi(_kernels.ABI_VERSION)
    with pytest.raises(BackendUnavailableError, match="the native kernels are stale"):
        native_backend.check_abi(_kernels.ABI_VERSION + 1)
    program = "from native import _kernels; del _kernels.ABI_VERSION; import primitives.native_backend"
    assert "BackendUnavailableError: the native kernels are stale" in run_python(program).stderr


def test_every_reason_of_the_kernels_has_a_text() -> None:
    source = (ROOT / "native" / "src" / "errors.rs").read_text()
    codes = re.findall(r'Self::\w+ => "([A-Z_]+)"', source)
    assert len(codes) == 8
    assert all(isinstance(getattr(reasons, code), str) for code in codes)


def test_reprs_show_no_values() -> None:
    assert "1234567" not in repr(scalars(1234567))
