"""What the tests of the range argument share: tiny statements, witnesses and instances."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from circuits.bits import pack
from circuits.evaluate import evaluate_rows
from circuits.positions import PositionBatch
from circuits.rows import Auxiliary, Row, Scope
from circuits.statement import Statement
from circuits.wide_integers import WideIntegers
from primitives.argument_instance import ArgumentInstance
from primitives.argument_parameters import ArgumentShape
from primitives.assets import Asset
from primitives.backend import Backend, PointVector
from primitives.backends import BACKEND_VARIABLE
from primitives.errors import BackendUnavailableError
from primitives.generators import Generators
from primitives.kernel_choice import get_kernels
from primitives.reference_backend import ReferenceBackend
from prover.argument import ArgumentProver, ArgumentWitness, ProofRandomness
from verifier.argument import ArgumentVerifier

SESSION = b"test"
CONTEXT = bytes(range(32))
SEED = ProofRandomness(b"sealedbook range argument tests.")


@functools.cache
def fast_backend() -> Backend:
    """The native backend where it is installed and not ruled out, else the reference backend."""
    if os.environ.get(BACKEND_VARIABLE) == "reference":
        return ReferenceBackend()
    try:
        from primitives.native_backend import NativeBackend
    except BackendUnavailableError:
        return ReferenceBackend()
    return NativeBackend()


_Item = TypeVar("_Item")


def thin(items: Sequence[_Item], keep: int) -> Sequence[_Item]:
    """All items on the native backend; about `keep` of them, evenly spread, on the slow one."""
    if fast_backend().name == "native":
        return items
    return items[:: max(1, len(items) // keep)]


_GENERATORS: dict[str, Generators] = {}


def generators_of(backend: Backend) -> Generators:
    """Generators of a backend, derived once and without a cache on disk."""
    if backend.name not in _GENERATORS:
        _GENERATORS[backend.name] = Generators(backend, cache_directory=Path("/dev/null/none"))
    return _GENERATORS[backend.name]


def prover_of(backend: Backend) -> ArgumentProver:
    """A prover with the kernels that belong to the backend."""
    return ArgumentProver(backend, get_kernels(backend), generators_of(backend))


def verifier_of(backend: Backend) -> ArgumentVerifier:
    return ArgumentVerifier(backend, generators_of(backend))


def assets(count: int) -> tuple[Asset, ...]:
    return tuple(Asset(f"A{index}", index % 7) for index in range(count))


def range_statement(asset_count: int, width: int) -> Statement:
    """``0 <= q_a < 2^width`` for every asset."""
    rows = tuple(Row(f"range {a}", ((a, 1),), (), 0, width) for a in range(asset_count))
    return Statement(assets(asset_count), rows)


def mixed_statement(asset_count: int) -> Statement:
    """Widths 1, 0 and more, an auxiliary variable, negative coefficients and constants.

    The row of width 0 is ``q_0 = low + 4 high``; the other rows use low, high, and the last asset.
    """
    auxiliaries = (Auxiliary("low", 2), Auxiliary("high", 3))
    last = asset_count - 1
    rows = (
        Row("split", ((0, 1),), ((0, -1), (1, -4)), 0, 0),
        Row("boolean", (), ((0, -1),), 3, 2),
        Row("one bit", (), (), 1, 1),
        Row("range", ((last, 3),), ((1, 5),), 7, 9),
    )

    def witness(batch: PositionBatch) -> WideIntegers:
        first = batch.to_dense(asset_count)[:, 0]
        return WideIntegers.from_int64(np.stack([first % 4, first // 4], axis=1))

    return Statement(assets(asset_count), rows, auxiliaries, witness)


@dataclass(frozen=True)
class Case:
    """An instance and its witness."""

    instance: ArgumentInstance
    witness: ArgumentWitness


def positions(statement: Statement, accounts: int, padding: int = 0, limit: int = 8) -> PositionBatch:
    """`accounts` accounts with small amounts, the last `padding` of them empty."""
    generator = np.random.default_rng(accounts)
    table = generator.integers(0, limit, (accounts, len(statement.assets)))
    table[accounts - padding :] = 0
    return PositionBatch.from_mappings([dict(enumerate(map(int, line))) for line in table])


def packed_bits(
    statement: Statement, batch: PositionBatch
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    auxiliaries = statement.auxiliary_values(batch)
    return pack(statement, evaluate_rows(statement, batch, auxiliaries), auxiliaries)


def commit(
    backend: Backend, statement: Statement, batch: PositionBatch, blindings: Sequence[int]
) -> PointVector:
    generators = generators_of(backend)
    key = backend.commitment_key(
        generators.assets(statement.assets), generators.blinding(), batch.account_count
    )
    scalars = backend.scalars_from_ints(blindings)
    return key.commit(batch.row_offsets, batch.columns, batch.amounts, scalars)


def case(
    backend: Backend,
    statement: Statement,
    accounts: int,
    row_variables: int,
    folding_rounds: int,
    *,
    padding: int = 0,
    batch: PositionBatch | None = None,
    batch_index: int = 3,
) -> Case:
    """An honest case."""
    book = positions(statement, accounts, padding) if batch is None else batch
    blindings = [7_000_003 * (index + 1) for index in range(accounts)]
    shape = ArgumentShape(accounts, statement.bit_count, len(statement.assets), row_variables, folding_rounds)
    leaves = commit(backend, statement, book, blindings).to_compressed()
    return Case(
        ArgumentInstance(statement, shape, SESSION, CONTEXT, batch_index, leaves),
        ArgumentWitness(book, packed_bits(statement, book), backend.scalars_from_ints(blindings)),
    )


def whole_table(made: Case) -> list[int]:
    """The bit table of a case, padding included: 2^n zeros and ones."""
    shape = made.instance.shape
    table = np.zeros((1 << shape.account_variables, shape.padded_bits), np.int64)
    bits = np.unpackbits(made.witness.bits, axis=1, count=shape.bits, bitorder="little")
    table[: shape.accounts, : shape.bits] = bits
    return [int(bit) for bit in table.reshape(-1)]


def certificate_statement(threshold: int) -> Statement:
    """``q_0 >= threshold``: not true of the zero account."""
    return Statement(assets(1), (Row("at least", ((0, 1),), (), -threshold, 4),), scope=Scope.ACCOUNT)
