"""Native and reference backend on bytes and arrays: decoding, hashing, commitments, the sum tree."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pytest
from backend_comparison import (
    POOL,
    POOL_SIZE,
    REFERENCE,
    SCALARS,
    assert_agreement,
    needs_native,
    pool_points,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from primitives.backend import Backend, PointVector
from primitives.parameters import FIELD_CHARACTERISTIC, GROUP_ORDER

pytestmark = needs_native


# Encodings

P = FIELD_CHARACTERISTIC
GOOD_COMPRESSED: Final = REFERENCE.points_from_uncompressed(POOL).to_compressed()
POINT_FIRST_BYTES: Final = st.sampled_from(range(0, 256, 32))
COMPRESSED_CASES: Final = [
    b"",
    GOOD_COMPRESSED,
    GOOD_COMPRESSED[:-1],
    GOOD_COMPRESSED + b"\x00",
    *((flags << 376 | x).to_bytes(48, "big") for flags in range(0, 256, 32) for x in (0, 1, 4, P, P + 4)),
    *(bytes([first]) + b"\xff" * 47 for first in range(256)),
    *(bytes([first]) + bytes(47) for first in range(256)),
    GOOD_COMPRESSED[:48] + bytes(48) + b"\x80" + bytes(46) + b"\x01",
    GOOD_COMPRESSED[:48] + b"\x80" + bytes(46) + b"\x01" + bytes(48),
    GOOD_COMPRESSED + b"\xc0" + bytes(46) + b"\x01",
]
X, Y = int.from_bytes(POOL[:48], "big"), int.from_bytes(POOL[48:96], "big")
UNCOMPRESSED_CASES: Final = [
    b"",
    POOL,
    POOL[:-1],
    GOOD_COMPRESSED[:48],
    *(
        (flags << 760 | x << 384 | y).to_bytes(96, "big")
        for flags in range(0, 256, 32)
        for x, y in [
            (0, 0),
            (0, 1),
            (1, 0),
            (0, 2),
            (0, P + 2),
            (P, 2),
            (P, P + 2),
            (X, Y),
            (X, P - Y),
            (X, Y + 1),
            (Y, X),
            (0, 2**384 - 1),
        ]
    ),
    POOL[:96] + bytes(96) + b"\xff" * 96,
]
SCALAR_CASES: Final = [
    b"",
    bytes(31),
    bytes(64),
    (GROUP_ORDER - 1).to_bytes(32, "big") + bytes(32),
    bytes(32) + GROUP_ORDER.to_bytes(32, "big") + b"\xff" * 32,
    b"\xff" * 65,
]


@pytest.mark.parametrize("number", range(len(COMPRESSED_CASES)))
def test_compressed_decoding_agrees(number: int) -> None:
    assert_agreement(lambda k: k.points_from_compressed(COMPRESSED_CASES[number]))


@pytest.mark.parametrize("number", range(len(UNCOMPRESSED_CASES)))
def test_uncompressed_decoding_agrees(number: int) -> None:
    assert_agreement(lambda k: k.points_from_uncompressed(UNCOMPRESSED_CASES[number]))


@pytest.mark.parametrize("number", range(len(SCALAR_CASES)))
def test_scalar_decoding_agrees(number: int) -> None:
    assert_agreement(lambda k: k.scalars_from_bytes(SCALAR_CASES[number]))
    assert_agreement(lambda k: k.scalars_from_wide_bytes(SCALAR_CASES[number]))


@settings(max_examples=100, deadline=None)
@given(POINT_FIRST_BYTES, st.binary(min_size=48, max_size=48))
def test_decoding_of_random_compressed_bytes_agrees(flags: int, data: bytes) -> None:
    encoded = bytes([flags | data[0] & 0x1F]) + data[1:]
    assert_agreement(lambda k: k.points_from_compressed(encoded))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 95), st.integers(0, 7), st.integers(0, POOL_SIZE - 1))
def test_decoding_of_changed_uncompressed_points_agrees(position: int, bit: int, which: int) -> None:
    changed = bytearray(POOL[96 * which : 96 * which + 96])
    changed[position] ^= 1 << bit
    assert_agreement(lambda k: k.points_from_uncompressed(bytes(changed)))


@given(st.binary(max_size=200))
def test_decoding_of_random_scalar_bytes_agrees(data: bytes) -> None:
    assert_agreement(lambda k: k.scalars_from_bytes(data))
    assert_agreement(lambda k: k.scalars_from_wide_bytes(data))
    whole = data[: len(data) // 64 * 64]
    assert_agreement(lambda k: k.scalars_from_wide_bytes(whole))


# What takes arrays and byte strings


@pytest.mark.parametrize(
    "array",
    [
        np.array([], dtype=np.int64),
        np.array([0, 1, -1, 2**63 - 1, -(2**63)], dtype=np.int64),
        np.arange(10, dtype=np.int64)[::3],
        np.array([1], dtype=np.int32),
        np.array([1], dtype=np.uint64),
        np.array([[1]], dtype=np.int64),
        [1, 2],
    ],
    ids=["empty", "edges", "strided", "int32", "uint64", "two-dimensional", "list"],
)
def test_machine_integers_agree(array: Any) -> None:
    assert_agreement(lambda k: k.scalars_from_int64(array))


@pytest.mark.parametrize("count", [-1, 0, 1, 3])
def test_identities_agree(count: int) -> None:
    result = assert_agreement(lambda k: k.identity(count))
    assert (result == "ValueError") == (count < 0)


@pytest.mark.parametrize("domain", [b"", b"D", b"\x00" * 255, bytes(range(256))])
def test_hash_to_curve_agrees(domain: bytes) -> None:
    messages = [b"", b"abc", b"m" * 1000, bytes(range(256))]
    assert_agreement(lambda k: k.hash_to_curve(messages, domain))
    assert_agreement(lambda k: k.hash_to_curve([], domain))


INT64: Final = st.one_of(
    st.sampled_from([0, 1, -1, 2**63 - 1, -(2**63), 255, 256]), st.integers(-(2**63), 2**63 - 1)
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.lists(st.lists(st.tuples(st.integers(0, 3), INT64), max_size=4), max_size=4),
    assets=st.lists(st.integers(0, POOL_SIZE - 1), min_size=4, max_size=4),
    blindings=st.lists(SCALARS, min_size=4, max_size=4),
    expected_rows=st.sampled_from([0, 1, 100, 10**6]),
)
def test_commitments_agree(
    rows: list[list[tuple[int, int]]], assets: list[int], blindings: list[int], expected_rows: int
) -> None:
    offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    entries = [entry for row in rows for entry in row]
    columns = np.array([column for column, _ in entries], dtype=np.int32)
    amounts = np.array([amount for _, amount in entries], dtype=np.int64)

    def commit(backend: Backend) -> PointVector:
        key = backend.commitment_key(pool_points(backend, assets), pool_points(backend, [1]), expected_rows)
        return key.commit(offsets, columns, amounts, backend.scalars_from_ints(blindings[: len(rows)]))

    assert_agreement(commit)


def int64(*values: int) -> Any:
    return np.array(values, dtype=np.int64)


def int32(*values: int) -> Any:
    return np.array(values, dtype=np.int32)


ROW_CASES: Final[dict[str, tuple[Any, Any, Any]]] = {
    "good": (int64(0, 1, 2), int32(0, 1), int64(5, -5)),
    "strided": (int64(0, 9, 1, 9, 2, 9)[::2], int32(0, 1, 1, 1)[::2], int64(5, 6, -5, 6)[::2]),
    "too few offsets": (int64(0, 2), int32(0, 1), int64(5, -5)),
    "no offsets": (int64(), int32(), int64()),
    "offsets from one": (int64(1, 1, 2), int32(0, 1), int64(5, -5)),
    "offsets end early": (int64(0, 1, 1), int32(0, 1), int64(5, -5)),
    "offsets end late": (int64(0, 1, 3), int32(0, 1), int64(5, -5)),
    "offsets fall": (int64(0, 3, 2), int32(0, 1), int64(5, -5)),
    "negative offset": (int64(0, -1, 2), int32(0, 1), int64(5, -5)),
    "more columns than amounts": (int64(0, 1, 2), int32(0, 1), int64(5)),
    "column too large": (int64(0, 1, 2), int32(0, 2), int64(5, -5)),
    "negative column": (int64(0, 1, 2), int32(0, -1), int64(5, -5)),
    "columns of another type": (int64(0, 1, 2), int64(0, 1), int64(5, -5)),
    "amounts of another type": (int64(0, 1, 2), int32(0, 1), int32(5, -5)),
    "offsets of another type": (int32(0, 1, 2), int32(0, 1), int64(5, -5)),
    "amounts in a list": (int64(0, 1, 2), int32(0, 1), [5, -5]),
}


@pytest.mark.parametrize("name", ROW_CASES)
def test_malformed_rows_agree(name: str) -> None:
    offsets, columns, amounts = ROW_CASES[name]

    def commit(backend: Backend) -> PointVector:
        key = backend.commitment_key(pool_points(backend, [0, 1]), pool_points(backend, [2]), 2)
        return key.commit(offsets, columns, amounts, backend.scalars_from_ints([3, 4]))

    result = assert_agreement(commit)
    assert isinstance(result, str) == (name not in {"good", "strided"})


@pytest.mark.parametrize(("assets", "blinding"), [([], [0]), ([0], []), ([0], [0, 1])])
def test_commitment_keys_agree(assets: list[int], blinding: list[int]) -> None:
    def commit(backend: Backend) -> PointVector:
        key = backend.commitment_key(pool_points(backend, assets), pool_points(backend, blinding), 1)
        return key.commit(int64(0, 0), int32(), int64(), backend.scalars_from_ints([3]))

    result = assert_agreement(commit)
    assert (result == "ValueError") == (len(blinding) != 1)


@pytest.mark.parametrize(("tags", "commitments"), [(0, 0), (32, 48), (96, 144), (31, 48), (32, 96), (64, 48)])
def test_leaf_hashes_agree(tags: int, commitments: int) -> None:
    data = bytes(range(256))
    assert_agreement(lambda k: k.sum_tree_leaf_hashes(data[:tags], data[:commitments]))


@pytest.mark.parametrize(
    ("hashes", "nodes"), [(0, 0), (64, 2), (POOL_SIZE * 32, POOL_SIZE), (96, 3), (32, 2), (63, 2), (32, 1)]
)
def test_sum_tree_levels_agree(hashes: int, nodes: int) -> None:
    data = (bytes(range(256)) * 2)[:hashes]
    assert_agreement(lambda k: k.sum_tree_level(data, pool_points(k, list(range(nodes)))))
