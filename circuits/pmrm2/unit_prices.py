"""Prices per unit of every option in every scenario: public numbers, whatever an account holds.

Symbols of docs/models/pmrm2.md. Arrays over options have shape ``[I]``, over expiries ``[E]``, over scenarios
and options ``[S, I]``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from circuits.pmrm2.inputs import Market
from circuits.pmrm2.parameters import (
    MarginInputError,
    Parameters,
    Scenario,
    Shock,
    SkewShock,
    VolatilityShock,
)
from circuits.pricing import BoolArray, FloatArray, black76

YEAR_SECONDS: Final = 365 * 86_400
DAY_SECONDS: Final = 86_400
SETTLEMENT_SECONDS: Final = 1_800
"""In the last half hour the forward becomes the fixed settlement price, second by second."""
REFERENCE_DAYS: Final = 30.0
SMILE_WIDTHS: Final = 4.0
"""Log-moneyness is clipped at this many deviations of the smile."""


@dataclass(frozen=True, eq=False)
class Terms:
    """Figures of expiries, shape ``[E]``, and figures of options, shape ``[I]``."""

    seconds: FloatArray  # T_e
    years: FloatArray  # t_e
    rate: FloatArray  # r_e
    discount: FloatArray  # D_e
    forward: FloatArray  # F_e
    moving: FloatArray  # V_e
    fixed: FloatArray  # H_e
    expiry: npt.NDArray[np.intp]
    """Place of the expiry of each option."""
    strike: FloatArray
    is_call: BoolArray
    volatility: FloatArray

    @classmethod
    def of(cls, market: Market) -> Terms:
        """The terms of all expiries and options of `market`."""
        seconds = np.array([max(0.0, expiry.seconds) for expiry in market.expiries], dtype=np.float64)
        rate = np.array([max(0.0, expiry.rate) for expiry in market.expiries], dtype=np.float64)
        forward = np.array([expiry.forward for expiry in market.expiries], dtype=np.float64)
        years = seconds / YEAR_SECONDS
        moving, fixed = forward_parts(forward, seconds)
        return cls(
            seconds=seconds,
            years=years,
            rate=rate,
            discount=np.exp(-rate * years),
            forward=forward,
            moving=moving,
            fixed=fixed,
            expiry=np.array([option.expiry for option in market.options], dtype=np.intp),
            strike=np.array([option.strike for option in market.options], dtype=np.float64),
            is_call=np.array([option.is_call for option in market.options], dtype=np.bool_),
            volatility=np.array([option.volatility for option in market.options], dtype=np.float64),
        )


@dataclass(frozen=True, eq=False)
class UnitPrices:
    """Prices of one unit of each option."""

    mark: FloatArray
    """p_i, shape ``[I]``."""
    shocked: FloatArray
    """x_{i,s}, shape ``[S, I]``."""
    up: FloatArray
    """p+_i, shape ``[I]``."""
    down: FloatArray
    """p-_i, shape ``[I]``."""


def unit_prices(market: Market, parameters: Parameters) -> UnitPrices:
    """All unit prices. Raises `MarginInputError` where a shock is not defined."""
    terms, basis = Terms.of(market), parameters.basis
    return UnitPrices(
        mark=mark_price(terms),
        shocked=np.array(
            [scenario_price(terms, scenario, parameters) for scenario in parameters.scenarios]
        ).reshape(len(parameters.scenarios), len(market.options)),
        up=scenario_price(terms, Scenario(basis.spot_up, Shock.NONE), parameters),
        down=scenario_price(terms, Scenario(basis.spot_down, Shock.NONE), parameters),
    )


def forward_parts(forward: FloatArray, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
    """``(V_e, H_e)``: V = F min(1, T/1800), H = F - V, the part of the settlement average already fixed.

    ``H = F (1800 - T) / 1800`` below 1,800 seconds, 0 above.
    """
    moving = forward * np.minimum(1.0, seconds / SETTLEMENT_SECONDS)
    fixed = forward * np.maximum(0.0, (SETTLEMENT_SECONDS - seconds) / SETTLEMENT_SECONDS)
    return moving, fixed


def shocked_forward(terms: Terms, spot: float) -> FloatArray:
    """``V_e m + H_e``, shape ``[E]``."""
    return terms.moving * spot + terms.fixed


def mark_price(terms: Terms) -> FloatArray:
    """p_i: Black-76 at forward F_e and volatility v_i."""
    return _price(terms, terms.forward, terms.volatility)


def scenario_price(terms: Terms, scenario: Scenario, parameters: Parameters) -> FloatArray:
    """x_{i,s}: Black-76 at the scenario's forward and volatilities, with the D_e of the mark."""
    volatility = shocked_volatility(terms, scenario.shock, parameters)
    return _price(terms, shocked_forward(terms, scenario.spot), volatility)


def shocked_volatility(terms: Terms, shock: Shock, parameters: Parameters) -> FloatArray:
    """The volatility of each option under `shock`, shape ``[I]``."""
    if shock is Shock.NONE:
        return terms.volatility
    if shock.is_skew:
        multiplier = 1.0 + skew_move(terms, shock, parameters.skew_shock)
        return terms.volatility * np.maximum(0.0, multiplier)
    vol = parameters.volatility_shock
    if shock is Shock.UP:
        raised = terms.volatility * up_multiplier(terms, vol)[terms.expiry]
        return np.maximum(vol.minimum_shocked, raised)
    return terms.volatility * down_multiplier(terms, vol)[terms.expiry]


def tenor_scale(terms: Terms, shock: VolatilityShock) -> FloatArray:
    """``g = y^SHORTTERMPOWER`` up to 30 days, ``y^LONGTERMPOWER`` beyond, ``y = 30 / max(T in days, DTE_FLOOR)``."""
    days = terms.seconds / DAY_SECONDS
    floored = np.maximum(days, shock.floor_days)
    if np.any(floored == 0.0):
        raise MarginInputError(
            "DTE_FLOOR", "is 0, and an option has expired: its volatility shock is not defined"
        )
    power = np.where(days <= REFERENCE_DAYS, shock.short_term_power, shock.long_term_power)
    return np.power(REFERENCE_DAYS / floored, power)


def up_multiplier(terms: Terms, shock: VolatilityShock) -> FloatArray:
    """``1 + VOLRANGEUP g``, shape ``[E]``."""
    return 1.0 + shock.range_up * tenor_scale(terms, shock)


def down_multiplier(terms: Terms, shock: VolatilityShock) -> FloatArray:
    """``max(0, 1 - VOLRANGEDOWN g)``, shape ``[E]``."""
    return np.maximum(0.0, 1.0 - shock.range_down * tenor_scale(terms, shock))


def skew_cap(terms: Terms, shock: Shock, skew: SkewShock) -> FloatArray:
    """``cap = SCALE_CAP + CBASE sqrt(t)``, shape ``[E]``. May be negative."""
    if shock is Shock.LINEAR:
        return skew.linear_cap + skew.linear_cap_slope * np.sqrt(terms.years)
    return skew.abs_cap + skew.abs_cap_slope * np.sqrt(terms.years)


def k_star(terms: Terms, skew: SkewShock) -> FloatArray:
    """``k* = max(MIN_K_STAR, sqrt(t) MIN_WIDTH_SCALE (VOL_PARAM_STATIC + sqrt(t) VOL_PARAM_SCALE))``, shape ``[E]``."""
    root = np.sqrt(terms.years)
    width = root * skew.minimum_width_scale * (skew.static_parameter + root * skew.scale_parameter)
    result = np.maximum(skew.minimum_k_star, width)
    if np.any(result == 0.0):
        place = int(np.flatnonzero(result == 0.0)[0])
        raise MarginInputError(f"expiries[{place}]", "k* is 0, so the skew shock is not defined (MIN_K_STAR)")
    return result


def skew_move(terms: Terms, shock: Shock, skew: SkewShock) -> FloatArray:
    """``min(cap, x cap/k*)`` for x >= 0, else ``max(-cap, x cap/k*)``, shape ``[I]``.

    ``x = ln(K/F)`` for Linear, ``|ln(K/F)|`` for Abs.
    """
    x = np.log(terms.strike / terms.forward[terms.expiry])
    if shock is Shock.ABS:
        x = np.abs(x)
    cap = skew_cap(terms, shock, skew)[terms.expiry]
    slope = x * cap / k_star(terms, skew)[terms.expiry]
    return np.where(x >= 0.0, np.minimum(cap, slope), np.maximum(-cap, slope))


def smile_volatility(strike: float, smile: tuple[float, ...]) -> float:
    """The mark volatility that a stored smile ``(A, B, R, N, Y, F, t)`` gives at `strike`.

    ``k = ln(K/F)`` clipped to ``+-4 sqrt(A + B Y)``, ``W = A + B (R (k-N) + sqrt((k-N)^2 + Y^2))``, ``v = sqrt(W/t)``.
    The margin uses the mark volatility of the market, which this explains.
    """
    level, slope, tilt, centre, curvature, forward, years = smile
    bound = SMILE_WIDTHS * np.sqrt(level + slope * curvature)
    distance = float(np.clip(np.log(strike / forward), -bound, bound)) - centre
    variance = level + slope * (tilt * distance + np.hypot(distance, curvature))
    return float(np.sqrt(variance / years))


def _price(terms: Terms, forward: FloatArray, volatility: FloatArray) -> FloatArray:
    """Black-76 of every option; `forward` has shape ``[E]``, `volatility` ``[I]``."""
    at = terms.expiry
    return black76(forward[at], terms.strike, volatility, terms.years[at], terms.discount[at], terms.is_call)
