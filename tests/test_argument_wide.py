"""A wide statement of which accounts hold little: the kernels' short cuts make the same proofs."""

from __future__ import annotations

import random

import pytest
from argument_support import generators_of
from backend_comparison import NATIVE, needs_native

from circuits.assignment import RowAssigner, assign_bits
from circuits.positions import PositionBatch
from circuits.statement import Row, Statement
from primitives.argument_instance import ArgumentInstance
from primitives.argument_parameters import ArgumentShape
from primitives.assets import Asset
from primitives.backend import Backend
from primitives.kernel_choice import get_kernels
from primitives.reference_kernels import ReferenceKernels
from prover.argument import ArgumentProver, ArgumentWitness, ProofRandomness
from verifier.argument import ArgumentVerifier

pytestmark = needs_native

_ASSETS = 120
_ACCOUNTS = 64


@pytest.fixture
def native() -> Backend:
    assert NATIVE is not None
    return NATIVE


def wide_statement() -> Statement:
    """``q_a + 2^63 in [0, 2^64)`` for each asset, and the sum of a few in another row."""
    assets = tuple(Asset(f"asset-{a}", 0) for a in range(_ASSETS))
    rows = [Row(f"asset {a}", ((a, 1),), (), 1 << 63, 64) for a in range(_ASSETS)]
    total = Row("total", tuple((a, 3) for a in range(0, _ASSETS, 7)), (), 1 << 70, 75)
    return Statement(assets, (*rows, total), ())


def sparse_book(source: random.Random) -> PositionBatch:
    """Few assets each, some amounts negative; accounts with nothing, with zeros, and with every asset."""
    accounts: list[dict[int, int]] = []
    for u in range(_ACCOUNTS):
        held = {0: 0, 1: _ASSETS}.get(u % 16, 3)
        chosen = source.sample(range(_ASSETS), held)
        accounts.append({a: source.choice([0, 1, -1, 2**63 - 1, -(2**40), 10**9]) for a in chosen})
    return PositionBatch.from_mappings(accounts)


@pytest.mark.parametrize("row_variables", [10, 13, 14])
def test_proofs_of_sparse_books_are_those_of_the_reference_kernels(
    native: Backend, row_variables: int
) -> None:
    statement, book = wide_statement(), sparse_book(random.Random(row_variables))
    bits = RowAssigner(statement, native).assign(book)
    assert (bits == assign_bits(statement, book)).all()
    shape = ArgumentShape(_ACCOUNTS, statement.bit_count, _ASSETS, row_variables, 2)
    generators = generators_of(native)
    blindings = native.scalars_from_ints(range(1, _ACCOUNTS + 1))
    key = native.commitment_key(generators.assets(statement.assets), generators.blinding(), _ACCOUNTS)
    leaves = key.commit(book.row_offsets, book.columns, book.amounts, blindings).to_compressed()
    instance = ArgumentInstance(statement, shape, b"wide", bytes(32), 0, leaves)
    witness, seed = ArgumentWitness(book, bits, blindings), ProofRandomness(bytes(range(32)))
    fast, plain = (
        ArgumentProver(native, kernels, generators).prove(instance, witness, seed)
        for kernels in (get_kernels(native), ReferenceKernels(native))
    )
    assert fast == plain
    ArgumentVerifier(native, generators).verify(instance, fast)
