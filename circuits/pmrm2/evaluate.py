"""MM and IM of a batch of accounts by the integer definition, and all that they are made of: exact integers.

Arrays of Python integers, one entry or line per account. This does not look at rows or witnesses: tests hold the
statement to it. For the operator alone: nothing of it is public.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from circuits.pmrm2.integers import Charge, Coefficients, Discount, Factor, Figures, ScenarioFigures

Integers: TypeAlias = NDArray[np.object_]
"""Python integers."""


@dataclass(frozen=True, eq=False)
class Amounts:
    """Positions in base units: `options` has shape ``[n, I]``, `collaterals` ``[n, J]``, the others ``[n]``."""

    options: Integers = field(repr=False)
    perp: Integers = field(repr=False)
    unsettled: Integers = field(repr=False)
    cash: Integers = field(repr=False)
    collaterals: Integers = field(repr=False)


@dataclass(frozen=True, eq=False)
class ChargedContingency:
    """A charge per account: what MM is charged, and what IM is charged on top."""

    maintenance: Integers = field(repr=False)
    added_for_initial: Integers = field(repr=False)


@dataclass(frozen=True, eq=False)
class IntegerMargin:
    """One entry per account, in value units; nothing of it in the repr.

    `maintenance_loss` and `initial_loss` are the worst loss times its factor, rounded down, at most 0;
    `worst_maintenance` and `worst_initial` name the scenario it comes from (the first of several), or ``basis``.
    """

    value: Integers = field(repr=False)
    """V."""
    unsettled: Integers = field(repr=False)
    """The part of V that is u, 0 where q = 0."""
    phi: Integers = field(repr=False)
    """phi_s without its dampening, shape ``[n, scenarios that count]``."""
    beta: Integers = field(repr=False)
    perp: ChargedContingency
    short_options: ChargedContingency
    collateral: ChargedContingency
    confidence: ChargedContingency
    maintenance_loss: Integers = field(repr=False)
    initial_loss: Integers = field(repr=False)
    worst_maintenance: tuple[str, ...] = field(repr=False)
    worst_initial: tuple[str, ...] = field(repr=False)
    mm: Integers = field(repr=False)
    im: Integers = field(repr=False)


def evaluate_margin(figures: Figures, amounts: Amounts) -> IntegerMargin:
    """The integer margins of all accounts of `amounts`."""
    mark = _per_expiry(figures, amounts, figures.mark)
    unsettled = np.where(amounts.perp != 0, amounts.unsettled, 0) * figures.unsettled
    value = (
        amounts.cash * figures.cash
        + unsettled
        + _total(mark)
        + _dot(amounts.collaterals, figures.collaterals)
    )
    changes: dict[tuple[Coefficients, Coefficients, bool], Integers] = {}
    columns = []
    for scenario in figures.scenarios:
        key = scenario.long, scenario.short, scenario.scenario.shock.is_skew
        if key not in changes:
            changes[key] = _total(value_changes(figures, amounts, scenario, mark))
        moved = amounts.perp * scenario.perp + _dot(amounts.collaterals, scenario.collaterals)
        columns.append(moved + changes[key])
    phi = np.stack(columns, axis=1) if columns else np.zeros((len(value), 0), object)
    beta = basis_loss(figures, amounts)
    perp, short, collateral, confidence = charges = _charges(figures, amounts)
    mm_loss, mm_worst = _worst(figures, phi, beta, "maintenance")
    im_loss, im_worst = _worst(figures, phi, beta, "initial")
    c_mm = sum((charge.maintenance for charge in charges), np.zeros(len(value), object))
    c_add = sum((charge.added_for_initial for charge in charges), np.zeros(len(value), object))
    return IntegerMargin(
        value,
        unsettled,
        phi,
        beta,
        perp,
        short,
        collateral,
        confidence,
        mm_loss,
        im_loss,
        mm_worst,
        im_worst,
        value + mm_loss - c_mm,
        value + im_loss - c_mm - c_add,
    )


def value_changes(figures: Figures, amounts: Amounts, scenario: ScenarioFigures, mark: Integers) -> Integers:
    """y_{e,s}, shape ``[n, E]``: ``disc - M``, in skew scenarios ``-|disc - M|``."""
    long = _per_expiry(figures, amounts, scenario.long)
    short = _per_expiry(figures, amounts, scenario.short)
    value = long.copy()
    for e, discount in enumerate(figures.discounts):
        if discount is Discount.CONCAVE:
            value[:, e] = np.minimum(long[:, e], short[:, e])
        elif discount is Discount.CONVEX:
            value[:, e] = np.maximum(long[:, e], short[:, e])
    change: Integers = value - mark
    return -np.abs(change) if scenario.scenario.shock.is_skew else change


def basis_loss(figures: Figures, amounts: Amounts) -> Integers:
    """beta, shape ``[n]``: the worse of both moves per expiry, where it is a loss."""
    up = _per_expiry(figures, amounts, figures.basis_up)
    down = _per_expiry(figures, amounts, figures.basis_down)
    return _total(np.minimum(0, np.minimum(up, down)))


def _charges(figures: Figures, amounts: Amounts) -> tuple[ChargedContingency, ...]:
    size = np.abs(amounts.perp)
    naked = np.zeros((len(size), len(figures.strikes)), object)
    for k, legs in enumerate(figures.strikes):
        naked[:, k] = np.maximum(0, -amounts.options[:, list(legs)].sum(axis=1))
    gross = np.abs(amounts.options)
    confidence = (
        size * figures.perp_confidence
        + np.where(
            amounts.perp != 0,
            _dot(gross, figures.gross_with_perp),
            _dot(gross, figures.gross_without_perp),
        )
        + _dot(amounts.collaterals, figures.collateral_confidence)
    )
    return (
        _charged(size[:, np.newaxis], (figures.perp_charge,)),
        _charged(naked, figures.short_option_charges),
        _charged(amounts.collaterals, figures.collateral_charges),
        ChargedContingency(np.zeros(len(size), object), confidence),
    )


def _charged(sizes: Integers, charges: Sequence[Charge]) -> ChargedContingency:
    return ChargedContingency(
        _dot(sizes, [charge.maintenance for charge in charges]),
        _dot(sizes, [charge.added_for_initial for charge in charges]),
    )


def _worst(figures: Figures, phi: Integers, beta: Integers, margin: str) -> tuple[Integers, tuple[str, ...]]:
    """``floor(min(f beta, f d_s phi_s))`` and what it comes from."""
    basis: Factor = getattr(figures, f"basis_{margin}")
    factors = [basis, *(getattr(scenario, margin) for scenario in figures.scenarios)]
    names = ["basis", *(scenario.name for scenario in figures.scenarios)]
    # The floor of a minimum is the minimum of the floors.
    losses = np.stack(
        [
            factor.numerator * column // factor.denominator
            for factor, column in zip(factors, [beta, *phi.T], strict=True)
        ]
    )
    worst = np.argmin(losses, axis=0)
    return losses.min(axis=0), tuple(names[place] for place in worst.tolist())


def _per_expiry(figures: Figures, amounts: Amounts, coefficients: Coefficients) -> Integers:
    """``sum_{i in e} coefficient_i a_i``, shape ``[n, E]``."""
    columns = [
        _dot(amounts.options[:, list(places)], [coefficients[place] for place in places])
        for places in figures.options_of
    ]
    return np.stack(columns, axis=1) if columns else np.zeros((len(amounts.cash), 0), object)


def _dot(amounts: Integers, coefficients: Sequence[int]) -> Integers:
    """``sum_i coefficient_i amounts[:, i]``, shape ``[n]``."""
    result: Integers = np.zeros(len(amounts), object)
    for column, coefficient in enumerate(coefficients):
        if coefficient:
            result = result + coefficient * amounts[:, column]
    return result


def _total(columns: Integers) -> Integers:
    result: Integers = columns.sum(axis=1) + np.zeros(len(columns), object)
    return result
