"""Black-76: prices and Greeks of European options on a forward, for whole tables at once.

    F   forward price of the underlying, F >= 0
    K   strike, K > 0
    v   volatility per square root of a year, v >= 0
    t   years to expiry, t >= 0
    D   discount factor from expiry to now, D > 0
    z   total deviation v sqrt(t), capped at 24
    N   distribution function of the standard normal distribution, n its density

    d1 = ln(F/K) / z + z/2      call = max(0, D (F N(d1) - K N(d2)))
    d2 = d1 - z                 put  = max(0, D (K N(-d2) - F N(-d1)))

At z = 0, expired or without volatility, d1 = d2 = +-infinity by the sign of F - K, and 0 for F = K. The
formulas then give D times the intrinsic value. The cap changes no price by more than rounding does, and keeps
z/2 from overflowing.

Prices are floats, computed here and nowhere else; what is proved uses integers made of them (docs/market.md).
Source: F. Black, "The pricing of commodity contracts", Journal of Financial Economics 3 (1976), 167-179.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from primitives.errors import SealedbookError

FloatArray: TypeAlias = npt.NDArray[np.float64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
Floats: TypeAlias = FloatArray | float

MAX_TOTAL_DEVIATION: Final = 24.0
"""The cap on z: N(-12) is below 2e-33."""


class PricingError(SealedbookError):
    """An input of a pricing formula lies outside the formula's domain."""


@dataclass(frozen=True, eq=False)
class Greeks:
    """Derivatives of an option's price, each of the shape of its inputs.

    `delta` and `gamma`: first and second derivative by F. `vega`: by v. `theta`: by the passing of time, in
    years, with F and v held and D = exp(-r t).
    """

    delta: FloatArray
    gamma: FloatArray
    vega: FloatArray
    theta: FloatArray


def black76(
    forward: Floats,
    strike: Floats,
    volatility: Floats,
    years: Floats,
    discount: Floats,
    is_call: BoolArray,
) -> FloatArray:
    """``max(0, D (F N(d1) - K N(d2)))`` for calls, ``max(0, D (K N(-d2) - F N(-d1)))`` for puts.

    Arguments broadcast against each other. Raises `PricingError` if one is out of its range or not finite.
    """
    _check_domain(forward, strike, volatility, years, discount)
    d1, d2, _ = _deviations(forward, strike, volatility, years)
    sign = np.where(is_call, 1.0, -1.0)
    value = discount * sign * (forward * ndtr(sign * d1) - strike * ndtr(sign * d2))
    return np.maximum(0.0, value)


def black76_greeks(
    forward: Floats,
    strike: Floats,
    volatility: Floats,
    years: Floats,
    rate: Floats,
    is_call: BoolArray,
) -> Greeks:
    """Derivatives of `black76` at ``D = exp(-r t)``; `rate` is r, the other arguments and errors are the same.

        delta = D N(d1) for calls, -D N(-d1) for puts      gamma = D n(d1) / (F z)
        vega  = D F n(d1) sqrt(t)                          theta = r price - D F n(d1) v / (2 sqrt(t))

    At z = 0 gamma, vega and the second part of theta are 0.
    """
    discount = np.exp(-np.multiply(rate, years))
    price = black76(forward, strike, volatility, years, discount, is_call)
    d1, _, z = _deviations(forward, strike, volatility, years)
    sign = np.where(is_call, 1.0, -1.0)
    smooth = (z > 0.0) & (np.asarray(forward) > 0.0)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        density = np.exp(-0.5 * d1 * d1) / np.sqrt(2.0 * np.pi)
        gamma = np.where(smooth, discount * density / (np.asarray(forward) * z), 0.0)
        vega = np.where(smooth, discount * forward * density * np.sqrt(years), 0.0)
        decay = np.where(smooth, vega * volatility / (2.0 * np.asarray(years)), 0.0)
    return Greeks(sign * discount * ndtr(sign * d1), gamma, vega, rate * price - decay)


def _deviations(
    forward: Floats, strike: Floats, volatility: Floats, years: Floats
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """``(d1, d2, z)``."""
    # What overflows here has the right limit: z its cap, d1 an infinity of the right sign.
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        z = np.minimum(volatility * np.sqrt(years), MAX_TOTAL_DEVIATION)
        moneyness = np.log(np.asarray(forward) / strike)
        d1 = np.where(z > 0.0, moneyness / z + z / 2.0, _limit(forward, strike))
    return d1, d1 - z, z


def _limit(forward: Floats, strike: Floats) -> FloatArray:
    """d1 as z falls to 0: +-infinity by the sign of F - K, 0 for F = K."""
    above = np.asarray(forward) - strike
    return np.where(above == 0.0, 0.0, np.copysign(np.inf, above))


def _check_domain(
    forward: Floats, strike: Floats, volatility: Floats, years: Floats, discount: Floats
) -> None:
    for name, values in (("forward", forward), ("volatility", volatility), ("years to expiry", years)):
        if not (np.all(np.isfinite(values)) and np.all(np.asarray(values) >= 0.0)):
            raise PricingError(f"{name} is not a finite number of at least 0")
    for name, values in (("strike", strike), ("discount factor", discount)):
        if not (np.all(np.isfinite(values)) and np.all(np.asarray(values) > 0.0)):
            raise PricingError(f"{name} is not a finite number above 0")
