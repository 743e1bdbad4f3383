"""Many group equations in one: a random linear combination with shared generators merged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from primitives.assets import Asset
from primitives.backend import Backend, PointVector, ScalarVector
from primitives.generators import Generators
from primitives.multilinear import padded
from primitives.parameters import GROUP_ORDER
from verifier.argument.equation import GroupEquation

POINTS_HELD: Final = 1 << 18
"""Own points of the proofs are summed up once there are so many, so that memory stays bounded."""


class EquationSum:
    """``h_eff sum_i weight_i equation_i = 0``.

    If some equation fails, a combination with independent uniform 128-bit weights holds with probability
    at most 2^-128 (plus the one value that is left out, 0).
    """

    def __init__(self, backend: Backend, generators: Generators) -> None:
        self._backend = backend
        self._generators = generators
        self._columns = self._masks = backend.scalars_from_ints([])
        self._assets: dict[Asset, int] = {}
        self._linear_form = self._blinding = 0
        self._points = backend.identity(0)
        self._scalars = backend.scalars_from_ints([])
        self._own_sum = backend.identity(1)

    def add(self, equation: GroupEquation, assets: Sequence[Asset], weight: int) -> None:
        """Add `weight` times an equation over the generators of `assets`; ``0 < weight < r``."""
        self._columns = self._accumulate(self._columns, equation.columns, weight)
        self._masks = self._accumulate(self._masks, equation.masks, weight)
        for asset, scalar in zip(assets, equation.assets.to_ints(), strict=True):
            self._assets[asset] = (self._assets.get(asset, 0) + weight * scalar) % GROUP_ORDER
        self._linear_form = (self._linear_form + weight * equation.linear_form) % GROUP_ORDER
        self._blinding = (self._blinding + weight * equation.blinding) % GROUP_ORDER
        self._points = self._points.concat(equation.points)
        self._scalars = self._scalars.concat(equation.scalars.scale(weight))
        if len(self._points) >= POINTS_HELD:
            self._sum_own_points()

    def holds(self) -> bool:
        """Whether the combination is the identity after multiplication by h_eff."""
        self._sum_own_points()
        bases = (
            self._generators.columns(len(self._columns))
            .concat(self._generators.masks(len(self._masks)))
            .concat(self._generators.assets(tuple(self._assets)))
            .concat(self._generators.linear_form())
            .concat(self._generators.blinding())
        )
        rest = self._backend.scalars_from_ints([*self._assets.values(), self._linear_form, self._blinding])
        scalars = self._columns.concat(self._masks).concat(rest)
        total = self._own_sum.add(self._backend.multi_scalar_multiply(bases, scalars))
        return bool(total.multiply_by_cofactor().identity_mask().all())

    def _accumulate(self, total: ScalarVector, addition: ScalarVector, weight: int) -> ScalarVector:
        length = max(len(total), len(addition))
        weighted = padded(self._backend, addition.scale(weight), length)
        return padded(self._backend, total, length).add(weighted)

    def _sum_own_points(self) -> None:
        own: PointVector = self._backend.multi_scalar_multiply(self._points, self._scalars)
        self._own_sum = self._own_sum.add(own)
        self._points = self._backend.identity(0)
        self._scalars = self._backend.scalars_from_ints([])
