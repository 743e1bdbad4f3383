"""External grouping: rows in any order, from any number of files, to whole accounts.

Rows are spilled to partition files by a hash of the account id, so that all rows of an account meet in
one partition however far apart they stood; then one partition at a time is sorted, searched for
duplicates, and written as one part of the book. Memory holds one chunk of input or one partition, never
the book. A partition that has grown beyond `MAX_PARTITION_ROWS` is spilled once more by other bits of
the hash.

Two kinds of marker travel among the rows, as negative asset indices: `ACCOUNT_ROW` says that a wide
source has a record for this account (with or without positions), `REJECTED` that some record of the
account cannot be used. One such mark rejects the account whatever else is known of it, wherever it was
found: never half an account.
"""

from __future__ import annotations

import contextlib
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from primitives.assets import AssetList
from prover.book.amounts import format_amount
from prover.book.report import Problem, ProblemLog
from prover.book.store import BookWriter

ACCOUNT_ROW: Final = -1
REJECTED: Final = -2

MAX_PARTITIONS: Final = 96
MAX_PARTITION_ROWS: Final = 1_500_000
_PARTITION_BYTES: Final = 16 << 20
_FAN_OUT: Final = 16
_MAX_DEPTH: Final = 4

Int32Array = NDArray[np.int32]
Int64Array = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_SPILL_SCHEMA = pa.schema(
    [
        ("account", pa.string()),
        ("asset", pa.int32()),
        ("amount", pa.int64()),
        ("file", pa.int32()),
        ("line", pa.int64()),
    ]
)


def partition_count(input_bytes: int) -> int:
    """How many partitions suit an input of this size."""
    return max(1, min(MAX_PARTITIONS, -(-input_bytes // _PARTITION_BYTES)))


class _Spill:
    """`count` partition files; rows go to partition ``(crc32(account) // divisor) % count``."""

    def __init__(self, folder: Path, count: int, divisor: int) -> None:
        self._count = count
        self._divisor = divisor
        # a folder of their own: partitions of partitions exist side by side
        own = Path(tempfile.mkdtemp(dir=folder))
        self.paths = [own / f"{number}.arrow" for number in range(count)]
        self.rows = [0] * count
        self._files = [path.open("xb") for path in self.paths]
        self._writers = [pa.ipc.new_stream(file, _SPILL_SCHEMA) for file in self._files]

    def add(self, batch: pa.RecordBatch) -> None:
        if self._count == 1:
            self._write(0, batch)
            return
        accounts = batch.column(0).cast(pa.binary()).to_pylist()
        hashes = np.fromiter(map(zlib.crc32, accounts), np.uint32, len(accounts))
        partition = (hashes // np.uint32(self._divisor) % np.uint32(self._count)).astype(np.int64)
        order = np.argsort(partition, kind="stable")
        bounds = np.searchsorted(partition[order], np.arange(self._count + 1)).tolist()
        arranged = batch.take(pa.array(order))
        for number in range(self._count):
            if bounds[number] < bounds[number + 1]:
                self._write(number, arranged.slice(bounds[number], bounds[number + 1] - bounds[number]))

    def _write(self, number: int, batch: pa.RecordBatch) -> None:
        self.rows[number] += batch.num_rows
        self._writers[number].write_batch(batch)

    def close(self) -> None:
        """Complete the files."""
        for writer, file in zip(self._writers, self._files, strict=True):
            writer.close()
            file.close()

    def abandon(self) -> None:
        """Give the files up, complete or not."""
        for file in self._files:
            with contextlib.suppress(OSError):
                file.close()


class Grouper:
    """Takes rows in any order and turns them into the parts of a book.

    `folder` receives the spill files; the caller removes it. After `finish`, `accounts_seen`,
    `accounts_accepted` and `accounts_rejected` hold.
    """

    def __init__(
        self,
        folder: Path,
        assets: AssetList,
        log: ProblemLog,
        *,
        partitions: int,
        max_partition_rows: int = MAX_PARTITION_ROWS,
    ) -> None:
        self._folder = folder
        self._assets = assets
        self._log = log
        self._max_rows = max_partition_rows
        self._spill = _Spill(folder, partitions, 1)
        self._files: list[str] = []
        self.accounts_accepted = 0
        self.accounts_rejected = 0

    @property
    def accounts_seen(self) -> int:
        """Distinct account ids in the input, valid or not."""
        return self.accounts_accepted + self.accounts_rejected

    def file_number(self, name: str) -> int:
        """Register an input file; rows refer to it by this number."""
        self._files.append(name)
        return len(self._files) - 1

    def add(
        self, accounts: pa.Array, assets: Int32Array, amounts: Int64Array, file: int, lines: Int64Array
    ) -> None:
        """Rows with their places; `assets` holds column indices or one of the markers."""
        count = len(accounts)
        if count:
            files = np.full(count, file, np.int32)
            columns = [accounts, *(pa.array(values) for values in (assets, amounts, files, lines))]
            self._spill.add(pa.RecordBatch.from_arrays(columns, schema=_SPILL_SCHEMA))

    def mark(self, accounts: list[str], marker: int, file: int, lines: list[int]) -> None:
        """The same marker for several records."""
        count = len(accounts)
        self.add(
            pa.array(accounts, pa.string()),
            np.full(count, marker, np.int32),
            np.zeros(count, np.int64),
            file,
            np.array(lines, np.int64),
        )

    def close(self) -> None:
        """Let go of the spill files, also in the middle of the work."""
        self._spill.abandon()

    def finish(self, writer: BookWriter) -> None:
        """Group every partition; write its accepted accounts unless the import has failed already."""
        self._spill.close()
        for path, rows in zip(self._spill.paths, self._spill.rows, strict=True):
            self._finish_partition(path, rows, len(self._spill.paths), 1, writer)

    def _finish_partition(self, path: Path, rows: int, divisor: int, depth: int, writer: BookWriter) -> None:
        if rows > self._max_rows and depth < _MAX_DEPTH:
            finer = _Spill(self._folder, _FAN_OUT, divisor)
            try:
                for batch in _read_spill(path):
                    finer.add(batch)
                finer.close()
            finally:
                finer.abandon()
            path.unlink()
            for inner, inner_rows in zip(finer.paths, finer.rows, strict=True):
                self._finish_partition(inner, inner_rows, divisor * _FAN_OUT, depth + 1, writer)
            return
        if rows:
            table = pa.Table.from_batches(_read_spill(path), _SPILL_SCHEMA)
            self._group(pl.DataFrame(table), writer)
        path.unlink()

    def _group(self, rows: pl.DataFrame, writer: BookWriter) -> None:
        rows = rows.sort("account", "asset", "file", "line")
        asset = rows["asset"].to_numpy()
        starts = _changes(rows["account"])
        owner = np.cumsum(starts) - 1
        account_count = int(owner[-1]) + 1
        rejected = np.zeros(account_count, np.bool_)
        rejected[owner[asset == REJECTED]] = True
        repeated = self._repeated(asset, starts, owner, account_count)
        self._report_repeated(rows, repeated)
        rejected[owner[repeated]] = True
        self.accounts_rejected += int(rejected.sum())
        self.accounts_accepted += account_count - int(rejected.sum())
        if self._log.failed:
            return
        if rejected.any():
            self._report_left_out(rows, (asset >= 0) & rejected[owner] & ~repeated)
        amounts = rows["amount"].to_numpy()
        kept = (asset >= 0) & (amounts != 0) & ~rejected[owner]
        counts = np.bincount(owner[kept], minlength=account_count)[~rejected]
        if not len(counts):
            return
        accounts = rows["account"].filter(pl.Series(starts & ~rejected[owner]))
        positions = rows.select("account", "asset", "amount").filter(pl.Series(kept))
        writer.add_part(
            pl.DataFrame({"account": accounts, "positions": counts.astype(np.int32)}).to_arrow(),
            positions.to_arrow(),
        )

    def _repeated(
        self, asset: Int32Array, starts: BoolArray, owner: Int64Array, account_count: int
    ) -> BoolArray:
        """Rows whose account and asset stood earlier; of a wide record only its `ACCOUNT_ROW`."""
        repeated = np.zeros(len(asset), np.bool_)
        repeated[1:] = (asset[1:] == asset[:-1]) & ~starts[1:] & (asset[1:] != REJECTED)
        wide = np.zeros(account_count, np.bool_)
        wide[owner[asset == ACCOUNT_ROW]] = True
        counted: BoolArray = (asset == ACCOUNT_ROW) | ~wide[owner]
        return repeated & counted

    def _report_repeated(self, rows: pl.DataFrame, repeated: BoolArray) -> None:
        first = (0, 0)
        previous = -2
        found = np.flatnonzero(repeated)
        before = rows.select("file", "line")[np.maximum(found - 1, 0)].rows()
        for index, row, place in zip(
            found.tolist(), rows.filter(pl.Series(repeated)).rows(), before, strict=True
        ):
            account, asset, amount, file, line = row
            if index != previous + 1:
                first = place
            previous = index
            reason = f"already given in {self._files[first[0]]}, line {first[1]}"
            self._log.add(self._problem("duplicate-row", reason, account, asset, amount, file, line))

    def _report_left_out(self, rows: pl.DataFrame, left_out: BoolArray) -> None:
        reason = "another record of this account has a fault"
        for row in rows.filter(pl.Series(left_out)).iter_rows():
            self._log.left_out(self._problem("account-rejected", reason, *row))

    def _problem(
        self, code: str, reason: str, account: str, asset: int, amount: int, file: int, line: int
    ) -> Problem:
        known = asset >= 0
        return Problem(
            code=code,
            file=self._files[file],
            reason=reason,
            line=line,
            account=account,
            column=self._assets[asset].id if known else "",
            value=format_amount(amount, self._assets[asset].decimals) if known else "",
        )


def _changes(column: pl.Series) -> BoolArray:
    """True at every row that differs from the one before it, and at the first."""
    changes: BoolArray = np.array((column != column.shift(1)).fill_null(value=True).to_numpy(), np.bool_)
    return changes


def _read_spill(path: Path) -> Iterator[pa.RecordBatch]:
    with path.open("rb") as file, pa.ipc.open_stream(file) as reader:
        yield from reader
