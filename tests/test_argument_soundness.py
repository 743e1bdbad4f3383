"""Cheating provers: each deviates in one place and is honest in all others.

Where a challenge is what catches a cheat, a control with that challenge known beforehand shows that the cheat
is otherwise flawless: it is then accepted.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import pytest
from argument_adversary import (
    ChallengeNumbers,
    Program,
    TableKernels,
    TableRun,
    add_to_first,
    adversary,
    foreign,
    opened_base,
    programmed,
    programmed_verifier,
)
from argument_support import (
    Case,
    case,
    commit,
    fast_backend,
    mixed_statement,
    prover_of,
    range_statement,
    thin,
    verifier_of,
    whole_table,
)

from circuits.positions import PositionBatch
from primitives.argument_instance import LinearForm
from primitives.argument_relation import FormChallenges, OpeningRelation, SumcheckChallenges
from primitives.multilinear import inverse
from primitives.parameters import GROUP_ORDER
from prover.argument.proof_run import ProofRun
from prover.argument.sumcheck import SumcheckProver
from verifier.argument import ArgumentCheck, ArgumentError

FAST = fast_backend()


def refuse(made: Case, proof: bytes) -> None:
    with pytest.raises(ArgumentError, match="the verification equation does not hold") as caught:
        verifier_of(FAST).verify(made.instance, proof)
    assert caught.value.check is ArgumentCheck.EQUATION


def three_accounts(row_variables: int = 4) -> Case:
    """q = 5, 2, 7 with ``0 <= q < 8``: P = 4, so that with R = 16 all accounts, one of padding too, share a row."""
    batch = PositionBatch.from_mappings([{0: 5}, {0: 2}, {0: 7}])
    return case(FAST, range_statement(1, 3), 3, row_variables, 1, batch=batch)


@pytest.mark.parametrize("row_variables", thin([0, 2, 3, 4], 2))
def test_every_single_wrong_bit(row_variables: int) -> None:
    made = three_accounts(row_variables)
    for account, bit in thin(list(itertools.product(range(3), range(3))), 3):
        bits = made.witness.bits.copy()
        bits[account, 0] ^= 1 << bit
        witness = dataclasses.replace(made.witness, bits=bits)
        refuse(made, prover_of(FAST).prove(made.instance, witness))


@pytest.mark.parametrize("bit", thin(range(17), 4))
def test_every_wrong_bit_of_rows_and_auxiliaries(bit: int) -> None:
    made = case(FAST, mixed_statement(2), 2, 4, 2)
    bits = made.witness.bits.copy()
    bits[1, bit // 8] ^= 1 << bit % 8
    refuse(made, prover_of(FAST).prove(made.instance, dataclasses.replace(made.witness, bits=bits)))


def prove_table(made: Case, table: list[int], program: Program | None = None) -> bytes:
    run = programmed(TableRun, program) if program else TableRun
    return adversary(FAST, run, TableKernels(FAST, table)).prove(made.instance, made.witness)


def test_control_table_of_the_true_bits() -> None:
    made = three_accounts()
    verifier_of(FAST).verify(made.instance, prove_table(made, whole_table(made)))


@pytest.mark.parametrize("row_variables", [1, 2, 4])
@pytest.mark.parametrize(
    "digits",
    [
        (5, 0, 0),
        (-1, 3, 0),
        (3, 1, 0),
        (1, GROUP_ORDER - 2, 2),
        (1, 2, 0),
    ],
)
def test_digits_that_recompose_but_are_not_bits(row_variables: int, digits: tuple[int, ...]) -> None:
    assert (digits[0] + 2 * digits[1] + 4 * digits[2] - 5) % GROUP_ORDER == 0
    made = three_accounts(row_variables)
    table = whole_table(made)
    table[0:3] = digits
    refuse(made, prove_table(made, table))


def test_account_out_of_range() -> None:
    """q = -3, "proved" with the only digits that recompose to it."""
    batch = PositionBatch.from_mappings([{0: 5}, {0: -3}, {0: 7}])
    honest = three_accounts()
    blindings = honest.witness.leaf_blindings.to_ints()
    statement = range_statement(1, 3)
    leaves = commit(FAST, statement, batch, blindings).to_compressed()
    made = Case(
        dataclasses.replace(honest.instance, leaf_commitments=leaves),
        dataclasses.replace(honest.witness, positions=batch),
    )
    table = whole_table(made)
    table[4:7] = [-3, 0, 0]
    refuse(made, prove_table(made, table))


def test_padding_account_with_bits() -> None:
    """An account u >= U shares the row of the real ones; its row value must be zero."""
    made = three_accounts()
    table = whole_table(made)
    table[3 * 4] = 1
    refuse(made, prove_table(made, table))


def test_padding_bits_do_not_count() -> None:
    """A bit k >= W has no weight in any row: setting it is allowed, and proves nothing else."""
    made = three_accounts()
    table = whole_table(made)
    table[3] = 1
    verifier_of(FAST).verify(made.instance, prove_table(made, table))
    table[3] = 2
    refuse(made, prove_table(made, table))


@pytest.mark.parametrize("challenge", ["alpha", "form"])
def test_wrong_bits_pass_only_without_the_challenge(challenge: str) -> None:
    """With alpha = 0 no row is checked, with c = 0 no linear form is."""
    made = three_accounts()
    program = {getattr(ChallengeNumbers(made.instance.shape), challenge): 0}
    table = whole_table(made)
    table[0] ^= 1
    proof = prove_table(made, table, program)
    programmed_verifier(FAST, program).verify(made.instance, proof)
    refuse(made, prove_table(made, table))


FOREIGN = [
    # (place, base of the opened vector): columns 0 .. 3, assets 4 and 5, masks 6 .. 16 (s last), E 17
    *(("row", base) for base in (4, 5, 6, 15, 16, 17)),
    *(("leaf", base) for base in (0, 3, 6, 15, 16, 17)),
    *(("mask", base) for base in (0, 3, 4, 5, 17)),
]


def two_accounts() -> Case:
    made = case(FAST, range_statement(2, 4), 2, 2, 1)
    assert made.instance.shape.opening_length == 4 + 2 + 11
    return made


def with_foreign_leaf(made: Case, base: int, amount: int) -> Case:
    """The case with `amount` of the opened base number `base` added to C_0."""
    leaves = FAST.points_from_compressed(made.instance.leaf_commitments)
    changed = add_to_first(leaves, opened_base(FAST, made.instance, base, amount)).to_compressed()
    return dataclasses.replace(made, instance=dataclasses.replace(made.instance, leaf_commitments=changed))


@pytest.mark.parametrize(("place", "base"), FOREIGN)
def test_component_on_a_foreign_generator(place: str, base: int) -> None:
    made = two_accounts()
    if place == "leaf":
        made = with_foreign_leaf(made, base, 3)
    refuse(made, adversary(FAST, foreign(place, base, 3)).prove(made.instance, made.witness))


@pytest.mark.parametrize(("place", "base"), thin(FOREIGN, 3))
def test_control_without_the_foreign_component(place: str, base: int) -> None:
    made = two_accounts()
    proof = adversary(FAST, foreign(place, base, 0)).prove(made.instance, made.witness)
    verifier_of(FAST).verify(made.instance, proof)


def test_row_that_pays_an_accounts_debt_passes_only_without_omega() -> None:
    """q = -1 is "proved" to be 0 by a row commitment with one unit of the asset, if omega = 1 is known."""
    batch, statement = PositionBatch.from_mappings([{0: -1}]), range_statement(1, 3)
    solvent = case(FAST, statement, 1, 2, 1, batch=PositionBatch.from_mappings([{}]))
    leaf = commit(FAST, statement, batch, solvent.witness.leaf_blindings.to_ints()).to_compressed()
    made = Case(
        dataclasses.replace(solvent.instance, leaf_commitments=leaf),
        dataclasses.replace(solvent.witness, positions=batch),
    )
    program = {ChallengeNumbers(made.instance.shape).omega: 1}
    run = foreign("row", 4, 1, TableRun)
    kernels = TableKernels(FAST, [0] * 4)
    proof = adversary(FAST, programmed(run, program), kernels).prove(made.instance, made.witness)
    programmed_verifier(FAST, program).verify(made.instance, proof)
    refuse(made, adversary(FAST, run, kernels).prove(made.instance, made.witness))


class WrongEvaluation(ProofRun):
    """Sends ``y' = 1 + Lambda - y - 1/e1``: the errors of E1 and ``e1 E3`` cancel for the e1 expected."""

    expected_separation = 5

    def _begin_sumcheck(self, tau: Sequence[int], weights: LinearForm) -> SumcheckProver:
        self._tau, self._weights = tuple(tau), weights
        return super()._begin_sumcheck(tau, weights)

    def _send_rounds(self, sumcheck: SumcheckProver) -> list[int]:
        self._rounds = super()._send_rounds(sumcheck)
        return self._rounds

    def _send_evaluation(self, evaluation: int) -> FormChallenges:
        sumcheck = SumcheckChallenges(self._tau, tuple(self._rounds))
        relation = OpeningRelation(self._backend, self._shape, self._weights, sumcheck)
        wrong = 1 + relation._row_weight() - evaluation - inverse(self.expected_separation)
        return super()._send_evaluation(wrong % GROUP_ORDER)


def test_wrong_evaluation_passes_only_without_the_separation_of_the_equations() -> None:
    made = three_accounts()
    program = {ChallengeNumbers(made.instance.shape).separation: WrongEvaluation.expected_separation}
    proof = adversary(FAST, programmed(WrongEvaluation, program)).prove(made.instance, made.witness)
    programmed_verifier(FAST, program).verify(made.instance, proof)
    refuse(made, adversary(FAST, WrongEvaluation).prove(made.instance, made.witness))


def test_witness_of_another_size() -> None:
    made = three_accounts()
    other = case(FAST, range_statement(1, 3), 2, 1, 0)
    for name, reason in [
        ("bits", "packed bits are not"),
        ("leaf_blindings", "2 leaf blindings for 3 accounts"),
        ("positions", "positions of 2 accounts, expected 3"),
    ]:
        witness = dataclasses.replace(made.witness, **{name: getattr(other.witness, name)})
        with pytest.raises(ValueError, match=reason):
            prover_of(FAST).prove(made.instance, witness)
    positions = PositionBatch.from_mappings([{1: 5}, {}, {}])
    with pytest.raises(ValueError, match="not of one of the 1 assets"):
        prover_of(FAST).prove(made.instance, dataclasses.replace(made.witness, positions=positions))
