"""MM and IM of whole books: the figures of `circuits.pmrm2.evaluate`, in 64-bit integers.

The definition is `evaluate_margin`, in Python integers; this gives exactly its figures, some thousand accounts at
once. Accounts that have an intermediate figure which might not fit in 64 bits are left to the definition. With a_i
the amounts in base units (of options, perp, cash, unsettled and collaterals) and, all of them absolute, c_{i,s} what
a_i is multiplied with in phi_s or beta (its shocked or moved price and its mark), v_i in V, t_i in the charges:

    loss_s = floor(num phi_s / den) = num floor(phi_s / den) + floor(num (phi_s mod den) / den)
    P = sum_i |a_i| max_s c_{i,s}                                bounds beta, every phi_s and what they are sums of
    S = sum_i |a_i| (v_i + max_s (num_s / den_s) c_{i,s} + t_i)  S + 2 max num bounds V, losses, charges, MM, IM

and ``num (phi_s mod den) < num den``. All three must stay below 2^62. P and S are computed in floats: a sum of m
terms that are not negative, each with a few roundings, is off by less than ``(m + 8) 2^-52`` of itself; m is below
2^20, and the comparison leaves a thousandth.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from circuits.pmrm2.evaluate import Amounts, Integers, evaluate_margin
from circuits.pmrm2.integers import Charge, Coefficients, Discount, Factor, Figures, ScenarioFigures
from circuits.pmrm2.rows import Columns
from circuits.positions import Int64Array
from primitives.assets import Asset

_LIMIT: Final = 1 << 62
_FLOAT_SLACK: Final = 1.001

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NarrowAmounts:
    """`Amounts` in int64, one line per column: `options` has shape ``[I, n]``, `collaterals` ``[J, n]``."""

    options: Int64Array = field(repr=False)
    perp: Int64Array = field(repr=False)
    unsettled: Int64Array = field(repr=False)
    cash: Int64Array = field(repr=False)
    collaterals: Int64Array = field(repr=False)

    @classmethod
    def of(cls, table: Int64Array, assets: Sequence[Asset], columns: Columns) -> NarrowAmounts:
        """From the ``[n, assets]`` amounts of a book with these `assets`."""
        place = {asset.id: index for index, asset in enumerate(assets)}
        zero = np.zeros(len(table), np.int64)

        def column(name: str | None) -> Int64Array:
            return zero if name is None else np.ascontiguousarray(table[:, place[name]])

        def several(names: Sequence[str]) -> Int64Array:
            return np.ascontiguousarray(table[:, [place[name] for name in names]].T)

        return cls(
            several(columns.options),
            column(columns.perp),
            column(columns.unsettled),
            column(columns.cash),
            several(columns.collaterals),
        )

    def exactly(self, accounts: NDArray[np.intp]) -> Amounts:
        """These accounts in Python integers."""
        return Amounts(
            self.options[:, accounts].T.astype(object),
            self.perp[accounts].astype(object),
            self.unsettled[accounts].astype(object),
            self.cash[accounts].astype(object),
            self.collaterals[:, accounts].T.astype(object),
        )


@dataclass(frozen=True, eq=False)
class BatchMargin:
    """V, MM and IM in value units, and the worst scenario of each margin, as in `IntegerMargin`."""

    value: Integers = field(repr=False)
    mm: Integers = field(repr=False)
    im: Integers = field(repr=False)
    worst_maintenance: NDArray[np.object_] = field(repr=False)
    worst_initial: NDArray[np.object_] = field(repr=False)


class BatchEvaluator:
    """The integer margins of batches of accounts, for one set of `figures`."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        shocks = list(dict.fromkeys(_shock_of(scenario) for scenario in figures.scenarios))
        # Regular shocks before skew ones, so that each are a block of lines.
        shocks.sort(key=lambda shock: shock[2])
        self._regular = sum(not is_skew for _, _, is_skew in shocks)
        self._shock_of = np.array([shocks.index(_shock_of(each)) for each in figures.scenarios], np.intp)
        self._long = _table([long for long, _, _ in shocks], len(figures.mark))
        self._short = _table([short for _, short, _ in shocks], len(figures.mark))
        self._mark = _column(figures.mark)
        self._basis = _table([figures.basis_up, figures.basis_down], len(figures.mark))
        self._perp_moves = _column([scenario.perp for scenario in figures.scenarios])
        self._collateral_moves = _table(
            [scenario.collaterals for scenario in figures.scenarios], len(figures.collaterals)
        )
        self._names = np.array(["basis", *(scenario.name for scenario in figures.scenarios)], object)
        self._maintenance = [figures.basis_maintenance, *(each.maintenance for each in figures.scenarios)]
        self._initial = [figures.basis_initial, *(each.initial for each in figures.scenarios)]
        self._sizes = _Sizes(figures)

    def __call__(self, amounts: NarrowAmounts) -> BatchMargin:
        """One entry per account; tables of accounts by scenarios are made, so give some thousand at once."""
        narrow = self._sizes.fit(amounts)
        # What wraps around is the figure of an account that is replaced below.
        result = self._narrow(amounts)
        wide = np.flatnonzero(~narrow)
        if len(wide):
            exact = evaluate_margin(self._figures, amounts.exactly(wide))
            result.value[wide], result.mm[wide], result.im[wide] = exact.value, exact.mm, exact.im
            result.worst_maintenance[wide] = exact.worst_maintenance
            result.worst_initial[wide] = exact.worst_initial
        return result

    def _narrow(self, amounts: NarrowAmounts) -> BatchMargin:
        figures = self._figures
        marks, changes, beta = self._options(amounts.options)
        unsettled = np.where(amounts.perp != 0, amounts.unsettled, 0)
        collateral = _dot(figures.collaterals, amounts.collaterals)
        value = amounts.cash * _fitting(figures.cash) + unsettled * _fitting(figures.unsettled)
        value += marks + collateral
        moved = self._perp_moves[:, np.newaxis] * amounts.perp
        moved += _product(self._collateral_moves, amounts.collaterals)
        losses = np.vstack([beta, moved + changes[self._shock_of]])
        mm_charge, im_charge = self._charges(amounts)
        mm_loss, mm_worst = _worst(losses, self._maintenance)
        im_loss, im_worst = _worst(losses, self._initial)
        return BatchMargin(
            value.astype(object),
            (value + mm_loss - mm_charge).astype(object),
            (value + im_loss - im_charge).astype(object),
            self._names[mm_worst],
            self._names[im_worst],
        )

    def _options(self, options: Int64Array) -> tuple[Int64Array, Int64Array, Int64Array]:
        """``sum_e M_e``, ``sum_e y_{e,s}`` per distinct shock, and beta."""
        count = options.shape[1]
        marks, beta = np.zeros(count, np.int64), np.zeros(count, np.int64)
        changes = np.zeros((len(self._long), count), np.int64)
        for places, discount in zip(self._figures.options_of, self._figures.discounts, strict=True):
            if not places:
                continue
            chosen = list(places)
            held = np.ascontiguousarray(options[chosen])
            mark = _product(self._mark[np.newaxis, chosen], held)[0]
            value = _product(self._long[:, chosen], held)
            if discount is not Discount.LINEAR:
                pick = np.minimum if discount is Discount.CONCAVE else np.maximum
                pick(value, _product(self._short[:, chosen], held), out=value)
            value -= mark
            skew = value[self._regular :]
            np.negative(np.abs(skew, out=skew), out=skew)
            changes += value
            marks += mark
            beta += np.minimum(0, _product(self._basis[:, chosen], held).min(axis=0))
        return marks, changes, beta

    def _charges(self, amounts: NarrowAmounts) -> tuple[Int64Array, Int64Array]:
        """What MM and what IM is charged."""
        figures = self._figures
        size, gross = np.abs(amounts.perp), np.abs(amounts.options)
        naked = np.zeros((len(figures.strikes), len(size)), np.int64)
        for k, legs in enumerate(figures.strikes):
            np.negative(amounts.options[list(legs)].sum(axis=0), out=naked[k])
        np.maximum(naked, 0, out=naked)
        charged: tuple[tuple[Int64Array, Sequence[Charge]], ...] = (
            (size[np.newaxis], (figures.perp_charge,)),
            (naked, figures.short_option_charges),
            (amounts.collaterals, figures.collateral_charges),
        )
        maintenance = sum(
            (_dot([each.maintenance for each in charges], sizes) for sizes, charges in charged),
            np.zeros(len(size), np.int64),
        )
        initial = maintenance + size * _fitting(figures.perp_confidence)
        for sizes, charges in charged:
            initial += _dot([each.added_for_initial for each in charges], sizes)
        initial += np.where(
            amounts.perp != 0,
            _dot(figures.gross_with_perp, gross),
            _dot(figures.gross_without_perp, gross),
        )
        initial += _dot(figures.collateral_confidence, amounts.collaterals)
        return maintenance, initial


class _Sizes:
    """Which accounts fit in 64 bits: the weights of P and of S, a line each."""

    def __init__(self, figures: Figures) -> None:
        scenarios = figures.scenarios
        factors = [(each.maintenance, each.initial) for each in scenarios]
        factors.append((figures.basis_maintenance, figures.basis_initial))
        self._largest_numerator = max(each.numerator for pair in factors for each in pair)
        self._is_divisible = all(
            each.numerator * each.denominator < _LIMIT for pair in factors for each in pair
        )
        steep = np.array([max(map(_quotient, pair)) for pair in factors], np.float64)
        moved = [_absolute(each.long, each.short) + _absolute(figures.mark) for each in scenarios]
        moved.append(_absolute(figures.basis_up, figures.basis_down))
        charges = _absolute(figures.gross_with_perp, figures.gross_without_perp)
        for legs, charge in zip(figures.strikes, figures.short_option_charges, strict=True):
            charges[list(legs)] += _both(charge)
        self._options = _weights(moved, steep, _absolute(figures.mark) + charges)
        moved = [_absolute((each.perp,)) for each in scenarios] + [np.zeros(1)]
        confidence = _absolute((figures.perp_confidence,))
        self._perp = _weights(moved, steep, confidence + _both(figures.perp_charge))
        moved = [_absolute(each.collaterals) for each in scenarios] + [np.zeros(len(figures.collaterals))]
        charges = np.array([_both(charge) for charge in figures.collateral_charges], np.float64)
        charges += _absolute(figures.collateral_confidence)
        self._collaterals = _weights(moved, steep, _absolute(figures.collaterals) + charges)
        self._cash = _weights([np.zeros(2)], steep[:1], _absolute((figures.cash, figures.unsettled)))

    def fit(self, amounts: NarrowAmounts) -> NDArray[np.bool_]:
        """Whether the bounds of an account are below 2^62, one entry per account."""
        total = self._options @ np.abs(amounts.options).astype(np.float64)
        total += self._collaterals @ np.abs(amounts.collaterals).astype(np.float64)
        total += self._perp @ np.abs(amounts.perp[np.newaxis]).astype(np.float64)
        total += self._cash @ np.abs(np.stack([amounts.cash, amounts.unsettled])).astype(np.float64)
        room = _LIMIT - 2 * self._largest_numerator
        fits: NDArray[np.bool_] = np.asarray((total * _FLOAT_SLACK < float(room)).all(axis=0), np.bool_)
        return fits & self._is_divisible


def _worst(losses: Int64Array, factors: Sequence[Factor]) -> tuple[Int64Array, NDArray[np.intp]]:
    """``min_s floor(num_s losses_s / den_s)``, and the first s that reaches it."""
    scaled = np.empty_like(losses)
    for row, (loss, factor) in enumerate(zip(losses, factors, strict=True)):
        numerator, denominator = _fitting(factor.numerator), factor.denominator
        if denominator == 1:
            np.multiply(loss, numerator, out=scaled[row])
            continue
        whole = loss // denominator
        np.multiply(loss - whole * denominator, numerator, out=scaled[row])
        scaled[row] //= denominator
        scaled[row] += whole * numerator
    place = np.argmin(scaled, axis=0)
    return scaled.min(axis=0), place


def _shock_of(scenario: ScenarioFigures) -> tuple[Coefficients, Coefficients, bool]:
    return scenario.long, scenario.short, scenario.scenario.shock.is_skew


def _weights(moved: Sequence[Floats], steep: Floats, others: Floats) -> Floats:
    """Per column ``max_s c_s`` and ``others + max_s steep_s c_s``."""
    table = np.stack(moved)
    return np.stack([table.max(axis=0), others + (steep[:, np.newaxis] * table).max(axis=0)])


def _absolute(*lines: Coefficients) -> Floats:
    """Per column the largest absolute value."""
    return np.array([max(map(_size, column)) for column in zip(*lines, strict=True)], np.float64)


def _both(charge: Charge) -> float:
    return _size(charge.maintenance) + _size(charge.added_for_initial)


def _quotient(factor: Factor) -> float:
    return _size(factor.numerator) / factor.denominator


def _size(coefficient: int) -> float:
    """Its absolute value; one far beyond 64 bits need not be exact."""
    return float(min(abs(coefficient), _LIMIT * 4))


def _fitting(coefficient: int) -> int:
    """A coefficient; 0 for one beyond 64 bits, which `_Sizes` lets no amount but 0 meet."""
    return coefficient if abs(coefficient) < _LIMIT else 0


def _column(coefficients: Iterable[int]) -> Int64Array:
    return np.array([_fitting(each) for each in coefficients], np.int64)


def _table(lines: Sequence[Coefficients], width: int) -> Int64Array:
    return np.array([_column(line) for line in lines], np.int64).reshape(len(lines), width)


def _product(table: Int64Array, columns: Int64Array) -> Int64Array:
    """``table @ columns``; einsum walks along the accounts, which is faster for integers."""
    result: Int64Array = np.einsum("sk,kn->sn", table, columns)
    return result


def _dot(coefficients: Iterable[int], columns: Int64Array) -> Int64Array:
    result: Int64Array = _product(_column(coefficients)[np.newaxis], columns)[0]
    return result
