"""Values, profits and Greeks of options: Black-76, in floats, all scenarios at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from circuits.market.entries import MAX_FLOAT_PRICE, IntArray, round_floats
from circuits.market.errors import MarketCode, MarketError
from circuits.market.moves import MoveTable
from circuits.market.snapshot import DAY_SECONDS, YEAR_SECONDS, MarketSnapshot, Option
from circuits.pricing import BoolArray, FloatArray, Greeks, black76, black76_greeks


@dataclass(frozen=True, eq=False)
class OptionTable:
    """Figures of options, each of shape ``[I]``. `seconds` to expiry are at least 0, `rate` is per year."""

    ids: tuple[str, ...]
    underlying: npt.NDArray[np.intp]
    """Column of its underlying in the table of moves."""
    seconds: FloatArray
    forward: FloatArray
    rate: FloatArray
    strike: FloatArray
    volatility: FloatArray
    is_call: BoolArray
    multiplier: FloatArray

    @property
    def years(self) -> FloatArray:
        """Years of 365 days to expiry."""
        return self.seconds / YEAR_SECONDS

    @classmethod
    def of(cls, market: MarketSnapshot, options: Sequence[Option], underlyings: Sequence[str]) -> OptionTable:
        """Figures of `options`, expiries in the past counting as now."""
        column = {underlying: place for place, underlying in enumerate(underlyings)}
        points = {(u.id, point.expiry): point for u in market.underlyings for point in u.expiries}
        at = [points[option.underlying, option.expiry] for option in options]
        seconds = _floats([max(0.0, market.seconds_to(option.expiry)) for option in options])
        rate = _floats([float(point.rate) for point in at])
        return cls(
            ids=tuple(option.id for option in options),
            underlying=np.array([column[option.underlying] for option in options], dtype=np.intp),
            seconds=seconds,
            forward=_floats([float(point.forward) for point in at]),
            rate=rate,
            strike=_floats([float(option.strike) for option in options]),
            volatility=_floats([float(option.volatility) for option in options]),
            is_call=np.array([option.is_call for option in options], dtype=np.bool_),
            multiplier=_floats([float(option.multiplier) for option in options]),
        )


def option_values(options: OptionTable, units: FloatArray) -> IntArray:
    """Values in units, ``units[i]`` of them to one contract of quote, shape ``[I]``."""
    factor = options.multiplier * units
    value = _price(options, options.forward, options.volatility, options.years)
    magnitude = np.maximum(options.forward, options.strike) * _discount_bound(options) * factor
    return round_floats(value * factor, magnitude, MAX_FLOAT_PRICE, options.ids)


def option_profits(options: OptionTable, units: FloatArray, table: MoveTable) -> IntArray:
    """``weight (shocked value - value)`` in units, shape ``[S, I]``. `MarketError` if a forward becomes negative."""
    at = options.underlying
    forward = table.floats("multiple")[:, at] * options.forward + table.floats("addition")[:, at]
    if np.any(forward < 0.0):
        scenario = int(np.argwhere(forward < 0.0)[0][0])
        reason = "the forward of an option would be negative"
        raise MarketError(MarketCode.NEGATIVE_PRICE, f"scenarios[{scenario}]", reason)
    elapsed = _floats(table.elapsed_days)[:, None] * (DAY_SECONDS / YEAR_SECONDS)
    years = np.maximum(0.0, options.years - elapsed)
    shocked = _price(options, forward, shocked_volatility(options, table), years)
    weights = _floats([float(weight) for weight in table.weights])[:, None]
    factor = options.multiplier * units * weights
    largest = np.maximum(np.maximum(forward, options.forward), options.strike)
    change = shocked - _price(options, options.forward, options.volatility, options.years)
    return round_floats(
        change * factor, largest * _discount_bound(options) * factor, MAX_FLOAT_PRICE, options.ids
    )


def shocked_volatility(options: OptionTable, table: MoveTable) -> FloatArray:
    """``max(minimum, v max(0, 1 + change g) + points, 0)``, shape ``[S, I]`` (`circuits.market.scenarios`)."""

    def figure(name: str) -> FloatArray:
        return table.floats(f"volatility.{name}")[:, options.underlying]

    days, reference = options.seconds / DAY_SECONDS, figure("reference_days")
    power = np.where(days <= reference, figure("short_power"), figure("long_power"))
    g = np.power(reference / np.maximum(days, figure("floor_days")), power)
    scaled = options.volatility * np.maximum(0.0, 1.0 + figure("change") * g)
    return np.maximum(figure("minimum"), np.maximum(0.0, scaled + figure("points")))


def option_greeks(options: OptionTable) -> Greeks:
    """Greeks of one contract: delta and gamma by its forward, vega by 0.01 of volatility, theta by a day."""
    greeks = black76_greeks(
        options.forward, options.strike, options.volatility, options.years, options.rate, options.is_call
    )
    size = options.multiplier
    return Greeks(
        size * greeks.delta, size * greeks.gamma, size * greeks.vega / 100.0, size * greeks.theta / 365.0
    )


def _price(
    options: OptionTable, forward: FloatArray, volatility: FloatArray, years: FloatArray
) -> FloatArray:
    discount = np.exp(-options.rate * years)
    return black76(forward, options.strike, volatility, years, discount, options.is_call)


def _discount_bound(options: OptionTable) -> FloatArray:
    """At least every discount factor between now and expiry: above 1 for negative rates."""
    return np.maximum(1.0, np.exp(-options.rate * options.years))


def _floats(numbers: Sequence[float]) -> FloatArray:
    return np.array(numbers, dtype=np.float64)
