"""Native and reference backend: the same bytes for the same operands, the same refusal for the same fault.

Every operation of the interface runs on both with drawn operands (lengths that do not fit included), and
with fixed ones at the boundaries. The pool of points holds the identity, P and -P, and points outside G1.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from typing import Final

import pytest
from backend_comparison import (
    EDGES,
    NATIVE,
    POOL_SIZE,
    REFERENCE,
    SCALARS,
    assert_agreement,
    needs_native,
    pool_points,
)
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from primitives import sigma
from primitives.backend import Backend, CommitmentKey, PointVector, ScalarVector
from primitives.linear_relation import Equation, LinearRelation, generator
from primitives.parameters import GROUP_ORDER

pytestmark = needs_native


@dataclasses.dataclass(frozen=True)
class Operands:
    """Drawn operands; the second ones sometimes have another length than the first."""

    scalars: list[int]
    other_scalars: list[int]
    points: list[int]
    other_points: list[int]
    factor: int
    bounds: tuple[int, int]

    def a(self, backend: Backend) -> ScalarVector:
        return backend.scalars_from_ints(self.scalars)

    def b(self, backend: Backend) -> ScalarVector:
        return backend.scalars_from_ints(self.other_scalars)

    def p(self, backend: Backend) -> PointVector:
        return pool_points(backend, self.points)

    def q(self, backend: Backend) -> PointVector:
        return pool_points(backend, self.other_points)


@st.composite
def operands(draw: st.DrawFn) -> Operands:
    length = draw(st.integers(0, 4))
    other = draw(st.sampled_from([length, length, length, length + 1]))
    indices = st.integers(0, POOL_SIZE - 1)
    return Operands(
        scalars=draw(st.lists(SCALARS, min_size=length, max_size=length)),
        other_scalars=draw(st.lists(SCALARS, min_size=other, max_size=other)),
        points=draw(st.lists(indices, min_size=length, max_size=length)),
        other_points=draw(st.lists(indices, min_size=other, max_size=other)),
        factor=draw(st.one_of(SCALARS, st.sampled_from([-1, GROUP_ORDER, 2**256, -(2**300)]))),
        bounds=(draw(st.integers(-1, 5)), draw(st.integers(-1, 5))),
    )


OPERATIONS: Final[dict[str, Callable[[Backend, Operands], object]]] = {
    "ScalarVector.slice": lambda k, o: o.a(k).slice(*o.bounds),
    "ScalarVector.concat": lambda k, o: o.a(k).concat(o.b(k)),
    "ScalarVector.to_ints": lambda k, o: tuple(o.a(k).to_ints()),
    "ScalarVector.to_bytes": lambda k, o: o.a(k).to_bytes(),
    "ScalarVector.add": lambda k, o: o.a(k).add(o.b(k)),
    "ScalarVector.sub": lambda k, o: o.a(k).sub(o.b(k)),
    "ScalarVector.multiply": lambda k, o: o.a(k).multiply(o.b(k)),
    "ScalarVector.scale": lambda k, o: o.a(k).scale(o.factor),
    "ScalarVector.inner": lambda k, o: o.a(k).inner(o.b(k)),
    "ScalarVector.sum": lambda k, o: o.a(k).sum(),
    "ScalarVector.fold": lambda k, o: o.a(k).fold(o.factor),
    "PointVector.slice": lambda k, o: o.p(k).slice(*o.bounds),
    "PointVector.concat": lambda k, o: o.p(k).concat(o.q(k)),
    "PointVector.to_compressed": lambda k, o: o.p(k).to_compressed(),
    "PointVector.to_uncompressed": lambda k, o: o.p(k).to_uncompressed(),
    "PointVector.add": lambda k, o: o.p(k).add(o.q(k)),
    "PointVector.negate": lambda k, o: o.p(k).negate(),
    "PointVector.scale": lambda k, o: o.p(k).scale(o.b(k)),
    "PointVector.sum": lambda k, o: o.p(k).concat(o.q(k)).sum(),
    "PointVector.fold": lambda k, o: o.p(k).fold(o.factor),
    "PointVector.multiply_by_cofactor": lambda k, o: o.p(k).multiply_by_cofactor(),
    "PointVector.identity_mask": lambda k, o: o.p(k).identity_mask(),
    "PointVector.subgroup_mask": lambda k, o: o.p(k).subgroup_mask(),
    "Backend.multi_scalar_multiply": lambda k, o: k.multi_scalar_multiply(o.p(k), o.b(k)),
    "Backend.scalars_from_ints": lambda k, o: k.scalars_from_ints([o.factor, -o.factor, *o.scalars]),
}
ELSEWHERE: Final = {
    "Backend.name",
    "Backend.scalars_from_int64",
    "Backend.scalars_from_bytes",
    "Backend.scalars_from_wide_bytes",
    "Backend.hash_to_curve",
    "Backend.points_from_compressed",
    "Backend.points_from_uncompressed",
    "Backend.identity",
    "Backend.commitment_key",
    "Backend.sum_tree_leaf_hashes",
    "Backend.sum_tree_level",
    "CommitmentKey.commit",
}
"""Operations with a test of their own: here, or in test_backends_agree_on_bytes.py."""


def test_every_operation_of_the_interface_is_compared() -> None:
    members = {
        f"{protocol.__name__}.{name}"
        for protocol in (ScalarVector, PointVector, CommitmentKey, Backend)
        for name in vars(protocol)
        if not name.startswith("_")
    }
    assert members == set(OPERATIONS) | ELSEWHERE


@pytest.mark.parametrize("name", OPERATIONS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=operands())
@example(drawn=Operands([], [], [], [], 0, (0, 0)))
@example(drawn=Operands(EDGES[:2], EDGES[-2:], [0, 5], [3, 5], GROUP_ORDER - 1, (1, 2)))
@example(drawn=Operands([1], [1, 2], [0], [0, 1], GROUP_ORDER, (0, 2)))
def test_operations_agree(name: str, drawn: Operands) -> None:
    assert_agreement(lambda backend: OPERATIONS[name](backend, drawn))


def test_names_tell_the_backends_apart() -> None:
    assert NATIVE is not None
    assert (REFERENCE.name, NATIVE.name) == ("reference", "native")


def test_vectors_of_the_other_backend_are_refused() -> None:
    assert NATIVE is not None
    for own, other in itertools.permutations((REFERENCE, NATIVE)):
        points, strangers = generator(own), generator(other)
        ones = other.scalars_from_ints([1])
        for operation in (
            lambda p=points, s=strangers: p.add(s),
            lambda p=points, s=strangers: p.concat(s),
            lambda p=points, o=ones: p.scale(o),
            lambda k=own, p=points, o=ones: k.multi_scalar_multiply(p, o),
            lambda k=own, o=ones: k.scalars_from_ints([1]).add(o),
            lambda k=own, s=strangers: k.sum_tree_level(bytes(32), s),
            lambda k=own, p=points, s=strangers: k.commitment_key(p, s, 1),
        ):
            with pytest.raises(TypeError):
                operation()


# All pairs of the pool: complete addition, and multiplication at the edges


def test_the_pool_holds_points_of_small_order() -> None:
    points = pool_points(REFERENCE, list(range(POOL_SIZE)))
    tripled = points.scale(REFERENCE.scalars_from_ints([3] * POOL_SIZE)).identity_mask()
    elevenfold = points.scale(REFERENCE.scalars_from_ints([11] * POOL_SIZE)).identity_mask()
    assert tripled.tolist() == [False] * 5 + [True, False, False, False, True]
    assert elevenfold.tolist() == [False] * 5 + [False, False, False, True, True]
    assert points.subgroup_mask().tolist() == [True] * 5 + [False] * 4 + [True]


def test_addition_of_every_pair_agrees() -> None:
    left, right = zip(*itertools.product(range(POOL_SIZE), repeat=2), strict=True)
    assert_agreement(lambda k: pool_points(k, list(left)).add(pool_points(k, list(right))))


@pytest.mark.parametrize("scalar", EDGES)
def test_multiplication_of_every_point_agrees(scalar: int) -> None:
    everything = list(range(POOL_SIZE))
    assert_agreement(lambda k: pool_points(k, everything).scale(k.scalars_from_ints([scalar] * POOL_SIZE)))
    assert_agreement(
        lambda k: k.multi_scalar_multiply(
            pool_points(k, everything), k.scalars_from_ints([scalar] * POOL_SIZE)
        )
    )


def check_multi_scalar_multiplication(indices: list[int], factors: list[int]) -> None:
    assert_agreement(lambda k: k.multi_scalar_multiply(pool_points(k, indices), k.scalars_from_ints(factors)))


@pytest.mark.parametrize("count", [1, 2, 31, 33, 200, 1200])
def test_longer_multi_scalar_multiplications_agree(count: int) -> None:
    indices = [i * i % POOL_SIZE for i in range(count)]
    scalars = [(EDGES[i % len(EDGES)] * pow(7, i, GROUP_ORDER)) % GROUP_ORDER for i in range(count)]
    short = [(i * 0x9E3779B97F4A7C15) % 2**128 for i in range(count)]
    for factors in (scalars, short, [0] * count, [GROUP_ORDER - 1] * count):
        check_multi_scalar_multiplication(indices, factors)


# A protocol on top


def test_sigma_proofs_agree_and_verify_across() -> None:
    assert NATIVE is not None
    tag = sigma.sigma_tag(b"test", sigma.BATCHABLE_MARKER)

    def relation(backend: Backend) -> LinearRelation:
        points = generator(backend).concat(backend.hash_to_curve([b"H"], b"TEST"))
        commitment = backend.multi_scalar_multiply(points, backend.scalars_from_ints([3, 5]))
        equation = Equation([(2, 1)], [(0, 0, 1), (1, 1, 1)])
        return LinearRelation(backend, points.concat(commitment), [equation])

    proofs = [
        sigma.prove_batchable(relation(k), [3, 5], tag=tag, nonces=lambda count, context: [11, 13][:count])
        for k in (REFERENCE, NATIVE)
    ]
    assert proofs[0] == proofs[1]
    for backend in (REFERENCE, NATIVE):
        sigma.verify_batchable(relation(backend), proofs[0], tag=tag)
        with pytest.raises(sigma.VerificationError):
            sigma.verify_batchable(relation(backend), proofs[0], tag=tag, session=b"other")
