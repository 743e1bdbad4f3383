"""What an update changes: which leaves are sealed anew, whose they are, and what they hold.

- An account of the book that is listed keeps its leaf, with its new positions, none if it has none any more.
- A new account takes a padding leaf, chosen at random.
- A *cover* leaf, chosen at random among all others, padding included, is sealed anew with what it holds already.

Outside nobody can tell the three apart: each has a fresh tag and a fresh commitment.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from primitives.assets import AssetList
from prover.book.store import AccountBatch
from prover.commit import BookSource
from prover.errors import ProverError
from prover.vault import AccountRows, EntryStore, VaultBook

_BATCH_ACCOUNTS: Final = 1 << 15


@dataclass(frozen=True)
class BookChanges:
    """The listed accounts with their new full positions, and the public documents that came along."""

    ids: list[str] = field(repr=False)
    rows: AccountRows = field(repr=False)
    documents: Mapping[str, Path]

    @staticmethod
    def read(source: BookSource, book: VaultBook) -> BookChanges:
        """All of `source`, into memory; `ProverError` if its list of assets is not that of `book`."""
        _check_assets(source.assets, book)
        batches = list(source.iter_batches(_BATCH_ACCOUNTS))
        ids = [account for batch in batches for account in batch.ids]
        return BookChanges(ids, _join(batches), source.documents)


@dataclass(frozen=True)
class ResealedLeaves:
    """The leaves that are sealed anew: indices (ascending), ids (empty for padding) and entries."""

    leaves: NDArray[np.int64] = field(repr=False)
    ids: list[str] = field(repr=False)
    rows: AccountRows = field(repr=False)
    new_ids: list[str] = field(repr=False)
    new_leaves: NDArray[np.int64] = field(repr=False)

    def __len__(self) -> int:
        return len(self.leaves)


def choose_leaves(book: VaultBook, changes: BookChanges, cover: int) -> ResealedLeaves:
    """Which leaves an update of `book` seals anew, with `cover` leaves beyond those that change.

    Raises `ProverError` where new accounts find no padding leaf, or there are not as many leaves to cover with.
    """
    listed = book.find_leaves(changes.ids)
    new = np.flatnonzero(listed < 0)
    listed[new] = _choose_padding(book, len(new))
    covered = _choose_cover(book.book.leaf_count, listed, cover)
    cover_ids = [account or "" for account in book.accounts_at(covered.tolist())]
    leaves = np.concatenate([listed, covered])
    order = np.argsort(leaves, kind="stable")
    ids = [*changes.ids, *cover_ids]
    rows = pick_rows(_append(changes.rows, book.entries.rows_at(covered)), order)
    new_ids = [changes.ids[place] for place in new.tolist()]
    return ResealedLeaves(leaves[order], [ids[k] for k in order.tolist()], rows, new_ids, listed[new])


def merge_rows(old: AccountRows, places: NDArray[np.int64], new: AccountRows) -> AccountRows:
    """`old` with the rows at `places` replaced by those of `new`, in their order."""
    order = np.arange(len(old.row_offsets) - 1, dtype=np.int64)
    order[places] = len(order) + np.arange(len(places), dtype=np.int64)
    return pick_rows(_append(old, new), order)


def pick_rows(rows: AccountRows, order: NDArray[np.int64]) -> AccountRows:
    """The rows at `order`, in that order."""
    counts = np.diff(rows.row_offsets).astype(np.int32)
    return EntryStore(rows.row_offsets[:-1], counts, rows.columns, rows.amounts).rows_at(order)


def _check_assets(assets: AssetList, book: VaultBook) -> None:
    if assets.assets == book.book.assets:
        return
    raise ProverError(
        f"the changes have another list of assets ({len(assets):,}) than the sealed book ({len(book.book.assets):,}): "
        "ids, decimals and order must be the same; a book with other assets has to be sealed by itself"
    )


def _choose_padding(book: VaultBook, count: int) -> NDArray[np.int64]:
    if not count:
        return np.empty(0, dtype=np.int64)
    padding = np.flatnonzero(~book.occupied())
    if len(padding) < count:
        raise ProverError(
            f"{count:,} accounts are new, and the sealed book has padding for {len(padding):,}: seal the book anew, "
            "with more leaves (`sealedbook update --form unlinkable`)"
        )
    return _sample(padding, count)


def _choose_cover(leaf_count: int, taken: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    available = np.ones(leaf_count, dtype=np.bool_)
    available[taken] = False
    others = np.flatnonzero(available)
    if count > len(others):
        raise ProverError(f"a cover of {count:,} leaves is asked for, and {len(others):,} do not change")
    return _sample(others, count)


def _sample(choices: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """`count` of `choices`, each set equally likely, by the randomness of the operating system."""
    places = secrets.SystemRandom().sample(range(len(choices)), count)
    return choices[np.array(places, dtype=np.int64)]


def _join(batches: list[AccountBatch]) -> AccountRows:
    ends = np.cumsum([0] + [len(batch.columns) for batch in batches])
    offsets = [batch.row_offsets[:-1] + end for batch, end in zip(batches, ends[:-1], strict=True)]
    return AccountRows(
        np.concatenate([*offsets, ends[-1:]]).astype(np.int64),
        np.concatenate([np.empty(0, np.int32), *(batch.columns for batch in batches)]),
        np.concatenate([np.empty(0, np.int64), *(batch.amounts for batch in batches)]),
    )


def _append(first: AccountRows, second: AccountRows) -> AccountRows:
    return AccountRows(
        np.concatenate([first.row_offsets, second.row_offsets[1:] + first.row_offsets[-1]]),
        np.concatenate([first.columns, second.columns]),
        np.concatenate([first.amounts, second.amounts]),
    )
