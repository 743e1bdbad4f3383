"""Binance proof of solvency: the user table and the price and tier table of its public prover.

Format and rules are those of binance/zkmerkle-proof-of-solvency (src/utils/utils.go, constants.go and
docs/updated_proof_of_solvency_to_mitigate_dummy_user_attack.md), read at commit 9a3e5b7. A user record is

    rn, id, { e_X, d_X, X, vl_X, m_X, pm_X } for every asset X, total_net_balance

with equity, debt, net balance and the three collateral pools. The reference ignores ``rn``, the net
columns (they carry rounding noise and zeros in its own sample) and the total, and so does this importer.
Asset X becomes five assets of the book, ``X:equity``, ``X:debt``, ``X:loan``, ``X:margin`` and
``X:portfolio``, all non-negative, with X in upper case (the reference compares without case).

Two rules make a well-formed account invalid: the pools of an asset pledge more than its equity, and the
value of all debts exceeds the value of all collateral under the tiers. The values are computed as the
reference does, in units of 10^-16 USDT, prices and tier products rounded down.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from primitives.account_id import AccountIdError
from primitives.assets import AssetList, AssetListError
from prover.book.amounts import format_amount
from prover.book.errors import ImportOptionsError
from prover.book.importers.base import Importer, ImportRequest, PreparedSource
from prover.book.importers.market_document import (
    MARKET_DOCUMENT,
    MarketAsset,
    PublishedPrice,
    Tier,
    market_document,
    parse_tiers,
)
from prover.book.importers.plain_csv import read_csv_header
from prover.book.intake import Intake
from prover.book.read_wide import AccountRule, RuleBreak, WideColumn, WidePlan, read_wide_csv
from prover.book.report import Problem
from prover.book.text_input import InputFaultError, check_readable

Int64Array = NDArray[np.int64]

KINDS: Final = ("equity", "debt", "loan", "margin", "portfolio")
POOLS: Final = KINDS[2:]
_PREFIXES: Final = ("e_", "d_", "", "vl_", "m_", "pm_")
_PLACES: Final = (0, 1, 3, 4, 5)
_VALUE_SCALE: Final = 16

TWO_DECIMAL_ASSETS: Final = frozenset({
    "BTTC", "SHIB", "LUNC", "XEC", "WIN", "BIDR", "SPELL", "HOT", "DOGE", "PEPE", "FLOKI", "IDRT", "DOGS",
    "BONK", "1000SATS", "NEIRO", "1000PEPPER", "NOT", "NFT", "BOME", "1MBABYDOGE", "HMSTR", "WLFI", "PUMP",
    "MONKY", "1000CHEEMS", "IDR",
})  # fmt: skip
"""Assets that the reference counts with 2 decimals; all others have 8 (AssetTypeForTwoDigits)."""


class _HexAccounts(AccountRule):
    """32 bytes in hexadecimal; letters are brought to lower case, because case does not tell ids apart."""

    def text(self, account: str) -> str:
        if not re.fullmatch(r"[0-9a-fA-F]{64}", account, re.ASCII):
            raise AccountIdError("not 64 hexadecimal digits")
        return account.lower()

    def column(self, accounts: pa.Array, *, plain: bool) -> pa.Array | None:
        del plain
        if not pc.all(pc.match_substring_regex(accounts, r"\A[0-9a-fA-F]{64}\z")).as_py():
            return None
        return pc.ascii_lower(accounts)


def _header_symbols(header: list[str], name: str) -> list[str]:
    """The asset symbols of the user table, in upper case."""
    symbols = []
    if len(header) < 9 or len(header) % 6 != 3 or header[1].lower() != "id":
        reason = "the header is not rn,id, six columns for every asset, and a total"
        raise InputFaultError(Problem("unexpected-header", name, reason, 1))
    for start in range(2, len(header) - 1, 6):
        group = [column.lower() for column in header[start : start + 6]]
        symbol = group[2]
        if group != [prefix + symbol for prefix in _PREFIXES]:
            reason = f"columns {start + 1} to {start + 6} are not e_X,d_X,X,vl_X,m_X,pm_X of one asset X"
            raise InputFaultError(Problem("unexpected-header", name, reason, 1, column=header[start]))
        symbols.append(symbol.upper())
    return symbols


def _decimals(symbol: str) -> int:
    return 2 if symbol in TWO_DECIMAL_ASSETS else 8


def load_prices(path: Path) -> dict[str, MarketAsset]:
    """The price and tier table: five columns, whatever their names, one row per symbol.

    Raises `InputFaultError` naming the line.
    """
    check_readable(path)
    name = str(path)
    market: dict[str, MarketAsset] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            next(reader, None)
            for row in reader:
                entry = _market_asset(row, name, reader.line_num)
                if entry.asset in market:
                    fault = Problem("malformed-price", name, "appears twice", reader.line_num, column=row[0])
                    raise InputFaultError(fault)
                market[entry.asset] = entry
    except UnicodeDecodeError as error:
        raise InputFaultError(Problem("malformed-price", name, f"not UTF-8: {error.reason}")) from None
    except csv.Error as error:
        raise InputFaultError(
            Problem("malformed-price", name, f"not CSV: {error}", reader.line_num)
        ) from None
    return market


def _market_asset(row: list[str], name: str, line: int) -> MarketAsset:
    if len(row) != 5:
        raise InputFaultError(Problem("malformed-price", name, f"{len(row)} columns instead of 5", line))
    symbol = row[0].upper()
    try:
        price = PublishedPrice.parse(row[1])
    except ValueError as error:
        raise InputFaultError(Problem("malformed-price", name, str(error), line, column=row[0])) from None
    try:
        pools = {pool: parse_tiers(text) for pool, text in zip(POOLS, row[2:], strict=True)}
    except ValueError as error:
        raise InputFaultError(Problem("malformed-tiers", name, str(error), line, column=row[0])) from None
    return MarketAsset(symbol, _decimals(symbol), price, pools)


def haircut_value(value: int, tiers: Sequence[Tier]) -> int:
    """``sum_k percent_k |[start_k, stop_k] cap [0, value]| / 100``, every tier rounded down.

    `value` and the result are in units of ``10^-16`` of the quote currency (the reference's
    CalculateAssetValueViaTiersRatio, with its precomputed sums).
    """
    unit = 10**_VALUE_SCALE
    total = 0
    for tier in tiers:
        if value <= tier.start * unit:
            break
        covered = min(value, tier.stop * unit) - tier.start * unit
        total += covered * tier.percent // 100
    return total


def debt_and_collateral(amounts: Sequence[Sequence[int]], market: Sequence[MarketAsset]) -> tuple[int, int]:
    """Values of all debts and of all collateral after haircut, in units of 10^-16 USDT.

    ``amounts[a]`` are the base units of asset ``market[a]``, in the order of `KINDS`. An asset with ``d``
    decimals has its price cut to ``16 - d``, as the reference's BasePrice.
    """
    debt = collateral = 0
    for (_, owed, *pools), entry in zip(amounts, market, strict=True):
        price = entry.price.truncated(_VALUE_SCALE - entry.decimals)
        debt += owed * price
        for pool, amount in zip(POOLS, pools, strict=True):
            collateral += haircut_value(amount * price, entry.pools[pool])
    return debt, collateral


@dataclass(frozen=True)
class _Rules:
    """The two rules on a matrix with the columns of `KINDS` for every asset, in base units."""

    market: tuple[MarketAsset, ...]

    def find(self, values: Int64Array) -> Iterator[RuleBreak]:
        yield from self._pledged_too_much(values)
        yield from self._debt_not_covered(values)

    def _pledged_too_much(self, values: Int64Array) -> Iterator[RuleBreak]:
        equity, _, *pools = (values[:, kind :: len(KINDS)] for kind in range(len(KINDS)))
        # e - l - m - p < 0, one step at a time so that nothing leaves 64 bits
        left = equity
        broken = np.zeros(equity.shape, np.bool_)
        for pool in pools:
            broken |= pool > left
            left = np.where(broken, 0, left - pool)
        for row, asset in np.argwhere(broken).tolist():
            entry = self.market[asset]
            pledged = sum(int(pool[row, asset]) for pool in pools)
            held = format_amount(int(equity[row, asset]), entry.decimals)
            reason = f"the collateral pools exceed the equity of {held}"
            value = format_amount(pledged, entry.decimals)
            yield RuleBreak(row, "collateral-exceeds-equity", entry.asset, value, reason)

    def _debt_not_covered(self, values: Int64Array) -> Iterator[RuleBreak]:
        for row in np.flatnonzero(values[:, 1 :: len(KINDS)].any(axis=1)).tolist():
            by_asset = values[row].reshape(-1, len(KINDS))
            used = np.flatnonzero(by_asset.any(axis=1)).tolist()
            debt, covered = debt_and_collateral(by_asset[used].tolist(), [self.market[a] for a in used])
            if debt > covered:
                shown = format_amount(covered, _VALUE_SCALE)
                reason = f"the debt in USDT exceeds the collateral under the tiers, {shown}"
                value = format_amount(debt, _VALUE_SCALE)
                yield RuleBreak(row, "debt-exceeds-collateral", "", value, reason)


def _column(header: list[str], number: int, kind: int, decimals: int) -> WideColumn:
    """Where amount `kind` of asset `number` stands in the user table, and in the book."""
    place = 2 + len(_PREFIXES) * number + _PLACES[kind]
    return WideColumn(place, header[place], len(KINDS) * number + kind, decimals, non_negative=True)


def _prepare(request: ImportRequest) -> PreparedSource:
    if request.assets is not None:
        raise ImportOptionsError("source binance takes its assets from the header; give no asset list")
    if request.prices is None:
        raise ImportOptionsError("source binance needs the price and tier table (cex_assets_info.csv)")
    first = request.inputs[0]
    symbols = _header_symbols(read_csv_header(first, request), str(first))
    prices = load_prices(request.prices)
    missing = [symbol for symbol in symbols if symbol not in prices]
    if missing:
        reason = f"has no price for {', '.join(missing[:10])}"
        raise InputFaultError(Problem("missing-price", str(request.prices), reason))
    market = tuple(prices[symbol] for symbol in symbols)
    try:
        assets = AssetList.of((f"{entry.asset}:{kind}", entry.decimals) for entry in market for kind in KINDS)
    except AssetListError as error:
        raise InputFaultError(Problem("unexpected-header", str(first), str(error), 1)) from None

    def plan_for(header: list[str], name: str) -> WidePlan:
        if _header_symbols(header, name) != symbols:
            reason = "the assets are not those of the first file, in its order"
            raise InputFaultError(Problem("unexpected-header", name, reason, 1))
        columns = tuple(
            _column(header, number, kind, entry.decimals)
            for number, entry in enumerate(market)
            for kind in range(len(KINDS))
        )
        return WidePlan(
            1, len(header), columns, account_rule=_HexAccounts(), find_rule_breaks=_Rules(market).find
        )

    def read(path: Path, intake: Intake) -> None:
        read_wide_csv(path, intake, plan_for, delimiter=",", chunk_bytes=request.options.chunk_bytes)

    def documents() -> dict[str, bytes]:
        return {MARKET_DOCUMENT: market_document("binance", "USDT", market)}

    return PreparedSource(assets, read, documents)


BINANCE = Importer("binance", "Binance proof of solvency: user table with a price and tier table", _prepare)
