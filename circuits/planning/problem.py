"""The planning problem in exact integers: what trades do to a portfolio, and whether it satisfies its conditions.

    x_a   trade in asset a, base units, positive for a purchase       p_a   value units per base unit
    c     the asset that trades are paid in and out of                f     fees, a share of the traded value

    traded = sum_a p_a |x_a|,   paid = sum_a p_a x_a + f traded,   q'_a = q_a + x_a,   q'_c = q_c - ceil(paid / p_c)

What does not fill a base unit of c is lost to the account. Nothing here is approximate: what floats propose is judged
here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from circuits.modelling.errors import ModelError
from circuits.models.allocation import Allocation
from circuits.models.allocation_conditions import Condition, with_total
from circuits.public_market import PublicMarket
from primitives.assets import Asset

Amounts = Mapping[str, int]
"""Base units by asset id; what is absent is zero."""


@dataclass(frozen=True)
class PlanningProblem:
    """Assets with their prices, the asset that pays, the fee, and what the portfolio must satisfy."""

    assets: tuple[str, ...]
    prices: Mapping[str, int]
    cash: str
    fee: Fraction
    conditions: tuple[Condition, ...]
    is_long: bool

    @classmethod
    def of(
        cls,
        definition: Allocation,
        assets: Sequence[Asset],
        market: PublicMarket | None,
        *,
        cash: str | None = None,
        fee: Fraction = Fraction(0),
    ) -> PlanningProblem:
        """For a model at a market. Without `cash` it is the one asset with a price of 1. Raises `ModelError`."""
        prices = definition.unit_values(assets, market)
        ids = tuple(prices)
        conditions = definition.conditions(ids)
        if definition.document.is_long:
            conditions += tuple(
                Condition(f"{asset} not negative", "$.positions", {asset: 1}) for asset in ids
            )
        paying = _find_cash(definition, assets, prices) if cash is None else cash
        if paying not in prices:
            raise ModelError(f"cash: asset {paying!r} is not in the book")
        if prices[paying] == 0:
            raise ModelError(f"cash: {paying!r} has no value, so nothing can be paid in it")
        if not 0 <= fee < 1:
            raise ModelError("fees: are not at least 0 and below the whole of what is traded")
        return cls(ids, prices, paying, fee, conditions, definition.document.is_long)

    @property
    def tradable(self) -> tuple[str, ...]:
        """All assets with a value but the one that pays."""
        return tuple(asset for asset in self.assets if asset != self.cash and self.prices[asset])

    def values(self, amounts: Amounts) -> dict[str, int]:
        """v_a of every asset."""
        return {asset: self.prices[asset] * amounts.get(asset, 0) for asset in self.assets}

    def failing(self, amounts: Amounts) -> list[Condition]:
        """The conditions that a portfolio does not satisfy."""
        values = with_total(self.values(amounts))
        return [condition for condition in self.conditions if not condition.holds(values)]

    def is_satisfied(self, amounts: Amounts) -> bool:
        """Whether a portfolio satisfies all conditions."""
        values = with_total(self.values(amounts))
        return all(condition.holds(values) for condition in self.conditions)

    def traded(self, trades: Amounts) -> int:
        """Value units."""
        return sum(self.prices[asset] * abs(amount) for asset, amount in trades.items())

    def settle(self, amounts: Amounts, trades: Amounts) -> dict[str, int]:
        """The portfolio after `trades`, which do not name the asset that pays."""
        spent = sum(self.prices[asset] * amount for asset, amount in trades.items())
        paid = spent + self.fee * self.traded(trades)
        after = {asset: amounts.get(asset, 0) + trades.get(asset, 0) for asset in self.assets}
        after[self.cash] -= -(-paid // self.prices[self.cash])
        return after


def _find_cash(definition: Allocation, assets: Sequence[Asset], prices: Mapping[str, int]) -> str:
    scale = definition.numbers.scale
    found = [
        asset.id
        for asset in assets
        if asset.decimals <= scale and prices[asset.id] == 10 ** (scale - asset.decimals)
    ]
    if len(found) != 1:
        what = "no asset has" if not found else f"{len(found)} assets have"
        raise ModelError(f"cash: {what} a price of 1: name the asset that trades are paid in")
    return found[0]
