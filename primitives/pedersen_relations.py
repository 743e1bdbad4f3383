"""Relations between Pedersen vector commitments, for the sigma proofs of `primitives.sigma`.

A commitment is ``C = sum_a q_a G_a + rho H``. Every generator and commitment is an element of the
relation, in the order of the parameters, so that the serialised relation names the whole statement.
"""

from __future__ import annotations

from collections.abc import Sequence

from primitives.backend import Backend, PointVector
from primitives.linear_relation import Equation, LinearRelation, generator


def opening_equality(
    backend: Backend,
    *,
    generators: tuple[PointVector, PointVector],
    blinding_generators: tuple[PointVector, PointVector],
    commitments: tuple[PointVector, PointVector],
) -> LinearRelation:
    """Two commitments, under two sets of n generators, hold the same amounts q:

        C = sum_a q_a G_a + rho H   and   C' = sum_a q_a G'_a + rho' H'

    Witness: ``q_0 .. q_(n-1), rho, rho'``. The amounts are equal as elements of F; that they are integers
    of some range is for other proofs to show.
    """
    first, second = generators
    count = len(first)
    if len(second) != count:
        raise ValueError(f"unequal numbers of generators: {count} and {len(second)}")
    _check_single(*blinding_generators, *commitments)
    elements = generator(backend)
    equations = []
    for side, own_generators in enumerate(generators):
        start = len(elements)
        elements = elements.concat(own_generators)
        elements = elements.concat(blinding_generators[side]).concat(commitments[side])
        terms = [(asset, start + asset, 1) for asset in range(count)]
        terms.append((count + side, start + count, 1))
        equations.append(Equation([(start + count + 1, 1)], terms))
    return LinearRelation(backend, elements, equations)


def difference_opening(
    backend: Backend,
    *,
    generators: PointVector,
    blinding_generator: PointVector,
    minuend: PointVector,
    subtrahend: PointVector,
) -> LinearRelation:
    """The prover can open the difference of two commitments, whose amounts d stay hidden:

        C_1 - C_2 = sum_a d_a G_a + delta H

    Witness: ``d_0 .. d_(n-1), delta``.
    """
    terms = [(asset, 1 + asset, 1) for asset in range(len(generators) + 1)]
    return _difference(backend, generators, blinding_generator, minuend, subtrahend, [], terms)


def public_difference_opening(
    backend: Backend,
    *,
    generators: PointVector,
    blinding_generator: PointVector,
    minuend: PointVector,
    subtrahend: PointVector,
    amounts: Sequence[int],
) -> LinearRelation:
    """Two commitments differ by exactly the public `amounts` d (a deposit, a top-up):

        C_1 - C_2 - sum_a d_a G_a = delta H

    Witness: ``delta``. Amounts are taken modulo r.
    """
    count = len(generators)
    if len(amounts) != count:
        raise ValueError(f"{count} generators, but {len(amounts)} amounts")
    constants = [(1 + asset, -amount) for asset, amount in enumerate(amounts)]
    terms = [(0, 1 + count, 1)]
    return _difference(backend, generators, blinding_generator, minuend, subtrahend, constants, terms)


def public_opening(
    backend: Backend,
    *,
    generators: PointVector,
    blinding_generator: PointVector,
    commitment: PointVector,
    amounts: Sequence[int],
) -> LinearRelation:
    """A commitment holds exactly the public `amounts` q (totals that are published):

        C - sum_a q_a G_a = rho H

    Witness: ``rho``. Amounts are taken modulo r.
    """
    count = len(generators)
    if len(amounts) != count:
        raise ValueError(f"{count} generators, but {len(amounts)} amounts")
    _check_single(blinding_generator, commitment)
    elements = generator(backend).concat(generators).concat(blinding_generator).concat(commitment)
    image = [(count + 2, 1), *((1 + asset, -amount) for asset, amount in enumerate(amounts))]
    return LinearRelation(backend, elements, [Equation(image, [(0, count + 1, 1)])])


def _difference(
    backend: Backend,
    generators: PointVector,
    blinding_generator: PointVector,
    minuend: PointVector,
    subtrahend: PointVector,
    constants: list[tuple[int, int]],
    terms: list[tuple[int, int, int]],
) -> LinearRelation:
    """``C_1 - C_2 + constants = terms`` over the elements ``E_0, G_0 .. G_(n-1), H, C_1, C_2``."""
    _check_single(blinding_generator, minuend, subtrahend)
    elements = generator(backend)
    for points in (generators, blinding_generator, minuend, subtrahend):
        elements = elements.concat(points)
    last = len(elements) - 1
    return LinearRelation(backend, elements, [Equation([(last - 1, 1), (last, -1), *constants], terms)])


def _check_single(*vectors: PointVector) -> None:
    if any(len(vector) != 1 for vector in vectors):
        raise ValueError("a blinding generator or a commitment is a vector of length one")
