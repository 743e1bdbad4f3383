"""Black-76 against QuantLib, and the laws that prices obey."""

from __future__ import annotations

import json
import math
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from circuits.pricing import MAX_TOTAL_DEVIATION, PricingError, black76, black76_greeks

VECTORS: Final = json.loads((Path(__file__).parent / "vectors" / "market" / "black76.json").read_text())[
    "vectors"
]
CALL: Final = np.array(True)
PUT: Final = np.array(False)
EPSILON: Final = 1e-13
"""Rounding errors of prices, relative to the larger of forward and strike."""

forwards = st.floats(0.01, 1e6)
ratios = st.floats(0.01, 100.0)
volatilities = st.floats(0.0, 5.0)
terms = st.floats(0.0, 10.0)
discounts = st.floats(0.1, 1.5)


def columns(name: str) -> np.ndarray[Any, Any]:
    return np.array([vector[name] for vector in VECTORS])


def test_vectors_of_another_library() -> None:
    forward, strike, volatility, years = map(columns, ("forward", "strike", "volatility", "years"))
    discount = np.exp(-columns("rate") * years)
    is_call = columns("kind") == "C"
    scale = np.maximum(forward, strike)
    price = black76(forward, strike, volatility, years, discount, is_call)
    greeks = black76_greeks(forward, strike, volatility, years, columns("rate"), is_call)
    assert len(VECTORS) == 180
    assert np.abs(price - columns("price")).max() <= EPSILON * scale.max()
    assert np.all(np.abs(price - columns("price")) <= EPSILON * scale)
    assert np.all(np.abs(greeks.delta - columns("delta")) <= 1e-13)
    np.testing.assert_allclose(greeks.gamma, columns("gamma"), rtol=1e-11, atol=1e-18)
    np.testing.assert_allclose(greeks.vega, columns("vega"), rtol=1e-11, atol=1e-12)


@given(forwards, ratios, st.floats(0.01, 5.0), st.floats(0.001, 10.0), st.sampled_from("CP"))
def test_against_another_library(
    forward: float, ratio: float, volatility: float, years: float, kind: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library = pytest.importorskip("QuantLib")
    deviation = volatility * math.sqrt(years)
    assume(deviation < MAX_TOTAL_DEVIATION)
    right = library.Option.Call if kind == "C" else library.Option.Put
    expected = library.blackFormula(right, forward * ratio, forward, deviation, 0.9)
    found = black76(forward, forward * ratio, volatility, years, 0.9, np.array(kind == "C"))
    assert found.item() == pytest.approx(expected, rel=1e-9, abs=EPSILON * forward * max(1.0, ratio))


@given(forwards, ratios, volatilities, terms, st.floats(-0.5, 0.5))
def test_put_call_parity(forward: float, ratio: float, volatility: float, years: float, rate: float) -> None:
    strike, discount = forward * ratio, math.exp(-rate * years)
    call, put = (black76(forward, strike, volatility, years, discount, right).item() for right in (CALL, PUT))
    error = EPSILON * discount * max(forward, strike)
    assert call - put == pytest.approx(discount * (forward - strike), abs=error)
    greeks = [black76_greeks(forward, strike, volatility, years, rate, right) for right in (CALL, PUT)]
    assert (greeks[0].delta - greeks[1].delta).item() == pytest.approx(discount, rel=1e-14)
    assert greeks[0].gamma.item() == greeks[1].gamma.item() >= 0.0
    assert greeks[0].vega.item() == greeks[1].vega.item() >= 0.0


@given(forwards, ratios, volatilities, terms, discounts, st.booleans())
def test_prices_lie_within_their_bounds(
    forward: float, ratio: float, volatility: float, years: float, discount: float, call: bool
) -> None:
    strike = forward * ratio
    price = black76(forward, strike, volatility, years, discount, np.array(call)).item()
    intrinsic = discount * max(0.0, (forward - strike) * (1 if call else -1))
    error = EPSILON * discount * max(forward, strike)
    assert max(0.0, intrinsic - error) <= price <= discount * (forward if call else strike) + error


@given(forwards, ratios, volatilities, st.floats(0.0, 2.0), st.floats(0.0, 2.0), terms, st.booleans())
def test_prices_rise_with_volatility_and_move_with_the_forward(
    forward: float, ratio: float, volatility: float, more: float, up: float, years: float, call: bool
) -> None:
    strike, right = forward * ratio, np.array(call)
    low, high = (
        black76(forward, strike, each, years, 1.0, right).item() for each in (volatility, volatility + more)
    )
    error = EPSILON * max(forward, strike)
    assert low <= high + error
    raised = black76(forward * (1 + up), strike, volatility, years, 1.0, right).item()
    change = raised - low if call else low - raised
    assert -error * (1 + up) <= change <= forward * up + error * (1 + up)


@given(st.floats(10.0, 1e5), st.floats(0.3, 3.0), st.floats(0.1, 2.0), st.floats(0.05, 3.0), st.booleans())
def test_greeks_are_the_derivatives(
    forward: float, ratio: float, volatility: float, years: float, call: bool
) -> None:
    strike, right, rate = forward * ratio, np.array(call), 0.03

    def price(f: float, v: float, t: float) -> float:
        return black76(f, strike, v, t, math.exp(-rate * t), right).item()

    greeks = black76_greeks(forward, strike, volatility, years, rate, right)
    h = 1e-4
    forward_step = h * forward
    delta = (
        price(forward + forward_step, volatility, years) - price(forward - forward_step, volatility, years)
    ) / (2 * forward_step)
    vega = (price(forward, volatility + h, years) - price(forward, volatility - h, years)) / (2 * h)
    theta = (price(forward, volatility, years - h) - price(forward, volatility, years + h)) / (2 * h)
    assert greeks.delta.item() == pytest.approx(delta, abs=1e-4)
    assert greeks.vega.item() == pytest.approx(vega, abs=1e-3 * forward)
    assert greeks.theta.item() == pytest.approx(theta, abs=1e-3 * forward)
    up, down = (
        black76_greeks(f, strike, volatility, years, rate, right).delta.item()
        for f in (forward + forward_step, forward - forward_step)
    )
    assert greeks.gamma.item() * forward == pytest.approx((up - down) / (2 * h), abs=1e-3)


@pytest.mark.parametrize(("volatility", "years"), [(0.0, 1.0), (0.7, 0.0), (0.0, 0.0)])
def test_without_deviation_prices_are_intrinsic(volatility: float, years: float) -> None:
    forward = np.array([90.0, 100.0, 110.0])
    assert black76(forward, 100.0, volatility, years, 0.5, CALL).tolist() == [0.0, 0.0, 5.0]
    assert black76(forward, 100.0, volatility, years, 0.5, PUT).tolist() == [5.0, 0.0, 0.0]
    greeks = black76_greeks(forward, 100.0, volatility, years, 0.0, CALL)
    assert greeks.delta.tolist() == [0.0, 0.5, 1.0]
    assert greeks.gamma.tolist() == greeks.vega.tolist() == [0.0, 0.0, 0.0]
    assert greeks.theta.tolist() == [0.0, 0.0, 0.0]


def test_a_forward_of_zero() -> None:
    assert black76(0.0, 100.0, 0.5, 1.0, 0.9, CALL).item() == 0.0
    assert black76(0.0, 100.0, 0.5, 1.0, 0.9, PUT).item() == 90.0
    greeks = black76_greeks(0.0, 100.0, 0.5, 1.0, 0.0, PUT)
    assert [greeks.delta.item(), greeks.gamma.item(), greeks.vega.item()] == [-1.0, 0.0, 0.0]


def test_deviations_are_capped() -> None:
    """Beyond the cap a call is worth the forward, and nothing overflows."""
    price = black76(100.0, 50.0, np.array([20.0, 30.0, 1e300]), 1e4, 1.0, CALL)
    assert price.tolist() == [100.0, 100.0, 100.0]


def test_shapes_broadcast() -> None:
    assert black76(np.ones((3, 1)), np.ones(4), 0.5, 1.0, 1.0, np.ones(4, dtype=np.bool_)).shape == (3, 4)
    assert black76(np.ones(0), np.ones(0), np.ones(0), 1.0, 1.0, np.ones(0, dtype=np.bool_)).shape == (0,)


GOOD: Final = {"forward": 1.0, "strike": 1.0, "volatility": 0.5, "years": 1.0}


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("forward", -1.0, "^forward is not a finite number of at least 0"),
        ("forward", math.inf, "^forward is not"),
        ("volatility", -0.1, "^volatility is not"),
        ("volatility", math.nan, "^volatility is not"),
        ("years", -0.1, "^years to expiry is not"),
        ("years", math.inf, "^years to expiry is not"),
        ("strike", 0.0, "^strike is not a finite number above 0"),
        ("strike", math.inf, "^strike is not"),
    ],
)
@pytest.mark.parametrize("function", [black76, black76_greeks])
def test_inputs_out_of_range(function: Any, name: str, value: float, reason: str) -> None:
    last = {"discount" if function is black76 else "rate": 0.5, "is_call": CALL}
    function(**GOOD, **last)
    with pytest.raises(PricingError, match=reason):
        function(**{**GOOD, name: np.array([1.0, value])}, **last)


@pytest.mark.parametrize("discount", [0.0, math.nan, math.inf])
def test_discounts_out_of_range(discount: float) -> None:
    with pytest.raises(PricingError, match=r"^discount factor is not a finite number above 0"):
        black76(**GOOD, discount=discount, is_call=CALL)
    with pytest.raises(PricingError, match=r"^discount factor is not"):
        black76_greeks(**GOOD, rate=1e4 if discount == 0.0 else math.nan, is_call=CALL)
