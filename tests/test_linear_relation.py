"""Linear relations: the numbered checks of instances, and strict canonical serialisation."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import pytest

from primitives import codec, decoding_reasons, instance_validation, narg, sigma
from primitives.backend import PointVector
from primitives.instance_validation import CHECKS, InstanceCheck, InstanceError
from primitives.linear_relation import Equation, LinearRelation, generator, parse_relation
from primitives.narg import NargError
from primitives.parameters import GROUP_ORDER
from primitives.reference_backend import ReferenceBackend

BACKEND: Final = ReferenceBackend()
COMPACT_TAG: Final = sigma.sigma_tag(b"test", sigma.COMPACT_MARKER)


# Instance validation: for every check an instance that violates it, and where possible it alone


def combine(*factors: int) -> PointVector:
    """Points ``f G`` for the given f; 0 is the identity."""
    scalars = BACKEND.scalars_from_ints(factors)
    points = BACKEND.identity(0)
    for _ in factors:
        points = points.concat(generator(BACKEND))
    return points.scale(scalars)


SMALL_ORDER: Final = BACKEND.points_from_compressed(bytes([0x80]) + bytes(47))
Build = Callable[[], LinearRelation]


def build(elements: PointVector, *equations: Equation) -> Build:
    return lambda: LinearRelation(BACKEND, elements, equations)


INVALID_INSTANCES: Final[dict[str, tuple[InstanceCheck, Build]]] = {
    "element outside G1": (
        InstanceCheck.MEMBERSHIP,
        build(combine(1).concat(SMALL_ORDER), Equation([(1, 1)], [(0, 0, 1)])),
    ),
    "no equations": (InstanceCheck.HAS_EQUATIONS, build(combine(1))),
    "no terms": (
        InstanceCheck.EQUATIONS_NOT_EMPTY,
        build(combine(1, 7), Equation([(1, 1)], [(0, 0, 1)]), Equation([(1, 1)], [])),
    ),
    "no image": (
        InstanceCheck.EQUATIONS_NOT_EMPTY,
        build(combine(1, 7), Equation([(1, 1)], [(0, 0, 1)]), Equation([], [(0, 0, 1)])),
    ),
    "negative element index": (
        InstanceCheck.INDEX_RANGE,
        build(combine(1, 7), Equation([(-1, 1), (1, 2)], [(0, 0, 1)])),
    ),
    "negative scalar index": (
        InstanceCheck.INDEX_RANGE,
        build(combine(1, 7), Equation([(1, 1)], [(1, 0, 1), (-1, 0, 1)])),
    ),
    "element index of 33 bits": (
        InstanceCheck.INDEX_RANGE,
        build(combine(1, 7), Equation([(1, 1)], [(0, 1 << 32, 1)])),
    ),
    "scalar index of 33 bits": (
        InstanceCheck.INDEX_RANGE,
        build(combine(1, 7), Equation([(1, 1)], [(1 << 32, 0, 1)])),
    ),
    "image refers to no element": (
        InstanceCheck.ELEMENT_EXISTS,
        build(combine(1, 7), Equation([(1, 1), (2, 1)], [(0, 0, 1)])),
    ),
    "term refers to no element": (
        InstanceCheck.ELEMENT_EXISTS,
        build(combine(1, 7), Equation([(1, 1)], [(0, 2, 1)])),
    ),
    "unused element": (
        InstanceCheck.ELEMENT_USED,
        build(combine(1, 7, 9), Equation([(2, 1)], [(0, 0, 1)])),
    ),
    "unused scalar": (
        InstanceCheck.SCALAR_USED,
        build(combine(1, 7), Equation([(1, 1)], [(0, 0, 1), (2, 0, 1)])),
    ),
    "another generator": (
        InstanceCheck.GENERATOR_FIRST,
        build(combine(2, 7), Equation([(1, 1)], [(0, 0, 1)])),
    ),
    "identity element": (
        InstanceCheck.NO_IDENTITY,
        build(combine(1, 7, 0), Equation([(1, 1), (2, 1)], [(0, 0, 1)])),
    ),
    "image terms cancel": (
        InstanceCheck.IMAGE_NOT_TRIVIAL,
        build(combine(1, 7), Equation([(1, 1), (1, -1)], [(0, 0, 1)])),
    ),
    "image elements cancel": (
        InstanceCheck.IMAGE_NOT_TRIVIAL,
        build(combine(1, 7, -7), Equation([(0, 1)], [(0, 0, 1)]), Equation([(1, 1), (2, 1)], [(0, 0, 1)])),
    ),
    "zero coefficient": (
        InstanceCheck.SCALAR_CONSTRAINED,
        build(combine(1, 7), Equation([(1, 1)], [(0, 0, 1), (1, 0, 0)])),
    ),
    "coefficients cancel in every equation": (
        InstanceCheck.SCALAR_CONSTRAINED,
        build(
            combine(1, 7),
            Equation([(1, 1)], [(0, 0, 1), (1, 0, 1), (1, 0, -1)]),
            Equation([(1, 1)], [(0, 0, 1), (1, 1, 2), (1, 1, GROUP_ORDER - 2)]),
        ),
    ),
    "elements cancel": (
        InstanceCheck.SCALAR_CONSTRAINED,
        build(combine(1, 7, -7), Equation([(1, 1)], [(0, 0, 1), (1, 1, 1), (1, 2, 1)])),
    ),
}


@pytest.mark.parametrize("name", INVALID_INSTANCES)
def test_invalid_instances_are_refused_by_their_check(name: str) -> None:
    check, construct = INVALID_INSTANCES[name]
    with pytest.raises(InstanceError, match=rf"check {check.value} \({check.name}\)") as error:
        construct()
    assert error.value.check is check


ALSO_REFUSED_BY: Final = {
    "no image": InstanceCheck.IMAGE_NOT_TRIVIAL,
    "element index of 33 bits": InstanceCheck.ELEMENT_EXISTS,
    "scalar index of 33 bits": InstanceCheck.SCALAR_USED,
}
"""The draft's checks overlap: these instances violate a second one."""
CRASHES_LATER_CHECKS: Final = {"no equations": ValueError, "image refers to no element": IndexError}
"""Later checks rely on the one that these violate."""


@pytest.mark.parametrize("name", INVALID_INSTANCES)
def test_without_their_check_they_would_get_through(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check, construct = INVALID_INSTANCES[name]
    remaining = {other: find for other, find in CHECKS.items() if other is not check}
    monkeypatch.setattr(instance_validation, "CHECKS", remaining)
    if name in ALSO_REFUSED_BY:
        with pytest.raises(InstanceError) as error:
            construct()
        assert error.value.check is ALSO_REFUSED_BY[name]
    elif name in CRASHES_LATER_CHECKS:
        with pytest.raises(CRASHES_LATER_CHECKS[name]):
            construct()
    else:
        construct()


def test_every_check_has_an_instance_that_violates_it() -> None:
    assert {check for check, _ in INVALID_INSTANCES.values()} == set(CHECKS) == set(InstanceCheck)


def test_a_relation_without_elements_lacks_its_generator() -> None:
    with pytest.raises(InstanceError, match="check 4"):
        LinearRelation(BACKEND, BACKEND.identity(0), [Equation([(0, 1)], [(0, 0, 1)])])


def test_a_scalar_needs_only_one_equation_that_constrains_it() -> None:
    relation = LinearRelation(
        BACKEND,
        combine(1, 7, 9),
        [Equation([(1, 1)], [(0, 0, 1), (1, 0, 0)]), Equation([(2, 1)], [(0, 0, 0), (1, 0, 1)])],
    )
    proof = sigma.prove_compact(relation, [7, 9], tag=COMPACT_TAG)
    sigma.verify_compact(relation, proof, tag=COMPACT_TAG)


# Serialisation


def pedersen() -> LinearRelation:
    """``C = x G + y H`` for H = 5 G, C = 38 G, and a second equation ``D - 2 G = y G`` for D = 8 G."""
    equations = [Equation([(2, 1)], [(0, 0, 1), (1, 1, 1)]), Equation([(3, 1), (0, -2)], [(1, 0, 1)])]
    return LinearRelation(BACKEND, combine(1, 5, 38, 8), equations)


def test_serialisation_is_the_documented_layout() -> None:
    def uint(value: int) -> bytes:
        return value.to_bytes(4, "little")

    def scalar(value: int) -> bytes:
        return (value % GROUP_ORDER).to_bytes(32, "big")

    expected = (
        uint(2)
        + (uint(1) + uint(2) + scalar(1))
        + (uint(2) + uint(0) + uint(0) + scalar(1) + uint(1) + uint(1) + scalar(1))
        + (uint(2) + uint(3) + scalar(1) + uint(0) + scalar(-2))
        + (uint(1) + uint(1) + uint(0) + scalar(1))
        + combine(5, 38, 8).to_compressed()
    )
    assert pedersen().serialize() == expected
    assert parse_relation(BACKEND, expected).serialize() == expected


ENCODED: Final = pedersen().serialize()


@pytest.mark.parametrize(
    ("data", "label", "reason"),
    [
        (b"", "equation count", codec.TRUNCATED),
        (ENCODED[:6], "image term count", codec.TRUNCATED),
        (ENCODED[:10], "element index", codec.TRUNCATED),
        (ENCODED[:43], "coefficient", codec.TRUNCATED),
        (ENCODED[:12] + b"\xff" * 32 + ENCODED[44:], "coefficient", decoding_reasons.SCALAR_RANGE),
        (ENCODED[:44], "term count", codec.TRUNCATED),
        (ENCODED[:48], "scalar index", codec.TRUNCATED),
        (ENCODED[:-1], "end of input", narg.TRAILING),
        (ENCODED + b"\x00", "end of input", narg.TRAILING),
        (ENCODED[:-48] + b"\x80" + bytes(46) + b"\x01", "elements", decoding_reasons.NOT_ON_CURVE),
    ],
)
def test_parsing_is_strict(data: bytes, label: str, reason: str) -> None:
    with pytest.raises(NargError, match=re.escape(reason)) as error:
        parse_relation(BACKEND, data)
    assert error.value.label == label


def test_hostile_counts_and_indices_cost_nothing() -> None:
    huge = b"\xff" * 4
    with pytest.raises(NargError, match="fewer bytes"):
        parse_relation(BACKEND, huge + b"\x01\x00\x00\x00")
    one = (1).to_bytes(32, "big")
    count = b"\x01\x00\x00\x00"
    statement = count + count + count + one + count + huge + bytes(4) + one + combine(7).to_compressed()
    with pytest.raises(InstanceError, match="up to index 4294967295"):
        parse_relation(BACKEND, statement)
