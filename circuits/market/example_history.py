"""Made-up price histories: deterministic, seeded, of a stated process. No figure in them was ever quoted.

For each underlying and day t, with u and w sums of twelve uniform numbers less 6 (mean 0, variance 1), u common to
all underlyings and w its own, and J = 4 on one day in fifty, else 1:

    x_t = 0.8 J u + 0.6 w,    r_t = max(-0.4, sigma_t x_t)
    sigma_{t+1}^2 = 0.02 * 0.03^2 + 0.08 r_t^2 + 0.90 sigma_t^2,    sigma_0 = 0.03
    close_t = close_{t-1} (1 + r_t),    volatility_t = sigma_t sqrt(365)

a GARCH(1,1) with jumps, scaled so that the last close is the price given. Products, sums and square roots of floats
are the same on every machine, and so are the numbers of `random.Random`.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from math import sqrt
from typing import Final

from circuits.market.history import Calendar, PriceHistory, Series, Step, Subject
from circuits.market.snapshot import Source

_START: Final = 0.03
_DIGITS: Final = 8


def example_history(
    seed: int, days: int, underlyings: Mapping[str, Decimal], *, last: datetime, quote: str = "USD"
) -> PriceHistory:
    """`days` daily closes of each of `underlyings`, the last at `last` and of the price given, with volatilities."""
    generator = random.Random(seed)
    common = [_normal(generator) * (4 if generator.randrange(50) == 0 else 1) for _ in range(days)]
    series = [_series(generator, common, name, float(underlyings[name])) for name in sorted(underlyings)]
    times = tuple(last - timedelta(days=days - 1 - day) for day in range(days))
    source = Source("example", f"made up by a seeded process, seed {seed}")
    return PriceHistory(quote, Calendar(Step.DAY), (source,), times, tuple(series))


def _series(generator: random.Random, common: list[float], name: str, price: float) -> Series:
    level, sigma, levels, volatilities = 1.0, _START, [], []
    for factor in common:
        levels.append(level)
        volatilities.append(sigma * sqrt(365.0))
        change = max(-0.4, sigma * (0.8 * factor + 0.6 * _normal(generator)))
        sigma = sqrt(0.02 * _START * _START + 0.08 * change * change + 0.9 * sigma * sigma)
        level *= 1.0 + change
    closes = [_decimal(price * each / levels[-1], _DIGITS) for each in levels]
    return Series(
        Subject(is_instrument=False, id=name),
        tuple(closes),
        tuple(_decimal(each, 4) for each in volatilities),
    )


def _normal(generator: random.Random) -> float:
    # Not sum(), which newer versions of Python compute with less rounding.
    total = -6.0
    for _ in range(12):
        total += generator.random()
    return total


def _decimal(number: float, digits: int) -> Decimal:
    """To so many significant digits."""
    return Decimal(f"{number:.{digits}g}")
