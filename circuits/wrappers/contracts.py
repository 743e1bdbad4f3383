"""Charges on the notional of the contracts that a margin condition covers, in models of linear perpetuals."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

from circuits.market.document import MarketDocument
from circuits.market.snapshot import Contract, Option, Settlement
from circuits.modelling import Expression, Model, absolute_value
from circuits.modelling.definition import expect_market
from circuits.modelling.leaves import Alias, Position
from circuits.modelling.model import Margin
from circuits.pmrm2.market_document import Pmrm2Market
from circuits.public_market import PublicMarket
from primitives.assets import Asset


def contract_charge(model: Model, market: PublicMarket | None, margin: Margin, share: Fraction) -> Expression:
    """``sum_m ceil(share p_m) |q_m|`` over the contracts in the condition's equity, in its units, convex.

    p_m is what a base unit adds to equity, for long and short alike; rounded up by less than one unit per base unit.
    q_m is what stands in the place of the position, if something does (`Model.embedded`).
    """
    snapshot = expect_market(market, MarketDocument).snapshot
    contracts = {each.id for each in snapshot.instruments if isinstance(each, Contract)}
    return model.sum(
        ceil(share * abs(coefficient)) * absolute_value(leaf.expression())
        for leaf, coefficient in margin.equity.terms.items()
        if isinstance(leaf, Position | Alias) and leaf.asset_id in contracts
    )


def has_options(market: PublicMarket | None, assets: tuple[Asset, ...]) -> bool:
    """Whether an asset is an option of the market, whose prices are floats before they are integers."""
    if not isinstance(market, MarketDocument | Pmrm2Market):
        return False
    held = {asset.id for asset in assets}
    return any(isinstance(each, Option) and each.id in held for each in market.snapshot.instruments)


def curved_instrument(market: PublicMarket | None, assets: tuple[Asset, ...]) -> str | None:
    """An asset whose value is no linear function of prices, with what it is; None if there is none."""
    if not isinstance(market, MarketDocument | Pmrm2Market):
        return None
    held = {asset.id for asset in assets}
    for instrument in market.snapshot.instruments:
        if instrument.id not in held:
            continue
        if isinstance(instrument, Option):
            return f"{instrument.id!r} is an option"
        if isinstance(instrument, Contract) and instrument.settlement is Settlement.INVERSE:
            return f"{instrument.id!r} is an inverse contract"
    return None
