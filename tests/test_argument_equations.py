"""The equations of the range argument against a model in plain integers, straight from their definitions.

The model knows no tables being folded and no closed formulas: it evaluates multilinear polynomials as sums
over the hypercube, and finds coefficients of round polynomials by interpolation.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass

import pytest
from argument_support import Case, case, mixed_statement, range_statement

from circuits.bits import unpack_bits
from circuits.statement import Statement
from primitives.argument_parameters import ArgumentShape
from primitives.argument_relation import FormChallenges, OpeningRelation, SumcheckChallenges, unfold
from primitives.multilinear import equality_table, inverse_equality_table
from primitives.parameters import GROUP_ORDER as R
from primitives.reference_backend import ReferenceBackend
from primitives.reference_kernels import ReferenceKernels
from prover.argument.sumcheck import SumcheckProver

BACKEND = ReferenceBackend()
POINT_FREE = [
    # statement, accounts, row variables
    (range_statement(1, 3), 1, 0),
    (range_statement(1, 3), 1, 2),
    (range_statement(2, 3), 2, 1),
    (range_statement(1, 3), 3, 3),
    (range_statement(1, 3), 5, 4),
    (mixed_statement(2), 1, 3),
    (mixed_statement(2), 2, 6),
]


def bits_of(index: int, count: int) -> list[int]:
    return [(index >> (count - 1 - position)) & 1 for position in range(count)]


def eq(x: list[int], y: list[int]) -> int:
    product = 1
    for a, b in zip(x, y, strict=True):
        product = product * (a * b + (1 - a) * (1 - b)) % R
    return product


def extension(table: list[int], point: list[int]) -> int:
    """The multilinear polynomial with this table, at a point: ``sum_i eq(point, i) table_i``."""
    return sum(eq(point, bits_of(i, len(point))) * value for i, value in enumerate(table) if value) % R


def interpolate(values: list[int]) -> list[int]:
    """Coefficients of the polynomial of degree < len(values) through ``(i, values[i])``."""
    coefficients = [0] * len(values)
    for i, value in enumerate(values):
        basis, denominator = [1], 1
        for j in range(len(values)):
            if j != i:
                basis = [(low - j * high) % R for low, high in zip([0, *basis], [*basis, 0], strict=True)]
                denominator = denominator * (i - j) % R
        scale = value * pow(denominator, -1, R) % R
        coefficients = [(c + scale * b) % R for c, b in zip(coefficients, basis, strict=True)]
    return coefficients


@dataclass
class Model:
    """One case with random challenges, and everything the equations speak of."""

    made: Case
    tau: list[int]
    rounds: list[int]
    alpha: int
    s: int
    table: list[int]

    @classmethod
    def of(cls, statement: Statement, accounts: int, row_variables: int) -> Model:
        made = case(BACKEND, statement, accounts, row_variables, 0)
        shape = made.instance.shape
        source = random.Random(accounts * 100 + row_variables)
        unpacked = unpack_bits(statement, made.witness.bits)[:, : shape.bits]
        table = [0] * (1 << shape.variables)
        for u, k in itertools.product(range(accounts), range(shape.bits)):
            table[u * shape.padded_bits + k] = int(unpacked[u, k])
        return cls(
            made,
            [source.randrange(R) for _ in range(shape.variables)],
            [source.randrange(R) for _ in range(shape.variables)],
            source.randrange(R),
            source.randrange(R),
            table,
        )

    @property
    def shape(self) -> ArgumentShape:
        return self.made.instance.shape

    @property
    def weights(self) -> list[int]:
        """lambda'_k for all P bits."""
        form = self.made.instance.statement.linear_weights(self.alpha)
        padded = form.bits + [0] * (self.shape.padded_bits - self.shape.bits)
        tau_bits = self.tau[self.shape.account_variables :]
        p = self.shape.bit_variables
        return [value * pow(eq(tau_bits, bits_of(k, p)), -1, R) % R for k, value in enumerate(padded)]

    def b(self, point: list[int]) -> int:
        """``b~(X) = b(X) + s X_n (1 - X_n)``."""
        return (extension(self.table, point) + self.s * point[-1] * (1 - point[-1])) % R

    def summand(self, point: list[int]) -> int:
        """``b~ (1 - b~) + lambda' b~``."""
        b = self.b(point)
        return (b * (1 - b) + extension(self.weights, point[self.shape.account_variables :]) * b) % R

    def round_value(self, bound: list[int], x: int) -> int:
        """``t_j(x)`` with ``r_1 .. r_{j-1} = bound``."""
        rest = self.shape.variables - len(bound) - 1
        later = self.tau[len(bound) + 1 :]
        return (
            sum(
                eq(later, bits_of(i, rest)) * self.summand([*bound, x, *bits_of(i, rest)])
                for i in range(1 << rest)
            )
            % R
        )

    def sumcheck(self) -> SumcheckProver:
        form = self.made.instance.statement.linear_weights(self.alpha)
        kernels = ReferenceKernels(BACKEND)
        positions = BACKEND.scalars_from_ints(form.positions)
        return SumcheckProver(
            BACKEND,
            kernels,
            self.shape,
            self.tau,
            kernels.account_sumcheck(self.made.witness.bits, self.shape, self.tau),
            account_values=kernels.evaluate_positions(self.made.witness.positions, positions, form.constant),
            bit_weights=BACKEND.scalars_from_ints(form.bits),
            last_mask=self.s,
        )

    @property
    def relation(self) -> OpeningRelation:
        form = self.made.instance.statement.linear_weights(self.alpha)
        challenges = SumcheckChallenges(tuple(self.tau), tuple(self.rounds))
        return OpeningRelation(BACKEND, self.shape, form, challenges)

    @property
    def qbar(self) -> list[int]:
        """``sum_u eq(tau_acc, u) q_u``."""
        tau_acc = self.tau[: self.shape.account_variables]
        weights = equality_table(BACKEND, tau_acc).slice(0, self.shape.accounts)
        kernels = ReferenceKernels(BACKEND)
        return kernels.sum_positions(self.made.witness.positions, weights, self.shape.assets).to_ints()


@pytest.fixture(params=POINT_FREE, ids=lambda p: f"{p[0].bit_count}bits-U{p[1]}-rho{p[2]}", scope="module")
def model(request: pytest.FixtureRequest) -> Model:
    return Model.of(*request.param)


def test_claim(model: Model) -> None:
    """``sum eq(tau, .) [b~ (1 - b~) + lambda' b~] = kappa S_U + <c, qbar>`` for a true statement."""
    form = model.made.instance.statement.linear_weights(model.alpha)
    n, shape = model.shape.variables, model.shape
    total = sum(eq(model.tau, bits_of(i, n)) * model.summand(bits_of(i, n)) for i in range(1 << n))
    tau_acc = model.tau[: shape.account_variables]
    accounts = sum(eq(tau_acc, bits_of(u, shape.account_variables)) for u in range(shape.accounts))
    positions = sum(c * q for c, q in zip(form.positions, model.qbar, strict=True))
    assert (total - form.constant * accounts - positions) % R == 0


def test_round_polynomials(model: Model) -> None:
    """The prover's closed formulas against interpolation of t_j; each round carries the claim on."""
    prover, previous = model.sumcheck(), None
    for index in range(1, model.shape.variables + 1):
        bound = model.rounds[: index - 1]
        degree = model.shape.round_degree(index)
        # one value more than the degree needs, so that a larger degree would show
        coefficients = interpolate([model.round_value(bound, x) for x in range(degree + 2)])
        assert coefficients[-1] == 0
        assert prover.round_coefficients() == coefficients[1:-1]
        tau = model.tau[index - 1]
        claim = ((1 - tau) * model.round_value(bound, 0) + tau * model.round_value(bound, 1)) % R
        assert previous is None or claim == previous
        previous = model.round_value(bound, model.rounds[index - 1])
        prover.bind(model.rounds[index - 1])
    assert previous == model.summand(model.rounds)
    assert prover.evaluation == model.b(model.rounds)


def test_row_combination(model: Model) -> None:
    """``bbar_c = sum_i eq(r_top, i) row_i[c]`` over all rows, sent or not."""
    shape, prover = model.shape, model.sumcheck()
    for challenge in model.rounds:
        prover.bind(challenge)
    top = model.rounds[: shape.row_index_variables]
    expected = [
        sum(eq(top, bits_of(i, len(top))) * model.table[i * shape.columns + c] for i in range(1 << len(top)))
        % R
        for c in range(shape.columns)
    ]
    assert prover.row_combination.to_ints() == expected


def test_row_and_account_weights(model: Model) -> None:
    shape = model.shape
    top, accounts = model.rounds[: shape.row_index_variables], model.tau[: shape.account_variables]
    assert model.relation.row_weights.to_ints() == [
        eq(top, bits_of(int(i), len(top))) for i in shape.row_indices()
    ]
    assert model.relation.account_weights.to_ints() == [
        eq(accounts, bits_of(u, len(accounts))) for u in range(shape.accounts)
    ]


def test_linear_form_has_its_value(model: Model) -> None:
    """``<L, w> = val`` for honest messages, whatever masks and challenges are."""
    source, prover, shape = random.Random(9), model.sumcheck(), model.shape
    masks = [source.randrange(R) for _ in range(shape.round_coefficient_count)] + [model.s]
    sent: list[int] = []
    for challenge in model.rounds:
        for coefficient in prover.round_coefficients():
            sent.append((coefficient + masks[len(sent)]) % R)
        prover.bind(challenge)
    challenges = FormChallenges(omega=source.randrange(1, R), separation=source.randrange(R), form=1)
    omega = challenges.omega
    w = (
        prover.row_combination.to_ints()
        + [omega * q % R for q in model.qbar]
        + [omega * omega * mask % R for mask in masks]
    )
    form = model.relation.coefficients(challenges).to_ints()
    inner = sum(a * b for a, b in zip(form, w, strict=True)) % R
    assert inner == model.relation.value(sent, prover.evaluation, challenges.separation)


def test_each_part_of_the_linear_form_matters(model: Model) -> None:
    """E1 alone (e1 = 0) and E3 alone are not satisfied by another y or another coefficient."""
    relation, shape = model.relation, model.shape
    sent = [5] * shape.round_coefficient_count
    values = {relation.value(sent, y, separation) for y in (3, 4) for separation in (0, 1)}
    assert len(values) == 4
    for index in range(len(sent)):
        changed = [*sent]
        changed[index] += 1
        assert relation.value(changed, 3, 1) != relation.value(sent, 3, 1)


def test_unfold_is_the_adjoint_of_folding() -> None:
    source = random.Random(4)
    challenges = [source.randrange(1 << 128) for _ in range(3)]
    generators = [source.randrange(R) for _ in range(24)]
    z = [source.randrange(R) for _ in range(3)]
    folded = generators
    for x in challenges:
        half = len(folded) // 2
        pairs = zip(folded[:half], folded[half:], strict=True)
        folded = [(x * left + right) % R for left, right in pairs]
    unfolded = unfold(BACKEND.scalars_from_ints(z), challenges).to_ints()
    left = sum(a * b for a, b in zip(unfolded, generators, strict=True))
    assert (left - sum(a * b for a, b in zip(z, folded, strict=True))) % R == 0
    x_1, x_2, x_3 = challenges
    s = [x_1 * x_2 * x_3, x_1 * x_2, x_1 * x_3, x_1, x_2 * x_3, x_2, x_3, 1]
    assert unfolded == [s_h * z_j % R for s_h in s for z_j in z]


def test_equality_tables() -> None:
    point = [3, 10, R - 4]
    table = equality_table(BACKEND, point).to_ints()
    assert table == [eq(point, bits_of(i, 3)) for i in range(8)]
    assert [
        a * b % R for a, b in zip(table, inverse_equality_table(BACKEND, point).to_ints(), strict=True)
    ] == [1] * 8
    assert equality_table(BACKEND, []).to_ints() == [1]
    for degenerate in (0, 1):
        with pytest.raises(ValueError, match="not invertible"):
            inverse_equality_table(BACKEND, [5, degenerate])
