"""Collateral with haircuts in value tiers, against debts (docs/models/cross-collateral.md).

*Pools* (Binance proof of solvency). Asset i has equity e_i, debt d_i and collateral c_ij in the pools j; P_i is its
price and h_ij its haircut table:

    d_i >= 0,   c_ij >= 0,   sum_j c_ij <= e_i,   sum_i P_i d_i <= sum_ij h_ij(P_i c_ij)

*Signed*. Asset i has one signed balance x_i; what is held counts by a ratio or a table, what is owed in full or
more, by a weight w_i >= 1:

    sum_i v_i(x_i) >= 0,   v_i(x) = h_i(P_i x) for x >= 0,   v_i(x) = w_i P_i x for x < 0

Both are concave, so that no boolean is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import ClassVar, Final, Self

from circuits.market.document import MarketDocument
from circuits.market.snapshot import Cash, Spot
from circuits.modelling import Expression, HaircutTable, Model, ModelError, haircut_table, minimum, two_slopes
from circuits.modelling.definition import ModelDefinition, Numbers, decimal_field, expect_market
from circuits.modelling.words import ModelWords, counted
from circuits.prices import PriceDocument
from circuits.public_market import PublicMarket
from circuits.source_market import POOLS, SourceAsset, SourceMarket
from primitives.assets import MAX_ASSET_ID_BYTES, MAX_ASSETS
from primitives.strict_json import Json, JsonObject

EQUITY: Final = "equity"
DEBT: Final = "debt"
COLUMNS: Final = (EQUITY, DEBT, *POOLS)
MAX_TIERS: Final = 64
_RATIO_DECIMALS: Final = 6
_PERCENT: Final = 100

POOL_NUMBERS: Final = Numbers(scale=16, position_bits=61)
"""Four amounts of 61 bits add up to less than 2^63, which is why equity needs no row of its own."""
SIGNED_NUMBERS: Final = Numbers(scale=6)


@dataclass(frozen=True, slots=True)
class SignedCollateral:
    """How the signed balance of one asset counts: held by `table`, owed by `debt_weight`."""

    asset: str
    table: HaircutTable
    debt_weight: Fraction


@dataclass(frozen=True)
class CrossCollateral(ModelDefinition):
    """``{"kind": "cross-collateral", "version": 1, "layout": "pools" or "signed", ...}``.

    ``pools``: the book has the assets ``X:equity``, ``X:debt``, ``X:loan``, ``X:margin`` and ``X:portfolio`` for
    every X, prices and tiers come with the market (`circuits.source_market`). With the optional field
    ``rounding`` as ``exact`` (default) prices are cut to 10^-16 of the quote per base unit, as the published
    statement does, and haircut values are exact in hundredths of that; with ``fold`` each coefficient is rounded
    against the account, which saves 7 bits a row and allows coarser units.

    ``signed``: the field ``assets`` lists ``{"asset", "ratio" or "tiers": [{"to"?, "ratio"}], "debt_weight"?}``;
    prices come with the market. Assets that are not listed count nothing and must not be negative.
    """

    kind: ClassVar[str] = "cross-collateral"

    signed: tuple[SignedCollateral, ...] | None
    """None for the layout ``pools``."""
    is_exact: bool
    _numbers: Numbers

    @classmethod
    def from_json(cls, fields: JsonObject) -> Self:
        """Read the fields of either layout."""
        layout = fields.text("layout", max_length=16)
        if layout == "pools":
            rounding = fields.text("rounding", max_length=16) if fields.has("rounding") else "exact"
            if rounding not in ("exact", "fold"):
                raise fields.fail("rounding", f"{rounding!r} is not 'exact' or 'fold'")
            numbers = Numbers.from_json(fields, POOL_NUMBERS)
            if rounding == "exact" and numbers.scale != POOL_NUMBERS.scale:
                reason = (
                    f"'exact' is what the published statement says in 10^-{POOL_NUMBERS.scale}: use 'fold'"
                )
                raise fields.fail("rounding", reason)
            return cls(None, is_exact=rounding == "exact", _numbers=numbers)
        if layout != "signed":
            raise fields.fail("layout", f"{layout!r} is not 'pools' or 'signed'")
        listed = tuple(fields.array("assets", _parse_signed, max_items=MAX_ASSETS))
        if not listed or len({entry.asset for entry in listed}) != len(listed):
            raise fields.fail("assets", "is empty, or lists an asset twice")
        return cls(listed, is_exact=False, _numbers=Numbers.from_json(fields, SIGNED_NUMBERS))

    @property
    def numbers(self) -> Numbers:
        """10^-16 for pools, as the published statement counts; else 10^-6."""
        return self._numbers

    @property
    def has_concave_slack(self) -> bool:
        """Haircuts are the least of lines, debts are linear."""
        return True

    @property
    def has_net_equity(self) -> bool:
        """Of signed balances; debts to pools stand against what is pledged, as a requirement."""
        return self.signed is not None

    def words(self) -> ModelWords:
        """For people."""
        return self._pools_words() if self.signed is None else _signed_words(self.signed)

    def _pools_words(self) -> ModelWords:
        rounding = (
            "not conservative: haircuts are exact, at prices cut to 10^-16 per base unit; the published statement "
            "rounds each tier down to 10^-16 as well, which asks for up to 10^-7 cents more"
            if self.is_exact
            else f"rounding: collateral down and debts up, by less than 10^-{self.numbers.scale} per base unit"
        )
        return ModelWords(
            "Binance's proof of solvency, collateral in three pools",
            (
                "signs: no debt and no pledged amount is negative",
                f"pledges: in each asset, what is pledged to the pools ({', '.join(POOLS)}) together is at most "
                "the equity",
                "cover: debts, at the prices of the market, are at most the pledged collateral after its haircuts, "
                "which grow with its value, tier by tier",
            ),
            ("collateral beyond the last tier of a table counts nothing", rounding),
        )

    def build(self, model: Model, market: PublicMarket | None) -> None:
        """The rows of the layout."""
        if self.signed is None:
            self._build_pools(model, expect_market(market, SourceMarket))
            return
        prices = _prices(market)
        listed = {entry.asset: entry for entry in self.signed}
        for asset_id in listed:
            if asset_id not in model.assets:
                raise ModelError(f"asset {asset_id!r} is not in the book")
        for asset in model.assets:
            if asset.id not in listed:
                model.position(asset.id, non_negative=True)
        values = [
            signed_value(model, entry, _price(prices, entry.asset), self.numbers) for entry in self.signed
        ]
        model.require_margin(model.sum(values), model.constant(0), label="collateral covers debts")

    def _build_pools(self, model: Model, market: SourceMarket) -> None:
        symbols = _symbols(model)
        scale = _PERCENT if self.is_exact else 1
        collateral, debts = [], []
        for symbol in symbols:
            entry = market.assets.get(symbol)
            if entry is None:
                raise ModelError(f"the market has no asset {symbol!r}")
            credited, owed = self._add_asset(model, entry, scale)
            collateral += credited
            debts.append(owed)
        model.require_margin(
            model.sum(collateral), model.sum(debts), label="collateral covers debts", scale=scale
        )

    def _add_asset(self, model: Model, entry: SourceAsset, scale: int) -> tuple[list[Expression], Expression]:
        """What each pool counts, and the value of the debt, both in ``1/scale`` value unit."""
        decimals = model.assets[model.assets.index(f"{entry.asset}:{EQUITY}")].decimals
        if decimals != entry.decimals:
            raise ModelError(f"asset {entry.asset!r} has {decimals} decimals, in the market {entry.decimals}")
        unit_price = entry.price * self.numbers.units / 10**decimals
        bound = _position_bound(unit_price, self.numbers)
        equity = model.position(f"{entry.asset}:{EQUITY}", bound=bound)
        debt = model.position(f"{entry.asset}:{DEBT}", bound=bound, non_negative=True)
        pools = {
            pool: model.position(f"{entry.asset}:{pool}", bound=bound, non_negative=True) for pool in POOLS
        }
        model.require(equity - model.sum(pools.values()) >= 0, f"{entry.asset} pools within equity")
        credited = [
            haircut_table(
                _published_table(entry, pool),
                amount,
                floor(unit_price),
                units=self.numbers.units,
                label=f"{entry.asset} {pool}",
                scale=scale,
            )
            for pool, amount in pools.items()
        ]
        owed = floor(unit_price) if self.is_exact else ceil(unit_price)
        return credited, scale * owed * debt


def signed_value(model: Model, entry: SignedCollateral, price: Fraction, numbers: Numbers) -> Expression:
    """``v_i(x_i)`` in value units, concave, coefficients rounded against the account."""
    asset = model.assets[model.assets.index(entry.asset)]
    unit_price = price * numbers.units / 10**asset.decimals
    balance = model.position(entry.asset)
    owed = ceil(entry.debt_weight * unit_price)
    pieces = [
        (floor(piece.slope * unit_price), floor(piece.intercept * numbers.units))
        for piece in entry.table.pieces
    ]
    if len(pieces) == 1:
        return two_slopes(balance, pieces[0][0], owed, label=entry.asset)
    lines = {
        f"tier {number}": slope * balance + extra for number, (slope, extra) in enumerate(pieces, start=1)
    }
    if pieces[0][0] != owed:
        lines["owed"] = owed * balance
    return minimum(lines, label=f"{entry.asset} value")


def _signed_words(entries: tuple[SignedCollateral, ...]) -> ModelWords:
    return ModelWords(
        "cross-collateral with one signed balance per asset",
        (
            f"cover: balances held in {counted(len(entries), 'listed asset')}, after haircuts that grow with "
            "their value, are worth at least the balances owed, times their debt weights",
            "owes nothing in any other asset",
        ),
        (
            "assets that the model does not list count nothing",
            "rounding: what is held down, what is owed up, by less than one value unit per base unit",
        ),
    )


def _symbols(model: Model) -> list[str]:
    """The X of the book, in its order; each with all its columns."""
    symbols: dict[str, set[str]] = {}
    for asset in model.assets:
        symbol, _, column = asset.id.rpartition(":")
        if not symbol or column not in COLUMNS:
            raise ModelError(f"asset {asset.id!r} is not of the form X:{'|'.join(COLUMNS)}")
        symbols.setdefault(symbol, set()).add(column)
    for symbol, columns in symbols.items():
        if len(columns) != len(COLUMNS):
            missing = ", ".join(column for column in COLUMNS if column not in columns)
            raise ModelError(f"the book has no {missing} of asset {symbol!r}")
    return list(symbols)


def _position_bound(unit_price: Fraction, numbers: Numbers) -> int:
    """A power of two that an account within the cap does not reach, and at most ``2^position_bits``."""
    if unit_price == 0:
        return 1 << numbers.position_bits
    return 1 << min(numbers.position_bits, ceil(numbers.value_cap / unit_price).bit_length())


def _published_table(entry: SourceAsset, pool: str) -> HaircutTable:
    tiers = entry.pools.get(pool, ())
    try:
        return HaircutTable(tuple((Fraction(tier.upper), Fraction(tier.percent, _PERCENT)) for tier in tiers))
    except ModelError as error:
        raise ModelError(f"{entry.asset}, pool {pool}: {error}") from error


def _prices(market: PublicMarket | None) -> Mapping[str, Fraction]:
    if isinstance(market, PriceDocument):
        return {asset: Fraction(price) for asset, price in market.prices.prices.items()}
    snapshot = expect_market(market, MarketDocument).snapshot
    prices: dict[str, Fraction] = {}
    for instrument in snapshot.instruments:
        if isinstance(instrument, Cash):
            prices[instrument.id] = Fraction(instrument.price)
        elif isinstance(instrument, Spot):
            index = snapshot.underlying(instrument.underlying).index
            if index is not None:
                prices[instrument.id] = Fraction(index)
    return prices


def _price(prices: Mapping[str, Fraction], asset_id: str) -> Fraction:
    if asset_id not in prices:
        raise ModelError(f"the market has no price for asset {asset_id!r}")
    return prices[asset_id]


def _parse_signed(value: Json, path: str) -> SignedCollateral:
    fields = JsonObject(value, path)
    asset = fields.text("asset", max_length=MAX_ASSET_ID_BYTES)
    if fields.has("ratio"):
        tiers: list[tuple[Fraction | None, Fraction]] = [(None, _ratio(fields, "ratio"))]
    else:
        tiers = fields.array("tiers", _parse_tier, max_items=MAX_TIERS)
    weight = _ratio(fields, "debt_weight") if fields.has("debt_weight") else Fraction(1)
    fields.finish()
    try:
        table = HaircutTable(tuple(tiers))
    except ModelError as error:
        raise fields.fail("tiers", str(error)) from error
    if any(ratio > 1 for _, ratio in tiers):
        raise fields.fail("tiers", "a ratio is above 1")
    if weight < 1:
        raise fields.fail("debt_weight", "is below 1")
    return SignedCollateral(asset, table, weight)


def _parse_tier(value: Json, path: str) -> tuple[Fraction | None, Fraction]:
    fields = JsonObject(value, path)
    upper = None
    if fields.has("to"):
        upper = Fraction(fields.decimal_integer("to", minimum=1, maximum=10**30))
    ratio = _ratio(fields, "ratio")
    fields.finish()
    return upper, ratio


def _ratio(fields: JsonObject, name: str) -> Fraction:
    value = Fraction(decimal_field(fields, name, decimals=_RATIO_DECIMALS), 10**_RATIO_DECIMALS)
    if value < 0:
        raise fields.fail(name, "is negative")
    return value
