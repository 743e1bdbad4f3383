"""A simulator without witness, and masks that are never shared."""

from __future__ import annotations

import dataclasses
import itertools
import random

import pytest
from argument_adversary import ChallengeNumbers, programmed_verifier
from argument_support import (
    SEED,
    Case,
    case,
    fast_backend,
    generators_of,
    mixed_statement,
    prover_of,
    range_statement,
    thin,
    verifier_of,
)

from circuits.statement import Statement
from primitives.argument_instance import ArgumentInstance
from primitives.argument_relation import FormChallenges, OpeningRelation, SumcheckChallenges, unfold
from primitives.backend import PointVector, ScalarVector
from primitives.multilinear import halves, inverse, padded
from primitives.parameters import GROUP_ORDER, POINT_BYTES
from verifier.argument import ArgumentCheck, ArgumentError
from verifier.argument.equation import build_equation
from verifier.argument.messages import OpeningMessages, SumcheckMessages

FAST = fast_backend()


class Simulator:
    """Makes accepted transcripts of any instance, true or not, when it may choose the challenges.

    All challenges first, uniform. Then D_i and M uniform in G1, masked coefficients, y, z_H and the unfolded z
    uniform: so they are in an honest proof, each masked by a mask of its own. The cross terms and the folded z
    follow from z as in an honest proof, and K is what the verification equation asks for.
    """

    def __init__(self, instance: ArgumentInstance, seed: int) -> None:
        self._instance = instance
        self._shape = instance.shape
        self._source = random.Random(seed)
        self._numbers = ChallengeNumbers(instance.shape)
        self.program = {number: self._scalar() for number in range(self._numbers.count)}
        self.short_program = {
            round_index: self._source.getrandbits(128) for round_index in range(self._shape.folding_rounds)
        }

    def _scalar(self) -> int:
        return self._source.randrange(2, GROUP_ORDER)

    def _points(self, count: int) -> PointVector:
        """Uniform points of G1."""
        bases = FAST.identity(0)
        for _ in range(count):
            bases = bases.concat(generators_of(FAST).blinding())
        return bases.scale(FAST.scalars_from_ints([self._scalar() for _ in range(count)]))

    def proof(self) -> bytes:
        """A transcript accepted under the program."""
        sumcheck = self._sumcheck()
        opening = self._opening(sumcheck)
        opening = dataclasses.replace(opening, nonce_commitment=self._nonce(sumcheck, opening))
        scalars = FAST.scalars_from_ints
        return (
            sumcheck.row_commitments.to_compressed()
            + sumcheck.mask_commitment.to_compressed()
            + scalars([*sumcheck.masked_coefficients, sumcheck.evaluation]).to_bytes()
            + opening.nonce_commitment.to_compressed()
            + scalars([opening.blinding_response]).to_bytes()
            + opening.cross_terms.to_compressed()
            + opening.response.to_bytes()
        )

    def _sumcheck(self) -> SumcheckMessages:
        program, numbers, shape = self.program, self._numbers, self._shape
        challenges = SumcheckChallenges(
            tuple(program[index] for index in numbers.tau),
            tuple(program[index] for index in numbers.rounds),
        )
        return SumcheckMessages(
            row_commitments=self._points(shape.row_count),
            mask_commitment=self._points(1),
            alpha=program[numbers.alpha],
            challenges=challenges,
            masked_coefficients=[self._scalar() for _ in range(shape.round_coefficient_count)],
            evaluation=self._scalar(),
            form_challenges=FormChallenges(
                program[numbers.omega], program[numbers.separation], program[numbers.form]
            ),
        )

    def _opening(self, sumcheck: SumcheckMessages) -> OpeningMessages:
        """Cross terms ``A = <z_L, g_R>`` and ``B = <z_R, g_L>`` of a uniform z, which is folded to the end."""
        shape = self._shape
        uniform = FAST.scalars_from_ints([self._scalar() for _ in range(shape.opening_length)])
        response = padded(FAST, uniform, shape.padded_opening_length)
        challenges = [self.short_program[index] for index in range(shape.folding_rounds)]
        cross_terms = FAST.identity(0)
        for index, challenge in enumerate(challenges):
            left, right = halves(response)
            zeros = FAST.scalars_from_ints([0] * len(left))
            for term in (zeros.concat(left), right.concat(zeros)):
                unfolded = unfold(term, challenges[:index])
                cross_terms = cross_terms.concat(self._commit(sumcheck, unfolded))
            response = response.fold(challenge)
        return OpeningMessages(
            nonce_commitment=FAST.identity(1),
            challenge=self.program[self._numbers.opening],
            blinding_response=self._scalar(),
            cross_terms=cross_terms,
            folding_challenges=challenges,
            response=response,
        )

    def _commit(self, sumcheck: SumcheckMessages, vector: ScalarVector) -> PointVector:
        """``<vector, g>`` with ``g_i = base_i + c L_i E``; padding is dropped."""
        weights = self._instance.statement.linear_weights(sumcheck.alpha)
        relation = OpeningRelation(FAST, self._shape, weights, sumcheck.challenges)
        form = relation.coefficients(sumcheck.form_challenges).scale(sumcheck.form_challenges.form)
        vector = vector.slice(0, self._shape.opening_length)
        scalars = vector.concat(FAST.scalars_from_ints([vector.inner(form), 0]))
        return FAST.multi_scalar_multiply(self._bases(), scalars)

    def _bases(self) -> PointVector:
        """B_c, G_a, M_j, E, H."""
        generators, shape = generators_of(FAST), self._shape
        return (
            generators.columns(shape.columns)
            .concat(generators.assets(self._instance.statement.assets))
            .concat(generators.masks(shape.mask_count))
            .concat(generators.linear_form())
            .concat(generators.blinding())
        )

    def _nonce(self, sumcheck: SumcheckMessages, opening: OpeningMessages) -> PointVector:
        """K with ``X K + (all other terms) = 0``."""
        leaves = FAST.points_from_compressed(self._instance.leaf_commitments)
        equation = build_equation(FAST, self._instance, leaves, sumcheck, opening)
        scalars = (
            equation.columns.concat(equation.assets)
            .concat(equation.masks)
            .concat(FAST.scalars_from_ints([equation.linear_form, equation.blinding]))
            .concat(equation.scalars)
        )
        product = 1
        for challenge in opening.folding_challenges:
            product = product * challenge % GROUP_ORDER
        rest = FAST.multi_scalar_multiply(self._bases().concat(equation.points), scalars)
        return rest.scale(FAST.scalars_from_ints([-inverse(product)]))


def false_instance(statement: Statement, accounts: int, row_variables: int, rounds: int) -> Case:
    """Leaf commitments that nobody knows an opening of."""
    made = case(FAST, statement, accounts, row_variables, rounds)
    labels = [b"unknown %d" % account for account in range(accounts)]
    leaves = FAST.hash_to_curve(labels, b"test").to_compressed()
    return dataclasses.replace(made, instance=dataclasses.replace(made.instance, leaf_commitments=leaves))


@pytest.mark.parametrize(
    ("statement", "accounts", "row_variables", "rounds"),
    [
        (range_statement(1, 3), 1, 1, 0),
        (range_statement(2, 4), 3, 2, 2),
        (range_statement(1, 3), 5, 4, 3),
        (mixed_statement(3), 2, 3, 4),
    ],
)
def test_simulated_transcript_is_accepted_by_the_verifiers_equation(
    statement: Statement, accounts: int, row_variables: int, rounds: int
) -> None:
    made = false_instance(statement, accounts, row_variables, rounds)
    simulator = Simulator(made.instance, seed=accounts)
    proof = simulator.proof()
    assert len(proof) == made.instance.shape.proof_bytes
    programmed_verifier(FAST, simulator.program, simulator.short_program).verify(made.instance, proof)
    # with challenges from the transcript it is worth nothing
    with pytest.raises(ArgumentError) as caught:
        verifier_of(FAST).verify(made.instance, proof)
    assert caught.value.check is ArgumentCheck.EQUATION


def test_the_order_of_challenges_and_messages_matters() -> None:
    """The simulator needs every single challenge: with any of them drawn, it fails."""
    made = false_instance(range_statement(2, 4), 3, 2, 2)
    simulator = Simulator(made.instance, seed=1)
    proof = simulator.proof()
    for number in thin(list(simulator.program), 5):
        program = {index: value for index, value in simulator.program.items() if index != number}
        with pytest.raises(ArgumentError, match="the verification equation does not hold"):
            programmed_verifier(FAST, program, simulator.short_program).verify(made.instance, proof)
    for number in simulator.short_program:
        short = {index: value for index, value in simulator.short_program.items() if index != number}
        with pytest.raises(ArgumentError, match="the verification equation does not hold"):
            programmed_verifier(FAST, simulator.program, short).verify(made.instance, proof)


def test_no_element_says_anything_twice() -> None:
    """Two proofs of one instance, and proofs of equal accounts, have no element in common."""
    made = case(FAST, range_statement(2, 4), 3, 2, 2)
    proofs = [prover_of(FAST).prove(made.instance, made.witness) for _ in range(2)]
    windows = [{proof[start : start + 8] for start in range(0, len(proof), 16)} for proof in proofs]
    assert not windows[0] & windows[1]


def test_rows_with_equal_bits_have_unequal_commitments() -> None:
    made = case(FAST, range_statement(2, 4), 3, 0, 0, padding=2)
    proof = prover_of(FAST).prove(made.instance, made.witness, SEED)
    count = made.instance.shape.row_count
    rows = [proof[start : start + POINT_BYTES] for start in range(0, count * POINT_BYTES, POINT_BYTES)]
    assert len(set(rows)) == count


def drawn(made: Case) -> set[int]:
    """All random scalars of a proof from the seed of the tests."""
    scalars = SEED.for_proof(FAST, made.instance, made.witness.bits)
    values = [
        *scalars.row_blindings(5).to_ints(),
        *scalars.masks(5).to_ints(),
        *scalars.mask_blinding().to_ints(),
        *scalars.opening_nonces(5).to_ints(),
        *scalars.opening_nonce_blinding().to_ints(),
    ]
    assert len(set(values)) == 17
    return set(values)


def test_masks_of_different_instances_or_bits_are_unrelated_even_with_one_seed() -> None:
    """A seed used twice by mistake gives other masks for every part of the instance and for the bits."""
    made = case(FAST, range_statement(2, 4), 3, 2, 2)
    bits = made.witness.bits.copy()
    bits[0, 0] ^= 1
    other_statement = Statement(made.instance.statement.assets, tuple(reversed(range_statement(2, 4).rows)))  # type: ignore[arg-type]
    changes = [
        {"batch_index": 4},
        {"context_digest": bytes(32)},
        {"session": b"other"},
        {"statement": other_statement},
        {"shape": dataclasses.replace(made.instance.shape, row_variables=1)},
        {"leaf_commitments": made.instance.leaf_commitments[::-1]},
    ]
    cases = [made, dataclasses.replace(made, witness=dataclasses.replace(made.witness, bits=bits))]
    cases += [
        dataclasses.replace(made, instance=dataclasses.replace(made.instance, **change))  # type: ignore[arg-type]
        for change in changes
    ]
    for first, second in itertools.combinations([drawn(entry) for entry in cases], 2):
        assert not first & second
