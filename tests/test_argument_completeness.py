"""Honest proofs are accepted, in every shape, under both backends, and are reproducible."""

from __future__ import annotations

import itertools

import pytest
from argument_support import (
    SEED,
    assets,
    case,
    certificate_statement,
    fast_backend,
    generators_of,
    mixed_statement,
    prover_of,
    range_statement,
    thin,
    verifier_of,
)

from circuits.positions import PositionBatch
from circuits.rows import Auxiliary, Row
from circuits.statement import Statement
from circuits.wide_integers import WideIntegers
from primitives.argument_parameters import ArgumentShape, batch_profile, certificate_profile
from primitives.reference_backend import ReferenceBackend
from primitives.reference_kernels import ReferenceKernels
from prover.argument import ProofRandomness, prove
from verifier.argument import verify

FAST = fast_backend()

Parameters = tuple[Statement, int, int, int]


def all_shapes() -> list[Parameters]:
    """Every statement with every U and rho, and an f that goes through all values that fit."""
    statements = [
        range_statement(1, 3),
        range_statement(2, 4),
        range_statement(5, 3),
        mixed_statement(1),
        mixed_statement(4),
    ]
    found: list[Parameters] = []
    for statement, accounts in itertools.product(statements, (1, 2, 3, 5, 8)):
        bits, columns = statement.bit_count, len(statement.assets)
        for row_variables in range(ArgumentShape(accounts, bits, columns, 0, 0).variables + 1):
            length = ArgumentShape(accounts, bits, columns, row_variables, 0).opening_length
            rounds = len(found) % min(6, length.bit_length())
            found.append((statement, accounts, row_variables, rounds))
    return found


def test_the_shapes_cover_what_they_should() -> None:
    chosen = [ArgumentShape(u, s.bit_count, len(s.assets), rho, f) for s, u, rho, f in all_shapes()]
    assert {shape.folding_rounds for shape in chosen} == {0, 1, 2, 3, 4, 5}
    assert any(shape.columns > shape.padded_bits for shape in chosen)
    assert any(shape.columns < shape.padded_bits for shape in chosen)
    assert any(shape.row_variables == shape.variables for shape in chosen)
    sparse = (shape for shape in chosen if shape.columns < shape.padded_bits)
    assert any(shape.row_count < 1 << shape.row_index_variables for shape in sparse)


@pytest.mark.parametrize(
    "parameters",
    thin(all_shapes(), 12),
    ids=lambda p: f"W{p[0].bit_count}-A{len(p[0].assets)}-U{p[1]}-rho{p[2]}-f{p[3]}",
)
def test_honest_proof_is_accepted(parameters: Parameters) -> None:
    statement, accounts, row_variables, folding_rounds = parameters
    padding = accounts // 3
    made = case(FAST, statement, accounts, row_variables, folding_rounds, padding=padding)
    proof = prover_of(FAST).prove(made.instance, made.witness)
    assert len(proof) == made.instance.shape.proof_bytes
    verifier_of(FAST).verify(made.instance, proof)


@pytest.mark.parametrize("parameters", [(range_statement(1, 3), 1, 1, 1), (mixed_statement(2), 3, 4, 3)])
def test_backends_make_the_same_proof_and_accept_each_other(parameters: Parameters) -> None:
    reference = ReferenceBackend()
    proofs = []
    for backend in (reference, FAST):
        made = case(backend, *parameters)
        proofs.append(prover_of(backend).prove(made.instance, made.witness, SEED))
    assert proofs[0] == proofs[1]
    for backend in (reference, FAST):
        verifier_of(backend).verify(made.instance, proofs[0])


def test_functions_for_single_proofs() -> None:
    made = case(FAST, range_statement(2, 3), 2, 2, 1)
    generators = generators_of(FAST)
    proof = prove(FAST, ReferenceKernels(FAST), generators, made.instance, made.witness)
    verify(FAST, generators, made.instance, proof)


def test_profiles_are_accepted() -> None:
    statement = mixed_statement(3)
    for shape in (certificate_profile(statement), batch_profile(statement, 2)):
        made = case(FAST, statement, shape.accounts, shape.row_variables, shape.folding_rounds)
        assert made.instance.shape == shape
        verifier_of(FAST).verify(made.instance, prover_of(FAST).prove(made.instance, made.witness))


def test_certificate_about_a_threshold() -> None:
    """A statement that is not true of the zero account, about one account."""
    statement = certificate_statement(5)
    batch = PositionBatch.from_mappings([{0: 9}])
    made = case(FAST, statement, 1, 1, 0, batch=batch)
    verifier_of(FAST).verify(made.instance, prover_of(FAST).prove(made.instance, made.witness))


def test_equations_only() -> None:
    """W = 0: rows of width zero, no bit and no row commitment."""
    statement = Statement(assets(2), (Row("equal", ((0, 2), (1, -1)), (), 0, 0),))
    batch = PositionBatch.from_mappings([{0: 3, 1: 6}, {}, {0: -4, 1: -8}])
    made = case(FAST, statement, 3, 1, 2, batch=batch)
    assert made.instance.shape.row_count == 0
    verifier_of(FAST).verify(made.instance, prover_of(FAST).prove(made.instance, made.witness))


def test_auxiliaries_that_no_row_uses() -> None:

    def free(batch: PositionBatch) -> WideIntegers:
        return WideIntegers.from_ints([[u % 4] for u in range(batch.account_count)])

    rows, auxiliaries = (Row("range", ((0, 1),), (), 0, 3),), (Auxiliary("free", 2),)
    made = case(FAST, Statement(assets(1), rows, auxiliaries, free), 3, 2, 1)
    verifier_of(FAST).verify(made.instance, prover_of(FAST).prove(made.instance, made.witness))


def test_negative_positions_and_the_largest() -> None:
    statement = Statement(assets(1), (Row("signed", ((0, 1),), (), 1 << 63, 64),))
    batch = PositionBatch.from_mappings([{0: -(2**63) + 1}, {0: 2**63 - 1}, {0: -1}])
    made = case(FAST, statement, 3, 5, 2, batch=batch)
    verifier_of(FAST).verify(made.instance, prover_of(FAST).prove(made.instance, made.witness))


def test_proof_from_a_seed_is_reproducible() -> None:
    made = case(FAST, range_statement(2, 3), 3, 2, 2)
    first, second = (prover_of(FAST).prove(made.instance, made.witness, SEED) for _ in range(2))
    assert first == second


def test_proofs_draw_fresh_seeds() -> None:
    made = case(FAST, range_statement(2, 3), 3, 2, 2)
    first, second = (prover_of(FAST).prove(made.instance, made.witness) for _ in range(2))
    assert not {first[start : start + 16] for start in range(0, len(first), 16)} & {
        second[start : start + 16] for start in range(0, len(second), 16)
    }


def test_seeds_are_not_shown() -> None:
    randomness = ProofRandomness(b"top-secret-top-secret-top-secret")
    made = case(FAST, range_statement(1, 3), 1, 1, 0)
    scalars = randomness.for_proof(FAST, made.instance, made.witness.bits)
    for text in (repr(randomness), repr(scalars), repr(made.witness)):
        assert "top-secret" not in text
        assert "array" not in text


def test_seed_length() -> None:
    with pytest.raises(ValueError, match="a seed has 32 bytes, not 31"):
        ProofRandomness(bytes(31))
