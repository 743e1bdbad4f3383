"""How much of an asset accounts can withdraw, exactly: the largest W at which all of a model still holds.

    W = max { W : 0 <= W <= q, the model holds of the account with q - W }        q: what it holds of the asset

Where equity falls by the same amount with every base unit, W follows from the surplus; otherwise (haircuts, other
conditions) it is found by bisection. Either way the model is evaluated at W and at W + 1, so that the result is exact
for every model under which a larger withdrawal is never allowed where a smaller one is not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from circuits.modelling.definition import Evaluator
from circuits.positions import Int64Array, PositionBatch
from prover.account_columns import column_of, with_columns

BALANCE: Final = "balance"
"""What binds where all that is held can be withdrawn."""
MARGIN: Final = "margin"
"""What binds otherwise, unless the model names the condition."""


@dataclass(frozen=True)
class Withdrawals:
    """One entry per account: base units of the asset, and what forbids one more."""

    amounts: Int64Array = field(repr=False)
    binding: tuple[str, ...] = field(repr=False)


def largest_withdrawals(
    evaluate: Evaluator, batch: PositionBatch, asset: int, asset_count: int
) -> Withdrawals:
    """Of every account of `batch`; nothing where the model does not hold as it is."""
    held = np.maximum(0, column_of(batch, asset))
    now = evaluate(batch)
    search = _Search(evaluate, batch, asset, asset_count)
    can_start = np.asarray(now.sufficient, np.bool_)
    unit = search.unit(held, now.equity)
    surplus = np.maximum(0, now.equity - now.requirement) // unit
    low = np.zeros(len(held), np.int64)
    # No account within the bounds of a model has a surplus that int64 does not hold, but a model may have none.
    guess = np.minimum(surplus, held).astype(np.int64)
    high = held.copy()
    high[~can_start] = 0
    low, high = search.narrow(low, high, np.minimum(guess, high), can_start)
    low, high = search.narrow(low, high, np.minimum(guess + 1, high), can_start)
    while (open_ones := can_start & (low < high)).any():
        low, high = search.narrow(low, high, low + (high - low + 1) // 2, open_ones)
    names = search.names(np.minimum(low + 1, held))
    binding = tuple(
        BALANCE if is_enough and amount == most else name
        for is_enough, amount, most, name in zip(
            can_start.tolist(), low.tolist(), held.tolist(), names, strict=True
        )
    )
    return Withdrawals(low, binding)


class _Search:
    """The verdicts of a model on accounts that have withdrawn something."""

    def __init__(self, evaluate: Evaluator, batch: PositionBatch, asset: int, asset_count: int) -> None:
        self._evaluate = evaluate
        self._batch = batch
        self._asset = asset
        self._asset_count = asset_count
        self._amounts = column_of(batch, asset)

    def unit(self, held: Int64Array, equity: NDArray[np.object_]) -> NDArray[np.object_]:
        """What a base unit is worth, from a withdrawal of everything: a guess, at least 1."""
        emptied = self._evaluate(self._after(held))
        lost = np.maximum(0, equity - emptied.equity)
        each: NDArray[np.object_] = np.maximum(1, lost // np.maximum(1, held).astype(object))
        return each

    def narrow(
        self, low: Int64Array, high: Int64Array, probe: Int64Array, chosen: NDArray[np.bool_]
    ) -> tuple[Int64Array, Int64Array]:
        """What `probe` says of the `chosen` accounts: at ``low`` the model holds, above ``high`` it does not."""
        chosen = chosen & (probe > low) & (probe <= high)
        places = np.flatnonzero(chosen)
        if not len(places):
            return low, high
        holds = np.zeros(len(low), np.bool_)
        holds[places] = self._at(places, probe)
        low = np.where(chosen & holds, probe, low)
        high = np.where(chosen & ~holds, probe - 1, high)
        return low, high

    def names(self, amounts: Int64Array) -> list[str]:
        """The condition with the least to spare after a withdrawal."""
        return [name or MARGIN for name in self._evaluate(self._after(amounts)).worst_scenario]

    def _at(self, places: NDArray[np.intp], amounts: Int64Array) -> NDArray[np.bool_]:
        # All accounts are evaluated together unless few are left.
        if 4 * len(places) >= len(amounts):
            result = self._evaluate(self._after(amounts)).sufficient[places]
        else:
            few = _selected(self._batch, places)
            rest = {self._asset: self._amounts[places] - amounts[places]}
            result = self._evaluate(with_columns(few, rest, self._asset_count)).sufficient
        return np.asarray(result, np.bool_)

    def _after(self, amounts: Int64Array) -> PositionBatch:
        return with_columns(self._batch, {self._asset: self._amounts - amounts}, self._asset_count)


def _selected(batch: PositionBatch, places: NDArray[np.intp]) -> PositionBatch:
    return PositionBatch.from_mappings([batch.account(int(place)) for place in places])
