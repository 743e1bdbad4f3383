"""Provers that deviate in one place, and transcripts whose challenges are known beforehand. For tests only."""

from __future__ import annotations

from collections.abc import Mapping

from argument_support import generators_of

from primitives.argument_instance import PROTOCOL_ID, ArgumentInstance, LinearForm
from primitives.argument_parameters import ArgumentShape
from primitives.argument_relation import FormChallenges, OpeningRelation
from primitives.backend import Backend, PointVector, ScalarVector
from primitives.kernels import PackedBits
from primitives.parameters import GROUP_ORDER
from primitives.reference_kernels import (
    ReferenceAccountSumcheck,
    ReferenceKernels,
    ReferenceRowCommitmentKey,
)
from primitives.transcript import ProverTranscript, VerifierTranscript
from prover.argument import ArgumentProver
from prover.argument.proof_run import ProofRun
from verifier.argument import ArgumentVerifier

Program = Mapping[int, int]
"""Values of the scalar challenges by their number (0-based, in the order in which they are drawn)."""


class ChallengeNumbers:
    """Numbers of the scalar challenges of a shape: tau, alpha, r_1 .. r_n, omega, e1, c, e."""

    def __init__(self, shape: ArgumentShape) -> None:
        n = shape.variables
        self.tau = range(n)
        self.alpha = n
        self.rounds = range(n + 1, 2 * n + 1)
        self.omega = 2 * n + 1
        self.separation = 2 * n + 2
        self.form = 2 * n + 3
        self.opening = 2 * n + 4
        self.count = 2 * n + 5


class ProgrammedProverTranscript(ProverTranscript):
    """Draws challenges as usual, and replaces those of the program."""

    program: Program = {}
    drawn = 0

    def challenge_scalars(self, count: int) -> list[int]:
        values = super().challenge_scalars(count)
        start, self.drawn = self.drawn, self.drawn + count
        return [self.program.get(start + index, value) for index, value in enumerate(values)]


class ProgrammedVerifierTranscript(VerifierTranscript):
    """Draws challenges as usual, and replaces those of the programs."""

    program: Program = {}
    short_program: Program = {}
    drawn = 0
    short_drawn = 0

    def challenge_scalars(self, count: int) -> list[int]:
        values = super().challenge_scalars(count)
        start, self.drawn = self.drawn, self.drawn + count
        return [self.program.get(start + index, value) for index, value in enumerate(values)]

    def challenge_128(self) -> int:
        value = super().challenge_128()
        number, self.short_drawn = self.short_drawn, self.short_drawn + 1
        return self.short_program.get(number, value)


def programmed_verifier(
    backend: Backend, program: Program, short_program: Program | None = None
) -> ArgumentVerifier:
    """A verifier with programmed challenges."""

    class Verifier(ArgumentVerifier):
        def _open_transcript(self, instance: ArgumentInstance, proof: bytes) -> VerifierTranscript:
            transcript = ProgrammedVerifierTranscript(backend, PROTOCOL_ID, instance.session, narg=proof)
            transcript.program, transcript.short_program = program, short_program or {}
            transcript.absorb_public(*instance.fields())
            return transcript

    return Verifier(backend, generators_of(backend))


def programmed(run_type: type[ProofRun], program: Program) -> type[ProofRun]:
    """`run_type` with programmed challenges."""

    class Run(run_type):  # type: ignore[valid-type, misc]
        def _open_transcript(self) -> ProverTranscript:
            transcript = ProgrammedProverTranscript(PROTOCOL_ID, self._instance.session)
            transcript.program = program
            transcript.absorb_public(*self._instance.fields())
            return transcript

    return Run


def adversary(
    backend: Backend, run_type: type[ProofRun], kernels: ReferenceKernels | None = None
) -> ArgumentProver:
    """A prover that works by `run_type`."""

    class Prover(ArgumentProver):
        _run_type = run_type

    return Prover(backend, kernels or ReferenceKernels(backend), generators_of(backend))


class TableKernels(ReferenceKernels):
    """Kernels on a table of arbitrary scalars (all 2^n of them) instead of bits."""

    def __init__(self, backend: Backend, table: list[int]) -> None:
        super().__init__(backend)
        self.table = table

    def row_commitment_key(
        self, columns: PointVector, blinding_generator: PointVector
    ) -> ReferenceRowCommitmentKey:
        return _TableRowKey(self._backend, columns, blinding_generator, self.table)

    def account_sumcheck(
        self, bits: PackedBits, shape: ArgumentShape, tau: object
    ) -> ReferenceAccountSumcheck:
        table = self._backend.scalars_from_ints(self.table)
        return ReferenceAccountSumcheck(self._backend, table, shape, tau)  # type: ignore[arg-type]


class _TableRowKey(ReferenceRowCommitmentKey):
    def __init__(
        self, backend: Backend, columns: PointVector, blinding_generator: PointVector, table: list[int]
    ) -> None:
        super().__init__(backend, columns, blinding_generator)
        self._table = table

    def commit(self, bits: PackedBits, shape: ArgumentShape, blindings: ScalarVector) -> PointVector:
        bases = self._columns.concat(self._blinding_generator)
        commitments = self._backend.identity(0)
        for index, blinding in zip(shape.row_indices().tolist(), blindings.to_ints(), strict=True):
            row = self._table[index * shape.columns : (index + 1) * shape.columns]
            scalars = self._backend.scalars_from_ints([*row, blinding])
            commitments = commitments.concat(self._backend.multi_scalar_multiply(bases, scalars))
        return commitments


class TableRun(ProofRun):
    """Works from the table of `TableKernels`: ``v_u = sum_k lambda_k b(u, k)`` for padding accounts too."""

    def _account_values(self, weights: LinearForm) -> ScalarVector:
        kernels = self._context.kernels
        assert isinstance(kernels, TableKernels)
        bits = self._shape.padded_bits
        values = [
            sum(weight * kernels.table[u * bits + k] for k, weight in enumerate(weights.bits))
            for u in range(1 << self._shape.account_variables)
        ]
        return self._backend.scalars_from_ints(values)


def opened_base(backend: Backend, instance: ArgumentInstance, index: int, amount: int) -> PointVector:
    """`amount` times the base number `index` of the opened vector; the one after the last is E."""
    generators, shape = generators_of(backend), instance.shape
    bases = (
        generators.columns(shape.columns)
        .concat(generators.assets(instance.statement.assets))
        .concat(generators.masks(shape.mask_count))
        .concat(generators.linear_form())
    )
    return bases.slice(index, index + 1).scale(backend.scalars_from_ints([amount]))


class ForeignRun(ProofRun):
    """Adds `amount` of the opened base number `base` to D_0 (`place` "row") or M ("mask").

    With `place` "leaf" nothing is added: the instance has it in C_0 already. The opened vector is the
    true one, foreign component included, except for base E, which no vector opens.
    """

    place = "row"
    base = 0
    amount = 0

    def _row_commitments(self) -> PointVector:
        rows = super()._row_commitments()
        return add_to_first(rows, self._foreign_point()) if self.place == "row" else rows

    def _mask_commitment(self) -> PointVector:
        commitment = super()._mask_commitment()
        return commitment.add(self._foreign_point()) if self.place == "mask" else commitment

    def _send_opening(
        self, relation: OpeningRelation, challenges: FormChallenges, bbar: ScalarVector
    ) -> None:
        weights = {
            "row": relation.row_weights.to_ints()[0],
            "leaf": relation.account_weights.to_ints()[0] * challenges.omega,
            "mask": challenges.omega**2,
        }
        self._foreign_weight = weights[self.place] % GROUP_ORDER
        super()._send_opening(relation, challenges, bbar)

    def _opened_vector(self, bbar: ScalarVector, qbar: ScalarVector, omega: int) -> ScalarVector:
        vector = super()._opened_vector(bbar, qbar, omega).to_ints()
        if self.base < len(vector):
            vector[self.base] += self._foreign_weight * self.amount
        return self._backend.scalars_from_ints(vector)

    def _foreign_point(self) -> PointVector:
        return opened_base(self._backend, self._instance, self.base, self.amount)


def foreign(place: str, base: int, amount: int, run_type: type[ProofRun] = ProofRun) -> type[ProofRun]:
    """`ForeignRun` over `run_type`, with its parameters."""
    return type("Foreign", (ForeignRun, run_type), {"place": place, "base": base, "amount": amount})


def add_to_first(points: PointVector, addition: PointVector) -> PointVector:
    """The vector with `addition` added to its first point."""
    return points.slice(0, 1).add(addition).concat(points.slice(1, len(points)))


class AdditionTranscript(ProverTranscript):
    """Adds a point to the point number `target` (0-based, over all points sent)."""

    target = 0
    addition: PointVector
    sent = 0

    def write_points(self, points: PointVector, *, allow_identity: bool = False) -> None:
        index, self.sent = self.target - self.sent, self.sent + len(points)
        if 0 <= index < len(points):
            changed = points.slice(index, index + 1).add(self.addition)
            points = points.slice(0, index).concat(changed).concat(points.slice(index + 1, len(points)))
        super().write_points(points, allow_identity=allow_identity)


def adding(target: int, addition: PointVector) -> type[ProofRun]:
    """An honest run that adds `addition` to the point number `target` before it is sent and absorbed."""

    class Run(ProofRun):
        def _open_transcript(self) -> ProverTranscript:
            transcript = AdditionTranscript(PROTOCOL_ID, self._instance.session)
            transcript.target, transcript.addition = target, addition
            transcript.absorb_public(*self._instance.fields())
            return transcript

    return Run
