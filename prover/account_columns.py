"""Batches of accounts with other amounts in single columns."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from circuits.positions import Int64Array, PositionBatch
from prover.book.store import AccountBatch


def positions_of(batch: AccountBatch) -> PositionBatch:
    """What the accounts of a batch hold."""
    return PositionBatch(batch.row_offsets, batch.columns, batch.amounts)


def with_columns(batch: PositionBatch, columns: Mapping[int, Int64Array], asset_count: int) -> PositionBatch:
    """The accounts with the amounts of `columns`, by asset index, in the place of theirs."""
    table = batch.to_dense(asset_count)
    for asset, amounts in columns.items():
        table[:, asset] = amounts
    accounts, assets = np.nonzero(table)
    offsets = np.zeros(batch.account_count + 1, np.int64)
    np.cumsum(np.bincount(accounts, minlength=batch.account_count), out=offsets[1:])
    return PositionBatch(offsets, assets.astype(np.int32), table[accounts, assets])


def column_of(batch: PositionBatch, asset: int) -> Int64Array:
    """Every account's amount of one asset."""
    accounts = np.repeat(np.arange(batch.account_count), np.diff(batch.row_offsets))
    chosen = batch.columns == asset
    amounts = np.zeros(batch.account_count, np.int64)
    amounts[accounts[chosen]] = batch.amounts[chosen]
    return amounts
