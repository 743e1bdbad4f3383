"""Values and profits that need no floats: cash, spot, perpetuals and futures.

    value of one contract                 profit in scenario s, before the weight
    cash      price                       0
    spot      index                       (m - 1) index + a
    linear    multiplier mark             multiplier ((m - 1) mark + a)
    inverse   -multiplier index / mark    -multiplier ((m index + a) / (m mark + a) - index / mark)

with m, a the multiple and the addition of the scenario's move. An inverse contract's profit is paid in the underlying,
``multiplier (1/entry - 1/mark)``; the entry leg is a position in the underlying of its own (docs/market.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from circuits.market.decimals import decimal_places
from circuits.market.entries import ExactArray, IntArray, round_exact, round_fraction
from circuits.market.errors import MarketCode, MarketError
from circuits.market.moves import MoveTable
from circuits.market.snapshot import Cash, Instrument, MarketSnapshot, Option, Settlement, Spot


@dataclass(frozen=True)
class ExactInstrument:
    """Figures of one instrument, prices in the quote currency.

    `price` is what moves, `multiplier` units of it are held per contract; None marks cash, which does not move.
    `inverse_index` is the index of an inverse contract.
    """

    id: str
    underlying: str | None
    price: Fraction
    multiplier: Fraction
    inverse_index: Fraction | None = None

    @property
    def value(self) -> Fraction:
        """Of one contract."""
        if self.inverse_index is None:
            return self.multiplier * self.price
        return -self.multiplier * self.inverse_index / self.price

    @property
    def delta(self) -> Fraction:
        """Change of value per change of its own price; 0 for cash and, since index and mark move together, inverse."""
        return Fraction(0) if self.underlying is None or self.inverse_index is not None else self.multiplier


def exact_instrument(market: MarketSnapshot, instrument: Instrument) -> ExactInstrument | None:
    """The exact figures of `instrument`, or None for an option."""
    if isinstance(instrument, Option):
        return None
    if isinstance(instrument, Cash):
        return ExactInstrument(instrument.id, None, Fraction(instrument.price), Fraction(1))
    if isinstance(instrument, Spot):
        index = Fraction(market.index_of(instrument.underlying))
        return ExactInstrument(instrument.id, instrument.underlying, index, Fraction(1))
    multiplier, mark = Fraction(instrument.multiplier), Fraction(instrument.mark)
    if instrument.settlement is Settlement.LINEAR:
        return ExactInstrument(instrument.id, instrument.underlying, mark, multiplier)
    index = Fraction(market.index_of(instrument.underlying))
    return ExactInstrument(instrument.id, instrument.underlying, mark, multiplier, index)


def exact_values(instruments: Sequence[ExactInstrument], units: Sequence[Fraction]) -> IntArray:
    """Values in units, ``units[i]`` of them to one contract of quote, shape ``[I]``."""
    figures = [each.value * unit for each, unit in zip(instruments, units, strict=True)]
    return np.array([round_fraction(figure) for figure in figures], dtype=np.int64)


def exact_profits(
    instruments: Sequence[ExactInstrument], units: Sequence[Fraction], table: MoveTable
) -> IntArray:
    """Weighted profits in units, shape ``[S, I]``. `MarketError` if a price becomes negative."""
    result = np.zeros((len(table.moves), len(instruments)), dtype=np.int64)
    moving = [i for i, each in enumerate(instruments) if each.underlying is not None]
    for i in moving:
        if instruments[i].inverse_index is not None:
            result[:, i] = _inverse_profits(instruments[i], units[i], table)
    linear = [i for i in moving if instruments[i].inverse_index is None]
    if linear and table.moves:
        held = [instruments[i] for i in linear]
        result[:, linear] = _linear_profits(held, [units[i] for i in linear], table)
    return result


def _linear_profits(
    instruments: Sequence[ExactInstrument], units: Sequence[Fraction], table: MoveTable
) -> IntArray:
    """``weight multiplier ((m - 1) price + a)``, all at once in integers over one power of ten."""
    column = {underlying: place for place, underlying in enumerate(table.underlyings)}
    at = [column[each.underlying or ""] for each in instruments]
    multiples, additions = table.prices("multiple"), table.prices("addition")
    _check_prices(instruments, at, multiples, additions)
    sizes = [each.multiplier * unit for each, unit in zip(instruments, units, strict=True)]
    prices = [size * each.price for each, size in zip(instruments, sizes, strict=True)]
    moves = [[w * (m - 1) for m in row] for w, row in zip(table.weights, multiples, strict=True)]
    shifts = [[w * a for a in row] for w, row in zip(table.weights, additions, strict=True)]
    places = decimal_places([*sizes, *prices])
    move_places = decimal_places([number for row in (*moves, *shifts) for number in row])
    numerators = (
        _integers([prices], places) * _integers(moves, move_places)[:, at]
        + _integers([sizes], places) * _integers(shifts, move_places)[:, at]
    )
    return round_exact(numerators, 10 ** (places + move_places))


def _inverse_profits(instrument: ExactInstrument, unit: Fraction, table: MoveTable) -> IntArray:
    column = table.underlyings.index(instrument.underlying or "")
    multiples, additions = table.prices("multiple"), table.prices("addition")
    index = instrument.inverse_index or Fraction(0)
    entries = []
    for s, weight in enumerate(table.weights):
        multiple, addition = multiples[s][column], additions[s][column]
        mark, shocked_index = multiple * instrument.price + addition, multiple * index + addition
        if mark <= 0 or shocked_index < 0:
            raise _negative(s, instrument)
        shocked = -instrument.multiplier * shocked_index / mark
        entries.append(round_fraction(weight * (shocked - instrument.value) * unit))
    return np.array(entries, dtype=np.int64)


def _check_prices(
    instruments: Sequence[ExactInstrument],
    at: Sequence[int],
    multiples: Sequence[Sequence[Fraction]],
    additions: Sequence[Sequence[Fraction]],
) -> None:
    # Multiples are not negative, so only an addition can make a price negative.
    for s, row in enumerate(additions):
        if not any(addition < 0 for addition in row):
            continue
        for i, instrument in enumerate(instruments):
            if row[at[i]] < 0 and multiples[s][at[i]] * instrument.price + row[at[i]] < 0:
                raise _negative(s, instrument)


def _negative(scenario: int, instrument: ExactInstrument) -> MarketError:
    reason = f"the price of {instrument.id!r} would be negative, or that of an inverse contract zero"
    return MarketError(MarketCode.NEGATIVE_PRICE, f"scenarios[{scenario}]", reason)


def _integers(rows: Sequence[Sequence[Fraction]], places: int) -> ExactArray:
    scale = 10**places
    return np.array([[int(number * scale) for number in row] for row in rows], dtype=object)
