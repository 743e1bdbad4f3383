"""OtterSec proof of reserves: ``private_ledger.json`` (otter-sec/por_v2, README.md and src/lib.rs).

::

    {"timestamp": 1746488437000,
     "assets": {"ETH": {"usdt_decimals": 2, "balance_decimals": 4, "price": 200040}, ...},
     "accounts": {"<user hash>": {"BTC": 534054, "ETH": -4761, ...}, ...}}

Balances are integers in base units of ``10^-balance_decimals`` and may be negative; the price of one
unit is ``price * 10^-usdt_decimals`` USDT. The two numbers of decimals add up alike for all assets, and
the value of an account must not be negative. The reference insists on a balance for every asset in every
account and overlooks unknown names; here a missing balance is 0 and an unknown name is a fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from primitives.assets import AssetList, AssetListError
from primitives.strict_json import Json
from prover.book.amounts import format_amount
from prover.book.errors import ImportOptionsError
from prover.book.importers.base import Importer, ImportRequest, PreparedSource
from prover.book.importers.json_stream import JsonStream, NotAnInteger, Pairs
from prover.book.importers.market_document import (
    MARKET_DOCUMENT,
    MarketAsset,
    PublishedPrice,
    market_document,
)
from prover.book.intake import Intake
from prover.book.read_wide import RuleBreak, WideColumn, WidePlan, WideRows
from prover.book.report import Problem
from prover.book.text_input import InputFaultError

Int64Array = NDArray[np.int64]

_ACCOUNTS_PER_BATCH: Final = 8192
_MAX_PRICE: Final = 1 << 64


@dataclass(frozen=True)
class _Ledger:
    """What stands beside the accounts."""

    market: tuple[MarketAsset, ...]
    assets: AssetList

    @staticmethod
    def parse(value: Any, name: str) -> _Ledger:
        """From the member ``assets``; `InputFaultError` with the reason."""
        if not isinstance(value, Pairs) or not value:
            raise InputFaultError(Problem("malformed-json", name, "assets is not an object with assets"))
        market = tuple(_market_asset(asset, entry, name) for asset, entry in value)
        if len({entry.decimals + entry.price.scale for entry in market}) != 1:
            reason = "usdt_decimals + balance_decimals is not the same for all assets"
            raise InputFaultError(Problem("inconsistent-decimals", name, reason))
        try:
            assets = AssetList.of((entry.asset, entry.decimals) for entry in market)
        except AssetListError as error:
            raise InputFaultError(Problem("malformed-json", name, f"assets: {error}")) from None
        return _Ledger(market, assets)

    def find_rule_breaks(self, values: Int64Array) -> Iterator[RuleBreak]:
        """Accounts whose balances are worth less than nothing."""
        prices = [entry.price.units for entry in self.market]
        scale = self.market[0].decimals + self.market[0].price.scale
        for row in np.flatnonzero((values < 0).any(axis=1)).tolist():
            worth = sum(amount * price for amount, price in zip(values[row].tolist(), prices, strict=True))
            if worth < 0:
                value = format_amount(worth, scale)
                yield RuleBreak(row, "negative-equity", "", value, "the balances are worth less than 0 USDT")


def _market_asset(asset: str, entry: Any, name: str) -> MarketAsset:
    members = dict(entry) if isinstance(entry, Pairs) else {}
    limits = {"usdt_decimals": 18, "balance_decimals": 18, "price": _MAX_PRICE - 1}
    numbers = [members.get(key) for key in limits]
    in_range = all(
        type(number) is int and 0 <= number <= limit
        for number, limit in zip(numbers, limits.values(), strict=True)
    )
    if not in_range or len(entry) != len(limits):
        reason = "needs exactly usdt_decimals and balance_decimals (0 to 18) and price (64 bits)"
        raise InputFaultError(Problem("malformed-json", name, reason, column=asset))
    scale, decimals, units = (int(number) for number in numbers if number is not None)
    return MarketAsset(asset, decimals, PublishedPrice(format_amount(units, scale), units, scale))


def _open(path: Path, request: ImportRequest, intake: Intake | None) -> JsonStream:
    on_bytes = intake.on_bytes if intake else _unheard
    return JsonStream(path, chunk_bytes=request.options.chunk_bytes, on_bytes=on_bytes)


def _unheard(read: int) -> None:
    del read


def _find_assets(path: Path, request: ImportRequest) -> _Ledger:
    """The assets of a ledger, wherever they stand in it."""
    stream = _open(path, request, None)
    for member in stream.members():
        if member == "assets":
            return _Ledger.parse(stream.value(), str(path))
        if member == "accounts":
            for _ in stream.members():
                stream.value()
        else:
            stream.value()
    raise InputFaultError(Problem("malformed-json", str(path), "has no member assets"))


@dataclass
class _Reader:
    """One ledger file on its way into the intake."""

    ledger: _Ledger
    request: ImportRequest
    timestamps: list[int]

    def read(self, path: Path, intake: Intake) -> None:
        name = str(path)
        columns = tuple(
            WideColumn(place, asset.id, place, asset.decimals)
            for place, asset in enumerate(self.ledger.assets)
        )
        plan = WidePlan(0, len(columns), columns, find_rule_breaks=self.ledger.find_rule_breaks)
        rows = WideRows(intake, intake.grouper.file_number(name), name, plan)
        stream = _open(path, self.request, intake)
        seen = []
        for member in stream.members():
            seen.append(member)
            if member == "accounts":
                self._accounts(stream, rows)
            elif member == "assets":
                if _Ledger.parse(stream.value(), name) != self.ledger:
                    reason = "the assets are not those of the first file"
                    raise InputFaultError(Problem("malformed-json", name, reason))
            elif member == "timestamp":
                self._timestamp(stream.value(), name)
            else:
                raise stream.fault(f"unknown member {member[:40]!r}")
        stream.expect_end()
        if sorted(seen) not in (["accounts", "assets", "timestamp"], ["accounts", "assets"]):
            reason = "needs the members assets and accounts, and at most one timestamp"
            raise InputFaultError(Problem("malformed-json", name, reason))

    def _timestamp(self, value: Any, name: str) -> None:
        if type(value) is not int or not 0 <= value < 1 << 53:
            raise InputFaultError(
                Problem("malformed-json", name, "timestamp is not a number of milliseconds")
            )
        self.timestamps.append(value)

    def _accounts(self, stream: JsonStream, rows: WideRows) -> None:
        index_of = {asset_id: index for index, asset_id in enumerate(self.ledger.assets.ids)}
        zeros: list[str | int] = [0] * len(index_of)
        for number, account in enumerate(stream.members(), start=1):
            balances = stream.value()
            amounts = list(zeros)
            fault = _fill(amounts, balances, index_of)
            if fault is None:
                rows.add_record(number, account, amounts)
            else:
                code, reason, column, text = fault
                rows.intake.rows += 1
                rows.intake.reject(Problem(code, rows.name, reason, number, account, column, text), rows.file)
            if number % _ACCOUNTS_PER_BATCH == 0:
                rows.flush()
        rows.flush()


def _fill(
    amounts: list[str | int], balances: Any, index_of: dict[str, int]
) -> tuple[str, str, str, str] | None:
    """Put the balances of one account in place; code, reason, asset and value of the first fault, or None."""
    if not isinstance(balances, Pairs):
        return "malformed-amount", "the account is not an object of balances", "", str(balances)
    seen = set()
    for asset, amount in balances:
        index = index_of.get(asset)
        if index is None:
            return "unknown-asset", "the asset is not among the assets of the ledger", asset, str(amount)
        if asset in seen:
            return "duplicate-row", "the asset is given twice in this account", asset, str(amount)
        seen.add(asset)
        if type(amount) is not int:
            kind = "a fraction" if isinstance(amount, NotAnInteger) else "no number"
            return "malformed-amount", f"is {kind}; balances are integers in base units", asset, str(amount)
        amounts[index] = amount
    return None


def _prepare(request: ImportRequest) -> PreparedSource:
    request.refuse_prices("ottersec")
    if request.assets is not None:
        raise ImportOptionsError("source ottersec takes its assets from the ledger; give no asset list")
    ledger = _find_assets(request.inputs[0], request)
    reader = _Reader(ledger, request, [])

    def documents() -> dict[str, bytes]:
        return {MARKET_DOCUMENT: market_document("ottersec", "USDT", ledger.market)}

    def description() -> dict[str, Json]:
        return {"timestamps_ms": list(reader.timestamps)}

    return PreparedSource(ledger.assets, reader.read, documents, description)


OTTERSEC = Importer("ottersec", "OtterSec proof of reserves: private_ledger.json", _prepare)
