"""One proof, message by message: docs/protocol-proofs.md in code."""

from __future__ import annotations

from collections.abc import Sequence

from primitives.argument_instance import PROTOCOL_ID, ArgumentInstance, LinearForm
from primitives.argument_relation import (
    FormChallenges,
    OpeningRelation,
    SumcheckChallenges,
    check_last_round,
    check_omega,
    check_tau,
)
from primitives.backend import Backend, PointVector, ScalarVector
from primitives.generators import Generators
from primitives.kernels import ArgumentKernels, RowCommitmentKey
from primitives.parameters import GROUP_ORDER
from primitives.transcript import ProverTranscript
from prover.argument.opening import Opening, OpeningProver
from prover.argument.randomness import ProofScalars
from prover.argument.sumcheck import SumcheckProver
from prover.argument.witness import Witness


class ProverContext:
    """What proofs have in common: backend, kernels, generators, and the tables of the columns."""

    def __init__(self, backend: Backend, kernels: ArgumentKernels, generators: Generators) -> None:
        self.backend = backend
        self.kernels = kernels
        self.generators = generators
        self._columns: dict[int, PointVector] = {}
        self._row_keys: dict[int, RowCommitmentKey] = {}

    def columns(self, count: int) -> PointVector:
        """B_0 .. B_{count-1}."""
        if count not in self._columns:
            self._columns[count] = self.generators.columns(count)
        return self._columns[count]

    def row_key(self, columns: int) -> RowCommitmentKey:
        """The commitment key for rows of `columns` bits."""
        key = self._row_keys.get(columns)
        if key is None:
            points, blinding = self.columns(columns), self.generators.blinding()
            key = self._row_keys[columns] = self.kernels.row_commitment_key(points, blinding)
        return key


class ProofRun:
    """One proof in the making: its secrets live as long as this object, which makes one proof."""

    def __init__(
        self,
        context: ProverContext,
        instance: ArgumentInstance,
        witness: Witness,
        scalars: ProofScalars,
    ) -> None:
        self._backend = context.backend
        self._context = context
        self._instance = instance
        self._shape = instance.shape
        self._witness = witness
        self._scalars = scalars
        self._transcript = self._open_transcript()
        self._row_blindings = scalars.row_blindings(self._shape.row_count)
        self._masks = scalars.masks(self._shape.mask_count)
        self._mask_blinding = scalars.mask_blinding()

    def run(self) -> bytes:
        """Send all messages; returns the proof."""
        self._send_commitments()
        tau = self._transcript.challenge_scalars(self._shape.variables)
        check_tau(tau)
        alpha = self._transcript.challenge_scalar()
        weights = self._instance.statement.linear_weights(alpha)
        sumcheck = self._begin_sumcheck(tau, weights)
        rounds = self._send_rounds(sumcheck)
        relation = OpeningRelation(
            self._backend, self._shape, weights, SumcheckChallenges(tuple(tau), tuple(rounds))
        )
        challenges = self._send_evaluation(sumcheck.evaluation)
        self._send_opening(relation, challenges, sumcheck.row_combination)
        return self._transcript.narg()

    def _open_transcript(self) -> ProverTranscript:
        """A transcript that has absorbed the instance."""
        transcript = ProverTranscript(PROTOCOL_ID, self._instance.session)
        transcript.absorb_public(*self._instance.fields())
        return transcript

    def _send_commitments(self) -> None:
        """Message 1: D_i and M."""
        self._transcript.write_points(self._row_commitments())
        self._transcript.write_points(self._mask_commitment())

    def _row_commitments(self) -> PointVector:
        """``D_i = sum_c row_i[c] B_c + delta_i H``."""
        key = self._context.row_key(self._shape.columns)
        return key.commit(self._witness.bits, self._shape, self._row_blindings)

    def _mask_commitment(self) -> PointVector:
        """``M = sum_j mu_j M_j + delta_M H``."""
        generators = self._context.generators
        bases = generators.masks(self._shape.mask_count).concat(generators.blinding())
        return self._context.kernels.multi_scalar_multiply(bases, self._masks.concat(self._mask_blinding))

    def _begin_sumcheck(self, tau: Sequence[int], weights: LinearForm) -> SumcheckProver:
        kernels = self._context.kernels
        return SumcheckProver(
            self._backend,
            kernels,
            self._shape,
            tau,
            kernels.account_sumcheck(self._witness.bits, self._shape, tau),
            account_values=self._account_values(weights),
            bit_weights=kernels.bit_weights(weights.values, weights.widths),
            last_mask=self._masks.slice(self._shape.mask_count - 1, self._shape.mask_count).sum(),
        )

    def _account_values(self, weights: LinearForm) -> ScalarVector:
        """``v_u = sum_k lambda_k b(u,k)``, which is ``<c, q_u> + kappa`` where the rows hold."""
        coefficients = self._backend.scalars_from_ints(weights.positions)
        return self._witness.evaluate(self._context.kernels, coefficients, weights.constant)

    def _send_rounds(self, sumcheck: SumcheckProver) -> list[int]:
        """Message 3: ``a_{j,i} + mu_{j,i}`` for each round; returns r_1 .. r_n."""
        challenges: list[int] = []
        sent = 0
        for _ in range(self._shape.variables):
            coefficients = self._backend.scalars_from_ints(sumcheck.round_coefficients())
            masks = self._masks.slice(sent, sent + len(coefficients))
            sent += len(coefficients)
            self._transcript.write_scalars(coefficients.add(masks))
            challenges.append(self._transcript.challenge_scalar())
            sumcheck.bind(challenges[-1])
        check_last_round(challenges[-1])
        return challenges

    def _send_evaluation(self, evaluation: int) -> FormChallenges:
        """Message 4: y."""
        self._transcript.write_scalars(self._backend.scalars_from_ints([evaluation]))
        omega, separation, form = self._transcript.challenge_scalars(3)
        check_omega(omega)
        return FormChallenges(omega, separation, form)

    def _send_opening(
        self, relation: OpeningRelation, challenges: FormChallenges, bbar: ScalarVector
    ) -> None:
        """Messages 5 and 6: w, which opens T."""
        qbar = self._witness.combine(self._context.kernels, relation.account_weights, self._shape.assets)
        opening = Opening(
            self._opened_vector(bbar, qbar, challenges.omega), self._blinding(relation, challenges.omega)
        )
        nonce = Opening(
            self._scalars.opening_nonces(self._shape.opening_length),
            self._scalars.opening_nonce_blinding().sum(),
        )
        form = relation.coefficients(challenges).scale(challenges.form)
        OpeningProver(self._backend, self._context.kernels, self._shape, self._opening_bases(), form).prove(
            self._transcript, opening, nonce
        )

    def _opened_vector(self, bbar: ScalarVector, qbar: ScalarVector, omega: int) -> ScalarVector:
        """``w = (bbar, omega qbar, omega^2 mu)``."""
        masks = self._masks.scale(omega * omega % GROUP_ORDER)
        return bbar.concat(qbar.scale(omega)).concat(masks)

    def _blinding(self, relation: OpeningRelation, omega: int) -> int:
        """``w_H = sum_i eq(r_top,i) delta_i + omega sum_u eq(tau_acc,u) rho_u + omega^2 delta_M``."""
        rows = relation.row_weights.inner(self._row_blindings)
        leaves = relation.account_weights.inner(self._witness.leaf_blindings)
        return (rows + omega * leaves + omega * omega * self._mask_blinding.sum()) % GROUP_ORDER

    def _opening_bases(self) -> PointVector:
        """B_c, G_a, M_j, then E and H."""
        generators = self._context.generators
        return (
            self._context.columns(self._shape.columns)
            .concat(generators.assets(self._instance.statement.assets))
            .concat(generators.masks(self._shape.mask_count))
            .concat(generators.linear_form())
            .concat(generators.blinding())
        )
