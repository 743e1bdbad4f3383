"""Who gains if an auxiliary variable is chosen freely: the curvature of an expression.

The prover chooses the auxiliary variables. A *convex* gadget such as a maximum is lowered to rows that bound
its variable from below only, so the prover can over-state it; a *concave* one can be under-stated. That is
harmless where it works against the prover: convex terms with a minus sign and concave terms with a plus sign
in a row ``... >= 0``. So a row needs a concave expression, and then it is satisfiable exactly if the inequality
holds for the true values. Everything else is a union of polyhedra and takes booleans.

For the gadgets that carry no boolean these are the curvatures of analysis; for the others the words only say
which way the prover may err.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Curvature(StrEnum):
    """Of an expression as a function of the positions; see the module's text."""

    CONSTANT = "constant"
    AFFINE = "affine"
    CONVEX = "convex"
    CONCAVE = "concave"
    MIXED = "mixed"

    @property
    def is_affine(self) -> bool:
        """Whether the value is exact: constant or affine."""
        return self in (Curvature.CONSTANT, Curvature.AFFINE)

    @property
    def is_convex(self) -> bool:
        """Whether the prover can at most over-state the value."""
        return self.is_affine or self is Curvature.CONVEX

    @property
    def is_concave(self) -> bool:
        """Whether the prover can at most under-state the value."""
        return self.is_affine or self is Curvature.CONCAVE

    def times(self, coefficient: int) -> Curvature:
        """The curvature of ``coefficient * e`` for e of this one; `coefficient` is not zero."""
        if coefficient > 0 or self not in _OPPOSITE:
            return self
        return _OPPOSITE[self]


_OPPOSITE = {Curvature.CONVEX: Curvature.CONCAVE, Curvature.CONCAVE: Curvature.CONVEX}


def sum_of(curvatures: Iterable[Curvature]) -> Curvature:
    """The curvature of a sum of expressions with these curvatures."""
    found = set(curvatures) - {Curvature.CONSTANT}
    if not found:
        return Curvature.CONSTANT
    found -= {Curvature.AFFINE}
    if not found:
        return Curvature.AFFINE
    return found.pop() if len(found) == 1 else Curvature.MIXED
