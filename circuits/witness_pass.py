"""One pass over the steps of a witness for some accounts, in numpy.

Only accounts that hold an asset of a step, or for which a variable of the step was computed, take part in it.
Values are computed in int64 where the sizes of what is there allow it, else in 128 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from circuits.positions import PositionBatch
from circuits.rows import Form
from circuits.wide_integers import WideIntegers
from circuits.witness_steps import Indicator, Maximum, OrderStatistic, Step, WeightedOrderStatistic

Int64Array = NDArray[np.int64]

_NARROW_LIMIT: Final = 1 << 62
_Table = TypeVar("_Table", Int64Array, WideIntegers)


class WitnessPass:
    """The values of all variables for the accounts of `batch`, filled step by step from the zero account's."""

    def __init__(self, batch: PositionBatch, zero_values: Sequence[int]) -> None:
        self._accounts = batch.account_count
        zero = WideIntegers.from_ints([zero_values])
        # One line per variable: steps write whole variables.
        self._high = np.repeat(zero.high.T, self._accounts, axis=1)
        self._low = np.repeat(zero.low.T, self._accounts, axis=1)
        self._sizes = [abs(value) for value in zero_values]
        self._computed: dict[int, NDArray[np.bool_]] = {}
        order = np.argsort(batch.columns, kind="stable")
        assets, starts = np.unique(batch.columns[order], return_index=True)
        holders = np.repeat(np.arange(self._accounts), np.diff(batch.row_offsets))[order]
        amounts = batch.amounts[order]
        ends = [*starts.tolist()[1:], len(amounts)]
        self._holdings = {
            asset: (holders[start:end], amounts[start:end])
            for asset, start, end in zip(assets.tolist(), starts.tolist(), ends, strict=False)
        }
        self._largest = {asset: int(np.abs(held).max()) for asset, (_, held) in self._holdings.items()}

    def compute(self, variable: int, step: Step) -> int:
        """Compute one variable; returns how many forms of how many accounts were evaluated."""
        reached = self._reached(step)
        if reached is None:
            return 0
        accounts = np.flatnonzero(reached)
        if max(self._size(form) for form in step.forms) < _NARROW_LIMIT:
            values = WideIntegers.from_int64(self._narrow(step, accounts)[:, np.newaxis])
        else:
            values = self._wide(step, accounts)
        high, low = values.high[:, 0], values.low[:, 0]
        self._high[variable, accounts] = high
        self._low[variable, accounts] = low
        top = int(high.max())
        size = int(low.max()) if top == 0 else (top + 1) << 64
        self._sizes[variable] = max(self._sizes[variable], size)
        self._computed[variable] = reached
        return len(accounts) * len(step.forms)

    def table(self) -> WideIntegers:
        """The ``[n, variables]`` table."""
        return WideIntegers(np.ascontiguousarray(self._high.T), np.ascontiguousarray(self._low.T))

    def _reached(self, step: Step) -> NDArray[np.bool_] | None:
        reached = np.zeros(self._accounts, np.bool_)
        found = False
        for asset in {asset for form in step.forms for asset, _ in form.positions}:
            if asset in self._holdings:
                reached[self._holdings[asset][0]] = True
                found = True
        for variable in {variable for form in step.forms for variable, _ in form.auxiliaries}:
            if variable in self._computed:
                reached |= self._computed[variable]
                found = True
        return reached if found else None

    def _size(self, form: Form) -> int:
        """A bound on the absolute value of every partial sum."""
        held = sum(abs(c) * self._largest.get(asset, 0) for asset, c in form.positions)
        return abs(form.constant) + held + sum(abs(c) * self._sizes[v] for v, c in form.auxiliaries)

    def _narrow(self, step: Step, accounts: Int64Array) -> Int64Array:
        place = self._places(accounts)
        values = []
        for form in step.forms:
            value = np.full(len(accounts), form.constant, np.int64)
            for asset, coefficient in form.positions:
                if asset in self._holdings:
                    holders, amounts = self._holdings[asset]
                    value[place[holders]] += coefficient * amounts
            for variable, coefficient in form.auxiliaries:
                if self._sizes[variable]:
                    value += coefficient * self._low[variable, accounts].view(np.int64)
            values.append(value)
        if isinstance(step, Indicator):
            return (values[0] >= 0).astype(np.int64)
        if isinstance(step, OrderStatistic):
            place_of_rank = len(values) - step.rank
            values = [np.partition(np.stack(values), place_of_rank, axis=0)[place_of_rank]]
        if isinstance(step, WeightedOrderStatistic):
            table = np.stack(values)
            order = np.argsort(table, axis=0)
            chosen = np.take_along_axis(order, _first_reached(step, order), axis=0)
            values = [np.take_along_axis(table, chosen, axis=0)[0]]
        choose = np.maximum if isinstance(step, Maximum) else np.minimum
        result: Int64Array = np.maximum(0, reduce(choose, values))
        return result

    def _wide(self, step: Step, accounts: Int64Array) -> WideIntegers:
        place = self._places(accounts)
        values = []
        for form in step.forms:
            value = _repeated(form.constant, len(accounts))
            for asset, coefficient in form.positions:
                if asset in self._holdings:
                    holders, amounts = self._holdings[asset]
                    dense = np.zeros((len(accounts), 1), np.int64)
                    dense[place[holders], 0] = amounts
                    value = value.add(WideIntegers.from_int64(dense).times(coefficient))
            for variable, coefficient in form.auxiliaries:
                limbs = self._high[variable, accounts], self._low[variable, accounts]
                value = value.add(WideIntegers(limbs[0][:, None], limbs[1][:, None]).times(coefficient))
            values.append(value)
        if isinstance(step, Indicator):
            negative = values[0].high < 0
            return WideIntegers.from_int64((~negative).astype(np.int64))
        if isinstance(step, OrderStatistic):
            return _order_statistic(values, step.rank)
        if isinstance(step, WeightedOrderStatistic):
            return _weighted_order_statistic(values, step)
        choose: Callable[[WideIntegers, WideIntegers], WideIntegers] = (
            WideIntegers.maximum if isinstance(step, Maximum) else WideIntegers.minimum
        )
        return reduce(choose, values).positive_part()

    def _places(self, accounts: Int64Array) -> Int64Array:
        place = np.zeros(self._accounts, np.int64)
        place[accounts] = np.arange(len(accounts))
        return place


def _repeated(value: int, count: int) -> WideIntegers:
    one = WideIntegers.from_ints([[value]])
    return WideIntegers(np.repeat(one.high, count, axis=0), np.repeat(one.low, count, axis=0))


def _order_statistic(values: Sequence[WideIntegers], rank: int) -> WideIntegers:
    table = WideIntegers.concatenate(values)
    order = np.lexsort((table.low, table.high), axis=1)[:, -rank][:, np.newaxis]
    high, low = np.take_along_axis(table.high, order, axis=1), np.take_along_axis(table.low, order, axis=1)
    return WideIntegers(high, low).positive_part()


def _weighted_order_statistic(values: Sequence[WideIntegers], step: WeightedOrderStatistic) -> WideIntegers:
    table = WideIntegers.concatenate(values)
    order = np.lexsort((table.low, table.high), axis=1)
    chosen = np.take_along_axis(order, _first_reached(step, order.T).T, axis=1)
    high, low = np.take_along_axis(table.high, chosen, axis=1), np.take_along_axis(table.low, chosen, axis=1)
    return WideIntegers(high, low).positive_part()


def _first_reached(step: WeightedOrderStatistic, order: NDArray[np.intp]) -> NDArray[np.intp]:
    """Places in `order`, ``[forms, n]`` by ascending values: the first from above where weights reach the rank."""
    reached = np.cumsum(np.array(step.weights, np.int64)[order[::-1]], axis=0) >= step.rank
    places: NDArray[np.intp] = (len(order) - 1 - np.argmax(reached, axis=0))[np.newaxis]
    return places
