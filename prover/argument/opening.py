"""The opening: a compressed sigma protocol for one linear form over one committed vector.

    g_i = base_i + c L_i E,   T + c val E = <w, g> + w_H H
    K = <k, g> + k_H H,   z = e w + k,   z_H = e w_H + k_H
    round t:  A = <z_L, g_R>,  B = <z_R, g_L>,   z <- z_L + x z_R,   g <- x g_L + g_R

See Attema and Cramer, "Compressed Sigma-Protocol Theory" (CRYPTO 2020), section 4. The generators are never
folded: ``<v, g>`` over folded generators equals ``<unfold(v), g>`` over the first ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from primitives.argument_parameters import ArgumentShape
from primitives.argument_relation import unfold
from primitives.backend import Backend, PointVector, ScalarVector
from primitives.kernels import ArgumentKernels
from primitives.multilinear import halves, padded
from primitives.parameters import GROUP_ORDER
from primitives.transcript import ProverTranscript


@dataclass(frozen=True, slots=True, repr=False)
class Opening:
    """A vector of len scalars and its coefficient on H. Secret: kept out of the repr."""

    vector: ScalarVector
    blinding: int


class OpeningProver:
    """Sends K, z_H, the cross terms and the folded z.

    `bases` are the len points base_i, then E, then H; `form` is the vector c L.
    """

    def __init__(
        self,
        backend: Backend,
        kernels: ArgumentKernels,
        shape: ArgumentShape,
        bases: PointVector,
        form: ScalarVector,
    ) -> None:
        self._backend = backend
        self._kernels = kernels
        self._shape = shape
        padding = backend.identity(shape.padded_opening_length - shape.opening_length)
        vector_bases = bases.slice(0, shape.opening_length)
        self._padded_bases = vector_bases.concat(padding).concat(
            bases.slice(shape.opening_length, shape.opening_length + 2)
        )
        self._form = padded(backend, form, shape.padded_opening_length)

    def prove(self, transcript: ProverTranscript, opening: Opening, nonce: Opening) -> None:
        """Send the whole opening."""
        transcript.write_points(self._commit(self._pad(nonce.vector), nonce.blinding))
        challenge = transcript.challenge_scalar()
        response = self._pad(opening.vector.scale(challenge).add(nonce.vector))
        blinding = (challenge * opening.blinding + nonce.blinding) % GROUP_ORDER
        transcript.write_scalars(self._backend.scalars_from_ints([blinding]))
        self._fold(transcript, response)

    def _fold(self, transcript: ProverTranscript, response: ScalarVector) -> None:
        challenges: list[int] = []
        for _ in range(self._shape.folding_rounds):
            left, right = halves(response)
            zeros = self._backend.scalars_from_ints([0] * len(left))
            over_right_generators = self._commit(unfold(zeros.concat(left), challenges))
            over_left_generators = self._commit(unfold(right.concat(zeros), challenges))
            transcript.write_points(over_right_generators.concat(over_left_generators))
            challenge = transcript.challenge_128()
            challenges.append(challenge)
            response = response.fold(challenge)
        transcript.write_scalars(response)

    def _pad(self, vector: ScalarVector) -> ScalarVector:
        return padded(self._backend, vector, self._shape.padded_opening_length)

    def _commit(self, vector: ScalarVector, blinding: int = 0) -> PointVector:
        """``<vector, g> + blinding H``."""
        tail = self._backend.scalars_from_ints([vector.inner(self._form), blinding])
        return self._kernels.multi_scalar_multiply(self._padded_bases, vector.concat(tail))
