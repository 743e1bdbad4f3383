"""Tables of tiers as venues publish them, validated: maintenance rates and collateral haircuts.

*Charge table*, tiers (b_k, r_k) from the lower bound b_k on, of a notional N:

    charge(N) = r_k N - c_k on tier k,   c_0 = 0,   c_k = c_{k-1} + b_k (r_k - r_{k-1})

which is ``max_k (r_k N - c_k)``, convex, if rates do not decrease. *Haircut table*, tiers (t_k, r_k) up to the
bound t_k, of a value V, marginal like tax brackets and flat beyond the last bound:

    value(V) = sum_k r_k |[t_{k-1}, t_k] intersected with [0, V]| = min_k (r_k V + a_k)

concave, if ratios do not increase. A table that breaks this is refused: it would need booleans.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

from circuits.modelling.constraints import check_concave, check_convex
from circuits.modelling.errors import ModelError
from circuits.modelling.expressions import Expression
from circuits.modelling.gadgets import maximum, minimum


@dataclass(frozen=True, slots=True)
class Piece:
    """The line ``slope * N + intercept``, exact."""

    slope: Fraction
    intercept: Fraction


@dataclass(frozen=True)
class ChargeTable:
    """Rates r_k of a charge on a notional, each from its lower bound b_k on; see the module's text.

    Bounds are in whole units of the quote currency. Raises `ModelError` for a table that is not convex.
    """

    tiers: tuple[tuple[Fraction, Fraction], ...]

    def __post_init__(self) -> None:
        if not self.tiers or self.tiers[0][0] != 0:
            raise ModelError("a charge table begins at notional 0")
        if self.tiers[0][1] < 0:
            raise ModelError("a charge table has no negative rate")
        for (lower, rate), (next_lower, next_rate) in pairwise(self.tiers):
            if next_lower <= lower:
                raise ModelError(f"charge table: bound {next_lower} does not follow {lower}")
            if next_rate < rate:
                raise ModelError(
                    f"charge table: the rate falls at {next_lower}: not convex, it needs a boolean"
                )

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """``r_k N - c_k``."""
        result, deduction, previous = [], Fraction(0), self.tiers[0][1]
        for lower, rate in self.tiers:
            deduction += lower * (rate - previous)
            result.append(Piece(rate, -deduction))
            previous = rate
        return tuple(result)

    def check_deductions(self, published: Sequence[Fraction], *, tolerance: Fraction = Fraction(1)) -> None:
        """`ModelError` unless the published c_k are those of the tiers, up to `tolerance`."""
        if len(published) != len(self.tiers):
            raise ModelError(f"charge table: {len(published)} deductions for {len(self.tiers)} tiers")
        for piece, deduction, (lower, _) in zip(self.pieces, published, self.tiers, strict=True):
            if abs(-piece.intercept - deduction) > tolerance:
                raise ModelError(
                    f"charge table: the tier from {lower} deducts {deduction}, continuity asks for "
                    f"{-piece.intercept}"
                )

    def charge(self, notional: Fraction) -> Fraction:
        """The exact charge on a notional."""
        return max(piece.slope * notional + piece.intercept for piece in self.pieces)


@dataclass(frozen=True)
class HaircutTable:
    """Ratios r_k of a collateral value that count, each up to its bound t_k; see the module's text.

    Bounds are in whole units of the quote currency; None as the last one is no bound. No tier gives no credit.
    Raises `ModelError` for a table that is not concave.
    """

    tiers: tuple[tuple[Fraction | None, Fraction], ...]

    def __post_init__(self) -> None:
        if any(upper is None for upper, _ in self.tiers[:-1]):
            raise ModelError("haircut table: only the last tier can be without a bound")
        bounds = [upper for upper, _ in self.tiers if upper is not None]
        if any(left >= right for left, right in pairwise([Fraction(0), *bounds])):
            raise ModelError("haircut table: bounds must be above 0 and increase")
        ratios = [ratio for _, ratio in self.tiers]
        if any(ratio < 0 for ratio in ratios):
            raise ModelError("haircut table: a ratio is negative")
        for left, right in pairwise(ratios):
            if right > left:
                raise ModelError(
                    f"haircut table: the ratio rises from {left} to {right}: not concave, it needs booleans"
                )

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """``r_k V + a_k``, and the flat one beyond the last bound."""
        result, intercept, lower = [], Fraction(0), Fraction(0)
        ratios = [ratio for _, ratio in self.tiers[1:]] + [Fraction(0)]
        for (upper, ratio), next_ratio in zip(self.tiers, ratios, strict=False):
            result.append(Piece(ratio, intercept))
            if upper is not None:
                lower = upper
                intercept += lower * (ratio - next_ratio)
        if not self.tiers or self.tiers[-1][0] is not None:
            result.append(Piece(Fraction(0), intercept))
        return tuple(result)

    def value(self, gross: Fraction) -> Fraction:
        """What counts of a gross value, exactly."""
        return min(piece.slope * gross + piece.intercept for piece in self.pieces)

    def below(self, greatest: Fraction) -> tuple[Piece, ...]:
        """The pieces that apply to gross values of at most `greatest`."""
        starts = [Fraction(0), *(upper for upper, _ in self.tiers if upper is not None)]
        return tuple(piece for start, piece in zip(starts, self.pieces, strict=True) if start < greatest) or (
            self.pieces[0],
        )


def charge_table(
    table: ChargeTable,
    amount: Expression,
    unit_value: Fraction | int,
    *,
    units: int,
    label: str | None = None,
    scale: int = 1,
) -> Expression:
    """The charge on ``N = unit_value * amount`` for a convex, non-negative amount: convex, rounded up.

        R >= ceil(scale r_k unit_value) amount - floor(scale c_k units)   for every tier k

    `unit_value` is in value units for one base unit; `units` value units make a whole unit of the quote. The
    result counts in ``1/scale`` value unit. Rounding up costs less than one of these per base unit.
    """
    check_convex(amount, "charge table")
    _check_sign(amount, "charge table")
    lines = [
        ceil(scale * piece.slope * unit_value) * amount - floor(scale * -piece.intercept * units)
        for piece in table.pieces
    ]
    if len(lines) == 1:
        return lines[0]
    names = {f"from {lower}": line for (lower, _), line in zip(table.tiers, lines, strict=True)}
    return maximum(names | {"0": 0} if table.tiers[0][1] == 0 else names, label=label, scale=scale)


def haircut_table(
    table: HaircutTable,
    amount: Expression,
    unit_value: Fraction | int,
    *,
    units: int,
    label: str | None = None,
    scale: int = 1,
) -> Expression:
    """What counts of ``V = unit_value * amount`` for a concave, non-negative amount: concave, rounded down.

        H <= floor(scale r_k unit_value) amount + floor(scale a_k units)   for every tier k

    Tiers that rows prove the amount never to reach are left out. Arguments as in `charge_table`.
    """
    check_concave(amount, "haircut table")
    _check_sign(amount, "haircut table")
    proven = amount.proven_greatest
    greatest = None if proven is None else Fraction(proven * unit_value) / units
    pieces = table.pieces if greatest is None else table.below(greatest)
    lines = [
        floor(scale * piece.slope * unit_value) * amount + floor(scale * piece.intercept * units)
        for piece in pieces
    ]
    if len(lines) == 1:
        return lines[0]
    names = {f"tier {number}": line for number, line in enumerate(lines, start=1)}
    return minimum(names, label=label, scale=scale)


def _check_sign(amount: Expression, gadget: str) -> None:
    if not amount.is_non_negative:
        raise ModelError(
            f"{gadget}: ({amount}) is not known to be non-negative; use its absolute or positive part"
        )
