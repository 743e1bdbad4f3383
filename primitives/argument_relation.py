"""What the last part of the range argument opens: one linear form over one committed vector.

Prover and verifier both compute it, from public values alone. Symbols are those of docs/protocol-proofs.md:

    w = (bbar, omega qbar, omega^2 mu)                       R + A + (2n + 3) scalars
    T = sum_i eq(r_top, i) D_i + omega sum_u eq(tau_acc, u) C_u + omega^2 M
    E1: <eq(r_low), bbar> + s r_n (1 - r_n) = y
    E3: sum_{j,i} (r_j^i - tau_j) mu_{j,i} - <c, qbar>
          = sum_{j,i} (r_j^i - tau_j) a'_{j,i} + kappa S_U - y (1 - y) - Lambda y
    L = E1 + e1 E3, written as a vector of len(w) coefficients and one value

with ``a'_{j,i} = a_{j,i} + mu_{j,i}`` as sent, ``S_U = sum_{u<U} eq(tau_acc, u)`` and
``Lambda = sum_k eq(r_bits, k) lambda_k / eq(tau_bits, k)``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from primitives.argument_instance import LinearForm
from primitives.argument_parameters import ArgumentShape
from primitives.backend import Backend, ScalarVector
from primitives.errors import SealedbookError
from primitives.multilinear import equality_table, gather, inverse, padded, tensor_table
from primitives.parameters import GROUP_ORDER


class DegenerateChallengeError(SealedbookError):
    """A challenge has a value for which the argument is not defined (probability about 2n/r)."""


@dataclass(frozen=True, slots=True)
class SumcheckChallenges:
    """``tau`` (n of them) and ``rounds`` = r_1 .. r_n."""

    tau: tuple[int, ...]
    rounds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FormChallenges:
    """``omega`` keeps the parts of w apart, ``separation`` = e1 the equations, ``form`` = c weighs E."""

    omega: int
    separation: int
    form: int


def check_tau(tau: Sequence[int]) -> None:
    """``tau_j not in {0, 1}``, or the division by eq(tau_bits, k) is not defined."""
    if any(value in (0, 1) for value in tau):
        raise DegenerateChallengeError("a coordinate of tau is 0 or 1")


def check_last_round(challenge: int) -> None:
    """``r_n not in {0, 1}``, or s does not mask y."""
    if challenge in (0, 1):
        raise DegenerateChallengeError("the last round's challenge is 0 or 1")


def check_omega(omega: int) -> None:
    """``omega != 0``, or the parts of w cannot be told apart."""
    if omega == 0:
        raise DegenerateChallengeError("omega is 0")


def unfold(vector: ScalarVector, challenges: Sequence[int]) -> ScalarVector:
    """The adjoint of folding: ``unfold(z)[h m + j] = s_h z_j``.

    s_h is the product of the challenges at the zero bits of h (first challenge = top bit), so that
    ``<unfold(z), g> = <z, g folded by x g_L + g_R with each challenge in turn>``.
    """
    for challenge in reversed(challenges):
        vector = vector.scale(challenge).concat(vector)
    return vector


class OpeningRelation:
    """Weights of the commitments in T, coefficients of L and its value."""

    def __init__(
        self, backend: Backend, shape: ArgumentShape, weights: LinearForm, sumcheck: SumcheckChallenges
    ) -> None:
        self._backend = backend
        self._shape = shape
        self._weights = weights
        self._sumcheck = sumcheck

    @cached_property
    def row_weights(self) -> ScalarVector:
        """``eq(r_top, i)`` for the sent rows i."""
        r_top = self._sumcheck.rounds[: self._shape.row_index_variables]
        return gather(self._backend, equality_table(self._backend, r_top), self._shape.row_indices())

    @cached_property
    def account_weights(self) -> ScalarVector:
        """``eq(tau_acc, u)`` for the U accounts."""
        tau_acc = self._sumcheck.tau[: self._shape.account_variables]
        return equality_table(self._backend, tau_acc).slice(0, self._shape.accounts)

    def coefficients(self, challenges: FormChallenges) -> ScalarVector:
        """L over w: the coefficients of E1 + e1 E3, divided by the powers of omega that w carries."""
        omega_inverse = inverse(challenges.omega)
        r_low = self._sumcheck.rounds[self._shape.row_index_variables :]
        positions = self._backend.scalars_from_ints(self._weights.positions)
        masks = self._backend.scalars_from_ints(self._mask_coefficients(challenges.separation))
        return (
            equality_table(self._backend, r_low)
            .concat(positions.scale(-challenges.separation * omega_inverse % GROUP_ORDER))
            .concat(masks.scale(omega_inverse * omega_inverse % GROUP_ORDER))
        )

    def value(self, masked_coefficients: Sequence[int], y: int, separation: int) -> int:
        """val = right side of E1 + e1 times the right side of E3."""
        rounds = sum(
            factor * masked for factor, masked in zip(self._round_factors(), masked_coefficients, strict=True)
        )
        constant = self._weights.constant * self.account_weights.sum()
        return (y + separation * (rounds + constant - y * (1 - y) - self._row_weight() * y)) % GROUP_ORDER

    def _round_factors(self) -> Iterator[int]:
        """``r_j^i - tau_j`` for each coefficient, in the order in which they are sent."""
        rounds = zip(self._sumcheck.tau, self._sumcheck.rounds, strict=True)
        for index, (tau, challenge) in enumerate(rounds, start=1):
            for power in range(1, self._shape.round_degree(index) + 1):
                yield (pow(challenge, power, GROUP_ORDER) - tau) % GROUP_ORDER

    def _mask_coefficients(self, separation: int) -> list[int]:
        last = self._sumcheck.rounds[-1]
        return [separation * factor for factor in self._round_factors()] + [last * (1 - last)]

    def _row_weight(self) -> int:
        """Lambda: per variable, eq(r, .) / eq(tau, .) is ``(1-r)/(1-tau)`` at 0 and ``r/tau`` at 1."""
        first = self._shape.account_variables
        pairs = zip(self._sumcheck.rounds[first:], self._sumcheck.tau[first:], strict=True)
        factors = [((1 - r) * inverse((1 - t) % GROUP_ORDER), r * inverse(t)) for r, t in pairs]
        ratios = tensor_table(
            self._backend, [(zero % GROUP_ORDER, one % GROUP_ORDER) for zero, one in factors]
        )
        bits = padded(
            self._backend, self._backend.scalars_from_ints(self._weights.bits), self._shape.padded_bits
        )
        return ratios.inner(bits)
