"""Reading a proof: messages in order, challenges in between, every byte accounted for."""

from __future__ import annotations

from dataclasses import dataclass

from primitives.argument_parameters import ArgumentShape
from primitives.argument_relation import (
    FormChallenges,
    SumcheckChallenges,
    check_last_round,
    check_omega,
    check_tau,
)
from primitives.backend import PointVector, ScalarVector
from primitives.transcript import VerifierTranscript


@dataclass(frozen=True, slots=True)
class SumcheckMessages:
    """Messages 1 to 4 and their challenges."""

    row_commitments: PointVector
    mask_commitment: PointVector
    alpha: int
    challenges: SumcheckChallenges
    masked_coefficients: list[int]
    evaluation: int
    form_challenges: FormChallenges


@dataclass(frozen=True, slots=True)
class OpeningMessages:
    """Message 6 and its challenges; `cross_terms` are A_1, B_1, .. A_f, B_f."""

    nonce_commitment: PointVector
    challenge: int
    blinding_response: int
    cross_terms: PointVector
    folding_challenges: list[int]
    response: ScalarVector


def read_sumcheck(transcript: VerifierTranscript, shape: ArgumentShape) -> SumcheckMessages:
    """Messages 1 to 4.

    Raises `primitives.narg.NargError` and `primitives.argument_relation.DegenerateChallengeError`.
    """
    rows = transcript.read_points(shape.row_count, "row commitments D")
    masks = transcript.read_points(1, "mask commitment M")
    tau = transcript.challenge_scalars(shape.variables)
    check_tau(tau)
    alpha = transcript.challenge_scalar()

    coefficients: list[int] = []
    rounds: list[int] = []
    for index in range(1, shape.variables + 1):
        label = f"coefficients of round {index}"
        coefficients += transcript.read_scalars(shape.round_degree(index), label).to_ints()
        rounds.append(transcript.challenge_scalar())
    check_last_round(rounds[-1])

    evaluation = transcript.read_scalars(1, "evaluation y").sum()
    omega, separation, form = transcript.challenge_scalars(3)
    check_omega(omega)
    return SumcheckMessages(
        row_commitments=rows,
        mask_commitment=masks,
        alpha=alpha,
        challenges=SumcheckChallenges(tuple(tau), tuple(rounds)),
        masked_coefficients=coefficients,
        evaluation=evaluation,
        form_challenges=FormChallenges(omega, separation, form),
    )


def read_opening(transcript: VerifierTranscript, shape: ArgumentShape) -> OpeningMessages:
    """Message 6, and the end of the proof. Raises `primitives.narg.NargError`."""
    nonce_commitment = transcript.read_points(1, "nonce commitment K")
    challenge = transcript.challenge_scalar()
    blinding_response = transcript.read_scalars(1, "blinding response z_H").sum()

    cross_terms = nonce_commitment.slice(0, 0)
    folding_challenges: list[int] = []
    for index in range(1, shape.folding_rounds + 1):
        cross_terms = cross_terms.concat(transcript.read_points(2, f"cross terms of folding round {index}"))
        folding_challenges.append(transcript.challenge_128())
    response = transcript.read_scalars(shape.folded_length, "folded response z")
    transcript.finish()
    return OpeningMessages(
        nonce_commitment=nonce_commitment,
        challenge=challenge,
        blinding_response=blinding_response,
        cross_terms=cross_terms,
        folding_challenges=folding_challenges,
        response=response,
    )
