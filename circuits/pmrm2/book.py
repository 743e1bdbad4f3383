"""The margin of one book: from a model, a market and the book's assets to integer figures and columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from math import ceil

import numpy as np

from circuits.market.decimals import power_of_ten
from circuits.market.snapshot import Cash, Contract, MarketSnapshot, Settlement, Spot
from circuits.market.snapshot import Option as ListedOption
from circuits.modelling import ModelError
from circuits.modelling.definition import Numbers
from circuits.pmrm2.evaluate import Amounts
from circuits.pmrm2.inputs import Collateral, Expiry, Market, Option
from circuits.pmrm2.integer_prices import IntegerPrices, check_prices, integer_prices
from circuits.pmrm2.integers import Figures, UnitSizes, exact, integer_figures
from circuits.pmrm2.market_document import Pmrm2Market, PublishedPrices
from circuits.pmrm2.model_document import CollateralTerms, ModelFields
from circuits.pmrm2.parameters import MarginInputError
from circuits.pmrm2.rows import Columns
from circuits.positions import PositionBatch
from primitives.assets import Asset, AssetList
from primitives.parameters import AMOUNT_LIMIT


@dataclass(frozen=True, eq=False)
class Book:
    """The margin of one book: market, integer prices and figures of its columns."""

    market: Market
    prices: IntegerPrices
    figures: Figures
    columns: Columns
    units: UnitSizes
    options: tuple[Asset, ...]
    expiries: tuple[datetime, ...]


def amounts_of(positions: PositionBatch, assets: Sequence[Asset], columns: Columns) -> Amounts:
    """The columns of the margin from the positions of a book with these `assets`."""
    table = positions.to_dense(len(assets)).astype(object)
    place = {asset.id: index for index, asset in enumerate(assets)}
    zero = np.zeros(len(table), object)

    def column(name: str | None) -> np.ndarray[tuple[int, ...], np.dtype[np.object_]]:
        return zero if name is None else table[:, place[name]]

    return Amounts(
        table[:, [place[name] for name in columns.options]],
        column(columns.perp),
        column(columns.unsettled),
        column(columns.cash),
        table[:, [place[name] for name in columns.collaterals]],
    )


def make_book(fields: ModelFields, assets: AssetList, document: Pmrm2Market) -> Book:
    """The margin of a book with these `assets`.

    Integer prices published with the market are checked and then used; without any, those computed here are.
    Raises `ModelError`, `MarginInputError`, `circuits.market.errors.MarketError`, `circuits.pricing.PricingError`.
    """
    snapshot = document.snapshot
    options = _listed_options(fields, assets, snapshot)
    expiries = tuple(sorted({option.expiry for _, option in options}))
    market = Market(
        spot=_index(snapshot, fields.underlying),
        spot_confidence=document.confidences.spot,
        perp=0.0 if fields.perp is None else float(_contract(snapshot, fields).mark),
        perp_confidence=1.0 if fields.perp is None else document.confidences.perp,
        stable=_price(snapshot, fields.cash),
        expiries=tuple(_expiry(fields, document, expiry) for expiry in expiries),
        options=tuple(
            Option(
                expiries.index(option.expiry), float(option.strike), option.is_call, float(option.volatility)
            )
            for _, option in options
        ),
        collaterals=tuple(_collateral(document, terms) for terms in fields.collaterals),
    )
    units = _units(fields, assets, snapshot, options)
    prices = integer_prices(market, fields.parameters, units.options)
    listed = tuple(asset for asset, _ in options)
    if document.unit_prices is not None:
        _check_header(document.unit_prices, fields.numbers.scale, listed, expiries)
        check_prices(document.unit_prices.prices, prices)
        prices = document.unit_prices.prices
    figures = integer_figures(market, fields.parameters, prices, units)
    columns = _columns(fields, assets, listed, market, units)
    return Book(market, prices, figures, columns, units, listed, expiries)


def _listed_options(
    fields: ModelFields, assets: AssetList, snapshot: MarketSnapshot
) -> list[tuple[Asset, ListedOption]]:
    """The options on the underlying among the assets of the book, in its order."""
    listed = {each.id: each for each in snapshot.instruments if isinstance(each, ListedOption)}
    found = [(asset, listed[asset.id]) for asset in assets if asset.id in listed]
    return [(asset, option) for asset, option in found if option.underlying == fields.underlying]


def _index(snapshot: MarketSnapshot, underlying: str) -> float:
    index = snapshot.underlying(underlying).index
    if index is None:
        raise ModelError(f"underlying {underlying!r} has no index")
    return float(index)


def _contract(snapshot: MarketSnapshot, fields: ModelFields) -> Contract:
    contract = snapshot.instrument(fields.perp or "")
    if not isinstance(contract, Contract) or contract.expiry is not None:
        raise ModelError(f"{fields.perp!r} is not a perpetual")
    if contract.settlement is not Settlement.LINEAR or contract.underlying != fields.underlying:
        raise ModelError(f"perpetual {fields.perp!r} is inverse, or of another underlying")
    return contract


def _price(snapshot: MarketSnapshot, asset: str) -> float:
    instrument = snapshot.instrument(asset)
    if isinstance(instrument, Cash):
        return float(instrument.price)
    if isinstance(instrument, Spot):
        return _index(snapshot, instrument.underlying)
    raise ModelError(f"instrument {asset!r} is neither cash nor spot")


def _expiry(fields: ModelFields, document: Pmrm2Market, expiry: datetime) -> Expiry:
    snapshot = document.snapshot
    point = snapshot.underlying(fields.underlying).point(expiry)
    confidences = document.confidences.expiries.get(expiry)
    if point is None or confidences is None:
        raise ModelError(f"the market has no forward or no confidences for the expiry {expiry.isoformat()}")
    return Expiry(
        snapshot.seconds_to(expiry),
        float(point.forward),
        float(point.rate),
        confidences.volatility,
        confidences.forward,
        confidences.rate,
    )


def _collateral(document: Pmrm2Market, terms: CollateralTerms) -> Collateral:
    confidence = document.confidences.collaterals.get(terms.asset)
    if confidence is None:
        raise ModelError(f"the market has no confidence for collateral {terms.asset!r}")
    return Collateral(
        terms.asset,
        _price(document.snapshot, terms.asset),
        confidence,
        terms.is_risk_cancelling,
        terms.maintenance_haircut,
        terms.initial_haircut,
    )


def _units(
    fields: ModelFields,
    assets: AssetList,
    snapshot: MarketSnapshot,
    options: Sequence[tuple[Asset, ListedOption]],
) -> UnitSizes:
    scale = fields.numbers.scale

    def unit(asset_id: str) -> Fraction:
        if asset_id not in assets:
            raise ModelError(f"asset {asset_id!r} is not in the book")
        return power_of_ten(scale - assets[assets.index(asset_id)].decimals)

    def integer(asset_id: str) -> int:
        size = unit(asset_id)
        if size.denominator != 1:
            raise ModelError(f"one base unit of {asset_id!r} is below the value unit 10^-{scale}")
        return size.numerator

    return UnitSizes(
        cash=integer(fields.cash),
        unsettled=0 if fields.unsettled is None else integer(fields.unsettled),
        perp=(
            Fraction(0)
            if fields.perp is None
            else Fraction(_contract(snapshot, fields).multiplier) * unit(fields.perp)
        ),
        options=tuple(Fraction(option.multiplier) * unit(asset.id) for asset, option in options),
        collaterals=tuple(unit(terms.asset) for terms in fields.collaterals),
    )


def _check_header(
    published: PublishedPrices, scale: int, options: tuple[Asset, ...], expiries: tuple[datetime, ...]
) -> None:
    for name, theirs, ours in (
        ("scale", published.scale, scale),
        ("assets", published.options, options),
        ("expiries", published.expiries, expiries),
    ):
        if theirs != ours:
            raise MarginInputError(f"unit_prices.{name}", "are not those of the model and the book")


def _columns(
    fields: ModelFields, assets: AssetList, options: tuple[Asset, ...], market: Market, units: UnitSizes
) -> Columns:
    spot, stable = exact(market.spot), exact(market.stable)
    sizes: dict[str, Fraction] = {fields.cash: Fraction(units.cash)}
    if fields.unsettled is not None:
        sizes[fields.unsettled] = Fraction(units.unsettled)
    if fields.perp is not None:
        sizes[fields.perp] = units.perp * spot
    sizes |= {asset.id: unit * spot for asset, unit in zip(options, units.options, strict=True)}
    sizes |= {
        collateral.name: unit * exact(collateral.price) / stable
        for collateral, unit in zip(market.collaterals, units.collaterals, strict=True)
    }
    roles = len([fields.cash, *options, *fields.collaterals]) + sum(
        name is not None for name in (fields.perp, fields.unsettled)
    )
    if len(sizes) != roles:
        raise ModelError("an option of the book has another role in the model as well")
    others = tuple(asset.id for asset in assets if asset.id not in sizes)
    bounds = {name: _bound(size, fields.numbers) for name, size in sizes.items()}
    bounds |= dict.fromkeys(others, AMOUNT_LIMIT)
    return Columns(
        fields.cash,
        fields.perp,
        fields.unsettled,
        tuple(asset.id for asset in options),
        tuple(terms.asset for terms in fields.collaterals),
        others,
        bounds,
    )


def _bound(size: Fraction, numbers: Numbers) -> int:
    """A power of two above the amount that is worth the cap, at `size` value units per base unit."""
    limit = 1 << numbers.position_bits
    return limit if size == 0 else min(limit, 1 << ceil(numbers.value_cap / size).bit_length())


def row_cap(book: Book, numbers: Numbers) -> int:
    """What no row of an account exceeds whose gross value is within the cap, in value units.

    The gross value is ``S (sum |a_i| + |q|) + sum val_j w_j + |c| + |u|``. With rho the largest ratio of a figure of an
    option, perp or collateral to its notional, ``V <= rho cap`` and ``f d phi <= 2 f d rho cap``.
    """
    figures, spot = book.figures, exact(book.market.spot)
    ratios = [Fraction(1)]
    lines = [figures.mark, figures.basis_up, figures.basis_down]
    lines += [line for scenario in figures.scenarios for line in (scenario.long, scenario.short)]
    for i, unit in enumerate(book.units.options):
        ratios.append(Fraction(max(abs(line[i]) for line in lines)) / (unit * spot))
    if book.units.perp:
        largest = max((abs(scenario.perp) for scenario in figures.scenarios), default=0)
        ratios.append(Fraction(largest) / (book.units.perp * spot))
    for j, value in enumerate(figures.collaterals):
        if value:
            largest = max((abs(scenario.collaterals[j]) for scenario in figures.scenarios), default=0)
            ratios.append(Fraction(largest, value))
    factors = [figures.basis_maintenance, figures.basis_initial]
    factors += [
        factor for scenario in figures.scenarios for factor in (scenario.maintenance, scenario.initial)
    ]
    steepest = max(Fraction(factor.numerator, factor.denominator) for factor in factors)
    return ceil(max(ratios) * (1 + 2 * steepest) * numbers.value_cap)
