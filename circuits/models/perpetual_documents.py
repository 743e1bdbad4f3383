"""Reading models of perpetuals: tables of rates, and compartments of collateral and positions.

Everything a table must be is checked where it is read, so that an error names the entry: bounds increase, rates do not
decrease, deductions are those that make the charge continuous.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from circuits.market.decimals import decimal_text
from circuits.modelling import ChargeTable
from circuits.models.perpetual_charges import OpenOrders, PerpetualMarket, RateTable, StepTable
from circuits.models.risk_inputs import fraction_field, underlying_id
from primitives.assets import MAX_ASSET_ID_BYTES, MAX_ASSETS
from primitives.strict_json import Json, JsonError, JsonObject

MAX_TABLES: Final = 4_096
MAX_TIERS: Final = 64
MAX_RATE: Final = 10
_MAX_NAME: Final = 64


@dataclass(frozen=True, slots=True)
class Compartment:
    """Collateral, by asset id, and the positions that it stands for, and no others."""

    label: str
    collateral: tuple[str, ...]
    markets: tuple[PerpetualMarket, ...]


def parse_tables(fields: JsonObject, read: Callable[[JsonObject], RateTable]) -> dict[str, RateTable]:
    """The field ``tables``: objects with a ``name`` and what `read` reads of them, by name."""
    tables: dict[str, RateTable] = {}

    def parse(value: Json, path: str) -> None:
        entry = JsonObject(value, path)
        name = entry.text("name", max_length=_MAX_NAME)
        if name in tables:
            raise entry.fail("name", f"there is a table {name!r} already")
        tables[name] = read(entry)
        entry.finish()

    fields.array("tables", parse, max_items=MAX_TABLES)
    return tables


def read_rate_table(fields: JsonObject) -> RateTable:
    """``tiers``: ``[{"from", "rate", "cum"?}]``, or ``steps``: ``[{"to", "rate"}]``."""
    if fields.has("steps"):
        return StepTable(read_tiers(fields, "steps", "to"))
    return ChargeTable(read_tiers(fields, "tiers", "from"))


def read_tiers(
    fields: JsonObject,
    name: str,
    bound_name: str,
    read_rate: Callable[[JsonObject], Fraction] | None = None,
) -> tuple[tuple[Fraction, Fraction], ...]:
    """Entries ``{bound_name, "rate", "cum"?}`` as (bound, rate): bounds increase, rates do not decrease.

    Lower bounds (``from``) begin at 0, upper ones (``to``) are above it. `read_rate` reads what is there instead of
    ``rate``. ``cum``, in a table of rates from lower bounds, is what is deducted from rate times notional; it is
    compared with what continuity asks for.
    """
    tiers: list[tuple[Fraction, Fraction]] = []
    allows_deduction = bound_name == "from" and read_rate is None
    deduction = Fraction(0)

    def parse(value: Json, path: str) -> None:
        nonlocal deduction
        entry = JsonObject(value, path)
        bound = fraction_field(entry, bound_name)
        rate = fraction_field(entry, "rate", maximum=MAX_RATE) if read_rate is None else read_rate(entry)
        if tiers and bound <= tiers[-1][0]:
            raise entry.fail(bound_name, f"{bound} does not follow {tiers[-1][0]}")
        if not tiers and (bound == 0) != (bound_name == "from"):
            raise entry.fail(bound_name, "the first tier begins at 0" if bound else "is zero")
        if tiers and rate < tiers[-1][1]:
            raise JsonError(path, f"the rate falls from {tiers[-1][1]} to {rate}: a charge must not")
        deduction += bound * (rate - tiers[-1][1]) if tiers else 0
        if allows_deduction and entry.has("cum") and fraction_field(entry, "cum") != deduction:
            expected = decimal_text(Decimal(deduction.numerator) / deduction.denominator)
            raise entry.fail("cum", f"continuity asks for {expected}")
        entry.finish()
        tiers.append((bound, rate))

    fields.array(name, parse, max_items=MAX_TIERS)
    if not tiers:
        raise fields.fail(name, "is empty")
    return tuple(tiers)


class CompartmentReader:
    """Reads compartments, and sees to it that no asset has two parts."""

    def __init__(self, tables: dict[str, RateTable]) -> None:
        self._tables = tables
        self._parts: dict[str, str] = {}

    def cross(self, fields: JsonObject) -> Compartment:
        """The field ``cross``."""
        collateral = self._collateral(fields)
        markets = fields.array("markets", self._market, max_items=MAX_ASSETS)
        if not markets:
            raise fields.fail("markets", "is empty")
        fields.finish()
        return Compartment("margin", collateral, tuple(markets))

    def isolated(self, value: Json, path: str) -> Compartment:
        """An entry of ``isolated``."""
        fields = JsonObject(value, path)
        collateral = self._collateral(fields)
        market = self._market(fields.raw("market"), fields.path("market"))
        fields.finish()
        return Compartment(f"{market.asset} isolated margin", collateral, (market,))

    def asset(self, value: Json, path: str) -> str:
        """The id of an asset that has no part yet."""
        asset = underlying_id(value, path)
        if asset in self._parts:
            raise JsonError(path, f"asset {asset!r} has a part in the model already: {self._parts[asset]}")
        self._parts[asset] = path
        return asset

    def _collateral(self, fields: JsonObject) -> tuple[str, ...]:
        collateral = tuple(fields.array("collateral", self.asset, max_items=MAX_ASSETS))
        if not collateral:
            raise fields.fail("collateral", "is empty")
        return collateral

    def _market(self, value: Json, path: str) -> PerpetualMarket:
        fields = JsonObject(value, path)
        asset = self._asset_field(fields, "asset")
        name = fields.text("table", max_length=_MAX_NAME)
        if name not in self._tables:
            raise fields.fail("table", f"there is no table {name!r}")
        fee_rate = fraction_field(fields, "fee_rate", maximum=1) if fields.has("fee_rate") else Fraction(0)
        orders = self._orders(fields.object("orders")) if fields.has("orders") else None
        fields.finish()
        return PerpetualMarket(asset, self._tables[name], fee_rate, orders)

    def _orders(self, fields: JsonObject) -> OpenOrders:
        orders = OpenOrders(self._asset_field(fields, "buy"), self._asset_field(fields, "sell"))
        fields.finish()
        return orders

    def _asset_field(self, fields: JsonObject, name: str) -> str:
        return self.asset(fields.text(name, max_length=MAX_ASSET_ID_BYTES), fields.path(name))
