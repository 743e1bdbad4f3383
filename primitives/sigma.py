"""Sigma proofs for linear relations: draft-irtf-cfrg-sigma-protocols, suite sigma-proofs_Shake128_BLS12381.

Symbols: M the linear map and ``image`` the left-hand sides of a `LinearRelation`, x the witness.

    prover:    nonces k, commitment ``A = M k``; challenge c = H(tag, relation, A); response ``z = k + c x``
    verifier:  ``A + c image = M z``

A *batchable* proof is ``A || z``; a *compact* one is ``c || z``, from which the verifier recovers
``A = M z - c image``. A proof verifies only under the flavour it was made for: the tag names it.

The prover is not constant-time (multi-scalar multiplication by the nonces): do not run it where others can
time it closely.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import Final, Protocol

from primitives.backend import PointVector
from primitives.codec import serialize_byte_string
from primitives.errors import SealedbookError
from primitives.linear_relation import LinearRelation
from primitives.narg import NargReader
from primitives.parameters import GROUP_ORDER, POINT_BYTES, SCALAR_BYTES
from primitives.transcript import ProverTranscript, VerifierTranscript

CIPHERSUITE: Final = b"sigma-proofs_Shake128_BLS12381"
BATCHABLE_MARKER: Final = b"DSFS"
COMPACT_MARKER: Final = b"CMPT"

_NONCE_LABEL: Final = b"sealedbook/v1/sigma-nonces"
_SEED_BYTES: Final = 32
_WIDE_BYTES: Final = 64


class SigmaError(SealedbookError):
    """Base of the errors below."""


class WitnessError(SigmaError):
    """The witness does not satisfy the relation, so no proof is made. Names no secret."""


class VerificationError(SigmaError):
    """A well-formed proof does not verify. `check` names the check that failed."""

    def __init__(self, check: str, detail: str) -> None:
        self.check = check
        super().__init__(f"sigma proof refused, {check}: {detail}")


VERIFICATION_EQUATION: Final = "verification-equation"
COMMITMENT_IDENTITY: Final = "commitment-identity"
CHALLENGE_MISMATCH: Final = "challenge-mismatch"


class NonceSource(Protocol):
    """Where the prover's nonces come from."""

    def __call__(self, count: int, context: bytes) -> Sequence[int]:
        """`count` uniform scalars in ``[0, r)``, different ones at every call.

        `context` determines tag, relation and witness; it is **secret**.
        """
        ...


def fresh_nonces(count: int, context: bytes) -> list[int]:
    """The default: a new 32-byte seed from the operating system, hashed together with the context.

    The seed alone would do. With the context in the hash, a generator that repeats itself (a cloned
    virtual machine) still gives different proofs different nonces; two responses with one nonce would
    reveal the witness. 512 bits reduced modulo r: bias below 2^-250.
    """
    seed = secrets.token_bytes(_SEED_BYTES)
    stream = hashlib.shake_256(_NONCE_LABEL + seed + context).digest(count * _WIDE_BYTES)
    chunks = (stream[start : start + _WIDE_BYTES] for start in range(0, len(stream), _WIDE_BYTES))
    return [int.from_bytes(chunk, "big") % GROUP_ORDER for chunk in chunks]


def sigma_tag(application: bytes, marker: bytes) -> bytes:
    """The tag of `application` (name and version) in one flavour, as the draft composes it."""
    return application + b"-" + marker + b"-with-" + CIPHERSUITE


def prove_batchable(
    relation: LinearRelation,
    witness: Sequence[int],
    *,
    tag: bytes,
    session: bytes = b"",
    nonces: NonceSource = fresh_nonces,
) -> bytes:
    """ProveBatchable: ``48 equations + 32 scalars`` bytes.

    `tag` must contain ``DSFS`` and the ciphersuite (see `sigma_tag`; `ValueError` otherwise); `session`
    is further context, bound with it (`primitives.sponge.compose_tag`). Raises `WitnessError` if the
    witness has another length than the relation or does not satisfy it.
    """
    _check_tag(tag, BATCHABLE_MARKER)
    commitment, _, response = _prove(relation, witness, tag, session, nonces)
    return commitment + response


def prove_compact(
    relation: LinearRelation,
    witness: Sequence[int],
    *,
    tag: bytes,
    session: bytes = b"",
    nonces: NonceSource = fresh_nonces,
) -> bytes:
    """ProveCompact: ``32 + 32 scalars`` bytes. As `prove_batchable`; `tag` must contain ``CMPT``."""
    _check_tag(tag, COMPACT_MARKER)
    _, challenge, response = _prove(relation, witness, tag, session, nonces)
    return challenge + response


def verify_batchable(relation: LinearRelation, narg: bytes, *, tag: bytes, session: bytes = b"") -> None:
    """VerifyBatchable: returns only if the proof holds.

    Raises `primitives.narg.NargError` on bytes that are no proof for this relation, and
    `VerificationError` (`VERIFICATION_EQUATION`) on one that is wrong.
    """
    _check_tag(tag, BATCHABLE_MARKER)
    equations, scalars = len(relation.equations), relation.scalar_count
    transcript = VerifierTranscript(relation.backend, tag, session, narg=narg)
    transcript.absorb_encoded(relation.serialize())
    transcript.expect_remaining(POINT_BYTES * equations + SCALAR_BYTES * scalars, "sigma proof")
    commitment = transcript.read_subgroup_points(equations, "commitment")
    challenge = transcript.challenge_scalar()
    response = transcript.read_scalars(scalars, "response").to_ints()
    difference = commitment.add(_simulate_commitment(relation, response, challenge).negate())
    holds = difference.identity_mask()
    if not holds.all():
        raise VerificationError(VERIFICATION_EQUATION, f"equation {int(holds.argmin())} does not hold")


def verify_compact(relation: LinearRelation, narg: bytes, *, tag: bytes, session: bytes = b"") -> None:
    """VerifyCompact: returns only if the proof holds.

    Raises `primitives.narg.NargError` on bytes that are no proof for this relation, and
    `VerificationError` (`COMMITMENT_IDENTITY`, `CHALLENGE_MISMATCH`) on one that is wrong.
    """
    _check_tag(tag, COMPACT_MARKER)
    reader = NargReader(relation.backend, narg)
    reader.expect_remaining(SCALAR_BYTES * (1 + relation.scalar_count), "sigma proof")
    challenge = reader.read_scalars(1, "challenge").to_ints()[0]
    response = reader.read_scalars(relation.scalar_count, "response").to_ints()
    commitment = _simulate_commitment(relation, response, challenge)
    identities = commitment.identity_mask()
    if identities.any():
        raise VerificationError(
            COMMITMENT_IDENTITY, f"the commitment of equation {int(identities.argmax())} is the identity"
        )
    if _commit(relation, commitment, tag, session).challenge_scalar() != challenge:
        raise VerificationError(CHALLENGE_MISMATCH, "the challenge is not the hash of tag and statement")


def _prove(
    relation: LinearRelation, witness: Sequence[int], tag: bytes, session: bytes, nonces: NonceSource
) -> tuple[bytes, bytes, bytes]:
    """Commitment, challenge and response, encoded: ``A = M k``, c, ``z = k + c x``."""
    scalars_from_ints = relation.backend.scalars_from_ints
    _check_witness(relation, witness)
    secret = scalars_from_ints(witness)
    context = b"".join(map(serialize_byte_string, (tag, session, relation.serialize(), secret.to_bytes())))
    drawn = scalars_from_ints(nonces(relation.scalar_count, context))
    transcript = _commit(relation, relation.map(drawn.to_ints()), tag, session)
    challenge = transcript.challenge_scalar()
    response = drawn.add(secret.scale(challenge))
    return transcript.narg(), scalars_from_ints([challenge]).to_bytes(), response.to_bytes()


def _commit(
    relation: LinearRelation, commitment: PointVector, tag: bytes, session: bytes
) -> ProverTranscript:
    """A transcript of the relation and the commitment: its next challenge is that of DeriveChallenge."""
    transcript = ProverTranscript(tag, session)
    transcript.absorb_encoded(relation.serialize())
    transcript.write_points(commitment)
    return transcript


def _simulate_commitment(relation: LinearRelation, response: Sequence[int], challenge: int) -> PointVector:
    """SimulateCommitment: ``M z - c image``, one multi-scalar multiplication per equation."""
    pairs = zip(relation.map_rows(response), relation.image_rows, strict=True)
    return relation.evaluate(
        tuple(mapped - challenge * image for mapped, image in zip(map_row, image_row, strict=True))
        for map_row, image_row in pairs
    )


def _check_tag(tag: bytes, marker: bytes) -> None:
    if marker not in tag or CIPHERSUITE not in tag:
        raise ValueError(f"the tag must contain {marker.decode()} and {CIPHERSUITE.decode()}")


def _check_witness(relation: LinearRelation, witness: Sequence[int]) -> None:
    if len(witness) != relation.scalar_count:
        raise WitnessError(f"the relation has {relation.scalar_count} scalars, the witness {len(witness)}")
    holds = relation.map(witness).add(relation.image().negate()).identity_mask()
    if not holds.all():
        raise WitnessError(f"the witness does not satisfy equation {int(holds.argmin())}")
