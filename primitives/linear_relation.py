"""Linear relations over G1: the statements of draft-irtf-cfrg-sigma-protocols.

A relation has public elements ``E_0, E_1, ...`` of G1, with ``E_0`` the standard generator, secret scalars
``x_0, x_1, ...`` and equations between them, each with a public image on the left:

    sum over image terms (e, c)  of  c E_e   =   sum over terms (s, e, c)  of  c x_s E_e

A `LinearRelation` that exists is valid: its constructor runs the draft's numbered checks
(`primitives.instance_validation`), so that neither prover nor verifier can forget them.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from primitives.backend import Backend, PointVector
from primitives.codec import LENGTH_BYTES, UINT32_MODULUS, serialize_integer
from primitives.instance_validation import GENERATOR, validate
from primitives.narg import NargReader
from primitives.parameters import GROUP_ORDER, POINT_BYTES, SCALAR_BYTES

Row = tuple[int, ...]
"""One factor in ``[0, r)`` for every element: stands for ``sum_e row[e] E_e``."""


class ImageTerm(NamedTuple):
    """``coefficient * E_element`` on the public side of an equation."""

    element: int
    coefficient: int


class Term(NamedTuple):
    """``coefficient * x_scalar * E_element`` on the secret side of an equation."""

    scalar: int
    element: int
    coefficient: int


class Equation:
    """One equation; coefficients are integers of any size and sign and are reduced modulo r."""

    __slots__ = ("image", "terms")

    def __init__(self, image: Iterable[tuple[int, int]], terms: Iterable[tuple[int, int, int]]) -> None:
        self.image = tuple(ImageTerm(element, c % GROUP_ORDER) for element, c in image)
        self.terms = tuple(Term(scalar, element, c % GROUP_ORDER) for scalar, element, c in terms)


class LinearRelation:
    """A valid relation. `elements` includes E_0 (see `generator`).

    Every element on which the statement depends must be an element of its own, never a precomputed
    combination of others: only elements are bound by a proof.

    Raises `primitives.instance_validation.InstanceError`, which names the first check that fails.
    """

    def __init__(self, backend: Backend, elements: PointVector, equations: Sequence[Equation]) -> None:
        self.backend = backend
        self.elements = elements
        self.equations = tuple(equations)
        validate(self)

    @functools.cached_property
    def scalar_count(self) -> int:
        """The number of secret scalars."""
        return 1 + max(term.scalar for equation in self.equations for term in equation.terms)

    @functools.cached_property
    def image_rows(self) -> tuple[Row, ...]:
        """The left-hand side of each equation."""
        return tuple(self.row(equation.image) for equation in self.equations)

    def map_rows(self, scalars: Sequence[int]) -> tuple[Row, ...]:
        """The right-hand side of each equation at `scalars`."""
        return tuple(
            self.row((term.element, term.coefficient * scalars[term.scalar]) for term in equation.terms)
            for equation in self.equations
        )

    def row(self, terms: Iterable[tuple[int, int]]) -> Row:
        """The row of a sum of terms ``(element, factor)``."""
        factors = [0] * len(self.elements)
        for element, factor in terms:
            factors[element] = (factors[element] + factor) % GROUP_ORDER
        return tuple(factors)

    def evaluate(self, rows: Iterable[Row]) -> PointVector:
        """The points that the rows stand for, one multi-scalar multiplication each."""
        points = self.backend.identity(0)
        for row in rows:
            factors = self.backend.scalars_from_ints(row)
            points = points.concat(self.backend.multi_scalar_multiply(self.elements, factors))
        return points

    def map(self, scalars: Sequence[int]) -> PointVector:
        """map(instance, scalars): the right-hand side of each equation."""
        return self.evaluate(self.map_rows(scalars))

    def image(self) -> PointVector:
        """image(instance): the left-hand side of each equation."""
        return self.evaluate(self.image_rows)

    def serialize(self) -> bytes:
        """SerializeLinearRelation: prefix-free, so that it can be absorbed as it is."""
        return self._serialized

    @functools.cached_property
    def _serialized(self) -> bytes:
        parts = [_uint32(len(self.equations))]
        for equation in self.equations:
            parts.append(_uint32(len(equation.image)))
            for image in equation.image:
                parts += [_uint32(image.element), _scalar(image.coefficient)]
            parts.append(_uint32(len(equation.terms)))
            for term in equation.terms:
                parts += [_uint32(term.scalar), _uint32(term.element), _scalar(term.coefficient)]
        parts.append(self.elements.slice(1, len(self.elements)).to_compressed())
        return b"".join(parts)


def generator(backend: Backend) -> PointVector:
    """E_0, a vector of length one."""
    return backend.points_from_compressed(GENERATOR)


def parse_relation(backend: Backend, data: bytes) -> LinearRelation:
    """Strict inverse of `LinearRelation.serialize`, for relations from outside.

    Raises `primitives.narg.NargError` for bytes that encode no list of equations and elements, and
    `primitives.instance_validation.InstanceError` for a well-formed encoding of a relation that is not valid.
    """
    reader = NargReader(backend, data)
    # Counts are the sender's; every round reads bytes, so the loops end with the input at the latest.
    equations = [_parse_equation(reader) for _ in range(_parse_uint32(reader, "equation count"))]
    elements = reader.read_points(reader.remaining // POINT_BYTES, "elements", allow_identity=True)
    reader.finish()
    return LinearRelation(backend, generator(backend).concat(elements), equations)


def _parse_equation(reader: NargReader) -> Equation:
    image = [
        (_parse_uint32(reader, "element index"), _parse_scalar(reader))
        for _ in range(_parse_uint32(reader, "image term count"))
    ]
    terms = [
        (
            _parse_uint32(reader, "scalar index"),
            _parse_uint32(reader, "element index"),
            _parse_scalar(reader),
        )
        for _ in range(_parse_uint32(reader, "term count"))
    ]
    return Equation(image, terms)


def _parse_uint32(reader: NargReader, label: str) -> int:
    return int.from_bytes(reader.read_bytes(LENGTH_BYTES, label), "little")


def _parse_scalar(reader: NargReader) -> int:
    return reader.read_scalars(1, "coefficient").to_ints()[0]


def _uint32(value: int) -> bytes:
    return serialize_integer(value, UINT32_MODULUS)


def _scalar(value: int) -> bytes:
    return value.to_bytes(SCALAR_BYTES, "big")
