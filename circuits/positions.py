"""The positions of a batch of accounts in compressed sparse row form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from primitives.parameters import AMOUNT_LIMIT

Int64Array = NDArray[np.int64]
Int32Array = NDArray[np.int32]


class PositionBatch:
    """What n accounts hold and owe: the input of row evaluation. Immutable; its repr shows no amount.

    Account u has the entries ``row_offsets[u] <= k < row_offsets[u+1]``: ``amounts[k]`` base units,
    ``|amount| < 2^63``, of asset ``columns[k]``. An account names an asset once, in increasing order.
    """

    __slots__ = ("amounts", "columns", "row_offsets")

    def __init__(self, row_offsets: Int64Array, columns: Int32Array, amounts: Int64Array) -> None:
        """Raises `ValueError` naming what is malformed."""
        _check_arrays(row_offsets, columns, amounts)
        self.row_offsets = row_offsets
        self.columns = columns
        self.amounts = amounts

    @classmethod
    def zeros(cls, accounts: int) -> PositionBatch:
        """`accounts` empty accounts."""
        return cls(np.zeros(accounts + 1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int64))

    @classmethod
    def from_mappings(cls, accounts: Sequence[Mapping[int, int]]) -> PositionBatch:
        """From one mapping per account, asset index to amount; zero amounts are left out."""
        entries = [
            sorted((asset, amount) for asset, amount in account.items() if amount) for account in accounts
        ]
        flat = [entry for account in entries for entry in account]
        if any(abs(amount) >= AMOUNT_LIMIT for _, amount in flat):
            raise ValueError("an amount is not within +-(2^63 - 1) base units")
        offsets = np.zeros(len(entries) + 1, np.int64)
        np.cumsum([len(account) for account in entries], out=offsets[1:])
        return cls(
            offsets,
            np.array([asset for asset, _ in flat], np.int32),
            np.array([amount for _, amount in flat], np.int64),
        )

    @property
    def account_count(self) -> int:
        """n, the number of accounts."""
        return len(self.row_offsets) - 1

    def check_asset_count(self, asset_count: int) -> None:
        """Raise `ValueError` if an entry names an asset that a statement on `asset_count` assets has not."""
        if len(self.columns) and int(self.columns.max()) >= asset_count:
            raise ValueError(f"a position names an asset beyond the {asset_count} of the statement")

    def account(self, index: int) -> dict[int, int]:
        """The positions of one account, asset index to amount."""
        start, stop = int(self.row_offsets[index]), int(self.row_offsets[index + 1])
        columns, amounts = self.columns[start:stop].tolist(), self.amounts[start:stop].tolist()
        return dict(zip(columns, amounts, strict=True))

    def accounts(self, start: int, stop: int) -> PositionBatch:
        """The accounts ``start <= u < stop``."""
        if not 0 <= start <= stop <= self.account_count:
            raise ValueError("account range out of bounds")
        offsets = self.row_offsets[start : stop + 1]
        first, last = int(offsets[0]), int(offsets[-1])
        return PositionBatch(offsets - first, self.columns[first:last], self.amounts[first:last])

    def only_assets_below(self, limit: int) -> PositionBatch:
        """The same accounts without their positions in the assets from index `limit` on."""
        kept = self.columns < limit
        counts = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept, dtype=np.int64)])
        return PositionBatch(counts[self.row_offsets], self.columns[kept], self.amounts[kept])

    def to_dense(self, asset_count: int) -> Int64Array:
        """The ``[n, asset_count]`` table of amounts."""
        self.check_asset_count(asset_count)
        table = np.zeros((self.account_count, asset_count), np.int64)
        accounts = np.repeat(np.arange(self.account_count), np.diff(self.row_offsets))
        table[accounts, self.columns] = self.amounts
        return table

    def __repr__(self) -> str:
        return f"PositionBatch(accounts={self.account_count}, entries={len(self.columns)})"


def _check_arrays(row_offsets: Int64Array, columns: Int32Array, amounts: Int64Array) -> None:
    if row_offsets.dtype != np.int64 or columns.dtype != np.int32 or amounts.dtype != np.int64:
        raise ValueError("positions must have int64 offsets, int32 columns and int64 amounts")
    if row_offsets.ndim != 1 or columns.ndim != 1 or columns.shape != amounts.shape:
        raise ValueError("positions must be one-dimensional, with as many columns as amounts")
    if len(row_offsets) == 0 or row_offsets[0] != 0 or row_offsets[-1] != len(columns):
        raise ValueError("row offsets must run from 0 to the number of entries")
    if np.any(row_offsets[1:] < row_offsets[:-1]):
        raise ValueError("row offsets must not decrease")
    if np.any(columns < 0):
        raise ValueError("a position names a negative asset index")
    if np.any(amounts == np.int64(-AMOUNT_LIMIT)):
        raise ValueError("an amount is not within +-(2^63 - 1) base units")
    starts_account = np.zeros(len(columns) + 1, np.bool_)
    starts_account[row_offsets] = True
    if np.any((columns[1:] <= columns[:-1]) & ~starts_account[1:-1]):
        raise ValueError("the positions of an account must name each asset once, in increasing order")
