"""The integer definition of the margin: public integer figures, made of decimals and integer unit prices.

Everything here is exact. A float figure stands for its shortest decimal (``0.1`` for the float next to it); every
product of figures is rounded once, to the nearest integer, ties to even, at the place this module shows. Amounts are
integers in base units, values integers in value units, and then (docs/models/pmrm2.md, section 5)

    L_{e,s} = sum round(lam_e x_{i,s}) a_i      U_{e,s} = sum round(mu_e x_{i,s}) a_i      M_e = sum p_i a_i
    disc = min(L, U) if lam < mu, max(L, U) if lam > mu, L if lam = mu                     (per expiry, public)
    y = disc - M,  in skew scenarios -|disc - M|
    phi_s = round((m_s - 1) G) q + sum_j round((m_s - 1) rc_j val_j) w_j + sum_e y_{e,s}   (without d_s)
    beta = sum_e min(0, sum round(gam_e (p+_i - p_i)) a_i, sum round(gam_e (p-_i - p_i)) a_i)
    loss = floor(min(round(f) beta, round(f d_1) phi_1, ..., round(f d_n) phi_n))          (f d to 9 decimals)
    margin = c + u [q != 0] + sum_e M_e + sum_j round(val_j) w_j + loss - charges

with charges of ``round(S rate)`` value units per base unit. All coefficients are per base unit and in value units.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from math import gcd
from typing import Final

from circuits.pmrm2.inputs import Market
from circuits.pmrm2.integer_prices import DISCOUNT_UNITS, IntegerPrices, ShockKey
from circuits.pmrm2.parameters import MarginInputError, OtherContingencies, Parameters, Scenario
from circuits.pmrm2.unit_prices import YEAR_SECONDS

FACTOR_UNITS: Final = 10**9
"""Loss factors times dampenings count in units of ``1 / FACTOR_UNITS``."""

Coefficients = tuple[int, ...]


class Discount(Enum):
    """How lam and mu of an expiry compare: which of two values the discounted one is."""

    CONCAVE = "lam < mu"
    LINEAR = "lam = mu"
    CONVEX = "lam > mu"


@dataclass(frozen=True, slots=True)
class UnitSizes:
    """Value units to one base unit at a price of 1: multiplier times ``10^(scale - decimals)``.

    `cash` and `unsettled` must be integers; `perp` and `unsettled` are 0 where a book has no such column.
    """

    cash: int
    unsettled: int
    perp: Fraction
    options: tuple[Fraction, ...]
    collaterals: tuple[Fraction, ...]


@dataclass(frozen=True, slots=True)
class Factor:
    """The rational number ``numerator / denominator`` in lowest terms, both at least 0 and 1."""

    numerator: int
    denominator: int


@dataclass(frozen=True, slots=True)
class Charge:
    """What a charge takes per base unit: for MM, and what IM adds."""

    maintenance: int
    added_for_initial: int


@dataclass(frozen=True, slots=True)
class ScenarioFigures:
    """Scenario s with d_s > 0. `place` is its place among the parameters' scenarios, from 0."""

    place: int
    scenario: Scenario
    long: Coefficients
    """``round(lam_e x_{i,s})``, one per option."""
    short: Coefficients
    """``round(mu_e x_{i,s})``, one per option."""
    perp: int
    """``round((m_s - 1) G)``."""
    collaterals: Coefficients
    """``round((m_s - 1) rc_j val_j)``."""
    maintenance: Factor
    """``f_MM d_s``."""
    initial: Factor
    """``f_IM d_s``."""

    @property
    def name(self) -> str:
        """For labels and reports, such as ``3 (1.12, Up)``."""
        return f"{self.place + 1} ({self.scenario.spot:g}, {self.scenario.shock})"


@dataclass(frozen=True, eq=False)
class Figures:
    """Every public integer of the margin. Tuples over options, collaterals and expiries are in the market's order."""

    cash: int
    unsettled: int
    options_of: tuple[tuple[int, ...], ...]
    """The places of the options of each expiry."""
    strikes: tuple[tuple[int, ...], ...]
    """The places of the options, one or two, of each pair (expiry, strike)."""
    discounts: tuple[Discount, ...]
    """One per expiry."""
    mark: Coefficients
    """``p_i``."""
    basis_up: Coefficients
    """``round(gam_e (p+_i - p_i))``."""
    basis_down: Coefficients
    """``round(gam_e (p-_i - p_i))``."""
    scenarios: tuple[ScenarioFigures, ...]
    basis_maintenance: Factor
    """f_MM."""
    basis_initial: Factor
    """f_IM."""
    collaterals: Coefficients
    """``round(val_j)``."""
    perp_charge: Charge
    perp_confidence: int
    """Added for IM, per base unit of |q|: ``round(rate(min(kS, kG)) S)``."""
    short_option_charges: tuple[Charge, ...]
    """One per pair (expiry, strike), per base unit of its naked shorts."""
    collateral_charges: tuple[Charge, ...]
    collateral_confidence: Coefficients
    gross_without_perp: Coefficients
    """Added for IM, per base unit of |a_i|, while q = 0: ``round(rate(min(kS, kV, kF, kR)) S)``."""
    gross_with_perp: Coefficients
    """The same while q is not 0: kP in the place of kS."""


def exact(figure: float) -> Fraction:
    """The shortest decimal number that denotes the float `figure`."""
    return Fraction(repr(figure))


def nearest(figure: Fraction) -> int:
    """The nearest integer, ties to even."""
    return round(figure)


def integer_figures(
    market: Market, parameters: Parameters, prices: IntegerPrices, units: UnitSizes
) -> Figures:
    """All figures. Raises `MarginInputError` if call and put of a strike are counted in different units."""
    values = [
        exact(collateral.price) / exact(market.stable) * unit
        for collateral, unit in zip(market.collaterals, units.collaterals, strict=True)
    ]
    expiry_of = [option.expiry for option in market.options]
    options_of = tuple(
        tuple(place for place, expiry in enumerate(expiry_of) if expiry == e)
        for e in range(len(market.expiries))
    )
    strikes = _strikes(market, units)
    mark = _integers(prices.mark)
    factors = parameters.loss_factors
    other = parameters.other
    spot = exact(market.spot)
    lost = max(Fraction(0), exact(other.peg_threshold) - exact(market.stable))
    f_mm = exact(factors.maintenance_factor)
    f_im = exact(factors.initial_factor) + lost * exact(other.peg_factor)
    k_perp = min(market.spot_confidence, market.perp_confidence)
    gam = [
        exact(parameters.basis.addition)
        + exact(max(0.0, expiry.seconds)) / YEAR_SECONDS * exact(parameters.basis.multiple)
        for expiry in market.expiries
    ]
    return Figures(
        cash=units.cash,
        unsettled=units.unsettled,
        options_of=options_of,
        strikes=strikes,
        discounts=tuple(
            Discount.CONCAVE if low < high else Discount.CONVEX if low > high else Discount.LINEAR
            for low, high in zip(prices.long_discount.tolist(), prices.short_discount.tolist(), strict=True)
        ),
        mark=mark,
        basis_up=_basis(prices.up.tolist(), mark, gam, expiry_of),
        basis_down=_basis(prices.down.tolist(), mark, gam, expiry_of),
        scenarios=_scenarios(market, parameters, prices, units, values, f_mm, f_im),
        basis_maintenance=_factor(f_mm),
        basis_initial=_factor(f_im),
        collaterals=tuple(nearest(value) for value in values),
        perp_charge=Charge(
            nearest(spot * exact(other.maintenance_perp) * units.perp),
            nearest(spot * exact(other.initial_perp) * units.perp),
        ),
        perp_confidence=nearest(confidence_rate(k_perp, other) * spot * units.perp),
        short_option_charges=tuple(
            Charge(
                nearest(spot * exact(other.maintenance_option) * units.options[legs[0]]),
                nearest(spot * exact(other.initial_option) * units.options[legs[0]]),
            )
            for legs in strikes
        ),
        collateral_charges=tuple(
            Charge(
                nearest(exact(collateral.maintenance_haircut) * value),
                nearest(exact(collateral.initial_haircut) * value),
            )
            for collateral, value in zip(market.collaterals, values, strict=True)
        ),
        collateral_confidence=tuple(
            nearest(confidence_rate(min(market.spot_confidence, collateral.confidence), other) * value)
            for collateral, value in zip(market.collaterals, values, strict=True)
        ),
        gross_without_perp=_gross(market, other, market.spot_confidence, units),
        gross_with_perp=_gross(market, other, k_perp, units),
    )


def confidence_rate(confidence: float, other: OtherContingencies) -> Fraction:
    """``rate(k) = (1 - k) CONF_MARGIN`` if ``k < CONF_THRESHOLD``, else 0."""
    if exact(confidence) >= exact(other.confidence_threshold):
        return Fraction(0)
    return (1 - exact(confidence)) * exact(other.confidence_margin)


def _scenarios(
    market: Market,
    parameters: Parameters,
    prices: IntegerPrices,
    units: UnitSizes,
    values: Sequence[Fraction],
    f_mm: Fraction,
    f_im: Fraction,
) -> tuple[ScenarioFigures, ...]:
    expiry_of = [option.expiry for option in market.options]
    table: dict[ShockKey, tuple[Coefficients, Coefficients]] = {}
    for row, shock in enumerate(prices.shocks):
        shocked = prices.shocked[row].tolist()
        table[shock] = (
            _discounted(shocked, prices.long_discount.tolist(), expiry_of),
            _discounted(shocked, prices.short_discount.tolist(), expiry_of),
        )
    result = []
    for place, scenario in enumerate(parameters.scenarios):
        if scenario.dampening == 0.0:
            continue
        long, short = table[scenario.spot, scenario.shock]
        move, dampening = exact(scenario.spot) - 1, exact(scenario.dampening)
        perp = nearest(move * exact(market.perp) * units.perp)
        collaterals = tuple(
            nearest(move * value) if collateral.is_risk_cancelling else 0
            for collateral, value in zip(market.collaterals, values, strict=True)
        )
        factors = _factor(f_mm * dampening), _factor(f_im * dampening)
        result.append(ScenarioFigures(place, scenario, long, short, perp, collaterals, *factors))
    return tuple(result)


def _discounted(shocked: Sequence[int], discount: Sequence[int], expiry_of: Sequence[int]) -> Coefficients:
    """``round(lam_e x_i)``, in order of options; x and lam at least 0, so larger discounts never give less."""
    return tuple(
        nearest(Fraction(discount[expiry] * x, DISCOUNT_UNITS))
        for x, expiry in zip(shocked, expiry_of, strict=True)
    )


def _basis(
    moved: Sequence[int], mark: Sequence[int], gam: Sequence[Fraction], expiry_of: Sequence[int]
) -> Coefficients:
    return tuple(nearest(gam[expiry] * (x - p)) for x, p, expiry in zip(moved, mark, expiry_of, strict=True))


def _gross(market: Market, other: OtherContingencies, k_perp: float, units: UnitSizes) -> Coefficients:
    result = []
    for option, unit in zip(market.options, units.options, strict=True):
        feed = market.expiries[option.expiry]
        feeds = (k_perp, feed.volatility_confidence, feed.forward_confidence, feed.rate_confidence)
        result.append(nearest(confidence_rate(min(feeds), other) * exact(market.spot) * unit))
    return tuple(result)


def _strikes(market: Market, units: UnitSizes) -> tuple[tuple[int, ...], ...]:
    legs: defaultdict[tuple[int, float], list[int]] = defaultdict(list)
    for place, option in enumerate(market.options):
        legs[option.expiry, option.strike].append(place)
    for places in legs.values():
        if len({units.options[place] for place in places}) > 1:
            strike = market.options[places[0]].strike
            raise MarginInputError(
                f"options[{places[1]}]",
                f"call and put at strike {strike:g} are counted in different units (decimals, multiplier)",
            )
    return tuple(tuple(places) for places in legs.values())


def _factor(value: Fraction) -> Factor:
    numerator = nearest(value * FACTOR_UNITS)
    divisor = gcd(numerator, FACTOR_UNITS)
    return Factor(numerator // divisor, FACTOR_UNITS // divisor)


def _integers(values: object) -> Coefficients:
    return tuple(values.tolist())  # type: ignore[attr-defined]
