"""The book folder: what an import writes and what sealing reads.

::

    book.json                        canonical JSON (RFC 8785): source, assets, counts, files with SHA-256
    accounts/part-00000.parquet      account: string, positions: int32
    positions/part-00000.parquet     account: string, asset: int32, amount: int64
    documents/<name>                 public documents that belong to the book (market.json, model.json)
    reports/<name>                   private reports of the import

Part k of ``accounts`` lists every account of the part once, in the order of the UTF-8 bytes of its id,
with the number of its rows in part k of ``positions``; an account without positions has the number 0.
Part k of ``positions`` has those rows in the same order, sorted by asset inside an account, amounts
never 0. An account is in one part only. The folder is private: mode 0700, files 0600.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from primitives.assets import AssetList
from primitives.strict_json import Json, JsonError, JsonObject, canonical_json, parse_canonical_json
from prover.book import atomic
from prover.book.errors import BookExistsError, BookFormatError, ImportOptionsError

BOOK_FORMAT: Final = "sealedbook/book/v1"
BOOK_FILE: Final = "book.json"
ACCOUNT_SCHEMA = pa.schema([("account", pa.string()), ("positions", pa.int32())])
POSITION_SCHEMA = pa.schema([("account", pa.string()), ("asset", pa.int32()), ("amount", pa.int64())])

_MAX_FILES: Final = 1 << 20
_MAX_ACCOUNTS: Final = 1 << 40
_MAX_BYTES: Final = 1 << 50
_ROW_GROUP: Final = 1 << 17
_READ_ROWS: Final = 1 << 16
_DOCUMENT_NAME = re.compile(r"\A[a-z0-9][a-z0-9._-]{0,63}\Z")

Int32Array = NDArray[np.int32]
Int64Array = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class BookFileEntry:
    """One file of the book: path inside the folder, size in bytes, SHA-256 (hexadecimal)."""

    name: str
    size: int
    sha256: str

    def to_json(self) -> Json:
        """The entry as it stands in ``book.json``."""
        return {"name": self.name, "bytes": self.size, "sha256": self.sha256}

    @staticmethod
    def parse(value: Json, path: str) -> BookFileEntry:
        """Strict inverse of `to_json`; `JsonError` names the field."""
        fields = JsonObject(value, path)
        name = fields.text("name")
        folder, _, base = name.partition("/")
        if folder not in ("accounts", "positions", "documents", "reports") or not _DOCUMENT_NAME.match(base):
            raise fields.fail("name", f"{name[:64]!r} is not a name a file of a book may have")
        size = fields.integer("bytes", minimum=0, maximum=_MAX_BYTES)
        sha256 = fields.hex("sha256", 32).hex()
        fields.finish()
        return BookFileEntry(name, size, sha256)


@dataclass(frozen=True, slots=True)
class AccountBatch:
    """Consecutive accounts of a book in compressed sparse row form.

    Account ``u`` of the batch has id ``ids[u]`` and, for ``row_offsets[u] <= k < row_offsets[u+1]``,
    ``amounts[k] != 0`` base units of the asset ``columns[k]``; columns ascend strictly inside an account.
    ``first_account`` is the number of the batch's first account in the whole book (0-based).
    """

    first_account: int
    ids: list[str]
    row_offsets: Int64Array
    columns: Int32Array
    amounts: Int64Array


class BookWriter:
    """Fills a folder with the files of a book; `finish` writes ``book.json``, without which it is none."""

    def __init__(self, folder: Path, assets: AssetList) -> None:
        self._folder = folder
        self._assets = assets
        self._entries: dict[str, list[BookFileEntry]] = {}
        self.account_count = 0
        self.position_count = 0

    def _create(self, name: str) -> tuple[Path, IO[bytes]]:
        path = self._folder / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        return path, os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def _record(self, name: str, path: Path) -> None:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        entry = BookFileEntry(name, path.stat().st_size, digest)
        self._entries.setdefault(name.partition("/")[0], []).append(entry)

    def _write_table(self, name: str, table: pa.Table) -> None:
        path, file = self._create(name)
        with file:
            pq.write_table(
                table, file, compression="zstd", row_group_size=_ROW_GROUP,
                use_dictionary=["account"] if "asset" in table.column_names else False,
                column_encoding=None, write_statistics=False, store_schema=False,
            )  # fmt: skip
        self._record(name, path)

    def add_part(self, accounts: pa.Table, positions: pa.Table) -> None:
        """Append one part: tables of `ACCOUNT_SCHEMA` and `POSITION_SCHEMA`, ordered as described above."""
        number = len(self._entries.get("accounts", ()))
        self._write_table(f"accounts/part-{number:05d}.parquet", accounts.cast(ACCOUNT_SCHEMA))
        self._write_table(f"positions/part-{number:05d}.parquet", positions.cast(POSITION_SCHEMA))
        self.account_count += accounts.num_rows
        self.position_count += positions.num_rows

    def add_document(self, name: str, data: bytes) -> None:
        """Attach a public document; `ImportOptionsError` if `name` cannot name one."""
        if not _DOCUMENT_NAME.match(name):
            raise ImportOptionsError(
                f"{name!r} cannot name a document: use lower-case letters, digits, . _ -"
            )
        path, file = self._create(f"documents/{name}")
        with file:
            file.write(data)
        self._record(f"documents/{name}", path)

    def add_report(self, name: str, source: Path) -> None:
        """Move the finished private report `source` (on the same file system) into the book."""
        path = self._folder / "reports" / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        source.rename(path)
        self._record(f"reports/{name}", path)

    def finish(self, source: Json) -> None:
        """Write ``book.json``; `source` describes where the book came from."""
        document: dict[str, Json] = {
            "format": BOOK_FORMAT,
            "source": source,
            "assets": self._assets.to_json(),
            "accounts": self.account_count,
            "positions": self.position_count,
            "parts": [
                {"accounts": first.to_json(), "positions": second.to_json()}
                for first, second in zip(
                    self._entries.get("accounts", ()), self._entries.get("positions", ()), strict=True
                )
            ],
            "documents": [entry.to_json() for entry in self._entries.get("documents", ())],
            "reports": [entry.to_json() for entry in self._entries.get("reports", ())],
        }
        _, file = self._create(BOOK_FILE)
        with file:
            file.write(canonical_json(document))


def refuse_to_overwrite(out: Path, *, replace: bool) -> None:
    """`BookExistsError` unless a book may be put at `out`: nothing there, or a book and `replace`."""
    if out.name in ("", ".."):
        raise BookExistsError(f"{out} does not name a new folder: give the book a name of its own")
    if not out.parent.is_dir():
        raise BookExistsError(f"{out.parent} is not a folder: create it first")
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise BookExistsError(f"{out} exists and is not a folder: choose another place for the book")
    if not out.exists() or not any(out.iterdir()):
        return
    if not looks_like_a_book(out):
        raise BookExistsError(f"{out} holds something that is not a book: choose another place, or empty it")
    if not replace:
        raise BookExistsError(f"{out} is a book already: replace it, or choose another place")


def looks_like_a_book(folder: Path) -> bool:
    """Whether `folder` has a ``book.json`` of a format of this product (its contents are not checked)."""
    try:
        with (folder / BOOK_FILE).open("rb") as file:
            fields = JsonObject(parse_canonical_json(file.read()))
        return fields.text("format").startswith("sealedbook/book/")
    except (OSError, JsonError):
        return False


class Book:
    """A book folder opened for reading: `assets`, `account_count`, `position_count`, `iter_batches`."""

    def __init__(self, folder: Path, fields: JsonObject) -> None:
        """Use `Book.open`."""
        fields.constant("format", BOOK_FORMAT)
        self.path = folder
        self.source: Json = fields.raw("source")
        self.assets = AssetList.parse(fields.raw("assets"), "$")
        self.account_count = fields.integer("accounts", minimum=1, maximum=_MAX_ACCOUNTS)
        self.position_count = fields.integer("positions", minimum=0, maximum=_MAX_BYTES)
        self._parts = fields.array("parts", _parse_part, max_items=_MAX_FILES)
        self._documents = fields.array("documents", BookFileEntry.parse, max_items=_MAX_FILES)
        self._reports = fields.array("reports", BookFileEntry.parse, max_items=_MAX_FILES)
        fields.finish()

    @classmethod
    def open(cls, path: Path | str) -> Book:
        """Open the book at `path` and verify size and SHA-256 of every file in it.

        Raises `BookFormatError` naming the file and what is wrong with it.
        """
        folder = Path(path)
        atomic.recover(folder)
        try:
            with (folder / BOOK_FILE).open("rb") as file:
                data = file.read()
        except OSError as error:
            raise BookFormatError(f"{folder} is not a book: {BOOK_FILE}: {error.strerror}") from error
        try:
            book = cls(folder, JsonObject(parse_canonical_json(data)))
        except JsonError as error:
            raise BookFormatError(f"{folder / BOOK_FILE}: {error}") from error
        book.verify_files()
        return book

    @property
    def files(self) -> tuple[BookFileEntry, ...]:
        """Every file of the book except ``book.json``."""
        parts = [entry for part in self._parts for entry in part]
        return (*parts, *self._documents, *self._reports)

    def verify_files(self) -> None:
        """`BookFormatError` unless every listed file is there with its size and SHA-256."""
        for entry in self.files:
            path = self.path / entry.name
            try:
                with path.open("rb") as file:
                    size = os.fstat(file.fileno()).st_size
                    if size != entry.size:
                        raise BookFormatError(f"{path}: {size} bytes, the book lists {entry.size}")
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise BookFormatError(f"{path}: {error.strerror}") from error
            if digest != entry.sha256:
                raise BookFormatError(f"{path}: SHA-256 differs from the one the book lists")

    @property
    def documents(self) -> Mapping[str, Path]:
        """The public documents: name to path."""
        return {entry.name.partition("/")[2]: self.path / entry.name for entry in self._documents}

    @property
    def reports(self) -> Mapping[str, Path]:
        """The private reports of the import: name to path."""
        return {entry.name.partition("/")[2]: self.path / entry.name for entry in self._reports}

    def iter_batches(self, max_accounts: int) -> Iterator[AccountBatch]:
        """All accounts in the book's order, `max_accounts` at a time (the last batch may be smaller).

        Holds one batch and a few hundred thousand rows in memory. Raises `ValueError` for
        ``max_accounts < 1`` and `BookFormatError` where the files contradict each other or ``book.json``.
        """
        if max_accounts < 1:
            raise ValueError("max_accounts must be at least 1")
        return self._batches(max_accounts)

    def _batches(self, max_accounts: int) -> Iterator[AccountBatch]:
        pending: list[AccountBatch] = []
        accounts = positions = emitted = held = 0
        for part in self._parts:
            for piece in self._part_pieces(*part, max_accounts):
                accounts += len(piece.ids)
                positions += len(piece.columns)
                pending.append(piece)
                held += len(piece.ids)
                while held >= max_accounts:
                    batch, pending = _take(pending, max_accounts, emitted)
                    emitted += max_accounts
                    held -= max_accounts
                    yield batch
        if (accounts, positions) != (self.account_count, self.position_count):
            raise BookFormatError(
                f"{self.path}: {accounts} accounts and {positions} positions in the parts, {BOOK_FILE} says "
                f"{self.account_count} and {self.position_count}"
            )
        if held:
            batch, _ = _take(pending, held, emitted)
            yield batch

    def _part_pieces(
        self, accounts: BookFileEntry, positions: BookFileEntry, max_accounts: int
    ) -> Iterator[AccountBatch]:
        """The accounts of one part, in pieces of at most `max_accounts`."""
        last: str | None = None
        with (
            (self.path / accounts.name).open("rb") as first,
            (self.path / positions.name).open("rb") as second,
        ):
            rows = _RowReader(second, positions.name)
            source = _open_parquet(first, accounts.name, ACCOUNT_SCHEMA)
            for batch in _parquet_batches(source, accounts.name, min(_READ_ROWS, max_accounts)):
                ids: list[str] = batch.column("account").to_pylist()
                if None in ids or not _ascending([last, *ids] if last is not None else ids):
                    raise BookFormatError(f"{accounts.name}: accounts do not ascend strictly")
                last = ids[-1] if ids else last
                counts = _integers(batch.column("positions"), accounts.name).astype(np.int64)
                if (counts < 0).any() or (counts > len(self.assets)).any():
                    raise BookFormatError(f"{accounts.name}: a number of positions is out of range")
                yield self._piece(ids, counts, rows.take(int(counts.sum())), positions.name)
            rows.expect_end()

    def _piece(self, ids: list[str], counts: Int64Array, rows: pa.Table, name: str) -> AccountBatch:
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        columns = _integers(rows.column("asset"), name).astype(np.int32)
        amounts = _integers(rows.column("amount"), name).astype(np.int64)
        owner = np.repeat(np.arange(len(ids)), counts)
        repeated = pa.array(ids, pa.string()).take(pa.array(owner))
        if not rows.column("account").combine_chunks().equals(repeated):
            raise BookFormatError(f"{name}: rows do not belong to the accounts listed")
        if len(columns) and (columns.min() < 0 or columns.max() >= len(self.assets)):
            raise BookFormatError(f"{name}: an asset index is out of range")
        descending = (columns[1:] <= columns[:-1]) & (owner[1:] == owner[:-1])
        if descending.any():
            raise BookFormatError(f"{name}: assets of an account do not ascend strictly")
        if (amounts == 0).any() or (amounts == np.iinfo(np.int64).min).any():
            raise BookFormatError(f"{name}: an amount is zero or out of range")
        return AccountBatch(0, ids, offsets, columns, amounts)


def _parse_part(value: Json, path: str) -> tuple[BookFileEntry, BookFileEntry]:
    fields = JsonObject(value, path)
    accounts = BookFileEntry.parse(fields.raw("accounts"), fields.path("accounts"))
    positions = BookFileEntry.parse(fields.raw("positions"), fields.path("positions"))
    fields.finish()
    return accounts, positions


def _take(
    pieces: list[AccountBatch], count: int, first_account: int
) -> tuple[AccountBatch, list[AccountBatch]]:
    """The first `count` accounts of `pieces` as one batch, and what is left."""
    taken: list[AccountBatch] = []
    rest = list(pieces)
    missing = count
    while missing:
        piece = rest.pop(0)
        if len(piece.ids) > missing:
            rest.insert(0, _cut(piece, missing, len(piece.ids)))
            piece = _cut(piece, 0, missing)
        taken.append(piece)
        missing -= len(piece.ids)
    ends = np.cumsum([0] + [len(piece.columns) for piece in taken])
    offsets = [piece.row_offsets[:-1] + end for piece, end in zip(taken, ends[:-1], strict=True)]
    batch = AccountBatch(
        first_account,
        [account for piece in taken for account in piece.ids],
        np.concatenate([*offsets, ends[-1:]]).astype(np.int64),
        np.concatenate([piece.columns for piece in taken]),
        np.concatenate([piece.amounts for piece in taken]),
    )
    return batch, rest


def _cut(piece: AccountBatch, start: int, stop: int) -> AccountBatch:
    first, last = int(piece.row_offsets[start]), int(piece.row_offsets[stop])
    return AccountBatch(
        0,
        piece.ids[start:stop],
        piece.row_offsets[start : stop + 1] - first,
        piece.columns[first:last],
        piece.amounts[first:last],
    )


def _ascending(ids: list[str]) -> bool:
    """Whether ids ascend strictly (code points, which is the order of UTF-8 bytes)."""
    return all(first < second for first, second in itertools.pairwise(ids))


def _integers(column: pa.ChunkedArray, name: str) -> NDArray[np.int64]:
    if column.null_count:
        raise BookFormatError(f"{name}: a value is missing")
    values: NDArray[np.int64] = column.to_numpy(zero_copy_only=False)
    return values


def _open_parquet(file: IO[bytes], name: str, schema: pa.Schema) -> pq.ParquetFile:
    try:
        parquet = pq.ParquetFile(file)
        if not parquet.schema_arrow.equals(schema):
            raise BookFormatError(f"{name}: columns are not {', '.join(schema.names)} of the right types")
    except (pa.ArrowException, OSError) as error:
        raise BookFormatError(f"{name}: not a readable Parquet file") from error
    return parquet


def _parquet_batches(parquet: pq.ParquetFile, name: str, rows: int) -> Iterator[pa.RecordBatch]:
    try:
        yield from parquet.iter_batches(batch_size=rows, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise BookFormatError(f"{name}: not a readable Parquet file") from error


class _RowReader:
    """Hands out the rows of a positions file in order, as many as asked for."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._name = name
        self._batches = _parquet_batches(_open_parquet(file, name, POSITION_SCHEMA), name, _READ_ROWS)
        self._held: list[pa.RecordBatch] = []

    def take(self, count: int) -> pa.Table:
        """The next `count` rows; `BookFormatError` if there are fewer."""
        taken: list[pa.RecordBatch] = []
        while count:
            batch = self._held.pop() if self._held else next(self._batches, None)
            if batch is None:
                raise BookFormatError(f"{self._name}: fewer rows than its accounts have positions")
            if batch.num_rows > count:
                self._held.append(batch.slice(count))
                batch = batch.slice(0, count)
            taken.append(batch)
            count -= batch.num_rows
        return pa.Table.from_batches(taken, POSITION_SCHEMA)

    def expect_end(self) -> None:
        """`BookFormatError` if rows are left."""
        if self._held or next(self._batches, None) is not None:
            raise BookFormatError(f"{self._name}: more rows than its accounts have positions")
