"""Policies of rebalancing: when accounts are topped up, to where, with what (``sealedbook/rebalancing-policy/v1``).

    E >= m R        m = 1 + beta for a buffer beta;  m = 1/rho for a margin ratio  MM/E <= rho

    {"format": "sealedbook/rebalancing-policy/v1",
     "trigger": {"margin_ratio": {"numerator": 1, "denominator": 1}},
     "target":  {"buffer": {"numerator": 1, "denominator": 9}},
     "assets": [{"asset": "USDT", "reserve": {"column": "wallet USDT"}, "minimum": "10", "lot": "0.01",
                 "fee": {"fixed": "1", "basis_points": "5"}, "latency": 2}],
     "withdraw": {"above": {"buffer": ...}, "down_to": {"buffer": ...}}}

Assets are used in their order. A reserve is a column of the same account, another account of the book (one for all), or
a stated amount for every account. An asset with a ``credit`` is pledged outside of the book: it counts by price and
haircut tiers, and no proof about the book can show it.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from circuits.modelling.errors import ModelError
from circuits.modelling.tables import HaircutTable
from circuits.models.risk_inputs import fraction_field
from circuits.prices import MAX_DECIMAL_LENGTH, scaled_decimal
from circuits.wrappers.capital_adequacy import MAX_TERM
from primitives.account_id import AccountIdError, canonical_account_id
from primitives.assets import MAX_ASSET_ID_BYTES, MAX_DECIMALS
from primitives.strict_json import Json, JsonObject, parse_json

POLICY_FORMAT: Final = "sealedbook/rebalancing-policy/v1"
MAX_POLICY_ASSETS: Final = 64
MAX_LATENCY: Final = 10_000
MAX_TIERS: Final = 64
_BASIS_POINTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Credit:
    """How an asset counts that is pledged outside of the book."""

    decimals: int
    price: Fraction
    table: HaircutTable


@dataclass(frozen=True, slots=True)
class ColumnReserve:
    """What the same account holds in another column of the book."""

    column: str


@dataclass(frozen=True, slots=True)
class AccountReserve:
    """What another account of the book can spare, for all accounts together."""

    account: str


@dataclass(frozen=True, slots=True)
class AmountReserve:
    """A stated amount for every account, canonical decimal text; None is without limit."""

    amount: str | None


Reserve = ColumnReserve | AccountReserve | AmountReserve


@dataclass(frozen=True, slots=True)
class PolicyAsset:
    """One permitted asset. Amounts are canonical decimal text in whole units; fees are paid on top, by the reserve."""

    asset: str
    reserve: Reserve
    fixed_fee: str = "0"
    fee_rate: Fraction = Fraction(0)
    minimum: str = "0"
    lot: str | None = None
    latency: int = 0
    credit: Credit | None = None


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Above so many times the requirement, equity is taken out down to a lower multiple."""

    above: Fraction
    down_to: Fraction


@dataclass(frozen=True)
class RebalancingPolicy:
    """Multiples of the requirement, and the assets in the order in which they are used."""

    trigger: Fraction
    target: Fraction
    assets: tuple[PolicyAsset, ...]
    withdraw: Withdrawal | None = None

    @staticmethod
    def parse(data: bytes) -> RebalancingPolicy:
        """A policy document; `JsonError` names the field at fault."""
        fields = JsonObject(parse_json(data))
        fields.constant("format", POLICY_FORMAT)
        trigger = _read_multiple(fields.object("trigger"))
        target = _read_multiple(fields.object("target"))
        if target < trigger:
            raise fields.fail("target", "is below the trigger: a top-up would be called for again at once")
        assets = fields.array("assets", _parse_asset, max_items=MAX_POLICY_ASSETS)
        if not assets or len({each.asset for each in assets}) != len(assets):
            raise fields.fail("assets", "is empty, or lists an asset twice")
        withdraw = None
        if fields.has("withdraw"):
            entry = fields.object("withdraw")
            withdraw = Withdrawal(
                _read_multiple(entry.object("above")), _read_multiple(entry.object("down_to"))
            )
            if not target <= withdraw.down_to <= withdraw.above:
                raise entry.fail("down_to", "is not between the target and 'above'")
            if assets[0].credit is not None:
                raise entry.fail("above", "takes out the first asset, which is pledged outside of the book")
            entry.finish()
        fields.finish()
        return RebalancingPolicy(trigger, target, tuple(assets), withdraw)


def _read_multiple(fields: JsonObject) -> Fraction:
    """``{"buffer": n/d}`` as 1 + n/d, ``{"margin_ratio": n/d}`` as d/n."""
    if fields.has("buffer"):
        name = "buffer"
        part = _read_fraction(fields.object(name), minimum=0)
        multiple = 1 + part
    else:
        name = "margin_ratio"
        part = _read_fraction(fields.object(name), minimum=1)
        if part > 1:
            raise fields.fail(name, "is above 1: the requirement itself would not be met")
        multiple = 1 / part
    fields.finish()
    if max(multiple.numerator, multiple.denominator) > MAX_TERM:
        raise fields.fail(name, f"makes a multiple of the requirement with a term above {MAX_TERM}")
    return multiple


def _read_fraction(fields: JsonObject, *, minimum: int) -> Fraction:
    numerator = fields.integer("numerator", minimum=minimum, maximum=MAX_TERM)
    denominator = fields.integer("denominator", minimum=1, maximum=MAX_TERM)
    fields.finish()
    return Fraction(numerator, denominator)


def _parse_asset(value: Json, path: str) -> PolicyAsset:
    fields = JsonObject(value, path)
    asset = fields.text("asset", max_length=MAX_ASSET_ID_BYTES)
    reserve = _read_reserve(fields.object("reserve"))
    if isinstance(reserve, ColumnReserve) and reserve.column == asset:
        raise fields.fail("reserve", "is the asset itself")
    fixed, rate = "0", Fraction(0)
    if fields.has("fee"):
        fee = fields.object("fee")
        fixed = _amount_text(fee, "fixed") if fee.has("fixed") else "0"
        if fee.has("basis_points"):
            rate = fraction_field(fee, "basis_points", maximum=_BASIS_POINTS) / _BASIS_POINTS
        fee.finish()
    minimum = _amount_text(fields, "minimum") if fields.has("minimum") else "0"
    lot = _amount_text(fields, "lot") if fields.has("lot") else None
    if lot == "0":
        raise fields.fail("lot", "is zero")
    latency = fields.integer("latency", minimum=0, maximum=MAX_LATENCY) if fields.has("latency") else 0
    credit = _read_credit(fields.object("credit")) if fields.has("credit") else None
    if credit is not None and not isinstance(reserve, AmountReserve):
        raise fields.fail("reserve", "is of the book, and the asset is pledged outside of it")
    fields.finish()
    return PolicyAsset(asset, reserve, fixed, rate, minimum, lot, latency, credit)


def _read_reserve(fields: JsonObject) -> Reserve:
    """``{"column"}``, ``{"account"}``, ``{"amount"}`` or ``{"unlimited": true}``."""
    if fields.has("column"):
        reserve: Reserve = ColumnReserve(fields.text("column", max_length=MAX_ASSET_ID_BYTES))
    elif fields.has("account"):
        account = fields.text("account", max_length=256)
        try:
            reserve = AccountReserve(canonical_account_id(account))
        except AccountIdError as error:
            raise fields.fail("account", str(error)) from error
    elif fields.has("unlimited"):
        if fields.raw("unlimited") is not True:
            raise fields.fail("unlimited", "is not true: state an amount, or leave it out")
        reserve = AmountReserve(None)
    else:
        reserve = AmountReserve(_amount_text(fields, "amount"))
    fields.finish()
    return reserve


def _read_credit(fields: JsonObject) -> Credit:
    decimals = fields.integer("decimals", minimum=0, maximum=MAX_DECIMALS)
    price = fraction_field(fields, "price")
    if price == 0:
        raise fields.fail("price", "is zero")
    tiers = fields.array("tiers", _parse_tier, max_items=MAX_TIERS)
    fields.finish()
    try:
        table = HaircutTable(tuple(tiers))
    except ModelError as error:
        raise fields.fail("tiers", str(error)) from error
    return Credit(decimals, price, table)


def _parse_tier(value: Json, path: str) -> tuple[Fraction | None, Fraction]:
    fields = JsonObject(value, path)
    upper = fraction_field(fields, "to") if fields.has("to") else None
    ratio = fraction_field(fields, "ratio", maximum=1)
    fields.finish()
    return upper, ratio


def _amount_text(fields: JsonObject, name: str) -> str:
    """Canonical decimal text that is not negative."""
    text = fields.text(name, max_length=MAX_DECIMAL_LENGTH)
    try:
        is_negative = scaled_decimal(text, MAX_DECIMAL_LENGTH) < 0
    except ValueError as error:
        raise fields.fail(name, f"{text!r} is {error}") from error
    if is_negative:
        raise fields.fail(name, "is negative")
    return text
