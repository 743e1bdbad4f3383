"""Long tables: one row per account and asset, columns account, asset and amount."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from prover.book.amounts import AmountError, parse_amount, parse_amounts
from prover.book.csv_input import CsvInput, Record, columns_of, is_plain_text, records_of
from prover.book.intake import Intake, ReadOptions, id_fault, ids_are_canonical
from prover.book.parquet_input import AmountColumn, ParquetInput, is_parquet, text_column
from prover.book.report import Problem
from prover.book.text_input import Chunk, InputFaultError, TextInput

Int64Array = NDArray[np.int64]


def read_long(path: Path, intake: Intake, options: ReadOptions) -> None:
    """Read one long CSV or Parquet file into `intake`; faults of the whole file raise `InputFaultError`."""
    file = intake.grouper.file_number(str(path))
    if is_parquet(path):
        _read_parquet(path, intake, options, file)
    else:
        _read_csv(path, intake, options, file)


@dataclass
class _LongRows:
    """Rows of one file on their way into the intake."""

    intake: Intake
    file: int
    name: str
    base_units: bool
    accounts: list[str] = field(default_factory=list)
    assets: list[int] = field(default_factory=list)
    amounts: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        assets = self.intake.assets
        self._ids = pa.array(assets.ids, pa.string())
        self._index_of = {asset_id: index for index, asset_id in enumerate(assets.ids)}
        decimals = [0 if self.base_units else asset.decimals for asset in assets]
        self._decimals = np.array(decimals, np.int64)

    def add_columns(
        self,
        accounts: pa.Array,
        assets: pa.Array,
        amounts: AmountColumn | pa.Array,
        lines: Int64Array,
        *,
        plain: bool,
    ) -> bool:
        """All rows at once; False, and nothing is taken, unless every one of them is faultless."""
        if not ids_are_canonical(accounts, plain=plain):
            return False
        found = pc.index_in(assets, value_set=self._ids)
        if found.null_count:
            return False
        columns = found.to_numpy(zero_copy_only=False).astype(np.int32)
        decimals = self._decimals[columns]
        if isinstance(amounts, AmountColumn):
            values, good = amounts.parse(decimals)
        else:
            values, good = parse_amounts(pl.Series(amounts), decimals)
        if not good.all():
            return False
        self.intake.rows += len(values)
        self.intake.add(accounts, columns, values, self.file, lines)
        return True

    def add_row(self, line: int, account: str, asset: str, amount: str) -> None:
        """One row: taken, or rejected with its first fault."""
        self.intake.rows += 1
        index = self._index_of.get(asset)
        fault = id_fault(account)
        if fault is None and index is None:
            fault = "unknown-asset", "the asset is not in the asset list"
        if fault is None and index is not None:
            try:
                self.amounts.append(parse_amount(amount, int(self._decimals[index])))
            except AmountError as error:
                fault = error.code, error.reason
            else:
                self.accounts.append(account)
                self.assets.append(index)
                self.lines.append(line)
        if fault is not None:
            code, reason = fault
            self.intake.reject(Problem(code, self.name, reason, line, account, asset, amount), self.file)

    def flush(self) -> None:
        """Pass collected rows on."""
        if self.accounts:
            self.intake.add(
                pa.array(self.accounts, pa.string()),
                np.array(self.assets, np.int32),
                np.array(self.amounts, np.int64),
                self.file,
                np.array(self.lines, np.int64),
            )
            for collected in (self.accounts, self.assets, self.amounts, self.lines):
                collected.clear()
        self.intake.flush()


def _column_places(header: list[str], options: ReadOptions, name: str) -> tuple[int, int, int]:
    wanted = (options.account_column, options.asset_column, options.amount_column)
    missing = [column for column in wanted if column not in header]
    if missing:
        reason = f"no column named {', '.join(missing)}; the header is {', '.join(header[:12])}"
        raise InputFaultError(Problem("missing-header", name, reason, 1))
    account, asset, amount = (header.index(column) for column in wanted)
    return account, asset, amount


def _read_csv(path: Path, intake: Intake, options: ReadOptions, file: int) -> None:
    text = TextInput(path, chunk_bytes=options.chunk_bytes, on_bytes=intake.on_bytes)
    source = CsvInput(text, options.delimiter)
    header, chunks = source.read_header()
    places = _column_places(header, options, source.name)
    rows = _LongRows(intake, file, source.name, options.base_units)
    for chunk in chunks:
        if not _add_plain_chunk(chunk, rows, options.delimiter, len(header), places):
            for record in records_of(chunk, options.delimiter, source.name):
                _add_record(record, rows, len(header), places)
        rows.flush()


def _add_plain_chunk(
    chunk: Chunk, rows: _LongRows, delimiter: str, width: int, places: tuple[int, int, int]
) -> bool:
    columns = columns_of(chunk, delimiter, width) if chunk.data else []
    if columns is None:
        return False
    if not columns:
        return True
    account, asset, amount = (columns[place] for place in places)
    lines = np.arange(chunk.first_line, chunk.first_line + len(account), dtype=np.int64)
    plain = is_plain_text(chunk)
    return rows.add_columns(account, asset, amount, lines, plain=plain)


def _add_record(record: Record, rows: _LongRows, width: int, places: tuple[int, int, int]) -> None:
    account, asset, amount = (record.fields[place] if place < len(record.fields) else "" for place in places)
    fault = record_fault(record, width, places[0], rows.name)
    if fault is None:
        rows.add_row(record.line, account, asset, amount)
        return
    code, reason = fault
    rows.intake.rows += 1
    rows.intake.reject(Problem(code, rows.name, reason, record.line, account, asset, amount), rows.file)


def record_fault(record: Record, width: int, account_place: int, name: str) -> tuple[str, str] | None:
    """Code and reason if the record has undecodable bytes or the wrong number of fields.

    A record too short to have an account raises `InputFaultError`: whichever account it belongs to would be
    sealed without it.
    """
    if len(record.fields) <= account_place:
        reason = f"{len(record.fields)} fields, too few to reach the account column"
        raise InputFaultError(Problem("unattributable-row", name, reason, record.line))
    if record.bad_byte is not None:
        return "bad-encoding", f"not UTF-8 at byte {record.bad_byte} of the file"
    if len(record.fields) != width:
        return "wrong-column-count", f"{len(record.fields)} fields, the header has {width}"
    return None


def _read_parquet(path: Path, intake: Intake, options: ReadOptions, file: int) -> None:
    source = ParquetInput(path, on_bytes=intake.on_bytes)
    places = _column_places(source.column_names, options, source.name)
    names = [source.column_names[place] for place in places]
    rows = _LongRows(intake, file, source.name, options.base_units)
    source.check_amount_columns([options.amount_column])
    source.check_text_columns([options.account_column, options.asset_column])
    for first_row, batch in source.batches(names):
        accounts, assets = (text_column(batch.column(name)) for name in names[:2])
        amounts = AmountColumn(batch.column(names[2]))
        lines = np.arange(first_row, first_row + batch.num_rows, dtype=np.int64)
        if not rows.add_columns(accounts, assets, amounts, lines, plain=False):
            for line, row in _rows(lines, accounts, assets, amounts):
                rows.add_row(line, *row)
        rows.flush()


def _rows(
    lines: Int64Array, accounts: pa.Array, assets: pa.Array, amounts: AmountColumn
) -> Iterator[tuple[int, tuple[str, str, str]]]:
    columns = (accounts.to_pylist(), assets.to_pylist(), amounts.texts())
    for line, account, asset, amount in zip(lines.tolist(), *columns, strict=True):
        yield line, (account or "", asset or "", amount)
