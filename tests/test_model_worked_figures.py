"""The worked figures of Paradex and SPAN in real numbers, computed here independently, and beside the integers.

For these accounts what is proven asks for no less than the definition in real numbers, and hardly more. That is
no rule: signed coefficients are rounded to the nearest integer, which favours nobody.
"""

from __future__ import annotations

from math import erf, log, sqrt

import pytest
from test_model_paradex import EXAMPLE as PARADEX
from test_model_paradex import WORKED
from test_model_span import EXAMPLE as SPAN
from test_model_span import cash_needed


def normal(x: float) -> float:
    return (1 + erf(x / sqrt(2))) / 2


def price(forward: float, strike: float, volatility: float, days: float, *, call: bool) -> float:
    """Black-76 without discounting."""
    width = volatility * sqrt(days / 365)
    d1 = log(forward / strike) / width + width / 2
    d2 = d1 - width
    if call:
        return forward * normal(d1) - strike * normal(d2)
    return strike * normal(-d2) - forward * normal(-d1)


INDEX = 70_000


def shocked(volatility: float, days: float) -> float:
    """After the move of +40 %, at least 40 %."""
    power = 0.30 if days < 30 else 0.13
    moved: float = volatility * (1 + 0.40 * (30 / days) ** power)
    return max(0.40, moved)


def test_paradex_in_real_numbers() -> None:
    """One perpetual, -5 calls 75,000 of 7 days at 55 %, +2 puts 65,000 of 30 days at 60 %."""
    options = [(-5, 75_000, 0.55, 7, True), (2, 65_000, 0.60, 30, False)]
    marks = [price(INDEX, strike, vol, days, call=call) for _, strike, vol, days, call in options]
    profit = 5.0 * INDEX
    for (held, strike, vol, days, call), mark in zip(options, marks, strict=True):
        profit += held * (price(6 * INDEX, strike, shocked(vol, days), days, call=call) - mark)
    scan = -0.024 * profit
    fees = 0.0003 * (INDEX + 5 * marks[0] + 2 * marks[1])
    funding = 0.0001 * INDEX
    assert (round(scan, 2), round(fees, 2), funding) == (33_056.53, 23.35, 7.0)
    assert scan + fees + funding == pytest.approx(33_086.876889, abs=1e-6)
    assert scan / 2 + fees + funding == pytest.approx(16_558.613934, abs=1e-6)
    maintenance = PARADEX.altered(lambda d: d.update(margin="maintenance"))
    for case, real in ((PARADEX, scan + fees + funding), (maintenance, scan / 2 + fees + funding)):
        assert real <= case.requirement(WORKED) / 10**6 < real + 0.0005


def test_span_in_real_numbers() -> None:
    """+10 Sep, -8 Dec, -12 calls 5,300 of Sep, 60 days, 16 %; index 5,000, unit 50, scan range 300, six points."""
    mark = price(5_000, 5_300, 0.16, 60, call=True)
    after = price(5_300, 5_300, 0.22, 59, call=True)
    scan = 12 * 50 * (after - mark) - 2 * 50 * 300
    delta = normal(log(5_000 / 5_300) / (0.16 * sqrt(60 / 365)) + 0.16 * sqrt(60 / 365) / 2)
    spreads = min(10 - 12 * delta, 8)
    options = -12 * 50 * mark
    assert (round(scan, 2), round(spreads, 4), round(spreads * 900, 2)) == (61_993.67, 7.6804, 6_912.35)
    assert (round(options, 2), round(scan + spreads * 900, 2)) == (-20_181.80, 68_906.02)
    real = scan + spreads * 900 - options
    assert real == pytest.approx(89_087.812846, abs=1e-6)
    balanced = SPAN.account(variation="-500000", IDX_SEP="10", IDX_DEC="-8", IDX_SEP_5300_C="-12")
    asked = cash_needed(SPAN, balanced) / 100
    assert real <= asked < real + 0.08
