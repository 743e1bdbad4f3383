"""Relations between Pedersen commitments: equal openings, differences, public differences."""

from __future__ import annotations

from typing import Final

import pytest

from primitives import sigma
from primitives.backend import PointVector
from primitives.instance_validation import InstanceError
from primitives.linear_relation import LinearRelation
from primitives.pedersen_relations import difference_opening, opening_equality, public_difference_opening
from primitives.reference_backend import ReferenceBackend
from primitives.sigma import VerificationError, WitnessError

BACKEND: Final = ReferenceBackend()
COMPACT_TAG: Final = sigma.sigma_tag(b"test", sigma.COMPACT_MARKER)


def commit(generators: PointVector, blinding: PointVector, amounts: list[int], rho: int) -> PointVector:
    scalars = BACKEND.scalars_from_ints([*amounts, rho])
    return BACKEND.multi_scalar_multiply(generators.concat(blinding), scalars)


def bases(label: bytes) -> tuple[PointVector, PointVector]:
    points = BACKEND.hash_to_curve([label + bytes([i]) for i in range(4)], b"TEST")
    return points.slice(0, 3), points.slice(3, 4)


def check_proof(relation: LinearRelation, witness: list[int]) -> None:
    proof = sigma.prove_compact(relation, witness, tag=COMPACT_TAG)
    sigma.verify_compact(relation, proof, tag=COMPACT_TAG)


def test_equal_openings_under_two_sets_of_generators() -> None:
    (first, h), (second, k) = bases(b"first"), bases(b"second")
    amounts = [5, -7, 0]
    commitments = commit(first, h, amounts, 11), commit(second, k, amounts, 13)
    relation = opening_equality(
        BACKEND, generators=(first, second), blinding_generators=(h, k), commitments=commitments
    )
    check_proof(relation, [*amounts, 11, 13])
    with pytest.raises(WitnessError, match="equation 1"):
        sigma.prove_compact(relation, [*amounts, 11, 12], tag=COMPACT_TAG)
    other = opening_equality(
        BACKEND,
        generators=(first, second),
        blinding_generators=(h, k),
        commitments=(commitments[0], commit(second, k, [5, -7, 1], 13)),
    )
    with pytest.raises(WitnessError, match="equation 1"):
        sigma.prove_compact(other, [*amounts, 11, 13], tag=COMPACT_TAG)
    proof = sigma.prove_compact(relation, [*amounts, 11, 13], tag=COMPACT_TAG)
    with pytest.raises(VerificationError, match="challenge-mismatch"):
        sigma.verify_compact(other, proof, tag=COMPACT_TAG)
    with pytest.raises(ValueError, match="unequal numbers of generators: 3 and 2"):
        opening_equality(
            BACKEND,
            generators=(first, second.slice(0, 2)),
            blinding_generators=(h, k),
            commitments=commitments,
        )


def test_opening_of_a_difference() -> None:
    generators, h = bases(b"assets")
    old, new = commit(generators, h, [5, 6, 7], 100), commit(generators, h, [5, 9, -7], 93)
    hidden = difference_opening(
        BACKEND, generators=generators, blinding_generator=h, minuend=new, subtrahend=old
    )
    check_proof(hidden, [0, 3, -14, -7])
    for witness in ([0, -3, 14, 7], [0, 3, -14, 7]):
        with pytest.raises(WitnessError, match="equation 0"):
            sigma.prove_compact(hidden, witness, tag=COMPACT_TAG)


def test_a_public_difference() -> None:
    generators, h = bases(b"assets")
    old, new = commit(generators, h, [5, 6, 7], 100), commit(generators, h, [5, 9, -7], 93)

    def relation(amounts: list[int]) -> LinearRelation:
        return public_difference_opening(
            BACKEND,
            generators=generators,
            blinding_generator=h,
            minuend=new,
            subtrahend=old,
            amounts=amounts,
        )

    check_proof(relation([0, 3, -14]), [-7])
    proof = sigma.prove_compact(relation([0, 3, -14]), [-7], tag=COMPACT_TAG)
    with pytest.raises(WitnessError, match="equation 0"):
        sigma.prove_compact(relation([0, 4, -14]), [-7], tag=COMPACT_TAG)
    with pytest.raises(VerificationError, match="challenge-mismatch"):
        sigma.verify_compact(relation([0, 4, -14]), proof, tag=COMPACT_TAG)
    with pytest.raises(ValueError, match="3 generators, but 2 amounts"):
        relation([0, 3])
    with pytest.raises(ValueError, match="length one"):
        difference_opening(
            BACKEND, generators=generators, blinding_generator=h, minuend=new, subtrahend=generators
        )


def test_commitments_with_one_blinding_are_not_a_difference_worth_proving() -> None:
    """With equal blindings the public difference would need no witness: the draft's check 9 refuses it."""
    generators, h = bases(b"assets")
    old, new = commit(generators, h, [1, 2, 3], 50), commit(generators, h, [1, 2, 4], 50)
    with pytest.raises(InstanceError, match="check 9"):
        public_difference_opening(
            BACKEND,
            generators=generators,
            blinding_generator=h,
            minuend=new,
            subtrahend=old,
            amounts=[0, 0, 1],
        )
