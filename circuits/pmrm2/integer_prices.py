"""Integer unit prices: what the float prices of options are rounded to, and the only floats behind a statement.

    s_i       value units (10^-scale of the quote currency) to one base unit of option i at a price of 1
    p_i, p+_i, p-_i, x_{i,r}      prices times s_i, to the nearest integer, ties to even; r a distinct shock
    lam_e, mu_e                   times 10^12, likewise

Two machines may compute floats that round to integers one apart. So whoever publishes a market publishes the
table, and whoever compiles a statement accepts it up to one unit per entry and then uses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

import numpy as np

from circuits.market.entries import MAX_FLOAT_PRICE, IntArray, round_floats
from circuits.pmrm2.definition import lam, mu
from circuits.pmrm2.inputs import Market
from circuits.pmrm2.parameters import MarginInputError, Parameters, Scenario, Shock
from circuits.pmrm2.unit_prices import Terms, unit_prices

DISCOUNT_UNITS: Final = 10**12
"""lam_e and mu_e count in units of ``1 / DISCOUNT_UNITS``."""
MAX_DISCOUNT: Final = 256.0
"""Beyond it ``lam * 10^12`` could differ by more than one unit between machines."""
TOLERANCE: Final = 1

ShockKey = tuple[float, Shock]
"""Spot multiple and kind: what the price of an option in a scenario depends on."""


@dataclass(frozen=True, eq=False)
class IntegerPrices:
    """Prices of options in value units per base unit, and discounts; `shocks` are the rows of `shocked`."""

    shocks: tuple[ShockKey, ...]
    mark: IntArray
    """p_i, shape ``[I]``."""
    up: IntArray
    """p+_i, shape ``[I]``."""
    down: IntArray
    """p-_i, shape ``[I]``."""
    shocked: IntArray
    """x_{i,r}, shape ``[R, I]``."""
    long_discount: IntArray
    """lam_e, shape ``[E]``."""
    short_discount: IntArray
    """mu_e, shape ``[E]``."""


def distinct_shocks(parameters: Parameters) -> tuple[ShockKey, ...]:
    """The shocks of the scenarios that count (d > 0), each once, in order of the scenarios."""
    keys = ((scenario.spot, scenario.shock) for scenario in parameters.scenarios if scenario.dampening > 0.0)
    return tuple(dict.fromkeys(keys))


def integer_prices(market: Market, parameters: Parameters, units: Sequence[Fraction]) -> IntegerPrices:
    """The table of `market`, with ``units[i] = s_i``.

    Raises `MarginInputError` where a shock is not defined, `circuits.market.errors.MarketError` where floats are
    not precise enough for the units.
    """
    shocks = distinct_shocks(parameters)
    distinct = replace(parameters, scenarios=tuple(Scenario(spot, shock) for spot, shock in shocks))
    prices, terms = unit_prices(market, distinct), Terms.of(market)
    size = np.array([float(unit) for unit in units], np.float64)
    ids = [f"option {place}" for place in range(len(units))]
    basis = parameters.basis
    spots = np.array([[1.0], [basis.spot_up], [basis.spot_down], *([spot] for spot, _ in shocks)])
    table = np.vstack([prices.mark, prices.up, prices.down, prices.shocked.reshape(len(shocks), len(units))])
    # A price and the rounding errors behind it are of the order of the larger of forward and strike.
    forward = terms.moving[terms.expiry] * spots + terms.fixed[terms.expiry]
    magnitude = np.maximum(np.maximum(forward, terms.forward[terms.expiry]), terms.strike)
    rounded = round_floats(table * size, magnitude * size, MAX_FLOAT_PRICE, ids)
    return IntegerPrices(
        shocks,
        rounded[0],
        rounded[1],
        rounded[2],
        rounded[3:],
        _discounts(lam(terms, parameters.loss_factors), "BASE_STATIC_DISCOUNT"),
        _discounts(mu(terms, parameters.loss_factors), "BASE_STATIC_DISCOUNT_NEG"),
    )


def check_prices(published: IntegerPrices, computed: IntegerPrices) -> None:
    """Accept `published` if it has the shocks of `computed` and no entry is off by more than `TOLERANCE`.

    Raises `MarginInputError` that names the first entry at fault.
    """
    if published.shocks != computed.shocks:
        raise MarginInputError("unit_prices.shocks", "are not those of the model's scenarios, in their order")
    for name in ("mark", "up", "down", "shocked", "long_discount", "short_discount"):
        theirs, ours = getattr(published, name), getattr(computed, name)
        if theirs.shape != ours.shape:
            raise MarginInputError(f"unit_prices.{name}", f"has shape {theirs.shape} instead of {ours.shape}")
        # The distance of 64-bit integers is at most 2^64: uint64 holds all but that one, which wraps to 0.
        low, high = np.minimum(theirs, ours), np.maximum(theirs, ours)
        distance = high.view(np.uint64) - low.view(np.uint64)
        wrong = np.argwhere(distance > TOLERANCE)
        if len(wrong):
            place = tuple(wrong[0].tolist())
            where = "".join(f"[{index}]" for index in place)
            reason = f"{theirs[place]} is published, {ours[place]} computed"
            raise MarginInputError(f"unit_prices.{name}{where}", reason)


def _discounts(figures: np.ndarray[tuple[int, ...], np.dtype[np.float64]], name: str) -> IntArray:
    if np.any(figures > MAX_DISCOUNT):
        raise MarginInputError(name, f"makes a static discount above {MAX_DISCOUNT:g}")
    return np.rint(figures * DISCOUNT_UNITS).astype(np.int64)
