"""The moves of a set of scenarios as tables, one row per scenario and one column per underlying."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np

from circuits.market.errors import MarketCode, MarketError
from circuits.market.scenarios import Move, ScenarioSet
from circuits.market.snapshot import MarketSnapshot
from circuits.pricing import FloatArray


@dataclass(frozen=True)
class MoveTable:
    """``moves[s][u]`` is what scenario s does to underlying u of `underlyings`; ``weights[s]`` its weight,
    ``elapsed_days[s]`` the days that pass in it.
    """

    underlyings: tuple[str, ...]
    moves: tuple[tuple[Move, ...], ...]
    weights: tuple[Fraction, ...]
    elapsed_days: tuple[float, ...]

    @classmethod
    def of(cls, market: MarketSnapshot, scenario_set: ScenarioSet, underlyings: Sequence[str]) -> MoveTable:
        """`MarketError` if a scenario moves something unknown, or does not move one of `underlyings`."""
        rows = []
        for place, scenario in enumerate(scenario_set.scenarios):
            where = f"scenarios[{place}].moves"
            for move in scenario.moves:
                if move.underlying is not None:
                    market.underlying(move.underlying)
            row = [scenario.move_of(underlying) for underlying in underlyings]
            complete = tuple(move for move in row if move is not None)
            if len(complete) < len(row):
                missing = underlyings[row.index(None)]
                raise MarketError(MarketCode.MISSING_MOVE, where, f"none is of underlying {missing!r}")
            rows.append(complete)
        weights = tuple(Fraction(scenario.weight) for scenario in scenario_set.scenarios)
        elapsed = tuple(float(scenario.elapsed_days) for scenario in scenario_set.scenarios)
        return cls(tuple(underlyings), tuple(rows), weights, elapsed)

    def prices(self, name: str) -> list[list[Fraction]]:
        """`name` ("multiple" or "addition") of every move, exactly."""
        return [[Fraction(getattr(move, name)) for move in row] for row in self.moves]

    def floats(self, name: str) -> FloatArray:
        """`name` of every move, or of its volatility if it begins with "volatility.", shape ``[S, U]``."""
        kind, _, inner = name.rpartition(".")
        table = [
            [_float(getattr(move.volatility if kind else move, inner)) for move in row] for row in self.moves
        ]
        return np.array(table, dtype=np.float64).reshape(len(self.moves), len(self.underlyings))


def _float(number: Decimal) -> float:
    return float(number)
