"""The numbered checks that make a linear relation valid (draft-irtf-cfrg-sigma-protocols)."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from primitives.codec import UINT32_MODULUS
from primitives.errors import SealedbookError
from primitives.parameters import GROUP_ORDER

if TYPE_CHECKING:
    from primitives.linear_relation import LinearRelation


GENERATOR: Final = bytes.fromhex(
    "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb"
)
"""E_0: the generator of G1 (draft-irtf-cfrg-pairing-friendly-curves, section 4.2.1), compressed."""


class InstanceCheck(enum.IntEnum):
    """What makes a relation valid; 1 to 10 are the draft's numbers (section on instance validation)."""

    MEMBERSHIP = 0
    """Every element lies in G1: the draft's group has prime order, a backend's points need not."""
    HAS_EQUATIONS = 1
    """There is at least one equation."""
    EQUATIONS_NOT_EMPTY = 2
    """Every equation has an image term and a term."""
    INDEX_RANGE = 3
    """Every index is in ``[0, 2^32)``. (So is every count: the serialisation refuses others.)"""
    ELEMENT_EXISTS = 4
    """Every element index belongs to an element."""
    ELEMENT_USED = 5
    """Every element but E_0 appears in some equation."""
    SCALAR_USED = 6
    """Every scalar index up to the largest appears in some term: others would not be constrained."""
    GENERATOR_FIRST = 7
    """E_0 is there and is the generator of G1."""
    NO_IDENTITY = 8
    """No element is the identity."""
    IMAGE_NOT_TRIVIAL = 9
    """No equation's image is the identity: the all-zero witness would satisfy it."""
    SCALAR_CONSTRAINED = 10
    """No scalar's terms cancel in every equation: it would not be constrained."""


class InstanceError(SealedbookError):
    """A relation is not valid; `check` says which condition it violates."""

    def __init__(self, check: InstanceCheck, detail: str) -> None:
        self.check = check
        super().__init__(f"invalid instance, check {check.value} ({check.name}): {detail}")


def validate(relation: LinearRelation) -> None:
    """Raise `InstanceError` for the first check in `CHECKS` that fails."""
    for check, find_violation in CHECKS.items():
        violation = find_violation(relation)
        if violation is not None:
            raise InstanceError(check, violation)


def _has_equations(relation: LinearRelation) -> str | None:
    return None if relation.equations else "there is no equation"


def _equations_not_empty(relation: LinearRelation) -> str | None:
    for number, equation in enumerate(relation.equations):
        if not equation.image or not equation.terms:
            return f"equation {number} lacks a side"
    return None


def _index_range(relation: LinearRelation) -> str | None:
    indices = [*_element_indices(relation), *_scalar_indices(relation)]
    return None if all(0 <= i < UINT32_MODULUS for i in indices) else "an index is not in [0, 2^32)"


def _element_exists(relation: LinearRelation) -> str | None:
    largest, count = max(_element_indices(relation)), len(relation.elements)
    return None if largest < count else f"element {largest} of {count} is referenced"


def _element_used(relation: LinearRelation) -> str | None:
    unused = set(range(1, len(relation.elements))) - set(_element_indices(relation))
    return f"element {min(unused)} is not used" if unused else None


def _scalar_used(relation: LinearRelation) -> str | None:
    # By counting: a loop up to the largest index would run 2^32 times for a hostile instance.
    used = set(_scalar_indices(relation))
    return None if len(used) == max(used) + 1 else f"{len(used)} scalars are used, up to index {max(used)}"


def _generator_first(relation: LinearRelation) -> str | None:
    first = relation.elements.slice(0, min(1, len(relation.elements)))
    return None if first.to_compressed() == GENERATOR else "element 0 is not the generator"


def _no_identity(relation: LinearRelation) -> str | None:
    identities = relation.elements.identity_mask()
    return f"element {int(identities.argmax())} is the identity" if identities.any() else None


def _membership(relation: LinearRelation) -> str | None:
    outside = ~relation.elements.subgroup_mask()
    return f"element {int(outside.argmax())} is not in G1" if outside.any() else None


def _image_not_trivial(relation: LinearRelation) -> str | None:
    trivial = relation.image().identity_mask()
    return f"the image of equation {int(trivial.argmax())} is the identity" if trivial.any() else None


def _scalar_constrained(relation: LinearRelation) -> str | None:
    constrained = {scalar for scalar, factors in _columns(relation) if not _is_trivial(relation, factors)}
    cancelled = set(_scalar_indices(relation)) - constrained
    return f"scalar {min(cancelled)} cancels in every equation" if cancelled else None


def _columns(relation: LinearRelation) -> Iterator[tuple[int, dict[int, int]]]:
    """For each equation and each scalar in it: the scalar, and the ``{e: c}`` of its ``sum c E_e``."""
    for equation in relation.equations:
        columns: dict[int, dict[int, int]] = {}
        for scalar, element, coefficient in equation.terms:
            factors = columns.setdefault(scalar, {})
            factors[element] = (factors.get(element, 0) + coefficient) % GROUP_ORDER
        yield from columns.items()


def _is_trivial(relation: LinearRelation, factors: dict[int, int]) -> bool:
    """Whether ``sum c E_e`` is the identity."""
    nonzero = [(element, factor) for element, factor in factors.items() if factor != 0]
    if len(nonzero) <= 1:
        # One element of prime order times a non-zero scalar is never the identity.
        return not nonzero
    return bool(relation.evaluate([relation.row(nonzero)]).identity_mask().all())


def _element_indices(relation: LinearRelation) -> Iterator[int]:
    for equation in relation.equations:
        yield from (term.element for term in equation.image)
        yield from (term.element for term in equation.terms)


def _scalar_indices(relation: LinearRelation) -> Iterator[int]:
    for equation in relation.equations:
        yield from (term.scalar for term in equation.terms)


CHECKS: Final[dict[InstanceCheck, Callable[[LinearRelation], str | None]]] = {
    InstanceCheck.HAS_EQUATIONS: _has_equations,
    InstanceCheck.EQUATIONS_NOT_EMPTY: _equations_not_empty,
    InstanceCheck.INDEX_RANGE: _index_range,
    InstanceCheck.ELEMENT_EXISTS: _element_exists,
    InstanceCheck.ELEMENT_USED: _element_used,
    InstanceCheck.SCALAR_USED: _scalar_used,
    InstanceCheck.GENERATOR_FIRST: _generator_first,
    InstanceCheck.NO_IDENTITY: _no_identity,
    InstanceCheck.MEMBERSHIP: _membership,
    InstanceCheck.IMAGE_NOT_TRIVIAL: _image_not_trivial,
    InstanceCheck.SCALAR_CONSTRAINED: _scalar_constrained,
}
"""What each check finds wrong (None: nothing), in the order in which they run: later ones rely on earlier."""
