"""The verification equation of one proof, as a linear combination of points that must be in the torsion.

X (K + e T' - z_H H) + sum_t X_{>t} (A_t + x_t^2 B_t) - <v, base> - c <v, L> E = 0,
T' = sum_i eq(r_top,i) D_i + omega sum_u eq(tau_acc,u) C_u + omega^2 M + c val E

v        = unfold(z, x), without its padding
X        = x_1 ... x_f,  X_{>t} = x_{t+1} ... x_f
L, val   the linear form and its value (`primitives.argument_relation`)
"""

from __future__ import annotations

from dataclasses import dataclass

from primitives.argument_instance import ArgumentInstance
from primitives.argument_relation import OpeningRelation, unfold
from primitives.backend import Backend, PointVector, ScalarVector
from primitives.parameters import GROUP_ORDER
from verifier.argument.messages import OpeningMessages, SumcheckMessages


@dataclass(frozen=True, slots=True)
class GroupEquation:
    """``sum of scalar times point = 0`` after multiplication by the cofactor.

    `columns`, `assets`, `masks`, `linear_form` and `blinding` are the scalars of the shared generators B_c,
    G_a (of the statement's assets), M_j, E and H; `points` and `scalars` are the proof's own points and its
    leaves.
    """

    columns: ScalarVector
    assets: ScalarVector
    masks: ScalarVector
    linear_form: int
    blinding: int
    points: PointVector
    scalars: ScalarVector


def build_equation(
    backend: Backend,
    instance: ArgumentInstance,
    leaves: PointVector,
    sumcheck: SumcheckMessages,
    opening: OpeningMessages,
) -> GroupEquation:
    """The equation of the module's text, all terms on one side."""
    shape = instance.shape
    omega = sumcheck.form_challenges.omega
    form_weight = sumcheck.form_challenges.form

    # 1. The linear form L, its value, and the weights of the commitments in T.
    weights = instance.statement.linear_weights(sumcheck.alpha)
    relation = OpeningRelation(backend, shape, weights, sumcheck.challenges)
    coefficients = relation.coefficients(sumcheck.form_challenges)
    value = relation.value(
        sumcheck.masked_coefficients, sumcheck.evaluation, sumcheck.form_challenges.separation
    )

    # 2. X_{>t} for t = 0 .. f; X is the first.
    suffixes = [1]
    for challenge in reversed(opening.folding_challenges):
        suffixes.insert(0, suffixes[0] * challenge % GROUP_ORDER)

    # 3. The proof's own points: D, C, M, K, then A_t, B_t.
    commitment_weight = suffixes[0] * opening.challenge % GROUP_ORDER
    cross_weights = [
        weight % GROUP_ORDER
        for challenge, suffix in zip(opening.folding_challenges, suffixes[1:], strict=True)
        for weight in (suffix, suffix * challenge * challenge)
    ]
    scalars = (
        relation.row_weights.scale(commitment_weight)
        .concat(relation.account_weights.scale(commitment_weight * omega % GROUP_ORDER))
        .concat(backend.scalars_from_ints([commitment_weight * omega * omega, suffixes[0], *cross_weights]))
    )
    points = (
        sumcheck.row_commitments.concat(leaves)
        .concat(sumcheck.mask_commitment)
        .concat(opening.nonce_commitment)
        .concat(opening.cross_terms)
    )

    # 4. The shared generators: -v on the bases, and what is left of E and H.
    unfolded = unfold(opening.response, opening.folding_challenges).slice(0, shape.opening_length)
    on_bases = unfolded.scale(GROUP_ORDER - 1)
    first_mask = shape.columns + shape.assets
    linear_form = form_weight * (commitment_weight * value - unfolded.inner(coefficients))
    return GroupEquation(
        columns=on_bases.slice(0, shape.columns),
        assets=on_bases.slice(shape.columns, first_mask),
        masks=on_bases.slice(first_mask, shape.opening_length),
        linear_form=linear_form % GROUP_ORDER,
        blinding=-suffixes[0] * opening.blinding_response % GROUP_ORDER,
        points=points,
        scalars=scalars,
    )
