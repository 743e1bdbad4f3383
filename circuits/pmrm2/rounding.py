"""How far the integer margin of an account can be from the real-valued one: a bound, in value units.

Every figure is off by at most one half per base unit, and a minimum, a maximum or an absolute value by no more than
its arguments. With amounts in base units, n the naked shorts and lam, mu, gam, f, d as in the definition:

    |MM_int - MM| <= E = sum |a_i| / 2 + sum w_j / 2                          V: mark and collateral values
                       + f_MM max(E_phi, E_beta) + max(|beta|, |phi_s|) / (2 10^9) + 1         loss; 1 for the floor
                       + |q| / 2 + n / 2 + sum w_j / 2                        charges
    |IM_int - IM| <= E (with f_IM) + |q| + n / 2 + sum w_j + sum |a_i| / 2    the further charges
    E_phi  = max d_s (|q| / 2 + sum w_j / 2 + sum |a_i| (1 + max(lam_e, mu_e) / 2 + x_{i,s} / (2 10^12)))
    E_beta = sum |a_i| (1/2 + gam_e)

In E_phi the price x, lam or mu, their product and the mark price are rounded; in E_beta p+ (or p-) and p, and gam
times their difference. What the float definition itself is off by comes on top (some 1e-15 of the largest term).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from circuits.pmrm2.evaluate import Amounts, evaluate_margin
from circuits.pmrm2.inputs import Market
from circuits.pmrm2.integer_prices import DISCOUNT_UNITS, IntegerPrices
from circuits.pmrm2.integers import FACTOR_UNITS, Figures
from circuits.pmrm2.parameters import Parameters
from circuits.pmrm2.unit_prices import YEAR_SECONDS

_HALF = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class RoundingBound:
    """Bounds of ``|MM_int - MM|`` and ``|IM_int - IM|``, in value units."""

    mm: Fraction
    im: Fraction


def rounding_bound(
    market: Market, parameters: Parameters, prices: IntegerPrices, figures: Figures, amounts: Amounts
) -> tuple[RoundingBound, ...]:
    """One bound per account of `amounts`."""
    margin = evaluate_margin(figures, amounts)
    factors = [figures.basis_maintenance, figures.basis_initial]
    f_mm, f_im = (Fraction(factor.numerator, factor.denominator) for factor in factors)
    result = []
    for account in range(len(amounts.cash)):
        sizes = [abs(amount) for amount in amounts.options[account]]
        perp, held, gross = abs(amounts.perp[account]), sum(amounts.collaterals[account]), sum(sizes)
        naked = sum(
            max(0, -sum(amounts.options[account, place] for place in legs)) for legs in figures.strikes
        )
        error = max(
            _scenario_error(market, parameters, prices, sizes, perp + held),
            _basis_error(market, parameters, sizes),
        )
        largest = max(abs(loss) for loss in [margin.beta[account], *margin.phi[account]])
        common = gross * _HALF + held + perp * _HALF + naked * _HALF + Fraction(largest, 2 * FACTOR_UNITS) + 1
        added = perp + naked * _HALF + held + gross * _HALF
        result.append(RoundingBound(common + f_mm * error, common + f_im * error + added))
    return tuple(result)


def _scenario_error(
    market: Market, parameters: Parameters, prices: IntegerPrices, sizes: list[int], linear: int
) -> Fraction:
    """E_phi."""
    discounts = [
        Fraction(max(low, high) + 1, DISCOUNT_UNITS)
        for low, high in zip(prices.long_discount.tolist(), prices.short_discount.tolist(), strict=True)
    ]
    per_shock = [
        sum(
            size * (1 + discounts[option.expiry] / 2 + Fraction(x + 1, 2 * DISCOUNT_UNITS))
            for size, option, x in zip(sizes, market.options, row, strict=True)
        )
        for row in prices.shocked.tolist()
    ]
    dampening = max((Fraction(scenario.dampening) for scenario in parameters.scenarios), default=Fraction(0))
    return dampening * (linear * _HALF + max(per_shock, default=Fraction(0)))


def _basis_error(market: Market, parameters: Parameters, sizes: list[int]) -> Fraction:
    """E_beta."""
    basis = parameters.basis
    return sum(
        (
            size
            * (
                _HALF
                + Fraction(
                    basis.addition + basis.multiple * market.expiries[option.expiry].seconds / YEAR_SECONDS
                )
            )
            for size, option in zip(sizes, market.options, strict=True)
        ),
        Fraction(0),
    )
