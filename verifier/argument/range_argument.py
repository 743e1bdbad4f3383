"""The verifier of the range argument (docs/protocol-proofs.md).

Everything but the bytes of the proof is the verifier's own: statement, shape, context, leaves, generators.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from primitives.argument_instance import PROTOCOL_ID, ArgumentInstance
from primitives.argument_relation import DegenerateChallengeError
from primitives.backend import Backend, PointVector
from primitives.codec import TRUNCATED
from primitives.errors import DecodingError
from primitives.generators import Generators
from primitives.narg import IDENTITY, TRAILING, NargError
from primitives.transcript import VerifierTranscript
from verifier.argument.combination import EquationSum
from verifier.argument.equation import GroupEquation, build_equation
from verifier.argument.errors import ArgumentCheck, ArgumentError
from verifier.argument.messages import read_opening, read_sumcheck

_WEIGHT_LIMIT: Final = 1 << 128
_CHECKS: Final = {
    TRUNCATED: ArgumentCheck.LENGTH,
    TRAILING: ArgumentCheck.LENGTH,
    IDENTITY: ArgumentCheck.IDENTITY,
}
"""The check behind a reading error; all other reasons are about encodings."""


@dataclass(frozen=True, slots=True)
class ArgumentClaim:
    """An instance and the bytes that should prove it."""

    instance: ArgumentInstance
    proof: bytes


class ArgumentVerifier:
    """Checks proofs, alone or many at once. Both ways accept the same proofs."""

    def __init__(self, backend: Backend, generators: Generators) -> None:
        self._backend = backend
        self._generators = generators

    def verify(self, instance: ArgumentInstance, proof: bytes) -> None:
        """Accept `proof` for `instance`, or raise `ArgumentError`.

        Equation (all symbols in docs/protocol-proofs.md and `verifier.argument.equation`):

            h_eff ( X (K + e T' - z_H H) + sum_t X_{>t} (A_t + x_t^2 B_t) - <v, base> - c <v, L> E ) = 0

        Steps:
        1. The proof has exactly the length of its shape.                       [length]
        2. The leaves C_u are points of the curve, none of them the identity.   [instance]
        3. Absorb the instance; read the messages, each canonical, no point the identity, and draw the
           challenges, none degenerate.                           [encoding, identity, challenge-degenerate]
        4. The equation holds.                                                  [opening-equation]
        """
        total = EquationSum(self._backend, self._generators)
        total.add(self._equation(instance, proof), instance.statement.assets, 1)
        if not total.holds():
            raise ArgumentError(ArgumentCheck.EQUATION, "the verification equation does not hold")

    def verify_all(self, claims: Sequence[ArgumentClaim]) -> None:
        """Accept all claims, or raise the `ArgumentError` of the first that is refused, naming its position.

        Each equation gets an independent random weight from 1 to 2^128 - 1; the sum is one multi-scalar
        multiplication. If it fails, the claims are verified one by one. `claims` may load its items when they
        are asked for. `ValueError` if there are none: nothing would have been checked.
        """
        if len(claims) == 0:
            raise ValueError("no proofs to verify")
        total = EquationSum(self._backend, self._generators)
        for position in range(len(claims)):
            claim = claims[position]
            equation = self._equation_at(position, claim)
            total.add(equation, claim.instance.statement.assets, 1 + secrets.randbelow(_WEIGHT_LIMIT - 1))
        if not total.holds():
            self._raise_first(claims)

    def _equation_at(self, position: int, claim: ArgumentClaim) -> GroupEquation:
        try:
            return self._equation(claim.instance, claim.proof)
        except ArgumentError as error:
            raise ArgumentError(error.check, error.reason, proof=position) from error

    def _raise_first(self, claims: Sequence[ArgumentClaim]) -> None:
        for position in range(len(claims)):
            claim = claims[position]
            try:
                self.verify(claim.instance, claim.proof)
            except ArgumentError as error:
                raise ArgumentError(error.check, error.reason, proof=position) from error
        raise ArgumentError(
            ArgumentCheck.EQUATION, "the combined equation does not hold, each single one does"
        )

    def _equation(self, instance: ArgumentInstance, proof: bytes) -> GroupEquation:
        """Steps 1 to 3, and the equation of step 4."""
        self._check_length(instance, proof)
        leaves = self._decode_leaves(instance)
        try:
            transcript = self._open_transcript(instance, proof)
            sumcheck = read_sumcheck(transcript, instance.shape)
            opening = read_opening(transcript, instance.shape)
        except NargError as error:
            raise ArgumentError(_CHECKS.get(error.reason, ArgumentCheck.ENCODING), str(error)) from error
        except DegenerateChallengeError as error:
            raise ArgumentError(ArgumentCheck.CHALLENGE, str(error)) from error
        return build_equation(self._backend, instance, leaves, sumcheck, opening)

    def _check_length(self, instance: ArgumentInstance, proof: bytes) -> None:
        expected = instance.shape.proof_bytes
        if len(proof) != expected:
            reason = f"the proof has {len(proof)} bytes, its shape asks for {expected}"
            raise ArgumentError(ArgumentCheck.LENGTH, reason)

    def _open_transcript(self, instance: ArgumentInstance, proof: bytes) -> VerifierTranscript:
        """A transcript that has absorbed the instance."""
        transcript = VerifierTranscript(self._backend, PROTOCOL_ID, instance.session, narg=proof)
        transcript.absorb_public(*instance.fields())
        return transcript

    def _decode_leaves(self, instance: ArgumentInstance) -> PointVector:
        try:
            leaves = self._backend.points_from_compressed(instance.leaf_commitments)
        except DecodingError as error:
            raise ArgumentError(ArgumentCheck.INSTANCE, f"leaf commitments: {error}") from error
        identities = leaves.identity_mask()
        if identities.any():
            reason = f"leaf commitments: element {int(identities.argmax())}: {IDENTITY}"
            raise ArgumentError(ArgumentCheck.INSTANCE, reason)
        return leaves


def verify(backend: Backend, generators: Generators, instance: ArgumentInstance, proof: bytes) -> None:
    """Accept one proof or raise `ArgumentError` (see `ArgumentVerifier.verify`)."""
    ArgumentVerifier(backend, generators).verify(instance, proof)
