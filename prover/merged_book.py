"""The accounts of a sealed book with changes applied, as a source to seal anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from primitives.assets import AssetList
from prover.book.store import AccountBatch
from prover.book_changes import BookChanges, merge_rows, pick_rows
from prover.errors import VaultError
from prover.vault import VaultBook


class MergedBook:
    """A `prover.commit.BookSource`: the vault's accounts, the listed ones with their new positions, then new ones."""

    def __init__(self, book: VaultBook, changes: BookChanges, documents: Mapping[str, Path]) -> None:
        self._book = book
        self._changes = changes
        leaves = book.find_leaves(changes.ids)
        self._listed = {account: place for place, account in enumerate(changes.ids) if leaves[place] >= 0}
        self._new = np.flatnonzero(leaves < 0)
        self.assets = AssetList(book.book.assets)
        self.account_count = book.account_count + len(self._new)
        self.documents = documents

    @property
    def new_accounts(self) -> int:
        """How many accounts the vault's book did not have."""
        return len(self._new)

    def iter_batches(self, max_accounts: int) -> Iterator[AccountBatch]:
        """All accounts, each once, at most `max_accounts` at a time."""
        done = 0
        for start in range(0, self._book.book.leaf_count, max_accounts):
            batch = self._sealed_accounts(start, min(start + max_accounts, self._book.book.leaf_count), done)
            done += len(batch.ids)
            if batch.ids:
                yield batch
        if done != self._book.account_count:
            raise VaultError(
                f"the vault holds {done} accounts but says {self._book.account_count}: it is damaged"
            )
        for start in range(0, len(self._new), max_accounts):
            places = self._new[start : start + max_accounts]
            rows = pick_rows(self._changes.rows, places)
            ids = [self._changes.ids[place] for place in places.tolist()]
            yield AccountBatch(done + start, ids, rows.row_offsets, rows.columns, rows.amounts)

    def _sealed_accounts(self, start: int, stop: int, done: int) -> AccountBatch:
        """The accounts at the leaves ``start <= u < stop``, padding left out."""
        found = self._book.accounts_between(start, stop)
        ids = [account for account, _ in found]
        rows = self._book.entries.rows_at(np.array([leaf for _, leaf in found], dtype=np.int64))
        replaced = [place for place, account in enumerate(ids) if account in self._listed]
        sources = np.array([self._listed[ids[place]] for place in replaced], dtype=np.int64)
        rows = merge_rows(rows, np.array(replaced, dtype=np.int64), pick_rows(self._changes.rows, sources))
        return AccountBatch(done, ids, rows.row_offsets, rows.columns, rows.amounts)
