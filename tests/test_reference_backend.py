"""The reference backend: laws of F and E, strict decoding, points outside G1, RFC vectors."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py_ecc.bls.point_compression import compress_G1
from py_ecc.optimized_bls12_381.optimized_curve import G1, multiply

from primitives import decoding_reasons as reasons
from primitives.backend import Backend, CommitmentKey, PointVector, ScalarVector
from primitives.errors import DecodingError
from primitives.parameters import COFACTOR_MULTIPLIER, FIELD_CHARACTERISTIC, GROUP_ORDER
from primitives.reference_backend import ReferenceBackend
from primitives.reference_points import to_affine

VECTORS: Final = Path(__file__).parent / "vectors"
BACKEND: Final = ReferenceBackend()
SCALARS: Final = st.integers(0, GROUP_ORDER - 1)
EDGE_SCALARS: Final = [0, 1, 2, 3, 2**64, GROUP_ORDER // 2, GROUP_ORDER - 2, GROUP_ORDER - 1]

GENERATOR: Final = BACKEND.points_from_compressed(
    bytes.fromhex(
        "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb"
    )
)
ORDER_THREE: Final = BACKEND.points_from_compressed(bytes([0x80]) + bytes(47))
"""The point (0, 2) of E: it has order 3 and is not in G1."""
FULL_ORDER: Final = BACKEND.points_from_compressed(bytes([0x80]) + bytes(46) + bytes([4]))
"""A point with x = 4: outside G1, of an order that r divides."""
IDENTITY_BYTES: Final = bytes([0xC0]) + bytes(47)


def scalars(*values: int) -> ScalarVector:
    return BACKEND.scalars_from_ints(values)


def times(point: PointVector, factor: int) -> bytes:
    return point.scale(scalars(factor)).to_compressed()


def test_the_classes_implement_the_interface() -> None:
    backend: Backend = BACKEND
    key: CommitmentKey = BACKEND.commitment_key(GENERATOR, GENERATOR, 1)
    assert backend.name == "reference"
    assert isinstance(GENERATOR, PointVector)
    assert isinstance(scalars(), ScalarVector)
    assert isinstance(key, CommitmentKey)


# Scalars


@given(st.lists(st.integers(-(2**300), 2**300), max_size=8), st.data())
def test_scalar_operations_are_arithmetic_modulo_r(values: list[int], data: st.DataObject) -> None:
    others = data.draw(st.lists(SCALARS, min_size=len(values), max_size=len(values)))
    factor = data.draw(SCALARS)
    left, right = scalars(*values), scalars(*others)
    pairs = list(zip(values, others, strict=True))
    assert left.to_ints() == [v % GROUP_ORDER for v in values]
    assert left.add(right).to_ints() == [(a + b) % GROUP_ORDER for a, b in pairs]
    assert left.sub(right).to_ints() == [(a - b) % GROUP_ORDER for a, b in pairs]
    assert left.multiply(right).to_ints() == [a * b % GROUP_ORDER for a, b in pairs]
    assert left.scale(factor).to_ints() == [a * factor % GROUP_ORDER for a in values]
    assert left.inner(right) == sum(a * b for a, b in pairs) % GROUP_ORDER
    assert left.sum() == sum(values) % GROUP_ORDER
    assert BACKEND.scalars_from_bytes(left.to_bytes()).to_ints() == left.to_ints()


@given(st.lists(st.tuples(SCALARS, SCALARS), max_size=5), SCALARS)
def test_scalar_fold_takes_the_challenge_to_the_right(halves: list[tuple[int, int]], x: int) -> None:
    vector = scalars(*(left for left, _ in halves), *(right for _, right in halves))
    assert vector.fold(x).to_ints() == [(left + x * right) % GROUP_ORDER for left, right in halves]


def test_scalar_slices_and_concatenation() -> None:
    vector = scalars(1, 2, 3)
    assert vector.slice(1, 3).to_ints() == [2, 3]
    assert len(vector.slice(3, 3)) == 0
    assert vector.slice(0, 1).concat(vector).to_ints() == [1, 1, 2, 3]
    for start, stop in [(-1, 2), (2, 1), (0, 4)]:
        with pytest.raises(ValueError, match="does not fit"):
            vector.slice(start, stop)
        with pytest.raises(ValueError, match="does not fit"):
            GENERATOR.slice(start, stop)


def test_machine_integers_keep_their_sign() -> None:
    values = np.array([0, -1, 2**63 - 1, -(2**63)], dtype=np.int64)
    expected = [0, GROUP_ORDER - 1, 2**63 - 1, GROUP_ORDER - 2**63]
    assert BACKEND.scalars_from_int64(values).to_ints() == expected
    wrong: Any
    for wrong in [values.astype(np.int32), values.reshape(2, 2), [1, 2]]:
        with pytest.raises(TypeError, match="one-dimensional array of int64"):
            BACKEND.scalars_from_int64(wrong)


@pytest.mark.parametrize(
    ("data", "reason", "index"),
    [
        (bytes(31), reasons.LENGTH, None),
        (bytes(33), reasons.LENGTH, None),
        (GROUP_ORDER.to_bytes(32, "big"), reasons.SCALAR_RANGE, 0),
        (bytes(64) + b"\xff" * 32 + GROUP_ORDER.to_bytes(32, "big"), reasons.SCALAR_RANGE, 2),
    ],
)
def test_scalar_decoding_is_strict(data: bytes, reason: str, index: int | None) -> None:
    with pytest.raises(DecodingError, match=re.escape(reason)) as error:
        BACKEND.scalars_from_bytes(data)
    assert (error.value.reason, error.value.index) == (reason, index)


def test_wide_scalars_are_reduced() -> None:
    wide = [0, GROUP_ORDER, GROUP_ORDER + 5, 2**512 - 1]
    data = b"".join(value.to_bytes(64, "big") for value in wide)
    assert BACKEND.scalars_from_wide_bytes(data).to_ints() == [value % GROUP_ORDER for value in wide]
    with pytest.raises(DecodingError, match="multiple"):
        BACKEND.scalars_from_wide_bytes(data[:-1])


# Points


@pytest.mark.parametrize("factor", [*EDGE_SCALARS, 0x1234567890ABCDEF << 100])
def test_multiplication_agrees_with_py_ecc(factor: int) -> None:
    assert int.from_bytes(times(GENERATOR, factor), "big") == compress_G1(multiply(G1, factor))


@settings(max_examples=8, deadline=None)
@given(SCALARS, SCALARS, st.integers(0, 2))
def test_group_laws_hold_on_all_of_the_curve(a: int, b: int, which: int) -> None:
    point = [GENERATOR, ORDER_THREE, FULL_ORDER][which]
    p, q = point.scale(scalars(a)), point.scale(scalars(b))
    assert p.add(q).to_compressed() == q.add(p).to_compressed()
    assert p.add(q).add(point).to_compressed() == p.add(q.add(point)).to_compressed()
    assert (
        p.add(q).to_compressed()
        == BACKEND.multi_scalar_multiply(point.concat(point), scalars(a, b)).to_compressed()
    )
    assert p.add(p.negate()).to_compressed() == IDENTITY_BYTES
    assert p.add(p).to_compressed() == times(p, 2)
    assert p.add(BACKEND.identity(1)).to_compressed() == p.to_compressed()
    assert BACKEND.identity(1).add(p).to_compressed() == p.to_compressed()


def test_scalars_act_as_integers_outside_the_subgroup() -> None:
    # r = 1 (mod 3), so that r - 1 annihilates a point of order 3, and is not the same as -1.
    assert GROUP_ORDER % 3 == 1
    assert times(ORDER_THREE, 3) == times(ORDER_THREE, GROUP_ORDER - 1) == IDENTITY_BYTES
    assert times(ORDER_THREE, 2) == ORDER_THREE.negate().to_compressed()
    everything = GENERATOR.concat(ORDER_THREE).concat(FULL_ORDER)
    factors = scalars(GROUP_ORDER - 1, GROUP_ORDER - 2, GROUP_ORDER - 1)
    combined = BACKEND.multi_scalar_multiply(everything, factors)
    assert combined.to_compressed() == everything.scale(factors).sum().to_compressed()
    minus_one = everything.scale(scalars(*[GROUP_ORDER - 1] * 3)).to_compressed()
    assert minus_one[:48] == everything.negate().to_compressed()[:48]
    assert minus_one[96:] != everything.negate().to_compressed()[96:]


def test_the_subgroup_and_its_cofactor() -> None:
    everything = GENERATOR.concat(ORDER_THREE).concat(FULL_ORDER).concat(BACKEND.identity(1))
    assert everything.subgroup_mask().tolist() == [True, False, False, True]
    assert everything.identity_mask().tolist() == [False, False, False, True]
    cleared = everything.multiply_by_cofactor()
    assert cleared.subgroup_mask().all()
    assert cleared.to_compressed() == everything.scale(scalars(*[COFACTOR_MULTIPLIER] * 4)).to_compressed()
    assert cleared.identity_mask().tolist() == [False, True, False, True]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 40])
def test_multi_scalar_multiplication_agrees_with_single_ones(count: int) -> None:
    points = BACKEND.identity(0)
    values = []
    for index in range(count):
        points = points.concat([GENERATOR, FULL_ORDER, ORDER_THREE][index % 3].scale(scalars(index * index)))
        values.append((EDGE_SCALARS[index % 8] * 3**index) % GROUP_ORDER)
    factors = scalars(*values)
    expected = points.scale(factors).sum().to_compressed()
    assert BACKEND.multi_scalar_multiply(points, factors).to_compressed() == expected


def test_point_fold_takes_the_challenge_to_the_left() -> None:
    points = GENERATOR.concat(FULL_ORDER).concat(ORDER_THREE).concat(GENERATOR)
    left, right = points.slice(0, 2), points.slice(2, 4)
    expected = left.scale(scalars(7, 7)).add(right)
    assert points.fold(7).to_compressed() == expected.to_compressed()


def test_operands_of_other_lengths_are_refused() -> None:
    one, two = scalars(1), scalars(1, 2)
    for operation in (one.add, one.sub, one.multiply, one.inner, GENERATOR.scale):
        with pytest.raises(ValueError, match="unequal lengths"):
            operation(two)
    with pytest.raises(ValueError, match="unequal lengths"):
        GENERATOR.add(GENERATOR.concat(GENERATOR))
    with pytest.raises(ValueError, match="unequal lengths"):
        BACKEND.multi_scalar_multiply(GENERATOR, two)
    for fold in (one.fold, GENERATOR.fold):
        with pytest.raises(ValueError, match="odd length"):
            fold(1)
    for out_of_range in (-1, GROUP_ORDER):
        for operation_with_factor in (two.scale, two.fold, GENERATOR.concat(GENERATOR).fold):
            with pytest.raises(ValueError, match="not in"):
                operation_with_factor(out_of_range)
    with pytest.raises(ValueError, match="negative length"):
        BACKEND.identity(-1)


def test_vectors_of_another_backend_are_refused() -> None:
    stranger: Any = object()
    with pytest.raises(TypeError, match="another backend"):
        scalars(1).add(stranger)
    with pytest.raises(TypeError, match="another backend"):
        GENERATOR.add(stranger)


# Encodings


def test_encodings_of_known_points() -> None:
    points = GENERATOR.concat(GENERATOR.negate()).concat(BACKEND.identity(1)).concat(ORDER_THREE)
    compressed = points.to_compressed()
    assert [compressed[i] for i in (0, 48, 96, 144)] == [0x97, 0xB7, 0xC0, 0x80]
    assert int.from_bytes(compressed[:48], "big") == compress_G1(G1)
    uncompressed = points.to_uncompressed()
    assert uncompressed[:96] == G1[0].n.to_bytes(48, "big") + G1[1].n.to_bytes(48, "big")
    assert uncompressed[192:288] == bytes([0x40]) + bytes(95)
    assert BACKEND.points_from_compressed(compressed).to_uncompressed() == uncompressed
    assert BACKEND.points_from_uncompressed(uncompressed).to_compressed() == compressed


def test_affine_conversion_skips_the_identity() -> None:
    points = BACKEND.identity(2).concat(GENERATOR.scale(scalars(5))).concat(BACKEND.identity(1))
    encoded = points.to_compressed()
    assert to_affine([]) == []
    assert encoded[:96] == IDENTITY_BYTES * 2
    assert int.from_bytes(encoded[96:144], "big") == compress_G1(multiply(G1, 5))
    assert encoded[144:] == IDENTITY_BYTES


def flagged(flags: int, *coordinates: int) -> bytes:
    data = bytearray(b"".join(value.to_bytes(48, "big") for value in coordinates))
    data[0] |= flags
    return bytes(data)


X, Y = G1[0].n, G1[1].n
P = FIELD_CHARACTERISTIC
COMPRESSED_REJECTS = {
    "one byte short": (GENERATOR.to_compressed()[:-1], reasons.LENGTH, None),
    "one byte long": (GENERATOR.to_compressed() + b"\x00", reasons.LENGTH, None),
    "compression flag clear": (flagged(0x00, X), reasons.COMPRESSION_FLAG, 0),
    "infinity without compression flag": (flagged(0x40, 0), reasons.COMPRESSION_FLAG, 0),
    "identity with sign": (flagged(0xE0, 0), reasons.IDENTITY_BITS, 0),
    "identity with a low bit": (flagged(0xC0, 1), reasons.IDENTITY_BITS, 0),
    "identity with a bit beside the flags": (flagged(0xC1, 0), reasons.IDENTITY_BITS, 0),
    "identity with x above p": (flagged(0xC0, P), reasons.IDENTITY_BITS, 0),
    "x equal to p": (flagged(0x80, P), reasons.COORDINATE_RANGE, 0),
    "x = 4 lifted by p": (flagged(0x80, P + 4), reasons.COORDINATE_RANGE, 0),
    "largest x": (b"\x9f" + b"\xff" * 47, reasons.COORDINATE_RANGE, 0),
    "x = 1": (flagged(0x80, 1), reasons.NOT_ON_CURVE, 0),
    "second element": (flagged(0x80, X) + flagged(0x80, 1), reasons.NOT_ON_CURVE, 1),
    "lowest of two": (flagged(0x80, X) + flagged(0x80, 1) + flagged(0, 1), reasons.NOT_ON_CURVE, 1),
}
UNCOMPRESSED_REJECTS = {
    "one byte short": (flagged(0, X, Y)[:-1], reasons.LENGTH, None),
    "a compressed point": (GENERATOR.to_compressed(), reasons.LENGTH, None),
    "compression flag set": (flagged(0x80, X, Y), reasons.COMPRESSION_FLAG_SET, 0),
    "compressed identity": (flagged(0xC0, 0, 0), reasons.COMPRESSION_FLAG_SET, 0),
    "identity with sign": (flagged(0x60, 0, 0), reasons.IDENTITY_BITS, 0),
    "identity with a bit of x": (flagged(0x40, 1, 0), reasons.IDENTITY_BITS, 0),
    "identity with a bit of y": (flagged(0x40, 0, 1), reasons.IDENTITY_BITS, 0),
    "sign flag": (flagged(0x20, X, Y), reasons.SIGN_FLAG, 0),
    "sign flag and x above p": (flagged(0x20, P, Y), reasons.SIGN_FLAG, 0),
    "x lifted by p": (flagged(0, P, 2), reasons.COORDINATE_RANGE, 0),
    "y lifted by p": (flagged(0, 0, P + 2), reasons.COORDINATE_RANGE, 0),
    "another y": (flagged(0, X, Y + 1), reasons.NOT_ON_CURVE, 0),
    "origin": (flagged(0, 0, 0), reasons.NOT_ON_CURVE, 0),
    "second element": (flagged(0, X, Y) + flagged(0, Y, X), reasons.NOT_ON_CURVE, 1),
}


@pytest.mark.parametrize("name", COMPRESSED_REJECTS)
def test_compressed_decoding_is_strict(name: str) -> None:
    data, reason, index = COMPRESSED_REJECTS[name]
    with pytest.raises(DecodingError, match=re.escape(reason)) as error:
        BACKEND.points_from_compressed(data)
    assert (error.value.reason, error.value.index) == (reason, index)


@pytest.mark.parametrize("name", UNCOMPRESSED_REJECTS)
def test_uncompressed_decoding_is_strict(name: str) -> None:
    data, reason, index = UNCOMPRESSED_REJECTS[name]
    with pytest.raises(DecodingError, match=re.escape(reason)) as error:
        BACKEND.points_from_uncompressed(data)
    assert (error.value.reason, error.value.index) == (reason, index)


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=48, max_size=48), st.integers(0, 7))
def test_whatever_decodes_encodes_to_the_same_bytes(data: bytes, flags: int) -> None:
    encoded = bytes([data[0] & 0x1F | flags << 5]) + data[1:]
    try:
        points = BACKEND.points_from_compressed(encoded)
    except DecodingError:
        return
    assert points.to_compressed() == encoded


# Hash to curve, commitments, sum tree


def test_hash_to_curve_vectors_of_rfc_9380() -> None:
    vectors = json.loads((VECTORS / "rfc9380_bls12381g1.json").read_text())
    messages = [case["message"].encode() for case in vectors["cases"]]
    points = BACKEND.hash_to_curve(messages, vectors["domain"].encode())
    assert len(messages) == 5
    assert points.to_uncompressed().hex() == "".join(case["x"] + case["y"] for case in vectors["cases"])
    assert points.subgroup_mask().all()


def test_hash_to_curve_separates_domains_and_bounds_their_length() -> None:
    one, other = (BACKEND.hash_to_curve([b"m"], domain).to_compressed() for domain in (b"A", b"B"))
    assert one != other
    for domain in (b"", bytes(256)):
        with pytest.raises(ValueError, match="1 to 255 bytes"):
            BACKEND.hash_to_curve([b"m"], domain)
    assert len(BACKEND.hash_to_curve([b"m"], bytes(255))) == 1


def commitment_key() -> CommitmentKey:
    generators = GENERATOR.concat(FULL_ORDER).concat(ORDER_THREE)
    return BACKEND.commitment_key(generators, GENERATOR.scale(scalars(99)), 10)


def int64(*values: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array(values, dtype=np.int64)


def int32(*values: int) -> np.ndarray[Any, np.dtype[np.int32]]:
    return np.array(values, dtype=np.int32)


def test_commitments_to_sparse_rows() -> None:
    amounts = int64(5, -(2**63), 2**63 - 1, -1, 0, -2)
    columns = int32(0, 1, 1, 1, 0, 2)
    blindings = scalars(GROUP_ORDER - 1, 0, 7)
    committed = commitment_key().commit(int64(0, 4, 4, 6), columns, amounts, blindings)
    blinding = GENERATOR.scale(scalars(99))
    first = GENERATOR.scale(scalars(5)).add(FULL_ORDER.scale(scalars(2)).negate()).add(blinding.negate())
    third = ORDER_THREE.scale(scalars(2)).negate().add(blinding.scale(scalars(7)))
    expected = first.concat(BACKEND.identity(1)).concat(third)
    assert committed.to_compressed() == expected.to_compressed()


@pytest.mark.parametrize(
    ("offsets", "columns", "amounts", "message"),
    [
        (int64(0, 1), int32(0), int64(1), "expected 3 row offsets"),
        (int64(0, 1, 1), int32(0), int64(1, 2), "unequal numbers"),
        (int64(1, 1, 1), int32(0), int64(1), "do not rise"),
        (int64(0, 1, 2), int32(0), int64(1), "do not rise"),
        (int64(0, 2, 1), int32(0), int64(1), "do not rise"),
        (int64(0, 1, 1), int32(3), int64(1), "not in"),
        (int64(0, 1, 1), int32(-1), int64(1), "not in"),
    ],
)
def test_malformed_rows_are_refused(offsets: Any, columns: Any, amounts: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        commitment_key().commit(offsets, columns, amounts, scalars(1, 2))


def test_commitment_arrays_and_generators_have_their_types() -> None:
    wrong: Any = int64(0)
    with pytest.raises(TypeError, match="int32"):
        commitment_key().commit(int64(0, 1), wrong, int64(1), scalars(1))
    with pytest.raises(ValueError, match="length one"):
        BACKEND.commitment_key(GENERATOR, GENERATOR.concat(GENERATOR), 1)


def test_sum_tree_hashes() -> None:
    points = GENERATOR.concat(FULL_ORDER)
    tags, encoded = bytes(range(64)), points.to_compressed()
    left = hashlib.sha256(b"\x00" + tags[:32] + encoded[:48]).digest()
    right = hashlib.sha256(b"\x00" + tags[32:] + encoded[48:]).digest()
    assert BACKEND.sum_tree_leaf_hashes(tags, encoded) == left + right
    hashes, sums = BACKEND.sum_tree_level(left + right, points)
    assert hashes == hashlib.sha256(b"\x01" + left + encoded[:48] + right + encoded[48:]).digest()
    assert sums.to_compressed() == points.sum().to_compressed()


def test_sum_tree_inputs_must_fit_together() -> None:
    for tags, commitments in [(bytes(31), bytes(48)), (bytes(32), bytes(96)), (bytes(64), bytes(48))]:
        with pytest.raises(ValueError, match="every leaf"):
            BACKEND.sum_tree_leaf_hashes(tags, commitments)
    for hashes, nodes in [(bytes(32), GENERATOR), (bytes(63), GENERATOR.concat(GENERATOR))]:
        with pytest.raises(ValueError, match="even number"):
            BACKEND.sum_tree_level(hashes, nodes)
