"""What a linear perpetual is charged: tables of rates over its notional, open orders, taker fees.

Of a position q (base units, worth p each) the notional is ``N = p |q|``, for long and short alike. With open buy
orders B and sell orders S it is what the worse side would leave, ``N = p max(B + q, S - q)``.

    brackets     charge = max_k (r_k N - c_k)                    convex, no boolean
    steps        charge = r_k N, k the first tier with N <= b_k  jumps at the bounds: a boolean a tier
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import TypeAlias

from circuits.modelling import (
    ChargeTable,
    Expression,
    Model,
    absolute_value,
    maximum,
    stepped_charge,
    top_maximum,
)


@dataclass(frozen=True, slots=True)
class StepTable:
    """Tiers (b_k, r_k): rate r_k applies to the *whole* notional up to b_k, in whole units of the quote.

    Bounds increase, rates are not negative and do not decrease. Beyond the last bound nothing can be proven.
    """

    tiers: tuple[tuple[Fraction, Fraction], ...]


RateTable: TypeAlias = ChargeTable | StepTable


@dataclass(frozen=True, slots=True)
class OpenOrders:
    """The assets of the book that hold what the account has in open orders, both in base units of the perpetual."""

    buy: str
    sell: str


@dataclass(frozen=True, slots=True)
class PerpetualMarket:
    """How the position in one perpetual is charged; the fee is a share of ``p |q|``, orders or not."""

    asset: str
    table: RateTable
    fee_rate: Fraction
    orders: OpenOrders | None


def position_charge(
    model: Model, market: PerpetualMarket, unit_value: int, units: int, *, at_top: bool
) -> Expression:
    """The charge in value units, convex; rounded up by less than one unit per base unit and rate.

    `unit_value` is p in value units, `units` of which make a whole unit of the quote currency. With `at_top` a
    charge by brackets takes no variable, and may only stand in one ``>= 0`` of the model.
    """
    sizes = _sizes(model, market)
    label = f"{market.asset} requirement"
    # Without orders the fee's notional is that of the table: one rate.
    fee_in_table = market.fee_rate if market.orders is None else Fraction(0)
    if isinstance(market.table, StepTable):
        result = _steps(market.table, sizes, unit_value, units, fee_in_table, label)
    else:
        result = _brackets(market.table, sizes, unit_value, units, fee_in_table, label, at_top=at_top)
    if market.orders is None or not market.fee_rate:
        return result
    return result + ceil(market.fee_rate * unit_value) * absolute_value(model.position(market.asset))


def _sizes(model: Model, market: PerpetualMarket) -> Mapping[str, Expression]:
    """Expressions of which the largest is the size in base units."""
    position = model.position(market.asset)
    if market.orders is None:
        return {"": absolute_value(position)}
    buy = model.position(market.orders.buy, non_negative=True)
    sell = model.position(market.orders.sell, non_negative=True)
    return {"buy orders filled, ": position + buy, "sell orders filled, ": sell - position}


def _brackets(
    table: ChargeTable,
    sizes: Mapping[str, Expression],
    unit_value: int,
    units: int,
    fee_rate: Fraction,
    label: str,
    *,
    at_top: bool,
) -> Expression:
    """``max_k (ceil(r_k p) n - floor(c_k))``, over all sizes n.

    A size that is negative has negative lines only, and B + q, S - q are never both so: the maximum is that of the
    largest size.
    """
    lines: dict[str, Expression | int] = {
        f"{side}from {lower}": ceil((piece.slope + fee_rate) * unit_value) * size
        - floor(-piece.intercept * units)
        for side, size in sizes.items()
        for (lower, _), piece in zip(table.tiers, table.pieces, strict=True)
    }
    if at_top:
        return top_maximum(lines, label=label)
    return maximum(lines if len(sizes) == 1 else lines | {"nothing": 0}, label=label)


def _steps(
    table: StepTable,
    sizes: Mapping[str, Expression],
    unit_value: int,
    units: int,
    fee_rate: Fraction,
    label: str,
) -> Expression:
    """``stepped_charge`` of the size: N <= b_k exactly if the size is at most ``floor(b_k / p)``."""
    (size, *others) = sizes.values()
    if others:
        size = maximum({**sizes, "nothing": 0}, label=f"{label}: size")
    tiers = [
        (floor(bound * units / unit_value), ceil((rate + fee_rate) * unit_value))
        for bound, rate in table.tiers
    ]
    return stepped_charge(size, tiers, label=label)
