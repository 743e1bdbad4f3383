"""Damaged proofs, other instances, malformed encodings, points outside the subgroup."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable

import pytest
from argument_adversary import ChallengeNumbers, adding, adversary, programmed, programmed_verifier
from argument_support import (
    SEED,
    Case,
    case,
    fast_backend,
    generators_of,
    prover_of,
    range_statement,
    thin,
    verifier_of,
)

from circuits.positions import PositionBatch
from circuits.rows import Row
from circuits.statement import Statement
from primitives.argument_instance import ArgumentInstance, ArgumentInstanceError
from primitives.argument_parameters import ArgumentShape
from primitives.argument_relation import DegenerateChallengeError
from primitives.assets import Asset
from primitives.backend import PointVector
from primitives.parameters import FIELD_CHARACTERISTIC, GROUP_ORDER, POINT_BYTES, SCALAR_BYTES
from prover.argument.proof_run import ProofRun
from verifier.argument import ArgumentCheck, ArgumentClaim, ArgumentError, ArgumentVerifier

FAST = fast_backend()

IDENTITY_BYTES = b"\xc0" + bytes(47)
ORDER_THREE = b"\x80" + bytes(47)
"""The point (0, 2) or (0, -2): a point of inflection of ``y^2 = x^3 + 4``."""


@pytest.fixture(scope="module")
def made() -> Case:
    """U = 3, P = 8, R = 4: six rows; two folding rounds."""
    return case(FAST, range_statement(2, 4), 3, 2, 2)


@pytest.fixture(scope="module")
def proof(made: Case) -> bytes:
    return prover_of(FAST).prove(made.instance, made.witness, SEED)


def refusal(instance: ArgumentInstance, proof: bytes) -> ArgumentError:
    """The error with which `proof` is refused, alone and in a batch of one."""
    with pytest.raises(ArgumentError) as alone:
        verifier_of(FAST).verify(instance, proof)
    with pytest.raises(ArgumentError) as together:
        verifier_of(FAST).verify_all([ArgumentClaim(instance, proof)])
    assert (together.value.check, together.value.reason) == (alone.value.check, alone.value.reason)
    assert str(alone.value) == f"{alone.value.check.value}: {alone.value.reason}"
    return alone.value


def layout(shape: ArgumentShape) -> list[tuple[str, int, int]]:
    """Messages of a proof in order: kind of element, first byte, number of elements."""
    messages = [("point", shape.row_count), ("point", 1)]
    messages += [("scalar", shape.round_degree(index)) for index in range(1, shape.variables + 1)]
    messages += [("scalar", 1), ("point", 1), ("scalar", 1)]
    messages += [("point", 2)] * shape.folding_rounds
    messages += [("scalar", shape.folded_length)]
    result, offset = [], 0
    for kind, count in messages:
        result.append((kind, offset, count))
        offset += count * (POINT_BYTES if kind == "point" else SCALAR_BYTES)
    assert offset == shape.proof_bytes
    return result


def offsets(shape: ArgumentShape, kind: str) -> list[int]:
    """First byte of every element of a kind."""
    size = POINT_BYTES if kind == "point" else SCALAR_BYTES
    return [
        start + size * index
        for message, start, count in layout(shape)
        if message == kind
        for index in range(count)
    ]


def replaced(proof: bytes, offset: int, data: bytes) -> bytes:
    return proof[:offset] + data + proof[offset + len(data) :]


def test_every_byte(made: Case, proof: bytes) -> None:
    verifier_of(FAST).verify(made.instance, proof)
    allowed = {ArgumentCheck.EQUATION, ArgumentCheck.ENCODING}
    for offset in thin(range(len(proof)), 20):
        changed = replaced(proof, offset, bytes([proof[offset] ^ (1 << offset % 8)]))
        with pytest.raises(ArgumentError) as caught:
            verifier_of(FAST).verify(made.instance, changed)
        assert caught.value.check in allowed, offset


def test_every_message_of_another_proof(made: Case, proof: bytes) -> None:
    """Messages of a second valid proof of the same instance, one at a time."""
    other = prover_of(FAST).prove(made.instance, made.witness)
    for kind, start, count in thin(layout(made.instance.shape), 5):
        stop = start + count * (POINT_BYTES if kind == "point" else SCALAR_BYTES)
        mixed = replaced(proof, start, other[start:stop])
        assert refusal(made.instance, mixed).check is ArgumentCheck.EQUATION


@pytest.mark.parametrize("kind", ["point", "scalar"])
def test_neighbouring_elements_swapped(made: Case, proof: bytes, kind: str) -> None:
    size = POINT_BYTES if kind == "point" else SCALAR_BYTES
    several = [entry for entry in layout(made.instance.shape) if entry[2] > 1]
    for message, start, _ in thin(several, 4):
        if message == kind:
            first, second = proof[start : start + size], proof[start + size : start + 2 * size]
            swapped = replaced(proof, start, second + first)
            assert refusal(made.instance, swapped).check is ArgumentCheck.EQUATION


def test_every_length(made: Case, proof: bytes) -> None:
    for length in thin(range(len(proof)), 200):
        error = refusal(made.instance, proof[:length])
        assert error.check is ArgumentCheck.LENGTH
        assert error.reason == f"the proof has {length} bytes, its shape asks for {len(proof)}"
    for surplus in (b"\x00", bytes(32), bytes(48), proof):
        error = refusal(made.instance, proof + surplus)
        assert error.check is ArgumentCheck.LENGTH
        assert error.reason == f"the proof has {len(proof + surplus)} bytes, its shape asks for {len(proof)}"


def test_lengths_are_checked_while_reading_too(made: Case, proof: bytes) -> None:
    class Careless(ArgumentVerifier):
        def _check_length(self, instance: ArgumentInstance, proof: bytes) -> None:
            pass

    careless = Careless(FAST, generators_of(FAST))
    careless.verify(made.instance, proof)
    with pytest.raises(ArgumentError, match=r"^length: folded response z, at byte \d+: fewer bytes remain"):
        careless.verify(made.instance, proof[:-1])
    with pytest.raises(ArgumentError, match=rf"^length: .*, at byte {len(proof)}: bytes are left over$"):
        careless.verify(made.instance, proof + b"\x00")


def test_scalars_plus_the_order(made: Case, proof: bytes) -> None:
    for offset in offsets(made.instance.shape, "scalar"):
        value = int.from_bytes(proof[offset : offset + SCALAR_BYTES], "big") + GROUP_ORDER
        error = refusal(made.instance, replaced(proof, offset, value.to_bytes(SCALAR_BYTES, "big")))
        assert error.check is ArgumentCheck.ENCODING
        assert f"at byte {offset}: scalar is not below the group order" in error.reason


def test_identity_in_place_of_every_point(made: Case, proof: bytes) -> None:
    for offset in offsets(made.instance.shape, "point"):
        error = refusal(made.instance, replaced(proof, offset, IDENTITY_BYTES))
        assert error.check is ArgumentCheck.IDENTITY
        assert f"at byte {offset}: point is the identity" in error.reason


def _not_on_curve(point: bytes) -> bytes:
    x = int.from_bytes(bytes([point[0] & 0x1F]) + point[1:], "big")
    while True:
        x += 1
        value = (x**3 + 4) % FIELD_CHARACTERISTIC
        if pow(value, (FIELD_CHARACTERISTIC - 1) // 2, FIELD_CHARACTERISTIC) != 1:
            return (x | 0x80 << 376).to_bytes(POINT_BYTES, "big")


def _beyond_characteristic(point: bytes) -> bytes:
    return (FIELD_CHARACTERISTIC | 0x80 << 376).to_bytes(POINT_BYTES, "big")


@pytest.mark.parametrize(
    ("malform", "reason"),
    [
        (_not_on_curve, "point is not on the curve"),
        (_beyond_characteristic, "coordinate is not below the field characteristic"),
        (lambda point: bytes([point[0] & 0x7F]) + point[1:], "compression flag is not set"),
        (lambda _: IDENTITY_BYTES[:-1] + b"\x01", "identity encoding has stray bits"),
    ],
)
def test_malformed_points(made: Case, proof: bytes, malform: Callable[[bytes], bytes], reason: str) -> None:
    for offset in offsets(made.instance.shape, "point"):
        point = malform(proof[offset : offset + POINT_BYTES])
        error = refusal(made.instance, replaced(proof, offset, point))
        assert error.check is ArgumentCheck.ENCODING
        assert reason in error.reason
    for position in (0, made.instance.shape.accounts - 1):
        leaves = made.instance.leaf_commitments
        start = position * POINT_BYTES
        changed = replaced(leaves, start, malform(leaves[start : start + POINT_BYTES]))
        error = refusal(dataclasses.replace(made.instance, leaf_commitments=changed), proof)
        assert error.check is ArgumentCheck.INSTANCE
        assert error.reason == f"leaf commitments: element {position}: {reason}"


def test_identity_leaf(made: Case, proof: bytes) -> None:
    leaves = made.instance.leaf_commitments[:POINT_BYTES] + IDENTITY_BYTES
    leaves += made.instance.leaf_commitments[2 * POINT_BYTES :]
    error = refusal(dataclasses.replace(made.instance, leaf_commitments=leaves), proof)
    assert error.check is ArgumentCheck.INSTANCE
    assert error.reason == "leaf commitments: element 1: point is the identity"


# Instances


def other_statements(statement: Statement) -> list[Statement]:
    """Statements of the same sizes that mean something else."""
    first, second = statement.rows
    changed_rows = [
        (dataclasses.replace(first, constant=1), second),
        (dataclasses.replace(first, positions=((0, 2),)), second),
        (dataclasses.replace(first, positions=((1, 1),)), second),
        (second, first),
        (dataclasses.replace(first, width=5), dataclasses.replace(second, width=3)),
        (dataclasses.replace(first, width=8), Row("none", (), (), 0, 0)),
    ]
    changed_assets = [
        tuple(reversed(statement.assets)),
        (Asset("other", statement.assets[0].decimals), statement.assets[1]),
        (Asset(statement.assets[0].id, 9), statement.assets[1]),
    ]
    return [Statement(statement.assets, rows) for rows in changed_rows] + [
        Statement(assets, statement.rows) for assets in changed_assets
    ]


def test_other_statement_or_assets(made: Case, proof: bytes) -> None:
    statement = made.instance.statement
    assert isinstance(statement, Statement)
    for other in thin(other_statements(statement), 4):
        instance = dataclasses.replace(made.instance, statement=other)
        assert refusal(instance, proof).check is ArgumentCheck.EQUATION


@pytest.mark.parametrize(
    "change",
    [
        {"context_digest": bytes(32)},
        {"batch_index": 4},
        {"batch_index": 3 + (1 << 63)},
        {"session": b"test2"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_other_context(made: Case, proof: bytes, change: dict[str, object]) -> None:
    instance = dataclasses.replace(made.instance, **change)  # type: ignore[arg-type]
    assert refusal(instance, proof).check is ArgumentCheck.EQUATION


def test_other_leaves(made: Case, proof: bytes) -> None:
    leaves = made.instance.leaf_commitments
    parts = [leaves[start : start + POINT_BYTES] for start in range(0, len(leaves), POINT_BYTES)]
    shuffles = [[1, 0, 2], [0, 2, 1], [2, 1, 0], [0, 0, 2], [1, 2, 0]]
    for order in thin(shuffles, 2):
        instance = dataclasses.replace(
            made.instance, leaf_commitments=b"".join(parts[index] for index in order)
        )
        assert refusal(instance, proof).check is ArgumentCheck.EQUATION


def test_other_shape(made: Case, proof: bytes) -> None:
    shape, leaves = made.instance.shape, made.instance.leaf_commitments
    for change in ({"row_variables": 1}, {"row_variables": 3}, {"folding_rounds": 1}, {"folding_rounds": 3}):
        instance = dataclasses.replace(made.instance, shape=dataclasses.replace(shape, **change))
        assert refusal(instance, proof).check is ArgumentCheck.LENGTH
    for accounts in (2, 4):
        instance = dataclasses.replace(
            made.instance,
            shape=dataclasses.replace(shape, accounts=accounts),
            leaf_commitments=(leaves + leaves)[: accounts * POINT_BYTES],
        )
        assert refusal(instance, proof).check is ArgumentCheck.LENGTH


def test_other_shape_of_the_same_layout() -> None:
    """W = 1: R = 1 and R = 2 give proofs that parse alike; the transcript tells them apart."""
    batch = PositionBatch.from_mappings([{0: 1}, {}])
    cases = [case(FAST, range_statement(1, 1), 2, rho, 1, batch=batch) for rho in (0, 1)]
    assert layout(cases[0].instance.shape) == layout(cases[1].instance.shape)
    for first, second in itertools.permutations(cases):
        proof = prover_of(FAST).prove(first.instance, first.witness)
        assert refusal(second.instance, proof).check is ArgumentCheck.EQUATION


def test_other_shape_of_the_same_length() -> None:
    """Shapes (rho, f) whose proofs have equal lengths and other layouts."""
    cases = [case(FAST, range_statement(1, 3), 2, *shape) for shape in ((0, 1), (0, 2), (1, 0))]
    assert len({entry.instance.shape.proof_bytes for entry in cases}) == 1
    for first, second in thin(list(itertools.permutations(cases, 2)), 2):
        proof = prover_of(FAST).prove(first.instance, first.witness)
        assert refusal(second.instance, proof).check is ArgumentCheck.ENCODING


def test_every_part_of_the_instance_is_absorbed(made: Case) -> None:
    def absorbed(**changes: object) -> tuple[bytes, ...]:
        return dataclasses.replace(made.instance, **changes).fields()  # type: ignore[arg-type]

    shape = made.instance.shape
    variants = [
        absorbed(),
        absorbed(batch_index=4),
        absorbed(context_digest=bytes(32)),
        absorbed(shape=dataclasses.replace(shape, row_variables=3)),
        absorbed(shape=dataclasses.replace(shape, folding_rounds=1)),
        absorbed(leaf_commitments=bytes(3 * POINT_BYTES)),
        absorbed(statement=Statement(range_statement(2, 4).assets, (Row("r", (), (), 0, 8),))),
    ]
    assert len(set(variants)) == len(variants)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"leaf_commitments": bytes(47 * 3)}, "141 bytes of leaf commitments, expected 3 times 48"),
        ({"leaf_commitments": b""}, "0 bytes of leaf commitments"),
        ({"context_digest": bytes(31)}, "context digest is not 32 bytes"),
        ({"session": b""}, "the session is empty"),
        ({"batch_index": -1}, "not an unsigned 64-bit integer"),
        ({"batch_index": 1 << 64}, "not an unsigned 64-bit integer"),
        ({"statement": range_statement(2, 3)}, "shape is that of another statement"),
        ({"statement": range_statement(1, 8)}, "shape is that of another statement"),
    ],
)
def test_parts_of_an_instance_that_do_not_fit(made: Case, change: dict[str, object], reason: str) -> None:
    with pytest.raises(ArgumentInstanceError, match=reason):
        dataclasses.replace(made.instance, **change)  # type: ignore[arg-type]


# Degenerate challenges


def degenerate_programs(shape: ArgumentShape) -> list[tuple[dict[int, int], str]]:
    numbers = ChallengeNumbers(shape)
    programs = [({index: value}, "a coordinate of tau") for index in numbers.tau for value in (0, 1)]
    programs += [({numbers.rounds[-1]: value}, "the last round's challenge") for value in (0, 1)]
    return [*programs, ({numbers.omega: 0}, "omega is 0")]


def test_degenerate_challenges(made: Case, proof: bytes) -> None:
    for program, reason in thin(degenerate_programs(made.instance.shape), 7):
        with pytest.raises(ArgumentError, match=reason) as caught:
            programmed_verifier(FAST, program).verify(made.instance, proof)
        assert caught.value.check is ArgumentCheck.CHALLENGE
        with pytest.raises(DegenerateChallengeError, match=reason):
            adversary(FAST, programmed(ProofRun, program)).prove(made.instance, made.witness)


def test_other_challenges_may_have_any_value(made: Case) -> None:
    """0 and 1 are not special for alpha, r_1 .. r_{n-1}, e1, c and e."""
    numbers = ChallengeNumbers(made.instance.shape)
    free = [numbers.alpha, *numbers.rounds[:-1], numbers.separation, numbers.form, numbers.opening]
    for index in thin(free, 3):
        for value in (0, 1):
            proof = adversary(FAST, programmed(ProofRun, {index: value})).prove(made.instance, made.witness)
            programmed_verifier(FAST, {index: value}).verify(made.instance, proof)


# Points outside the subgroup of prime order


def torsion_points() -> list[PointVector]:
    """A point of order 3, and r times a point of E, of large order."""
    three = FAST.points_from_compressed(ORDER_THREE)
    x = 5
    while pow(x**3 + 4, (FIELD_CHARACTERISTIC - 1) // 2, FIELD_CHARACTERISTIC) != 1:
        x += 1
    point = FAST.points_from_compressed((x | 0x80 << 376).to_bytes(POINT_BYTES, "big"))
    large = point.scale(FAST.scalars_from_ints([GROUP_ORDER - 1])).add(point)
    return [three, large]


def test_torsion_points_are_what_they_should_be() -> None:
    for point in torsion_points():
        assert not point.identity_mask().any()
        assert not point.subgroup_mask().any()
        assert point.multiply_by_cofactor().identity_mask().all()


def accept(instance: ArgumentInstance, proof: bytes) -> None:
    verifier_of(FAST).verify(instance, proof)
    verifier_of(FAST).verify_all([ArgumentClaim(instance, proof)] * 2)


@pytest.mark.parametrize("order", ["three", "large"])
def test_torsion_in_any_message_changes_nothing(made: Case, order: str) -> None:
    """Sent and absorbed with a torsion component, every point stands for the same commitment."""
    torsion = torsion_points()[order == "large"]
    shape = made.instance.shape
    for target in thin(range(shape.row_count + 2 + 2 * shape.folding_rounds), 3):
        proof = adversary(FAST, adding(target, torsion)).prove(made.instance, made.witness)
        offset = offsets(shape, "point")[target]
        assert not FAST.points_from_compressed(proof[offset : offset + 48]).subgroup_mask().any()
        accept(made.instance, proof)


def test_torsion_in_a_leaf_changes_nothing_but_the_bytes(made: Case, proof: bytes) -> None:
    leaves = FAST.points_from_compressed(made.instance.leaf_commitments)
    for torsion in torsion_points():
        changed = leaves.slice(0, 1).add(torsion).concat(leaves.slice(1, 3)).to_compressed()
        instance = dataclasses.replace(made.instance, leaf_commitments=changed)
        accept(instance, prover_of(FAST).prove(instance, made.witness))
        # a proof for other bytes is a proof of another instance
        assert refusal(instance, proof).check is ArgumentCheck.EQUATION


def test_torsion_added_after_proving(made: Case, proof: bytes) -> None:
    for torsion in torsion_points():
        for offset in thin(offsets(made.instance.shape, "point"), 3):
            point = FAST.points_from_compressed(proof[offset : offset + POINT_BYTES]).add(torsion)
            changed = replaced(proof, offset, point.to_compressed())
            assert refusal(made.instance, changed).check is ArgumentCheck.EQUATION


def test_component_in_the_subgroup_is_not_overlooked(made: Case) -> None:
    """The same attack with a point of G1 is refused: it is the torsion that the cofactor removes."""
    addition = generators_of(FAST).linear_form()
    for target in thin((0, 6, 7, 8, 9), 2):
        proof = adversary(FAST, adding(target, addition)).prove(made.instance, made.witness)
        assert refusal(made.instance, proof).check is ArgumentCheck.EQUATION
