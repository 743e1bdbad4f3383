"""Books with a column that says what every account misses, for `circuits.wrappers.insured`.

The exact shortfall of each account under the model is written into a new book, beside everything else: the old one
stays as it is. Where the model counts accounts, their column gets a one; where a fund is inside the book, its account
gets the fund's size with a minus sign, and a one. The columns must not be there already.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from circuits.claim_statement import MODEL_ROLE, ClaimDocumentError, find_margin_model, read_market
from circuits.modelling.errors import ModelError
from circuits.positions import Int64Array, PositionBatch
from circuits.wrappers.insured import Insured
from primitives.amounts_text import plain_amount
from primitives.assets import MAX_DECIMALS, Asset, AssetList
from primitives.parameters import AMOUNT_LIMIT
from primitives.strict_json import Json
from prover.account_columns import positions_of, with_columns
from prover.book import atomic
from prover.book.errors import BookExistsError, BookWriteError
from prover.book.store import AccountBatch, Book, BookWriter, refuse_to_overwrite
from prover.errors import ProverError
from prover.progress import Progress, no_progress

ACCOUNTS_AT_ONCE: Final = 1 << 16


@dataclass(frozen=True)
class FundAccount:
    """The account that holds the insurance fund, and its size in whole units of the quote currency."""

    account: str
    amount: int = field(repr=False)


@dataclass(frozen=True)
class ShortfallSummary:
    """Private: how many accounts miss something, and how much together, in whole units of the quote currency."""

    accounts: int
    short: int = field(repr=False)
    total: str = field(repr=False)
    largest: str = field(repr=False)
    columns: tuple[str, ...]


def write_shortfalls(
    book: Book,
    out: Path,
    *,
    model: bytes,
    market: bytes | None,
    fund: FundAccount | None = None,
    replace: bool = False,
    progress: Progress = no_progress,
) -> ShortfallSummary:
    """Write `book` with the columns of the model, which is of kind ``insured``, to the new book folder `out`.

    Raises `ClaimDocumentError`, `ProverError`, `prover.book.errors.BookExistsError` and `BookWriteError`.
    """
    refuse_to_overwrite(out, replace=replace)
    if out.resolve() == book.path.resolve():
        raise BookExistsError(f"{out} is the book that is read: choose another place")
    work = _Shortfalls(book, model, market, fund)
    try:
        with atomic.build_folder(out) as folder:
            made = folder / "book"
            made.mkdir(mode=0o700)
            writer = BookWriter(made, work.assets)
            done = 0
            for batch in book.iter_batches(ACCOUNTS_AT_ONCE):
                writer.add_part(*work.part(batch))
                done += len(batch.ids)
                progress("Computing shortfalls", done, book.account_count)
            work.finish()
            for name, path in book.documents.items():
                writer.add_document(name, path.read_bytes())
            writer.finish(_source(book, model))
            atomic.put_in_place(made, out)
    except OSError as error:
        raise BookWriteError(
            f"cannot write the book {out}: {error.strerror or error}; nothing was changed"
        ) from error
    return work.summary()


class _Shortfalls:
    def __init__(self, book: Book, model: bytes, market: bytes | None, fund: FundAccount | None) -> None:
        definition = find_margin_model(model)
        if not isinstance(definition, Insured):
            raise ClaimDocumentError(MODEL_ROLE, f"is not of kind {Insured.kind!r}")
        if (fund is None) != (definition.fund is None):
            missing = (
                "names no fund"
                if definition.fund is None
                else "names a fund, and no account was given for it"
            )
            raise ProverError(f"the model {missing}")
        for column in definition.columns:
            if column in book.assets:
                raise ProverError(f"the book has a column {column!r} already")
        decimals = min(definition.numbers.scale, MAX_DECIMALS)
        new = [
            Asset(column, decimals if column == definition.shortfall else 0) for column in definition.columns
        ]
        self.assets = AssetList((*book.assets, *new))
        self._definition = definition
        self._decimals = decimals
        self._fund = fund
        self._fund_found = False
        try:
            self._of = definition.shortfalls(self.assets.assets, read_market(market))
        except ModelError as error:
            raise ClaimDocumentError(MODEL_ROLE, str(error)) from error
        self._accounts = self._short = self._total = self._largest = 0

    def part(self, batch: AccountBatch) -> tuple[pa.Table, pa.Table]:
        """Accounts and positions of a part of the new book."""
        positions = positions_of(batch)
        missing = self._of(positions)
        if max(missing.tolist(), default=0) >= AMOUNT_LIMIT:
            raise ProverError("a shortfall is beyond 2^63 base units: count in a coarser scale")
        entries = missing.astype(np.int64)
        self._check_count(batch.ids, entries)
        self._accounts += len(entries)
        self._short += int((entries > 0).sum())
        self._total += sum(entries.tolist())
        self._largest = max(self._largest, int(entries.max(initial=0)))
        filled = with_columns(positions, self._columns(batch.ids, entries), len(self.assets))
        return _tables(batch.ids, filled)

    def _columns(self, ids: Sequence[str], entries: Int64Array) -> Mapping[int, Int64Array]:
        columns = {self._place(self._definition.shortfall): entries}
        if self._definition.count is not None:
            columns[self._place(self._definition.count.column)] = (entries > 0).astype(np.int64)
        flag = self._definition.fund
        if flag is not None and self._fund is not None:
            marks = np.zeros(len(ids), np.int64)
            if self._fund.account in ids:
                place = ids.index(self._fund.account)
                if entries[place]:
                    raise ProverError("the fund's account is itself short of margin")
                self._fund_found = True
                marks[place] = 1
                entries[place] = -self._fund.amount * 10**self._decimals
            columns[self._place(flag.column)] = marks
        return columns

    def _check_count(self, ids: Sequence[str], entries: Int64Array) -> None:
        count = self._definition.count
        if count is None:
            return
        for place in np.flatnonzero(entries > count.largest * 10**self._decimals).tolist():
            raise ProverError(f"account {ids[place]!r} misses more than the model's largest shortfall")

    def _place(self, column: str) -> int:
        return self.assets.index(column)

    def finish(self) -> None:
        """`ProverError` if the fund's account is not in the book, or too large for the model."""
        flag = self._definition.fund
        if self._fund is None or flag is None:
            return
        if not self._fund_found:
            raise ProverError(f"the book has no account {self._fund.account!r} for the fund")
        if self._fund.amount > flag.largest:
            raise ProverError("the fund is larger than the model allows")

    def summary(self) -> ShortfallSummary:
        """Of everything so far."""
        return ShortfallSummary(
            self._accounts,
            self._short,
            plain_amount(self._total, self._decimals),
            plain_amount(self._largest, self._decimals),
            self._definition.columns,
        )


def _tables(ids: Sequence[str], positions: PositionBatch) -> tuple[pa.Table, pa.Table]:
    counts = np.diff(positions.row_offsets)
    names = pa.array(ids, pa.string())
    owners = names.take(pa.array(np.repeat(np.arange(len(ids)), counts)))
    accounts = pa.table({"account": names, "positions": counts.astype(np.int32)})
    return accounts, pa.table({"account": owners, "asset": positions.columns, "amount": positions.amounts})


def _source(book: Book, model: bytes) -> Json:
    return {"kind": "shortfalls", "model": hashlib.sha256(model).hexdigest(), "book": book.source}
