"""Proving: time per bit by part, certificates, whole books, verification, memory, growth.

Figures per core are taken with one thread. Whole books run in processes of their own, with all threads.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.commit import one_thread, random_scalars
from bench.figures import Figure, median_cpu_seconds, median_seconds, peak_megabytes, print_figures, run_child
from bench.synthetic import random_rows, write_synthetic_book
from circuits.assignment import RowAssigner
from circuits.positions import PositionBatch
from circuits.rows import Row
from circuits.statement import Statement
from primitives.argument_instance import ArgumentInstance
from primitives.argument_parameters import ArgumentShape, batch_profile, certificate_profile
from primitives.assets import Asset
from primitives.backend import Backend, PointVector, ScalarVector
from primitives.backends import get_backend
from primitives.claims import BatchPlan
from primitives.generators import Generators
from primitives.kernel_choice import get_kernels
from primitives.kernels import (
    AccountSumcheck,
    ArgumentKernels,
    BitSumcheck,
    PackedBits,
    RowCommitmentKey,
    SparsePositions,
)
from prover.argument import ArgumentProver, ArgumentWitness
from verifier.argument import ArgumentVerifier

_WIDTH = 96
_LARGE_PRICE = 1 << 53
_BIT_TARGET = 0.06
_BOOKS = (
    ("10^4", 10**4, 1, None),
    ("10^5", 10**5, 1, None),
    ("10^6", 10**6, 1, 20.0),
    ("10^5", 10**5, 33, 15.0),
)
_VERIFY_TARGET = 60.0
_MEMORY_TARGET = 4000.0


def run(*, as_json: bool, quick: bool) -> None:
    """All figures of proving."""
    native, reference = get_backend("native"), get_backend("reference")
    figures = [figure for rows in (1, 33) for figure in _batch_figures(native, rows, quick=quick)]
    figures += _certificate_figures(native, "native", prove_target=15.0, verify_target=10.0)
    if not quick:
        figures += _certificate_figures(reference, "reference", prove_target=None, verify_target=3000.0)
    for name, accounts, rows, target in (("10^3", 10**3, 1, None),) if quick else _BOOKS:
        figures += _book_figures(name, accounts, rows, target)
    if not quick:
        figures += _growth_figures(native)
    print_figures("prove", figures, as_json=as_json)


def sample_statement(rows: int, assets: int = 3, width: int = _WIDTH) -> Statement:
    """Rows of random coefficients, shifted so that every account of the synthetic books satisfies them."""
    random = np.random.default_rng(7)
    listed = tuple(Asset(f"asset-{index}", 0) for index in range(assets))
    limit = 1 << min(30, max(2, width - 45))
    parts = [
        Row(
            f"row {row}",
            tuple((a, int(random.integers(1, limit))) for a in range(assets)),
            (),
            1 << (width - 1),
            width,
        )
        for row in range(rows)
    ]
    return Statement(listed, tuple(parts), ())


class Batch:
    """One instance with its witness, ready to be proven."""

    def __init__(self, backend: Backend, statement: Statement, accounts: int, shape: ArgumentShape) -> None:
        assets = len(statement.assets)
        offsets, columns, amounts = random_rows(accounts, assets, 40)
        positions = PositionBatch(offsets, columns, amounts)
        blindings = random_scalars(backend, accounts)
        generators = Generators(backend)
        key = backend.commitment_key(generators.assets(statement.assets), generators.blinding(), accounts)
        leaves = key.commit(offsets, columns, amounts, blindings).to_compressed()
        self.instance = ArgumentInstance(statement, shape, b"bench", bytes(32), 0, leaves)
        self.positions = positions
        self.assigner = RowAssigner(statement, backend)
        self.witness = ArgumentWitness(positions, self.assigner.assign(positions), blindings)
        self.bits = accounts * statement.bit_count


class TimedKernels:
    """Passes every call on and adds up where the time goes."""

    def __init__(self, kernels: ArgumentKernels) -> None:
        self._kernels = kernels
        self.seconds = {"row commitments": 0.0, "account sumcheck": 0.0, "multi-scalar multiplications": 0.0}

    def row_commitment_key(self, columns: PointVector, blinding_generator: PointVector) -> RowCommitmentKey:
        key = self._kernels.row_commitment_key(columns, blinding_generator)
        return _TimedKey(self, key)

    def account_sumcheck(self, bits: PackedBits, shape: ArgumentShape, tau: Sequence[int]) -> AccountSumcheck:
        begin = time.process_time()
        inner = self._kernels.account_sumcheck(bits, shape, tau)
        self.seconds["account sumcheck"] += time.process_time() - begin
        return _TimedSumcheck(self, inner)

    def bit_weights(self, values: Sequence[int], widths: Sequence[int]) -> ScalarVector:
        return self._kernels.bit_weights(values, widths)

    def bit_sumcheck(self, table: ScalarVector, bit_weights: ScalarVector, tau: Sequence[int]) -> BitSumcheck:
        return self._kernels.bit_sumcheck(table, bit_weights, tau)

    def sum_positions(self, positions: SparsePositions, weights: ScalarVector, assets: int) -> ScalarVector:
        return self._kernels.sum_positions(positions, weights, assets)

    def evaluate_positions(
        self, positions: SparsePositions, coefficients: ScalarVector, constant: int
    ) -> ScalarVector:
        return self._kernels.evaluate_positions(positions, coefficients, constant)

    def multi_scalar_multiply(self, points: PointVector, scalars: ScalarVector) -> PointVector:
        start = time.process_time()
        total = self._kernels.multi_scalar_multiply(points, scalars)
        self.seconds["multi-scalar multiplications"] += time.process_time() - start
        return total


class _TimedKey:
    def __init__(self, owner: TimedKernels, key: RowCommitmentKey) -> None:
        self._owner, self._key = owner, key

    def commit(self, bits: PackedBits, shape: ArgumentShape, blindings: ScalarVector) -> PointVector:
        start = time.process_time()
        points = self._key.commit(bits, shape, blindings)
        self._owner.seconds["row commitments"] += time.process_time() - start
        return points


class _TimedSumcheck:
    def __init__(self, owner: TimedKernels, inner: AccountSumcheck) -> None:
        self._owner, self._inner = owner, inner

    def round_coefficients(self) -> tuple[int, int]:
        start = time.process_time()
        coefficients = self._inner.round_coefficients()
        self._owner.seconds["account sumcheck"] += time.process_time() - start
        return coefficients

    def bind(self, challenge: int) -> None:
        start = time.process_time()
        self._inner.bind(challenge)
        self._owner.seconds["account sumcheck"] += time.process_time() - start

    def table(self) -> ScalarVector:
        start = time.process_time()
        table = self._inner.table()
        self._owner.seconds["account sumcheck"] += time.process_time() - start
        return table


def _prove_seconds(backend: Backend, batch: Batch, repeats: int = 3) -> tuple[float, dict[str, float]]:
    """Processor seconds for one proof on one thread, and where they go."""
    timed = TimedKernels(get_kernels(backend))
    prover = ArgumentProver(backend, timed, Generators(backend))
    with one_thread():
        prover.prove(batch.instance, batch.witness)
        timed.seconds = dict.fromkeys(timed.seconds, 0.0)
        start = time.process_time()
        for _ in range(repeats):
            prover.prove(batch.instance, batch.witness)
        total = (time.process_time() - start) / repeats
    return total, {part: seconds / repeats for part, seconds in timed.seconds.items()}


def _batch_figures(backend: Backend, rows: int, *, quick: bool) -> list[Figure]:
    """A batch as large as those of a big book."""
    statement = sample_statement(rows)
    accounts = BatchPlan.for_statement(statement, 1 << 20).size >> (6 if quick else 0)
    batch = Batch(backend, statement, accounts, batch_profile(statement, accounts))
    total, parts = _prove_seconds(backend, batch)
    label = f"{accounts:,} accounts x {rows} row(s) of {_WIDTH} bits"
    with one_thread():
        assign = median_cpu_seconds(lambda: batch.assigner.assign(batch.positions), 3)
    rest = total - sum(parts.values())
    return [
        Figure(
            "proving, per bit", total / batch.bits * 1e6, "us/bit", _BIT_TARGET, note=f"one thread, {label}"
        ),
        *(Figure(f"  {part}", seconds / batch.bits * 1e6, "us/bit") for part, seconds in parts.items()),
        Figure("  bit rounds, opening, rest", rest / batch.bits * 1e6, "us/bit"),
        Figure("  evaluating the rows (not counted above)", assign / batch.bits * 1e6, "us/bit"),
    ]


def _certificate_figures(
    backend: Backend, name: str, *, prove_target: float | None, verify_target: float
) -> list[Figure]:
    statement = sample_statement(33)
    batch = Batch(backend, statement, 1, certificate_profile(statement))
    prover = ArgumentProver(backend, get_kernels(backend), Generators(backend))
    proof = prover.prove(batch.instance, batch.witness)
    verifier = ArgumentVerifier(backend, Generators(backend))
    repeats = 15 if name == "native" else 1
    proving = median_seconds(lambda: prover.prove(batch.instance, batch.witness), repeats)
    verifying = median_seconds(lambda: verifier.verify(batch.instance, proof), repeats)
    note = f"{name}, 33 rows of {_WIDTH} bits"
    figures = [
        Figure("certificate, prove", proving * 1e3, "ms", prove_target, note=note),
        Figure("certificate, verify", verifying * 1e3, "ms", verify_target, note=note),
    ]
    if name == "native":
        figures.append(Figure("certificate, proof", len(proof), "bytes", 6000))
    return figures


def _book_figures(name: str, accounts: int, rows: int, target: float | None) -> list[Figure]:
    result = run_child(["bench.prove", "--book", str(accounts), "--rows", str(rows)])
    label = f"{name} accounts x {rows} row(s) of {_WIDTH} bits"
    verify = float(str(result["verify_seconds"])) / accounts * 1e6
    return [
        Figure(f"book proven, {label}", float(str(result["seconds"])), "s", target, note="two cores, files written"),
        Figure(
            "  proofs verified", verify, "us/account", _VERIFY_TARGET if accounts == 10**5 else None,
            note="two cores, without the tree",
        ),
        Figure("  proofs", float(str(result["proof_bytes"])) / accounts, "bytes/account"),
        Figure("  peak memory", float(str(result["megabytes"])), "MB", _MEMORY_TARGET),
    ]  # fmt: skip


def _growth_figures(backend: Backend) -> list[Figure]:
    """Each size doubled or quadrupled alone: what is linear costs as much a bit."""
    figures = []
    for what, accounts, rows, assets, width in (
        ("base", 1 << 12, 4, 3, 96),
        ("accounts x 4", 1 << 14, 4, 3, 96),
        ("rows x 4", 1 << 12, 16, 3, 96),
        ("width / 2", 1 << 12, 4, 3, 48),
        ("assets x 8", 1 << 12, 4, 24, 96),
    ):
        statement = sample_statement(rows, assets, width)
        batch = Batch(backend, statement, accounts, batch_profile(statement, accounts))
        seconds, _ = _prove_seconds(backend, batch)
        note = f"{accounts:,} accounts, {rows} rows of {width} bits, {assets} assets"
        figures.append(Figure(f"growth: {what}", seconds / batch.bits * 1e6, "us/bit", note=note))
    return figures


def book_model(rows: int) -> bytes:
    """A model document of `rows` rows of 96 bits over the three assets of a synthetic book.

    Prices are so large that the values fill their rows: zero bits would cost next to nothing.
    """
    members = [
        {
            "kind": "net-value",
            "width": _WIDTH,
            "positions": "summed",
            "prices": {
                "quote": "X",
                "scale": 0,
                "prices": [{"asset": f"asset-{a}", "price": str(_LARGE_PRICE + row * 3 + a)} for a in range(3)],
            },
        }
        for row in range(rows)
    ]  # fmt: skip
    return json.dumps({"format": "sealedbook/model/v1", "kind": "all", "models": members}).encode()


def _prove_one(accounts: int, rows: int) -> None:
    """Prove and verify a book in this process; the result is one line of JSON."""
    from prover.book.store import Book
    from prover.commit import seal_book
    from prover.prove_book import prove_book
    from prover.vault import Vault
    from verifier.attestation import verify_attestation
    from verifier.claims import ExpectedDocuments, verify_accounts_claim

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_synthetic_book(folder / "book", accounts, positive=True)
        vault = Vault.create(folder / "vault", "bench", None)
        backend = get_backend("native")
        sealed = seal_book(Book.open(folder / "book"), bundle=folder / "bundle", vault=vault, backend=backend)
        book = vault.open_book(sealed.digest, None)
        start = time.perf_counter()
        proof = prove_book(
            folder / "bundle", book, vault.issuer(None), backend, model=book_model(rows), market=None
        )
        seconds = time.perf_counter() - start
        attestation = verify_attestation(folder / "bundle", issuer_key=None).attestation
        start = time.perf_counter()
        verify_accounts_claim(
            folder / "bundle", attestation, proof.claim, backend, expected=ExpectedDocuments()
        )
        verify_seconds = time.perf_counter() - start
    print(
        json.dumps(
            {
                "seconds": seconds,
                "verify_seconds": verify_seconds,
                "proof_bytes": proof.proof_bytes,
                "megabytes": peak_megabytes(),
            }
        )
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--book", type=int, required=True)
    parser.add_argument("--rows", type=int, required=True)
    chosen = parser.parse_args()
    _prove_one(chosen.book, chosen.rows)
