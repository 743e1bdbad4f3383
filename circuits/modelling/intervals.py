"""Intervals of integers: what an account within the declared bounds can reach.

They set widths and the constants of big-M rows. An interval that is too narrow makes honest accounts
unprovable and nothing worse: what a row proves does not rest on it.
"""

from __future__ import annotations

from typing import NamedTuple


class Interval(NamedTuple):
    """``least <= value <= greatest``."""

    least: int
    greatest: int

    def times(self, coefficient: int) -> Interval:
        """The interval of ``coefficient * value``."""
        ends = (coefficient * self.least, coefficient * self.greatest)
        return Interval(min(ends), max(ends))

    def plus(self, other: Interval) -> Interval:
        """The interval of a sum."""
        return Interval(self.least + other.least, self.greatest + other.greatest)

    def clipped(self, bound: int | None) -> Interval:
        """The part within ``+-bound``; all of it if there is no bound."""
        if bound is None:
            return self
        return Interval(max(-bound, min(self.least, bound)), min(bound, max(self.greatest, -bound)))
