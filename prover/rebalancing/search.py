"""The smallest number of lots after which accounts have a slack of at least 0, exactly.

    s(k) = slack(q + amounts of k lots),   to find:  min { k : 0 <= k <= cap, s(k) >= 0 }

Where s is concave, Newton's steps from the left never pass the first root: for j >= 1

    s(k + j)  <=  s(k) + j (s(k + 1) - s(k)),     so that every k + j with  j < -s(k) / (s(k + 1) - s(k))  is short too.

With several conditions the largest of their steps is taken. Each step passes a bend of s, so that there are few.
What comes out is the smallest number, whatever the asset does to the requirement. Where s is not concave (booleans,
fees that are rounded), numbers are doubled and halved: the result is sufficient, and one lot less is not, which makes
it the smallest where more never makes an account worse.

All accounts are searched at once. The largest withdrawal is the same search from the other end: what of the balance has
to stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from circuits.modelling.expressions import Values
from circuits.positions import Int64Array

BoolArray: TypeAlias = NDArray[np.bool_]
SlackFunction: TypeAlias = Callable[[NDArray[np.intp], Int64Array], Sequence[Values]]
"""Account numbers and as many numbers of lots, to the slack of every condition."""


@dataclass(frozen=True)
class Found:
    """One entry per account. Where nothing up to the cap is enough, `lots` is what brings it closest."""

    lots: Int64Array = field(repr=False)
    reached: BoolArray = field(repr=False)


def smallest_lots(slack: SlackFunction, first: Int64Array, cap: Int64Array, *, is_concave: bool) -> Found:
    """The least number of lots in ``first <= k <= cap`` with no slack below 0; accounts without any stay short."""
    if is_concave:
        return _Search(slack, first, cap).newton()
    return _Search(slack, first, cap).bisection()


class _Search:
    def __init__(self, slack: SlackFunction, first: Int64Array, cap: Int64Array) -> None:
        self._slack = slack
        self._cap = cap
        self._first = np.minimum(first, cap)
        self._lots = self._first.copy()
        self._reached = np.zeros(len(cap), np.bool_)

    def newton(self) -> Found:
        active = np.flatnonzero(self._cap >= 0)
        lost: list[int] = []
        while len(active):
            at = self._lots[active]
            now = [values.astype(object) for values in self._slack(active, at)]
            enough = np.minimum.reduce(now) >= 0
            self._reached[active[enough]] = True
            active, at = active[~enough], at[~enough]
            now = [values[~enough] for values in now]
            room = self._cap[active] - at
            lost += active[room <= 0].tolist()
            active, at, now, room = _kept(room > 0, active, at, now, room)
            if not len(active):
                break
            gains = [
                after.astype(object) - before
                for after, before in zip(self._slack(active, at + 1), now, strict=True)
            ]
            hopeless = np.logical_or.reduce(
                [(before < 0) & (gain <= 0) for before, gain in zip(now, gains, strict=True)]
            )
            lost += active[hopeless].tolist()
            active, at, now, room = _kept(~hopeless, active, at, now, room)
            gains = [gain[~hopeless] for gain in gains]
            steps = np.ones(len(active), object)
            for before, gain in zip(now, gains, strict=True):
                needed = np.where(before < 0, -(before // np.maximum(1, gain)), 0)
                steps = np.maximum(steps, needed)
            self._lots[active] = at + np.minimum(steps, room.astype(object)).astype(np.int64)
        if lost:
            self._seek_peaks(np.array(lost))
        return Found(self._lots, self._reached)

    def bisection(self) -> Found:
        everyone = np.flatnonzero(self._cap >= 0)
        first = self._first.copy()
        high = first.copy()
        span = np.ones(len(high), np.int64)
        open_ones = everyone
        while len(open_ones):
            enough = self._least(open_ones, high[open_ones]) >= 0
            self._reached[open_ones[enough]] = True
            open_ones = open_ones[~enough & (high[open_ones] < self._cap[open_ones])]
            first[open_ones] = high[open_ones] + 1
            high[open_ones] += np.minimum(span[open_ones], self._cap[open_ones] - high[open_ones])
            span[open_ones] = np.minimum(span[open_ones] * 2, np.int64(1 << 60))
        low = first
        while len(open_ones := np.flatnonzero(self._reached & (low < high))):
            middle = low[open_ones] + (high[open_ones] - low[open_ones]) // 2
            enough = self._least(open_ones, middle) >= 0
            high[open_ones[enough]] = middle[enough]
            low[open_ones[~enough]] = middle[~enough] + 1
        return Found(high, self._reached)

    def _least(self, accounts: NDArray[np.intp], lots: Int64Array) -> Values:
        result: Values = np.minimum.reduce([values.astype(object) for values in self._slack(accounts, lots)])
        return result

    def _seek_peaks(self, accounts: NDArray[np.intp]) -> None:
        """Where a concave slack that never reaches 0 is largest: the first number that one more does not improve."""
        low, high = self._first[accounts], self._cap[accounts]
        while len(open_ones := np.flatnonzero(low < high)):
            middle = low[open_ones] + (high[open_ones] - low[open_ones]) // 2
            chosen = accounts[open_ones]
            is_rising = self._least(chosen, middle + 1) > self._least(chosen, middle)
            low[open_ones[is_rising]] = middle[is_rising] + 1
            high[open_ones[~is_rising]] = middle[~is_rising]
        self._lots[accounts] = low


def _kept(
    chosen: BoolArray, active: NDArray[np.intp], at: Int64Array, now: list[Values], room: Int64Array
) -> tuple[NDArray[np.intp], Int64Array, list[Values], Int64Array]:
    return active[chosen], at[chosen], [values[chosen] for values in now], room[chosen]
