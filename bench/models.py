"""Margin models: size beside the catalogue's, time to evaluate, to prove and to verify an account, bytes.

Proving is compared with what the argument costs a bit, measured in the same run on rows of random bits: accounts
whose rows are mostly zero bits stay below it. Figures are of one thread but where they say otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from bench.commit import one_thread, random_scalars
from bench.figures import Figure, median_seconds, print_figures
from bench.model_case import ModelCase
from bench.model_cases import model_cases, pmrm2, signed_collateral
from bench.prove import Batch, sample_statement
from circuits.assignment import RowAssigner
from circuits.modelling.explanation import explain
from circuits.positions import PositionBatch
from circuits.rows import Scope
from circuits.statement import Statement
from primitives.argument_instance import ArgumentInstance
from primitives.argument_parameters import ArgumentShape, batch_profile, certificate_profile
from primitives.backend import Backend
from primitives.backends import get_backend
from primitives.claims import MAX_BATCH_CELLS
from primitives.generators import Generators
from primitives.kernel_choice import get_kernels
from prover.argument import ArgumentProver, ArgumentWitness
from verifier.argument import ArgumentVerifier

_EVALUATED: Final = 1 << 14
PROVEN_BITS: Final = MAX_BATCH_CELLS
"""Of all accounts of a measured proof: enough that the fixed part of a proof does not count."""
_PARADEX_TARGET: Final = 5.0
PROVING_TARGET: Final = 1.3
_CERTIFICATE_TARGET: Final = 150.0
_GROWTH_TARGET: Final = 3.0
"""Of the cost of an account, where the statement gets eight times as wide and the account holds no more."""


def run(*, as_json: bool, quick: bool) -> None:
    """All figures of margin models."""
    backend = get_backend("native")
    bits = PROVEN_BITS >> (8 if quick else 0)
    figures: list[Figure] = []
    for case in model_cases(quick=quick):
        # Beside each other, so that a machine with other work slows both alike.
        unit = unit_cost(backend, bits)
        figures.append(Figure("argument, per bit", unit, "us/bit", note="rows of random bits"))
        figures += _case_figures(backend, case, unit, bits, quick=quick)
    figures += _certificate_figures(backend, pmrm2(7, 30))
    figures += _wide_book_figures(backend, bits, (20, 50) if quick else (50, 100, 200, 400))
    print_figures("models", figures, as_json=as_json)


class Proving:
    """A batch of accounts of a model, ready to be proven."""

    def __init__(
        self, backend: Backend, statement: Statement, positions: PositionBatch, shape: ArgumentShape
    ) -> None:
        accounts = positions.account_count
        self.positions, self.accounts = positions, accounts
        generators = Generators(backend)
        blindings = random_scalars(backend, accounts)
        key = backend.commitment_key(generators.assets(statement.assets), generators.blinding(), accounts)
        offsets, columns, amounts = positions.row_offsets, positions.columns, positions.amounts
        leaves = key.commit(offsets, columns, amounts, blindings).to_compressed()
        self.instance = ArgumentInstance(statement, shape, b"bench", bytes(32), 0, leaves)
        self.assigner = RowAssigner(statement, backend)
        self.witness = ArgumentWitness(positions, self.assigner.assign(positions), blindings)
        self.prover = ArgumentProver(backend, get_kernels(backend), generators)
        self.verifier = ArgumentVerifier(backend, generators)

    def prove(self) -> bytes:
        """One proof."""
        return self.prover.prove(self.instance, self.witness)


def _account_count(statement: Statement, bits: int) -> int:
    """A power of two, as books have them: at least two accounts, with `bits` bits at most otherwise."""
    return max(2, 1 << ((bits // statement.bit_count).bit_length() - 1))


def _best_seconds(work: Callable[[], object]) -> float:
    """The least time of three runs: what other work adds is no cost of ours."""
    return min(median_seconds(work, 1) for _ in range(3))


def unit_cost(backend: Backend, bits: int) -> float:
    """Microseconds a bit of rows whose bits are random."""
    statement = sample_statement(33)
    accounts = _account_count(statement, bits)
    batch = Batch(backend, statement, accounts, batch_profile(statement, accounts))
    prover = ArgumentProver(backend, get_kernels(backend), Generators(backend))
    with one_thread():
        prover.prove(batch.instance, batch.witness)
        seconds = _best_seconds(lambda: prover.prove(batch.instance, batch.witness))
    return seconds / batch.bits * 1e6


def _case_figures(backend: Backend, case: ModelCase, unit: float, bits: int, *, quick: bool) -> list[Figure]:
    size = explain(case.model)
    table = case.published
    beside = (
        ""
        if table is None
        else f"table: {table.rows:,} rows, {table.kilobits:g} kbit, {table.booleans} booleans"
    )
    figures = [
        Figure(f"{case.name}: rows", size.rows, "rows", note=beside),
        Figure("  bits", size.bits, "bits/account"),
        Figure("  booleans", size.booleans, "booleans"),
    ]
    figures += _evaluation_figures(backend, case, 1 << 9 if quick else _EVALUATED)
    statement = case.model.compile()
    accounts = _account_count(statement, bits)
    work = Proving(backend, statement, case.accounts(accounts, backend), batch_profile(statement, accounts))
    with one_thread():
        proof = work.prove()
        proving = _best_seconds(work.prove) / accounts * 1e6
        assigning = median_seconds(lambda: work.assigner.assign(work.positions), 3) / accounts * 1e6
        verifying = median_seconds(lambda: work.verifier.verify(work.instance, proof), 3) / accounts * 1e6
    return [
        *figures,
        Figure("  statement evaluated", assigning, "us/account"),
        Figure("  proven", proving, "us/account", note=f"{accounts:,} accounts"),
        Figure("  proven, share of bits x unit cost", proving / (unit * size.bits), "", PROVING_TARGET),
        Figure("  verified", verifying, "us/account"),
        Figure("  proof", len(proof) / accounts, "bytes/account"),
    ]


def _evaluation_figures(backend: Backend, case: ModelCase, count: int) -> list[Figure]:
    if case.model.margin_condition is None and case.definition.kind == "spot":
        return []
    accounts, evaluate = case.accounts(count, backend), case.evaluator(backend)
    evaluate(accounts)
    seconds = median_seconds(lambda: evaluate(accounts), 3)
    target = _PARADEX_TARGET if case.name.endswith("1 x 41 instruments") else None
    return [Figure("  margin evaluated", seconds / count * 1e6, "us/account", target, note="all threads")]


def _certificate_figures(backend: Backend, case: ModelCase) -> list[Figure]:
    statement = case.definition.model(case.assets, case.market, Scope.ACCOUNT).compile()
    work = Proving(backend, statement, case.accounts(1, backend), certificate_profile(statement))
    proof = work.prove()
    proving = median_seconds(work.prove, 5) * 1e3
    verifying = median_seconds(lambda: work.verifier.verify(work.instance, proof), 5) * 1e3
    note = f"{case.name}, all threads"
    return [
        Figure("certificate, prove", proving, "ms", _CERTIFICATE_TARGET, note=note),
        Figure("certificate, verify", verifying, "ms"),
        Figure("certificate, proof", len(proof), "bytes"),
    ]


def _wide_book_figures(backend: Backend, bits: int, counts: Sequence[int]) -> list[Figure]:
    """Books that get wider while accounts hold as little as before.

    A proof has a part that no number of accounts makes smaller: the opening, and rounds over the bits of one
    account. Batches hold fewer accounts of a wider statement, so that this part grows for each of them; the last
    figures are of the widest statement in a batch with as many accounts as the narrowest has.
    """
    unit = unit_cost(backend, bits)
    cases = [signed_collateral(count, held=4) for count in counts]
    sizes = [_account_count(case.model.compile(), bits) for case in cases]
    figures: list[Figure] = []
    costs = []
    for case, accounts in zip([*cases, cases[-1]], [*sizes, sizes[0]], strict=True):
        found, cost = _growth_figures(backend, case, accounts, unit)
        figures += found
        costs.append(cost)
    growth = f"{counts[-1]} assets in place of {counts[0]}"
    return [
        *figures,
        Figure(
            f"growth: proven, {growth}",
            costs[-2] / costs[0],
            "times",
            _GROWTH_TARGET,
            note="as books have them",
        ),
        Figure(
            f"growth: proven, {growth}",
            costs[-1] / costs[0],
            "times",
            _GROWTH_TARGET,
            note="as many accounts",
        ),
    ]


def _growth_figures(
    backend: Backend, case: ModelCase, accounts: int, unit: float
) -> tuple[list[Figure], float]:
    """One width of the book; also microseconds of proving an account."""
    statement = case.model.compile()
    positions, evaluate = case.accounts(accounts, backend), case.evaluator(backend)
    work = Proving(backend, statement, positions, batch_profile(statement, accounts))
    idle = work.witness.bits == work.assigner.assign(PositionBatch.zeros(1))
    with one_thread():
        work.prove()
        proving = _best_seconds(work.prove) / accounts * 1e6
        evaluating = median_seconds(lambda: evaluate(positions), 3) / accounts * 1e6
        assigning = median_seconds(lambda: work.assigner.assign(positions), 3) / accounts * 1e6
    note = f"{len(case.assets)} assets, {case.held} held, {statement.bit_count:,} bits, {accounts:,} accounts"
    share = proving / (unit * statement.bit_count)
    return [
        Figure("growth: bytes other than the zero account's", 1 - float(idle.mean()), "", note=note),
        Figure("growth: margin evaluated", evaluating, "us/account", note=note),
        Figure("growth: statement evaluated", assigning, "us/account", note=note),
        Figure("growth: proven", proving, "us/account", note=note),
        Figure("growth: proven, share of bits x unit cost", share, "", note=note),
    ], proving
