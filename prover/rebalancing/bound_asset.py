"""An asset of a policy in terms of a book: columns, base units, lots, fees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from circuits.positions import Int64Array
from circuits.prices import scaled_decimal
from primitives.assets import Asset
from prover.errors import ProverError
from prover.rebalancing.policy import AccountReserve, ColumnReserve, PolicyAsset

MOST: Final = 1 << 61
"""Base units: no account holds more, so that sums of two amounts fit int64."""


class PolicyError(ProverError):
    """A policy does not fit the book."""


@dataclass(frozen=True, slots=True)
class BoundAsset:
    """An asset of a policy in terms of a book: columns, and amounts in base units. `column` is None for a credit."""

    policy: PolicyAsset
    column: int | None
    decimals: int
    lot: int
    minimum: int
    fixed_fee: int
    reserve_column: int | None
    reserve_account: int | None
    reserve_amount: int

    @staticmethod
    def of(entry: PolicyAsset, assets: tuple[Asset, ...], accounts: Mapping[str, int]) -> BoundAsset:
        """Raises `PolicyError` where the book has no such column, account or unit."""
        columns = {asset.id: place for place, asset in enumerate(assets)}
        column = None
        if entry.credit is None:
            column = _column(columns, entry.asset)
            decimals = assets[column].decimals
        else:
            decimals = entry.credit.decimals
        reserve_column = reserve_account = None
        reserve_amount = MOST
        if isinstance(entry.reserve, ColumnReserve):
            reserve_column = _column(columns, entry.reserve.column)
            if assets[reserve_column].decimals != decimals:
                raise PolicyError(
                    f"{entry.reserve.column!r} has other decimals than {entry.asset!r}: amounts cannot be moved"
                )
        elif isinstance(entry.reserve, AccountReserve):
            if entry.reserve.account not in accounts:
                raise PolicyError("the account that pays is not in the book")
            reserve_account = accounts[entry.reserve.account]
        elif entry.reserve.amount is not None:
            reserve_amount = min(MOST, _base_units(entry.reserve.amount, decimals, entry.asset))
        lot = 1 if entry.lot is None else _base_units(entry.lot, decimals, entry.asset)
        minimum = _base_units(entry.minimum, decimals, entry.asset)
        fixed = _base_units(entry.fixed_fee, decimals, entry.asset)
        if max(lot, minimum, fixed) > MOST:
            raise PolicyError(f"{entry.asset!r}: lot, minimum or fee is beyond 2^61 base units")
        return BoundAsset(
            entry, column, decimals, lot, minimum, fixed, reserve_column, reserve_account, reserve_amount
        )

    @property
    def least_lots(self) -> int:
        """Of a transfer: one, or what makes the minimum."""
        return max(1, -(-self.minimum // self.lot))

    def fees(self, amounts: Int64Array) -> Int64Array:
        """Fixed part and share of the amount, rounded up; nothing of nothing."""
        rate = self.policy.fee_rate
        if not rate:
            shares = np.zeros(len(amounts), np.int64)
        else:
            exact = -(-(amounts.astype(object) * rate.numerator) // rate.denominator)
            shares = exact.astype(np.int64)
        result: Int64Array = np.where(amounts > 0, shares + self.fixed_fee, 0)
        return result

    def lots_within(self, available: Int64Array) -> Int64Array:
        """The most lots whose amount and fee a reserve covers; 0 where that is less than the least transfer."""
        rate = self.policy.fee_rate
        room = np.maximum(0, available - self.fixed_fee).astype(object)
        lots = (room * rate.denominator // (rate.denominator + rate.numerator)) // self.lot
        counts = lots.astype(np.int64)
        is_over = (counts > 0) & (counts * self.lot + self.fees(counts * self.lot) > available)
        counts[is_over] -= 1
        counts[counts < self.least_lots] = 0
        return counts


def _column(columns: Mapping[str, int], asset: str) -> int:
    if asset not in columns:
        raise PolicyError(f"asset {asset!r} is not in the book")
    return columns[asset]


def _base_units(text: str, decimals: int, asset: str) -> int:
    try:
        return scaled_decimal(text, decimals)
    except ValueError as error:
        raise PolicyError(f"{text} of {asset!r} ({decimals} decimals) is {error}") from error
