"""The margin of one account: every quantity of docs/models/pmrm2.md, in floats.

This is the definition that the integer rows approximate, and what operators and tests compare them with.

    e expiry, i option, j collateral, s scenario      a_i, q, u, c, w_j the position
    p_i, x_{i,s}, p+_i, p-_i                          unit prices (`circuits.pmrm2.unit_prices`)
    X_{e,s} = sum_{i in e} x_{i,s} a_i                M_e, X+_e, X-_e likewise of p, p+, p-

Initial and maintenance margin (IM, MM) are surpluses: value minus requirement, so larger is safer.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np

from circuits.pmrm2.inputs import Market, Position
from circuits.pmrm2.parameters import (
    BasisContingency,
    LossFactors,
    MarginInputError,
    OtherContingencies,
    Parameters,
    trusted_scenarios,
)
from circuits.pmrm2.unit_prices import Terms, unit_prices
from circuits.pricing import FloatArray


@dataclass(frozen=True, slots=True)
class Contingency:
    """A charge, at least 0: what maintenance margin is charged, and what initial margin is charged on top."""

    maintenance: float
    added_for_initial: float


@dataclass(frozen=True, eq=False)
class Values:
    """Option values of an account by expiry: X and y of shape ``[S, E]``, the others ``[E]``."""

    mark: FloatArray  # M_e
    shocked: FloatArray  # X_{e,s}
    up: FloatArray  # X+_e
    down: FloatArray  # X-_e


@dataclass(frozen=True, eq=False)
class Margin:
    """IM, MM and everything that they are made of."""

    values: Values
    lam: FloatArray
    """lam_e, shape ``[E]``."""
    mu: FloatArray
    """mu_e, shape ``[E]``."""
    collateral_value: FloatArray
    """val_j w_j, shape ``[J]``."""
    y: FloatArray
    """y_{e,s}, shape ``[S, E]``."""
    phi: FloatArray
    """phi_s, shape ``[S]``."""
    beta: float
    omega: float
    perp: Contingency
    short_options: Contingency
    collateral: Contingency
    confidence: Contingency
    f_mm: float
    f_im: float
    value: float
    """V."""
    mm: float
    im: float


def margin(market: Market, parameters: Parameters, position: Position) -> Margin:
    """``MM = V + f_MM omega - C_MM`` and ``IM = V + f_IM omega - C_MM - C_add``.

    Raises `MarginInputError` if the position does not fit the market or a quantity is not defined.
    """
    position.check_fits(market)
    # What overflows is refused below.
    with np.errstate(over="ignore", invalid="ignore"):
        result = _margin(market, parameters, position)
    if not (np.isfinite(result.mm) and np.isfinite(result.im)):
        raise MarginInputError("margin", "a figure exceeds the range of floating-point numbers")
    return result


def trusted_margin(market: Market, parameters: Parameters, position: Position) -> Margin:
    """The margin that a trusted caller is tested by, ``MM >= 0``: three scenarios in the place of all."""
    return margin(market, replace(parameters, scenarios=trusted_scenarios(parameters.basis)), position)


def _margin(market: Market, parameters: Parameters, position: Position) -> Margin:
    terms = Terms.of(market)
    values = expiry_values(market, parameters, position)
    worth = collateral_value(market, position)
    lam_e, mu_e = lam(terms, parameters.loss_factors), mu(terms, parameters.loss_factors)
    y = value_changes(values, lam_e, mu_e, parameters)
    phi_s = phi(market, parameters, position, y)
    beta_ = beta(terms, values, parameters.basis)
    charges = (
        perp_contingency(market, parameters.other, position),
        short_option_contingency(market, parameters.other, position),
        collateral_contingency(market, position),
        Contingency(0.0, confidence_contingency(market, parameters.other, position)),
    )
    omega_ = omega(beta_, phi_s)
    value = portfolio_value(position, values, worth)
    f_mm, f_im = parameters.loss_factors.maintenance_factor, initial_factor(market, parameters)
    c_mm = sum(charge.maintenance for charge in charges)
    c_add = sum(charge.added_for_initial for charge in charges)
    mm, im = value + f_mm * omega_ - c_mm, value + f_im * omega_ - c_mm - c_add
    return Margin(values, lam_e, mu_e, worth, y, phi_s, beta_, omega_, *charges, f_mm, f_im, value, mm, im)


def expiry_values(market: Market, parameters: Parameters, position: Position) -> Values:
    """``X_{e,s} = sum_{i in e} x_{i,s} a_i``, and M_e, X+_e, X-_e of p_i, p+_i, p-_i."""
    prices = unit_prices(market, parameters)
    places = np.arange(len(market.expiries))
    amounts = np.array(position.options, dtype=np.float64)
    held = np.array([option.expiry for option in market.options], dtype=np.intp)[:, None] == places
    table = np.where(held, amounts[:, None], 0.0)
    return Values(prices.mark @ table, prices.shocked @ table, prices.up @ table, prices.down @ table)


def collateral_value(market: Market, position: Position) -> FloatArray:
    """``val_j w_j`` with ``val_j = P_j / Z``, shape ``[J]``."""
    prices = np.array([collateral.price for collateral in market.collaterals], dtype=np.float64)
    amounts = np.array(position.collaterals, dtype=np.float64)
    return prices / market.stable * amounts


def portfolio_value(position: Position, values: Values, worth: FloatArray) -> float:
    """``V = c + u + sum_e M_e + sum_j val_j w_j``; u counts only while q != 0."""
    return position.cash + unsettled(position) + float(values.mark.sum()) + float(worth.sum())


def unsettled(position: Position) -> float:
    """u, or 0 if q = 0."""
    return position.unsettled if position.perp != 0.0 else 0.0


# Static discount.


def lam(terms: Terms, factors: LossFactors) -> FloatArray:
    """``lam_e = BASE_STATIC_DISCOUNT exp(-t_e (r_e LONG_RATE_MULTSCALE + LONG_RATE_ADDSCALE))``."""
    slope = terms.rate * factors.long_rate_multiple + factors.long_rate_addition
    return factors.long_base * np.exp(-terms.years * slope)


def mu(terms: Terms, factors: LossFactors) -> FloatArray:
    """``mu_e = min(1/D_e, BASE_STATIC_DISCOUNT_NEG exp(t_e (r_e SHORT_RATE_MULTSCALE + SHORT_RATE_ADDSCALE)))``."""
    slope = terms.rate * factors.short_rate_multiple + factors.short_rate_addition
    return np.minimum(1.0 / terms.discount, factors.short_base * np.exp(terms.years * slope))


def disc(values: FloatArray, lam_e: FloatArray, mu_e: FloatArray) -> FloatArray:
    """``disc_e(X) = lam_e X`` for X >= 0, ``mu_e X`` for X < 0."""
    return np.where(values >= 0.0, lam_e * values, mu_e * values)


# Scenarios.


def value_changes(values: Values, lam_e: FloatArray, mu_e: FloatArray, parameters: Parameters) -> FloatArray:
    """``y_{e,s} = disc_e(X_{e,s}) - M_e``, for skew scenarios ``-|disc_e(X_{e,s}) - M_e|``, shape ``[S, E]``."""
    change = disc(values.shocked, lam_e, mu_e) - values.mark
    skew = np.array([scenario.shock.is_skew for scenario in parameters.scenarios], dtype=np.bool_)
    return np.where(skew[:, None], -np.abs(change), change)


def phi(market: Market, parameters: Parameters, position: Position, y: FloatArray) -> FloatArray:
    """``phi_s = d_s [(m_s - 1) (G q + sum_j rc_j val_j w_j) + sum_e y_{e,s}]``, shape ``[S]``."""
    cancelling = np.array(
        [collateral.is_risk_cancelling for collateral in market.collaterals], dtype=np.bool_
    )
    exposure = market.perp * position.perp + float(collateral_value(market, position)[cancelling].sum())
    spot = np.array([scenario.spot for scenario in parameters.scenarios], dtype=np.float64)
    dampening = np.array([scenario.dampening for scenario in parameters.scenarios], dtype=np.float64)
    changes: FloatArray = y.sum(axis=1)
    return dampening * ((spot - 1.0) * exposure + changes)


def gam(terms: Terms, basis: BasisContingency) -> FloatArray:
    """``gam_e = BASIS_CONT_ADD_FACTOR + t_e BASIS_CONT_MULT_FACTOR``."""
    return basis.addition + terms.years * basis.multiple


def beta(terms: Terms, values: Values, basis: BasisContingency) -> float:
    """``beta = sum_e gam_e min(0, X+_e - M_e, X-_e - M_e)``: no static discount here."""
    worst = np.minimum(values.up - values.mark, values.down - values.mark)
    return float((gam(terms, basis) * np.minimum(0.0, worst)).sum())


def omega(beta_: float, phi_s: FloatArray) -> float:
    """``omega = min(beta, phi_1, ..., phi_n)``, at most 0."""
    return min([beta_, *map(float, phi_s)])


def initial_factor(market: Market, parameters: Parameters) -> float:
    """``f_IM = IM_LOSS_FACTOR + max(0, PEG_LOSS_THRESHOLD - Z) PEG_LOSS_FACTOR``."""
    lost = max(0.0, parameters.other.peg_threshold - market.stable)
    return parameters.loss_factors.initial_factor + lost * parameters.other.peg_factor


# Contingencies.


def perp_contingency(market: Market, other: OtherContingencies, position: Position) -> Contingency:
    """``S |q| MM_PERP_PERCENT``, added for IM ``S |q| IM_PERP_PERCENT``."""
    size = market.spot * abs(position.perp)
    return Contingency(size * other.maintenance_perp, size * other.initial_perp)


def naked_shorts(market: Market, position: Position) -> float:
    """``n = sum over (expiry, strike) of max(0, -(call amount + put amount))``."""
    net: defaultdict[tuple[int, float], float] = defaultdict(float)
    for option, amount in zip(market.options, position.options, strict=True):
        net[option.expiry, option.strike] += amount
    return sum(max(0.0, -amount) for amount in net.values())


def short_option_contingency(market: Market, other: OtherContingencies, position: Position) -> Contingency:
    """``S n MM_OPTION_PERCENT``, added for IM ``S n IM_OPTION_PERCENT``."""
    size = market.spot * naked_shorts(market, position)
    return Contingency(size * other.maintenance_option, size * other.initial_option)


def collateral_contingency(market: Market, position: Position) -> Contingency:
    """``sum_j eta_j val_j w_j``, added for IM ``sum_j theta_j val_j w_j``."""
    worth = collateral_value(market, position)
    eta = np.array([collateral.maintenance_haircut for collateral in market.collaterals], dtype=np.float64)
    theta = np.array([collateral.initial_haircut for collateral in market.collaterals], dtype=np.float64)
    return Contingency(float((eta * worth).sum()), float((theta * worth).sum()))


def rate(confidence: float, other: OtherContingencies) -> float:
    """``rate(k) = (1 - k) CONF_MARGIN`` if ``k < CONF_THRESHOLD``, else 0."""
    return (1.0 - confidence) * other.confidence_margin if confidence < other.confidence_threshold else 0.0


def perp_confidence(market: Market, position: Position) -> float:
    """``kP = min(kS, kG)`` if q != 0, else kS."""
    if position.perp != 0.0:
        return min(market.spot_confidence, market.perp_confidence)
    return market.spot_confidence


def confidence_contingency(market: Market, other: OtherContingencies, position: Position) -> float:
    """Added for IM: perp, expiries and collaterals by the confidence of their feeds.

    rate(kP) S |q| + sum_e rate(min(kP, kV_e, kF_e, kR_e)) S sum_{i in e} |a_i|
    + sum_j rate(min(kS, kC_j)) val_j w_j
    """
    k_p = perp_confidence(market, position)
    charge = rate(k_p, other) * market.spot * abs(position.perp)
    gross = np.zeros(len(market.expiries))
    for option, amount in zip(market.options, position.options, strict=True):
        gross[option.expiry] += abs(amount)
    for expiry, amount in zip(market.expiries, gross.tolist(), strict=True):
        feeds = (k_p, expiry.volatility_confidence, expiry.forward_confidence, expiry.rate_confidence)
        charge += rate(min(feeds), other) * market.spot * amount
    worth = collateral_value(market, position).tolist()
    for collateral, value in zip(market.collaterals, worth, strict=True):
        charge += rate(min(market.spot_confidence, collateral.confidence), other) * value
    return charge
