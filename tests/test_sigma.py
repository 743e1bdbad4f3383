"""Sigma proofs, against the accepted and refused vectors of draft-irtf-cfrg-sigma-protocols."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from primitives import codec, decoding_reasons, narg, sigma
from primitives.backend import PointVector
from primitives.instance_validation import InstanceCheck, InstanceError
from primitives.linear_relation import Equation, LinearRelation, generator, parse_relation
from primitives.narg import NargError
from primitives.parameters import GROUP_ORDER
from primitives.reference_backend import ReferenceBackend
from primitives.sigma import VerificationError, WitnessError
from primitives.sponge import DuplexSponge, derive_session_id

VECTORS: Final[Any] = json.loads((Path(__file__).parent / "vectors" / "cfrg" / "sigma.json").read_text())
BACKEND: Final = ReferenceBackend()
SUITE: Final = sigma.CIPHERSUITE.decode()
BATCHABLE_TAG: Final = sigma.sigma_tag(b"test", sigma.BATCHABLE_MARKER)
COMPACT_TAG: Final = sigma.sigma_tag(b"test", sigma.COMPACT_MARKER)
PROVE: Final = {"batchable": sigma.prove_batchable, "compact": sigma.prove_compact}
VERIFY: Final = {"batchable": sigma.verify_batchable, "compact": sigma.verify_compact}
MARKERS: Final = {"batchable": "DSFS", "compact": "CMPT"}


# The draft's vectors


def seeded_nonces(relation: str, flavour: str) -> sigma.NonceSource:
    """The draft's seeded generator for vectors: scalars decoded from a sponge that is named after them."""
    tag = f"TestDRNG-SIGMA-PROOFS-{MARKERS[flavour]}-{SUITE}-{relation}"
    sponge = DuplexSponge(derive_session_id(tag.encode()))

    def draw(count: int, context: bytes) -> list[int]:
        return [codec.decode_integer(sponge.squeeze(48), GROUP_ORDER) for _ in range(count)]

    return draw


def verify_vector(case: Any, instance: str) -> None:
    relation = parse_relation(BACKEND, bytes.fromhex(instance))
    VERIFY[case["flavour"]](relation, bytes.fromhex(case["narg"]), tag=case["tag"].encode())


def test_the_vectors_are_all_there() -> None:
    assert [len(VECTORS[part]) for part in ("statements", "accepted", "refused", "accepted_again")] == [
        7,
        14,
        28,
        4,
    ]


@pytest.mark.parametrize("name", VECTORS["accepted"])
def test_accepted_vectors_verify_and_are_made_again_byte_for_byte(name: str) -> None:
    case = VECTORS["accepted"][name]
    statement = VECTORS["statements"][case["relation"]]
    verify_vector(case, statement["instance"])
    assert derive_session_id(case["tag"].encode()).hex() == case["session_id"]
    relation = parse_relation(BACKEND, bytes.fromhex(statement["instance"]))
    assert relation.serialize().hex() == statement["instance"]
    witness = BACKEND.scalars_from_bytes(bytes.fromhex(statement["witness"])).to_ints()
    nonces = seeded_nonces(case["relation"], case["flavour"])
    proof = PROVE[case["flavour"]](relation, witness, tag=case["tag"].encode(), nonces=nonces)
    assert proof.hex() == case["narg"]


@pytest.mark.parametrize("name", VECTORS["accepted_again"])
def test_baselines_of_the_refused_vectors_verify(name: str) -> None:
    case = VECTORS["accepted_again"][name]
    verify_vector(case, case["instance"])


class Refusal(NamedTuple):
    """The error that a refused vector must meet, and the attributes that tell the reason."""

    error: type[Exception]
    attributes: dict[str, Any]


def unreadable(label: str, reason: str) -> Refusal:
    return Refusal(NargError, {"label": label, "reason": reason})


def invalid(check: InstanceCheck) -> Refusal:
    return Refusal(InstanceError, {"check": check})


EQUATION_FAILS: Final = Refusal(VerificationError, {"check": sigma.VERIFICATION_EQUATION})
CHALLENGE_DIFFERS: Final = Refusal(VerificationError, {"check": sigma.CHALLENGE_MISMATCH})
BY_FLAVOUR: Final = {"batchable": EQUATION_FAILS, "compact": CHALLENGE_DIFFERS}

REFUSALS: Final[dict[str, Refusal | dict[str, Refusal]]] = {
    "Deserialization fails if the compression bit is cleared.": unreadable(
        "commitment", decoding_reasons.COMPRESSION_FLAG
    ),
    "Deserialization fails if the x-coordinate is lifted by the field characteristic (x = 4, encoded as x + "
    "p).": unreadable("commitment", decoding_reasons.COORDINATE_RANGE),
    "Deserialization fails on the canonical compressed encoding of the point at infinity: the identity is "
    "invalid in prover messages.": unreadable("commitment", narg.IDENTITY),
    "Deserialization fails on a point (x = 0) on the curve but outside the prime-order subgroup G1.": (
        unreadable("commitment", narg.NOT_IN_SUBGROUP)
    ),
    "Deserialization fails on x = 1, which is not on the curve (x^3 + 4 is a non-residue).": unreadable(
        "commitment", decoding_reasons.NOT_ON_CURVE
    ),
    "Deserialization fails if `response[0]` is re-encoded as s + order: same value mod p, non-canonical "
    "bytes. Reducing instead of rejecting yields malleability.": unreadable(
        "response", decoding_reasons.SCALAR_RANGE
    ),
    "Deserialization fails if `challenge` is re-encoded as c + order (non-canonical bytes).": unreadable(
        "challenge", decoding_reasons.SCALAR_RANGE
    ),
    "Verification fails if one trailing 0x00 byte is appended to a valid proof.": unreadable(
        "sigma proof", narg.TRAILING
    ),
    "Verification fails if a valid proof is truncated by one byte.": unreadable(
        "sigma proof", codec.TRUNCATED
    ),
    "Verification fails on the all-zero compact proof: challenge and response are zero.": Refusal(
        VerificationError, {"check": sigma.COMMITMENT_IDENTITY}
    ),
    "Instance validation fails if scalar index 1 appears in no equation (check 6); the proof satisfies the "
    "verification equations, so rejection must come from instance validation.": invalid(
        InstanceCheck.SCALAR_USED
    ),
    "Instance validation fails on the same instance, here with the unconstrained `response[1]` perturbed.": (
        invalid(InstanceCheck.SCALAR_USED)
    ),
    "Instance validation fails if the image terms X + (-X) sum to the identity (check 9).": invalid(
        InstanceCheck.IMAGE_NOT_TRIVIAL
    ),
    "Instance validation fails if a statement element is the identity (check 8), here at index 1, encoded as "
    "the canonical compressed encoding of infinity; parsers may instead reject at group deserialization.": (
        invalid(InstanceCheck.NO_IDENTITY)
    ),
    "Instance validation fails if a term references element index 2 while a single element follows; parsers "
    "may instead reject on length.": invalid(InstanceCheck.ELEMENT_EXISTS),
    "Verification fails under a different tag.": BY_FLAVOUR,
    "Verification fails if the statement's two equations are swapped.": BY_FLAVOUR,
    "Verification fails if a statement element is changed after proving.": BY_FLAVOUR,
    "Verification fails if the batchable proof's transcript is re-encoded as a compact NARG string.": (
        CHALLENGE_DIFFERS
    ),
    "Verification fails if the compact proof's transcript is re-encoded as a batchable NARG string: the "
    "challenge derived under the batchable tag differs.": EQUATION_FAILS,
    "Verification fails if `response[0]` is increased by 1.": EQUATION_FAILS,
    "Verification fails if `commitment[0]` is replaced by a different valid group element.": EQUATION_FAILS,
    "Verification fails if `challenge` is replaced by a different scalar.": CHALLENGE_DIFFERS,
}
"""By the reason that the vector itself states."""


@pytest.mark.parametrize("name", VECTORS["refused"])
def test_refused_vectors_are_refused_for_the_reason_they_state(name: str) -> None:
    case = VECTORS["refused"][name]
    assert case["base"] in VECTORS["accepted"]
    expected = REFUSALS[case["why"]]
    refusal = expected if isinstance(expected, Refusal) else expected[case["flavour"]]
    with pytest.raises(refusal.error) as raised:
        verify_vector(case, case["instance"])
    assert {key: getattr(raised.value, key) for key in refusal.attributes} == refusal.attributes


def test_every_stated_reason_occurs() -> None:
    assert {case["why"] for case in VECTORS["refused"].values()} == set(REFUSALS)


# Proving and verifying


def combine(*factors: int) -> PointVector:
    """Points ``f G`` for the given f; 0 is the identity."""
    scalars = BACKEND.scalars_from_ints(factors)
    points = BACKEND.identity(0)
    for _ in factors:
        points = points.concat(generator(BACKEND))
    return points.scale(scalars)


def pedersen() -> LinearRelation:
    """``C = x G + y H`` for H = 5 G, C = 38 G, and a second equation ``D - 2 G = y G`` for D = 8 G."""
    equations = [Equation([(2, 1)], [(0, 0, 1), (1, 1, 1)]), Equation([(3, 1), (0, -2)], [(1, 0, 1)])]
    return LinearRelation(BACKEND, combine(1, 5, 38, 8), equations)


WITNESS: Final = [8, 6]


@pytest.mark.parametrize("flavour", PROVE)
def test_fresh_proofs_verify_and_differ(flavour: str) -> None:
    tag = {"batchable": BATCHABLE_TAG, "compact": COMPACT_TAG}[flavour]
    relation = pedersen()
    first, second = (PROVE[flavour](relation, WITNESS, tag=tag, session=b"s") for _ in range(2))
    assert first != second
    assert len(first) == {"batchable": 2 * 48 + 2 * 32, "compact": 32 + 2 * 32}[flavour]
    for proof in (first, second):
        VERIFY[flavour](relation, proof, tag=tag, session=b"s")
        with pytest.raises(VerificationError):
            VERIFY[flavour](relation, proof, tag=tag, session=b"t")


@pytest.mark.parametrize("flavour", PROVE)
def test_any_changed_bit_is_refused(flavour: str) -> None:
    tag = {"batchable": BATCHABLE_TAG, "compact": COMPACT_TAG}[flavour]
    relation = pedersen()
    proof = PROVE[flavour](relation, WITNESS, tag=tag)
    for position in range(0, len(proof), 5):
        changed = bytearray(proof)
        changed[position] ^= 1 << position % 8
        with pytest.raises((NargError, VerificationError)):
            VERIFY[flavour](relation, bytes(changed), tag=tag)


def test_the_failing_equation_is_named() -> None:
    relation = pedersen()
    proof = sigma.prove_batchable(relation, WITNESS, tag=BATCHABLE_TAG)
    response = BACKEND.scalars_from_bytes(proof[96:])
    # (+5, -1) is in the kernel of the first equation (H = 5 G) and not of the second.
    shifted = response.add(BACKEND.scalars_from_ints([5, -1])).to_bytes()
    with pytest.raises(VerificationError, match="equation 1 does not hold"):
        sigma.verify_batchable(relation, proof[:96] + shifted, tag=BATCHABLE_TAG)


def test_tags_must_name_flavour_and_suite() -> None:
    relation = pedersen()
    batchable, compact = "DSFS", "CMPT"
    for tag in (COMPACT_TAG, b"test-DSFS", b"DSFS-with-sigma-proofs_Shake128_P256"):
        with pytest.raises(ValueError, match=f"{batchable} and {SUITE}"):
            sigma.prove_batchable(relation, WITNESS, tag=tag)
        with pytest.raises(ValueError, match=f"{batchable} and {SUITE}"):
            sigma.verify_batchable(relation, b"", tag=tag)
    for tag in (BATCHABLE_TAG, b"test-CMPT"):
        with pytest.raises(ValueError, match=f"{compact} and {SUITE}"):
            sigma.prove_compact(relation, WITNESS, tag=tag)
        with pytest.raises(ValueError, match=f"{compact} and {SUITE}"):
            sigma.verify_compact(relation, b"", tag=tag)


def test_a_wrong_witness_makes_no_proof() -> None:
    relation = pedersen()
    for witness, message in [
        ([8], "2 scalars, the witness 1"),
        ([8, 6, 0], "2 scalars, the witness 3"),
        ([9, 6], "equation 0"),
        ([3, 7], "equation 1"),
    ]:
        with pytest.raises(WitnessError, match=message):
            sigma.prove_compact(relation, witness, tag=COMPACT_TAG)


def test_nonces_are_hedged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another statement or witness gets other nonces, even from a random generator that repeats itself."""
    monkeypatch.setattr(secrets, "token_bytes", lambda size: b"\x07" * size)
    assert sigma.fresh_nonces(2, b"a") == sigma.fresh_nonces(2, b"a")
    assert set(sigma.fresh_nonces(2, b"a")).isdisjoint(sigma.fresh_nonces(2, b"b"))
    stream = hashlib.shake_256(b"sealedbook/v1/sigma-nonces" + b"\x07" * 32 + b"a").digest(128)
    assert sigma.fresh_nonces(2, b"a") == [
        int.from_bytes(stream[:64], "big") % GROUP_ORDER,
        int.from_bytes(stream[64:], "big") % GROUP_ORDER,
    ]
    contexts: list[bytes] = []

    def record(count: int, context: bytes) -> Sequence[int]:
        contexts.append(context)
        return sigma.fresh_nonces(count, context)

    other = LinearRelation(BACKEND, combine(1, 14), [Equation([(1, 1)], [(0, 0, 1), (1, 0, 1)])])
    for relation, witness, tag, session in [
        (pedersen(), WITNESS, COMPACT_TAG, b""),
        (pedersen(), WITNESS, COMPACT_TAG, b"s"),
        (pedersen(), WITNESS, COMPACT_TAG + b"2", b""),
        (other, WITNESS, COMPACT_TAG, b""),
        (other, [2, 12], COMPACT_TAG, b""),
    ]:
        sigma.prove_compact(relation, witness, tag=tag, session=session, nonces=record)
    assert len(set(contexts)) == len(contexts) == 5
